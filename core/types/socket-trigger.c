// SPDX-License-Identifier: Apache-2.0
/* A socket and the one service it starts: when, how often at most, and when to listen again. */
#include "types/socket.h"

/* systemd.socket(5), TriggerLimitIntervalSec=. */
#define TRIGGER_INTERVAL_USEC (2 * USEC_PER_SEC)
#define TRIGGER_BURST         20
#define TRIGGER_BURST_ACCEPT  200

usec_t socket_trigger_interval(const struct socket_settings *c)
{
	return c->trigger_limit_interval_usec == USEC_INFINITY ? TRIGGER_INTERVAL_USEC
	                                                       : c->trigger_limit_interval_usec;
}

unsigned socket_trigger_burst(const struct socket_settings *c)
{
	if (c->trigger_limit_burst != UINT32_MAX)
		return c->trigger_limit_burst;
	return c->accept ? TRIGGER_BURST_ACCEPT : TRIGGER_BURST;
}

bool socket_trigger_allowed(struct socket *s, usec_t at)
{
	usec_t interval = socket_trigger_interval(socket_settings(s));
	unsigned burst = socket_trigger_burst(socket_settings(s));

	if (interval == 0 || burst == 0)
		return true;
	if (s->trigger_begin_usec == 0 || usec_sub(at, s->trigger_begin_usec) > interval) {
		s->trigger_begin_usec = at;
		s->trigger_count = 0;
	}
	return ++s->trigger_count <= burst;
}

struct unit *socket_service(const struct socket *s)
{
	return triggered_unit(&s->unit, socket_settings(s)->service, ".service");
}

static bool is_coming(const struct unit *u)
{
	return unit_is_active_or_activating(u) ||
	       (u->job && (u->job->type == JOB_START || u->job->type == JOB_RESTART ||
	                   u->job->type == JOB_RELOAD_OR_START));
}

static int start_service(struct socket *s)
{
	struct unit *service = socket_service(s), *other;
	struct diag d = {0};
	int r;

	UNIT_FOREACH_DEPENDENCY (other, &s->unit, DEP_TRIGGERS)
		if (is_coming(other))
			return 0;
	if (!service)
		return -ENOENT;
	r = manager_enqueue_surely(s->unit.manager, JOB_START, service, JOB_MODE_REPLACE, &d);
	if (r < 0)
		diag_log(&d, service->id);
	return r;
}

void socket_enter_running(struct socket *s, int connection_take)
{
	auto_fd int connection = connection_take;
	int r;

	if (unit_stop_pending(&s->unit)) {
		log_unit(LOG_DEBUG, s->unit.id,
		         "Suppressing connection request since a stop is scheduled");
		if (connection >= 0)
			s->n_refused++;
		else
			socket_drain(s);
		return;
	}
	if (!socket_trigger_allowed(s, now(CLOCK_MONOTONIC))) {
		log_unit(LOG_WARNING, s->unit.id, "Trigger limit hit, refusing further activation");
		socket_enter_stop_pre(s, RESULT_TRIGGER_LIMIT_HIT);
		return;
	}
	if (connection >= 0) {
		socket_start_connection(s, TAKE_FD(connection));
		return;
	}
	r = start_service(s);
	if (r < 0) {
		log_unit_errno(LOG_WARNING, s->unit.id, r,
		               "Cannot queue the start of the service: %m");
		socket_enter_stop_pre(s, RESULT_RESOURCES);
		return;
	}
	socket_set_state(s, SOCKET_RUNNING, 0);
}

static bool is_start_limited(const struct unit *u)
{
	return u->start_limit_hit ||
	       (u->ops->result && streq_ptr(u->ops->result(u), "start-limit-hit"));
}

/* The service went down or is going up: listen again, or leave the socket to it. */
void socket_on_trigger(struct unit *u, struct unit *triggered)
{
	struct socket *s = SOCKET(u);
	enum unit_active_state a = unit_active_state(triggered);
	const char *sub = unit_sub_state(triggered);

	if ((s->state != SOCKET_RUNNING && s->state != SOCKET_LISTENING) ||
	    socket_settings(s)->accept)
		return;
	if (triggered->ops->type == UNIT_SERVICE && is_start_limited(triggered)) {
		socket_enter_stop_pre(s, RESULT_SERVICE_START_LIMIT_HIT);
		return;
	}
	if (a == UNIT_INACTIVE || a == UNIT_FAILED || streq(sub, "auto-restart") ||
	    str_after(sub, "final-")) {
		if (s->state == SOCKET_RUNNING)
			socket_enter_listening(s);
	} else if (s->state == SOCKET_LISTENING && unit_is_active_or_activating(triggered)) {
		socket_set_state(s, SOCKET_RUNNING, 0);
	}
}
