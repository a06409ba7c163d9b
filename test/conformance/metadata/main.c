// SPDX-License-Identifier: Apache-2.0
#include "platform.h"

#include <stdio.h>

#define CASES  TEST_SOURCE_DIR "/../../shared/metadata-cases"
#define LEDGER TEST_SOURCE_DIR "/../docs/conformance.md"

static bool verbose;

/* ---- for runners ---- */

enum case_result case_differs(const char *what, const cJSON *got, const cJSON *wanted)
{
	auto_free char *g = got ? json_print(got, false) : NULL,
		       *w = wanted ? json_print(wanted, false) : NULL;

	return case_differs_text(what, g, w);
}

enum case_result case_differs_text(const char *what, const char *got, const char *wanted)
{
	if (verbose)
		printf("    %s\n      got    %s\n      wanted %s\n", what, got ? got : "(none)",
		       wanted ? wanted : "(none)");
	return CASE_FAIL;
}

enum case_result case_compare(const char *what, const cJSON *got, const cJSON *wanted)
{
	bool same = got && wanted ? cJSON_Compare(got, wanted, true) : got == wanted;

	return same ? CASE_PASS : case_differs(what, got, wanted);
}

enum case_result case_compare_text(const char *what, const char *got, const char *wanted)
{
	return streq_ptr(got, wanted) ? CASE_PASS : case_differs_text(what, got, wanted);
}

const cJSON *case_get(const cJSON *c, const char *path)
{
	auto_strv char **parts = NULL;

	if (strv_split(path, ".", &parts) < 0)
		abort();
	STRV_FOREACH (p, parts)
		c = cJSON_GetObjectItemCaseSensitive(c, *p);
	return c;
}

const char *case_text(const cJSON *c, const char *path)
{
	const cJSON *v = case_get(c, path);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

bool case_blob(const cJSON *v, struct blob *ret)
{
	const cJSON *b64 = cJSON_GetObjectItemCaseSensitive(v, "__b64__"),
		    *bytes = cJSON_GetObjectItemCaseSensitive(v, "__bytes__");

	if (cJSON_IsString(b64))
		return base64_decode(b64->valuestring, strlen(b64->valuestring), ret) >= 0;
	if (cJSON_IsString(bytes))
		v = bytes;
	return cJSON_IsString(v) && blob_set(ret, v->valuestring, strlen(v->valuestring)) >= 0;
}

const char *case_string(const cJSON *v)
{
	static struct blob b;

	blob_done(&b);
	return case_blob(v, &b) ? b.data : NULL;
}

char *case_path(const char *name)
{
	return path_join(CASES, name);
}

/* ---- the ledger of known differences ---- */

static cJSON *ledger; /* id -> reason */

/* Rows "| `id` ... | reason |" of the section "metadata"; an id that ends in * stands for all that
 * begin so. */
static void read_ledger(void)
{
	auto_free char *text = NULL;
	auto_strv char **lines = NULL;
	bool is_ours = false;

	ledger = cJSON_CreateObject();
	if (file_read(LEDGER, &text, NULL) < 0 || strv_split(text, "\n", &lines) < 0)
		return;
	STRV_FOREACH (l, lines) {
		const char *reason;

		if (str_after(*l, "## "))
			is_ours = str_after(*l, "## metadata") != NULL;
		if (!is_ours || !str_after(*l, "| `"))
			continue;
		reason = strrchr(*l, '`') + 1;
		for (char *p = strchr(*l, '`'); p; p = strchr(p, '`')) {
			char *end = strchr(++p, '`');

			if (!end)
				break;
			*end = '\0';
			cJSON_AddStringToObject(ledger, p, reason);
			p = end + 1;
		}
	}
}

static const cJSON *ledger_find(const char *file, const char *id)
{
	auto_free char *full = str_printf("%s:%s", file, id);
	const cJSON *it;

	cJSON_ArrayForEach(it, ledger)
	{
		size_t n = strlen(it->string);

		if (streq(it->string, full) ||
		    (n && it->string[n - 1] == '*' && !strncmp(it->string, full, n - 1)))
			return it;
	}
	return NULL;
}

/* ---- running ---- */

struct totals {
	unsigned passed, known, failed, stale;
};

static void run_case(const struct case_file *f, const cJSON *c, size_t index, struct totals *t)
{
	char number[32];
	const char *id =
		json_string_or(c, "id", json_string_or(c, "name", json_string_or(c, "file", NULL)));
	const cJSON *known;

	auto_free char *again = NULL;

	snprintf(number, sizeof(number), "%zu", index);
	id = id ? id : number;
	/* A name that was there before in this file is the second's with "#2". */
	for (const cJSON *it = c->prev; it && it->next; it = it->prev)
		if (streq(json_string_or(it, "id", ""), id)) {
			again = str_printf("%s#2", id);
			id = again ? again : id;
			break;
		}
	known = ledger_find(f->name, id);
	if (f->run(c) == CASE_PASS) {
		t->passed++;
		/* A row that ends in * may cover some that pass. */
		if (known && !str_ends_with(known->string, "*")) {
			t->stale++;
			printf("  STALE %s:%s passes but is listed\n", f->name, id);
		}
		return;
	}
	if (known) {
		t->known++;
		return;
	}
	t->failed++;
	printf("  FAIL %s:%s\n", f->name, id);
}

/* The files of a folder that begin as they should, each a case. */
static cJSON *cases_of_folder(const char *path, const char *prefix)
{
	cJSON *doc = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(doc, prefix);
	auto_strv char **names = NULL;

	(void) dir_list(path, &names);
	STRV_FOREACH (n, names) {
		cJSON *c;

		if (!str_after(*n, prefix))
			continue;
		c = cJSON_CreateObject();
		json_add_string(c, "id", *n);
		cJSON_AddItemToArray(list, c);
	}
	return doc;
}

static cJSON *cases_of(const struct case_file *f)
{
	auto_free char *path = case_path(f->name), *text = NULL;
	size_t size;

	if (str_ends_with(f->name, "/"))
		return cases_of_folder(path, f->list);
	if (file_read(path, &text, &size) < 0)
		return NULL;
	for (char *p = strstr(text, "\\u0000"); p; p = strstr(p, "\\u0000"))
		p[5] = '0' + NUL_MARK;
	return cJSON_ParseWithLength(text, size);
}

static void run_file(const struct case_file *f, struct totals *total)
{
	auto_json cJSON *doc = cases_of(f);
	struct totals t = {0};
	const cJSON *c;
	size_t i = 0;

	if (!doc) {
		printf("  %s cannot be read\n", f->name);
		total->failed++;
		return;
	}
	cJSON_ArrayForEach(c, case_get(doc, f->list ? f->list : "cases")) run_case(f, c, i++, &t);
	printf("%-42s %4u of %4zu, %u known to differ, %u failed\n", f->name, t.passed, i, t.known,
	       t.failed);
	total->passed += t.passed;
	total->known += t.known;
	total->failed += t.failed;
	total->stale += t.stale;
	/* A file without a case would let everything pass. */
	if (!i)
		total->failed++;
}

static void run_files(const struct case_file *files, size_t n, const char *only, struct totals *t)
{
	for (size_t i = 0; i < n; i++)
		if (!only || strstr(files[i].name, only))
			run_file(&files[i], t);
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	struct totals t = {0};
	unsigned all;

	verbose = getenv("CASES_VERBOSE") != NULL;
	if (access(CASES, F_OK) < 0) {
		printf("SKIP: %s is not there\n", CASES);
		return 77;
	}
	read_ledger();
	run_files(detect_files, n_detect_files, only, &t);
	run_files(userdata_files, n_userdata_files, only, &t);
	run_files(network_files, n_network_files, only, &t);
	run_files(module_files, n_module_files, only, &t);
	run_files(source_files, n_source_files, only, &t);
	if (service_enter() < 0)
		printf("  no network namespace: what asks a service was left out\n");
	else {
		run_files(platform_files, n_platform_files, only, &t);
		run_files(recorded_files, n_recorded_files, only, &t);
		run_files(exchange_files, n_exchange_files, only, &t);
		run_files(afterburn_files, n_afterburn_files, only, &t);
	}
	all = t.passed + t.known + t.failed;
	printf("%u of %u passed (%.1f %%), %u known to differ, %u failed\n", t.passed, all,
	       all ? 100.0 * t.passed / all : 0, t.known, t.failed);
	cJSON_Delete(ledger);
	return t.failed || t.stale || !all;
}
