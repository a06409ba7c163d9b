// SPDX-License-Identifier: Apache-2.0
/* install-change.c - symlinks made, and the list of what was done. */
#include "unitfile/install.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

void install_changes_done(struct install_changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].path);
		free(c->items[i].source);
	}
	free(c->items);
	*c = (struct install_changes){0};
}

static int add_change(struct install *in, const char *kind, int error, const char *path,
                      const char *source)
{
	struct install_change *grown;
	auto_free char *path_copy = NULL, *source_copy = NULL;

	if (!in->changes)
		return 0;
	path_copy = strdup(path);
	source_copy = source ? strdup(source) : NULL;
	if (!path_copy || (source && !source_copy))
		return -ENOMEM;
	grown = reallocarray(in->changes->items, in->changes->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	in->changes->items = grown;
	grown[in->changes->n++] =
		(struct install_change){kind, TAKE_PTR(path_copy), TAKE_PTR(source_copy), error};
	return 0;
}

int install_note(struct install *in, const char *kind, const char *path, const char *source)
{
	return add_change(in, kind, 0, path, source);
}

static const char *explain(int error)
{
	switch (error) {
	case -EEXIST:
		return "A file or another symlink is there already";
	case -ERFKILL:
		return "The unit is masked";
	case -EADDRNOTAVAIL:
		return "The unit is transient or generated";
	case -EIDRM:
		return "The destination is a template, or none, where the unit needs the other";
	case -EUCLEAN:
		return "Not a valid unit name";
	case -ELOOP:
		return "The unit is linked to itself";
	case -EXDEV:
		return "The alias does not fit the unit's name";
	case -ENOENT:
		return "The unit does not exist";
	default:
		return strerror(-error);
	}
}

int install_fail(struct install *in, int error, const char *path, const char *source)
{
	diag_add(in->d, error, DIAG_ERROR, path, 0, "%s%s%s", explain(error), source ? ": " : "",
	         source ? source : "");
	return add_change(in, NULL, error, path, source) < 0 ? -ENOMEM : error;
}

/* Two targets are one if the text is, or the file; or the name in two directories of the search path. */
static bool same_target(struct install *in, const char *link, const char *a, const char *b)
{
	auto_free char *dir = path_dirname(link), *x = NULL, *y = NULL;
	struct stat s, t;

	if (streq(a, b))
		return true;
	if (!dir)
		return false;
	x = *a == '/' ? str_printf("%s%s", in->p->root, a) : str_printf("%s/%s", dir, a);
	y = *b == '/' ? str_printf("%s%s", in->p->root, b) : str_printf("%s/%s", dir, b);
	if (!x || !y)
		return false;
	if (streq(path_simplify(x), path_simplify(y)))
		return true;
	if (stat(x, &s) >= 0 && stat(y, &t) >= 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino)
		return true;
	return streq(path_basename(x), path_basename(y)) && install_in_search_path(in->p, x) &&
	       install_in_search_path(in->p, y);
}

static int replace_symlink(struct install *in, const char *target, const char *path)
{
	int r = in->flags & INSTALL_DRY_RUN ? 0 : symlink_atomic(target, path);

	if (r < 0)
		return install_fail(in, r, path, NULL);
	r = install_note(in, "unlink", path, NULL);
	if (r >= 0)
		r = install_note(in, "symlink", path, target);
	return r < 0 ? r : 1;
}

int install_symlink(struct install *in, const char *target, const char *path, bool force)
{
	char old[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	target = install_skip_root(in->p, target);
	if (in->flags & INSTALL_DRY_RUN) {
		r = lstat(path, &st) < 0 ? 0 : -EEXIST;
	} else {
		r = mkdir_parents(path, 0755);
		if (r < 0)
			return install_fail(in, r, path, NULL);
		r = symlink(target, path) < 0 ? -errno : 0;
	}
	if (r >= 0) {
		r = install_note(in, "symlink", path, target);
		return r < 0 ? r : 1;
	}
	if (r != -EEXIST)
		return install_fail(in, r, path, NULL);
	n = readlink(path, old, sizeof(old) - 1);
	if (n < 0)
		return install_fail(in, errno == EINVAL ? -EEXIST : -errno, path, NULL);
	old[n] = 0;
	if (same_target(in, path, old, target))
		return 1;
	if (!force)
		return install_fail(in, -EEXIST, path, old);
	return replace_symlink(in, target, path);
}
