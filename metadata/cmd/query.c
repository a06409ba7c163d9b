// SPDX-License-Identifier: Apache-2.0
/* cloud-init query, schema. */
#include "metadata/cmd/compat.h"

#include <getopt.h>
#include <stdio.h>

static int read_data(const char *root, const char *file, cJSON **ret)
{
	auto_free char *all = path_join3(*root ? root : "/", COMPAT_RUN,
	                                 "instance-data-sensitive.json"),
		       *open = path_join3(*root ? root : "/", COMPAT_RUN, "instance-data.json");
	int r;

	if (!all || !open)
		return -ENOMEM;
	if (file)
		return json_parse_file(file, NULL, ret);
	r = json_parse_file(all, NULL, ret);
	/* Who is not root sees what is for everybody. */
	return r < 0 ? json_parse_file(open, NULL, ret) : r;
}

/* "ds.meta_data.keys.0"; a name of v1 stands for itself, and a dash for an underline. */
static const cJSON *look_up(const cJSON *data, const char *path)
{
	auto_strv char **parts = NULL;
	const cJSON *v = data, *v1 = cJSON_GetObjectItemCaseSensitive(data, "v1");
	uint32_t index;

	if (strv_split(path, ".", &parts) < 0)
		return NULL;
	for (size_t i = 0; v && parts && parts[i]; i++) {
		const cJSON *next;
		auto_free char *dashed = strdup(parts[i]);

		for (char *p = dashed; p && *p; p++)
			*p = *p == '_' ? '-' : *p;
		if (cJSON_IsArray(v)) {
			v = str_to_u32(parts[i], &index) >= 0 ? cJSON_GetArrayItem(v, (int) index)
			                                      : NULL;
			continue;
		}
		next = cJSON_GetObjectItemCaseSensitive(v, parts[i]);
		if (!next && i == 0)
			next = cJSON_GetObjectItemCaseSensitive(v1, parts[i]);
		if (!next && dashed)
			next = cJSON_GetObjectItemCaseSensitive(v, dashed);
		v = next;
	}
	return v;
}

static int print_value(const cJSON *v)
{
	auto_free char *text = cJSON_IsString(v) ? strdup(v->valuestring) : json_print(v, true);

	if (!text)
		return EXIT_FAILURE;
	printf("%s\n", text);
	return EXIT_SUCCESS;
}

static int print_keys(const cJSON *v)
{
	auto_strv char **names = NULL;
	const cJSON *it;

	if (!cJSON_IsObject(v))
		return EXIT_FAILURE;
	cJSON_ArrayForEach(it, v) if (strv_append(&names, it->string) < 0) return EXIT_FAILURE;
	strv_sort_unique(names);
	STRV_FOREACH (n, names)
		printf("%s\n", *n);
	return EXIT_SUCCESS;
}

/* Names of v1 are known without it in a template, too. */
static int print_template(const cJSON *data, const char *template)
{
	auto_json cJSON *all = cJSON_Duplicate(data, true);
	auto_blob struct blob out = {0};
	struct diag d = {0};
	const cJSON *it;
	int r;

	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(data, "v1"))
	{
		if (!cJSON_GetObjectItemCaseSensitive(all, it->string))
			(void) json_add_take(all, it->string, cJSON_Duplicate(it, true));
	}
	r = jinja_render(template, strlen(template), all, "--format", &d, &out);
	if (r < 0)
		return cmd_finish(&d, r);
	printf("%s\n", out.data);
	return EXIT_SUCCESS;
}

int cmd_query(int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
	                                        {"list-keys", no_argument, NULL, 'l'},
	                                        {"format", required_argument, NULL, 'f'},
	                                        {"instance-data", required_argument, NULL, 'i'},
	                                        {"root", required_argument, NULL, 'R'},
	                                        {0}};
	const char *template = NULL, *file = NULL, *root = "", *name;
	bool everything = false, lists = false;
	auto_json cJSON *data = NULL;
	const cJSON *v;
	int c;

	while ((c = getopt_long(argc, argv, "alf:i:", options, NULL)) >= 0) {
		if (c == 'a')
			everything = true;
		else if (c == 'l')
			lists = true;
		else if (c == 'f')
			template = optarg;
		else if (c == 'i')
			file = optarg;
		else if (c == 'R')
			root = optarg;
		else
			return EXIT_FAILURE;
	}
	name = argv[optind];
	if (!everything && !lists && !template && !name) {
		fprintf(stderr, "usage: cloud-init query --all | --list-keys [NAME] | --format "
		                "TEMPLATE | NAME\n");
		return EXIT_FAILURE;
	}
	if (read_data(root, file, &data) < 0) {
		fprintf(stderr, "query: the instance's data cannot be read\n");
		return EXIT_FAILURE;
	}
	if (template)
		return print_template(data, template);
	v = name ? look_up(data, name) : data;
	if (!v) {
		fprintf(stderr, "query: there is no \"%s\"\n", name);
		return EXIT_FAILURE;
	}
	return lists ? print_keys(v) : print_value(v);
}

/* ---- schema ---- */

static int check_file(const char *path, const char *kind)
{
	auto_free char *text = NULL;
	struct diag d = {0};
	struct schema_report report = {0};
	auto_json cJSON *doc = NULL, *lines = NULL;
	enum schema_kind schema = SCHEMA_CLOUD_CONFIG;
	size_t size;
	int n, r = file_read(path, &text, &size);

	if (r >= 0)
		r = yaml_parse_lines(text, size, path, &d, &doc, &lines);
	if (r < 0) {
		printf("Invalid %s %s\nError: %s\n", kind, path,
		       d.n_items ? d.items[0].text : strerror(-r));
		return EXIT_FAILURE;
	}
	if (streq(kind, "network-config")) {
		const cJSON *inner = cJSON_GetObjectItemCaseSensitive(doc, "network");

		schema = json_u64_or(inner ? inner : doc, "version", 1) == 2 ? SCHEMA_NETWORK_V2
		                                                             : SCHEMA_NETWORK_V1;
	}
	n = schema_check(schema, doc, lines, &report);
	if (n > 0)
		printf("Invalid %s %s\n", kind, path);
	for (size_t i = 0; i < report.n; i++)
		printf("%s: %s:%u: %s: %s\n",
		       report.items[i].is_deprecated ? "Deprecated" : "Error", path,
		       report.items[i].line, report.items[i].path, report.items[i].text);
	if (n == 0)
		printf("Valid schema %s\n", path);
	schema_report_done(&report);
	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_schema(int argc, char **argv)
{
	static const struct option options[] = {{"config-file", required_argument, NULL, 'c'},
	                                        {"schema-type", required_argument, NULL, 't'},
	                                        {"system", no_argument, NULL, 's'},
	                                        {"annotate", no_argument, NULL, 'a'},
	                                        {0}};
	const char *file = NULL, *kind = "user-data";
	int c;

	while ((c = getopt_long(argc, argv, "c:t:", options, NULL)) >= 0) {
		if (c == 'c')
			file = optarg;
		else if (c == 't')
			kind = streq(optarg, "network-config") ? optarg : "user-data";
		else if (c == 's')
			file = "/" COMPAT_LIB "/instance/user-data.txt";
		else if (c == 'a')
			fprintf(stderr,
			        "schema: --annotate: lines are said, the file is not repeated\n");
		else
			return EXIT_FAILURE;
	}
	if (!file) {
		fprintf(stderr, "usage: cloud-init schema --config-file FILE [--schema-type "
		                "network-config] | --system\n");
		return EXIT_FAILURE;
	}
	return check_file(file, kind);
}
