// SPDX-License-Identifier: Apache-2.0
/*
 * The other end of the D-Bus facade: which bus names it shall watch and who has them, units that come and go, and units that a
 * client of the bus wants to look at after their end. All of it goes with the facade's connection: nothing here is saved.
 */
#include "api/api-internal.h"

#define HOLDS_MAX 65536

/* What the next answer will tell; sent at the end of the turn, since a reload makes hundreds. */
struct api_bus {
	struct varlink_call *call;
	struct manager *manager;
	struct source *source;
	char **names, **added, **removed;
	struct unit **holds;
	size_t n_holds;
};

static void bus_free(struct api *a)
{
	struct api_bus *b = a->bus;

	if (!b)
		return;
	a->bus = NULL;
	b->manager->bus_attached = false;
	source_free(b->source);
	varlink_call_unref(b->call);
	for (size_t i = 0; i < b->n_holds; i++)
		unit_unref(b->holds[i]);
	free(b->holds);
	strv_free(b->names);
	strv_free(b->added);
	strv_free(b->removed);
	free(b);
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	struct api *a = userdata;

	if (a->bus && a->bus->call == call)
		bus_free(a);
}

static void take(cJSON *o, const char *key, char ***v)
{
	if (*v && o)
		json_add_strv(o, key, *v);
	*v = strv_free(*v);
}

static int on_turn(struct source *s, void *userdata)
{
	struct api *a = userdata;
	struct api_bus *b = a->bus;
	cJSON *o;

	(void) s;
	if (!b || (!b->names && !b->added && !b->removed))
		return 0;
	o = cJSON_CreateObject();
	take(o, "names", &b->names);
	take(o, "added", &b->added);
	take(o, "removed", &b->removed);
	/* One that is too slow is cut off by the server and leaves through on_gone(). */
	if (o)
		(void) varlink_notify(b->call, o);
	return 0;
}

static void add(struct api_bus *b, char ***list, const char *s)
{
	/* Out of memory: this one is not told; whoever asks gets the right answer. */
	if (strv_append(list, s) >= 0)
		(void) source_set_state(b->source, SOURCE_ONESHOT);
}

static const char *bus_name(const struct unit *u)
{
	if (u->ops->type != UNIT_SERVICE || u->load_state != LOAD_LOADED || !u->file ||
	    !u->file->service)
		return NULL;
	return u->file->service->bus_name;
}

void api_unit_loaded(struct unit *u)
{
	struct api *a = api_of(u->manager);

	if (!a || !a->bus)
		return;
	if (bus_name(u))
		add(a->bus, &a->bus->names, bus_name(u));
	/* Loaded again by a reload: it did not come, it is there. */
	if (!u->manager->is_reloading)
		add(a->bus, &a->bus->added, u->id);
}

void api_unit_removed(struct unit *u)
{
	struct api *a = api_of(u->manager);

	if (a && a->bus)
		add(a->bus, &a->bus->removed, u->id);
}

void api_bus_done(struct api *a)
{
	bus_free(a);
}

static int attach(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct manager *m = a->c.manager;
	struct api_bus *b;
	struct unit *u;
	cJSON *o, *names;
	int r;

	(void) parameters;
	if (!varlink_call_wants_more(call))
		return varlink_error_text(call, "org.sysmaster.Error.Failed",
		                          "Attach streams: call it with \"more\"");
	if (a->bus) {
		struct varlink_call *old = varlink_call_ref(a->bus->call);

		bus_free(a);
		varlink_error(old, "org.sysmaster.Bus.Replaced", NULL);
		varlink_call_unref(old);
	}
	b = calloc(1, sizeof(*b));
	o = cJSON_CreateObject();
	names = cJSON_AddArrayToObject(o, "names");
	if (!b || !names) {
		free(b);
		cJSON_Delete(o);
		return -ENOMEM;
	}
	b->manager = m;
	r = loop_add_defer(m->loop, "bus", on_turn, a, &b->source);
	if (r < 0) {
		free(b);
		cJSON_Delete(o);
		return r;
	}
	b->call = varlink_call_ref(call);
	a->bus = b;
	m->bus_attached = true;
	MAP_FOREACH (u, m->units)
		if (bus_name(u))
			json_append_take(names, cJSON_CreateString(bus_name(u)));
	varlink_notify(call, o);
	varlink_call_on_gone(call, on_gone, a);
	return 0;
}

static int not_attached(struct varlink_call *call)
{
	return varlink_error(call, "org.sysmaster.Bus.NotAttached", NULL);
}

static int name_owner(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	const char *name, *owner;
	struct unit *u;

	if (json_get_string(parameters, "name", &name) < 0)
		return varlink_error_invalid(call, "name");
	if (json_get_string(parameters, "owner", &owner) < 0)
		return varlink_error_invalid(call, "owner");
	if (!a->bus)
		return not_attached(call);
	MAP_FOREACH (u, a->c.manager->units)
		if (u->ops->bus_name_owner && !u->merged_into && bus_name(u) &&
		    streq(bus_name(u), name))
			u->ops->bus_name_owner(u, *owner != 0,
			                       json_bool_or(parameters, "initial", false),
			                       json_u64_or(parameters, "at_usec", 0));
	return varlink_reply(call, NULL);
}

int api_bus_hold(struct api *a, struct unit *u)
{
	struct api_bus *b = a->bus;
	struct unit **bigger;

	if (!b)
		return -ENOTCONN;
	if (b->n_holds >= HOLDS_MAX)
		return -E2BIG;
	bigger = reallocarray(b->holds, b->n_holds + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	b->holds = bigger;
	b->holds[b->n_holds++] = unit_ref(u);
	return 0;
}

static void release_one(struct api_bus *b, struct unit *u)
{
	for (size_t i = 0; i < b->n_holds; i++)
		if (b->holds[i] == u) {
			b->holds[i] = b->holds[--b->n_holds];
			unit_unref(u);
			return;
		}
}

static int hold(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct unit *u;
	int r = 0;

	if (!a->bus)
		return not_attached(call);
	if (api_unit_parameter(a, call, parameters, "name", &u) < 0)
		return 0;
	if (json_bool_or(parameters, "hold", true))
		r = api_bus_hold(a, u);
	else
		release_one(a->bus, u);
	return r < 0 ? r : varlink_reply(call, NULL);
}

const struct varlink_method api_bus_methods[] = {
	{"org.sysmaster.Bus.Attach", ROLE_ADMIN, attach},
	{"org.sysmaster.Bus.NameOwner", ROLE_ADMIN, name_owner},
	{"org.sysmaster.Bus.Hold", ROLE_ADMIN, hold},
};
const size_t api_bus_n_methods = ELEMENTSOF(api_bus_methods);
