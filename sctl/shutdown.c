// SPDX-License-Identifier: Apache-2.0
/*
 * shutdown.c - shutdown(8). "now" is an order to core; a later time is a transient timer of core's, which lives on whatever becomes of
 * core, and a file that tells others of it. Logins end five minutes before, by a second timer.
 */
#include "sctl/power.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCHEDULED   "/run/systemd/shutdown/scheduled" /* USEC=, MODE=, ... as logind writes it */
#define NOLOGIN     "/run/nologin"
#define TIMER       "sysmaster-shutdown"
#define TIMER_LOGIN "sysmaster-nologin"
#define LOGIN_SEC   (5 * 60)

enum { OPT_HELP = 256, OPT_NO_WALL, OPT_SHOW };

static const struct option longs[] = {
	{"help", no_argument, NULL, OPT_HELP},
	{"halt", no_argument, NULL, 'H'},
	{"poweroff", no_argument, NULL, 'P'},
	{"reboot", no_argument, NULL, 'r'},
	{"no-wall", no_argument, NULL, OPT_NO_WALL},
	{"show", no_argument, NULL, OPT_SHOW},
	{0},
};

static int help(void)
{
	puts("usage: shutdown [OPTION...] [TIME] [MESSAGE...]\n\n"
	     "TIME: now, +MINUTES, HH:MM; +1 if there is none\n\n"
	     "  -P, --poweroff  Switch off (the default)\n"
	     "  -r, --reboot    Start again\n"
	     "  -H, --halt      Stop\n"
	     "  -h              The same as --poweroff, unless --halt is given\n"
	     "  -k              Only write the message\n"
	     "      --no-wall   Write no message\n"
	     "  -c              Cancel what was scheduled\n"
	     "      --show      Tell what is scheduled");
	return EXIT_DONE;
}

/* ---- what is scheduled ---- */

static int stop_timer(struct session *s, const char *name)
{
	auto_free char *timer = str_printf("%s.timer", name);
	auto_json cJSON *answer = NULL;
	cJSON *p = cJSON_CreateObject();
	const char *error = NULL;
	int r;

	json_add_string(p, "verb", "stop");
	json_add_strv(p, "names", (char *[]){timer, NULL});
	json_add_string(p, "mode", "replace");
	r = session_call(s, "org.sysmaster.Unit.Queue", p, &error, &answer);
	/* There is none. */
	return r == -EREMOTEIO ? 0 : r;
}

/* Also before another one is scheduled. */
static int cancel(void)
{
	auto_cleanup(session_close) struct session *s = NULL;
	int r = session_open(SERVICE_CONTROL, &s);

	if (r < 0)
		return EXIT_UNREACHABLE;
	r = stop_timer(s, TIMER);
	if (r >= 0)
		r = stop_timer(s, TIMER_LOGIN);
	if (r < 0)
		return session_exit_code(s, r);
	if (access(SCHEDULED, F_OK) >= 0)
		(void) unlink(NOLOGIN);
	(void) unlink(SCHEDULED);
	return EXIT_DONE;
}

static char *date_of(time_t t, bool utc)
{
	char text[64];
	struct tm tm;

	if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) ||
	    !strftime(text, sizeof(text), utc ? "%F %T UTC" : "%a %F %T %Z", &tm))
		return NULL;
	return strdup(text);
}

static int show(void)
{
	auto_free char *text = NULL, *date = NULL;
	char mode[16] = "";
	unsigned long long usec;
	size_t size;
	int r = file_read(SCHEDULED, &text, &size);

	if (r < 0 || sscanf(text, "USEC=%llu WARN_WALL=%*d MODE=%15s", &usec, mode) != 2)
		return error_exit(EXIT_FAILED, "No shutdown is scheduled");
	date = date_of((time_t) (usec / USEC_PER_SEC), false);
	printf("%s is scheduled for %s, \"shutdown -c\" cancels it.\n", mode, date ? date : "?");
	return EXIT_DONE;
}

/* In a process of its own: systemd-run keeps what it was told. */
static int set_timer(const char *name, time_t at, char *const *command)
{
	auto_free char *date = date_of(at, true), *unit = str_printf("--unit=%s", name),
		       *calendar = date ? str_printf("--on-calendar=%s", date) : NULL;
	auto_strv char **argv = NULL;
	const char *const words[] = {
		"systemd-run", "--quiet", unit, calendar, "--timer-property=AccuracySec=1s",
		"--collect",   "--"};
	int r = unit && calendar ? 0 : -ENOMEM, status = 0;
	pid_t pid;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(words); i++)
		r = strv_append(&argv, words[i]);
	if (r >= 0)
		r = strv_extend(&argv, command);
	if (r < 0)
		return error_exit(EXIT_FAILED, "%s", strerror(-r));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		optind = 0; /* getopt_long(3) begins anew */
		exit(run_main((int) strv_length(argv), argv));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return error_exit(EXIT_FAILED, "%s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int close_logins(time_t at)
{
	static const char script[] = "echo 'The system is going down. Only root may log in (see "
				     "pam_nologin(8)).' >" NOLOGIN;
	char *command[] = {(char *) "/bin/sh", (char *) "-c", (char *) script, NULL};

	return set_timer(TIMER_LOGIN, MAX(at - LOGIN_SEC, time(NULL) + 1), command);
}

static int write_scheduled(const char *verb, time_t at, const char *message)
{
	auto_free char *text = str_printf(
		"USEC=%llu\nWARN_WALL=%d\nMODE=%s\n%s%s%s", (unsigned long long) at * USEC_PER_SEC,
		!arg.no_wall, verb, *message ? "WALL_MESSAGE=" : "", message, *message ? "\n" : "");
	int r = text ? mkdir_parents(SCHEDULED, 0755) : -ENOMEM;

	if (r >= 0)
		r = file_write_atomic(SCHEDULED, text, strlen(text), 0644, false);
	return r < 0 ? error_exit(EXIT_FAILED, "%s: %s", SCHEDULED, strerror(-r)) : EXIT_DONE;
}

static int schedule(const char *verb, time_t at, const char *message)
{
	auto_free char *date = date_of(at, false);
	char self[PATH_MAX] = "", *command[] = {self, (char *) verb, NULL};
	int r = cancel();

	if (r != EXIT_DONE)
		return r;
	if (!date || readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
		return error_exit(EXIT_FAILED, "/proc/self/exe: %s", strerror(errno));
	r = set_timer(TIMER, at, command);
	if (r == EXIT_DONE)
		r = write_scheduled(verb, at, message);
	if (r == EXIT_DONE)
		r = close_logins(at);
	if (r == EXIT_DONE)
		fprintf(stderr, "%s is scheduled for %s, \"shutdown -c\" cancels it.\n", verb,
		        date);
	return r;
}

static void announce(const char *verb, time_t at, bool at_once, const char *message)
{
	auto_free char *date = date_of(at, false),
		       *text = str_printf("%s%sThe system will %s %s!", message,
	                                  *message ? "\r\n" : "", verb,
	                                  at_once ? "now"
	                                  : date  ? date
	                                          : "soon");

	if (text && !arg.no_wall)
		wall(text);
}

int shutdown_main(int argc, char **argv)
{
	const char *verb = "poweroff";
	bool halt = false, only_message = false;
	auto_free char *message = NULL;
	time_t now = time(NULL), at;
	int c;

	while ((c = getopt_long(argc, argv, "HPhrkca:fFnt:", longs, NULL)) >= 0)
		switch (c) {
		case OPT_HELP:
			return help();
		case OPT_SHOW:
			return show();
		case OPT_NO_WALL:
			arg.no_wall = true;
			break;
		case 'H':
			verb = "halt";
			halt = true;
			break;
		case 'P':
			verb = "poweroff";
			break;
		case 'h':
			verb = halt ? "halt" : "poweroff";
			break;
		case 'r':
			verb = "reboot";
			break;
		case 'k':
			only_message = true;
			break;
		case 'c':
			c = cancel();
			if (c == EXIT_DONE && !arg.no_wall)
				wall("The shutdown that was scheduled is cancelled.");
			return c;
		case 't':
		case 'a':
			break; /* of sysvinit's shutdown */
		default:
			return EXIT_USAGE;
		}
	if (shutdown_when(optind < argc ? argv[optind] : NULL, now, &at) < 0)
		return error_exit(EXIT_USAGE, "shutdown: \"%s\" is no time: now, +MINUTES or HH:MM",
		                  argv[optind]);
	message = optind + 1 < argc ? strv_join(argv + optind + 1, " ") : strdup("");
	if (!message)
		return error_exit(EXIT_FAILED, "Out of memory");
	if (only_message) {
		announce(verb, at, at == now, message);
		return EXIT_DONE;
	}
	if (at != now) {
		c = schedule(verb, at, message);
		if (c == EXIT_DONE)
			announce(verb, at, false, message);
		return c;
	}
	announce(verb, at, true, message);
	arg.no_wall = true; /* it was said */
	return run_verb(verb, (char *[]){NULL});
}
