// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

static enum case_result run_url(const cJSON *c)
{
	const cJSON *args = case_get(c, "args"), *it;
	const char *parts[16] = {NULL};
	auto_free char *got = NULL;
	size_t n = 0;

	for (it = args->child->next; it && n + 1 < ELEMENTSOF(parts); it = it->next)
		parts[n++] = cJSON_IsString(it) ? it->valuestring : "";
	(void) url_combine(args->child->valuestring, parts, &got);
	return case_compare_text("url", got, case_text(c, "expect"));
}

static enum case_result run_vendor_data(const cJSON *c)
{
	const cJSON *v = case_get(c, "args")->child;
	auto_json cJSON *got = NULL;
	struct diag d = {0};
	int r;

	/* Without "recurse" the value stands below "cloud-init". */
	if (cJSON_IsFalse(case_get(c, "kwargs.recurse"))) {
		auto_json cJSON *outer = cJSON_CreateObject();

		cJSON_AddItemToObject(outer, "cloud-init", cJSON_Duplicate(v, true));
		r = vendor_data_text(outer, &d, &got);
	} else {
		r = vendor_data_text(v, &d, &got);
	}
	if (case_get(c, "raises"))
		return r < 0 && r != -ENOENT ? CASE_PASS : case_differs("vendor data", got, NULL);
	if (r == -ENOENT)
		got = cJSON_CreateNull();
	return case_compare("vendor data", got, case_get(c, "expect"));
}

/* Dates in the cases are a day before and after the recording. */
#define RECORDED_AT 1795428000 /* 2026-11-23 10:00 UTC */

static enum case_result run_gce(const cJSON *c)
{
	const cJSON *first = case_get(c, "args")->child, *user = first->next, *it;
	auto_strv char **lines = NULL, **keys = NULL;
	auto_json cJSON *got = NULL;

	if (streq(case_text(c, "op"), "_has_expired")) {
		got = cJSON_CreateBool(cJSON_IsString(first) &&
		                       gce_key_has_expired(first->valuestring, RECORDED_AT));
		return case_compare("expired", got, case_get(c, "expect"));
	}
	cJSON_ArrayForEach(it, first) strv_append(&lines, it->valuestring);
	if (gce_keys_parse(lines,
	                   cJSON_IsString(user) ? user->valuestring
	                   : user               ? NULL
	                                        : "default",
	                   RECORDED_AT, &keys) < 0)
		return CASE_FAIL;
	got = cJSON_CreateArray();
	STRV_FOREACH (k, keys)
		cJSON_AddItemToArray(got, cJSON_CreateString(*k));
	return case_compare("keys", got, case_get(c, "expect"));
}

const struct case_file source_files[] = {
	{"misc/gce_keys.json", run_gce, NULL},
	{"misc/vendordata.json", run_vendor_data, NULL},
	{"misc/combine_url.json", run_url, NULL},
};
const size_t n_source_files = ELEMENTSOF(source_files);
