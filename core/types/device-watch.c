// SPDX-License-Identifier: Apache-2.0
/*
 * Where devices come from: the packets that udevd multicasts (netlink, group 2; only root may send
 * there, and we look at the sender all the same), and at start, or when packets were lost, the tag
 * directory and database in /run/udev.
 */
#include "types/device.h"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define UDEV_GROUP        2
#define RECEIVE_BUFFER    (16 * 1024 * 1024)
#define MESSAGES_PER_TURN 64
#define AGAIN_USEC        (50 * USEC_PER_MSEC)
#define AGAIN_MAX_USEC    (10 * USEC_PER_SEC)
#define TAG_DIRECTORY     "/run/udev/tags/systemd"
#define DATA_DIRECTORY    "/run/udev/data"

/* ---- one device becomes units ---- */

static int description_of(struct unit *u, const struct udev_device *d)
{
	const char *now = u->file ? u->file->unit.description : NULL;
	auto_free char *path = NULL;

	/* What device_load() said is no reason to keep the model from being told. */
	if (!u->file || !d->description || unit_name_to_path(u->id, &path) < 0 ||
	    (!str_is_empty(now) && !streq(now, path)))
		return 0;
	return str_set(&u->file->unit.description, d->description);
}

/* SYSTEMD_WANTS=: a template gets the device's path as its instance. */
static int add_wants(struct unit *u, const struct udev_device *d, const char *sysfs)
{
	STRV_FOREACH (want, d->wants) {
		auto_free char *escaped = NULL, *name = NULL;
		const char *full = *want;
		int r;

		if (!unit_name_is_valid(*want, UNIT_NAME_ANY))
			continue;
		if (unit_name_is_valid(*want, UNIT_NAME_TEMPLATE)) {
			r = unit_name_escape(sysfs + 1, &escaped);
			if (r >= 0)
				r = unit_name_replace_instance(*want, escaped, &name);
			if (r < 0)
				continue;
			full = name;
		}
		r = unit_add_dependency_by_name(u, DEP_WANTS, full);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

static int add_unit(struct manager *m, const char *path, const char *sysfs,
                    const struct udev_device *d, bool is_main)
{
	auto_free char *name = NULL;
	struct unit *u;
	int r;

	if (!path_is_normalized(path))
		return 0;
	r = unit_name_from_path(path, ".device", &name);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* too long: it cannot be referred to either */
	r = kernel_unit_add(m, name, &u);
	if (r > 0)
		r = manager_load_unit(m, name, NULL, &u);
	if (r < 0 || u->ops->type != UNIT_DEVICE)
		return r < 0 ? r : 0;
	/* Another device had the name: the newer message is right. */
	r = device_set_sysfs(DEVICE(u), sysfs);
	if (r >= 0)
		r = description_of(u, d);
	if (r >= 0 && is_main)
		r = add_wants(u, d, sysfs);
	return r;
}

/* Several devices can claim one link; it points to the one that has it. */
static bool is_node_of(const char *path, const struct udev_device *d)
{
	struct stat st;

	if (stat(path, &st) < 0 || (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode)))
		return false;
	return st.st_rdev == makedev(d->major, d->minor);
}

static int add_all(struct manager *m, const char *sysfs, const struct udev_device *d)
{
	int r;

	r = add_unit(m, sysfs, sysfs, d, true);
	if (r >= 0 && d->devname)
		r = add_unit(m, d->devname, sysfs, d, false);
	STRV_FOREACH (link, d->links)
		if (r >= 0 && str_after(*link, "/dev/") && is_node_of(*link, d))
			r = add_unit(m, *link, sysfs, d, false);
	STRV_FOREACH (alias, d->aliases)
		if (r >= 0 && path_is_absolute(*alias))
			r = add_unit(m, *alias, sysfs, d, false);
	return r;
}

/* Without memory for the name it is: to fail to see that it is there is no reason to unplug it. */
static bool has_path(const struct device *unit, const char *path)
{
	auto_free char *name = NULL;
	int r = path ? unit_name_from_path(path, ".device", &name) : -EINVAL;

	return r < 0 ? r == -ENOMEM : streq(name, unit->unit.id);
}

/* Is this unit still one of the device's names? */
static bool is_named(const struct device *unit, const char *sysfs, const struct udev_device *d)
{
	if (has_path(unit, sysfs) || has_path(unit, d->devname))
		return true;
	STRV_FOREACH (link, d->links)
		if (has_path(unit, *link))
			return true;
	STRV_FOREACH (alias, d->aliases)
		if (has_path(unit, *alias))
			return true;
	return false;
}

/* All units of a device, as a vector: updates may change the ring. */
static size_t ring_collect(struct manager *m, const char *sysfs, struct device **v, size_t max)
{
	struct device *first = device_first_of(m, sysfs);
	size_t n = 0;

	if (!first)
		return 0;
	v[n++] = first;
	for (struct list *l = first->same_sysfs.next; l && l != &first->same_sysfs && n < max;
	     l = l->next)
		v[n++] = container_of(l, struct device, same_sysfs);
	return n;
}

static void update_ring(struct manager *m, const char *sysfs, const struct udev_device *d,
                        bool present)
{
	struct device *v[256];
	size_t n = ring_collect(m, sysfs, v, ELEMENTSOF(v));

	for (size_t i = 0; i < n; i++) {
		bool named = present && is_named(v[i], sysfs, d);

		v[i]->is_confirmed = named;
		device_update(v[i], named ? v[i]->found | DEVICE_FOUND_UDEV
		                          : v[i]->found & ~(unsigned) DEVICE_FOUND_UDEV);
		if (!named)
			(void) device_set_sysfs(v[i], NULL);
	}
}

static int process(struct manager *m, const char *sysfs, const struct udev_device *d)
{
	bool removed = d->action && streq(d->action, "remove"),
	     present = !removed && d->is_tagged && d->is_ready;
	int r = 0;

	if (present)
		r = add_all(m, sysfs, d);
	/* Half of its names are not told: what wants the one may be bound to another. */
	if (r == -ENOMEM)
		return r;
	update_ring(m, sysfs, d, present);
	return r;
}

/* ---- netlink ---- */

static int receive(int fd, char *buf, size_t size, ssize_t *ret)
{
	union {
		struct cmsghdr header;
		char data[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {.msg_name = &from,
	                     .msg_namelen = sizeof(from),
	                     .msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = &control,
	                     .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	struct ucred cred;
	ssize_t n = 0;

	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (msg.msg_flags & MSG_TRUNC || from.nl_groups != UDEV_GROUP || !c ||
	    c->cmsg_type != SCM_CREDENTIALS)
		return -EBADMSG;
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	if (cred.uid != 0)
		return -EPERM;
	*ret = n;
	return 0;
}

/* A message that was lost, or that there was no memory for, is in the database. */
static void read_again_soon(struct device_watch *w)
{
	(void) source_set_time(w->again, usec_add(now(CLOCK_BOOTTIME), w->again_usec));
	w->again_usec = MIN(2 * w->again_usec, AGAIN_MAX_USEC);
}

static int on_message(struct manager *m, const char *data, size_t size)
{
	struct udev_device d;
	auto_free char *sysfs = NULL;
	int r;

	r = udev_message_parse(data, size, &d);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	sysfs = path_join("/sys", d.devpath);
	r = sysfs ? process(m, sysfs, &d) : -ENOMEM;
	if (r < 0)
		log_warning_errno(r, "Cannot make units of device '%s': %m", d.devpath);
	udev_device_done(&d);
	return r;
}

static int on_netlink(_unused_ struct source *source, int fd, _unused_ uint32_t revents,
                      void *userdata)
{
	struct device_watch *w = userdata;
	auto_free char *buf = malloc(UDEV_MESSAGE_MAX);
	ssize_t n = 0;

	if (!buf)
		return 0; /* level-triggered: it will be asked again */
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		int r = receive(fd, buf, UDEV_MESSAGE_MAX, &n);

		if (r == -EAGAIN || r == -EINTR)
			return 0;
		if (r == -ENOBUFS) {
			log_notice("Lost messages of udev, reading its database again");
			read_again_soon(w);
			continue;
		}
		if (r < 0 && r != -EBADMSG && r != -EPERM) {
			log_warning_errno(r, "Cannot receive from udev, trying again: %m");
			/* To be called for ever, or never more, would be worse. */
			(void) source_set_state(w->source, SOURCE_OFF);
			read_again_soon(w);
			return 0;
		}
		if (r >= 0 && on_message(w->manager, buf, (size_t) n) < 0)
			read_again_soon(w);
	}
	return 0;
}

/*
 * A boot has hundreds of messages, and a handful are of devices with the tag "systemd", which are all that make units: the kernel
 * drops the others before they wake core. libudev's header carries a Bloom filter of the tags (its sticky ones, so a removal is
 * heard, too); these are the bits of "systemd". A false match costs a look. What is not libudev's goes through to be refused
 * where everything is checked.
 */
#define BLOOM_SYSTEMD_HIGH 0x02000400U
#define BLOOM_SYSTEMD_LOW  0x10800000U
#define HEADER_MAGIC       8
#define HEADER_BLOOM_HIGH  32
#define HEADER_BLOOM_LOW   36

static int filter_tagged(int fd)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HEADER_MAGIC),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UDEV_MAGIC, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HEADER_BLOOM_HIGH),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, BLOOM_SYSTEMD_HIGH),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BLOOM_SYSTEMD_HIGH, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HEADER_BLOOM_LOW),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, BLOOM_SYSTEMD_LOW),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BLOOM_SYSTEMD_LOW, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog f = {.len = ELEMENTSOF(program), .filter = program};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f)) < 0 ? -errno : 0;
}

static int open_netlink(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UDEV_GROUP};
	auto_fd int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	const int on = 1, size = RECEIVE_BUFFER;
	int r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	r = filter_tagged(fd);
	if (r < 0)
		log_debug_errno(r, "Cannot filter udev's messages, hearing all of them: %m");
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* ---- the database ---- */

static int real_path(const char *link, char **ret)
{
	*ret = realpath(link, NULL);
	return *ret ? 0 : -errno;
}

/* Where in /sys the device of an id is. */
static int id_to_sysfs(const char *id, char **ret)
{
	auto_free char *link = NULL, *subsystem = NULL;
	char name[IF_NAMESIZE];
	const char *colon;
	uint32_t index;

	switch (*id) {
	case 'b':
	case 'c':
		link = str_printf("/sys/dev/%s/%s", *id == 'b' ? "block" : "char", id + 1);
		break;
	case 'n':
		if (str_to_u32(id + 1, &index) < 0 || !if_indextoname(index, name))
			return -ENODEV;
		link = path_join("/sys/class/net", name);
		break;
	default:
		colon = strchr(id, ':');
		subsystem = strndup(id + 1, (size_t) (colon - id - 1));
		link = subsystem ? str_printf("/sys/bus/%s/devices/%s", subsystem, colon + 1)
		                 : NULL;
		if (link && access(link, F_OK) < 0) {
			free(link);
			link = str_printf("/sys/class/%s/%s", subsystem, colon + 1);
		}
		break;
	}
	return link ? real_path(link, ret) : -ENOMEM;
}

/* The kernel's own properties: MAJOR, MINOR, DEVNAME. */
static int read_uevent(const char *sysfs, struct udev_device *d)
{
	auto_free char *path = path_join(sysfs, "uevent"), *text = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read(path, &text, NULL);
	if (r < 0)
		return r;
	for (char *line = text, *next; line && *line; line = next) {
		const char *value;
		uint32_t n;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if ((value = str_after(line, "DEVNAME="))) {
			free(d->devname);
			d->devname = *value == '/' ? strdup(value) : path_join("/dev", value);
			if (!d->devname)
				return -ENOMEM;
		} else if ((value = str_after(line, "MAJOR=")) && str_to_u32(value, &n) >= 0) {
			d->major = n;
		} else if ((value = str_after(line, "MINOR=")) && str_to_u32(value, &n) >= 0) {
			d->minor = n;
		}
	}
	return 0;
}

static int scan_one(struct manager *m, const char *id)
{
	auto_free char *path = path_join(DATA_DIRECTORY, id), *text = NULL, *sysfs = NULL;
	struct udev_device d;
	size_t size;
	int r;

	if (!path)
		return -ENOMEM;
	r = id_to_sysfs(id, &sysfs);
	if (r >= 0)
		r = file_read(path, &text, &size);
	if (r >= 0)
		r = udev_database_parse(text, size, &d);
	if (r < 0)
		return r;
	r = read_uevent(sysfs, &d);
	/* The tag directory is older than the Q: lines; being listed there is being tagged. */
	d.is_tagged = true;
	if (r >= 0)
		r = process(m, sysfs, &d);
	udev_device_done(&d);
	return r;
}

static bool database_is_there(void)
{
	return access(TAG_DIRECTORY, F_OK) >= 0;
}

/* It left between the listing and the look, or what is there is nothing that udevd writes. */
static bool is_none(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -EBADMSG;
}

/* Reads what can be read. Negative if that is not all: then nobody knows of what is missing whether it is there. */
static int rescan(struct manager *m)
{
	struct device_watch *w = m->device_data;
	auto_strv char **ids = NULL;
	int r, worst;

	worst = dir_list(TAG_DIRECTORY, &ids);
	if (worst == -ENOENT)
		worst = 0;
	STRV_FOREACH (id, ids) {
		r = udev_id_is_valid(*id) ? scan_one(m, *id) : 0;
		if (r < 0)
			log_debug_errno(r, "Cannot read device '%s': %m", *id);
		if (r < 0 && !is_none(r))
			worst = r;
	}
	w->is_partial = worst < 0;
	if (worst >= 0)
		w->again_usec = AGAIN_USEC;
	return worst;
}

/* What is listed is there, and what is not, is not: of a message that was missed nobody knows what it said. */
static int read_again(struct manager *m)
{
	auto_free struct unit **v = NULL;
	size_t n;
	int r = kernel_units_collect(m, UNIT_DEVICE, &v, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		DEVICE(v[i])->is_confirmed = false;
	r = rescan(m);
	if (r < 0)
		return r;
	/* Units are freed at the end of a turn. */
	for (size_t i = 0; i < n; i++)
		if (DEVICE(v[i])->found & DEVICE_FOUND_UDEV && !DEVICE(v[i])->is_confirmed &&
		    database_is_there())
			device_update(DEVICE(v[i]), 0);
	return 0;
}

static int on_again(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct device_watch *w = userdata;
	int r = w->source ? source_set_state(w->source, SOURCE_ON) : 0;

	/* Listen first, look after. */
	if (r >= 0)
		r = read_again(w->manager);
	if (r < 0) {
		log_debug_errno(r, "Cannot read udev's database now, trying again: %m");
		read_again_soon(w);
	}
	return 0;
}

int device_enumerate(struct manager *m)
{
	struct device_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->manager = m;
	w->fd = -EBADF;
	w->again_usec = AGAIN_USEC;
	w->by_sysfs = map_new(MAP_STRING);
	if (!w->by_sysfs) {
		free(w);
		return -ENOMEM;
	}
	m->device_data = w;
	r = loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "udev again",
	                  on_again, w, &w->again);
	if (r < 0)
		return r;
	/* Listen first, look after: what happens in between is seen twice rather than not at all.
	 */
	w->fd = open_netlink();
	r = w->fd < 0 ? w->fd
	              : loop_add_io(m->loop, w->fd, EPOLLIN, "udev", on_netlink, w, &w->source);
	if (r < 0)
		/* A container without it has no devices that come and go. */
		log_warning_errno(r, "Cannot listen to udev: %m");
	r = rescan(m);
	if (r < 0) {
		log_warning_errno(r, "Cannot read udev's database, trying again: %m");
		read_again_soon(w);
	}
	return 0;
}

bool device_database_is_known(const struct manager *m)
{
	const struct device_watch *w = m->device_data;

	return w && !w->is_partial && database_is_there();
}

void device_shutdown(struct manager *m)
{
	struct device_watch *w = m->device_data;

	if (!w)
		return;
	source_free(w->source);
	source_free(w->again);
	fd_close(w->fd);
	map_free(w->by_sysfs);
	free(w);
	m->device_data = NULL;
}
