// SPDX-License-Identifier: Apache-2.0
/* probes - private to detect/: one row a datasource, and what probes may ask about the machine. */
#pragma once

#include "metadata/detect/detect.h"

enum answer { ANSWER_NO, ANSWER_MAYBE, ANSWER_FOUND };

struct question {
	const struct machine *m;
	char **list;           /* names that are searched */
	const char *strict_id; /* Ec2's, of the kernel line or the configuration */
};

struct probe {
	const char *name;
	bool is_hosts_word; /* what the host plugs in or says decides: refused in a confidential VM */
	enum answer (*ask)(const struct question *q);
};
extern const struct probe probes[];
extern const size_t n_probes;
const struct probe *probe_find(const char *name);

/* The value of "key: value" in the image's configuration, read as ds-identify does: line by line,
 * the last one counts. @only: part that the name of a file in cloud.cfg.d must hold, any case; NULL:
 * all. -ENOENT; an empty value is "". */
int config_line(const struct machine *m, const char *key, const char *only, char **ret);
/* "key: value" of /etc/cloud/ds-identify.cfg. */
int identify_config(const struct machine *m, const char *key, char **ret);
/* The word behind @key= on the kernel line, the last one; NULL if there is none. */
char *cmdline_word(const struct machine *m, const char *key);
