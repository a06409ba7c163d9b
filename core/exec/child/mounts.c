// SPDX-License-Identifier: Apache-2.0
#include "exec/child/mounts.h"

#include "exec/exec-internal.h"
#include "unitfile/word.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNTS_MAX    4096
#define NO_INVOCATION "00000000000000000000000000000000"
#define EMPTY_FOLDER  "/run/systemd/empty"

/* ---- the table ---- */

/* One entry a path (and root): the same path named twice gets the sum of both, the stricter one
 * winning. */
static int table_get(struct mount_table *t, const char *path, bool outside,
                     struct mount_entry **ret)
{
	struct mount_entry *bigger, *e;

	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].outside == outside && streq(t->entries[i].path, path)) {
			*ret = &t->entries[i];
			return 0;
		}
	if (t->n >= MOUNTS_MAX)
		return -E2BIG;
	bigger = realloc(t->entries, (t->n + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->entries = bigger;
	e = &t->entries[t->n];
	*e = (struct mount_entry){.path = strdup(path),
	                          .outside = outside,
	                          .read_only = -1,
	                          .no_exec = -1,
	                          .tree = -EBADF,
	                          .optional = true};
	if (!e->path)
		return -ENOMEM;
	path_simplify(e->path);
	t->n++;
	*ret = e;
	return 1;
}

struct wanted {
	enum mount_content content;
	int read_only, no_exec;
	bool optional;
};
static const struct wanted want_read_only = {CONTENT_SAME, 1, -1, true},
			   want_keep = {CONTENT_KEEP, -1, -1, true},
			   want_inaccessible = {CONTENT_INACCESSIBLE, -1, -1, true};

static int table_want(struct mount_table *t, const char *path, bool outside, const struct wanted *w)
{
	struct mount_entry *e;
	int r = table_get(t, path, outside, &e);

	if (r < 0)
		return r;
	if (w->content > e->content)
		e->content = w->content;
	e->read_only = MAX(e->read_only, w->read_only);
	e->no_exec = e->no_exec >= 0 && w->no_exec >= 0 ? MIN(e->no_exec, w->no_exec)
	                                                : MAX(e->no_exec, w->no_exec);
	e->optional &= w->optional;
	/* Read-only beats writable. */
	if (e->read_only == 1 && e->content == CONTENT_KEEP)
		e->content = CONTENT_SAME;
	return 0;
}

/* "-" : may be missing; "+": below RootDirectory=. */
static int table_want_list(struct child *c, struct mount_table *t, char *const *paths,
                           enum mount_content content, int read_only, int no_exec)
{
	STRV_FOREACH (p, paths) {
		const char *path = *p;
		struct wanted w = {content, read_only, no_exec, false};
		bool inside = false;
		int r;

		for (; *path == '-' || *path == '+'; path++) {
			w.optional |= *path == '-';
			inside |= *path == '+';
		}
		r = table_want(t, path, child_has_root(c) && !inside, &w);
		if (r < 0)
			return r;
	}
	return 0;
}

static int table_want_all(struct mount_table *t, const char *const *paths, const struct wanted *w)
{
	int r = 0;

	for (; *paths && r >= 0; paths++)
		r = table_want(t, *paths, false, w);
	return r;
}

/* A path that gets another content. */
static int table_replace(struct mount_table *t, const char *path, enum mount_content content,
                         const char *source, const char *options, unsigned attributes,
                         struct mount_entry **ret)
{
	struct mount_entry *e;
	int r = table_get(t, path, false, &e);

	if (r < 0)
		return r;
	e->source = source ? strdup(source) : NULL;
	e->options = options ? strdup(options) : NULL;
	if ((source && !e->source) || (options && !e->options))
		return -ENOMEM;
	e->content = MAX(e->content, content);
	e->attributes = attributes;
	e->make = content == CONTENT_BIND || content == CONTENT_FS;
	e->optional = false;
	if (ret)
		*ret = e;
	return 0;
}

/* ---- from settings to paths ---- */

static int add_system(struct child *c, struct mount_table *t)
{
	static const char *const yes[] = {"/usr", "/boot", "/efi", NULL}, *const full[] = {"/etc",
	                                                                                   NULL};
	static const char *const strict[] = {"/", NULL}, *const rest[] = {"/proc",     "/sys",
	                                                                  "/dev",      "/home",
	                                                                  "/run/user", "/root",
	                                                                  NULL};
	int r;

	switch (c->s->protect_system) {
	case PROTECT_SYSTEM_STRICT:
		r = table_want_all(t, strict, &want_read_only);
		return r < 0 ? r : table_want_all(t, rest, &want_keep);
	case PROTECT_SYSTEM_FULL:
		r = table_want_all(t, full, &want_read_only);
		return r < 0 ? r : table_want_all(t, yes, &want_read_only);
	case PROTECT_SYSTEM_YES:
		return table_want_all(t, yes, &want_read_only);
	default:
		return 0;
	}
}

static int add_home(struct child *c, struct mount_table *t)
{
	static const char *const homes[] = {"/home", "/root", "/run/user", NULL};
	int r = 0;

	switch (c->s->protect_home) {
	case PROTECT_HOME_YES:
		return table_want_all(t, homes, &want_inaccessible);
	case PROTECT_HOME_READ_ONLY:
		return table_want_all(t, homes, &want_read_only);
	case PROTECT_HOME_TMPFS:
		for (size_t i = 0; homes[i] && r >= 0; i++) {
			struct mount_entry *e = NULL;

			r = table_replace(t, homes[i], CONTENT_FS, "tmpfs", "mode=0755",
			                  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			                  &e);
			if (r >= 0) {
				e->read_only = 1;
				e->optional = true;
				e->make = false;
			}
		}
		return r;
	default:
		return 0;
	}
}

static int add_kernel(struct child *c, struct mount_table *t)
{
	/* clang-format off */
	static const char *const tunables[] = { "/proc/acpi", "/proc/apm", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/latency_stats",
		"/proc/mtrr", "/proc/scsi", "/proc/sys", "/proc/sysrq-trigger", "/proc/timer_stats", "/sys", NULL };
	static const char *const kept[] = { "/sys/fs/bpf", "/sys/fs/cgroup", "/sys/fs/selinux", NULL };
	static const char *const hidden[] = { "/proc/kallsyms", "/proc/kcore", "/sys/kernel/debug", "/sys/kernel/tracing", NULL };
	static const char *const modules[] = { "/usr/lib/modules", "/lib/modules", NULL };
	static const char *const logs[] = { "/proc/kmsg", "/dev/kmsg", NULL };
	static const char *const cgroups[] = { "/sys/fs/cgroup", NULL };
	/* clang-format on */
	int r = 0;

	if (c->s->protect_kernel_tunables) {
		r = table_want_all(t, tunables, &want_read_only);
		if (r >= 0)
			r = table_want_all(t, kept, &want_keep);
		if (r >= 0)
			r = table_want_all(t, hidden, &want_inaccessible);
	}
	if (r >= 0 && c->s->protect_kernel_modules)
		r = table_want_all(t, modules, &want_inaccessible);
	if (r >= 0 && c->s->protect_kernel_logs)
		r = table_want_all(t, logs, &want_inaccessible);
	if (r >= 0 && c->s->protect_control_groups)
		r = table_want_all(t, cgroups, &want_read_only);
	return r;
}

static int add_proc(struct child *c, struct mount_table *t)
{
	static const char *const hide[] = {[PROTECT_PROC_DEFAULT] = "",
	                                   [PROTECT_PROC_NOACCESS] = "hidepid=noaccess",
	                                   [PROTECT_PROC_INVISIBLE] = "hidepid=invisible",
	                                   [PROTECT_PROC_PTRACEABLE] = "hidepid=ptraceable"};
	bool wanted = c->s->protect_proc != PROTECT_PROC_DEFAULT || c->s->proc_subset_pid;
	auto_free char *options = NULL;
	struct mount_entry *e;
	int r;

	if (!wanted && !(child_has_root(c) && c->s->mount_api_vfs))
		return 0;
	options = str_printf("%s%s", hide[c->s->protect_proc],
	                     c->s->proc_subset_pid ? ",subset=pid" : "");
	if (!options)
		return -ENOMEM;
	r = table_replace(t, "/proc", CONTENT_FS, "proc", options,
	                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &e);
	if (r < 0)
		return r;
	/* Before 5.8 there is one instance a PID name space; in a container it may not be mounted
	 * again. */
	e->may_fail = true;
	return 0;
}

static int add_api(struct child *c, struct mount_table *t)
{
	static const char *const paths[] = {"/sys", "/dev", "/run", NULL};
	int r = 0;

	if (!child_has_root(c) || !c->s->mount_api_vfs)
		return 0;
	for (size_t i = 0; paths[i] && r >= 0; i++) {
		if (streq(paths[i], "/dev") && c->s->private_devices)
			continue;
		r = table_replace(t, paths[i], CONTENT_BIND, paths[i], NULL, 0, NULL);
	}
	return r;
}

static int add_tmp_one(struct child *c, struct mount_table *t, const char *where)
{
	auto_free char *group = NULL, *name = NULL, *outer = NULL, *inner = NULL;
	char boot[ID128_TEXT_MAX] = "0";
	struct mount_entry *e;
	bool is_read_only;
	struct id128 id;
	struct stat st;
	mode_t old;
	int r;

	if (id128_boot(&id) >= 0)
		id128_format(&id, boot);
	r = c->spec.group
	            ? 0
	            : exec_group_new(c->spec.invocation_id ?: NO_INVOCATION, c->spec.unit, &group);
	if (r >= 0)
		r = exec_private_tmp_name(boot, c->spec.group ?: group, &name);
	if (r < 0)
		return r;
	outer = path_join(where, name);
	inner = path_join3(where, name, "tmp");
	if (!outer || !inner)
		return -ENOMEM;
	old = umask(0);
	r = mkdir(outer, 0700) < 0 && errno != EEXIST ? -errno : 0;
	if (r >= 0)
		r = mkdir(inner, 01777) < 0 && errno != EEXIST ? -errno : 0;
	umask(old);
	/* It is in a directory where everybody may make things: what we found must be ours. */
	if (r >= 0 && lstat(outer, &st) < 0)
		r = -errno;
	if (r >= 0 &&
	    (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0777) != 0700))
		r = -EPERM;
	/* Nobody can write there, private or not, so an empty folder that cannot be written is as good. */
	is_read_only = r == -EROFS;
	if (is_read_only)
		r = mkdir_p(EMPTY_FOLDER, 0755);
	if (r < 0)
		return child_fail(c, r, "%s", outer);
	r = table_replace(t, where, CONTENT_BIND, is_read_only ? EMPTY_FOLDER : inner, NULL, 0, &e);
	if (r >= 0 && is_read_only)
		e->read_only = 1;
	return r;
}

static int add_tmp(struct child *c, struct mount_table *t)
{
	int r = 0;

	if (c->s->private_tmp) {
		r = add_tmp_one(c, t, "/tmp");
		/* /var/tmp may lead to /tmp, or not be there. */
		if (r >= 0 && access("/var/tmp", F_OK) >= 0)
			r = add_tmp_one(c, t, "/var/tmp");
	}
	return r;
}

/* "-SOURCE:DESTINATION:OPTIONS" */
static int add_bind(struct child *c, struct mount_table *t, const char *text, bool read_only)
{
	auto_strv char **parts = NULL;
	struct mount_entry *e;
	const char *source, *target, *options = NULL;
	bool optional;
	int r = colon_split(text, &parts);

	if (r < 0)
		return r;
	optional = *parts[0] == '-';
	source = parts[0] + optional;
	target = parts[1];
	if (target)
		options = parts[2];
	if (str_is_empty(target))
		target = source;
	r = table_replace(t, target, CONTENT_BIND, source, NULL, 0, &e);
	if (r < 0)
		return child_fail(c, r, "%s", text);
	e->optional = optional;
	e->shallow = options && streq(options, "norbind");
	if (read_only)
		e->read_only = 1;
	return 0;
}

static int add_binds(struct child *c, struct mount_table *t)
{
	int r = 0;

	STRV_FOREACH (text, c->s->bind_paths)
		if (r >= 0)
			r = add_bind(c, t, *text, false);
	STRV_FOREACH (text, c->s->bind_read_only_paths)
		if (r >= 0)
			r = add_bind(c, t, *text, true);
	return r;
}

/* "ro" among the options, taken out of them: places for mounts below are made first, so it comes last. */
static bool take_read_only(char *options)
{
	bool read_only = false;

	for (char *p = options; p && *p;) {
		size_t n = strcspn(p, ",");
		bool is_ro = n == 2 && strncmp(p, "ro", 2) == 0,
		     is_rw = n == 2 && strncmp(p, "rw", 2) == 0;

		if (!is_ro && !is_rw) {
			p += n + (p[n] == ',');
			continue;
		}
		read_only = is_ro;
		memmove(p, p + n + (p[n] == ','), strlen(p + n + (p[n] == ',')) + 1);
	}
	return read_only;
}

static int add_tmpfs(struct child *c _unused_, struct mount_table *t)
{
	STRV_FOREACH (text, c->s->temporary_file_systems) {
		auto_free char *path = strdup(*text), *options = NULL;
		struct mount_entry *e;
		bool read_only;
		char *given;
		int r;

		if (!path)
			return -ENOMEM;
		given = strchr(path, ':');
		if (given)
			*given++ = 0;
		read_only = take_read_only(given);
		options = str_printf("mode=0755,size=10%%,nr_inodes=1m%s%s",
		                     str_is_empty(given) ? "" : ",", given ?: "");
		if (!options)
			return -ENOMEM;
		r = table_replace(t, path, CONTENT_FS, "tmpfs", options,
		                  MOUNT_ATTR_NODEV | MOUNT_ATTR_STRICTATIME, &e);
		if (r < 0)
			return r;
		if (read_only)
			e->read_only = 1;
	}
	return 0;
}

bool mount_table_covers(const struct mount_table *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct mount_entry *e = &t->entries[i];
		const char *rest =
			e->outside || (e->content != CONTENT_BIND && e->content != CONTENT_FS)
				? NULL
				: path_below(path, e->path);

		if (rest && *rest)
			return true;
	}
	return false;
}

static bool table_has(const struct mount_table *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->entries[i].outside && streq(t->entries[i].path, path) &&
		    t->entries[i].content >= CONTENT_BIND)
			return true;
	return false;
}

static int directory_path(const char *base, const char *entry, char **ret)
{
	auto_strv char **parts = NULL;
	int r = colon_split(entry, &parts);

	if (r < 0)
		return r;
	*ret = path_join(base, parts[0]);
	return *ret ? 0 : -ENOMEM;
}

/* The unit's own directories are there, too, in another root and where a new file system covers them. */
static int show_directories(struct child *c, struct mount_table *t)
{
	int r = 0;

	for (size_t i = 0; i < EXEC_DIRECTORY_MAX; i++)
		STRV_FOREACH (entry, c->s->directories[i].paths) {
			auto_free char *path = NULL;

			if (child_directory_is_private(c, (enum exec_directory) i))
				continue; /* shown with all others in private/ */
			r = directory_path(child_directory_base((enum exec_directory) i), *entry,
			                   &path);
			if (r < 0)
				return r;
			if (table_has(t, path) ||
			    !(child_has_root(c) || mount_table_covers(t, path)))
				continue;
			r = table_replace(t, path, CONTENT_BIND, path, NULL, 0, NULL);
			if (r < 0)
				return r;
		}
	return r;
}

/* The unit's own directories stay writable under ProtectSystem=strict; a dynamic user's are the
 * only ones in private/. */
static int add_directories(struct child *c, struct mount_table *t)
{
	static const char *const bases[] = {"/run", "/var/lib", "/var/cache", "/var/log"};
	static const char *const privates[] = {"/run/private", "/var/lib/private",
	                                       "/var/cache/private", "/var/log/private"};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(bases) && c->s->protect_system == PROTECT_SYSTEM_STRICT;
	     i++)
		STRV_FOREACH (entry, c->s->directories[i].paths) {
			auto_free char *path = NULL;

			if (child_directory_is_private(c, (enum exec_directory) i))
				continue;
			r = directory_path(bases[i], *entry, &path);
			if (r >= 0)
				r = table_want(t, path, false, &want_keep);
			if (r < 0)
				return r;
		}
	for (size_t i = 0; i < ELEMENTSOF(privates); i++)
		STRV_FOREACH (path, c->private_dirs) {
			struct mount_entry *e = NULL;

			if (!path_below(*path, privates[i]))
				continue;
			r = table_replace(t, privates[i], CONTENT_FS, "tmpfs", "mode=0755",
			                  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			                  &e);
			if (r >= 0) {
				e->read_only = 1;
				r = table_replace(t, *path, CONTENT_BIND, *path, NULL, 0, NULL);
			}
			if (r < 0)
				return r;
		}
	return show_directories(c, t);
}

static int add_lists(struct child *c, struct mount_table *t)
{
	const struct exec_settings *s = c->s;
	int r;

	r = table_want_list(c, t, s->read_write_paths, CONTENT_KEEP, -1, -1);
	if (r >= 0)
		r = table_want_list(c, t, s->read_only_paths, CONTENT_SAME, 1, -1);
	if (r >= 0)
		r = table_want_list(c, t, s->inaccessible_paths, CONTENT_INACCESSIBLE, -1, -1);
	if (r >= 0)
		r = table_want_list(c, t, s->no_exec_paths, CONTENT_SAME, -1, 1);
	return r < 0 ? r : table_want_list(c, t, s->exec_paths, CONTENT_SAME, -1, 0);
}

static int add_devices(struct child *c, struct mount_table *t)
{
	int r = 0;

	if (c->s->private_devices)
		r = table_replace(t, "/dev", CONTENT_DEV, NULL, NULL, 0, NULL);
	if (r >= 0 && c->s->private_ipc) {
		struct mount_entry *e = NULL;

		r = table_replace(t, "/dev/mqueue", CONTENT_FS, "mqueue", NULL,
		                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &e);
		if (r >= 0)
			e->optional = e->may_fail = true;
	}
	return r;
}

/* Parents before children: by path, component-wise. */
static int compare_entries(const void *a, const void *b)
{
	const struct mount_entry *x = a, *y = b;
	const char *p = x->path, *q = y->path;

	if (x->outside != y->outside)
		return x->outside ? -1 : 1;
	for (; *p && *p == *q; p++, q++)
		;
	if (*p == *q)
		return 0;
	/* '/' sorts before all other characters, the end of the path before that. */
	return (*p == 0     ? 0
	        : *p == '/' ? 1
	                    : (unsigned char) *p + 1) -
	       (*q == 0     ? 0
	        : *q == '/' ? 1
	                    : (unsigned char) *q + 1);
}

/* The entry that lies next above this path, of the first @n. */
static const struct mount_entry *entry_above(const struct mount_table *t, size_t n,
                                             const struct mount_entry *e)
{
	for (size_t i = n; i-- > 0;)
		if (t->entries[i].outside == e->outside && path_below(e->path, t->entries[i].path))
			return &t->entries[i];
	return NULL;
}

/* What is read-only with all that lies above it needs no mount of its own, and may as well be missing: ReadOnlyPaths= beside ProtectSystem=strict. */
static bool is_said_above(const struct mount_entry *e, const struct mount_entry *above)
{
	return e->content == CONTENT_SAME && above->content == CONTENT_SAME && e->read_only == 1 &&
	       above->read_only == 1 && (e->no_exec < 0 || e->no_exec == above->no_exec);
}

/* Nothing below a path that cannot be entered is worth a mount, nor what would change nothing. */
static void drop_needless(struct mount_table *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct mount_entry *above = entry_above(t, kept, &t->entries[i]);

		if (!above || (above->content != CONTENT_INACCESSIBLE &&
		               !is_said_above(&t->entries[i], above)))
			t->entries[kept++] = t->entries[i];
	}
	t->n = kept;
}

int mount_table_fill(struct child *c, struct mount_table *t)
{
	static int (*const adders[])(struct child * c, struct mount_table * t) = {
		add_lists,   add_system, add_home,  add_kernel, add_proc,        add_api,
		add_devices, add_tmpfs,  add_binds, add_tmp,    add_directories,
	};

	for (size_t i = 0; i < ELEMENTSOF(adders); i++) {
		int r = adders[i](c, t);

		if (r < 0)
			return r;
	}
	qsort(t->entries, t->n, sizeof(t->entries[0]), compare_entries);
	drop_needless(t);
	return 0;
}

bool child_has_root(const struct child *c)
{
	const char *root = c->s->root_directory;

	if (!root || streq(root, "/"))
		return false;
	return !c->s->root_directory_start_only || !(c->spec.flags & EXEC_CONTROL);
}

bool child_wants_mounts(const struct child *c)
{
	const struct exec_settings *s = c->s;

	return s->root_image || (child_has_root(c) && s->mount_api_vfs) || s->read_write_paths ||
	       s->read_only_paths || s->inaccessible_paths || s->exec_paths || s->no_exec_paths ||
	       s->bind_paths || s->bind_read_only_paths || s->temporary_file_systems ||
	       (s->mount_flags_set && s->mount_flags != 0 && s->mount_flags != MS_SHARED) ||
	       s->private_tmp || s->private_mounts || s->private_devices ||
	       s->protect_system != PROTECT_SYSTEM_NO || s->protect_home != PROTECT_HOME_NO ||
	       s->protect_kernel_tunables || s->protect_kernel_modules || s->protect_kernel_logs ||
	       s->protect_control_groups || s->protect_proc != PROTECT_PROC_DEFAULT ||
	       s->proc_subset_pid || s->private_ipc || c->private_dirs;
}
