// SPDX-License-Identifier: Apache-2.0
#include "bundle/archive.h"

#include "base/fd.h"
#include "base/map.h"
#include "base/str.h"

#include <openssl/evp.h>

struct extraction {
	const char *dir;
	struct archive *reader;
	struct map *wanted; /* path to struct bundle_file; an entry is removed once its file is
	                       written */
	struct diag *d;
	uint8_t *block;
};

static int archive_failed(struct archive *a, struct diag *d, const char *what)
{
	const char *text = archive_error_string(a);

	return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0, "%s: %s", what,
	                text ? text : "not a bundle");
}

static int reader_open(int fd, struct diag *d, struct archive **ret)
{
	struct archive *a;
	struct stat st;

	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return diag_add(d, -errno, DIAG_ERROR, NULL, 0, "Cannot read the bundle: %s",
		                strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "The bundle is not a regular file");
	if ((uint64_t) st.st_size > BUNDLE_PACKED_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, NULL, 0, "The bundle is too large");
	a = archive_read_new();
	if (!a)
		return -ENOMEM;
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_open_fd(a, fd, BLOCK_SIZE) != ARCHIVE_OK) {
		int r = archive_failed(a, d, "Cannot open the bundle");

		archive_read_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

/* Only plain files: whatever else a tar can hold has no place in a bundle. */
static int entry_check(struct archive_entry *e, struct diag *d, const char **ret_path)
{
	const char *path = archive_entry_pathname(e);

	if (!path)
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "A member of the bundle has no name");
	if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
	    archive_entry_symlink(e))
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0, "\"%.200s\" is not a plain file",
		                path);
	if (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0)
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0, "\"%.200s\" has no size", path);
	*ret_path = path;
	return 0;
}

static int entry_next(struct archive *a, struct diag *d, struct archive_entry **ret,
                      const char **ret_path)
{
	int r = archive_read_next_header(a, ret);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return archive_failed(a, d, "Cannot read the bundle");
	r = entry_check(*ret, d, ret_path);
	return r < 0 ? r : 1;
}

/* Reads the first member, which must be the manifest; the text has *ret_size bytes. */
static int manifest_text(struct archive *a, struct diag *d, char **ret, size_t *ret_size)
{
	auto_free char *text = NULL;
	struct archive_entry *e;
	const char *path;
	size_t size, done = 0;
	int r;

	r = entry_next(a, d, &e, &path);
	if (r < 0)
		return r;
	if (r == 0 || !streq(path, MANIFEST_NAME))
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "The bundle does not begin with " MANIFEST_NAME);
	if (archive_entry_size(e) > BUNDLE_MANIFEST_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, NULL, 0, "The manifest is too large");
	size = (size_t) archive_entry_size(e);
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	while (done < size) {
		la_ssize_t n = archive_read_data(a, text + done, size - done);

		if (n <= 0)
			return archive_failed(a, d, "Cannot read the manifest");
		done += (size_t) n;
	}
	text[size] = 0;
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int bundle_read_manifest(int fd, struct diag *d, struct bundle_manifest **ret)
{
	__attribute__((cleanup(archive_reader_done))) struct archive *a = NULL;
	auto_free char *text = NULL;
	size_t size;
	int r;

	r = reader_open(fd, d, &a);
	if (r < 0)
		return r;
	r = manifest_text(a, d, &text, &size);
	if (r < 0)
		return r;
	return bundle_manifest_parse(text, size, d, ret);
}

/* Copies one member to an open file; more or fewer bytes than the manifest says is an error, so a
 * packed bomb stops early. */
static int copy_hashed(struct extraction *x, const struct bundle_file *f, int fd, EVP_MD_CTX *ctx)
{
	char sha256[BUNDLE_SHA256_TEXT];
	uint8_t hash[EVP_MAX_MD_SIZE];
	uint64_t total = 0;

	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (;;) {
		la_ssize_t n = archive_read_data(x->reader, x->block, BLOCK_SIZE);
		int r;

		if (n == 0)
			break;
		if (n < 0)
			return archive_failed(x->reader, x->d, "Cannot unpack the bundle");
		total += (uint64_t) n;
		if (total > f->size)
			break;
		if (EVP_DigestUpdate(ctx, x->block, (size_t) n) != 1)
			return -EIO;
		r = fd_write_all(fd, x->block, (size_t) n);
		if (r < 0)
			return diag_add(x->d, r, DIAG_ERROR, f->path, 0, "Cannot write: %s",
			                strerror(-r));
	}
	if (EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		return -EIO;
	hash_to_text(hash, sha256);
	if (total != f->size || !streq(sha256, f->sha256))
		return diag_add(x->d, -EBADMSG, DIAG_ERROR, f->path, 0,
		                "Contents differ from the manifest");
	return 0;
}

static int extract_file(struct extraction *x, const struct bundle_file *f)
{
	auto_free char *path = str_printf("%s/%s", x->dir, f->path);
	auto_fd int fd = -EBADF;
	EVP_MD_CTX *ctx;
	int r;

	if (!path)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	if (r < 0)
		return diag_add(x->d, r, DIAG_ERROR, path, 0, "Cannot make its directory: %s",
		                strerror(-r));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return diag_add(x->d, -errno, DIAG_ERROR, path, 0, "Cannot create: %s",
		                strerror(errno));
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return -ENOMEM;
	r = copy_hashed(x, f, fd, ctx);
	EVP_MD_CTX_free(ctx);
	if (r < 0)
		return r;
	if (fchmod(fd, f->mode) < 0 || fsync(fd) < 0)
		return diag_add(x->d, -errno, DIAG_ERROR, path, 0, "Cannot finish: %s",
		                strerror(errno));
	return 0;
}

static int extract_members(struct extraction *x)
{
	for (;;) {
		struct archive_entry *e;
		struct bundle_file *f;
		const char *path;
		int r;

		r = entry_next(x->reader, x->d, &e, &path);
		if (r <= 0)
			return r;
		f = map_remove(x->wanted, path);
		if (!f)
			return diag_add(x->d, -EBADMSG, DIAG_ERROR, NULL, 0,
			                "\"%.200s\" is not in the manifest, or comes twice", path);
		r = extract_file(x, f);
		if (r < 0)
			return r;
	}
}

/* Syncs every directory that got an entry; the files themselves are synced already. */
static int sync_directories(const struct bundle_manifest *m, const char *dir)
{
	for (size_t i = 0; i <= m->n_files; i++) {
		auto_free char *path =
			i < m->n_files ? str_printf("%s/%s", dir, m->files[i].path) : strdup(dir);
		auto_fd int fd = -EBADF;
		char *slash;

		if (!path)
			return -ENOMEM;
		slash = strrchr(path, '/');
		if (!slash || slash == path)
			continue;
		*slash = 0; /* for the last round: the parent, which holds the new directory's name
		             */
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return -errno;
	}
	return 0;
}

static int extract_all(struct extraction *x, const struct bundle_manifest *m)
{
	auto_free char *text = NULL, *path = NULL;
	size_t size;
	int r;

	r = manifest_text(x->reader, x->d, &text, &size);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->n_files; i++) {
		r = map_add(x->wanted, m->files[i].path, &m->files[i]);
		if (r < 0)
			return r;
	}
	r = extract_members(x);
	if (r < 0)
		return r;
	if (map_size(x->wanted) > 0)
		return diag_add(x->d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "%zu files of the manifest are missing", map_size(x->wanted));
	path = str_printf("%s/" MANIFEST_NAME, x->dir);
	if (!path)
		return -ENOMEM;
	r = file_write_atomic(path, text, size, 0644, true);
	if (r < 0)
		return diag_add(x->d, r, DIAG_ERROR, path, 0, "Cannot write: %s", strerror(-r));
	r = sync_directories(m, x->dir);
	return r < 0 ? diag_add(x->d, r, DIAG_ERROR, x->dir, 0, "Cannot sync: %s", strerror(-r))
	             : 0;
}

int bundle_extract(int fd, const struct bundle_manifest *m, const char *dir, struct diag *d)
{
	__attribute__((cleanup(archive_reader_done))) struct archive *a = NULL;
	auto_cleanup(map_free) struct map *wanted = map_new(MAP_STRING);
	auto_free uint8_t *block = malloc(BLOCK_SIZE);
	struct extraction x = {.dir = dir, .wanted = wanted, .d = d, .block = block};
	int r;

	if (!wanted || !block)
		return -ENOMEM;
	r = reader_open(fd, d, &a);
	if (r < 0)
		return r;
	if (mkdir(dir, 0755) < 0)
		return diag_add(d, -errno, DIAG_ERROR, dir, 0, "Cannot create: %s",
		                strerror(errno));
	x.reader = a;
	r = extract_all(&x, m);
	if (r < 0)
		(void) rm_rf(dir);
	return r;
}
