// SPDX-License-Identifier: Apache-2.0
/*
 * Seeds behind a URL: NoCloud's (four documents below a base that the kernel line, SMBIOS or the
 * configuration names), Firecracker's MMDS by the same way with its token, and Bigstep's one document.
 */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#define BIGSTEP_URL "var/lib/cloud/data/seed/bigstep/url"

/* ---- NoCloud ---- */

/* MMDS version 2 wants a token and answers 401 without; other servers know none. */
static const struct web_token mmds_token = {
	.path = "../latest/api/token",
	.ttl_header = "X-metadata-token-ttl-seconds",
	.ttl = "21600",
	.header = "X-metadata-token",
};

static bool is_link_local(const char *url)
{
	return str_after(url, "http://169.254.") != NULL;
}

static char *origin_of(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? strndup(url, (size_t) (host + 3 - url) + strcspn(host + 3, "/")) : NULL;
}

/* Only a link-local service is asked for a token, and only after it said 401. */
static int get_mmds_token(struct web *w)
{
	auto_free char *origin = origin_of(w->base), *url = NULL;
	const struct http_header extra[] = {{mmds_token.ttl_header, mmds_token.ttl}, {NULL}};
	struct web_request rq = {.method = "PUT", .extra = extra};
	auto_blob struct blob b = {0};
	int r;

	url = origin ? str_printf("%s/latest/api/token", origin) : NULL;
	if (!url)
		return -ENOMEM;
	rq.path = url;
	r = web_request(w, &rq, &b);
	return r < 0 ? r : str_set(&w->token, str_strip(b.data));
}

static int get(struct web *w, const char *name, struct blob *ret)
{
	static const struct http_retry patience = {
		.tries = 10, .pause = USEC_PER_SEC, .pause_max = 4 * USEC_PER_SEC};
	struct web_request rq = {.path = name, .retry = &patience};
	int r = web_request(w, &rq, ret);

	if (r == -EACCES && !w->token && is_link_local(w->base) && get_mmds_token(w) >= 0)
		r = web_request(w, &rq, ret);
	return r;
}

/* A map of keys is added to what is known; keys that are known already stay (the line's count more). */
static int take_meta_data(struct web *w, const struct blob *b)
{
	cJSON *v = NULL;
	int r = yaml_parse(b->data ? b->data : "", b->size, "meta-data", w->c->d, &v);

	if (r >= 0 && !cJSON_IsNull(v) && !cJSON_IsObject(v))
		r = diag_add(w->c->d, -EBADMSG, DIAG_ERROR, w->base, 0,
		             "meta-data: a map of keys is expected");
	if (r >= 0 && cJSON_IsObject(v)) {
		cJSON_Delete(w->i->meta_data);
		w->i->meta_data = TAKE_PTR(v);
	}
	cJSON_Delete(v);
	return r;
}

static int read_seed(struct web *w)
{
	auto_blob struct blob meta = {0}, network = {0};
	int r = get(w, "meta-data", &meta);

	if (r >= 0)
		r = take_meta_data(w, &meta);
	if (r >= 0)
		r = get(w, "user-data", &w->i->user_data);
	if (r < 0)
		return r;
	r = get(w, "vendor-data", &w->i->vendor_data);
	if (r == -ENOMEM)
		return r;
	r = get(w, "network-config", &network);
	if (r >= 0 && network.size)
		r = yaml_parse(network.data, network.size, "network-config", w->c->d,
		               &w->i->network);
	return r == -ENOMEM ? r : 0;
}

int source_nocloud_url(const struct source_context *c, const char *url, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	struct web_source s = {.name = "NoCloud",
	                       .platform = "nocloud",
	                       .token = &mmds_token,
	                       .bases = (const char *const[]){NULL}};
	int r;

	if (!str_after(url, "http://") && !str_after(url, "https://"))
		return diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "seedfrom", 0,
		                "only http, https and folders of this machine can be read");
	r = web_init(&w, c, &s);
	if (r >= 0)
		r = str_set(&w.base, url);
	if (r >= 0)
		r = str_set(&w.i->origin, url);
	if (r >= 0)
		r = read_seed(&w);
	if (r < 0 && r != -ENOMEM)
		return diag_add(c->d, r == -ENOENT ? r : -EBADMSG, DIAG_ERROR, url, 0, "%s",
		                strerror(-r));
	if (r < 0)
		return r;
	if (!cJSON_HasObjectItem(w.i->meta_data, "instance-id"))
		json_add_string(w.i->meta_data, "instance-id", "nocloud");
	r = instance_take_id(w.i, c->d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w.i);
	return 0;
}

/* ---- Bigstep ---- */

static int bigstep_fill(struct web *w, const struct blob *b)
{
	const cJSON *meta;
	cJSON *v = NULL;
	int r = json_parse(b->data ? b->data : "", b->size, "bigstep", w->c->d, &v);

	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	meta = cJSON_GetObjectItemCaseSensitive(v, "metadata");
	if (meta) {
		cJSON_Delete(w->i->meta_data);
		w->i->meta_data = cJSON_Duplicate(meta, true);
	}
	r = blob_set_json(&w->i->user_data, cJSON_GetObjectItemCaseSensitive(v, "userdata_raw"));
	if (r >= 0)
		r = blob_set_json(&w->i->vendor_data,
		                  cJSON_GetObjectItemCaseSensitive(v, "vendordata_raw"));
	cJSON_Delete(v);
	if (r >= 0)
		r = str_set(&w->i->id, "iid-dsbigstep");
	return r < 0 ? r : instance_take_id(w->i, w->c->d);
}

int source_bigstep(const struct source_context *c, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	struct web_source s = {
		.name = "Bigstep", .platform = "bigstep", .bases = (const char *const[]){NULL}};
	auto_free char *url = NULL;
	auto_blob struct blob b = {0};
	struct web_request rq;
	int r = tree_read_line(&c->machine->root, BIGSTEP_URL, &url);

	if (r < 0)
		return r;
	r = web_init(&w, c, &s);
	if (r >= 0)
		r = str_set(&w.base, url);
	rq = (struct web_request){.path = url};
	if (r >= 0 && web_request(&w, &rq, &b) < 0)
		return -ENOENT;
	if (r >= 0)
		r = bigstep_fill(&w, &b);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w.i);
	return 0;
}
