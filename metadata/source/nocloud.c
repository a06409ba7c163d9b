// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <sys/mount.h>

#define MOUNT_POINT "/run/sysmaster/metadata/seed"
#define DEFAULT_ID  "nocloud"

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

static int take_meta_data(struct instance *i, const struct blob *b, struct diag *d)
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
	r = take_meta_data(i, &meta, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

static int read_seed(const char *directory, const char *origin, struct diag *d,
                     struct instance **ret)
{
	auto_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree t = tree_of_directory(&fd);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
		               ? -ENOENT
		               : diag_add(d, -errno, DIAG_ERROR, origin, 0, "cannot be read: %s",
		                          strerror(errno));
	return read_seed_tree(&t, origin, d, ret);
}

int source_nocloud_media(const struct source_context *c, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r = read_seed_tree(c->media, c->origin ? c->origin : "seed", c->d, &i);

	if (r < 0)
		return r;
	if (!cJSON_HasObjectItem(i->meta_data, "instance-id"))
		json_add_string(i->meta_data, "instance-id", DEFAULT_ID);
	if (!cJSON_HasObjectItem(i->meta_data, "dsmode"))
		json_add_string(i->meta_data, "dsmode", "net");
	r = str_set(&i->dsmode, json_string_or(i->meta_data, "dsmode", "net"));
	if (r >= 0)
		r = str_set(&i->datasource, "NoCloud");
	if (r >= 0)
		r = instance_take_id(i, c->d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

static int read_labelled(struct diag *d, struct instance **ret)
{
	struct block_candidate found[4];
	int n = detect_labelled(found, ELEMENTSOF(found)), r = -ENOENT;

	for (int k = 0; k < n; k++) {
		auto_free char *origin =
			str_printf("%s (%s, cidata)", found[k].device, found[k].fs_type);

		if (!origin || mkdir_p(MOUNT_POINT, 0700) < 0)
			return -ENOMEM;
		if (mount(found[k].device, MOUNT_POINT, found[k].fs_type,
		          MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
			r = diag_add(d, -errno, DIAG_WARNING, found[k].device, 0,
			             "cannot be mounted: %s", strerror(errno));
			continue;
		}
		r = read_seed(MOUNT_POINT, origin, d, ret);
		if (umount2(MOUNT_POINT, MNT_DETACH) < 0)
			diag_add(d, -errno, DIAG_WARNING, MOUNT_POINT, 0, "cannot be unmounted: %s",
			         strerror(errno));
		if (r >= 0)
			return 0;
	}
	return r;
}

static int read_directories(const char *root, struct diag *d, struct instance **ret)
{
	static const char *const seeds[] = {"var/lib/cloud/seed/nocloud",
	                                    "var/lib/cloud/seed/nocloud-net",
	                                    "var/lib/sysmaster/seed"};

	for (size_t k = 0; k < ELEMENTSOF(seeds); k++) {
		auto_free char *path = path_join(*root ? root : "/", seeds[k]);
		int r = path ? read_seed(path, path, d, ret) : -ENOMEM;

		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* What the line says: a folder to read, or nothing but an id and a name, which is metadata enough.
 */
static int read_line(const char *root, const struct nocloud_line *line, const char *origin,
                     struct diag *d, struct instance **ret)
{
	const char *from = line->seed_from, *path;
	struct instance *i;

	if (from) {
		auto_free char *directory = NULL;

		path = str_after(from, "file://");
		if (!path)
			path = from;
		if (!path_is_absolute(path))
			return diag_add(d, -EOPNOTSUPP, DIAG_ERROR, origin, 0,
			                "seed \"%s\": only a folder of this machine can be read",
			                from);
		directory = path_join(root, path);
		return directory ? read_seed(directory, origin, d, ret) : -ENOMEM;
	}
	if (read_directories(root, d, ret) >= 0 || read_labelled(d, ret) >= 0)
		return 0;
	if (!line->instance_id && !line->hostname)
		return -ENOENT;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->datasource = strdup("nocloud");
	i->origin = strdup(origin);
	i->meta_data = cJSON_CreateObject();
	*ret = i;
	return i->datasource && i->origin && i->meta_data ? 0 : -ENOMEM;
}

/* The line's own keys count more than what the seed says. */
static int override(struct instance *i, const struct nocloud_line *line)
{
	if (line->hostname) {
		cJSON_DeleteItemFromObjectCaseSensitive(i->meta_data, "local-hostname");
		json_add_string(i->meta_data, "local-hostname", line->hostname);
	}
	if (line->instance_id && str_set(&i->id, line->instance_id) < 0)
		return -ENOMEM;
	if (!i->id)
		i->id = strdup(json_string_or(i->meta_data, "instance-id", DEFAULT_ID));
	return i->id ? 0 : -ENOMEM;
}

int source_nocloud(const char *root, struct diag *d, struct instance **ret)
{
	static const struct {
		const char *file, *origin;
	} lines[] = {{"/sys/class/dmi/id/product_serial", "SMBIOS serial number"},
	             {"/proc/cmdline", "kernel command line"}};
	struct nocloud_line line = {0};
	struct instance *i = NULL;
	int r = 0;

	for (size_t k = 0; k < ELEMENTSOF(lines) && r == 0 && !*root; k++) {
		auto_free char *text = NULL;

		if (file_read(lines[k].file, &text, NULL) < 0)
			continue;
		r = nocloud_line_parse(text, &line);
		if (r > 0)
			r = read_line(root, &line, lines[k].origin, d, &i) < 0 ? -ENOENT : 1;
	}
	if (r == 0) {
		r = read_directories(root, d, &i);
		if (r == -ENOENT && !*root)
			r = read_labelled(d, &i);
	}
	if (r >= 0)
		r = override(i, &line);
	nocloud_line_done(&line);
	if (r < 0) {
		instance_free(i);
		return r;
	}
	/* The id becomes a folder's name. */
	if (!*i->id || strlen(i->id) > 128 || strchr(i->id, '/') || i->id[0] == '.') {
		r = diag_add(d, -EBADMSG, DIAG_ERROR, i->origin, 0,
		             "\"%s\" cannot be an instance-id", i->id);
		instance_free(i);
		return r;
	}
	*ret = i;
	return 0;
}
