// SPDX-License-Identifier: Apache-2.0
/*
 * Type=dbus: a service is up when its BusName= has an owner, and is stopped when the name is lost while it runs. Core has no
 * connection to a bus; the D-Bus facade tells (core/api/org.sysmaster.Bus.varlink). While there is none, such a service is up once
 * it was executed. What a facade finds when it comes is believed for a start that waits, never for a stop: a bus that has just
 * been restarted knows no names yet.
 */
#include "types/service.h"

bool service_awaits_name(const struct service *s)
{
	return service_settings(s)->type == SERVICE_DBUS && s->unit.manager->bus_attached;
}

void service_bus_name_owner(struct unit *u, bool owned, bool initial, usec_t at)
{
	struct service *s = SERVICE(u);

	if (service_settings(s)->type != SERVICE_DBUS)
		return;
	/* Reports overtake each other. */
	if (at > 0 && at < s->name_at)
		return;
	s->name_at = MAX(s->name_at, at);
	if (owned && service_has_main(s) && !s->has_name) {
		s->has_name = true;
		unit_save_soon(u);
	}
	switch (s->state) {
	case SERVICE_START:
		if (owned && service_has_main(s))
			service_enter_start_post(s);
		break;
	case SERVICE_START_POST:
	case SERVICE_RUNNING:
	case SERVICE_RELOAD:
	case SERVICE_RELOAD_SIGNAL:
	case SERVICE_RELOAD_NOTIFY:
		/* Told late it may have been the process before this one that lost it. */
		if (owned || initial || !s->has_name ||
		    (at > 0 && at < s->main_status.start.boottime))
			break;
		log_unit(LOG_INFO, u->id, "Lost its name %s on the bus. Stopping",
		         service_settings(s)->bus_name);
		service_enter_stop(s, RESULT_SUCCESS);
		break;
	default:
		break;
	}
}
