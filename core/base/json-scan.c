// SPDX-License-Identifier: Apache-2.0
#include "base/json-scan.h"

#include "base/json.h"
#include "base/str.h"

/* At the opening quote; returns the offset of the closing one, or of what is wrong with *reason
 * set. */
static size_t scan_string(const char *text, size_t size, size_t i, const char **reason)
{
	for (i++; i < size && text[i] != '"'; i++) {
		if ((unsigned char) text[i] < ' ') {
			*reason = "control character in a string";
			return i;
		}
		if (text[i] != '\\' || ++i >= size)
			continue;
		if (text[i] == 'u' && size - i > 4 && memcmp(text + i + 1, "0000", 4) == 0) {
			*reason = "\\u0000 in a string";
			return i - 1;
		}
	}
	if (i >= size)
		*reason = "unfinished string";
	return MIN(i, size);
}

int json_scan(const char *text, size_t size, size_t max_items, size_t *ret_offset,
              const char **ret_reason)
{
	const char *reason = NULL;
	size_t depth = 0, items = 1, i;

	for (i = 0; i < size; i++) {
		switch (text[i]) {
		case '"':
			i = scan_string(text, size, i, &reason);
			break;
		case '[':
		case '{':
			items++;
			if (++depth > JSON_DEPTH_MAX)
				reason = "nested too deeply";
			break;
		case ']':
		case '}':
			depth -= depth > 0;
			break;
		case ',':
			items++;
			break;
		case '\t':
		case '\n':
		case '\r':
			break;
		default:
			if ((unsigned char) text[i] < ' ')
				reason = "control character";
			break;
		}
		if (!reason && items > max_items)
			reason = "too many values";
		if (reason)
			break;
	}
	if (!reason && !utf8_is_valid(text, size)) {
		reason = "not UTF-8";
		i = 0;
	}
	if (!reason)
		return 0;
	*ret_offset = i;
	*ret_reason = reason;
	return -EBADMSG;
}
