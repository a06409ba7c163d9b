// SPDX-License-Identifier: Apache-2.0
/* The device type: a unit that cannot be started; it is there when the device is. */
#include "types/device.h"

static const char *const state_name[DEVICE_STATE_MAX] = {
	[DEVICE_DEAD] = "dead",
	[DEVICE_TENTATIVE] = "tentative",
	[DEVICE_PLUGGED] = "plugged",
};
static const enum unit_active_state state_active[DEVICE_STATE_MAX] = {
	[DEVICE_DEAD] = UNIT_INACTIVE,
	[DEVICE_TENTATIVE] = UNIT_ACTIVATING,
	[DEVICE_PLUGGED] = UNIT_ACTIVE,
};

static enum device_state state_of(unsigned found)
{
	if (found & DEVICE_FOUND_UDEV)
		return DEVICE_PLUGGED;
	return found ? DEVICE_TENTATIVE : DEVICE_DEAD;
}

void device_update(struct device *d, unsigned found)
{
	enum device_state old = d->state;

	/* Gone for udev is gone, even if a mount still hangs on it: what is bound to it must hear
	 * of that. */
	if (d->found & DEVICE_FOUND_UDEV && !(found & DEVICE_FOUND_UDEV))
		found = 0;
	d->found = found;
	d->state = state_of(found);
	if (d->state == old)
		return;
	d->is_news = false;
	log_unit(LOG_DEBUG, d->unit.id, "Changed %s -> %s", state_name[old], state_name[d->state]);
	unit_save_soon(&d->unit);
	unit_notify(&d->unit, state_active[old], state_active[d->state], true);
}

void device_found_node(struct manager *m, const char *node, enum device_found how, bool found)
{
	auto_free char *name = NULL;
	struct unit *u;
	unsigned mask;

	if (!m->device_data || !is_device_path(node) || !path_is_normalized(node) ||
	    unit_name_from_path(node, ".device", &name) < 0)
		return;
	u = manager_get_unit(m, name);
	if (!u) {
		if (!found || kernel_unit_add(m, name, &u) < 0)
			return;
	}
	if (u->ops->type != UNIT_DEVICE)
		return;
	mask = found ? DEVICE(u)->found | how : DEVICE(u)->found & ~(unsigned) how;
	device_update(DEVICE(u), mask);
}

/* ---- the units of one device: a ring, with one of them in the map ---- */

struct device *device_first_of(struct manager *m, const char *sysfs)
{
	const struct device_watch *w = m->device_data;

	return w ? map_get(w->by_sysfs, sysfs) : NULL;
}

static void leave_ring(struct device *d)
{
	struct device_watch *w = d->unit.manager->device_data;
	struct device *next = NULL;

	if (!d->sysfs)
		return;
	if (d->same_sysfs.next && d->same_sysfs.next != &d->same_sysfs)
		next = container_of(d->same_sysfs.next, struct device, same_sysfs);
	if (w && map_get(w->by_sysfs, d->sysfs) == d) {
		map_remove(w->by_sysfs, d->sysfs);
		if (next)
			(void) map_put(w->by_sysfs, next->sysfs, next);
	}
	list_remove(&d->same_sysfs);
	free(d->sysfs);
	d->sysfs = NULL;
}

int device_set_sysfs(struct device *d, const char *sysfs)
{
	struct device_watch *w = d->unit.manager->device_data;
	struct device *first;
	char *copy;
	int r;

	if (streq_ptr(d->sysfs, sysfs) && (!sysfs || !w || d->same_sysfs.next))
		return 0;
	if (!sysfs) {
		leave_ring(d);
		return 0;
	}
	copy = strdup(sysfs);
	if (!copy)
		return -ENOMEM;
	leave_ring(d);
	if (!w) {
		/* Read back before the enumeration, which makes the rings. */
		d->sysfs = copy;
		return 0;
	}
	first = map_get(w->by_sysfs, sysfs);
	list_init(&d->same_sysfs);
	if (first) {
		list_append(&first->same_sysfs, &d->same_sysfs);
	} else {
		/* The key is the device's own string, as long as it is in the map. */
		r = map_add(w->by_sysfs, copy, d);
		if (r < 0) {
			free(copy);
			return r;
		}
	}
	d->sysfs = copy;
	return 0;
}

/* ---- operations ---- */

static void device_done(struct unit *u)
{
	leave_ring(DEVICE(u));
	source_free(DEVICE(u)->coldplug_source);
}

static int device_load(struct unit *u, _unused_ struct diag *d)
{
	struct unit_settings *s = &u->file->unit;

	/* systemd-system.conf(5), DefaultDeviceTimeoutSec=: how long a job waits for a device that
	 * nobody wrote a file for. */
	if (!u->file->fragment_path &&
	    (s->job_running_timeout_usec == 0 || s->job_running_timeout_usec == USEC_INFINITY) &&
	    strv_length(u->file->dropin_paths) == 0)
		s->job_running_timeout_usec = u->manager->context.default_device_timeout_usec;
	/* Until udev knows better. */
	return describe_by_name(u, "");
}

/* Waits: the job ends when the device appears, or by its JobRunningTimeoutSec=. */
static int device_start(struct unit *u)
{
	return DEVICE(u)->state == DEVICE_PLUGGED ? -EALREADY : -EBADR;
}

static int device_stop(struct unit *u)
{
	return DEVICE(u)->state == DEVICE_DEAD ? -EALREADY : -EBADR;
}

static enum unit_active_state device_active(const struct unit *u)
{
	return state_active[DEVICE(u)->state];
}

static const char *device_sub_state(const struct unit *u)
{
	return state_name[DEVICE(u)->state];
}

static void device_save(const struct unit *u, struct strbuf *b)
{
	const struct device *d = DEVICE(u);

	record_add(b, "state", state_name[d->state]);
	/* News must be news to the next core, too, if this one dies before it told them. */
	record_add_u64(b, "found",
	               d->is_news ? d->found & ~(unsigned) DEVICE_FOUND_UDEV : d->found);
	record_add(b, "sysfs", d->sysfs);
}

/*
 * What was plugged stays so until udev says otherwise: the enumeration that follows puts right what
 * changed meanwhile. Without it a restart of core would unplug everything for a moment, and stop
 * what is bound to it.
 */
static int device_restore(struct unit *u, const struct record *r)
{
	struct device *d = DEVICE(u);
	const char *sysfs = record_get(r, "sysfs");

	d->found |= (unsigned) (record_get_u64(r, "found", 0) &
	                        (DEVICE_FOUND_UDEV | DEVICE_FOUND_MOUNT | DEVICE_FOUND_SWAP));
	d->was_found = record_get_u64(r, "found", 0) & DEVICE_FOUND_UDEV;
	d->state = state_of(d->found);
	if (sysfs && !d->sysfs)
		return device_set_sysfs(d, sysfs);
	return 0;
}

/*
 * Unplugged while there was no core, or not ready any more: the record says that it is there, and udev's database, which was read
 * before the record was, does not. Without a database there is only the kernel to ask.
 */
static bool is_gone(const struct device *d)
{
	if (!(d->found & DEVICE_FOUND_UDEV) || d->is_confirmed)
		return false;
	return device_database_is_known(d->unit.manager) ||
	       (d->sysfs && access(d->sysfs, F_OK) < 0 && errno == ENOENT);
}

/* Plugged while there was no core, or in the last turn of the one before us, which was not stored. */
static bool is_new(const struct device *d)
{
	return d->is_confirmed && !d->was_found && d->found & DEVICE_FOUND_UDEV;
}

/* News, as soon as all units are there to hear of it. */
static int on_coldplug(struct source *source, void *userdata)
{
	struct device *d = userdata;
	unsigned found = d->found;

	d->coldplug_source = NULL;
	source_free(source);
	if (is_gone(d)) {
		device_update(d, 0);
	} else if (d->is_news && d->unit.manager->records_lost) {
		/* Then nothing is new: what devices want was started when they came. */
		d->is_news = false;
		unit_save_soon(&d->unit);
	} else if (d->is_news && is_new(d)) {
		d->found = 0;
		d->state = DEVICE_DEAD;
		device_update(d, found);
	}
	return 0;
}

static int device_coldplug(struct unit *u)
{
	struct device *d = DEVICE(u);
	const struct manager *m = u->manager;

	if (m->taking_over)
		d->is_news = is_new(d);
	if (d->is_news && m->boot_to_come) {
		/* What it wants may come from a generator: this is asked again behind them. */
		u->coldplugged = false;
		return 0;
	}
	if (!is_gone(d) && !d->is_news)
		return 0;
	return loop_add_defer(u->manager->loop, "device-coldplug", on_coldplug, d,
	                      &d->coldplug_source);
}

static int device_describe(const struct unit *u, cJSON *properties)
{
	const struct device *d = DEVICE(u);

	return json_add_string(properties, "SysFSPath", d->sysfs ? d->sysfs : "");
}

const struct unit_ops device_ops = {
	.type = UNIT_DEVICE,
	.object_size = sizeof(struct device),
	.done = device_done,
	.load = device_load,
	.coldplug = device_coldplug,
	.start = device_start,
	.stop = device_stop,
	.active_state = device_active,
	.sub_state = device_sub_state,
	.save = device_save,
	.restore = device_restore,
	.describe = device_describe,
	.enumerate = device_enumerate,
	.shutdown = device_shutdown,
};
