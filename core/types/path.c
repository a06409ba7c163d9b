// SPDX-License-Identifier: Apache-2.0
/* path - starts a unit when something happens in the file system: inotify on each path and on the
 * directories that lead to it. */
#include "types/common.h"

#include <glob.h>

/* clang-format off */
#define PATH_STATES(X) X(DEAD, "dead", INACTIVE) X(WAITING, "waiting", ACTIVE) X(RUNNING, "running", ACTIVE) X(FAILED, "failed", FAILED)
enum path_state {
#define X(id, name, active) PATH_STATE_##id,
	PATH_STATES(X)
#undef X
	PATH_STATE_MAX,
};
static const char *const state_name[PATH_STATE_MAX] = {
#define X(id, name, active) [PATH_STATE_##id] = name,
	PATH_STATES(X)
#undef X
};
static const enum unit_active_state state_active[PATH_STATE_MAX] = {
#define X(id, name, active) [PATH_STATE_##id] = UNIT_##active,
	PATH_STATES(X)
#undef X
};
/* What counts as a change of the path itself. */
#define WATCH_SELF (IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB)
static const struct {
	const char *name;
	uint32_t mask;
} kinds[] = {
	[PATH_EXISTS]		   = { "PathExists", WATCH_SELF },
	[PATH_EXISTS_GLOB]	   = { "PathExistsGlob", WATCH_SELF },
	[PATH_CHANGED]		   = { "PathChanged", WATCH_SELF | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO },
	[PATH_MODIFIED]		   = { "PathModified", WATCH_SELF | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY },
	[PATH_DIRECTORY_NOT_EMPTY] = { "DirectoryNotEmpty", WATCH_SELF | IN_CREATE | IN_MOVED_TO },
};
/* clang-format on */
#define WATCH_PARENT (WATCH_SELF | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)

#define SPECS_MAX             256
#define TRIGGER_INTERVAL_USEC (2 * USEC_PER_SEC)
#define TRIGGER_BURST         200

struct path {
	struct unit unit;
	enum path_state state;
	enum result result;
	struct watcher watcher;
	struct source *coldplug;
	/* by the number of the spec */
	int wd[SPECS_MAX];
	bool existed[SPECS_MAX];
	unsigned n_wd;
	int changed; /* the spec whose own watch reported a change that counts; -1: none */
	usec_t trigger_begin_usec;
	unsigned trigger_count;
};

static struct path *PATH(const struct unit *u)
{
	return (struct path *) u;
}

static struct path_settings *settings(const struct path *p)
{
	return p->unit.file->path;
}

static struct unit *path_target(const struct path *p)
{
	return triggered_unit(&p->unit, settings(p)->unit, ".service");
}

static void unwatch(struct path *p)
{
	p->coldplug = source_free(p->coldplug);
	watcher_clear(&p->watcher);
	p->n_wd = 0;
	p->changed = -1;
}

static void set_state(struct path *p, enum path_state state)
{
	enum path_state old = p->state;

	p->state = state;
	if (state != PATH_STATE_WAITING)
		unwatch(p);
	if (old != state)
		log_unit(LOG_DEBUG, p->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&p->unit);
	unit_notify(&p->unit, state_active[old], state_active[state], true);
}

static void enter_dead(struct path *p, enum result result)
{
	if (p->result == RESULT_SUCCESS)
		p->result = result;
	invocation_unpublish(&p->unit);
	set_state(p, p->result == RESULT_SUCCESS ? PATH_STATE_DEAD : PATH_STATE_FAILED);
}

/* ---- looking ---- */

/* @ret: the first match, NULL if there is no memory for it. */
static bool glob_matches(const char *pattern, char **ret)
{
	glob_t g = {0};
	bool found = glob(pattern, GLOB_NOSORT | GLOB_BRACE, NULL, &g) == 0 && g.gl_pathc > 0;

	if (found && !*ret)
		*ret = strdup(g.gl_pathv[0]);
	globfree(&g);
	return found;
}

/* Does the spec say "now"? @initial: changes are only noted. @match: what a pattern found. */
static bool spec_is_due(struct path *p, const struct path_spec *spec, unsigned n, bool initial,
                        char **match)
{
	bool exists, due;

	switch (spec->kind) {
	case PATH_EXISTS:
		return access(spec->path, F_OK) >= 0;
	case PATH_EXISTS_GLOB:
		return glob_matches(spec->path, match);
	case PATH_DIRECTORY_NOT_EMPTY:
		return dir_has_entries(spec->path) > 0;
	case PATH_CHANGED:
	case PATH_MODIFIED:
	default:
		exists = access(spec->path, F_OK) >= 0;
		due = !initial && exists != p->existed[n];
		p->existed[n] = exists;
		return due;
	}
}

/* 1: the path that is due, 0: none, -ENOMEM. */
static int find_due(struct path *p, bool initial, char **ret)
{
	auto_free char *path = NULL;
	bool found = false;
	unsigned n = 0;

	/* All are looked at, so that each knows whether its path exists. */
	for (const struct path_spec *s = settings(p)->specs; s && n < SPECS_MAX; s = s->next, n++) {
		auto_free char *match = NULL;

		if (!spec_is_due(p, s, n, initial, &match) || found)
			continue;
		found = true;
		path = match ? TAKE_PTR(match) : strdup(s->path);
	}
	if (!found)
		return 0;
	if (!path)
		return -ENOMEM;
	*ret = TAKE_PTR(path);
	return 1;
}

/* ---- watching ---- */

/* A glob is watched where its first wildcard begins. */
static char *fixed_part(const struct path_spec *s)
{
	size_t n = s->kind == PATH_EXISTS_GLOB ? strcspn(s->path, "*?[{") : strlen(s->path);
	char *copy;

	if (!s->path[n])
		return strdup(s->path);
	while (n > 1 && s->path[n - 1] != '/')
		n--;
	copy = strndup(s->path, n > 1 ? n - 1 : 1);
	return copy;
}

/* Then what leads to it is watched. */
static bool is_not_there(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EACCES;
}

static int watch_spec(struct path *p, const struct path_spec *s, unsigned n)
{
	auto_free char *full = fixed_part(s);
	bool is_glob_dir = full && !streq(full, s->path);
	int wd;

	if (!full)
		return -ENOMEM;
	p->wd[n] = -1;
	for (char *slash = full; slash; slash = strchr(slash + 1, '/')) {
		auto_free char *prefix =
			slash == full ? strdup("/") : strndup(full, (size_t) (slash - full));

		if (!prefix)
			return -ENOMEM;
		/* The masks of several specs that share a directory add up. */
		wd = watcher_add(&p->watcher, prefix, WATCH_PARENT);
		if (wd < 0)
			return is_not_there(wd) ? 0 : wd;
	}
	wd = watcher_add(&p->watcher, full, is_glob_dir ? WATCH_PARENT : kinds[s->kind].mask);
	if (wd < 0 && !is_not_there(wd))
		return wd;
	p->wd[n] = wd;
	return 0;
}

/* What stays watched is so without a gap. */
static int watch(struct path *p)
{
	unsigned n = 0;
	int r = 0;

	p->changed = -1;
	watcher_begin(&p->watcher);
	for (const struct path_spec *s = settings(p)->specs; s && n < SPECS_MAX && r >= 0;
	     s = s->next, n++)
		r = watch_spec(p, s, n);
	watcher_end(&p->watcher);
	p->n_wd = r < 0 ? 0 : n;
	return r;
}

/* ---- states ---- */

static usec_t trigger_interval(const struct path_settings *c)
{
	return c->trigger_limit_interval_usec == USEC_INFINITY ? TRIGGER_INTERVAL_USEC
	                                                       : c->trigger_limit_interval_usec;
}

static unsigned trigger_burst(const struct path_settings *c)
{
	return c->trigger_limit_burst == UINT32_MAX ? TRIGGER_BURST : c->trigger_limit_burst;
}

static bool trigger_allowed(struct path *p)
{
	usec_t interval = trigger_interval(settings(p));
	unsigned burst = trigger_burst(settings(p));
	usec_t at = now(CLOCK_MONOTONIC);

	if (interval == 0 || burst == 0)
		return true;
	if (p->trigger_begin_usec == 0 || at - p->trigger_begin_usec > interval) {
		p->trigger_begin_usec = at;
		p->trigger_count = 0;
	}
	return ++p->trigger_count <= burst;
}

static void enter_running(struct path *p, const char *path)
{
	struct unit *target = path_target(p);
	auto_strv char **env = NULL;
	struct diag d = {0};
	int r;

	if (unit_stop_pending(&p->unit))
		return;
	if (!trigger_allowed(p)) {
		log_unit(LOG_WARNING, p->unit.id, "Trigger limit hit, refusing further activation");
		enter_dead(p, RESULT_TRIGGER_LIMIT_HIT);
		return;
	}
	if (!target) {
		enter_dead(p, RESULT_RESOURCES);
		return;
	}
	r = strv_append_consume(&env, str_printf("TRIGGER_UNIT=%s", p->unit.id));
	if (r >= 0)
		r = strv_append_consume(&env, str_printf("TRIGGER_PATH=%s", path));
	if (r >= 0)
		(void) service_set_activation(target, env);
	r = manager_enqueue_surely(p->unit.manager, JOB_START, target, JOB_MODE_REPLACE, &d);
	if (r < 0) {
		diag_log(&d, p->unit.id);
		log_unit_errno(LOG_WARNING, p->unit.id, r, "Cannot queue the start of '%s': %m",
		               target->id);
		enter_dead(p, RESULT_RESOURCES);
		return;
	}
	set_state(p, PATH_STATE_RUNNING);
}

/* Starts what is due now; true if there was nothing to start and nothing went wrong. */
static bool nothing_is_due(struct path *p, bool initial)
{
	auto_free char *due = NULL;
	int r = find_due(p, initial, &due);

	if (r > 0)
		enter_running(p, due);
	else if (r < 0)
		enter_dead(p, RESULT_RESOURCES);
	return r == 0;
}

static void enter_waiting(struct path *p, bool initial)
{
	struct unit *target = path_target(p);
	int r;

	/* While the unit runs there is nothing to start. */
	if (target && unit_is_active_or_activating(target)) {
		set_state(p, PATH_STATE_RUNNING);
		return;
	}
	if (!nothing_is_due(p, initial))
		return;
	r = watch(p);
	if (r < 0) {
		log_unit_errno(LOG_WARNING, p->unit.id, r, "Cannot watch the paths: %m");
		enter_dead(p, RESULT_RESOURCES);
		return;
	}
	/* Between the look and the watch something may have happened. */
	if (nothing_is_due(p, false))
		set_state(p, PATH_STATE_WAITING);
}

static void on_event(struct watcher *w, int wd, uint32_t mask, _unused_ const char *name)
{
	struct path *p = container_of(w, struct path, watcher);
	int n = 0;

	for (const struct path_spec *s = settings(p)->specs;
	     s && n < (int) p->n_wd && p->changed < 0; s = s->next, n++)
		if (p->wd[n] == wd && (s->kind == PATH_CHANGED || s->kind == PATH_MODIFIED) &&
		    mask & kinds[s->kind].mask)
			p->changed = n;
}

static const char *changed_path(const struct path *p)
{
	const struct path_spec *s = settings(p)->specs;

	for (int n = p->changed; s && n > 0; n--)
		s = s->next;
	return s && p->changed >= 0 ? s->path : NULL;
}

static void on_changed(struct watcher *w)
{
	struct path *p = container_of(w, struct path, watcher);
	const char *changed = changed_path(p);

	if (p->state != PATH_STATE_WAITING)
		return;
	if (changed)
		enter_running(p, changed);
	else
		enter_waiting(p, false);
}

/* ---- operations ---- */

static void path_init(struct unit *u)
{
	struct path *p = PATH(u);

	p->watcher.on_event = on_event;
	p->watcher.on_changed = on_changed;
	p->changed = -1;
	watcher_init(&p->watcher, u->manager->watch);
}

static void path_done(struct unit *u)
{
	unwatch(PATH(u));
}

static int path_load(struct unit *u, struct diag *d)
{
	static const struct dependency_row rows[] = {
		{DEP_BEFORE, DEP_INVALID, "paths.target"},
		{DEP_AFTER, DEP_REQUIRES, "sysinit.target"},
	};
	const struct path_settings *c = u->file->path;
	int r;

	if (!c || !c->specs)
		return diag_add(d, -ENOEXEC, DIAG_ERROR,
		                u->file->fragment_path ? u->file->fragment_path : u->id, 0,
		                "Path unit lacks path setting. Refusing");
	r = dependencies_add_triggered(u, c->unit, ".service");
	for (const struct path_spec *s = c->specs; s && r >= 0; s = s->next)
		r = unit_require_mounts_for(u, s->path);
	if (r < 0 || !u->file->unit.default_dependencies)
		return r;
	r = dependencies_add(u, rows, ELEMENTSOF(rows));
	return r < 0 ? r : unit_add_shutdown_dependencies(u);
}

static void make_directories(const struct path *p)
{
	const struct path_settings *c = settings(p);
	int r;

	if (!c->make_directory)
		return;
	for (const struct path_spec *s = c->specs; s; s = s->next) {
		if (s->kind == PATH_EXISTS || s->kind == PATH_EXISTS_GLOB)
			continue;
		r = mkdir_p(s->path, c->directory_mode);
		if (r < 0)
			log_unit_errno(LOG_WARNING, p->unit.id, r, "Cannot make directory '%s': %m",
			               s->path);
	}
}

static int path_start(struct unit *u)
{
	struct path *p = PATH(u);
	struct unit *target;
	int r;

	if (state_active[p->state] == UNIT_ACTIVE)
		return -EALREADY;
	target = path_target(p);
	if (!target || target->load_state != LOAD_LOADED)
		return log_unit_errno(LOG_ERR, u->id, -ENOENT,
		                      "The unit to trigger is not loaded, refusing");
	if (!unit_start_limit_test(u)) {
		enter_dead(p, RESULT_START_LIMIT_HIT);
		return -ECANCELED;
	}
	r = invocation_publish(u);
	if (r < 0)
		return r;
	p->result = RESULT_SUCCESS;
	make_directories(p);
	enter_waiting(p, true);
	return 0;
}

static int path_stop(struct unit *u)
{
	if (state_active[PATH(u)->state] != UNIT_ACTIVE)
		return -EALREADY;
	enter_dead(PATH(u), RESULT_SUCCESS);
	return 0;
}

static enum unit_active_state path_active(const struct unit *u)
{
	return state_active[PATH(u)->state];
}

static const char *path_sub_state(const struct unit *u)
{
	return state_name[PATH(u)->state];
}

static void path_on_trigger(struct unit *u, struct unit *triggered)
{
	struct path *p = PATH(u);
	enum unit_active_state a = unit_active_state(triggered);
	bool down = a == UNIT_INACTIVE || a == UNIT_FAILED;

	if (state_active[p->state] != UNIT_ACTIVE)
		return;
	if (triggered->start_limit_hit) {
		enter_dead(p, RESULT_UNIT_START_LIMIT_HIT);
		return;
	}
	/* A job of it decides what comes next; its end is told, too. */
	if (triggered->job)
		return;
	if (p->state == PATH_STATE_RUNNING && down)
		enter_waiting(p, false);
	else if (p->state == PATH_STATE_WAITING && !down)
		enter_waiting(p, false);
}

static void path_reset_failed(struct unit *u)
{
	PATH(u)->result = RESULT_SUCCESS;
	if (PATH(u)->state == PATH_STATE_FAILED)
		set_state(PATH(u), PATH_STATE_DEAD);
}

static const char *path_result(const struct unit *u)
{
	return result_to_string(PATH(u)->result);
}

static void path_save(const struct unit *u, struct strbuf *b)
{
	const struct path *p = PATH(u);
	unsigned n = 0;

	record_add(b, "state", state_name[p->state]);
	record_add(b, "result", result_to_string(p->result));
	for (const struct path_spec *s = u->file && u->file->path ? u->file->path->specs : NULL;
	     s && n < SPECS_MAX; s = s->next, n++)
		if (p->existed[n])
			record_add(b, "existed", s->path);
}

static int path_restore(struct unit *u, const struct record *r)
{
	struct path *p = PATH(u);
	const char *text = record_get(r, "state");
	int state = text ? ENUM_FROM_STRING(state_name, text) : -EINVAL;
	enum result result = result_from_string(record_get(r, "result"));
	auto_strv char **existed = NULL;
	unsigned n = 0;

	p->state = state < 0 ? PATH_STATE_DEAD : (enum path_state) state;
	p->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	if (record_get_strv(r, "existed", &existed) >= 0 && u->file && u->file->path)
		for (const struct path_spec *s = u->file->path->specs; s && n < SPECS_MAX;
		     s = s->next, n++)
			p->existed[n] = strv_contains(existed, s->path);
	return 0;
}

static int on_coldplug(struct source *source, void *userdata)
{
	struct path *p = userdata;

	p->coldplug = source_free(source);
	if (state_active[p->state] == UNIT_ACTIVE)
		enter_waiting(p, false);
	return 0;
}

static int path_coldplug(struct unit *u)
{
	struct path *p = PATH(u);

	if (!u->file->path || state_active[p->state] != UNIT_ACTIVE)
		return 0;
	/* Later: what it triggers may not be read back yet. */
	return loop_add_defer(u->manager->loop, "path-coldplug", on_coldplug, p, &p->coldplug);
}

static int path_describe(const struct unit *u, cJSON *properties)
{
	const struct path *p = PATH(u);
	cJSON *list;
	struct unit *target;
	int r;

	if (!u->file->path)
		return 0;
	target = path_target(p);
	list = cJSON_CreateArray();
	if (!list)
		return -ENOMEM;
	for (const struct path_spec *s = u->file->path->specs; s; s = s->next) {
		const char *pair[2] = {kinds[s->kind].name, s->path};
		cJSON *row = cJSON_CreateStringArray(pair, 2);

		if (row && !cJSON_AddItemToArray(list, row))
			cJSON_Delete(row);
	}
	r = json_add_take(properties, "Paths", list);
	if (r >= 0)
		r = json_add_string(properties, "Unit", target ? target->id : "");
	if (r >= 0)
		r = json_add_u64(properties, "TriggerLimitIntervalUSec",
		                 trigger_interval(u->file->path));
	if (r >= 0)
		r = json_add_u64(properties, "TriggerLimitBurst", trigger_burst(u->file->path));
	if (r >= 0)
		r = json_add_bool(properties, "MakeDirectory", u->file->path->make_directory);
	if (r >= 0)
		r = json_add_u64(properties, "DirectoryMode", u->file->path->directory_mode);
	return r < 0 ? r : json_add_string(properties, "Result", result_to_string(p->result));
}

const struct unit_ops path_ops = {
	.type = UNIT_PATH,
	.object_size = sizeof(struct path),
	.init = path_init,
	.done = path_done,
	.load = path_load,
	.coldplug = path_coldplug,
	.start = path_start,
	.stop = path_stop,
	.active_state = path_active,
	.sub_state = path_sub_state,
	.on_trigger = path_on_trigger,
	.reset_failed = path_reset_failed,
	.result = path_result,
	.save = path_save,
	.restore = path_restore,
	.describe = path_describe,
};
