// SPDX-License-Identifier: Apache-2.0
/*
 * Core's events as signals. They are sent if somebody subscribed or ordered a job (he waits for its end); until orders that are
 * under way are answered they are held back, since a client must know the job's number before he hears of its end.
 *
 * Of a unit that changed core is asked once more, and all that may have changed is sent: one question at a time for a unit.
 */
#include "dbus/dbus.h"

#define RETRY_USEC   (100 * USEC_PER_MSEC)
#define NOP_JOB_BASE 0x40000000U /* core counts from 1 */

struct changed_unit {
	struct list link;
	bool again; /* changed once more while core was asked */
	char unit[256];
};

static bool anybody_listens(const struct dbus *d)
{
	return sd_bus_track_count(d->subscribers) > 0 || sd_bus_track_count(d->clients) > 0;
}

/* ---- signals of the manager ---- */

uint32_t signals_nop_job(struct dbus *d)
{
	d->last_nop_job = d->last_nop_job < NOP_JOB_BASE ? NOP_JOB_BASE : d->last_nop_job + 1;
	return d->last_nop_job;
}

int signals_job_removed(struct dbus *d, uint32_t id, const char *unit, const char *result)
{
	char path[JOB_PATH_MAX];

	bus_touch(d);
	return sd_bus_emit_signal(d->bus, MANAGER_PATH, BUS_NAME ".Manager", "JobRemoved", "uoss",
	                          id, job_path(path, id), unit, result);
}

static int job_new(struct dbus *d, uint32_t id, const char *unit)
{
	char path[JOB_PATH_MAX];

	return sd_bus_emit_signal(d->bus, MANAGER_PATH, BUS_NAME ".Manager", "JobNew", "uos", id,
	                          job_path(path, id), unit);
}

int signals_reloading(struct dbus *d, bool active)
{
	d->is_reloading = active;
	bus_touch(d);
	return sd_bus_emit_signal(d->bus, MANAGER_PATH, BUS_NAME ".Manager", "Reloading", "b",
	                          active);
}

int signals_files_changed(struct dbus *d)
{
	bus_touch(d);
	return sd_bus_emit_signal(d->bus, MANAGER_PATH, BUS_NAME ".Manager", "UnitFilesChanged",
	                          NULL);
}

int signals_unit(struct dbus *d, const char *member, const char *unit)
{
	auto_free char *path = NULL;
	int r;

	if (!anybody_listens(d))
		return 0;
	r = unit_path(unit, &path);
	return r < 0 ? r
	             : sd_bus_emit_signal(d->bus, MANAGER_PATH, BUS_NAME ".Manager", member, "so",
	                                  unit, path);
}

/* ---- a unit's properties ---- */

static int emit_interface(struct dbus *d, const char *path, const struct interface *i,
                          const cJSON *object)
{
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_signal(d->bus, &m, path, "org.freedesktop.DBus.Properties",
	                              "PropertiesChanged");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", i->name);
	if (r >= 0)
		r = properties_append(m, i, object, true);
	if (r >= 0)
		r = sd_bus_message_append(m, "as", 0);
	if (r >= 0)
		r = sd_bus_send(d->bus, m, NULL);
	sd_bus_message_unref(m);
	return r;
}

/* The type's first: who waits for the end of a unit looks at its result when its state changes. */
static int emit_unit(struct dbus *d, const char *unit, const cJSON *object)
{
	auto_free char *path = NULL, *type = str_printf(BUS_NAME ".%s", unit_interface(unit) ?: "");
	const struct interface *i = type ? interface_find(type) : NULL;
	int r = unit_path(unit, &path);

	if (r >= 0 && i && i->parts[0].n)
		r = emit_interface(d, path, i, object);
	if (r >= 0)
		r = emit_interface(d, path, interface_find(BUS_NAME ".Unit"), object);
	bus_touch(d);
	return r;
}

static int ask_unit(struct dbus *d, struct changed_unit *u);

struct question {
	struct dbus *dbus;
	struct varlink_client *client;
	struct changed_unit *unit;
};

static void question_end(struct question *q)
{
	struct changed_unit *u = q->unit;
	struct dbus *d = q->dbus;

	varlink_client_free(q->client);
	free(q);
	if (u->again && ask_unit(d, u) >= 0)
		return;
	list_remove(&u->link);
	free(u);
}

static int on_unit(struct varlink_client *c, const char *error, const cJSON *parameters,
                   bool continues, void *userdata)
{
	struct question *q = userdata;
	const cJSON *object;

	(void) c, (void) continues;
	/* One that is not in memory any more: UnitRemoved says so. */
	if (!error && json_get_object(parameters, "properties", &object) >= 0)
		(void) emit_unit(q->dbus, q->unit->unit, object);
	question_end(q);
	return 0;
}

static int ask_unit(struct dbus *d, struct changed_unit *u)
{
	struct question *q = calloc(1, sizeof(*q));
	cJSON *p = cJSON_CreateObject();
	int r = q ? json_add_string(p, "name", u->unit) : -ENOMEM;

	u->again = false;
	if (r >= 0)
		r = json_add_bool(p, "loaded", true);
	if (r >= 0)
		r = varlink_connect_path(d->loop, d->control, &q->client);
	if (r < 0) {
		cJSON_Delete(p);
		free(q);
		return r;
	}
	q->dbus = d;
	q->unit = u;
	r = varlink_send(q->client, "org.sysmaster.Unit.Describe", p, 0, on_unit, q);
	if (r < 0) {
		varlink_client_free(q->client);
		free(q);
	}
	return r;
}

static int unit_changed(struct dbus *d, const char *unit)
{
	struct changed_unit *u;
	int r;

	if (!unit_interface(unit) || strlen(unit) >= sizeof(u->unit))
		return 0;
	LIST_FOREACH (other, &d->changed, struct changed_unit, link)
		if (streq(other->unit, unit)) {
			other->again = true;
			return 0;
		}
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	memcpy(u->unit, unit, strlen(unit) + 1);
	list_append(&d->changed, &u->link);
	r = ask_unit(d, u);
	if (r < 0) {
		list_remove(&u->link);
		free(u);
	}
	return r;
}

/* ---- the end of the boot ---- */

static int on_boot_times(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	const cJSON *p;
	uint64_t userspace, finish;

	(void) m, (void) userdata;
	if (json_get_object(parameters, "properties", &p) < 0)
		return -EPROTO;
	userspace = json_u64_or(p, "UserspaceTimestampMonotonic", 0);
	finish = json_u64_or(p, "FinishTimestampMonotonic", 0);
	bus_touch(d);
	return sd_bus_emit_signal(d->bus, MANAGER_PATH, BUS_NAME ".Manager", "StartupFinished",
	                          "tttttt", UINT64_C(0), UINT64_C(0), userspace, UINT64_C(0),
	                          usec_sub(finish, userspace), finish);
}

/* ---- core's stream ---- */

static int on_job_event(struct dbus *d, const cJSON *e)
{
	uint32_t id = (uint32_t) json_u64_or(e, "job", 0);
	const char *unit = json_string_or(e, "unit", ""),
		   *result = json_string_or(e, "job_result", NULL);
	int r;

	if (result)
		r = signals_job_removed(d, id, unit, result);
	else
		r = job_new(d, id, unit);
	/* Its property Job is another one now. */
	return r < 0 ? r : unit_changed(d, unit);
}

static int on_manager_event(struct dbus *d, const char *text)
{
	int r = 0;

	if (streq(text, "reloaded")) {
		if (!d->is_reloading)
			r = signals_reloading(d, true);
		return r < 0 ? r : signals_reloading(d, false);
	}
	if (streq(text, "finished"))
		return core_tell(d, "org.sysmaster.Manager.GetProperties", NULL, on_boot_times,
		                 NULL);
	return 0;
}

static void event_handle(struct dbus *d, const cJSON *e)
{
	const char *kind = json_string_or(e, "kind", ""), *active = json_string_or(e, "active", "");
	int r = 0;

	if (streq(active, "inactive") || streq(active, "failed"))
		fds_drop(d, json_string_or(e, "unit", ""));
	if (streq(kind, "manager"))
		r = on_manager_event(d, json_string_or(e, "text", ""));
	else if (!anybody_listens(d))
		return;
	else if (streq(kind, "job"))
		r = on_job_event(d, e);
	else if (streq(kind, "unit"))
		r = unit_changed(d, json_string_or(e, "unit", ""));
	if (r < 0)
		log_warning_errno(r, "A signal was not sent: %m");
}

void signals_release(struct dbus *d)
{
	auto_json cJSON *held = TAKE_PTR(d->held);
	const cJSON *it;

	cJSON_ArrayForEach(it, held) event_handle(d, it);
}

static void event_take(struct dbus *d, const cJSON *e)
{
	if (d->n_orders == 0) {
		event_handle(d, e);
		return;
	}
	if (!d->held)
		d->held = cJSON_CreateArray();
	if (!d->held || json_append_take(d->held, cJSON_Duplicate(e, true)) < 0)
		log_warning("Out of memory: a signal is lost");
}

static int on_event(struct varlink_client *c, const char *error, const cJSON *parameters,
                    bool continues, void *userdata)
{
	struct dbus *d = userdata;
	const cJSON *e;

	(void) c, (void) continues;
	if (error) {
		d->events = varlink_client_free(d->events);
		(void) source_set_time(d->events_retry, now(CLOCK_BOOTTIME) + RETRY_USEC);
		return 0;
	}
	d->last_event = json_u64_or(parameters, "seq", d->last_event);
	if (json_get_object(parameters, "event", &e) >= 0)
		event_take(d, e);
	d->is_subscribed = true;
	dbus_check_ready(d);
	return 0;
}

static int subscribe(struct dbus *d)
{
	cJSON *p = cJSON_CreateObject();
	int r;

	d->events = varlink_client_free(d->events);
	r = varlink_connect_path(d->loop, d->control, &d->events);
	/* Of a core that is not the one that we followed: all that it can still tell. */
	if (r >= 0 && d->last_event)
		r = json_add_u64(p, "after", d->last_event);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return varlink_send(d->events, "org.sysmaster.Manager.Subscribe", p, VARLINK_MORE, on_event,
	                    d);
}

static int on_retry(struct source *s, usec_t deadline, void *userdata)
{
	int r = subscribe(userdata);

	(void) deadline;
	return r < 0 ? source_set_time(s, now(CLOCK_BOOTTIME) + RETRY_USEC) : 0;
}

int signals_setup(struct dbus *d)
{
	int r;

	list_init(&d->changed);
	list_init(&d->kept_fds);
	r = sd_bus_track_new(d->bus, &d->subscribers, NULL, NULL);
	if (r >= 0)
		r = sd_bus_track_new(d->bus, &d->clients, NULL, NULL);
	if (r >= 0)
		r = loop_add_time(d->loop, CLOCK_BOOTTIME, 0, TIMER_EXACT, "events", on_retry, d,
		                  &d->events_retry);
	return r;
}

void signals_done(struct dbus *d)
{
	fds_drop(d, NULL);
	d->events = varlink_client_free(d->events);
	d->events_retry = source_free(d->events_retry);
	d->subscribers = sd_bus_track_unref(d->subscribers);
	d->clients = sd_bus_track_unref(d->clients);
	d->held = json_free(d->held);
}
