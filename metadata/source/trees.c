// SPDX-License-Identifier: Apache-2.0
/* Platforms that offer metadata as EC2's tree: Exoscale, AliYun, and CloudStack's router. */
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

/* ---- passwords that a service gives out once ---- */

static cJSON *password_config(const char *password)
{
	cJSON *j = cJSON_CreateObject(), *chpasswd;

	json_add_bool(j, "ssh_pwauth", true);
	json_add_string(j, "password", password);
	chpasswd = cJSON_AddObjectToObject(j, "chpasswd");
	json_add_bool(chpasswd, "expire", false);
	return j;
}

static int password_ask(struct web *w, const char *url, const char *what, struct blob *ret)
{
	const struct http_header extra[] = {{"DomU_Request", what}, {NULL}};
	struct http_retry retry = {
		.tries = 3, .pause = USEC_PER_SEC / 2, .pause_max = 2 * USEC_PER_SEC};
	struct web_request rq = {.path = url, .extra = extra, .retry = &retry};

	return web_request(w, &rq, ret);
}

/* The password becomes configuration first and is then reported as saved: the service forgets it. */
static int take_password(struct web *w, const char *url)
{
	auto_blob struct blob b = {0}, ignored = {0};
	int r = password_ask(w, url, "send_my_password", &b);
	char *text;

	if (r < 0) {
		diag_add(w->c->d, r, DIAG_WARNING, w->base, 0, "the password server: %s",
		         strerror(-r));
		return 0;
	}
	text = b.data ? str_strip(b.data) : NULL;
	if (str_is_empty(text) || streq(text, "saved_password") || streq(text, "bad_request"))
		return 0;
	w->i->config = password_config(text);
	if (!w->i->config)
		return -ENOMEM;
	r = password_ask(w, url, "saved_password", &ignored);
	if (r < 0)
		diag_add(w->c->d, r, DIAG_WARNING, w->base, 0, "the password server: %s",
		         strerror(-r));
	return 0;
}

/* ---- Exoscale ---- */

static int exoscale_finish(struct web *w)
{
	auto_free char *url = str_printf("%s:8080/1.0/", w->base);

	return url ? take_password(w, url) : -ENOMEM;
}

const struct web_source web_exoscale = {
	.name = "Exoscale",
	.platform = "exoscale",
	.bases = (const char *const[]){"http://169.254.169.254", NULL},
	.config_key = "metadata_url",
	.probe = "1.0/meta-data/instance-id",
	.leaves =
		(const struct web_leaf[]){
			{"1.0/meta-data/", "meta-data", WEB_TREE, true},
			{"1.0/user-data", NULL, WEB_USER_DATA, false},
			{NULL},
		},
	.map = (const struct web_map[]){{"*", "meta-data", WEB_AS_IS, true}, {NULL}},
	.finish = exoscale_finish,
};

/* ---- CloudStack: the service is the virtual router, whose address the lease tells ---- */

static int cloudstack_finish(struct web *w)
{
	const char *host = strstr(w->base, "://");
	auto_free char *url = NULL;

	if (!host)
		return 0;
	url = str_printf("%.*s:8080/",
	                 (int) (host + 3 - w->base + (ptrdiff_t) strcspn(host + 3, ":/")), w->base);
	return url ? take_password(w, url) : -ENOMEM;
}

const struct web_source web_cloudstack = {
	.name = "CloudStack",
	.platform = "cloudstack",
	.bases = (const char *const[]){NULL}, /* "metadata_urls", of whoever has the lease */
	.config_key = "metadata_urls",
	.probe = "latest/meta-data/instance-id",
	.leaves =
		(const struct web_leaf[]){
			{"latest/meta-data/", "meta-data", WEB_TREE, true},
			{"latest/user-data", NULL, WEB_USER_DATA, false},
			{NULL},
		},
	.map = (const struct web_map[]){{"*", "meta-data", WEB_AS_IS, true}, {NULL}},
	.finish = cloudstack_finish,
};

/* ---- AliYun: the tree, or all of it as one document where that is there ---- */

static int aliyun_finish(struct web *w)
{
	auto_json cJSON *macs = nics_by_mac(w->c->nics, w->c->n_nics);
	const cJSON *network = web_find(w->crawl, "meta-data.network");

	if (network && macs && macs->child)
		(void) network_from_aliyun(network, macs, true, &w->i->network);
	return 0;
}

const struct web_source web_aliyun = {
	.name = "AliYun",
	.platform = "aliyun",
	.bases = (const char *const[]){"http://100.100.100.200", NULL},
	.config_key = "metadata_urls",
	.token =
		&(const struct web_token){
			.path = "latest/api/token",
			.ttl_header = "X-aliyun-ecs-metadata-token-ttl-seconds",
			.ttl = "21600",
			.header = "X-aliyun-ecs-metadata-token",
			.is_optional = true,
		},
	.probe = "2016-01-01/meta-data/instance-id",
	.leaves =
		(const struct web_leaf[]){
			{"2016-01-01/meta-data/all", "meta-data", WEB_JSON, false},
			{"2016-01-01/meta-data/", "meta-data", WEB_TREE, true},
			{"2016-01-01/user-data", NULL, WEB_USER_DATA, false},
			{"2016-01-01/vendor-data", NULL, WEB_VENDOR_DATA, false},
			{NULL},
		},
	.map = (const struct web_map[]){{"*", "meta-data", WEB_AS_IS, true}, {NULL}},
	.finish = aliyun_finish,
};
