// SPDX-License-Identifier: Apache-2.0
/*
 * Signals to PID 1 are an interface (systemd(1), SIGNALS): core gets to know them and decides.
 * Without a core the ones that end the machine are carried out here. SIGRTMIN is the C library's,
 * 34, as it is for everybody who sends one.
 */
#include "init/init.h"

#include <sys/signalfd.h>
#include <unistd.h>

static const int told[] = {SIGINT, SIGPWR, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

/* Offsets from SIGRTMIN; +10 is "at once", without core. */
static const struct power_signal {
	int offset;
	enum wire_shutdown how;
} power_signals[] = {{3, WIRE_HALT}, {4, WIRE_POWEROFF}, {5, WIRE_REBOOT}, {6, WIRE_KEXEC}};
#define AT_ONCE      10
#define SIGRTMIN_TRY 10

int signals_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < COUNT(told); i++)
		sigaddset(&set, told[i]);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		sigaddset(&set, i);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void signals_without_core(void)
{
	long long pending = st.signals;

	st.signals = 0;
	for (size_t i = 0; i < COUNT(power_signals); i++)
		if (pending & (1LL << (SIGRTMIN + power_signals[i].offset - 1)))
			shutdown_now(power_signals[i].how, 0);
	if (pending & (1LL << (SIGINT - 1)))
		shutdown_now(WIRE_REBOOT, 0);
	if (pending & (1LL << (SIGPWR - 1)))
		shutdown_now(WIRE_POWEROFF, 0);
	if (pending & (1LL << (SIGUSR1 - 1) | 1LL << (SIGRTMIN + SIGRTMIN_TRY - 1)))
		core_retry();
}

static void signal_take(int sig)
{
	if (sig == SIGCHLD) {
		reap_due = true;
		return;
	}
	for (size_t i = 0; i < COUNT(power_signals); i++)
		if (sig == SIGRTMIN + power_signals[i].offset + AT_ONCE)
			shutdown_now(power_signals[i].how, 0);
	st.signals |= 1LL << (sig - 1);
}

void signals_read(int fd)
{
	struct signalfd_siginfo si[16];
	ssize_t n;

	/* Bounded: a storm of signals must not keep us from the wire. */
	for (int i = 0; i < 16; i++) {
		n = read(fd, si, sizeof(si));
		for (ssize_t k = 0; k < n / (ssize_t) sizeof(si[0]); k++)
			signal_take((int) si[k].ssi_signo);
		if (n < (ssize_t) sizeof(si))
			break;
	}
	if (st.core_state == CORE_EXHAUSTED && st.signals)
		signals_without_core();
}
