// SPDX-License-Identifier: Apache-2.0
/* record.c - "key=value" lines, written into a strbuf and read back by name. Pure: no I/O. */
#include "engine/record.h"

#include <inttypes.h>
#include <stdio.h>

struct record_entry {
	const char *key, *value; /* into text */
	bool seen;
};

struct record {
	char *text;
	struct record_entry *entries;
	size_t n_entries;
	struct map *last; /* key -> entry; of a repeated key the last */
	uint64_t schema;
};

void record_begin(struct strbuf *b)
{
	record_add_u64(b, "v", RECORD_SCHEMA);
}

static bool is_plain(const char *value, size_t *ret_size)
{
	size_t n = strcspn(value, "\\\n");

	*ret_size = n;
	return value[n] == 0;
}

void record_add(struct strbuf *b, const char *key, const char *value)
{
	size_t n;

	if (!value)
		return;
	strbuf_puts(b, key);
	strbuf_add(b, "=", 1);
	while (!is_plain(value, &n)) {
		strbuf_add(b, value, n);
		strbuf_puts(b, value[n] == '\n' ? "\\n" : "\\\\");
		value += n + 1;
	}
	strbuf_add(b, value, n);
	strbuf_add(b, "\n", 1);
}

static void put_key(struct strbuf *b, const char *key)
{
	strbuf_puts(b, key);
	strbuf_putc(b, '=');
}

void record_add_u64(struct strbuf *b, const char *key, uint64_t value)
{
	if (!value)
		return;
	put_key(b, key);
	strbuf_u64(b, value);
	strbuf_putc(b, '\n');
}

void record_add_i64(struct strbuf *b, const char *key, int64_t value)
{
	put_key(b, key);
	strbuf_i64(b, value);
	strbuf_putc(b, '\n');
}

void record_add_bool(struct strbuf *b, const char *key, bool value)
{
	record_add_u64(b, key, value);
}

void record_add_strv(struct strbuf *b, const char *key, char *const *v)
{
	STRV_FOREACH (s, v)
		record_add(b, key, *s);
}

void record_add_stamp(struct strbuf *b, const char *key, const struct stamp *s)
{
	if (!stamp_is_set(s))
		return;
	put_key(b, key);
	strbuf_u64(b, s->realtime);
	strbuf_putc(b, ' ');
	strbuf_u64(b, s->monotonic);
	strbuf_putc(b, ' ');
	strbuf_u64(b, s->boottime);
	strbuf_putc(b, '\n');
}

void record_add_pid(struct strbuf *b, const char *key, const struct pidref *p)
{
	if (!pidref_is_set(p))
		return;
	put_key(b, key);
	strbuf_i64(b, p->pid);
	strbuf_putc(b, ' ');
	strbuf_u64(b, p->start_time);
	strbuf_putc(b, '\n');
}

/* Undoes the escapes in place. An escape that is not ours stays as it is: it may be a newer
 * version's. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && (s[1] == '\\' || s[1] == 'n' || s[1] == '0')) {
			s++;
			/* \0 ends the value for readers of C strings */
			*to++ = *s == 'n' ? '\n' : *s == '0' ? '\0' : '\\';
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static int add_entry(struct record *r, char *line)
{
	char *equals = strchr(line, '=');
	struct record_entry *e;

	if (!equals || equals == line)
		return -EBADMSG;
	*equals = 0;
	unescape(equals + 1);
	e = &r->entries[r->n_entries++];
	*e = (struct record_entry){.key = line, .value = equals + 1};
	return map_put(r->last, e->key, e);
}

static size_t count_lines(const char *text, size_t size)
{
	size_t n = 1;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '\n';
	return n;
}

int record_parse(const char *text, size_t size, struct record **ret)
{
	auto_cleanup(record_free) struct record *r = NULL;
	char *next;
	int k;

	if (size > RECORD_SIZE_MAX || !size || memchr(text, 0, size))
		return -EBADMSG;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->text = strndup(text, size);
	r->entries = calloc(count_lines(text, size), sizeof(*r->entries));
	r->last = map_new(MAP_STRING);
	if (!r->text || !r->entries || !r->last)
		return -ENOMEM;
	for (char *line = r->text; *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			return -EBADMSG; /* cut off in the middle of a line */
		*next++ = 0;
		k = add_entry(r, line);
		if (k < 0)
			return k;
	}
	if (!r->n_entries || !streq(r->entries[0].key, "v"))
		return -EBADMSG;
	r->schema = record_get_u64(r, "v", 0);
	if (!r->schema)
		return -EBADMSG;
	*ret = TAKE_PTR(r);
	return 0;
}

struct record *record_free(struct record *r)
{
	if (!r)
		return NULL;
	map_free(r->last);
	free(r->entries);
	free(r->text);
	free(r);
	return NULL;
}

const char *record_get(const struct record *r, const char *key)
{
	struct record_entry *e = map_get(r->last, key);

	if (!e)
		return NULL;
	e->seen = true;
	return e->value;
}

uint64_t record_get_u64(const struct record *r, const char *key, uint64_t fallback)
{
	const char *s = record_get(r, key);
	uint64_t v;

	return s && str_to_u64(s, 10, &v) >= 0 ? v : fallback;
}

int64_t record_get_i64(const struct record *r, const char *key, int64_t fallback)
{
	const char *s = record_get(r, key);
	int64_t v;

	return s && str_to_i64(s, &v) >= 0 ? v : fallback;
}

bool record_get_bool(const struct record *r, const char *key, bool fallback)
{
	const char *s = record_get(r, key);
	int b = s ? str_to_bool(s) : -EINVAL;

	return b >= 0 ? b : fallback;
}

int record_get_strv(const struct record *r, const char *key, char ***ret)
{
	auto_strv char **v = NULL;
	int k;

	for (size_t i = 0; i < r->n_entries; i++) {
		if (!streq(r->entries[i].key, key))
			continue;
		r->entries[i].seen = true;
		k = strv_append(&v, r->entries[i].value);
		if (k < 0)
			return k;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

void record_get_stamp(const struct record *r, const char *key, struct stamp *ret)
{
	const char *s = record_get(r, key);
	struct stamp t;

	*ret = (struct stamp){0};
	if (s && sscanf(s, "%" SCNu64 " %" SCNu64 " %" SCNu64, &t.realtime, &t.monotonic,
	                &t.boottime) == 3)
		*ret = t;
}

bool record_get_pid(const struct record *r, const char *key, pid_t *ret_pid,
                    uint64_t *ret_start_time)
{
	const char *s = record_get(r, key);
	uint64_t start_time;
	int pid;

	if (!s || sscanf(s, "%d %" SCNu64, &pid, &start_time) != 2 || pid <= 0)
		return false;
	*ret_pid = pid;
	*ret_start_time = start_time;
	return true;
}

void record_carry(const struct record *r, struct strbuf *b)
{
	bool any = false;

	if (r->schema <= RECORD_SCHEMA)
		return;
	for (size_t i = 0; i < r->n_entries; i++) {
		if (r->entries[i].seen)
			continue;
		/* Said again behind our own: the next of our version has to keep them, too. */
		if (!any)
			record_add_u64(b, "v", r->schema);
		any = true;
		record_add(b, r->entries[i].key, r->entries[i].value);
	}
}

uint64_t record_schema(const struct record *r)
{
	return r->schema;
}
