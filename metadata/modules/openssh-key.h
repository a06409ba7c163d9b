// SPDX-License-Identifier: Apache-2.0
/*
 * openssh-key - a key in the two forms that OpenSSH reads: "openssh-key-v1" of its PROTOCOL.key, without a passphrase, and the line of a
 * .pub file. A key is a type and its fields in the order of the format; who makes one owns the bytes they point to.
 *
 * Both work in a text of a fixed size: nothing secret is ever in memory that a growing buffer left behind.
 */
#pragma once

#include "base/macro.h"

#define OPENSSH_KEY_TEXT_MAX    8192 /* RSA of 8,192 bits has 6,400 */
#define OPENSSH_KEY_PUBLIC_MAX  2
#define OPENSSH_KEY_PRIVATE_MAX 6

struct openssh_field {
	const void *data;
	size_t size;
	bool is_number; /* unsigned, big-endian; the format's sign and length are the writer's */
};

struct openssh_key {
	const char *type;                                    /* "ssh-ed25519" */
	struct openssh_field public[OPENSSH_KEY_PUBLIC_MAX]; /* up to the first without data */
	struct openssh_field private[OPENSSH_KEY_PRIVATE_MAX];
};

struct openssh_text {
	char data[OPENSSH_KEY_TEXT_MAX];
	size_t size;
};
/* Leaves nothing of it in memory. */
void openssh_text_done(struct openssh_text *t);
#define auto_openssh_text __attribute__((cleanup(openssh_text_done)))

/* @check: any number, by which a reader sees that it has the right passphrase. -E2BIG: more than a text holds. */
int openssh_key_private(const struct openssh_key *k, uint32_t check, const char *comment,
                        struct openssh_text *ret);
int openssh_key_public(const struct openssh_key *k, const char *comment, struct openssh_text *ret);
