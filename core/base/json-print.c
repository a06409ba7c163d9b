// SPDX-License-Identifier: Apache-2.0
/*
 * cJSON's own printer writes numbers with 15 digits where it deems that near enough: a time in
 * microseconds becomes 1.79544774e+15, and 2^53 another number. Here what is an integer is written
 * as one.
 */
#include "base/json.h"

#include "base/str.h"

#include <math.h>

static void print_string(struct strbuf *b, const char *s)
{
	static const char shorts[] = "btn\0fr"; /* of bytes 8 to 13 */

	strbuf_add(b, "\"", 1);
	while (*s) {
		size_t n = 0;

		while ((unsigned char) s[n] >= ' ' && s[n] != '"' && s[n] != '\\')
			n++;
		strbuf_add(b, s, n);
		s += n;
		if (!*s)
			break;
		if (*s == '"' || *s == '\\')
			strbuf_printf(b, "\\%c", *s);
		else if (*s >= '\b' && *s <= '\r' && shorts[*s - '\b'])
			strbuf_printf(b, "\\%c", shorts[*s - '\b']);
		else
			strbuf_printf(b, "\\u%04x", (unsigned) *s);
		s++;
	}
	strbuf_add(b, "\"", 1);
}

/* vsnprintf() is half of a long list's time. */
static void print_integer(struct strbuf *b, bool negative, uint64_t v)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char) ('0' + v % 10);
	while (v /= 10);
	if (negative)
		*--p = '-';
	strbuf_add(b, p, (size_t) (text + sizeof(text) - p));
}

static void print_number(struct strbuf *b, double v)
{
	/* JSON knows neither infinity nor NaN. */
	if (!isfinite(v))
		strbuf_puts(b, "null");
	else if (fabs(v) <= (double) JSON_INTEGER_MAX && (double) (int64_t) v == v)
		print_integer(b, v < 0, (uint64_t) fabs(v));
	else
		strbuf_printf(b, "%.17g", v);
}

static void print_value(struct strbuf *b, const cJSON *j, bool pretty, unsigned depth);

static void print_gap(struct strbuf *b, bool pretty, unsigned depth)
{
	if (!pretty)
		return;
	strbuf_add(b, "\n", 1);
	for (unsigned i = 0; i < depth; i++)
		strbuf_add(b, "  ", 2);
}

static void print_children(struct strbuf *b, const cJSON *j, bool pretty, unsigned depth)
{
	bool object = cJSON_IsObject(j);

	strbuf_add(b, object ? "{" : "[", 1);
	for (const cJSON *child = j->child; child && b->error == 0; child = child->next) {
		print_gap(b, pretty, depth + 1);
		if (object) {
			print_string(b, child->string ?: "");
			strbuf_add(b, ": ", pretty ? 2 : 1);
		}
		print_value(b, child, pretty, depth + 1);
		if (child->next)
			strbuf_add(b, ",", 1);
	}
	if (j->child)
		print_gap(b, pretty, depth);
	strbuf_add(b, object ? "}" : "]", 1);
}

static void print_value(struct strbuf *b, const cJSON *j, bool pretty, unsigned depth)
{
	switch (j->type & 0xff) {
	case cJSON_False:
	case cJSON_True:
		strbuf_puts(b, cJSON_IsTrue(j) ? "true" : "false");
		break;
	case cJSON_Number:
		print_number(b, j->valuedouble);
		break;
	case cJSON_String:
		print_string(b, j->valuestring ?: "");
		break;
	case cJSON_Raw:
		strbuf_puts(b, j->valuestring ?: "null");
		break;
	case cJSON_Array:
	case cJSON_Object:
		print_children(b, j, pretty, depth);
		break;
	default:
		strbuf_puts(b, "null");
		break;
	}
}

void json_print_to(struct strbuf *b, const cJSON *j, bool pretty)
{
	print_value(b, j, pretty, 0);
}

char *json_print(const cJSON *j, bool pretty)
{
	struct strbuf b = {0};
	char *text;

	if (!j)
		return NULL;
	print_value(&b, j, pretty, 0);
	return strbuf_take(&b, &text) < 0 ? NULL : text;
}

/* ---- text without a tree ---- */

/* What goes in front of a member: a comma, unless it is the first one, and its key. */
static void begin_member(struct strbuf *b, const char *key)
{
	char last = b->size > 0 ? b->data[b->size - 1] : '[';

	if (!strchr("{[:", last))
		strbuf_add(b, ",", 1);
	if (key) {
		print_string(b, key);
		strbuf_add(b, ":", 1);
	}
}

void json_text_open(struct strbuf *b, char bracket)
{
	begin_member(b, NULL);
	strbuf_add(b, &bracket, 1);
}

void json_text_close(struct strbuf *b, char bracket)
{
	strbuf_add(b, &bracket, 1);
}

void json_text_string(struct strbuf *b, const char *key, const char *value)
{
	if (!value)
		return;
	begin_member(b, key);
	print_string(b, value);
}

void json_text_u64(struct strbuf *b, const char *key, uint64_t value)
{
	bool exact = value <= JSON_INTEGER_MAX;

	begin_member(b, key);
	strbuf_add(b, "\"", !exact);
	print_integer(b, false, value);
	strbuf_add(b, "\"", !exact);
}

void json_text_strv(struct strbuf *b, const char *key, char *const *v)
{
	if (!v)
		return;
	begin_member(b, key);
	strbuf_add(b, "[", 1);
	STRV_FOREACH (s, v)
		json_text_string(b, NULL, *s);
	strbuf_add(b, "]", 1);
}

cJSON *json_text_take(struct strbuf *b)
{
	cJSON *raw = b->error < 0 ? NULL : cJSON_CreateNull();

	if (raw && strbuf_take(b, &raw->valuestring) >= 0) {
		raw->type = cJSON_Raw;
		return raw;
	}
	cJSON_Delete(raw);
	strbuf_done(b);
	return NULL;
}
