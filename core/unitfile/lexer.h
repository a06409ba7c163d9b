// SPDX-License-Identifier: Apache-2.0
/* lexer.h - private to unitfile: the lines of systemd.syntax(7). Works in place, on text that it may change. */
#pragma once

#include "base/base.h"

#define LEXER_TEXT_MAX (4U * 1024 * 1024)
#define LEXER_LINE_MAX (1024U * 1024)

struct lexer {
	char *at, *end; /* *end is NUL */
	const char *section, *path;
	struct diag *d;
	unsigned line, section_line;
};

struct lexeme {
	const char *section; /* without brackets */
	char *key, *value;   /* stripped; the value may be empty */
	unsigned line;       /* where it begins */
	bool new_section;    /* a section's header, no assignment */
};

/* @text[@size] must be NUL. @path is for findings. -EBADMSG for a NUL byte within, -EFBIG. */
int lexer_init(struct lexer *l, char *text, size_t size, const char *path, struct diag *d);
/* 1 and the next assignment or header, 0 at the end, -EBADMSG if the file cannot be read on, -ENOBUFS for a line too long. */
int lexer_next(struct lexer *l, struct lexeme *ret);
