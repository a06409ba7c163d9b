// SPDX-License-Identifier: Apache-2.0
/*
 * internal.h - the parts of core/cgroup. cgroup.c makes and removes cgroups, controllers.c decides
 * which controllers they need and turns them on from the top down, attributes.c writes limits, filter.h
 * tells of devices and addresses, events.c listens, signal.c kills.
 *
 * A controller costs memory and time in every cgroup below, so it is on only where a setting of a
 * unit there asks for it.
 */
#pragma once

#include "cgroup/cgroup.h"

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_CPUSET,
	CGROUP_IO,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CONTROLLER_MAX
};
#define CGROUP_MASK(c)  (1U << (c))
#define CGROUP_MASK_ALL (CGROUP_MASK(CGROUP_CONTROLLER_MAX) - 1)

/* m->cgroup_data */
struct cgroup_manager {
	char *root; /* as cgroup_root() */
	unsigned supported, warned;
	bool startup;        /* the boot is not finished: Startup*Weight= count */
	struct map *enabled; /* cgroup -> mask of its subtree_control, as far as we know */
	struct manager *manager;
	struct watcher watcher;
	struct source *again;
	struct map *watches; /* watch descriptor -> unit */
	uint64_t n_cpus, ram_bytes, tasks_limit;
};

/* u->cgroup_data */
struct cgroup_unit {
	char *path;                     /* of the watches */
	int events_watch, memory_watch; /* -1: none */
	uint64_t oom_kills;             /* memory.events said so last */
	bool realized, delegated;
};

static inline struct cgroup_manager *cgroup_manager_of(const struct manager *m)
{
	return m->cgroup_data;
}

/* ---- controllers.c ---- */
extern const char *const cgroup_controller_names[CGROUP_CONTROLLER_MAX];
unsigned cgroup_mask_parse(const char *list);                 /* "cpu memory pids" */
unsigned cgroup_mask_wanted(const struct cgroup_settings *s); /* by the settings themselves */
unsigned cgroup_mask_delegated(const struct cgroup_settings *s);
/* Turns @mask on in every cgroup above @cgroup, from the top. Missing controllers are said once and
 * left out. */
int cgroup_controllers_enable(struct manager *m, const char *cgroup, unsigned mask);
/* ... and off again above @cgroup, as far as no unit there needs them. */
void cgroup_controllers_disable(struct manager *m, const char *cgroup, unsigned mask);
void cgroup_controllers_forget(struct manager *m, const char *cgroup);

/* ---- attributes.c ---- */
#define CGROUP_VALUE_MAX 64
struct cgroup_attribute_value {
	const char *attribute;
	enum cgroup_controller controller;
	char value[CGROUP_VALUE_MAX];
};
#define CGROUP_ATTRIBUTES_MAX 16
/* What the settings make of each attribute; pure. @reset: also those that are not set, with the
 * kernel's default. Number of values. */
size_t cgroup_attribute_values(const struct cgroup_manager *cm, const struct cgroup_settings *s,
                               bool reset,
                               struct cgroup_attribute_value values[static CGROUP_ATTRIBUTES_MAX]);
int cgroup_attributes_write(struct unit *u, const struct cgroup_settings *s, bool reset);
uint64_t cgroup_tasks_limit(void); /* what 100 % of TasksMax= is */

/* ---- events.c ---- */
int cgroup_events_setup(struct manager *m);
void cgroup_events_shutdown(struct manager *m);
int cgroup_watch(struct unit *u, bool memory);
void cgroup_unwatch(struct unit *u);
