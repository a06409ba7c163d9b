// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle.h"

#include "base/json.h"
#include "base/map.h"
#include "base/path.h"
#include "base/str.h"

#include <stdio.h>

#define SCHEMA    "manifest.json"
#define MODE_MASK 0755

static int bad(struct diag *d, const char *fmt, const char *what)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return diag_add(d, -EBADMSG, DIAG_ERROR, SCHEMA, 0, fmt, what);
#pragma GCC diagnostic pop
}

bool bundle_version_is_valid(const char *version)
{
	size_t n = version ? strlen(version) : 0;

	if (n == 0 || n > BUNDLE_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = version[i];
		bool alnum =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alnum && (i == 0 || !strchr(".+~_-", c)))
			return false;
	}
	return true;
}

/* Relative, normalized, printable: no empty, "." or ".." component, no backslash, no control
 * character. */
static bool file_path_is_valid(const char *path)
{
	auto_free char *absolute = NULL;

	if (str_is_empty(path) || strlen(path) > BUNDLE_PATH_MAX || path[0] == '/' ||
	    streq(path, SCHEMA))
		return false;
	for (const char *c = path; *c; c++)
		if ((unsigned char) *c < 0x20 || *c == 0x7f || *c == '\\')
			return false;
	absolute = str_printf("/%s", path);
	return absolute && path_is_normalized(absolute) && utf8_is_valid(path, strlen(path));
}

static bool sha256_text_is_valid(const char *s)
{
	return strlen(s) == BUNDLE_SHA256_TEXT - 1 &&
	       strspn(s, "0123456789abcdef") == BUNDLE_SHA256_TEXT - 1;
}

static int parse_name(const cJSON *o, const char *key, struct diag *d, char **ret)
{
	const char *value;

	if (json_get_string(o, key, &value) < 0 || !bundle_version_is_valid(value))
		return bad(d, "\"%s\" is missing or not a plain name", key);
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

static int parse_versions(const cJSON *o, const char *key, struct diag *d, unsigned *ret,
                          size_t *ret_n)
{
	const cJSON *array, *item;
	size_t n = 0;

	if (json_get_array(o, key, &array) < 0)
		return bad(d, "\"%s\" is missing or not a list", key);
	cJSON_ArrayForEach(item, array)
	{
		if (n >= BUNDLE_VERSIONS_MAX)
			return diag_add(d, -E2BIG, DIAG_ERROR, SCHEMA, 0,
			                "\"%s\" has too many entries", key);
		if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 65535 ||
		    item->valuedouble != (double) (unsigned) item->valuedouble)
			return bad(d, "\"%s\" holds something that is not a version number", key);
		ret[n++] = (unsigned) item->valuedouble;
	}
	if (n == 0)
		return bad(d, "\"%s\" is empty", key);
	*ret_n = n;
	return 0;
}

/* Modes are written as octal text, "0755", since JSON has no octal numbers. */
static int parse_mode(const cJSON *o, mode_t *ret)
{
	const char *text;
	uint64_t mode;

	if (json_get_string(o, "mode", &text) < 0 || str_to_u64(text, 8, &mode) < 0)
		return -EBADMSG;
	if (mode & ~(uint64_t) MODE_MASK || !(mode & 0400))
		return -EBADMSG;
	*ret = (mode_t) mode;
	return 0;
}

static int parse_file(const cJSON *o, struct diag *d, struct bundle_file *f)
{
	const char *path, *sha256;

	if (!cJSON_IsObject(o) || json_get_string(o, "path", &path) < 0 ||
	    !file_path_is_valid(path))
		return bad(d, "%s", "A file has no path, or one that could lead outside");
	if (json_get_u64(o, "size", &f->size) < 0)
		return bad(d, "File \"%s\" has no size", path);
	if (f->size > BUNDLE_FILE_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, SCHEMA, 0, "File \"%s\" is too large", path);
	if (json_get_string(o, "sha256", &sha256) < 0 || !sha256_text_is_valid(sha256))
		return bad(d, "File \"%s\" has no SHA-256", path);
	if (parse_mode(o, &f->mode) < 0)
		return bad(d, "File \"%s\" has no mode, or one with more than 0755", path);
	memcpy(f->sha256, sha256, BUNDLE_SHA256_TEXT);
	f->path = strdup(path);
	return f->path ? 0 : -ENOMEM;
}

/* A file may not be a directory of another one, and none may come twice. */
static int check_paths(const struct bundle_manifest *m, struct diag *d)
{
	auto_cleanup(map_free) struct map *seen = map_new(MAP_STRING);
	int r;

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_files; i++) {
		r = map_add(seen, m->files[i].path, &m->files[i]);
		if (r == -EEXIST)
			return bad(d, "File \"%s\" is listed twice", m->files[i].path);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < m->n_files; i++) {
		char parent[BUNDLE_PATH_MAX + 1];

		memcpy(parent, m->files[i].path, strlen(m->files[i].path) + 1);
		for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
			*slash = 0;
			if (map_has(seen, parent))
				return bad(d, "\"%s\" is a file and a directory at once", parent);
		}
	}
	return 0;
}

static int parse_files(const cJSON *o, struct diag *d, struct bundle_manifest *m)
{
	const cJSON *array, *item;
	int n, r;

	if (json_get_array(o, "files", &array) < 0)
		return bad(d, "\"%s\" is missing or not a list", "files");
	n = cJSON_GetArraySize(array);
	if (n <= 0)
		return bad(d, "\"%s\" is empty", "files");
	if (n > BUNDLE_FILES_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, SCHEMA, 0, "More than %d files",
		                BUNDLE_FILES_MAX);
	m->files = calloc((size_t) n, sizeof(*m->files));
	if (!m->files)
		return -ENOMEM;
	cJSON_ArrayForEach(item, array)
	{
		r = parse_file(item, d, &m->files[m->n_files]);
		if (r < 0)
			return r;
		m->total_size += m->files[m->n_files++].size;
		if (m->total_size > BUNDLE_TOTAL_MAX)
			return diag_add(d, -E2BIG, DIAG_ERROR, SCHEMA, 0,
			                "The files together are too large");
	}
	return check_paths(m, d);
}

int bundle_manifest_parse(const char *text, size_t size, struct diag *d,
                          struct bundle_manifest **ret)
{
	auto_cleanup(bundle_manifest_free) struct bundle_manifest *m = NULL;
	auto_json cJSON *o = NULL;
	int r;

	if (size > BUNDLE_MANIFEST_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, SCHEMA, 0, "The manifest is too large");
	r = json_parse(text, size, SCHEMA, d, &o);
	if (r < 0)
		return r;
	if (!cJSON_IsObject(o))
		return bad(d, "%s", "The manifest is not an object");
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	if ((r = parse_name(o, "name", d, &m->name)) < 0 ||
	    (r = parse_name(o, "version", d, &m->version)) < 0 ||
	    (r = parse_name(o, "arch", d, &m->arch)) < 0 ||
	    (r = parse_versions(o, "wire", d, m->wire, &m->n_wire)) < 0 ||
	    (r = parse_versions(o, "state", d, m->state, &m->n_state)) < 0 ||
	    (r = parse_files(o, d, m)) < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

struct bundle_manifest *bundle_manifest_free(struct bundle_manifest *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->n_files; i++)
		free(m->files[i].path);
	free(m->files);
	free(m->name);
	free(m->version);
	free(m->arch);
	free(m);
	return NULL;
}

static cJSON *versions_to_json(const unsigned *v, size_t n)
{
	auto_json cJSON *a = cJSON_CreateArray();

	if (!a)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (json_append_take(a, cJSON_CreateNumber(v[i])) < 0)
			return NULL;
	return TAKE_PTR(a);
}

static cJSON *file_to_json(const struct bundle_file *f)
{
	auto_json cJSON *o = cJSON_CreateObject();
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", (unsigned) f->mode & 07777);
	if (!o || json_add_string(o, "path", f->path) < 0 || json_add_u64(o, "size", f->size) < 0 ||
	    json_add_string(o, "sha256", f->sha256) < 0 || json_add_string(o, "mode", mode) < 0)
		return NULL;
	return TAKE_PTR(o);
}

char *bundle_manifest_print(const struct bundle_manifest *m)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *files = cJSON_CreateArray();

	if (!o || json_add_string(o, "name", m->name) < 0 ||
	    json_add_string(o, "version", m->version) < 0 ||
	    json_add_string(o, "arch", m->arch) < 0 ||
	    json_add_take(o, "wire", versions_to_json(m->wire, m->n_wire)) < 0 ||
	    json_add_take(o, "state", versions_to_json(m->state, m->n_state)) < 0) {
		json_free(files);
		return NULL;
	}
	if (!files || json_add_take(o, "files", files) < 0)
		return NULL;
	for (size_t i = 0; i < m->n_files; i++)
		if (json_append_take(files, file_to_json(&m->files[i])) < 0)
			return NULL;
	return json_print(o, false);
}

static bool contains(const unsigned *v, size_t n, unsigned version)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == version)
			return true;
	return false;
}

bool bundle_manifest_reads_wire(const struct bundle_manifest *m, unsigned version)
{
	return contains(m->wire, m->n_wire, version);
}

bool bundle_manifest_reads_state(const struct bundle_manifest *m, unsigned version)
{
	return contains(m->state, m->n_state, version);
}
