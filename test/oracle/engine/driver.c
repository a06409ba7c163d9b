// SPDX-License-Identifier: Apache-2.0
/* driver.c - lets the oracle test ask what it asks systemd-analyze condition: "PathExists=/x" a line; 1, 0, or "!" for a refusal. */
#include "engine/private.h"

#include <stdio.h>

static void ask(const struct unit_context *c, const char *line)
{
	auto_free char *text = str_printf("[Unit]\nCondition%s\n", line);
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	struct diag d = {0};

	if (!text || unit_file_parse(c, "a.target", text, strlen(text), "text", &d, &f) < 0 ||
	    !f->unit.conditions)
		printf("!\n");
	else
		printf("%d\n", condition_test(NULL, f->unit.conditions) > 0);
	(void) fflush(stdout);
}

int main(void)
{
	auto_free char *line = NULL;
	struct unit_context c;
	size_t size = 0;
	ssize_t n;

	if (unit_context_init(&c) < 0)
		return 1;
	while ((n = getline(&line, &size, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		ask(&c, line);
	}
	unit_context_done(&c);
	return 0;
}
