// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle.h"
#include "bundle/archive.h"

#include "base/fd.h"
#include "base/str.h"

#include <openssl/evp.h>

int bundle_sha256_fd(int fd, uint64_t max, char ret[static BUNDLE_SHA256_TEXT], uint64_t *ret_size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	auto_free uint8_t *buffer = malloc(65536);
	uint8_t hash[EVP_MAX_MD_SIZE];
	uint64_t total = 0;
	int r = 0;

	if (!ctx || !buffer || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		r = -ENOMEM;
	while (r >= 0) {
		ssize_t n = pread(fd, buffer, 65536, (off_t) total);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		total += (uint64_t) n;
		if (total > max)
			r = -EFBIG;
		else if (EVP_DigestUpdate(ctx, buffer, (size_t) n) != 1)
			r = -EIO;
	}
	if (r >= 0 && EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		r = -EIO;
	EVP_MD_CTX_free(ctx);
	if (r < 0)
		return r;
	hash_to_text(hash, ret);
	if (ret_size)
		*ret_size = total;
	return 0;
}

void hash_to_text(const uint8_t hash[static 32], char ret[static BUNDLE_SHA256_TEXT])
{
	for (size_t i = 0; i < 32; i++) {
		ret[2 * i] = "0123456789abcdef"[hash[i] >> 4];
		ret[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
	}
	ret[64] = 0;
}

int bundle_verify(int fd, const char *signature, const struct minisign_public *keys, size_t n_keys,
                  struct diag *d, char **ret_comment)
{
	char id[MINISIGN_ID_TEXT];
	struct minisign_signature s;
	int r;

	r = minisign_signature_parse(signature, strlen(signature), d, &s);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_keys; i++) {
		if (memcmp(keys[i].id, s.id, MINISIGN_ID_SIZE))
			continue;
		r = minisign_verify_fd(fd, BUNDLE_PACKED_MAX, &s, &keys[i], d);
		if (r < 0)
			return r;
		if (ret_comment && !(*ret_comment = strdup(s.comment)))
			return -ENOMEM;
		return 0;
	}
	return diag_add(d, -EKEYREJECTED, DIAG_ERROR, NULL, 0,
	                "Signed by key %s, which is not trusted here",
	                minisign_id_format(s.id, id));
}

int bundle_open(const char *path, const char *keys_dir, struct diag *d,
                struct bundle_manifest **ret)
{
	auto_free struct minisign_public *keys = NULL;
	auto_free char *signature_path = NULL, *signature = NULL;
	auto_fd int fd = -EBADF;
	size_t n_keys;
	int r;

	r = minisign_public_read_dir(keys_dir, d, &keys, &n_keys);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		r = -errno;
		return diag_add(d, r, DIAG_ERROR, path, 0, "Cannot open the bundle: %s",
		                strerror(-r));
	}
	signature_path = str_printf("%s" BUNDLE_SIGNATURE_SUFFIX, path);
	if (!signature_path)
		return -ENOMEM;
	r = file_read_at(AT_FDCWD, signature_path, MINISIGN_FILE_MAX, &signature, NULL);
	if (r < 0)
		return diag_add(d, r == -ENOENT ? -EKEYREJECTED : r, DIAG_ERROR, signature_path, 0,
		                "Cannot read the signature: %s", strerror(-r));
	r = bundle_verify(fd, signature, keys, n_keys, d, NULL);
	if (r < 0)
		return r;
	r = bundle_read_manifest(fd, d, ret);
	if (r < 0)
		return r;
	return TAKE_FD(fd);
}

int bundle_sign(const char *path, const struct minisign_secret *key, const char *comment,
                struct diag *d)
{
	auto_free char *text = NULL,
		       *signature_path = str_printf("%s" BUNDLE_SIGNATURE_SUFFIX, path);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (!signature_path)
		return -ENOMEM;
	if (fd < 0) {
		r = -errno;
		return diag_add(d, r, DIAG_ERROR, path, 0, "Cannot open the bundle: %s",
		                strerror(-r));
	}
	r = minisign_sign_fd(fd, BUNDLE_PACKED_MAX, key, comment, d, &text);
	if (r < 0)
		return r;
	r = file_write_atomic(signature_path, text, strlen(text), 0644, true);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, signature_path, 0,
		                "Cannot write the signature: %s", strerror(-r));
	return 0;
}

static int check_file(const struct bundle_file *f, const char *dir, struct diag *d)
{
	auto_free char *path = str_printf("%s/%s", dir, f->path);
	char sha256[BUNDLE_SHA256_TEXT];
	auto_fd int fd = -EBADF;
	uint64_t size;
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		return diag_add(d, -EBADMSG, DIAG_ERROR, path, 0, "Cannot read: %s", strerror(-r));
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != f->mode)
		return diag_add(d, -EBADMSG, DIAG_ERROR, path, 0,
		                "Mode is %04o, the manifest says %04o", st.st_mode & 07777,
		                f->mode);
	r = bundle_sha256_fd(fd, BUNDLE_FILE_MAX, sha256, &size);
	if (r < 0)
		return diag_add(d, -EBADMSG, DIAG_ERROR, path, 0, "Cannot read: %s", strerror(-r));
	if (size != f->size || !streq(sha256, f->sha256))
		return diag_add(d, -EBADMSG, DIAG_ERROR, path, 0,
		                "Contents differ from the manifest");
	return 0;
}

int bundle_check_directory(const struct bundle_manifest *m, const char *dir, struct diag *d)
{
	for (size_t i = 0; i < m->n_files; i++) {
		int r = check_file(&m->files[i], dir, d);

		if (r < 0)
			return r;
	}
	return 0;
}
