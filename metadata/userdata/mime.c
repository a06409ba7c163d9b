// SPDX-License-Identifier: Apache-2.0
#include "metadata/userdata/mime.h"

#include <ctype.h>

void mime_done(struct mime_message *m)
{
	cJSON_Delete(m->headers);
	free(m->type);
	free(m->boundary);
	free(m->filename);
	free(m->encoding);
	*m = (struct mime_message){0};
}

const cJSON *mime_header(const cJSON *headers, const char *name)
{
	return cJSON_GetObjectItem(headers, name);
}

/* Start of the line behind @p; @end at the end. */
static const char *next_line(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t) (end - p));

	return nl ? nl + 1 : end;
}

static size_t line_length(const char *p, const char *next)
{
	while (next > p && (next[-1] == '\n' || next[-1] == '\r'))
		next--;
	return (size_t) (next - p);
}

/* A header with its folded lines joined by one blank. */
static int add_header(cJSON *headers, const char *p, const char *end)
{
	auto_free char *name = NULL, *value = NULL;
	const char *colon = memchr(p, ':', (size_t) (end - p));
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	int r;

	if (!colon || memchr(p, '\0', (size_t) (end - p)))
		return 0;
	name = strndup(p, (size_t) (colon - p));
	strbuf_puts(&b, "");
	for (p = colon + 1; p < end;) {
		const char *next = next_line(p, end);
		size_t n = line_length(p, next);

		while (n && (*p == ' ' || *p == '\t')) {
			p++;
			n--;
		}
		if (b.size)
			strbuf_puts(&b, " ");
		strbuf_add(&b, p, n);
		p = next;
	}
	r = strbuf_take(&b, &value);
	if (r < 0 || !name)
		return -ENOMEM;
	if (!mime_header(headers, name))
		cJSON_AddStringToObject(headers, name, value);
	return 0;
}

/* "boundary" of `multipart/mixed; boundary="x"`. NULL: not there. */
static char *parameter(const char *value, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = strchr(value, ';'); p; p = strchr(p, ';')) {
		const char *start;

		p += 1 + strspn(p + 1, " \t");
		if (strncasecmp(p, name, n) || p[n] != '=')
			continue;
		start = p + n + 1;
		if (*start == '"')
			return strndup(start + 1, strcspn(start + 1, "\""));
		return strndup(start, strcspn(start, "; \t"));
	}
	return NULL;
}

static int settle(struct mime_message *m)
{
	const cJSON *type = mime_header(m->headers, "Content-Type"),
		    *disposition = mime_header(m->headers, "Content-Disposition"),
		    *encoding = mime_header(m->headers, "Content-Transfer-Encoding");

	m->type = type ? strndup(type->valuestring, strcspn(type->valuestring, "; \t"))
	               : strdup("text/plain");
	if (!m->type)
		return -ENOMEM;
	for (char *p = m->type; *p; p++)
		*p = (char) tolower((unsigned char) *p);
	if (!strchr(m->type, '/') && str_set(&m->type, "text/plain") < 0)
		return -ENOMEM;
	if (type && str_after(m->type, "multipart/"))
		m->boundary = parameter(type->valuestring, "boundary");
	if (disposition)
		m->filename = parameter(disposition->valuestring, "filename");
	if (!m->filename && type)
		m->filename = parameter(type->valuestring, "name");
	if (encoding)
		m->encoding = strdup(encoding->valuestring);
	return 0;
}

int mime_read(const char *data, size_t size, struct mime_message *ret)
{
	const char *p = data, *end = data + size;
	struct mime_message m = {.headers = cJSON_CreateObject()};
	int r = m.headers ? 0 : -ENOMEM;

	/* An mbox's line may stand first. */
	if (size > 5 && !strncmp(p, "From ", 5))
		p = next_line(p, end);
	while (r >= 0 && p < end && line_length(p, next_line(p, end))) {
		const char *stop = next_line(p, end);

		while (stop < end && (*stop == ' ' || *stop == '\t'))
			stop = next_line(stop, end);
		/* A line that is no header ends them, as mail readers do. */
		if (!memchr(p, ':', (size_t) (stop - p)))
			break;
		r = add_header(m.headers, p, stop);
		p = stop;
	}
	if (p < end && !line_length(p, next_line(p, end)))
		p = next_line(p, end);
	m.body = p;
	m.body_size = (size_t) (end - p);
	if (r >= 0)
		r = settle(&m);
	if (r < 0) {
		mime_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

/* The next line that is a delimiter, from @p on; @ret_next behind it, @ret_last: "--" follows. */
static const char *find_delimiter(const struct mime_message *m, const char *p,
                                  const char **ret_next, bool *ret_last)
{
	const char *end = m->body + m->body_size;
	size_t n = strlen(m->boundary);

	while (p < end) {
		const char *next = next_line(p, end);
		size_t length = line_length(p, next);

		if (length >= n + 2 && p[0] == '-' && p[1] == '-' &&
		    !strncmp(p + 2, m->boundary, n)) {
			*ret_last = length >= n + 4 && p[n + 2] == '-' && p[n + 3] == '-';
			*ret_next = next;
			return p;
		}
		p = next;
	}
	return NULL;
}

bool mime_next(const struct mime_message *m, const char **from, const char **ret, size_t *ret_size)
{
	const char *end = m->body + m->body_size, *start, *behind, *stop;
	bool last;

	if (!find_delimiter(m, *from, &start, &last) || last)
		return false;
	stop = find_delimiter(m, start, &behind, &last);
	if (!stop)
		stop = end;
	*from = stop;
	/* The line end before a delimiter belongs to it. */
	if (stop > start && stop[-1] == '\n')
		stop--;
	if (stop > start && stop[-1] == '\r')
		stop--;
	*ret = start;
	*ret_size = (size_t) (stop - start);
	return true;
}

static int quoted_printable(const char *p, size_t size, struct blob *ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	const char *end = p + size;
	char *text = NULL, byte;
	size_t n;
	int r;

	strbuf_puts(&b, "");
	for (; p < end; p++) {
		unsigned value;

		if (*p != '=') {
			strbuf_add(&b, p, 1);
		} else if (end - p > 2 && isxdigit((unsigned char) p[1]) &&
		           isxdigit((unsigned char) p[2])) {
			value = (unsigned) strtoul((char[]){p[1], p[2], 0}, NULL, 16);
			byte = (char) value;
			strbuf_add(&b, &byte, 1);
			p += 2;
		} else {
			const char *next = next_line(p, end);

			if (line_length(p, next) > 1)
				strbuf_add(&b, p, 1);
			else
				p = next - 1;
		}
	}
	n = b.size;
	r = strbuf_take(&b, &text);
	if (r < 0)
		return r;
	*ret = (struct blob){text, n};
	return 0;
}

int mime_take_part(struct mime_message *m, struct part *ret)
{
	static const char *const own[] = {"MIME-Version", "Content-Type",
	                                  "Content-Transfer-Encoding", "Content-Disposition",
	                                  "Number-Attachments"};
	auto_blob struct blob payload = {0};
	const char *e = m->encoding ? m->encoding : "";
	int r;

	if (!strncasecmp(e, "base64", 6))
		r = base64_decode(m->body, m->body_size, &payload);
	else if (!strncasecmp(e, "quoted-printable", 16))
		r = quoted_printable(m->body, m->body_size, &payload);
	else
		r = blob_set(&payload, m->body, m->body_size);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(own); i++)
		cJSON_DeleteItemFromObject(m->headers, own[i]);
	*ret = (struct part){TAKE_PTR(m->type), TAKE_PTR(m->filename), TAKE_PTR(m->headers),
	                     payload};
	payload = (struct blob){0};
	return 0;
}
