// SPDX-License-Identifier: Apache-2.0
/* A bus of the world's own, with core's facade on it. Whether a service of Type=dbus has its name is asked of the bus daemon. */
#include "chaos.h"

#include <systemd/sd-bus.h>

#define NAME      "org.chaos.Zero"
#define NAME_USEC (3 * USEC_PER_SEC) /* times c->slow */

void bus_prepare(struct chaos *c)
{
	static const char configuration[] =
		"<busconfig><type>system</type><listen>unix:path=/run/chaos/bus</listen>"
		"<auth>EXTERNAL</auth><policy context=\"default\"><allow user=\"*\"/><allow "
		"own=\"*\"/>"
		"<allow send_type=\"method_call\"/><allow send_type=\"signal\"/>"
		"<allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
		"<allow send_requested_reply=\"true\" send_type=\"error\"/>"
		"<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>"
		"<allow receive_type=\"error\"/><allow "
		"receive_type=\"signal\"/></policy></busconfig>\n";
	auto_free char *path = path_join(c->w.dir, "bus.conf");

	if (file_write_atomic(path, configuration, sizeof(configuration) - 1, 0644, false) < 0)
		abort();
}

/* The process that has the name, as the daemon, which lives in the world, sees it; 0: nobody. */
static int owner(struct chaos *c, pid_t *ret)
{
	auto_free char *address =
		str_printf("unix:path=/proc/%d/root/run/chaos/bus", (int) c->w.init);
	sd_bus_message *reply = NULL;
	sd_bus *bus = NULL;
	uint32_t pid = 0;
	int r;

	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(bus, 5 * USEC_PER_SEC);
	if (r >= 0)
		r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		                       "org.freedesktop.DBus", "GetConnectionUnixProcessID", NULL,
		                       &reply, "s", NAME);
	if (r >= 0)
		r = sd_bus_message_read(reply, "u", &pid);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus);
	*ret = (pid_t) pid;
	/* The daemon's word for "nobody has it" becomes this one. */
	return r == -ENXIO ? 0 : MIN(r, 0);
}

void bus_check(struct chaos *c, bool up, pid_t main_pid)
{
	usec_t end = now(CLOCK_MONOTONIC) + NAME_USEC * c->slow;
	pid_t pid = 0;
	int r;

	for (;;) {
		r = owner(c, &pid);
		if (r >= 0 && pid == (up ? main_pid : 0))
			return;
		/* Up when it was executed, while no facade was there: it has its name in a moment. */
		if (now(CLOCK_MONOTONIC) > end)
			break;
		chaos_sleep(c, 10 * USEC_PER_MSEC);
	}
	violation(c, "%s belongs to process %d (%s), and core says %s, process %d", NAME, pid,
	          r < 0 ? strerror(-r) : "asked", up ? "up" : "down", main_pid);
}
