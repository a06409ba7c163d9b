// SPDX-License-Identifier: Apache-2.0
/* notify - the sd_notify(3) socket. Private to core/types. */
#pragma once

#include "types/common.h"

#define NOTIFY_SOCKET_PATH "/run/systemd/notify"
#define NOTIFY_MESSAGE_MAX 4096
#define NOTIFY_FDS_MAX     768
#define NOTIFY_TAGS_MAX    128

/*
 * A datagram into lines "KEY=value". Pure. One NUL at the end is allowed, none within. -EBADMSG:
 * empty, NUL within, no line of that form, or too many; -EMSGSIZE: longer than NOTIFY_MESSAGE_MAX.
 */
int notify_parse(const char *data, size_t size, char ***ret);
