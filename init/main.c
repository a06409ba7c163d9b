// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"
#include "init/stage/stage.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int arg_fd(const char *value)
{
	long long n;

	return number_parse(&value, value + strlen(value), &n) == 0 && n >= 0 && n <= NOFILE_HARD
	               ? (int) n
	               : -1;
}

/* The other words are the boot stage's. */
static void args_parse(char **argv)
{
	for (const char *value; *argv; argv++) {
		if ((value = str_prefix(*argv, "--state-fd=")))
			reexec.state_fd = arg_fd(value);
		else if ((value = str_prefix(*argv, "--fallback-fd=")))
			reexec.fallback_fd = arg_fd(value);
		else if ((value = str_prefix(*argv, "--went-back=")))
			reexec.went_back = value;
	}
}

/* ---- from boot or take-over to the loop ---- */

/* The place is made fit to live in by a child, which may die of it, and writes our first state. If
 * it cannot, we do the same ourselves. */
static void boot(char **argv)
{
	int fd = memfd_create("init-state", MFD_CLOEXEC), r = -errno;
	pid_t pid = fd < 0 ? -1 : fork();
	siginfo_t si = {0};

	if (pid == 0)
		_exit(stage_boot(argv, fd) < 0 ? 1 : 0);
	while (pid > 0 && (r = waitid(P_PID, (id_t) pid, &si, WEXITED)) < 0 && errno == EINTR)
		;
	if (pid > 0)
		r = state_load(fd);
	if (fd >= 0)
		close(fd);
	if (pid < 0 || r < 0) {
		state_reset();
		stage_boot(argv, -1);
	}
	place_enter();
	log_open();
}

/* We are a new version, or ourselves after a fault: the state and all fds are in our hands, core
 * lives on. */
static void take_over(void)
{
	int r = state_load(reexec.state_fd), lost;

	fcntl(reexec.state_fd, F_SETFD, FD_CLOEXEC);
	if (r < 0 && reexec.fallback_fd >= 0)
		fall_back("it cannot decode the state");
	lost = state_fds(0);
	log_open();
	if (r < 0 || lost)
		log_line(LOG_ERR, "state: %s, %d fds lost; going on with the rest",
		         r ? error_text(r) : "decoded", lost);
	core_take_over();
	upgrade_take_over();
	upgrade_finish(reexec.went_back);
}

static void loop_once(int signal_fd)
{
	struct pollfd p[] = {{.fd = signal_fd, .events = POLLIN},
	                     {.fd = (int) st.wire_fd, .events = wire_events()}};
	usec_t wait = st.core_deadline == USEC_NEVER ? INT32_MAX
	                                             : (st.core_deadline - now_usec() + 999) / 1000;

	if (wire_delay() >= 0 && wait > wire_delay())
		wait = wire_delay();
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
	upgrade_commit();
	core_on_deadline(now_usec());
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
	const char *word = argc > 1 ? argv[1] : "";
	int signal_fd;

	if (argc == 2 && !strcmp(word, "--version"))
		return print(init_version);
	if (str_prefix(word, "--stage="))
		return stage_main(argv + 1);
	args_parse(argv);
	if (!strcmp(word, "--self-check"))
		return self_check(reexec.state_fd);
	if (getpid() != 1) {
		/* "init 6" is an order to the init that runs. */
		argv[0] = (char *) "telinit";
		execv("/sbin/telinit", argv);
		print("init: this is PID 1 of sysmaster and cannot be anything else");
		return 1;
	}
	state_reset();
	reexec.taking_over = reexec.state_fd >= 0;
	faults_open(reexec.taking_over);
	if (reexec.taking_over) {
		take_over();
		signal_fd = signals_open_surely();
	} else {
		/* First: a power signal that comes during the boot stage waits, in place of being
		 * dropped. */
		signal_fd = signals_open_surely();
		boot(argv + 1);
	}
	if (st.self_fd < 0)
		st.self_fd = self_open();
	reexec.taking_over = false;
	faults_open(false);
	state_fds(FD_CLOEXEC);
	if (reexec.state_fd >= 0)
		close(reexec.state_fd);
	reexec.state_fd = -1;
	reap_due = true;
	for (;;)
		loop_once(signal_fd);
}
