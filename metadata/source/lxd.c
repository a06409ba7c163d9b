// SPDX-License-Identifier: Apache-2.0
/* LXD and Incus: HTTP over a socket in the machine. Keys under cloud-init. count more than those of the
 * same name under user., which older servers have. */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#define SOCKET "/dev/lxd/sock"

static const struct {
	const char *name, *key;
} aliases[] = {
	{"cloud-init.user-data", "user-data"},
	{"cloud-init.vendor-data", "vendor-data"},
	{"cloud-init.network-config", "network-config"},
	{"user.user-data", "user-data"},
	{"user.vendor-data", "vendor-data"},
	{"user.network-config", "network-config"},
};

/* It answers 500 while it is starting. */
static bool is_starting(int error, unsigned status)
{
	return error < 0 ? http_is_transient(error, 0) : status == 500;
}

static const struct http_retry patience = {
	.tries = 30, .pause = USEC_PER_SEC / 10, .again = is_starting};

static int get(struct web *w, const char *path, struct blob *ret)
{
	struct web_request rq = {.path = path, .retry = &patience};

	return web_request(w, &rq, ret);
}

static int get_json(struct web *w, const char *path, cJSON **ret)
{
	auto_blob struct blob b = {0};
	int r = get(w, path, &b);

	return r < 0 ? r : json_parse(b.data ? b.data : "", b.size, path, w->c->d, ret);
}

/* "/1.0/config/user.user-data" is one key; its value is a text. */
static int read_key(struct web *w, const char *route, cJSON *config)
{
	const char *slash = strrchr(route, '/');
	auto_blob struct blob b = {0};
	int r;

	if (!slash || !slash[1])
		return 0;
	r = get(w, route + strspn(route, "/"), &b);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 0;
	return json_add_string(config, slash + 1, b.data ? b.data : "");
}

static int read_config(struct web *w, cJSON *config)
{
	cJSON *routes = NULL;
	const cJSON *it;
	int r = get_json(w, "1.0/config", &routes);

	if (r < 0)
		return r == -ENOMEM ? r
		                    : 0; /* a server may forbid it: there is no user-data then */
	cJSON_ArrayForEach(it, routes)
	{
		if (cJSON_IsString(it) && r >= 0)
			r = read_key(w, it->valuestring, config);
	}
	cJSON_Delete(routes);
	return r;
}

static const cJSON *value_of(const cJSON *config, const char *key)
{
	for (size_t i = 0; i < ELEMENTSOF(aliases); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, aliases[i].name);

		if (v && streq(aliases[i].key, key))
			return v;
	}
	return NULL;
}

static int take_yaml(struct web *w, const char *name, const char *text, cJSON *to)
{
	auto_json cJSON *outer = cJSON_CreateObject();
	static const struct web_map all[] = {{"*", "y"}, {NULL}};
	cJSON *v = NULL;
	int r = yaml_parse(text, strlen(text), name, w->c->d, &v);

	if (r >= 0)
		r = json_add_take(outer, "y", v);
	return r < 0 ? r : web_map_apply(all, outer, w->base, to, w->c->d);
}

/* Without a configuration the first interface asks DHCP. */
static cJSON *default_network(const struct web *w)
{
	cJSON *j = cJSON_CreateObject(), *list, *e, *s;

	json_add_u64(j, "version", 1);
	list = cJSON_AddArrayToObject(j, "config");
	e = cJSON_CreateObject();
	json_add_string(e, "type", "physical");
	json_add_string(e, "name", w->c->n_nics ? w->c->nics[0].name : "eth0");
	s = cJSON_CreateObject();
	json_add_string(s, "type", "dhcp");
	json_add_string(s, "control", "auto");
	json_append_take(cJSON_AddArrayToObject(e, "subnets"), s);
	json_append_take(list, e);
	return j;
}

static int fill(struct web *w, const cJSON *config)
{
	const char *own = json_string_or(config, "user.meta-data", NULL);
	const cJSON *network = value_of(config, "network-config");
	int r = own ? take_yaml(w, "user.meta-data", own, w->i->meta_data) : 0;

	if (r >= 0)
		r = blob_set_json(&w->i->user_data, value_of(config, "user-data"));
	if (r >= 0)
		r = blob_set_json(&w->i->vendor_data, value_of(config, "vendor-data"));
	if (r >= 0 && cJSON_IsString(network))
		r = yaml_parse(network->valuestring, strlen(network->valuestring), "network-config",
		               w->c->d, &w->i->network);
	if (r >= 0 && !w->i->network)
		w->i->network = default_network(w);
	return r < 0 ? r : instance_take_id(w->i, w->c->d);
}

static const struct web_source row = {
	.name = "LXD",
	.platform = "lxd",
	.bases = (const char *const[]){"http://lxd", NULL},
	.unix_socket = SOCKET,
	.probe = "1.0/meta-data",
	.max_wait = 30 * USEC_PER_SEC,
};

int source_lxd(const struct source_context *c, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	struct web_source s = row;
	auto_blob struct blob meta = {0};
	cJSON *config;
	int r;

	s.unix_socket = json_string_or(c->config, "socket", SOCKET);
	r = web_init(&w, c, &s);
	if (r >= 0)
		r = web_reach(&w, s.probe, &meta);
	if (r >= 0)
		r = take_yaml(&w, "meta-data", meta.data ? meta.data : "", w.i->meta_data);
	if (r < 0)
		return r;
	config = cJSON_AddObjectToObject(w.crawl, "config");
	r = config ? read_config(&w, config) : -ENOMEM;
	if (r >= 0)
		r = fill(&w, config);
	if (r < 0)
		return r;
	w.i->raw = TAKE_PTR(w.crawl);
	*ret = TAKE_PTR(w.i);
	return 0;
}
