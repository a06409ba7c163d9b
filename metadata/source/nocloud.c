// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#define DEFAULT_ID "nocloud"

/* ISO 9660 without Rock Ridge knows only upper case, and no second dash rules: "user-data" may be
 * "USER_DATA" or "USERDATA.;1". */
static int read_document(const struct tree *t, const char *name, struct blob *ret)
{
	auto_free char *upper = strdup(name);
	int r;

	if (!upper)
		return -ENOMEM;
	r = tree_read(t, name, METADATA_DOCUMENT_MAX, ret);
	if (r != -ENOENT)
		return r;
	for (char *p = upper; *p; p++)
		*p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char) (*p - 'a' + 'A') : *p;
	return tree_read(t, upper, METADATA_DOCUMENT_MAX, ret);
}

int seed_take_meta_data(struct instance *i, const struct blob *b, struct diag *d)
{
	cJSON *v = NULL;
	int r = yaml_parse(b->data, b->size, "meta-data", d, &v);

	if (r < 0)
		return r;
	if (cJSON_IsObject(v)) {
		cJSON_Delete(i->meta_data);
		i->meta_data = v;
		return 0;
	}
	r = cJSON_IsNull(v) ? 0
	                    : diag_add(d, -EBADMSG, DIAG_ERROR, "meta-data", 1,
	                               "a map of keys is expected");
	cJSON_Delete(v);
	return r;
}

/* A folder is a seed when it has both user-data and meta-data. */
static int read_seed_tree(const struct tree *t, const char *origin, struct diag *d,
                          struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_blob struct blob meta = {0}, network = {0};
	int r = instance_new("nocloud", origin, &i);

	if (r < 0)
		return r;
	r = read_document(t, "meta-data", &meta);
	if (r >= 0)
		r = read_document(t, "user-data", &i->user_data);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? -ENOENT
		                                     : diag_add(d, r, DIAG_ERROR, origin, 0,
		                                                "cannot be read: %s", strerror(-r));
	(void) read_document(t, "vendor-data", &i->vendor_data);
	(void) read_document(t, "network-config", &network);
	if (network.size)
		(void) yaml_parse(network.data, network.size, "network-config", d, &i->network);
	r = seed_take_meta_data(i, &meta, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

/* ---- all that says something, first word first ---- */

struct nocloud {
	const struct source_context *c;
	struct instance *i;
	char *url; /* the rest is there; NULL: nothing is missing */
	bool found;
};

static void take_blob(struct blob *to, struct blob *from)
{
	if (!from->data)
		return;
	blob_done(to);
	*to = *from;
	*from = (struct blob){0};
}

/* What is known of meta-data stays; of the documents the last one counts. */
static int merge_seed(struct nocloud *n, struct instance *more)
{
	int r = merge_layers(n->i->meta_data, more->meta_data);

	if (r >= 0 && !n->found)
		r = str_set(&n->i->origin, more->origin);
	n->found = true;
	take_blob(&n->i->user_data, &more->user_data);
	take_blob(&n->i->vendor_data, &more->vendor_data);
	if (more->network) {
		cJSON_Delete(n->i->network);
		n->i->network = TAKE_PTR(more->network);
	}
	return r;
}

/* The kernel line is read second and counts more than the serial number. */
static int read_line(struct nocloud *n, const char *text, const char *origin)
{
	struct nocloud_line line = {0};
	int r = text ? nocloud_line_parse(text, &line) : 0;

	if (r > 0) {
		r = merge_layers(line.fill, n->i->meta_data);
		cJSON_Delete(n->i->meta_data);
		n->i->meta_data = TAKE_PTR(line.fill);
		if (r >= 0)
			r = str_set(&n->i->origin, origin);
		n->found = true;
	}
	nocloud_line_done(&line);
	return r;
}

static int read_tree(struct nocloud *n, const struct tree *t, const char *origin)
{
	auto_cleanup(instance_free) struct instance *more = NULL;
	int r = read_seed_tree(t, origin, n->c->d, &more);

	return r < 0 ? r : merge_seed(n, more);
}

static int read_folder(struct nocloud *n, const char *path)
{
	struct subtree below = {&n->c->machine->root, path};
	struct tree t = tree_of_subtree(&below);
	auto_free char *origin = path_join("/", path);

	return origin ? read_tree(n, &t, origin) : -ENOMEM;
}

static int read_folders(struct nocloud *n)
{
	static const char *const seeds[] = {"var/lib/cloud/seed/nocloud",
	                                    "var/lib/cloud/seed/nocloud-net",
	                                    "var/lib/sysmaster/seed"};

	for (size_t k = 0; k < ELEMENTSOF(seeds); k++) {
		int r = read_folder(n, seeds[k]);

		if (r != -ENOENT)
			return r;
	}
	return 0;
}

/* A document of the configuration: text, or a map that is meant as YAML. */
static int config_blob(const cJSON *v, struct blob *ret)
{
	auto_free char *text = cJSON_IsObject(v) ? json_print(v, false) : NULL;

	if (text)
		return blob_set(ret, text, strlen(text));
	return cJSON_IsString(v) ? blob_set(ret, v->valuestring, strlen(v->valuestring)) : 0;
}

static int read_inline(struct nocloud *n, const cJSON *meta, const cJSON *user)
{
	auto_cleanup(instance_free) struct instance *more = NULL;
	auto_blob struct blob b = {0};
	int r = instance_new("NoCloud", "configuration", &more);

	if (r >= 0)
		r = config_blob(meta, &b);
	if (r >= 0 && b.data)
		r = seed_take_meta_data(more, &b, n->c->d);
	if (r >= 0)
		r = config_blob(user, &more->user_data);
	if (r >= 0)
		r = config_blob(cJSON_GetObjectItemCaseSensitive(n->c->config, "vendor-data"),
		                &more->vendor_data);
	return r < 0 ? r : merge_seed(n, more);
}

static int read_config(struct nocloud *n)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(n->c->config, "meta-data"),
		    *user = cJSON_GetObjectItemCaseSensitive(n->c->config, "user-data");
	const char *from = json_string_or(n->c->config, "seedfrom", NULL);
	int r = 0;

	if (from) {
		n->found = true;
		if (!cJSON_HasObjectItem(n->i->meta_data, "seedfrom"))
			r = json_add_string(n->i->meta_data, "seedfrom", from);
	}
	return r < 0 || !meta || !user ? r : read_inline(n, meta, user);
}

static const char *dmi_word(const struct machine *m, const char *name, size_t size)
{
	static const struct {
		const char *name;
		enum dmi_field field;
	} names[] = {
		{"system-uuid", DMI_PRODUCT_UUID},
		{"system-serial-number", DMI_PRODUCT_SERIAL},
		{"system-product-name", DMI_PRODUCT_NAME},
		{"system-manufacturer", DMI_SYS_VENDOR},
		{"baseboard-product-name", DMI_BOARD_NAME},
		{"baseboard-serial-number", DMI_BASEBOARD_SERIAL},
		{"chassis-asset-tag", DMI_CHASSIS_ASSET_TAG},
	};

	for (size_t k = 0; k < ELEMENTSOF(names); k++)
		if (strlen(names[k].name) == size && !strncmp(names[k].name, name, size))
			return m->dmi[names[k].field] ? m->dmi[names[k].field] : "";
	return "";
}

/* "__dmi.system-uuid__" in a URL is what SMBIOS says. */
static int expand(const struct machine *m, const char *text, char **ret)
{
	auto_strbuf struct strbuf b = {.max = 8192};

	strbuf_puts(&b, "");
	for (;;) {
		const char *at = strstr(text, "__dmi."), *end = at ? strstr(at + 6, "__") : NULL;

		if (!end)
			break;
		strbuf_add(&b, text, (size_t) (at - text));
		strbuf_puts(&b, dmi_word(m, at + 6, (size_t) (end - at - 6)));
		text = end + 2;
	}
	strbuf_puts(&b, text);
	return strbuf_take(&b, ret);
}

/* "seedfrom" of any of them: a folder of this machine, or a URL, which is for the network. */
static int follow(struct nocloud *n)
{
	const char *from = json_string_or(n->i->meta_data, "seedfrom", NULL), *path;
	int r;

	if (str_is_empty(from))
		return 0;
	if (str_after(from, "http://") || str_after(from, "https://"))
		return expand(n->c->machine, from, &n->url);
	path = str_after(from, "file://");
	path = path ? path : from;
	if (!path_is_absolute(path))
		return diag_add(n->c->d, -EBADMSG, DIAG_ERROR, n->i->origin, 0,
		                "seedfrom: only http, https and folders of this machine are read");
	r = read_folder(n, path);
	return r == -ENOENT ? diag_add(n->c->d, -EBADMSG, DIAG_ERROR, path, 0,
	                               "is no seed: user-data and meta-data are not both there")
	                    : r;
}

static int read_all(struct nocloud *n)
{
	const struct machine *m = n->c->machine;
	int r = instance_new("NoCloud", "NoCloud", &n->i);

	if (r >= 0)
		r = str_set(&n->i->platform, "nocloud");
	if (r >= 0 && (!m->is_confidential || n->c->host_is_trusted))
		r = read_line(n, m->dmi[DMI_PRODUCT_SERIAL], "SMBIOS serial number");
	if (r >= 0)
		r = read_line(n, m->cmdline, "kernel command line");
	if (r >= 0)
		r = read_folders(n);
	if (r >= 0)
		r = read_config(n);
	if (r >= 0 && n->c->media) {
		r = read_tree(n, n->c->media, n->c->origin ? n->c->origin : "seed");
		r = r == -ENOENT ? 0 : r;
	}
	if (r >= 0 && !n->found)
		r = -ENOENT;
	return r < 0 ? r : follow(n);
}

static int finish(struct nocloud *n, struct instance **ret)
{
	struct instance *i = n->i;
	int r;

	if (!cJSON_HasObjectItem(i->meta_data, "instance-id"))
		json_add_string(i->meta_data, "instance-id", DEFAULT_ID);
	if (!cJSON_HasObjectItem(i->meta_data, "dsmode"))
		json_add_string(i->meta_data, "dsmode", "net");
	r = str_set(&i->dsmode, json_string_or(i->meta_data, "dsmode", "net"));
	if (r >= 0 && streq(i->dsmode, "disabled"))
		r = -ENOENT;
	if (r >= 0)
		r = instance_take_id(i, n->c->d);
	if (r >= 0)
		*ret = TAKE_PTR(n->i);
	return r;
}

int source_nocloud_local(const struct source_context *c, struct instance **ret)
{
	struct nocloud n = {.c = c};
	int r = read_all(&n);

	if (r >= 0)
		r = n.url ? -EAGAIN : finish(&n, ret);
	free(n.url);
	instance_free(n.i);
	return r;
}

int source_nocloud_network(const struct source_context *c, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *more = NULL;
	struct nocloud n = {.c = c};
	int r = read_all(&n);

	if (r >= 0)
		r = n.url ? source_nocloud_url(c, n.url, &more) : -ENOENT;
	if (r >= 0) {
		n.found = false; /* it is called by where the documents are */
		r = merge_seed(&n, more);
	}
	if (r >= 0)
		r = finish(&n, ret);
	free(n.url);
	instance_free(n.i);
	return r;
}
