// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/cmd.h"

#include "metadata/network/network.h"

#include <getopt.h>
#include <stdio.h>

static int render(const char *format, const cJSON *config, struct diag *d, cJSON **ret)
{
	auto_json cJSON *state = NULL;
	int r;

	if (streq(format, "netplan"))
		return network_render_netplan(config, d, ret);
	r = network_state_of(config, d, &state);
	return r < 0 ? r : network_render_networkd(state, d, ret);
}

int network_files_write(const char *root, const cJSON *files, struct diag *d)
{
	const cJSON *it;
	int r = 0;

	cJSON_ArrayForEach(it, files)
	{
		auto_free char *path = path_join(*root ? root : "/", it->string);
		/* netplan's file may hold the passwords of networks. */
		mode_t mode = str_ends_with(it->string, ".yaml") ? 0600 : 0644;

		r = path ? mkdir_parents(path, 0755) : -ENOMEM;
		if (r >= 0)
			r = file_write_atomic(path, it->valuestring, strlen(it->valuestring), mode,
			                      false);
		if (r < 0)
			return diag_add(d, r, DIAG_ERROR, it->string, 0, "cannot be written: %s",
			                strerror(-r));
	}
	return r;
}

static int usage(void)
{
	fprintf(stderr, "usage: sysmaster-metadata render --format netplan|networkd [--root DIR] "
	                "FILE|-\n");
	return EXIT_FAILURE;
}

int cmd_render(int argc, char **argv)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
	                                        {"root", required_argument, NULL, 'r'},
	                                        {0}};
	const char *format = "", *root = "";
	auto_json cJSON *config = NULL, *files = NULL;
	struct diag d = {0};
	int c, r;

	while ((c = getopt_long(argc, argv, "f:r:", options, NULL)) >= 0) {
		if (c == 'f')
			format = optarg;
		else if (c == 'r')
			root = optarg;
		else
			return usage();
	}
	if (argc - optind != 1 || (!streq(format, "netplan") && !streq(format, "networkd")))
		return usage();
	r = cmd_read_document(argv[optind], &d, &config);
	if (r >= 0)
		r = render(format, config, &d, &files);
	if (r >= 0)
		r = network_files_write(root, files, &d);
	return cmd_finish(&d, r);
}
