// SPDX-License-Identifier: Apache-2.0
/*
 * Signals to PID 1 are an interface (systemd(1), SIGNALS): core gets to know them and decides.
 * Without a core the ones that mean something are carried out here.
 */
#include "init/init.h"

#include <sys/signalfd.h>
#include <unistd.h>

/* SIGRTMIN is the C library's, 34, as it is for everybody who sends one. */
#define RT(n) (34 + (n))

enum { NOTHING = -1, RETRY = -2 };

/* All real-time signals are told; only those that mean something here are listed. */
static const struct signal_row {
	int sig, without_core; /* enum wire_shutdown, or of the above */
	bool at_once;          /* even with a core */
} rows[] = {
	{SIGINT, WIRE_REBOOT},   {SIGPWR, WIRE_POWEROFF},    {SIGTERM, NOTHING},
	{SIGHUP, NOTHING},       {SIGUSR1, RETRY},           {SIGUSR2, NOTHING},
	{SIGWINCH, NOTHING},     {RT(3), WIRE_HALT},         {RT(4), WIRE_POWEROFF},
	{RT(5), WIRE_REBOOT},    {RT(6), WIRE_KEXEC},        {RT(10), RETRY},
	{RT(13), WIRE_HALT, 1},  {RT(14), WIRE_POWEROFF, 1}, {RT(15), WIRE_REBOOT, 1},
	{RT(16), WIRE_KEXEC, 1},
};

int signals_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < COUNT(rows); i++)
		sigaddset(&set, rows[i].sig);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		sigaddset(&set, i);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void signals_act(bool at_once_only)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!(st.signals & (1LL << (rows[i].sig - 1))) ||
		    (at_once_only && !rows[i].at_once))
			continue;
		if (rows[i].without_core >= 0)
			shutdown_now((enum wire_shutdown) rows[i].without_core, 0);
		if (rows[i].without_core == RETRY)
			core_retry();
	}
}

/*
 * Core ended, and what it was told last may have ended with it. A signal that is the reason why cores
 * end must not use up all of them, so there is a limit to it.
 */
void signals_tell_again(void)
{
	long long told = st.signals_told;

	if (!told)
		return;
	if (st.signals_again < SIGNALS_AGAIN_MAX) {
		st.signals_again++;
		st.signals |= told;
	} else {
		log_line(LOG_ERR, "signals %llx are not told to a core again",
		         (unsigned long long) told);
		st.signals_again = 0;
	}
	FENCE();
	st.signals_told = 0;
}

void signals_ack(long long sig)
{
	if (sig < 1 || sig > 64)
		return;
	st.signals_told &= ~(long long) (1ULL << (sig - 1));
	if (!st.signals_told)
		st.signals_again = 0;
}

void signals_without_core(void)
{
	signals_act(false);
	st.signals = 0;
}

void signals_read(int fd)
{
	struct signalfd_siginfo si[16];
	ssize_t n = sizeof(si);

	/* Bounded: a storm of signals must not keep us from the wire. */
	for (int i = 0; i < 16 && n == (ssize_t) sizeof(si); i++) {
		n = read(fd, si, sizeof(si));
		for (ssize_t k = 0; k < n / (ssize_t) sizeof(si[0]); k++) {
			if (si[k].ssi_signo == SIGCHLD)
				reap_due = true;
			else
				st.signals |= 1LL << (si[k].ssi_signo - 1);
		}
	}
	signals_act(true);
	if (st.core_state == CORE_EXHAUSTED && st.signals)
		signals_without_core();
}
