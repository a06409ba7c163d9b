// SPDX-License-Identifier: Apache-2.0
/* name.h - private to unitfile: what unit names are made of. */
#pragma once

#include "unitfile/unitfile.h"

#define UNIT_NAME_PUNCTUATION ":-_.\\"

enum unit_name_flags unit_name_kind(const char *name); /* one of them, or 0 */
bool slice_name_is_valid(const char *name);
int unit_name_path_escape(const char *path, char **ret);
int unit_name_path_unescape(const char *escaped, char **ret);
