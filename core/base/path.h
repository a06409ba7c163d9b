// SPDX-License-Identifier: Apache-2.0
/* path.h - arithmetic on paths, without I/O. */
#pragma once

#include "base/macro.h"

bool path_is_absolute(const char *p);
/* Absolute, no "." or ".." components, no doubled or trailing slashes. */
bool path_is_normalized(const char *p);
/* NULL on ENOMEM; an absolute b is appended all the same */
char *path_join(const char *a, const char *b);
char *path_join3(const char *a, const char *b, const char *c);
const char *path_basename(const char *p); /* pointer into p; "/" for the root */
char *path_dirname(const char *p);
/* Doubled slashes, "/./" and a trailing slash removed in place; ".." is left. Returns p. */
char *path_simplify(char *p);
/* The rest of p below prefix ("" if equal), or NULL: component-wise. */
const char *path_below(const char *p, const char *prefix);
