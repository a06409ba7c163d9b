// SPDX-License-Identifier: Apache-2.0
/* fstab-units.c - one entry's mount, automount and swap units. */
#include "boot/fstab.h"

#include "unitfile/unitfile.h"

#define MANUALS "man:fstab(5) man:systemd-fstab-generator(8)"

/* API file systems, and what container managers put over files of theirs. */
static bool mount_point_is_ignored(const char *where)
{
	static const char *const exact[] = {"/sys/fs/selinux", "/dev/console", "/proc/kmsg",
	                                    "/proc/sys", "/proc/sys/kernel/random/boot_id"};

	for (size_t i = 0; i < ELEMENTSOF(exact); i++)
		if (path_is(where, exact[i]))
			return true;
	return mount_point_is_api(where) || path_rest(where, "/run/host");
}

static int put_escaped(struct unit_text *u, const char *key, const char *value)
{
	auto_free char *escaped = specifier_escape(value);

	if (!escaped)
		return -ENOMEM;
	strbuf_printf(&u->text, "%s=%s\n", key, escaped);
	return 0;
}

static int put_options(struct unit_text *u, const char *options)
{
	return str_is_empty(options) || streq(options, "defaults")
	               ? 0
	               : put_escaped(u, "Options", options);
}

/* A block device has its own target, by which it can be waited for or stopped with all that is on it. */
static int put_block_device(struct unit_text *u, const char *what)
{
	auto_free char *name = NULL;
	int r;

	if (!path_rest(what, "/dev"))
		return 0;
	r = unit_name_from_path(what, ".target", &name);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", what);
	strbuf_printf(&u->text, "After=blockdev@%s\n", name);
	return 0;
}

/* ---- dependencies that options ask for ---- */

static int unit_names_of(const char *options, const char *option, char **ret)
{
	auto_strv char **values = NULL, **names = NULL;
	int r = option_values(options, option, &values);

	if (r <= 0)
		return r;
	STRV_FOREACH (v, values) {
		char *name;

		r = unit_name_mangle_with(*v, false, ".mount", &name);
		if (r < 0)
			return log_error_errno(r, "'%s=%s' names no unit: %m", option, *v);
		r = strv_append_consume(&names, name);
		if (r < 0)
			return r;
	}
	*ret = strv_join(names, " ");
	return *ret ? 1 : -ENOMEM;
}

static int put_mounts_for(struct unit_text *u, const char *options)
{
	auto_strv char **values = NULL;
	auto_strbuf struct strbuf b = {0};
	int r = option_values(options, "x-systemd.requires-mounts-for", &values);

	if (r <= 0)
		return r;
	STRV_FOREACH (v, values) {
		auto_free char *escaped = specifier_escape(*v);

		if (!escaped)
			return -ENOMEM;
		strbuf_printf(&b, "%s%s", v == values ? "" : " ", escaped);
	}
	strbuf_printf(&u->text, "RequiresMountsFor=%s\n", b.data);
	return b.error;
}

static int put_dependencies(struct unit_text *u, const char *options)
{
	static const struct {
		const char *option;
		const char *keys[2];
	} rows[] = {
		{"x-systemd.after", {"After"}},
		{"x-systemd.requires", {"After", "Requires"}},
		{"x-systemd.before", {"Before"}},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *names = NULL;
		int r = unit_names_of(options, rows[i].option, &names);

		if (r < 0)
			return r;
		for (size_t k = 0; r > 0 && k < 2 && rows[i].keys[k]; k++)
			strbuf_printf(&u->text, "%s=%s\n", rows[i].keys[k], names);
	}
	return put_mounts_for(u, options);
}

/* ---- mounts ---- */

/* The root is there already, and nobody can decide otherwise. */
static void root_is_needed(struct fstab_mount *m, char ***wanted_by, char ***required_by)
{
	static const struct {
		unsigned flag;
		const char *name;
	} rows[] = {{FSTAB_NOAUTO, "noauto"},
	            {FSTAB_NOFAIL, "nofail"},
	            {FSTAB_AUTOMOUNT, "x-systemd.automount"}};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (m->flags & rows[i].flag)
			log_warning("Ignoring option '%s' of the root file system", rows[i].name);
		m->flags &= ~rows[i].flag;
	}
	if (*wanted_by || *required_by)
		log_warning("Ignoring option '%s' of the root file system",
		            *wanted_by ? "x-systemd.wanted-by" : "x-systemd.required-by");
	*wanted_by = strv_free(*wanted_by);
	*required_by = strv_free(*required_by);
}

static int put_mount_section(struct generator *g, struct unit_text *u, const struct fstab_mount *m)
{
	static const char *const timeout[] = {"x-systemd.mount-timeout", NULL};
	auto_free char *rest = NULL;
	int r;

	strbuf_puts(&u->text, "\n[Mount]\n");
	r = put_escaped(u, "What", m->what);
	if (r < 0)
		return r;
	if (m->original)
		strbuf_printf(&u->text, "# Canonicalized from %s\n", m->original);
	r = put_escaped(u, "Where", m->where);
	if (r >= 0 && !str_is_empty(m->type) && !streq(m->type, "auto"))
		r = put_escaped(u, "Type", m->type);
	if (r >= 0)
		r = fstab_device_timeout(m->dir, m->what, m->where, m->options, &rest);
	if (r >= 0)
		r = fstab_device_network(g, m);
	if (r >= 0)
		r = fstab_timeout(u, m->where, m->options, timeout, "TimeoutSec");
	if (r >= 0)
		r = put_options(u, rest);
	if (r >= 0 && m->flags & FSTAB_RW_ONLY)
		strbuf_puts(&u->text, "ReadWriteOnly=yes\n");
	return r;
}

static int write_mount(struct generator *g, const char *name, const struct fstab_mount *m)
{
	auto_unit_text struct unit_text u = {.fd = -EBADF};
	int r = unit_text_begin(&u, m->dir, m->source, name);

	if (r < 0)
		return r;
	strbuf_printf(&u.text, "[Unit]\nDocumentation=" MANUALS "\nSourcePath=%s\n", m->source);
	r = put_dependencies(&u, m->options);
	if (r < 0)
		return r;
	if (m->target && !(m->flags & (FSTAB_NOFAIL)))
		strbuf_printf(&u.text, "Before=%s\n", m->target);
	if (m->passno) {
		r = fstab_fsck(g, &u, m);
		if (r < 0)
			return r;
	}
	r = put_block_device(&u, m->what);
	if (r >= 0)
		r = put_mount_section(g, &u, m);
	return r < 0 ? r : unit_text_end(&u);
}

static int write_automount(const char *name, const struct fstab_mount *m)
{
	static const char *const timeout[] = {"x-systemd.idle-timeout", NULL};
	auto_unit_text struct unit_text u = {.fd = -EBADF};
	int r = unit_text_begin(&u, m->dir, m->source, name);

	if (r < 0)
		return r;
	strbuf_printf(&u.text, "[Unit]\nSourcePath=%s\nDocumentation=" MANUALS "\n\n[Automount]\n",
	              m->source);
	r = put_escaped(&u, "Where", m->where);
	if (r >= 0)
		r = fstab_timeout(&u, m->where, m->options, timeout, "TimeoutIdleSec");
	return r < 0 ? r : unit_text_end(&u);
}

static const char *link_kind(unsigned flags)
{
	return flags & FSTAB_NOFAIL ? "wants" : "requires";
}

static int add_automount(const struct fstab_mount *m)
{
	auto_free char *name = NULL;
	int r = unit_name_from_path(m->where, ".automount", &name);

	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", m->where);
	r = write_automount(name, m);
	return r < 0 ? r : generator_link(m->dir, m->target, link_kind(m->flags), name);
}

static int link_all(const char *dir, char *const *units, const char *kind, const char *name)
{
	STRV_FOREACH (u, units) {
		int r = generator_link(dir, *u, kind, name);

		if (r < 0)
			return r;
	}
	return 0;
}

/* mount.nfs would go to the background by itself; the unit does that, with mount.nfs's own time for it. */
static int background_to_unit(struct fstab_mount *m, char **ret)
{
	if (!m->type || (!streq(m->type, "nfs") && !streq(m->type, "nfs4")) ||
	    m->flags & FSTAB_AUTOMOUNT || !option_is_on(m->options, "bg", "fg"))
		return 0;
	*ret = str_printf("x-systemd.mount-timeout=infinity,retry=10000,nofail,%s,fg", m->options);
	if (!*ret)
		return -ENOMEM;
	m->options = *ret;
	m->flags |= FSTAB_NOFAIL;
	return 0;
}

/* What waits for it: those whom its options name, else its target. */
static int hook_up(const struct fstab_mount *m, const char *name, char *const *wanted_by,
                   char *const *required_by)
{
	int r;

	if (m->flags & FSTAB_AUTOMOUNT)
		return add_automount(m);
	if (!wanted_by && !required_by)
		return m->flags & FSTAB_NOAUTO
		               ? 0
		               : generator_link(m->dir, m->target, link_kind(m->flags), name);
	r = link_all(m->dir, wanted_by, "wants", name);
	return r < 0 ? r : link_all(m->dir, required_by, "requires", name);
}

int fstab_add_mount(struct generator *g, const struct fstab_mount *entry)
{
	auto_strv char **wanted_by = NULL, **required_by = NULL;
	auto_free char *name = NULL, *background = NULL;
	struct fstab_mount m = *entry;
	int r;

	if (m.type && streq(m.type, "autofs"))
		return 0;
	if (!strchr(m.where, '/')) {
		log_warning("Mount point '%s' is no path, ignoring it", m.where);
		return 0;
	}
	if (mount_point_is_ignored(m.where))
		return 0;
	r = option_values(m.options, "x-systemd.wanted-by", &wanted_by);
	if (r >= 0)
		r = option_values(m.options, "x-systemd.required-by", &required_by);
	if (r < 0)
		return r;
	if (streq(m.where, "/"))
		root_is_needed(&m, &wanted_by, &required_by);
	r = unit_name_from_path(m.where, ".mount", &name);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", m.where);
	r = background_to_unit(&m, &background);
	if (r >= 0)
		r = write_mount(g, name, &m);
	if (r >= 0 && m.flags & FSTAB_MAKEFS)
		r = fstab_makefs(g, &m);
	if (r >= 0 && m.flags & FSTAB_GROWFS)
		r = fstab_growfs(&m);
	return r < 0 ? r : hook_up(&m, name, wanted_by, required_by);
}

/* ---- swap ---- */

static int write_swap(struct generator *g, const char *name, const char *source, const char *what,
                      const char *options)
{
	auto_unit_text struct unit_text u = {.fd = -EBADF};
	int r = unit_text_begin(&u, g->normal, source, name);

	if (r < 0)
		return r;
	strbuf_printf(&u.text, "[Unit]\nDocumentation=" MANUALS "\nSourcePath=%s\n", source);
	r = put_block_device(&u, what);
	if (r < 0)
		return r;
	strbuf_puts(&u.text, "\n[Swap]\n");
	r = put_escaped(&u, "What", what);
	if (r >= 0)
		r = put_options(&u, options);
	return r < 0 ? r : unit_text_end(&u);
}

int fstab_add_swap(struct generator *g, const char *source, const char *what, const char *options,
                   unsigned flags)
{
	auto_free char *name = NULL, *rest = NULL;
	int r;

	if (g->container || access("/proc/swaps", F_OK) < 0) {
		log_info("No swap %s, ignoring the entry for '%s'",
		         g->container ? "in a container" : "in this kernel", what);
		return 0;
	}
	r = unit_name_from_path(what, ".swap", &name);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", what);
	r = write_swap(g, name, source, what, options);
	if (r >= 0)
		r = fstab_device_timeout(g->normal, what, NULL, options, &rest);
	if (r >= 0 && flags & FSTAB_MAKEFS)
		r = fstab_mkswap(g, what);
	if (r >= 0 && flags & FSTAB_GROWFS)
		log_warning("'%s' is swap, which cannot be grown", what);
	if (r < 0 || flags & FSTAB_NOAUTO)
		return r;
	return generator_link(g->normal, "swap.target", link_kind(flags), name);
}
