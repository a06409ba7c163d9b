// SPDX-License-Identifier: Apache-2.0
/* From a datagram to lines. Pure. */
#include "types/notify.h"

static bool is_assignment(const char *line, size_t size)
{
	const char *equals = memchr(line, '=', size);

	return equals && equals > line;
}

int notify_parse(const char *data, size_t size, char ***ret)
{
	auto_strv char **tags = NULL;
	size_t n = 0;
	int r;

	if (size > NOTIFY_MESSAGE_MAX)
		return -EMSGSIZE;
	if (size > 0 && data[size - 1] == 0)
		size--;
	if (size == 0 || memchr(data, 0, size))
		return -EBADMSG;
	for (const char *p = data, *end = data + size; p < end;) {
		const char *newline = memchr(p, '\n', (size_t) (end - p));
		size_t l = (size_t) ((newline ? newline : end) - p);

		if (l > 0 && is_assignment(p, l)) {
			if (++n > NOTIFY_TAGS_MAX)
				return -EBADMSG;
			r = strv_append_consume(&tags, strndup(p, l));
			if (r < 0)
				return r;
		}
		p += l + 1;
	}
	if (n == 0)
		return -EBADMSG;
	*ret = TAKE_PTR(tags);
	return 0;
}
