// SPDX-License-Identifier: Apache-2.0
/*
 * driver.c - lets the oracle tests ask unitfile what they ask systemd's tools. One question a line on stdin, one answer a line on
 * stdout; "!" is a refusal. Questions and answers hold no newline; fields are divided by tabs.
 */
#include "unitfile/unitfile.h"
#include "unitfile/index.h"

#include <stdio.h>

static void answer(int r, const char *text)
{
	if (r < 0)
		printf("!\n");
	else
		printf("%s\n", text ? text : "");
}

/* "spec": normalized form and the next times after argv[2] (usec), argv[3] of them. */
static void ask_calendar(char *line, char **argv)
{
	auto_free char *text = NULL;
	struct calendar_spec *c;
	usec_t t = strtoull(argv[2], NULL, 10);
	int n = atoi(argv[3]);

	if (calendar_parse(line, &c) < 0) {
		printf("!\n");
		return;
	}
	printf("%s", calendar_format(c, &text) < 0 ? "?" : text);
	while (n-- > 0 && calendar_next(c, t, &t) >= 0)
		printf("\t%llu", (unsigned long long) t);
	printf("\n");
	calendar_free(c);
}

static void ask_span(char *line, char **argv)
{
	char text[32] = "";
	usec_t u;
	int r = span_parse(line, USEC_PER_SEC, &u);

	(void) argv;
	if (r >= 0)
		snprintf(text, sizeof(text), "%llu", (unsigned long long) u);
	answer(r, text);
}

static void ask_name(char *line, char **argv)
{
	auto_free char *s = NULL;
	int r = -EINVAL;

	if (streq(argv[1], "escape"))
		r = unit_name_escape(line, &s);
	else if (streq(argv[1], "unescape"))
		r = unit_name_unescape(line, &s);
	else if (streq(argv[1], "mount"))
		r = unit_name_from_path(line, ".mount", &s);
	else if (streq(argv[1], "path"))
		r = unit_name_to_path(line, &s);
	else if (streq(argv[1], "mangle"))
		r = unit_name_mangle(line, false, &s);
	answer(r, s);
}

static void ask_status(char *line, char **argv)
{
	char text[16];
	int r = exit_status_from_string(line);

	(void) argv;
	snprintf(text, sizeof(text), "%d", r);
	answer(r, text);
}

/* "name": load state, and findings at or above warnings. */
static void ask_load(char *line, char **argv)
{
	static struct unit_index *x;
	static struct unit_context c;
	struct unit_file *f;
	struct diag d = {0};
	int r = 0;

	(void) argv;
	if (!x) {
		struct unit_paths p;

		r = unit_context_init(&c);
		if (r >= 0)
			r = unit_paths_init(&p, NULL);
		if (r >= 0) {
			r = unit_index_new(&p, &x);
			unit_paths_done(&p);
		}
	}
	if (r >= 0)
		r = unit_file_load(x, &c, line, &d, &f);
	if (r < 0) {
		printf("!\n");
		return;
	}
	printf("%s\t%s", load_state_to_string(f->load_state), f->id);
	for (size_t i = 0; i < d.n_items; i++)
		if (d.items[i].level >= DIAG_WARNING)
			printf("\t%s:%u: %s", d.items[i].file, d.items[i].line, d.items[i].text);
	printf("\n");
	unit_file_free(f);
}

/* "unit\tsection\tkey\tvalue": what is said of that one line, or nothing. */
static void ask_assign(char *line, char **argv)
{
	static struct unit_context c;
	auto_free char *text = NULL;
	char *name = strsep(&line, "\t"), *section = strsep(&line, "\t"),
	     *key = strsep(&line, "\t");
	struct unit_file *f;
	struct diag d = {0};

	(void) argv;
	if (!c.runtime_dir && unit_context_init(&c) < 0) {
		printf("!\n");
		return;
	}
	text = str_printf("[%s]\n%s=%s\n", section, key, line);
	if (!text || unit_file_parse(&c, name, text, strlen(text), "text", &d, &f) < 0) {
		printf("!\n");
		return;
	}
	for (size_t i = 0; i < d.n_items; i++)
		if (d.items[i].level >= DIAG_WARNING && d.items[i].line > 0) {
			for (char *t = d.items[i].text; *t; t++)
				*t = *t == '\n' ? ' ' : *t;
			printf("%s; ", d.items[i].text);
		}
	printf("\n");
	unit_file_free(f);
}

/* "VERB\tflags\tname\tname...", below the root argv[2]: result, then each change as "kind path source". */
static void ask_install(char *line, char **argv)
{
	auto_strv char **words = NULL;
	struct install_changes changes = {0};
	struct unit_paths p;
	auto_free char *text = NULL;
	enum unit_file_state state;
	unsigned flags;
	int r = -EINVAL;

	if (strv_split(line, "\t", &words) < 0 || strv_length(words) < 2 ||
	    unit_paths_init(&p, argv[2]) < 0) {
		printf("!\n");
		return;
	}
	flags = (unsigned) atoi(words[1]);
	if (streq(words[0], "enable"))
		r = install_enable(&p, words + 2, flags, &changes, NULL);
	else if (streq(words[0], "disable"))
		r = install_disable(&p, words + 2, flags, &changes, NULL);
	else if (streq(words[0], "link"))
		r = install_link(&p, words + 2, flags, &changes, NULL);
	else if (streq(words[0], "mask"))
		r = install_mask(&p, words + 2, flags, &changes, NULL);
	else if (streq(words[0], "unmask"))
		r = install_unmask(&p, words + 2, flags, &changes, NULL);
	else if (streq(words[0], "preset"))
		r = install_preset(&p, words + 2, flags, &changes, NULL);
	else if (streq(words[0], "preset-all"))
		r = install_preset_all(&p, flags, &changes, NULL);
	else if (streq(words[0], "set-default"))
		r = install_set_default(&p, words[2], flags | INSTALL_FORCE, &changes, NULL);
	else if (streq(words[0], "get-default"))
		r = install_get_default(&p, &text);
	else if (streq(words[0], "is-enabled"))
		r = install_state(&p, words[2], &state);
	printf("%d", r < 0 ? r : 0);
	if (r >= 0 && streq(words[0], "is-enabled"))
		printf("\t%s", unit_file_state_to_string(state));
	if (r >= 0 && text)
		printf("\t%s", text);
	for (size_t i = 0; i < changes.n; i++)
		printf("\t%s %s %s", changes.items[i].kind ? changes.items[i].kind : "error",
		       changes.items[i].path,
		       changes.items[i].source ? changes.items[i].source : "-");
	printf("\n");
	install_changes_done(&changes);
	unit_paths_done(&p);
}

/* Newlines that came as \002. */
static void restore_newlines(char *line)
{
	for (char *p = line; p && *p; p++)
		*p = *p == '\002' ? '\n' : *p;
}

/* "text" of an environment file, its newlines as \002: the assignments, each behind a \003. */
static void ask_env_file(char *line, char **argv)
{
	auto_strv char **env = NULL;

	(void) argv;
	restore_newlines(line);
	if (env_file_parse(line, strlen(line), "text", NULL, &env) < 0) {
		printf("!\n");
		return;
	}
	STRV_FOREACH (e, env) {
		for (char *p = *e; *p; p++)
			*p = *p == '\n' ? '\002' : *p;
		printf("%s\003", *e);
	}
	printf("\n");
}

/* Bytes that divide answers, and backslashes, as \\xNN. */
static void put_escaped(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char) *s < ' ' || *s == '\\' || *s == 0x7f)
			printf("\\x%02x", (unsigned char) *s);
		else
			putchar(*s);
}

/* "name\ttext" of a service, its newlines as \002: load state, description, "e" assignments of Environment=, "c" commands of ExecStart=. */
static void ask_service(char *line, char **argv)
{
	static struct unit_context c;
	char *name = strsep(&line, "\t");
	struct unit_file *f;
	struct diag d = {0};

	(void) argv;
	restore_newlines(line);
	if (!line || (!c.runtime_dir && unit_context_init(&c) < 0) ||
	    unit_file_parse(&c, name, line, strlen(line), "text", &d, &f) < 0) {
		printf("!\n");
		return;
	}
	printf("%s\t", load_state_to_string(f->load_state));
	put_escaped(f->unit.description ? f->unit.description : f->id);
	STRV_FOREACH (e, f->exec->environment) {
		printf("\te");
		put_escaped(*e);
	}
	for (const struct exec_command *e = f->service->commands[SERVICE_EXEC_START]; e;
	     e = e->next) {
		printf("\tc");
		STRV_FOREACH (a, e->argv) {
			if (a != e->argv)
				printf("\003");
			put_escaped(*a);
		}
	}
	printf("\n");
	unit_file_free(f);
}

static void put_value(const char *key, const char *value)
{
	if (!value)
		return;
	printf("\t%s=", key);
	put_escaped(value);
}

static void put_values(const char *key, char *const *values)
{
	STRV_FOREACH (v, values)
		put_value(key, *v);
}

/* "name\tpath\ttext" of a service: load state, then "key=value" of each setting whose specifiers specifiers.py asks about. */
static void ask_specifiers(char *line, char **argv)
{
	static struct unit_context c;
	char *name = strsep(&line, "\t"), *path = strsep(&line, "\t");
	struct unit_file *f;
	struct diag d = {0};

	(void) argv;
	restore_newlines(line);
	if (!line || (!c.runtime_dir && unit_context_init(&c) < 0) ||
	    unit_file_parse(&c, name, line, strlen(line), path, &d, &f) < 0) {
		printf("!\n");
		return;
	}
	printf("%s", load_state_to_string(f->load_state));
	put_value("Description", f->unit.description ? f->unit.description : f->id);
	put_values("Documentation", f->unit.documentation);
	put_values("Wants", f->unit.dependencies[DEP_WANTS]);
	put_values("RequiresMountsFor", f->unit.requires_mounts_for);
	for (const struct condition *k = f->unit.conditions; k; k = k->next)
		put_value(k->type == CONDITION_HOST ? "ConditionHost" : "ConditionPathExists",
		          k->parameter);
	put_values("Environment", f->exec->environment);
	put_values("EnvironmentFile", f->exec->environment_files);
	put_values("PassEnvironment", f->exec->pass_environment);
	put_values("ExecSearchPath", f->exec->exec_search_path);
	put_value("WorkingDirectory", f->exec->working_directory);
	put_value("RootDirectory", f->exec->root_directory);
	put_values("StateDirectory", f->exec->directories[EXEC_DIRECTORY_STATE].paths);
	put_values("CacheDirectory", f->exec->directories[EXEC_DIRECTORY_CACHE].paths);
	put_values("ReadOnlyPaths", f->exec->read_only_paths);
	put_values("InaccessiblePaths", f->exec->inaccessible_paths);
	put_values("BindPaths", f->exec->bind_paths);
	put_values("LogExtraFields", f->exec->log_extra_fields);
	put_value("StandardOutputFile", f->exec->stdio_file[STDOUT_FILENO]);
	put_value("StandardInputFile", f->exec->stdio_file[STDIN_FILENO]);
	put_values("TemporaryFileSystem", f->exec->temporary_file_systems);
	put_value("TTYPath", f->exec->tty_path);
	put_value("UtmpIdentifier", f->exec->utmp_id);
	put_value("PIDFile", f->service->pid_file);
	for (const struct exec_command *e = f->service->commands[SERVICE_EXEC_START]; e;
	     e = e->next)
		put_value("Command Line", e->argv[1]);
	printf("\n");
	unit_file_free(f);
}

static const struct {
	const char *subject;
	void (*ask)(char *line, char **argv);
	int argc;
} subjects[] = {
	{"calendar", ask_calendar, 4}, {"span", ask_span, 2},
	{"escape", ask_name, 2},       {"unescape", ask_name, 2},
	{"mount", ask_name, 2},        {"path", ask_name, 2},
	{"mangle", ask_name, 2},       {"status", ask_status, 2},
	{"load", ask_load, 2},         {"assign", ask_assign, 2},
	{"install", ask_install, 3},   {"env-file", ask_env_file, 2},
	{"service", ask_service, 2},   {"specifiers", ask_specifiers, 2},
};

int main(int argc, char **argv)
{
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t n;

	for (size_t i = 0; argc > 1 && i < ELEMENTSOF(subjects); i++) {
		if (!streq(subjects[i].subject, argv[1]) || argc < subjects[i].argc)
			continue;
		while ((n = getline(&line, &size, stdin)) > 0) {
			if (line[n - 1] == '\n')
				line[n - 1] = 0;
			subjects[i].ask(line, argv);
			fflush(stdout);
		}
		return 0;
	}
	fprintf(stderr,
	        "Usage: %s calendar BASE COUNT | span | escape | ... | load | install ROOT\n",
	        argv[0]);
	return 2;
}
