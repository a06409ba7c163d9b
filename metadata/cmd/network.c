// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/cmd.h"

#include "metadata/network/network.h"
#include "metadata/userdata/userdata.h"

#include <getopt.h>
#include <stdio.h>

int cmd_network(int argc, char **argv)
{
	static const struct option options[] = {{"root", required_argument, NULL, 'r'},
	                                        {"wait", required_argument, NULL, 'w'},
	                                        {0}};
	struct network_apply_options o = {.root = ""};
	auto_json cJSON *config = NULL, *state = NULL;
	struct network_plan plan = {0};
	struct diag d = {0};
	uint32_t seconds = 0;
	int c, r;

	while ((c = getopt_long(argc, argv, "r:w:", options, NULL)) >= 0) {
		if (c == 'r')
			o.root = optarg;
		else if (c != 'w' || str_to_u32(optarg, &seconds) < 0)
			goto usage;
	}
	if (argc - optind != 1)
		goto usage;
	r = cmd_read_document(argv[optind], &d, &config);
	if (r >= 0)
		r = network_state_of(config, &d, &state);
	if (r >= 0)
		r = network_plan_of(state, &plan);
	if (r >= 0)
		r = network_apply(&plan, &o, &d);
	if (r >= 0 && seconds &&
	    network_wait(&plan, now(CLOCK_BOOTTIME) + seconds * USEC_PER_SEC) < 0)
		diag_add(&d, -ETIMEDOUT, DIAG_WARNING, "network", 0,
		         "not all of it is up after %u s", seconds);
	network_plan_done(&plan);
	return cmd_finish(&d, r);
usage:
	fprintf(stderr, "usage: sysmaster-metadata network [--root DIR] [--wait SECONDS] FILE|-\n");
	return EXIT_FAILURE;
}
