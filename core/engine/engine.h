// SPDX-License-Identifier: Apache-2.0
/*
 * engine - units, the graph between them, jobs and transactions. It decides what happens and when;
 * how a unit starts is its type's business (struct unit_ops, core/types), how a process starts is
 * core/exec's, where state is kept is core/state's.
 *
 * The objects. A struct manager owns all units and jobs. A struct unit is one node: its settings
 * (struct unit_file), its dependencies in both directions, at most one job, time stamps. A type
 * embeds it as the first member of its own struct. A struct job is "bring this unit to that state";
 * jobs are only made by a transaction, which is checked as a whole (closure over dependencies,
 * merging, cycles broken at the weakest edge, conflicts) before any of it is installed.
 *
 * The flow, one way: name -> manager_load_unit (load queue until it is empty) -> manager_enqueue
 * (transaction) -> run queue, when ordering allows -> ops->start/stop/reload -> the type calls
 * unit_notify(old, new) at each change of state -> the job finishes, its dependents go on, hooks
 * hear of it. Exits come in at manager_process_exited(), which finds the unit by pid, then by
 * cgroup.
 *
 * What must survive core's death is written by the hooks: all that changed in a turn is one
 * snapshot at its end, and a type calls unit_save() before a side effect that cannot be repeated
 * (intent) and after it (outcome), which makes such a snapshot at once.
 *
 * It never blocks, never forks, opens no file but through unitfile, and never trusts a name from
 * outside without checking it.
 */
#pragma once

/* clang-format off */

#include "base/base.h"
#include "engine/record.h"
#include "unitfile/unitfile.h"

struct manager;
struct unit;
struct job;

enum unit_active_state {
	UNIT_INACTIVE, UNIT_ACTIVATING, UNIT_ACTIVE, UNIT_RELOADING, UNIT_DEACTIVATING, UNIT_FAILED, UNIT_MAINTENANCE,
	UNIT_ACTIVE_STATE_MAX, UNIT_ACTIVE_STATE_INVALID = -EINVAL,
};
const char *unit_active_state_to_string(enum unit_active_state s);

/* A process that ended, as init reported it. */
struct process_exit {
	pid_t pid;
	uint64_t start_time;
	int code;	    /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
	int status;	    /* exit status or signal */
	const char *cgroup; /* where it was; may be NULL */
};

enum unit_freezer_state { FREEZER_RUNNING, FREEZER_FREEZING, FREEZER_FROZEN, FREEZER_THAWING };
const char *unit_freezer_state_to_string(enum unit_freezer_state s);
enum unit_marker { UNIT_NEEDS_RELOAD = 1, UNIT_NEEDS_RESTART = 2 };

enum kill_who { KILL_WHO_MAIN, KILL_WHO_CONTROL, KILL_WHO_ALL };

/* One message of sd_notify(3), checked: sender is a live process of the unit. */
struct unit_message {
	pid_t pid;
	uid_t uid;
	char **tags; /* "KEY=value" */
	int *fds;    /* the handler takes what it wants with TAKE_FD */
	size_t n_fds;
};

/* What a unit type is. All functions but those marked optional must be there. The same table is the ABI for plug-ins. */
struct unit_ops {
	enum unit_type type;
	size_t object_size; /* of the type's struct, whose first member is struct unit */
	/* optional: first values of the type's own fields; the memory is zeroed */
	void (*init)(struct unit *u);
	/* optional: frees what the type holds; must take half-built units */
	void (*done)(struct unit *u);
	/* After u->file is there: verify, add implicit and default dependencies (unit_add_dependency). -ENOEXEC with a finding: bad-setting.
	 * Called again by a reload, after all dependencies were dropped: it must be idempotent and add all of them again. Dependencies that are
	 * added at other times (SYSTEMD_WANTS of a device, an accepted connection) are kept by the engine. Slice, target order and
	 * RequiresMountsFor= of the file are the engine's. */
	int (*load)(struct unit *u, struct diag *d);
	/* optional: values read back with restore(); all units are loaded. Re-arms deadlines, watches processes, verifies against the kernel. */
	int (*coldplug)(struct unit *u);
	/* 0: under way (or done, then the state says so); -EALREADY: it is active; -EAGAIN: not now, try when something changed;
	 * -EBADR: it starts something else that is not this; -ENOEXEC, -EPERM, ...: failed. Conditions were checked before. */
	int (*start)(struct unit *u);
	int (*stop)(struct unit *u); /* -EALREADY: it is inactive */
	/* optional: NULL: cannot reload */
	int (*reload)(struct unit *u);
	bool (*can_reload)(const struct unit *u);
	enum unit_active_state (*active_state)(const struct unit *u);
	const char *(*sub_state)(const struct unit *u); /* "running", "listening": as systemctl prints */
	/* optional: it is there before and after all others, and so it is in the root slice */
	bool (*is_extrinsic)(const struct unit *u);
	/* optional: false keeps an inactive unit in memory */
	bool (*may_gc)(const struct unit *u);
	/* optional: its process ended */
	void (*on_exit)(struct unit *u, const struct process_exit *e);
	/* optional: the last process left its cgroup */
	void (*on_cgroup_empty)(struct unit *u);
	/* optional: the answer to state_exits_ask() */
	void (*on_exits_known)(struct unit *u);
	/* optional: memory.events counted an OOM kill */
	void (*on_oom)(struct unit *u);
	void (*on_message)(struct unit *u, struct unit_message *m);
	/* optional: a unit that this one triggers (DEP_TRIGGERS) changed its state */
	void (*on_trigger)(struct unit *u, struct unit *triggered);
	/* optional: kills; NULL: no processes. -ESRCH with a finding when there is none of @who */
	int (*kill)(struct unit *u, enum kill_who who, int sig, struct diag *d);
	/* optional: takes a running process in, at its start or now */
	int (*attach)(struct unit *u, pid_t pid);
	void (*reset_failed)(struct unit *u); /* optional */
	/* optional: a reload is about to give it these settings; u->file still has the old ones */
	void (*settings_change)(struct unit *u, const struct unit_file *new);
	int (*abandon)(struct unit *u); /* optional: whoever made it looks after it no more */
	/* optional: its BusName= has an owner now, or none; @initial: that was found, as opposed to seen to happen; @at: when, on the boottime
	 * clock, 0 if that is not known */
	void (*bus_name_owner)(struct unit *u, bool owned, bool initial, usec_t at);
	pid_t (*main_pid)(const struct unit *u); /* optional; 0: none */
	pid_t (*control_pid)(const struct unit *u);
	const char *(*result)(const struct unit *u); /* "success", "exit-code", ...; optional */
	/* The type's own part of the record. optional: a type without lasting state */
	void (*save)(const struct unit *u, struct strbuf *b);
	int (*restore)(struct unit *u, const struct record *r);
	/* The type's D-Bus properties for show: adds to @properties */
	int (*describe)(const struct unit *u, cJSON *properties);
	/* optional, once for all units of the type: find what exists (mountinfo, swaps, devices); watch it */
	int (*enumerate)(struct manager *m);
	void (*shutdown)(struct manager *m);
};

struct unit {
	struct manager *manager;
	const struct unit_ops *ops;
	struct unit_file *file; /* never NULL after load; empty for units that have no file */
	char *id;
	char **aliases;
	enum unit_load_state load_state;
	char *load_error;
	struct unit *merged_into; /* LOAD_MERGED only */

	struct map *neighbours;		   /* unit -> DEPENDENCY_BIT()s; NULL: none. Kept in both directions by unit_add_dependency */
	struct job *job;		   /* installed, or NULL */
	struct job *nop_job;

	/* transitions; as in systemctl show */
	struct stamp inactive_exit, active_enter, active_exit, inactive_enter, state_change;
	struct stamp condition_stamp, assert_stamp;
	bool condition_result, assert_result;
	struct id128 invocation_id;
	char *namespace_group; /* exec.h; NULL: none is used */
	char *cgroup; /* "/system.slice/cron.service" or NULL; set by core/cgroup */
	void *cgroup_data; /* core/cgroup's own */
	usec_t start_limit_begin_usec;
	unsigned start_limit_count;
	bool transient, perpetual /* -.slice, init.scope, -.mount: never stopped */, in_gc_queue, in_load_queue, in_save_queue, coldplugged,
		start_limit_hit, stale /* its files changed on disk */, deserialized, in_recheck_queue, untold /* its job ended in a transaction: who triggers it has to hear of that */,
		will_restart /* set by the type before it notifies a failure that Restart= will mend: no OnFailure=, no FailureAction= yet */;
	enum unit_active_state last_active; /* as of the last unit_notify */
	struct list load_link, gc_link, save_link, stop_unneeded_link;
	struct source *job_retry_source;
	unsigned n_ref; /* of API calls that look at it */
	uint8_t markers;		/* UNIT_NEEDS_...: for "--marked" */
	enum unit_freezer_state freezer; /* what was asked for and came of it; the kernel may know more */
	bool is_cleaned;		/* its folders are being removed: no start until that is over */

	/* private to the engine */
	struct transaction_job *transaction_job; /* while a transaction is made */
	struct unit_dynamic *dynamic;		 /* dependencies that are in no file */
	struct unit_retired *retired;		 /* settings from before a reload, which a running command may still point to */
	char **mounts_for, *carry;
	uint32_t mark, n_pids;
	struct {
		struct list link; /* in the manager's owed */
		uint8_t type, mode;
	} owed; /* a job that could not be queued yet (owed.c) */
	/* private to the types: a signal that could not be sent yet (core/types/kill.c) */
	struct unit_kill {
		struct list link; /* in the manager's kill_due */
		const struct pidref *main, *control;
		pid_t except[2]; /* have had it */
		uint8_t step, tries;
		bool main_is_alien, wait;
	} kill;
	usec_t auto_begin_usec; /* jobs that the engine queued by itself: not more than a few in 10 s */
	unsigned auto_count;
};

/* The types a job can have. What is asked for is narrowed to these (try-restart of a dead unit is a no-op). */
enum job_type { JOB_START, JOB_VERIFY_ACTIVE, JOB_STOP, JOB_RELOAD, JOB_RESTART, JOB_NOP, JOB_TRY_RESTART, JOB_TRY_RELOAD, JOB_RELOAD_OR_START,
	JOB_TYPE_MAX, JOB_TYPE_INVALID = -EINVAL };
enum job_state { JOB_WAITING, JOB_RUNNING };
enum job_result { JOB_DONE, JOB_CANCELED, JOB_TIMEOUT, JOB_FAILED, JOB_DEPENDENCY, JOB_SKIPPED, JOB_INVALID, JOB_ASSERT, JOB_UNSUPPORTED,
	JOB_COLLECTED, JOB_ONCE, JOB_RESULT_MAX };
const char *job_type_to_string(enum job_type t);
int job_type_from_string(const char *s);
const char *job_state_to_string(enum job_state s);
const char *job_result_to_string(enum job_result r);

struct job {
	struct manager *manager;
	struct unit *unit;
	uint32_t id;
	enum job_type type;
	enum job_state state;
	bool irreversible, ignore_order, in_run_queue, by_user;
	usec_t begin_usec, begin_running_usec, deadline_usec; /* boottime; deadline USEC_INFINITY: none */
	struct source *timer;
	struct list run_link, waiters;
	bool restored; /* read back from a record and not yet compared with the unit's state */
};

/* Wakes whoever waits for a job, when it is finished or dropped. */
struct job_waiter {
	struct list link;
	void (*fn)(struct job_waiter *w, struct job *j, enum job_result result);
};

/* What the rest of core wants to hear. All optional; @userdata is the manager's. */
struct manager_hooks {
	/* A unit's state, job or anything that is saved changed. Called for each of them, then turn_end() once: together they are one snapshot,
	 * to be written as one. That is at the end of a turn of the loop, and in it whenever something calls unit_save(). */
	void (*unit_save)(struct unit *u, void *userdata);
	void (*unit_forget)(struct unit *u, void *userdata);
	void (*unit_changed)(struct unit *u, enum unit_active_state old, enum unit_active_state new, void *userdata);
	void (*unit_loaded)(struct unit *u, void *userdata);
	void (*job_added)(struct job *j, void *userdata);
	void (*job_removed)(struct job *j, enum job_result result, void *userdata);
	/* It was frozen and is to be stopped. */
	void (*unit_thaw)(struct unit *u, void *userdata);
	/* A dead unit's leftovers: cgroup and runtime directories may go. */
	void (*unit_release)(struct unit *u, void *userdata);
	/* StartLimitAction=, FailureAction=, JobTimeoutAction=, ... */
	void (*emergency)(enum emergency_action a, int exit_status, const char *reboot_argument, const char *reason, void *userdata);
	/* The transaction of the default target has finished (or failed). */
	void (*boot_finished)(void *userdata);
	void (*turn_end)(void *userdata);
};

struct manager {
	struct loop *loop;
	const struct unit_ops *const *ops; /* by enum unit_type */
	const struct manager_hooks *hooks;
	void *userdata;
	struct unit_paths paths;
	struct unit_context context;
	struct unit_index *index;
	struct install_links *links; /* what enables units; read when somebody asks, and again when a folder has changed */
	struct install_presets *presets; /* read when somebody asks, and again after a reload */
	struct map *units;	   /* name (aliases, too) -> unit */
	struct map *jobs;	   /* id -> job */
	struct map *pids;	   /* pid -> unit that watches it */
	struct map *cgroups;	   /* path -> unit */
	struct list load_queue, run_queue, gc_queue, save_queue, stop_unneeded_queue;
	struct source *dispatch_source;
	struct list kill_due; /* the types': units with a signal that could not be sent */
	struct source *kill_timer;
	struct list unarmed; /* the types': deadlines for which there was no timer yet */
	struct source *arm_timer;
	uint32_t last_job_id;
	unsigned n_running_jobs, n_on_console;
	size_t n_failed;
	char **environment; /* of the manager: set-environment */
	struct stamp started, generators_done, units_loaded, default_target_reached, finished;
	bool taking_over;  /* until the units of the core before this one go on */
	bool boot_to_come; /* the generators have not run: what units there will be nobody knows */
	bool is_leaving;   /* init is about to put another core in our place */
	bool records_lost; /* not what that core said, but what runs tells what there is */
	bool in_container, is_stopping, is_reloading, is_restoring, is_test, no_cgroup, no_service_watchdogs, bus_attached /* somebody tells of bus names */;
	const char *runtime_dir; /* "/run/sysmaster" */
	const char *root;	 /* unit files of another tree, for a look from outside; NULL: our own */
	uint32_t boot_job_id; /* the default target's; set by whoever enqueues it */
	/* private to the engine */
	struct map *mounts_for;
	struct list order_queue, owed;
	struct source *owed_timer;
	unsigned load_depth;
	bool in_dispatch, building, in_transaction;
	uint32_t mark;
	/* private to other rooms, one pointer each */
	struct watch_hub *watch; /* for watchers of files */
	void *cgroup_data, *exec_data, *state_data, *notify_data, *namespaces_data, *mount_data, *swap_data, *timer_data, *device_data, *api_data, *main_data;
};

/* ---- manager ---- */
int manager_new(struct loop *l, const struct unit_ops *const ops[UNIT_TYPE_MAX], const struct manager_hooks *hooks, void *userdata, struct manager **ret);
struct manager *manager_free(struct manager *m); /* units go, nothing is stopped */
DEFINE_CLEANUP(struct manager *, manager_free)
/* Reads paths, context and index. Call again through manager_reload(). */
int manager_read_index(struct manager *m);
/* install_state() with what was read before, as long as it is true. */
int manager_install_state(struct manager *m, const char *name, enum unit_file_state *ret);
/* 1: the vendor wants it enabled, 0: not. */
int manager_preset(struct manager *m, const char *name);
/* ops->enumerate of every type, perpetual units. */
int manager_enumerate(struct manager *m);
/* ops->coldplug of every unit that has not had it: after enumerate, and after records were read back. */
int manager_coldplug(struct manager *m);
/* Creates the unit if it is not known and loads it with all that it depends on. Never fails because files are bad: look at u->load_state. */
int manager_load_unit(struct manager *m, const char *name, struct diag *d, struct unit **ret);
struct unit *manager_get_unit(const struct manager *m, const char *name); /* in memory, aliases followed; NULL */
/* A unit that has no file or gets one from memory; added to the load queue. A unit that is loaded already is returned as it is. */
int manager_add_unit(struct manager *m, const char *name, struct unit_file *file_take, struct unit **ret);
/**
 * manager_make_transient - a unit from a caller's assignments
 * @assignments: "Key=value", as in a unit file but without sections
 *
 * The file is on disk (in /run) before the unit is made, so that it outlives core; it goes when the unit leaves memory.
 * Returns 0; -ETXTBSY the name is taken; -EBADMSG, -EINVAL a setting is wrong (findings); -EOPNOTSUPP the type cannot.
 */
int manager_make_transient(struct manager *m, const char *name, char *const *assignments, struct diag *d, struct unit **ret);
struct unit *manager_unit_by_pid(const struct manager *m, pid_t pid); /* watched, else by /proc/PID/cgroup */
struct unit *manager_unit_by_cgroup(const struct manager *m, const char *cgroup); /* the nearest one above */
void manager_process_exited(struct manager *m, const struct process_exit *e);
/* "initializing", "starting", "running", "degraded", "maintenance", "stopping" */
const char *manager_state(const struct manager *m);
/* What a reload would change / changes; strvs owned by the caller, each may be NULL. Running units keep running. */
struct reload_plan {
	char **added, **changed, **removed;
};
void reload_plan_done(struct reload_plan *p);
int manager_reload_plan(struct manager *m, struct reload_plan *ret, struct diag *d);
int manager_reload(struct manager *m, struct reload_plan *ret, struct diag *d);

/* ---- units ---- */
int unit_add_dependency(struct unit *u, enum unit_dependency d, struct unit *other); /* and the inverse */
int unit_add_dependency_by_name(struct unit *u, enum unit_dependency d, const char *name); /* puts it into the load queue */
int unit_add_two_dependencies_by_name(struct unit *u, enum unit_dependency d, enum unit_dependency e, const char *name);
/* RequiresMountsFor= semantics: after and requires/wants the mount units of each prefix that exist or appear. */
int unit_require_mounts_for(struct unit *u, const char *path);
int unit_set_slice(struct unit *u, struct unit *slice); /* DEP_IN_SLICE, and after and requires it */
struct unit *unit_slice(const struct unit *u);		 /* NULL for -.slice */
bool unit_has_dependency(const struct unit *u, enum unit_dependency d, const struct unit *other);
/* A set of kinds of dependencies. */
#define DEPENDENCY_BIT(d) (1U << (d))
/* The next unit that is tied to @u by one of @kinds, in the order in which they came to be neighbours; NULL at the end. */
struct unit *unit_next_neighbour(const struct unit *u, uint32_t kinds, size_t *position);
#define UNIT_FOREACH_NEIGHBOUR(other, u, kinds) for (size_t other##_i = 0; ((other) = unit_next_neighbour(u, kinds, &other##_i));)
#define UNIT_FOREACH_DEPENDENCY(other, u, dep) UNIT_FOREACH_NEIGHBOUR(other, u, DEPENDENCY_BIT(dep))
size_t unit_n_neighbours(const struct unit *u, uint32_t kinds);
/* default dependencies that all types share (sysinit/basic/shutdown) are the types' to add; this adds Before+Conflicts= shutdown.target. */
int unit_add_shutdown_dependencies(struct unit *u);
enum unit_active_state unit_active_state(const struct unit *u);
const char *unit_sub_state(const struct unit *u);
const char *unit_description(const struct unit *u);
bool unit_is_active_or_activating(const struct unit *u);
bool unit_can_reload_itself(const struct unit *u); /* not only by passing it on to others */
bool unit_stop_pending(const struct unit *u);
bool unit_inactive_or_pending(const struct unit *u); /* for Restart= decisions */
/* A type calls it after each change of its own state. Handles stamps, jobs, OnFailure=, PartOf=, BindsTo=, Upholds=, StopWhenUnneeded=, triggers. */
void unit_notify(struct unit *u, enum unit_active_state old, enum unit_active_state new, bool reload_success);
/* For the state in which a type waits before an automatic restart: enqueues JOB_RESTART */
int unit_enqueue_restart(struct unit *u);
void unit_save(struct unit *u);	  /* savepoint now, of it and of all that changed since the last one */
void unit_save_soon(struct unit *u); /* at the end of this turn of the loop */
int unit_watch_pid(struct unit *u, pid_t pid); /* exits are delivered to ops->on_exit; exclusive */
void unit_unwatch_pid(struct unit *u, pid_t pid);
int unit_set_cgroup(struct unit *u, const char *path); /* keeps m->cgroups */
int unit_new_invocation(struct unit *u);
/* 1 met, 0 not; stamps and results in the unit. Pure apart from looking at the system. */
int unit_test_conditions(struct unit *u);
int unit_test_asserts(struct unit *u);
/* Counts a start; false and start_limit_hit once StartLimitBurst= is exceeded. Types call it in start(). */
bool unit_start_limit_test(struct unit *u);
void unit_gc_soon(struct unit *u);
/* set-property: live, and as drop-ins in /etc, or in /run if @runtime. Limits are the caller's to apply (cgroup_apply). -EROFS: not at run time. */
int unit_set_properties(struct unit *u, char *const *assignments, bool runtime, struct diag *d);
int unit_markers(const struct unit *u, char ***ret);
void unit_set_cleaned(struct unit *u, bool on);
struct unit *unit_ref(struct unit *u);
void unit_unref(struct unit *u);
/* Common record fields and the type's own, plus the job; key of the record: the unit's id. */
int unit_record(const struct unit *u, struct strbuf *b);
int unit_restore(struct unit *u, const struct record *r);
/* Can its processes, and all that are in its slice, be held? */
bool unit_can_freeze(const struct unit *u);
/* All properties: common ones here, then ops->describe. */
int unit_describe(struct unit *u, cJSON *properties);
/* What holds it: appends { kind, text, since_usec } objects to @list; none if nothing does. */
int unit_explain(struct unit *u, cJSON *list);

/* ---- jobs ---- */
/**
 * manager_enqueue - builds, checks and installs the transaction that brings @u to what @type asks for
 * @type: also the "try" types, narrowed by the unit's state
 * @ret:  the anchor job, borrowed; NULL when nothing is to do (a JOB_NOP was finished at once)
 *
 * Returns 0 or: -ENOENT not found, -ERFKILL masked, -EBADMSG bad setting (findings in @d), -EDEADLK ordering cycle through only
 * hard edges, -EEXIST destructive in mode fail, -EPERM RefuseManualStart=, -EOPNOTSUPP the type cannot (reload), -ESHUTDOWN, -ENOMEM.
 */
int manager_enqueue(struct manager *m, enum job_type type, struct unit *u, enum job_mode mode, bool by_user, struct diag *d, struct job **ret);
int manager_enqueue_by_name(struct manager *m, enum job_type type, const char *name, enum job_mode mode, struct diag *d, struct job **ret);
/* For a job that nobody ordered, and so nobody would order again: 0 also if there is no memory for it now; then it is queued later. */
int manager_enqueue_surely(struct manager *m, enum job_type type, struct unit *u, enum job_mode mode, struct diag *d);
struct job *manager_get_job(const struct manager *m, uint32_t id);
int job_cancel(struct job *j);
/* @fn for each installed job that @j has to wait for; ends early with what @fn returns below 0. */
int job_foreach_earlier(const struct job *j, int (*fn)(const struct job *earlier, void *userdata), void *userdata);
void job_wait(struct job *j, struct job_waiter *w);
void job_waiter_remove(struct job_waiter *w);
/* Runs what is due now: load, run, gc, stop-when-unneeded and save queues. The manager's deferred source calls it each turn. */
void manager_dispatch(struct manager *m);
