// SPDX-License-Identifier: Apache-2.0
#include "exec/spec.h"

#include "check.h"

/* Settings of every kind of field. */
static const char *const rich =
	"[Service]\nExecStart=/bin/true\nEnvironment=A=1 \"B=two words\" "
	"\"C=line\\nbreak\"\nEnvironmentFile=-/etc/x\nUser=nobody\nGroup=tty\n"
	"SupplementaryGroups=a b c d e f g h i "
	"j\nUMask=027\nNice=-5\nLimitNOFILE=1:2\nLimitCORE=infinity\nCPUAffinity=0 3 "
	"17\nOOMScoreAdjust=-100\n"
	"StandardInput=data\nStandardInputText=hello\nStandardOutput=append:/tmp/"
	"x\nPrivateTmp=yes\nProtectSystem=full\nProtectHome=tmpfs\nReadWritePaths=-/a +/b\n"
	"BindPaths=/a:/b:norbind\nSystemCallFilter=~@mount "
	"foo:EPERM\nSystemCallErrorNumber=EPERM\nRestrictNamespaces=net\nCapabilityBoundingSet=CAP_"
	"CHOWN\n"
	"AmbientCapabilities=CAP_KILL\nSetCredential=a:b=c\nRuntimeDirectory=x "
	"y\nRuntimeDirectoryMode=0700\nTimerSlackNSec=5\nPersonality=x86\nIgnoreSIGPIPE=no\n"
	"RestrictAddressFamilies=AF_UNIX\nWorkingDirectory=-/"
	"w\nSyslogIdentifier=id\nSyslogLevel=debug\nKeyringMode=private\nIOSchedulingClass=idle\n";

static struct unit_context context;

static struct unit_file *parse(const char *text)
{
	struct unit_file *f = NULL;

	if (!context.machine_id && unit_context_init(&context) < 0)
		abort();
	if (unit_file_parse(&context, "x.service", text, strlen(text), "x", NULL, &f) < 0)
		abort();
	return f;
}

static struct exec_spec spec_of(struct unit_file *f, int *fds)
{
	struct exec_spec p;

	exec_spec_init(&p);
	p.s = *f->exec;
	p.unit = f->id;
	p.path = f->service->commands[SERVICE_EXEC_START]->path;
	p.argv = f->service->commands[SERVICE_EXEC_START]->argv;
	p.fds = fds;
	p.n_fds = 3;
	p.n_socket_fds = 2;
	p.exec_fd = 9;
	p.watchdog_usec = UINT64_MAX;
	return p;
}

TEST(spec__is_plain_only_without_settings_of_its_own)
{
	static const char *const plain[] = {"",
	                                    "Environment=A=b",
	                                    "UMask=027",
	                                    "LimitNOFILE=5",
	                                    "StandardOutput=journal",
	                                    "SyslogIdentifier=x",
	                                    "KeyringMode=shared",
	                                    "IgnoreSIGPIPE=no"};
	static const char *const not_plain[] = {"Nice=0",
	                                        "User=root",
	                                        "PrivateTmp=yes",
	                                        "RuntimeDirectory=x",
	                                        "OOMScoreAdjust=0",
	                                        "WorkingDirectory=/",
	                                        "EnvironmentFile=-/x",
	                                        "CPUAffinity=0",
	                                        "NoNewPrivileges=yes",
	                                        "StandardInput=tty",
	                                        "SystemCallFilter=~@mount",
	                                        "StandardInput=data\nStandardInputText=x",
	                                        "SetCredential=a:b"};

	for (size_t i = 0; i < ELEMENTSOF(plain) + ELEMENTSOF(not_plain); i++) {
		bool expected = i < ELEMENTSOF(plain);
		const char *settings = expected ? plain[i] : not_plain[i - ELEMENTSOF(plain)];
		auto_free char *text = str_printf("[Service]\nExecStart=/bin/true\n%s\n", settings);
		struct unit_file *f = parse(text);
		struct exec_spec p;

		exec_spec_init(&p);
		p.s = *f->exec;
		p.unit = f->id;
		p.path = f->service->commands[SERVICE_EXEC_START]->path;
		p.argv = f->service->commands[SERVICE_EXEC_START]->argv;
		if (exec_spec_is_plain(&p) != expected)
			printf("\n      %s", settings);
		CHECK_INT(exec_spec_is_plain(&p), ==, expected);
		p.nss_fd = 5;
		CHECK(!exec_spec_is_plain(&p));
		unit_file_free(f);
	}
}

TEST(spec__round_trip)
{
	auto_strbuf struct strbuf a = {0}, b = {0};
	struct unit_file *f = parse(rich);
	int fds[] = {17, 4, 5};
	struct exec_spec p = spec_of(f, fds), q;
	auto_free char *copy = NULL;

	CHECK_INT(exec_spec_write(&p, &a), ==, 0);
	copy = malloc(a.size);
	memcpy(copy, a.data, a.size);
	CHECK_INT(exec_spec_read(copy, a.size, &q), ==, 0);
	CHECK_INT(exec_spec_write(&q, &b), ==, 0);
	CHECK_INT(a.size, ==, b.size);
	CHECK(memcmp(a.data, b.data, a.size) == 0);
	CHECK_STR(q.s.user, "nobody");
	CHECK_STR(q.s.environment[2], "C=line\nbreak");
	CHECK_INT(strv_length(q.s.supplementary_groups), ==, 10);
	CHECK_STR(q.s.supplementary_groups[9], "j");
	CHECK_INT(q.s.nice, ==, -5);
	CHECK_INT(q.s.limits[RLIMIT_NOFILE]->rlim_max, ==, 2);
	CHECK(q.s.limits[RLIMIT_CORE]->rlim_cur == RLIM_INFINITY);
	CHECK(CPU_ISSET(17, q.s.cpu_affinity) && CPU_COUNT(q.s.cpu_affinity) == 3);
	CHECK_INT(q.s.stdin_data_size, ==, 6);
	CHECK(memcmp(q.s.stdin_data, "hello\n", 6) == 0);
	CHECK_INT(q.s.capability_bounding_set, ==, f->exec->capability_bounding_set);
	CHECK_INT(q.s.directories[EXEC_DIRECTORY_RUNTIME].mode, ==, 0700);
	CHECK_INT(q.s.restrict_namespaces, ==, f->exec->restrict_namespaces);
	CHECK(!q.s.ignore_sigpipe && q.s.private_tmp && q.s.working_directory_missing_ok);
	CHECK_INT(q.n_fds, ==, 3);
	CHECK_INT(q.fds[0], ==, 17);
	CHECK(q.watchdog_usec == UINT64_MAX);
	CHECK_INT(q.stdio_socket, ==, -EBADF);
	exec_spec_done(&q);
	unit_file_free(f);
}

TEST(spec__a_plain_service_is_small)
{
	auto_strbuf struct strbuf b = {0};
	struct unit_file *f = parse("[Service]\nExecStart=/bin/true\n");
	struct exec_spec p = spec_of(f, NULL);

	p.n_fds = 0;
	CHECK_INT(exec_spec_write(&p, &b), ==, 0);
	printf("(%zu bytes) ", b.size);
	CHECK_INT(b.size, <, 400);
	unit_file_free(f);
}

TEST(spec__refuses_every_truncation)
{
	auto_strbuf struct strbuf a = {0};
	struct unit_file *f = parse(rich);
	int fds[] = {1, 2, 3};
	struct exec_spec p = spec_of(f, fds), q;
	size_t complete = 0;

	CHECK_INT(exec_spec_write(&p, &a), ==, 0);
	for (size_t n = 0; n < a.size; n++) {
		char *copy = malloc(n ? n : 1);
		int r;

		memcpy(copy, a.data, n);
		r = exec_spec_read(copy, n, &q);
		/* Between two records it is a shorter, whole one. */
		complete += r == 0;
		CHECK(r == 0 || r == -EBADMSG);
		exec_spec_done(&q);
		free(copy);
	}
	CHECK_INT(complete, <, a.size / 8);
	unit_file_free(f);
}

TEST(spec__skips_names_of_another_version)
{
	char data[] = "\x08\0\0\0future=x\0\x06\0\0\0unit=u";
	struct exec_spec q;

	CHECK_INT(exec_spec_read(data, sizeof(data), &q), ==, 0);
	CHECK_STR(q.unit, "u");
	exec_spec_done(&q);
}
