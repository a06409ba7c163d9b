// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

int main(void)
{
	char id[ID128_TEXT_MAX];
	int r, code = EXIT_SUCCESS;

	log_setup("sysmaster-boot", LOG_TARGET_AUTO, LOG_INFO);
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
