// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"

#include "base/fd.h"
#include "base/log.h"
#include "bundle/bundle.h"

#include <openssl/evp.h>
#include <stdio.h>

struct upload {
	char *path; /* temporary; removed with the upload unless it was taken over */
	int fd;
	int error;
};

static void upload_free(struct upload *u)
{
	if (u->path)
		(void) unlink(u->path);
	fd_close(u->fd);
	free(u->path);
	free(u);
}

static int upload_write(const void *data, size_t size, void *userdata)
{
	struct upload *u = userdata;

	u->error = fd_write_all(u->fd, data, size);
	return u->error;
}

void handle_bundle_begin(struct call *c)
{
	struct upload *u;

	if (!http_header(c->request, HEADER_SIGNATURE))
		return http_problem(
			c->request, 422, "no-signature",
			"The header X-Bundle-Signature must hold the .minisig file in base64");
	u = calloc(1, sizeof(*u));
	if (u) {
		u->path = str_printf("%s/bundles/.upload-XXXXXX", c->controller->dir);
		u->fd = u->path ? mkostemp(u->path, O_CLOEXEC) : -ENOMEM;
	}
	if (!u || u->fd < 0) {
		if (u)
			free(TAKE_PTR(u->path));
		free(u);
		return http_problem(c->request, 507, "storage", "There is no room for an upload");
	}
	c->upload = u;
	c->upload_free = upload_free;
	http_accept(c->request, c->route->body_max, upload_write, u);
}

static char *decode_signature(const char *text)
{
	size_t n = strlen(text);
	auto_free char *out = NULL;
	int size;

	if (n == 0 || n > HTTP_VALUE_MAX || n % 4)
		return NULL;
	out = malloc(n / 4 * 3 + 1);
	if (!out)
		return NULL;
	size = EVP_DecodeBlock((unsigned char *) out, (const unsigned char *) text, (int) n);
	if (size < 0)
		return NULL;
	for (const char *p = text + n; p > text && p[-1] == '='; p--)
		size--;
	if (size < 0 || memchr(out, 0, (size_t) size))
		return NULL;
	out[size] = 0;
	return TAKE_PTR(out);
}

/* 1 verified by one of DIR/keys, 0 there are no keys here (machines check for themselves),
 * negative: refused. */
static int check_signature(struct call *c, int fd, const char *signature,
                           struct minisign_signature *ret, struct diag *d)
{
	auto_free char *keys_dir = str_printf("%s/keys", c->controller->dir);
	auto_free struct minisign_public *keys = NULL;
	size_t n_keys;
	int r;

	if (!keys_dir)
		return -ENOMEM;
	r = minisign_signature_parse(signature, strlen(signature), d, ret);
	if (r < 0)
		return r;
	r = minisign_public_read_dir(keys_dir, NULL, &keys, &n_keys);
	if (r == -ENOKEY)
		return 0;
	if (r < 0)
		return r;
	r = bundle_verify(fd, signature, keys, n_keys, d, NULL);
	return r < 0 ? r : 1;
}

struct received {
	struct bundle_manifest *manifest;
	char *signature, *manifest_text, *path;
	char sha256[BUNDLE_SHA256_TEXT], key_id[MINISIGN_ID_TEXT];
	uint64_t size;
	bool verified;
};

static void received_done(struct received *v)
{
	bundle_manifest_free(v->manifest);
	free(v->signature);
	free(v->manifest_text);
	free(v->path);
}

static int receive(struct call *c, struct received *v, struct diag *d)
{
	struct minisign_signature parsed;
	int fd = c->upload->fd, r;

	v->signature = decode_signature(http_header(c->request, HEADER_SIGNATURE));
	if (!v->signature)
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "X-Bundle-Signature is not base64");
	r = check_signature(c, fd, v->signature, &parsed, d);
	if (r < 0)
		return r;
	v->verified = r > 0;
	minisign_id_format(parsed.id, v->key_id);
	r = bundle_read_manifest(fd, d, &v->manifest);
	if (r < 0)
		return r;
	r = bundle_sha256_fd(fd, BUNDLE_PACKED_MAX, v->sha256, &v->size);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "The upload cannot be read");
	v->manifest_text = bundle_manifest_print(v->manifest);
	v->path =
		str_printf("%s/bundles/%s" BUNDLE_SUFFIX, c->controller->dir, v->manifest->version);
	return v->manifest_text && v->path ? 0 : -ENOMEM;
}

/* The file takes its name inside the transaction: a bundle in the table always has its file. */
static int keep(struct call *c, const struct received *v)
{
	struct store_bundle b = {.version = v->manifest->version,
	                         .arch = v->manifest->arch,
	                         .sha256 = v->sha256,
	                         .key_id = v->key_id,
	                         .signature = v->signature,
	                         .manifest = v->manifest_text,
	                         .created_by = c->actor,
	                         .size = (int64_t) v->size,
	                         .created_at = (int64_t) now(CLOCK_REALTIME)};
	struct store *s = c->controller->store;
	int r = store_begin(s);

	if (r < 0)
		return r;
	r = store_bundle_add(s, &b);
	if (r >= 0)
		r = audit(c, "bundle.upload", b.version, b.sha256);
	if (r >= 0 && (fchmod(c->upload->fd, 0644) < 0 || fsync(c->upload->fd) < 0 ||
	               rename(c->upload->path, v->path) < 0))
		r = -errno;
	if (r < 0) {
		store_abort(s);
		return r;
	}
	free(TAKE_PTR(c->upload->path));
	r = store_commit(s);
	if (r < 0)
		(void) unlink(v->path);
	return r;
}

static cJSON *bundle_to_json(const struct store_bundle *b)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *manifest = NULL;

	if (!o || json_add_string(o, "version", b->version) < 0 ||
	    json_add_string(o, "arch", b->arch) < 0 ||
	    json_add_string(o, "sha256", b->sha256) < 0 || json_add_i64(o, "size", b->size) < 0 ||
	    json_add_string(o, "key_id", b->key_id) < 0 ||
	    json_add_string(o, "created_by", b->created_by) < 0 ||
	    json_add_i64(o, "created_usec", b->created_at) < 0)
		return NULL;
	if (json_parse(b->manifest, strlen(b->manifest), "manifest", NULL, &manifest) >= 0 &&
	    json_add_take(o, "manifest", manifest) < 0)
		return NULL;
	return TAKE_PTR(o);
}

void handle_bundle_upload(struct call *c)
{
	__attribute__((cleanup(received_done))) struct received v = {};
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	cJSON *o;
	int r;

	r = receive(c, &v, &d);
	if (r < 0)
		return http_problem(
			c->request, 422, r == -EKEYREJECTED ? "bad-signature" : "bad-bundle", "%s",
			d.n_items ? diag_first(&d, first, sizeof(first)) : strerror(-r));
	r = keep(c, &v);
	if (r == -EEXIST)
		return http_problem(c->request, 409, "bundle-exists",
		                    "There is a bundle of version %s", v.manifest->version);
	if (r < 0)
		return respond_store_error(c, r);
	o = cJSON_CreateObject();
	if (o &&
	    (json_add_string(o, "version", v.manifest->version) < 0 ||
	     json_add_string(o, "sha256", v.sha256) < 0 || json_add_u64(o, "size", v.size) < 0 ||
	     json_add_string(o, "key_id", v.key_id) < 0 ||
	     json_add_bool(o, "verified", v.verified) < 0))
		o = json_free(o);
	respond_json(c, 201, o);
}

static int collect_bundle(const struct store_bundle *b, void *userdata)
{
	return json_append_take(userdata, bundle_to_json(b));
}

void handle_bundles(struct call *c)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *list = o ? cJSON_AddArrayToObject(o, "bundles") : NULL;
	int r = list ? store_bundle_each(c->controller->store, collect_bundle, list) : -ENOMEM;

	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, TAKE_PTR(o));
}

static int copy_hash(const struct store_bundle *b, void *userdata)
{
	snprintf(userdata, BUNDLE_SHA256_TEXT, "%s", b->sha256);
	return 0;
}

void handle_bundle_download(struct call *c)
{
	char sha256[BUNDLE_SHA256_TEXT], etag[BUNDLE_SHA256_TEXT + 2];
	const char *version = c->parameters[0];
	auto_free char *path = NULL;
	int fd, r = bundle_version_is_valid(version) ? 0 : -ENOENT;

	if (r >= 0)
		r = store_bundle_get(c->controller->store, version, copy_hash, sha256);
	if (r == -ENOENT)
		return http_problem(c->request, 404, "no-such-bundle",
		                    "There is no bundle of version \"%.64s\"", version);
	path = r >= 0 ? str_printf("%s/bundles/%s" BUNDLE_SUFFIX, c->controller->dir, version)
	              : NULL;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return respond_store_error(c, r < 0 ? r : -EIO);
	snprintf(etag, sizeof(etag), "\"%.64s\"", sha256);
	http_respond_file(c->request, fd, "application/octet-stream", etag);
}

void handle_bundle_remove(struct call *c)
{
	struct store *s = c->controller->store;
	const char *version = c->parameters[0];
	auto_free char *path = NULL;
	struct rollout *rollout;
	int r;

	MAP_FOREACH (rollout, c->controller->rollouts)
		if (streq(rollout->version, version))
			return http_problem(c->request, 409, "bundle-in-use",
			                    "Rollout %s still needs it", rollout->id);
	if (!bundle_version_is_valid(version))
		return http_problem(c->request, 404, "no-such-bundle", "There is no such bundle");
	path = str_printf("%s/bundles/%s" BUNDLE_SUFFIX, c->controller->dir, version);
	r = path ? store_begin(s) : -ENOMEM;
	if (r >= 0) {
		r = store_bundle_remove(s, version);
		if (r >= 0)
			r = audit(c, "bundle.remove", version, NULL);
		if (r >= 0)
			r = store_commit(s);
		else
			store_abort(s);
	}
	if (r == -ENOENT)
		return http_problem(c->request, 404, "no-such-bundle",
		                    "There is no bundle of version \"%.64s\"", version);
	if (r < 0)
		return respond_store_error(c, r);
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning_errno(-errno, "Cannot remove \"%s\": %m", path);
	http_respond(c->request, 204, NULL, NULL, 0);
}

static int bundle_args(const struct store_bundle *b, void *userdata)
{
	auto_json cJSON *o = cJSON_CreateObject();
	char url[128], name[256];

	snprintf(url, sizeof(url), "/v1/bundles/%s", b->version);
	snprintf(name, sizeof(name), "sysmaster-%s-%s" BUNDLE_SUFFIX, b->version, b->arch);
	if (!o || json_add_string(o, "version", b->version) < 0 ||
	    json_add_string(o, "url", url) < 0 || json_add_string(o, "name", name) < 0 ||
	    json_add_string(o, "sha256", b->sha256) < 0 || json_add_i64(o, "size", b->size) < 0 ||
	    json_add_string(o, "signature", b->signature) < 0)
		return -ENOMEM;
	*(cJSON **) userdata = TAKE_PTR(o);
	return 0;
}

int bundle_command_args(struct controller *c, const char *version, cJSON **ret)
{
	int r = store_bundle_get(c->store, version, bundle_args, ret);

	return r < 0 ? r : 0;
}
