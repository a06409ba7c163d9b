// SPDX-License-Identifier: Apache-2.0
/*
 * common.h - what the unit types share: results, absolute deadlines, how a process ended, signals
 * by KillMode=, and the dependencies that settings imply. Private to core/types.
 */
#pragma once

#include "cgroup/cgroup.h"
#include "exec/exec.h"
#include "types/types.h"

/* One table a type, in the file of its name. */
extern const struct unit_ops service_ops, socket_ops, target_ops, device_ops, mount_ops,
	automount_ops, swap_ops, timer_ops, path_ops, slice_ops, scope_ops;

/* ---- results: Result= of show ---- */

/* clang-format off */
#define RESULTS(X) \
	X(SUCCESS, "success") X(RESOURCES, "resources") X(PROTOCOL, "protocol") X(TIMEOUT, "timeout") \
	X(EXIT_CODE, "exit-code") X(SIGNAL, "signal") X(CORE_DUMP, "core-dump") X(WATCHDOG, "watchdog") \
	X(START_LIMIT_HIT, "start-limit-hit") X(OOM_KILL, "oom-kill") X(EXEC_CONDITION, "exec-condition") \
	X(TRIGGER_LIMIT_HIT, "trigger-limit-hit") X(SERVICE_START_LIMIT_HIT, "service-start-limit-hit") \
	X(UNIT_START_LIMIT_HIT, "unit-start-limit-hit") X(MOUNT_START_LIMIT_HIT, "mount-start-limit-hit") \
	X(UNMOUNTED, "unmounted")
/* clang-format on */
enum result {
#define X(id, name) RESULT_##id,
	RESULTS(X)
#undef X
		RESULT_MAX,
	RESULT_INVALID = -EINVAL,
};
const char *result_to_string(enum result r);
enum result result_from_string(const char *s); /* or RESULT_INVALID */

/* ---- deadlines ---- */

/* An absolute point of CLOCK_BOOTTIME at which something is overdue. It goes into the record as it
 * is, so it survives a restart of core. */
struct deadline {
	usec_t at; /* 0 or USEC_INFINITY: none */
	struct source *source;
	struct list late; /* no memory for a source: it is tried again */
	struct unit *unit;
	source_time_fn fn;
};
/* @at 0 or USEC_INFINITY disarms. @u is the handler's userdata. */
int deadline_set(struct deadline *d, struct unit *u, usec_t at, source_time_fn fn);
/* Once, before memory is short. */
int deadlines_setup(struct manager *m);
void deadline_clear(struct deadline *d);
void deadline_done(struct deadline *d);
static inline bool deadline_is_set(const struct deadline *d)
{
	return d->at > 0 && d->at != USEC_INFINITY;
}
/* @span from now; a span of 0 or infinity is "never", as in the settings. */
usec_t deadline_in(usec_t span);

/* ---- processes ---- */

/* How one process of a unit began and ended: the ExecMain* properties. */
struct process_status {
	pid_t pid;
	int code, status;
	struct stamp start, exit;
};
void process_status_begin(struct process_status *s, pid_t pid);
void process_status_end(struct process_status *s, const struct process_exit *e);
void process_status_save(const struct process_status *s, const char *prefix, struct strbuf *b);
void process_status_restore(struct process_status *s, const char *prefix, const struct record *r);
const char *exit_code_to_string(int code); /* "exited", "killed", "dumped" */
const char *exit_status_text(int code, int status, char *buf,
                             size_t size); /* "1", "TERM": for EXIT_STATUS= and messages */

/* A daemon that ends by one of the polite signals ended well; a command did not. */
enum exit_clean { EXIT_CLEAN_DAEMON, EXIT_CLEAN_COMMAND };
bool exit_status_set_has(const struct exit_status_set *set, int code, int status);
/* RESULT_SUCCESS, EXIT_CODE, SIGNAL or CORE_DUMP. @success may be NULL. */
enum result result_of_exit(const struct process_exit *e, enum exit_clean clean,
                           const struct exit_status_set *success);
/* Does this exit belong to the process we hold? Start times are compared where both are known. */
bool pidref_is_exit(const struct pidref *p, const struct process_exit *e);

enum kill_step { KILL_STEP_TERMINATE, KILL_STEP_RESTART, KILL_STEP_WATCHDOG, KILL_STEP_KILL };
struct kill_targets {
	const struct pidref *main, *control; /* NULL or not set: none */
	bool main_is_alien;                  /* its exit will not be reported: not waited for */
};
/**
 * processes_kill - signals what KillMode= says
 * @t: its processes must be members of the unit: a signal that cannot be sent now is sent later
 *
 * Returns 1: something will end, or may be there, and is waited for until the state's deadline; 0:
 * the kernel says that nothing is there.
 */
int processes_kill(struct unit *u, enum kill_step step, const struct kill_targets *t);
/* A signal could not be sent yet. */
bool kill_is_due(const struct unit *u);
/* ops->kill of all types with processes. */
int processes_kill_who(struct unit *u, enum kill_who who, int sig, const struct kill_targets *t,
                       struct diag *d);

/* The n-th command of a list or NULL. Lists are looked up anew each time: a reload replaces them.
 */
const struct exec_command *command_nth(const struct exec_command *list, unsigned n);
/* Before a spawn: the record says that it is about to be, and where to look for the process if core
 * dies before it can say more. */
void spawn_intent(struct unit *u);
/* One control process of a socket, mount or swap; watched. Type's settings from u->file. */
int control_spawn(struct unit *u, const struct exec_command *c, char *const *environment,
                  struct pidref *ret);
/*
 * namespaces.c. Before the first spawn of an activation the unit joins a group or begins one, which its record then says. The boxes are what
 * exec_spawn() takes. When the unit is dead, also before a restart, it leaves, after exec_directories_remove(); the last one removes what they
 * shared. The first two can fail for want of memory or fds.
 */
int namespaces_prepare(struct unit *u);
int namespaces_boxes(struct unit *u, int ret[static EXEC_BOX_MAX]);
void namespaces_release(struct unit *u);
void namespaces_shutdown(struct manager *m);
/* Ends the watch on a process and forgets it. */
void process_forget(struct unit *u, struct pidref *p);

/* ---- records ---- */

void record_add_process(struct strbuf *b, const char *key, const struct pidref *p);
/* The process of a record: verified and watched. Gone: pid and start time are kept without a pidfd,
 * since init still has its exit. 1 there, 0 not there or none. */
int record_take_process(struct unit *u, const struct record *r, const char *key,
                        struct pidref *ret);
/* For a record that was written before the spawn, with no pid after it: which process is it? */
struct spawn_search {
	pid_t known[2]; /* these are others */
	usec_t since;   /* boottime of the record */
};
/* The oldest process in the unit's cgroup that it may be. 1 and watched; 0: there is none; -errno:
 * it cannot be told. */
int process_find_spawned(struct unit *u, const struct spawn_search *q, struct pidref *ret);
/* Is there a child of init that it may be, and that has ended or is about to? 1: then its exit
 * comes; 0; -errno: it cannot be told. */
int process_is_dying(struct unit *u, const struct spawn_search *q);
/* The exit of a process that began after @since: perhaps the one whose pid the core before us did
 * not get to write. */
bool exit_is_since(const struct process_exit *e, usec_t since_boottime);
/* How long after a restart of core a process that was perhaps spawned may still be reported as
 * ended before its step is repeated, where neither init nor the kernel can tell. */
#define SPAWN_UNKNOWN_USEC (300 * USEC_PER_MSEC)
/*
 * Between a restart of core and the answer: was the process of an intent spawned (doubt.c)? Ends by
 * one call of @lives (takes it over), @ended, or @never (spawns it), unless it is dropped before.
 */
struct doubt_ops {
	struct spawn_search (*search)(const struct unit *u);
	void (*lives)(struct unit *u, const struct pidref *p);
	void (*ended)(struct unit *u, const struct process_exit *e);
	void (*never)(struct unit *u);
};
/* Of a type with one process at a time: it is taken into these before @ended; @search and @lives are not needed. */
struct doubt_control {
	struct pidref *pid;
	struct process_status *status; /* or NULL */
	bool *spawning;
};
struct doubt {
	struct unit *unit;
	const struct doubt_ops *ops;
	struct doubt_control control; /* pid NULL: none */
	usec_t since;                 /* boottime of the intent */
	struct process_exit exit;     /* of the process in doubt; pid 0: none */
	struct pidref living;         /* seen before init was asked: it may be this one */
	bool asking, is_dying, is_unseen;
	struct source *source;
};
void doubt_init(struct doubt *d, struct unit *u, const struct doubt_ops *ops,
                struct doubt_control control);
void doubt_begin(struct doubt *d);
void doubt_drop(struct doubt *d);
/* Somebody speaks, or time is over: if it lives it is taken. False: it is not known yet. */
bool doubt_settle(struct doubt *d);
/* How soon a deadline is looked at again that came in the middle of a doubt. */
#define DOUBT_USEC (20 * USEC_PER_MSEC)
/* An exit that may be its. It belongs into the record: it is acknowledged. */
void doubt_note_exit(struct doubt *d, const struct process_exit *e);
void doubt_exits_known(struct doubt *d); /* ops->on_exits_known */
void doubt_save(const struct doubt *d, struct strbuf *b);
void doubt_restore(struct doubt *d, const struct record *r);

/* Is the process of @p gone with nobody to tell? Then fills @ret with an exit that says so. */
bool process_is_lost(const struct pidref *p, struct process_exit *ret);

/* ---- invocation id, for journald ---- */
int invocation_publish(struct unit *u);
void invocation_unpublish(struct unit *u);

/* ---- dependencies that settings imply ---- */

/* Adds all rows of a table; a row's names end with NULL. */
struct dependency_row {
	enum unit_dependency first, second; /* second: DEP_INVALID if there is none */
	const char *name;
};
int dependencies_add(struct unit *u, const struct dependency_row *rows, size_t n);
/* Directories, stdio, PrivateTmp=, TTYPath=, root: systemd.exec(5) "Implicit Dependencies". */
int dependencies_add_exec(struct unit *u);
int dependencies_add_device(struct unit *u, const char *node,
                            enum unit_dependency d); /* and After= */
bool is_device_path(const char *path);

/* The unit that a socket, timer or path triggers: @name or the own name with @suffix. Adds Before=
 * and Triggers=. */
int dependencies_add_triggered(struct unit *u, const char *name, const char *suffix);
struct unit *triggered_unit(const struct unit *u, const char *name,
                            const char *suffix); /* NULL if it is not in memory */

/*
 * A unit that the kernel shows whether there is a file for it or not (a mount, a swap). 1: it is
 * new and waits in the load queue, so that its fields can be filled first; manager_load_unit()
 * brings that about. 0: it was there.
 */
int kernel_unit_add(struct manager *m, const char *name, struct unit **ret);
/* All units of a type, as a vector to free: events of a table may add units. -ENOMEM. */
int kernel_units_collect(const struct manager *m, enum unit_type type, struct unit ***ret,
                         size_t *ret_n);

/* Description= of a loaded unit whose file says none: both, one after the other; _by_name: the path that its name stands for. */
int describe_by_default(struct unit *u, const char *text, const char *path);
int describe_by_name(struct unit *u, const char *text);
/* Of a unit that is there as long as the system is: whatever its file says, it is in no order with the shutdown. */
int describe_perpetual(struct unit *u, const char *text, const char *page);
/* ops->describe of the parts that all types with processes have. */
int describe_process_settings(const struct unit *u, cJSON *properties);
int describe_status(const struct process_status *s, const char *prefix, cJSON *properties);
int describe_oom_policy(const struct unit *u, enum unit_type type, cJSON *properties);
int describe_moment(const char *prefix, usec_t boottime, cJSON *properties);
int describe_commands(const struct exec_command *list, const char *key, cJSON *properties);
