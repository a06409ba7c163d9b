// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"

#include <openssl/evp.h>
#include <stdio.h>

const struct identity *identity_find(const struct controller *c, const char *fingerprint)
{
	const struct identity *i = map_get(c->identities, fingerprint);

	return i && i->not_after > now(CLOCK_REALTIME) ? i : NULL;
}

int identity_put(struct controller *c, const char *fingerprint, enum role role, const char *name,
                 usec_t not_after)
{
	struct identity *i = calloc(1, sizeof(*i)), *old;
	int r;

	if (!i)
		return -ENOMEM;
	*i = (struct identity){.role = role, .not_after = not_after};
	snprintf(i->fingerprint, sizeof(i->fingerprint), "%s", fingerprint);
	snprintf(i->name, sizeof(i->name), "%s", name);
	old = map_remove(c->identities, fingerprint);
	r = map_add(c->identities, i->fingerprint, i);
	free(old);
	if (r < 0)
		free(i);
	return r;
}

void identities_drop(struct controller *c, enum role role, const char *name, const char *keep)
{
	struct identity *i;

	MAP_FOREACH (i, c->identities) {
		if (i->role != role || !streq(i->name, name) ||
		    (keep && streq(keep, i->fingerprint)))
			continue;
		map_remove(c->identities, i->fingerprint);
		free(i);
	}
}

static int load_one(const struct store_certificate *certificate, void *userdata)
{
	enum role role = streq(certificate->kind, "agent") ? ROLE_OF_AGENT : ROLE_OF_OPERATOR;

	return identity_put(userdata, certificate->fingerprint, role, certificate->subject,
	                    (usec_t) certificate->not_after);
}

/* The operator's certificate on disk is an identity of this store, unless it was revoked in it. */
int identities_load(struct controller *c)
{
	const struct pki_certificate *admin = pki_admin(c->pki);
	struct store_certificate s = {.fingerprint = admin->fingerprint,
	                              .serial = admin->serial,
	                              .kind = "operator",
	                              .subject = "admin",
	                              .not_after = (int64_t) admin->not_after,
	                              .created_at = (int64_t) now(CLOCK_REALTIME)};
	int r = store_certificate_add(c->store, &s);

	if (r < 0 && r != -EEXIST)
		return r;
	r = store_certificate_each(c->store, now(CLOCK_REALTIME), load_one, c);
	return r < 0 ? r : 0;
}

int token_hash(const char *token, char ret[static STORE_HASH_TEXT])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned size;

	if (EVP_Digest(token, strlen(token), hash, &size, EVP_sha256(), NULL) != 1 || size != 32)
		return -EIO;
	for (size_t i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return 0;
}
