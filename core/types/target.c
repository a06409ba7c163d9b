// SPDX-License-Identifier: Apache-2.0
/* target - a name for a set of units; active as soon as all that it is after is. The engine orders
 * it after what it wants. */
#include "types/common.h"

struct target {
	struct unit unit;
	bool active;
};

static struct target *TARGET(const struct unit *u)
{
	return (struct target *) u;
}

static int target_load(struct unit *u, _unused_ struct diag *d)
{
	if (!u->file->unit.default_dependencies || streq(u->id, "shutdown.target"))
		return 0;
	return unit_add_shutdown_dependencies(u);
}

static void target_set(struct target *t, bool active)
{
	bool old = t->active;

	t->active = active;
	unit_save_soon(&t->unit);
	unit_notify(&t->unit, old ? UNIT_ACTIVE : UNIT_INACTIVE,
	            active ? UNIT_ACTIVE : UNIT_INACTIVE, true);
}

static int target_start(struct unit *u)
{
	int r;

	if (TARGET(u)->active)
		return -EALREADY;
	r = invocation_publish(u);
	if (r < 0)
		return r;
	target_set(TARGET(u), true);
	return 0;
}

static int target_stop(struct unit *u)
{
	if (!TARGET(u)->active)
		return -EALREADY;
	target_set(TARGET(u), false);
	invocation_unpublish(u);
	return 0;
}

static enum unit_active_state target_active_state(const struct unit *u)
{
	return TARGET(u)->active ? UNIT_ACTIVE : UNIT_INACTIVE;
}

static const char *target_sub_state(const struct unit *u)
{
	return TARGET(u)->active ? "active" : "dead";
}

static void target_save(const struct unit *u, struct strbuf *b)
{
	record_add(b, "state", target_sub_state(u));
}

static int target_restore(struct unit *u, const struct record *r)
{
	TARGET(u)->active = streq_ptr(record_get(r, "state"), "active");
	return 0;
}

static int target_describe(_unused_ const struct unit *u, _unused_ cJSON *properties)
{
	return 0;
}

const struct unit_ops target_ops = {
	.type = UNIT_TARGET,
	.object_size = sizeof(struct target),
	.load = target_load,
	.start = target_start,
	.stop = target_stop,
	.active_state = target_active_state,
	.sub_state = target_sub_state,
	.save = target_save,
	.restore = target_restore,
	.describe = target_describe,
};
