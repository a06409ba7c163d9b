// SPDX-License-Identifier: Apache-2.0
/*
 * userdata - from bytes to one merged configuration and a list of scripts.
 *
 *   blob -> gunzip -> MIME multipart? -> parts (type by header, else by leading marker)
 *        -> archives and includes expanded -> launch-index filter -> handlers:
 *           cloud-config   merged (merge.c), jsonp patched
 *           script         kept, run by scripts_user (or per-boot, per-once, per-instance)
 *           boothook       kept, run at once on every boot
 *           jinja          rendered with instance data (jinja.c), then handled by its own marker
 *
 * Sources are layered: user-data over vendor-data2 over vendor-data over what the datasource asks for
 * over the system's own files. All limits are in metadata.h; a part that cannot be read is a finding
 * and the others count.
 *
 * Values are cJSON throughout: objects, lists and YAML 1.1 scalars.
 */
#pragma once

#include "metadata/metadata.h"

/* ---- YAML ---- */

/* The shortest decimal that is @v, with a fraction, as Python writes it; the caller frees. */
char *float_text(double v);
/* One YAML document as JSON (a number with a fraction has its spelling as its valuestring), YAML 1.1 scalars as cloud-init's parser sees them. -EBADMSG with line,
 * -E2BIG. */
int yaml_parse(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret);
/* As yaml_parse; *ret_lines: the tree of @ret with each value's line as a number: an object's own
 * line under the key "", a list's as its first element. */
int yaml_parse_lines(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret,
                     cJSON **ret_lines);
/* Block style, two blanks a level, keys in order; what netplan and cloud.cfg readers accept. */
int yaml_print(const cJSON *v, char **ret);

/* ---- parts ---- */

struct part {
	char *type;     /* "text/cloud-config" */
	char *filename; /* never NULL: "part-001" */
	cJSON *headers; /* other headers of a MIME part, names as given; never NULL */
	struct blob payload;
};
struct parts {
	struct part *items;
	size_t n;
};
void parts_done(struct parts *p);

/* Content of an #include line. @once: keep it for the life of the instance. NULL: includes are findings. */
struct include {
	int (*fetch)(void *userdata, const char *url, bool once, struct blob *ret);
	void *userdata;
};
/**
 * parts_split - user-data in any form as a flat list
 * @index: launch index of this instance, parts of others are left out; -1: keep all
 * Returns 0; -EBADMSG with findings when a part could not be read (*ret holds the others).
 */
int parts_split(const struct blob *data, const char *name, const struct include *include, int index,
                struct diag *d, struct parts *ret);
/* The type that the first line tells, NULL if none does. */
const char *part_type_of(const char *text, size_t size);

int gunzip(const char *data, size_t size, size_t max, struct blob *ret);
bool is_gzip(const char *data, size_t size);
int base64_decode(const char *text, size_t size, struct blob *ret); /* blanks are skipped */
int base64_encode(const void *data, size_t size, char **ret);

/* ---- merging ---- */

/* [[name, [option, ...]], ...] of "dict(replace)+list()+str()", a list or a map; -EINVAL. */
int merge_how_parse(const cJSON *how, cJSON **ret);
/* Default rule of cloud-init for several documents. */
#define MERGE_HOW_DEFAULT "dict(replace)+list()+str()"
/* *base becomes base with @over merged into it as @how (parsed) says. */
int merge_values(cJSON **base, const cJSON *over, const cJSON *how);
/* Maps below maps are mixed, what @base has stays: the layering of configuration files. */
int merge_layers(cJSON *base, const cJSON *under);
/* RFC 6902 add, remove, replace, move, copy, test. -EINVAL leaves *doc. */
int json_patch_apply(cJSON **doc, const cJSON *patch, struct diag *d);

/* ---- jinja ---- */

/* Variables, if, for, set, filters of the list in jinja.c; anything else is an error with its line. */
int jinja_render(const char *text, size_t size, const cJSON *data, const char *name, struct diag *d,
                 struct blob *ret);

/* ---- all of it ---- */

enum script_when {
	SCRIPT_PER_INSTANCE_USER,
	SCRIPT_PER_BOOT,
	SCRIPT_PER_ONCE,
	SCRIPT_PER_INSTANCE,
	SCRIPT_VENDOR,
	SCRIPT_BOOTHOOK,
	SCRIPT_WHEN_MAX
};
struct script {
	enum script_when when;
	char *filename;
	struct blob text;
};
struct userdata {
	cJSON *config; /* merged cloud-config; object, never NULL */
	struct script *scripts;
	size_t n_scripts;
};
void userdata_done(struct userdata *u);
struct userdata_options {
	const struct include *include;
	const cJSON *instance_data; /* for jinja; NULL: none */
	const cJSON *system;        /* the image's configuration, lowest layer; NULL: none */
	int launch_index;           /* -1: unknown */
};
int userdata_read(const struct instance *i, const struct userdata_options *o, struct diag *d,
                  struct userdata *ret);

/* ---- schema ---- */

enum schema_kind { SCHEMA_CLOUD_CONFIG, SCHEMA_NETWORK_V1, SCHEMA_NETWORK_V2 };
struct schema_finding {
	char *path; /* "users.0.sudo" */
	char *text; /* never holds a value of the document */
	unsigned line;
	bool is_deprecated; /* of use today, a warning */
};
struct schema_report {
	struct schema_finding *items;
	size_t n;
};
void schema_report_done(struct schema_report *r);
/* Number of errors (deprecations apart), or -ENOMEM. @lines: of yaml_parse_lines(), or NULL. */
int schema_check(enum schema_kind kind, const cJSON *doc, const cJSON *lines,
                 struct schema_report *ret);
/* The key/type table's answer for one top-level key of a cloud-config. */
bool schema_knows_key(const char *key);

/* ---- instance data ---- */

/* instance-data.json's content: v1, ds, merged_cfg, sensitive_keys, ... */
int instance_data_of(const struct instance *i, const struct userdata *u, const cJSON *extra,
                     cJSON **ret);
/* A copy in which what sensitive_keys names ("a/b/c") reads "redacted for non-root user". */
int instance_data_redact(const cJSON *data, cJSON **ret);
