// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/cmd.h"

#include "metadata/userdata/userdata.h"

#include <stdio.h>

enum { VALID = 0, WRONG = 1, DEPRECATED = 2 };

/* A network configuration has a version; a cloud-config has none. */
static enum schema_kind kind_of(const cJSON *doc)
{
	const cJSON *inner = cJSON_GetObjectItemCaseSensitive(doc, "network"),
		    *version = cJSON_GetObjectItemCaseSensitive(cJSON_IsObject(inner) ? inner : doc,
	                                                        "version");

	if (!cJSON_IsNumber(version))
		return SCHEMA_CLOUD_CONFIG;
	return version->valuedouble == 1 ? SCHEMA_NETWORK_V1 : SCHEMA_NETWORK_V2;
}

static int check_document(const char *name, const char *text, size_t size)
{
	auto_json cJSON *doc = NULL, *lines = NULL;
	struct schema_report report;
	struct diag d = {0};
	int r = yaml_parse_lines(text, size, name, &d, &doc, &lines), errors;

	if (r < 0) {
		for (size_t i = 0; i < d.n_items; i++)
			printf("%s:%u: %s\n", name, d.items[i].line, d.items[i].text);
		return WRONG;
	}
	if (cJSON_IsNull(doc))
		return VALID;
	errors = schema_check(kind_of(doc), doc, lines, &report);
	for (size_t i = 0; i < report.n; i++) {
		const struct schema_finding *f = &report.items[i];

		printf("%s:%u: %s: %s\n", name, f->line, *f->path ? f->path : "(document)",
		       f->text);
	}
	r = errors != 0 ? WRONG : report.n ? DEPRECATED : VALID;
	schema_report_done(&report);
	return r;
}

/* User-data in a wrapping is checked part by part. */
static int check_file(const char *path)
{
	auto_free char *text = NULL;
	struct parts parts;
	struct blob blob;
	struct diag d = {0};
	size_t size;
	int r = file_read(path, &text, &size), worst = VALID;

	if (r < 0) {
		printf("%s: %s\n", path, strerror(-r));
		return WRONG;
	}
	if (!is_gzip(text, size) && !memmem(text, size, "MIME-Version", strlen("MIME-Version")) &&
	    (!part_type_of(text, size) || streq(part_type_of(text, size), "text/cloud-config")))
		return check_document(path, text, size);
	blob = (struct blob){text, size};
	if (parts_split(&blob, path, NULL, -1, &d, &parts) < 0)
		worst = WRONG;
	for (size_t i = 0; i < d.n_items; i++)
		printf("%s: %s\n", path, d.items[i].text);
	for (size_t i = 0; i < parts.n; i++) {
		auto_free char *name = str_printf("%s(%s)", path, parts.items[i].filename);

		if (!streq(parts.items[i].type, "text/cloud-config"))
			continue;
		r = check_document(name ? name : path, parts.items[i].payload.data,
		                   parts.items[i].payload.size);
		worst = worst == WRONG || r == WRONG ? WRONG : MAX(worst, r);
	}
	parts_done(&parts);
	return worst;
}

int cmd_validate(int argc, char **argv)
{
	int worst = VALID;

	if (argc < 2) {
		fprintf(stderr, "usage: sysmaster-metadata validate FILE...\n");
		return EXIT_FAILURE;
	}
	for (int i = 1; i < argc; i++) {
		int r = check_file(argv[i]);

		worst = worst == WRONG || r == WRONG ? WRONG : MAX(worst, r);
	}
	return worst;
}
