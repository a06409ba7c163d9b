// SPDX-License-Identifier: Apache-2.0
/*
 * freeze.c - cgroup.freeze. The kernel freezes what is below, too; the state of each unit is kept all the same, so that a service
 * which was frozen by itself stays so when its slice is thawed.
 */
#include "cgroup/internal.h"

#define DEPTH_MAX 32

static int freeze_one(struct unit *u, bool freeze)
{
	int r;

	if (u->manager->no_cgroup || !u->cgroup)
		return -ENODEV;
	r = cgroupfs_write(u->cgroup, "cgroup.freeze", freeze ? "1" : "0");
	if (r < 0)
		return r;
	u->freezer = freeze ? FREEZER_FREEZING : FREEZER_THAWING;
	unit_save_soon(u);
	return 0;
}

static void freeze_members(struct unit *slice, bool freeze, unsigned depth)
{
	struct unit *u;

	if (depth > DEPTH_MAX)
		return;
	UNIT_FOREACH_DEPENDENCY (u, slice, DEP_SLICE_OF) {
		if (u->ops->type == UNIT_SLICE)
			freeze_members(u, freeze, depth + 1);
		if (u->cgroup && cgroupfs_is_populated(u->cgroup) > 0)
			(void) freeze_one(u, freeze);
	}
}

int cgroup_freeze(struct unit *u, bool freeze)
{
	if (freeze ? u->freezer == FREEZER_FROZEN : u->freezer == FREEZER_RUNNING)
		return 0;
	if (u->ops->type == UNIT_SLICE)
		freeze_members(u, freeze, 0);
	return freeze_one(u, freeze);
}

static bool settled(struct unit *u)
{
	uint64_t frozen = 0;

	if (u->freezer == FREEZER_RUNNING || u->freezer == FREEZER_FROZEN)
		return true;
	if (u->cgroup && cgroupfs_read_key(u->cgroup, "cgroup.events", "frozen", &frozen) >= 0 &&
	    u->freezer == FREEZER_FREEZING && !frozen)
		return false;
	/* A thaw holds as soon as it is written; whether a slice above is frozen is not this unit's state. */
	u->freezer = u->freezer == FREEZER_FREEZING && frozen ? FREEZER_FROZEN : FREEZER_RUNNING;
	unit_save_soon(u);
	return true;
}

static bool members_settled(struct unit *slice, unsigned depth)
{
	bool all = true;
	struct unit *u;

	if (depth > DEPTH_MAX)
		return true;
	UNIT_FOREACH_DEPENDENCY (u, slice, DEP_SLICE_OF) {
		if (u->ops->type == UNIT_SLICE)
			all &= members_settled(u, depth + 1);
		all &= settled(u);
	}
	return all;
}

bool cgroup_freeze_settled(struct unit *u)
{
	bool all = u->ops->type != UNIT_SLICE || members_settled(u, 0);

	return settled(u) && all;
}
