// SPDX-License-Identifier: Apache-2.0
/* json-scan.h - a look over JSON text before it is parsed: what cJSON would allow but we do not.
 * Private to base. */
#pragma once

#include "base/macro.h"

/**
 * json_scan - checks the text's limits; its grammar is left to the parser
 * @max_items:  most values allowed, since each costs some 80 bytes of memory however short it is
 * @ret_offset: byte of the finding
 * @ret_reason: static text
 *
 * Refuses bytes that are not UTF-8, control characters (NUL, too), "\u0000", depth beyond
 * JSON_DEPTH_MAX. Returns 0 or -EBADMSG.
 */
int json_scan(const char *text, size_t size, size_t max_items, size_t *ret_offset,
              const char **ret_reason);
