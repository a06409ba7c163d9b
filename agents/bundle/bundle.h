// SPDX-License-Identifier: Apache-2.0
/*
 * bundle.h - one version of sysmaster as one signed file.
 *
 * A bundle, sysmaster-VERSION-ARCH.bundle, is a zstd-compressed tar whose first member is manifest.json; every other
 * member is a regular file that the manifest lists with size, SHA-256 and mode. Beside it lies
 * sysmaster-VERSION-ARCH.bundle.minisig, a detached Ed25519 signature in minisign's format, made over the whole file.
 *
 * The order in which a bundle is used, and which callers must keep:
 *	1. bundle_verify()	   signature over the bytes on disk, by one of the trusted keys. Nothing is unpacked before.
 *	2. bundle_read_manifest()  what is in it: version, architecture, wire and state versions it can read.
 *	3. bundle_extract()	   into a new, empty directory; each file's size and hash is checked; on any doubt nothing is
 *				   left.
 * bundle_open() does the first two on one file descriptor, so that the file cannot be swapped between them.
 *
 * Nothing from inside a bundle is believed before the signature is checked, and even then: no absolute path, no "..", no
 * link, no device, no set-id bits, nothing that the manifest does not list, everything that it lists, nothing beyond the
 * limits below.
 */
#pragma once

#include "base/macro.h"
#include "base/diag.h"
#include "bundle/minisign.h"

#include <sys/stat.h>

#define BUNDLE_NAME_MAX         64 /* of name, version and architecture */
#define BUNDLE_PATH_MAX         255
#define BUNDLE_FILES_MAX        1024
#define BUNDLE_FILE_MAX         (64ULL << 20)  /* bytes of one file, unpacked */
#define BUNDLE_TOTAL_MAX        (256ULL << 20) /* bytes of all files, unpacked */
#define BUNDLE_PACKED_MAX       (256ULL << 20) /* bytes of the bundle itself */
#define BUNDLE_MANIFEST_MAX     (256U << 10)
#define BUNDLE_VERSIONS_MAX     16 /* entries of "wire" and "state" */
#define BUNDLE_SHA256_TEXT      65
#define BUNDLE_SUFFIX           ".bundle"
#define BUNDLE_SIGNATURE_SUFFIX ".minisig"

struct bundle_file {
	char *path; /* relative, normalized */
	uint64_t size;
	mode_t mode; /* permission bits only, at most 0755 */
	char sha256[BUNDLE_SHA256_TEXT];
};

struct bundle_manifest {
	char *name;    /* "sysmaster" */
	char *version; /* see bundle_version_is_valid() */
	char *arch;    /* as uname -m: "x86_64" */
	struct bundle_file *files;
	size_t n_files;
	uint64_t total_size;
	unsigned wire[BUNDLE_VERSIONS_MAX],
		state[BUNDLE_VERSIONS_MAX]; /* versions that it can read */
	size_t n_wire, n_state;
};

/* 1 to 64 of [A-Za-z0-9.+~_-], beginning with a letter or digit: safe as a directory name and in a
 * URL path. */
bool bundle_version_is_valid(const char *version);

/**
 * bundle_manifest_parse - reads the text of manifest.json
 * @text: need not be NUL-terminated
 * @d:    receives what is wrong with it, may be NULL
 *
 * Returns 0, -EBADMSG when it breaks a rule, -E2BIG beyond a limit, -ENOMEM.
 */
int bundle_manifest_parse(const char *text, size_t size, struct diag *d,
                          struct bundle_manifest **ret);
struct bundle_manifest *bundle_manifest_free(struct bundle_manifest *m);
DEFINE_CLEANUP(struct bundle_manifest *, bundle_manifest_free)
/* Compact JSON, for a listing or a database; NULL on ENOMEM. */
char *bundle_manifest_print(const struct bundle_manifest *m);
bool bundle_manifest_reads_wire(const struct bundle_manifest *m, unsigned version);
bool bundle_manifest_reads_state(const struct bundle_manifest *m, unsigned version);

/**
 * bundle_verify - checks the signature of an open bundle
 * @fd:	       readable, seekable; the position is moved
 * @signature: text of the .minisig file
 * @keys:      trusted public keys, n_keys of them
 * @ret_comment: the trusted comment (signed, too), free it; may be NULL
 *
 * Returns 0; -EKEYREJECTED when the signature is wrong or by no trusted key; -EBADMSG when it is
 * not a signature; -E2BIG; -errno of reading.
 */
int bundle_verify(int fd, const char *signature, const struct minisign_public *keys, size_t n_keys,
                  struct diag *d, char **ret_comment);
/* Reads manifest.json, the first member. Does not verify anything but its own form. */
int bundle_read_manifest(int fd, struct diag *d, struct bundle_manifest **ret);

/**
 * bundle_open - opens a bundle, verifies its signature and reads its manifest
 * @path:     the bundle; its signature is at PATH.minisig
 * @keys_dir: directory of trusted keys in minisign's form (*.pub)
 *
 * Returns an open fd for bundle_extract(), or as bundle_verify() and bundle_read_manifest() do;
 * -ENOKEY when there is no key at all.
 */
int bundle_open(const char *path, const char *keys_dir, struct diag *d,
                struct bundle_manifest **ret);

/**
 * bundle_extract - unpacks into a directory
 * @fd:	  as bundle_open() gave it
 * @m:	  manifest of that very bundle
 * @dir:  is made and must not exist before; its parent must. Files and directory are synced before
 * this returns.
 *
 * On failure the directory is removed again. Returns 0, -EEXIST, -EBADMSG (contents are not what
 * the manifest says), -E2BIG, -errno.
 */
int bundle_extract(int fd, const struct bundle_manifest *m, const char *dir, struct diag *d);

/**
 * bundle_check_directory - compares what bundle_extract() left with the manifest: sizes, hashes,
 * modes Returns 0 or -EBADMSG with the first difference.
 */
int bundle_check_directory(const struct bundle_manifest *m, const char *dir, struct diag *d);

struct bundle_create_options {
	const char *name, *version, *arch; /* NULL: "sysmaster" and this machine's */
	const char *directory; /* its regular files become the bundle, sub-directories, too; links
	                          are refused */
	const unsigned *wire, *state;
	size_t n_wire, n_state;
	int level; /* of zstd; 0: 19 */
};

/* Writes @path atomically, members in sorted order and without times or owners: the same input
 * gives the same bytes. */
int bundle_create(const struct bundle_create_options *o, const char *path, struct diag *d);
/* Signs the file at @path, writes PATH.minisig. @comment is the trusted comment, NULL for
 * "timestamp:... file:... hashed". */
int bundle_sign(const char *path, const struct minisign_secret *key, const char *comment,
                struct diag *d);

/* SHA-256 of a whole file, from its start, at most @max bytes (-EFBIG). */
int bundle_sha256_fd(int fd, uint64_t max, char ret[static BUNDLE_SHA256_TEXT], uint64_t *ret_size);
