// SPDX-License-Identifier: Apache-2.0
/* mime - private to userdata/: messages of RFC 2045 as far as user-data uses them. */
#pragma once

#include "metadata/userdata/userdata.h"

struct mime_message {
	cJSON *headers; /* as given; a name that comes twice counts once, the first */
	char *type;     /* lower case, without parameters */
	char *boundary; /* NULL: not multipart */
	char *filename, *encoding;
	const char *body;
	size_t body_size;
};
int mime_read(const char *data, size_t size, struct mime_message *ret);
void mime_done(struct mime_message *m);
/* The next part of a multipart's body: @from starts at m->body and moves on. */
bool mime_next(const struct mime_message *m, const char **from, const char **ret, size_t *ret_size);
/* The body decoded, with type, name and the headers that are not MIME's own. -EBADMSG. */
int mime_take_part(struct mime_message *m, struct part *ret);
/* Any case. */
const cJSON *mime_header(const cJSON *headers, const char *name);
void part_done(struct part *p);
