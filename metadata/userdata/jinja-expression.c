// SPDX-License-Identifier: Apache-2.0
/* Expressions, evaluated while they are read: each rung of the grammar is a function. */
#include "metadata/userdata/jinja.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#define DEPTH_MAX 40

struct reader {
	const char *p;
	const struct jinja_scope *scope;
	const char *reason;
	unsigned depth;
};

static cJSON *expression(struct reader *x);

static cJSON *refuse(struct reader *x, cJSON *v, const char *reason)
{
	cJSON_Delete(v);
	if (!x->reason)
		x->reason = reason;
	return NULL;
}

static void skip(struct reader *x)
{
	while (isspace((unsigned char) *x->p))
		x->p++;
}

static bool accept(struct reader *x, const char *sign)
{
	skip(x);
	if (strncmp(x->p, sign, strlen(sign)))
		return false;
	x->p += strlen(sign);
	return true;
}

static bool is_name(char c, bool first)
{
	return isalpha((unsigned char) c) || c == '_' || (!first && isdigit((unsigned char) c));
}

static bool accept_word(struct reader *x, const char *word)
{
	size_t n = strlen(word);

	skip(x);
	if (strncmp(x->p, word, n) || is_name(x->p[n], false))
		return false;
	x->p += n;
	return true;
}

static char *read_name(struct reader *x)
{
	size_t n = 0;

	skip(x);
	if (!is_name(*x->p, true))
		return NULL;
	while (is_name(x->p[n], false))
		n++;
	x->p += n;
	return strndup(x->p - n, n);
}

/* ---- names ---- */

/* Keys with '-' are also found with '_'. */
static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *it = cJSON_GetObjectItemCaseSensitive(object, name);

	if (it || !cJSON_IsObject(object))
		return it;
	cJSON_ArrayForEach(it, object)
	{
		const char *a = it->string, *b = name;

		while (*a && *b && (*a == *b || (*a == '-' && *b == '_'))) {
			a++;
			b++;
		}
		if (!*a && !*b)
			return it;
	}
	return NULL;
}

static cJSON *lookup(struct reader *x, const char *name)
{
	static const char *const versions[] = {"v2", "v1"};
	const cJSON *v = NULL;

	for (size_t i = x->scope->n_bound; i-- > 0 && !v;)
		if (streq(x->scope->bound[i].name, name))
			v = x->scope->bound[i].value;
	if (!v)
		v = member(x->scope->data, name);
	/* The standard keys are also found without their version. */
	for (size_t i = 0; i < ELEMENTSOF(versions) && !v; i++)
		v = member(cJSON_GetObjectItemCaseSensitive(x->scope->data, versions[i]), name);
	return v ? cJSON_Duplicate(v, true) : jinja_undefined(name);
}

static cJSON *take_member(struct reader *x, cJSON *v, const char *name)
{
	const cJSON *m;
	cJSON *copy;

	if (jinja_is_undefined(v))
		return refuse(x, v, "a member of something that is not there");
	m = member(v, name);
	copy = m ? cJSON_Duplicate(m, true) : jinja_undefined(name);
	cJSON_Delete(v);
	return copy;
}

static cJSON *take_index(struct reader *x, cJSON *v, cJSON *index)
{
	cJSON *copy;

	if (!index)
		return refuse(x, v, "an index is missing");
	if (cJSON_IsString(index)) {
		copy = take_member(x, v, index->valuestring);
	} else if (cJSON_IsNumber(index) && cJSON_IsArray(v)) {
		int n = cJSON_GetArraySize(v), i = (int) index->valuedouble;
		const cJSON *m = cJSON_GetArrayItem(v, i < 0 ? n + i : i);

		copy = m ? cJSON_Duplicate(m, true) : jinja_undefined("index");
		cJSON_Delete(v);
	} else {
		copy = refuse(x, v, "an index that is not supported");
	}
	cJSON_Delete(index);
	return copy;
}

/* ---- primaries ---- */

static cJSON *text_literal(struct reader *x)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	char quote = *x->p++;
	auto_free char *text = NULL;

	for (; *x->p && *x->p != quote; x->p++) {
		if (*x->p == '\\' && x->p[1]) {
			x->p++;
			strbuf_add(&b, *x->p == 'n' ? "\n" : *x->p == 't' ? "\t" : x->p, 1);
		} else {
			strbuf_add(&b, x->p, 1);
		}
	}
	if (!*x->p)
		return refuse(x, NULL, "a text has no end");
	x->p++;
	return strbuf_take(&b, &text) < 0 ? NULL : cJSON_CreateString(text);
}

static cJSON *list_literal(struct reader *x, const char *close)
{
	cJSON *list = cJSON_CreateArray();

	while (list && !accept(x, close)) {
		cJSON *item = expression(x);

		if (!item)
			return refuse(x, list, "a list is not whole");
		cJSON_AddItemToArray(list, item);
		if (!accept(x, ",") && !(skip(x), !strncmp(x->p, close, strlen(close))))
			return refuse(x, list, "a list is not whole");
	}
	return list;
}

static cJSON *number_literal(struct reader *x)
{
	char *end;
	double v = strtod(x->p, &end);

	if (end == x->p || !isfinite(v))
		return refuse(x, NULL, "not a number");
	x->p = end;
	return cJSON_CreateNumber(v);
}

static cJSON *primary(struct reader *x)
{
	auto_free char *name = NULL;
	cJSON *v;

	skip(x);
	if (*x->p == '"' || *x->p == '\'')
		return text_literal(x);
	if (isdigit((unsigned char) *x->p))
		return number_literal(x);
	if (accept(x, "["))
		return list_literal(x, "]");
	if (accept(x, "(")) {
		v = expression(x);
		return v && !accept(x, ")") ? refuse(x, v, "a bracket is not closed") : v;
	}
	name = read_name(x);
	if (!name)
		return refuse(x, NULL, "a sign that is not expected");
	if (streq(name, "true") || streq(name, "True"))
		return cJSON_CreateTrue();
	if (streq(name, "false") || streq(name, "False"))
		return cJSON_CreateFalse();
	if (streq(name, "none") || streq(name, "None"))
		return cJSON_CreateNull();
	return lookup(x, name);
}

/* Methods of values that templates call; everything else is no business of a template. */
static cJSON *call_method(struct reader *x, cJSON *v, const char *name)
{
	static const struct {
		const char *method, *filter;
	} methods[] = {{"items", "items"},       {"keys", "keys"},   {"values", "values"},
	               {"lower", "lower"},       {"upper", "upper"}, {"strip", "trim"},
	               {"replace", "replace"},   {"split", "split"}, {"startswith", "startswith"},
	               {"endswith", "endswith"}, {"get", "get"},     {"title", "title"}};
	auto_json cJSON *arguments = list_literal(x, ")");

	if (!arguments)
		return refuse(x, v, "a call is not whole");
	for (size_t i = 0; i < ELEMENTSOF(methods); i++)
		if (streq(methods[i].method, name)) {
			cJSON *out = jinja_filter_find(methods[i].filter)->run(v, arguments);

			return out ? out : refuse(x, NULL, "a method that does not fit its value");
		}
	return refuse(x, v, "a call that is not supported");
}

static cJSON *postfix(struct reader *x)
{
	cJSON *v = primary(x);

	while (v) {
		if (accept(x, ".")) {
			auto_free char *name = read_name(x);

			if (!name || name[0] == '_')
				return refuse(x, v, "a member that is not open to templates");
			v = accept(x, "(") ? call_method(x, v, name) : take_member(x, v, name);
		} else if (accept(x, "[")) {
			v = take_index(x, v, expression(x));
			if (v && !accept(x, "]"))
				return refuse(x, v, "a bracket is not closed");
		} else if (accept(x, "(")) {
			return refuse(x, v, "a call that is not supported");
		} else {
			return v;
		}
	}
	return v;
}

static cJSON *filtered(struct reader *x)
{
	cJSON *v = postfix(x);

	for (;;) {
		auto_json cJSON *arguments = NULL;
		auto_free char *name = NULL;
		const struct jinja_filter *f;

		skip(x);
		if (!v || *x->p != '|')
			return v;
		x->p++;
		name = read_name(x);
		f = name ? jinja_filter_find(name) : NULL;
		if (!f)
			return refuse(x, v, "a filter that is not supported");
		arguments = accept(x, "(") ? list_literal(x, ")") : cJSON_CreateArray();
		if (!arguments)
			return refuse(x, v, "a filter's arguments are not whole");
		v = f->run(v, arguments);
		if (!v)
			return refuse(x, NULL, "a filter does not fit its value");
	}
}

/* ---- operators ---- */

static cJSON *unary(struct reader *x)
{
	skip(x);
	if (*x->p == '-' && isdigit((unsigned char) x->p[1])) {
		cJSON *v;

		x->p++;
		v = filtered(x);
		if (cJSON_IsNumber(v))
			cJSON_SetNumberValue(v, -v->valuedouble);
		return v;
	}
	return filtered(x);
}

static cJSON *joined(cJSON *a, cJSON *b)
{
	auto_free char *s = jinja_text(a), *t = jinja_text(b);
	auto_free char *both = s && t ? str_printf("%s%s", s, t) : NULL;

	cJSON_Delete(a);
	cJSON_Delete(b);
	return both ? cJSON_CreateString(both) : NULL;
}

static cJSON *calculate(struct reader *x, cJSON *a, const char *sign, cJSON *b)
{
	double n;

	if (!a || !b) {
		cJSON_Delete(b);
		return refuse(x, a, "an operator lacks a side");
	}
	if (*sign == '~' || (*sign == '+' && cJSON_IsString(a) && cJSON_IsString(b)))
		return joined(a, b);
	if (!cJSON_IsNumber(a) || !cJSON_IsNumber(b)) {
		cJSON_Delete(b);
		return refuse(x, a, "an operator between things that are no numbers");
	}
	if ((*sign == '/' || *sign == '%') && b->valuedouble == 0) {
		cJSON_Delete(b);
		return refuse(x, a, "a division by zero");
	}
	n = *sign == '+'        ? a->valuedouble + b->valuedouble
	    : *sign == '-'      ? a->valuedouble - b->valuedouble
	    : *sign == '*'      ? a->valuedouble * b->valuedouble
	    : *sign == '%'      ? fmod(a->valuedouble, b->valuedouble)
	    : streq(sign, "//") ? floor(a->valuedouble / b->valuedouble)
	                        : a->valuedouble / b->valuedouble;
	cJSON_Delete(a);
	cJSON_Delete(b);
	return cJSON_CreateNumber(n);
}

static cJSON *product(struct reader *x)
{
	cJSON *v = unary(x);

	for (;;) {
		static const char *const signs[] = {"*", "//", "/", "%"};
		size_t i = 0;

		while (v && i < ELEMENTSOF(signs) && !accept(x, signs[i]))
			i++;
		if (!v || i == ELEMENTSOF(signs))
			return v;
		v = calculate(x, v, signs[i], unary(x));
	}
}

static cJSON *sum(struct reader *x)
{
	cJSON *v = product(x);

	for (;;) {
		static const char *const signs[] = {"+", "-", "~"};
		size_t i = 0;

		while (v && i < ELEMENTSOF(signs) && !accept(x, signs[i]))
			i++;
		if (!v || i == ELEMENTSOF(signs))
			return v;
		v = calculate(x, v, signs[i], product(x));
	}
}

static bool holds(const cJSON *haystack, const cJSON *needle)
{
	const cJSON *it;

	if (cJSON_IsString(haystack))
		return cJSON_IsString(needle) && strstr(haystack->valuestring, needle->valuestring);
	if (cJSON_IsObject(haystack))
		return cJSON_IsString(needle) && member(haystack, needle->valuestring);
	cJSON_ArrayForEach(it, haystack) if (cJSON_Compare(it, needle, true)) return true;
	return false;
}

static int order(const cJSON *a, const cJSON *b)
{
	if (cJSON_IsString(a) && cJSON_IsString(b))
		return strcmp(a->valuestring, b->valuestring);
	return (a->valuedouble > b->valuedouble) - (a->valuedouble < b->valuedouble);
}

static cJSON *test_of(struct reader *x, cJSON *v)
{
	bool negated = accept_word(x, "not"), yes;
	auto_free char *name = read_name(x);

	if (!name)
		return refuse(x, v, "a test has no name");
	if (streq(name, "defined"))
		yes = !jinja_is_undefined(v);
	else if (streq(name, "undefined"))
		yes = jinja_is_undefined(v);
	else if (streq(name, "none"))
		yes = cJSON_IsNull(v);
	else if (streq(name, "string"))
		yes = cJSON_IsString(v);
	else if (streq(name, "number"))
		yes = cJSON_IsNumber(v);
	else if (streq(name, "mapping"))
		yes = cJSON_IsObject(v);
	else
		return refuse(x, v, "a test that is not supported");
	cJSON_Delete(v);
	return cJSON_CreateBool(yes != negated);
}

static cJSON *comparison(struct reader *x)
{
	static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">"};
	cJSON *v = sum(x), *w;
	size_t i = 0;
	bool negated, yes;
	int c;

	if (!v)
		return NULL;
	if (accept_word(x, "is"))
		return test_of(x, v);
	while (i < ELEMENTSOF(signs) && !accept(x, signs[i]))
		i++;
	negated = i == ELEMENTSOF(signs) && accept_word(x, "not");
	if (i == ELEMENTSOF(signs) && !accept_word(x, "in"))
		return negated ? refuse(x, v, "\"not\" without \"in\"") : v;
	w = sum(x);
	if (!w)
		return refuse(x, v, "a comparison lacks a side");
	c = order(v, w);
	switch (i) {
	case 0:
		yes = cJSON_Compare(v, w, true);
		break;
	case 1:
		yes = !cJSON_Compare(v, w, true);
		break;
	case 2:
		yes = c <= 0;
		break;
	case 3:
		yes = c >= 0;
		break;
	case 4:
		yes = c < 0;
		break;
	case 5:
		yes = c > 0;
		break;
	default:
		yes = holds(w, v) != negated;
	}
	cJSON_Delete(v);
	cJSON_Delete(w);
	return cJSON_CreateBool(yes);
}

static cJSON *negation(struct reader *x)
{
	cJSON *v;
	bool yes;

	if (!accept_word(x, "not"))
		return comparison(x);
	v = comparison(x);
	if (!v)
		return NULL;
	yes = jinja_is_true(v);
	cJSON_Delete(v);
	return cJSON_CreateBool(!yes);
}

/* "and" binds closer than "or"; both give one of their sides. */
static cJSON *logic(struct reader *x, bool is_or)
{
	cJSON *v = is_or ? logic(x, false) : negation(x);

	while (v && accept_word(x, is_or ? "or" : "and")) {
		cJSON *w = is_or ? logic(x, false) : negation(x);

		if (!w)
			return refuse(x, v, "an operator lacks a side");
		if (jinja_is_true(v) == is_or) {
			cJSON_Delete(w);
		} else {
			cJSON_Delete(v);
			v = w;
		}
	}
	return v;
}

static cJSON *expression(struct reader *x)
{
	cJSON *v, *condition, *other = NULL;

	if (++x->depth > DEPTH_MAX)
		return refuse(x, NULL, "nested too deeply");
	v = logic(x, true);
	if (v && accept_word(x, "if")) {
		condition = logic(x, true);
		if (condition && accept_word(x, "else"))
			other = expression(x);
		if (!condition)
			return refuse(x, v, "\"if\" lacks its condition");
		if (!jinja_is_true(condition)) {
			cJSON_Delete(v);
			v = other ? other : cJSON_CreateString("");
		} else {
			cJSON_Delete(other);
		}
		cJSON_Delete(condition);
	}
	x->depth--;
	return v;
}

int jinja_evaluate(const char *text, const struct jinja_scope *s, cJSON **ret, char *reason,
                   size_t reason_size)
{
	struct reader x = {.p = text, .scope = s};
	cJSON *v = expression(&x);

	skip(&x);
	if (v && *x.p)
		v = refuse(&x, v, "a sign that is not expected");
	if (!v) {
		snprintf(reason, reason_size, "%s", x.reason ? x.reason : "out of memory");
		return -EBADMSG;
	}
	*ret = v;
	return 0;
}
