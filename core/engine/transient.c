// SPDX-License-Identifier: Apache-2.0
/*
 * transient.c - units and settings that come from a caller. Both are written as files first (intent), then read as any file is:
 * a core that starts anew finds them where it finds all others, so nothing of them is in the records.
 */
#include "engine/private.h"

/* A caller's unit must not change what somebody else's file or job is about. */
static bool name_is_free(const struct unit *u)
{
	if (u->job || u->perpetual || u->load_state == LOAD_MASKED)
		return false;
	if (u->transient && unit_active_state(u) == UNIT_INACTIVE)
		return true; /* left over: its start was never asked for, or it is on its way out */
	return (u->load_state == LOAD_NOT_FOUND || u->load_state == LOAD_LOADED) &&
	       !u->file->fragment_path && !u->file->unit.source_path && !u->transient;
}

/* In a file a bad line is passed over; whoever asks for a unit hears of it. @whole: also of what the lines are together. */
static int check_text(struct manager *m, const char *name, const char *text, bool whole,
                      struct diag *d)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	auto_free struct diag *own = calloc(1, sizeof(*own));
	int r = own ? unit_file_parse(&m->context, name, text, strlen(text), name, own, &f)
	            : -ENOMEM;

	if (r < 0)
		return r;
	for (size_t i = 0; i < own->n_items; i++) {
		const struct diag_item *it = &own->items[i];

		if (it->level >= DIAG_WARNING && it->error < 0 && (whole || it->line > 0))
			return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0, "%s", it->text);
	}
	return 0;
}

static int read_index_again(struct manager *m)
{
	struct unit_index *x = NULL;
	int r = unit_index_new(&m->paths, &x);

	if (r < 0)
		return r;
	unit_index_free(m->index);
	m->index = x;
	return 0;
}

static int load_from_scratch(struct manager *m, struct unit *u)
{
	auto_free char *name = strdup(u->id);

	if (!name)
		return -ENOMEM;
	/* What has no file yet has no dependencies but those that others have on it: a timer's on the service that comes with it. */
	if (u->load_state != LOAD_NOT_FOUND)
		unit_clear_dependencies(u);
	u->file = unit_file_free(u->file);
	u->load_state = LOAD_STUB;
	unit_queue_load(u);
	manager_load_queued(m);
	u = manager_get_unit(m, name);
	return u && u->load_state == LOAD_LOADED ? 0 : -EBADMSG;
}

int manager_make_transient(struct manager *m, const char *name, char *const *assignments,
                           struct diag *d, struct unit **ret)
{
	auto_free char *text = NULL;
	struct unit *u;
	int r;

	r = manager_load_unit(m, name, d, &u);
	if (r < 0)
		return r;
	if (!streq(u->id, name) || !name_is_free(u))
		return diag_add(d, -ETXTBSY, DIAG_ERROR, NULL, 0,
		                "Unit %s was already loaded or has a fragment file.", name);
	if (u->ops->type == UNIT_TARGET || u->ops->type == UNIT_DEVICE || u->ops->type == UNIT_SWAP)
		return diag_add(d, -EOPNOTSUPP, DIAG_ERROR, NULL, 0,
		                "Units of type %s cannot be transient",
		                unit_type_to_string(u->ops->type));
	r = unit_assignments_to_text(u->ops->type, assignments, d, &text);
	if (r >= 0)
		r = check_text(m, name, text, true, d);
	if (r >= 0)
		r = transient_write(&m->paths, name, text);
	if (r >= 0)
		r = read_index_again(m);
	if (r < 0)
		return r;
	unit_ref(u);
	r = load_from_scratch(m, u);
	unit_unref(u);
	u = manager_get_unit(m, name);
	if (r < 0 || !u) {
		(void) transient_remove(&m->paths, name);
		return diag_add(d, r < 0 ? r : -ENOMEM, DIAG_ERROR, NULL, 0, "%s: %s", name,
		                u && u->load_error ? u->load_error : strerror(r < 0 ? -r : ENOMEM));
	}
	u->transient = true;
	unit_save_soon(u);
	*ret = u;
	return 0;
}

void unit_remove_transient(const struct unit *u)
{
	const struct unit_paths *p = &u->manager->paths;
	int r;

	if (!u->transient || !u->file || !u->file->fragment_path ||
	    !path_below(u->file->fragment_path, p->transient))
		return;
	r = transient_remove(p, u->id);
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Failed to remove its file: %m");
}

/* ---- set-property ---- */

static const struct {
	const char *name;
	uint8_t bit;
} marker_names[] = {{"needs-reload", UNIT_NEEDS_RELOAD}, {"needs-restart", UNIT_NEEDS_RESTART}};

/* "needs-restart", "+needs-reload", "-needs-restart"; "" clears all. */
static int set_markers(struct unit *u, const char *value, struct diag *d)
{
	auto_strv char **words = NULL;
	uint8_t markers = 0;
	int r = strv_split(value, " ", &words);

	if (r < 0)
		return r;
	if (words && *words && (**words == '+' || **words == '-'))
		markers = u->markers;
	STRV_FOREACH (w, words) {
		const char *name = **w == '+' || **w == '-' ? *w + 1 : *w;
		uint8_t bit = 0;

		for (size_t i = 0; i < ELEMENTSOF(marker_names); i++)
			if (streq(marker_names[i].name, name))
				bit = marker_names[i].bit;
		if (!bit)
			return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "Unknown marker \"%.40s\"",
			                name);
		markers = (uint8_t) (**w == '-' ? markers & ~bit : markers | bit);
	}
	u->markers = markers;
	unit_save_soon(u);
	return 0;
}

int unit_markers(const struct unit *u, char ***ret)
{
	auto_strv char **v = strv_copy(NULL);

	for (size_t i = 0; v && i < ELEMENTSOF(marker_names); i++)
		if (u->markers & marker_names[i].bit && strv_append(&v, marker_names[i].name) < 0)
			return -ENOMEM;
	*ret = TAKE_PTR(v);
	return *ret ? 0 : -ENOMEM;
}

/* Settings that can change under a unit that runs. */
static bool may_be_set(const struct unit *u, const char *assignment)
{
	static const char *const prefixes[] = {
		"AllowedCPUs=",
		"AllowedMemoryNodes=",
		"BlockIO",
		"CPU",
		"Description=",
		"DeviceAllow=",
		"DevicePolicy=",
		"IO",
		"IPAccounting=",
		"IPAddress",
		"ManagedOOM",
		"Memory",
		"Startup",
		"Tasks",
		"RestrictNetworkInterfaces=",
		"SocketBind",
		"RuntimeMaxSec=",
		"TimeoutStopSec=",
	};

	/* These begin like limits, but are how a process is made. */
	if (str_after(assignment, "CPUScheduling") || str_after(assignment, "CPUAffinity") ||
	    str_after(assignment, "IOScheduling") || str_after(assignment, "MemoryDeny"))
		return false;
	(void) u;
	for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
		if (str_after(assignment, prefixes[i]))
			return true;
	return false;
}

static int check_property(struct unit *u, const char *assignment, struct diag *d)
{
	char *const one[] = {(char *) assignment, NULL};
	auto_free char *text = NULL;
	int r;

	if (!may_be_set(u, assignment))
		return diag_add(d, -EROFS, DIAG_ERROR, NULL, 0,
		                "Cannot set property %.*s, or unknown property",
		                (int) strcspn(assignment, "="), assignment);
	r = unit_assignments_to_text(u->ops->type, one, d, &text);
	return r < 0 ? r : check_text(u->manager, u->id, text, false, d);
}

static int set_one(struct unit *u, const char *assignment, bool runtime, struct diag *d)
{
	struct manager *m = u->manager;
	auto_free char *path = NULL, *key = NULL;
	const char *equals = strchr(assignment, '=');
	int r;

	key = strndup(assignment, (size_t) (equals - assignment));
	if (!key)
		return -ENOMEM;
	r = property_write(&m->paths, u->ops->type, u->id, runtime, assignment, d, &path);
	if (r >= 0)
		r = unit_file_set(u->file, &m->context, unit_key_section(u->ops->type, key), key,
		                  equals + 1, d);
	return r < 0 ? r : unit_file_note_dropin(u->file, path);
}

int unit_set_properties(struct unit *u, char *const *assignments, bool runtime, struct diag *d)
{
	bool written = false;
	int r = 0;

	if (u->load_state != LOAD_LOADED)
		return diag_add(d, -ENOENT, DIAG_ERROR, NULL, 0, "Unit %s is not loaded.", u->id);
	/* All or nothing: a bad one is found before the first is written. */
	STRV_FOREACH (a, assignments) {
		r = str_after(*a, "Markers=") ? 0 : check_property(u, *a, d);
		if (r < 0)
			return r;
	}
	STRV_FOREACH (a, assignments) {
		const char *markers = str_after(*a, "Markers=");

		r = markers ? set_markers(u, markers, d) : set_one(u, *a, runtime, d);
		if (r < 0)
			return r;
		written |= !markers;
	}
	unit_save_soon(u);
	/* A unit that is not kept in memory is read anew next time, with its drop-ins. */
	return written ? read_index_again(u->manager) : 0;
}
