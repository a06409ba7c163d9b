// SPDX-License-Identifier: Apache-2.0
/* fstab-hooks.c - what is around a mount or swap unit: its file system is checked, made or grown, its device waited for. */
#include "boot/fstab.h"

#include "unitfile/unitfile.h"

#define PROGRAMS "/lib/systemd/"

/* ---- fsck ---- */

static bool program_exists(const char *name)
{
	static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
	                                      "/usr/bin",        "/sbin",          "/bin"};

	for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
		auto_free char *path = path_join(folders[i], name);

		if (path && access(path, X_OK) >= 0)
			return true;
	}
	return false;
}

/* No type, or a path in one: only fsck(8) itself can tell. */
static bool fsck_exists(const char *type)
{
	auto_free char *name = str_printf("fsck.%s", type);

	return name && program_exists(name);
}

/* In an initrd the device of the root is checked by a unit with the name that the machine's own will have, and is not checked again. */
static int write_initrd_fsck(const struct fstab_mount *m, const char *unit, const char *after)
{
	auto_unit_text struct unit_text u = {.fd = -EBADF};
	auto_free char *device = NULL, *escaped = specifier_escape(m->what),
		       *word = escaped ? c_escape(escaped) : NULL;
	int r;

	if (!word)
		return -ENOMEM;
	r = unit_name_from_path(m->what, ".device", &device);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", m->what);
	r = unit_text_begin(&u, m->dir, NULL, unit);
	if (r < 0)
		return r;
	strbuf_printf(&u.text,
	              "[Unit]\nDescription=File System Check on %s\nDocumentation=man:%s(8)\n"
	              "DefaultDependencies=no\nBindsTo=%s\nConflicts=shutdown.target\n"
	              "After=%slocal-fs-pre.target %s\nBefore=shutdown.target\n\n"
	              "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
	              "ExecStart=" PROGRAMS "systemd-fsck %s\nTimeoutSec=0\n",
	              escaped, unit, device, after, device, word);
	return unit_text_end(&u);
}

/* What an initrd mounts for the machine, and who checks it. */
struct initrd_fsck {
	const char *where, *unit, *after;
};

static const struct initrd_fsck *initrd_fsck(const struct generator *g, const char *where)
{
	static const struct initrd_fsck rows[] = {
		{"/sysroot", "systemd-fsck-root.service", "initrd-root-device.target "},
		{"/sysusr/usr", "systemd-fsck-usr.service", ""},
	};

	for (size_t i = 0; g->initrd && i < ELEMENTSOF(rows); i++)
		if (path_is(where, rows[i].where))
			return &rows[i];
	return NULL;
}

/* Who checks, and how the mount unit depends on it. */
static int fsck_unit(struct generator *g, const struct fstab_mount *m, const char **ret_kind,
                     char **ret)
{
	const struct initrd_fsck *early = initrd_fsck(g, m->where);
	int r;

	*ret_kind = "Requires";
	if (early) {
		r = write_initrd_fsck(m, early->unit, early->after);
		if (r < 0)
			return r;
		*ret = strdup(early->unit);
		return *ret ? 0 : -ENOMEM;
	}
	/* /usr may have been mounted by the initrd, which checked it: then the unit's start is refused, and that must not matter. */
	if (streq(m->where, "/usr"))
		*ret_kind = "Wants";
	return unit_name_for_path("systemd-fsck", m->what, ret);
}

int fstab_fsck(struct generator *g, struct unit_text *u, const struct fstab_mount *m)
{
	auto_free char *unit = NULL;
	const char *kind;
	int r;

	if (g->initrd && (streq(m->where, "/") || streq(m->where, "/usr")))
		return 0;
	if (!path_is_device(m->what)) {
		log_warning("'%s' is no device, it cannot be checked", m->what);
		return 0;
	}
	if (str_is_empty(m->type) || streq(m->type, "auto") ? !program_exists("fsck")
	                                                    : !fsck_exists(m->type))
		return 0;
	if (streq(m->where, "/"))
		return generator_link(m->dir, "local-fs.target", "wants",
		                      UNIT_FOLDER "/systemd-fsck-root.service");
	r = fsck_unit(g, m, &kind, &unit);
	if (r < 0)
		return log_error_errno(r, "Failed to have '%s' checked: %m", m->what);
	strbuf_printf(&u->text, "%s=%s\nAfter=%s\n", kind, unit, unit);
	return 0;
}

/* ---- makefs, mkswap, growfs ---- */

/* DIR/UNIT, a service on a device or mount, needed by @needed_by. */
static int write_service(const char *dir, const char *unit, const char *needed_by, const char *kind,
                         const char *body)
{
	auto_unit_text struct unit_text u = {.fd = -EBADF};
	int r = unit_text_begin(&u, dir, NULL, unit);

	if (r < 0)
		return r;
	strbuf_puts(&u.text, body);
	r = unit_text_end(&u);
	return r < 0 ? r : generator_link(dir, needed_by, kind, unit);
}

#define ONESHOT "\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" PROGRAMS

static int make_what(const char *dir, const char *what, const char *kind, const char *needed_by,
                     const char *title, const char *before, const char *type)
{
	auto_free char *prefix = str_printf("systemd-%s", kind), *unit = NULL, *body = NULL,
		       *word = c_escape(what);
	int r;

	if (!prefix || !word)
		return -ENOMEM;
	if (!path_is_device(what))
		return log_error_errno(-EINVAL, "'%s' is no device, it cannot be formatted", what);
	r = unit_name_for_path(prefix, what, &unit);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", what);
	body = str_printf("[Unit]\nDescription=%s on %%f\nDocumentation=man:%s@.service(8)\n"
	                  "DefaultDependencies=no\nBindsTo=%%i.device\nConflicts=shutdown.target\n"
	                  "After=%%i.device\nBefore=shutdown.target %s%s%s\n" ONESHOT
	                  "systemd-makefs %s %s\nTimeoutSec=0\n",
	                  title, prefix, before, *before ? " " : "", needed_by, type, word);
	return body ? write_service(dir, unit, needed_by, "requires", body) : -ENOMEM;
}

int fstab_makefs(struct generator *g, const struct fstab_mount *m)
{
	const struct initrd_fsck *early = initrd_fsck(g, m->where);
	auto_free char *mount = NULL;
	int r;

	if (str_is_empty(m->type) || streq(m->type, "auto"))
		return log_error_errno(
			-EINVAL, "The type of the file system to be made on '%s' is not given",
			m->what);
	r = unit_name_from_path(m->where, ".mount", &mount);
	return r < 0 ? r
	             : make_what(m->dir, m->what, "makefs", mount, "Make File System",
	                         early ? early->unit : "systemd-fsck@%i.service", m->type);
}

int fstab_mkswap(struct generator *g, const char *what)
{
	auto_free char *swap = NULL;
	int r = unit_name_from_path(what, ".swap", &swap);

	return r < 0 ? r : make_what(g->normal, what, "mkswap", swap, "Make Swap", "", "swap");
}

int fstab_growfs(const struct fstab_mount *m)
{
	auto_free char *unit = NULL, *mount = NULL, *body = NULL, *word = c_escape(m->where);
	int r;

	if (!word)
		return -ENOMEM;
	r = unit_name_for_path("systemd-growfs", m->where, &unit);
	if (r >= 0)
		r = unit_name_from_path(m->where, ".mount", &mount);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", m->where);
	/* Growing a root that is still read-only fails. */
	body = str_printf("[Unit]\nDescription=Grow File System on %%f\n"
	                  "Documentation=man:systemd-growfs@.service(8)\nDefaultDependencies=no\n"
	                  "BindsTo=%%i.mount\nConflicts=shutdown.target\n"
	                  "After=systemd-repart.service %%i.mount\nBefore=shutdown.target%s%s\n"
	                  "%s" ONESHOT "systemd-growfs %s\nTimeoutSec=0\n",
	                  m->target ? " " : "", m->target ? m->target : "",
	                  streq(m->where, "/") ? "After=systemd-remount-fs.service\n" : "", word);
	return body ? write_service(m->dir, unit, mount, "wants", body) : -ENOMEM;
}

/* ---- devices ---- */

int fstab_device_timeout(const char *dir, const char *what, const char *where, const char *options,
                         char **ret_options)
{
	static const char *const names[] = {"comment=systemd.device-timeout",
	                                    "x-systemd.device-timeout", NULL};
	auto_free char *value = NULL, *device = NULL, *head = NULL, *body = NULL;
	usec_t span;
	int r = option_value(options, names, &value, ret_options);

	if (r <= 0)
		return r;
	r = value ? span_parse(value, USEC_PER_SEC, &span) : -EINVAL;
	if (r < 0) {
		log_warning("Ignoring the time that '%s' is given for its device: '%s' is none",
		            where ? where : what, value ? value : "");
		return 0;
	}
	if (!path_is_device(what)) {
		log_warning("Ignoring x-systemd.device-timeout of '%s', which is no device", what);
		return 0;
	}
	r = unit_name_from_path(what, ".device", &device);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", what);
	head = str_printf("# from supplied options \"%s\"\n", options);
	body = str_printf("[Unit]\nJobRunningTimeoutSec=%s\n", value);
	return head && body ? generator_drop_in(dir, device, "device-timeout", head, body)
	                    : -ENOMEM;
}

/* What the machine needs as long as it runs is not taken away when the network is. */
static bool mount_is_extrinsic(const struct generator *g, const struct fstab_mount *m)
{
	static const char *const exact[] = {"/", "/usr", "/etc"},
				 *const below[] = {"/run/initramfs", "/proc", "/sys", "/dev"},
				 *const initrd[] = {"x-initrd.mount", NULL};

	for (size_t i = 0; i < ELEMENTSOF(exact); i++)
		if (streq(m->where, exact[i]))
			return true;
	for (size_t i = 0; i < ELEMENTSOF(below); i++)
		if (path_rest(m->where, below[i]))
			return true;
	return option_is_set(m->options, initrd) && !g->initrd;
}

int fstab_device_network(struct generator *g, const struct fstab_mount *m)
{
	static const char *const netdev[] = {"_netdev", NULL};
	auto_free char *device = NULL;
	int r;

	if (mount_is_extrinsic(g, m) || !option_is_set(m->options, netdev) ||
	    !path_is_device(m->what))
		return 0;
	r = unit_name_from_path(m->what, ".device", &device);
	if (r < 0)
		return log_error_errno(r, "Failed to make a unit's name of '%s': %m", m->what);
	return generator_drop_in(m->dir, device, "netdev-dependencies", NULL,
	                         "[Unit]\nAfter=network-online.target network.target\n"
	                         "Wants=network-online.target\n");
}

int fstab_timeout(struct unit_text *u, const char *where, const char *options,
                  const char *const *names, const char *variable)
{
	auto_free char *value = NULL;
	char text[SPAN_TEXT_MAX];
	usec_t span;
	int r = option_value(options, names, &value, NULL);

	if (r <= 0)
		return r;
	r = value ? span_parse(value, USEC_PER_SEC, &span) : -EINVAL;
	if (r < 0) {
		log_warning("Ignoring %s of '%s': '%s' is no time", names[0], where,
		            value ? value : "");
		return 0;
	}
	/* No time is no limit. */
	strbuf_printf(&u->text, "%s=%s\n", variable,
	              span_format(text, sizeof(text), span ? span : USEC_INFINITY, 0));
	return 0;
}
