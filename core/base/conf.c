// SPDX-License-Identifier: Apache-2.0
#include "base/conf.h"

#include "base/fd.h"
#include "base/str.h"

int conf_parse_string(const char *value, void *data)
{
	return str_set(data, value);
}

int conf_parse_bool(const char *value, void *data)
{
	int v = str_to_bool(value);

	if (v < 0)
		return v;
	*(bool *) data = v;
	return 0;
}

int conf_parse_u64(const char *value, void *data)
{
	return str_to_u64(value, 10, data);
}

struct conf_reader {
	const char *path;
	const struct conf_item *items;
	size_t n;
	struct diag *d;
	const char *section; /* in the text being read; NULL before the first */
	unsigned line;
	bool refused;
};

static void conf_refuse(struct conf_reader *c, const char *what, const char *text)
{
	c->refused = true;
	(void) diag_add(c->d, -EBADMSG, DIAG_ERROR, c->path, c->line, "%s: \"%.100s\"", what, text);
}

static void conf_assign(struct conf_reader *c, const char *key, const char *value)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_item *item = &c->items[i];
		int r;

		if (!c->section || !streq(item->section, c->section) || !streq(item->key, key))
			continue;
		r = item->parse(value, item->data);
		if (r < 0) {
			c->refused = true;
			(void) diag_add(c->d, r, DIAG_ERROR, c->path, c->line,
			                "Value of %s= is not valid: %m", key);
		}
		return;
	}
	(void) diag_add(c->d, 0, DIAG_WARNING, c->path, c->line,
	                "Unknown key \"%.100s\" in [%.60s]", key, c->section ?: "");
}

static void conf_line(struct conf_reader *c, char *line)
{
	char *equals;
	size_t n;

	line = str_strip(line);
	n = strlen(line);
	if (n == 0 || *line == '#' || *line == ';')
		return;
	if (!utf8_is_valid(line, n)) {
		conf_refuse(c, "Line is not UTF-8", "");
		return;
	}
	if (*line == '[') {
		if (line[n - 1] != ']') {
			conf_refuse(c, "Section header without \"]\"", line);
			return;
		}
		line[n - 1] = 0;
		c->section = line + 1;
		return;
	}
	equals = strchr(line, '=');
	if (!equals || equals == line) {
		conf_refuse(c, "Not of the form Key=value", line);
		return;
	}
	*equals = 0;
	conf_assign(c, str_strip(line), str_strip(equals + 1));
}

int conf_read(const char *path, const struct conf_item *items, size_t n, struct diag *d)
{
	struct conf_reader c = {.path = path, .items = items, .n = n, .d = d};
	auto_free char *text = NULL;
	size_t size;
	char *next;
	int r;

	r = file_read(path, &text, &size);
	if (r < 0)
		return r;
	if (strlen(text) != size)
		return diag_add(d, -EBADMSG, DIAG_ERROR, path, 0, "The file holds a NUL byte");
	next = text;
	for (char *line; (line = strsep(&next, "\n"));) {
		c.line++;
		conf_line(&c, line);
	}
	return c.refused ? -EBADMSG : 0;
}
