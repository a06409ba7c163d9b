// SPDX-License-Identifier: Apache-2.0
/*
 * device - units for devices that udev (or our own device agent, which speaks the same protocol)
 * tagged "systemd": one for the path in /sys, one for each name in /dev, one for each
 * SYSTEMD_ALIAS=. device.c (the unit type), udev.c (pure: messages and database text),
 * device-watch.c (netlink, /run/udev). A device that mountinfo or /proc/swaps uses, and that udev
 * has not told of yet, is tentative.
 */
#pragma once

#include "types/common.h"

enum device_state { DEVICE_DEAD, DEVICE_TENTATIVE, DEVICE_PLUGGED, DEVICE_STATE_MAX };
enum device_found { DEVICE_FOUND_UDEV = 1, DEVICE_FOUND_MOUNT = 2, DEVICE_FOUND_SWAP = 4 };

struct device {
	struct unit unit;
	enum device_state state;
	unsigned found;
	bool was_found;    /* the core before this one had it plugged */
	bool is_news;      /* plugged when this core came, and nobody was told of it yet */
	bool is_confirmed; /* this core has heard of it from udev, or found it in its database */
	char *sysfs;       /* "/sys/devices/..."; NULL: not known to udev */
	struct list same_sysfs;
	struct source *coldplug_source;
};

static inline struct device *DEVICE(const struct unit *u)
{
	return (struct device *) u;
}

/* ---- udev.c: pure ---- */
#define UDEV_PROPERTIES_MAX 512
#define UDEV_MESSAGE_MAX    (128 * 1024)
#define UDEV_MAGIC          0xfeedcafeU
struct udev_device {
	char *action;  /* of a message: "add", "change", "remove", ... */
	char *devpath; /* "/devices/..." */
	char *subsystem, *sysname, *devname /* "/dev/..." */, *description;
	char **links, **aliases, **wants;
	unsigned major, minor;
	bool has_number, is_tagged /* "systemd" */, is_ready /* not SYSTEMD_READY=0 */;
};
void udev_device_done(struct udev_device *d);
/* A packet of the netlink group that udevd sends to. -EBADMSG for anything malformed. */
int udev_message_parse(const void *data, size_t size, struct udev_device *ret);
/* Text of /run/udev/data/ID; what it does not hold (devpath, subsystem) is the caller's to add. */
int udev_database_parse(const char *text, size_t size, struct udev_device *ret);
/* "b8:0", "c4:64", "n2", "+usb:1-1": from the names in /run/udev/tags/systemd. */
bool udev_id_is_valid(const char *id);

/* ---- device.c ---- */
void device_found_node(struct manager *m, const char *node, enum device_found how, bool found);
void device_update(struct device *d, unsigned found);
int device_set_sysfs(struct device *d, const char *sysfs);
struct device *device_first_of(struct manager *m, const char *sysfs);

/* ---- device-watch.c ---- */
/* udevd has been here, and all that it wrote could be read: what its database does not list is not there. */
bool device_database_is_known(const struct manager *m);
struct device_watch {
	struct manager *manager;
	int fd;
	struct source *again; /* reads the database again after something was missed */
	usec_t again_usec;    /* how long from now */
	bool is_partial;      /* some of it could not be read */
	struct source *source;
	struct map *by_sysfs; /* path -> first struct device of the ring */
};
int device_enumerate(struct manager *m);
void device_shutdown(struct manager *m);
