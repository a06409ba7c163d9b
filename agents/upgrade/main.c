// SPDX-License-Identifier: Apache-2.0
#include "upgrade/upgrade.h"
#include "base/conf.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LINE_MAX_BYTES 8192

struct upgrade_config config = {
	.directory = "/var/lib/sysmaster",
	.keys = "/etc/sysmaster/keys",
	.control = "/run/sysmaster/control",
	.packaged = "/usr/lib/sysmaster",
	.gate_usec = 5 * USEC_PER_SEC,
	.trial_usec = 11 * USEC_PER_SEC,
};

extern const char sysmaster_version[], upgrade_description[];

/* The server: at most one worker, and the caller that follows it. */
struct server {
	struct loop *loop;
	struct varlink_server *varlink;
	struct varlink_call *call;
	struct pidref worker;
	struct source *worker_end, *pipe_source;
	int pipe;
	struct strbuf lines;
	bool done_reported;
};

static void forget_call(struct varlink_call *call, void *userdata)
{
	struct server *s = userdata;

	s->call = varlink_call_unref(call);
}

/* One line of the worker to the caller, if there still is one. */
static void pass_line(struct server *s, const char *line, size_t size)
{
	cJSON *j = NULL;
	bool done;

	if (json_parse(line, size, "worker", NULL, &j) < 0)
		return;
	done = json_bool_or(j, "done", false);
	s->done_reported |= done;
	if (!s->call) {
		cJSON_Delete(j);
	} else if (done) {
		varlink_reply(s->call, j);
		s->call = varlink_call_unref(s->call);
	} else if (varlink_call_wants_more(s->call)) {
		varlink_notify(s->call, j);
	} else {
		cJSON_Delete(j);
	}
}

static int on_pipe(struct source *source, int fd, uint32_t revents, void *userdata)
{
	struct server *s = userdata;
	char buf[4096], *end;
	ssize_t n = read(fd, buf, sizeof(buf));

	(void) revents;
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			source_set_state(source, SOURCE_OFF);
		return 0;
	}
	strbuf_add(&s->lines, buf, (size_t) n);
	while (s->lines.size && (end = memchr(s->lines.data, '\n', s->lines.size))) {
		size_t size = (size_t) (end - s->lines.data);

		pass_line(s, s->lines.data, size);
		strbuf_consume(&s->lines, size + 1);
	}
	return 0;
}

static int on_worker_end(struct source *source, const struct pidref *pid, void *userdata)
{
	struct server *s = userdata;

	(void) source;
	waitpid(pid->pid, NULL, 0);
	on_pipe(s->pipe_source, s->pipe, EPOLLIN, s);
	if (s->call && !s->done_reported)
		varlink_error_text(s->call, "org.sysmaster.Error.Failed",
		                   "The upgrade's worker died; its state is kept");
	if (s->call)
		s->call = varlink_call_unref(s->call);
	s->worker_end = source_free(s->worker_end);
	s->pipe_source = source_free(s->pipe_source);
	s->pipe = fd_close(s->pipe);
	pidref_done(&s->worker);
	strbuf_done(&s->lines);
	s->lines = (struct strbuf){.max = LINE_MAX_BYTES};
	/* This process may be of the version before; the next one that is started is of the one
	 * that runs now. */
	varlink_server_flush(s->varlink, USEC_PER_SEC);
	loop_exit(s->loop, 0);
	return 0;
}

enum work { WORK_APPLY, WORK_ROLLBACK, WORK_RESUME };

static int start_worker(struct server *s, enum work work, const char *argument)
{
	int pipe[2], r;
	pid_t pid;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(pipe[0]);
		close(pipe[1]);
		return r;
	}
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(work == WORK_APPLY      ? worker_apply(argument, pipe[1])
		      : work == WORK_ROLLBACK ? worker_rollback(argument, pipe[1])
		                              : worker_resume(pipe[1]));
	}
	close(pipe[1]);
	s->pipe = pipe[0];
	s->done_reported = false;
	fd_set_nonblock(s->pipe, true);
	r = pidref_open(pid, &s->worker);
	if (r >= 0)
		r = loop_add_io(s->loop, s->pipe, EPOLLIN, "worker", on_pipe, s, &s->pipe_source);
	if (r >= 0)
		r = loop_add_pid(s->loop, &s->worker, "worker-end", on_worker_end, s,
		                 &s->worker_end);
	return r;
}

static int begin(struct server *s, struct varlink_call *call, enum work work, const char *argument)
{
	int r;

	if (pidref_is_set(&s->worker)) {
		cJSON *o = cJSON_CreateObject();

		json_add_string(o, "target", "");
		json_add_string(o, "message", "an upgrade is under way");
		return varlink_error(call, "org.sysmaster.Upgrade.Busy", o);
	}
	r = start_worker(s, work, argument);
	if (r < 0)
		return r;
	s->call = varlink_call_ref(call);
	varlink_call_on_gone(call, forget_call, s);
	return 0;
}

static int method_apply(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	const char *bundle;

	if (json_get_string(parameters, "bundle", &bundle) < 0 || !path_is_absolute(bundle))
		return varlink_error_invalid(call, "bundle");
	return begin(userdata, call, WORK_APPLY, bundle);
}

static int method_rollback(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	return begin(userdata, call, WORK_ROLLBACK, json_string_or(parameters, "reason", ""));
}

static int method_status(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct server *s = userdata;
	struct upgrade_state state;
	struct core_facts f = {0};
	cJSON *o = cJSON_CreateObject();
	int r;

	(void) parameters;
	if (!o)
		return -ENOMEM;
	r = upgrade_state_load(&state);
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	(void) core_facts_get(&f, 0);
	/* A phase in the middle without a worker is one that was cut off. */
	json_add_string(
		o, "phase",
		upgrade_phase_to_string(pidref_is_set(&s->worker) && state.phase == PHASE_IDLE
	                                        ? PHASE_VERIFYING
	                                        : state.phase));
	json_add_string(o, "version", f.version ? f.version : "");
	json_add_string(o, "target", state.target);
	json_add_string(o, "reason", state.reason);
	json_add_take(o, "versions", versions_describe(f.directory));
	core_facts_done(&f);
	upgrade_state_done(&state);
	return varlink_reply(call, o);
}

static const struct varlink_method methods[] = {
	{"org.sysmaster.Upgrade.Apply", ROLE_ADMIN, method_apply},
	{"org.sysmaster.Upgrade.Rollback", ROLE_ADMIN, method_rollback},
	{"org.sysmaster.Upgrade.Status", ROLE_OBSERVE, method_status},
};

static int on_term(struct source *source, const struct signalfd_siginfo *si, void *userdata)
{
	(void) si, (void) userdata;
	loop_exit(source_loop(source), 0);
	return 0;
}

/* Leaves after some quiet minutes: the socket brings it back. */
static int on_idle(struct source *source, usec_t deadline, void *userdata)
{
	struct server *s = userdata;

	if (pidref_is_set(&s->worker) || varlink_server_connections(s->varlink)) {
		source_set_time(source, deadline + 2 * USEC_PER_MINUTE);
		return 0;
	}
	loop_exit(s->loop, 0);
	return 0;
}

/* The listening socket by sd_listen_fds(3), or our own. */
static int listen_socket(struct varlink_server *v)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	pid_t p;

	if (pid && n && str_to_pid(pid, &p) >= 0 && p == getpid() && streq(n, "1")) {
		fd_set_cloexec(3, true);
		fd_set_nonblock(3, true);
		return varlink_server_listen_fd(v, 3);
	}
	return varlink_server_listen_path(v, "/run/sysmaster/upgrade", 0600);
}

static int serve(void)
{
	struct server s = {.worker = PIDREF_NULL, .pipe = -EBADF, .lines = {.max = LINE_MAX_BYTES}};
	int r;

	r = loop_new(&s.loop);
	if (r >= 0)
		r = loop_add_signal(s.loop, SIGTERM, "term", on_term, NULL, NULL);
	if (r >= 0)
		r = varlink_server_new(s.loop, "sysmaster", "upgrade", sysmaster_version,
		                       &s.varlink);
	if (r >= 0)
		r = varlink_server_add_interface(s.varlink, upgrade_description, methods,
		                                 ELEMENTSOF(methods), &s);
	if (r >= 0)
		r = listen_socket(s.varlink);
	if (r >= 0)
		r = loop_add_time(s.loop, CLOCK_BOOTTIME, now(CLOCK_BOOTTIME) + 2 * USEC_PER_MINUTE,
		                  USEC_PER_SEC, "idle", on_idle, &s, NULL);
	if (r < 0)
		return log_error_errno(r, "Failed to start: %m");
	{
		struct upgrade_state state;

		r = upgrade_state_load(&state);
		if (r >= 0 && (state.phase == PHASE_STAGING || state.phase == PHASE_ACTIVATING ||
		               state.phase == PHASE_GATING))
			start_worker(&s, WORK_RESUME, NULL);
		upgrade_state_done(&state);
	}
	r = loop_run(s.loop);
	varlink_server_free(s.varlink);
	loop_free(s.loop);
	return r;
}

static int read_configuration(void)
{
	uint64_t gate = config.gate_usec / USEC_PER_SEC;
	const struct conf_item items[] = {{"Upgrade", "GateSec", conf_parse_u64, &gate}};
	struct diag d = {0};
	int r = conf_read("/etc/sysmaster/upgrade.conf", items, ELEMENTSOF(items), &d);

	diag_log(&d, "upgrade");
	config.gate_usec = gate * USEC_PER_SEC;
	return r == -ENOENT ? 0 : r;
}

int main(int argc, char **argv)
{
	int r;

	log_setup("sysmaster-upgrade", LOG_TARGET_AUTO, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	(void) read_configuration();
	if (argc > 1 && streq(argv[1], "--version")) {
		printf("sysmaster-upgrade %s\n", sysmaster_version);
		return EXIT_SUCCESS;
	}
	r = argc > 1 && streq(argv[1], "--boot") ? worker_boot() : serve();
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
