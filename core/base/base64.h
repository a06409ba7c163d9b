// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base.h"

/* RFC 4648; white space is passed over, padding has to be there. -EINVAL. NUL behind the data. */
int str_base64_decode(const char *s, uint8_t **ret, size_t *ret_size);
/* NULL on ENOMEM. */
char *str_base64_encode(const void *data, size_t size);
