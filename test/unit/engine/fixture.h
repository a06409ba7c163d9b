// SPDX-License-Identifier: Apache-2.0
/*
 * fixture.h - a manager on unit files in a temporary directory, with types that exist in memory
 * only.
 *
 * What a unit does when it is started or stopped is in its name: "slow" stays activating (and
 * deactivating) until the test says so, "fail" fails, "dull" says it is under way and does nothing,
 * everything else is there at once. What happens is written to fx.log, one word an event:
 * "+name" started, "-name" stopped, "~name" reloaded; slices are left out.
 */
#pragma once

#include "check.h"
#include "engine/private.h"

#include <stdarg.h>
#include <unistd.h>

struct fake {
	struct unit u;
	enum unit_active_state state;
	unsigned n_starts, n_triggers;
	bool again;
};

struct fixture {
	char dir[64];
	struct loop *loop;
	struct manager *m;
	struct strbuf log, results;
	unsigned n_emergencies, n_saved, n_forgotten, n_boot_finished;
	struct unit_ops ops[UNIT_TYPE_MAX];
	const struct unit_ops *table[UNIT_TYPE_MAX];
};
static struct fixture fx;

#define FAKE(unit) ((struct fake *) (unit))

static inline void fake_log(const char *sign, const struct unit *u)
{
	const char *dot = strrchr(u->id, '.');

	if (u->ops->type == UNIT_SLICE)
		return;
	strbuf_printf(&fx.log, "%s%s%.*s", fx.log.size ? " " : "", sign,
	              u->ops->type == UNIT_SERVICE ? (int) (dot - u->id) : (int) strlen(u->id),
	              u->id);
}

static inline void fake_set(struct unit *u, enum unit_active_state s)
{
	enum unit_active_state old = FAKE(u)->state;

	FAKE(u)->state = s;
	unit_notify(u, old, s, true);
}

static inline int fake_load(struct unit *u, struct diag *d)
{
	(void) d;
	return strstr(u->id, "refused") ? -ENOEXEC : 0;
}

static inline int fake_start(struct unit *u)
{
	if (!unit_start_limit_test(u))
		return -ECANCELED;
	if (FAKE(u)->again)
		return -EAGAIN;
	if (strstr(u->id, "dull"))
		return 0;
	FAKE(u)->n_starts++;
	fake_log("+", u);
	if (FAKE(u)->state == UNIT_INACTIVE || FAKE(u)->state == UNIT_FAILED)
		fake_set(u, UNIT_ACTIVATING);
	if (strstr(u->id, "fail"))
		fake_set(u, UNIT_FAILED);
	else if (!strstr(u->id, "slow"))
		fake_set(u, UNIT_ACTIVE);
	return 0;
}

static inline int fake_stop(struct unit *u)
{
	fake_log("-", u);
	if (strstr(u->id, "slow") && FAKE(u)->state != UNIT_ACTIVATING)
		fake_set(u, UNIT_DEACTIVATING);
	else
		fake_set(u, UNIT_INACTIVE);
	return 0;
}

static inline int fake_reload(struct unit *u)
{
	fake_log("~", u);
	fake_set(u, UNIT_RELOADING);
	if (!strstr(u->id, "slow"))
		fake_set(u, UNIT_ACTIVE);
	return 0;
}

static inline enum unit_active_state fake_state(const struct unit *u)
{
	return ((const struct fake *) u)->state;
}

static inline const char *fake_sub_state(const struct unit *u)
{
	return unit_active_state_to_string(fake_state(u));
}

static inline void fake_on_trigger(struct unit *u, struct unit *triggered)
{
	(void) triggered;
	FAKE(u)->n_triggers++;
}

static inline void fake_save(const struct unit *u, struct strbuf *b)
{
	record_add(b, "state", unit_active_state_to_string(fake_state(u)));
}

static inline int fake_restore(struct unit *u, const struct record *r)
{
	const char *s = record_get(r, "state");

	FAKE(u)->state =
		s ? (enum unit_active_state) unit_active_state_from_string(s) : UNIT_INACTIVE;
	return 0;
}

/* ---- hooks ---- */

static inline void hook_job_removed(struct job *j, enum job_result result, void *userdata)
{
	(void) userdata;
	if (j->unit->ops->type != UNIT_SLICE)
		strbuf_printf(&fx.results, "%s%s=%s", fx.results.size ? " " : "", j->unit->id,
		              job_result_to_string(result));
}

static inline void hook_emergency(enum emergency_action a, int status, const char *argument,
                                  const char *reason, void *userdata)
{
	(void) a, (void) status, (void) argument, (void) reason, (void) userdata;
	fx.n_emergencies++;
}

static inline void hook_save(struct unit *u, void *userdata)
{
	(void) u, (void) userdata;
	fx.n_saved++;
}

static inline void hook_forget(struct unit *u, void *userdata)
{
	(void) u, (void) userdata;
	fx.n_forgotten++;
}

static inline void hook_boot_finished(void *userdata)
{
	(void) userdata;
	fx.n_boot_finished++;
}

static const struct manager_hooks fixture_hooks = {
	.job_removed = hook_job_removed,
	.emergency = hook_emergency,
	.unit_save = hook_save,
	.unit_forget = hook_forget,
	.boot_finished = hook_boot_finished,
};

/* ---- the fixture ---- */

static inline void put_file(const char *name, const char *text)
{
	auto_free char *path = path_join(fx.dir, name);

	if (mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), 0644, false) < 0)
		abort();
}

/* "name: [Unit] lines" for services and targets; a service gets a command. */
static inline void put_unit(const char *name, const char *unit_lines)
{
	auto_free char *text =
		str_printf("[Unit]\nDefaultDependencies=no\n%s\n%s", unit_lines,
	                   str_ends_with(name, ".service")  ? "[Service]\nExecStart=/bin/true\n"
	                   : str_ends_with(name, ".socket") ? "[Socket]\nListenStream=/run/x\n"
	                                                    : "");

	put_file(name, text);
}

static inline void fixture_begin(void)
{
	memset(&fx, 0, sizeof(fx));
	strcpy(fx.dir, "/tmp/engine-test.XXXXXX");
	if (!mkdtemp(fx.dir))
		abort();
	setenv("SYSTEMD_UNIT_PATH", fx.dir, 1);
	log_setup("test", LOG_TARGET_NULL, LOG_ERR);
	for (int t = 0; t < UNIT_TYPE_MAX; t++) {
		fx.ops[t] = (struct unit_ops){
			.type = t,
			.object_size = sizeof(struct fake),
			.load = fake_load,
			.start = fake_start,
			.stop = fake_stop,
			.reload = fake_reload,
			.active_state = fake_state,
			.sub_state = fake_sub_state,
			.on_trigger = fake_on_trigger,
			.save = fake_save,
			.restore = fake_restore,
		};
		fx.table[t] = &fx.ops[t];
	}
	if (loop_new(&fx.loop) < 0)
		abort();
}

/* Once the files are there. */
static inline void fixture_open(void)
{
	if (manager_new(fx.loop, fx.table, &fixture_hooks, NULL, &fx.m) < 0 ||
	    manager_read_index(fx.m) < 0)
		abort();
}

static inline void fixture_end(void)
{
	manager_free(fx.m);
	loop_free(fx.loop);
	strbuf_done(&fx.log);
	strbuf_done(&fx.results);
	rm_rf(fx.dir);
}

static inline void settle(void)
{
	for (int i = 0; i < 50; i++)
		manager_dispatch(fx.m);
}

static inline struct unit *unit(const char *name)
{
	struct unit *u = NULL;

	if (manager_load_unit(fx.m, name, NULL, &u) < 0)
		abort();
	return u;
}

static inline int order_mode(enum job_type type, const char *name, enum job_mode mode)
{
	struct diag d = {0};
	int r = manager_enqueue_by_name(fx.m, type, name, mode, &d, NULL);

	settle();
	return r;
}

static inline int order(enum job_type type, const char *name)
{
	return order_mode(type, name, JOB_MODE_REPLACE);
}

/* The log so far, emptied. */
static inline const char *happened(void)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%s", fx.log.data && fx.log.size ? fx.log.data : "");
	strbuf_consume(&fx.log, fx.log.size);
	return text;
}

static inline const char *results(void)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%s",
	         fx.results.data && fx.results.size ? fx.results.data : "");
	strbuf_consume(&fx.results, fx.results.size);
	return text;
}

static inline const char *state(const char *name)
{
	struct unit *u = manager_get_unit(fx.m, name);

	/* The garbage collector only takes what is inactive. */
	return unit_active_state_to_string(u ? unit_active_state(u) : UNIT_INACTIVE);
}

static inline bool gone(const char *name)
{
	return !manager_get_unit(fx.m, name);
}

static inline void becomes(const char *name, enum unit_active_state s)
{
	fake_set(unit(name), s);
	settle();
}
