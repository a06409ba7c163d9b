// SPDX-License-Identifier: Apache-2.0
/* Dependencies that a unit's settings imply: systemd.exec(5), systemd.resource-control(5) and the
 * types' own pages. */
#include "types/common.h"
#include "unitfile/word.h"

int dependencies_add(struct unit *u, const struct dependency_row *rows, size_t n)
{
	int r;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].second == DEP_INVALID)
			r = unit_add_dependency_by_name(u, rows[i].first, rows[i].name);
		else
			r = unit_add_two_dependencies_by_name(u, rows[i].first, rows[i].second,
			                                      rows[i].name);
		if (r < 0)
			return r;
	}
	return 0;
}

bool is_device_path(const char *path)
{
	return path && (str_after(path, "/dev/") || str_after(path, "/sys/"));
}

int dependencies_add_device(struct unit *u, const char *node, enum unit_dependency d)
{
	auto_free char *name = NULL;
	int r;

	if (!is_device_path(node))
		return 0;
	r = unit_name_from_path(node, ".device", &name);
	if (r < 0)
		return r == -EINVAL || r == -ENAMETOOLONG ? 0 : r;
	return d == DEP_AFTER ? unit_add_dependency_by_name(u, DEP_AFTER, name)
	                      : unit_add_two_dependencies_by_name(u, DEP_AFTER, d, name);
}

static const char *const directory_prefix[EXEC_DIRECTORY_MAX] = {
	[EXEC_DIRECTORY_RUNTIME] = "/run",       [EXEC_DIRECTORY_STATE] = "/var/lib",
	[EXEC_DIRECTORY_CACHE] = "/var/cache",   [EXEC_DIRECTORY_LOGS] = "/var/log",
	[EXEC_DIRECTORY_CONFIGURATION] = "/etc",
};

static int add_directories(struct unit *u, const struct exec_settings *s)
{
	int r;

	if (s->working_directory && !s->working_directory_missing_ok) {
		r = unit_require_mounts_for(u, s->working_directory);
		if (r < 0)
			return r;
	}
	if (s->root_directory) {
		r = unit_require_mounts_for(u, s->root_directory);
		if (r < 0)
			return r;
	}
	if (s->root_image) {
		r = unit_require_mounts_for(u, s->root_image);
		if (r < 0)
			return r;
	}
	for (int i = 0; i < EXEC_DIRECTORY_MAX; i++) {
		STRV_FOREACH (p, s->directories[i].paths) {
			auto_strv char **parts = NULL;
			auto_free char *path = NULL;

			r = colon_split(*p, &parts);
			if (r < 0)
				return r;
			path = path_join(directory_prefix[i], parts[0]);
			r = path ? unit_require_mounts_for(u, path) : -ENOMEM;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static bool has_directories_to_write(const struct exec_settings *s)
{
	return s->directories[EXEC_DIRECTORY_STATE].paths ||
	       s->directories[EXEC_DIRECTORY_CACHE].paths ||
	       s->directories[EXEC_DIRECTORY_LOGS].paths;
}

static bool output_is_logged(enum exec_output o)
{
	return o == EXEC_OUTPUT_JOURNAL || o == EXEC_OUTPUT_JOURNAL_AND_CONSOLE ||
	       o == EXEC_OUTPUT_KMSG || o == EXEC_OUTPUT_KMSG_AND_CONSOLE;
}

static bool uses_tty(const struct exec_settings *s)
{
	return s->std_input == EXEC_INPUT_TTY || s->std_input == EXEC_INPUT_TTY_FORCE ||
	       s->std_input == EXEC_INPUT_TTY_FAIL || s->std_output == EXEC_OUTPUT_TTY ||
	       s->std_error == EXEC_OUTPUT_TTY || s->tty_reset || s->tty_vhangup ||
	       s->tty_vt_disallocate;
}

int dependencies_add_exec(struct unit *u)
{
	const struct exec_settings *s = u->file->exec;
	int r;

	if (!s)
		return 0;
	r = add_directories(u, s);
	if (r < 0)
		return r;
	if (has_directories_to_write(s)) {
		/* What is below /var may be on the root, which is writable only then. */
		r = unit_add_dependency_by_name(u, DEP_AFTER, "systemd-remount-fs.service");
		if (r < 0)
			return r;
	}
	if (s->private_tmp) {
		/* A weak one, so that tmp.mount can be masked. */
		r = unit_add_two_dependencies_by_name(u, DEP_AFTER, DEP_WANTS, "tmp.mount");
		if (r >= 0)
			r = unit_require_mounts_for(u, "/var/tmp");
		if (r >= 0)
			r = unit_add_dependency_by_name(u, DEP_AFTER,
			                                "systemd-tmpfiles-setup.service");
		if (r < 0)
			return r;
	}
	if (s->root_image) {
		/* An image needs its loop device: udev must have settled. */
		r = unit_add_dependency_by_name(u, DEP_AFTER, "systemd-udevd.service");
		if (r < 0)
			return r;
	}
	if (uses_tty(s) && s->tty_path && !streq(s->tty_path, "/dev/console")) {
		r = dependencies_add_device(u, s->tty_path, DEP_AFTER);
		if (r < 0)
			return r;
	}
	if (output_is_logged(s->std_output) || output_is_logged(s->std_error))
		return unit_add_dependency_by_name(u, DEP_AFTER, "systemd-journald.socket");
	return 0;
}

static int triggered_name(const struct unit *u, const char *name, const char *suffix, char **ret)
{
	if (str_is_empty(name))
		return unit_name_change_suffix(u->id, suffix, ret);
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

int dependencies_add_triggered(struct unit *u, const char *name, const char *suffix)
{
	auto_free char *full = NULL;
	int r;

	r = triggered_name(u, name, suffix, &full);
	return r < 0 ? r : unit_add_two_dependencies_by_name(u, DEP_BEFORE, DEP_TRIGGERS, full);
}

struct unit *triggered_unit(const struct unit *u, const char *name, const char *suffix)
{
	auto_free char *full = NULL;

	return triggered_name(u, name, suffix, &full) < 0 ? NULL
	                                                  : manager_get_unit(u->manager, full);
}

int kernel_unit_add(struct manager *m, const char *name, struct unit **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	struct unit *u = manager_get_unit(m, name);
	int r;

	if (u && u->load_state != LOAD_STUB && u->load_state != LOAD_NOT_FOUND) {
		*ret = u;
		return 0;
	}
	if (m->index)
		r = unit_file_load(m->index, &m->context, name, NULL, &f);
	else
		r = unit_file_new_empty(&m->context, name, &f);
	if (r < 0)
		return r;
	/* An alias would be another unit: rare for a name that comes from a path, and then the
	 * loader sorts it out. */
	if (f->id && !streq(f->id, name)) {
		r = manager_load_unit(m, name, NULL, ret);
		return r < 0 ? r : 0;
	}
	/* The kernel is the file. Drop-ins that were found without a fragment stay in force. */
	if (f->load_state == LOAD_NOT_FOUND)
		f->load_state = LOAD_LOADED;
	r = manager_add_unit(m, name, TAKE_PTR(f), ret);
	return r < 0 ? r : 1;
}

int kernel_units_collect(const struct manager *m, enum unit_type type, struct unit ***ret,
                         size_t *ret_n)
{
	struct unit **v = calloc(map_size(m->units) + 1, sizeof(struct unit *)), *u;
	const void *key;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; map_next(m->units, &i, &key, (void **) &u);)
		if (u->ops->type == type && streq(key, u->id) && u->load_state != LOAD_MERGED)
			v[n++] = u;
	*ret = v;
	*ret_n = n;
	return 0;
}
