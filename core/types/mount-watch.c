// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/self/mountinfo: read at start and whenever poll(2) says it changed (EPOLLPRI). A machine
 * that mounts in a loop wakes us a few times a second at most. Each read is compared with the
 * units; only differences become events.
 */
#include "types/device.h"
#include "types/mount.h"

#define WATCH_INTERVAL (1 * USEC_PER_SEC)
#define WATCH_BURST    5
#define AGAIN_USEC     (50 * USEC_PER_MSEC)

struct mount_watch {
	struct manager *manager;
	int fd;
	struct source *source, *again;
	unsigned n_new; /* units of this read that still have to be loaded */
	bool reading;   /* events of one read must not start another one */
};

static bool set_if_changed(char **p, const char *value, int *error)
{
	if (streq_ptr(*p, value))
		return false;
	if (str_set(p, value) < 0)
		*error = -ENOMEM;
	return true;
}

static int on_entry(const struct mountinfo *e, void *userdata)
{
	struct mount_watch *w = userdata;
	auto_free char *name = NULL, *options = NULL;
	struct unit *u;
	struct mount *m;
	bool changed = false;
	int r, error = 0;

	/* An automount point that nothing is mounted on yet is the automount unit's. */
	if (streq(e->type, "autofs") || mount_point_is_ignored(e->where))
		return 0;
	r = unit_name_from_path(e->where, ".mount", &name);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* too long for a unit's name */
	r = kernel_unit_add(w->manager, name, &u);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	m = MOUNT(u);
	w->n_new += r > 0;
	options = *e->super_options ? str_printf("%s,%s", e->options, e->super_options)
	                            : strdup(e->options);
	if (!options)
		return -ENOMEM;
	if (is_device_path(e->what) && !streq_ptr(m->kernel_what, e->what))
		device_found_node(w->manager, e->what, DEVICE_FOUND_MOUNT, true);
	changed |= set_if_changed(&m->kernel_what, e->what, &error);
	changed |= set_if_changed(&m->kernel_options, options, &error);
	changed |= set_if_changed(&m->kernel_type, e->type, &error);
	if (error < 0)
		return error;
	m->seen = true;
	if (changed)
		unit_save_soon(u);
	return 0;
}

static void on_appeared(struct mount *m)
{
	m->is_mounted = true;
	switch (m->state) {
	case MOUNT_STATE_DEAD:
	case MOUNT_STATE_FAILED:
		if (id128_is_null(&m->unit.invocation_id))
			(void) invocation_publish(&m->unit);
		m->result = RESULT_SUCCESS;
		mount_enter_mounted(m, RESULT_SUCCESS);
		break;
	case MOUNT_STATE_MOUNTING:
		mount_set_state(m, MOUNT_STATE_MOUNTING_DONE, m->deadline.at);
		break;
	default:
		break;
	}
}

static void on_vanished(struct mount *m)
{
	m->is_mounted = false;
	if (is_device_path(m->kernel_what))
		device_found_node(m->unit.manager, m->kernel_what, DEVICE_FOUND_MOUNT, false);
	free(m->kernel_what);
	free(m->kernel_options);
	free(m->kernel_type);
	m->kernel_what = m->kernel_options = m->kernel_type = NULL;
	switch (m->state) {
	case MOUNT_STATE_MOUNTED:
		/* Somebody else unmounted it. */
		mount_enter_dead(m, RESULT_SUCCESS);
		break;
	case MOUNT_STATE_MOUNTING_DONE:
		/* The command took it back. */
		mount_set_state(m, MOUNT_STATE_MOUNTING, m->deadline.at);
		break;
	default:
		break;
	}
}

/* All mount units, as a vector: events may add units. */
static int collect(struct manager *manager, struct mount ***ret, size_t *ret_n)
{
	struct mount **v = calloc(map_size(manager->units) + 1, sizeof(*v));
	const void *key;
	struct unit *u;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; map_next(manager->units, &i, &key, (void **) &u);)
		if (u->ops->type == UNIT_MOUNT && streq(key, u->id) && u->load_state != LOAD_MERGED)
			v[n++] = MOUNT(u);
	*ret = v;
	*ret_n = n;
	return 0;
}

/* The open one: a shortage of fds must not hide what is mounted. */
static int read_mountinfo(const struct mount_watch *w, char **ret)
{
	if (lseek(w->fd, 0, SEEK_SET) < 0)
		return -errno;
	return file_read_fd(w->fd, FILE_SIZE_MAX, ret, NULL);
}

static int refresh(struct manager *manager)
{
	struct mount_watch *w = manager->mount_data;
	auto_free char *text = NULL;
	auto_free struct mount **v = NULL;
	size_t n;
	int r;

	if (!w || w->reading)
		return 0;
	r = collect(manager, &v, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		v[i]->seen = false;
	r = read_mountinfo(w, &text);
	if (r < 0)
		return r;
	w->reading = true;
	w->n_new = 0;
	r = mountinfo_parse(text, on_entry, w);
	if (r >= 0 && w->n_new > 0) {
		struct unit *root;

		/* Any load works off the whole queue. */
		r = manager_load_unit(manager, "-.mount", NULL, &root);
	}
	if (r >= 0) {
		free(v);
		v = NULL;
		r = collect(manager, &v, &n);
	}
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (v[i]->seen && !v[i]->is_mounted)
			on_appeared(v[i]);
		else if (!v[i]->seen && v[i]->is_mounted)
			on_vanished(v[i]);
	}
	w->reading = false;
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (v[i]->is_unclear) {
			v[i]->is_unclear = false;
			mount_on_control_exit(v[i], v[i]->unclear_result);
		}
	return r;
}

int mount_refresh(struct manager *manager)
{
	struct mount_watch *w = manager->mount_data;
	int r = refresh(manager);

	/* No fds, or no memory. The kernel tells of a change once, and what we believe is wrong until
	 * we have seen it. */
	if (r < 0 && w && w->again)
		(void) source_set_time(w->again, usec_add(now(CLOCK_BOOTTIME), AGAIN_USEC));
	return r;
}

static int on_again(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct mount_watch *w = userdata;

	(void) mount_refresh(w->manager);
	return 0;
}

static int on_change(_unused_ struct source *source, _unused_ int fd, _unused_ uint32_t revents,
                     void *userdata)
{
	struct mount_watch *w = userdata;
	int r = mount_refresh(w->manager);

	if (r < 0)
		log_warning_errno(r, "Cannot read /proc/self/mountinfo: %m");
	return 0;
}

int mount_enumerate(struct manager *manager)
{
	struct mount_watch *w = calloc(1, sizeof(*w));
	struct unit *u;
	int r;

	if (!w)
		return -ENOMEM;
	w->manager = manager;
	w->fd = -EBADF;
	manager->mount_data = w;
	r = manager_load_unit(manager, "-.mount", NULL, &u);
	if (r < 0)
		goto fail;
	w->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (w->fd < 0) {
		r = -errno;
		w->fd = -EBADF;
		goto fail;
	}
	/* The kernel tells of a change once, whether or not anybody reads the file. */
	r = loop_add_io(manager->loop, w->fd, EPOLLPRI | EPOLLET, "mountinfo", on_change, w,
	                &w->source);
	if (r < 0)
		goto fail;
	r = loop_add_time(manager->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT,
	                  "mountinfo again", on_again, w, &w->again);
	if (r < 0)
		goto fail;
	source_set_ratelimit(w->source, WATCH_INTERVAL, WATCH_BURST);
	/* Before exits of mount commands are looked at. */
	source_set_priority(w->source, -10);
	r = mount_refresh(manager);
	if (r < 0)
		goto fail;
	return 0;
fail:
	mount_shutdown(manager);
	return r;
}

void mount_shutdown(struct manager *manager)
{
	struct mount_watch *w = manager->mount_data;

	if (!w)
		return;
	source_free(w->source);
	source_free(w->again);
	fd_close(w->fd);
	free(w);
	manager->mount_data = NULL;
}
