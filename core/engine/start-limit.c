// SPDX-License-Identifier: Apache-2.0
/* start-limit.c - StartLimitIntervalSec=, StartLimitBurst=: how often a unit may start. The window
 * survives a restart of core. */
#include "engine/private.h"

bool unit_start_limit_test(struct unit *u)
{
	const struct unit_settings *s = &u->file->unit;
	struct manager *m = u->manager;
	usec_t t = now(CLOCK_BOOTTIME);

	if (s->start_limit_interval_usec == 0 || s->start_limit_burst == 0) {
		u->start_limit_hit = false;
		return true;
	}
	if (u->start_limit_begin_usec == 0 ||
	    usec_add(u->start_limit_begin_usec, s->start_limit_interval_usec) < t) {
		u->start_limit_begin_usec = t;
		u->start_limit_count = 0;
	}
	if (u->start_limit_count < s->start_limit_burst) {
		u->start_limit_count++;
		u->start_limit_hit = false;
		unit_save_soon(u);
		return true;
	}
	u->start_limit_hit = true;
	unit_save_soon(u);
	log_debug("Start request of %s repeated too quickly", u->id);
	if (s->start_limit_action != ACTION_NONE && m->hooks && m->hooks->emergency)
		m->hooks->emergency(s->start_limit_action, -1, s->reboot_argument,
		                    "unit failed too often", m->userdata);
	return false;
}
