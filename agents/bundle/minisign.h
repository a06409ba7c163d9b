// SPDX-License-Identifier: Apache-2.0
/*
 * minisign.h - keys and detached signatures in the format of minisign (jedisct1.github.io/minisign), over OpenSSL's
 * Ed25519.
 *
 *	public key  "untrusted comment: ...", then base64 of "Ed" | key id (8) | key (32)
 *	signature   "untrusted comment: ...", base64 of algorithm | key id (8) | signature (64),
 *		    "trusted comment: ...", base64 of the signature (64) over the first signature and the trusted comment
 *	secret key  "untrusted comment: ...", base64 of "Ed" | 0 0 | "B2" | salt (32) | limits (16) | key id (8) |
 *		    secret (64) | checksum (32), with salt, limits and checksum zero
 *
 * Algorithm "Ed" signs the file itself (legacy), "ED" its BLAKE2b-512; we write "ED" and read both. Only keys without a
 * password are used (minisign -G -W): a controller's or builder's key is protected by its file mode, 0600. All parsing is
 * pure: text in, struct out.
 */
#pragma once

#include "base/macro.h"
#include "base/diag.h"

#define MINISIGN_ID_SIZE        8
#define MINISIGN_KEY_SIZE       32
#define MINISIGN_SIGNATURE_SIZE 64
#define MINISIGN_COMMENT_MAX    512
#define MINISIGN_FILE_MAX       4096
#define MINISIGN_ID_TEXT        17

struct minisign_public {
	uint8_t id[MINISIGN_ID_SIZE];
	uint8_t key[MINISIGN_KEY_SIZE];
};

struct minisign_secret {
	uint8_t id[MINISIGN_ID_SIZE];
	uint8_t seed[MINISIGN_KEY_SIZE];
	uint8_t public_key[MINISIGN_KEY_SIZE];
};

struct minisign_signature {
	bool prehashed; /* "ED" */
	uint8_t id[MINISIGN_ID_SIZE];
	uint8_t signature[MINISIGN_SIGNATURE_SIZE];
	uint8_t global[MINISIGN_SIGNATURE_SIZE]; /* over signature and trusted comment */
	char comment[MINISIGN_COMMENT_MAX];      /* trusted comment, without its prefix */
};

/* Each returns 0 or -EBADMSG with a finding. */
int minisign_public_parse(const char *text, size_t size, struct diag *d,
                          struct minisign_public *ret);
int minisign_secret_parse(const char *text, size_t size, struct diag *d,
                          struct minisign_secret *ret);
int minisign_signature_parse(const char *text, size_t size, struct diag *d,
                             struct minisign_signature *ret);

int minisign_public_read(const char *path, struct diag *d, struct minisign_public *ret);
int minisign_secret_read(const char *path, struct diag *d, struct minisign_secret *ret);
/* All *.pub of a directory, sorted by name; a bad one is a finding and left out. -ENOKEY if none is
 * left. Free *ret. */
int minisign_public_read_dir(const char *dir, struct diag *d, struct minisign_public **ret,
                             size_t *ret_n);

/* Key id as minisign prints it: 16 upper-case hex digits, most significant byte first. */
const char *minisign_id_format(const uint8_t id[static MINISIGN_ID_SIZE],
                               char buf[static MINISIGN_ID_TEXT]);

int minisign_generate(struct minisign_secret *ret);
struct minisign_public minisign_public_of(const struct minisign_secret *s);
/* Text of the files; NULL on failure. */
char *minisign_public_print(const struct minisign_public *p);
char *minisign_secret_print(const struct minisign_secret *s);

/**
 * minisign_verify_fd - verifies a signature over a whole file
 * @fd: readable and seekable, read from its start
 * @max: bytes the file may have
 *
 * Returns 0, -EKEYREJECTED if the key id differs or one of the two signatures is wrong, -E2BIG,
 * -errno.
 */
int minisign_verify_fd(int fd, uint64_t max, const struct minisign_signature *sig,
                       const struct minisign_public *key, struct diag *d);
/* Signs a whole file (prehashed); the text of the .minisig file in *ret. */
int minisign_sign_fd(int fd, uint64_t max, const struct minisign_secret *key, const char *comment,
                     struct diag *d, char **ret);
