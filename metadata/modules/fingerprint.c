// SPDX-License-Identifier: Apache-2.0
/*
 * Fingerprints of public keys as "ssh-keygen -l" prints them, without starting it: four times some thirty milliseconds at each first boot,
 * for a hash. SHA-256 is FIPS 180-4's, plain, for inputs of a few hundred bytes.
 */
#include "metadata/modules/modules.h"
#include "metadata/userdata/userdata.h"

#define BLOCK 64

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t) (v >> (24 - 8 * i));
}

static void sha256_block(uint32_t h[8], const uint8_t *p)
{
	/* clang-format off */
	static const uint32_t k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	};
	/* clang-format on */
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = get32(p + 4 * i);
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, h, sizeof(s));
	for (int i = 0; i < 64; i++) {
		uint32_t e = s[4], a = s[0];
		uint32_t t = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
		             ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i],
			 u = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
		             ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t;
		s[0] = t + u;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

void sha256(const void *data, size_t size, uint8_t ret[32])
{
	uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	uint8_t last[2 * BLOCK] = {0};
	size_t whole = size - size % BLOCK, rest = size % BLOCK,
	       end = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	for (size_t at = 0; at < whole; at += BLOCK)
		sha256_block(h, (const uint8_t *) data + at);
	if (rest)
		memcpy(last, (const uint8_t *) data + whole, rest);
	last[rest] = 0x80;
	put32(last + end - 8, (uint32_t) ((uint64_t) size >> 29));
	put32(last + end - 4, (uint32_t) (size << 3));
	for (size_t at = 0; at < end; at += BLOCK)
		sha256_block(h, last + at);
	for (int i = 0; i < 8; i++)
		put32(ret + 4 * i, h[i]);
}

/* ---- a key ---- */

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
