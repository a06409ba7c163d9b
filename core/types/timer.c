// SPDX-License-Identifier: Apache-2.0
/* The timer type: states and operations. */
#include "types/timer.h"

#include "base/fault.h"

/* clang-format off */
static const char *const state_name[TIMER_STATE_MAX] = {
#define X(id, name, active) [TIMER_STATE_##id] = name,
	TIMER_STATES(X)
#undef X
};
static const enum unit_active_state state_active[TIMER_STATE_MAX] = {
#define X(id, name, active) [TIMER_STATE_##id] = UNIT_##active,
	TIMER_STATES(X)
#undef X
};
/* clang-format on */

static void enter_waiting(struct timer *t, bool keep_armed);

static struct timer_settings *settings(const struct timer *t)
{
	return t->unit.file->timer;
}

static struct unit *timer_target(const struct timer *t)
{
	return triggered_unit(&t->unit, settings(t)->unit, ".service");
}

static void disarm(struct timer *t)
{
	if (t->monotonic_source)
		(void) source_set_time(t->monotonic_source, USEC_INFINITY);
	if (t->realtime_source)
		(void) source_set_time(t->realtime_source, USEC_INFINITY);
	t->next_monotonic = t->next_realtime = USEC_INFINITY;
}

static void set_state(struct timer *t, enum timer_state state)
{
	enum timer_state old = t->state;

	t->state = state;
	if (state != TIMER_STATE_WAITING)
		disarm(t);
	if (state_active[state] != UNIT_ACTIVE) {
		timer_clock_unwatch(t);
		timer_zone_unwatch(t);
	}
	if (old != state)
		log_unit(LOG_DEBUG, t->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&t->unit);
	unit_notify(&t->unit, state_active[old], state_active[state], true);
}

static void enter_dead(struct timer *t, enum result result)
{
	if (t->result == RESULT_SUCCESS)
		t->result = result;
	invocation_unpublish(&t->unit);
	set_state(t, t->result == RESULT_SUCCESS ? TIMER_STATE_DEAD : TIMER_STATE_FAILED);
}

static void tell_trigger(struct timer *t, struct unit *target)
{
	auto_strv char **env = NULL;
	int r;

	r = strv_append_consume(&env, str_printf("TRIGGER_UNIT=%s", t->unit.id));
	if (r >= 0)
		r = strv_append_consume(&env,
		                        str_printf("TRIGGER_TIMER_REALTIME_USEC=%llu",
		                                   (unsigned long long) t->last_trigger.realtime));
	if (r >= 0)
		r = strv_append_consume(&env,
		                        str_printf("TRIGGER_TIMER_MONOTONIC_USEC=%llu",
		                                   (unsigned long long) t->last_trigger.monotonic));
	if (r >= 0)
		(void) service_set_activation(target, env);
}

static void enter_running(struct timer *t)
{
	struct unit *target = timer_target(t);
	struct diag d = {0};
	int r;

	if (unit_stop_pending(&t->unit))
		return;
	if (!target) {
		enter_dead(t, RESULT_RESOURCES);
		return;
	}
	t->last_trigger = stamp_now();
	/* On disk before the job: a crash in between loses this trigger rather than running it
	 * twice. */
	if (settings(t)->persistent) {
		r = timer_stamp_touch(t);
		if (r < 0)
			log_unit_errno(LOG_WARNING, t->unit.id, r,
			               "Cannot keep the time of the last trigger: %m");
	}
	FAULT_POINT("timer.elapsed");
	tell_trigger(t, target);
	r = manager_enqueue_surely(t->unit.manager, JOB_START, target, JOB_MODE_REPLACE, &d);
	if (r < 0) {
		diag_log(&d, t->unit.id);
		log_unit_errno(LOG_WARNING, t->unit.id, r, "Cannot queue the start of '%s': %m",
		               target->id);
		enter_dead(t, RESULT_RESOURCES);
		return;
	}
	FAULT_POINT("timer.queued");
	set_state(t, TIMER_STATE_RUNNING);
	/* A target is active at once and may have been before: nothing would bring us back. */
	if (t->state == TIMER_STATE_RUNNING && !target->job &&
	    unit_active_state(target) != UNIT_ACTIVATING &&
	    unit_active_state(target) != UNIT_DEACTIVATING)
		enter_waiting(t, false);
}

static int on_elapsed(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct timer *t = userdata;

	if (t->state == TIMER_STATE_WAITING)
		enter_running(t);
	return 0;
}

static int arm(struct timer *t, clockid_t clock, usec_t at, struct source **source)
{
	if (*source)
		return source_set_time(*source, at);
	if (at == USEC_INFINITY)
		return 0;
	return loop_add_time(t->unit.manager->loop, clock, at, settings(t)->accuracy_usec, "timer",
	                     on_elapsed, t, source);
}

static int arm_both(struct timer *t)
{
	int r;

	r = arm(t, CLOCK_MONOTONIC, t->next_monotonic, &t->monotonic_source);
	return r < 0 ? r : arm(t, CLOCK_REALTIME, t->next_realtime, &t->realtime_source);
}

static void fill_input(const struct timer *t, struct timer_input *in)
{
	const struct unit *target = timer_target(t);

	*in = (struct timer_input){.settings = settings(t),
	                           .now = stamp_now(),
	                           .started = t->unit.manager->started,
	                           .activated = t->unit.inactive_exit,
	                           .last_trigger = t->last_trigger,
	                           .timer_is_active = state_active[t->state] == UNIT_ACTIVE};
	if (target) {
		in->unit_active = target->inactive_exit;
		in->unit_inactive = target->inactive_enter;
	}
}

static bool has_calendar(const struct timer *t);

/* @keep_armed: after a restart of core the values of before count, random delay and all. */
static void enter_waiting(struct timer *t, bool keep_armed)
{
	const struct timer_settings *c = settings(t);
	struct timer_input in;
	struct timer_next next;
	usec_t delay;
	int r;

	fill_input(t, &in);
	timer_next_elapse(&in, &next);
	if (next.monotonic == USEC_INFINITY && next.realtime == USEC_INFINITY &&
	    !c->on_clock_change && !c->on_timezone_change) {
		if (c->remain_after_elapse || next.leave_around)
			set_state(t, TIMER_STATE_ELAPSED);
		else
			enter_dead(t, RESULT_SUCCESS);
		return;
	}
	if (!keep_armed) {
		delay = timer_random_delay(c->randomized_delay_usec,
		                           c->fixed_random_delay ? timer_seed(t->unit.id) : 0);
		t->next_monotonic = usec_add(next.monotonic, delay);
		t->next_realtime =
			next.realtime == USEC_INFINITY
				? USEC_INFINITY
				: usec_add(MAX(next.realtime, delay > 0 ? in.now.realtime : 0),
		                           delay);
	}
	r = arm_both(t);
	if (r < 0) {
		log_unit_errno(LOG_WARNING, t->unit.id, r, "Cannot arm the timer: %m");
		enter_dead(t, RESULT_RESOURCES);
		return;
	}
	if (c->on_clock_change || has_calendar(t))
		timer_clock_watch(t);
	if (c->on_timezone_change || has_calendar(t)) {
		r = timer_zone_watch(t);
		if (r < 0)
			log_unit_errno(LOG_WARNING, t->unit.id, r,
			               "Cannot watch for changes of the time zone: %m");
	}
	set_state(t, TIMER_STATE_WAITING);
}

/* Calendar values mean other instants now, and OnTimezoneChange= elapses. */
void timer_zone_changed(struct timer *t)
{
	if (t->state != TIMER_STATE_WAITING)
		return;
	log_unit(LOG_DEBUG, t->unit.id, "The time zone has changed");
	if (settings(t)->on_timezone_change)
		enter_running(t);
	else
		enter_waiting(t, false);
}

/* Somebody set the clock: calendar values are counted anew, and OnClockChange= elapses. */
void timer_clock_changed(struct timer *t)
{
	timer_clock_unwatch(t);
	if (t->state != TIMER_STATE_WAITING) {
		timer_clock_watch(t);
		return;
	}
	if (settings(t)->on_clock_change) {
		enter_running(t);
		return;
	}
	/* A last trigger that is in the future now would silence the timer until then. */
	if (t->last_trigger.realtime > now(CLOCK_REALTIME))
		t->last_trigger.realtime = now(CLOCK_REALTIME);
	enter_waiting(t, false);
}

static bool has_calendar(const struct timer *t)
{
	for (const struct timer_value *v = settings(t)->values; v; v = v->next)
		if (v->base == TIMER_ON_CALENDAR)
			return true;
	return false;
}

/* ---- operations ---- */

static void timer_init(struct unit *u)
{
	TIMER(u)->next_monotonic = TIMER(u)->next_realtime = USEC_INFINITY;
	TIMER(u)->clock_fd = -EBADF;
}

static void timer_done(struct unit *u)
{
	struct timer *t = TIMER(u);

	t->monotonic_source = source_free(t->monotonic_source);
	t->realtime_source = source_free(t->realtime_source);
	timer_clock_unwatch(t);
	timer_zone_unwatch(t);
}

static int timer_load(struct unit *u, struct diag *d)
{
	static const struct dependency_row rows[] = {
		{DEP_BEFORE, DEP_INVALID, "timers.target"},
		{DEP_AFTER, DEP_REQUIRES, "sysinit.target"},
	};
	static const struct dependency_row calendar_rows[] = {
		{DEP_AFTER, DEP_INVALID, "time-set.target"},
		{DEP_AFTER, DEP_INVALID, "time-sync.target"},
	};
	const struct timer_settings *c = u->file->timer;
	int r;

	if (!c || (!c->values && !c->on_clock_change && !c->on_timezone_change))
		return diag_add(d, -ENOEXEC, DIAG_ERROR,
		                u->file->fragment_path ? u->file->fragment_path : u->id, 0,
		                "Timer unit lacks value setting. Refusing");
	r = dependencies_add_triggered(u, c->unit, ".service");
	if (r >= 0 && c->persistent)
		r = unit_require_mounts_for(u, TIMER_STAMP_DIRECTORY);
	if (r < 0 || !u->file->unit.default_dependencies)
		return r;
	r = dependencies_add(u, rows, ELEMENTSOF(rows));
	if (r >= 0 && has_calendar(TIMER(u)))
		r = dependencies_add(u, calendar_rows, ELEMENTSOF(calendar_rows));
	return r < 0 ? r : unit_add_shutdown_dependencies(u);
}

static int timer_start(struct unit *u)
{
	struct timer *t = TIMER(u);
	struct unit *target;
	int r;

	if (state_active[t->state] == UNIT_ACTIVE)
		return -EALREADY;
	target = timer_target(t);
	if (!target || target->load_state != LOAD_LOADED)
		return log_unit_errno(LOG_ERR, u->id, -ENOENT,
		                      "The unit to trigger is not loaded, refusing");
	if (!unit_start_limit_test(u)) {
		enter_dead(t, RESULT_START_LIMIT_HIT);
		return -ECANCELED;
	}
	r = invocation_publish(u);
	if (r < 0)
		return r;
	t->result = RESULT_SUCCESS;
	t->last_trigger = (struct stamp){0};
	if (settings(t)->persistent) {
		r = timer_stamp_read(t);
		if (r < 0)
			log_unit_errno(LOG_WARNING, u->id, r,
			               "Cannot read the time of the last trigger: %m");
	}
	enter_waiting(t, false);
	return 0;
}

static int timer_stop(struct unit *u)
{
	if (state_active[TIMER(u)->state] != UNIT_ACTIVE)
		return -EALREADY;
	enter_dead(TIMER(u), RESULT_SUCCESS);
	return 0;
}

static enum unit_active_state timer_active(const struct unit *u)
{
	return state_active[TIMER(u)->state];
}

static const char *timer_sub_state(const struct unit *u)
{
	return state_name[TIMER(u)->state];
}

static void timer_on_trigger(struct unit *u, struct unit *triggered)
{
	struct timer *t = TIMER(u);
	enum unit_active_state a = unit_active_state(triggered);

	if (triggered->load_state != LOAD_LOADED)
		return;
	switch (t->state) {
	case TIMER_STATE_WAITING:
		/* Values that count from the unit's start or stop have a new base; a random delay
		 * that was rolled stays for the others. */
		for (const struct timer_value *v = settings(t)->values; v; v = v->next)
			if (v->base == TIMER_ON_UNIT_ACTIVE || v->base == TIMER_ON_UNIT_INACTIVE) {
				enter_waiting(t, false);
				return;
			}
		break;
	case TIMER_STATE_ELAPSED:
		enter_waiting(t, false);
		break;
	case TIMER_STATE_RUNNING:
		if (a == UNIT_INACTIVE || a == UNIT_FAILED)
			enter_waiting(t, false);
		break;
	default:
		break;
	}
}

static void timer_reset_failed(struct unit *u)
{
	TIMER(u)->result = RESULT_SUCCESS;
	if (TIMER(u)->state == TIMER_STATE_FAILED)
		set_state(TIMER(u), TIMER_STATE_DEAD);
}

static const char *timer_result(const struct unit *u)
{
	return result_to_string(TIMER(u)->result);
}

static void timer_save(const struct unit *u, struct strbuf *b)
{
	const struct timer *t = TIMER(u);

	record_add(b, "state", state_name[t->state]);
	record_add(b, "result", result_to_string(t->result));
	record_add_stamp(b, "last-trigger", &t->last_trigger);
	if (t->next_monotonic != USEC_INFINITY)
		record_add_u64(b, "next-monotonic", t->next_monotonic);
	if (t->next_realtime != USEC_INFINITY)
		record_add_u64(b, "next-realtime", t->next_realtime);
	if (t->zone)
		record_add(b, "zone", t->zone);
	record_add_stamp(b, "clock", &t->clock);
}

static int timer_restore(struct unit *u, const struct record *r)
{
	struct timer *t = TIMER(u);
	const char *text = record_get(r, "state");
	int state = text ? ENUM_FROM_STRING(state_name, text) : -EINVAL;
	enum result result = result_from_string(record_get(r, "result"));

	t->state = state < 0 ? TIMER_STATE_DEAD : (enum timer_state) state;
	t->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	record_get_stamp(r, "last-trigger", &t->last_trigger);
	t->next_monotonic = record_get_u64(r, "next-monotonic", USEC_INFINITY);
	t->next_realtime = record_get_u64(r, "next-realtime", USEC_INFINITY);
	record_get_stamp(r, "clock", &t->clock);
	return str_set(&t->zone, record_get(r, "zone"));
}

static int timer_coldplug(struct unit *u)
{
	struct timer *t = TIMER(u);
	struct unit *target;
	bool armed = t->next_monotonic != USEC_INFINITY || t->next_realtime != USEC_INFINITY;
	struct stamp clock = t->clock;

	if (!u->file->timer)
		return 0;
	if (t->state == TIMER_STATE_WAITING)
		enter_waiting(t, armed);
	if (t->state == TIMER_STATE_WAITING)
		timer_clock_look(t, &clock);
	target = timer_target(t);
	/* It ended while nobody was there to hear of it. */
	if (t->state == TIMER_STATE_RUNNING && target && !target->job &&
	    !unit_is_active_or_activating(target) && unit_active_state(target) != UNIT_DEACTIVATING)
		enter_waiting(t, false);
	return 0;
}

static const char *const base_name[] = {
	[TIMER_ON_ACTIVE] = "OnActiveUSec",
	[TIMER_ON_BOOT] = "OnBootUSec",
	[TIMER_ON_STARTUP] = "OnStartupUSec",
	[TIMER_ON_UNIT_ACTIVE] = "OnUnitActiveUSec",
	[TIMER_ON_UNIT_INACTIVE] = "OnUnitInactiveUSec",
	[TIMER_ON_CALENDAR] = "OnCalendar",
};

static cJSON *describe_value(const struct timer_input *in, const struct timer_value *v)
{
	cJSON *row = cJSON_CreateArray();
	usec_t next = timer_value_next(in, v);
	auto_free char *text = NULL;

	if (v->base == TIMER_ON_CALENDAR && v->calendar && calendar_format(v->calendar, &text) < 0)
		text = NULL;
	cJSON *items[3] = {cJSON_CreateString(base_name[v->base]),
	                   v->base == TIMER_ON_CALENDAR ? cJSON_CreateString(text ?: v->text ?: "")
	                                                : cJSON_CreateNumber((double) v->span_usec),
	                   cJSON_CreateNumber(next == USEC_INFINITY ? 0 : (double) next)};

	for (size_t i = 0; i < ELEMENTSOF(items); i++)
		if (!row || !items[i] || !cJSON_AddItemToArray(row, items[i]))
			cJSON_Delete(items[i]);
	return row;
}

static int describe_values(const struct timer *t, bool calendar, const char *key, cJSON *properties)
{
	cJSON *list = cJSON_CreateArray();
	struct timer_input in;

	fill_input(t, &in);
	for (const struct timer_value *v = settings(t)->values; list && v; v = v->next) {
		cJSON *row =
			(v->base == TIMER_ON_CALENDAR) == calendar ? describe_value(&in, v) : NULL;

		if (row && !cJSON_AddItemToArray(list, row))
			cJSON_Delete(row);
	}
	return list ? json_add_take(properties, key, list) : -ENOMEM;
}

static int timer_describe(const struct unit *u, cJSON *p)
{
	const struct timer *t = TIMER(u);
	const struct timer_settings *c = u->file->timer;
	struct unit *target;
	int r;

	if (!c)
		return 0;
	target = timer_target(t);
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"NextElapseUSecRealtime",
	         t->next_realtime == USEC_INFINITY ? 0 : t->next_realtime},
		{"NextElapseUSecMonotonic",
	         t->next_monotonic == USEC_INFINITY
	                 ? (t->next_realtime == USEC_INFINITY ? USEC_INFINITY : 0)
	                 : t->next_monotonic},
		{"LastTriggerUSec", t->last_trigger.realtime},
		{"LastTriggerUSecMonotonic", t->last_trigger.monotonic},
		{"AccuracyUSec", c->accuracy_usec},
		{"RandomizedDelayUSec", c->randomized_delay_usec},
	};
	const struct {
		const char *key;
		bool value;
	} flags[] = {{"Persistent", c->persistent},
	             {"WakeSystem", c->wake_system},
	             {"RemainAfterElapse", c->remain_after_elapse},
	             {"FixedRandomDelay", c->fixed_random_delay},
	             {"OnClockChange", c->on_clock_change},
	             {"OnTimezoneChange", c->on_timezone_change}};

	r = json_add_string(p, "Unit", target ? target->id : "");
	if (r >= 0)
		r = json_add_string(p, "Result", result_to_string(t->result));
	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_u64(p, rows[i].key, rows[i].value);
	for (size_t i = 0; i < ELEMENTSOF(flags) && r >= 0; i++)
		r = json_add_bool(p, flags[i].key, flags[i].value);
	if (r >= 0)
		r = describe_values(t, false, "TimersMonotonic", p);
	return r < 0 ? r : describe_values(t, true, "TimersCalendar", p);
}

const struct unit_ops timer_ops = {
	.type = UNIT_TIMER,
	.object_size = sizeof(struct timer),
	.init = timer_init,
	.done = timer_done,
	.load = timer_load,
	.coldplug = timer_coldplug,
	.start = timer_start,
	.stop = timer_stop,
	.active_state = timer_active,
	.sub_state = timer_sub_state,
	.on_trigger = timer_on_trigger,
	.reset_failed = timer_reset_failed,
	.result = timer_result,
	.save = timer_save,
	.restore = timer_restore,
	.describe = timer_describe,
	.shutdown = timer_shutdown,
};
