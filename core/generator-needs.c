// SPDX-License-Identifier: Apache-2.0
/*
 * generator-needs.c - which of systemd's own generators, and cloud-init's, have nothing to do on this machine.
 *
 * Each of them is a dynamically linked program that looks for one file or one word of the kernel command line, and ends. On a
 * VM they cost more than reading all units. Their manual pages say what they look for; where that is not there, they are
 * not started. cloud-init's has nothing to do where our own program does its work (docs/design/metadata-boot.md). Only the
 * programs of these packages are known here; one that an administrator put in their place runs.
 */
#include "core.h"

#include "engine/host.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct need {
	const char *name;
	const char *files;  /* any of these, separated by blanks; "!PATH": where it is not there */
	const char *words;  /* or any word of the command line that begins so */
	bool (*look)(void); /* or this says so */
};

#define EFI_LOADER "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

bool disk_may_have_table(dev_t root)
{
	char path[64];

	if (major(root) == 0)
		return true; /* btrfs, an overlay: it knows what is below */
	(void) snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/size", major(root), minor(root));
	if (access(path, F_OK) < 0)
		return true;
	(void) snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(root),
	                minor(root));
	if (access(path, F_OK) >= 0)
		return true;
	(void) snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm", major(root), minor(root));
	return access(path, F_OK) >= 0;
}

static bool root_is_partition(void)
{
	struct stat st;

	return stat("/", &st) < 0 || disk_may_have_table(st.st_dev);
}

static bool has_unit_file(const char *script)
{
	static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
	                                      "/usr/local/lib/systemd/system",
	                                      "/lib/systemd/system", "/usr/lib/systemd/system"};
	int n = (int) strlen(script) - (str_ends_with(script, ".sh") ? 3 : 0);
	struct stat st;

	for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
		auto_free char *path = str_printf("%s/%.*s.service", folders[i], n, script);

		if (path && lstat(path, &st) >= 0)
			return true;
	}
	return false;
}

/* It makes units of scripts that no unit file replaces. */
static bool script_lacks_unit(void)
{
	static const char folder[] = "/etc/init.d";
	auto_strv char **names = NULL;
	int r = dir_list(folder, &names);

	if (r < 0)
		return r != -ENOENT;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(folder, *n);
		struct stat st;

		if (!path)
			return true;
		if (stat(path, &st) >= 0 && S_ISREG(st.st_mode) && st.st_mode & S_IXUSR &&
		    !has_unit_file(*n))
			return true;
	}
	return false;
}

/* clang-format off */
static const struct need needs[] = {
	{ "cloud-init-generator",	      "/etc/sysmaster/metadata-disabled !/run/sysmaster/current/sysmaster-metadata", "" },
	{ "systemd-bless-boot-generator",     "/sys/firmware/efi/efivars/LoaderBootCountPath" EFI_LOADER, "" },
	{ "systemd-cryptsetup-generator",     "/etc/crypttab",			"luks rd.luks" },
	{ "systemd-debug-generator",	      "",				"systemd.mask systemd.wants systemd.debug rd.systemd." },
	{ "systemd-gpt-auto-generator",	      "",				"root=gpt-auto systemd.gpt_auto rd.systemd.gpt_auto", root_is_partition },
	{ "systemd-hibernate-resume-generator", "",				"resume hibernate" },
	{ "systemd-integritysetup-generator", "/etc/integritytab",		"integrity rd.integrity" },
	{ "systemd-rc-local-generator",	      "/etc/rc.local",			"" },
	{ "systemd-run-generator",	      "",				"systemd.run" },
	{ "systemd-sysv-generator",	      "",				"", script_lacks_unit },
	{ "systemd-system-update-generator",  "/system-update /etc/system-update", "" },
	{ "systemd-veritysetup-generator",    "/etc/veritytab",			"verity rd.veritytab veritytab systemd.verity roothash usrhash" },
};
/* clang-format on */

static bool any_file(const char *files)
{
	auto_strv char **v = NULL;
	struct stat st;

	if (strv_split(files, " ", &v) < 0)
		return true;
	STRV_FOREACH (f, v)
		if (**f == '!' ? lstat(*f + 1, &st) < 0 : lstat(*f, &st) >= 0)
			return true;
	return false;
}

static bool any_word(const char *prefixes, char *const *cmdline)
{
	auto_strv char **v = NULL;

	if (strv_split(prefixes, " ", &v) < 0)
		return true;
	STRV_FOREACH (p, v)
		STRV_FOREACH (w, cmdline)
			if (str_after(*w, *p))
				return true;
	return false;
}

bool generator_is_needed(const char *path, char *const *cmdline)
{
	if (!generator_is_packaged(path))
		return true;
	for (size_t i = 0; i < ELEMENTSOF(needs); i++)
		if (streq(needs[i].name, path_basename(path)))
			return any_file(needs[i].files) || any_word(needs[i].words, cmdline) ||
			       (needs[i].look && needs[i].look());
	return true;
}
