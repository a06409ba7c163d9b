// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int arg_fd(const char *value)
{
	long long n;

	return number_parse(&value, value + strlen(value), &n) == 0 && n >= 0 && n <= NOFILE_HARD
	               ? (int) n
	               : -1;
}

/* The kernel hands us words of its command line that it does not know; we ignore those that we do
 * not know either. */
static void args_parse(int argc, char **argv)
{
	reexec.argv0 = argc > 0 ? argv[0] : (char *) "init";
	for (int i = 1; i < argc; i++) {
		const char *value, *option = str_prefix(argv[i], "--");

		if (option && (value = str_prefix(option, "state-fd=")))
			reexec.state_fd = arg_fd(value);
		else if (option && (value = str_prefix(option, "fallback-fd=")))
			reexec.fallback_fd = arg_fd(value);
		else if (option && (value = str_prefix(option, "went-back=")))
			reexec.went_back = value;
		else if (reexec.n_args < ARGS_MAX)
			reexec.args[reexec.n_args++] = argv[i];
	}
}

static void args_apply(void)
{
	for (int i = 0; i < reexec.n_args; i++) {
		const char *option = str_prefix(reexec.args[i], "--");

		if (option && option_set(option) == -EINVAL)
			log_line(LOG_WARNING, "option %s is not valid", reexec.args[i]);
	}
}

/* ---- take-over and loop ---- */

/* We are a new version, or ourselves after a fault: the state and all fds are in our hands, core
 * lives on. */
static void take_over(void)
{
	int r = state_load(reexec.state_fd), lost;

	if (r < 0 && reexec.fallback_fd >= 0)
		fall_back("it cannot decode the state");
	lost = state_verify_fds();
	log_open();
	if (r < 0 || lost)
		log_line(LOG_ERR, "state: %s, %d fds lost; going on with the rest",
		         r ? error_text(r) : "decoded", lost);
}

static void loop_once(int signal_fd)
{
	struct pollfd p[] = {{.fd = signal_fd, .events = POLLIN},
	                     {.fd = (int) st.wire_fd, .events = wire_events()}};
	usec_t next = st.helper_kind != HELPER_NONE && st.helper_deadline < st.core_deadline
	                      ? st.helper_deadline
	                      : st.core_deadline;
	usec_t wait = next == USEC_NEVER ? INT32_MAX : (next - now_usec() + 999) / 1000;

	if (wire_retry && wait > WIRE_RETRY_MSEC)
		wait = WIRE_RETRY_MSEC;
	if (wait < 0 || reap_due)
		wait = 0;
	if (poll(p, COUNT(p), wait > INT32_MAX ? INT32_MAX : (int) wait) < 0)
		p[0].revents = p[1].revents = POLLIN;
	if (p[0].revents)
		signals_read(signal_fd);
	if (p[1].revents)
		wire_read(p[1].revents & POLLHUP);
	if (reap_due)
		reap();
	core_on_deadline(now_usec());
	helper_on_deadline(now_usec());
	wire_flush();
}

static int signals_open_surely(void)
{
	struct timespec nap = {.tv_sec = 1};
	int fd;

	/* Nothing works without it; memory or fds may come back. */
	while ((fd = signals_open()) < 0) {
		log_line(LOG_CRIT, "signalfd: %s", error_text(fd));
		nanosleep(&nap, NULL);
	}
	return fd;
}

static int print(const char *text)
{
	size_t n = strlen(text);

	return write(STDOUT_FILENO, text, n) == (ssize_t) n && write(STDOUT_FILENO, "\n", 1) == 1
	               ? 0
	               : 1;
}

int main(int argc, char **argv)
{
	int signal_fd;

	if (argc == 2 && !strcmp(argv[1], "--version"))
		return print(init_version);
	args_parse(argc, argv);
	if (reexec.n_args && !strcmp(reexec.args[0], "--self-check"))
		return self_check(reexec.state_fd);
	if (getpid() != 1) {
		print("init: this is PID 1 of sysmaster and cannot be anything else");
		return 1;
	}
	state_reset();
	reexec.taking_over = reexec.state_fd >= 0;
	faults_open(reexec.taking_over);
	if (reexec.taking_over)
		take_over();
	else
		boot();
	boot_options();
	args_apply();
	options_default();
	if (st.self_fd < 0)
		st.self_fd = self_open();
	signal_fd = signals_open_surely();
	if (reexec.taking_over)
		core_take_over();
	else
		core_start();
	state_keep_fds(false);
	reexec.taking_over = false;
	faults_open(false);
	if (reexec.state_fd >= 0)
		close(reexec.state_fd);
	upgrade_finish(reexec.went_back);
	reap_due = true;
	for (;;)
		loop_once(signal_fd);
}
