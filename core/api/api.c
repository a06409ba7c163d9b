// SPDX-License-Identifier: Apache-2.0
#include "api/api-internal.h"

#include <sys/socket.h>

#define CONTROL_VAULT_NAME "api.control"

/* clang-format off */
static const struct {
	int error;
	const char *name;
} error_names[] = {
	{ -ENOENT,     "org.sysmaster.Unit.NoSuchUnit" },
	{ -ERFKILL,    "org.sysmaster.Unit.UnitMasked" },
	{ -EBADMSG,    "org.sysmaster.Unit.LoadFailed" },
	{ -ENOEXEC,    "org.sysmaster.Unit.LoadFailed" },
	{ -EPERM,      "org.sysmaster.Unit.OnlyByDependency" },
	{ -EOPNOTSUPP, "org.sysmaster.Unit.JobTypeNotApplicable" },
	{ -EEXIST,     "org.sysmaster.Unit.TransactionIsDestructive" },
	{ -EDEADLK,    "org.sysmaster.Unit.TransactionOrderIsCyclic" },
	{ -ENOTUNIQ,   "org.sysmaster.Unit.TransactionJobsConflicting" },
	{ -ESRCH,      "org.sysmaster.Unit.NoSuchProcess" },
	{ -ESHUTDOWN,  "org.sysmaster.Manager.ShuttingDown" },
	{ -ETXTBSY,    "org.sysmaster.Unit.UnitExists" },
	{ -EROFS,      "org.sysmaster.Unit.PropertyReadOnly" },
};
/* clang-format on */

const char *api_error_name(int error)
{
	for (size_t i = 0; i < ELEMENTSOF(error_names); i++)
		if (error_names[i].error == error)
			return error_names[i].name;
	return "org.sysmaster.Error.Failed";
}

int api_answer_error(struct varlink_call *call, int r, const char *name, const char *verb,
                     const struct diag *d)
{
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	cJSON *p = cJSON_CreateObject();

	diag_first(d, text, sizeof(text));
	if (p) {
		json_add_string(p, "name", name);
		json_add_string(p, "verb", verb);
		json_add_string(p, "message", *text ? text : strerror(-r));
		json_add_i64(p, "errno", -r);
		for (size_t i = 0; d && i < d->n_items; i++) {
			if (!d->items[i].line)
				continue;
			json_add_string(p, "file", d->items[i].file);
			json_add_u64(p, "line", d->items[i].line);
			break;
		}
	}
	varlink_error(call, api_error_name(r), p);
	return 0;
}

int api_add_findings(cJSON *object, const char *key, const struct diag *d)
{
	cJSON *array = cJSON_CreateArray();

	if (!array)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_items; i++) {
		const struct diag_item *it = &d->items[i];
		auto_free char *line = NULL;

		if (it->line)
			line = str_printf("%s:%u: %s", it->file, it->line, it->text);
		else
			line = str_printf("%s%s%s", it->file, it->file[0] ? ": " : "", it->text);
		if (line)
			json_append_take(array, cJSON_CreateString(line));
	}
	if (d->n_dropped) {
		auto_free char *line = str_printf("%zu more findings", d->n_dropped);

		if (line)
			json_append_take(array, cJSON_CreateString(line));
	}
	return json_add_take(object, key, array);
}

int api_unit_parameter(struct api *a, struct varlink_call *call, const cJSON *parameters,
                       const char *key, struct unit **ret)
{
	const char *name;
	int r;

	if (json_get_string(parameters, key, &name) < 0 ||
	    !unit_name_is_valid(name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE)) {
		varlink_error_invalid(call, key);
		return -EINVAL;
	}
	r = manager_load_unit(a->c.manager, name, NULL, ret);
	if (r < 0)
		api_answer_error(call, r, name, NULL, NULL);
	return r;
}

/* The listening socket: init's if it has one, so that clients who came while core was away are
 * served; else a new one. */
static int control_socket(struct link *k, const char *path)
{
	auto_fd int fd = -EBADF;
	int r;

	if (k) {
		fd = link_vault_take(k, CONTROL_VAULT_NAME);
		if (fd >= 0)
			return TAKE_FD(fd);
	}
	r = mkdir_parents(path, 0755);
	if (r < 0)
		return log_error_errno(r, "Failed to create the folder of \"%s\": %m", path);
	fd = unix_listen(path, SOCK_STREAM, 0666);
	if (fd < 0)
		return log_error_errno(fd, "Failed to listen on \"%s\": %m", path);
	if (k) {
		r = link_vault_put(k, CONTROL_VAULT_NAME, fd);
		if (r < 0)
			log_warning_errno(r,
			                  "Failed to keep the control socket in init's vault: %m");
	}
	return TAKE_FD(fd);
}

int api_setup(const struct api_context *context, const char *socket_path)
{
	struct manager *m = context->manager;
	const char *path = socket_path ? socket_path : API_SOCKET;
	struct api *a = calloc(1, sizeof(*a));
	int r, fd;

	if (!a)
		return -ENOMEM;
	a->c = *context;
	list_init(&a->subscribers);
	list_init(&a->requests);
	list_init(&a->waiting);
	list_init(&a->listings);
	list_init(&a->followed);
	/* Event numbers go on where the core before this one cannot have been: it made fewer than
	 * one a microsecond. */
	a->last_event = now(CLOCK_BOOTTIME);
	m->api_data = a;

	r = api_follow_setup(a);
	if (r < 0)
		goto fail;
	r = varlink_server_new(m->loop, "sysmaster", "core", context->version, &a->server);
	if (r < 0)
		goto fail;
	/* clang-format off */
	const struct {
		const char *description;
		const struct varlink_method *methods;
		size_t n;
	} interfaces[] = {
		{ api_description_manager,  api_manager_methods,  api_manager_n_methods },
		{ api_description_unit,	    api_unit_methods,	  api_unit_n_methods },
		{ api_description_unitfile, api_unitfile_methods, api_unitfile_n_methods },
		{ api_description_reexec,   api_reexec_methods,	  api_reexec_n_methods },
		{ api_description_crash,    api_crash_methods,	  api_crash_n_methods },
		{ api_description_bus,	    api_bus_methods,	  api_bus_n_methods },
		{ api_description_error,    NULL,		  0 },
	};
	/* clang-format on */
	for (size_t i = 0; i < ELEMENTSOF(interfaces); i++) {
		r = varlink_server_add_interface(a->server, interfaces[i].description,
		                                 interfaces[i].methods, interfaces[i].n, a);
		if (r < 0)
			goto fail;
	}
	fd = r = control_socket(context->link, path);
	if (r >= 0)
		r = varlink_server_listen_fd(a->server, fd);
	if (r < 0)
		goto fail;
	return 0;
fail:
	api_shutdown(m);
	return r;
}

void api_shutdown(struct manager *m)
{
	struct api *a = api_of(m);

	if (!a)
		return;
	api_bus_done(a);
	api_events_done(a);
	api_requests_done(a);
	api_waiting_done(a);
	api_listings_done(a);
	varlink_server_free(a->server);
	api_follow_done(a);
	m->api_data = NULL;
	cJSON_Delete(a->crashes);
	free(a->init_version);
	free(a);
}
