// SPDX-License-Identifier: Apache-2.0
/* schema.h - private to the store: the steps from an empty database to today's schema, in order;
 * steps are only ever appended. */
#pragma once

#include <stddef.h>

extern const char *const schema_steps[];
extern const size_t schema_n_steps;
