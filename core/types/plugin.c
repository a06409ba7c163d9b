// SPDX-License-Identifier: Apache-2.0
/* plugin.c - shared objects become unit types. */
#include "types/plugin.h"

#include "types/types.h"

#include <dlfcn.h>
#include <dirent.h>
#include <sys/stat.h>

static int refuse(const char *path, const char *why)
{
	log_error("Plug-in \"%s\" is left out: %s", path, why);
	return -ENOEXEC;
}

/* Code of core's own rights: whoever may write it is root. */
static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return refuse(path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(path, "it is no file");
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return refuse(path, "others than root may write it");
	return 0;
}

static int check_table(const char *path, const struct plugin *p)
{
	const struct unit_ops *o = p->ops;

	if (p->abi != PLUGIN_ABI || p->unit_size != sizeof(struct unit) ||
	    p->ops_size != sizeof(struct unit_ops))
		return refuse(path, "it was made for another version of core");
	if (!o || o->object_size < sizeof(struct unit) || !o->load || !o->start || !o->stop ||
	    !o->active_state || !o->sub_state || !o->describe || !o->save != !o->restore ||
	    (o->can_reload && !o->reload))
		return refuse(path, "an operation is missing");
	return 0;
}

static int use(const char *path, const struct plugin *p)
{
	int type = check_table(path, p);

	if (type < 0)
		return type;
	type = unit_type_register(p->type, p->section, p->keys);
	if (type < 0)
		return refuse(path, type == -EEXIST   ? "its type or section is there already"
		                    : type == -ENOSPC ? "there are too many types"
		                    : type == -EINVAL ? "its type, section or a key is no such word"
		                                      : strerror(-type));
	p->ops->type = (enum unit_type) type;
	unit_types[type] = p->ops;
	log_info("Units of type %s come from plug-in \"%s\"", p->type, path);
	return 0;
}

static int load_one(const char *path)
{
	const struct plugin *p;
	void *object;
	int r = check_file(path);

	if (r < 0)
		return r;
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		return refuse(path, dlerror());
	p = dlsym(object, "sysmaster_plugin");
	r = p ? use(path, p) : refuse(path, "it has no \"sysmaster_plugin\"");
	if (r < 0)
		(void) dlclose(object);
	return r;
}

int plugins_load(void)
{
	const char *dir = getenv("SYSMASTER_PLUGIN_PATH");
	struct dirent **found = NULL;
	int refused = 0, n;

	if (!dir)
		dir = "/usr/lib/sysmaster/plugins";
	n = scandir(dir, &found, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		const char *suffix = strrchr(found[i]->d_name, '.');
		auto_free char *path = NULL;

		if (suffix && suffix != found[i]->d_name && streq(suffix, ".so")) {
			path = path_join(dir, found[i]->d_name);
			if (!path || load_one(path) < 0)
				refused++;
		}
		free(found[i]);
	}
	free(found);
	return refused;
}
