// SPDX-License-Identifier: Apache-2.0
/*
 * remount.c - what was mounted before fstab could be read (the root, /usr, the kernel's file systems) gets the options that it says.
 *
 * mount(8) would do it, and on a cold disk it and its libraries are read for one system call. So the call is made here where all
 * options are known to be the kernel's; with any other, with a helper of the file system's type, and where the kernel refuses, mount(8)
 * is asked, and has the last word. Spec: systemd-remount-fs.service(8) of v252.
 */
#include "boot/remount.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256 /* since Linux 5.10 */
#endif

#define MOUNT_PROGRAM "/bin/mount"
#define DATA_MAX      4096 /* of mount(2): a page */

/* ---- options ---- */

enum option_kind {
	OPTION_KERNEL, /* a flag of mount(2) */
	OPTION_NONE,   /* nothing for mount(2) */
	OPTION_OTHER,  /* mount(8) does something of its own for it */
	OPTION_DATA    /* the file system's */
};

/* clang-format off */
static const struct option {
	const char *name;
	enum option_kind kind;
	unsigned long set, clear;
} options_known[] = {
	{ "ro", OPTION_KERNEL, MS_RDONLY, 0 },		    { "rw", OPTION_KERNEL, 0, MS_RDONLY },
	{ "nosuid", OPTION_KERNEL, MS_NOSUID, 0 },	    { "suid", OPTION_KERNEL, 0, MS_NOSUID },
	{ "nodev", OPTION_KERNEL, MS_NODEV, 0 },	    { "dev", OPTION_KERNEL, 0, MS_NODEV },
	{ "noexec", OPTION_KERNEL, MS_NOEXEC, 0 },	    { "exec", OPTION_KERNEL, 0, MS_NOEXEC },
	{ "sync", OPTION_KERNEL, MS_SYNCHRONOUS, 0 },	    { "async", OPTION_KERNEL, 0, MS_SYNCHRONOUS },
	{ "dirsync", OPTION_KERNEL, MS_DIRSYNC, 0 },	    { "remount", OPTION_KERNEL, MS_REMOUNT, 0 },
	{ "noatime", OPTION_KERNEL, MS_NOATIME, 0 },	    { "atime", OPTION_KERNEL, 0, MS_NOATIME },
	{ "nodiratime", OPTION_KERNEL, MS_NODIRATIME, 0 },  { "diratime", OPTION_KERNEL, 0, MS_NODIRATIME },
	{ "relatime", OPTION_KERNEL, MS_RELATIME, 0 },	    { "norelatime", OPTION_KERNEL, 0, MS_RELATIME },
	{ "strictatime", OPTION_KERNEL, MS_STRICTATIME, 0 }, { "nostrictatime", OPTION_KERNEL, 0, MS_STRICTATIME },
	{ "lazytime", OPTION_KERNEL, MS_LAZYTIME, 0 },	    { "nolazytime", OPTION_KERNEL, 0, MS_LAZYTIME },
	{ "iversion", OPTION_KERNEL, MS_I_VERSION, 0 },	    { "noiversion", OPTION_KERNEL, 0, MS_I_VERSION },
	{ "nosymfollow", OPTION_KERNEL, MS_NOSYMFOLLOW, 0 }, { "symfollow", OPTION_KERNEL, 0, MS_NOSYMFOLLOW },
	{ "silent", OPTION_KERNEL, MS_SILENT, 0 },	    { "loud", OPTION_KERNEL, 0, MS_SILENT },
	{ "defaults", OPTION_NONE, 0, 0 },		    { "auto", OPTION_NONE, 0, 0 },
	{ "noauto", OPTION_NONE, 0, 0 },		    { "nofail", OPTION_NONE, 0, 0 },
	{ "nouser", OPTION_NONE, 0, 0 },		    { "nousers", OPTION_NONE, 0, 0 },
	{ "noowner", OPTION_NONE, 0, 0 },		    { "nogroup", OPTION_NONE, 0, 0 },
	{ "user", OPTION_OTHER, 0, 0 },			    { "users", OPTION_OTHER, 0, 0 },
	{ "owner", OPTION_OTHER, 0, 0 },		    { "group", OPTION_OTHER, 0, 0 },
	{ "bind", OPTION_OTHER, 0, 0 },			    { "rbind", OPTION_OTHER, 0, 0 },
	{ "move", OPTION_OTHER, 0, 0 },
	{ "shared", OPTION_OTHER, 0, 0 },		    { "rshared", OPTION_OTHER, 0, 0 },
	{ "private", OPTION_OTHER, 0, 0 },		    { "rprivate", OPTION_OTHER, 0, 0 },
	{ "slave", OPTION_OTHER, 0, 0 },		    { "rslave", OPTION_OTHER, 0, 0 },
	{ "unbindable", OPTION_OTHER, 0, 0 },		    { "runbindable", OPTION_OTHER, 0, 0 },
	{ "mand", OPTION_OTHER, 0, 0 },			    { "nomand", OPTION_OTHER, 0, 0 },
	{ "_netdev", OPTION_OTHER, 0, 0 },		    { "comment", OPTION_OTHER, 0, 0 },
	{ "loop", OPTION_OTHER, 0, 0 },			    { "offset", OPTION_OTHER, 0, 0 },
	{ "sizelimit", OPTION_OTHER, 0, 0 },		    { "encryption", OPTION_OTHER, 0, 0 },
	{ "helper", OPTION_OTHER, 0, 0 },		    { "uhelper", OPTION_OTHER, 0, 0 },
	{ "context", OPTION_OTHER, 0, 0 },		    { "fscontext", OPTION_OTHER, 0, 0 },
	{ "defcontext", OPTION_OTHER, 0, 0 },		    { "rootcontext", OPTION_OTHER, 0, 0 },
	{ "seclabel", OPTION_OTHER, 0, 0 },
};
/* clang-format on */

/* Units are made of these; mount(8) only notes them down (in its utab, where nobody looks for the root's). */
static bool is_for_units(const char *word)
{
	return str_after(word, "x-systemd.") || streq(word, "x-initrd.mount");
}

static struct option classify(const char *word)
{
	size_t n = strcspn(word, "=");

	if (is_for_units(word))
		return (struct option){.kind = OPTION_NONE};
	if (str_after(word, "x-") || str_after(word, "X-") || str_after(word, "verity."))
		return (struct option){.kind = OPTION_OTHER};
	for (size_t i = 0; i < ELEMENTSOF(options_known); i++) {
		const struct option *o = &options_known[i];

		if (strlen(o->name) != n || memcmp(o->name, word, n) != 0)
			continue;
		/* A flag with a value, as "ro=vfs", is mount(8)'s. */
		if (o->kind == OPTION_KERNEL && word[n])
			return (struct option){.kind = OPTION_OTHER};
		return *o;
	}
	return (struct option){.kind = OPTION_DATA};
}

int remount_options(const char *options, unsigned long *ret_flags, char **ret_data)
{
	auto_strbuf struct strbuf b = {.max = DATA_MAX};
	auto_strv char **words = NULL;
	unsigned long flags = 0;
	int r;

	/* Quotes and backslashes hold commas together for mount(8), by rules of its own. */
	if (strpbrk(options, "\"\\"))
		return 0;
	r = strv_split(options, ",", &words);
	if (r < 0)
		return r;
	strbuf_puts(&b, "");
	STRV_FOREACH (w, words) {
		struct option o = classify(*w);

		if (o.kind == OPTION_OTHER)
			return 0;
		if (o.kind == OPTION_DATA)
			strbuf_printf(&b, "%s%s", b.size > 0 ? "," : "", *w);
		flags = (flags | o.set) & ~o.clear;
	}
	r = strbuf_take(&b, ret_data);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	*ret_flags = flags;
	return 1;
}

/* ---- the calls ---- */

/* mount(8) with its own reading of fstab, unless @options are given. */
static int run_mount(const char *where, const char *options)
{
	char *argv[] = {(char *) MOUNT_PROGRAM, (char *) where, (char *) "-o", (char *) options,
	                NULL};
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, MOUNT_PROGRAM, NULL, NULL, argv, environ);
	if (r != 0)
		return log_error_errno(-r, "Failed to execute " MOUNT_PROGRAM ": %m");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return log_error_errno(-errno, "Failed to wait for " MOUNT_PROGRAM ": %m");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		log_error(MOUNT_PROGRAM " for %s exited with exit status %d", where,
		          WEXITSTATUS(status));
	else
		log_error(MOUNT_PROGRAM " for %s was killed by signal %d", where, WTERMSIG(status));
	return -EPROTO;
}

static bool has_helper(const char *type)
{
	auto_free char *path = str_printf("/sbin/mount.%s", type);

	return !path || access(path, X_OK) >= 0;
}

/* 1: done; 0: it is for mount(8). */
static int remount_directly(const char *where, const char *options, unsigned long clear)
{
	auto_free char *data = NULL;
	unsigned long flags;
	int r = remount_options(options, &flags, &data);

	if (r <= 0)
		return r;
	flags = (flags & ~clear) | MS_REMOUNT;
	return mount("none", where, NULL, flags, *data ? data : NULL) >= 0;
}

struct remounts {
	char **done; /* mount points */
	int worst;
};

static bool is_done(const struct remounts *m, const char *where)
{
	STRV_FOREACH (d, m->done)
		if (path_is(*d, where))
			return true;
	return false;
}

static int on_entry(const struct fstab_entry *e, void *userdata)
{
	struct remounts *m = userdata;
	int r;

	if (!path_is(e->where, "/") && !path_is(e->where, "/usr") && !mount_point_is_api(e->where))
		return 0;
	/* Of two entries the first counts, as it does for mount(8). */
	if (is_done(m, e->where))
		return 0;
	r = strv_append(&m->done, e->where);
	if (r < 0)
		return r;
	r = 0;
	if (!has_helper(e->type))
		r = remount_directly(e->where, e->options, 0);
	if (r == 0)
		r = run_mount(e->where, "remount");
	if (r < 0)
		m->worst = r;
	return 0;
}

/* The options that the root has, as the kernel writes them: of the mount, then of the file system. */
static int root_options(char **ret)
{
	auto_free char *text = NULL, *found = NULL;
	auto_strv char **lines = NULL;
	int r = file_read("/proc/self/mountinfo", &text, NULL);

	if (r >= 0)
		r = strv_split(text, "\n", &lines);
	if (r < 0)
		return r;
	/* Of several the last one is on top. */
	STRV_FOREACH (l, lines) {
		char where[8], mount[512], super[DATA_MAX];
		const char *rest = strstr(*l, " - ");

		if (!rest || sscanf(*l, "%*s %*s %*s %*s %7s %511s", where, mount) != 2 ||
		    sscanf(rest, " - %*s %*s %4095s", super) != 1 || !streq(where, "/"))
			continue;
		free(found);
		found = str_printf("%s,%s", super, mount);
		if (!found)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(found);
	return *ret ? 0 : -ENOENT;
}

/* Of a root that was found by its partition's type, and that no table names. */
static int remount_root_writable(void)
{
	auto_free char *options = NULL;
	int r = root_options(&options);

	if (r >= 0)
		r = remount_directly("/", options, MS_RDONLY);
	return r > 0 ? 0 : run_mount("/", "remount,rw");
}

int boot_remount_fs(void)
{
	const char *writable = secure_getenv("SYSTEMD_REMOUNT_ROOT_RW");
	struct remounts m = {0};
	int r = fstab_read(fstab_path(), on_entry, &m);
	bool has_root = is_done(&m, "/");

	strv_free(m.done);
	if (r < 0 && r != -ENOENT)
		return log_error_errno(r, "Failed to read '%s': %m", fstab_path());
	if (has_root || !writable)
		return m.worst;
	r = str_to_bool(writable);
	if (r < 0)
		log_warning("Ignoring $SYSTEMD_REMOUNT_ROOT_RW '%s', which is neither yes nor no",
		            writable);
	if (r > 0) {
		r = remount_root_writable();
		if (r < 0)
			m.worst = r;
	}
	return m.worst;
}
