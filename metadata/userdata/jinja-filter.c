// SPDX-License-Identifier: Apache-2.0
/* Values of templates: filters, scope, and how a value reads. */
#include "metadata/userdata/jinja.h"

#include <ctype.h>
#include <math.h>

/* ---- what is not there ---- */

cJSON *jinja_undefined(const char *name)
{
	return cJSON_CreateRaw(name);
}

bool jinja_is_undefined(const cJSON *v)
{
	return cJSON_IsRaw(v);
}

bool jinja_is_true(const cJSON *v)
{
	if (cJSON_IsString(v))
		return *v->valuestring;
	if (cJSON_IsNumber(v))
		return v->valuedouble != 0;
	if (cJSON_IsArray(v) || cJSON_IsObject(v))
		return v->child;
	return cJSON_IsTrue(v);
}

int jinja_bind(struct jinja_scope *s, const char *name, cJSON *value)
{
	struct jinja_binding *more = realloc(s->bound, (s->n_bound + 1) * sizeof(*more));
	char *copy = strdup(name);

	if (more)
		s->bound = more;
	if (!more || !copy || !value) {
		free(copy);
		cJSON_Delete(value);
		return -ENOMEM;
	}
	s->bound[s->n_bound++] = (struct jinja_binding){copy, value};
	return 0;
}

void jinja_unbind(struct jinja_scope *s, size_t keep)
{
	while (s->n_bound > keep) {
		s->n_bound--;
		free(s->bound[s->n_bound].name);
		cJSON_Delete(s->bound[s->n_bound].value);
	}
}

/* ---- text ---- */

static void add_value(struct strbuf *b, const cJSON *v, bool quoted)
{
	const cJSON *it;

	if (cJSON_IsString(v) && quoted) {
		strbuf_printf(b, "'%s'", v->valuestring);
	} else if (cJSON_IsString(v)) {
		strbuf_puts(b, v->valuestring);
	} else if (jinja_is_undefined(v)) {
		strbuf_printf(b, "CI_MISSING_JINJA_VAR/%s", v->valuestring);
	} else if (cJSON_IsNumber(v)) {
		if (v->valuedouble == trunc(v->valuedouble) && fabs(v->valuedouble) < 1e15)
			strbuf_printf(b, "%.0f", v->valuedouble);
		else
			strbuf_printf(b, "%.17g", v->valuedouble);
	} else if (cJSON_IsBool(v)) {
		strbuf_puts(b, cJSON_IsTrue(v) ? "True" : "False");
	} else if (cJSON_IsNull(v)) {
		strbuf_puts(b, "None");
	} else {
		strbuf_puts(b, cJSON_IsArray(v) ? "[" : "{");
		cJSON_ArrayForEach(it, v)
		{
			if (it != v->child)
				strbuf_puts(b, ", ");
			if (cJSON_IsObject(v))
				strbuf_printf(b, "'%s': ", it->string);
			add_value(b, it, true);
		}
		strbuf_puts(b, cJSON_IsArray(v) ? "]" : "}");
	}
}

char *jinja_text(const cJSON *v)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	char *text = NULL;

	add_value(&b, v, false);
	return strbuf_take(&b, &text) < 0 ? NULL : text;
}

/* ---- filters ---- */

static const char *argument(const cJSON *arguments, int i, const char *otherwise)
{
	const cJSON *a = cJSON_GetArrayItem(arguments, i);

	return cJSON_IsString(a) ? a->valuestring : otherwise;
}

/* The value's text, and the value gone. */
static char *take_text(cJSON *v)
{
	char *text = jinja_text(v);

	cJSON_Delete(v);
	return text;
}

static cJSON *make_text(char *text)
{
	cJSON *v = text ? cJSON_CreateString(text) : NULL;

	free(text);
	return v;
}

static cJSON *filter_default(cJSON *v, const cJSON *arguments)
{
	const cJSON *other = cJSON_GetArrayItem(arguments, 0);
	bool also_false = cJSON_IsTrue(cJSON_GetArrayItem(arguments, 1));

	if (!jinja_is_undefined(v) && !(also_false && !jinja_is_true(v)))
		return v;
	cJSON_Delete(v);
	return other ? cJSON_Duplicate(other, true) : cJSON_CreateString("");
}

static cJSON *map_text(cJSON *v, int (*fn)(int))
{
	char *text = take_text(v);

	for (char *p = text; p && *p; p++)
		*p = (char) fn((unsigned char) *p);
	return make_text(text);
}

static cJSON *filter_lower(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return map_text(v, tolower);
}

static cJSON *filter_upper(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return map_text(v, toupper);
}

static cJSON *capitalize(cJSON *v, bool all_words)
{
	char *text = take_text(v);
	bool start = true;

	for (char *p = text; p && *p; p++) {
		*p = (char) (start ? toupper((unsigned char) *p) : tolower((unsigned char) *p));
		start = all_words && !isalnum((unsigned char) *p);
	}
	return make_text(text);
}

static cJSON *filter_capitalize(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return capitalize(v, false);
}

static cJSON *filter_title(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return capitalize(v, true);
}

static cJSON *filter_trim(cJSON *v, const cJSON *arguments)
{
	auto_free char *text = take_text(v);

	(void) arguments;
	if (!text)
		return NULL;
	for (size_t n = strlen(text); n && isspace((unsigned char) text[n - 1]); n--)
		text[n - 1] = '\0';
	return cJSON_CreateString(text + strspn(text, " \t\r\n\v\f"));
}

static cJSON *filter_replace(cJSON *v, const cJSON *arguments)
{
	const char *from = argument(arguments, 0, NULL), *to = argument(arguments, 1, "");
	auto_free char *text = take_text(v);
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	char *out = NULL;

	if (!text || !from || !*from)
		return NULL;
	for (const char *p = text; *p;) {
		const char *hit = strstr(p, from);

		strbuf_add(&b, p, hit ? (size_t) (hit - p) : strlen(p));
		if (hit)
			strbuf_puts(&b, to);
		p = hit ? hit + strlen(from) : p + strlen(p);
	}
	return strbuf_take(&b, &out) < 0 ? NULL : make_text(out);
}

static cJSON *filter_split(cJSON *v, const cJSON *arguments)
{
	const char *separator = argument(arguments, 0, NULL);
	auto_free char *text = take_text(v);
	cJSON *list = cJSON_CreateArray();
	const char *p = text;

	while (p && list) {
		const char *hit = separator && *separator ? strstr(p, separator) : NULL;
		auto_free char *piece = NULL;

		if (!separator) {
			p += strspn(p, " \t\r\n");
			if (!*p)
				break;
			hit = p + strcspn(p, " \t\r\n");
		}
		piece = hit ? strndup(p, (size_t) (hit - p)) : strdup(p);
		cJSON_AddItemToArray(list, cJSON_CreateString(piece ? piece : ""));
		p = hit ? hit + (separator ? strlen(separator) : 0) : NULL;
	}
	return list;
}

static cJSON *filter_join(cJSON *v, const cJSON *arguments)
{
	const char *separator = argument(arguments, 0, "");
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	const cJSON *it;
	char *out = NULL;

	cJSON_ArrayForEach(it, v)
	{
		auto_free char *text = jinja_text(it);

		if (it != v->child)
			strbuf_puts(&b, separator);
		strbuf_puts(&b, text ? text : "");
	}
	cJSON_Delete(v);
	return strbuf_take(&b, &out) < 0 ? NULL : make_text(out);
}

static cJSON *filter_length(cJSON *v, const cJSON *arguments)
{
	double n = cJSON_IsString(v) ? (double) strlen(v->valuestring) : cJSON_GetArraySize(v);

	(void) arguments;
	cJSON_Delete(v);
	return cJSON_CreateNumber(n);
}

static cJSON *filter_int(cJSON *v, const cJSON *arguments)
{
	double n = cJSON_IsNumber(v)   ? trunc(v->valuedouble)
	           : cJSON_IsString(v) ? (double) strtoll(v->valuestring, NULL, 10)
	                               : cJSON_IsTrue(v);

	(void) arguments;
	cJSON_Delete(v);
	return cJSON_CreateNumber(n);
}

static cJSON *filter_string(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return make_text(take_text(v));
}

static cJSON *item_at(cJSON *v, bool last)
{
	int n = cJSON_GetArraySize(v);
	cJSON *item = n ? cJSON_Duplicate(cJSON_GetArrayItem(v, last ? n - 1 : 0), true)
	                : jinja_undefined("item");

	cJSON_Delete(v);
	return item;
}

static cJSON *filter_first(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return item_at(v, false);
}

static cJSON *filter_last(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return item_at(v, true);
}

static cJSON *parts_of(cJSON *v, bool with_key, bool with_value)
{
	cJSON *list = cJSON_IsObject(v) ? cJSON_CreateArray() : NULL;
	const cJSON *it;

	if (list)
		cJSON_ArrayForEach(it, v)
		{
			cJSON *key = with_key ? cJSON_CreateString(it->string) : NULL,
			      *value = with_value ? cJSON_Duplicate(it, true) : NULL, *pair;

			pair = key && value ? cJSON_CreateArray() : key ? key : value;
			if (key && value) {
				cJSON_AddItemToArray(pair, key);
				cJSON_AddItemToArray(pair, value);
			}
			cJSON_AddItemToArray(list, pair);
		}
	cJSON_Delete(v);
	return list;
}

static cJSON *filter_items(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return parts_of(v, true, true);
}

static cJSON *filter_keys(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return parts_of(v, true, false);
}

static cJSON *filter_values(cJSON *v, const cJSON *arguments)
{
	(void) arguments;
	return parts_of(v, false, true);
}

static cJSON *filter_get(cJSON *v, const cJSON *arguments)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(v, argument(arguments, 0, "")),
		    *other = cJSON_GetArrayItem(arguments, 1);
	cJSON *copy = found   ? cJSON_Duplicate(found, true)
	              : other ? cJSON_Duplicate(other, true)
	                      : cJSON_CreateNull();

	cJSON_Delete(v);
	return copy;
}

static cJSON *filter_startswith(cJSON *v, const cJSON *arguments)
{
	auto_free char *text = take_text(v);

	return text ? cJSON_CreateBool(str_after(text, argument(arguments, 0, "")) != NULL) : NULL;
}

static cJSON *filter_endswith(cJSON *v, const cJSON *arguments)
{
	auto_free char *text = take_text(v);

	return text ? cJSON_CreateBool(str_ends_with(text, argument(arguments, 0, ""))) : NULL;
}

static cJSON *filter_tojson(cJSON *v, const cJSON *arguments)
{
	char *text = json_print(v, false);

	(void) arguments;
	cJSON_Delete(v);
	return make_text(text);
}

static cJSON *filter_b64encode(cJSON *v, const cJSON *arguments)
{
	auto_free char *text = take_text(v);
	char *out = NULL;

	(void) arguments;
	return text && base64_encode(text, strlen(text), &out) >= 0 ? make_text(out) : NULL;
}

static const struct jinja_filter filters[] = {
	{"b64encode", filter_b64encode},
	{"capitalize", filter_capitalize},
	{"count", filter_length},
	{"d", filter_default},
	{"default", filter_default},
	{"endswith", filter_endswith},
	{"first", filter_first},
	{"get", filter_get},
	{"int", filter_int},
	{"items", filter_items},
	{"join", filter_join},
	{"keys", filter_keys},
	{"last", filter_last},
	{"length", filter_length},
	{"lower", filter_lower},
	{"replace", filter_replace},
	{"split", filter_split},
	{"startswith", filter_startswith},
	{"string", filter_string},
	{"title", filter_title},
	{"tojson", filter_tojson},
	{"trim", filter_trim},
	{"upper", filter_upper},
	{"values", filter_values},
};

const struct jinja_filter *jinja_filter_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(filters); i++)
		if (streq(filters[i].name, name))
			return &filters[i];
	return NULL;
}
