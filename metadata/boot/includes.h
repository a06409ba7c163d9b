// SPDX-License-Identifier: Apache-2.0
/* includes - what "#include URL" of user data stands for. */
#pragma once

#include "metadata/source/http.h"
#include "metadata/userdata/userdata.h"

struct includes {
	const char *state;       /* folder of the instance, where documents are kept, 0600 */
	const struct http *http; /* NULL: there is no network yet */
	usec_t deadline;
	struct diag *d;
	bool use_kept;   /* the final stage works on what the first one got */
	bool is_missing; /* out: one is behind the network */
};
struct include include_of(struct includes *i);
