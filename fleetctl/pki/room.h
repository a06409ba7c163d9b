// SPDX-License-Identifier: Apache-2.0
/* room.h - private to the pki room: OpenSSL's objects with cleanup attributes, and what its files
 * share. */
#pragma once

#include "pki/pki.h"

#include <openssl/pem.h>

#define CA_LIFETIME     (20 * 365 * USEC_PER_DAY)
#define SERVER_LIFETIME (397 * USEC_PER_DAY)
#define SERVER_RENEW    (60 * USEC_PER_DAY)
#define ADMIN_LIFETIME  (10 * 365 * USEC_PER_DAY)
#define CLOCK_SLACK     USEC_PER_DAY /* a VM's clock may be behind ours */

struct pki {
	char *dir, *ca_pem;
	EVP_PKEY *ca_key, *server_key;
	X509 *ca, *server;
	struct pki_certificate admin;
};

#define DEFINE_SSL_CLEANUP(type, name, fn)                                                         \
	static inline void name(type **p)                                                          \
	{                                                                                          \
		fn(*p);                                                                            \
	}
DEFINE_SSL_CLEANUP(X509, x509_done, X509_free)
DEFINE_SSL_CLEANUP(X509_REQ, x509_req_done, X509_REQ_free)
DEFINE_SSL_CLEANUP(EVP_PKEY, pkey_done, EVP_PKEY_free)
DEFINE_SSL_CLEANUP(BIO, bio_done, BIO_free_all)
#define auto_x509 __attribute__((cleanup(x509_done)))
#define auto_req  __attribute__((cleanup(x509_req_done)))
#define auto_pkey __attribute__((cleanup(pkey_done)))
#define auto_bio  __attribute__((cleanup(bio_done)))

struct leaf {
	const char *organization, *cn;
	const char *alt_names; /* "DNS:x,IP:y" or NULL */
	const char *usage;     /* extendedKeyUsage */
	usec_t lifetime;
};

int ssl_failed(struct diag *d, const char *what); /* -EIO with OpenSSL's newest reason */
int key_new(EVP_PKEY **ret);
bool key_is_p256(EVP_PKEY *key);
/* A certificate for @key by @p's authority; for the authority itself when p->ca is NULL. */
int certificate_make(const struct pki *p, EVP_PKEY *key, const struct leaf *leaf, X509 **ret);
int certificate_describe(
	X509 *x, struct pki_certificate *ret);     /* fingerprint, serial, not_after; not the PEM */
int pem_print(X509 *x, EVP_PKEY *key, char **ret); /* either may be NULL */
int pem_read(const char *text, X509 **ret_x, EVP_PKEY **ret_key);
