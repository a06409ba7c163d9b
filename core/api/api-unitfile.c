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

/*
 * The state of a unit file is in the symlinks of all directories: a list of some hundred files is seconds of looking on a slow
 * machine. So it is made a few files a turn, with everything else of core between.
 */
#define LIST_TURN_USEC (5 * USEC_PER_MSEC)

struct listing {
	struct list link; /* in api->listings */
	struct api *api;
	struct varlink_call *call;
	struct source *source;
	char **names, **patterns, **states;
	struct install_links *links;
	size_t next;
	cJSON *answer, *files;
};

static void listing_free(struct listing *l)
{
	list_remove(&l->link);
	source_free(l->source);
	varlink_call_unref(l->call);
	strv_free(l->names);
	strv_free(l->patterns);
	strv_free(l->states);
	install_links_free(l->links);
	cJSON_Delete(l->answer);
	free(l);
}

static void on_listing_gone(struct varlink_call *call, void *userdata)
{
	(void) call;
	listing_free(userdata);
}

static int list_one(struct manager *m, struct listing *l, const char *name)
{
	auto_free char *path = NULL;
	enum unit_file_state state;
	const char *text;
	cJSON *row;

	if (!matches_any(l->patterns, name))
		return 0;
	text = install_state_of(&m->paths, l->links, name, &state) < 0
	               ? "bad"
	               : unit_file_state_to_string(state);
	if (l->states && !strv_contains(l->states, text))
		return 0;
	row = cJSON_CreateObject();
	if (!row)
		return -ENOMEM;
	json_add_string(row, "name", name);
	json_add_string(row, "state", text);
	(void) unit_index_path(m->index, name, &path);
	json_add_string(row, "path", path);
	return json_append_take(l->files, row);
}

static int on_listing(struct source *s, usec_t deadline, void *userdata)
{
	struct listing *l = userdata;
	struct api *a = l->api;
	usec_t end = now(CLOCK_MONOTONIC) + LIST_TURN_USEC;
	int r = 0;

	(void) deadline;
	while (r >= 0 && l->names[l->next] && now(CLOCK_MONOTONIC) < end)
		r = list_one(a->c.manager, l, l->names[l->next++]);
	if (r >= 0 && l->names[l->next])
		return source_set_time(s, now(CLOCK_MONOTONIC) + 1);
	if (r < 0)
		varlink_error_errno(l->call, r);
	else
		varlink_reply(l->call, TAKE_PTR(l->answer));
	listing_free(l);
	return 0;
}

static int list(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct listing *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->api = a;
	l->call = varlink_call_ref(call);
	list_append(&a->listings, &l->link);
	(void) json_get_strv(parameters, "patterns", &l->patterns);
	(void) json_get_strv(parameters, "states", &l->states);
	r = a->c.manager->index ? 0 : manager_read_index(a->c.manager);
	if (r >= 0)
		r = unit_index_names(a->c.manager->index, &l->names);
	if (r >= 0)
		r = install_links_new(&a->c.manager->paths, &l->links);
	l->answer = cJSON_CreateObject();
	l->files = cJSON_AddArrayToObject(l->answer, "files");
	if (r >= 0 && !l->files)
		r = -ENOMEM;
	/* A timer of now, since deferred work all runs before the loop looks at anything else. */
	if (r >= 0)
		r = loop_add_time(a->c.manager->loop, CLOCK_MONOTONIC, 0, TIMER_EXACT, "list-files",
		                  on_listing, l, &l->source);
	if (r < 0) {
		listing_free(l);
		return r;
	}
	varlink_call_on_gone(call, on_listing_gone, l);
	return 0;
}

void api_listings_done(struct api *a)
{
	LIST_FOREACH (l, &a->listings, struct listing, link)
		listing_free(l);
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
	r = manager_install_state(a->c.manager, name, &state);
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
