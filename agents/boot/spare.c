// SPDX-License-Identifier: Apache-2.0
/*
 * spare.c - systemd's network generator and its loader of modules are started at each boot, on nearly all machines to read that nothing
 * is asked of them; the libraries they map for that are most of what they cost, and udevd waits for the first. What is not certain
 * is left to them. Spec: systemd-network-generator.service(8), systemd-modules-load.service(8), modules-load.d(5).
 */
#include "boot/spare.h"

#include "boot/generator.h"

#include <unistd.h>

#define PROGRAMS    "/lib/systemd/"
#define EFI_OPTIONS "/sys/firmware/efi/efivars/SystemdOptions-8cf2644b-4b0b-428f-9387-6d876050dc67"

/* clang-format off */
static const struct spare {
	const char *name;
	const char *keys[14];   /* of the kernel command line, as in cmdline_word_is() */
	const char *folders[6]; /* of files with a name to a line */
} spares[] = {
	{ "systemd-modules-load", { "modules-load", "rd.modules-load" },
	  { "/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d", "/lib/modules-load.d" } },
	{ "systemd-network-generator", { "ip", "nameserver", "rd.route", "rd.peerdns", "rd.znet", "vlan", "bridge", "bond", "team", "ifname",
					 "net.ifname-policy" }, { NULL } },
};
/* clang-format on */

/* A file that cannot be read is the program's to complain about. */
static bool says_something(const char *path)
{
	auto_free char *text = NULL;
	auto_strv char **lines = NULL;

	if (file_read(path, &text, NULL) < 0 || strv_split(text, "\n", &lines) < 0)
		return true;
	STRV_FOREACH (l, lines) {
		const char *s = *l + strspn(*l, " \t\r");

		if (*s && *s != '#' && *s != ';')
			return true;
	}
	return false;
}

static bool folder_says_something(const char *root, const char *folder)
{
	auto_free char *dir = str_printf("%s%s", root, folder);
	auto_strv char **names = NULL;
	int r = dir ? dir_list(dir, &names) : -ENOMEM;

	if (r < 0)
		return r != -ENOENT;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(dir, *n);

		if (!path || says_something(path))
			return true;
	}
	return false;
}

static const struct spare *find(const char *program)
{
	for (size_t i = 0; i < ELEMENTSOF(spares); i++)
		if (streq(spares[i].name, program))
			return &spares[i];
	return NULL;
}

bool boot_has_work(const char *program, char *const *words, const char *root)
{
	const struct spare *s = find(program);
	const char *value;

	if (!s)
		return true;
	STRV_FOREACH (w, words)
		for (size_t i = 0; i < ELEMENTSOF(s->keys) && s->keys[i]; i++)
			if (cmdline_word_is(*w, s->keys[i], &value))
				return true;
	for (size_t i = 0; i < ELEMENTSOF(s->folders) && s->folders[i]; i++)
		if (folder_says_something(root, s->folders[i]))
			return true;
	return false;
}

int boot_spare(const char *program)
{
	auto_strv char **words = NULL;
	auto_free char *path = NULL;

	if (!find(program))
		return log_error_errno(-ENOENT, "There is no program '%s' to do without", program);
	/* More of a command line may be kept there, which its own reader knows. */
	if (access(EFI_OPTIONS, F_OK) < 0 && boot_cmdline_words(boot_in_container(), &words) >= 0 &&
	    !boot_has_work(program, words, ""))
		return 0;
	path = str_printf(PROGRAMS "%s", program);
	if (!path)
		return -ENOMEM;
	execl(path, path, NULL);
	return log_error_errno(errno, "Failed to execute '%s': %m", path);
}
