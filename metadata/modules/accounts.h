// SPDX-License-Identifier: Apache-2.0
/*
 * accounts - users and groups as they stand in /etc, changed in memory and written at once.
 *
 * passwd(5), shadow(5), group(5), gshadow(5), subuid(5), subgid(5) below the context's root, by the policies of login.defs(5) and
 * /etc/default/useradd, so that what comes of it is what useradd(8) makes. It starts no program, and needs none in the image.
 * Between accounts_open() and accounts_close() the lock that shadow's own tools take is held: programs of theirs would wait for it.
 *
 * The files are replaced one by one, each whole, passwd last: who stands in passwd has all the rest. A boot that was cut off before
 * makes the user again.
 */
#pragma once

#include "metadata/modules/modules.h"

struct accounts;

/* In the order in which they are written. */
enum account_file { SUBUID, SUBGID, GSHADOW, GROUP, SHADOW, PASSWD, ACCOUNT_FILES };
struct account_texts {
	const char *files[ACCOUNT_FILES]; /* NULL: there is no such file */
	const char *policies, *defaults;  /* login.defs, default/useradd */
};

struct user_wish {
	const char *name;
	const char *gecos, *home, *shell, *uid, *primary_group, *inactive,
		*expiredate; /* NULL: the policies' */
	char *const *groups; /* that exist */
	bool is_system, no_user_group, no_home;
};

/* -ETIMEDOUT: somebody holds the lock. */
int accounts_open(const struct context *c, struct accounts **ret);
void accounts_close(struct accounts *a); /* without writing */
/* The same without files: @texts alone, no lock, homes below @root. */
int accounts_of_texts(const struct account_texts *texts, const char *root, struct accounts **ret);
/* A file as it would be written; the caller frees. */
int accounts_text(const struct accounts *a, enum account_file k, char **ret);
bool accounts_has_user(const struct accounts *a, const char *name);
bool accounts_has_group(const struct accounts *a, const char *name);
/* 0 also if it is there. */
int accounts_add_group(struct accounts *a, const char *name);
int accounts_add_member(struct accounts *a, const char *group, const char *user); /* -ENOENT */
/*
 * The home is made, too, a copy of the skeleton; one that is there is left as it is. -EINVAL a value that cannot stand in the
 * files, -ENOENT no such group, -EEXIST the uid is taken, -ENOSPC no id is left.
 */
int accounts_add_user(struct accounts *a, const struct user_wish *w);
int accounts_set_hash(struct accounts *a, const char *user, const char *hash);
/* "!" before the hash: no password opens it. */
int accounts_lock_password(struct accounts *a, const char *user);
/* The password is to be changed at the next login. */
int accounts_expire_password(struct accounts *a, const char *user);
int accounts_write(struct accounts *a);

/* home.c: @home below @root becomes a copy of @skeleton that belongs to them; 0 also if it is there. */
int home_make(const char *root, const char *home, const char *skeleton, mode_t mode, uid_t uid,
              gid_t gid);
