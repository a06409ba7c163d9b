// SPDX-License-Identifier: Apache-2.0
/* Directories, credentials, mount and other name spaces, system call filters, terminals: seen from
 * inside the process. */
#include "spawn-util.h"

#include <pty.h>
#include <sys/stat.h>
#include <sys/utsname.h>

TEST(sandbox__private_tmp_is_shared_by_commands_and_removed)
{
	struct extra x = EXTRA;
	struct outcome o;
	int core;

	world_setup();
	o = run("[Service]\nStandardOutput=file:" OUT
	        "\nPrivateTmp=yes\nExecStart=/bin/sh -c 'ls -A /tmp /var/tmp; echo x >/tmp/mine; "
	        "stat -c %%a /tmp'\n");
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "1777");
	CHECK(!strstr(o.out, "systemd-private"));
	CHECK(access("/tmp/mine", F_OK) < 0);
	x.flags &= ~(unsigned) EXEC_NEW_DIRECTORIES;
	o = run_with(UNIT("PrivateTmp=yes", "cat /tmp/mine"), x);
	CHECK_LINE(o, "x");
	o = run(UNIT(
		"",
		"ls -d /tmp/systemd-private-*-test.service-abababababab && ls -ld /tmp/systemd*"));
	CHECK_EXIT(o, 0);
	CHECK(strstr(o.out, "drwx------"));
	/* core's part; its helper is init's child, so ours. */
	fflush(NULL);
	core = fork();
	if (core == 0) {
		struct exec_settings s = {.private_tmp = true};

		if (exec_setup(&test_manager, CORE_EXEC_DIRECTORY) < 0)
			_exit(1);
		test_unit.manager = &test_manager;
		test_unit.id = (char *) "test.service";
		memset(test_unit.invocation_id.bytes, 0xab, 16);
		exec_directories_remove(&test_unit, &s, false);
		_exit(0);
	}
	waitpid(core, NULL, 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	CHECK_EXIT(run(UNIT("", "ls -d /tmp/systemd-private-*")), 2);
}

TEST(sandbox__protect_system_strict_with_writable_places)
{
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/rw", 0755), >=, 0);
	CHECK_INT(mkdir_p("/var/lib/rw/ro", 0755), >=, 0);
	o = run(UNIT("ProtectSystem=strict\nReadWritePaths=/var/lib/rw "
	             "-/nonexistent\nReadOnlyPaths=/var/lib/rw/ro\nStateDirectory=own",
	             "touch /var/lib/rw/a && echo rw; touch /var/lib/rw/ro/a || echo ro; touch "
	             "/etc/x || echo etc; touch /run/x || echo run; "
	             "touch /var/lib/own/a && echo own; echo >/dev/null && echo dev; touch /usr/x "
	             "|| echo usr; echo $$STATE_DIRECTORY"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "rw");
	CHECK_LINE(o, "ro");
	CHECK_LINE(o, "etc");
	CHECK_LINE(o, "run");
	CHECK_LINE(o, "own");
	CHECK_LINE(o, "dev");
	CHECK_LINE(o, "usr");
	CHECK(access("/var/lib/rw/a", F_OK) >= 0);
}

/* A read-only path below what is read-only anyway needs no mount, so it may be missing; one below what is not may not. */
TEST(sandbox__missing_read_only_path_below_a_read_only_one)
{
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/rw", 0755), >=, 0);
	o = run(UNIT("ProtectSystem=strict\nReadOnlyPaths=/usr/share/nonexistent\n"
	             "ReadWritePaths=/var/lib/rw",
	             "touch /usr/share/x || echo ro; touch /var/lib/rw/b && echo rw"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "ro");
	CHECK_LINE(o, "rw");
	CHECK_EXIT(run(UNIT("ReadOnlyPaths=/usr/share/nonexistent", "true")), 226);
	CHECK_EXIT(run(UNIT("ProtectSystem=strict\nReadWritePaths=/var/lib/rw\n"
	                    "ReadOnlyPaths=/var/lib/rw/nonexistent",
	                    "true")),
	           226);
}

/* A mount that is read-only on the host stays so, also where ReadWritePaths= names it. */
TEST(sandbox__writable_never_means_more_than_on_the_host)
{
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/fixed", 0755), >=, 0);
	CHECK_INT(mount("tmpfs", "/var/lib/fixed", "tmpfs", 0, NULL), ==, 0);
	CHECK_INT(mount(NULL, "/var/lib/fixed", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), ==,
	          0);
	o = run(UNIT("ProtectSystem=strict\nReadWritePaths=/var/lib",
	             "touch /var/lib/y && echo y; touch /var/lib/fixed/x || echo fixed"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "y");
	CHECK_LINE(o, "fixed");
	umount("/var/lib/fixed");
}

TEST(sandbox__inaccessible_and_home)
{
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/secret/below", 0755), >=, 0);
	CHECK_INT(file_write_atomic("/var/lib/file", "x", 1, 0644, false), >=, 0);
	o = run(UNIT("User=nobody\nInaccessiblePaths=/var/lib/secret "
	             "/var/lib/file\nReadOnlyPaths=-/var/lib/secret/below\nProtectHome=yes",
	             "ls /var/lib/secret || echo dir; cat /var/lib/file || echo file; ls /home || "
	             "echo home; stat -c \"%%a %%F\" /var/lib/secret /var/lib/file"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "dir");
	CHECK_LINE(o, "file");
	CHECK_LINE(o, "home");
	CHECK_LINE(o, "0 directory");
	o = run(UNIT("ProtectHome=tmpfs",
	             "ls -A /root /home | grep -v : | wc -w; touch /root/x || echo ro"));
	CHECK_LINE(o, "0");
	CHECK_LINE(o, "ro");
	o = run(UNIT("ProtectHome=read-only",
	             "ls /root >/dev/null && echo seen; touch /root/x || echo ro"));
	CHECK_LINE(o, "seen");
	CHECK_LINE(o, "ro");
}

TEST(sandbox__binds_and_temporary_file_systems)
{
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/src/sub", 0755), >=, 0);
	CHECK_INT(file_write_atomic("/var/lib/src/f", "data\n", 5, 0644, false), >=, 0);
	o = run(UNIT("TemporaryFileSystem=/var/lib:mode=0750,size=1M\nBindPaths=/var/lib/src:/var/"
	             "lib/dst /var/lib/src/f:/var/lib/one\n"
	             "BindReadOnlyPaths=/var/lib/src:/var/lib/ro -/nonexistent",
	             "ls /var/lib; cat /var/lib/dst/f; touch /var/lib/dst/new && echo wrote; touch "
	             "/var/lib/ro/x || echo ro; cat /var/lib/one; stat -c %%a /var/lib"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "dst");
	CHECK_LINE(o, "data");
	CHECK_LINE(o, "wrote");
	CHECK_LINE(o, "ro");
	CHECK_LINE(o, "750");
	CHECK(!strstr(o.out, "src"));
	CHECK(access("/var/lib/src/new", F_OK) >= 0);
	CHECK(access("/var/lib/dst", F_OK) < 0);
}

TEST(sandbox__no_exec_paths)
{
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/bin", 0755), >=, 0);
	CHECK_INT(file_copy("/bin/true", "/var/lib/bin/true", 0755), >=, 0);
	CHECK_INT(file_copy("/bin/true", "/var/lib/true", 0755), >=, 0);
	o = run(UNIT("NoExecPaths=/var/lib\nExecPaths=/var/lib/bin",
	             "/var/lib/true || echo refused; /var/lib/bin/true && echo fine"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "refused");
	CHECK_LINE(o, "fine");
}

TEST(sandbox__private_devices)
{
	struct outcome o = run(UNIT("PrivateDevices=yes",
	                            "ls /dev | tr \"\\n\" \" \"; echo; echo x >/dev/null && echo "
	                            "null; head -c1 /dev/urandom | wc -c; touch /dev/x || echo ro; "
	                            "test -L /dev/stdout && echo links; grep CapBnd "
	                            "/proc/self/status; ls -A /dev/pts | head -1"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "null");
	CHECK_LINE(o, "1");
	CHECK_LINE(o, "ro");
	CHECK_LINE(o, "links");
	CHECK(strstr(o.out, "full") && strstr(o.out, "urandom") && strstr(o.out, "pts") &&
	      !strstr(o.out, "kmsg"));
}

TEST(sandbox__protects_the_kernel)
{
	struct outcome o = run(
		UNIT("ProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs="
	             "yes\nProtectControlGroups=yes\nProtectClock=yes",
	             "(echo 1 >/proc/sys/kernel/printk) 2>/dev/null || echo sysctl; cat /dev/kmsg "
	             "</dev/null >/dev/null || echo kmsg; cat /proc/kcore || echo kcore; "
	             "mkdir /sys/fs/cgroup/x || echo cgroup; date -s @0 || echo clock; grep CapBnd "
	             "/proc/self/status; dmesg || echo dmesg"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "sysctl");
	CHECK_LINE(o, "kmsg");
	CHECK_LINE(o, "cgroup");
	CHECK_LINE(o, "clock");
	CHECK_LINE(o, "dmesg");
}

TEST(sandbox__protect_proc)
{
	struct outcome o = run(UNIT("User=nobody\nProtectProc=invisible\nProcSubset=pid",
	                            "test -d /proc/1 || echo hidden; test -e /proc/meminfo || echo "
	                            "subset; test -d /proc/self && echo self"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "hidden");
	CHECK_LINE(o, "subset");
	CHECK_LINE(o, "self");
}

TEST(sandbox__root_directory_with_links_that_lead_out)
{
	static const char *const dirs[] = {"/var/lib/root/bin", "/var/lib/root/usr",
	                                   "/var/lib/root/etc", "/var/lib/root/lib",
	                                   "/var/lib/root/lib64"};
	struct outcome o;

	world_setup();
	for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
		CHECK_INT(mkdir_p(dirs[i], 0755), >=, 0);
	/* An absolute link inside points inside. */
	CHECK_INT(symlink("/etc", "/var/lib/root/conf"), ==, 0);
	o = run("[Service]\nStandardOutput=file:" OUT
	        "\nRootDirectory=/var/lib/root\nBindReadOnlyPaths=/usr:/usr /bin:/bin /lib:/lib "
	        "/lib64:/lib64\n"
	        "TemporaryFileSystem=/conf/x:rw\nInaccessiblePaths=+/etc\nExecStart=/bin/sh -c 'ls "
	        "/; ls /etc; test -e /proc/self/exe && echo proc; test -c /dev/null && echo dev; "
	        "touch /usr/x || echo ro; pwd'\n");
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "proc");
	CHECK_LINE(o, "dev");
	CHECK_LINE(o, "ro");
	CHECK_LINE(o, "conf");
	CHECK(!strstr(o.out, "srv") && !strstr(o.out, "passwd"));
	CHECK(access("/etc/x", F_OK) < 0);
	/* Plain chroot; a sanitized build needs libraries that are not in there. */
	if (!CORE_EXEC_STATIC)
		return;
	CHECK_INT(file_copy(CORE_EXEC_DIRECTORY "/core-exec", "/var/lib/root/prog", 0755), >=, 0);
	o = run(HEAD "RootDirectory=/var/lib/root\nMountAPIVFS=no\nExecStart=/prog\n");
	CHECK_EXIT(o, 204); /* it ran, and has no memfd */
}

TEST(sandbox__network_ipc_hostname)
{
	struct outcome o = run(UNIT("PrivateNetwork=yes\nPrivateIPC=yes\nProtectHostname=yes",
	                            "grep -c : /proc/net/dev; cat /sys/class/net/lo/flags "
	                            ">/dev/null; readlink /proc/self/ns/net /proc/self/ns/ipc "
	                            "/proc/self/ns/uts; hostname evil || echo host"));
	char own[64] = "";

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "1");
	CHECK_LINE(o, "host");
	CHECK_INT(readlink("/proc/self/ns/net", own, sizeof(own) - 1), >, 0);
	CHECK(!strstr(o.out, own));
	memset(own, 0, sizeof(own));
	CHECK_INT(readlink("/proc/self/ns/uts", own, sizeof(own) - 1), >, 0);
	CHECK(!strstr(o.out, own));
}

TEST(sandbox__private_users)
{
	struct outcome o = run(UNIT("User=daemon\nPrivateUsers=yes",
	                            "id -u; cat /proc/self/uid_map; stat -c %%u "
	                            "/bin/sh; grep CapEff /proc/self/status"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "1");
	CHECK_LINE(o, "0");
	CHECK_LINE(o, "CapEff:\t0000000000000000");
	CHECK(strstr(o.out, "         1          1          1"));
}

TEST(sandbox__directories)
{
	struct outcome o =
		run(UNIT("User=daemon\nRuntimeDirectory=a a/b "
	                 "c:link\nRuntimeDirectoryMode=0750\nStateDirectory=s\nCacheDirectory="
	                 "k\nLogsDirectory=l\nConfigurationDirectory=test-conf",
	                 "echo $$RUNTIME_DIRECTORY; echo $$STATE_DIRECTORY $$CACHE_DIRECTORY "
	                 "$$LOGS_DIRECTORY $$CONFIGURATION_DIRECTORY; "
	                 "stat -c \"%%a %%U %%n\" /run/a /run/a/b /var/lib/s /var/cache/k "
	                 "/var/log/l /etc/test-conf; readlink /run/link; touch /var/lib/s/x"));

	rmdir("/etc/test-conf");
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "/run/a:/run/a/b:/run/c");
	CHECK_LINE(o, "/var/lib/s /var/cache/k /var/log/l /etc/test-conf");
	CHECK_LINE(o, "750 daemon /run/a");
	CHECK_LINE(o, "750 daemon /run/a/b");
	CHECK_LINE(o, "755 daemon /var/lib/s");
	CHECK_LINE(o, "755 root /etc/test-conf");
	CHECK_LINE(o, "/run/c");
	/* Another user takes over what is in it. */
	o = run(UNIT("User=nobody\nStateDirectory=s", "stat -c %%U /var/lib/s/x"));
	CHECK_LINE(o, "nobody");
}

TEST(sandbox__dynamic_user_writes_its_own_folders_alone)
{
	struct outcome o;

	world_setup();
	o = run(UNIT(
		"DynamicUser=yes\nStateDirectory=waldo quux/pief aaa/bbb aaa aaa/ccc "
		"xxx/yyy:aaa/111 xxx:aaa/222 xxx/zzz:aaa/333",
		"find /run /var /etc /dev -maxdepth 5 \\( -path /var/tmp -o -path /dev/shm -o "
		"-path /dev/mqueue \\) -prune -o -type d -writable -print 2>/dev/null | sort"));
	CHECK_EXIT(o, 0);
	CHECK_STR(o.out,
	          "/var/lib/private/aaa\n/var/lib/private/aaa/bbb\n/var/lib/private/aaa/ccc\n"
	          "/var/lib/private/quux/pief\n/var/lib/private/waldo\n/var/lib/private/xxx\n"
	          "/var/lib/private/xxx/yyy\n/var/lib/private/xxx/zzz\n");
}

TEST(sandbox__dynamic_user)
{
	const char *unit =
		UNIT("DynamicUser=yes\nUser=dyn\nStateDirectory=d\nRuntimeDirectory=r",
	             "id -u; echo $${HOME-none} $$USER; cd /var/lib/d && touch x && pwd -P; "
	             "touch /var/lib/y || echo strict; touch /tmp/z && echo tmp; stat "
	             "-c %%u /var/lib/d/x; stat -c %%u /run/r");
	struct outcome o = run(unit);
	int uid = atoi(o.out);
	struct stat st;

	CHECK_EXIT(o, 0);
	CHECK(uid >= 61184 && uid <= 65519);
	CHECK_LINE(o, "none dyn");
	CHECK_LINE(o, "/var/lib/private/d");
	CHECK_LINE(o, "strict");
	CHECK_LINE(o, "tmp");
	CHECK(lstat("/var/lib/private", &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(lstat("/var/lib/d", &st) == 0 && S_ISLNK(st.st_mode));
	/* The same number again, since the name has it. */
	o = run(unit);
	CHECK_INT(atoi(o.out), ==, uid);
	/* And back to a fixed user: the data moves out. */
	o = run(UNIT("User=daemon\nStateDirectory=d",
	             "stat -c \"%%F %%U\" /var/lib/d /var/lib/d/x"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "directory daemon");
}

TEST(sandbox__credentials)
{
	struct extra x = EXTRA;
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/var/lib/creds/deep", 0755), >=, 0);
	CHECK_INT(file_write_atomic("/var/lib/creds/one", "1", 1, 0600, false), >=, 0);
	CHECK_INT(file_write_atomic("/var/lib/creds/deep/two", "2", 1, 0600, false), >=, 0);
	o = run(UNIT("User=nobody\nLoadCredential=a:/var/lib/creds/one\nLoadCredential=t:/var/lib/"
	             "creds\nSetCredential=b:inline\nSetCredential=a:unused",
	             "cd $$CREDENTIALS_DIRECTORY; pwd; cat a; echo; cat b; echo; ls; stat -c \"%%a "
	             "%%U\" a; touch x || echo ro"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "/run/credentials/test.service");
	CHECK_LINE(o, "1");
	CHECK_LINE(o, "inline");
	CHECK_LINE(o, "t_deep_two");
	CHECK_LINE(o, "400 nobody");
	CHECK_LINE(o, "ro");
	x.flags &= ~(unsigned) EXEC_NEW_DIRECTORIES;
	o = run_with(UNIT("User=nobody\nLoadCredential=a:/var/lib/creds/one",
	                  "cat $$CREDENTIALS_DIRECTORY/a && echo"),
	             x);
	CHECK_LINE(o, "1");
	umount2("/run/credentials/test.service", MNT_DETACH);
}

TEST(sandbox__system_call_filter)
{
	struct outcome o = run(UNIT("SystemCallFilter=~mkdir mkdirat\nSystemCallErrorNumber=ENOSPC",
	                            "mkdir /run/x 2>&1; grep Seccomp: /proc/self/status"));

	CHECK_EXIT(o, 0);
	CHECK(strstr(o.out, "No space left"));
	CHECK_LINE(o, "Seccomp:\t2");
	o = run(HEAD "SystemCallFilter=~mkdir mkdirat\nExecStart=/bin/mkdir /run/x\n");
	CHECK(o.code == CLD_DUMPED || o.code == CLD_KILLED);
	CHECK_INT(o.status, ==, SIGSYS);
	o = run(UNIT("SystemCallFilter=@system-service\nSystemCallFilter=~@mount "
	             "chroot:EILSEQ\nSystemCallArchitectures=native",
	             "echo alive; unshare -m true"));
	CHECK_LINE(o, "alive");
	CHECK(strstr(o.out, "Bad system call"));
	/* Without privileges, NoNewPrivileges= comes along. */
	o = run(UNIT("User=nobody\nSystemCallFilter=@system-service",
	             "grep -E \"NoNewPrivs|Seccomp:\" /proc/self/status"));
	CHECK_LINE(o, "NoNewPrivs:\t1");
	o = run(UNIT("SystemCallFilter=@system-service\nSystemCallFilter=~uname:EPERM",
	             "uname 2>&1"));
	CHECK(strstr(o.out, "not permitted"));
}

TEST(sandbox__restrictions)
{
	struct outcome o =
		run(UNIT("RestrictAddressFamilies=AF_UNIX AF_INET\nRestrictNamespaces=~mnt "
	                 "net\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\nMemoryDenyWriteExecute="
	                 "yes\nLockPersonality=yes",
	                 "unshare -m true || echo mnt; unshare -n true || echo net; unshare -u "
	                 "true && echo uts; chrt -f 1 true || echo realtime; "
	                 "touch /run/f; chmod 4755 /run/f || echo suid; chmod 755 /run/f && echo "
	                 "plain; setarch i686 true || echo personality; "
	                 "python3 -c \"import socket; socket.socket(socket.AF_INET); print(1)\" && "
	                 "echo inet; python3 -c \"import socket; socket.socket(socket.AF_INET6)\" "
	                 "2>&1 | tail -1"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "mnt");
	CHECK_LINE(o, "net");
	CHECK_LINE(o, "uts");
	CHECK_LINE(o, "realtime");
	CHECK_LINE(o, "suid");
	CHECK_LINE(o, "plain");
	CHECK_LINE(o, "personality");
	CHECK_LINE(o, "inet");
	CHECK(strstr(o.out, "Address family not supported"));
}

TEST(sandbox__terminal)
{
	char name[64], text[512], buf[256] = "";
	struct outcome o;
	int master, slave;
	ssize_t n;

	CHECK_INT(openpty(&master, &slave, name, NULL, NULL), ==, 0);
	snprintf(
		text, sizeof(text),
		"[Service]\nStandardInput=tty-force\nStandardOutput=tty\nTTYPath=%s\nTTYReset=yes\n"
		"ExecStart=/bin/sh -c 'test -t 0 && test -t 1 && echo term=$$TERM && echo direct "
		">/dev/tty; stty -a | grep -c icanon'\n",
		name);
	o = run(text);
	CHECK_EXIT(o, 0);
	usleep(50000);
	n = read(master, buf, sizeof(buf) - 1);
	CHECK(n > 0 && strstr(buf, "term=vt220") && strstr(buf, "direct"));
	close(master);
	close(slave);
}

TEST(sandbox__pam_session)
{
	static const char config[] =
		"account required pam_permit.so\nsession required pam_exec.so /run/hook\nsession "
		"optional pam_env.so conffile=/run/pam-env readenv=0\n";
	auto_free char *log = NULL;
	struct outcome o;

	world_setup();
	if (access("/usr/lib/x86_64-linux-gnu/security/pam_exec.so", F_OK) < 0) {
		printf("(skipped: no pam_exec.so) ");
		return;
	}
	CHECK_INT(mount("tmpfs", "/etc/pam.d", "tmpfs", 0, NULL), ==, 0);
	CHECK_INT(file_write_atomic("/etc/pam.d/test-pam", config, sizeof(config) - 1, 0644, false),
	          >=, 0);
	CHECK_INT(file_write_atomic("/run/pam-env", "FROM_PAM DEFAULT=yes\n", 21, 0644, false), >=,
	          0);
	CHECK_INT(file_write_atomic("/run/hook",
	                            "#!/bin/sh\necho $PAM_TYPE $PAM_USER >>/run/hook.log\n", 52,
	                            0755, false),
	          >=, 0);
	CHECK_INT(file_write_atomic("/run/hook.log", "", 0, 0666, false), >=, 0);
	CHECK_INT(chmod("/run/hook.log", 0666), ==, 0);
	o = run(UNIT("User=daemon\nPAMName=test-pam",
	             "id -u; echo pam=$$FROM_PAM; cat /proc/self/stat >/dev/null"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "1");
	CHECK_LINE(o, "pam=yes");
	for (int i = 0; i < 100; i++) {
		free(TAKE_PTR(log));
		CHECK_INT(file_read("/run/hook.log", &log, NULL), ==, 0);
		if (strstr(log, "close_session"))
			break;
		usleep(20000);
	}
	CHECK_STR(log, "open_session daemon\nclose_session daemon\n");
	CHECK_EXIT(run(UNIT("User=daemon\nPAMName=no-such-service", "true")), 224);
	umount("/etc/pam.d");
}
