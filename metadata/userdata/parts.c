// SPDX-License-Identifier: Apache-2.0
/* User-data in any of its wrappings, as a flat list of parts. */
#include "metadata/userdata/mime.h"

#include <ctype.h>

#define WRAPPED_MAX 8 /* includes in includes, archives in messages, ... */

void part_done(struct part *p)
{
	free(p->type);
	free(p->filename);
	cJSON_Delete(p->headers);
	blob_done(&p->payload);
	*p = (struct part){0};
}

void parts_done(struct parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		part_done(&p->items[i]);
	free(p->items);
	*p = (struct parts){0};
}

/* ---- what the first line tells ---- */

const char *part_type_of(const char *text, size_t size)
{
	/* A longer marker stands before one that it begins with. */
	static const struct {
		const char *marker, *type;
	} rows[] = {
		{"## template: jinja", "text/jinja2"},
		{"#include-once", "text/x-include-once-url"},
		{"#include", "text/x-include-url"},
		{"#!", "text/x-shellscript"},
		{"#cloud-config-archive", "text/cloud-config-archive"},
		{"#cloud-config-jsonp", "text/cloud-config-jsonp"},
		{"#cloud-config", "text/cloud-config"},
		{"#cloud-boothook", "text/cloud-boothook"},
		{"#part-handler", "text/part-handler"},
	};

	while (size && isspace((unsigned char) *text)) {
		text++;
		size--;
	}
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		size_t n = strlen(rows[i].marker);

		if (size >= n && !strncasecmp(text, rows[i].marker, n))
			return rows[i].type;
	}
	return NULL;
}

/* ---- the walk ---- */

struct walk {
	const char *name;
	const struct include *include;
	int index;
	struct diag *d;
	struct parts *parts;
	size_t seen; /* parts met, those left out, too: names count on */
	int worst;
};

static int complain(struct walk *w, int error, const char *text)
{
	w->worst = error;
	return diag_add(w->d, error, DIAG_ERROR, w->name, 0, "%s", text);
}

/* The launch index of the header, else of a cloud-config's own key. -1: none. */
static int launch_index(const struct part *p)
{
	const cJSON *header = mime_header(p->headers, "Launch-Index"), *own;
	auto_json cJSON *config = NULL;
	int64_t n;

	if (cJSON_IsString(header))
		return str_to_i64(str_strip(header->valuestring), &n) >= 0 ? (int) n : -1;
	if (!streq(p->type, "text/cloud-config") || !strstr(p->payload.data, "launch-index") ||
	    yaml_parse(p->payload.data, p->payload.size, "launch-index", NULL, &config) < 0)
		return -1;
	own = cJSON_GetObjectItemCaseSensitive(config, "launch-index");
	if (cJSON_IsNumber(own))
		return (int) own->valuedouble;
	return cJSON_IsString(own) && str_to_i64(own->valuestring, &n) >= 0 ? (int) n : -1;
}

/* Takes what is in @p, whatever happens. */
static int attach(struct walk *w, struct part *p)
{
	auto_free char *number = NULL;
	struct part *more;
	int index, r = 0;

	w->seen++;
	if (w->seen > METADATA_PARTS_MAX)
		r = -E2BIG;
	if (r >= 0 && !p->filename)
		p->filename = str_printf("part-%03zu", w->seen);
	if (r >= 0 && !p->filename)
		r = -ENOMEM;
	index = r >= 0 ? launch_index(p) : -1;
	if (index >= 0 && !mime_header(p->headers, "Launch-Index")) {
		number = str_printf("%d", index);
		cJSON_AddStringToObject(p->headers, "Launch-Index", number ? number : "");
	}
	if (r < 0 || (w->index >= 0 && index >= 0 && index != w->index)) {
		part_done(p);
		return r == -E2BIG ? complain(w, r, "too many parts") : r;
	}
	more = realloc(w->parts->items, (w->parts->n + 1) * sizeof(*more));
	if (!more) {
		part_done(p);
		return -ENOMEM;
	}
	w->parts->items = more;
	w->parts->items[w->parts->n++] = *p;
	*p = (struct part){0};
	return 0;
}

static int walk_blob(struct walk *w, const char *data, size_t size, unsigned depth);

static int walk_include(struct walk *w, const struct part *p, unsigned depth)
{
	auto_strv char **lines = NULL;
	bool once = false;
	int r = strv_split(p->payload.data, "\r\n", &lines);

	STRV_FOREACH (l, lines) {
		char *line = *l;
		auto_blob struct blob b = {0};

		if (!strncasecmp(line, "#include-once", strlen("#include-once"))) {
			line += strlen("#include-once");
			once = true;
		} else if (!strncasecmp(line, "#include", strlen("#include"))) {
			line += strlen("#include");
			once = false;
		}
		line = str_strip(line);
		if (!*line || *line == '#' || r < 0)
			continue;
		if (!w->include) {
			complain(w, -EOPNOTSUPP, "an include cannot be fetched here");
			continue;
		}
		if (w->include->fetch(w->include->userdata, line, once, &b) < 0) {
			complain(w, -EREMOTEIO, "an included document cannot be fetched");
			continue;
		}
		r = walk_blob(w, b.data, b.size, depth + 1);
	}
	return r;
}

/* One entry of an archive: a text, or a map with content, type, filename, launch-index and headers. */
static int walk_archive_entry(struct walk *w, const cJSON *entry)
{
	static const char *const own[] = {
		"content",      "filename",          "type", "launch-index", "content-disposition",
		"content-type", "number-attachments"};
	const cJSON *content = cJSON_IsString(entry)
	                               ? entry
	                               : cJSON_GetObjectItemCaseSensitive(entry, "content"),
		    *binary = cJSON_GetObjectItemCaseSensitive(content, "__b64__"), *it,
		    *index = cJSON_GetObjectItemCaseSensitive(entry, "launch-index");
	const char *type = json_string_or(entry, "type", NULL),
		   *filename = json_string_or(entry, "filename", NULL);
	struct part p = {.headers = cJSON_CreateObject()};
	int r = 0;

	if (!cJSON_IsString(entry) && !cJSON_IsObject(entry)) {
		cJSON_Delete(p.headers);
		return 0;
	}
	if (cJSON_IsString(binary))
		r = base64_decode(binary->valuestring, strlen(binary->valuestring), &p.payload);
	else if (cJSON_IsString(content))
		r = blob_set(&p.payload, content->valuestring, strlen(content->valuestring));
	else
		r = blob_set(&p.payload, "", 0);
	if (!type && r >= 0)
		type = part_type_of(p.payload.data, p.payload.size);
	if (!type)
		type = binary ? "application/octet-stream" : "text/cloud-config";
	p.type = strdup(type);
	if (filename)
		p.filename = strdup(filename);
	for (it = cJSON_IsObject(entry) ? entry->child : NULL; it; it = it->next) {
		bool is_own = false;

		for (size_t i = 0; i < ELEMENTSOF(own); i++)
			is_own = is_own || !strcasecmp(own[i], it->string);
		if (!is_own && cJSON_IsString(it))
			cJSON_AddStringToObject(p.headers, it->string, it->valuestring);
	}
	if (index) {
		auto_free char *text = cJSON_IsString(index)
		                               ? strdup(index->valuestring)
		                               : str_printf("%.0f", index->valuedouble);

		cJSON_AddStringToObject(p.headers, "Launch-Index", text ? text : "");
	}
	if (r < 0 || !p.type) {
		part_done(&p);
		return r < 0 ? complain(w, r, "an archive's entry cannot be decoded") : -ENOMEM;
	}
	return attach(w, &p);
}

static int walk_archive(struct walk *w, const struct part *p)
{
	auto_json cJSON *list = NULL;
	const cJSON *entry;
	int r = yaml_parse(p->payload.data, p->payload.size, w->name, w->d, &list);

	if (r < 0) {
		w->worst = r;
		return 0;
	}
	if (!cJSON_IsArray(list) && !cJSON_IsNull(list)) {
		complain(w, -EBADMSG, "an archive is a list");
		return 0;
	}
	cJSON_ArrayForEach(entry, list)
	{
		r = walk_archive_entry(w, entry);
		if (r == -ENOMEM || r == -E2BIG)
			return r;
	}
	return 0;
}

static bool is_gzip_type(const char *type)
{
	static const char *const types[] = {
		"application/gzip",       "application/gzip-compressed",   "application/gzipped",
		"application/x-compress", "application/x-compressed",      "application/x-gunzip",
		"application/x-gzip",     "application/x-gzip-compressed",
	};

	for (size_t i = 0; i < ELEMENTSOF(types); i++)
		if (streq(types[i], type))
			return true;
	return false;
}

/* A leaf: unpacked, its type settled, then kept or opened further. Consumes @p. */
static int walk_leaf(struct walk *w, struct part *p, unsigned depth)
{
	static const char *const unsure[] = {"text/plain", "text/x-not-multipart",
	                                     "text/x-shellscript"};
	const char *told = NULL;
	int r = 0;

	if (is_gzip_type(p->type)) {
		if (gunzip(p->payload.data, p->payload.size, METADATA_DOCUMENT_MAX, &p->payload) <
		    0) {
			complain(w, -EBADMSG, "a part cannot be unpacked");
			goto out;
		}
		r = str_set(&p->type, "text/plain");
	}
	for (size_t i = 0; i < ELEMENTSOF(unsure) && !told; i++)
		if (streq(p->type, unsure[i]))
			told = part_type_of(p->payload.data, p->payload.size);
	if (told && r >= 0)
		r = str_set(&p->type, told);
	if (r < 0)
		goto out;
	if (streq(p->type, "text/x-include-url") || streq(p->type, "text/x-include-once-url"))
		r = walk_include(w, p, depth);
	else if (streq(p->type, "text/cloud-config-archive"))
		r = walk_archive(w, p);
	else
		return attach(w, p);
out:
	part_done(p);
	return r;
}

static int walk_message(struct walk *w, const char *data, size_t size, unsigned depth)
{
	struct mime_message m = {0};
	struct part p = {0};
	int r;

	if (depth > WRAPPED_MAX)
		return complain(w, -E2BIG, "wrapped too deeply");
	r = mime_read(data, size, &m);
	if (r >= 0 && m.boundary) {
		const char *start, *from = m.body;
		size_t n;

		while (r >= 0 && mime_next(&m, &from, &start, &n))
			r = walk_message(w, start, n, depth + 1);
		mime_done(&m);
		return r;
	}
	if (r >= 0)
		r = mime_take_part(&m, &p);
	mime_done(&m);
	if (r == -EBADMSG)
		return complain(w, r, "a part cannot be decoded") == -ENOMEM ? -ENOMEM : 0;
	return r < 0 ? r : walk_leaf(w, &p, depth);
}

static bool is_message(const char *data, size_t size)
{
	static const char mark[] = "mime-version:";

	for (size_t i = 0; i + strlen(mark) <= MIN(size, (size_t) 4096); i++)
		if (!strncasecmp(data + i, mark, strlen(mark)))
			return true;
	return false;
}

static int walk_blob(struct walk *w, const char *data, size_t size, unsigned depth)
{
	auto_blob struct blob plain = {0};
	struct part p = {0};
	int r;

	if (depth > WRAPPED_MAX)
		return complain(w, -E2BIG, "wrapped too deeply");
	if (is_gzip(data, size)) {
		r = gunzip(data, size, METADATA_DOCUMENT_MAX, &plain);
		if (r < 0)
			return complain(w, r, "it cannot be unpacked");
		data = plain.data;
		size = plain.size;
	}
	if (is_message(data, size))
		return walk_message(w, data, size, depth);
	p.type = strdup("text/x-not-multipart");
	p.headers = cJSON_CreateObject();
	r = p.type && p.headers ? blob_set(&p.payload, data, size) : -ENOMEM;
	if (r < 0) {
		part_done(&p);
		return r;
	}
	return walk_leaf(w, &p, depth);
}

int parts_split(const struct blob *data, const char *name, const struct include *include, int index,
                struct diag *d, struct parts *ret)
{
	struct walk w = {name, include, index, d, ret, 0, 0};
	int r;

	*ret = (struct parts){0};
	if (data->size > METADATA_DOCUMENT_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, name, 0, "%zu bytes; at most %u are read",
		                data->size, METADATA_DOCUMENT_MAX);
	r = walk_blob(&w, data->data ? data->data : "", data->size, 0);
	return r < 0 ? r : w.worst;
}
