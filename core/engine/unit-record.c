// SPDX-License-Identifier: Apache-2.0
/*
 * unit-record.c - a unit as a record and back: what all types share, its job, then the type's own
 * part. Keys of the common part begin with "u.", those of the job with "j."; a type's keys have no
 * dot.
 */
#include "engine/private.h"

static void add_stamps(const struct unit *u, struct strbuf *b)
{
	record_add_stamp(b, "u.inactive-exit", &u->inactive_exit);
	record_add_stamp(b, "u.active-enter", &u->active_enter);
	record_add_stamp(b, "u.active-exit", &u->active_exit);
	record_add_stamp(b, "u.inactive-enter", &u->inactive_enter);
	record_add_stamp(b, "u.state-change", &u->state_change);
	record_add_stamp(b, "u.condition", &u->condition_stamp);
	record_add_stamp(b, "u.assert", &u->assert_stamp);
}

static void add_job(const struct job *j, struct strbuf *b)
{
	if (!j)
		return;
	record_add_u64(b, "j.id", j->id);
	record_add(b, "j.type", job_type_to_string(j->type));
	record_add(b, "j.state", job_state_to_string(j->state));
	record_add_bool(b, "j.irreversible", j->irreversible);
	record_add_bool(b, "j.ignore-order", j->ignore_order);
	record_add_bool(b, "j.by-user", j->by_user);
	record_add_bool(b, "j.boot", j->id == j->manager->boot_job_id);
	record_add_u64(b, "j.begin", j->begin_usec);
	record_add_u64(b, "j.begin-running", j->begin_running_usec);
}

int unit_record(const struct unit *u, struct strbuf *b)
{
	char text[ID128_TEXT_MAX];

	record_begin(b);
	if (u->carry)
		strbuf_puts(b, u->carry);
	record_add(b, "u.id", u->id);
	record_add(b, "u.active", unit_active_state_to_string(u->last_active));
	add_stamps(u, b);
	if (!id128_is_null(&u->invocation_id))
		record_add(b, "u.invocation", id128_format(&u->invocation_id, text));
	record_add(b, "u.cgroup", u->cgroup);
	record_add(b, "u.namespace-group", u->namespace_group);
	record_add_bool(b, "u.condition-result", u->condition_result);
	record_add_bool(b, "u.assert-result", u->assert_result);
	record_add_bool(b, "u.transient", u->transient);
	record_add_bool(b, "u.start-limit-hit", u->start_limit_hit);
	record_add_u64(b, "u.start-limit-begin", u->start_limit_begin_usec);
	record_add_u64(b, "u.start-limit-count", u->start_limit_count);
	record_add_u64(b, "u.markers", u->markers);
	record_add_u64(b, "u.freezer", (uint64_t) u->freezer);
	add_job(u->job, b);
	owed_record(u, b);
	if (u->ops->save)
		u->ops->save(u, b);
	return b->error;
}

static int restore_job(struct unit *u, const struct record *r)
{
	struct manager *m = u->manager;
	const char *type = record_get(r, "j.type"), *state = record_get(r, "j.state");
	uint64_t id = record_get_u64(r, "j.id", 0);
	bool boot = record_get_bool(r, "j.boot", false);
	struct job *j;
	int t, s, k;

	if (!type || id == 0 || id > UINT32_MAX)
		return 0;
	t = job_type_from_string(type);
	s = state ? job_state_from_string(state) : JOB_WAITING;
	if (t < 0 || s < 0 || t == JOB_NOP || u->job || !u->file)
		return -EBADMSG;
	k = job_new(u, t, (uint32_t) id, &j);
	if (k < 0)
		return k;
	j->state = s;
	j->restored = true;
	j->irreversible = record_get_bool(r, "j.irreversible", false);
	j->ignore_order = record_get_bool(r, "j.ignore-order", false);
	j->by_user = record_get_bool(r, "j.by-user", false);
	j->begin_usec = record_get_u64(r, "j.begin", 0);
	j->begin_running_usec = record_get_u64(r, "j.begin-running", 0);
	if (boot)
		m->boot_job_id = (uint32_t) id;
	m->last_job_id = MAX(m->last_job_id, (uint32_t) id);
	job_install(j);
	return 0;
}

static void restore_counters(struct unit *u, const struct record *r)
{
	const char *id = record_get(r, "u.invocation");
	uint64_t freezer;

	if (id && id128_parse(id, &u->invocation_id) < 0)
		u->invocation_id = (struct id128){0};
	u->condition_result = record_get_bool(r, "u.condition-result", false);
	u->assert_result = record_get_bool(r, "u.assert-result", false);
	u->transient |= record_get_bool(r, "u.transient", false);
	u->start_limit_hit = record_get_bool(r, "u.start-limit-hit", false);
	u->start_limit_begin_usec = record_get_u64(r, "u.start-limit-begin", 0);
	u->start_limit_count = (unsigned) record_get_u64(r, "u.start-limit-count", 0);
	u->markers = (uint8_t) (record_get_u64(r, "u.markers", 0) &
	                        (UNIT_NEEDS_RELOAD | UNIT_NEEDS_RESTART));
	freezer = record_get_u64(r, "u.freezer", 0);
	u->freezer =
		freezer <= FREEZER_THAWING ? (enum unit_freezer_state) freezer : FREEZER_RUNNING;
}

static void restore_stamps(struct unit *u, const struct record *r)
{
	record_get_stamp(r, "u.inactive-exit", &u->inactive_exit);
	record_get_stamp(r, "u.active-enter", &u->active_enter);
	record_get_stamp(r, "u.active-exit", &u->active_exit);
	record_get_stamp(r, "u.inactive-enter", &u->inactive_enter);
	record_get_stamp(r, "u.state-change", &u->state_change);
	record_get_stamp(r, "u.condition", &u->condition_stamp);
	record_get_stamp(r, "u.assert", &u->assert_stamp);
}

static void set_last_active(struct unit *u, const char *name)
{
	int s = name ? unit_active_state_from_string(name) : -EINVAL;
	struct manager *m = u->manager;

	if (s < 0 || (int) u->last_active == s)
		return;
	if (u->last_active == UNIT_FAILED && m->n_failed > 0)
		m->n_failed--;
	if (s == UNIT_FAILED)
		m->n_failed++;
	u->last_active = s;
}

static int keep_unknown(struct unit *u, const struct record *r)
{
	auto_strbuf struct strbuf b = {.max = RECORD_SIZE_MAX / 2};
	char *text;
	int k;

	(void) record_get(r, "u.id");
	record_carry(r, &b);
	if (b.size == 0)
		return 0;
	k = strbuf_take(&b, &text);
	if (k < 0)
		return k;
	free(u->carry);
	u->carry = text;
	return 0;
}

int unit_restore(struct unit *u, const struct record *r)
{
	const char *cgroup = record_get(r, "u.cgroup");
	int k, first = 0;

	u->deserialized = true;
	set_last_active(u, record_get(r, "u.active"));
	restore_stamps(u, r);
	restore_counters(u, r);
	if (cgroup) {
		k = unit_set_cgroup(u, cgroup);
		first = k < 0 ? k : first;
	}
	k = str_set(&u->namespace_group, record_get(r, "u.namespace-group"));
	first = k < 0 && first == 0 ? k : first;
	if (u->ops->restore) {
		k = u->ops->restore(u, r);
		first = k < 0 && first == 0 ? k : first;
	}
	k = restore_job(u, r);
	first = k < 0 && first == 0 ? k : first;
	owed_restore(u, r);
	k = keep_unknown(u, r);
	return k < 0 && first == 0 ? k : first;
}
