// SPDX-License-Identifier: Apache-2.0
/* YAML to JSON, by libyaml's events. Aliases are copied, and the copies count against the same
 * limit as the rest. */
#include "metadata/userdata/userdata.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	const char *name;
	struct diag *d;
	cJSON *anchors; /* anchor -> value, references to copies that this object owns */
	size_t nodes;
	bool with_lines;
};

static int fail(struct reader *y, int error, const yaml_mark_t *mark, const char *text)
{
	return diag_add(y->d, error, DIAG_ERROR, y->name, (unsigned) mark->line + 1, "%s", text);
}

/* ---- scalars: YAML 1.1's core types, without base 60 ---- */

static bool is_word(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(s, words[i]))
			return true;
	return false;
}

static bool scalar_to_number(const char *s, double *ret)
{
	const char *digits = s + (*s == '-' || *s == '+');
	char plain[64], *end;
	size_t n = 0;

	if (!isdigit((unsigned char) *digits) && *digits != '.')
		return false;
	for (const char *p = s; *p; p++) {
		if (*p == '_')
			continue;
		if (n + 1 >= sizeof(plain) || !strchr("0123456789abcdefABCDEFxo+-.", *p))
			return false;
		plain[n++] = *p;
	}
	plain[n] = '\0';
	digits = plain + (*plain == '-' || *plain == '+');
	if (digits[0] == '0' && digits[1] == 'x') {
		*ret = (double) strtoll(plain, &end, 16);
	} else if (digits[0] == '0' && digits[1] == 'o') {
		*ret = (double) strtoll(digits + 2, &end, 8);
	} else if (digits[0] == '0' && isdigit((unsigned char) digits[1]) && !strchr(digits, '.')) {
		*ret = (double) strtoll(plain, &end, 8);
	} else {
		if (strpbrk(digits, "xoabcdfABCDF"))
			return false;
		*ret = strtod(plain, &end);
	}
	return *end == '\0' && end > plain && isfinite(*ret);
}

/* Bytes that no text can hold become {"__b64__": ...}. */
static int binary_to_json(const char *s, cJSON **ret)
{
	auto_blob struct blob b = {0};
	auto_free char *clean = malloc(strlen(s) + 4);
	size_t n = 0;
	int r;

	if (!clean)
		return -ENOMEM;
	/* As lenient as PyYAML: what is no digit is passed over, and what is no whole byte dropped. */
	for (const char *p = s; *p && *p != '='; p++)
		if (isalnum((unsigned char) *p) || *p == '+' || *p == '/')
			clean[n++] = *p;
	if (n % 4 == 1)
		n--;
	while (n % 4)
		clean[n++] = '=';
	clean[n] = '\0';
	r = base64_decode(clean, strlen(clean), &b);
	if (r < 0)
		return r;
	if (!memchr(b.data, '\0', b.size) && utf8_is_valid(b.data, b.size)) {
		*ret = cJSON_CreateString(b.data);
	} else {
		*ret = cJSON_CreateObject();
		if (*ret && !cJSON_AddStringToObject(*ret, "__b64__", clean))
			return -ENOMEM;
	}
	return *ret ? 0 : -ENOMEM;
}

char *float_text(double v)
{
	char text[32];

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	return str_printf("%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

/* A decimal fraction keeps its spelling: 1.10 is another version than 1.1. */
static cJSON *number_to_json(const char *s, double number)
{
	cJSON *v = cJSON_CreateNumber(number);

	if (!v || !strchr(s, '.'))
		return v;
	v->valuestring = strdup(s);
	if (!v->valuestring) {
		cJSON_Delete(v);
		return NULL;
	}
	return v;
}

static cJSON *scalar_to_json(const yaml_event_t *e)
{
	static const char *const nulls[] = {"", "~", "null"};
	static const char *const trues[] = {"true", "yes", "on"}, *const falses[] = {"false", "no",
	                                                                             "off"};
	const char *s = (const char *) e->data.scalar.value;
	double number;

	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return cJSON_CreateString(s);
	if (is_word(s, nulls, ELEMENTSOF(nulls)))
		return cJSON_CreateNull();
	if (is_word(s, trues, ELEMENTSOF(trues)))
		return cJSON_CreateTrue();
	if (is_word(s, falses, ELEMENTSOF(falses)))
		return cJSON_CreateFalse();
	if (scalar_to_number(s, &number))
		return number_to_json(s, number);
	return cJSON_CreateString(s);
}

/* A tag says what a scalar is; without one its looks do. */
static int tagged_to_json(struct reader *y, const yaml_event_t *e, cJSON **ret)
{
	const char *tag = (const char *) e->data.scalar.tag,
		   *s = (const char *) e->data.scalar.value;
	const char *own = tag ? str_after(tag, "tag:yaml.org,2002:") : NULL;
	yaml_event_t plain = *e;
	int r;

	*ret = NULL;
	if (!tag || streq(tag, "!")) {
		*ret = tag ? cJSON_CreateString(s) : scalar_to_json(e);
	} else if (own && streq(own, "str")) {
		*ret = cJSON_CreateString(s);
	} else if (own && streq(own, "binary")) {
		r = binary_to_json(s, ret);
		return r == -EBADMSG ? fail(y, r, &e->start_mark, "not base64") : r;
	} else if (own && (streq(own, "int") || streq(own, "float") || streq(own, "bool") ||
	                   streq(own, "null") || streq(own, "timestamp"))) {
		plain.data.scalar.style = YAML_PLAIN_SCALAR_STYLE;
		*ret = scalar_to_json(&plain);
	} else {
		return fail(y, -EBADMSG, &e->start_mark, "a tag that is not known");
	}
	return *ret ? 0 : -ENOMEM;
}

/* ---- nodes ---- */

static size_t count_nodes(const cJSON *j)
{
	size_t n = 1;

	for (const cJSON *it = j->child; it; it = it->next)
		n += count_nodes(it);
	return n;
}

static int next_event(struct reader *y, yaml_event_t *e)
{
	if (yaml_parser_parse(&y->parser, e))
		return 0;
	return diag_add(y->d, -EBADMSG, DIAG_ERROR, y->name,
	                (unsigned) y->parser.problem_mark.line + 1, "%s",
	                y->parser.problem ? y->parser.problem : "not YAML");
}

static int read_node(struct reader *y, const yaml_event_t *e, unsigned depth, cJSON **ret,
                     cJSON **ret_lines);

static cJSON *line_of(const struct reader *y, const yaml_mark_t *mark)
{
	return y->with_lines ? cJSON_CreateNumber((double) mark->line + 1) : NULL;
}

static int read_sequence(struct reader *y, const yaml_event_t *start, unsigned depth, cJSON **ret,
                         cJSON **ret_lines)
{
	auto_json cJSON *array = cJSON_CreateArray(), *lines = cJSON_CreateArray();

	if (!array || !lines)
		return -ENOMEM;
	if (y->with_lines)
		cJSON_AddItemToArray(lines, line_of(y, &start->start_mark));
	for (;;) {
		yaml_event_t e;
		cJSON *item, *line = NULL;
		int r = next_event(y, &e);

		if (r < 0)
			return r;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			*ret = TAKE_PTR(array);
			*ret_lines = TAKE_PTR(lines);
			return 0;
		}
		r = read_node(y, &e, depth + 1, &item, &line);
		yaml_event_delete(&e);
		if (r < 0)
			return r;
		cJSON_AddItemToArray(array, item);
		if (y->with_lines)
			cJSON_AddItemToArray(lines, line);
		else
			cJSON_Delete(line);
	}
}

static int read_key(struct reader *y, const yaml_event_t *e, char **ret)
{
	if (e->type != YAML_SCALAR_EVENT)
		return fail(y, -EBADMSG, &e->start_mark, "a key must be a word");
	*ret = strdup((const char *) e->data.scalar.value);
	return *ret ? 0 : -ENOMEM;
}

/* "<<": keys of other maps, for those that this one does not have itself. */
static int merge_key(struct reader *y, const yaml_event_t *e, cJSON *object, const cJSON *value)
{
	const cJSON *it;
	int r = 0;

	if (cJSON_IsArray(value)) {
		cJSON_ArrayForEach(it, value) r = r < 0 ? r : merge_key(y, e, object, it);
		return r;
	}
	if (!cJSON_IsObject(value))
		return fail(y, -EBADMSG, &e->start_mark, "\"<<\" takes a map");
	cJSON_ArrayForEach(it, value)
	{
		if (cJSON_GetObjectItemCaseSensitive(object, it->string))
			continue;
		if (!cJSON_AddItemToObject(object, it->string, cJSON_Duplicate(it, true)))
			return -ENOMEM;
	}
	return 0;
}

static void put(cJSON *object, const char *key, cJSON *value)
{
	/* Of a key that is given twice the last one counts, as in cloud-init. */
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	cJSON_AddItemToObject(object, key, value);
}

/* One key and its value; @merged collects what "<<" brings. */
static int read_pair(struct reader *y, yaml_event_t *e, unsigned depth, cJSON *object, cJSON *lines,
                     cJSON *merged)
{
	auto_free char *key = NULL;
	auto_json cJSON *value = NULL, *below = NULL;
	cJSON *line = line_of(y, &e->start_mark);
	bool is_merge;
	int r = read_key(y, e, &key);

	is_merge = r >= 0 && streq(key, "<<") && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (line && r >= 0)
		put(lines, key, line);
	else
		cJSON_Delete(line);
	yaml_event_delete(e);
	if (r >= 0)
		r = next_event(y, e);
	if (r < 0) {
		memset(e, 0, sizeof(*e));
		return r;
	}
	r = read_node(y, e, depth + 1, &value, &below);
	if (r >= 0 && is_merge)
		r = merge_key(y, e, merged, value);
	if (r < 0 || is_merge)
		return r;
	put(object, key, TAKE_PTR(value));
	/* A scalar's line is its key's: that is where a person looks. */
	if (y->with_lines && below && !cJSON_IsNumber(below))
		put(lines, key, TAKE_PTR(below));
	return 0;
}

static int read_mapping(struct reader *y, const yaml_event_t *start, unsigned depth, cJSON **ret,
                        cJSON **ret_lines)
{
	auto_json cJSON *object = cJSON_CreateObject(), *lines = cJSON_CreateObject(),
			*merged = cJSON_CreateObject();

	if (!object || !lines || !merged)
		return -ENOMEM;
	if (y->with_lines)
		put(lines, "", line_of(y, &start->start_mark));
	for (;;) {
		yaml_event_t e;
		int r = next_event(y, &e);

		if (r < 0)
			return r;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			r = merge_key(y, start, object, merged);
			if (r < 0)
				return r;
			*ret = TAKE_PTR(object);
			*ret_lines = TAKE_PTR(lines);
			return 0;
		}
		r = read_pair(y, &e, depth, object, lines, merged);
		yaml_event_delete(&e);
		if (r < 0)
			return r;
	}
}

static int read_alias(struct reader *y, const yaml_event_t *e, cJSON **ret)
{
	const cJSON *target =
		cJSON_GetObjectItemCaseSensitive(y->anchors, (const char *) e->data.alias.anchor);

	if (!target)
		return fail(y, -EBADMSG, &e->start_mark, "an alias of something that is not there");
	y->nodes += count_nodes(target);
	if (y->nodes > METADATA_NODES_MAX)
		return fail(y, -E2BIG, &e->start_mark, "too many values");
	*ret = cJSON_Duplicate(target, true);
	return *ret ? 0 : -ENOMEM;
}

static int keep_anchor(struct reader *y, const yaml_event_t *e, const yaml_char_t *anchor,
                       const cJSON *value)
{
	cJSON *copy;

	if (!anchor)
		return 0;
	y->nodes += count_nodes(value);
	if (y->nodes > METADATA_NODES_MAX)
		return fail(y, -E2BIG, &e->start_mark, "too many values");
	copy = cJSON_Duplicate(value, true);
	if (!copy)
		return -ENOMEM;
	cJSON_DeleteItemFromObjectCaseSensitive(y->anchors, (const char *) anchor);
	cJSON_AddItemToObject(y->anchors, (const char *) anchor, copy);
	return 0;
}

static int read_node(struct reader *y, const yaml_event_t *e, unsigned depth, cJSON **ret,
                     cJSON **ret_lines)
{
	const yaml_char_t *anchor = NULL;
	cJSON *value = NULL, *lines = NULL;
	int r;

	if (depth > METADATA_DEPTH_MAX)
		return fail(y, -E2BIG, &e->start_mark, "nested too deeply");
	if (++y->nodes > METADATA_NODES_MAX)
		return fail(y, -E2BIG, &e->start_mark, "too many values");
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		*ret_lines = line_of(y, &e->start_mark);
		return read_alias(y, e, ret);
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		lines = line_of(y, &e->start_mark);
		r = tagged_to_json(y, e, &value);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		r = read_sequence(y, e, depth, &value, &lines);
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		r = read_mapping(y, e, depth, &value, &lines);
		break;
	default:
		return fail(y, -EBADMSG, &e->start_mark, "unexpected");
	}
	if (r >= 0)
		r = keep_anchor(y, e, anchor, value);
	if (r < 0) {
		cJSON_Delete(value);
		cJSON_Delete(lines);
		return r;
	}
	*ret = value;
	*ret_lines = lines;
	return 0;
}

/* Nothing but the end may follow the first document. */
static int read_end(struct reader *y)
{
	for (;;) {
		yaml_event_t e;
		yaml_event_type_t type;
		yaml_mark_t mark;
		int r = next_event(y, &e);

		if (r < 0)
			return r;
		type = e.type;
		mark = e.start_mark;
		yaml_event_delete(&e);
		if (type == YAML_STREAM_END_EVENT)
			return 0;
		if (type != YAML_DOCUMENT_END_EVENT)
			return fail(y, -EBADMSG, &mark, "a second document");
	}
}

static int read_document(struct reader *y, cJSON **ret, cJSON **ret_lines)
{
	for (;;) {
		yaml_event_t e;
		bool end;
		int r = next_event(y, &e);

		if (r < 0)
			return r;
		end = e.type == YAML_STREAM_END_EVENT;
		if (e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_START_EVENT ||
		    end) {
			yaml_event_delete(&e);
			if (!end)
				continue;
			*ret = cJSON_CreateNull(); /* an empty text */
			return *ret ? 0 : -ENOMEM;
		}
		r = read_node(y, &e, 0, ret, ret_lines);
		yaml_event_delete(&e);
		if (r >= 0)
			r = read_end(y);
		if (r < 0) {
			cJSON_Delete(*ret);
			*ret = NULL;
		}
		return r;
	}
}

int yaml_parse_lines(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret,
                     cJSON **ret_lines)
{
	struct reader y = {.name = name, .d = d, .with_lines = ret_lines != NULL};
	cJSON *value = NULL, *lines = NULL;
	int r;

	if (size > METADATA_DOCUMENT_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, name, 0, "%zu bytes; at most %u are read",
		                size, METADATA_DOCUMENT_MAX);
	if (!yaml_parser_initialize(&y.parser))
		return -ENOMEM;
	y.anchors = cJSON_CreateObject();
	yaml_parser_set_input_string(&y.parser, (const unsigned char *) text, size);
	r = y.anchors ? read_document(&y, &value, &lines) : -ENOMEM;
	cJSON_Delete(y.anchors);
	yaml_parser_delete(&y.parser);
	if (r < 0 || !ret_lines) {
		cJSON_Delete(lines);
		lines = NULL;
	}
	if (r < 0)
		return r;
	*ret = value;
	if (ret_lines)
		*ret_lines = lines;
	return 0;
}

int yaml_parse(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret)
{
	return yaml_parse_lines(text, size, name, d, ret, NULL);
}
