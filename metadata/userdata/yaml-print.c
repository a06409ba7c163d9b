// SPDX-License-Identifier: Apache-2.0
/* JSON values as YAML in block style. */
#include "metadata/userdata/userdata.h"

#include <ctype.h>
#include <math.h>

/* Words that would come back as something else, or signs that mean something. */
static bool is_plain(const char *s)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on",
	                                    "off",  "null",  "~",   "y",  "n"};
	size_t n = strlen(s);

	if (!n || isspace((unsigned char) *s) || isspace((unsigned char) s[n - 1]) ||
	    strchr("-?:,[]{}#&*!|>'\"%@`=<.+0123456789", *s))
		return false;
	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		if (!strcasecmp(words[i], s))
			return false;
	for (; *s; s++)
		if ((unsigned char) *s < ' ' || (*s == ':' && (!s[1] || s[1] == ' ')) ||
		    (*s == '#' && s[-1] == ' '))
			return false;
	return true;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char) *s < ' ')
			return true;
	return false;
}

static void add_text(struct strbuf *b, const char *s)
{
	if (is_plain(s)) {
		strbuf_puts(b, s);
		return;
	}
	if (!has_control(s)) {
		strbuf_puts(b, "'");
		for (; *s; s++) {
			if (*s == '\'')
				strbuf_puts(b, "'");
			strbuf_add(b, s, 1);
		}
		strbuf_puts(b, "'");
		return;
	}
	strbuf_puts(b, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_printf(b, "\\%c", *s);
		else if (*s == '\n')
			strbuf_puts(b, "\\n");
		else if ((unsigned char) *s < ' ')
			strbuf_printf(b, "\\x%02x", (unsigned char) *s);
		else
			strbuf_add(b, s, 1);
	}
	strbuf_puts(b, "\"");
}

static void add_scalar(struct strbuf *b, const cJSON *v)
{
	if (cJSON_IsString(v))
		add_text(b, v->valuestring);
	else if (cJSON_IsNumber(v) && v->valuedouble == trunc(v->valuedouble))
		strbuf_printf(b, "%.0f", v->valuedouble);
	else if (cJSON_IsNumber(v))
		strbuf_printf(b, "%.17g", v->valuedouble);
	else if (cJSON_IsBool(v))
		strbuf_puts(b, cJSON_IsTrue(v) ? "true" : "false");
	else if (cJSON_IsArray(v))
		strbuf_puts(b, "[]");
	else if (cJSON_IsObject(v))
		strbuf_puts(b, "{}");
	else
		strbuf_puts(b, "null");
}

/* @inline_first: the first line stands behind a "- " that is there already. */
static void add_value(struct strbuf *b, const cJSON *v, int indent, bool inline_first)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, v)
	{
		bool is_list = cJSON_IsArray(v),
		     is_block = (cJSON_IsArray(it) || cJSON_IsObject(it)) && it->child;

		if (!(inline_first && it == v->child))
			strbuf_printf(b, "%*s", indent, "");
		if (is_list) {
			strbuf_puts(b, "-");
		} else {
			add_text(b, it->string);
			strbuf_puts(b, ":");
		}
		if (!is_block) {
			strbuf_puts(b, " ");
			add_scalar(b, it);
			strbuf_puts(b, "\n");
		} else if (is_list) {
			strbuf_puts(b, " ");
			add_value(b, it, indent + 2, true);
		} else {
			strbuf_puts(b, "\n");
			add_value(b, it, indent + (cJSON_IsArray(it) ? 0 : 4), false);
		}
	}
}

int yaml_print(const cJSON *v, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	if ((cJSON_IsArray(v) || cJSON_IsObject(v)) && v->child) {
		add_value(&b, v, 0, false);
	} else {
		add_scalar(&b, v);
		strbuf_puts(&b, "\n");
	}
	return strbuf_take(&b, ret);
}
