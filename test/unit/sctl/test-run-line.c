// SPDX-License-Identifier: Apache-2.0
/* What systemd-run writes into a unit file is read back as the words that were typed. */
#include "check.h"
#include "sctl/sctl.h"
#include "unitfile/unitfile.h"

/* The words that core makes of the line: specifiers expanded, quotes and escapes undone. */
static struct exec_command *read_back(const char *line)
{
	static struct unit_context c;
	auto_free char *text = str_printf("[Service]\nExecStart=%s\n", line);
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	struct exec_command *copy;
	struct diag d = {0};

	if (!c.runtime_dir && unit_context_init(&c) < 0)
		abort();
	if (unit_file_parse(&c, "x.service", text, strlen(text), "x", &d, &f) < 0 || d.n_items > 0)
		return NULL;
	copy = exec_command_copy(f->service->commands[SERVICE_EXEC_START]);
	return copy;
}

static bool survives(char *const *words)
{
	auto_free char *line = exec_line(words);
	struct exec_command *c = line ? read_back(line) : NULL;
	bool same = c && !c->next && strv_length(c->argv) == strv_length(words);

	for (size_t i = 0; same && words[i]; i++)
		same = streq(c->argv[i], words[i]);
	if (!same)
		printf("\n      line: %s", line);
	exec_command_free(c);
	return same;
}

#define SURVIVES(...) CHECK(survives((char *[]){(char *) "/bin/x", ##__VA_ARGS__, NULL}))

TEST(run_line__plain_words_stay)
{
	auto_free char *line =
		exec_line((char *[]){(char *) "/bin/echo", (char *) "a-b_c.d", NULL});

	CHECK_STR(line, "/bin/echo a-b_c.d");
	SURVIVES();
	SURVIVES((char *) "a", (char *) "b");
}

TEST(run_line__special_characters_survive)
{
	SURVIVES((char *) "");
	SURVIVES((char *) "two words", (char *) " lead", (char *) "trail ");
	SURVIVES((char *) ";", (char *) "a;b", (char *) "&&");
	SURVIVES((char *) "\"", (char *) "'", (char *) "\\", (char *) "\\\"");
	SURVIVES((char *) "%n", (char *) "100%", (char *) "%%");
	SURVIVES((char *) "line\nline", (char *) "\t", (char *) "\x01\x7f");
	SURVIVES((char *) "\xc3\xa4\xe2\x82\xac");
	SURVIVES((char *) "#", (char *) "[x]", (char *) "-", (char *) "@", (char *) "!x");
	SURVIVES((char *) "sh -c 'a; b' > \"x\"");
}

TEST(run_line__random_words_survive)
{
	unsigned seed = getenv("SEED") ? (unsigned) atoi(getenv("SEED")) : 4711;
	static const char letters[] = "ab \"'\\%;$\n\t#-=~/\x01";

	for (int i = 0; i < 20000; i++) {
		char text[4][12], *words[6] = {(char *) "/bin/x"};

		for (int w = 0; w < 4; w++) {
			size_t n = (size_t) rand_r(&seed) % sizeof(text[0]);

			for (size_t k = 0; k < n; k++)
				text[w][k] =
					letters[(size_t) rand_r(&seed) % (sizeof(letters) - 1)];
			text[w][MIN(n, sizeof(text[0]) - 1)] = 0;
			words[w + 1] = text[w];
		}
		CHECK(survives(words));
	}
}
