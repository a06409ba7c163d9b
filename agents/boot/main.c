// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

static int early(void)
{
	char id[ID128_TEXT_MAX];
	int r, worst = 0;

	r = boot_machine_id("", id);
	if (r < 0)
		worst = log_error_errno(r, "Failed to set the machine id: %m");
	else if (r > 0)
		log_info("This machine's id is now %s", id);
	r = boot_hostname("");
	if (r < 0)
		worst = log_error_errno(r, "Failed to set the host name: %m");
	r = boot_random_seed("");
	if (r < 0 && r != -ENOENT)
		log_warning_errno(r, "Failed to use the random seed: %m");
	return worst;
}

static int utmp(enum utmp_record what)
{
	int r = boot_utmp(what);

	return r < 0 ? log_error_errno(r, "Failed to write utmp: %m") : 0;
}

static int utmp_boot(void)
{
	return utmp(UTMP_BOOT);
}

static int utmp_shutdown(void)
{
	return utmp(UTMP_SHUTDOWN);
}

static int utmp_runlevel(void)
{
	return utmp(UTMP_RUNLEVEL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} verbs[] = {
		{"early", early},
		{"utmp-boot", utmp_boot},
		{"utmp-shutdown", utmp_shutdown},
		{"utmp-runlevel", utmp_runlevel},
	};

	log_setup("sysmaster-boot", LOG_TARGET_AUTO, LOG_INFO);
	for (size_t i = 0; argc == 2 && i < ELEMENTSOF(verbs); i++)
		if (streq(verbs[i].name, argv[1]))
			return verbs[i].run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	log_error("Usage: sysmaster-boot early|utmp-boot|utmp-shutdown|utmp-runlevel");
	return EXIT_FAILURE;
}
