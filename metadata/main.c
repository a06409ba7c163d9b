// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/compat.h"

#include <stdio.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"apply", cmd_apply},     {"cloud-init", cmd_cloud_init}, {"fetch", cmd_fetch},
	{"final", cmd_final},     {"identify", cmd_identify},     {"leases", cmd_leases},
	{"network", cmd_network}, {"render", cmd_render},         {"validate", cmd_validate},
};

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? path_basename(argv[0]) : "";

	log_setup("sysmaster-metadata", LOG_TARGET_AUTO, LOG_INFO);
	umask(0022);
	if (streq(name, "cloud-init"))
		return cmd_cloud_init(argc, argv);
	if (streq(name, "cloud-id"))
		return cmd_cloud_id(argc, argv);
	for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
		if (streq(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr,
	        "usage: sysmaster-metadata apply [--stage local|network] [--root DIR [--network]] "
	        "| "
	        "final [--stage commands|host-keys] [--root DIR] | fetch [--root DIR] [--network] "
	        "[--source NAME] | leases | "
	        "identify "
	        "[--root DIR] | "
	        "render --format netplan|networkd [--root DIR] FILE | network [--root DIR] FILE | "
	        "validate FILE... | cloud-init VERB...\n");
	return EXIT_FAILURE;
}
