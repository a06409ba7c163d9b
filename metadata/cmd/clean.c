// SPDX-License-Identifier: Apache-2.0
/* cloud-init clean, analyze, and the table of verbs. */
#include "metadata/cmd/compat.h"

#include <getopt.h>
#include <stdio.h>

#define OWN_STATE "var/lib/sysmaster/metadata"
#define OWN_RUN   "run/sysmaster/metadata"

static char *below(const char *root, const char *path)
{
	return path_join(*root ? root : "/", path);
}

/* Everything in the folder but @keep. */
static int empty_folder(const char *root, const char *folder, const char *keep)
{
	auto_free char *path = below(root, folder);
	auto_strv char **names = NULL;
	int r = path ? dir_list(path, &names) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	STRV_FOREACH (n, names) {
		auto_free char *child = path_join(path, *n);

		if (r >= 0 && !(keep && streq(*n, keep)))
			r = child ? rm_rf(child) : -ENOMEM;
	}
	return r;
}

static int clean_files(const char *root, bool seed, bool logs)
{
	static const char *const log_files[] = {"var/log/cloud-init.log",
	                                        "var/log/cloud-init-output.log"};
	int r = empty_folder(root, COMPAT_LIB, seed ? NULL : "seed");

	if (r >= 0)
		r = empty_folder(root, OWN_STATE, NULL);
	for (size_t i = 0; logs && i < ELEMENTSOF(log_files) && r >= 0; i++) {
		auto_free char *path = below(root, log_files[i]);

		r = path ? rm_rf(path) : -ENOMEM;
	}
	return r;
}

/* What was written from metadata beside the state: -c KIND. */
static int clean_configs(const char *root, const char *kind)
{
	static const struct {
		const char *kind, *path;
	} rows[] = {
		{"network", "etc/netplan/50-cloud-init.yaml"},
		{"network", "etc/network/interfaces.d/50-cloud-init"},
		{"ssh_config", "etc/ssh/sshd_config.d/50-cloud-init.conf"},
	};
	auto_free char *networkd = below(root, "etc/systemd/network");
	auto_strv char **names = NULL;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++) {
		auto_free char *path = below(root, rows[i].path);

		if (streq(kind, rows[i].kind) || streq(kind, "all"))
			r = path ? rm_rf(path) : -ENOMEM;
	}
	if (r < 0 || streq(kind, "ssh_config") || !networkd || dir_list(networkd, &names) < 0)
		return r;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(networkd, *n);

		if (str_after(*n, "10-cloud-init-") && r >= 0)
			r = path ? rm_rf(path) : -ENOMEM;
	}
	return r;
}

static int clean_machine_id(const char *root)
{
	auto_free char *path = below(root, "etc/machine-id");

	/* The next boot makes a new one. */
	return path ? file_write_atomic(path, "uninitialized\n", 14, 0444, true) : -ENOMEM;
}

int cmd_clean(int argc, char **argv)
{
	static const struct option options[] = {{"logs", no_argument, NULL, 'l'},
	                                        {"seed", no_argument, NULL, 's'},
	                                        {"machine-id", no_argument, NULL, 'm'},
	                                        {"configs", required_argument, NULL, 'c'},
	                                        {"reboot", no_argument, NULL, 'r'},
	                                        {"root", required_argument, NULL, 'R'},
	                                        {0}};
	bool logs = false, seed = false, machine_id = false, reboot = false;
	const char *root = "", *configs = NULL;
	int c, r;

	while ((c = getopt_long(argc, argv, "lsrc:", options, NULL)) >= 0) {
		if (c == 'l')
			logs = true;
		else if (c == 's')
			seed = true;
		else if (c == 'm')
			machine_id = true;
		else if (c == 'r')
			reboot = true;
		else if (c == 'c')
			configs = optarg;
		else if (c == 'R')
			root = optarg;
		else
			return EXIT_FAILURE;
	}
	r = clean_files(root, seed, logs);
	if (r >= 0 && configs)
		r = clean_configs(root, configs);
	if (r >= 0 && machine_id)
		r = clean_machine_id(root);
	if (r < 0) {
		fprintf(stderr, "clean: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	if (reboot && !*root) {
		r = run_program(
			(char *[]){(char[]){"shutdown"}, (char[]){"-r"}, (char[]){"now"}, NULL},
			NULL, 60 * USEC_PER_SEC);
		return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* ---- analyze ---- */

static int compare_cost(const void *a, const void *b)
{
	uint64_t x = json_u64_or(*(const cJSON *const *) a, "took_usec", 0),
		 y = json_u64_or(*(const cJSON *const *) b, "took_usec", 0);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* show: in their order; blame: the dearest first. */
static void print_modules(const cJSON *entries, bool blame)
{
	size_t n = (size_t) cJSON_GetArraySize(entries), i = 0;
	auto_free const cJSON **list = calloc(n + 1, sizeof(*list));
	const cJSON *it;

	if (!list)
		return;
	cJSON_ArrayForEach(it, entries) list[i++] = it;
	if (blame)
		qsort(list, n, sizeof(*list), compare_cost);
	for (i = 0; i < n; i++)
		printf("%12.5fs (%s/%s)%s\n", (double) json_u64_or(list[i], "took_usec", 0) / 1e6,
		       json_string_or(list[i], "stage", "?"), json_string_or(list[i], "name", "?"),
		       json_bool_or(list[i], "failed", false) ? " failed" : "");
}

int cmd_analyze(int argc, char **argv)
{
	static const char *const files[] = {"/" OWN_RUN "/apply.json", "/" OWN_RUN "/final.json",
	                                    "/" OWN_RUN "/host-keys.json"};
	const char *verb = argc > 1 ? argv[1] : "";
	bool found = false;

	if (!streq(verb, "show") && !streq(verb, "blame") && !streq(verb, "dump")) {
		fprintf(stderr, "usage: cloud-init analyze show | blame | dump\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < ELEMENTSOF(files); i++) {
		auto_json cJSON *j = NULL;
		auto_free char *text = NULL;

		if (json_parse_file(files[i], NULL, &j) < 0)
			continue;
		found = true;
		if (streq(verb, "dump")) {
			text = json_print(j, true);
			printf("%s\n", text ? text : "");
			continue;
		}
		printf("-- %s: %.5fs --\n", json_string_or(j, "stage", "?"),
		       (double) json_u64_or(j, "took_usec", 0) / 1e6);
		print_modules(cJSON_GetObjectItemCaseSensitive(j, "modules"), streq(verb, "blame"));
	}
	if (!found)
		fprintf(stderr, "analyze: nothing was applied in this boot\n");
	return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- cloud-init ---- */

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"analyze", cmd_analyze}, {"clean", cmd_clean},   {"query", cmd_query},
	{"schema", cmd_schema},   {"status", cmd_status},
};

int cmd_cloud_init(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
		if (streq(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (argc > 1 && (streq(argv[1], "--version") || streq(argv[1], "-v"))) {
		printf("sysmaster-metadata " SYSMASTER_VERSION "\n");
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: cloud-init status | query | schema | clean | analyze\n");
	return EXIT_FAILURE;
}
