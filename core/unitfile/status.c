// SPDX-License-Identifier: Apache-2.0
/* status.c - signals and exit statuses by name: systemd.exec(5), "Process Exit Codes". */
#include "unitfile/value.h"

#include <signal.h>
#include <stdio.h>

struct exit_status_row {
	const char *name;
	int status;
};
/* clang-format off */
static const struct exit_status_row exit_statuses[] = {
	{ "SUCCESS", 0 }, { "FAILURE", 1 },
	/* LSB */
	{ "INVALIDARGUMENT", 2 }, { "NOTIMPLEMENTED", 3 }, { "NOPERMISSION", 4 }, { "NOTINSTALLED", 5 }, { "NOTCONFIGURED", 6 },
	{ "NOTRUNNING", 7 },
	/* BSD */
	{ "USAGE", 64 }, { "DATAERR", 65 }, { "NOINPUT", 66 }, { "NOUSER", 67 }, { "NOHOST", 68 }, { "UNAVAILABLE", 69 },
	{ "SOFTWARE", 70 }, { "OSERR", 71 }, { "OSFILE", 72 }, { "CANTCREAT", 73 }, { "IOERR", 74 }, { "TEMPFAIL", 75 },
	{ "PROTOCOL", 76 }, { "NOPERM", 77 }, { "CONFIG", 78 },
	/* before the service's own program runs */
	{ "CHDIR", 200 }, { "NICE", 201 }, { "FDS", 202 }, { "EXEC", 203 }, { "MEMORY", 204 }, { "LIMITS", 205 },
	{ "OOM_ADJUST", 206 }, { "SIGNAL_MASK", 207 }, { "STDIN", 208 }, { "STDOUT", 209 }, { "CHROOT", 210 }, { "IOPRIO", 211 },
	{ "TIMERSLACK", 212 }, { "SECUREBITS", 213 }, { "SETSCHEDULER", 214 }, { "CPUAFFINITY", 215 }, { "GROUP", 216 },
	{ "USER", 217 }, { "CAPABILITIES", 218 }, { "CGROUP", 219 }, { "SETSID", 220 }, { "CONFIRM", 221 }, { "STDERR", 222 },
	{ "PAM", 224 }, { "NETWORK", 225 }, { "NAMESPACE", 226 }, { "NO_NEW_PRIVILEGES", 227 }, { "SECCOMP", 228 },
	{ "SELINUX_CONTEXT", 229 }, { "PERSONALITY", 230 }, { "APPARMOR", 231 }, { "ADDRESS_FAMILIES", 232 },
	{ "RUNTIME_DIRECTORY", 233 }, { "CHOWN", 235 }, { "SMACK_PROCESS_LABEL", 236 }, { "KEYRING", 237 },
	{ "STATE_DIRECTORY", 238 }, { "CACHE_DIRECTORY", 239 }, { "LOGS_DIRECTORY", 240 }, { "CONFIGURATION_DIRECTORY", 241 },
	{ "NUMA_POLICY", 242 }, { "CREDENTIALS", 243 }, { "BPF", 244 }, { "EXCEPTION", 255 },
};
/* clang-format on */

int exit_status_from_string(const char *s)
{
	int64_t n;

	for (size_t i = 0; i < ELEMENTSOF(exit_statuses); i++)
		if (streq(exit_statuses[i].name, s))
			return exit_statuses[i].status;
	return parse_number(s, false, &n) >= 0 && n <= 255 ? (int) n : -EINVAL;
}

/* "RTMIN", "RTMIN+3", "RTMAX-2"; the C library keeps the first two of the kernel's for itself. */
static int realtime_signal(const char *s)
{
	const char *rest = str_after(s, "RTMIN");
	bool from_max = !rest;
	uint32_t n = 0;
	int signo;

	if (from_max)
		rest = str_after(s, "RTMAX");
	if (!rest || (*rest && *rest != (from_max ? '-' : '+')))
		return -EINVAL;
	if (*rest && (str_to_u32(rest + 1, &n) < 0 || n > (uint32_t) (SIGRTMAX - SIGRTMIN)))
		return -EINVAL;
	signo = from_max ? SIGRTMAX - (int) n : SIGRTMIN + (int) n;
	return signo;
}

int signal_from_string(const char *s)
{
	const char *name = str_after(s, "SIG");
	int64_t n;

	if (parse_number(s, false, &n) >= 0)
		return n > 0 && n <= SIGRTMAX ? (int) n : -EINVAL;
	if (!name)
		name = s;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && streq(known, name))
			return i;
	}
	if (streq(name, "IOT"))
		return SIGABRT;
	if (streq(name, "CLD"))
		return SIGCHLD;
	return realtime_signal(name);
}

const char *signal_to_string(int sig)
{
	/* Room for every signal, filled as it is asked for: names are constant, so a second call writes the same. */
	static char names[_NSIG][16];
	const char *known;

	if (sig <= 0 || sig >= _NSIG)
		return NULL;
	known = sigabbrev_np(sig);
	if (known)
		snprintf(names[sig], sizeof(names[sig]), "SIG%s", known);
	else if (sig >= SIGRTMIN && sig <= SIGRTMAX)
		snprintf(names[sig], sizeof(names[sig]),
		         sig == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+%d", sig - SIGRTMIN);
	else
		return NULL;
	return names[sig];
}
