// SPDX-License-Identifier: Apache-2.0
/* --root: unit files of another tree (an image, a chroot), without a manager. Answers have the form of UnitFile's. */
#include "sctl/sctl.h"
#include "unitfile/unitfile.h"

#include <fnmatch.h>

int offline_list(char *const *patterns, cJSON **ret)
{
	auto_cleanup(unit_index_free) struct unit_index *x = NULL;
	auto_cleanup(install_links_free) struct install_links *links = NULL;
	auto_strv char **names = NULL;
	struct unit_paths p;
	cJSON *o, *files;
	int r;

	r = unit_paths_init(&p, arg.root);
	if (r < 0)
		return r;
	r = unit_index_new(&p, &x);
	if (r >= 0)
		r = unit_index_names(x, &names);
	if (r >= 0)
		r = install_links_new(&p, &links);
	o = cJSON_CreateObject();
	files = cJSON_AddArrayToObject(o, "files");
	STRV_FOREACH (name, names) {
		enum unit_file_state state;
		bool wanted = !patterns || !*patterns;
		const char *text;
		cJSON *row;

		STRV_FOREACH (pattern, patterns)
			wanted |= fnmatch(*pattern, *name, FNM_NOESCAPE) == 0;
		text = install_state_of(&p, links, *name, &state) < 0
		               ? "bad"
		               : unit_file_state_to_string(state);
		if (!wanted || (arg.states && !strv_contains(arg.states, text)))
			continue;
		row = cJSON_CreateObject();
		json_add_string(row, "name", *name);
		json_add_string(row, "state", text);
		json_append_take(files, row);
	}
	unit_paths_done(&p);
	*ret = o;
	return r < 0 ? error_exit(r, "%s: %s", arg.root, strerror(-r)) : 0;
}

int offline_state(const char *name, const char **ret)
{
	enum unit_file_state state;
	struct unit_paths p;
	int r;

	r = unit_paths_init(&p, arg.root);
	if (r < 0)
		return r;
	r = install_state(&p, name, &state);
	unit_paths_done(&p);
	if (r >= 0)
		*ret = unit_file_state_to_string(state);
	return r;
}

int offline_default(char **ret)
{
	struct unit_paths p;
	int r;

	r = unit_paths_init(&p, arg.root);
	if (r < 0)
		return r;
	r = install_get_default(&p, ret);
	unit_paths_done(&p);
	return r < 0 ? error_exit(r, "No default target: %s", strerror(-r)) : 0;
}

static unsigned install_flags(void)
{
	return (arg.runtime ? INSTALL_RUNTIME : 0U) | (arg.force ? INSTALL_FORCE : 0U) |
	       (streq(arg.preset_mode, "enable-only")    ? (unsigned) INSTALL_PRESET_ENABLE
	        : streq(arg.preset_mode, "disable-only") ? (unsigned) INSTALL_PRESET_DISABLE
	                                                 : 0U);
}

int offline_change(const char *verb, char **names, cJSON **ret)
{
	struct install_changes changes = {0};
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	struct diag d = {0};
	struct unit_paths p;
	cJSON *o, *array;
	int r;

	r = unit_paths_init(&p, arg.root);
	if (r < 0)
		return r;
	r = install_verb(&p, verb, names, install_flags(), &changes, &d);
	unit_paths_done(&p);
	o = cJSON_CreateObject();
	array = cJSON_AddArrayToObject(o, "changes");
	for (size_t i = 0; i < changes.n; i++) {
		cJSON *item = cJSON_CreateObject();

		json_add_string(item, "kind",
		                changes.items[i].kind ? changes.items[i].kind : "error");
		json_add_string(item, "path", changes.items[i].path);
		json_add_string(item, "source", changes.items[i].source);
		json_append_take(array, item);
	}
	json_add_bool(o, "carries_install_info", r > 0);
	install_changes_done(&changes);
	*ret = o;
	diag_first(&d, text, sizeof(text));
	return r < 0 ? error_exit(r, "Failed to %s %s: %s", verb,
	                          names && *names ? names[0] : "units", *text ? text : strerror(-r))
	             : r;
}
