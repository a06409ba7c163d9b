// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/self/mountinfo: read at start and whenever it changed. A machine that mounts in a loop wakes
 * us a few times a second at most. Each read is compared with the units; only differences become
 * events.
 */
#include "types/device.h"
#include "types/mount.h"

#define WATCH_INTERVAL (1 * USEC_PER_SEC)
#define WATCH_BURST    5

struct mount_watch {
	struct proc_watch table;
	unsigned n_new; /* units of this read that still have to be loaded */
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
	r = kernel_unit_add(w->table.manager, name, &u);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	m = MOUNT(u);
	w->n_new += r > 0;
	r = mount_options_merge(e->options, e->super_options, &options);
	if (r < 0)
		return r;
	if (is_device_path(e->what) && !streq_ptr(m->kernel_what, e->what))
		device_found_node(w->table.manager, e->what, DEVICE_FOUND_MOUNT, true);
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

static int compare(struct manager *manager, char *text)
{
	struct mount_watch *w = manager->mount_data;
	auto_free struct unit **v = NULL;
	struct unit *root;
	size_t n;
	int r;

	r = kernel_units_collect(manager, UNIT_MOUNT, &v, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		MOUNT(v[i])->seen = false;
	w->n_new = 0;
	r = mountinfo_parse(text, on_entry, w);
	if (r >= 0 && w->n_new > 0)
		/* Any load works off the whole queue. */
		r = manager_load_unit(manager, "-.mount", NULL, &root);
	if (r < 0)
		return r;
	free(v);
	v = NULL;
	r = kernel_units_collect(manager, UNIT_MOUNT, &v, &n);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (MOUNT(v[i])->seen && !MOUNT(v[i])->is_mounted)
			on_appeared(MOUNT(v[i]));
		else if (!MOUNT(v[i])->seen && MOUNT(v[i])->is_mounted)
			on_vanished(MOUNT(v[i]));
	}
	return r;
}

static void on_command_ended(struct unit *u, enum result result)
{
	mount_on_control_exit(MOUNT(u), result);
}

static const struct proc_watch_ops ops = {"/proc/self/mountinfo", compare, on_command_ended};

int mount_refresh(struct manager *manager)
{
	struct mount_watch *w = manager->mount_data;

	return w ? proc_watch_look(&w->table) : 0;
}

void mount_command_ended(struct mount *m, int seen, enum result result)
{
	struct mount_watch *w = m->unit.manager->mount_data;

	if (seen >= 0)
		mount_on_control_exit(m, result);
	else
		proc_watch_wait(&w->table, &m->unit, &m->outcome, seen, result);
}

int mount_enumerate(struct manager *manager)
{
	struct mount_watch *w = calloc(1, sizeof(*w));
	struct unit *root;
	int r;

	if (!w)
		return -ENOMEM;
	manager->mount_data = w;
	r = manager_load_unit(manager, "-.mount", NULL, &root);
	if (r >= 0)
		r = proc_watch_open(&w->table, manager, &ops);
	if (r >= 0) {
		source_set_ratelimit(w->table.source, WATCH_INTERVAL, WATCH_BURST);
		/* A look that fails is repeated, so the watch stays. */
		r = mount_refresh(manager);
	}
	return r;
}

void mount_shutdown(struct manager *manager)
{
	struct mount_watch *w = manager->mount_data;

	if (!w)
		return;
	proc_watch_close(&w->table);
	free(w);
	manager->mount_data = NULL;
}
