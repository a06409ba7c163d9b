// SPDX-License-Identifier: Apache-2.0
/* A table of mounts, against getmntent(3), which everybody else reads it by; and the options of its entries. */
#include "boot/remount.h"

#include <mntent.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	FILE *f;
	char buffer[4096];
	bool compare;
};

static void check_options(const char *options)
{
	static const char *const names[] = {"x-systemd.device-timeout", "x-systemd.after", NULL};
	auto_free char *value = NULL, *rest = NULL, *data = NULL;
	auto_strv char **values = NULL;
	unsigned long flags;
	bool there = option_is_set(options, names);

	if (option_value(options, names, &value, &rest) < 0 || !rest ||
	    option_values(options, names[0], &values) < 0)
		abort();
	/* What was taken out is not there, but what a backslash had hidden may be. */
	if (there && !strchr(options, '\\') && option_is_set(rest, names))
		abort();
	if (remount_options(options, &flags, &data) == 1 && strlen(data) > strlen(options))
		abort();
	if (option_is_on(options, "noauto", "auto") && option_is_on(options, "auto", "noauto"))
		abort();
}

static void check_names(const struct fstab_entry *e)
{
	auto_free char *device = NULL, *escaped = specifier_escape(e->what),
		       *word = c_escape(e->what);

	if (fstab_device(e->what, &device) < 0 || !escaped || !word)
		abort();
	(void) path_is_device(device);
	(void) mount_point_is_api(e->where);
}

/* getmntent_r(3) leaves out what an automounter's daemon asks to; so do all its readers, us too, for any autofs. */
static struct mntent *next(struct reading *r, struct mntent *m)
{
	struct mntent *found;

	do
		found = getmntent_r(r->f, m, r->buffer, sizeof(r->buffer));
	while (found && streq(found->mnt_type, "autofs"));
	return found;
}

static int on_entry(const struct fstab_entry *e, void *userdata)
{
	struct reading *r = userdata;
	struct mntent m = {0};

	check_options(e->options);
	check_names(e);
	if (!r->compare || streq(e->type, "autofs"))
		return 0;
	if (!next(r, &m) || !streq(m.mnt_fsname, e->what) || !streq(m.mnt_dir, e->where) ||
	    !streq(m.mnt_type, e->type) || !streq(m.mnt_opts, e->options))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = malloc(size + 1);
	struct reading r = {.compare = size > 0 && !memchr(data, 0, size) && size < 4000};
	struct diag d = {0};
	struct mntent m = {0};

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (r.compare) {
		r.f = fmemopen((void *) (uintptr_t) data, size, "r");
		if (!r.f)
			return 0;
	}
	if (fstab_parse(text, size, "fuzz", on_entry, &r, &d) < 0)
		abort();
	if (r.compare && next(&r, &m))
		abort();
	if (r.f)
		(void) fclose(r.f);
	return 0;
}
