// SPDX-License-Identifier: Apache-2.0
/*
 * Fingerprints of public keys as "ssh-keygen -l" prints them, without starting it: four times some thirty milliseconds at each first boot,
 * for a hash.
 */
#include "metadata/modules/modules.h"
#include "metadata/userdata/userdata.h"

#include <nettle/sha2.h>

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

void sha256(const void *data, size_t size, uint8_t ret[32])
{
	struct sha256_ctx state;

	sha256_init(&state);
	sha256_update(&state, size, data);
	sha256_digest(&state, SHA256_DIGEST_SIZE, ret);
}

struct key_kind {
	const char *type, *name;
	unsigned bits;   /* 0: those of the number below */
	unsigned number; /* which field behind the type is the modulus */
};
/* clang-format off */
static const struct key_kind kinds[] = {
	{ "ssh-rsa",                            "RSA",        0,   2 }, { "ssh-dss",                    "DSA",        0,   1 },
	{ "ssh-ed25519",                        "ED25519",    256, 0 }, { "sk-ssh-ed25519@openssh.com", "ED25519-SK", 256, 0 },
	{ "ecdsa-sha2-nistp256",                "ECDSA",      256, 0 }, { "ecdsa-sha2-nistp384",        "ECDSA",      384, 0 },
	{ "ecdsa-sha2-nistp521",                "ECDSA",      521, 0 },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK",   256, 0 },
};
/* clang-format on */

/* The n-th string of a key, RFC 4251; false: there are not so many. */
static bool field(const struct blob *b, unsigned n, const uint8_t **ret, size_t *ret_size)
{
	size_t at = 0;

	for (;; n--) {
		const uint8_t *p = (const uint8_t *) b->data + at;

		if (b->size - at < 4 || b->size - at - 4 < get32(p))
			return false;
		*ret = p + 4;
		*ret_size = get32(p);
		if (!n)
			return true;
		at += 4 + *ret_size;
	}
}

static unsigned bits_of(const uint8_t *p, size_t n)
{
	unsigned top = 0;

	for (; n && !*p; n--)
		p++;
	for (unsigned v = n ? *p : 0; v; v >>= 1)
		top++;
	return n ? (unsigned) (n - 1) * 8 + top : 0;
}

int key_fingerprint(const char *line, char **ret)
{
	auto_json cJSON *key = NULL;
	auto_free char *digest = NULL;
	auto_blob struct blob b = {0};
	const char *base64, *comment;
	const uint8_t *p;
	uint8_t hash[32];
	size_t n;
	int r = authorized_key_parse(line, NULL, &key);

	base64 = r >= 0 ? json_string_or(key, "base64", NULL) : NULL;
	if (!base64)
		return r < 0 ? r : -ENOENT;
	r = base64_decode(base64, strlen(base64), &b);
	if (r < 0 || !field(&b, 0, &p, &n))
		return r == -ENOMEM ? r : -EBADMSG;
	sha256(b.data, b.size, hash);
	r = base64_encode((const char *) hash, sizeof(hash), &digest);
	if (r < 0)
		return r;
	digest[strcspn(digest, "=")] = '\0';
	comment = json_string_or(key, "comment", "");
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		const struct key_kind *k = &kinds[i];
		unsigned bits = k->bits;

		if (strlen(k->type) != n || memcmp(k->type, p, n) != 0)
			continue;
		if (k->number) {
			if (!field(&b, k->number, &p, &n))
				return -EBADMSG;
			bits = bits_of(p, n);
		}
		*ret = str_printf("%u SHA256:%s %s (%s)", bits, digest,
		                  *comment ? comment : "no comment", k->name);
		return *ret ? 0 : -ENOMEM;
	}
	return -EOPNOTSUPP;
}

int keys_fingerprints(const char *text, char **ret)
{
	auto_strv char **lines = NULL;
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	int r = strv_split(text, "\r\n", &lines);

	strbuf_puts(&b, "");
	STRV_FOREACH (l, lines) {
		auto_free char *print = NULL;

		r = key_fingerprint(*l, &print);
		if (r == -ENOMEM)
			return r;
		/* What is no key that is known here has none to show. */
		if (r >= 0)
			strbuf_printf(&b, "%s\n", print);
	}
	return strbuf_take(&b, ret);
}
