// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

#include <ctype.h>

#define HOSTNAME_MAX 64

bool hostname_is_valid(const char *s)
{
	size_t n = strlen(s);

	if (n < 1 || n > HOSTNAME_MAX || s[0] == '-' || s[0] == '.' || s[n - 1] == '-' ||
	    s[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char) s[i]) && s[i] != '-' &&
		    !(s[i] == '.' && s[i + 1] != '.'))
			return false;
	return true;
}

char *cmdline_get(const char *cmdline, const char *key)
{
	auto_strv char **words = NULL;
	const char *found = NULL;

	if (strv_split(cmdline, " \t\n", &words) < 0)
		return NULL;
	STRV_FOREACH (w, words) {
		const char *value = str_after(*w, key);

		if (value && *value == '=')
			found = value + 1;
	}
	if (!found)
		return NULL;
	if (found[0] == '"' && str_ends_with(found + 1, "\""))
		return strndup(found + 1, strlen(found) - 2);
	return strdup(found);
}

/* The first line that is no comment, as hostname(5) has it. */
static int name_from_file(const char *path, char **ret)
{
	auto_free char *text = NULL;
	auto_strv char **lines = NULL;
	int r = file_read(path, &text, NULL);

	if (r < 0)
		return r;
	r = strv_split(text, "\n", &lines);
	if (r < 0)
		return r;
	STRV_FOREACH (l, lines) {
		char *s = str_strip(*l);

		if (!*s || *s == '#')
			continue;
		if (!hostname_is_valid(s))
			return -EBADMSG;
		*ret = strdup(s);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static int name_from_os_release(const char *path, char **ret)
{
	auto_free char *text = NULL, *flat = NULL;
	int r = file_read(path, &text, NULL);

	if (r < 0)
		return r;
	/* KEY=value lines have the form of a command line's words, as far as this one key goes. */
	flat = cmdline_get(text, "DEFAULT_HOSTNAME");
	if (!flat || !hostname_is_valid(flat))
		return -ENOENT;
	*ret = TAKE_PTR(flat);
	return 0;
}

int boot_hostname_find(const char *root, const char *cmdline, char **ret)
{
	auto_free char *etc = path_join(*root ? root : "/", "etc/hostname"),
		       *os = path_join(*root ? root : "/", "etc/os-release"), *name = NULL;

	if (!etc || !os)
		return -ENOMEM;
	name = cmdline_get(cmdline, "systemd.hostname");
	if (name && hostname_is_valid(name)) {
		*ret = TAKE_PTR(name);
		return 0;
	}
	if (name_from_file(etc, ret) >= 0 || name_from_os_release(os, ret) >= 0)
		return 0;
	*ret = strdup("localhost");
	return *ret ? 0 : -ENOMEM;
}

int boot_hostname(const char *root)
{
	auto_free char *cmdline = NULL, *name = NULL;
	int r;

	if (file_read("/proc/cmdline", &cmdline, NULL) < 0)
		cmdline = strdup("");
	if (!cmdline)
		return -ENOMEM;
	r = boot_hostname_find(root, cmdline, &name);
	if (r < 0)
		return r;
	return sethostname(name, strlen(name)) < 0 ? -errno : 0;
}
