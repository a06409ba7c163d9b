// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

/* "utmp-boot", "utmp-shutdown": the two records that the stock service asks systemd for. */
static int record_utmp(const char *verb)
{
	int r;

	if (!streq(verb, "utmp-boot") && !streq(verb, "utmp-shutdown"))
		return log_error_errno(EINVAL, "No such verb: %s", verb);
	r = boot_utmp(streq(verb, "utmp-shutdown"));
	return r < 0 ? log_error_errno(r, "Failed to write utmp: %m") : 0;
}

int main(int argc, char **argv)
{
	char id[ID128_TEXT_MAX];
	int r, code = EXIT_SUCCESS;

	log_setup("sysmaster-boot", LOG_TARGET_AUTO, LOG_INFO);
	if (argc > 1)
		return record_utmp(argv[1]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	r = boot_machine_id("", id);
	if (r < 0) {
		log_error_errno(r, "Failed to set the machine id: %m");
		code = EXIT_FAILURE;
	} else if (r > 0) {
		log_info("This machine's id is now %s", id);
	}
	r = boot_hostname("");
	if (r < 0) {
		log_error_errno(r, "Failed to set the host name: %m");
		code = EXIT_FAILURE;
	}
	r = boot_random_seed("");
	if (r < 0 && r != -ENOENT)
		log_warning_errno(r, "Failed to use the random seed: %m");
	return code;
}
