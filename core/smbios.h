// SPDX-License-Identifier: Apache-2.0
/* smbios.h - the strings that a hypervisor hands over in SMBIOS structures of type 11 ("OEM strings"): SMBIOS 3.6, section 7.12. */
#pragma once

#include "base/base.h"

/**
 * smbios_oem_strings - calls @fn for each of them, in the order of the table
 * @table: the raw structure table; untrusted: every size in it is checked
 *
 * Strings are passed with their size, NUL behind it. Stops at @fn's first non-zero, or where the table is not one any more.
 */
int smbios_oem_strings(const uint8_t *table, size_t size,
                       int (*fn)(const char *s, size_t size, void *userdata), void *userdata);
