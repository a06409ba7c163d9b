// SPDX-License-Identifier: Apache-2.0
/* MAAS: a few files behind a URL that the configuration names, signed with OAuth 1.0 (RFC 5849) in its
 * PLAINTEXT form; or the same files in a seed. */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <ctype.h>
#include <sys/random.h>

#define VERSION "2012-03-01"

static const struct {
	const char *path, *key; /* key NULL: user data; "": vendor data */
	bool is_required;
} fields[] = {
	{"meta-data/instance-id", "instance-id", true},
	{"meta-data/local-hostname", "local-hostname", true},
	{"meta-data/public-keys", "public-keys", false},
	{"meta-data/vendor-data", "", false},
	{"user-data", NULL, false},
};

/* ---- the signature ---- */

static int quote(const char *s, char **ret)
{
	auto_strbuf struct strbuf b = {0};

	strbuf_puts(&b, "");
	for (; *s; s++)
		if (isalnum((unsigned char) *s) || strchr("-._~", *s))
			strbuf_add(&b, s, 1);
		else
			strbuf_printf(&b, "%%%02X", (unsigned char) *s);
	return strbuf_take(&b, ret);
}

static int signature_of(const char *consumer_secret, const char *token_secret, char **ret)
{
	auto_free char *a = NULL, *b = NULL, *both = NULL;
	int r = quote(consumer_secret, &a);

	if (r >= 0)
		r = quote(token_secret, &b);
	if (r < 0)
		return r;
	both = str_printf("%s&%s", a, b);
	return both ? quote(both, ret) : -ENOMEM;
}

int oauth_plaintext_header(const cJSON *config, int64_t seconds, uint64_t nonce, char **ret)
{
	auto_free char *signature = NULL, *key = NULL, *token = NULL;
	int r = signature_of(json_string_or(config, "consumer_secret", ""),
	                     json_string_or(config, "token_secret", ""), &signature);

	if (r >= 0)
		r = quote(json_string_or(config, "consumer_key", ""), &key);
	if (r >= 0)
		r = quote(json_string_or(config, "token_key", ""), &token);
	if (r < 0)
		return r;
	*ret = str_printf("OAuth realm=\"\", oauth_nonce=\"%016llx\", oauth_timestamp=\"%lld\", "
	                  "oauth_version=\"1.0\", oauth_signature_method=\"PLAINTEXT\", "
	                  "oauth_consumer_key=\"%s\", oauth_token=\"%s\", oauth_signature=\"%s\"",
	                  (unsigned long long) nonce, (long long) seconds, key, token, signature);
	return *ret ? 0 : -ENOMEM;
}

/* ---- what was read ---- */

/* @b is taken when it is one of the instance's blobs. */
static int take_field(struct instance *i, size_t k, struct blob *b)
{
	if (fields[k].key && *fields[k].key)
		return json_add_string(i->meta_data, fields[k].key, b->data ? b->data : "");
	{
		struct blob *to = fields[k].key ? &i->vendor_data : &i->user_data;

		blob_done(to);
		*to = *b;
		*b = (struct blob){0};
	}
	return 0;
}

static int check_vendor_data(struct instance *i, struct diag *d)
{
	auto_json cJSON *v = NULL;
	int r = i->vendor_data.size
	                ? yaml_parse(i->vendor_data.data, i->vendor_data.size, "vendor-data", d, &v)
	                : 0;

	return r;
}

int source_maas_media(const struct source_context *c, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r = instance_new("MAAS", c->origin, &i), found = 0;

	if (r >= 0)
		r = str_set(&i->platform, "maas");
	for (size_t k = 0; k < ELEMENTSOF(fields) && r >= 0; k++) {
		auto_blob struct blob b = {0};

		r = tree_read(c->media, fields[k].path, METADATA_DOCUMENT_MAX, &b);
		if (r >= 0) {
			found++;
			r = take_field(i, k, &b);
		} else if (r == -ENOENT && !fields[k].is_required) {
			r = 0;
		}
	}
	if (r == -ENOENT && found)
		r = diag_add(c->d, -EBADMSG, DIAG_ERROR, i->origin, 0, "files are missing");
	if (r >= 0)
		r = check_vendor_data(i, c->d);
	if (r >= 0)
		r = instance_take_id(i, c->d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

/* A machine that was just made may be unknown to the region for a moment. */
static bool may_come(int error, unsigned status)
{
	return http_is_transient(error, status) || status == 404;
}

static int read_fields(struct web *w)
{
	static const struct http_retry patience = {
		.tries = 3, .pause = USEC_PER_SEC, .again = may_come};
	int r = 0;

	for (size_t k = 0; k < ELEMENTSOF(fields) && r >= 0; k++) {
		auto_free char *path = path_join(VERSION, fields[k].path);
		struct web_request rq = {.path = path, .retry = &patience};
		auto_blob struct blob b = {0};

		r = path ? web_request(w, &rq, &b) : -ENOMEM;
		if (r >= 0)
			r = take_field(w->i, k, &b);
		else if (r == -ENOENT && !fields[k].is_required)
			r = 0;
		else if (r != -ENOMEM)
			r = diag_add(w->c->d, -EBADMSG, DIAG_ERROR, w->base, 0, "%s: %s",
			             fields[k].path, strerror(-r));
	}
	return r;
}

int source_maas(const struct source_context *c, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	auto_free char *header = NULL;
	struct http_header headers[] = {{"Authorization", NULL}, {NULL}};
	struct web_source s = {.name = "MAAS",
	                       .platform = "maas",
	                       .bases = (const char *const[]){NULL},
	                       .config_key = "metadata_url",
	                       .headers = headers,
	                       .probe = VERSION "/meta-data/instance-id"};
	uint64_t nonce = 0;
	int r;

	if (json_string_or(c->config, "consumer_key", NULL)) {
		(void) !getrandom(&nonce, sizeof(nonce), 0);
		r = oauth_plaintext_header(
			c->config, (int64_t) (now(CLOCK_REALTIME) / USEC_PER_SEC), nonce, &header);
		if (r < 0)
			return r;
		headers[0].value = header;
	}
	r = web_init(&w, c, &s);
	if (r >= 0)
		r = web_reach(&w, s.probe, NULL);
	if (r >= 0)
		r = read_fields(&w);
	if (r >= 0)
		r = check_vendor_data(w.i, c->d);
	if (r >= 0)
		r = instance_take_id(w.i, c->d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w.i);
	return 0;
}
