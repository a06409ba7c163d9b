// SPDX-License-Identifier: Apache-2.0
#include "unitfile/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *env[] = {(char *) "FOO=a b 'c d'", (char *) "BAR=", (char *) "X=$FOO", NULL};
	auto_free char *text = strndup((const char *) data, size);
	struct exec_command *list;

	if (size > 65536 || exec_command_parse(text, &list) < 0)
		return 0;
	for (struct exec_command *c = list; c; c = c->next) {
		auto_strv char **argv = NULL;

		if (!c->path || !c->argv || !c->argv[0])
			abort();
		(void) env_expand_argv(c->argv, env, &argv);
	}
	exec_command_free(list);
	return 0;
}
