// SPDX-License-Identifier: Apache-2.0
/*
 * udev-trigger.c - udevadm opens each directory of each path of each device to learn what it is: thirty thousand system calls for four
 * hundred devices, most of which udevd then makes again. The folders of classes and buses say where a device is and of which subsystem,
 * and that is all that an order of events needs.
 */
#include "boot/udev-trigger.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct origin { /* of an event */
	char *path;
	const char *subsystem; /* static, or in the run's names */
	bool done;
};

struct run {
	struct origin *v;
	size_t n, allocated;
	char **names; /* of subsystems */
	const char *root;
	bool dry_run;
	int worst;
};

static void run_done(struct run *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].path);
	free(t->v);
	strv_free(t->names);
}

/* Takes @path. */
static int add(struct run *t, char *path, const char *subsystem)
{
	if (!path)
		return -ENOMEM;
	if (t->n == t->allocated) {
		size_t want = t->allocated ? 2 * t->allocated : 256;
		struct origin *v = reallocarray(t->v, want, sizeof(*v));

		if (!v) {
			free(path);
			return -ENOMEM;
		}
		t->v = v;
		t->allocated = want;
	}
	t->v[t->n++] = (struct origin){.path = path, .subsystem = subsystem};
	return 0;
}

/* Folders in @dir that speak for themselves: modules, drivers. */
static int add_folders(struct run *t, const char *dir, const char *subsystem)
{
	auto_strv char **names = NULL;
	int r = dir_list(dir, &names);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (n, names) {
		r = add(t, path_join(dir, *n), subsystem);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Links in @dir to devices: "../../devices/...", as many steps up as @dir has to the top of sysfs. */
static int add_devices(struct run *t, const char *dir, const char *subsystem)
{
	auto_strv char **names = NULL;
	int r = dir_list(dir, &names);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (n, names) {
		auto_free char *link = path_join(dir, *n);
		char to[PATH_MAX];
		const char *rest = to, *up;
		ssize_t size;

		if (!link)
			return -ENOMEM;
		size = readlink(link, to, sizeof(to) - 1);
		if (size <= 0)
			continue; /* an attribute of the class, or gone */
		to[size] = 0;
		while ((up = str_after(rest, "../")))
			rest = up;
		if (!str_after(rest, "devices/"))
			continue;
		r = add(t, str_printf("%s/sys/%s", t->root, rest), subsystem);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_bus(struct run *t, const char *bus, const char *name)
{
	auto_free char *drivers = path_join(bus, "drivers"), *devices = path_join(bus, "devices");
	int r = drivers && devices ? add(t, strdup(bus), "subsystem") : -ENOMEM;

	if (r >= 0)
		r = add_folders(t, drivers, "drivers");
	return r < 0 ? r : add_devices(t, devices, name);
}

static int for_each(struct run *t, const char *folder,
                    int (*fn)(struct run *t, const char *path, const char *name))
{
	auto_free char *top = str_printf("%s/sys/%s", t->root, folder);
	auto_strv char **names = NULL;
	int r = top ? dir_list(top, &names) : -ENOMEM;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(top, *n);

		r = path ? strv_append(&t->names, *n) : -ENOMEM;
		if (r >= 0)
			r = fn(t, path, t->names[strv_length(t->names) - 1]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int collect(struct run *t)
{
	auto_free char *modules = str_printf("%s/sys/module", t->root);
	int r = modules ? add_folders(t, modules, "module") : -ENOMEM;

	if (r >= 0)
		r = for_each(t, "bus", add_bus);
	return r < 0 ? r : for_each(t, "class", add_devices);
}

/* Devices that are put together from others come last, and a sound card's control device, which opens the card, after the rest of it. */
static int rank(const char *path)
{
	const char *card = strstr(path, "/sound/card");

	if (strstr(path, "/block/md") || strstr(path, "/block/dm-"))
		return 2;
	return card && strstr(card, "/controlC") ? 1 : 0;
}

static int compare(const void *a, const void *b)
{
	const struct origin *x = a, *y = b;
	int d = rank(x->path) - rank(y->path);

	return d ? d : strcmp(x->path, y->path);
}

static void tell(struct run *t, struct origin *o)
{
	auto_free char *path = NULL;
	auto_fd int fd = -EBADF;

	if (o->done)
		return;
	o->done = true;
	if (t->dry_run) {
		puts(o->path);
		return;
	}
	path = path_join(o->path, "uevent");
	fd = path ? open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY) : -1;
	if (fd >= 0 && write(fd, "add", 3) == 3)
		return;
	if (path && (errno == ENOENT || errno == ENODEV))
		return;
	t->worst = log_warning_errno(path ? errno : ENOMEM, "Failed to write to %s/uevent: %m",
	                             o->path);
}

static struct origin *find(struct run *t, const char *path)
{
	struct origin key = {.path = (char *) path};

	return bsearch(&key, t->v, t->n, sizeof(*t->v), compare);
}

/* From the top down. */
static void tell_with_parents(struct run *t, struct origin *o)
{
	auto_free char *path = strdup(o->path);

	for (char *p = path ? path + strlen(t->root) + strlen("/sys/") : NULL;
	     p && (p = strchr(p, '/')); p++) {
		struct origin *parent;

		*p = 0;
		parent = find(t, path);
		*p = '/';
		if (parent)
			tell(t, parent);
	}
	tell(t, o);
}

int boot_udev_trigger(const char *root, bool dry_run)
{
	static const char *const first[] = {"module", "block", "tpmrm", "net", "tty", "input"};
	struct run t = {.root = root, .dry_run = dry_run};
	int r = collect(&t);

	if (r < 0) {
		run_done(&t);
		return log_error_errno(r, "Failed to list the devices: %m");
	}
	if (t.n > 0)
		qsort(t.v, t.n, sizeof(*t.v), compare);
	for (size_t i = 0; i < ELEMENTSOF(first); i++)
		for (size_t k = 0; k < t.n; k++)
			if (streq(t.v[k].subsystem, first[i]))
				tell_with_parents(&t, &t.v[k]);
	for (size_t k = 0; k < t.n; k++)
		tell(&t, &t.v[k]);
	run_done(&t);
	return t.worst;
}
