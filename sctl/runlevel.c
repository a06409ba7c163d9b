// SPDX-License-Identifier: Apache-2.0
/* runlevel.c - telinit(8) and runlevel(8), which Debian's packages still call. */
#include "sctl/power.h"

#include <stdio.h>
#include <utmpx.h>

static const struct level {
	const char *names, *verb, *unit;
} levels[] = {
	{"0", "poweroff", NULL},
	{"6", "reboot", NULL},
	{"1sS", "rescue", NULL},
	{"2", "isolate", "runlevel2.target"},
	{"3", "isolate", "runlevel3.target"},
	{"4", "isolate", "runlevel4.target"},
	{"5", "isolate", "runlevel5.target"},
	{"qQ", "daemon-reload", NULL},
	{"uU", "daemon-reexec", NULL},
};

static int usage(int code)
{
	fprintf(code == EXIT_DONE ? stdout : stderr,
	        "usage: telinit 0|1|2|3|4|5|6|s|q|u\n\n"
	        "0 power off, 6 reboot, 2 to 5 runlevelN.target, 1 and s rescue, q daemon-reload, "
	        "u daemon-reexec\n");
	return code;
}

int telinit_main(int argc, char **argv)
{
	const char *word = NULL;

	for (int i = 1; i < argc; i++) {
		if (streq(argv[i], "--help"))
			return usage(EXIT_DONE);
		if (streq(argv[i], "--no-wall"))
			continue;
		if (word || !argv[i][0] || argv[i][1])
			return usage(EXIT_USAGE);
		word = argv[i];
	}
	for (size_t i = 0; word && i < ELEMENTSOF(levels); i++)
		if (strchr(levels[i].names, *word))
			return run_verb(levels[i].verb, (char *[]){(char *) levels[i].unit, NULL});
	return usage(EXIT_USAGE);
}

int runlevel_main(int argc, char **argv)
{
	const struct utmpx *u, key = {.ut_type = RUN_LVL};
	int now, before;

	(void) argv;
	if (argc > 1)
		return error_exit(EXIT_USAGE, "usage: runlevel");
	setutxent();
	u = getutxid(&key);
	if (!u || u->ut_pid <= 0) {
		puts("unknown");
		return EXIT_FAILED;
	}
	now = u->ut_pid % 256;
	before = u->ut_pid / 256;
	printf("%c %c\n", before ? before : 'N', now);
	return EXIT_DONE;
}
