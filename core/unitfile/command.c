// SPDX-License-Identifier: Apache-2.0
/* command.c - command lines: systemd.service(5) "Command lines". */
#include "unitfile/value.h"

#include <limits.h>

#define ARGUMENTS_MAX 4096U

struct exec_command *exec_command_free(struct exec_command *list)
{
	while (list) {
		struct exec_command *next = list->next;

		free(list->path);
		strv_free(list->argv);
		free(list);
		list = next;
	}
	return NULL;
}

struct exec_command *exec_command_copy(const struct exec_command *list)
{
	struct exec_command *head = NULL, **tail = &head;

	for (; list; list = list->next) {
		struct exec_command *c = calloc(1, sizeof(*c));

		if (!c)
			return exec_command_free(head);
		*tail = c;
		tail = &c->next;
		c->flags = list->flags;
		c->path = strdup(list->path);
		c->argv = strv_copy(list->argv);
		if (!c->path || !c->argv)
			return exec_command_free(head);
	}
	return head;
}

/*
 * One line under way. Without a parse (exec_command_parse()), specifiers stay as they are and findings go nowhere.
 */
struct command_line {
	struct parse *p;
	const char *at; /* NULL: at the end */
	bool ignore;    /* "-": what is wrong with the command is no reason to refuse the unit */
	struct exec_command *command;
	bool separate_argv0, refused;
};

/* Refuses the line: the unit must not run without one of its commands, unless a failure of it is of no interest. */
static int refuse(struct command_line *l, const char *what, const char *text)
{
	l->refused = true;
	if (!l->p)
		return -EINVAL;
	return l->ignore ? parse_warn(l->p, "%s, ignored: %.120s", what, text)
	                 : parse_fatal(l->p, "%s: %.120s", what, text);
}

static int expand(struct command_line *l, const char *s, char **ret)
{
	int r;

	if (!l->p) {
		*ret = strdup(s);
		return *ret ? 1 : -ENOMEM;
	}
	r = specifier_expand(l->p->c, l->p->f->id, l->p->f->fragment_path, s, ret);
	if (r == -ENOMEM)
		return r;
	return r < 0 ? refuse(l, "Cannot resolve the specifiers", s) : 1;
}

/* "-", "@", ":" once each; "+", "!" and "!!" exclude one another. Returns the rest. */
static const char *take_prefixes(struct command_line *l, const char *s)
{
	const unsigned privileges = EXEC_FULLY_PRIVILEGED | EXEC_NO_SETUID | EXEC_AMBIENT_MAGIC;
	unsigned *flags = &l->command->flags;

	for (;; s++) {
		if (*s == '-' && !(*flags & EXEC_IGNORE_FAILURE)) {
			*flags |= EXEC_IGNORE_FAILURE;
			l->ignore = true;
		} else if (*s == '@' && !l->separate_argv0) {
			l->separate_argv0 = true;
		} else if (*s == ':' && !(*flags & EXEC_NO_ENV_EXPAND)) {
			*flags |= EXEC_NO_ENV_EXPAND;
		} else if (*s == '+' && !(*flags & privileges)) {
			*flags |= EXEC_FULLY_PRIVILEGED;
		} else if (*s == '!' && !(*flags & privileges)) {
			*flags |= EXEC_NO_SETUID;
		} else if (*s == '!' && (*flags & privileges) == EXEC_NO_SETUID) {
			*flags = (*flags & ~(unsigned) EXEC_NO_SETUID) | EXEC_AMBIENT_MAGIC;
		} else {
			return s;
		}
	}
}

static int take_path(struct command_line *l, const char *word)
{
	auto_free char *path = NULL;
	size_t size;
	int r = expand(l, take_prefixes(l, word), &path);

	if (r <= 0)
		return r;
	size = strlen(path);
	if (!size)
		return refuse(l, "Empty path in command line", word);
	if (!text_is_safe(path) || path[strcspn(path, "\"'\\")])
		return refuse(l, "Executable name contains special characters", path);
	if (path[size - 1] == '/')
		return refuse(l, "Executable path specifies a directory", path);
	if (*path != '/' &&
	    (strchr(path, '/') || size > NAME_MAX || streq(path, ".") || streq(path, "..")))
		return refuse(l, "Neither a valid executable name nor an absolute path", path);
	if (!l->separate_argv0 && (r = strv_append(&l->command->argv, path)) < 0)
		return r;
	path_simplify(path);
	if (size >= PATH_MAX)
		return refuse(l, "Executable path is too long", path);
	l->command->path = TAKE_PTR(path);
	return 1;
}

static bool ends_word(char c)
{
	return !c || strchr(WHITESPACE, c);
}

/* @program: where a command begins; what is before it on the line stays, as with systemd, and a unit without any command is refused anyway. */
static int next_word(struct command_line *l, bool program, char **ret)
{
	const char *before = l->at;
	int r = word_next_relaxed(&l->at, 0, ret);

	if (r == 2 && l->p)
		parse_warn(l->p, "Unknown escape sequence in '%.100s', taken as it stands", *ret);
	if (r != -EINVAL)
		return r;
	l->ignore |= program;
	return refuse(l, "Unbalanced quoting", before);
}

/* Arguments up to the end or a lone ";", which is told apart before quotes are removed: 2 for ";", 1 at the end, 0 refused. */
static int take_arguments(struct command_line *l)
{
	size_t n = 0;

	while (l->at) {
		auto_free char *word = NULL, *expanded = NULL;
		int r;

		l->at += strspn(l->at, WHITESPACE);
		if (!*l->at)
			break;
		if (l->at[0] == ';' && ends_word(l->at[1])) {
			l->at++;
			return 2;
		}
		if (l->at[0] == '\\' && l->at[1] == ';' && ends_word(l->at[2])) {
			l->at += 2;
			r = strv_append(&l->command->argv, ";");
		} else {
			r = next_word(l, false, &word);
			if (r > 0)
				r = expand(l, word, &expanded);
			if (r <= 0)
				return r;
			r = strv_append_consume(&l->command->argv, TAKE_PTR(expanded));
		}
		if (r < 0)
			return r;
		if (++n > ARGUMENTS_MAX)
			return refuse(l, "Too many arguments", l->command->path);
	}
	return 1;
}

/* One command of the line: 2 there is another, 1 it was the last, 0 refused. */
static int take_command(struct command_line *l, struct exec_command **ret)
{
	auto_free char *word = NULL;
	int r, end;

	*ret = NULL;
	l->ignore = l->separate_argv0 = false;
	r = next_word(l, true, &word);
	if (r <= 0)
		return l->refused ? 0 : r < 0 ? r : 1;
	/* Semicolons in a row, or at the beginning, divide nothing. */
	if (streq(word, ";"))
		return 2;
	l->command = calloc(1, sizeof(*l->command));
	if (!l->command)
		return -ENOMEM;
	r = take_path(l, word);
	end = r > 0 ? take_arguments(l) : r;
	if (end > 0 && (!l->command->argv || !l->command->argv[0]))
		end = refuse(l, "No zeroth argument", l->command->path);
	if (end <= 0)
		exec_command_free(l->command);
	else
		*ret = l->command;
	l->command = NULL;
	return end;
}

static int parse_line(struct parse *p, const char *line, struct exec_command **list)
{
	struct command_line l = {.p = p, .at = line};
	int r;

	do {
		struct exec_command *c;

		r = take_command(&l, &c);
		if (c)
			chain_append(list, c);
	} while (r == 2);
	return r < 0 ? r : 0;
}

int parse_exec_line(struct parse *p, const char *value, struct exec_command **list)
{
	return parse_line(p, value, list);
}

int exec_command_parse(const char *line, struct exec_command **ret_list)
{
	struct exec_command *list = NULL;
	int r = parse_line(NULL, line, &list);

	if (r >= 0 && !list)
		r = -EINVAL;
	if (r < 0) {
		exec_command_free(list);
		return r;
	}
	*ret_list = list;
	return 0;
}
