// SPDX-License-Identifier: Apache-2.0
/* The workload: orders over the control socket, messages into listening sockets, files. */
#include "chaos.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* One call on a connection of its own; the errno, or -EREMOTEIO if core answered with an error. */
int call_once(struct chaos *c, const char *method, cJSON *parameters_take, usec_t timeout,
              cJSON **ret)
{
	auto_cleanup(varlink_client_free) struct varlink_client *client = NULL;
	const char *error = NULL;
	cJSON *reply = NULL;
	int r;

	r = varlink_connect_path(NULL, c->w.socket, &client);
	if (r < 0) {
		cJSON_Delete(parameters_take);
		return r;
	}
	r = varlink_call_sync(client, method, parameters_take, timeout, &error, &reply);
	if (r >= 0 && error) {
		r = streq(error, "org.sysmaster.Error.Disconnected") ? -ECONNRESET : -EREMOTEIO;
		if (c->verbose && r == -EREMOTEIO)
			printf("# %s: %s\n", method, error);
	}
	if (r < 0)
		json_free(reply);
	else if (ret)
		*ret = reply;
	else
		json_free(reply);
	return r;
}

static void touch_group(struct chaos *c)
{
	for (size_t i = 0; i < n_unit_rows; i++)
		if (unit_rows[i].flags & UNIT_GROUPED) {
			c->models[i].touched = true;
			c->models[i].wanted = WANT_UNKNOWN;
		}
}

/* s2 requires s0: what happens to the one happens to the other. */
void order_touch(struct chaos *c, int unit)
{
	if (unit_rows[unit].flags & UNIT_GROUPED)
		touch_group(c);
	if (streq(unit_rows[unit].name, "s0.service") ||
	    streq(unit_rows[unit].name, "s2.service")) {
		for (int i = 0; i < (int) n_unit_rows; i++)
			if (streq(unit_rows[i].name, "s0.service") ||
			    streq(unit_rows[i].name, "s2.service")) {
				c->models[i].touched = true;
				c->models[i].wanted = WANT_UNKNOWN;
			}
	}
	if (unit_rows[unit].flags & UNIT_SELF || streq(unit_rows[unit].name, "t0.timer"))
		c->returns_ordered = now(CLOCK_BOOTTIME);
	c->models[unit].touched = true;
	/* In doubt: the answer may have been lost, not the order. */
	c->models[unit].wanted = WANT_UNKNOWN;
}

/* Every other job goes, or every other unit: of what was ordered before nothing is certain. */
static void touch_all(struct chaos *c, bool units)
{
	for (size_t i = 0; i < n_unit_rows; i++) {
		c->models[i].wanted = WANT_UNKNOWN;
		c->models[i].touched |= units;
	}
	/* The instance of an accepted connection was to be started by a job, too. */
	for (unsigned i = c->n_sent > MESSAGES_RECENT ? c->n_sent - MESSAGES_RECENT : 0;
	     i < c->n_sent; i++)
		c->sent[i].unsure |= c->sent[i].socket == 1;
	/* So was a mount that somebody waits for. */
	c->access_excused = true;
	c->returns_ordered = now(CLOCK_BOOTTIME);
}

/*
 * To start what runs changes nothing, unless it conflicts with something: after a flush, which calls off the stop of the one and not
 * the start of the other, both may be up, and the next start stops the other. Or unless what it requires was stopped below it.
 */
static bool changes(const struct chaos *c, const char *verb, int unit)
{
	const struct unit_model *m = &c->models[unit];

	if (streq(verb, "reload"))
		return false;
	return !streq(verb, "start") || m->touched || m->pid == 0 ||
	       !(unit_rows[unit].flags & UNIT_DAEMON) || unit_rows[unit].flags & UNIT_GROUPED ||
	       streq(unit_rows[unit].name, "s2.service");
}

bool order_queue(struct chaos *c, const char *verb, int unit)
{
	return order_queue_mode(c, verb, unit, NULL);
}

/* A call failed in its start, and that goes down again: who orders it up now joins that start, and it fails for both. */
static bool joins_a_failure(struct chaos *c, int unit)
{
	char state[32];

	return c->forgiven &&
	       core_property(c, unit_rows[unit].name, "ActiveState", state, sizeof(state)) &&
	       (streq(state, "deactivating") || streq(state, "activating"));
}

bool order_queue_mode(struct chaos *c, const char *verb, int unit, const char *mode)
{
	cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
	struct unit_model *m = &c->models[unit];
	bool reload = streq(verb, "reload"),
	     joins = streq(verb, "start") && joins_a_failure(c, unit);
	int r;

	cJSON_AddItemToArray(names, cJSON_CreateString(unit_rows[unit].name));
	json_add_string(p, "verb", verb);
	json_add_bool(p, "wait", false);
	if (mode)
		json_add_string(p, "mode", mode);
	json_add_take(p, "names", names);
	if (mode && streq(mode, "flush"))
		touch_all(c, false);
	if (changes(c, verb, unit))
		order_touch(c, unit);
	/* It takes the place of a stop that waits, as any later order does that contradicts an earlier
	 * one; a stop that runs ends as it began. */
	if (reload && m->wanted == WANT_DOWN)
		m->wanted = WANT_UNKNOWN;
	c->point_stopped |=
		streq(unit_rows[unit].name, "run-chaos-auto.automount") && !streq(verb, "start");
	r = call_once(c, "org.sysmaster.Unit.Queue", p, 2 * USEC_PER_SEC, NULL);
	history(c, "%s %s (%s): %s", verb, unit_rows[unit].name, mode ?: "replace",
	        r < 0 ? strerror(-r) : "queued");
	if (r < 0)
		return false;
	c->orders++;
	if (!reload && !(unit_rows[unit].flags & (UNIT_FAILS | UNIT_START_ONLY)))
		c->models[unit].wanted = streq(verb, "stop") ? WANT_DOWN
		                         : joins             ? WANT_UNKNOWN
		                                             : WANT_UP;
	return true;
}

/* A connection with one line in it; false: the backlog is full. */
bool order_message(struct chaos *c, unsigned socket_number)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	auto_fd int fd = -EBADF;
	char text[16];
	int n;

	if (c->n_sent >= MESSAGES_MAX)
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/%d/root/run/chaos/%c.sock",
	         (int) c->w.init, socket_number ? 'b' : 'a');
	if (fd < 0 || connect(fd, (struct sockaddr *) &un, sizeof(un)) < 0)
		return false;
	n = snprintf(text, sizeof(text), "m%u\n", c->n_sent);
	c->sent[c->n_sent] =
		(struct sent){.at = now(CLOCK_BOOTTIME), .socket = (uint8_t) socket_number};
	if (write(fd, text, (size_t) n) != n)
		return false;
	history(c, "message %u into socket %u", c->n_sent, socket_number);
	c->n_sent++;
	return true;
}

static void order_flag(struct chaos *c)
{
	auto_free char *path = str_printf("/proc/%d/root/run/chaos/flag", (int) c->w.init);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	history(c, "flag");
	if (fd >= 0)
		close(fd);
}

void order_reload(struct chaos *c)
{
	int r = call_once(c, "org.sysmaster.Manager.Reload", NULL, 2 * USEC_PER_SEC, NULL);

	history(c, "daemon-reload: %s", r < 0 ? strerror(-r) : "done");
	if (r >= 0)
		c->orders++;
}

static int pick(struct chaos *c)
{
	for (;;) {
		int i = (int) chaos_random(c, (uint32_t) n_unit_rows);

		if (unit_rows[i].flags & UNIT_ORDERED && unit_is_here(c, i))
			return i;
	}
}

/* One of the job modes, now and then. */
static const char *pick_mode(struct chaos *c, const char *verb, int unit)
{
	static const char *const modes[] = {"fail", "replace-irreversibly", "flush",
	                                    "ignore-dependencies", "ignore-requirements"};
	uint32_t i = chaos_random(c, 24);

	if (i == ELEMENTSOF(modes) && streq(verb, "stop"))
		return "triggering";
	/* What is bound to another one does not stay without it. */
	if (i >= ELEMENTSOF(modes) ||
	    (str_after(modes[i], "ignore-") && unit_rows[unit].flags & UNIT_GROUPED))
		return NULL;
	return modes[i];
}

/* The default target's units stay, all others go. */
static void order_isolate(struct chaos *c)
{
	cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
	int r;

	cJSON_AddItemToArray(names, cJSON_CreateString("iso.target"));
	json_add_string(p, "verb", "start");
	json_add_string(p, "mode", "isolate");
	json_add_bool(p, "wait", false);
	json_add_take(p, "names", names);
	touch_all(c, true);
	r = call_once(c, "org.sysmaster.Unit.Queue", p, 2 * USEC_PER_SEC, NULL);
	history(c, "isolate iso.target: %s", r < 0 ? strerror(-r) : "queued");
	touch_all(c, true);
}

void order_random(struct chaos *c)
{
	static const char *const verbs[] = {"start", "stop", "restart", "start"};
	uint32_t what = chaos_random(c, 20);
	const char *verb;
	int unit;

	if (c->many)
		return;
	if (what < 2) {
		(void) order_message(c, what);
	} else if (what == 2) {
		order_flag(c);
	} else if (what == 3) {
		order_reload(c);
	} else if (what == 4) {
		(void) call_once(c, "org.sysmaster.Unit.ResetFailed", NULL, 2 * USEC_PER_SEC, NULL);
	} else if (what == 5 && chaos_random(c, 6) == 0) {
		order_isolate(c);
	} else if (what == 16) {
		order_access(c);
	} else if (what == 17) {
		order_automount(c);
	} else if (what == 18) {
		order_scope(c);
	} else if (what == 19) {
		order_device(c);
	} else {
		unit = pick(c);
		if (unit_rows[unit].flags & UNIT_START_ONLY)
			verb = "start";
		else if (unit_rows[unit].flags & UNIT_RELOADS && chaos_random(c, 2))
			verb = "reload";
		else
			verb = verbs[chaos_random(c, ELEMENTSOF(verbs))];
		(void) order_queue_mode(c, verb, unit, pick_mode(c, verb, unit));
	}
}

/* All in one order; if that is refused, one by one. */
void order_base(struct chaos *c)
{
	cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
	int r;

	json_add_string(p, "verb", "start");
	json_add_bool(p, "wait", false);
	for (int i = 0; i < (int) n_unit_rows; i++) {
		if (!(unit_rows[i].flags & UNIT_BASE) || !unit_is_here(c, i))
			continue;
		cJSON_AddItemToArray(names, cJSON_CreateString(unit_rows[i].name));
		if (changes(c, "start", i))
			order_touch(c, i);
	}
	json_add_take(p, "names", names);
	r = call_once(c, "org.sysmaster.Unit.Queue", p, 2 * USEC_PER_SEC, NULL);
	history(c, "start of all: %s", r < 0 ? strerror(-r) : "queued");
	if (r >= 0) {
		c->orders++;
		return;
	}
	for (size_t i = 0; i < n_unit_rows; i++)
		if (unit_rows[i].flags & UNIT_BASE && unit_is_here(c, (int) i))
			(void) order_queue(c, "start", (int) i);
}

static void order_named(struct chaos *c, const char *verb, const char *const *names)
{
	for (; *names; names++)
		(void) order_queue(c, verb, unit_find(*names));
}

/* The steps of the scenario; what one starts another one stops. */
void order_scenario(struct chaos *c, unsigned part)
{
	static const char *const plain[] = {"s0.service", "e0.service", "f0.service", "n0.service",
	                                    NULL};
	static const char *const others[] = {
		"o0.service",  "run-chaos-mnt.mount", "run-chaos-bind.mount",
		"c.socket",    "k0.service",          "g.target",
		"db0.service", "cnt.counter",         NULL};
	static const char *const failing[] = {"x0.service", "x1.service", "x2.service",
	                                      "late.service", NULL};
	static const char *const reloading[] = {"s3.service", NULL};
	static const char *const sockets[] = {"a.socket", "b.socket", "t0.timer", NULL};

	switch (part) {
	case 0:
		order_named(c, "restart", plain);
		break;
	case 1:
		order_named(c, "stop", plain);
		order_named(c, "stop", others);
		break;
	case 2:
		order_named(c, "start", plain);
		order_named(c, "start", others);
		break;
	case 3:
		order_named(c, "start", failing);
		order_named(c, "reload", reloading);
		break;
	case 4:
		(void) order_message(c, 0);
		(void) order_message(c, 1);
		order_flag(c);
		order_access(c);
		order_scope(c);
		order_device(c);
		break;
	case 5:
		order_reload(c);
		(void) call_once(c, "org.sysmaster.Unit.ResetFailed", NULL, 2 * USEC_PER_SEC, NULL);
		break;
	case 6:
		/* Nobody has a message in these at this point. */
		order_named(c, "stop", sockets);
		order_automount(c);
		order_scope(c);
		order_device(c);
		/* The timer counts from its start again. */
		books_forget(c);
		break;
	case 7:
		order_named(c, "start", sockets);
		break;
	default:
		break;
	}
}
