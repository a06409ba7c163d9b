// SPDX-License-Identifier: Apache-2.0
/*
 * Names on the bus, for core: it says which BusName= its services have, we say who has them, at first and at each change. And the
 * other way: the bus wants a service to be started (ActivationRequest).
 */
#include "dbus/dbus.h"

#define NAMES_MAX         4096
#define ATTACH_RETRY_USEC (100 * USEC_PER_MSEC)
#define TELL_RETRY_USEC   (500 * USEC_PER_MSEC)
#define ACTIVATOR         BUS_NAME ".Activator"
#define BUS_DRIVER        "org.freedesktop.DBus"

struct watched_name {
	struct dbus *dbus;
	sd_bus_slot *match, *question;
	bool is_untold;    /* core may not have heard who has it */
	bool loss_untold;  /* it was lost, and no core has heard of that */
	usec_t changed_at; /* boottime of the last change that was seen */
	char name[];
};

/* One report, for as long as it is on its way. */
struct report {
	struct dbus *dbus;
	bool is_heard;
	char name[];
};

static int on_heard(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	struct report *r = userdata;

	(void) d, (void) m, (void) parameters;
	r->is_heard = true;
	return 0;
}

/* Core may have had no room for one more connection, or be gone: who has the name then is asked again. */
static void report_free(void *userdata)
{
	struct report *r = userdata;
	struct watched_name *w = map_get(r->dbus->watched, r->name);

	if (w && r->is_heard) {
		w->is_untold = w->loss_untold = false;
	} else if (w) {
		w->is_untold = true;
		(void) source_set_time(r->dbus->tell_retry, now(CLOCK_BOOTTIME) + TELL_RETRY_USEC);
	}
	free(r);
}

static void report(struct watched_name *w, const char *owner, bool initial)
{
	struct dbus *d = w->dbus;
	struct report *r = malloc(sizeof(*r) + strlen(w->name) + 1);
	cJSON *p = cJSON_CreateObject();

	w->is_untold = true;
	if (!r || !p) {
		free(r);
		cJSON_Delete(p);
		(void) source_set_time(d->tell_retry, now(CLOCK_BOOTTIME) + TELL_RETRY_USEC);
		return;
	}
	*r = (struct report){.dbus = d};
	memcpy(r->name, w->name, strlen(w->name) + 1);
	json_add_string(p, "name", w->name);
	json_add_string(p, "owner", owner);
	json_add_bool(p, "initial", initial);
	if (!initial)
		json_add_u64(p, "at_usec", w->changed_at);
	(void) core_call_owned(d, NULL, "org.sysmaster.Bus.NameOwner", p, 0, on_heard, r,
	                       report_free);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct watched_name *w = userdata;
	const char *name, *old, *new;

	(void) error;
	if (sd_bus_message_read(m, "sss", &name, &old, &new) < 0)
		return 0;
	w->loss_untold = !*new;
	w->changed_at = now(CLOCK_BOOTTIME);
	report(w, new, false);
	return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct watched_name *w = userdata;
	const char *owner = "";

	(void) error;
	if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &owner) < 0)
		owner = "";
	/* What a new core finds is no news to it, but for what happened while nobody listened. */
	w->loss_untold = w->loss_untold && !*owner;
	report(w, owner, !w->loss_untold);
	w->question = sd_bus_slot_unref(w->question);
	return 0;
}

static void watched_free(struct watched_name *w)
{
	sd_bus_slot_unref(w->match);
	sd_bus_slot_unref(w->question);
	free(w);
}

static int ask(struct watched_name *w)
{
	w->question = sd_bus_slot_unref(w->question);
	return sd_bus_call_method_async(w->dbus->bus, &w->question, BUS_DRIVER,
	                                "/org/freedesktop/DBus", BUS_DRIVER, "GetNameOwner",
	                                on_owner, w, "s", w->name);
}

static int on_tell_retry(struct source *s, usec_t deadline, void *userdata)
{
	struct dbus *d = userdata;
	struct watched_name *w;

	(void) s, (void) deadline;
	/* A core that comes is told everything anyway. */
	if (d->is_heard)
		MAP_FOREACH (w, d->watched)
			if (w->is_untold)
				(void) ask(w);
	bus_touch(d);
	return 0;
}

/* The match first, then the question, on one connection: no change falls between. */
static int watch(struct dbus *d, const char *name)
{
	struct watched_name *w = map_get(d->watched, name);
	auto_free char *match = NULL;
	int r;

	if (w || map_size(d->watched) >= NAMES_MAX || !sd_bus_service_name_is_valid(name) ||
	    *name == ':')
		return 0;
	w = calloc(1, sizeof(*w) + strlen(name) + 1);
	match = str_printf("type='signal',sender='" BUS_DRIVER "',path='/org/freedesktop/DBus',"
	                   "interface='" BUS_DRIVER "',member='NameOwnerChanged',arg0='%s'",
	                   name);
	if (!w || !match) {
		free(w);
		return -ENOMEM;
	}
	w->dbus = d;
	memcpy(w->name, name, strlen(name) + 1);
	r = sd_bus_add_match_async(d->bus, &w->match, match, on_changed, NULL, w);
	if (r >= 0)
		r = ask(w);
	if (r >= 0)
		r = map_add(d->watched, w->name, w);
	if (r < 0)
		watched_free(w);
	return r;
}

/* ---- the stream from core ---- */

static void each(const cJSON *parameters, const char *key, struct dbus *d,
                 int (*fn)(struct dbus *d, const char *s))
{
	const cJSON *list, *it;

	if (json_get_array(parameters, key, &list) < 0)
		return;
	cJSON_ArrayForEach(it, list)
	{
		int r = cJSON_IsString(it) ? fn(d, it->valuestring) : 0;

		if (r < 0)
			log_warning_errno(r, "%s: %m", it->valuestring);
	}
}

static int unit_new(struct dbus *d, const char *unit)
{
	return signals_unit(d, "UnitNew", unit);
}

static int unit_removed(struct dbus *d, const char *unit)
{
	return signals_unit(d, "UnitRemoved", unit);
}

static int on_attached(struct varlink_client *c, const char *error, const cJSON *parameters,
                       bool continues, void *userdata)
{
	struct dbus *d = userdata;
	struct watched_name *w;

	(void) c, (void) continues;
	if (error) {
		log_info("Core is away: %s", error);
		d->attached = varlink_client_free(d->attached);
		(void) source_set_time(d->attach_retry, now(CLOCK_BOOTTIME) + ATTACH_RETRY_USEC);
		return 0;
	}
	/* Only now does it listen to what is said of names. */
	MAP_FOREACH (w, d->watched)
		if (!d->is_heard)
			(void) ask(w);
	d->is_heard = true;
	each(parameters, "names", d, watch);
	each(parameters, "added", d, unit_new);
	each(parameters, "removed", d, unit_removed);
	d->is_attached = true;
	dbus_check_ready(d);
	bus_touch(d);
	return 0;
}

/* A core that came anew knows of no owner and no reference. */
static int attach(struct dbus *d)
{
	int r;

	d->attached = varlink_client_free(d->attached);
	r = varlink_connect_path(d->loop, d->control, &d->attached);
	if (r >= 0)
		r = varlink_send(d->attached, "org.sysmaster.Bus.Attach", NULL, VARLINK_MORE,
		                 on_attached, d);
	if (r < 0)
		return r;
	d->is_heard = false;
	holds_renew(d);
	return 0;
}

static int on_attach_retry(struct source *s, usec_t deadline, void *userdata)
{
	int r = attach(userdata);

	(void) deadline;
	if (r < 0) {
		log_warning_errno(r, "Cannot reach core: %m");
		return source_set_time(s, now(CLOCK_BOOTTIME) + ATTACH_RETRY_USEC);
	}
	return 0;
}

/* ---- the bus wants a service ---- */

static int answer_activation(struct dbus *d, const char *unit, const char *error, const char *text)
{
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_signal(d->bus, &m, MANAGER_PATH, ACTIVATOR, "ActivationFailure");
	if (r >= 0)
		r = sd_bus_message_set_destination(m, BUS_DRIVER);
	if (r >= 0)
		r = sd_bus_message_append(m, "sss", unit, error, text);
	if (r >= 0)
		r = sd_bus_message_send(m);
	sd_bus_message_unref(m);
	bus_touch(d);
	return r;
}

struct activation {
	struct dbus *dbus;
	struct varlink_client *client;
	char unit[256];
};

static int on_activated(struct varlink_client *c, const char *error, const cJSON *parameters,
                        bool continues, void *userdata)
{
	struct activation *a = userdata;

	(void) c, (void) continues;
	if (error) {
		const char *text = json_string_or(parameters, "message", error);

		log_warning("The bus wants %s: %s", a->unit, text);
		(void) answer_activation(a->dbus, a->unit, error_to_dbus(error), text);
	}
	varlink_client_free(a->client);
	free(a);
	return 0;
}

/* In a success the bus sees the name; a failure it has to be told. */
static int activate(struct dbus *d, const char *unit)
{
	struct activation *a = strlen(unit) < sizeof(a->unit) ? calloc(1, sizeof(*a)) : NULL;
	cJSON *p = cJSON_CreateObject();
	int r;

	if (!a) {
		cJSON_Delete(p);
		return -EINVAL;
	}
	a->dbus = d;
	memcpy(a->unit, unit, strlen(unit) + 1);
	json_add_string(p, "verb", "start");
	json_add_strv(p, "names", (char *[]){a->unit, NULL});
	json_add_string(p, "mode", "replace");
	json_add_bool(p, "wait", false);
	r = varlink_connect_path(d->loop, d->control, &a->client);
	if (r < 0) {
		cJSON_Delete(p);
		free(a);
		return r;
	}
	r = varlink_send(a->client, "org.sysmaster.Unit.Queue", p, 0, on_activated, a);
	if (r < 0) {
		varlink_client_free(a->client);
		free(a);
	}
	return r;
}

static int on_activation_request(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct dbus *d = userdata;
	const char *unit;
	int r;

	(void) error;
	r = sd_bus_message_read(m, "s", &unit);
	if (r < 0)
		return 0;
	log_info("The bus wants %s", unit);
	r = activate(d, unit);
	if (r < 0)
		(void) answer_activation(d, unit, SD_BUS_ERROR_FAILED, strerror(-r));
	return 0;
}

int names_setup(struct dbus *d)
{
	int r;

	list_init(&d->holds);
	d->watched = map_new(MAP_STRING);
	if (!d->watched)
		return -ENOMEM;
	r = sd_bus_match_signal_async(d->bus, NULL, BUS_DRIVER, NULL, ACTIVATOR,
	                              "ActivationRequest", on_activation_request, NULL, d);
	if (r >= 0)
		r = loop_add_time(d->loop, CLOCK_BOOTTIME, 0, TIMER_EXACT, "attach",
		                  on_attach_retry, d, &d->attach_retry);
	if (r >= 0)
		r = loop_add_time(d->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "tell",
		                  on_tell_retry, d, &d->tell_retry);
	return r;
}

void names_done(struct dbus *d)
{
	struct watched_name *w;

	holds_done(d);
	d->attached = varlink_client_free(d->attached);
	d->attach_retry = source_free(d->attach_retry);
	d->tell_retry = source_free(d->tell_retry);
	MAP_FOREACH (w, d->watched)
		watched_free(w);
	d->watched = map_free(d->watched);
}
