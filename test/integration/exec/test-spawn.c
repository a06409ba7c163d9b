// SPDX-License-Identifier: Apache-2.0
/* Processes: environment, identity, limits, descriptors, exit statuses. Name spaces are in
 * test-sandbox.c. */
#include "spawn-util.h"

#include <linux/keyctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

TEST(spawn__gives_the_plain_environment)
{
	struct outcome o = run(UNIT("", "env; echo pid=$$$$"));
	char *pid, line[64];

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	CHECK_LINE(o, "INVOCATION_ID=abababababababababababababababab");
	CHECK(!strstr(o.out, "HOME=") && !strstr(o.out, "USER=") && !strstr(o.out, "LISTEN_") &&
	      !strstr(o.out, "NOTIFY_SOCKET"));
	pid = strstr(o.out, "pid=");
	CHECK(pid);
	snprintf(line, sizeof(line), "SYSTEMD_EXEC_PID=%d", atoi(pid + 4));
	CHECK_LINE(o, line);
}

TEST(spawn__merges_environment_in_order)
{
	char *more[] = {(char *) "NOTIFY_SOCKET=/run/n", (char *) "A=request", (char *) "B=request",
	                NULL};
	struct extra x = EXTRA;
	struct outcome o;

	world_setup();
	CHECK_INT(file_write_atomic("/run/env", "C=\"from file\"\nD=gone\n# comment\n", 31, 0644,
	                            false),
	          >=, 0);
	setenv("PASSED", "passed value", 1);
	x.environment = more;
	o = run_with(UNIT("Environment=A=unit C=unit \"E=two "
	                  "words\"\nEnvironmentFile=/run/env\nEnvironmentFile=-/run/"
	                  "missing\nPassEnvironment=PASSED MISSING\n"
	                  "UnsetEnvironment=D",
	                  "env"),
	             x);
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "NOTIFY_SOCKET=/run/n");
	CHECK_LINE(o, "A=unit");
	CHECK_LINE(o, "B=request");
	CHECK_LINE(o, "C=from file");
	CHECK_LINE(o, "E=two words");
	CHECK_LINE(o, "PASSED=passed value");
	CHECK(!strstr(o.out, "D=gone") && !strstr(o.out, "MISSING"));
}

TEST(spawn__expands_variables_of_the_environment)
{
	struct outcome o =
		run(HEAD "Environment=\"W=a b\" X=c\nExecStart=/bin/echo $W ${W} ${X}d $$X\n");

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "a b a b cd $X");
	o = run(HEAD "Environment=X=c\nExecStart=:/bin/echo ${X}\n");
	CHECK_LINE(o, "${X}");
}

/* What a process can see of how it was started. */
static const char look_script[] =
	"exec >" OUT " 2>&1\n"
	"env | grep -v _PID= | grep -v ^_= | sort\n"
	"grep -E '^(Sig[PBIC]|Shd|Cap|Umask|Seccomp|NoNew|THP)' /proc/self/status\n"
	"cat /proc/self/limits\n"
	"readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; ls /proc/$$/fd\n"
	"pwd\n"
	"read pid comm state parent group session rest </proc/$$/stat\n"
	"[ $pid = $session ] && [ $pid = $group ] && [ $pid = $SYSTEMD_EXEC_PID ] && echo leader\n";

static struct outcome look(const char *settings, struct extra x)
{
	char text[2048];

	world_setup();
	(void) file_write_atomic("/run/look", look_script, sizeof(look_script) - 1, 0644, false);
	snprintf(text, sizeof(text),
	         "[Service]\n%s\nEnvironment=A=1 \"B=two words\" "
	         "C=3\nUnsetEnvironment=C\nUMask=027\nLimitNOFILE=300\n"
	         "LimitCORE=0\nExecStart=/bin/sh /run/look\n",
	         settings);
	return run_with(text, x);
}

TEST(direct__makes_the_same_process_as_core_exec)
{
	static const char *const more[] = {"StandardOutput=null", "IgnoreSIGPIPE=no",
	                                   "StandardError=journal", "StandardOutput=journal"};

	for (size_t i = 0; i < ELEMENTSOF(more); i++) {
		auto_free char *detour = str_printf("%s\nNice=0", more[i]);
		struct outcome a = look(more[i], EXTRA), b;

		CHECK_EXIT(a, 0);
		CHECK_LINE(a, "B=two words");
		CHECK_LINE(a, "Umask:\t0027");
		CHECK_LINE(a, "leader");
		b = look(detour, EXTRA);
		CHECK_EXIT(b, 0);
		CHECK_STR(a.out, b.out);
	}
}

TEST(direct__needs_no_core_exec_until_something_fails)
{
	struct extra x = EXTRA;
	struct outcome o;

	world_setup();
	CHECK_INT(mkdir_p("/run/broken", 0755), >=, 0);
	CHECK_INT(file_copy("/bin/false", "/run/broken/core-exec", 0755), >=, 0);
	x.directory = "/run/broken";
	o = look("", x);
	CHECK_EXIT(o, 0);
	o = look("Nice=0", x);
	CHECK_EXIT(o, 1);
	o = run_with("[Service]\nExecStart=/nonexistent/program\n", x);
	CHECK_EXIT(o, 1);
}

TEST(direct__many_at_once_and_again)
{
	for (unsigned i = 0; i < 3; i++) {
		struct outcome o = look("", EXTRA);

		CHECK_EXIT(o, 0);
		exec_settle(true);
	}
}

TEST(spawn__watchdog_variables)
{
	struct extra x = EXTRA;
	struct outcome o;

	x.flags |= EXEC_SET_WATCHDOG;
	x.watchdog_usec = 5000000;
	o = run_with(UNIT("", "test $WATCHDOG_PID = $$$$ && echo usec=$WATCHDOG_USEC"), x);
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "usec=5000000");
}

TEST(spawn__becomes_the_user)
{
	struct outcome o = run(UNIT("User=daemon\nSupplementaryGroups=tty 54321",
	                            "id -u; id -g; id -G; env; stat -c %%U " OUT));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "1 5 54321");
	CHECK_LINE(o, "USER=daemon");
	CHECK_LINE(o, "LOGNAME=daemon");
	CHECK_LINE(o, "HOME=/usr/sbin");
	CHECK(!strstr(o.out, "SHELL="));
	/* Opened before the user was switched. */
	CHECK_LINE(o, "root");
}

TEST(spawn__numbers_for_user_and_group)
{
	struct outcome o = run(UNIT("User=65534\nGroup=4242", "id -u; id -g; echo u=$USER"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "65534");
	CHECK_LINE(o, "4242");
	CHECK_LINE(o, "u=nobody");
}

TEST(spawn__root_is_no_special_case)
{
	struct outcome o =
		run(UNIT("User=root", "echo $HOME $USER; id -u; grep CapEff /proc/self/status"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "/root root");
	CHECK_LINE(o, "0");
}

TEST(spawn__names_the_failing_step_by_its_status)
{
	struct {
		const char *settings;
		int status;
	} cases[] = {
		{"WorkingDirectory=/nonexistent", 200},
		{"User=no-such-user", 217},
		{"Group=no-such-group", 216},
		{"SupplementaryGroups=no-such-group", 216},
		{"StandardInput=file:/nonexistent", 208},
		{"StandardInput=fd:missing", 208},
		{"StandardError=file:/nonexistent/x", 222},
		{"EnvironmentFile=/nonexistent", 204},
		{"BindPaths=/nonexistent", 226},
		{"ReadOnlyPaths=/nonexistent", 226},
		{"RootDirectory=/nonexistent\nMountAPIVFS=no", 210},
		{"LoadCredential=x:/dev/full", 243},
		{"NetworkNamespacePath=/nonexistent", 225},
		{"StandardInput=tty-force\nTTYPath=/nonexistent", 208},
		{"RuntimeDirectory=file/below", 233},
		{"StateDirectory=file/below", 238},
	};

	world_setup();
	CHECK_INT(file_write_atomic("/run/file", "", 0, 0644, false), >=, 0);
	CHECK_INT(file_write_atomic("/var/lib/file", "", 0, 0644, false), >=, 0);
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		char text[512];
		struct outcome o;

		snprintf(text, sizeof(text), HEAD "%s\nExecStart=/bin/true\n", cases[i].settings);
		o = run(text);
		if (o.status != cases[i].status)
			printf("\n      case: %s\n", cases[i].settings);
		CHECK_EXIT(o, cases[i].status);
	}
	CHECK_EXIT(run(HEAD "ExecStart=/nonexistent/program\n"), 203);
	CHECK_EXIT(run(HEAD "ExecStart=no-such-program-in-path\n"), 203);
	CHECK_EXIT(run(HEAD "ExecStart=/etc/passwd\n"), 203);
	CHECK_EXIT(run(HEAD "WorkingDirectory=-/nonexistent\nExecStart=/bin/true\n"), 0);
}

TEST(spawn__finds_a_bare_name)
{
	struct outcome o;

	CHECK_EXIT(run(HEAD "ExecStart=true\n"), 0);
	world_setup();
	CHECK_INT(mkdir_p("/run/bin", 0755), >=, 0);
	CHECK_INT(
		file_write_atomic("/run/bin/mine", "#!/bin/sh\necho PATH=$PATH\n", 25, 0755, false),
		>=, 0);
	o = run(HEAD "ExecSearchPath=/run/none:/run/bin:/bin\nExecStart=mine\n");
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "PATH=/run/none:/run/bin:/bin");
}

TEST(spawn__limits_and_scheduling)
{
	struct outcome o =
		run(UNIT("LimitNOFILE=100:200\nLimitCORE=0\nNice=5\nOOMScoreAdjust=321\nUMask="
	                 "0077\nCPUAffinity=0\nTimerSlackNSec=123456\n"
	                 "CPUSchedulingPolicy=batch\nIOSchedulingClass=idle\nIgnoreSIGPIPE="
	                 "no\nLockPersonality=no",
	                 "ulimit -Sn; ulimit -Hn; ulimit -c; nice; cat /proc/self/oom_score_adj; "
	                 "umask; cat /proc/$$$$/timerslack_ns; "
	                 "grep -E \"Cpus_allowed_list|SigIgn|SigBlk\" /proc/self/status; chrt -p "
	                 "$$$$; ionice -p $$$$"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "100");
	CHECK_LINE(o, "200");
	CHECK_LINE(o, "5");
	CHECK_LINE(o, "321");
	CHECK_LINE(o, "0077");
	CHECK_LINE(o, "123456");
	CHECK_LINE(o, "Cpus_allowed_list:\t0");
	CHECK_LINE(o, "SigIgn:\t0000000000000000");
	CHECK_LINE(o, "SigBlk:\t0000000000000000");
	CHECK_LINE(o, "idle");
	CHECK(strstr(o.out, "SCHED_BATCH"));
}

TEST(spawn__defaults_of_a_service)
{
	struct outcome o = run(
		UNIT("", "ulimit -Sn; umask; pwd; grep -E \"SigIgn|NoNewPrivs|Seccomp:|CapBnd\" "
	                 "/proc/self/status; ls /proc/self/fd | wc -l"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "1024");
	CHECK_LINE(o, "0022");
	CHECK_LINE(o, "/");
	CHECK_LINE(o, "SigIgn:\t0000000000001000");
	CHECK_LINE(o, "NoNewPrivs:\t0");
	CHECK_LINE(o, "Seccomp:\t0");
	/* 0, 1, 2 and the one of ls itself: nothing leaks. */
	CHECK_LINE(o, "4");
}

TEST(spawn__capabilities)
{
	struct outcome o =
		run(UNIT("User=nobody\nAmbientCapabilities=CAP_NET_BIND_SERVICE CAP_CHOWN",
	                 "grep Cap /proc/self/status"));

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "CapAmb:\t0000000000000401");
	CHECK_LINE(o, "CapEff:\t0000000000000401");
	o = run(UNIT("CapabilityBoundingSet=CAP_CHOWN CAP_KILL", "grep Cap /proc/self/status"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "CapBnd:\t0000000000000021");
	CHECK_LINE(o, "CapEff:\t0000000000000021");
	o = run(UNIT("User=nobody\nSecureBits=noroot-locked noroot",
	             "grep CapEff /proc/self/status; id -u"));
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "CapEff:\t0000000000000000");
}

TEST(spawn__prefixes)
{
	struct outcome o = run(
		HEAD
		"User=nobody\nNoNewPrivileges=yes\nPrivateTmp=yes\nCapabilityBoundingSet="
		"\nExecStart=+/bin/sh -c 'id -u; ls /tmp; grep NoNewPrivs /proc/self/status'\n");

	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "0");
	CHECK_LINE(o, "NoNewPrivs:\t0");
	o = run(HEAD "User=nobody\nNoNewPrivileges=yes\nExecStart=!/bin/sh -c 'id -u; grep "
	             "NoNewPrivs /proc/self/status'\n");
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "0");
	CHECK_LINE(o, "NoNewPrivs:\t1");
}

TEST(spawn__passes_sockets_and_stored_fds)
{
	struct extra x = EXTRA;
	struct outcome o;
	int pair[2], pipefd[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	CHECK_INT(pipe2(pipefd, O_CLOEXEC), ==, 0);
	x.flags |= EXEC_PASS_FDS;
	/* In an order that makes their numbers collide with 3 and 4. */
	x.fds[0] = pair[1];
	x.fds[1] = pair[0];
	x.fds[2] = pipefd[1];
	x.names[0] = (char *) "web";
	x.names[1] = (char *) "control";
	x.names[2] = (char *) "stored";
	x.n_socket_fds = 2;
	x.n_stored_fds = 1;
	x.nonblock = true;
	o = run_with(UNIT("", "echo $LISTEN_FDS $LISTEN_FDNAMES; test $LISTEN_PID = $$$$ || exit "
	                      "1; readlink /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5; "
	                      "echo stored >&5; echo sock >&3; grep flags /proc/self/fdinfo/3; ls "
	                      "/proc/self/fd | wc -l"),
	             x);
	CHECK_EXIT(o, 0);
	CHECK_LINE(o, "3 web:control:stored");
	CHECK_LINE(o, "flags:\t04002");
	CHECK_LINE(o, "7");
	{
		char buf[16] = "";

		CHECK_INT(read(pipefd[0], buf, sizeof(buf)), ==, 7);
		CHECK_INT(read(pair[0], buf, sizeof(buf)), ==, 5);
	}
	close(pair[0]);
	close(pair[1]);
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST(spawn__socket_as_stdio)
{
	struct extra x = EXTRA;
	struct outcome o;
	char buf[64] = "";
	int pair[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	CHECK_INT(write(pair[0], "hello\n", 6), ==, 6);
	x.stdio_socket = pair[1];
	o = run_with("[Service]\nStandardInput=socket\nExecStart=/bin/sh -c 'read line; echo got "
	             "$line'\n",
	             x);
	CHECK_EXIT(o, 0);
	CHECK_INT(read(pair[0], buf, sizeof(buf)), ==, 10);
	CHECK_STR(buf, "got hello\n");
	close(pair[0]);
	close(pair[1]);
}

TEST(spawn__exec_fd_tells_success_from_failure)
{
	struct extra x = EXTRA;
	char buf[8];
	int p[2];

	CHECK_INT(pipe2(p, O_CLOEXEC), ==, 0);
	x.exec_fd = p[1];
	CHECK_EXIT(run_with(HEAD "ExecStart=/bin/true\n", x), 0);
	close(p[1]);
	CHECK_INT(read(p[0], buf, sizeof(buf)), ==, 1);
	CHECK_INT(buf[0], ==, 1);
	close(p[0]);
	CHECK_INT(pipe2(p, O_CLOEXEC), ==, 0);
	x.exec_fd = p[1];
	CHECK_EXIT(run_with(HEAD "ExecStart=/nonexistent\n", x), 203);
	close(p[1]);
	CHECK_INT(read(p[0], buf, sizeof(buf)), ==, 2);
	CHECK_INT(buf[1], ==, 0);
	close(p[0]);
	CHECK_INT(pipe2(p, O_CLOEXEC), ==, 0);
	x.exec_fd = p[1];
	CHECK_EXIT(run_with(HEAD "User=no-such-user\nExecStart=/bin/true\n", x), 217);
	close(p[1]);
	CHECK_INT(read(p[0], buf, sizeof(buf)), ==, 1);
	CHECK_INT(buf[0], ==, 0);
	close(p[0]);
}

TEST(spawn__stdin_data_and_output_files)
{
	struct outcome o = run(HEAD "StandardInput=data\nStandardInputText=one\nStandardInputText="
	                            "two\nExecStart=/bin/cat\n");

	CHECK_EXIT(o, 0);
	CHECK_STR(o.out, "one\ntwo\n");
	CHECK_INT(file_write_atomic("/run/f", "0123456789\n", 11, 0644, false), >=, 0);
	CHECK_EXIT(run("[Service]\nStandardOutput=file:/run/f\nExecStart=/bin/echo A\n"), 0);
	CHECK_EXIT(run("[Service]\nStandardOutput=append:/run/f\nExecStart=/bin/echo B\n"), 0);
	o = run(HEAD "ExecStart=/bin/cat /run/f\n");
	CHECK_STR(o.out, "A\n23456789\nB\n");
	CHECK_EXIT(run("[Service]\nStandardOutput=truncate:/run/f\nStandardError=truncate:/run/"
	               "f\nExecStart=/bin/sh -c 'echo C; echo D >&2'\n"),
	           0);
	o = run(HEAD "StandardInput=file:/run/f\nExecStart=/bin/cat\n");
	CHECK_STR(o.out, "C\nD\n");
	/* With User=, the file is made by root, under the unit's umask. */
	CHECK_EXIT(run("[Service]\nUser=nobody\nUMask=0077\nStandardOutput=file:/run/g\nExecStart=/"
	               "bin/echo E\n"),
	           0);
	o = run(HEAD "ExecStart=/usr/bin/stat -c '%%a %%U' /run/g\n");
	CHECK_STR(o.out, "600 root\n");
}

TEST(spawn__connects_to_the_journal)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout"};
	char buf[512] = "";
	struct ucred who;
	socklen_t size = sizeof(who);
	int s, c;
	ssize_t n, all = 0;

	world_setup();
	CHECK_INT(mkdir_p("/run/systemd/journal", 0755), >=, 0);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(s >= 0 && bind(s, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(s, 5) == 0 &&
	      chmod(a.sun_path, 0666) == 0);
	CHECK_EXIT(run("[Service]\nUser=daemon\nSyslogIdentifier=mine\nSyslogFacility="
	               "local3\nSyslogLevel=notice\nExecStart=/bin/sh -c 'echo $JOURNAL_STREAM; "
	               "stat -L -c %%d:%%i /proc/self/fd/1; echo err >&2'\n"),
	           0);
	c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	CHECK(c >= 0);
	CHECK_INT(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &size), ==, 0);
	CHECK_INT(who.uid, ==, 1);
	while ((n = read(c, buf + all, sizeof(buf) - 1 - (size_t) all)) > 0)
		all += n;
	CHECK(!strncmp(buf, "mine\ntest.service\n157\n1\n0\n0\n0\n", 30));
	{
		char *first = buf + 30, *second = strchr(first, '\n') + 1,
		     *third = strchr(second, '\n') + 1;

		CHECK_INT(second - first, ==, third - second);
		CHECK(!strncmp(first, second, (size_t) (second - first)));
		CHECK_STR(third, "err\n");
	}
	close(c);
	close(s);
	unlink(a.sun_path);
	/* Without one a service still starts. */
	CHECK_EXIT(run("[Service]\nStandardOutput=journal\nExecStart=/bin/sh -c 'echo x; readlink "
	               "/proc/self/fd/1 >/run/out'\n"),
	           0);
}

TEST(spawn__private_keyring_and_session)
{
	struct outcome o = run(UNIT("User=nobody\nKeyringMode=private",
	                            "cut -d\" \" -f6 /proc/self/stat; echo $$$$"));

	CHECK_EXIT(o, 0);
	/* Leader of its own session. */
	CHECK_INT(atoi(o.out), ==, atoi(strchr(o.out, '\n') + 1));
}

/* The number of a service's session keyring, started with @settings. */
static long keyring_of(const char *settings)
{
	auto_free char *text = str_printf("[Service]\n%s\nExecStart=/usr/bin/perl -e 'open F, "
	                                  "\">/run/keyring\"; print F syscall(%d, %d, %d, 0)'\n",
	                                  settings, (int) SYS_keyctl, KEYCTL_GET_KEYRING_ID,
	                                  KEY_SPEC_SESSION_KEYRING),
		       *number = NULL;
	struct outcome o;

	(void) unlink("/run/keyring");
	o = run(text);
	return o.status == 0 && file_read("/run/keyring", &number, NULL) >= 0 ? atol(number) : 0;
}

TEST(spawn__each_service_has_a_session_keyring_of_its_own)
{
	long own = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), a, b;

	if (own < 0) {
		printf("SKIP: no keyrings here\n");
		return;
	}
	a = keyring_of("");
	b = keyring_of("Nice=0");
	CHECK_INT(a, >, 0);
	CHECK_INT(a, !=, own);
	CHECK_INT(b, >, 0);
	CHECK_INT(b, !=, own);
	CHECK_INT(a, !=, b);
	CHECK_INT(keyring_of("KeyringMode=inherit"), ==, own);
}

TEST(spawn__plain_is_a_child_of_ours)
{
	char *argv[] = {(char *) "/bin/sh", (char *) "-c",
	                (char *) "echo plain $X; ls /proc/self/fd | wc -l", NULL},
	     *env[] = {(char *) "X=y", NULL};
	struct pidref p = PIDREF_NULL;
	char buf[64] = "";
	siginfo_t si = {0};
	int out[2];

	CHECK_INT(pipe2(out, O_CLOEXEC), ==, 0);
	CHECK_INT(exec_spawn_plain(&test_manager, argv, env, out[1], &p), ==, 0);
	close(out[1]);
	CHECK_INT(waitid(P_PIDFD, (id_t) p.pidfd, &si, WEXITED), ==, 0);
	CHECK_INT(si.si_pid, ==, p.pid);
	CHECK_INT(si.si_status, ==, 0);
	CHECK_INT(p.start_time, >, 0);
	CHECK_INT(read(out[0], buf, sizeof(buf) - 1), >, 0);
	CHECK_STR(buf, "plain y\n4\n");
	pidref_done(&p);
	argv[0] = (char *) "/nonexistent";
	CHECK_INT(exec_spawn_plain(&test_manager, argv, env, -EBADF, &p), ==, -ENOENT);
	close(out[0]);
}
