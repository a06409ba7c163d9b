// SPDX-License-Identifier: Apache-2.0
/* serial - a request and its answer over a serial line, or a socket that stands for one; each with a
 * deadline. What is left of an earlier conversation is read away first. */
#pragma once

#include "metadata/metadata.h"

#define SERIAL_LINE_MAX (1U << 20)

/* The tty in raw mode, alone; -EBUSY if somebody else has it. */
int serial_open(const char *path, int *ret_fd);
void serial_drain(int fd);
int serial_write(int fd, const char *text, usec_t deadline);
/* Up to and without @end. -ETIMEDOUT, -ECONNRESET, -EFBIG. */
int serial_read_until(int fd, char end, usec_t deadline, struct blob *ret);
