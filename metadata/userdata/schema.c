// SPDX-License-Identifier: Apache-2.0
/* Checks a document against the rows of schema.h. Findings tell where and what is expected, and never
 * what stands there. */
#include "metadata/userdata/schema.h"

#include <math.h>
#include <regex.h>

#define FINDINGS_MAX 256
#define DEPTH_MAX    64

struct table {
	const struct schema_row *rows;
	size_t n;
};

struct check {
	struct table table;
	struct schema_report *report;
	unsigned depth;
	int error; /* -ENOMEM sticks */
};

/* Where we are: the path so far, and the lines below it. */
struct place {
	char *path;
	const cJSON *lines;
	unsigned line;
};

void schema_report_done(struct schema_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->items[i].path);
		free(r->items[i].text);
	}
	free(r->items);
	*r = (struct schema_report){0};
}

static void report_cut(struct schema_report *r, size_t n)
{
	while (r->n > n) {
		r->n--;
		free(r->items[r->n].path);
		free(r->items[r->n].text);
	}
}

static void find(struct check *c, const struct place *p, bool is_deprecated, char *text)
{
	struct schema_finding *more;
	auto_free char *own = text;

	if (c->report->n >= FINDINGS_MAX)
		return;
	more = realloc(c->report->items, (c->report->n + 1) * sizeof(*more));
	if (more)
		c->report->items = more;
	if (!more || !own) {
		c->error = -ENOMEM;
		return;
	}
	more[c->report->n] = (struct schema_finding){strdup(p->path), NULL, p->line, is_deprecated};
	if (!more[c->report->n].path) {
		c->error = -ENOMEM;
		return;
	}
	more[c->report->n].text = TAKE_PTR(own);
	c->report->n++;
}

/* ---- rows ---- */

/* The first row below @row, or 0; the next one beside it, or 0. */
static size_t first_child(const struct table *t, size_t row)
{
	return row + 1 < t->n && t->rows[row + 1].depth > t->rows[row].depth ? row + 1 : 0;
}

static size_t next_sibling(const struct table *t, size_t row)
{
	unsigned depth = t->rows[row].depth;

	while (++row < t->n && t->rows[row].depth > depth)
		;
	return row < t->n && t->rows[row].depth == depth && depth ? row : 0;
}

#define FOREACH_CHILD(child, t, row)                                                               \
	for (size_t child = first_child(t, row); child; child = next_sibling(t, child))

/* The text of "key=...": up to the next blank. @ret_size 0 and NULL if there is no such rule. */
static const char *rule(const struct schema_row *row, const char *key, size_t *ret_size)
{
	size_t n = strlen(key);

	for (const char *p = row->rules; *p; p += strspn(p, " ")) {
		size_t word = strcspn(p, " ");

		if (!strncmp(p, key, n) && (p[n] == '=' || p[n] == ' ' || !p[n])) {
			*ret_size = word > n ? word - n - 1 : 0;
			return p + n + (p[n] == '=');
		}
		p += word;
	}
	*ret_size = 0;
	return NULL;
}

static bool has_rule(const struct schema_row *row, const char *key)
{
	size_t n;

	return rule(row, key, &n) != NULL;
}

static char *rule_text(const struct schema_row *row, const char *key)
{
	size_t n;
	const char *s = rule(row, key, &n);

	return s ? strndup(s, n) : NULL;
}

static size_t find_reference(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].name[0] == '#' && streq(t->rows[i].name + 1, name))
			return i;
	return 0;
}

/* ---- values ---- */

/* What YAML's !!binary leaves when it is no text. */
static bool is_bytes(const cJSON *v)
{
	return cJSON_GetObjectItemCaseSensitive(v, "__b64__") && !v->child->next;
}

static bool is_of_type(const cJSON *v, char letter)
{
	switch (letter) {
	case 's':
		return cJSON_IsString(v) || is_bytes(v);
	case 'i':
		return cJSON_IsNumber(v) && v->valuedouble == trunc(v->valuedouble);
	case 'n':
		return cJSON_IsNumber(v);
	case 'b':
		return cJSON_IsBool(v);
	case 'a':
		return cJSON_IsArray(v);
	case 'o':
		return cJSON_IsObject(v) && !is_bytes(v);
	default:
		return cJSON_IsNull(v);
	}
}

static const char *type_word(char letter)
{
	static const char *const words[] = {"s\0string", "i\0integer", "n\0number", "b\0boolean",
	                                    "a\0list",   "o\0map",     "z\0null"};

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		if (words[i][0] == letter)
			return words[i] + 2;
	return "?";
}

static bool check_type(struct check *c, const struct schema_row *row, const struct place *p,
                       const cJSON *v)
{
	auto_strbuf struct strbuf b = {0};
	char *text = NULL;

	if (!*row->type)
		return true;
	for (const char *t = row->type; *t; t++)
		if (is_of_type(v, *t))
			return true;
	for (const char *t = row->type; *t; t++)
		strbuf_printf(&b, "%s%s", t == row->type ? "not of type " : " or ", type_word(*t));
	strbuf_take(&b, &text);
	find(c, p, false, text);
	return false;
}

static bool value_is(const cJSON *v, const char *word)
{
	uint64_t n;

	if (cJSON_IsString(v))
		return streq(v->valuestring, word);
	if (cJSON_IsNull(v))
		return streq(word, "~");
	if (cJSON_IsBool(v))
		return streq(word, cJSON_IsTrue(v) ? "true" : "false");
	return cJSON_IsNumber(v) && str_to_u64(word, 10, &n) >= 0 && v->valuedouble == (double) n;
}

static void check_enum(struct check *c, const struct schema_row *row, const struct place *p,
                       const cJSON *v)
{
	auto_free char *words = rule_text(row, "enum");
	auto_strv char **list = NULL;

	if (!words || strv_split(words, "|", &list) < 0)
		return;
	STRV_FOREACH (w, list)
		if (value_is(v, *w))
			return;
	find(c, p, false, str_printf("not one of %s", words));
}

static bool matches(const char *regex, const char *text)
{
	regex_t re;
	bool yes;

	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

static void check_limits(struct check *c, const struct schema_row *row, const struct place *p,
                         const cJSON *v)
{
	auto_free char *low = rule_text(row, "min"), *high = rule_text(row, "max"),
		       *regex = rule_text(row, "re");
	const char *of = cJSON_IsArray(v)    ? "entries"
	                 : cJSON_IsObject(v) ? "keys"
	                 : cJSON_IsString(v) ? "characters"
	                                     : "";
	double n = cJSON_IsNumber(v)   ? v->valuedouble
	           : cJSON_IsString(v) ? (double) strlen(v->valuestring)
	                               : cJSON_GetArraySize(v);
	bool counts =
		cJSON_IsNumber(v) || cJSON_IsString(v) || cJSON_IsArray(v) || cJSON_IsObject(v);

	if (counts && low && n < strtod(low, NULL))
		find(c, p, false, str_printf("less than %s %s", low, of));
	if (counts && high && n > strtod(high, NULL))
		find(c, p, false, str_printf("more than %s %s", high, of));
	if (regex && cJSON_IsString(v) && !matches(regex, v->valuestring))
		find(c, p, false, str_printf("not of the form %s", regex));
}

/* ---- the walk ---- */

static void check_row(struct check *c, size_t row, const struct place *p, const cJSON *v);

static const cJSON *lines_below(const struct place *p, const char *key, int index)
{
	if (cJSON_IsArray(p->lines))
		return cJSON_GetArrayItem(p->lines, index + 1); /* the first is the list's own */
	return cJSON_GetObjectItemCaseSensitive(p->lines, key);
}

static unsigned line_of(const cJSON *lines, unsigned otherwise)
{
	const cJSON *own = cJSON_IsArray(lines) ? cJSON_GetArrayItem(lines, 0)
	                                        : cJSON_GetObjectItemCaseSensitive(lines, "");

	if (cJSON_IsNumber(lines))
		own = lines;
	return cJSON_IsNumber(own) ? (unsigned) own->valuedouble : otherwise;
}

/* @key's own place below @p; the caller frees its path. */
static struct place place_below(const struct place *p, const char *key, int index)
{
	auto_free char *number = key ? NULL : str_printf("%d", index);
	const char *name = key ? key : number ? number : "";
	struct place q = {.lines = lines_below(p, key ? key : "", index)};

	q.path = *p->path ? str_printf("%s.%s", p->path, name) : strdup(name);
	q.line = line_of(q.lines, p->line);
	return q;
}

static void check_below(struct check *c, size_t row, const struct place *p, const cJSON *v,
                        const char *key, int index)
{
	struct place q = place_below(p, key, index);

	if (!q.path)
		c->error = -ENOMEM;
	else
		check_row(c, row, &q, v);
	free(q.path);
}

static bool is_special(const char *name)
{
	return *name == '|' || *name == '&' || *name == '*' || *name == '/' || streq(name, "[]");
}

static void check_object(struct check *c, size_t row, const struct place *p, const cJSON *v)
{
	const struct table *t = &c->table;
	const cJSON *it;

	FOREACH_CHILD(child, t, row)
	if (has_rule(&t->rows[child], "needed") && !is_special(t->rows[child].name) &&
	    !cJSON_GetObjectItemCaseSensitive(v, t->rows[child].name))
		find(c, p, false, str_printf("the key \"%s\" is missing", t->rows[child].name));
	cJSON_ArrayForEach(it, v)
	{
		bool known = false;
		size_t any = 0;

		FOREACH_CHILD(child, t, row)
		{
			const char *name = t->rows[child].name;
			auto_free char *regex =
				*name == '/' ? strndup(name + 1, strlen(name) - 2) : NULL;

			if (streq(name, "*"))
				any = child;
			else if (regex ? matches(regex, it->string)
			               : !is_special(name) && streq(name, it->string)) {
				known = true;
				check_below(c, child, p, it, it->string, 0);
			}
		}
		if (known)
			continue;
		if (any)
			check_below(c, any, p, it, it->string, 0);
		else if (has_rule(&t->rows[row], "closed")) {
			struct place q = place_below(p, it->string, 0), here = *p;

			/* The map is what holds the mistake; the key's line is where to look. */
			here.line = q.line;
			if (!*here.path)
				here.path = q.path;
			find(c, &here, false,
			     str_printf("the key \"%.128s\" is not known", it->string));
			free(q.path);
		}
	}
}

static void check_not(struct check *c, const struct schema_row *row, const struct place *p,
                      const cJSON *v)
{
	auto_free char *words = rule_text(row, "not");
	auto_strv char **list = NULL;
	bool all = true;

	if (!words || strv_split(words, "|", &list) < 0)
		return;
	STRV_FOREACH (w, list)
		all = all && cJSON_GetObjectItemCaseSensitive(v, *w);
	if (all)
		find(c, p, false, str_printf("not all of these: %s", words));
}

static void check_array(struct check *c, size_t row, const struct place *p, const cJSON *v)
{
	const cJSON *it, *other;
	int i = 0;

	if (has_rule(&c->table.rows[row], "unique"))
		cJSON_ArrayForEach(it, v)
		{
			for (other = it->next; other; other = other->next)
				if (cJSON_Compare(it, other, true)) {
					find(c, p, false, strdup("an entry comes twice"));
					goto unique_done;
				}
		}
unique_done:
	FOREACH_CHILD(child, &c->table, row)
	if (streq(c->table.rows[child].name, "[]"))
		cJSON_ArrayForEach(it, v) check_below(c, child, p, it, NULL, i++);
}

static size_t errors_from(const struct schema_report *r, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < r->n; i++)
		n += !r->items[i].is_deprecated;
	return n;
}

/* The row that says what type a value must have, through references. */
static const char *type_of_row(const struct table *t, size_t row)
{
	auto_free char *reference = rule_text(&t->rows[row], "ref");

	if (*t->rows[row].type || !reference)
		return t->rows[row].type;
	return t->rows[find_reference(t, reference)].type;
}

static bool type_fits(const struct table *t, size_t row, const cJSON *v)
{
	const char *types = type_of_row(t, row);

	for (const char *p = types; *p; p++)
		if (is_of_type(v, *p))
			return true;
	return !*types;
}

/* Hands the findings of @from on to @c's report. */
static void take_findings(struct check *c, struct schema_report *from, bool deprecated)
{
	for (size_t i = 0; i < from->n; i++) {
		struct place q = {from->items[i].path, NULL, from->items[i].line};

		if (from->items[i].is_deprecated == deprecated)
			find(c, &q, deprecated, TAKE_PTR(from->items[i].text));
	}
}

/* What is told when no alternative holds: the mistakes of the one that is meant, by its type; where
 * several may be meant only that none fits; where none is, what each wants. */
static void explain_alternatives(struct check *c, size_t row, const struct place *p, const cJSON *v,
                                 const char *kind)
{
	size_t fitting = 0;

	FOREACH_CHILD(child, &c->table, row)
	fitting += streq(c->table.rows[child].name, kind) && type_fits(&c->table, child, v);
	if (fitting > 1) {
		find(c, p, false, strdup("fits none of its forms"));
		return;
	}
	FOREACH_CHILD(child, &c->table, row)
	{
		struct schema_report own = {0}, *outer = c->report;

		if (!streq(c->table.rows[child].name, kind) ||
		    (fitting && !type_fits(&c->table, child, v)))
			continue;
		c->report = &own;
		check_row(c, child, p, v);
		c->report = outer;
		take_findings(c, &own, false);
		schema_report_done(&own);
	}
}

/* Alternatives: deprecations come from the one that holds. */
static void check_alternatives(struct check *c, size_t row, const struct place *p, const cJSON *v,
                               const char *kind)
{
	size_t good = 0, n = 0;

	FOREACH_CHILD(child, &c->table, row)
	{
		struct schema_report own = {0}, *outer = c->report;

		if (!streq(c->table.rows[child].name, kind))
			continue;
		n++;
		c->report = &own;
		check_row(c, child, p, v);
		c->report = outer;
		if (!errors_from(&own, 0) && !good++)
			take_findings(c, &own, true);
		schema_report_done(&own);
	}
	if (n && !good)
		explain_alternatives(c, row, p, v, kind);
	if (good > 1 && streq(kind, "|one"))
		find(c, p, false, strdup("more than one of its forms fit"));
}

static void check_row(struct check *c, size_t row, const struct place *p, const cJSON *v)
{
	const struct schema_row *s = &c->table.rows[row];
	auto_free char *reference = rule_text(s, "ref");

	if (c->error < 0 || ++c->depth > DEPTH_MAX) {
		c->error = c->error < 0 ? c->error : -E2BIG;
		return;
	}
	if (has_rule(s, "old"))
		find(c, p, true, strdup("this form is deprecated"));
	if (reference)
		check_row(c, find_reference(&c->table, reference), p, v);
	if (check_type(c, s, p, v)) {
		check_enum(c, s, p, v);
		check_limits(c, s, p, v);
		if (cJSON_IsObject(v) && !is_bytes(v)) {
			check_not(c, s, p, v);
			check_object(c, row, p, v);
		} else if (cJSON_IsArray(v)) {
			check_array(c, row, p, v);
		}
	}
	check_alternatives(c, row, p, v, "|one");
	check_alternatives(c, row, p, v, "|any");
	FOREACH_CHILD(child, &c->table, row)
	if (streq(c->table.rows[child].name, "&"))
		check_row(c, child, p, v);
	c->depth--;
}

/* ---- the door ---- */

static struct table table_of(enum schema_kind kind)
{
	switch (kind) {
	case SCHEMA_NETWORK_V1:
		return (struct table){schema_network_v1, n_schema_network_v1};
	case SCHEMA_NETWORK_V2:
		return (struct table){schema_network_v2, n_schema_network_v2};
	default:
		return (struct table){schema_cloud_config, n_schema_cloud_config};
	}
}

int schema_check(enum schema_kind kind, const cJSON *doc, const cJSON *lines,
                 struct schema_report *ret)
{
	struct check c = {.table = table_of(kind), .report = ret};
	struct place top = {(char *) (uintptr_t) "", lines, line_of(lines, 1)};

	*ret = (struct schema_report){0};
	check_row(&c, 0, &top, doc);
	if (c.error == -ENOMEM) {
		report_cut(ret, 0);
		return -ENOMEM;
	}
	if (c.error < 0)
		find(&c, &top, false, strdup("nested too deeply"));
	return (int) errors_from(ret, 0);
}

bool schema_knows_key(const char *key)
{
	struct table t = table_of(SCHEMA_CLOUD_CONFIG);

	FOREACH_CHILD(child, &t, 0)
	if (streq(t.rows[child].name, key))
		return true;
	return false;
}
