// SPDX-License-Identifier: Apache-2.0
/* From a mount's settings, or from what the kernel shows, to its dependencies: systemd.mount(5). */
#include "types/mount.h"

const char *mount_what(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);

	return m->kernel_what ? m->kernel_what : c ? c->what : NULL;
}

const char *mount_options(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);

	return m->kernel_options ? m->kernel_options : c ? c->options : NULL;
}

const char *mount_type(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);

	return m->kernel_type ? m->kernel_type : c ? c->fs_type : NULL;
}

bool mount_has_file(const struct mount *m)
{
	return m->unit.file && m->unit.file->fragment_path;
}

static int refuse(const struct unit *u, struct diag *d, const char *why)
{
	return diag_add(d, -ENOEXEC, DIAG_ERROR,
	                u->file->fragment_path ? u->file->fragment_path : u->id, 0, "%s. Refusing",
	                why);
}

static int verify(struct mount *m, struct diag *d)
{
	const struct mount_settings *c = mount_settings(m);
	struct unit *u = &m->unit;
	auto_free char *name = NULL;
	int r;

	if (c && c->where)
		r = str_set(&m->where, c->where);
	else
		r = m->where ? 0 : unit_name_to_path(u->id, &m->where);
	if (r < 0)
		return r;
	path_simplify(m->where);
	r = unit_name_from_path(m->where, ".mount", &name);
	if (r < 0)
		return r;
	if (!streq(name, u->id))
		return refuse(u, d, "Where= setting doesn't match unit name");
	if (mount_has_file(m) && (!c || str_is_empty(c->what)) && !u->perpetual)
		return refuse(u, d, "What= setting is missing");
	if (mount_has_file(m) && mount_point_is_ignored(m->where))
		return refuse(u, d, "Cannot create mount unit for API file system");
	return 0;
}

/* The root and what init mounted: there before and after all units. */
bool mount_is_extrinsic(const struct unit *u)
{
	const struct mount *m = MOUNT(u);

	return streq(m->where, "/") || streq(m->where, "/usr") || streq(m->where, "/etc") ||
	       path_below(m->where, "/run/initramfs") || path_below(m->where, "/proc") ||
	       path_below(m->where, "/sys") || path_below(m->where, "/dev") ||
	       mount_option_is_set(mount_options(m), "x-initrd.mount");
}

static int add_parents(struct mount *m)
{
	auto_free char *parent = NULL;

	if (streq(m->where, "/"))
		return 0;
	parent = path_dirname(m->where);
	return parent ? unit_require_mounts_for(&m->unit, parent) : -ENOMEM;
}

static bool is_bind(const char *options)
{
	return mount_option_is_set(options, "bind") || mount_option_is_set(options, "rbind");
}

static int add_source(struct mount *m)
{
	const char *what = mount_what(m), *options = mount_options(m);

	if (!what || *what != '/')
		return 0;
	if (is_bind(options) || mount_option_is_set(options, "loop") || !is_device_path(what)) {
		if (m->is_mounted && !mount_has_file(m))
			return 0; /* a bind mount shows the path within its file system, not where
			             that is */
		return unit_require_mounts_for(&m->unit, what);
	}
	/* The root's device is needed for as long as there is anything; stopping for it would be
	 * the end. */
	if (streq(m->where, "/"))
		return dependencies_add_device(&m->unit, what, DEP_AFTER);
	return dependencies_add_device(
		&m->unit, what,
		mount_has_file(m) || mount_option_is_set(options, "x-systemd.device-bound")
			? DEP_BINDS_TO
			: DEP_REQUIRES);
}

static int add_default(struct mount *m)
{
	static const struct dependency_row remote[] = {
		{DEP_AFTER, DEP_INVALID, "remote-fs-pre.target"},
		{DEP_AFTER, DEP_INVALID, "network.target"},
		{DEP_AFTER, DEP_WANTS, "network-online.target"},
	};
	struct unit *u = &m->unit;
	const char *options = mount_options(m), *type = mount_type(m);
	bool is_remote = mount_is_network(type, options);
	int r;

	if (!u->file->unit.default_dependencies || mount_is_extrinsic(u))
		return 0;
	if (is_remote)
		r = dependencies_add(u, remote, ELEMENTSOF(remote));
	else
		r = unit_add_dependency_by_name(u, DEP_AFTER, "local-fs-pre.target");
	if (r >= 0 && !mount_option_is_set(options, "nofail"))
		r = unit_add_dependency_by_name(u, DEP_BEFORE,
		                                is_remote ? "remote-fs.target" : "local-fs.target");
	if (r >= 0)
		r = unit_add_two_dependencies_by_name(u, DEP_BEFORE, DEP_CONFLICTS,
		                                      "umount.target");
	/* Swap must outlive tmpfs at shutdown, or its pages have nowhere to go. */
	if (r >= 0 && streq_ptr(type, "tmpfs"))
		r = unit_add_dependency_by_name(u, DEP_AFTER, "swap.target");
	return r;
}

static int add_quota(struct mount *m)
{
	static const char *const words[] = {"usrquota", "grpquota", "quota", "usrjquota",
	                                    "grpjquota"};
	static const char *const services[] = {"systemd-quotacheck.service", "quotaon.service"};
	const char *options = mount_options(m);
	bool wanted = false;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		wanted = wanted || mount_option_is_set(options, words[i]);
	if (!wanted || is_bind(options) || mount_is_network(mount_type(m), options) ||
	    !mount_has_file(m))
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(services) && r >= 0; i++)
		r = unit_add_two_dependencies_by_name(&m->unit, DEP_BEFORE, DEP_WANTS, services[i]);
	return r;
}

static int load_root(struct unit *u)
{
	int r = describe_by_default(u, "Root Mount", "");

	u->file->unit.default_dependencies = false;
	/* The journal's sockets are on it: a wish for them would be a ring. */
	return r < 0 ? r
	             : unit_file_set(u->file, &u->manager->context, "Mount", "StandardOutput",
	                             "null", NULL);
}

int mount_load(struct unit *u, struct diag *d)
{
	struct mount *m = MOUNT(u);
	int r;

	r = verify(m, d);
	if (r >= 0)
		r = u->perpetual ? load_root(u) : describe_by_default(u, "", m->where);
	if (r >= 0)
		r = add_parents(m);
	if (r >= 0)
		r = add_source(m);
	if (r >= 0)
		r = dependencies_add_exec(u);
	if (r >= 0)
		r = add_quota(m);
	return r < 0 ? r : add_default(m);
}
