// SPDX-License-Identifier: Apache-2.0
/* word.h - for unitfile and conditions: words, quotes and escapes of systemd.syntax(7) "Quoting". */
#pragma once

#include "base/base.h"

#define WHITESPACE " \t\n\r"

enum word_flags {
	WORD_UNQUOTE = 1,         /* remove quotes that begin a word or stand in it */
	WORD_CUNESCAPE = 2,       /* C escapes; an unknown one is -EINVAL */
	WORD_CUNESCAPE_RELAX = 4, /* ... unless relaxed: then it is kept as it stands */
	WORD_RELAX = 8,           /* an open quote at the end is closed silently */
	WORD_RETAIN_ESCAPE = 16,  /* a backslash is an ordinary character */
	WORD_KEEP_EMPTY = 32,     /* every separator ends a word, which may be empty */
	WORD_UNESCAPE_SEPARATORS =
		64, /* with WORD_CUNESCAPE: a backslash before a separator makes it part of the word */
};

/* The next word of *p: 1 and *ret, 0 at the end, -EINVAL. Advances *p (NULL at the end). NULL @separators: white space. */
int word_next(const char **p, const char *separators, unsigned flags, char **ret);
/* As word_next() with UNQUOTE and CUNESCAPE; an unknown escape is taken as it stands. 2 tells that this happened. */
int word_next_relaxed(const char **p, unsigned flags, char **ret);
/* All words. */
int word_split(const char *s, const char *separators, unsigned flags, char ***ret);
/* C escapes of a whole string; "\0" and its kin are -EINVAL. */
int c_unescape(const char *s, char **ret);

/* The parsed form of "SOURCE:DESTINATION" settings: parts between colons, a colon of a part's own behind a backslash. */
int colon_join(char *const *parts, char **ret);
/* The parts, without backslashes; empty ones are there, too. */
int colon_split(const char *s, char ***ret);
