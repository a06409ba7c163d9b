// SPDX-License-Identifier: Apache-2.0
/* condition-path.c - conditions that look at files. A path that cannot be looked at is one that is
 * not there. */
#include "engine/private.h"
#include "engine/host.h"

#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

CONDITION_FN(condition_path_exists)
{
	(void) m;
	return access(parameter, F_OK) >= 0;
}

static void *open_folder(const char *path)
{
	return opendir(path);
}

static void close_folder(void *folder)
{
	(void) closedir(folder);
}

static struct dirent *next_entry(void *folder)
{
	struct dirent *e;

	do {
		e = readdir(folder);
	} while (e && (streq(e->d_name, ".") || streq(e->d_name, "..")));
	return e;
}

/* A folder and its parent are no entries of it: ".*" finds what is hidden there. */
CONDITION_FN(condition_path_exists_glob)
{
	glob_t g = {.gl_opendir = open_folder,
	            .gl_readdir = next_entry,
	            .gl_closedir = close_folder,
	            .gl_lstat = lstat,
	            .gl_stat = stat};
	int r;

	(void) m;
	r = glob(parameter, GLOB_NOSORT | GLOB_BRACE | GLOB_ALTDIRFUNC, NULL, &g);
	globfree(&g);
	return r == 0 ? 1 : r == GLOB_NOMATCH || r == GLOB_ABORTED ? 0 : -ENOMEM;
}

static mode_t mode_of(const char *path, bool follow)
{
	struct stat st;

	return (follow ? stat(path, &st) : lstat(path, &st)) >= 0 ? st.st_mode : 0;
}

CONDITION_FN(condition_path_is_directory)
{
	(void) m;
	return S_ISDIR(mode_of(parameter, true));
}

CONDITION_FN(condition_path_is_symbolic_link)
{
	(void) m;
	return S_ISLNK(mode_of(parameter, false));
}

CONDITION_FN(condition_path_is_mount_point)
{
	struct statx sx;

	(void) m;
	/* Follows links; an automount point is one before it is entered. */
	if (statx(AT_FDCWD, parameter, AT_NO_AUTOMOUNT, STATX_TYPE, &sx) < 0)
		return 0;
	if (!(sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
		return -EOPNOTSUPP; /* before Linux 5.8 */
	return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

CONDITION_FN(condition_path_is_read_write)
{
	struct statvfs sv;

	(void) m;
	/* What cannot be looked at is not read-only, but what is not there is not writable. */
	return statvfs(parameter, &sv) >= 0 ? !(sv.f_flag & ST_RDONLY) : errno != ENOENT;
}

CONDITION_FN(condition_file_not_empty)
{
	struct stat st;

	(void) m;
	return stat(parameter, &st) >= 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

CONDITION_FN(condition_file_is_executable)
{
	mode_t mode = mode_of(parameter, true);

	(void) m;
	return S_ISREG(mode) && (mode & 0111);
}

CONDITION_FN(condition_directory_not_empty)
{
	int r = dir_has_entries(parameter);

	(void) m;
	return r < 0 ? r != -ENOENT && r != -ENOTDIR : r;
}

/* ---- encryption: a dm-crypt device, or one whose only lower devices are ---- */

static int device_is_encrypted(const char *sysfs, unsigned depth)
{
	auto_free char *uuid_path = path_join(sysfs, "dm/uuid"),
		       *slaves = path_join(sysfs, "slaves"), *uuid = NULL;
	auto_strv char **names = NULL;
	int r, n = 0;

	if (!uuid_path || !slaves)
		return -ENOMEM;
	if (depth > 16)
		return -ELOOP;
	if (file_read_line(uuid_path, &uuid) >= 0 && str_after(uuid, "CRYPT-"))
		return 1;
	r = dir_list(slaves, &names);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (name, names) {
		auto_free char *below = path_join(slaves, *name);

		if (!below)
			return -ENOMEM;
		r = device_is_encrypted(below, depth + 1);
		if (r <= 0)
			return r;
		n++;
	}
	return n > 0;
}

CONDITION_FN(condition_path_is_encrypted)
{
	auto_free char *sysfs = NULL;
	struct stat st;

	(void) m;
	if (stat(parameter, &st) < 0)
		return 0;
	if (major(st.st_dev) == 0)
		return 0; /* tmpfs, a network, or a file system over several devices */
	sysfs = str_printf("/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	return sysfs ? device_is_encrypted(sysfs, 0) : -ENOMEM;
}

/* ---- ConditionNeedsUpdate=: /usr is newer than what /etc or /var were last made for ---- */

static int usr_is_newer(const char *stamp)
{
	auto_free char *text = NULL;
	struct stat usr, st;
	uint64_t nsec;

	if (lstat(stamp, &st) < 0)
		return 1;
	if (lstat("/usr/", &usr) < 0)
		return 1;
	if (usr.st_mtim.tv_sec != st.st_mtim.tv_sec)
		return usr.st_mtim.tv_sec > st.st_mtim.tv_sec;
	if (usr.st_mtim.tv_nsec == 0 || st.st_mtim.tv_nsec > 0)
		return usr.st_mtim.tv_nsec > st.st_mtim.tv_nsec;
	/* A file system with whole seconds only: the exact time stands in the file. */
	if (file_read(stamp, &text, NULL) < 0)
		return 1;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		const char *value = str_after(line, "TIMESTAMP_NSEC=");

		if (value && str_to_u64(value, 10, &nsec) >= 0)
			return (uint64_t) usr.st_mtim.tv_sec * 1000000000ULL +
			               (uint64_t) usr.st_mtim.tv_nsec >
			       nsec;
	}
	return 1;
}

CONDITION_FN(condition_needs_update)
{
	auto_free char *stamp = NULL, *value = NULL;
	struct statvfs sv;
	int r;

	r = host_cmdline_get("systemd.condition-needs-update", &value);
	if (r > 0 && value) {
		r = str_to_bool(value);
		if (r >= 0)
			return r;
	}
	(void) m;
	if (statvfs(parameter, &sv) >= 0 && sv.f_flag & ST_RDONLY)
		return 0;
	stamp = path_join(parameter, ".updated");
	return stamp ? usr_is_newer(stamp) : -ENOMEM;
}

CONDITION_FN(condition_first_boot)
{
	auto_free char *value = NULL;
	int want = str_to_bool(parameter), r;

	(void) m;
	if (want < 0)
		return want;
	r = host_cmdline_get("systemd.condition-first-boot", &value);
	if (r > 0 && value) {
		r = str_to_bool(value);
		if (r >= 0)
			return r == want;
	}
	return (access("/run/systemd/first-boot", F_OK) >= 0) == want;
}

CONDITION_FN(condition_credential)
{
	static const char *const dirs[] = {"/run/credentials/@system",
	                                   "/run/credentials/@encrypted"};

	(void) m;
	/* A name of a file, never a way out of the directory. */
	if (!*parameter || strchr(parameter, '/') || streq(parameter, ".") ||
	    streq(parameter, ".."))
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
		auto_free char *path = path_join(dirs[i], parameter);

		if (!path)
			return -ENOMEM;
		if (access(path, F_OK) >= 0)
			return 1;
	}
	return 0;
}
