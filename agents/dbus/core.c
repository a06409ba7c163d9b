// SPDX-License-Identifier: Apache-2.0
/*
 * Calls to core. Each has a connection of its own: a call that takes long holds up no other, and core's death ends the calls that
 * it had, and none that come after (the socket is init's; who connects while core is away is served by the next one).
 */
#include "dbus/dbus.h"

#define CALL_USEC      (30 * USEC_PER_SEC)
#define SLOW_CALL_USEC (10 * USEC_PER_MINUTE)
#define DISCONNECTED   "org.sysmaster.Error.Disconnected"

struct call {
	struct list link;
	struct dbus *dbus;
	struct varlink_client *client;
	struct source *timer;
	sd_bus_message *message;
	unsigned flags;
	core_answer_fn fn;
	void *userdata;
	void (*userdata_free)(void *userdata);
	const char *method;
};

static void call_free(struct call *c)
{
	struct dbus *d = c->dbus;

	list_remove(&c->link);
	d->n_calls--;
	varlink_client_free(c->client);
	source_free(c->timer);
	sd_bus_message_unref(c->message);
	c->userdata_free(c->userdata);
	if (c->flags & CORE_ORDER && --d->n_orders == 0)
		signals_release(d);
	free(c);
	bus_touch(d);
}

static int on_timeout(struct source *s, usec_t deadline, void *userdata)
{
	struct call *c = userdata;

	(void) s, (void) deadline;
	log_warning("core does not answer %s", c->method);
	if (c->message)
		(void) sd_bus_reply_method_errorf(c->message, SD_BUS_ERROR_TIMEOUT,
		                                  "The service manager does not answer");
	call_free(c);
	return 0;
}

static int on_answer(struct varlink_client *client, const char *error, const cJSON *parameters,
                     bool continues, void *userdata)
{
	struct call *c = userdata;
	int r = 0;

	(void) client, (void) continues;
	if (error && streq(error, DISCONNECTED) && c->flags & CORE_MAY_VANISH)
		r = c->fn(c->dbus, c->message, NULL, c->userdata);
	else if (error && c->message)
		r = error_reply(c->message, error, parameters);
	else if (error)
		log_warning("%s: %s", c->method, json_string_or(parameters, "message", error));
	else if (c->fn)
		r = c->fn(c->dbus, c->message, parameters, c->userdata);
	if (r < 0 && c->message)
		(void) sd_bus_reply_method_errno(c->message, r, NULL);
	else if (r < 0)
		log_warning_errno(r, "%s: %m", c->method);
	call_free(c);
	return 0;
}

static int call_start(struct call *c, cJSON *parameters)
{
	struct dbus *d = c->dbus;
	usec_t span = c->flags & CORE_SLOW ? SLOW_CALL_USEC : CALL_USEC;
	int r;

	r = varlink_connect_path(d->loop, d->control, &c->client);
	if (r >= 0)
		r = loop_add_time(d->loop, CLOCK_BOOTTIME, now(CLOCK_BOOTTIME) + span, USEC_PER_SEC,
		                  "core-call", on_timeout, c, &c->timer);
	if (r < 0) {
		json_free(parameters);
		return r;
	}
	return varlink_send(c->client, c->method, parameters, 0, on_answer, c);
}

int core_call_owned(struct dbus *d, sd_bus_message *m, const char *method, cJSON *parameters,
                    unsigned flags, core_answer_fn fn, void *userdata_take,
                    void (*userdata_free)(void *userdata))
{
	struct call *c = d->n_calls < CALLS_MAX ? calloc(1, sizeof(*c)) : NULL;
	int r;

	if (!c) {
		json_free(parameters);
		userdata_free(userdata_take);
		return d->n_calls < CALLS_MAX ? -ENOMEM : -EBUSY;
	}
	*c = (struct call){.dbus = d,
	                   .message = sd_bus_message_ref(m),
	                   .flags = flags,
	                   .fn = fn,
	                   .userdata = userdata_take,
	                   .userdata_free = userdata_free,
	                   .method = method};
	list_append(&d->calls, &c->link);
	d->n_calls++;
	d->n_orders += flags & CORE_ORDER;
	r = call_start(c, parameters);
	if (r < 0) {
		call_free(c);
		return r;
	}
	return 1;
}

int core_call(struct dbus *d, sd_bus_message *m, const char *method, cJSON *parameters,
              unsigned flags, core_answer_fn fn, void *userdata_take)
{
	return core_call_owned(d, m, method, parameters, flags, fn, userdata_take, free);
}

int core_tell(struct dbus *d, const char *method, cJSON *parameters, core_answer_fn fn,
              void *userdata_take)
{
	return core_call(d, NULL, method, parameters, 0, fn, userdata_take);
}

void core_done(struct dbus *d)
{
	LIST_FOREACH (c, &d->calls, struct call, link)
		call_free(c);
}
