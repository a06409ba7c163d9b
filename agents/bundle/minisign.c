// SPDX-License-Identifier: Apache-2.0
#include "bundle/minisign.h"

#include "base/fd.h"
#include "base/str.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <time.h>

#define UNTRUSTED       "untrusted comment: "
#define TRUSTED         "trusted comment: "
#define HASH_SIZE       64 /* BLAKE2b-512 */
#define PUBLIC_SIZE     (2 + MINISIGN_ID_SIZE + MINISIGN_KEY_SIZE)
#define SIGNATURE_SIZE  (2 + MINISIGN_ID_SIZE + MINISIGN_SIGNATURE_SIZE)
#define SECRET_SIZE     158
#define SECRET_KDF      2 /* offsets in the secret key record */
#define SECRET_CHECKSUM 4
#define SECRET_ID       54
#define SECRET_SEED     62
#define SECRET_PUBLIC   94
#define LEGACY_SIZE_MAX (64U << 20) /* a legacy signature needs the whole file in memory */
#define BASE64_MAX      256

struct lines {
	const char *at, *end;
	unsigned number;
};

/* The next line without its "\n" or "\r\n"; false at the end. A NUL byte ends nothing: it is
 * refused by who reads the line. */
static bool line_next(struct lines *l, const char **ret, size_t *ret_size)
{
	const char *newline;

	if (l->at >= l->end)
		return false;
	newline = memchr(l->at, '\n', (size_t) (l->end - l->at));
	*ret = l->at;
	*ret_size = (size_t) ((newline ? newline : l->end) - l->at);
	if (*ret_size > 0 && (*ret)[*ret_size - 1] == '\r')
		(*ret_size)--;
	l->at = newline ? newline + 1 : l->end;
	l->number++;
	return true;
}

static int bad(struct diag *d, unsigned line, const char *text)
{
	return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, line, "%s", text);
}

/* Strict base64 of a known size: no blanks, padding where it belongs. */
static bool base64_exact(const char *text, size_t size, uint8_t *ret, size_t want)
{
	uint8_t out[BASE64_MAX];
	size_t padding = (3 - want % 3) % 3;
	int n;

	if (size != (want + 2) / 3 * 4 || size > BASE64_MAX || size / 4 * 3 > sizeof(out))
		return false;
	for (size_t i = 0; i < size; i++) {
		bool in_padding = i >= size - padding;

		if (in_padding != (text[i] == '='))
			return false;
		if (!in_padding &&
		    !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		            text[i]))
			return false;
		if (!text[i])
			return false;
	}
	n = EVP_DecodeBlock(out, (const unsigned char *) text, (int) size);
	if (n < 0 || (size_t) n < want)
		return false;
	memcpy(ret, out, want);
	OPENSSL_cleanse(out, sizeof(out));
	return true;
}

static void base64_print(const uint8_t *data, size_t size, char out[static BASE64_MAX])
{
	EVP_EncodeBlock((unsigned char *) out, data, (int) size);
}

static bool line_has_prefix(const char *line, size_t size, const char *prefix)
{
	return size >= strlen(prefix) && !memcmp(line, prefix, strlen(prefix));
}

/* Two-line files: an untrusted comment and one base64 record. A public key alone, without the
 * comment, is accepted, too. */
static int record_parse(const char *text, size_t size, struct diag *d, uint8_t *ret, size_t want)
{
	struct lines l = {.at = text, .end = text + size};
	const char *line;
	size_t n;

	if (size > MINISIGN_FILE_MAX)
		return bad(d, 0, "The file is too large for a key");
	if (!line_next(&l, &line, &n))
		return bad(d, 0, "The file is empty");
	if (line_has_prefix(line, n, UNTRUSTED) && !line_next(&l, &line, &n))
		return bad(d, l.number, "The key is missing below the comment");
	if (!base64_exact(line, n, ret, want))
		return bad(d, l.number, "This is not a key in minisign's format");
	while (line_next(&l, &line, &n))
		if (n > 0)
			return bad(d, l.number, "Unexpected text behind the key");
	return 0;
}

int minisign_public_parse(const char *text, size_t size, struct diag *d,
                          struct minisign_public *ret)
{
	uint8_t record[PUBLIC_SIZE];
	int r = record_parse(text, size, d, record, sizeof(record));

	if (r < 0)
		return r;
	if (memcmp(record, "Ed", 2))
		return bad(d, 0, "The public key is not an Ed25519 key");
	memcpy(ret->id, record + 2, MINISIGN_ID_SIZE);
	memcpy(ret->key, record + 2 + MINISIGN_ID_SIZE, MINISIGN_KEY_SIZE);
	return 0;
}

int minisign_secret_parse(const char *text, size_t size, struct diag *d,
                          struct minisign_secret *ret)
{
	uint8_t record[SECRET_SIZE];
	int r = record_parse(text, size, d, record, sizeof(record));

	if (r < 0)
		return r;
	if (memcmp(record, "Ed", 2))
		r = bad(d, 0, "The secret key is not an Ed25519 key");
	else if (memcmp(record + SECRET_KDF, "\0\0", 2))
		r = bad(d, 0, "The secret key has a password; make one without (minisign -G -W)");
	else if (memcmp(record + SECRET_CHECKSUM, "B2", 2))
		r = bad(d, 0, "The secret key has an unknown checksum");
	if (r >= 0) {
		memcpy(ret->id, record + SECRET_ID, MINISIGN_ID_SIZE);
		memcpy(ret->seed, record + SECRET_SEED, MINISIGN_KEY_SIZE);
		memcpy(ret->public_key, record + SECRET_PUBLIC, MINISIGN_KEY_SIZE);
	}
	OPENSSL_cleanse(record, sizeof(record));
	return r;
}

int minisign_signature_parse(const char *text, size_t size, struct diag *d,
                             struct minisign_signature *ret)
{
	struct lines l = {.at = text, .end = text + size};
	struct minisign_signature s = {};
	uint8_t record[SIGNATURE_SIZE];
	const char *line;
	size_t n;

	if (size > MINISIGN_FILE_MAX)
		return bad(d, 0, "The file is too large for a signature");
	if (!line_next(&l, &line, &n) || !line_has_prefix(line, n, UNTRUSTED))
		return bad(d, 1, "The signature does not begin with an untrusted comment");
	if (!line_next(&l, &line, &n) || !base64_exact(line, n, record, sizeof(record)))
		return bad(d, 2, "This is not a signature in minisign's format");
	if (memcmp(record, "Ed", 2) && memcmp(record, "ED", 2))
		return bad(d, 2, "The signature's algorithm is unknown");
	s.prehashed = record[1] == 'D';
	memcpy(s.id, record + 2, MINISIGN_ID_SIZE);
	memcpy(s.signature, record + 2 + MINISIGN_ID_SIZE, MINISIGN_SIGNATURE_SIZE);
	if (!line_next(&l, &line, &n) || !line_has_prefix(line, n, TRUSTED))
		return bad(d, 3, "The trusted comment is missing");
	line += strlen(TRUSTED);
	n -= strlen(TRUSTED);
	if (n >= sizeof(s.comment) || memchr(line, 0, n))
		return bad(d, 3, "The trusted comment is too long or not text");
	memcpy(s.comment, line, n);
	if (!line_next(&l, &line, &n) || !base64_exact(line, n, s.global, sizeof(s.global)))
		return bad(d, 4, "The signature of the trusted comment is missing");
	while (line_next(&l, &line, &n))
		if (n > 0)
			return bad(d, l.number, "Unexpected text behind the signature");
	*ret = s;
	return 0;
}

/* Reads a small text file and hands it to a parser; findings get the path. */
static int file_parse(const char *path, struct diag *d,
                      int (*parse)(const char *, size_t, struct diag *, void *), void *ret)
{
	auto_free char *text = NULL;
	struct diag inner = {};
	char first[DIAG_TEXT_MAX];
	size_t size;
	int r;

	r = file_read_at(AT_FDCWD, path, MINISIGN_FILE_MAX, &text, &size);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, path, 0, "Cannot read the key: %s", strerror(-r));
	r = parse(text, size, &inner, ret);
	OPENSSL_cleanse(text, size);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, path, 0, "%s",
		                diag_first(&inner, first, sizeof(first)));
	return 0;
}

static int parse_public(const char *text, size_t size, struct diag *d, void *ret)
{
	return minisign_public_parse(text, size, d, ret);
}

static int parse_secret(const char *text, size_t size, struct diag *d, void *ret)
{
	return minisign_secret_parse(text, size, d, ret);
}

int minisign_public_read(const char *path, struct diag *d, struct minisign_public *ret)
{
	return file_parse(path, d, parse_public, ret);
}

int minisign_secret_read(const char *path, struct diag *d, struct minisign_secret *ret)
{
	return file_parse(path, d, parse_secret, ret);
}

int minisign_public_read_dir(const char *dir, struct diag *d, struct minisign_public **ret,
                             size_t *ret_n)
{
	auto_free struct minisign_public *keys = NULL;
	auto_strv char **names = NULL;
	size_t n = 0;
	int r;

	r = dir_list(dir, &names);
	if (r < 0 && r != -ENOENT)
		return diag_add(d, r, DIAG_ERROR, dir, 0, "Cannot list the trusted keys: %s",
		                strerror(-r));
	keys = calloc(strv_length(names) + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	STRV_FOREACH (name, names) {
		auto_free char *path = NULL;

		if (!str_ends_with(*name, ".pub"))
			continue;
		path = str_printf("%s/%s", dir, *name);
		if (!path)
			return -ENOMEM;
		if (minisign_public_read(path, d, &keys[n]) >= 0)
			n++;
	}
	if (n == 0)
		return diag_add(d, -ENOKEY, DIAG_ERROR, dir, 0,
		                "There is no trusted key (*.pub) here");
	*ret = TAKE_PTR(keys);
	*ret_n = n;
	return 0;
}

const char *minisign_id_format(const uint8_t id[static MINISIGN_ID_SIZE],
                               char buf[static MINISIGN_ID_TEXT])
{
	for (size_t i = 0; i < MINISIGN_ID_SIZE; i++)
		snprintf(buf + 2 * i, 3, "%02X", id[MINISIGN_ID_SIZE - 1 - i]);
	return buf;
}

int minisign_generate(struct minisign_secret *ret)
{
	size_t size = MINISIGN_KEY_SIZE;
	struct minisign_secret s;
	EVP_PKEY *key;
	int r = 0;

	if (RAND_bytes(s.id, sizeof(s.id)) != 1 || RAND_priv_bytes(s.seed, sizeof(s.seed)) != 1)
		return -EIO;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, s.seed, sizeof(s.seed));
	if (!key)
		return -ENOMEM;
	if (EVP_PKEY_get_raw_public_key(key, s.public_key, &size) != 1 || size != MINISIGN_KEY_SIZE)
		r = -EIO;
	EVP_PKEY_free(key);
	if (r >= 0)
		*ret = s;
	OPENSSL_cleanse(&s, sizeof(s));
	return r;
}

struct minisign_public minisign_public_of(const struct minisign_secret *s)
{
	struct minisign_public p;

	memcpy(p.id, s->id, sizeof(p.id));
	memcpy(p.key, s->public_key, sizeof(p.key));
	return p;
}

char *minisign_public_print(const struct minisign_public *p)
{
	uint8_t record[PUBLIC_SIZE];
	char id[MINISIGN_ID_TEXT], text[BASE64_MAX];

	memcpy(record, "Ed", 2);
	memcpy(record + 2, p->id, MINISIGN_ID_SIZE);
	memcpy(record + 2 + MINISIGN_ID_SIZE, p->key, MINISIGN_KEY_SIZE);
	base64_print(record, sizeof(record), text);
	return str_printf(UNTRUSTED "minisign public key %s\n%s\n", minisign_id_format(p->id, id),
	                  text);
}

char *minisign_secret_print(const struct minisign_secret *s)
{
	uint8_t record[SECRET_SIZE] = {};
	char text[BASE64_MAX], *all;

	memcpy(record, "Ed", 2);
	memcpy(record + SECRET_CHECKSUM, "B2", 2);
	memcpy(record + SECRET_ID, s->id, MINISIGN_ID_SIZE);
	memcpy(record + SECRET_SEED, s->seed, MINISIGN_KEY_SIZE);
	memcpy(record + SECRET_PUBLIC, s->public_key, MINISIGN_KEY_SIZE);
	base64_print(record, sizeof(record), text);
	all = str_printf(UNTRUSTED "minisign secret key without password\n%s\n", text);
	OPENSSL_cleanse(record, sizeof(record));
	OPENSSL_cleanse(text, sizeof(text));
	return all;
}

static int hash_fd(int fd, uint64_t max, uint8_t ret[static HASH_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	auto_free uint8_t *buffer = malloc(65536);
	uint64_t total = 0;
	unsigned size = 0;
	int r = 0;

	if (!ctx || !buffer || EVP_DigestInit_ex(ctx, EVP_blake2b512(), NULL) != 1)
		r = -ENOMEM;
	while (r >= 0) {
		ssize_t n = pread(fd, buffer, 65536, (off_t) total);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		total += (uint64_t) n;
		if (total > max)
			r = -E2BIG;
		else if (EVP_DigestUpdate(ctx, buffer, (size_t) n) != 1)
			r = -EIO;
	}
	if (r >= 0 && (EVP_DigestFinal_ex(ctx, ret, &size) != 1 || size != HASH_SIZE))
		r = -EIO;
	EVP_MD_CTX_free(ctx);
	return r;
}

static int verify_bytes(const uint8_t key[static MINISIGN_KEY_SIZE], const uint8_t *signature,
                        const void *data, size_t size)
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, MINISIGN_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -ENOMEM;

	if (pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
		r = EVP_DigestVerify(ctx, signature, MINISIGN_SIGNATURE_SIZE, data, size) == 1
		            ? 0
		            : -EKEYREJECTED;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return r;
}

static int sign_bytes(const struct minisign_secret *s, const void *data, size_t size, uint8_t *ret)
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, s->seed, MINISIGN_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = MINISIGN_SIGNATURE_SIZE;
	int r = -ENOMEM;

	if (pkey && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1)
		r = EVP_DigestSign(ctx, ret, &n, data, size) == 1 && n == MINISIGN_SIGNATURE_SIZE
		            ? 0
		            : -EIO;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return r;
}

/* The bytes that the second signature covers: the first signature, then the trusted comment. */
static size_t global_bytes(const uint8_t *signature, const char *comment, uint8_t *out)
{
	memcpy(out, signature, MINISIGN_SIGNATURE_SIZE);
	memcpy(out + MINISIGN_SIGNATURE_SIZE, comment, strlen(comment));
	return MINISIGN_SIGNATURE_SIZE + strlen(comment);
}

static int read_all(int fd, uint64_t max, uint8_t **ret, size_t *ret_size)
{
	auto_free uint8_t *data = NULL;
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (uint64_t) st.st_size > MIN(max, (uint64_t) LEGACY_SIZE_MAX))
		return -E2BIG;
	data = malloc((size_t) st.st_size + 1);
	if (!data)
		return -ENOMEM;
	while (done < (size_t) st.st_size) {
		ssize_t n = pread(fd, data + done, (size_t) st.st_size - done, (off_t) done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t) n;
	}
	*ret = TAKE_PTR(data);
	*ret_size = done;
	return 0;
}

int minisign_verify_fd(int fd, uint64_t max, const struct minisign_signature *sig,
                       const struct minisign_public *key, struct diag *d)
{
	uint8_t hash[HASH_SIZE], global[MINISIGN_SIGNATURE_SIZE + MINISIGN_COMMENT_MAX];
	char theirs[MINISIGN_ID_TEXT], ours[MINISIGN_ID_TEXT];
	auto_free uint8_t *whole = NULL;
	size_t size;
	int r;

	if (memcmp(sig->id, key->id, MINISIGN_ID_SIZE))
		return diag_add(d, -EKEYREJECTED, DIAG_ERROR, NULL, 0,
		                "Signed by key %s, wanted %s", minisign_id_format(sig->id, theirs),
		                minisign_id_format(key->id, ours));
	if (sig->prehashed) {
		r = hash_fd(fd, max, hash);
		if (r >= 0)
			r = verify_bytes(key->key, sig->signature, hash, sizeof(hash));
	} else {
		r = read_all(fd, max, &whole, &size);
		if (r >= 0)
			r = verify_bytes(key->key, sig->signature, whole, size);
	}
	if (r == -EKEYREJECTED)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "The signature does not fit the file");
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "Cannot read the signed file: %s",
		                strerror(-r));
	r = verify_bytes(key->key, sig->global, global,
	                 global_bytes(sig->signature, sig->comment, global));
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0,
		                "The signature of the trusted comment is wrong");
	return 0;
}

int minisign_sign_fd(int fd, uint64_t max, const struct minisign_secret *key, const char *comment,
                     struct diag *d, char **ret)
{
	uint8_t hash[HASH_SIZE], record[SIGNATURE_SIZE], global[MINISIGN_SIGNATURE_SIZE];
	uint8_t covered[MINISIGN_SIGNATURE_SIZE + MINISIGN_COMMENT_MAX];
	char first[BASE64_MAX], second[BASE64_MAX], generated[64];
	char *text;
	int r;

	if (!comment) {
		snprintf(generated, sizeof(generated), "timestamp:%lld\thashed",
		         (long long) time(NULL));
		comment = generated;
	}
	if (strlen(comment) >= MINISIGN_COMMENT_MAX || strpbrk(comment, "\r\n"))
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
		                "The trusted comment must be one short line");
	r = hash_fd(fd, max, hash);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "Cannot read the file to sign: %s",
		                strerror(-r));
	memcpy(record, "ED", 2);
	memcpy(record + 2, key->id, MINISIGN_ID_SIZE);
	r = sign_bytes(key, hash, sizeof(hash), record + 2 + MINISIGN_ID_SIZE);
	if (r >= 0)
		r = sign_bytes(key, covered,
		               global_bytes(record + 2 + MINISIGN_ID_SIZE, comment, covered),
		               global);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "Cannot sign: %s", strerror(-r));
	base64_print(record, sizeof(record), first);
	base64_print(global, sizeof(global), second);
	text = str_printf(UNTRUSTED "signature by sysmaster\n%s\n" TRUSTED "%s\n%s\n", first,
	                  comment, second);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
