// SPDX-License-Identifier: Apache-2.0
/* run-line.c - from words to the text of a unit file, such that reading it gives the same words. Pure. */
#include "sctl/sctl.h"

#include <ctype.h>

static void add_word(struct strbuf *b, const char *word)
{
	bool plain = *word != 0;

	for (const char *p = word; *p; p++)
		plain = plain && (isalnum((unsigned char) *p) || strchr("-_./:=,+@^~$", *p));
	if (plain) {
		strbuf_puts(b, word);
		return;
	}
	strbuf_puts(b, "\"");
	for (const char *p = word; *p; p++) {
		unsigned char c = (unsigned char) *p;

		if (c == '"' || c == '\\')
			strbuf_printf(b, "\\%c", c);
		else if (c == '%')
			strbuf_puts(b, "%%");
		else if (c == '\n')
			strbuf_puts(b, "\\n");
		else if (c == '\t')
			strbuf_puts(b, "\\t");
		else if (c < 0x20 || c == 0x7f)
			strbuf_printf(b, "\\x%02x", c);
		else
			strbuf_add(b, p, 1);
	}
	strbuf_puts(b, "\"");
}

char *exec_line(char *const *argv)
{
	auto_strbuf struct strbuf b = {0};
	char *text;

	STRV_FOREACH (a, argv) {
		if (a != argv)
			strbuf_puts(&b, " ");
		add_word(&b, *a);
	}
	return strbuf_take(&b, &text) < 0 ? NULL : text;
}
