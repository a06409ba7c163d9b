// SPDX-License-Identifier: Apache-2.0
/* What the kernel command line says to cloud-init. */
#include "metadata/detect/detect.h"

#include <ctype.h>

static int hex_digit(char c)
{
	return isdigit((unsigned char) c)    ? c - '0'
	       : isxdigit((unsigned char) c) ? tolower((unsigned char) c) - 'a' + 10
	                                     : -1;
}

/* %41 -> A, then "\n" (two characters) -> a new line. In place. */
static void unquote(char *s)
{
	char *out = s;

	for (const char *p = s; *p; p++) {
		int high = *p == '%' ? hex_digit(p[1]) : -1;
		int low = high >= 0 ? hex_digit(p[2]) : -1;

		if (low >= 0 && (high || low)) {
			*out++ = (char) (high << 4 | low);
			p += 2;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	out = s;
	for (const char *p = s; *p; p++) {
		if (p[0] == '\\' && p[1] == 'n') {
			*out++ = '\n';
			p++;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
}

/* "cc:" at the start of a word: "BOOTIF=aa:bb:cc:dd" holds none. */
static const char *find_begin(const char *line, const char *from)
{
	for (const char *p = strstr(from, "cc:"); p; p = strstr(p + 1, "cc:"))
		if (p == line || isspace((unsigned char) p[-1]))
			return p + strlen("cc:");
	return NULL;
}

int cmdline_cloud_config(const char *line, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	bool is_first = true;

	for (const char *p = find_begin(line, line); p; p = find_begin(line, p)) {
		const char *end = strstr(p, "end_cc");
		auto_free char *text = NULL;

		while (isspace((unsigned char) *p) && p != end)
			p++;
		text = end ? strndup(p, (size_t) (end - p)) : strdup(p);
		if (!text)
			return -ENOMEM;
		unquote(text);
		if (!is_first)
			strbuf_puts(&b, "\n");
		strbuf_puts(&b, text);
		is_first = false;
		if (!end)
			break;
		p = end + strlen("end_cc");
	}
	return strbuf_take(&b, ret);
}

int cmdline_config_url(const char *line, char **ret_key, char **ret_url)
{
	static const char *const keys[] = {"cloud-config-url", "url"};
	auto_strv char **words = NULL;
	int r = strv_split(line, " \t\n", &words);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		STRV_FOREACH (w, words) {
			const char *rest = str_after(*w, keys[i]);

			if (!rest || *rest != '=')
				continue;
			*ret_url = strdup(rest + 1);
			*ret_key = *ret_url ? strdup(keys[i]) : NULL;
			return *ret_key ? 0 : -ENOMEM;
		}
	return -ENOENT;
}

int cmdline_datasource(const char *line, char **ret)
{
	static const char *const keys[] = {"ds=", "ci.ds=", "ci.datasource="};
	auto_strv char **words = NULL;
	int r = strv_split(line, " \t\n\v\f\r", &words);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		STRV_FOREACH (w, words) {
			const char *rest = str_after(*w, keys[i]);

			if (!rest || !strcspn(rest, ";"))
				continue;
			*ret = strndup(rest, strcspn(rest, ";"));
			return *ret ? 0 : -ENOMEM;
		}
	*ret = strdup("");
	return *ret ? 0 : -ENOMEM;
}
