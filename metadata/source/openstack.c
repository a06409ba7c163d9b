// SPDX-License-Identifier: Apache-2.0
/*
 * OpenStack's layout: openstack/VERSION/{meta_data.json, user_data, vendor_data.json, ...}, the same
 * on a config drive and behind the metadata service. Both are read through a struct tree: of the
 * mounted drive, or of GET requests.
 */
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

/* Newest first; one that is newer than these is not known to be compatible. */
static const char *const versions[] = {"2018-08-27", "2017-02-22", "2016-10-06", "2016-06-30",
                                       "2015-10-15", "2013-10-17", "2013-04-04", "2012-08-10"};

struct reader {
	const struct tree *t;
	const struct source_context *c;
	const char *version;
	struct instance *i;
};

/* ---- one file ---- */

static int read_file(const struct reader *o, const char *name, struct blob *ret)
{
	auto_free char *path = path_join3("openstack", o->version, name);

	return path ? tree_read(o->t, path, METADATA_DOCUMENT_MAX, ret) : -ENOMEM;
}

static int read_json(const struct reader *o, const char *name, cJSON **ret)
{
	auto_blob struct blob b = {0};
	int r = read_file(o, name, &b);

	if (r < 0)
		return r;
	if (!b.size)
		return -ENOENT;
	r = json_parse(b.data, b.size, name, o->c->d, ret);
	return r < 0 && r != -ENOMEM ? -EBADMSG : r;
}

/* ---- what they mean ---- */

static const char *pick_version(const struct tree *t)
{
	auto_strv char **found = NULL;

	if (tree_list(t, "openstack", &found) < 0)
		return NULL;
	for (size_t i = 0; i < ELEMENTSOF(versions); i++)
		STRV_FOREACH (f, found)
			if (!strncmp(*f, versions[i], strlen(versions[i])) &&
			    strspn(*f + strlen(versions[i]), "/") ==
			            strlen(*f + strlen(versions[i])))
				return versions[i];
	return "latest";
}

static int take_meta_data(struct reader *o)
{
	static const struct web_map map[] = {
		{"*", "meta", WEB_AS_IS, true},
		{"instance-id", "meta.uuid", WEB_AS_IS, true},
		{"local-hostname", "meta.hostname"},
		{NULL},
	};
	auto_json cJSON *outer = cJSON_CreateObject();
	cJSON *meta = NULL;
	int r = read_json(o, "meta_data.json", &meta);

	if (r < 0)
		return r;
	r = json_add_take(outer, "meta", meta);
	if (r < 0)
		return r;
	if (!cJSON_IsString(web_find(meta, "uuid")))
		return diag_add(o->c->d, -EBADMSG, DIAG_ERROR, o->i->origin, 0,
		                "meta_data.json has no uuid");
	return web_map_apply(map, outer, o->i->origin, o->i->meta_data, o->c->d);
}

static int take_vendor_data(struct reader *o, const char *name, struct blob *to)
{
	auto_json cJSON *v = NULL, *text = NULL;
	int r = read_json(o, name, &v);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = vendor_data_text(v, o->c->d, &text);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (cJSON_IsString(text))
		return blob_set_json(to, text);
	{
		/* A list of parts: an archive that user-data's reader takes apart. */
		auto_free char *list = json_print(text, false),
			       *archive = list ? str_printf("#cloud-config-archive\n%s\n", list)
		                               : NULL;

		return archive ? blob_set(to, archive, strlen(archive)) : -ENOMEM;
	}
}

static int take_network(struct reader *o)
{
	auto_json cJSON *v = NULL, *macs = nics_by_mac(o->c->nics, o->c->n_nics);
	int r = read_json(o, "network_data.json", &v);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = network_from_openstack(v, macs, o->c->d, &o->i->network);
	return r == -ENOMEM ? r : 0; /* a finding says what it is; the rest can be used */
}

static int take_dsmode(struct instance *i)
{
	const char *mode = json_string_or(web_find(i->meta_data, "meta"), "dsmode", NULL);

	if (!mode)
		return 0;
	if (streq(mode, "disabled"))
		return -ENOENT;
	return str_set(&i->dsmode, mode);
}

/* @i is filled; 0, -ENOENT: no such layout, -EBADMSG. */
static int openstack_read(const struct source_context *c, const struct tree *t, struct instance *i)
{
	struct reader o = {.t = t, .c = c, .i = i};
	int r;

	o.version = pick_version(t);
	if (!o.version)
		return -ENOENT;
	r = take_meta_data(&o);
	if (r < 0)
		return r;
	r = read_file(&o, "user_data", &i->user_data);
	if (r >= 0 || r == -ENOENT)
		r = take_vendor_data(&o, "vendor_data.json", &i->vendor_data);
	if (r >= 0)
		r = take_vendor_data(&o, "vendor_data2.json", &i->vendor_data2);
	if (r >= 0)
		r = take_network(&o);
	if (r >= 0)
		r = take_dsmode(i);
	return r < 0 ? r : instance_take_id(i, c->d);
}

/* ---- behind the service ---- */

static int get(void *userdata, const char *path, size_t max, struct blob *ret)
{
	(void) max; /* the carrier's own cap is the same */
	return web_get(userdata, path, ret);
}

static int get_listing(void *userdata, const char *path, char ***ret)
{
	auto_blob struct blob b = {0};
	int r = web_get(userdata, path, &b);

	return r < 0 ? r : strv_split(b.data ? b.data : "", "\r\n", ret);
}

static int get_stat(void *userdata, const char *path)
{
	auto_blob struct blob b = {0};
	int r = web_get(userdata, path, &b);

	return r < 0 ? r : 'f';
}

static const struct web_source service = {
	.name = "OpenStack",
	.platform = "openstack",
	.bases = (const char *const[]){"http://169.254.169.254", "http://[fe80::a9fe:a9fe%25IF]",
                                       NULL},
	.config_key = "metadata_urls",
	.probe = "openstack",
	.max_wait = 60 * USEC_PER_SEC,
};

int source_openstack(const struct source_context *c, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	struct tree t = {get, get_listing, get_stat, &w};
	int r = web_init(&w, c, &service);

	if (r >= 0)
		r = web_reach(&w, service.probe, NULL);
	if (r >= 0)
		r = openstack_read(c, &t, w.i);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w.i);
	return 0;
}

/* ---- on a drive ---- */

static int read_v1(const struct source_context *c, struct instance *i)
{
	auto_blob struct blob meta = {0}, keys = {0};
	auto_json cJSON *j = NULL;
	const char *text;
	int r = tree_read(c->media, "meta.js", METADATA_DOCUMENT_MAX, &meta);

	if (r < 0)
		return r;
	r = json_parse(meta.data, meta.size, "meta.js", c->d, &j);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	cJSON_Delete(i->meta_data);
	i->meta_data = cJSON_Duplicate(j, true);
	if (tree_read(c->media, "root/.ssh/authorized_keys", METADATA_DOCUMENT_MAX, &keys) >= 0)
		json_add_string(i->meta_data, "public-keys", keys.data);
	text = json_string_or(j, "user-data", NULL);
	if (!web_find(j, "instance-id"))
		json_add_string(i->meta_data, "instance-id", "iid-dsconfigdrive");
	if (str_set(&i->dsmode, json_string_or(j, "dsmode", "pass")) < 0)
		return -ENOMEM;
	r = text ? blob_set(&i->user_data, text, strlen(text)) : 0;
	return r < 0 ? r : instance_take_id(i, c->d);
}

int source_configdrive_media(const struct source_context *c, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r = instance_new("ConfigDrive", c->origin, &i);

	if (r >= 0)
		r = str_set(&i->platform, "configdrive");
	if (r >= 0)
		r = openstack_read(c, c->media, i);
	if (r == -ENOENT)
		r = read_v1(c, i);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}
