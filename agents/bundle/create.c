// SPDX-License-Identifier: Apache-2.0
#include "bundle/archive.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

#include <stdio.h>
#include <sys/utsname.h>

#define DEPTH_MAX     16
#define LEVEL_DEFAULT 19

static int add_file(struct bundle_manifest *m, const char *full, const char *relative,
                    struct diag *d)
{
	struct bundle_file *files, *f;
	auto_fd int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return diag_add(d, -errno, DIAG_ERROR, full, 0, "Cannot open: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_add(d, -EINVAL, DIAG_ERROR, full, 0, "A bundle holds plain files only");
	if (m->n_files >= BUNDLE_FILES_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, full, 0, "More than %d files",
		                BUNDLE_FILES_MAX);
	files = reallocarray(m->files, m->n_files + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	m->files = files;
	f = &files[m->n_files];
	*f = (struct bundle_file){.mode = st.st_mode & 0111 ? 0755 : 0644};
	r = bundle_sha256_fd(fd, BUNDLE_FILE_MAX, f->sha256, &f->size);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, full, 0, "Cannot read: %s", strerror(-r));
	f->path = strdup(relative);
	if (!f->path)
		return -ENOMEM;
	m->n_files++;
	m->total_size += f->size;
	return 0;
}

static int walk(struct bundle_manifest *m, const char *root, const char *below, unsigned depth,
                struct diag *d)
{
	auto_free char *dir = *below ? str_printf("%s/%s", root, below) : strdup(root);
	auto_strv char **names = NULL;
	int r;

	if (!dir)
		return -ENOMEM;
	if (depth > DEPTH_MAX)
		return diag_add(d, -ELOOP, DIAG_ERROR, dir, 0,
		                "Too many directories in directories");
	r = dir_list(dir, &names);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, dir, 0, "Cannot list: %s", strerror(-r));
	STRV_FOREACH (name, names) {
		auto_free char *relative =
			*below ? str_printf("%s/%s", below, *name) : strdup(*name);
		auto_free char *full = str_printf("%s/%s", dir, *name);
		struct stat st;

		if (!relative || !full)
			return -ENOMEM;
		if (streq(relative, MANIFEST_NAME))
			continue; /* of an unpacked bundle: it is made anew */
		if (lstat(full, &st) < 0)
			return diag_add(d, -errno, DIAG_ERROR, full, 0, "Cannot stat: %s",
			                strerror(errno));
		if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
			return diag_add(d, -EINVAL, DIAG_ERROR, full, 0,
			                "A bundle holds plain files only");
		r = S_ISDIR(st.st_mode) ? walk(m, root, relative, depth + 1, d)
		                        : add_file(m, full, relative, d);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Members carry no time and no owner, so that a bundle is a function of its input. */
static int write_header(struct archive *a, const char *path, uint64_t size, mode_t mode,
                        struct diag *d)
{
	__attribute__((cleanup(archive_entry_done))) struct archive_entry *e = archive_entry_new();

	if (!e)
		return -ENOMEM;
	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, mode);
	archive_entry_set_size(e, (la_int64_t) size);
	archive_entry_set_mtime(e, 0, 0);
	if (archive_write_header(a, e) != ARCHIVE_OK)
		return diag_add(d, -EIO, DIAG_ERROR, path, 0, "Cannot pack: %s",
		                archive_error_string(a));
	return 0;
}

static int write_data(struct archive *a, const void *data, size_t size, const char *path,
                      struct diag *d)
{
	for (size_t done = 0; done < size;) {
		la_ssize_t n = archive_write_data(a, (const char *) data + done, size - done);

		if (n <= 0)
			return diag_add(d, -EIO, DIAG_ERROR, path, 0, "Cannot pack: %s",
			                archive_error_string(a));
		done += (size_t) n;
	}
	return 0;
}

static int write_member(struct archive *a, const char *root, const struct bundle_file *f,
                        struct diag *d)
{
	auto_free char *full = str_printf("%s/%s", root, f->path), *block = malloc(BLOCK_SIZE);
	auto_fd int fd = -EBADF;
	uint64_t total = 0;
	int r;

	if (!full || !block)
		return -ENOMEM;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return diag_add(d, -errno, DIAG_ERROR, full, 0, "Cannot open: %s", strerror(errno));
	r = write_header(a, f->path, f->size, f->mode, d);
	while (r >= 0 && total < f->size) {
		ssize_t n = read(fd, block, MIN((uint64_t) BLOCK_SIZE, f->size - total));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_add(d, n < 0 ? -errno : -EIO, DIAG_ERROR, full, 0,
			                "Changed while it was being packed");
		total += (uint64_t) n;
		r = write_data(a, block, (size_t) n, f->path, d);
	}
	return r;
}

static int write_archive(const struct bundle_create_options *o, const struct bundle_manifest *m,
                         int fd, struct diag *d)
{
	__attribute__((cleanup(archive_writer_done))) struct archive *a = archive_write_new();
	auto_free char *text = bundle_manifest_print(m);
	char level[16];
	int r;

	if (!a || !text)
		return -ENOMEM;
	snprintf(level, sizeof(level), "%d", o->level ? o->level : LEVEL_DEFAULT);
	if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
	    archive_write_set_filter_option(a, "zstd", "compression-level", level) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "Cannot pack: %s",
		                archive_error_string(a));
	r = write_header(a, MANIFEST_NAME, strlen(text), 0644, d);
	if (r >= 0)
		r = write_data(a, text, strlen(text), MANIFEST_NAME, d);
	for (size_t i = 0; r >= 0 && i < m->n_files; i++)
		r = write_member(a, o->directory, &m->files[i], d);
	if (r >= 0 && archive_write_close(a) != ARCHIVE_OK)
		r = diag_add(d, -EIO, DIAG_ERROR, NULL, 0, "Cannot pack: %s",
		             archive_error_string(a));
	return r;
}

static int manifest_make(const struct bundle_create_options *o, struct diag *d,
                         struct bundle_manifest **ret)
{
	auto_cleanup(bundle_manifest_free) struct bundle_manifest *m = calloc(1, sizeof(*m)),
								  *checked = NULL;
	auto_free char *text = NULL;
	struct utsname u;
	int r;

	if (!m || uname(&u) < 0)
		return -ENOMEM;
	if (o->n_wire > BUNDLE_VERSIONS_MAX || o->n_state > BUNDLE_VERSIONS_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, NULL, 0, "Too many wire or state versions");
	m->name = strdup(o->name ? o->name : "sysmaster");
	m->version = strdup(o->version ? o->version : "");
	m->arch = strdup(o->arch ? o->arch : u.machine);
	if (!m->name || !m->version || !m->arch)
		return -ENOMEM;
	if (o->n_wire)
		memcpy(m->wire, o->wire, o->n_wire * sizeof(*o->wire));
	if (o->n_state)
		memcpy(m->state, o->state, o->n_state * sizeof(*o->state));
	m->n_wire = o->n_wire;
	m->n_state = o->n_state;
	r = walk(m, o->directory, "", 0, d);
	if (r < 0)
		return r;
	/* What we write, every reader must accept: the rules are in one place. */
	text = bundle_manifest_print(m);
	if (!text)
		return -ENOMEM;
	r = bundle_manifest_parse(text, strlen(text), d, &checked);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

int bundle_create(const struct bundle_create_options *o, const char *path, struct diag *d)
{
	auto_cleanup(bundle_manifest_free) struct bundle_manifest *m = NULL;
	auto_free char *temporary = str_printf("%s.XXXXXX", path);
	auto_fd int fd = -EBADF;
	int r;

	if (!temporary)
		return -ENOMEM;
	r = manifest_make(o, d, &m);
	if (r < 0)
		return r;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return diag_add(d, -errno, DIAG_ERROR, path, 0, "Cannot create: %s",
		                strerror(errno));
	r = write_archive(o, m, fd, d);
	if (r >= 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
		r = diag_add(d, -errno, DIAG_ERROR, path, 0, "Cannot write: %s", strerror(errno));
	if (r < 0)
		(void) unlink(temporary);
	return r;
}
