// SPDX-License-Identifier: Apache-2.0
/* conf.h - reads an agent's own "[Section] Key=value" file against a table; unknown keys are
 * findings with their line. */
#pragma once

#include "base/macro.h"
#include "base/diag.h"

struct conf_item {
	const char *section, *key;
	int (*parse)(const char *value, void *data); /* -errno refuses the line */
	void *data;
};

int conf_parse_string(const char *value, void *data); /* char ** */
int conf_parse_bool(const char *value, void *data);   /* bool * */
int conf_parse_u64(const char *value, void *data);    /* uint64_t * */

/* 0, -ENOENT, -EBADMSG if any line was refused (the others were applied). */
int conf_read(const char *path, const struct conf_item *items, size_t n, struct diag *d);
