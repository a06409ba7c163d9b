// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/str.h"
#include "rollout/rollout.h"

#define SEC USEC_PER_SEC

/* A little world: machines that do what the rollout orders, unless told otherwise. */
struct world {
	struct rollout *r;
	struct rollout_facts facts[8];
	struct rollout_order orders[8];
	size_t n;
	usec_t now;
	unsigned n_upgrades[8], n_rollbacks[8], n_cancels[8];
};

static void begin(struct world *w, size_t n, unsigned parallel)
{
	*w = (struct world){.now = 1000 * SEC};
	w->r = rollout_new("0123", "2", n);
	w->r->max_parallel = parallel;
	w->r->gate = 10 * SEC;
	w->r->deadline = 100 * SEC;
	for (size_t i = 0; i < n; i++) {
		snprintf(w->r->members[i].machine, sizeof(w->r->members[i].machine), "m%zu", i);
		w->facts[i] = (struct rollout_facts){
			.exists = true, .connected = true, .version = "1", .state = "running"};
	}
}

static void step(struct world *w, usec_t later)
{
	w->now += later;
	rollout_step(w->r, w->facts, w->now, w->orders, &w->n);
	for (size_t i = 0; i < w->n; i++) {
		size_t m = w->orders[i].member;

		w->n_upgrades[m] += w->orders[i].kind == ORDER_UPGRADE;
		w->n_rollbacks[m] += w->orders[i].kind == ORDER_ROLLBACK;
		w->n_cancels[m] += w->orders[i].kind == ORDER_CANCEL;
		w->facts[m].command =
			w->orders[i].kind == ORDER_CANCEL ? COMMAND_FAILED : COMMAND_QUEUED;
	}
}

static void upgraded(struct world *w, size_t i)
{
	w->facts[i].version = "2";
	w->facts[i].command = COMMAND_DONE;
}

static void failed(struct world *w, size_t i, const char *why)
{
	w->facts[i].command = COMMAND_FAILED;
	w->facts[i].message = why;
}

TEST(rollout__goes_machine_by_machine)
{
	struct world w;

	begin(&w, 3, 1);
	step(&w, 0);
	CHECK_INT(w.r->state, ==, ROLLOUT_RUNNING);
	CHECK_INT(w.n, ==, 1);
	step(&w, SEC);
	CHECK_INT(w.n, ==, 0);
	for (size_t i = 0; i < 3; i++) {
		CHECK_INT(w.r->members[i].state, ==, MEMBER_ORDERED);
		CHECK_STR(w.r->members[i].previous_version, "1");
		upgraded(&w, i);
		step(&w, SEC);
		CHECK_INT(w.r->members[i].state, ==, MEMBER_GATING);
		step(&w, 9 * SEC);
		CHECK_INT(w.r->members[i].state, ==, MEMBER_GATING);
		step(&w, SEC);
		CHECK_INT(w.r->members[i].state, ==, MEMBER_DONE);
	}
	CHECK_INT(w.r->state, ==, ROLLOUT_SUCCEEDED);
	CHECK_INT(w.n_upgrades[0] + w.n_upgrades[1] + w.n_upgrades[2], ==, 3);
	CHECK_INT(rollout_next(w.r), ==, USEC_INFINITY);
	rollout_free(w.r);
}

TEST(rollout__never_has_more_than_max_parallel_under_way)
{
	struct world w;

	begin(&w, 8, 3);
	for (unsigned turn = 0; turn < 100 && !rollout_is_over(w.r); turn++) {
		step(&w, 4 * SEC);
		CHECK_INT(rollout_count(w.r, MEMBER_ORDERED) + rollout_count(w.r, MEMBER_GATING),
		          <=, 3);
		for (size_t i = 0; i < 8; i++)
			if (w.r->members[i].state == MEMBER_ORDERED && (turn + i) % 2)
				upgraded(&w, i);
	}
	CHECK_INT(w.r->state, ==, ROLLOUT_SUCCEEDED);
	for (size_t i = 0; i < 8; i++)
		CHECK_INT(w.n_upgrades[i], ==, 1);
	rollout_free(w.r);
}

TEST(rollout__stops_when_a_machine_went_back_by_itself)
{
	struct world w;

	begin(&w, 3, 1);
	step(&w, 0);
	failed(&w, 0, "Not ready in 10 s");
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLED_BACK);
	CHECK_STR(w.r->reason, "m0: Not ready in 10 s");
	CHECK_INT(w.r->members[0].state, ==, MEMBER_RETURNED);
	CHECK_INT(w.r->members[1].state, ==, MEMBER_SKIPPED);
	CHECK_INT(w.n_rollbacks[0], ==, 0);
	CHECK_INT(w.n_upgrades[1] + w.n_upgrades[2], ==, 0);
	rollout_free(w.r);
}

TEST(rollout__brings_back_those_that_were_done)
{
	struct world w;

	begin(&w, 3, 1);
	step(&w, 0);
	upgraded(&w, 0);
	step(&w, SEC);
	step(&w, 10 * SEC);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_DONE);
	failed(&w, 1, "broken");
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLING_BACK);
	CHECK_INT(w.n_rollbacks[0], ==, 1);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_RETURNING);
	step(&w, SEC);
	CHECK_INT(w.n_rollbacks[0], ==, 1);
	w.facts[0].version = "1";
	w.facts[0].command = COMMAND_DONE;
	step(&w, SEC);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_RETURNED);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLED_BACK);
	rollout_free(w.r);
}

TEST(rollout__gate_sees_a_unit_that_fails)
{
	struct world w;

	begin(&w, 2, 1);
	w.facts[0].n_failed = 1; /* before: no reason against it */
	step(&w, 0);
	upgraded(&w, 0);
	w.facts[0].n_failed = 2;
	w.facts[0].state = "degraded";
	step(&w, SEC);
	step(&w, 9 * SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_RUNNING);
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLING_BACK);
	CHECK_STR(w.r->members[0].reason, "2 units failed, 1 before the upgrade");
	CHECK_INT(w.n_rollbacks[0], ==, 1);
	rollout_free(w.r);
}

TEST(rollout__gate_starts_anew_after_a_bad_moment)
{
	struct world w;

	begin(&w, 1, 1);
	step(&w, 0);
	upgraded(&w, 0);
	step(&w, SEC);
	w.facts[0].state = "starting";
	step(&w, 5 * SEC);
	w.facts[0].state = "degraded";
	step(&w, SEC);
	step(&w, 9 * SEC);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_GATING);
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_SUCCEEDED);
	rollout_free(w.r);
}

TEST(rollout__silence_is_failure_after_the_deadline)
{
	struct world w;

	begin(&w, 2, 1);
	step(&w, 0);
	w.facts[0].command = COMMAND_DELIVERED;
	w.facts[0].connected = false;
	step(&w, 99 * SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_RUNNING);
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLING_BACK);
	/* It may come up with either version: it is told to go back, and that has a deadline, too.
	 */
	CHECK_INT(w.n_rollbacks[0], ==, 1);
	step(&w, 99 * SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLING_BACK);
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_FAILED);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_FAILED);
	rollout_free(w.r);
}

TEST(rollout__a_machine_that_is_away_takes_no_slot)
{
	struct world w;

	begin(&w, 2, 1);
	w.facts[0].connected = false;
	step(&w, 0);
	CHECK_INT(w.n_upgrades[0], ==, 0);
	CHECK_INT(w.n_upgrades[1], ==, 1);
	upgraded(&w, 1);
	step(&w, SEC);
	step(&w, 10 * SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_RUNNING);
	step(&w, 100 * SEC);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_SKIPPED);
	CHECK_INT(w.r->state, ==, ROLLOUT_SUCCEEDED);
	CHECK_STR(w.r->reason, "1 upgraded, 1 skipped");
	rollout_free(w.r);
}

TEST(rollout__skips_those_that_run_it_already)
{
	struct world w;

	begin(&w, 1, 1);
	w.facts[0].version = "2";
	step(&w, 0);
	CHECK_INT(w.n, ==, 0);
	CHECK_INT(w.r->state, ==, ROLLOUT_SUCCEEDED);
	rollout_free(w.r);
}

TEST(rollout__pause_grants_nothing_and_resume_goes_on)
{
	struct world w;

	begin(&w, 2, 1);
	step(&w, 0);
	CHECK_INT(rollout_pause(w.r, "lunch"), ==, 0);
	CHECK_INT(rollout_pause(w.r, "lunch"), ==, -EALREADY);
	upgraded(&w, 0);
	step(&w, SEC);
	step(&w, 10 * SEC);
	CHECK_INT(w.r->members[0].state, ==, MEMBER_DONE);
	CHECK_INT(w.n_upgrades[1], ==, 0);
	CHECK_INT(rollout_resume(w.r), ==, 0);
	step(&w, SEC);
	CHECK_INT(w.n_upgrades[1], ==, 1);
	rollout_free(w.r);
}

TEST(rollout__abort_takes_back_what_was_not_delivered)
{
	struct world w;

	begin(&w, 2, 1);
	step(&w, 0);
	CHECK_INT(rollout_abort(w.r, "no"), ==, 0);
	step(&w, SEC);
	CHECK_INT(w.n_cancels[0], ==, 1);
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLED_BACK);
	CHECK_INT(rollout_abort(w.r, "no"), ==, -EPERM);
	rollout_free(w.r);
}

TEST(rollout__a_removed_machine_stops_it)
{
	struct world w;

	begin(&w, 2, 1);
	step(&w, 0);
	w.facts[0].exists = false;
	step(&w, SEC);
	CHECK_INT(w.r->state, ==, ROLLOUT_ROLLED_BACK);
	rollout_free(w.r);
}

/* Whatever happens in whatever order: it ends, nobody gets two upgrades, and over means that nobody
 * is under way. */
TEST(rollout__always_ends)
{
	unsigned seed = (unsigned) time(NULL);

	if (getenv("TEST_SEED"))
		seed = (unsigned) atoi(getenv("TEST_SEED"));
	printf("(TEST_SEED=%u) ", seed);
	srandom(seed);
	for (unsigned round = 0; round < 3000; round++) {
		static const char *const states[] = {"running", "degraded", "starting",
		                                     "maintenance"};
		struct world w;
		unsigned turn;

		begin(&w, 1 + (size_t) random() % 8, 1 + (unsigned) random() % 4);
		for (turn = 0; turn < 2000 && !rollout_is_over(w.r); turn++) {
			size_t i = (size_t) random() % w.r->n_members;
			struct rollout_facts *f = &w.facts[i];
			long dice = random() % 100;

			if (dice < 40 && f->command == COMMAND_QUEUED)
				f->command = COMMAND_DELIVERED;
			else if (dice < 60 && f->command == COMMAND_DELIVERED)
				f->command = dice < 55 ? COMMAND_DONE : COMMAND_FAILED;
			else if (dice < 75 && w.n_upgrades[i])
				f->version = w.n_rollbacks[i] ? "1" : "2";
			else if (dice < 80)
				f->state = states[random() % 4];
			else if (dice < 83)
				f->connected = !f->connected;
			else if (dice < 84)
				f->n_failed = (uint64_t) random() % 3;
			else if (dice == 84)
				f->exists = false;
			step(&w, (usec_t) (random() % 5) * SEC);
			CHECK_INT(rollout_count(w.r, MEMBER_ORDERED) +
			                  rollout_count(w.r, MEMBER_GATING),
			          <=, w.r->state == ROLLOUT_ROLLING_BACK ? 8 : w.r->max_parallel);
			for (size_t m = 0; m < w.r->n_members; m++)
				CHECK_INT(w.n_upgrades[m], <=, 1);
		}
		CHECK(rollout_is_over(w.r));
		for (size_t m = 0; m < w.r->n_members; m++) {
			enum rollout_machine_state s = w.r->members[m].state;

			CHECK(s == MEMBER_DONE || s == MEMBER_RETURNED || s == MEMBER_SKIPPED ||
			      s == MEMBER_FAILED);
			CHECK(s != MEMBER_DONE || w.r->state == ROLLOUT_SUCCEEDED);
		}
		rollout_free(w.r);
	}
}
