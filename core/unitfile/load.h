// SPDX-License-Identifier: Apache-2.0
/* load.h - private to unitfile: one unit while it is being loaded. */
#pragma once

#include "unitfile/index.h"
#include "unitfile/parse.h"

/* One buffer serves all files of a unit. */
struct reader {
	char *text;
	size_t allocated;
};

struct load {
	const struct unit_index *x;
	struct parse parse;
	struct reader reader;
	struct unit_file *f;
	struct diag *d;
};

enum read_result { READ_OK = 0, READ_EMPTY = 1 };

/* Opens, reads, remembers and parses one file. READ_EMPTY: there is nothing in it, which masks. */
int load_file(struct load *l, const char *path, bool is_fragment);
/* Drop-ins in the order of their names, then the dependencies of .wants, .requires and .upholds. */
int load_folders(struct load *l);
