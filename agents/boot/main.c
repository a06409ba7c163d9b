// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"
#include "boot/generator.h"
#include "boot/remount.h"
#include "boot/spare.h"
#include "boot/udev-trigger.h"

static int early(char **args _unused_)
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

static int utmp_boot(char **args _unused_)
{
	return utmp(UTMP_BOOT);
}

static int utmp_shutdown(char **args _unused_)
{
	return utmp(UTMP_SHUTDOWN);
}

static int utmp_runlevel(char **args _unused_)
{
	return utmp(UTMP_RUNLEVEL);
}

/* Each logs what it fails at, and none keeps the next one from running. */
static int generate(char **args)
{
	static const struct {
		const char *name;
		int (*run)(struct generator *g);
	} generators[] = {{"fstab", fstab_generate}, {"getty", getty_generate}};
	auto_strv char **names = NULL;
	struct generator g;
	int worst = strv_split(args[0], ",", &names);

	if (worst >= 0)
		worst = generator_init(&g, args[1], args[2], args[3]);
	if (worst < 0)
		return log_error_errno(worst, "Failed to prepare the generators: %m");
	STRV_FOREACH (n, names) {
		size_t i = 0;
		int r;

		while (i < ELEMENTSOF(generators) && !streq(generators[i].name, *n))
			i++;
		r = i < ELEMENTSOF(generators)
		            ? generators[i].run(&g)
		            : log_error_errno(-EINVAL, "There is no generator '%s'", *n);
		if (worst >= 0)
			worst = r;
	}
	generator_done(&g);
	return worst;
}

static int remount_fs(char **args _unused_)
{
	return boot_remount_fs();
}

static int udev_trigger(char **args _unused_)
{
	return boot_udev_trigger("", false);
}

static int udev_trigger_list(char **args _unused_)
{
	return boot_udev_trigger("", true);
}

static int spare(char **args)
{
	return boot_spare(args[0]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int n_args;
		int (*run)(char **args);
	} verbs[] = {
		{"early", 0, early},
		{"generate", 4, generate},
		{"remount-fs", 0, remount_fs},
		{"spare", 1, spare},
		{"udev-trigger", 0, udev_trigger},
		{"udev-trigger-list", 0, udev_trigger_list},
		{"utmp-boot", 0, utmp_boot},
		{"utmp-runlevel", 0, utmp_runlevel},
		{"utmp-shutdown", 0, utmp_shutdown},
	};

	log_setup("sysmaster-boot", LOG_TARGET_AUTO, LOG_INFO);
	for (size_t i = 0; argc >= 2 && i < ELEMENTSOF(verbs); i++)
		if (streq(verbs[i].name, argv[1]) && argc - 2 == verbs[i].n_args)
			return verbs[i].run(argv + 2) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	log_error("Usage: sysmaster-boot early|generate NAMES NORMAL EARLY LATE|remount-fs|spare "
	          "PROGRAM|"
	          "udev-trigger|udev-trigger-list|utmp-boot|utmp-runlevel|utmp-shutdown");
	return EXIT_FAILURE;
}
