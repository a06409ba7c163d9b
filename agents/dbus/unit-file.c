// SPDX-License-Identifier: Apache-2.0
/* Unit files on disk: their states, and enable, disable and friends. */
#include "dbus/dbus.h"

static int append_files(sd_bus_message *m, const cJSON *files)
{
	const cJSON *it;
	int r;

	r = sd_bus_message_open_container(m, 'a', "(ss)");
	cJSON_ArrayForEach(it, files) if (r >= 0) r = sd_bus_message_append(
		m, "(ss)", json_string_or(it, "path", json_string_or(it, "name", "")),
		json_string_or(it, "state", ""));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int on_files(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	sd_bus_message *reply = NULL;
	const cJSON *files;
	int r;

	(void) d, (void) userdata;
	if (json_get_array(parameters, "files", &files) < 0)
		return -EPROTO;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = append_files(reply, files);
	if (r >= 0)
		r = sd_bus_message_send(reply);
	sd_bus_message_unref(reply);
	return r;
}

/* Adds the next "as" of the message under @key; an empty one does not restrict. */
static int take_list(sd_bus_message *m, cJSON *p, const char *key)
{
	auto_strv char **list = NULL;
	int r = sd_bus_message_read_strv(m, &list);

	return r < 0 ? r : list && *list ? json_add_strv(p, key, list) : 0;
}

METHOD_FN(method_list_unit_files)
{
	cJSON *p = cJSON_CreateObject();
	int r = p ? 0 : -ENOMEM;

	(void) o;
	if (r >= 0 && *argument)
		r = take_list(m, p, "states");
	if (r >= 0 && *argument)
		r = take_list(m, p, "patterns");
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.UnitFile.List", p, CORE_SLOW, on_files, NULL);
}

static int on_state(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) userdata;
	return sd_bus_reply_method_return(m, "s", json_string_or(parameters, "state", "bad"));
}

METHOD_FN(method_unit_file_state)
{
	cJSON *p = cJSON_CreateObject();
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	(void) o, (void) argument;
	if (r >= 0)
		r = json_add_string(p, "name", name);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.UnitFile.GetState", p, 0, on_state, NULL);
}

/* ---- changes ---- */

static int append_changes(sd_bus_message *m, const cJSON *changes)
{
	const cJSON *it;
	int r;

	r = sd_bus_message_open_container(m, 'a', "(sss)");
	cJSON_ArrayForEach(it, changes) if (r >= 0) r = sd_bus_message_append(
		m, "(sss)", json_string_or(it, "kind", ""), json_string_or(it, "path", ""),
		json_string_or(it, "source", ""));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* @userdata: not NULL if the answer begins with whether there was something to enable. */
static int on_changed(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	sd_bus_message *reply = NULL;
	const cJSON *changes;
	int r;

	if (json_get_array(parameters, "changes", &changes) < 0)
		return -EPROTO;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0 && userdata)
		r = sd_bus_message_append(reply, "b",
		                          json_bool_or(parameters, "carries_install_info", false));
	if (r >= 0)
		r = append_changes(reply, changes);
	if (r >= 0)
		r = sd_bus_message_send(reply);
	sd_bus_message_unref(reply);
	if (r >= 0 && cJSON_GetArraySize(changes) > 0)
		(void) signals_files_changed(d);
	return r;
}

/* "full" (or ""), "enable-only", "disable-only" */
static int take_mode(sd_bus_message *m, cJSON *p)
{
	const char *mode;
	int r = sd_bus_message_read(m, "s", &mode);

	if (r < 0)
		return r;
	if (streq(mode, "enable-only"))
		return json_add_bool(p, "preset_enable", true);
	if (streq(mode, "disable-only"))
		return json_add_bool(p, "preset_disable", true);
	return !*mode || streq(mode, "full") ? 0 : -EINVAL;
}

/* Target and type: core's verb has the type, and the target in front of the names. */
static int take_dependency(sd_bus_message *m, char ***names, const char **verb)
{
	const char *target, *type;
	auto_strv char **all = NULL;
	int r = sd_bus_message_read(m, "ss", &target, &type);

	if (r < 0)
		return r;
	if (!streq(type, "Wants") && !streq(type, "Requires"))
		return -EINVAL;
	*verb = streq(type, "Wants") ? "add-wants" : "add-requires";
	r = strv_append(&all, target);
	if (r >= 0)
		r = strv_extend(&all, *names);
	if (r < 0)
		return r;
	strv_free(*names);
	*names = TAKE_PTR(all);
	return 0;
}

static int take_flags(sd_bus_message *m, const char *letters, cJSON *p, char ***names,
                      const char **verb)
{
	int r = 0, on;

	for (; r >= 0 && *letters; letters++) {
		switch (*letters) {
		case 'r':
		case 'f':
			r = sd_bus_message_read(m, "b", &on);
			if (r >= 0)
				r = json_add_bool(p, *letters == 'r' ? "runtime" : "force", on);
			break;
		case 'm':
			r = take_mode(m, p);
			break;
		case 'd':
			r = take_dependency(m, names, verb);
			break;
		default:
			break;
		}
	}
	return r;
}

METHOD_FN(method_change_files)
{
	auto_free char *own_verb = strndup(argument, strcspn(argument, " "));
	const char *letters = argument + strcspn(argument, " ") + 1, *verb = own_verb;
	auto_strv char **names = NULL;
	void *has_info = NULL;
	cJSON *p = cJSON_CreateObject();
	int r = p && verb ? 0 : -ENOMEM;

	(void) o;
	if (r >= 0 && !streq(verb, "preset-all"))
		r = sd_bus_message_read_strv(m, &names);
	if (r >= 0)
		r = take_flags(m, letters, p, &names, &verb);
	if (r >= 0)
		r = json_add_string(p, "verb", verb);
	if (r >= 0)
		r = json_add_strv(p, "names", names);
	if (r >= 0 && strchr(letters, 'i')) {
		has_info = malloc(1);
		r = has_info ? 0 : -ENOMEM;
	}
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.UnitFile.Change", p, CORE_SLOW, on_changed, has_info);
}

static int on_default(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) userdata;
	return sd_bus_reply_method_return(m, "s", json_string_or(parameters, "name", ""));
}

METHOD_FN(method_get_default)
{
	(void) o, (void) argument;
	return core_call(d, m, "org.sysmaster.UnitFile.GetDefault", NULL, 0, on_default, NULL);
}

METHOD_FN(method_set_default)
{
	cJSON *p = cJSON_CreateObject();
	const char *name;
	int force, r;

	(void) o, (void) argument;
	/* Core replaces what is there; that is what clients ask for. */
	r = sd_bus_message_read(m, "sb", &name, &force);
	if (r >= 0)
		r = json_add_string(p, "name", name);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.UnitFile.SetDefault", p, 0, on_changed, NULL);
}
