// SPDX-License-Identifier: Apache-2.0
/*
 * dependency.c - edges between units. A unit has one map of its neighbours with the set of kinds
 * that tie it to each; most have half a dozen neighbours and as many kinds. Each edge is kept at
 * both ends (a kind and its inverse), and beside it the pair References/ReferencedBy says who asked for it: that alone keeps a unit in
 * memory.
 *
 * Edges come from files and types while a unit is loaded ("building"); a reload drops and rebuilds
 * those. An edge that is added at any other time is dynamic: it is noted at its unit and put back
 * after a reload.
 */
#include "engine/private.h"

struct unit_dynamic {
	struct unit_dynamic *next;
	enum unit_dependency dependency;
	struct unit *other;
};

/* systemd.unit(5): what each kind of dependency does. Kinds that are not here only order, trigger
 * or describe. */
/* clang-format off */
const uint32_t dependency_effects[DEP_MAX] = {
	[DEP_REQUIRES]          = EFFECT_PULL_START | EFFECT_RETRO_START | EFFECT_RECHECK,
	[DEP_REQUISITE]         = EFFECT_PULL_VERIFY | EFFECT_RECHECK,
	[DEP_WANTS]             = EFFECT_PULL_START_IGNORED | EFFECT_RETRO_START_WEAK | EFFECT_RECHECK,
	[DEP_BINDS_TO]          = EFFECT_PULL_START | EFFECT_RETRO_START | EFFECT_RECHECK,
	[DEP_UPHOLDS]           = EFFECT_PULL_START_IGNORED | EFFECT_RETRO_START | EFFECT_RECHECK,
	[DEP_REQUIRED_BY]       = EFFECT_PASS_STOP | EFFECT_PASS_RESTART | EFFECT_FAIL_START | EFFECT_PINS | EFFECT_TARGET_ORDER,
	[DEP_REQUISITE_OF]      = EFFECT_PASS_STOP | EFFECT_PASS_RESTART | EFFECT_FAIL_START | EFFECT_FAIL_INACTIVE | EFFECT_PINS | EFFECT_TARGET_ORDER,
	[DEP_WANTED_BY]         = EFFECT_PINS | EFFECT_TARGET_ORDER,
	[DEP_BOUND_BY]          = EFFECT_PASS_STOP | EFFECT_PASS_RESTART | EFFECT_FAIL_START | EFFECT_RETRO_STOP_STOP | EFFECT_PINS | EFFECT_TARGET_ORDER,
	[DEP_UPHELD_BY]         = EFFECT_PINS | EFFECT_TARGET_ORDER,
	[DEP_CONSISTS_OF]       = EFFECT_PASS_STOP | EFFECT_PASS_RESTART,
	[DEP_CONFLICTS]         = EFFECT_PULL_STOP | EFFECT_RETRO_STOP_START,
	[DEP_CONFLICTED_BY]     = EFFECT_PULL_STOP_IGNORED | EFFECT_RETRO_STOP_START | EFFECT_FAIL_STOP,
	[DEP_PROPAGATES_RELOAD_TO] = EFFECT_PASS_RELOAD,
	[DEP_PROPAGATES_STOP_TO]   = EFFECT_PASS_STOP | EFFECT_RETRO_STOP_STOP,
};
/* clang-format on */

static uint32_t kinds_between(const struct unit *u, const struct unit *other)
{
	return (uint32_t) (uintptr_t) map_get(u->neighbours, other);
}

struct unit *unit_next_neighbour(const struct unit *u, uint32_t kinds, size_t *position)
{
	const void *key;
	void *set;

	while (map_next(u->neighbours, position, &key, &set))
		if ((uint32_t) (uintptr_t) set & kinds)
			return (struct unit *) key;
	return NULL;
}

size_t unit_n_neighbours(const struct unit *u, uint32_t kinds)
{
	const struct unit *other;
	size_t n = 0;

	UNIT_FOREACH_NEIGHBOUR (other, u, kinds)
		n++;
	return n;
}

uint32_t dependency_kinds(uint32_t effect)
{
	uint32_t kinds = 0;

	for (int d = 0; d < DEP_MAX; d++)
		if (dependency_effects[d] & effect)
			kinds |= DEPENDENCY_BIT(d);
	return kinds;
}

/* 1: added, 0: it was there. */
static int add_edge(struct unit *u, enum unit_dependency d, struct unit *other)
{
	uint32_t kinds = kinds_between(u, other);
	int r;

	if (kinds & DEPENDENCY_BIT(d))
		return 0;
	if (!u->neighbours) {
		u->neighbours = map_new(MAP_POINTER);
		if (!u->neighbours)
			return -ENOMEM;
	}
	r = map_put(u->neighbours, other, (void *) (uintptr_t) (kinds | DEPENDENCY_BIT(d)));
	return r < 0 ? r : 1;
}

static void forget_neighbour(struct unit *u, const struct unit *other)
{
	map_remove(u->neighbours, other);
	if (map_size(u->neighbours) == 0)
		u->neighbours = map_free(u->neighbours);
}

static void drop_edge(struct unit *u, enum unit_dependency d, struct unit *other)
{
	uint32_t kinds = kinds_between(u, other) & ~DEPENDENCY_BIT(d);

	if (kinds)
		/* Replaces what is there, so it needs no memory. */
		(void) map_put(u->neighbours, other, (void *) (uintptr_t) kinds);
	else
		forget_neighbour(u, other);
}

static int add_pair(struct unit *u, enum unit_dependency d, struct unit *other)
{
	int r = add_edge(u, d, other);

	if (r <= 0)
		return r;
	r = add_edge(other, dependency_inverse(d), u);
	if (r < 0) {
		drop_edge(u, d, other);
		return r;
	}
	return 1;
}

static int note_dynamic(struct unit *u, enum unit_dependency d, struct unit *other)
{
	struct unit_dynamic *e = malloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct unit_dynamic){u->dynamic, d, other};
	u->dynamic = e;
	return 0;
}

/* Nothing can be ordered before a device: it appears when it likes. */
static bool order_is_impossible(const struct unit *u, enum unit_dependency d,
                                const struct unit *other)
{
	return (d == DEP_BEFORE && other->ops->type == UNIT_DEVICE) ||
	       (d == DEP_AFTER && u->ops->type == UNIT_DEVICE);
}

int unit_add_dependency(struct unit *u, enum unit_dependency d, struct unit *other)
{
	int r;

	u = unit_follow(u);
	other = unit_follow(other);
	if (u == other || order_is_impossible(u, d, other)) {
		log_debug("Dependency %s=%s of %s is ignored", dependency_to_string(d), other->id,
		          u->id);
		return 0;
	}
	r = add_pair(u, d, other);
	if (r <= 0)
		return r;
	r = add_pair(u, DEP_REFERENCES, other);
	if (r >= 0 && !u->manager->building)
		r = note_dynamic(u, d, other);
	return r < 0 ? r : 0;
}

int unit_add_dependency_by_name(struct unit *u, enum unit_dependency d, const char *name)
{
	struct unit *other;
	int r;

	r = unit_get_or_stub(u->manager, name, &other);
	if (r < 0)
		return r;
	return unit_add_dependency(u, d, other);
}

int unit_add_two_dependencies_by_name(struct unit *u, enum unit_dependency d,
                                      enum unit_dependency e, const char *name)
{
	int r = unit_add_dependency_by_name(u, d, name);

	return r < 0 ? r : unit_add_dependency_by_name(u, e, name);
}

bool unit_has_dependency(const struct unit *u, enum unit_dependency d, const struct unit *other)
{
	return kinds_between(u, other) & DEPENDENCY_BIT(d);
}

int unit_add_shutdown_dependencies(struct unit *u)
{
	return unit_add_two_dependencies_by_name(u, DEP_BEFORE, DEP_CONFLICTS, "shutdown.target");
}

void unit_vector_done(struct unit_vector *v)
{
	if (v->v != v->few)
		free(v->v);
}

int unit_collect_neighbours(const struct unit *u, uint32_t kinds, struct unit_vector *ret)
{
	size_t n = 0, max = unit_n_neighbours(u, kinds);
	struct unit *other;

	ret->v = ret->few;
	if (max > UNIT_VECTOR_FEW) {
		ret->v = calloc(max, sizeof(struct unit *));
		if (!ret->v)
			return -ENOMEM;
	}
	UNIT_FOREACH_NEIGHBOUR (other, u, kinds)
		ret->v[n++] = other;
	return (int) n;
}

int unit_collect_effect(const struct unit *u, uint32_t effect, struct unit_vector *ret)
{
	return unit_collect_neighbours(u, dependency_kinds(effect), ret);
}

void unit_clear_dependencies(struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_NEIGHBOUR (other, u, UINT32_MAX)
		forget_neighbour(other, u);
	u->neighbours = map_free(u->neighbours);
}

static void purge_dynamic(struct unit *u, const struct unit *gone)
{
	for (struct unit_dynamic **p = &u->dynamic, *e; (e = *p);) {
		if (!gone || e->other == gone) {
			*p = e->next;
			free(e);
		} else {
			p = &e->next;
		}
	}
}

void unit_forget_dynamic_dependencies(struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_REFERENCED_BY)
		purge_dynamic(other, u);
	purge_dynamic(u, NULL);
}

int unit_move_dependencies(struct unit *from, struct unit *to)
{
	struct unit *other;
	int r = 0, k;

	UNIT_FOREACH_NEIGHBOUR (other, from, UINT32_MAX) {
		uint32_t kinds = kinds_between(from, other);

		forget_neighbour(other, from);
		if (other == to)
			continue;
		for (int d = 0; d < DEP_MAX; d++) {
			k = kinds & DEPENDENCY_BIT(d) ? add_pair(to, d, other) : 0;
			if (k < 0)
				r = k;
		}
		/* What others noted about us must not point to a unit that goes. */
		for (struct unit_dynamic *e = other->dynamic; e; e = e->next)
			if (e->other == from)
				e->other = to;
	}
	from->neighbours = map_free(from->neighbours);
	for (struct unit_dynamic *e; (e = from->dynamic);) {
		from->dynamic = e->next;
		e->next = to->dynamic;
		to->dynamic = e;
	}
	return r;
}

int unit_readd_dynamic_dependencies(struct unit *u)
{
	int r = 0, k;

	for (struct unit_dynamic *e = u->dynamic; e; e = e->next) {
		k = add_pair(u, e->dependency, e->other);
		if (k >= 0)
			k = add_pair(u, DEP_REFERENCES, e->other);
		if (k < 0)
			r = k;
	}
	return r;
}

/* ---- slices ---- */

int unit_set_slice(struct unit *u, struct unit *slice)
{
	struct unit *old = unit_slice(u);
	int r;

	if (slice->ops->type != UNIT_SLICE)
		return -EINVAL;
	if (old == slice)
		return 0;
	if (old) {
		/* A slice is where processes are: it does not move under a unit that runs. */
		if (!state_is_down(unit_active_state(u)))
			return -EBUSY;
		drop_edge(u, DEP_IN_SLICE, old);
		drop_edge(old, DEP_SLICE_OF, u);
	}
	r = unit_add_dependency(u, DEP_IN_SLICE, slice);
	if (r >= 0)
		r = unit_add_dependency(u, DEP_REQUIRES, slice);
	if (r >= 0)
		r = unit_add_dependency(u, DEP_AFTER, slice);
	return r;
}

struct unit *unit_slice(const struct unit *u)
{
	struct unit *slice;

	UNIT_FOREACH_DEPENDENCY (slice, u, DEP_IN_SLICE)
		return slice;
	return NULL;
}

static bool is_extrinsic(const struct unit *u)
{
	return u->perpetual || (u->ops->is_extrinsic && u->ops->is_extrinsic(u));
}

/* systemd.slice(5): instances of foo@ share system-foo.slice, what is there whatever is started is in -.slice, the rest in
 * system.slice; a slice is in the one its name says. */
static int default_slice_name(const struct unit *u, char **ret)
{
	auto_free char *prefix = NULL, *escaped = NULL, *parent = NULL;
	int r;

	if (u->file->cgroup && u->file->cgroup->slice && u->ops->type != UNIT_SLICE) {
		*ret = strdup(u->file->cgroup->slice);
		return *ret ? 0 : -ENOMEM;
	}
	if (u->ops->type == UNIT_SLICE)
		return slice_parent(u->id, ret);
	if (str_is_empty(u->file->instance)) {
		*ret = strdup(is_extrinsic(u) ? "-.slice" : "system.slice");
		return *ret ? 0 : -ENOMEM;
	}
	r = unit_name_prefix(u->id, &prefix);
	if (r >= 0)
		r = unit_name_escape(prefix, &escaped);
	if (r < 0)
		return r;
	*ret = str_printf("system-%s.slice", escaped);
	/* Not every prefix can be a part of a slice's name. */
	if (*ret && slice_parent(*ret, &parent) == -EINVAL) {
		free(*ret);
		*ret = strdup("system.slice");
	}
	return *ret ? 0 : -ENOMEM;
}

int unit_default_slice(struct unit *u)
{
	auto_free char *name = NULL;
	struct unit *slice;
	int r;

	if ((!u->file->cgroup && u->ops->type != UNIT_SLICE) || unit_slice(u) ||
	    u->ops->type == UNIT_DEVICE)
		return 0;
	r = default_slice_name(u, &name);
	if (r < 0 || !name) /* -.slice is in none */
		return r;
	r = unit_get_or_stub(u->manager, name, &slice);
	if (r < 0)
		return r;
	return unit_set_slice(u, slice);
}

/* ---- targets ---- */

static int order_target(struct unit *target, struct unit *u)
{
	if (target->ops->type != UNIT_TARGET || target->load_state != LOAD_LOADED ||
	    u->load_state != LOAD_LOADED)
		return 0;
	if (!target->file->unit.default_dependencies || !u->file->unit.default_dependencies)
		return 0;
	/* Somebody said that the target comes first. */
	if (unit_has_dependency(target, DEP_BEFORE, u))
		return 0;
	return unit_add_dependency(target, DEP_AFTER, u);
}

void target_order(struct unit *u)
{
	auto_unit_vector struct unit_vector v = {0};
	int n;

	n = unit_collect_effect(u, EFFECT_TARGET_ORDER, &v);
	for (int i = 0; i < n; i++)
		if (order_target(v.v[i], u) < 0)
			return;
	if (u->ops->type != UNIT_TARGET)
		return;
	static const uint32_t pulled = DEPENDENCY_BIT(DEP_REQUIRES) |
	                               DEPENDENCY_BIT(DEP_REQUISITE) | DEPENDENCY_BIT(DEP_WANTS) |
	                               DEPENDENCY_BIT(DEP_BINDS_TO) | DEPENDENCY_BIT(DEP_UPHOLDS) |
	                               DEPENDENCY_BIT(DEP_PART_OF);
	struct unit *other;

	/* Adds kinds to neighbours that are there, no neighbours. */
	UNIT_FOREACH_NEIGHBOUR (other, u, pulled)
		if (order_target(u, other) < 0)
			return;
}
