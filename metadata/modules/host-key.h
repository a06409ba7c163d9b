// SPDX-License-Identifier: Apache-2.0
/*
 * host-key - sshd's own keys, made in this process as ssh-keygen makes them, whose start alone (OpenSSL with its providers) takes longer
 * than all that the local stage does: Ed25519, ECDSA on P-256, RSA of 3,072 bits with e = 65537.
 *
 * The numbers are nettle's and GMP's work, the randomness is the kernel's, the form openssh-key.h's. A key that could not be made or
 * written whole leaves nothing behind, in memory or on disk; its private half is never in a file that others may read.
 */
#pragma once

#include "metadata/modules/openssh-key.h"

enum host_key_kind {
	HOST_KEY_ED25519,
	HOST_KEY_ECDSA,
	HOST_KEY_RSA,
	HOST_KEY_KIND_MAX,
	HOST_KEY_KIND_INVALID = -EINVAL,
};
/* By ssh-keygen's name of it; HOST_KEY_KIND_INVALID: none that is made here. */
enum host_key_kind host_key_kind_from_string(const char *s);

/* Fills it with bytes that nobody can guess: 0, -errno. */
typedef int (*random_fn)(void *buf, size_t size);
/* getrandom(2); waits for the kernel's pool, as long as the unit may. */
int host_key_random(void *buf, size_t size);

struct host_key {
	struct openssh_key key; /* its fields are in the bytes */
	uint8_t bytes[2560];
	size_t used;
};
int host_key_generate(enum host_key_kind kind, random_fn random, struct host_key *ret);
/* Leaves nothing of it in memory. */
void host_key_done(struct host_key *k);
#define auto_host_key __attribute__((cleanup(host_key_done)))

/* A new key in @path (0600) and PATH.pub (0644), each whole; who looks for the first has both then. */
int host_key_create(enum host_key_kind kind, random_fn random, const char *path);
