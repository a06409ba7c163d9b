// SPDX-License-Identifier: Apache-2.0
/* stage - private to cmd/: a stage of a boot and what it leaves to read. */
#pragma once

#include "metadata/cmd/compat.h"

struct stage {
	enum module_stage stage;
	const char *name;            /* "apply" */
	const char *cloud_init_name; /* in status.json */
	const char *root;            /* "" or a prefix */
	usec_t began;
	cJSON *timings;
	struct diag d;
};
/* @path below the root; the caller frees. */
char *stage_path(const struct stage *s, const char *path);
/* apply.json, final.json or host-keys.json, which analyze shows, and result.json, which is that of the last stage but host keys. @i may be NULL. */
void stage_write_result(const struct stage *s, const struct instance *i);
/* The exit status of a stage that went to its end: @failed modules. */
int stage_exit_code(const struct diag *d, int failed);
/* There is nothing to apply on this machine; the exit status. */
int stage_nothing(const struct stage *s, const char *why);
