// SPDX-License-Identifier: Apache-2.0
/*
 * The part of Jinja that templates of user-data use: variables, if, for, set, raw, comments,
 * operators, tests and the filters of the table in jinja-filter.c. Whatever else stands in a
 * template is an error with its line.
 *
 * The text is cut into pieces once; statements run over ranges of pieces. A loop's body is run
 * again for each item, so there is a budget of steps and of output.
 */
#include "metadata/userdata/jinja.h"

#include <ctype.h>

#define STEPS_MAX  200000
#define NESTED_MAX 32

enum piece_kind { PIECE_TEXT, PIECE_EXPRESSION, PIECE_STATEMENT };
struct piece {
	enum piece_kind kind;
	const char *start, *end;
	unsigned line;
};

struct engine {
	struct piece *pieces;
	size_t n_pieces;
	struct jinja_scope scope;
	struct strbuf out;
	const char *name;
	struct diag *d;
	unsigned steps;
};

static int fail(struct engine *e, unsigned line, const char *text)
{
	return diag_add(e->d, -EBADMSG, DIAG_ERROR, e->name, line, "template: %s", text);
}

/* ---- pieces ---- */

static int add_piece(struct engine *e, struct piece p)
{
	struct piece *more;

	if (p.kind == PIECE_TEXT && p.start == p.end)
		return 0;
	more = realloc(e->pieces, (e->n_pieces + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	e->pieces = more;
	e->pieces[e->n_pieces++] = p;
	return 0;
}

/* The closing mark of a tag, quotes respected. */
static const char *find_close(const char *p, const char *close)
{
	char quote = 0;

	for (; *p; p++) {
		if (quote) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == quote)
				quote = 0;
		} else if (!strncmp(p, close, 2)) {
			return p;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		}
	}
	return NULL;
}

static const char *find_open(const char *p)
{
	for (p = strchr(p, '{'); p; p = strchr(p + 1, '{'))
		if (p[1] == '{' || p[1] == '%' || p[1] == '#')
			return p;
	return NULL;
}

static bool statement_is(const struct piece *p, const char *word)
{
	const char *s = p->start;
	size_t n = strlen(word);

	while (s < p->end && isspace((unsigned char) *s))
		s++;
	return (size_t) (p->end - s) >= n && !strncmp(s, word, n) &&
	       (s + n == p->end || !(isalnum((unsigned char) s[n]) || s[n] == '_'));
}

static unsigned lines_between(const char *from, const char *to)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += *from == '\n';
	return n;
}

/* Text up to "endraw" is left as it is; *p moves behind it. */
static int cut_raw(struct engine *e, const char **p, unsigned line)
{
	for (const char *q = find_open(*p); q; q = find_open(q + 1)) {
		const char *close = q[1] == '%' ? find_close(q + 2, "%}") : NULL;
		struct piece tag = {PIECE_STATEMENT, q + 2, close, line};
		int r;

		if (!close)
			continue;
		if (tag.start < close && *tag.start == '-')
			tag.start++;
		if (!statement_is(&tag, "endraw"))
			continue;
		r = add_piece(e, (struct piece){PIECE_TEXT, *p, q, line});
		*p = close + 2;
		return r;
	}
	return fail(e, line, "\"raw\" has no end");
}

static int cut(struct engine *e, const char *text, unsigned line)
{
	const char *p = text;
	bool trim = false;

	for (;;) {
		const char *open = find_open(p), *close, *start;
		char kind;
		int r;

		while (trim && isspace((unsigned char) *p) && p != open)
			p++;
		if (!open)
			return add_piece(e, (struct piece){PIECE_TEXT, p, p + strlen(p), line});
		kind = open[1];
		start = open + 2;
		close = kind == '#' ? strstr(start, "#}")
		                    : find_close(start, kind == '{' ? "}}" : "%}");
		if (!close)
			return fail(e, line + lines_between(p, open), "a tag has no end");
		/* "{%-" takes the blanks before it, "-%}" those behind. */
		const char *end = open;
		if (*start == '-') {
			start++;
			while (end > p && isspace((unsigned char) end[-1]))
				end--;
		}
		r = add_piece(e, (struct piece){PIECE_TEXT, p, end, line});
		line += lines_between(p, open);
		trim = close > start && close[-1] == '-';
		p = close + 2;
		if (kind != '{' && *p == '\n' && !trim)
			p++; /* as cloud-init's setting "trim_blocks" has it */
		if (r >= 0 && kind != '#') {
			struct piece tag = {kind == '{' ? PIECE_EXPRESSION : PIECE_STATEMENT, start,
			                    close - trim, line};

			r = kind == '%' && statement_is(&tag, "raw") ? cut_raw(e, &p, line)
			                                             : add_piece(e, tag);
		}
		if (r < 0)
			return r;
		line += lines_between(open, p);
	}
}

/* ---- running ---- */

static int run_range(struct engine *e, size_t from, size_t to, unsigned depth);

/* The text of a statement behind its word, as a string of its own. */
static char *behind_word(const struct piece *p, const char *word)
{
	const char *s = p->start;

	while (isspace((unsigned char) *s))
		s++;
	s += strlen(word);
	return strndup(s, (size_t) (p->end - s));
}

static int evaluate(struct engine *e, const char *text, unsigned line, cJSON **ret)
{
	char reason[128] = "";
	int r = jinja_evaluate(text, &e->scope, ret, reason, sizeof(reason));

	return r == -EBADMSG ? fail(e, line, reason) : r;
}

static bool is_end(const struct piece *p, const char *block)
{
	return statement_is(p, streq(block, "if") ? "endif" : "endfor");
}

/* The next "elif", "else" or end of the block that opened before @from; -EBADMSG if there is none. */
static int find_branch(struct engine *e, const char *block, size_t from, size_t *ret)
{
	unsigned depth = 0;

	for (size_t i = from; i < e->n_pieces; i++) {
		const struct piece *p = &e->pieces[i];

		if (p->kind != PIECE_STATEMENT)
			continue;
		if (statement_is(p, "if") || statement_is(p, "for")) {
			depth++;
		} else if (depth && (statement_is(p, "endif") || statement_is(p, "endfor"))) {
			depth--;
		} else if (!depth && (is_end(p, block) || statement_is(p, "else") ||
		                      statement_is(p, "elif"))) {
			*ret = i;
			return 0;
		}
	}
	return fail(e, from ? e->pieces[from - 1].line : 1, "a block has no end");
}

static int check_bare(struct engine *e, const struct piece *p, const char *word)
{
	auto_free char *rest = behind_word(p, word);

	if (!rest)
		return -ENOMEM;
	return *str_strip(rest) ? fail(e, p->line, "text behind a word that takes none") : 0;
}

/* From the "if" at @i to its end; *ret is behind it. */
static int run_if(struct engine *e, size_t i, unsigned depth, size_t *ret)
{
	bool done = false;

	for (const char *word = "if";;) {
		const struct piece *p = &e->pieces[i];
		size_t next;
		bool yes = streq(word, "else");
		int r = find_branch(e, "if", i + 1, &next);

		if (r >= 0 && yes)
			r = check_bare(e, p, "else");
		if (r >= 0 && !yes && !done) {
			auto_free char *text = behind_word(p, word);
			auto_json cJSON *v = NULL;

			r = text ? evaluate(e, text, p->line, &v) : -ENOMEM;
			yes = r >= 0 && jinja_is_true(v);
		}
		if (r >= 0 && yes && !done) {
			done = true;
			r = run_range(e, i + 1, next, depth + 1);
		}
		if (r < 0)
			return r;
		i = next;
		if (is_end(&e->pieces[i], "if")) {
			*ret = i + 1;
			return check_bare(e, &e->pieces[i], "endif");
		}
		word = statement_is(&e->pieces[i], "else") ? "else" : "elif";
	}
}

static cJSON *loop_state(int index, int n)
{
	cJSON *loop = cJSON_CreateObject();

	cJSON_AddNumberToObject(loop, "index", index + 1);
	cJSON_AddNumberToObject(loop, "index0", index);
	cJSON_AddNumberToObject(loop, "length", n);
	cJSON_AddBoolToObject(loop, "first", index == 0);
	cJSON_AddBoolToObject(loop, "last", index == n - 1);
	return loop;
}

/* One round: the names (one, or a key and a value) are bound to the item. */
static int run_round(struct engine *e, char *const *names, const cJSON *list, const cJSON *item,
                     int index, size_t from, size_t to, unsigned depth)
{
	cJSON *first = cJSON_IsObject(list) ? cJSON_CreateString(item->string)
	                                    : cJSON_Duplicate(item, true);
	int r;

	if (names[1]) {
		if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2) {
			cJSON_Delete(first);
			return fail(e, e->pieces[from].line, "an item is no pair");
		}
		cJSON_Delete(first);
		first = cJSON_Duplicate(cJSON_GetArrayItem(item, 0), true);
		jinja_bind(&e->scope, names[1], cJSON_Duplicate(cJSON_GetArrayItem(item, 1), true));
	}
	jinja_bind(&e->scope, names[0], first);
	jinja_bind(&e->scope, "loop", loop_state(index, cJSON_GetArraySize(list)));
	r = run_range(e, from, to, depth + 1);
	return r;
}

static int run_for(struct engine *e, size_t i, unsigned depth, size_t *ret)
{
	auto_free char *text = behind_word(&e->pieces[i], "for"), *target = NULL;
	char *in = text ? strstr(text, " in ") : NULL;
	auto_strv char **names = NULL;
	auto_json cJSON *list = NULL;
	const cJSON *item;
	size_t end = 0, last, saved = e->scope.n_bound;
	int index = 0, r;

	if (!in)
		return text ? fail(e, e->pieces[i].line, "\"for\" needs \"in\"") : -ENOMEM;
	target = strndup(text, (size_t) (in - text));
	r = target ? strv_split(target, ", \t\n", &names) : -ENOMEM;
	if (r >= 0 && (strv_length(names) < 1 || strv_length(names) > 2))
		r = fail(e, e->pieces[i].line, "\"for\" takes one name or two");
	if (r >= 0)
		r = evaluate(e, in + 4, e->pieces[i].line, &list);
	if (r >= 0)
		r = find_branch(e, "for", i + 1, &end);
	last = end;
	if (r >= 0 && !is_end(&e->pieces[end], "for"))
		r = find_branch(e, "for", end + 1, &last);
	if (r < 0)
		return r;
	if (!cJSON_IsArray(list) && !cJSON_IsObject(list) && !jinja_is_undefined(list))
		return fail(e, e->pieces[i].line, "\"for\" over something that is no list");
	if (!jinja_is_undefined(list))
		cJSON_ArrayForEach(item, list)
		{
			r = run_round(e, names, list, item, index++, i + 1, end, depth);
			jinja_unbind(&e->scope, saved);
			if (r < 0)
				return r;
		}
	if (!index && last != end)
		r = run_range(e, end + 1, last, depth + 1);
	*ret = last + 1;
	return r;
}

static int run_set(struct engine *e, const struct piece *p)
{
	auto_free char *text = behind_word(p, "set");
	char *equals = text ? strchr(text, '=') : NULL;
	cJSON *v = NULL;
	int r;

	if (!equals)
		return text ? fail(e, p->line, "\"set\" needs a value") : -ENOMEM;
	*equals = '\0';
	r = evaluate(e, equals + 1, p->line, &v);
	return r < 0 ? r : jinja_bind(&e->scope, str_strip(text), v);
}

static int run_expression(struct engine *e, const struct piece *p)
{
	auto_free char *text = strndup(p->start, (size_t) (p->end - p->start)), *out = NULL;
	auto_json cJSON *v = NULL;
	int r = text ? evaluate(e, text, p->line, &v) : -ENOMEM;

	if (r < 0)
		return r;
	out = jinja_text(v);
	if (!out)
		return -ENOMEM;
	strbuf_puts(&e->out, out);
	return 0;
}

static int run_range(struct engine *e, size_t from, size_t to, unsigned depth)
{
	int r = 0;

	if (depth > NESTED_MAX)
		return fail(e, e->pieces[from].line, "nested too deeply");
	for (size_t i = from; i < to && r >= 0;) {
		const struct piece *p = &e->pieces[i];

		if (++e->steps > STEPS_MAX)
			return fail(e, p->line, "too many steps");
		if (p->kind == PIECE_TEXT) {
			strbuf_add(&e->out, p->start, (size_t) (p->end - p->start));
			i++;
		} else if (p->kind == PIECE_EXPRESSION) {
			r = run_expression(e, p);
			i++;
		} else if (statement_is(p, "if")) {
			r = run_if(e, i, depth, &i);
		} else if (statement_is(p, "for")) {
			r = run_for(e, i, depth, &i);
		} else if (statement_is(p, "set")) {
			r = run_set(e, p);
			i++;
		} else {
			return fail(e, p->line, "a statement that is not supported");
		}
	}
	return r;
}

/* Behind the line "## template: jinja"; the text itself where there is none. */
static const char *behind_header(const char *text)
{
	const char *p = text, *rest;

	while (isspace((unsigned char) *p))
		p++;
	rest = str_after(p, "##");
	if (!rest)
		return text;
	while (*rest == ' ' || *rest == '\t')
		rest++;
	if (strncasecmp(rest, "template:", strlen("template:")))
		return text;
	p = strchr(rest, '\n');
	return p ? p + 1 : rest + strlen(rest);
}

int jinja_render(const char *text, size_t size, const cJSON *data, const char *name, struct diag *d,
                 struct blob *ret)
{
	struct engine e = {.name = name, .d = d, .out = {.max = METADATA_DOCUMENT_MAX}};
	const char *body;
	char *out = NULL;
	int r;

	if (size > METADATA_DOCUMENT_MAX || memchr(text, '\0', size))
		return diag_add(d, -EBADMSG, DIAG_ERROR, name, 0, "template: not a text");
	body = behind_header(text);
	e.scope.data = data;
	r = cut(&e, body, 1 + lines_between(text, body));
	if (r >= 0)
		r = run_range(&e, 0, e.n_pieces, 0);
	size = e.out.size;
	if (r >= 0)
		r = strbuf_take(&e.out, &out);
	if (r >= 0) {
		blob_done(ret);
		*ret = (struct blob){out, size};
	}
	strbuf_done(&e.out);
	jinja_unbind(&e.scope, 0);
	free(e.scope.bound);
	free(e.pieces);
	return r;
}
