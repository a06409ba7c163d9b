// SPDX-License-Identifier: Apache-2.0
#include "metadata/modules/modules.h"

#define DEFAULT_MODE 0644

struct file_encoding file_encoding_parse(const char *s)
{
	static const struct {
		const char *name;
		struct file_encoding e;
	} names[] = {
		{"b64", {true, false}},     {"base64", {true, false}},
		{"gz", {false, true}},      {"gzip", {false, true}},
		{"gz+b64", {true, true}},   {"gz+base64", {true, true}},
		{"gzip+b64", {true, true}}, {"gzip+base64", {true, true}},
	};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(names[i].name, s))
			return names[i].e;
	return (struct file_encoding){false, false};
}

int content_bytes(const cJSON *v, struct blob *ret)
{
	const char *binary = json_string_or(v, "__b64__", NULL);
	auto_free char *text = NULL;

	if (!v || cJSON_IsNull(v))
		return 0;
	if (binary)
		return base64_decode(binary, strlen(binary), ret);
	text = scalar_text(v);
	return text ? blob_set(ret, text, strlen(text)) : -EINVAL;
}

int content_decode(const cJSON *v, const char *encoding, struct blob *ret)
{
	struct file_encoding e = file_encoding_parse(encoding);
	auto_blob struct blob plain = {0}, coded = {0};
	int r = content_bytes(v, e.base64 ? &coded : &plain);

	if (r >= 0 && e.base64)
		r = base64_decode(coded.data ? coded.data : "", coded.size, &plain);
	if (r >= 0 && e.gzip)
		r = gunzip(plain.data, plain.size, METADATA_DOCUMENT_MAX, &plain);
	if (r < 0)
		return r;
	*ret = plain;
	plain = (struct blob){0};
	return 0;
}

int file_content_decode(const cJSON *entry, struct blob *ret)
{
	return content_decode(cJSON_GetObjectItemCaseSensitive(entry, "content"),
	                      json_string_or(entry, "encoding", ""), ret);
}

int file_mode_parse(const cJSON *v, mode_t *ret)
{
	uint64_t n;

	if (!v || cJSON_IsNull(v)) {
		*ret = DEFAULT_MODE;
		return 0;
	}
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= 07777) {
		*ret = (mode_t) v->valuedouble;
		return 0;
	}
	if (!cJSON_IsString(v) ||
	    str_to_u64(str_after(v->valuestring, "0o") ? v->valuestring + 2 : v->valuestring, 8,
	               &n) < 0 ||
	    n > 07777)
		return -EINVAL;
	*ret = (mode_t) n;
	return 0;
}

static int append(const char *path, const char *data, size_t size, mode_t mode)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd_write_all(fd, data, size);
}

static int write_one(struct context *c, const cJSON *entry, const char *name)
{
	auto_free char *path = root_path(c, name);
	const char *owner = json_string_or(entry, "owner", "root:root");
	auto_blob struct blob data = {0};
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_mode_parse(cJSON_GetObjectItemCaseSensitive(entry, "permissions"), &mode);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0,
		                "permissions are not an octal number");
	r = file_content_decode(entry, &data);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0,
		                "the content is not what its encoding says");
	r = owner_parse(c, owner, &uid, &gid);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "there is no owner \"%s\"", owner);
	r = mkdir_parents(path, 0755);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "its folder cannot be made: %s",
		                strerror(-r));
	r = json_bool_or(entry, "append", false)
	            ? append(path, data.data, data.size, mode)
	            : file_write_atomic(path, data.data, data.size, mode, false);
	if (r >= 0 && geteuid() == 0 && chown(path, uid, gid) < 0)
		r = -errno;
	/* Again: chown takes the set-id bits away, and an appended file keeps the mode it had
	 * otherwise. */
	if (r >= 0 && chmod(path, mode) < 0)
		r = -errno;
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, name, 0, "cannot be written: %s", strerror(-r))
	             : 0;
}

static int write_all(struct context *c, bool deferred)
{
	const cJSON *files = cJSON_GetObjectItemCaseSensitive(c->config, "write_files"), *entry;
	int worst = 0;

	if (!files || cJSON_IsNull(files))
		return 0;
	if (!cJSON_IsArray(files) || cJSON_GetArraySize(files) > METADATA_LIST_MAX)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "write_files", 0,
		                "a list of at most %d files is expected", METADATA_LIST_MAX);
	cJSON_ArrayForEach(entry, files)
	{
		const char *name = json_string_or(entry, "path", NULL);
		int r;

		if (json_bool_or(entry, "defer", false) != deferred)
			continue;
		r = name && path_is_absolute(name)
		            ? write_one(c, entry, name)
		            : diag_add(c->d, -EINVAL, DIAG_ERROR, "write_files", 0,
		                       "an entry has no absolute \"path\"");
		worst = MIN(worst, r);
	}
	return worst;
}

int module_write_files(struct context *c)
{
	return write_all(c, false);
}

int module_write_files_deferred(struct context *c)
{
	return write_all(c, true);
}
