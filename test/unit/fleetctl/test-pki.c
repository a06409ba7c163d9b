// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/fd.h"
#include "base/str.h"
#include "pki/pki.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

static char dir[64];
static char *const names[] = {(char *) "127.0.0.1", (char *) "localhost", NULL};

static void set_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test-pki.XXXXXX");
	if (!mkdtemp(dir))
		abort();
}

static char *csr_for(const char *cn, const char *group, bool broken)
{
	EVP_PKEY *key = EVP_EC_gen(group), *other = EVP_EC_gen(group);
	X509_REQ *r = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long n;

	if (cn)
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(r), "CN", MBSTRING_ASC,
		                           (const unsigned char *) cn, -1, -1, 0);
	X509_REQ_set_pubkey(r, key);
	X509_REQ_sign(r, broken ? other : key, EVP_sha256());
	PEM_write_bio_X509_REQ(bio, r);
	n = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t) n);
	BIO_free(bio);
	X509_REQ_free(r);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return text;
}

static X509 *parse(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return x;
}

TEST(pki__is_made_once_and_found_again)
{
	auto_free char *ca = NULL, *key = NULL;
	char fingerprint[PKI_FINGERPRINT_TEXT];
	struct stat st;
	struct pki *p;

	set_up();
	CHECK_INT(pki_open(dir, names, NULL, &p), ==, 0);
	ca = strdup(pki_ca_pem(p));
	memcpy(fingerprint, pki_admin(p)->fingerprint, sizeof(fingerprint));
	pki_close(p);
	key = str_printf("%s/ca.key", dir);
	CHECK_INT(stat(key, &st), ==, 0);
	CHECK_INT(st.st_mode & 0777, ==, 0600);
	CHECK_INT(stat(dir, &st), ==, 0);
	CHECK_INT(st.st_mode & 0777, ==, 0700);
	CHECK_INT(pki_open(dir, names, NULL, &p), ==, 0);
	CHECK_STR(pki_ca_pem(p), ca);
	CHECK_STR(pki_admin(p)->fingerprint, fingerprint);
	pki_close(p);
	/* A lost key is not replaced in silence: every machine trusts the old one. */
	CHECK_INT(unlink(key), ==, 0);
	CHECK_INT(pki_open(dir, names, NULL, &p), ==, -ENOKEY);
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(pki__server_gets_every_wanted_name)
{
	char *const more[] = {(char *) "127.0.0.1", (char *) "fleet.example", NULL};
	auto_free char *path = NULL, *text = NULL;
	struct pki *p;
	X509 *x;

	set_up();
	path = str_printf("%s/server.pem", dir);
	CHECK_INT(pki_open(dir, names, NULL, &p), ==, 0);
	pki_close(p);
	CHECK_INT(file_read(path, &text, NULL), ==, 0);
	x = parse(text);
	CHECK_INT(X509_check_ip_asc(x, "127.0.0.1", 0), ==, 1);
	CHECK_INT(X509_check_host(x, "localhost", 0, 0, NULL), ==, 1);
	CHECK_INT(X509_check_host(x, "fleet.example", 0, 0, NULL), ==, 0);
	X509_free(x);
	CHECK_INT(pki_open(dir, more, NULL, &p), ==, 0);
	pki_close(p);
	free(TAKE_PTR(text));
	CHECK_INT(file_read(path, &text, NULL), ==, 0);
	x = parse(text);
	CHECK_INT(X509_check_host(x, "fleet.example", 0, 0, NULL), ==, 1);
	X509_free(x);
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(pki__signs_what_is_in_order)
{
	struct pki_certificate c = {};
	auto_free char *csr = csr_for("m1", "P-256", false);
	char fingerprint[PKI_FINGERPRINT_TEXT];
	struct pki *p;
	X509 *x, *ca;

	set_up();
	CHECK_INT(pki_open(dir, names, NULL, &p), ==, 0);
	CHECK_INT(pki_sign(p, csr, PKI_O_AGENTS, "m1", 90 * USEC_PER_DAY, NULL, &c), ==, 0);
	x = parse(c.pem);
	ca = parse(pki_ca_pem(p));
	CHECK_INT(X509_verify(x, X509_get0_pubkey(ca)), ==, 1);
	CHECK(X509_get_extended_key_usage(x) == XKU_SSL_CLIENT);
	CHECK_INT(X509_check_ca(x), ==, 0);
	CHECK_INT(pki_fingerprint(x, fingerprint), ==, 0);
	CHECK_STR(fingerprint, c.fingerprint);
	CHECK_INT(c.not_after / USEC_PER_DAY, ==,
	          (now(CLOCK_REALTIME) + 90 * USEC_PER_DAY) / USEC_PER_DAY);
	X509_free(x);
	X509_free(ca);
	pki_certificate_done(&c);
	pki_close(p);
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(pki__refuses_what_is_not)
{
	auto_free char *other = csr_for("m2", "P-256", false),
		       *nameless = csr_for(NULL, "P-256", false);
	auto_free char *curve = csr_for("m1", "P-384", false),
		       *forged = csr_for("m1", "P-256", true);
	struct pki_certificate c = {};
	struct pki *p;

	set_up();
	CHECK_INT(pki_open(dir, names, NULL, &p), ==, 0);
	CHECK_INT(pki_sign(p, "", PKI_O_AGENTS, "m1", USEC_PER_DAY, NULL, &c), ==, -EBADMSG);
	CHECK_INT(pki_sign(p,
	                   "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE "
	                   "REQUEST-----\n",
	                   PKI_O_AGENTS, "m1", USEC_PER_DAY, NULL, &c),
	          ==, -EBADMSG);
	CHECK_INT(pki_sign(p, other, PKI_O_AGENTS, "m1", USEC_PER_DAY, NULL, &c), ==,
	          -EKEYREJECTED);
	CHECK_INT(pki_sign(p, curve, PKI_O_AGENTS, "m1", USEC_PER_DAY, NULL, &c), ==,
	          -EKEYREJECTED);
	CHECK_INT(pki_sign(p, forged, PKI_O_AGENTS, "m1", USEC_PER_DAY, NULL, &c), ==,
	          -EKEYREJECTED);
	CHECK_INT(pki_sign(p, nameless, PKI_O_AGENTS, "m1", USEC_PER_DAY, NULL, &c), ==, 0);
	pki_certificate_done(&c);
	pki_close(p);
	CHECK_INT(rm_rf(dir), ==, 0);
}
