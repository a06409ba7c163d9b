// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "unitfile/unitfile.h"

static struct unit_context context = {.hostname = "box.example.org",
                                      .runtime_dir = "/run",
                                      .state_dir = "/var/lib",
                                      .machine_id = "0123",
                                      .default_tasks_max = 99};

/* "flags path|argv0|argv1; flags path|..." */
static const char *show(const char *line)
{
	static char text[512];
	struct exec_command *list;

	text[0] = 0;
	if (exec_command_parse(line, &list) < 0)
		return "!";
	for (struct exec_command *c = list; c; c = c->next) {
		size_t n = strlen(text);

		n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%u %s", n ? "; " : "",
		                       c->flags, c->path);
		STRV_FOREACH (a, c->argv)
			n += (size_t) snprintf(text + n, sizeof(text) - n, "|%s", *a);
	}
	exec_command_free(list);
	return text;
}

TEST(command__paths_and_arguments)
{
	CHECK_STR(show("/bin/echo a 'b c' \"d\" e\\x20f"), "0 /bin/echo|/bin/echo|a|b c|d|e f");
	CHECK_STR(show("@/bin/sh -sh -c true"), "0 /bin/sh|-sh|-c|true");
	CHECK_STR(show("echo hi"), "0 echo|echo|hi");
	CHECK_STR(show("'/bin/with blank' x"), "0 /bin/with blank|/bin/with blank|x");
}

TEST(command__prefixes)
{
	CHECK_STR(show("-@/bin/a b"), "1 /bin/a|b");
	CHECK_STR(show("+/bin/a"), "2 /bin/a|/bin/a");
	CHECK_STR(show("!/bin/a"), "4 /bin/a|/bin/a");
	CHECK_STR(show("!!/bin/a"), "8 /bin/a|/bin/a");
	CHECK_STR(show(":-+/bin/a"), "19 /bin/a|/bin/a");
	CHECK_STR(show("--/bin/a"), "!");
	CHECK_STR(show("+!/bin/a"), "!");
}

TEST(command__semicolons)
{
	CHECK_STR(show("/bin/a ; /bin/b c"), "0 /bin/a|/bin/a; 0 /bin/b|/bin/b|c");
	CHECK_STR(show("/bin/a \\; b"), "0 /bin/a|/bin/a|;|b");
	CHECK_STR(show("/bin/a ';' b"), "0 /bin/a|/bin/a|;|b");
	CHECK_STR(show("/bin/a;b"), "0 /bin/a;b|/bin/a;b");
	CHECK_STR(show("/bin/a ;; /bin/b"), "0 /bin/a|/bin/a|;;|/bin/b");
	CHECK_STR(show("/bin/a ; ; /bin/b ;"), "0 /bin/a|/bin/a; 0 /bin/b|/bin/b");
}

TEST(command__refusals)
{
	static const char *const bad[] = {"",        "-",          "@",         "/bin/",
	                                  "a/b",     "'/bin/a",    "/bin/a 'b", ".",
	                                  "@/bin/a", "/bin/a\x01", "/bin/\\qa", "/bin/a\"'\""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_STR(show(bad[i]), "!");
}

static struct unit_file *parse(const char *name, const char *text, struct diag *d)
{
	struct unit_file *f = NULL;

	*d = (struct diag){0};
	unit_file_parse(&context, name, text, strlen(text), "/x", d, &f);
	return f;
}

TEST(command__in_a_unit_specifiers_are_resolved_once_split)
{
	struct diag d;
	auto_cleanup(unit_file_free) struct unit_file *f =
		parse("a@b\\x20c.service", "[Service]\nExecStart=/bin/echo %I %% ${X}\n", &d);

	CHECK_STR(f->service->commands[SERVICE_EXEC_START]->argv[1], "b c");
	CHECK_STR(f->service->commands[SERVICE_EXEC_START]->argv[2], "%");
	CHECK_STR(f->service->commands[SERVICE_EXEC_START]->argv[3], "${X}");
}

TEST(command__a_bad_line_makes_the_unit_unfit_unless_its_failure_is_ignored)
{
	struct diag d;
	auto_cleanup(unit_file_free) struct unit_file *f =
		parse("a.service", "[Service]\nExecStart=/bin/a\nExecStartPre=a/b\n", &d);
	auto_cleanup(unit_file_free) struct unit_file *g =
		parse("a.service", "[Service]\nExecStart=/bin/a\nExecStartPre=-a/b\n", &d);
	auto_cleanup(unit_file_free) struct unit_file *h =
		parse("a.service", "[Service]\nExecStart=@/bin/a '' \\U0000fdd0 ; 'x\n", &d);

	CHECK_INT(f->load_state, ==, LOAD_BAD_SETTING);
	CHECK_INT(g->load_state, ==, LOAD_LOADED);
	/* What is wrong where a further command begins takes that one alone. */
	CHECK_INT(h->load_state, ==, LOAD_LOADED);
	CHECK_STR(h->service->commands[SERVICE_EXEC_START]->argv[0], "");
	CHECK_STR(h->service->commands[SERVICE_EXEC_START]->argv[1], "\\U0000fdd0");
	CHECK(!h->service->commands[SERVICE_EXEC_START]->next);
	CHECK(!g->service->commands[SERVICE_EXEC_START_PRE]);
}

TEST(command__empty_assignment_resets)
{
	struct diag d;
	auto_cleanup(unit_file_free) struct unit_file *f = parse(
		"a.service", "[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n", &d);

	CHECK_STR(f->service->commands[SERVICE_EXEC_START]->path, "/bin/b");
	CHECK(!f->service->commands[SERVICE_EXEC_START]->next);
}

TEST(command__copies_are_deep)
{
	struct exec_command *list, *copy;

	CHECK_INT(exec_command_parse("/bin/a b ; -/bin/c", &list), ==, 0);
	copy = exec_command_copy(list);
	exec_command_free(list);
	CHECK_STR(copy->argv[1], "b");
	CHECK_INT(copy->next->flags, ==, EXEC_IGNORE_FAILURE);
	exec_command_free(copy);
}

static const char *expand_words(const char *word)
{
	static char text[128];
	char *env[] = {(char *) "FOO=BAR BAR", (char *) "BAR=waldo",
	               (char *) "EMPTY=", (char *) "Q='a b' c", NULL};
	char *argv[] = {(char *) word, NULL};
	auto_strv char **out = NULL;
	auto_free char *joined = NULL;

	if (env_expand_argv(argv, env, &out) < 0)
		return "!";
	joined = strv_join(out, "|");
	snprintf(text, sizeof(text), "%s", joined);
	return text;
}

TEST(variables__alone_split_in_place_do_not)
{
	static const char *const rows[][2] = {
		{"FOO$FOO", "FOO$FOO"},
		{"FOO${FOO}$FOO", "FOOBAR BAR$FOO"},
		{"${FOO}", "BAR BAR"},
		{"$FOO", "BAR|BAR"},
		{"$FOO$FOO", ""},
		{"${FOO}${BAR}", "BAR BARwaldo"},
		{"${FOO", "${FOO"},
		{"FOO$$${FOO}", "FOO$BAR BAR"},
		{"$$FOO${FOO}", "$FOOBAR BAR"},
		{"$EMPTY", ""},
		{"${EMPTY}", ""},
		{"$NONE", ""},
		{"a${NONE}b", "ab"},
		{"${FOO:-${BAR}}", "${FOO:-waldo}"},
		{"$Q", "a b|c"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_STR(expand_words(rows[i][0]), rows[i][1]);
}

static const char *env_file(const char *text)
{
	static char shown[256];
	auto_strv char **env = NULL;
	auto_free char *joined = NULL;

	if (env_file_parse(text, strlen(text), "x", NULL, &env) < 0)
		return "!";
	joined = strv_join(env, "|");
	snprintf(shown, sizeof(shown), "%s", joined);
	return shown;
}

TEST(env_file__grammar)
{
	CHECK_STR(env_file("a=1\n# c\n;d\nb = 2 \nc='x y' \"z\"\n"), "a=1|b=2|c=x yz");
	CHECK_STR(env_file("a=b\\\nc\nd=\"e\\\nf\"\n"), "a=bc|d=ef");
	CHECK_STR(env_file("a=\"\\$x \\q \\\"\"\nb='\\n'\nc=x\\ y  \n"), "a=$x \\q \"|b=\\n|c=x y");
	CHECK_STR(env_file("a=1\na=2\nnonsense\n1x=3\ne="), "a=2|e=");
	CHECK_STR(env_file("a=it's\nb=two\nlines='1\n2'\n"), "a=it's|b=two|lines=1\n2");
	CHECK_STR(env_file("# x\\\ny=1\nz=2\n"), "z=2");
	/* Blanks before a continued line stay; a carriage return ends a line as well. */
	CHECK_STR(env_file("a=b \\\n\nc=d\\\r\ne=f\rg=h\r\n"), "a=b |c=d|e=f|g=h");
}

TEST(specifiers__table)
{
	static const char *const rows[][2] = {
		{"%n", "a-b@c-d.service"},
		{"%N", "a-b@c-d"},
		{"%p", "a-b"},
		{"%P", "a/b"},
		{"%i", "c-d"},
		{"%I", "c/d"},
		{"%j", "b"},
		{"%f", "/c/d"},
		{"%H", "box.example.org"},
		{"%l", "box"},
		{"%m", "0123"},
		{"%t", "/run"},
		{"%S", "/var/lib"},
		{"%u%U", "root0"},
		{"%y", "/x/y.service"},
		{"%Y", "/x"},
		{"100%%", "100%"},
		{"100%", "100%"},
		{"%d", "/run/credentials/a-b@c-d.service"},
		{"%-", "%-"},
	};
	char *none;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_free char *s = NULL;

		CHECK_INT(specifier_expand(&context, "a-b@c-d.service", "/x/y.service", rows[i][0],
		                           &s),
		          ==, 0);
		CHECK_STR(s, rows[i][1]);
	}
	CHECK_INT(specifier_expand(&context, "a.service", NULL, "%b", &none), ==, -EUNATCH);
	CHECK_INT(specifier_expand(&context, "a.service", NULL, "%Z", &none), ==, -EBADSLT);
}

TEST(signals_and_statuses)
{
	CHECK_INT(signal_from_string("SIGTERM"), ==, 15);
	CHECK_INT(signal_from_string("HUP"), ==, 1);
	CHECK_INT(signal_from_string("RTMIN+3"), ==, signal_from_string("RTMIN") + 3);
	CHECK_INT(signal_from_string("99"), ==, -EINVAL);
	CHECK_STR(signal_to_string(9), "SIGKILL");
	CHECK_INT(exit_status_from_string("DATAERR"), ==, 65);
	CHECK_INT(exit_status_from_string("256"), ==, -EINVAL);
}
