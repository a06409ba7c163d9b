// SPDX-License-Identifier: Apache-2.0
/* Restart=: whether, and after how long. The decision is pure; a table holds systemd.service(5)'s
 * own ("Exit causes and the effect of the Restart= settings"). */
#include "types/service.h"

#include "base/fault.h"

#define R(result) (1U << RESULT_##result)

static const unsigned restart_on[RESTART_MAX] = {
	[RESTART_NO] = 0,
	[RESTART_ON_SUCCESS] = R(SUCCESS),
	[RESTART_ON_FAILURE] = R(EXIT_CODE) | R(SIGNAL) | R(CORE_DUMP) | R(TIMEOUT) | R(WATCHDOG) |
                               R(OOM_KILL) | R(PROTOCOL) | R(RESOURCES) | R(START_LIMIT_HIT),
	[RESTART_ON_ABNORMAL] = R(SIGNAL) | R(CORE_DUMP) | R(TIMEOUT) | R(WATCHDOG) | R(OOM_KILL) |
                                R(PROTOCOL) | R(RESOURCES) | R(START_LIMIT_HIT),
	[RESTART_ON_WATCHDOG] = R(WATCHDOG),
	[RESTART_ON_ABORT] = R(SIGNAL) | R(CORE_DUMP),
	[RESTART_ALWAYS] = ~R(EXEC_CONDITION),
};

bool restart_is_due(const struct service_settings *c, enum result result, int code, int status)
{
	if (exit_code_to_string(code)) {
		if (exit_status_set_has(&c->restart_prevent, code, status))
			return false;
		if (exit_status_set_has(&c->restart_force, code, status))
			return true;
	}
	return (restart_on[c->restart] >> result) & 1;
}

bool service_shall_restart(const struct service *s)
{
	bool ended = stamp_is_set(&s->main_status.exit);

	/* Ordered to stop, or about to be: then not. */
	if (s->forbid_restart || s->unit.manager->is_stopping || unit_stop_pending(&s->unit))
		return false;
	/* A connection cannot be had a second time. */
	if (s->accept_socket)
		return false;
	return restart_is_due(service_settings(s), s->result, ended ? s->main_status.code : 0,
	                      s->main_status.status);
}

/* pow(3) for a base above 1 and an exponent from 0 to below 1, out of square roots: one rare setting
 * is no reason to have libm in memory. */
static double square_root(double x)
{
	double r = x;

	for (int i = 0; i < 64; i++)
		r = (r + x / r) / 2;
	return r;
}

static double power(double base, double exponent)
{
	double product = 1;

	for (int bit = 0; bit < 50; bit++) {
		base = square_root(base);
		exponent *= 2;
		if (exponent >= 1) {
			exponent -= 1;
			product *= base;
		}
	}
	return product;
}

usec_t restart_delay(const struct service_settings *c, unsigned n_restarts)
{
	usec_t first = c->restart_usec, last = c->restart_max_delay_usec;

	if (c->restart_steps == 0 || last == 0 || last == USEC_INFINITY || first == 0 ||
	    last <= first)
		return first;
	if (n_restarts >= c->restart_steps)
		return last;
	/* Geometric, as RestartSteps= of systemd v254. */
	return (usec_t) ((double) first * power((double) last / (double) first,
	                                        (double) n_restarts / c->restart_steps));
}

int service_restart_deadline(struct service *s, _unused_ enum result result)
{
	int r;

	if (unit_stop_pending(&s->unit)) {
		/* Its stop will take it out of this state. */
		return 0;
	}
	s->n_restarts++;
	s->flush_restarts = false;
	log_unit(LOG_INFO, s->unit.id, "Scheduled restart job, restart counter is at %u",
	         s->n_restarts);
	unit_save_soon(&s->unit);
	FAULT_POINT("service.restart.before");
	r = unit_enqueue_restart(&s->unit);
	FAULT_POINT("service.restart.queued");
	if (r < 0) {
		log_unit_errno(LOG_WARNING, s->unit.id, r, "Cannot schedule the restart job: %m");
		service_enter_dead(s, RESULT_RESOURCES, false);
	}
	return 0;
}
