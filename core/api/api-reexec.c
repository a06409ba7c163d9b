// SPDX-License-Identifier: Apache-2.0
/* Upgrades in place: core opens the new binary and asks init; init checks it and does the rest. */
#include "api/api-internal.h"

static void request_free(struct api_request *q)
{
	list_remove(&q->link);
	varlink_call_unref(q->call);
	free(q->path);
	free(q);
}

void api_requests_done(struct api *a)
{
	LIST_FOREACH (q, &a->requests, struct api_request, link)
		request_free(q);
}

/* "version=..." of the answer to STATUS. */
static void status_read(struct api *a, const char *text)
{
	auto_strv char **lines = NULL;

	if (!text || strv_split(text, "\n", &lines) < 0)
		return;
	STRV_FOREACH (l, lines) {
		const char *version = str_after(*l, "version=");

		if (version)
			(void) str_set(&a->init_version, version);
	}
}

void api_link_reply(struct manager *m, uint32_t serial, int error, const char *text)
{
	struct api *a = api_of(m);

	if (!a)
		return;
	LIST_FOREACH (q, &a->requests, struct api_request, link) {
		if (q->serial != serial)
			continue;
		if (error < 0) {
			cJSON *p = cJSON_CreateObject();

			/* The boot goes on in the root that it began in. */
			if (q->is_root && a->c.booted_marker)
				(void) file_write_atomic(a->c.booted_marker, "", 0, 0644, false);

			if (p) {
				json_add_string(p, "path", q->path);
				json_add_string(p, "message",
				                str_is_empty(text) ? strerror(-error) : text);
				json_add_i64(p, "errno", -error);
			}
			varlink_error(q->call, "org.sysmaster.Reexec.CheckFailed", p);
		} else {
			varlink_reply(q->call, NULL);
			m->is_leaving |= q->replaces_core;
		}
		/* init is about to replace this process: the answer has to be on its way before
		 * that. */
		varlink_server_flush(a->server, 100 * USEC_PER_MSEC);
		/* A new init says itself what it is; the welcome of this core's start no longer
		 * does. */
		if (error >= 0 && q->is_init)
			a->status_serial = (uint32_t) MAX(
				0, link_request(a->c.link, WIRE_STATUS, 0, -1, NULL));
		request_free(q);
		return;
	}
	if (serial && serial == a->status_serial && error >= 0)
		status_read(a, text);
}

static int reexec(struct api *a, struct varlink_call *call, enum wire_type type, const char *path)
{
	auto_fd int fd = -EBADF;
	struct api_request *q;
	int r;

	if (!a->c.link)
		return varlink_error_text(call, "org.sysmaster.Error.Failed",
		                          "This core was not started by init");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return varlink_error_text(call, "org.sysmaster.Reexec.CheckFailed", "%s: %s", path,
		                          strerror(errno));
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->path = strdup(path);
	r = q->path ? link_request(a->c.link, type, 0, fd, path) : -ENOMEM;
	if (r < 0) {
		free(q->path);
		free(q);
		return r;
	}
	q->serial = (uint32_t) r;
	q->is_init = type == WIRE_UPGRADE_INIT;
	q->replaces_core = type == WIRE_UPGRADE_CORE;
	q->call = varlink_call_ref(call);
	list_append(&a->requests, &q->link);
	return 0;
}

/* The core of the new root takes over what runs and then boots that root: to it the machine is not booted yet. */
static int reexec_root(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	const char *root, *init = json_string_or(parameters, "init", "/sbin/init");
	auto_free char *words = NULL;
	struct api_request *q;
	int r;

	if (json_get_string(parameters, "root", &root) < 0 || !path_is_absolute(root) ||
	    strpbrk(root, " \t\n"))
		return varlink_error_invalid(call, "root");
	if (!path_is_absolute(init) || strpbrk(init, " \t\n"))
		return varlink_error_invalid(call, "init");
	if (!a->c.link)
		return varlink_error_text(call, "org.sysmaster.Error.Failed",
		                          "This core was not started by init");
	words = str_printf("%s %s", root, init);
	if (!words)
		return -ENOMEM;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	if (a->c.booted_marker)
		(void) unlink(a->c.booted_marker);
	r = link_request(a->c.link, WIRE_SWITCH_ROOT, 0, -1, words);
	if (r < 0) {
		free(q);
		return r;
	}
	q->serial = (uint32_t) r;
	q->is_root = q->replaces_core = true;
	q->path = TAKE_PTR(words);
	q->call = varlink_call_ref(call);
	list_append(&a->requests, &q->link);
	return 0;
}

static int reexec_core(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	const char *directory;
	auto_free char *path = NULL;

	if (json_get_string(parameters, "directory", &directory) < 0 ||
	    !path_is_absolute(directory))
		return varlink_error_invalid(call, "directory");
	path = path_join(directory, "core");
	return path ? reexec(userdata, call, WIRE_UPGRADE_CORE, path) : -ENOMEM;
}

static int reexec_init(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	const char *path;

	if (json_get_string(parameters, "path", &path) < 0 || !path_is_absolute(path))
		return varlink_error_invalid(call, "path");
	return reexec(userdata, call, WIRE_UPGRADE_INIT, path);
}

const struct varlink_method api_reexec_methods[] = {
	{"org.sysmaster.Reexec.Core", ROLE_ADMIN, reexec_core},
	{"org.sysmaster.Reexec.Init", ROLE_ADMIN, reexec_init},
	{"org.sysmaster.Reexec.Root", ROLE_ADMIN, reexec_root},
};
const size_t api_reexec_n_methods = ELEMENTSOF(api_reexec_methods);
