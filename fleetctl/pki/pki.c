// SPDX-License-Identifier: Apache-2.0
#include "pki/room.h"

#include "base/fd.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define PEM_FILE_MAX 65536

static char *in_dir(const struct pki *p, const char *name)
{
	return str_printf("%s/%s", p->dir, name);
}

static int write_secret(const struct pki *p, const char *name, const char *text, mode_t mode,
                        struct diag *d)
{
	auto_free char *path = in_dir(p, name);
	int r;

	if (!path)
		return -ENOMEM;
	r = file_write_atomic(path, text, strlen(text), mode, true);
	return r < 0 ? diag_add(d, r, DIAG_ERROR, path, 0, "Cannot write: %s", strerror(-r)) : 0;
}

/* 1 read, 0 not there. A file that is there but cannot be read is an error: it is never
 * overwritten. */
static int load(const struct pki *p, const char *name, X509 **ret_x, EVP_PKEY **ret_key,
                char **ret_text, struct diag *d)
{
	auto_free char *path = in_dir(p, name), *text = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read_at(AT_FDCWD, path, PEM_FILE_MAX, &text, NULL);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, path, 0, "Cannot read: %s", strerror(-r));
	r = pem_read(text, ret_x, ret_key);
	ERR_clear_error();
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, path, 0, "Not a PEM file as it was written here");
	if (ret_text)
		*ret_text = TAKE_PTR(text);
	return 1;
}

static int ca_make(struct pki *p, struct diag *d)
{
	struct leaf leaf = {
		.organization = "sysmaster", .cn = "sysmaster fleet CA", .lifetime = CA_LIFETIME};
	auto_free char *key_text = NULL;
	auto_x509 X509 *x = NULL;
	int r;

	r = key_new(&p->ca_key);
	if (r >= 0)
		r = certificate_make(p, p->ca_key, &leaf, &x);
	if (r >= 0)
		r = pem_print(NULL, p->ca_key, &key_text);
	if (r >= 0)
		r = pem_print(x, NULL, &p->ca_pem);
	if (r < 0)
		return ssl_failed(d, "Cannot make the authority");
	/* The key first: killed in between, the next start makes both anew, and nobody trusts the
	 * lost one yet. */
	r = write_secret(p, "ca.key", key_text, 0600, d);
	if (r >= 0)
		r = write_secret(p, "ca.pem", p->ca_pem, 0644, d);
	OPENSSL_cleanse(key_text, strlen(key_text));
	if (r < 0)
		return r;
	p->ca = TAKE_PTR(x);
	return 0;
}

static int ca_open(struct pki *p, struct diag *d)
{
	int r;

	r = load(p, "ca.pem", &p->ca, NULL, &p->ca_pem, d);
	if (r < 0)
		return r;
	if (r == 0)
		return ca_make(p, d);
	r = load(p, "ca.key", NULL, &p->ca_key, NULL, d);
	if (r < 0)
		return r;
	if (r == 0)
		return diag_add(d, -ENOKEY, DIAG_ERROR, p->dir, 0,
		                "ca.pem is there but ca.key is not");
	if (X509_check_private_key(p->ca, p->ca_key) != 1)
		return diag_add(d, -EBADMSG, DIAG_ERROR, p->dir, 0,
		                "ca.key does not belong to ca.pem");
	return 0;
}

static char *alt_names(char *const *names)
{
	struct strbuf b = {};
	struct in6_addr address;
	char *text;

	STRV_FOREACH (name, names) {
		bool ip = inet_pton(AF_INET, *name, &address) == 1 ||
		          inet_pton(AF_INET6, *name, &address) == 1;

		strbuf_printf(&b, "%s%s:%s", b.size ? "," : "", ip ? "IP" : "DNS", *name);
	}
	if (strbuf_take(&b, &text) < 0)
		return NULL;
	return text;
}

/* Whether the server's certificate still has every wanted name, our signature, and time left. */
static bool server_is_good(const struct pki *p, char *const *names)
{
	struct pki_certificate c;
	EVP_PKEY *ca_public = X509_get0_pubkey(p->ca);

	if (certificate_describe(p->server, &c) < 0 ||
	    c.not_after < now(CLOCK_REALTIME) + SERVER_RENEW)
		return false;
	if (X509_check_private_key(p->server, p->server_key) != 1 ||
	    X509_verify(p->server, ca_public) != 1) {
		ERR_clear_error();
		return false;
	}
	STRV_FOREACH (name, names)
		if (X509_check_ip_asc(p->server, *name, 0) != 1 &&
		    X509_check_host(p->server, *name, 0, 0, NULL) != 1)
			return false;
	return true;
}

static int server_open(struct pki *p, char *const *names, struct diag *d)
{
	auto_free char *alt = alt_names(names), *text = NULL;
	struct leaf leaf = {.organization = "sysmaster",
	                    .cn = "fleetctl",
	                    .usage = "serverAuth",
	                    .alt_names = alt,
	                    .lifetime = SERVER_LIFETIME};
	int r;

	if (!alt)
		return -ENOMEM;
	r = load(p, "server.pem", &p->server, &p->server_key, NULL, d);
	if (r < 0)
		return r;
	if (r > 0 && server_is_good(p, names))
		return 0;
	X509_free(p->server);
	EVP_PKEY_free(p->server_key);
	p->server = NULL;
	p->server_key = NULL;
	r = key_new(&p->server_key);
	if (r >= 0)
		r = certificate_make(p, p->server_key, &leaf, &p->server);
	if (r >= 0)
		r = pem_print(p->server, p->server_key, &text);
	if (r < 0)
		return ssl_failed(d, "Cannot make the server's certificate (is every --san a name "
		                     "or an address?)");
	return write_secret(p, "server.pem", text, 0600, d);
}

static int admin_open(struct pki *p, struct diag *d)
{
	auto_x509 X509 *x = NULL;
	int r;

	r = load(p, "admin.pem", &x, NULL, &p->admin.pem, d);
	if (r < 0)
		return r;
	if (r > 0)
		return certificate_describe(x, &p->admin);
	r = pki_issue_operator(p, "admin", ADMIN_LIFETIME, d, &p->admin);
	if (r < 0)
		return r;
	return write_secret(p, "admin.pem", p->admin.pem, 0600, d);
}

int pki_open(const char *dir, char *const *names, struct diag *d, struct pki **ret)
{
	auto_cleanup(pki_close) struct pki *p = calloc(1, sizeof(*p));
	int r;

	if (!p || !(p->dir = strdup(dir)))
		return -ENOMEM;
	r = mkdir_p(dir, 0700);
	if (r >= 0 && chmod(dir, 0700) < 0)
		r = -errno;
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, dir, 0, "Cannot make the directory: %s",
		                strerror(-r));
	r = ca_open(p, d);
	if (r >= 0)
		r = server_open(p, names, d);
	if (r >= 0)
		r = admin_open(p, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

struct pki *pki_close(struct pki *p)
{
	if (!p)
		return NULL;
	X509_free(p->ca);
	X509_free(p->server);
	EVP_PKEY_free(p->ca_key);
	EVP_PKEY_free(p->server_key);
	pki_certificate_done(&p->admin);
	free(p->ca_pem);
	free(p->dir);
	free(p);
	return NULL;
}

const char *pki_ca_pem(const struct pki *p)
{
	return p->ca_pem;
}

const struct pki_certificate *pki_admin(const struct pki *p)
{
	return &p->admin;
}

static int context_set_up(const struct pki *p, SSL_CTX *ctx)
{
	static const unsigned char session_context[] = "sysmaster-fleet";
	X509_STORE *trusted = SSL_CTX_get_cert_store(ctx);

	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_use_certificate(ctx, p->server) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, p->server_key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1 || X509_STORE_add_cert(trusted, p->ca) != 1 ||
	    SSL_CTX_add_client_CA(ctx, p->ca) != 1)
		return -EIO;
	/* Cheapest first: agents are many and AES-128 is what their CPUs do best. */
	if (SSL_CTX_set_ciphersuites(
		    ctx,
		    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") !=
	            1 ||
	    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		return -EIO;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(ctx, 1);
	if (SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1) !=
	            1 ||
	    SSL_CTX_set_num_tickets(ctx, 1) != 1)
		return -EIO;
	SSL_CTX_set_session_cache_mode(
		ctx, SSL_SESS_CACHE_OFF); /* tickets carry the session; nothing is kept here */
	SSL_CTX_set_timeout(ctx, 3600);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
	return 0;
}

int pki_server_context(const struct pki *p, struct diag *d, SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || context_set_up(p, ctx) < 0) {
		SSL_CTX_free(ctx);
		return ssl_failed(d, "Cannot set up TLS");
	}
	*ret = ctx;
	return 0;
}
