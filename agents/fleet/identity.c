// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent.h"

#include "base/fd.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

#define PEM_MAX 65536

char *identity_path(const struct agent *a, const char *name)
{
	return str_printf("%s/%s", a->config.state_dir, name);
}

int hash_text(const char *text, char ret[static 65])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned size;

	if (EVP_Digest(text, strlen(text), hash, &size, EVP_sha256(), NULL) != 1 || size != 32)
		return -EIO;
	for (size_t i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

static int no_password(char *buf, int size, int rwflag, void *userdata)
{
	(void) buf;
	(void) size;
	(void) rwflag;
	(void) userdata;
	return -1;
}

static int key_load(const struct agent *a, EVP_PKEY **ret)
{
	auto_free char *path = identity_path(a, "key.pem"), *text = NULL;
	EVP_PKEY *key;
	size_t size;
	BIO *bio;
	int r;

	r = path ? file_read_at(AT_FDCWD, path, PEM_MAX, &text, &size) : -ENOMEM;
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int) size);
	key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	BIO_free(bio);
	OPENSSL_cleanse(text, size);
	ERR_clear_error();
	if (!key)
		return -EBADMSG;
	*ret = key;
	return 0;
}

static int bio_to_text(BIO *bio, char **ret)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	*ret = strndup(data, (size_t) size);
	return *ret ? 0 : -ENOMEM;
}

static int key_make(const struct agent *a)
{
	auto_free char *path = identity_path(a, "key.pem"), *text = NULL;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	int r = -EIO;

	if (path && key && bio &&
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		r = bio_to_text(bio, &text);
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), 0600, true);
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	BIO_free(bio);
	EVP_PKEY_free(key);
	return r;
}

int identity_prepare(struct agent *a)
{
	EVP_PKEY *key;
	int r;

	r = mkdir_p(a->config.state_dir, 0700);
	if (r < 0)
		return log_error_errno(r, "Cannot make \"%s\": %m", a->config.state_dir);
	r = key_load(a, &key);
	if (r >= 0)
		EVP_PKEY_free(key);
	else if (r == -ENOENT || r == -EBADMSG) /* a broken key is of no use to anybody */
		r = key_make(a);
	return r < 0 ? log_error_errno(r, "Cannot make this machine's key in \"%s\": %m",
	                               a->config.state_dir)
	             : 0;
}

int identity_csr(struct agent *a, char **ret)
{
	EVP_PKEY *key = NULL;
	X509_REQ *req = NULL;
	BIO *bio = NULL;
	int r;

	r = key_load(a, &key);
	if (r < 0)
		return r;
	req = X509_REQ_new();
	bio = BIO_new(BIO_s_mem());
	r = -EIO;
	if (req && bio && X509_REQ_set_version(req, 0) == 1 &&
	    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
	                               (const unsigned char *) a->machine, -1, -1, 0) == 1 &&
	    X509_REQ_set_pubkey(req, key) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
	    PEM_write_bio_X509_REQ(bio, req) == 1)
		r = bio_to_text(bio, ret);
	BIO_free(bio);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return r;
}

static X509 *certificate_parse(const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

/* Only a certificate for our own key is taken. */
int identity_store(struct agent *a, const char *certificate, const char *ca)
{
	auto_free char *path = identity_path(a, "cert.pem"), *ca_path = identity_path(a, "ca.pem");
	X509 *x = certificate_parse(certificate);
	EVP_PKEY *key = NULL;
	int r = x ? key_load(a, &key) : -EBADMSG;

	if (r >= 0 && X509_check_private_key(x, key) != 1)
		r = -EKEYREJECTED;
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (r >= 0 && (!path || !ca_path))
		r = -ENOMEM;
	if (r >= 0 && ca)
		r = file_write_atomic(ca_path, ca, strlen(ca), 0644, true);
	if (r >= 0)
		r = file_write_atomic(path, certificate, strlen(certificate), 0644, true);
	return r;
}

static X509 *certificate_load(const struct agent *a)
{
	auto_free char *path = identity_path(a, "cert.pem"), *text = NULL;

	if (!path || file_read_at(AT_FDCWD, path, PEM_MAX, &text, NULL) < 0)
		return NULL;
	return certificate_parse(text);
}

static usec_t seconds_until(const ASN1_TIME *t, bool *ret_past)
{
	int days, seconds;
	long long total;

	if (ASN1_TIME_diff(&days, &seconds, NULL, t) != 1) {
		*ret_past = true;
		return 0;
	}
	total = (long long) days * 86400 + seconds;
	*ret_past = total < 0;
	return (usec_t) (total < 0 ? -total : total);
}

/* An expired certificate, or one for another key (a restored disk), is none. */
bool identity_is_enrolled(const struct agent *a)
{
	X509 *x = certificate_load(a);
	EVP_PKEY *key = NULL;
	bool good = false, past;

	if (x && key_load(a, &key) >= 0) {
		(void) seconds_until(X509_get0_notAfter(x), &past);
		good = !past && X509_check_private_key(x, key) == 1;
	}
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

usec_t identity_renew_at(const struct agent *a)
{
	usec_t t = now(CLOCK_REALTIME), left = 0;
	X509 *x = certificate_load(a);
	int days = 0, seconds = 0;
	bool past = true;

	if (x &&
	    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)) == 1)
		left = seconds_until(X509_get0_notAfter(x), &past) * USEC_PER_SEC;
	X509_free(x);
	if (past)
		return t;
	return usec_add(
		t, usec_sub(left, ((usec_t) days * 86400 + (usec_t) seconds) * USEC_PER_SEC / 3));
}
