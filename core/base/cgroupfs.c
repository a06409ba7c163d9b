// SPDX-License-Identifier: Apache-2.0
#include "base/cgroupfs.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

const char *cgroupfs_root(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	static const char *found;
	const char *override = getenv("SYSMASTER_CGROUP_ROOT");

	if (!str_is_empty(override))
		return override;
	for (size_t i = 0; !found && i < ELEMENTSOF(places); i++)
		if (is_cgroup2(places[i]))
			found = places[i];
	return found;
}

/* A path with ".." in it would leave the tree. */
static bool cgroup_is_safe(const char *cgroup)
{
	return str_is_empty(cgroup) || path_is_normalized(cgroup);
}

/* As cgroupfs_path(), with the reason. */
static int cgroup_file(const char *cgroup, const char *attribute, char **ret)
{
	const char *root = cgroupfs_root();
	char *path;

	if (!root)
		return -ENOENT;
	if (!cgroup_is_safe(cgroup) || (attribute && strchr(attribute, '/')))
		return -EINVAL;
	path = attribute ? path_join3(root, cgroup ?: "/", attribute)
	                 : path_join(root, cgroup ?: "/");
	if (!path)
		return -ENOMEM;
	*ret = path;
	return 0;
}

char *cgroupfs_path(const char *cgroup, const char *attribute)
{
	char *path = NULL;

	return cgroup_file(cgroup, attribute, &path) < 0 ? NULL : path;
}

int cgroupfs_of_pid(pid_t pid, char **ret)
{
	auto_free char *text = NULL;
	char path[40], *rest = NULL;
	int r;

	if (pid < 0)
		return -EINVAL;
	if (pid == 0)
		(void) snprintf(path, sizeof(path), "/proc/self/cgroup");
	else
		(void) snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
	r = file_read(path, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *cgroup = str_after(line, "0::");

		if (!cgroup)
			continue;
		if (str_ends_with(cgroup, " (deleted)"))
			line[strlen(line) - strlen(" (deleted)")] = 0;
		*ret = strdup(cgroup);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENODATA;
}

int cgroupfs_read(const char *cgroup, const char *attribute, char **ret)
{
	auto_free char *path = NULL;
	char *text;
	size_t size;
	int r;

	r = cgroup_file(cgroup, attribute, &path);
	if (r < 0)
		return r;
	r = file_read(path, &text, &size);
	if (r < 0)
		return r;
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = 0;
	*ret = text;
	return 0;
}

int cgroupfs_write(const char *cgroup, const char *attribute, const char *value)
{
	auto_free char *path = NULL;
	int r;

	r = cgroup_file(cgroup, attribute, &path);
	return r < 0 ? r : file_write_attr(path, value);
}

int cgroupfs_read_u64(const char *cgroup, const char *attribute, uint64_t *ret)
{
	auto_free char *text = NULL;
	int r;

	r = cgroupfs_read(cgroup, attribute, &text);
	if (r < 0)
		return r;
	if (streq(text, "max")) {
		*ret = UINT64_MAX;
		return 0;
	}
	return str_to_u64(text, 10, ret);
}

int cgroupfs_read_key(const char *cgroup, const char *attribute, const char *key, uint64_t *ret)
{
	auto_free char *text = NULL;
	char *rest = NULL;
	int r;

	r = cgroupfs_read(cgroup, attribute, &text);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *value = str_after(line, key);

		if (!value || *value != ' ')
			continue;
		if (streq(value + 1, "max")) {
			*ret = UINT64_MAX;
			return 0;
		}
		return str_to_u64(value + 1, 10, ret);
	}
	return -ENODATA;
}

int cgroupfs_open_dir(const char *cgroup)
{
	auto_free char *path = NULL;
	int r, fd;

	r = cgroup_file(cgroup, NULL, &path);
	if (r < 0)
		return r;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroupfs_attach(const char *cgroup, pid_t pid)
{
	char text[16];

	if (pid < 0)
		return -EINVAL;
	(void) snprintf(text, sizeof(text), "%d", (int) pid);
	return cgroupfs_write(cgroup, "cgroup.procs", text);
}

/* Asked at each end of a process: three system calls, no allocation but the path. */
int cgroupfs_is_populated(const char *cgroup)
{
	auto_free char *path = NULL;
	auto_fd int fd = -EBADF;
	char text[256], *found;
	ssize_t n;
	int r;

	r = cgroup_file(cgroup, "cgroup.events", &path);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	do
		n = sys_read(fd, text, sizeof(text) - 1);
	while (n == -EINTR);
	/* ENODEV: removed between open and read. */
	if (n < 0)
		return n == -ENODEV ? 0 : (int) n;
	text[n] = 0;
	found = strstr(text, "populated ");
	return found ? found[strlen("populated ")] != '0' : -ENODATA;
}
