// SPDX-License-Identifier: Apache-2.0
/* sysmaster-dbus [--control PATH] [--address ADDRESS] */
#include "dbus/dbus.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define CONTROL    "/run/sysmaster/control"
#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

void dbus_check_ready(struct dbus *d)
{
	if (d->is_ready || !d->is_named || !d->is_attached || !d->is_subscribed)
		return;
	d->is_ready = true;
	(void) sd_notify(0, "READY=1");
}

static void have_name(struct dbus *d)
{
	d->is_named = true;
	dbus_check_ready(d);
}

static int on_named(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct dbus *d = userdata;
	uint32_t result = 0;

	(void) error;
	if (sd_bus_message_is_method_error(m, NULL)) {
		log_error("The bus does not give us the name " BUS_NAME ": %s",
		          sd_bus_message_get_error(m)->message);
		loop_exit(d->loop, 1);
		return 0;
	}
	/* 1 is the owner, 2 in the queue behind another: one of us that was killed, whose end the bus has not seen yet. */
	if (sd_bus_message_read(m, "u", &result) < 0 || (result != 1 && result != 2)) {
		log_error("The name " BUS_NAME " belongs to somebody else");
		loop_exit(d->loop, 1);
		return 0;
	}
	if (result == 2)
		log_notice("The name " BUS_NAME " belongs to somebody else, waiting for it");
	else
		have_name(d);
	return 0;
}

static int on_acquired(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;

	(void) error;
	if (sd_bus_message_read(m, "s", &name) >= 0 && streq(name, BUS_NAME))
		have_name(userdata);
	return 0;
}

static int on_term(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void) si, (void) userdata;
	loop_exit(source_loop(s), 0);
	return 0;
}

static int parse(int argc, char **argv, struct dbus *d, const char **address)
{
	static const struct option options[] = {
		{"control", required_argument, NULL, 'c'},
		{"address", required_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'c')
			d->control = optarg;
		else if (c == 'a')
			*address = optarg;
		else
			return -EINVAL;
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "usage: sysmaster-dbus [--control PATH] [--address ADDRESS]\n");
	return -EINVAL;
}

static int setup(struct dbus *d, const char *address)
{
	int r;

	r = loop_new(&d->loop);
	if (r >= 0)
		r = loop_add_signal(d->loop, SIGTERM, "term", on_term, NULL, NULL);
	if (r >= 0)
		r = bus_open(d, address);
	if (r >= 0)
		r = signals_setup(d);
	if (r >= 0)
		r = names_setup(d);
	if (r >= 0)
		r = sd_bus_match_signal_async(d->bus, NULL, "org.freedesktop.DBus",
		                              "/org/freedesktop/DBus", "org.freedesktop.DBus",
		                              "NameAcquired", on_acquired, NULL, d);
	if (r >= 0)
		r = sd_bus_request_name_async(d->bus, NULL, BUS_NAME, SD_BUS_NAME_QUEUE, on_named,
		                              d);
	if (r >= 0)
		bus_touch(d);
	return r;
}

int main(int argc, char **argv)
{
	struct dbus d = {.control = CONTROL};
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r;

	log_setup("sysmaster-dbus", LOG_TARGET_AUTO, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	list_init(&d.calls);
	if (!address)
		address = SYSTEM_BUS;
	if (parse(argc, argv, &d, &address) < 0)
		return EXIT_FAILURE;
	r = setup(&d, address);
	if (r < 0)
		log_error_errno(r, "Failed to start: %m");
	else
		r = loop_run(d.loop);
	core_done(&d);
	names_done(&d);
	signals_done(&d);
	bus_close(&d);
	loop_free(d.loop);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
