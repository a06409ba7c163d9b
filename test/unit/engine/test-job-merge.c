// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

#define NO (-1)

/* Every pair, as systemd's test-job-type prints it. */
static const struct {
	enum job_type a, b;
	int merged;
} pairs[] = {
	{JOB_START, JOB_START, JOB_START},
	{JOB_START, JOB_VERIFY_ACTIVE, JOB_START},
	{JOB_START, JOB_STOP, NO},
	{JOB_START, JOB_RELOAD, JOB_RELOAD_OR_START},
	{JOB_START, JOB_RESTART, JOB_RESTART},
	{JOB_VERIFY_ACTIVE, JOB_VERIFY_ACTIVE, JOB_VERIFY_ACTIVE},
	{JOB_VERIFY_ACTIVE, JOB_STOP, NO},
	{JOB_VERIFY_ACTIVE, JOB_RELOAD, JOB_RELOAD},
	{JOB_VERIFY_ACTIVE, JOB_RESTART, JOB_RESTART},
	{JOB_STOP, JOB_STOP, JOB_STOP},
	{JOB_STOP, JOB_RELOAD, NO},
	{JOB_STOP, JOB_RESTART, NO},
	{JOB_RELOAD, JOB_RELOAD, JOB_RELOAD},
	{JOB_RELOAD, JOB_RESTART, JOB_RESTART},
	{JOB_RESTART, JOB_RESTART, JOB_RESTART},
};

TEST(job_merge__every_pair_in_both_orders)
{
	for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
		int r = job_type_merge(pairs[i].a, pairs[i].b),
		    s = job_type_merge(pairs[i].b, pairs[i].a);

		if (pairs[i].merged == NO) {
			CHECK_INT(r, ==, -EEXIST);
			CHECK_INT(s, ==, -EEXIST);
		} else {
			CHECK_INT(r, ==, pairs[i].merged);
			CHECK_INT(s, ==, pairs[i].merged);
		}
	}
}

TEST(job_merge__is_associative_once_narrowed)
{
	/* Merging must not depend on the order in which a unit's jobs were found. */
	static struct fake f;
	static struct unit_ops ops = {.active_state = fake_state};
	enum job_type t[] = {JOB_START, JOB_VERIFY_ACTIVE, JOB_STOP, JOB_RELOAD, JOB_RESTART};

	f.u.ops = &ops;
	for (int s = 0; s < UNIT_ACTIVE_STATE_MAX; s++)
		for (size_t a = 0; a < 5; a++)
			for (size_t b = 0; b < 5; b++)
				for (size_t c = 0; c < 5; c++) {
					int ab, abc, bc, abc2;

					f.state = s;
					ab = job_type_merge(t[a], t[b]);
					bc = job_type_merge(t[b], t[c]);
					if (ab < 0 || bc < 0)
						continue;
					ab = job_type_collapse(ab, &f.u);
					bc = job_type_collapse(bc, &f.u);
					abc = job_type_merge(ab, t[c]);
					abc2 = job_type_merge(t[a], bc);
					if (abc >= 0 && abc2 >= 0) {
						/* A reload of a dead unit that is also verified is
						 * as good as either alone. */
						abc = job_type_collapse(abc, &f.u);
						abc2 = job_type_collapse(abc2, &f.u);
						CHECK_INT(abc, ==, abc2);
					}
				}
}

TEST(job_merge__narrows_by_state)
{
	static struct fake f;
	static struct unit_ops ops = {.active_state = fake_state};
	/* clang-format off */
	static const struct { enum job_type t; enum unit_active_state s; enum job_type want; } rows[] = {
		{ JOB_TRY_RESTART, UNIT_INACTIVE, JOB_NOP },          { JOB_TRY_RESTART, UNIT_ACTIVE, JOB_RESTART },
		{ JOB_TRY_RESTART, UNIT_ACTIVATING, JOB_RESTART },    { JOB_TRY_RESTART, UNIT_FAILED, JOB_NOP },
		{ JOB_TRY_RELOAD, UNIT_ACTIVE, JOB_RELOAD },          { JOB_TRY_RELOAD, UNIT_INACTIVE, JOB_NOP },
		{ JOB_RELOAD_OR_START, UNIT_ACTIVE, JOB_RELOAD },     { JOB_RELOAD_OR_START, UNIT_FAILED, JOB_START },
		{ JOB_START, UNIT_ACTIVE, JOB_START },                { JOB_STOP, UNIT_INACTIVE, JOB_STOP },
	};
	/* clang-format on */

	f.u.ops = &ops;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		f.state = rows[i].s;
		CHECK_INT(job_type_collapse(rows[i].t, &f.u), ==, rows[i].want);
	}
}

TEST(job_merge__knows_what_is_redundant)
{
	CHECK(job_type_is_redundant(JOB_START, UNIT_ACTIVE));
	CHECK(job_type_is_redundant(JOB_START, UNIT_RELOADING));
	CHECK(!job_type_is_redundant(JOB_START, UNIT_ACTIVATING));
	CHECK(job_type_is_redundant(JOB_STOP, UNIT_FAILED));
	CHECK(!job_type_is_redundant(JOB_STOP, UNIT_DEACTIVATING));
	CHECK(!job_type_is_redundant(JOB_RESTART, UNIT_ACTIVE));
	CHECK(!job_type_is_redundant(JOB_RELOAD, UNIT_ACTIVE));
	CHECK(job_type_is_superset(JOB_RESTART, JOB_START));
	CHECK(!job_type_is_superset(JOB_START, JOB_RESTART));
}

TEST(job_order__follows_the_rule)
{
	struct job_order start = {JOB_START, false}, stop = {JOB_STOP, false},
			 free_start = {JOB_START, true};

	/* a is before b */
	CHECK_INT(job_order_compare(start, start, DEP_BEFORE), <, 0);
	CHECK_INT(job_order_compare(stop, stop, DEP_BEFORE), >, 0);
	CHECK_INT(job_order_compare(start, stop, DEP_BEFORE), >, 0);
	CHECK_INT(job_order_compare(stop, start, DEP_BEFORE), <, 0);
	/* and the other way round */
	CHECK_INT(job_order_compare(start, start, DEP_AFTER), >, 0);
	CHECK_INT(job_order_compare(stop, stop, DEP_AFTER), <, 0);
	CHECK_INT(job_order_compare(free_start, start, DEP_AFTER), ==, 0);
}

TEST(names__are_complete)
{
	for (int t = 0; t < JOB_TYPE_MAX; t++)
		CHECK(job_type_to_string(t) && job_type_from_string(job_type_to_string(t)) == t);
	for (int r = 0; r < JOB_RESULT_MAX; r++)
		CHECK(job_result_to_string(r));
	for (int s = 0; s < UNIT_ACTIVE_STATE_MAX; s++)
		CHECK(unit_active_state_to_string(s) &&
		      unit_active_state_from_string(unit_active_state_to_string(s)) == s);
	for (int c = 0; c < CONDITION_TYPE_MAX; c++)
		CHECK(condition_types[c].name && condition_types[c].fn);
}
