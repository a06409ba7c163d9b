// SPDX-License-Identifier: Apache-2.0
#include "pki/room.h"

#include "base/str.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

int ssl_failed(struct diag *d, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return diag_add(d, -EIO, DIAG_ERROR, NULL, 0, "%s: %s", what,
	                reason ? reason : "unknown reason");
}

int key_new(EVP_PKEY **ret)
{
	*ret = EVP_EC_gen("P-256");
	return *ret ? 0 : -EIO;
}

bool key_is_p256(EVP_PKEY *key)
{
	char group[32];
	size_t n;

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
	       (streq(group, "prime256v1") || streq(group, "P-256"));
}

int pki_fingerprint(X509 *x, char ret[static PKI_FINGERPRINT_TEXT])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned size;

	if (X509_digest(x, EVP_sha256(), hash, &size) != 1 || size != 32)
		return -EIO;
	for (size_t i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

static int key_fingerprint(X509 *x, char ret[static PKI_FINGERPRINT_TEXT])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned size;

	if (X509_pubkey_digest(x, EVP_sha256(), hash, &size) != 1 || size != 32)
		return -EIO;
	for (size_t i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

int certificate_describe(X509 *x, struct pki_certificate *ret)
{
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = serial ? BN_bn2hex(serial) : NULL;
	int days, seconds, r = hex ? 0 : -ENOMEM;
	time_t at = time(NULL);

	if (r >= 0 && (strlen(hex) >= sizeof(ret->serial) ||
	               ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) != 1))
		r = -EBADMSG;
	if (r >= 0) {
		memcpy(ret->serial, hex, strlen(hex) + 1);
		at += (time_t) days * 86400 + seconds;
		ret->not_after = at > 0 ? (usec_t) at * USEC_PER_SEC : 0;
		r = pki_fingerprint(x, ret->fingerprint);
		if (r >= 0)
			r = key_fingerprint(x, ret->key);
	}
	OPENSSL_free(hex);
	BN_free(serial);
	return r;
}

void pki_certificate_done(struct pki_certificate *c)
{
	if (c->pem)
		OPENSSL_cleanse(c->pem, strlen(c->pem));
	free(c->pem);
	*c = (struct pki_certificate){};
}

static int extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	int r;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	if (!e)
		return -EINVAL;
	r = X509_add_ext(x, e, -1) == 1 ? 0 : -ENOMEM;
	X509_EXTENSION_free(e);
	return r;
}

static int set_names(X509 *x, const struct pki *p, const struct leaf *leaf)
{
	X509_NAME *name = X509_get_subject_name(x);

	if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
	                               (const unsigned char *) leaf->organization, -1, -1,
	                               0) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *) leaf->cn,
	                               -1, -1, 0) != 1)
		return -ENOMEM;
	return X509_set_issuer_name(x, p->ca ? X509_get_subject_name(p->ca) : name) == 1 ? 0
	                                                                                 : -ENOMEM;
}

/* 127 random bits: never negative, never twice. */
static int set_serial(X509 *x)
{
	uint8_t bytes[16];
	BIGNUM *n;
	int r = -ENOMEM;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	bytes[0] = (uint8_t) ((bytes[0] & 0x7f) | 0x40);
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	if (n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)))
		r = 0;
	BN_free(n);
	return r;
}

static int set_extensions(X509 *x, const struct pki *p, const struct leaf *leaf)
{
	X509 *issuer = p->ca ? p->ca : x;
	int r;

	r = extension(x, issuer, NID_subject_key_identifier, "hash");
	if (r >= 0 && p->ca)
		r = extension(x, issuer, NID_authority_key_identifier, "keyid:always");
	if (r >= 0)
		r = extension(x, issuer, NID_basic_constraints,
		              p->ca ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0");
	if (r >= 0)
		r = extension(x, issuer, NID_key_usage,
		              p->ca ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
	if (r >= 0 && leaf->usage)
		r = extension(x, issuer, NID_ext_key_usage, leaf->usage);
	if (r >= 0 && leaf->alt_names)
		r = extension(x, issuer, NID_subject_alt_name, leaf->alt_names);
	return r;
}

int certificate_make(const struct pki *p, EVP_PKEY *key, const struct leaf *leaf, X509 **ret)
{
	auto_x509 X509 *x = X509_new();
	int r;

	if (!x || X509_set_version(x, X509_VERSION_3) != 1)
		return -ENOMEM;
	if (!X509_gmtime_adj(X509_getm_notBefore(x), -(long) (CLOCK_SLACK / USEC_PER_SEC)) ||
	    !X509_gmtime_adj(X509_getm_notAfter(x), (long) (leaf->lifetime / USEC_PER_SEC)) ||
	    X509_set_pubkey(x, key) != 1)
		return -ENOMEM;
	r = set_serial(x);
	if (r >= 0)
		r = set_names(x, p, leaf);
	if (r >= 0)
		r = set_extensions(x, p, leaf);
	if (r < 0)
		return r;
	if (X509_sign(x, p->ca ? p->ca_key : key, EVP_sha256()) == 0)
		return -EIO;
	*ret = TAKE_PTR(x);
	return 0;
}

int pem_print(X509 *x, EVP_PKEY *key, char **ret)
{
	auto_bio BIO *bio = BIO_new(BIO_s_secmem());
	char *data, *text;
	long size;

	if (!bio || (key && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) ||
	    (x && PEM_write_bio_X509(bio, x) != 1))
		return -ENOMEM;
	size = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t) size);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

/* Never asks a terminal for a password. */
static int no_password(char *buf, int size, int rwflag, void *userdata)
{
	(void) buf;
	(void) size;
	(void) rwflag;
	(void) userdata;
	return -1;
}

int pem_read(const char *text, X509 **ret_x, EVP_PKEY **ret_key)
{
	auto_bio BIO *for_key = BIO_new_mem_buf(text, -1), *for_x = BIO_new_mem_buf(text, -1);
	auto_pkey EVP_PKEY *key = NULL;
	auto_x509 X509 *x = NULL;

	if (!for_key || !for_x)
		return -ENOMEM;
	if (ret_key && !(key = PEM_read_bio_PrivateKey(for_key, NULL, no_password, NULL)))
		return -EBADMSG;
	if (ret_x && !(x = PEM_read_bio_X509(for_x, NULL, no_password, NULL)))
		return -EBADMSG;
	if (ret_key)
		*ret_key = TAKE_PTR(key);
	if (ret_x)
		*ret_x = TAKE_PTR(x);
	return 0;
}

static int csr_read(const char *csr, const char *cn, struct diag *d, EVP_PKEY **ret)
{
	auto_bio BIO *bio = NULL;
	auto_req X509_REQ *req = NULL;
	auto_pkey EVP_PKEY *key = NULL;
	X509_NAME *subject;
	char text[PKI_NAME_MAX + 1];
	int n;

	if (strlen(csr) > PKI_CSR_MAX)
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0, "The CSR is too large");
	bio = BIO_new_mem_buf(csr, -1);
	if (!bio)
		return -ENOMEM;
	req = PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL);
	key = req ? X509_REQ_get_pubkey(req) : NULL;
	ERR_clear_error();
	if (!key)
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "This is not a certificate signing request");
	if (!key_is_p256(key))
		return diag_add(d, -EKEYREJECTED, DIAG_ERROR, NULL, 0,
		                "The key must be on curve P-256");
	if (X509_REQ_verify(req, key) != 1) {
		ERR_clear_error();
		return diag_add(d, -EKEYREJECTED, DIAG_ERROR, NULL, 0,
		                "The request is not signed by its own key");
	}
	subject = X509_REQ_get_subject_name(req);
	n = X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof(text));
	if (X509_NAME_entry_count(subject) > 0 && (n < 0 || !streq(text, cn)))
		return diag_add(d, -EKEYREJECTED, DIAG_ERROR, NULL, 0,
		                "The request names somebody else");
	*ret = TAKE_PTR(key);
	return 0;
}

int pki_sign(const struct pki *p, const char *csr, const char *organization, const char *cn,
             usec_t lifetime, struct diag *d, struct pki_certificate *ret)
{
	struct leaf leaf = {.organization = organization,
	                    .cn = cn,
	                    .usage = "clientAuth",
	                    .lifetime = lifetime};
	struct pki_certificate c = {};
	auto_pkey EVP_PKEY *key = NULL;
	auto_x509 X509 *x = NULL;
	int r;

	if (strlen(cn) > PKI_NAME_MAX)
		return diag_add(d, -EKEYREJECTED, DIAG_ERROR, NULL, 0, "The name is too long");
	r = csr_read(csr, cn, d, &key);
	if (r < 0)
		return r;
	r = certificate_make(p, key, &leaf, &x);
	if (r >= 0)
		r = certificate_describe(x, &c);
	if (r >= 0)
		r = pem_print(x, NULL, &c.pem);
	if (r < 0)
		return ssl_failed(d, "Cannot issue the certificate");
	*ret = c;
	return 0;
}

int pki_issue_operator(const struct pki *p, const char *name, usec_t lifetime, struct diag *d,
                       struct pki_certificate *ret)
{
	struct leaf leaf = {.organization = PKI_O_OPERATORS,
	                    .cn = name,
	                    .usage = "clientAuth",
	                    .lifetime = lifetime};
	struct pki_certificate c = {};
	auto_pkey EVP_PKEY *key = NULL;
	auto_x509 X509 *x = NULL;
	int r;

	r = key_new(&key);
	if (r >= 0)
		r = certificate_make(p, key, &leaf, &x);
	if (r >= 0)
		r = certificate_describe(x, &c);
	if (r >= 0)
		r = pem_print(x, key, &c.pem);
	if (r < 0)
		return ssl_failed(d, "Cannot issue the operator's certificate");
	*ret = c;
	return 0;
}
