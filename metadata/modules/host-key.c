// SPDX-License-Identifier: Apache-2.0
#include "metadata/modules/host-key.h"

#include "base/base.h"

#include <limits.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/eddsa.h>
#include <nettle/rsa.h>
#include <stdio.h>
#include <sys/random.h>

#define P256_BYTES   32
#define RSA_BITS     3072
#define RSA_EXPONENT 65537
#define TRIES                                                                                      \
	64 /* one of 2^32 misses P-256's order, fewer RSA's demands: so many times is no chance */

enum host_key_kind host_key_kind_from_string(const char *s)
{
	static const char *const names[HOST_KEY_KIND_MAX] = {
		[HOST_KEY_ED25519] = "ed25519", [HOST_KEY_ECDSA] = "ecdsa", [HOST_KEY_RSA] = "rsa"};

	return (enum host_key_kind) ENUM_FROM_STRING(names, s);
}

int host_key_random(void *buf, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = getrandom((uint8_t *) buf + at, size - at, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (size_t) n;
	}
	return 0;
}

/* ---- a key's bytes ---- */

void host_key_done(struct host_key *k)
{
	explicit_bzero(k, sizeof(*k));
}

static uint8_t *reserve(struct host_key *k, size_t size)
{
	uint8_t *p = k->bytes + k->used;

	if (size > sizeof(k->bytes) - k->used)
		return NULL;
	k->used += size;
	return p;
}

static int set_number(struct host_key *k, struct openssh_field *f, const mpz_t v)
{
	size_t size = (mpz_sizeinbase(v, 2) + 7) / 8;
	uint8_t *p = reserve(k, size);

	if (!p)
		return -E2BIG;
	mpz_export(p, NULL, 1, 1, 1, 0, v);
	*f = (struct openssh_field){p, size, true};
	return 0;
}

/* ---- memory of GMP's and of nettle's numbers: wiped when it is given back ---- */

/* GMP knows no failure: it ends the program without memory by itself, and would go on with NULL of ours. */
static void *number_alloc(size_t size)
{
	void *p = malloc(size);

	if (!p)
		abort();
	return p;
}

static void number_free(void *p, size_t size)
{
	explicit_bzero(p, size);
	free(p);
}

static void *number_realloc(void *old, size_t old_size, size_t size)
{
	void *p = number_alloc(size);

	memcpy(p, old, MIN(old_size, size));
	number_free(old, old_size);
	return p;
}

/* ---- Ed25519, RFC 8032: 32 random bytes are the key ---- */

static int generate_ed25519(random_fn random, struct host_key *k)
{
	uint8_t *pair = reserve(k, 2 * ED25519_KEY_SIZE), *public = pair + ED25519_KEY_SIZE;
	int r = random(pair, ED25519_KEY_SIZE);

	if (r < 0)
		return r;
	ed25519_sha512_public_key(public, pair);
	k->key = (struct openssh_key){
		"ssh-ed25519",
		{{public, ED25519_KEY_SIZE, false}},
		{{public, ED25519_KEY_SIZE, false}, {pair, 2 * ED25519_KEY_SIZE, false}}};
	return 0;
}

/* ---- ECDSA, FIPS 186-5 A.2.2: random numbers until one is in 1 .. n - 1 ---- */

static int random_scalar(random_fn random, struct ecc_scalar *ret, mpz_t number)
{
	uint8_t bytes[P256_BYTES];
	int r = -EIO;

	for (unsigned i = 0; i < TRIES; i++) {
		r = random(bytes, sizeof(bytes));
		if (r < 0)
			break;
		mpz_import(number, sizeof(bytes), 1, 1, 1, 0, bytes);
		if (ecc_scalar_set(ret, number))
			break;
		r = -EIO; /* each was out of the range: no random numbers */
	}
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

/* SEC 1, 2.3.3: uncompressed. */
static int set_point(struct host_key *k, struct openssh_field *f, const mpz_t x, const mpz_t y)
{
	uint8_t *p = reserve(k, 1 + 2 * P256_BYTES);

	if (!p)
		return -E2BIG;
	*p = 4;
	nettle_mpz_get_str_256(P256_BYTES, p + 1, x);
	nettle_mpz_get_str_256(P256_BYTES, p + 1 + P256_BYTES, y);
	*f = (struct openssh_field){p, 1 + 2 * P256_BYTES, false};
	return 0;
}

static int generate_ecdsa(random_fn random, struct host_key *k)
{
	static const char curve[] = "nistp256";
	struct openssh_field name = {curve, sizeof(curve) - 1, false}, point = {0}, secret = {0};
	struct ecc_scalar scalar;
	struct ecc_point product;
	mpz_t d, x, y;
	int r;

	mpz_inits(d, x, y, NULL);
	ecc_scalar_init(&scalar, nettle_get_secp_256r1());
	ecc_point_init(&product, nettle_get_secp_256r1());
	r = random_scalar(random, &scalar, d);
	if (r >= 0) {
		ecc_point_mul_g(&product, &scalar);
		ecc_point_get(&product, x, y);
		r = set_point(k, &point, x, y);
	}
	if (r >= 0)
		r = set_number(k, &secret, d);
	ecc_point_clear(&product);
	ecc_scalar_clear(&scalar);
	mpz_clears(d, x, y, NULL);
	k->key = (struct openssh_key){"ecdsa-sha2-nistp256", {name, point}, {name, point, secret}};
	return r;
}

/* ---- RSA: nettle's primes, which are proven (Pocklington), each of half the bits with the two highest set ---- */

struct rsa_random {
	random_fn random;
	int error;
	uint64_t state; /* of the numbers behind a failure */
};

/* The search knows no failure. It goes on with other numbers, so that it ends, and what it found is thrown away. */
static void fill(void *userdata, size_t size, uint8_t *ret)
{
	struct rsa_random *s = userdata;

	if (s->error >= 0)
		s->error = s->random(ret, size);
	for (size_t i = 0; s->error < 0 && i < size; i++) {
		s->state = s->state * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
		ret[i] = (uint8_t) (s->state >> 56);
	}
}

/* FIPS 186-5 A.1.1 and A.1.3, of what nettle does not promise: p and q far apart, d large and for the least common multiple. And p > q,
 * as OpenSSL has them. 1: it is good. */
static int rsa_settle(const struct rsa_public_key *public, struct rsa_private_key *key)
{
	mpz_t p1, q1, t;
	int good;

	mpz_inits(p1, q1, t, NULL);
	if (mpz_cmp(key->p, key->q) < 0)
		mpz_swap(key->p, key->q);
	mpz_sub(t, key->p, key->q);
	good = mpz_sizeinbase(t, 2) > RSA_BITS / 2 - 100;
	mpz_sub_ui(p1, key->p, 1);
	mpz_sub_ui(q1, key->q, 1);
	mpz_lcm(t, p1, q1);
	good = good && mpz_invert(key->d, public->e, t) &&
	       mpz_sizeinbase(key->d, 2) > RSA_BITS / 2 && mpz_invert(key->c, key->q, key->p);
	mpz_clears(p1, q1, t, NULL);
	return good;
}

static int rsa_search(random_fn random, struct rsa_public_key *public, struct rsa_private_key *key)
{
	struct rsa_random source = {.random = random};

	for (unsigned i = 0; i < TRIES; i++) {
		int found =
			rsa_generate_keypair(public, key, &source, fill, NULL, NULL, RSA_BITS, 0);

		if (source.error < 0)
			return source.error;
		if (found && rsa_settle(public, key))
			return 0;
	}
	return -EIO;
}

static int generate_rsa(random_fn random, struct host_key *k)
{
	struct openssh_key *o = &k->key;
	struct rsa_public_key public;
	struct rsa_private_key key;
	int r;

	rsa_public_key_init(&public);
	rsa_private_key_init(&key);
	mpz_set_ui(public.e, RSA_EXPONENT);
	o->type = "ssh-rsa";
	r = rsa_search(random, &public, &key);
	if (r >= 0) {
		const struct {
			struct openssh_field *field;
			mpz_srcptr number;
		} parts[] = {{&o->public[0], public.e}, {&o->private[0], public.n},
		             {&o->private[2], key.d},   {&o->private[3], key.c},
		             {&o->private[4], key.p},   {&o->private[5], key.q}};

		for (size_t i = 0; i < ELEMENTSOF(parts) && r >= 0; i++)
			r = set_number(k, parts[i].field, parts[i].number);
		o->private[1] = o->public[0];
		o->public[1] = o->private[0];
	}
	rsa_private_key_clear(&key);
	rsa_public_key_clear(&public);
	return r;
}

/* ---- any kind ---- */

int host_key_generate(enum host_key_kind kind, random_fn random, struct host_key *ret)
{
	static int (*const generate[HOST_KEY_KIND_MAX])(random_fn, struct host_key *) = {
		[HOST_KEY_ED25519] = generate_ed25519,
		[HOST_KEY_ECDSA] = generate_ecdsa,
		[HOST_KEY_RSA] = generate_rsa};
	int r;

	*ret = (struct host_key){0};
	if (kind < 0 || kind >= HOST_KEY_KIND_MAX)
		return -EINVAL;
	mp_set_memory_functions(number_alloc, number_realloc, number_free);
	r = generate[kind](random, ret);
	if (r < 0)
		host_key_done(ret);
	return r;
}

/* ssh-keygen's: who made it, and where. */
static int comment_of(char **ret)
{
	char host[HOST_NAME_MAX + 1] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		return -errno;
	*ret = str_printf("root@%s", host);
	return *ret ? 0 : -ENOMEM;
}

int host_key_create(enum host_key_kind kind, random_fn random, const char *path)
{
	auto_openssh_text struct openssh_text text = {0};
	auto_host_key struct host_key k = {0};
	auto_free char *comment = NULL, *public = str_printf("%s.pub", path);
	uint32_t check;
	int r = public ? comment_of(&comment) : -ENOMEM;

	if (r >= 0)
		r = host_key_generate(kind, random, &k);
	if (r >= 0)
		r = random(&check, sizeof(check));
	if (r >= 0)
		r = openssh_key_public(&k.key, comment, &text);
	/* Cut off in between there is no key yet, and the next boot makes both. */
	if (r >= 0)
		r = file_write_atomic(public, text.data, text.size, 0644, false);
	if (r < 0)
		return r;
	r = openssh_key_private(&k.key, check, comment, &text);
	if (r >= 0)
		r = file_write_atomic(path, text.data, text.size, 0600, false);
	if (r < 0)
		(void) unlink(public);
	return r;
}
