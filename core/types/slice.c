// SPDX-License-Identifier: Apache-2.0
/* slice - an inner node of the cgroup tree. -.slice and system.slice are there from the start and
 * never stop. */
#include "types/common.h"

struct slice {
	struct unit unit;
	bool active;
};

static struct slice *SLICE(const struct unit *u)
{
	return (struct slice *) u;
}

static void slice_init(struct unit *u)
{
	u->perpetual = streq(u->id, "-.slice") || streq(u->id, "system.slice");
}

static int slice_load(struct unit *u, _unused_ struct diag *d)
{
	static const char page[] = "man:systemd.special(7)";
	int r = streq(u->id, "-.slice")        ? describe_perpetual(u, "Root Slice", page)
	        : streq(u->id, "system.slice") ? describe_perpetual(u, "System Slice", page)
	                                       : describe_by_name(u, "Slice ");

	if (r < 0)
		return r;
	/* The parent, and After= and Requires= on it, come from the name: the engine adds them. */
	if (u->perpetual || !u->file->unit.default_dependencies)
		return 0;
	return unit_add_shutdown_dependencies(u);
}

static void slice_set(struct slice *s, bool active)
{
	bool old = s->active;

	s->active = active;
	unit_save_soon(&s->unit);
	unit_notify(&s->unit, old ? UNIT_ACTIVE : UNIT_INACTIVE,
	            active ? UNIT_ACTIVE : UNIT_INACTIVE, true);
}

static int slice_start(struct unit *u)
{
	int r;

	if (SLICE(u)->active)
		return -EALREADY;
	r = invocation_publish(u);
	if (r < 0)
		return r;
	r = cgroup_realize(u);
	if (r < 0)
		return log_unit_errno(LOG_WARNING, u->id, r, "Cannot make the control group: %m");
	slice_set(SLICE(u), true);
	return 0;
}

static int slice_stop(struct unit *u)
{
	if (!SLICE(u)->active)
		return -EALREADY;
	slice_set(SLICE(u), false);
	invocation_unpublish(u);
	return 0;
}

static enum unit_active_state slice_active_state(const struct unit *u)
{
	return SLICE(u)->active ? UNIT_ACTIVE : UNIT_INACTIVE;
}

static const char *slice_sub_state(const struct unit *u)
{
	return SLICE(u)->active ? "active" : "dead";
}

static int slice_kill(struct unit *u, enum kill_who who, int sig, struct diag *d)
{
	const struct kill_targets none = {0};

	return processes_kill_who(u, who, sig, &none, d);
}

static void slice_save(const struct unit *u, struct strbuf *b)
{
	record_add(b, "state", slice_sub_state(u));
}

static int slice_restore(struct unit *u, const struct record *r)
{
	if (streq_ptr(record_get(r, "state"), "active"))
		SLICE(u)->active = true;
	return 0;
}

static int slice_describe(const struct unit *u, cJSON *properties)
{
	return cgroup_describe(u, properties);
}

static int make_perpetual(struct manager *m, const char *name)
{
	struct unit *u;
	int r;

	r = manager_load_unit(m, name, NULL, &u);
	if (r < 0)
		return r;
	if (SLICE(u)->active)
		return 0;
	/* It is there because the kernel says so; without a writable tree there is nothing to make.
	 */
	r = m->is_test ? 0 : cgroup_realize(u);
	if (r < 0)
		log_unit_errno(LOG_WARNING, name, r, "Cannot set up the control group: %m");
	slice_set(SLICE(u), true);
	return 0;
}

static int slice_enumerate(struct manager *m)
{
	int r = make_perpetual(m, "-.slice");

	return r < 0 ? r : make_perpetual(m, "system.slice");
}

const struct unit_ops slice_ops = {
	.type = UNIT_SLICE,
	.object_size = sizeof(struct slice),
	.init = slice_init,
	.load = slice_load,
	.start = slice_start,
	.stop = slice_stop,
	.active_state = slice_active_state,
	.sub_state = slice_sub_state,
	.kill = slice_kill,
	.save = slice_save,
	.restore = slice_restore,
	.describe = slice_describe,
	.enumerate = slice_enumerate,
};
