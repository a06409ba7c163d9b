// SPDX-License-Identifier: Apache-2.0
/*
 * diag.h - findings for the person who has to mend something.
 *
 * A struct diag collects level, place and text while a parser or a transaction works; whoever
 * called shows or logs them. Its capacity is fixed and what does not fit is counted, so that adding
 * never fails.
 */
#pragma once

#include "base/macro.h"

#define DIAG_ITEMS_MAX 32
#define DIAG_TEXT_MAX  320
#define DIAG_FILE_MAX  160

enum diag_level { DIAG_INFO, DIAG_WARNING, DIAG_ERROR };

struct diag_item {
	enum diag_level level;
	int error;     /* the negative errno it was added with */
	unsigned line; /* 0: the whole file */
	char file[DIAG_FILE_MAX];
	char text[DIAG_TEXT_MAX];
};

struct diag {
	size_t n_items, n_dropped;
	struct diag_item items[DIAG_ITEMS_MAX];
};

/**
 * diag_add - adds one finding
 * @d:     may be NULL: then nothing is kept
 * @error: negative errno (or 0), returned as it is, so that callers can write "return
 * diag_add(...)"
 * @file:  path or other name of the place, may be NULL
 * @line:  1 is the first line, 0 when it does not apply
 */
int diag_add(struct diag *d, int error, enum diag_level level, const char *file, unsigned line,
             const char *fmt, ...) _printf_(6, 7);

/* The first finding of the worst level as "file:line: text" in @buf (at most @size bytes); "" if
 * there is none. Returns @buf. */
const char *diag_first(const struct diag *d, char *buf, size_t size);

/* Logs every finding at its level, once. */
void diag_log(const struct diag *d, const char *subject);

const char *diag_level_to_string(enum diag_level level);
