// SPDX-License-Identifier: Apache-2.0
/* platform - one datasource against what a case says of its machine. */
#pragma once

#include "service.h"

struct platform {
	const char *name;    /* of the datasource */
	const cJSON *routes; /* what its service answers; NULL: nothing */
	const cJSON *dmi, *files, *config;
	const cJSON *media; /* files of the medium or seed; NULL: none */
	/* NULL: platform_compare */
	enum case_result (*judge)(const cJSON *c, int r, const struct instance *i,
	                          const struct service *s);
};
enum case_result platform_run(const cJSON *c, const struct platform *p);
/* With the recorded result: outcome, meta-data, user-data, vendor-data, network, configuration. */
enum case_result platform_compare(const cJSON *c, int r, const struct instance *i);

extern const struct case_file recorded_files[], exchange_files[], afterburn_files[];
extern const size_t n_recorded_files, n_exchange_files, n_afterburn_files;
