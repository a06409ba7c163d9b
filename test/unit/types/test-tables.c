// SPDX-License-Identifier: Apache-2.0
/* Walks the tables: no empty cell, names as systemd has them. */
#include "check.h"

#include "types/common.h"
#include "types/service.h"

TEST(unit_types__every_type_has_the_operations_that_are_not_optional)
{
	for (int t = 0; t < UNIT_PLUGIN; t++) {
		const struct unit_ops *ops = unit_types[t];

		CHECK(ops != NULL);
		CHECK_INT(ops->type, ==, t);
		CHECK_INT(ops->object_size, >=, sizeof(struct unit));
		CHECK(ops->load && ops->start && ops->stop && ops->active_state && ops->sub_state &&
		      ops->describe);
		CHECK(ops->save && ops->restore);
		/* Whoever can fail can be reset, and says how it failed. */
		CHECK(!ops->result == !ops->reset_failed);
		/* Whoever has processes hears of their end. */
		CHECK(!ops->control_pid || (ops->on_exit && ops->kill));
		CHECK(!ops->enumerate || t == UNIT_SLICE || t == UNIT_SCOPE || ops->shutdown);
	}
}

TEST(service__every_state_has_a_handler_for_every_event)
{
	for (int s = 0; s < SERVICE_STATE_MAX; s++)
		for (int e = 0; e < SERVICE_EVENT_MAX; e++) {
			if (!service_handler(s, e))
				printf("\n      no handler in state %s for event %d",
				       service_state_to_string(s), e);
			CHECK(service_handler(s, e) != NULL);
		}
}

TEST(service__states_are_systemds)
{
	static const struct {
		const char *name;
		enum unit_active_state active;
	} want[] = {
		{"dead", UNIT_INACTIVE},
		{"condition", UNIT_ACTIVATING},
		{"start-pre", UNIT_ACTIVATING},
		{"start", UNIT_ACTIVATING},
		{"start-post", UNIT_ACTIVATING},
		{"running", UNIT_ACTIVE},
		{"exited", UNIT_ACTIVE},
		{"reload", UNIT_RELOADING},
		{"reload-signal", UNIT_RELOADING},
		{"reload-notify", UNIT_RELOADING},
		{"stop", UNIT_DEACTIVATING},
		{"stop-watchdog", UNIT_DEACTIVATING},
		{"stop-sigterm", UNIT_DEACTIVATING},
		{"stop-sigkill", UNIT_DEACTIVATING},
		{"stop-post", UNIT_DEACTIVATING},
		{"final-watchdog", UNIT_DEACTIVATING},
		{"final-sigterm", UNIT_DEACTIVATING},
		{"final-sigkill", UNIT_DEACTIVATING},
		{"failed", UNIT_FAILED},
		{"auto-restart", UNIT_ACTIVATING},
		{"cleaning", UNIT_MAINTENANCE},
	};

	CHECK_INT(ELEMENTSOF(want), ==, SERVICE_STATE_MAX);
	for (size_t i = 0; i < ELEMENTSOF(want); i++) {
		enum service_state s = service_state_from_string(want[i].name);

		CHECK_INT(s, >=, 0);
		CHECK_STR(service_state_to_string(s), want[i].name);
		CHECK_INT(service_state_active(s), ==, want[i].active);
	}
	CHECK_INT(service_state_from_string("nonsense"), ==, SERVICE_STATE_INVALID);
	CHECK_INT(service_state_from_string(NULL), ==, SERVICE_STATE_INVALID);
}

TEST(result__names_go_both_ways)
{
	for (int r = 0; r < RESULT_MAX; r++) {
		CHECK(result_to_string(r) != NULL);
		CHECK_INT(result_from_string(result_to_string(r)), ==, r);
	}
	CHECK_INT(result_from_string("who knows"), ==, RESULT_INVALID);
	CHECK_STR(result_to_string(RESULT_OOM_KILL), "oom-kill");
	CHECK_STR(result_to_string(RESULT_EXEC_CONDITION), "exec-condition");
}
