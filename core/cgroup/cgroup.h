// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup - the v2 tree: where each unit lives, which controllers are on, limits, and the events that come out of it.
 *
 * Layout is systemd's, since stock tools read it: /init.scope (init, core), /system.slice/..., /user.slice/...; a unit's path is its slices'
 * path and its name. A cgroup is made when its unit starts (cgroup_realize) and removed when the unit is dead and empty (cgroup_release).
 * Empty and OOM events come from inotify on cgroup.events and memory.events; they are only a hint and are checked before they are believed.
 * On a machine without a writable v2 tree everything here is a no-op that says so once (manager->no_cgroup).
 */
#pragma once

#include "engine/engine.h"

int cgroup_setup(
	struct manager *m); /* root, available controllers, inotify source; adopts what exists */
void cgroup_shutdown(struct manager *m);
/* Path the unit has or will have; from its slice. NULL for types without processes. */
int cgroup_path_for(const struct unit *u, char **ret);
/* Makes it and its parents, enables the controllers that settings ask for, applies the limits, watches it. Idempotent. */
int cgroup_realize(struct unit *u);
/* After a restore: watches the cgroup in u->cgroup if it is there, makes and changes nothing. 1 watched, 0 not there. */
int cgroup_adopt(struct unit *u);
/* Where our own tree begins: "/", or the cgroup that a container gave us. Never ends in "/" but for the root. */
const char *cgroup_root(const struct manager *m);
int cgroup_apply(struct unit *u); /* limits again, after set-property or reload */
/* The boot is finished: StartupCPUWeight= and StartupIOWeight= give way to the ordinary weights. */
void cgroup_startup_finished(struct manager *m);
/* O_PATH fd of the cgroup (for CLONE_INTO_CGROUP), realized first; @control: its ".control" child for ExecStop= and friends when delegated. The caller owns it. */
int cgroup_open(struct unit *u, bool control);
void cgroup_release(struct unit *u); /* removes it if it is empty, forgets the watch */
void cgroup_forget(
	struct unit *u); /* the unit leaves memory (hook unit_forget), its cgroup stays as it is */
int cgroup_is_empty(const struct unit *u); /* 1, 0, -errno: neither is known */
/* A moment from now all units' cgroups are looked at: for whoever may have missed an event, or could not act on one. */
void cgroup_look_again(struct manager *m);
/* After a take-over: what the core before us did not come to remove goes at once, the rest is looked at in a moment. */
void cgroup_taken_over(struct manager *m);
/* Signals every process of the unit's cgroup but @except (up to two pids, 0: none). Number signalled or -errno. With SIGKILL and no exception uses cgroup.kill. */
int cgroup_signal(struct unit *u, int sig, pid_t except_a, pid_t except_b);
/* Any process at all: for adoption. Fills up to @max pids; returns the number found. */
int cgroup_pids(const struct unit *u, pid_t *pids, size_t max);
/* Freezes or thaws the unit, a slice with all in it. The kernel takes its time: ask cgroup_freeze_settled() until it says so.
 * -ENODEV: the unit has no cgroup now. */
int cgroup_freeze(struct unit *u, bool freeze);
bool cgroup_freeze_settled(struct unit *u);
/* MemoryCurrent, TasksCurrent, CPUUsageNSec, IO...: adds what is there to @properties. */
int cgroup_describe(const struct unit *u, cJSON *properties);
