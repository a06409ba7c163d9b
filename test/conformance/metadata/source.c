// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

#include "metadata/source/web.h"

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

/* ---- OVF environments ---- */

/* As cloud-init has it: [metadata, user-data, config]. */
static enum case_result compare_env(const cJSON *c, int r, const cJSON *env)
{
	const cJSON *e = case_get(c, "expect"), *got = case_get(env, "user-data");
	const char *wanted = case_string(cJSON_GetArrayItem(e, 1));
	struct blob data = {0};
	enum case_result result = CASE_PASS;

	if (case_get(c, "raises"))
		return r < 0 ? CASE_PASS : case_differs("environment", env, NULL);
	if (r < 0)
		return case_differs_text("environment", strerror(-r), NULL);
	if (case_compare("metadata", case_get(env, "metadata"), cJSON_GetArrayItem(e, 0)))
		return CASE_FAIL;
	if (cJSON_IsString(got) &&
	    (blob_set(&data, got->valuestring, strlen(got->valuestring)) < 0 ||
	     blob_maybe_base64(&data) < 0))
		return CASE_FAIL;
	result = case_compare_text("user-data", data.data ? data.data : "", wanted ? wanted : "");
	blob_done(&data);
	return result ? result
	              : case_compare("config", case_get(env, "config"), cJSON_GetArrayItem(e, 2));
}

static enum case_result run_ovf(const cJSON *c)
{
	const cJSON *first = case_get(c, "args")->child;
	auto_json cJSON *env = NULL, *yes = NULL;
	struct diag d = {0};
	int r;

	if (streq(case_text(c, "op"), "maybe_cdrom_device")) {
		if (case_get(c, "raises"))
			return cJSON_IsString(first) ? CASE_FAIL : CASE_PASS;
		yes = cJSON_CreateBool(
			ovf_is_cdrom_name(cJSON_IsString(first) ? first->valuestring : NULL));
		return case_compare("name", yes, case_get(c, "expect"));
	}
	r = ovf_env_parse(first->valuestring, strlen(first->valuestring), &d, &env);
	/* The network is only read where the caller asks for it. */
	if (r >= 0 && !cJSON_IsTrue(first->next))
		cJSON_DeleteItemFromObjectCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(env, "metadata"), "network-config");
	return compare_env(c, r, env);
}

/* A hash is salted: what counts is that there is one, in the same form. */
static void hide_hash(cJSON *v)
{
	cJSON *user = (cJSON *) (uintptr_t) case_get(v, "system_info.default_user");
	const char *hash = json_string_or(user, "hashed_passwd", NULL);

	if (hash && str_after(hash, "$6$"))
		cJSON_ReplaceItemInObjectCaseSensitive(user, "hashed_passwd",
		                                       cJSON_CreateString("$6$"));
}

static enum case_result run_azure_ovf(const cJSON *c)
{
	auto_json cJSON *env = NULL, *copy = cJSON_Duplicate(c, true);
	cJSON *config = cJSON_GetArrayItem(case_get(copy, "expect"), 2);
	const char *xml = case_string(case_get(c, "xml"));
	struct diag d = {0};
	int r = azure_ovf_env_parse(xml ? xml : "", xml ? strlen(xml) : 0, &d, &env);

	hide_hash(config);
	hide_hash(cJSON_GetObjectItemCaseSensitive(env, "config"));
	if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(config, "PreprovisionedVMType")))
		cJSON_DeleteItemFromObjectCaseSensitive(config, "PreprovisionedVMType");
	return compare_env(copy, r, env);
}

const struct case_file source_files[] = {
	{"misc/azure_ovf_env.json", run_azure_ovf, NULL},
	{"misc/ovf.json", run_ovf, NULL},
	{"misc/gce_keys.json", run_gce, NULL},
	{"misc/vendordata.json", run_vendor_data, NULL},
	{"misc/combine_url.json", run_url, NULL},
};
const size_t n_source_files = ELEMENTSOF(source_files);
