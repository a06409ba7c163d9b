// SPDX-License-Identifier: Apache-2.0
/*
 * credentials.c - what the machine was given from outside, for LoadCredential= and ConditionCredential=: system credentials, systemd.exec(5).
 *
 * Sources, the first that names a credential wins: QEMU's fw_cfg, SMBIOS, the kernel's command line. They become files in
 * /run/credentials/@system, which root alone can read. Done once: what is there, perhaps of the initrd, stays, file by file, so that
 * a core that was killed half-way is finished by the next one.
 */
#include "core.h"

#include "smbios.h"

#include "base/base64.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIR      "/run/credentials/@system"
#define FW_CFG_DIR      "/sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials"
#define DMI_TABLE       "/sys/firmware/dmi/tables/DMI"
#define DMI_SIZE_MAX    (1024U * 1024)
#define CREDENTIALS_MAX 256
#define SIZE_MAX_ALL    (1024U * 1024)

struct import {
	int dir;
	unsigned n;
	size_t left;
};

static bool name_is_valid(const char *name)
{
	return *name && strlen(name) <= 255 && !strchr(name, '/') && *name != '.';
}

static void import_one(struct import *x, const char *name, const void *data, size_t size)
{
	auto_fd int fd = -EBADF;
	int r = 0;

	if (!name_is_valid(name) || size > x->left || x->n >= CREDENTIALS_MAX) {
		log_warning("A system credential has an invalid name or is too large, ignored");
		return;
	}
	fd = openat(x->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0 && errno == EEXIST)
		return;
	r = fd < 0 ? -errno : fd_write_all(fd, data, size);
	if (r < 0) {
		log_warning_errno(r, "Failed to store the system credential \"%s\": %m", name);
		(void) unlinkat(x->dir, name, 0);
		return;
	}
	x->n++;
	x->left -= size;
}

static int on_string(const char *s, size_t size _unused_, void *userdata)
{
	const char *rest = str_after(s, "io.systemd.credential:"),
		   *binary = str_after(s, "io.systemd.credential.binary:"), *equals;
	auto_free char *name = NULL;

	rest = rest ?: binary;
	equals = rest ? strchr(rest, '=') : NULL;
	if (!equals)
		return 0;
	name = strndup(rest, (size_t) (equals - rest));
	if (!name)
		return -ENOMEM;
	equals++;
	if (binary) {
		auto_free uint8_t *data = NULL;
		size_t n;
		int r = str_base64_decode(equals, &data, &n);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			log_warning("The system credential \"%s\" is no base64, ignored", name);
		else
			import_one(userdata, name, data, n);
	} else {
		import_one(userdata, name, equals, strlen(equals));
	}
	return 0;
}

static void import_fw_cfg(struct import *x)
{
	auto_strv char **names = NULL;

	if (dir_list(FW_CFG_DIR, &names) < 0)
		return;
	STRV_FOREACH (name, names) {
		auto_free char *path = path_join3(FW_CFG_DIR, *name, "raw"), *data = NULL;
		size_t size;

		if (path && file_read_at(AT_FDCWD, path, x->left, &data, &size) >= 0)
			import_one(x, *name, data, size);
	}
}

static void import_smbios(struct import *x)
{
	auto_free char *table = NULL;
	size_t size;

	if (file_read_at(AT_FDCWD, DMI_TABLE, DMI_SIZE_MAX, &table, &size) >= 0)
		(void) smbios_oem_strings((const uint8_t *) table, size, on_string, x);
}

static void import_cmdline(struct import *x)
{
	char **words;

	if (host_cmdline(&words) < 0)
		return;
	STRV_FOREACH (w, words) {
		const char *rest = str_after(*w, "systemd.set_credential="),
			   *colon = rest ? strchr(rest, ':') : NULL;
		auto_free char *name = colon ? strndup(rest, (size_t) (colon - rest)) : NULL;

		if (name)
			import_one(x, name, colon + 1, strlen(colon + 1));
	}
}

void boot_credentials(const struct core *c)
{
	struct import x = {.dir = -EBADF, .left = SIZE_MAX_ALL};
	static const char *const done = CORE_RUNTIME_DIR "/credentials-imported";

	if (access(done, F_OK) >= 0)
		return;
	if (mkdir(SYSTEM_DIR, 0700) >= 0)
		/* Never swapped out; where nothing may be mounted it is /run's own memory. */
		(void) mount("ramfs", SYSTEM_DIR, "ramfs", MS_NODEV | MS_NOEXEC | MS_NOSUID,
		             "mode=0700");
	x.dir = open(SYSTEM_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (x.dir < 0) {
		log_warning_errno(errno, "No system credentials: %m");
		return;
	}
	/* A container's firmware and kernel command line are its host's. */
	if (!c->manager->in_container) {
		import_fw_cfg(&x);
		import_smbios(&x);
		import_cmdline(&x);
	}
	fd_close(x.dir);
	if (x.n > 0)
		log_info("Imported %u system credentials", x.n);
	(void) file_write_atomic(done, "", 0, 0600, false);
}
