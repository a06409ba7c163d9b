// SPDX-License-Identifier: Apache-2.0
/* YAML to JSON, by libyaml's events. Aliases are copied, and the copies count against the same
 * limit as the rest. */
#include "metadata/userdata/userdata.h"

#include <ctype.h>
#include <math.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	const char *name;
	struct diag *d;
	cJSON *anchors; /* anchor -> value, references to copies that this object owns */
	size_t nodes;
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

static cJSON *scalar_to_json(const yaml_event_t *e)
{
	static const char *const nulls[] = {"", "~", "null"};
	static const char *const trues[] = {"true", "yes", "on"}, *const falses[] = {"false", "no",
	                                                                             "off"};
	const char *s = (const char *) e->data.scalar.value;
	double number;

	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || e->data.scalar.tag)
		return cJSON_CreateString(s);
	if (is_word(s, nulls, ELEMENTSOF(nulls)))
		return cJSON_CreateNull();
	if (is_word(s, trues, ELEMENTSOF(trues)))
		return cJSON_CreateTrue();
	if (is_word(s, falses, ELEMENTSOF(falses)))
		return cJSON_CreateFalse();
	if (scalar_to_number(s, &number))
		return cJSON_CreateNumber(number);
	return cJSON_CreateString(s);
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

static int read_node(struct reader *y, const yaml_event_t *e, unsigned depth, cJSON **ret);

static int read_sequence(struct reader *y, unsigned depth, cJSON **ret)
{
	auto_json cJSON *array = cJSON_CreateArray();

	if (!array)
		return -ENOMEM;
	for (;;) {
		yaml_event_t e;
		cJSON *item;
		int r = next_event(y, &e);

		if (r < 0)
			return r;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			*ret = TAKE_PTR(array);
			return 0;
		}
		r = read_node(y, &e, depth + 1, &item);
		yaml_event_delete(&e);
		if (r < 0)
			return r;
		cJSON_AddItemToArray(array, item);
	}
}

static int read_key(struct reader *y, const yaml_event_t *e, char **ret)
{
	if (e->type != YAML_SCALAR_EVENT)
		return fail(y, -EBADMSG, &e->start_mark, "a key must be a word");
	*ret = strdup((const char *) e->data.scalar.value);
	return *ret ? 0 : -ENOMEM;
}

static int read_mapping(struct reader *y, unsigned depth, cJSON **ret)
{
	auto_json cJSON *object = cJSON_CreateObject();

	if (!object)
		return -ENOMEM;
	for (;;) {
		auto_free char *key = NULL;
		yaml_event_t e;
		cJSON *value;
		int r = next_event(y, &e);

		if (r < 0)
			return r;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			*ret = TAKE_PTR(object);
			return 0;
		}
		r = read_key(y, &e, &key);
		yaml_event_delete(&e);
		if (r >= 0)
			r = next_event(y, &e);
		if (r < 0)
			return r;
		r = read_node(y, &e, depth + 1, &value);
		yaml_event_delete(&e);
		if (r < 0)
			return r;
		/* Of a key that is given twice the last one counts, as in cloud-init. */
		cJSON_DeleteItemFromObjectCaseSensitive(object, key);
		cJSON_AddItemToObject(object, key, value);
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

static int read_node(struct reader *y, const yaml_event_t *e, unsigned depth, cJSON **ret)
{
	const yaml_char_t *anchor = NULL;
	cJSON *value = NULL;
	int r;

	if (depth > METADATA_DEPTH_MAX)
		return fail(y, -E2BIG, &e->start_mark, "nested too deeply");
	if (++y->nodes > METADATA_NODES_MAX)
		return fail(y, -E2BIG, &e->start_mark, "too many values");
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(y, e, ret);
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		value = scalar_to_json(e);
		r = value ? 0 : -ENOMEM;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		r = read_sequence(y, depth, &value);
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		r = read_mapping(y, depth, &value);
		break;
	default:
		return fail(y, -EBADMSG, &e->start_mark, "unexpected");
	}
	if (r >= 0)
		r = keep_anchor(y, e, anchor, value);
	if (r < 0) {
		cJSON_Delete(value);
		return r;
	}
	*ret = value;
	return 0;
}

static int read_document(struct reader *y, cJSON **ret)
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
		r = read_node(y, &e, 0, ret);
		yaml_event_delete(&e);
		return r;
	}
}

int yaml_parse(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret)
{
	struct reader y = {.name = name, .d = d};
	int r;

	if (size > METADATA_DOCUMENT_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, name, 0, "%zu bytes; at most %u are read",
		                size, METADATA_DOCUMENT_MAX);
	if (!yaml_parser_initialize(&y.parser))
		return -ENOMEM;
	y.anchors = cJSON_CreateObject();
	yaml_parser_set_input_string(&y.parser, (const unsigned char *) text, size);
	r = y.anchors ? read_document(&y, ret) : -ENOMEM;
	cJSON_Delete(y.anchors);
	yaml_parser_delete(&y.parser);
	return r;
}
