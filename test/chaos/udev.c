// SPDX-License-Identifier: Apache-2.0
/*
 * A stand-in for udevd: the database in the world's /run/udev first, then the packet to its multicast group, as udevd does it. The
 * device is /dev/null by another name. What the database says is true; core has to follow, wherever it was when the packet came.
 */
#include "chaos.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>

#define DEVICE      "dev-chaos0.device"
#define UDEV_GROUP  2
#define SETTLE_USEC (5 * USEC_PER_SEC) /* times c->slow */

/* libudev's packet; the Bloom bits are those of the tag "systemd". */
struct packet {
	char prefix[8];
	uint32_t magic, header_size, properties_offset, properties_size, hashes[2], bloom[2];
	char properties[512];
};

void udev_open(struct chaos *c)
{
	auto_free char *ns = str_printf("/proc/%d/ns/net", (int) c->w.init);
	auto_fd int world = open(ns, O_RDONLY | O_CLOEXEC),
		    own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};

	c->udev_fd = -EBADF;
	if (world < 0 || own < 0 || setns(world, CLONE_NEWNET) < 0)
		abort();
	c->udev_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (c->udev_fd < 0 || bind(c->udev_fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
	    setns(own, CLONE_NEWNET) < 0)
		abort();
}

static void tell(struct chaos *c, const char *action, bool ready)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_groups = UDEV_GROUP};
	struct packet p = {.prefix = "libudev",
	                   .magic = htonl(0xfeedcafe),
	                   .header_size = offsetof(struct packet, properties),
	                   .properties_offset = offsetof(struct packet, properties),
	                   .bloom = {htonl(0x02000400), htonl(0x10800000)}};
	char *q = p.properties;
	int n = snprintf(q, sizeof(p.properties),
	                 "ACTION=%s\nDEVPATH=/devices/virtual/mem/null\nSUBSYSTEM=mem\n"
	                 "DEVNAME=/dev/null\nMAJOR=1\nMINOR=3\nTAGS=:systemd:\n"
	                 "SYSTEMD_ALIAS=/dev/chaos0\nSYSTEMD_WANTS=dv.service\nSYSTEMD_READY=%d\n",
	                 action, ready);

	for (int i = 0; i < n; i++)
		if (q[i] == '\n')
			q[i] = 0;
	p.properties_size = (uint32_t) n;
	/* Nobody listens while there is no core. */
	(void) !sendto(c->udev_fd, &p, offsetof(struct packet, properties) + (size_t) n, 0,
	               (struct sockaddr *) &to, sizeof(to));
	history(c, "device: %s%s", action, ready ? "" : ", not ready");
}

static char *world_path(const struct chaos *c, const char *path)
{
	char *p = str_printf("/proc/%d/root/run/udev/%s", (int) c->w.init, path);

	if (!p)
		abort();
	return p;
}

/* False: it is what it was. */
static bool write_database(struct chaos *c)
{
	auto_free char *data = world_path(c, "data/c1:3"),
		       *tag = world_path(c, "tags/systemd/c1:3"), *text = NULL;

	if (!c->device_is_there) {
		(void) unlink(tag);
		(void) unlink(data);
		return true;
	}
	text = str_printf("E:SYSTEMD_ALIAS=/dev/chaos0\nE:SYSTEMD_WANTS=dv.service\n"
	                  "E:SYSTEMD_READY=%d\nG:systemd\nQ:systemd\nV:1\n",
	                  c->device_is_ready);
	return mkdir_parents(data, 0755) >= 0 && mkdir_parents(tag, 0755) >= 0 &&
	       file_write_atomic(data, text, strlen(text), 0644, false) >= 0 &&
	       file_write_atomic(tag, "", 0, 0644, false) >= 0;
}

void order_device(struct chaos *c)
{
	struct unit_model *bound = &c->models[unit_find("dv.service")];
	bool was_there = c->device_is_there, was_ready = c->device_is_ready;
	const char *action = "change";

	if (!c->device_is_there) {
		c->device_is_there = c->device_is_ready = true;
		action = "add";
	} else if (chaos_random(c, 2)) {
		c->device_is_there = false;
		action = "remove";
	} else {
		c->device_is_ready = !c->device_is_ready;
	}
	if (!write_database(c)) {
		history(c, "udev's database cannot be written: /run is full");
		c->device_is_there = was_there;
		c->device_is_ready = was_ready;
		return;
	}
	tell(c, action, c->device_is_ready);
	/* BindsTo= wants it gone; the database wants it there, but not against a stop that is under way. */
	bound->wanted = !c->device_is_there || !c->device_is_ready ? WANT_DOWN
	                : bound->touched                           ? WANT_UNKNOWN
	                                                           : WANT_UP;
	bound->touched = true;
}

void device_settle(struct chaos *c)
{
	usec_t end = now(CLOCK_MONOTONIC) + SETTLE_USEC * c->slow;
	bool there = c->device_is_there && c->device_is_ready;
	char state[32];

	for (;;) {
		if (!core_property(c, DEVICE, "ActiveState", state, sizeof(state)))
			snprintf(state, sizeof(state), "not known");
		if (streq(state, "active") == there)
			return;
		if (now(CLOCK_MONOTONIC) > end)
			break;
		chaos_sleep(c, 5 * USEC_PER_MSEC);
	}
	violation(c, "%s is %s, and udev's database says that it is%s there", DEVICE, state,
	          there ? "" : " not");
}
