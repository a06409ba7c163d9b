// SPDX-License-Identifier: Apache-2.0
/* References: a client looks at a unit after its end. They are by connection, and end with it; core counts one a hold. */
#include "dbus/dbus.h"

struct hold {
	struct list link;
	struct dbus *dbus;
	sd_bus_track *senders; /* counts each sender's references */
	unsigned n_core;       /* how often core was told */
	char unit[];
};

static int tell(struct dbus *d, sd_bus_message *m, const char *unit, bool hold, core_answer_fn fn)
{
	cJSON *p = cJSON_CreateObject();
	int r = json_add_string(p, "name", unit);

	if (r >= 0)
		r = json_add_bool(p, "hold", hold);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Bus.Hold", p, 0, fn, NULL);
}

static void hold_free(struct hold *h)
{
	list_remove(&h->link);
	sd_bus_track_unref(h->senders);
	free(h);
}

static int on_unused(sd_bus_track *t, void *userdata)
{
	struct hold *h = userdata;

	(void) t;
	for (; h->n_core > 0; h->n_core--)
		(void) tell(h->dbus, NULL, h->unit, false, NULL);
	hold_free(h);
	return 0;
}

static struct hold *hold_find(struct dbus *d, const char *unit)
{
	LIST_FOREACH (h, &d->holds, struct hold, link)
		if (streq(h->unit, unit))
			return h;
	return NULL;
}

static int hold_new(struct dbus *d, const char *unit, struct hold **ret)
{
	struct hold *h = calloc(1, sizeof(*h) + strlen(unit) + 1);
	int r;

	if (!h)
		return -ENOMEM;
	memcpy(h->unit, unit, strlen(unit) + 1);
	h->dbus = d;
	r = sd_bus_track_new(d->bus, &h->senders, on_unused, h);
	if (r >= 0)
		r = sd_bus_track_set_recursive(h->senders, true);
	if (r < 0) {
		hold_free(h);
		return r;
	}
	list_append(&d->holds, &h->link);
	*ret = h;
	return 0;
}

static int on_held(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) parameters, (void) userdata;
	return sd_bus_reply_method_return(m, "");
}

static int release(struct dbus *d, sd_bus_message *m, const char *unit)
{
	struct hold *h = hold_find(d, unit);
	int r = h ? sd_bus_track_remove_sender(h->senders, m) : -EUNATCH;

	if (r <= 0)
		return sd_bus_reply_method_errorf(m, BUS_NAME ".NotReferenced",
		                                  "Unit %s has no reference of this client.", unit);
	return sd_bus_reply_method_return(m, "");
}

/* Core holds it already if it is not to be replied (@reply): a transient unit is held from its making. */
int hold_unit(struct dbus *d, sd_bus_message *m, const char *unit, bool hold, bool reply)
{
	struct hold *h;
	int r = 0;

	if (!hold)
		return release(d, m, unit);
	h = hold_find(d, unit);
	if (!h)
		r = hold_new(d, unit, &h);
	if (r >= 0)
		r = sd_bus_track_add_sender(h->senders, m);
	if (r < 0)
		return r;
	if (!reply) {
		h->n_core++;
		return 0;
	}
	if (h->n_core > 0)
		return sd_bus_reply_method_return(m, "");
	h->n_core++;
	return tell(d, m, unit, true, on_held);
}

void holds_renew(struct dbus *d)
{
	LIST_FOREACH (h, &d->holds, struct hold, link) {
		h->n_core = 1;
		(void) tell(d, NULL, h->unit, true, NULL);
	}
}

void holds_done(struct dbus *d)
{
	LIST_FOREACH (h, &d->holds, struct hold, link)
		hold_free(h);
}
