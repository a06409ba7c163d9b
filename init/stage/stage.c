// SPDX-License-Identifier: Apache-2.0
#include "init/stage/stage.h"

#include <string.h>

static const struct {
	const char *word;
	int (*run)(char **argv);
} stages[] = {
	{"--stage=check-core", stage_check_core},
	{"--stage=check-init", stage_check_init},
	{"--stage=check-root", stage_check_root},
	{"--stage=rescue", stage_rescue},
	{"--stage=halt", stage_halt},
	{"--stage=switch-root", stage_switch_root},
};

int stage_main(char **argv)
{
	state_reset();
	for (size_t i = 0; i < COUNT(stages); i++)
		if (!strcmp(argv[0], stages[i].word))
			return stages[i].run(argv + 1);
	return 2;
}
