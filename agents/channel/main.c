// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"
#include "base/conf.h"
#include "base/notify.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONFIGURATION "/etc/sysmaster/channel.conf"

static int parse_role(const char *value, void *data)
{
	int role = varlink_role_from_string(value);

	if (role < 0)
		return role;
	*(enum varlink_role *) data = (enum varlink_role) role;
	return 0;
}

/* The host opens a stream: "control" or "upgrade". */
static int on_open(struct mux *m, const char *service, void *userdata)
{
	int fd = backend_connect(userdata, service);

	(void) m;
	if (fd < 0)
		log_warning_errno(fd, "Refused the host's stream to \"%s\": %m", service);
	return fd;
}

static void on_link(struct mux *m, bool up, void *userdata)
{
	(void) m, (void) userdata;
	log_debug("The channel to the host is %s", up ? "up" : "down");
}

static int on_term(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void) si, (void) userdata;
	loop_exit(source_loop(s), 0);
	return 0;
}

static int setup(struct channel *c)
{
	const struct {
		uint64_t port;
		const char *service;
	} ports[] = {{c->port_control, "control"}, {c->port_upgrade, "upgrade"}};
	int fd, r;

	for (size_t i = 0; i < ELEMENTSOF(ports); i++) {
		r = vsock_listen(c, (uint32_t) ports[i].port, ports[i].service);
		if (r < 0)
			log_info("No vsock: %s", strerror(-r));
	}
	r = port_open(c, &fd);
	if (r == -ENOENT) {
		log_info("No virtio-serial port \"%s\"", CHANNEL_PORT_NAME);
		return 0;
	}
	if (r < 0)
		return log_error_errno(r, "Failed to open the virtio-serial port: %m");
	r = mux_new(c->loop, fd, MUX_GUEST, on_open, on_link, c, &c->mux);
	if (r < 0)
		return log_error_errno(r, "Failed to set up the channel: %m");
	r = fleet_listen(c);
	if (r < 0)
		return log_error_errno(r, "Failed to listen on " CHANNEL_FLEET_SOCKET ": %m");
	return 0;
}

int main(void)
{
	struct channel c = {
		.role = ROLE_ADMIN, .cid = 2, .port_control = 7466, .port_upgrade = 7467};
	const struct conf_item items[] = {
		{"Channel", "Role", parse_role, &c.role},
		{"Channel", "AllowCID", conf_parse_u64, &c.cid},
		{"Channel", "ControlPort", conf_parse_u64, &c.port_control},
		{"Channel", "UpgradePort", conf_parse_u64, &c.port_upgrade},
		{"Channel", "SerialPort", conf_parse_string, &c.port_name},
	};
	struct diag d = {0};
	int r;

	log_setup("sysmaster-channel", LOG_TARGET_AUTO, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	r = conf_read(CONFIGURATION, items, ELEMENTSOF(items), &d);
	diag_log(&d, "channel");
	/* A role that cannot be read must not become more than was meant. */
	if (r < 0 && r != -ENOENT)
		c.role = ROLE_OBSERVE;
	r = loop_new(&c.loop);
	if (r >= 0)
		r = loop_add_signal(c.loop, SIGTERM, "term", on_term, NULL, NULL);
	if (r >= 0)
		r = setup(&c);
	if (r < 0)
		return EXIT_FAILURE;
	notify_manager("READY=1");
	r = loop_run(c.loop);
	mux_free(c.mux);
	port_close(&c);
	loop_free(c.loop);
	free(c.port_name);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
