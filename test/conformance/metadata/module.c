// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

static const cJSON *argument(const cJSON *c, int i)
{
	return cJSON_GetArrayItem(case_get(c, "args"), i);
}

static const char *text_argument(const cJSON *c, int i)
{
	const cJSON *v = argument(c, i);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static cJSON *list_json(char *const *v)
{
	cJSON *a = cJSON_CreateArray();

	STRV_FOREACH (s, v)
		cJSON_AddItemToArray(a, cJSON_CreateString(*s));
	return a;
}

static enum case_result run_key(const cJSON *c)
{
	static const char *const fields[] = {"base64", "comment", "keytype", "options"};
	const char *line = case_text(c, "line");
	auto_json cJSON *got = NULL;

	line = line ? line : case_text(c, "expect.source");
	if (authorized_key_parse(line ? line : text_argument(c, 0), case_text(c, "options_arg"),
	                         &got) < 0)
		return CASE_FAIL;
	for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
		const char *wanted = case_text(case_get(c, "expect"), fields[i]),
			   *own = json_string_or(got, fields[i], NULL);

		/* An empty comment is none. */
		if (str_is_empty(wanted) && str_is_empty(own))
			continue;
		if (case_compare_text(fields[i], own, wanted))
			return CASE_FAIL;
	}
	return CASE_PASS;
}

static enum case_result run_key_paths(const cJSON *c)
{
	auto_strv char **paths = NULL;
	auto_json cJSON *got = NULL;

	if (authorized_keys_paths(text_argument(c, 0), text_argument(c, 1), text_argument(c, 2),
	                          &paths) < 0)
		return CASE_FAIL;
	got = list_json(paths);
	return case_compare("paths", got, case_get(c, "expect"));
}

static enum case_result run_shellify(const cJSON *c)
{
	auto_free char *got = NULL;
	struct diag d = {0};

	(void) shellify(argument(c, 0), "runcmd", &d, &got);
	return case_compare_text("script", got, case_text(c, "expect"));
}

static enum case_result run_size(const cJSON *c)
{
	auto_json cJSON *got = NULL;
	uint64_t n;

	if (size_parse(text_argument(c, 0), &n) >= 0)
		got = cJSON_CreateNumber((double) n);
	return case_compare("bytes", got, case_get(c, "expect"));
}

static enum case_result run_public_keys(const cJSON *c)
{
	const cJSON *v = argument(c, 0);
	auto_strv char **keys = NULL;
	auto_json cJSON *got = NULL;

	/* What stands for an object of the recorder is no value. */
	if (public_keys_of(case_get(v, "__obj__") ? NULL : v, &keys) < 0)
		return CASE_FAIL;
	got = list_json(keys);
	return case_compare("keys", got, case_get(c, "expect"));
}

static enum case_result run_hostname(const cJSON *c)
{
	struct instance i = {.meta_data = cJSON_CreateObject()};
	auto_free char *got = NULL;

	json_add_string(i.meta_data, "local-hostname", case_text(c, "metadata_local_hostname"));
	(void) instance_hostname(&i, cJSON_IsTrue(case_get(c, "fqdn")), &got);
	cJSON_Delete(i.meta_data);
	return case_compare_text("hostname", got, case_text(c, "expect"));
}

static enum case_result run_power_state(const cJSON *c)
{
	const cJSON *expect = case_get(c, "expect");
	auto_json cJSON *parsed = NULL, *got = NULL;
	struct diag d = {0};
	int r = power_state_parse(case_get(c, "config"), &d, &parsed);

	if (!expect)
		return r < 0 && r != -ENOENT ? CASE_PASS : case_differs("result", parsed, NULL);
	got = cJSON_CreateArray();
	cJSON_AddItemToArray(got, r < 0 ? cJSON_CreateNull()
	                                : cJSON_Duplicate(case_get(parsed, "argv"), true));
	cJSON_AddItemToArray(got, r < 0 ? cJSON_CreateNull()
	                                : cJSON_Duplicate(case_get(parsed, "timeout"), true));
	cJSON_AddItemToArray(got, r < 0 ? cJSON_CreateNull()
	                                : cJSON_Duplicate(case_get(parsed, "condition"), true));
	return case_compare("power state", got, expect);
}

/* The distribution's default user is not in the record: it is what the recorded run had. */
static cJSON *default_user_of_case(const cJSON *c)
{
	static const char bob[] = "{\"name\": \"bob\", \"gecos\": \"Ubuntu\", \"groups\": \"foo\", "
				  "\"home\": \"/home/ubuntu\", \"lock_passwd\": true, "
				  "\"plain_text_passwd\": \"ubuntu\", \"shell\": \"/bin/bash\"}";
	const cJSON *it;
	cJSON *user;

	if (strstr(case_text(c, "test"), "test_user_data_normalize"))
		return cJSON_Parse(bob);
	cJSON_ArrayForEach(it, case_get(c, "expect_users"))
	{
		if (!cJSON_IsTrue(case_get(it, "default")))
			continue;
		user = cJSON_Duplicate(it, true);
		cJSON_DeleteItemFromObject(user, "default");
		json_add_string(user, "name", it->string);
		return user;
	}
	return NULL;
}

static enum case_result run_users(const cJSON *c)
{
	auto_json cJSON *image = default_user_of_case(c), *got = NULL;
	struct diag d = {0};

	if (users_normalise(case_get(c, "config"), image, &d, &got) < 0)
		return case_differs_text("users", d.n_items ? d.items[0].text : "?", NULL);
	if (case_compare("groups", case_get(got, "groups"), case_get(c, "expect_groups")))
		return CASE_FAIL;
	return case_compare("users", case_get(got, "users"), case_get(c, "expect_users"));
}

static enum case_result run_swap_size(const cJSON *c)
{
	auto_json cJSON *got = cJSON_CreateNumber((double) swap_size_suggest(
		(uint64_t) cJSON_GetNumberValue(argument(c, 0)), UINT64_MAX, UINT64_MAX));

	return case_compare("bytes", got, case_get(c, "expect"));
}

static cJSON *encodings_json(const char *name)
{
	struct file_encoding e = file_encoding_parse(name);
	cJSON *list = cJSON_CreateArray();

	if (e.base64)
		cJSON_AddItemToArray(list, cJSON_CreateString("application/base64"));
	if (e.gzip)
		cJSON_AddItemToArray(list, cJSON_CreateString("application/x-gzip"));
	if (!list->child)
		cJSON_AddItemToArray(list, cJSON_CreateString("text/plain"));
	return list;
}

static enum case_result run_write_files(const cJSON *c)
{
	const char *op = case_text(c, "op");
	auto_json cJSON *got = NULL, *entry = cJSON_CreateObject();
	auto_blob struct blob text = {0};
	mode_t mode;

	if (streq(op, "decode_perms")) {
		if (file_mode_parse(argument(c, 0), &mode) >= 0)
			got = cJSON_CreateNumber(mode);
		else
			got = cJSON_CreateNull();
	} else if (streq(op, "canonicalize_extraction")) {
		got = encodings_json(text_argument(c, 0));
	} else {
		cJSON_AddItemToObject(entry, "content", cJSON_Duplicate(argument(c, 0), true));
		if (file_content_decode(entry, &text) >= 0)
			got = cJSON_CreateString(text.data);
	}
	return case_compare(op, got, case_get(c, "expect"));
}

static enum case_result run_update_events(const cJSON *c)
{
	auto_json cJSON *got = NULL;
	struct diag d = {0};

	(void) update_events_of(argument(c, 0), &d, &got);
	return case_compare("events", got, case_get(c, "expect"));
}

const struct case_file module_files[] = {
	{"misc/users_groups.json", run_users, NULL},
	{"misc/swapsize.json", run_swap_size, NULL},
	{"misc/write_files_encoding.json", run_write_files, NULL},
	{"misc/update_events.json", run_update_events, NULL},
	{"misc/authorized_keys_line.json", run_key, NULL},
	{"misc/authorized_keys_paths.json", run_key_paths, NULL},
	{"misc/shellify.json", run_shellify, NULL},
	{"misc/human2bytes.json", run_size, NULL},
	{"misc/pubkeys.json", run_public_keys, NULL},
	{"misc/hostname.json", run_hostname, NULL},
	{"misc/power_state.json", run_power_state, NULL},
};
const size_t n_module_files = ELEMENTSOF(module_files);
