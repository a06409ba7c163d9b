// SPDX-License-Identifier: Apache-2.0
/* leases: what "apply" got by DHCP is renewed for as long as this runs. */
#include "metadata/boot/boot.h"
#include "metadata/cmd/cmd.h"

#include <signal.h>
#include <stdio.h>

static volatile bool stop;

static void on_signal(int number)
{
	(void) number;
	stop = true;
}

int cmd_leases(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct lease_set leases = {.n = 0};
	int r;

	if (argc != 1) {
		fprintf(stderr, "usage: sysmaster-metadata %s\n", argv[0]);
		return EXIT_FAILURE;
	}
	/* Addresses stay when it ends: the next one goes on with them. */
	(void) sigaction(SIGTERM, &action, NULL);
	(void) sigaction(SIGINT, &action, NULL);
	r = leases_load(&leases);
	if (r >= 0)
		r = leases_keep(&leases, &stop);
	lease_set_done(&leases);
	if (r < 0 && r != -ENOENT) {
		log_error_errno(r, "Leases cannot be kept: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
