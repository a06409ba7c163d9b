// SPDX-License-Identifier: Apache-2.0
/* tree.h - a file system tree to try unit files in: a temporary directory that serves as --root. */
#pragma once

#include "unitfile/unitfile.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define VENDOR "/usr/lib/systemd/system/"
#define ETC    "/etc/systemd/system/"
#define RUN    "/run/systemd/system/"

static char tree_root[] = "/tmp/unitfile-test-XXXXXX";

static inline void tree_new(void)
{
	unsetenv("SYSTEMD_UNIT_PATH");
	strcpy(tree_root, "/tmp/unitfile-test-XXXXXX");
	if (!mkdtemp(tree_root))
		abort();
}

static inline void tree_done(void)
{
	rm_rf(tree_root);
}

static inline void tree_file(const char *path, const char *text)
{
	auto_free char *full = str_printf("%s%s", tree_root, path);

	if (mkdir_parents(full, 0755) < 0 ||
	    file_write_atomic(full, text, strlen(text), 0644, false) < 0)
		abort();
}

static inline void tree_link(const char *path, const char *target)
{
	auto_free char *full = str_printf("%s%s", tree_root, path);

	if (mkdir_parents(full, 0755) < 0 || symlink(target, full) < 0)
		abort();
}

/* Target of a symlink, "file" for a file, "-" for nothing. */
static inline const char *tree_at(const char *path)
{
	static char target[512];
	auto_free char *full = str_printf("%s%s", tree_root, path);
	ssize_t n = readlink(full, target, sizeof(target) - 1);

	if (n < 0)
		return access(full, F_OK) >= 0 ? "file" : "-";
	target[n] = 0;
	return target;
}
