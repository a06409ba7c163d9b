// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

/* ---- parts ---- */

struct mock {
	const cJSON *expected; /* parts, from which the included documents are taken */
	int next;
};

/* The documents behind the URLs are not in the cases; what came of them is. */
static int fetch(void *userdata, const char *url, bool once, struct blob *ret)
{
	struct mock *m = userdata;

	(void) once;
	if (strstr(url, "forbidden"))
		return -EACCES;
	return case_blob(case_get(cJSON_GetArrayItem(m->expected, m->next++), "payload"), ret)
	               ? 0
	               : -ENOENT;
}

static cJSON *blob_json(const struct blob *b)
{
	cJSON *j = cJSON_CreateObject();
	auto_free char *text = NULL;

	if (utf8_is_valid(b->data, b->size) && !memchr(b->data, '\0', b->size)) {
		cJSON_AddStringToObject(j, "__bytes__", b->data);
	} else {
		base64_encode(b->data, b->size, &text);
		cJSON_AddStringToObject(j, "__b64__", text);
	}
	return j;
}

static cJSON *parts_json(const struct parts *p)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < p->n; i++) {
		cJSON *j = cJSON_CreateObject();

		cJSON_AddStringToObject(j, "filename", p->items[i].filename);
		cJSON_AddItemToObject(j, "headers", cJSON_Duplicate(p->items[i].headers, true));
		cJSON_AddItemToObject(j, "payload", blob_json(&p->items[i].payload));
		cJSON_AddStringToObject(j, "type", p->items[i].type);
		cJSON_AddItemToArray(list, j);
	}
	return list;
}

static enum case_result run_process(const cJSON *c)
{
	const cJSON *expected = case_get(c, "parts");
	struct mock mock = {expected, 0};
	struct include include = {fetch, &mock};
	auto_json cJSON *got = NULL;
	auto_blob struct blob b = {0};
	struct parts parts;
	struct diag d = {0};
	int r;

	if (!case_blob(case_get(c, "input"), &b))
		return case_differs_text("input", "not a text", NULL);
	r = parts_split(&b, "user-data", &include, -1, &d, &parts);
	got = parts_json(&parts);
	parts_done(&parts);
	if (case_get(c, "raises"))
		return r < 0 ? CASE_PASS : case_differs_text("result", "no error", "an error");
	return case_compare(case_text(c, "id"), got, expected);
}

static enum case_result run_type(const cJSON *c)
{
	const char *text = case_string(case_get(c, "payload")), *got;

	got = text ? part_type_of(text, strlen(text)) : NULL;
	return case_compare_text("type", got ? got : case_text(c, "default"), case_text(c, "type"));
}

/* ---- merging ---- */

static enum case_result run_how(const cJSON *c)
{
	const cJSON *input = case_get(c, "input"), *how = input;
	auto_json cJSON *got = NULL;
	int r;

	if (cJSON_IsObject(input)) {
		how = case_get(input, "merge_how");
		how = how ? how : case_get(input, "merge_type");
	}
	r = merge_how_parse(how, &got);
	if (case_get(c, "raises"))
		return r < 0 ? CASE_PASS : case_differs("result", got, NULL);
	return case_compare("mergers", got, case_get(c, "expect"));
}

/* The parts as a message, through the whole of userdata_read(). */
static enum case_result run_merge(const cJSON *c)
{
	auto_strbuf struct strbuf b = {0};
	auto_free char *text = NULL;
	struct instance i = {.meta_data = cJSON_CreateObject()};
	struct userdata u = {0};
	struct diag d = {0};
	const cJSON *part, *header;
	enum case_result result;

	strbuf_puts(&b, "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=b=\"\n\n");
	cJSON_ArrayForEach(part, case_get(c, "parts"))
	{
		const char *type = case_text(part, "ctype"),
			   *payload = case_string(case_get(part, "payload"));

		/* Those without a type are documents of files, which are configuration. */
		strbuf_printf(&b, "--=b=\nContent-Type: %s\n", type ? type : "text/cloud-config");
		cJSON_ArrayForEach(
			header, case_get(part, "headers")) if (cJSON_IsString(header) &&
		                                               strcasestr(header->string, "merge"))
			strbuf_printf(&b, "%s: %s\n", header->string, header->valuestring);
		strbuf_printf(&b, "\n%s\n", payload ? payload : "");
	}
	strbuf_puts(&b, "--=b=--\n");
	strbuf_take(&b, &text);
	blob_set(&i.user_data, text, strlen(text));
	(void) userdata_read(&i, NULL, &d, &u);
	result = case_compare(case_text(c, "id"), u.config, case_get(c, "result"));
	userdata_done(&u);
	blob_done(&i.user_data);
	cJSON_Delete(i.meta_data);
	return result;
}

static cJSON *document_of(const char *file)
{
	auto_free char *path = case_path(file), *text = NULL;
	struct diag d = {0};
	cJSON *doc = NULL;
	size_t size;

	if (file_read(path, &text, &size) >= 0)
		(void) yaml_parse(text, size, file, &d, &doc);
	return doc;
}

/* sourceN-M.yaml, in order, are expectedN.yaml. */
static enum case_result run_merge_sources(const cJSON *c)
{
	const char *id = str_after(case_text(c, "id"), "expected");
	auto_json cJSON *whole = cJSON_CreateObject();
	cJSON *parts = cJSON_AddArrayToObject(whole, "parts");
	auto_free char *expected = str_printf("userdata/merge_sources/%s", case_text(c, "id"));

	for (int m = 1;; m++) {
		auto_free char *name = str_printf("userdata/merge_sources/source%d-%d.yaml",
		                                  atoi(id), m),
			       *path = case_path(name), *text = NULL;
		cJSON *part;

		if (file_read(path, &text, NULL) < 0)
			break;
		part = cJSON_CreateObject();
		json_add_string(part, "payload", text);
		cJSON_AddItemToArray(parts, part);
	}
	json_add_string(whole, "id", case_text(c, "id"));
	cJSON_AddItemToObject(whole, "result", document_of(expected));
	return run_merge(whole);
}

/* ---- jinja ---- */

static enum case_result run_jinja(const cJSON *c)
{
	const char *text = case_text(c, "template");
	const cJSON *expect = case_get(c, "expect");
	auto_blob struct blob got = {0};
	struct diag d = {0};
	int r = jinja_render(text, strlen(text), case_get(c, "instance_data"), "t", &d, &got);

	if (!expect || cJSON_IsNull(expect))
		return r < 0 ? CASE_PASS : case_differs_text(text, got.data, "an error");
	if (r < 0)
		return case_differs_text(text, d.items[0].text, expect->valuestring);
	return case_compare_text(text, got.data, expect->valuestring);
}

/* ---- schema ---- */

/* {"path": true} of what is wrong, or of what is deprecated. */
static cJSON *paths_of_report(const struct schema_report *r, bool deprecated)
{
	cJSON *j = cJSON_CreateObject();

	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].is_deprecated == deprecated &&
		    !cJSON_GetObjectItemCaseSensitive(j, r->items[i].path))
			cJSON_AddTrueToObject(j, r->items[i].path);
	return j;
}

static cJSON *paths_of_case(const cJSON *pairs)
{
	cJSON *j = cJSON_CreateObject();
	const cJSON *it;

	cJSON_ArrayForEach(it, pairs)
	{
		const char *path = it->child->valuestring;

		if (!cJSON_GetObjectItemCaseSensitive(j, path))
			cJSON_AddTrueToObject(j, path);
	}
	return j;
}

static enum case_result run_schema(const cJSON *c)
{
	const cJSON *config = case_get(c, "config");
	bool is_network = streq(case_text(c, "schema_type"), "network-config"),
	     valid = cJSON_IsTrue(case_get(c, "valid"));
	auto_json cJSON *got = NULL, *wanted = NULL;
	struct schema_report r;
	int errors = schema_check(is_network ? SCHEMA_NETWORK_V1 : SCHEMA_CLOUD_CONFIG, config,
	                          NULL, &r);
	bool strict = cJSON_IsTrue(case_get(c, "strict")), own = errors == 0 && r.n == 0;
	enum case_result result = CASE_PASS;

	/* Without "strict" cloud-init only warns. */
	if (!strict) {
		schema_report_done(&r);
		return valid ? CASE_PASS : CASE_FAIL;
	}

	for (int deprecated = 0; deprecated < 2; deprecated++) {
		got = paths_of_report(&r, deprecated);
		wanted = paths_of_case(case_get(c, deprecated ? "deprecations" : "errors"));
		if (own != valid || !cJSON_Compare(got, wanted, true))
			result = case_differs(deprecated ? "deprecated" : "wrong", got, wanted);
		cJSON_Delete(TAKE_PTR(got));
		cJSON_Delete(TAKE_PTR(wanted));
	}
	schema_report_done(&r);
	return result;
}

/* ---- documents ---- */

/* The whole document through the door of user-data: its kind, its keys, and whether they are known. */
static enum case_result run_document(const cJSON *c)
{
	auto_free char *name = path_join("cloud-config", case_text(c, "file")),
		       *path = case_path(name), *text = NULL;
	auto_json cJSON *doc = NULL, *wanted = NULL, *got = NULL;
	const char *type = case_text(c, "type"), *told;
	struct diag d = {0};
	const cJSON *it;
	size_t size;
	int r;

	if (file_read(path, &text, &size) < 0)
		return case_differs_text("file", "cannot be read", NULL);
	if (!case_get(c, "keys")) {
		/* Other kinds: what their first line tells. */
		told = part_type_of(text, size);
		if (case_get(c, "yaml_error") && streq(type, "cloud-config"))
			return yaml_parse(text, size, "doc", &d, &doc) < 0
			               ? CASE_PASS
			               : case_differs("document", doc, NULL);
		if (streq(type, "other"))
			return CASE_PASS;
		return told && strstr(told, streq(type, "script")         ? "shellscript"
		                            : streq(type, "jinja")        ? "jinja2"
		                            : streq(type, "include")      ? "include"
		                            : streq(type, "include-once") ? "include-once"
		                                                          : type)
		               ? CASE_PASS
		               : case_differs_text("type", told, type);
	}
	r = yaml_parse(text, size, "doc", &d, &doc);
	if (r < 0)
		return case_differs_text("document", d.items[0].text, NULL);
	wanted = cJSON_CreateObject();
	got = cJSON_CreateObject();
	cJSON_ArrayForEach(it, case_get(c, "keys"))
		cJSON_AddBoolToObject(wanted, it->valuestring, true);
	cJSON_ArrayForEach(it, case_get(c, "unknown_keys"))
	{
		cJSON_DeleteItemFromObjectCaseSensitive(wanted, it->valuestring);
		cJSON_AddBoolToObject(wanted, it->valuestring, false);
	}
	cJSON_ArrayForEach(it, doc)
		cJSON_AddBoolToObject(got, it->string, schema_knows_key(it->string));
	return case_compare("keys", got, wanted);
}

/* ---- instance data ---- */

static enum case_result run_redact(const cJSON *c)
{
	auto_json cJSON *got = NULL;

	(void) instance_data_redact(case_get(c, "args")->child, &got);
	return case_compare("redacted", got, case_get(c, "expect"));
}

const struct case_file userdata_files[] = {
	{"userdata/process.json", run_process, NULL},
	{"userdata/type_from_prefix.json", run_type, NULL},
	{"userdata/merge_how_parse.json", run_how, NULL},
	{"userdata/cloud_config_merge.json", run_merge, NULL},
	{"userdata/merge_sources/", run_merge_sources, "expected"},
	{"userdata/jinja.json", run_jinja, NULL},
	{"schema/cases.json", run_schema, NULL},
	{"cloud-config/index.json", run_document, "docs"},
	{"misc/redact.json", run_redact, NULL},
};
const size_t n_userdata_files = ELEMENTSOF(userdata_files);
