// SPDX-License-Identifier: Apache-2.0
/* /proc/self/mountinfo, proc(5): "36 35 98:0 /root /where opts [tags...] - type what super-opts",
 * with \040 and the like for blanks. Pure. */
#include "types/mount.h"

#include <stdio.h>
#include <sys/sysmacros.h>

/* Undoes \ooo in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			char c = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));

			/* A NUL in a path cannot be; keep what was written. */
			if (c) {
				*out++ = c;
				s += 4;
				continue;
			}
		}
		*out++ = *s++;
	}
	*out = 0;
}

static char *next_word(char **s)
{
	char *word = *s, *end;

	if (!word || !*word)
		return NULL;
	end = strchr(word, ' ');
	if (end)
		*end++ = 0;
	*s = end;
	return *word ? word : NULL;
}

static bool parse_line(char *line, struct mountinfo *ret)
{
	struct mountinfo e = {0};
	char *id = next_word(&line), *parent = next_word(&line), *device = next_word(&line),
	     *root = next_word(&line), *where = next_word(&line), *options = next_word(&line),
	     *word, *type, *what, *super;
	unsigned major, minor;
	uint32_t number;

	if (!id || !parent || !device || !root || !where || !options)
		return false;
	if (str_to_u32(id, &number) < 0)
		return false;
	e.id = number;
	if (str_to_u32(parent, &number) < 0)
		return false;
	e.parent = number;
	if (sscanf(device, "%u:%u", &major, &minor) == 2)
		e.device = makedev(major, minor);
	do {
		word = next_word(&line);
		if (!word)
			return false;
	} while (!streq(word, "-"));
	type = next_word(&line);
	what = next_word(&line);
	super = next_word(&line);
	if (!type || *where != '/')
		return false;
	unescape(where);
	unescape(type);
	if (what)
		unescape(what);
	e.where = where;
	e.options = options;
	e.type = type;
	e.what = what ? what : "";
	e.super_options = super ? super : "";
	*ret = e;
	return true;
}

int mountinfo_parse(char *text, int (*fn)(const struct mountinfo *e, void *userdata),
                    void *userdata)
{
	int n = 0, r;

	while (text && *text && n < MOUNTINFO_ENTRIES_MAX) {
		char *end = strchr(text, '\n');
		struct mountinfo e;

		if (end)
			*end++ = 0;
		if (parse_line(text, &e)) {
			r = fn(&e, userdata);
			if (r < 0)
				return r;
			n++;
		}
		text = end;
	}
	return n;
}

bool mount_point_is_ignored(const char *where)
{
	/* API file systems that init or the container manager mounted before there were units. */
	static const char *const exact[] = {"/proc",
	                                    "/sys",
	                                    "/dev",
	                                    "/dev/shm",
	                                    "/dev/pts",
	                                    "/run",
	                                    "/dev/console",
	                                    "/proc/kmsg",
	                                    "/sys/kernel/security",
	                                    "/sys/fs/selinux",
	                                    "/sys/fs/smackfs",
	                                    "/sys/fs/pstore",
	                                    "/sys/fs/bpf",
	                                    "/sys/fs/cgroup",
	                                    "/sys/firmware/efi/efivars",
	                                    "/proc/sys",
	                                    "/proc/sysrq-trigger"};
	static const char *const below[] = {"/sys/fs/cgroup", "/run/credentials", "/run/host"};

	for (size_t i = 0; i < ELEMENTSOF(exact); i++)
		if (streq(where, exact[i]))
			return true;
	for (size_t i = 0; i < ELEMENTSOF(below); i++)
		if (path_below(where, below[i]))
			return true;
	return false;
}
