// SPDX-License-Identifier: Apache-2.0
/* The connection to the bus, driven by base's loop. */
#include "dbus/dbus.h"

#define MESSAGES_A_TURN   64
#define BUS_ANSWER_USEC   (10 * USEC_PER_SEC)
#define DISCONNECTED_EXIT 0

static int on_bus_io(struct source *s, int fd, uint32_t revents, void *userdata);

/* While the library waits for the socket to appear it is another descriptor. */
static int bus_watch_fd(struct dbus *d)
{
	int fd = sd_bus_get_fd(d->bus);

	if (fd < 0 || (d->bus_io && fd == d->bus_fd))
		return fd;
	d->bus_io = source_free(d->bus_io);
	d->bus_fd = fd;
	return loop_add_io(d->loop, fd, EPOLLIN, "bus", on_bus_io, d, &d->bus_io);
}

static int bus_update(struct dbus *d)
{
	uint64_t timeout = 0;
	int events, r;

	r = bus_watch_fd(d);
	if (r < 0)
		return r;
	events = sd_bus_get_events(d->bus);
	if (events < 0)
		return events;
	r = sd_bus_get_timeout(d->bus, &timeout);
	if (r < 0)
		return r;
	r = source_set_time(d->bus_time, timeout);
	return r < 0 ? r : source_set_events(d->bus_io, (uint32_t) events);
}

static void bus_work(struct dbus *d)
{
	int r = 1;

	for (unsigned i = 0; r > 0 && i < MESSAGES_A_TURN; i++)
		r = sd_bus_process(d->bus, NULL);
	if (r > 0)
		(void) source_set_state(d->bus_turn, SOURCE_ONESHOT);
	if (r >= 0)
		r = bus_update(d);
	if (r < 0) {
		/* The bus is gone, and with it all that clients had asked for: begin anew. */
		log_info("The bus has closed the connection");
		loop_exit(d->loop, DISCONNECTED_EXIT);
	}
}

static int on_bus_io(struct source *s, int fd, uint32_t revents, void *userdata)
{
	(void) s, (void) fd, (void) revents;
	bus_work(userdata);
	return 0;
}

static int on_bus_time(struct source *s, usec_t deadline, void *userdata)
{
	(void) s, (void) deadline;
	bus_work(userdata);
	return 0;
}

static int on_bus_turn(struct source *s, void *userdata)
{
	(void) s;
	bus_work(userdata);
	return 0;
}

void bus_touch(struct dbus *d)
{
	if (d->bus_turn)
		(void) source_set_state(d->bus_turn, SOURCE_ONESHOT);
}

static int bus_start(struct dbus *d, const char *address)
{
	int r;

	r = sd_bus_new(&d->bus);
	if (r >= 0)
		r = sd_bus_set_address(d->bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(d->bus, true);
	if (r >= 0)
		r = sd_bus_negotiate_fds(d->bus, true);
	if (r >= 0)
		r = sd_bus_set_description(d->bus, "system");
	/* Started before the socket is there: wait for it. */
	if (r >= 0)
		r = sd_bus_set_watch_bind(d->bus, true);
	if (r >= 0)
		r = sd_bus_start(d->bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(d->bus, BUS_ANSWER_USEC);
	return r;
}

static int bus_watch(struct dbus *d)
{
	int r;

	r = bus_watch_fd(d);
	if (r >= 0)
		r = loop_add_time(d->loop, CLOCK_MONOTONIC, USEC_INFINITY, TIMER_EXACT, "bus-time",
		                  on_bus_time, d, &d->bus_time);
	if (r >= 0)
		r = loop_add_defer(d->loop, "bus-turn", on_bus_turn, d, &d->bus_turn);
	return r;
}

int bus_open(struct dbus *d, const char *address)
{
	int r;

	r = bus_start(d, address);
	if (r < 0)
		return log_error_errno(r, "Failed to connect to the bus at %s: %m", address);
	/* All paths, since those above ours are walked on the way to it. */
	r = sd_bus_add_fallback(d->bus, NULL, "/", on_message, d);
	if (r >= 0)
		r = bus_watch(d);
	return r < 0 ? log_error_errno(r, "Failed to set up the connection to the bus: %m") : 0;
}

void bus_close(struct dbus *d)
{
	d->bus_io = source_free(d->bus_io);
	d->bus_time = source_free(d->bus_time);
	d->bus_turn = source_free(d->bus_turn);
	d->bus = sd_bus_flush_close_unref(d->bus);
}

int bus_require_root(sd_bus_message *m)
{
	sd_bus_creds *creds = NULL;
	uid_t uid = (uid_t) -1;
	int r;

	r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds);
	if (r >= 0)
		r = sd_bus_creds_get_euid(creds, &uid);
	sd_bus_creds_unref(creds);
	if (r >= 0 && uid == 0)
		return 1;
	r = sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "Only root may do this");
	return r < 0 ? r : 0;
}

int bus_sender_uid(sd_bus_message *m, uid_t *ret)
{
	sd_bus_creds *creds = NULL;
	int r;

	r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds);
	if (r >= 0)
		r = sd_bus_creds_get_euid(creds, ret);
	sd_bus_creds_unref(creds);
	return r;
}

int bus_sender_pid(sd_bus_message *m, pid_t *ret)
{
	sd_bus_creds *creds = NULL;
	int r;

	r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_PID, &creds);
	if (r >= 0)
		r = sd_bus_creds_get_pid(creds, ret);
	sd_bus_creds_unref(creds);
	return r;
}
