// SPDX-License-Identifier: Apache-2.0
/*
 * spawn-util.h - runs the real core-exec through exec_spawn() with settings as a unit file would
 * have them, in a mount name space where /run, /tmp and /var's folders are the test's own. The test
 * plays init: a child plays core, since processes become children of core's parent.
 */
#pragma once

#include "spawn-world.h"

#include "check.h"

#define OUT "/run/out"

struct outcome {
	int code, status;
	char out[16384]; /* of StandardOutput=file:/run/out */
};

/* What a case can give beside the unit file. */
struct extra {
	unsigned flags, command; /* the n-th ExecStart= */
	int fds[4];
	char *names[5];
	size_t n_socket_fds, n_stored_fds;
	bool nonblock;
	int exec_fd, stdio_socket;
	char **environment;
	usec_t watchdog_usec;
	const char *id;
	const char *directory; /* of core-exec; NULL: of this build */
};
#define EXTRA                                                                                      \
	((struct extra){.flags = EXEC_APPLY_SANDBOX | EXEC_NEW_DIRECTORIES,                        \
	                .exec_fd = -EBADF,                                                         \
	                .stdio_socket = -EBADF})

static inline void core_part(const char *text, const struct extra *x, int report)
{
	struct diag d = {0};
	struct unit_file *f;
	const struct exec_command *command;
	struct pidref pid;
	int r;

	log_setup("test", LOG_TARGET_STDERR, LOG_WARNING);
	(void) unit_context_init(&test_manager.context);
	test_manager.no_cgroup = true;
	test_manager.runtime_dir = "/run/sysmaster";
	test_unit.manager = &test_manager;
	test_unit.ops = &test_ops;
	test_unit.id = (char *) (x->id ?: "test.service");
	if (id128_is_null(&test_unit.invocation_id))
		memset(test_unit.invocation_id.bytes, 0xab, 16);
	r = exec_setup(&test_manager, x->directory ?: CORE_EXEC_DIRECTORY);
	if (r >= 0)
		r = unit_file_parse(&test_manager.context, test_unit.id, text, strlen(text), "test",
		                    &d, &f);
	diag_log(&d, "test");
	if (r >= 0 && f->load_state != LOAD_LOADED)
		r = -ENOEXEC;
	if (r < 0) {
		fprintf(stderr, "set-up failed: %s\n", strerror(-r));
		_exit(1);
	}
	command = f->service->commands[SERVICE_EXEC_START];
	for (unsigned i = 0; i < x->command; i++)
		command = command->next;
	test_unit.file = f;
	r = exec_spawn(&test_manager,
	               &(struct exec_request){.unit = &test_unit,
	                                      .command = command,
	                                      .settings = f->exec,
	                                      .cgroup = f->cgroup,
	                                      .flags = x->flags,
	                                      .environment = x->environment,
	                                      .fds = x->fds,
	                                      .fd_names = x->names,
	                                      .n_socket_fds = x->n_socket_fds,
	                                      .n_stored_fds = x->n_stored_fds,
	                                      .fds_nonblock = x->nonblock,
	                                      .stdio_socket = x->stdio_socket,
	                                      .watchdog_usec = x->watchdog_usec,
	                                      .exec_fd = x->exec_fd},
	               &d, &pid);
	diag_log(&d, "test");
	if (r < 0 || pid.pidfd < 0)
		pid.pid = r < 0 ? r : -EBADF;
	(void) !write(report, &pid.pid, sizeof(pid.pid));
	_exit(0);
}

static inline struct outcome spawn_wait(const char *text, const struct extra *x)
{
	static struct outcome o;
	int report[2], fd;
	pid_t core, pid = 0;
	siginfo_t si;
	ssize_t n;

	world_setup();
	memset(&o, 0, sizeof(o));
	(void) unlink(OUT);
	if (pipe2(report, O_CLOEXEC) < 0)
		abort();
	fflush(NULL);
	core = fork();
	if (core == 0)
		core_part(text, x, report[1]);
	close(report[1]);
	n = read(report[0], &pid, sizeof(pid));
	close(report[0]);
	waitpid(core, NULL, 0);
	o.code = -1;
	o.status = n == sizeof(pid) ? pid : -1;
	if (n != sizeof(pid) || pid <= 0)
		return o;
	for (int i = 0; i < 1000; i++) {
		memset(&si, 0, sizeof(si));
		if (waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG) == 0 && si.si_pid == pid)
			break;
		usleep(10000);
	}
	if (si.si_pid != pid) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return o;
	}
	o.code = si.si_code;
	o.status = si.si_status;
	fd = open(OUT, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, o.out, sizeof(o.out) - 1);
		o.out[n > 0 ? n : 0] = 0;
		close(fd);
	}
	return o;
}

#define HEAD "[Service]\nStandardOutput=file:" OUT "\nStandardError=inherit\n"
/* Lines of [Service], then a shell script; the script must not contain single quotes. */
#define UNIT(settings, script) HEAD settings "\nExecStart=/bin/sh -c '" script "'\n"

static inline struct outcome run_with(const char *text, struct extra x)
{
	return spawn_wait(text, &x);
}
static inline struct outcome run(const char *text)
{
	return run_with(text, EXTRA);
}

static inline bool has_line(const struct outcome *o, const char *line)
{
	const char *p = o->out;
	size_t n = strlen(line);

	while (p && *p) {
		if (!strncmp(p, line, n) && (p[n] == '\n' || p[n] == 0))
			return true;
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return false;
}

#define CHECK_EXIT(o, wanted)                                                                      \
	do {                                                                                       \
		struct outcome check_o = (o);                                                      \
		if (check_o.code != CLD_EXITED || check_o.status != (wanted))                      \
			printf("\n      %s:%d: code %d status %d, wanted exit %d; output:\n%s",    \
			       __FILE__, __LINE__, check_o.code, check_o.status, (wanted),         \
			       check_o.out);                                                       \
		CHECK(check_o.code == CLD_EXITED && check_o.status == (wanted));                   \
	} while (0)
#define CHECK_LINE(o, line)                                                                        \
	do {                                                                                       \
		if (!has_line(&(o), line))                                                         \
			printf("\n      %s:%d: no line \"%s\" in:\n%s", __FILE__, __LINE__, line,  \
			       (o).out);                                                           \
		CHECK(has_line(&(o), line));                                                       \
	} while (0)
