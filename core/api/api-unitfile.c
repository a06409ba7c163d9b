// SPDX-License-Identifier: Apache-2.0
/* Unit files on disk: list, state, and the changes that enable, disable and friends make. */
#include "api/api-internal.h"

#include <fnmatch.h>

/* Answers with @c's items, or with the first failed one as an error. */
static int answer_changes(struct varlink_call *call, int r, const struct install_changes *c,
                          const struct diag *d, const char *name)
{
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	cJSON *o, *array;

	if (r < 0) {
		diag_first(d, text, sizeof(text));
		if (r == -ENOENT) {
			o = cJSON_CreateObject();
			if (o)
				json_add_string(o, "name", name);
			return varlink_error(call, "org.sysmaster.UnitFile.NotFound", o);
		}
		return varlink_error_text(call, "org.sysmaster.UnitFile.Failed", "%s",
		                          *text ? text : strerror(-r));
	}
	o = cJSON_CreateObject();
	array = cJSON_CreateArray();
	for (size_t i = 0; array && i < c->n; i++) {
		cJSON *item = cJSON_CreateObject();

		if (!item)
			break;
		json_add_string(item, "kind", c->items[i].kind ? c->items[i].kind : "error");
		json_add_string(item, "path", c->items[i].path);
		json_add_string(item, "source", c->items[i].source);
		json_append_take(array, item);
	}
	if (!o || !array) {
		cJSON_Delete(o);
		cJSON_Delete(array);
		return -ENOMEM;
	}
	json_add_take(o, "changes", array);
	json_add_bool(o, "carries_install_info", r > 0);
	return varlink_reply(call, o);
}

static bool matches_any(char *const *patterns, const char *name)
{
	if (!patterns)
		return true;
	STRV_FOREACH (p, patterns)
		if (fnmatch(*p, name, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

static int list(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct manager *m = a->c.manager;
	auto_strv char **patterns = NULL, **states = NULL, **names = NULL;
	cJSON *o, *files;
	int r;

	(void) json_get_strv(parameters, "patterns", &patterns);
	(void) json_get_strv(parameters, "states", &states);
	r = m->index ? 0 : manager_read_index(m);
	if (r >= 0)
		r = unit_index_names(m->index, &names);
	if (r < 0)
		return r;
	o = cJSON_CreateObject();
	files = cJSON_AddArrayToObject(o, "files");
	STRV_FOREACH (name, names) {
		auto_free char *path = NULL;
		enum unit_file_state state;
		const char *text;
		cJSON *row;

		if (!matches_any(patterns, *name))
			continue;
		text = install_state(&m->paths, *name, &state) < 0
		               ? "bad"
		               : unit_file_state_to_string(state);
		if (states && !strv_contains(states, text))
			continue;
		row = cJSON_CreateObject();
		if (!row || !files) {
			cJSON_Delete(row);
			cJSON_Delete(o);
			return -ENOMEM;
		}
		json_add_string(row, "name", *name);
		json_add_string(row, "state", text);
		(void) unit_index_path(m->index, *name, &path);
		json_add_string(row, "path", path);
		json_append_take(files, row);
	}
	return varlink_reply(call, o);
}

static int get_state(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	enum unit_file_state state;
	const char *name;
	cJSON *o;
	int r;

	if (json_get_string(parameters, "name", &name) < 0 ||
	    !unit_name_is_valid(name, UNIT_NAME_ANY))
		return varlink_error_invalid(call, "name");
	r = install_state(&a->c.manager->paths, name, &state);
	o = cJSON_CreateObject();
	if (!o)
		return -ENOMEM;
	if (r < 0) {
		json_add_string(o, "name", name);
		if (r == -ENOENT)
			return varlink_error(call, "org.sysmaster.UnitFile.NotFound", o);
		cJSON_Delete(o);
		return r;
	}
	json_add_string(o, "state", unit_file_state_to_string(state));
	return varlink_reply(call, o);
}

static int change(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	/* clang-format off */
	static const struct { const char *key; unsigned flag; } keys[] = {
		{ "runtime", INSTALL_RUNTIME }, { "force", INSTALL_FORCE },
		{ "preset_enable", INSTALL_PRESET_ENABLE }, { "preset_disable", INSTALL_PRESET_DISABLE },
	};
	/* clang-format on */
	struct api *a = userdata;
	struct install_changes changes = {0};
	struct diag d = {0};
	auto_strv char **names = NULL;
	unsigned flags = 0;
	int r;

	(void) json_get_strv(parameters, "names", &names);
	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		if (json_bool_or(parameters, keys[i].key, false))
			flags |= keys[i].flag;
	r = install_verb(&a->c.manager->paths, json_string_or(parameters, "verb", ""), names, flags,
	                 &changes, &d);
	if (r == -EOPNOTSUPP)
		return varlink_error_invalid(call, "verb");
	r = answer_changes(call, r, &changes, &d, names ? names[0] : "");
	install_changes_done(&changes);
	return r;
}

static int get_default(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	auto_free char *name = NULL;
	cJSON *o;
	int r;

	(void) parameters;
	r = install_get_default(&a->c.manager->paths, &name);
	if (r < 0)
		return r;
	o = cJSON_CreateObject();
	if (!o)
		return -ENOMEM;
	json_add_string(o, "name", name);
	return varlink_reply(call, o);
}

static int set_default(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct install_changes changes = {0};
	struct diag d = {0};
	const char *name;
	int r;

	if (json_get_string(parameters, "name", &name) < 0 || unit_name_type(name) != UNIT_TARGET)
		return varlink_error_invalid(call, "name");
	r = install_set_default(&a->c.manager->paths, name, INSTALL_FORCE, &changes, &d);
	r = answer_changes(call, r, &changes, &d, name);
	install_changes_done(&changes);
	return r;
}

const struct varlink_method api_unitfile_methods[] = {
	{"org.sysmaster.UnitFile.List", ROLE_OBSERVE, list},
	{"org.sysmaster.UnitFile.GetState", ROLE_OBSERVE, get_state},
	{"org.sysmaster.UnitFile.Change", ROLE_ADMIN, change},
	{"org.sysmaster.UnitFile.GetDefault", ROLE_OBSERVE, get_default},
	{"org.sysmaster.UnitFile.SetDefault", ROLE_ADMIN, set_default},
};
const size_t api_unitfile_n_methods = ELEMENTSOF(api_unitfile_methods);
