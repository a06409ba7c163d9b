// SPDX-License-Identifier: Apache-2.0
/*
 * stock.c - what is left to systemd's own program of the same name: everything about the user manager, which is not ours, and all of
 * systemd-analyze that does not ask PID 1.
 */
#include "sctl/sctl.h"

#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

int exec_stock(const char *name, char **argv)
{
	static const char *const patterns[] = {"/usr/bin/%s.distrib", "/usr/bin/%s", "/bin/%s",
	                                       "/usr/lib/sysmaster/stock/%s"};
	struct stat own, other;

	if (stat("/proc/self/exe", &own) < 0)
		return error_exit(EXIT_FAILED, "/proc: %s", strerror(errno));
	for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
		auto_free char *path = NULL;
		const char *at = strchr(patterns[i], '%');

		path = str_printf("%.*s%s%s", (int) (at - patterns[i]), patterns[i], name, at + 2);
		if (!path || stat(path, &other) < 0 ||
		    (other.st_dev == own.st_dev && other.st_ino == own.st_ino))
			continue;
		execv(path, argv);
	}
	return error_exit(EXIT_FAILED, "This needs systemd's own %s, which is not installed", name);
}

int analyze_main(int argc, char **argv)
{
	static const char *const ours[] = {"log-level", "log-target", "service-watchdogs",
	                                   "time",      "blame",      "unit-paths"};

	if (argc < 2 || ENUM_FROM_STRING(ours, argv[1]) < 0)
		return exec_stock("systemd-analyze", argv);
	if (streq(argv[1], "unit-paths"))
		return run_verb("unit-path", (char *[]){NULL});
	if (streq(argv[1], "time") || streq(argv[1], "blame"))
		return run_verb("analyze", (char *[]){argv[1], NULL});
	return run_verb(argv[1], argv + 2);
}
