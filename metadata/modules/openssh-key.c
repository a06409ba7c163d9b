// SPDX-License-Identifier: Apache-2.0
#include "metadata/modules/openssh-key.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>

#define BEGIN    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define END      "-----END OPENSSH PRIVATE KEY-----\n"
#define COLUMNS  70 /* of base64 a line, as ssh-keygen has */
#define BLOCK    8  /* what is secret is filled up to; the cipher "none" has it */
#define WIRE_MAX 5120

/* ---- the binary form: RFC 4251's strings and numbers ---- */

struct wire {
	uint8_t data[WIRE_MAX];
	size_t size;
	bool overflow;
};

static void wire_done(struct wire *w)
{
	explicit_bzero(w, sizeof(*w));
}
#define auto_wire __attribute__((cleanup(wire_done)))

static void put(struct wire *w, const void *data, size_t size)
{
	w->overflow |= size > sizeof(w->data) - w->size;
	if (w->overflow || !size)
		return;
	memcpy(w->data + w->size, data, size);
	w->size += size;
}

static void put_u32(struct wire *w, size_t v)
{
	const uint8_t b[] = {(uint8_t) (v >> 24), (uint8_t) (v >> 16), (uint8_t) (v >> 8),
	                     (uint8_t) v};

	put(w, b, sizeof(b));
}

static void put_string(struct wire *w, const void *data, size_t size)
{
	put_u32(w, size);
	put(w, data, size);
}

static void put_text(struct wire *w, const char *s)
{
	put_string(w, s, strlen(s));
}

/* Without leading zeros, but with one where the highest bit would be a sign. */
static void put_number(struct wire *w, const uint8_t *p, size_t n)
{
	size_t sign;

	for (; n && !*p; n--)
		p++;
	sign = n && *p & 0x80 ? 1 : 0;
	put_u32(w, n + sign);
	put(w, "", sign);
	put(w, p, n);
}

static void put_fields(struct wire *w, const struct openssh_field *f, size_t max)
{
	for (size_t i = 0; i < max && f[i].data; i++)
		if (f[i].is_number)
			put_number(w, f[i].data, f[i].size);
		else
			put_string(w, f[i].data, f[i].size);
}

static void put_public(struct wire *w, const struct openssh_key *k)
{
	put_text(w, k->type);
	put_fields(w, k->public, ELEMENTSOF(k->public));
}

static void put_secret(struct wire *w, const struct openssh_key *k, uint32_t check,
                       const char *comment)
{
	/* Twice: where they differ after deciphering, the passphrase was wrong. */
	put_u32(w, check);
	put_u32(w, check);
	put_text(w, k->type);
	put_fields(w, k->private, ELEMENTSOF(k->private));
	put_text(w, comment);
	for (uint8_t i = 1; w->size % BLOCK && !w->overflow; i++)
		put(w, &i, 1);
}

/* ---- the text around it ---- */

void openssh_text_done(struct openssh_text *t)
{
	explicit_bzero(t, sizeof(*t));
}

static int add(struct openssh_text *t, const char *s, size_t size)
{
	if (size >= sizeof(t->data) - t->size)
		return -E2BIG;
	memcpy(t->data + t->size, s, size);
	t->size += size;
	t->data[t->size] = '\0';
	return 0;
}

/* @columns: a newline behind each so many, and behind the last. */
static int add_base64(struct openssh_text *t, const struct wire *w, size_t columns)
{
	char text[BASE64_ENCODE_RAW_LENGTH(WIRE_MAX)];
	size_t size = BASE64_ENCODE_RAW_LENGTH(w->size);
	int r = w->overflow ? -E2BIG : 0;

	if (r >= 0)
		base64_encode_raw(text, w->size, w->data);
	for (size_t at = 0, n; r >= 0 && at < size; at += n) {
		n = MIN(size - at, columns);
		r = add(t, text + at, n);
		if (r >= 0 && columns < SIZE_MAX)
			r = add(t, "\n", 1);
	}
	explicit_bzero(text, sizeof(text));
	return r;
}

int openssh_key_private(const struct openssh_key *k, uint32_t check, const char *comment,
                        struct openssh_text *ret)
{
	static const char magic[] = "openssh-key-v1"; /* its NUL belongs to it */
	auto_wire struct wire all = {0}, part = {0};
	int r;

	put(&all, magic, sizeof(magic));
	put_text(&all, "none"); /* cipher */
	put_text(&all, "none"); /* how a passphrase becomes its key, */
	put_text(&all, "");     /* with which options */
	put_u32(&all, 1);       /* keys */
	put_public(&part, k);
	put_string(&all, part.data, part.size);
	all.overflow |= part.overflow;
	wire_done(&part);
	put_secret(&part, k, check, comment);
	put_string(&all, part.data, part.size);
	all.overflow |= part.overflow;
	ret->size = 0;
	r = add(ret, BEGIN, strlen(BEGIN));
	if (r >= 0)
		r = add_base64(ret, &all, COLUMNS);
	return r < 0 ? r : add(ret, END, strlen(END));
}

int openssh_key_public(const struct openssh_key *k, const char *comment, struct openssh_text *ret)
{
	auto_wire struct wire w = {0};
	int r;

	put_public(&w, k);
	ret->size = 0;
	r = add(ret, k->type, strlen(k->type));
	if (r >= 0)
		r = add(ret, " ", 1);
	if (r >= 0)
		r = add_base64(ret, &w, SIZE_MAX);
	if (r >= 0)
		r = add(ret, " ", 1);
	if (r >= 0)
		r = add(ret, comment, strlen(comment));
	return r < 0 ? r : add(ret, "\n", 1);
}
