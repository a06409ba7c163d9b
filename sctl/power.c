// SPDX-License-Identifier: Apache-2.0
/* power.c - halt(8), poweroff(8), reboot(8): one program, told by its name what to do unless an option says otherwise. */
#include "sctl/power.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

enum { OPT_HELP = 256, OPT_NO_WALL, OPT_HALT, OPT_REBOOT };

static const struct option longs[] = {
	{"help", no_argument, NULL, OPT_HELP},       {"halt", no_argument, NULL, OPT_HALT},
	{"poweroff", no_argument, NULL, 'p'},        {"reboot", no_argument, NULL, OPT_REBOOT},
	{"force", no_argument, NULL, 'f'},           {"wtmp-only", no_argument, NULL, 'w'},
	{"no-wtmp", no_argument, NULL, 'd'},         {"no-sync", no_argument, NULL, 'n'},
	{"no-wall", no_argument, NULL, OPT_NO_WALL}, {0},
};

static int help(const char *self)
{
	printf("usage: %s [OPTION...]\n\n"
	       "      --halt, -p --poweroff, --reboot   What to do, in place of what the name "
	       "says\n"
	       "  -f, --force       Without stopping units; twice: at once\n"
	       "  -w, --wtmp-only   Only write the wtmp record of it\n"
	       "  -d, --no-wtmp     Accepted: the record is written when the machine goes down\n"
	       "  -n, --no-sync     Accepted: file systems are always synced\n"
	       "      --no-wall     No message to those who are logged in\n",
	       self);
	return EXIT_DONE;
}

static int write_record(void)
{
	static const char program[] = "/run/sysmaster/current/sysmaster-boot";

	execl(program, program, "utmp-shutdown", NULL);
	return error_exit(EXIT_FAILED, "%s: %s", program, strerror(errno));
}

int power_main(int argc, char **argv)
{
	const char *self = path_basename(argv[0]), *verb = self;
	bool record = false;
	int c;

	while ((c = getopt_long(argc, argv, "pfwdnhi", longs, NULL)) >= 0)
		switch (c) {
		case OPT_HELP:
			return help(self);
		case OPT_HALT:
			verb = "halt";
			break;
		case OPT_REBOOT:
			verb = "reboot";
			break;
		case 'p':
			verb = "poweroff";
			break;
		case 'f':
			arg.n_force++;
			break;
		case 'w':
			record = true;
			break;
		case OPT_NO_WALL:
			arg.no_wall = true;
			break;
		case 'd':
		case 'n':
		case 'h':
		case 'i':
			break;
		default:
			return EXIT_USAGE;
		}
	if (optind < argc)
		return error_exit(EXIT_USAGE, "%s: \"%s\" is not understood", self, argv[optind]);
	if (record)
		return write_record();
	return run_verb(verb, (char *[]){NULL});
}
