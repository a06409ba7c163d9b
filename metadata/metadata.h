// SPDX-License-Identifier: Apache-2.0
/*
 * metadata - what the platform wants this machine to be: a native reader of instance metadata and
 * cloud-config.
 *
 * The flow, one way:
 *
 *   detect/    struct machine (DMI, labels, kernel line, ...) -> names of datasources, no packet
 *   source/    a name -> struct instance (meta-data, user-data, vendor-data, network)
 *   userdata/  blobs -> parts -> one merged cloud-config (JSON) and scripts; also the schema
 *   network/   config v1, v2 or a platform's own form -> one state -> plan, netplan or networkd files
 *   modules/   the merged config -> users, files, keys, ..., one file a module, order from one table
 *
 * Every room is a library of pure functions: it reads files through struct tree (a directory, or
 * memory in tests and fuzzers) and the network through struct http (source/http.h), and knows
 * nothing of the rooms to its right. cmd/ holds the verbs, which put them together.
 *
 * Two stages: "apply" runs early and does what the rest of the boot builds on (host name, files,
 * users, keys, agents' configuration); "final" runs when the machine is up and executes runcmd and
 * user scripts. What is meant once an instance has a mark in
 * /var/lib/sysmaster/metadata/instances/ID, module by module, made after it is done: a boot that is cut
 * off goes on where it was.
 *
 * Metadata is untrusted in form: sizes, depths and counts are limited (below), file systems are
 * mounted read-only, nosuid, nodev, noexec, and a document that cannot be read changes nothing. It
 * is trusted in intent: whoever controls it is root here. Secrets are written 0600 and never
 * logged. A key that is not supported is reported, by name, in the log and in
 * /run/sysmaster/metadata/result.json.
 */
#pragma once

#include "base/base.h"

#define METADATA_DOCUMENT_MAX (4U << 20) /* bytes of one document */
#define METADATA_NODES_MAX    200000     /* of one YAML document, aliases expanded */
#define METADATA_DEPTH_MAX    48
#define METADATA_LIST_MAX     4096 /* entries of users, write_files, runcmd, ... */
#define METADATA_DEFAULT_USER                                                                      \
	"debian" /* where the image names none: the first user, who gets the machine's keys */
#define METADATA_PARTS_MAX 1024 /* parts of user-data, all levels together */

/* Bytes as found; a NUL stands behind the last one. data is NULL where there was nothing. */
struct blob {
	char *data;
	size_t size;
};
void blob_done(struct blob *b);
/* Copies; -ENOMEM leaves *b. */
int blob_set(struct blob *b, const void *data, size_t size);
#define auto_blob __attribute__((cleanup(blob_done)))

/* ---- files, wherever they are ---- */

/*
 * A folder to read from. Paths are relative ("etc/cloud/cloud.cfg"). read: -ENOENT, -EISDIR,
 * -EFBIG beyond @max. list: names in the folder, sorted. stat: 'f' file, 'd' folder, 's' socket,
 * 'o' other, or -ENOENT; links are followed.
 */
struct tree {
	int (*read)(void *userdata, const char *path, size_t max, struct blob *ret);
	int (*list)(void *userdata, const char *path, char ***ret);
	int (*stat)(void *userdata, const char *path);
	void *userdata;
};
int tree_read(const struct tree *t, const char *path, size_t max, struct blob *ret);
/* The first line, without blanks at its end; the caller frees. */
int tree_read_line(const struct tree *t, const char *path, char **ret);
int tree_list(const struct tree *t, const char *path, char ***ret);
int tree_stat(const struct tree *t, const char *path);
bool tree_has(const struct tree *t, const char *path); /* anything of that name */

/* @fd: an open directory, the caller's, valid as long as the tree is used. */
struct tree tree_of_directory(const int *fd);
/* The folder @prefix of another tree; both are the caller's. */
struct subtree {
	const struct tree *tree;
	const char *prefix;
};
struct tree tree_of_subtree(const struct subtree *s);
/* @files: object of path -> text, or {"__b64__": base64}, or {"__socket__": true}; the caller's. */
struct tree tree_of_json(const cJSON *files);

/* ---- what was found ---- */

struct instance {
	char *datasource;   /* as cloud-init writes it: "NoCloud" */
	char *platform;     /* cloud_name: "nocloud", "aws", ...; NULL: datasource in lower case */
	char *origin;       /* for people: "/dev/vdb (iso9660, cidata)" */
	char *id;           /* instance-id */
	char *dsmode;       /* "local", "net", "pass", "disabled"; NULL: the source's default */
	cJSON *meta_data;   /* object, never NULL */
	cJSON *public_keys; /* keys that are not in meta_data; or NULL */
	cJSON *network;     /* network config v1 or v2 as an object; NULL: none said */
	cJSON *config; /* cloud-config that the source itself asks for, below vendor data; or NULL */
	cJSON *raw;    /* all that the platform said, for instance-data's "ds"; or NULL */
	struct blob user_data, vendor_data, vendor_data2;
};
struct instance *instance_free(struct instance *i);
DEFINE_CLEANUP(struct instance *, instance_free)

/* What every source's answer is asked for in the same words (instance-data's "v1"). Strings are the
 * caller's to free. */
int instance_hostname(const struct instance *i, bool full, char **ret); /* -ENOENT: none said */
/* All keys of the instance, wherever its source puts them. */
int instance_public_keys(const struct instance *i, char ***ret);
/* Keys in whatever form @v has: text of lines, list, map of name -> key(s), EC2's numbered maps. */
int public_keys_of(const cJSON *v, char ***ret);
