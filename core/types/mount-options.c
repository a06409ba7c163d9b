// SPDX-License-Identifier: Apache-2.0
/* Options of mounts as text. Pure. */
#include "types/mount.h"

#include <sys/mount.h>

static size_t option_length(const char *s)
{
	size_t n = 0;

	/* A quoted value may hold commas: mount(8), SELinux contexts. */
	for (bool quoted = false; s[n] && (quoted || s[n] != ','); n++)
		if (s[n] == '"')
			quoted = !quoted;
	return n;
}

static bool option_is(const char *s, size_t n, const char *name)
{
	size_t l = strlen(name);

	return n >= l && memcmp(s, name, l) == 0 && (n == l || s[l] == '=');
}

bool mount_option_is_set(const char *options, const char *name)
{
	while (options && *options) {
		size_t n = option_length(options);

		if (option_is(options, n, name))
			return true;
		options += n;
		if (*options)
			options++;
	}
	return false;
}

bool mount_is_network(const char *type, const char *options)
{
	static const char *const types[] = {
		"afs",   "ceph",   "cifs",  "smb3",   "smbfs",      "sshfs",         "ncpfs",
		"ncp",   "nfs",    "nfs4",  "gfs",    "gfs2",       "glusterfs",     "pvfs2",
		"ocfs2", "lustre", "davfs", "9p.tcp", "fuse.sshfs", "fuse.glusterfs"};

	if (mount_option_is_set(options, "_netdev"))
		return true;
	for (size_t i = 0; type && i < ELEMENTSOF(types); i++)
		if (streq(type, types[i]))
			return true;
	return false;
}

/* clang-format off */
static const struct {
	const char *name;
	unsigned long set, clear;
} flags[] = {
	{ "ro", MS_RDONLY, 0 },		    { "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },	    { "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },	    { "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },	    { "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },	    { "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },	    { "remount", MS_REMOUNT, 0 },
	{ "noatime", MS_NOATIME, 0 },	    { "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 }, { "diratime", 0, MS_NODIRATIME },
	{ "relatime", MS_RELATIME, 0 },	    { "norelatime", 0, MS_RELATIME },
	{ "strictatime", MS_STRICTATIME, 0 }, { "nostrictatime", 0, MS_STRICTATIME },
	{ "lazytime", MS_LAZYTIME, 0 },	    { "nolazytime", 0, MS_LAZYTIME },
	{ "silent", MS_SILENT, 0 },	    { "loud", 0, MS_SILENT },
	{ "defaults", 0, 0 },
};
/* mount(8)'s own words, and ours: nothing for the kernel. */
static const char *const userspace[] = {
	"auto", "noauto", "nofail", "fail", "_netdev", "user", "nouser", "users", "owner", "group", "comment", "uhelper", "helper", "loop",
};
/* clang-format on */

static bool is_userspace(const char *s, size_t n)
{
	if ((n > 2 && (memcmp(s, "x-", 2) == 0 || memcmp(s, "X-", 2) == 0)))
		return true;
	for (size_t i = 0; i < ELEMENTSOF(userspace); i++)
		if (option_is(s, n, userspace[i]))
			return true;
	return false;
}

static bool apply_flag(const char *s, size_t n, unsigned long *f)
{
	for (size_t i = 0; i < ELEMENTSOF(flags); i++)
		if (n == strlen(flags[i].name) && memcmp(s, flags[i].name, n) == 0) {
			*f = (*f | flags[i].set) & ~flags[i].clear;
			return true;
		}
	return false;
}

int mount_options_split(const char *options, unsigned long *ret_flags, char **ret_data)
{
	auto_strbuf struct strbuf b = {.max = 4096};
	unsigned long f = 0;
	char *data;
	int r;

	while (options && *options) {
		size_t n = option_length(options);

		if (n > 0 && !apply_flag(options, n, &f) && !is_userspace(options, n)) {
			if (b.size > 0)
				strbuf_puts(&b, ",");
			strbuf_add(&b, options, n);
		}
		options += n;
		if (*options)
			options++;
	}
	r = strbuf_take(&b, &data);
	if (r < 0)
		return r;
	*ret_flags = f;
	*ret_data = data;
	return 0;
}

static bool has_option(const struct strbuf *b, const char *s, size_t n)
{
	for (const char *p = b->data; p && *p;) {
		size_t k = option_length(p);

		if (k == n && memcmp(p, s, n) == 0)
			return true;
		p += k + (p[k] != 0);
	}
	return false;
}

int mount_options_merge(const char *first, const char *second, char **ret)
{
	auto_strbuf struct strbuf b = {0};
	const char *both[] = {first, second};

	for (size_t i = 0; i < ELEMENTSOF(both); i++)
		for (const char *s = both[i]; s && *s;) {
			size_t n = option_length(s);

			if (n > 0 && !has_option(&b, s, n)) {
				if (b.size > 0)
					strbuf_puts(&b, ",");
				strbuf_add(&b, s, n);
			}
			s += n + (s[n] != 0);
		}
	return strbuf_take(&b, ret);
}

int mount_options_for_command(const char *options, char **ret)
{
	auto_strbuf struct strbuf b = {.max = 64 * 1024};

	while (options && *options) {
		size_t n = option_length(options);

		if (n > 0 && !(n > 10 && memcmp(options, "x-systemd.", 10) == 0)) {
			if (b.size > 0)
				strbuf_puts(&b, ",");
			strbuf_add(&b, options, n);
		}
		options += n;
		if (*options)
			options++;
	}
	return strbuf_take(&b, ret);
}
