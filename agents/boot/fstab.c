// SPDX-License-Identifier: Apache-2.0
/* fstab.c - the fstab generator: what the kernel command line says, then the table; in an initrd the table of the root that it mounts, too. */
#include "boot/fstab.h"

#include <sys/statvfs.h>

#define SYSROOT "/sysroot"

struct table {
	struct generator *g;
	const struct fstab_cmdline *cmdline;
	const char *path;
	bool sysroot; /* of the root that an initrd has mounted */
	bool devices; /* a container has none */
	int worst;
};

static bool is_network(const struct fstab_entry *e)
{
	static const char *const netdev[] = {"_netdev", NULL}, *const types[] = {
								       "afs",   "ceph",     "cifs",
								       "smb3",  "smbfs",    "sshfs",
								       "ncpfs", "ncp",      "nfs",
								       "nfs4",  "gfs",      "gfs2",
								       "ocfs2", "lustre",   "davfs",
								       "pvfs2", "glusterfs"};
	const char *type = str_after(e->type, "fuse.");

	type = type ? type : e->type;
	if (option_is_set(e->options, netdev))
		return true;
	for (size_t i = 0; i < ELEMENTSOF(types); i++)
		if (streq(type, types[i]))
			return true;
	return false;
}

static unsigned entry_flags(const struct fstab_entry *e)
{
	static const struct {
		unsigned flag;
		const char *names[3];
	} rows[] = {
		{FSTAB_MAKEFS, {"x-systemd.makefs"}},
		{FSTAB_GROWFS, {"x-systemd.growfs"}},
		{FSTAB_RW_ONLY, {"x-systemd.rw-only"}},
		{FSTAB_AUTOMOUNT, {"comment=systemd.automount", "x-systemd.automount"}},
	};
	unsigned flags = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (option_is_set(e->options, rows[i].names))
			flags |= rows[i].flag;
	if (option_is_on(e->options, "noauto", "auto"))
		flags |= FSTAB_NOAUTO;
	if (option_is_on(e->options, "nofail", "fail"))
		flags |= FSTAB_NOFAIL;
	return flags;
}

/* Mount units refuse symlinks; the file may have them. As it is where it cannot be followed. */
static int follow_symlinks(const struct table *t, const char *where, char **ret)
{
	int r = path_resolve(t->sysroot ? SYSROOT : NULL, where, ret);

	if (r >= 0 || r == -ENOMEM)
		return r;
	*ret = !t->sysroot         ? strdup(where)
	       : streq(where, "/") ? strdup(SYSROOT "/")
	                           : path_join(SYSROOT, where);
	return *ret ? 0 : -ENOMEM;
}

static int add_mount(struct table *t, const struct fstab_entry *e, const char *what)
{
	auto_free char *where = strdup(e->where), *real = NULL;
	struct fstab_mount m = {.source = t->path,
	                        .dir = t->g->normal,
	                        .what = what,
	                        .type = e->type,
	                        .options = e->options,
	                        .passno = e->passno,
	                        .flags = entry_flags(e),
	                        .target = t->sysroot      ? "initrd-fs.target"
	                                  : is_network(e) ? "remote-fs.target"
	                                                  : "local-fs.target"};
	int r;

	if (!where)
		return -ENOMEM;
	m.where = where;
	if (strchr(where, '/')) {
		path_simplify(where);
		r = follow_symlinks(t, where, &real);
		if (r < 0)
			return r;
		if (!streq(real, where)) {
			m.where = real;
			m.original = where;
		}
	}
	return fstab_add_mount(t->g, &m);
}

static int add_swap(struct table *t, const struct fstab_entry *e, const char *what)
{
	if (!t->cmdline->swap) {
		log_info("Swap is off on the kernel command line, ignoring the entry for '%s'",
		         what);
		return 0;
	}
	return fstab_add_swap(t->g, t->path, what, e->options, entry_flags(e));
}

static int on_entry(const struct fstab_entry *e, void *userdata)
{
	static const char *const initrd[] = {"x-initrd.mount", NULL};
	struct table *t = userdata;
	auto_free char *what = NULL;
	int r;

	if (t->sysroot && !option_is_set(e->options, initrd) && !path_is(e->where, "/usr"))
		return 0;
	r = fstab_device(e->what, &what);
	if (r < 0)
		return r;
	if (path_is_device(what) && !t->devices) {
		log_info("%s:%u: no devices in a container, ignoring the entry for '%s'", t->path,
		         e->line, what);
		return 0;
	}
	r = streq(e->type, "swap") ? add_swap(t, e, what) : add_mount(t, e, what);
	if (r < 0) {
		log_error_errno(r, "%s:%u: no unit for '%s': %m", t->path, e->line, e->where);
		t->worst = r;
	}
	return 0;
}

/* A container manager that gives no devices mounts /sys read-only. */
static bool has_devices(void)
{
	struct statvfs st;

	if (statvfs("/sys", &st) < 0)
		return true;
	return !(st.f_flag & ST_RDONLY) && (access("/sys", W_OK) >= 0 || errno != EROFS);
}

static int read_table(struct generator *g, const struct fstab_cmdline *c, bool sysroot)
{
	const char *told = secure_getenv("SYSTEMD_SYSROOT_FSTAB");
	struct table t = {.g = g,
	                  .cmdline = c,
	                  .path = !sysroot ? fstab_path()
	                          : told   ? told
	                                   : SYSROOT "/etc/fstab",
	                  .sysroot = sysroot,
	                  .devices = has_devices()};
	int r = fstab_read(t.path, on_entry, &t);

	if (r < 0)
		return r == -ENOENT ? 0 : log_error_errno(r, "Failed to read '%s': %m", t.path);
	return t.worst;
}

int fstab_generate(struct generator *g)
{
	struct fstab_cmdline c;
	int worst = fstab_cmdline_read(g, &c), r;

	if (worst >= 0)
		worst = fstab_root_generate(g, &c);
	if (worst != -ENOMEM && c.enabled) {
		r = read_table(g, &c, false);
		if (worst >= 0)
			worst = r;
		r = g->initrd ? read_table(g, &c, true)
		              : generator_link(g->normal, "local-fs.target", "wants",
		                               UNIT_FOLDER "/systemd-remount-fs.service");
		if (worst >= 0)
			worst = r;
	}
	fstab_cmdline_done(&c);
	return worst;
}
