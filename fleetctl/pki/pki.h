// SPDX-License-Identifier: Apache-2.0
/*
 * pki.h - the controller's own certificate authority: P-256, made at the first start, never leaves its directory.
 *
 *	DIR/ca.key, ca.pem	the authority; ca.pem is what machines and operators trust
 *	DIR/server.pem		key and certificate of `serve`; made anew when the wanted names change or it gets old
 *	DIR/admin.pem		key and certificate of the first operator
 *
 * All but ca.pem are 0600, the directory is 0700.
 *
 * A certificate says who somebody is (O=agents, CN=machine id; O=operators, CN=name); whether that identity is still good is
 * the caller's index of fingerprints. So a revoked certificate, or one that our key signed but we do not remember, opens
 * nothing.
 */
#pragma once

#include "base/clock.h"
#include "base/diag.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#define PKI_FINGERPRINT_TEXT 65 /* SHA-256 of the DER, in hex */
#define PKI_SERIAL_TEXT      41
#define PKI_NAME_MAX         64
#define PKI_CSR_MAX          8192

#define PKI_O_AGENTS    "agents"
#define PKI_O_OPERATORS "operators"

struct pki;

struct pki_certificate {
	char *pem;
	char fingerprint[PKI_FINGERPRINT_TEXT];
	char key[PKI_FINGERPRINT_TEXT]; /* SHA-256 of the public key */
	char serial[PKI_SERIAL_TEXT];
	usec_t not_after; /* realtime */
};
void pki_certificate_done(struct pki_certificate *c);

/**
 * pki_open - opens the authority, making what is missing
 * @dir:   made if it is not there
 * @names: DNS names and IP addresses that the server's certificate must carry
 */
int pki_open(const char *dir, char *const *names, struct diag *d, struct pki **ret);
struct pki *pki_close(struct pki *p);
DEFINE_CLEANUP(struct pki *, pki_close)

const char *pki_ca_pem(const struct pki *p);
/* admin.pem as it lies on disk, for the index of identities. */
const struct pki_certificate *pki_admin(const struct pki *p);

/* Server context: TLS 1.2 and up, asks for a client certificate of our authority but does not
 * insist; session tickets are on. */
int pki_server_context(const struct pki *p, struct diag *d, SSL_CTX **ret);

/**
 * pki_sign - issues a client certificate
 * @csr: PEM; its signature is checked, the key must be on P-256, its subject must be CN=@cn or
 * empty; nothing else is taken from it
 *
 * Returns 0, -EBADMSG when it is not a CSR, -EKEYREJECTED when key or subject is not allowed,
 * -ENOMEM, -EIO.
 */
int pki_sign(const struct pki *p, const char *csr, const char *organization, const char *cn,
             usec_t lifetime, struct diag *d, struct pki_certificate *ret);
/* A new key and certificate for a person, as one PEM text. */
int pki_issue_operator(const struct pki *p, const char *name, usec_t lifetime, struct diag *d,
                       struct pki_certificate *ret);

int pki_fingerprint(X509 *x, char ret[static PKI_FINGERPRINT_TEXT]);
