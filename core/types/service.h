// SPDX-License-Identifier: Apache-2.0
/*
 * service - a unit whose state is that of processes. Private to the service-*.c files, which follow a service's life:
 *
 *	service.c		the table: state x event -> handler
 *	service-load.c		from settings to dependencies
 *	service-start.c		condition .. running
 *	service-spawn.c		one command becomes a process
 *	service-environment.c	MAINPID= and friends
 *	service-exit.c		a process or the whole cgroup ended
 *	service-pid.c		which process is the main one
 *	service-notify.c	sd_notify(3), watchdog
 *	service-reload.c	ExecReload=, notify-reload
 *	service-bus.c		Type=dbus
 *	service-stop.c		stop .. dead, auto-restart
 *	service-restart.c	Restart=, RestartSec=
 *	service-fds.c		sockets, fd store
 *	service-connection.c	what an instance was started for
 *	service-record.c	save, restore, coldplug
 *	service-describe.c	show
 *
 * A handler moves the service on by the service_enter_*() functions; each of them may end in another one (no command to run:
 * next state). Only service_set_state() changes ->state, arms the deadline, tells the engine. No state follows from a flag
 * that could be derived.
 */
#pragma once

#include "types/common.h"

/* clang-format off */
#define SERVICE_STATES(X) \
	/* state, sub-state, active state, the process that it waits for */ \
	X(DEAD,		  "dead",	    INACTIVE,	  NONE) \
	X(CONDITION,	  "condition",	    ACTIVATING,	  CONTROL) \
	X(START_PRE,	  "start-pre",	    ACTIVATING,	  CONTROL) \
	X(START,	  "start",	    ACTIVATING,	  EITHER) \
	X(START_POST,	  "start-post",	    ACTIVATING,	  CONTROL) \
	X(RUNNING,	  "running",	    ACTIVE,	  MAIN) \
	X(EXITED,	  "exited",	    ACTIVE,	  NONE) \
	X(RELOAD,	  "reload",	    RELOADING,	  CONTROL) \
	X(RELOAD_SIGNAL,  "reload-signal",  RELOADING,	  MAIN) \
	X(RELOAD_NOTIFY,  "reload-notify",  RELOADING,	  MAIN) \
	X(STOP,		  "stop",	    DEACTIVATING, CONTROL) \
	X(STOP_WATCHDOG,  "stop-watchdog",  DEACTIVATING, EITHER) \
	X(STOP_SIGTERM,	  "stop-sigterm",   DEACTIVATING, EITHER) \
	X(STOP_SIGKILL,	  "stop-sigkill",   DEACTIVATING, EITHER) \
	X(STOP_POST,	  "stop-post",	    DEACTIVATING, CONTROL) \
	X(FINAL_WATCHDOG, "final-watchdog", DEACTIVATING, EITHER) \
	X(FINAL_SIGTERM,  "final-sigterm",  DEACTIVATING, EITHER) \
	X(FINAL_SIGKILL,  "final-sigkill",  DEACTIVATING, EITHER) \
	X(FAILED,	  "failed",	    FAILED,	  NONE) \
	X(AUTO_RESTART,	  "auto-restart",   ACTIVATING,	  NONE) \
	X(CLEANING,	  "cleaning",	    MAINTENANCE,  CONTROL)
/* clang-format on */
enum service_state {
#define X(id, name, active, process) SERVICE_##id,
	SERVICE_STATES(X)
#undef X
		SERVICE_STATE_MAX,
	SERVICE_STATE_INVALID = -EINVAL,
};
const char *service_state_to_string(enum service_state s);
enum service_state service_state_from_string(const char *s);
enum unit_active_state service_state_active(enum service_state s);

/* An intent in the record: this kind of process may have been spawned, its pid is not known yet. */
enum service_spawning { SPAWNING_NONE, SPAWNING_MAIN, SPAWNING_CONTROL, SPAWNING_MAX };

enum notify_state {
	NOTIFY_STATE_UNKNOWN,
	NOTIFY_STATE_READY,
	NOTIFY_STATE_RELOADING,
	NOTIFY_STATE_STOPPING
};

struct stored_fd {
	struct list link;
	struct service *service;
	unsigned number; /* its name in the vault */
	int fd;
	char *name;
	bool poll;
	struct source *source; /* notices that the other end hung up */
};
#define STORED_FDS_MAX 4096

struct service {
	struct unit unit;
	enum service_state state;
	/* result: of this run; reload_result: of the last reload */
	enum result result, reload_result;

	struct pidref main_pid, control_pid;
	bool main_pid_known, main_pid_alien /* not our child: its exit comes from a pidfd */;
	struct source *alien_source;
	struct process_status main_status, control_status;
	/* Of each command of this run, for show: not in the record, a new core begins with none. */
	struct {
		struct process_status *by_index;
		unsigned n;
	} ran[SERVICE_EXEC_MAX];
	/* The command under way: its list and its number in it. The main list is always
	 * SERVICE_EXEC_START. */
	enum service_exec control_list;
	unsigned control_index, main_index;
	enum service_spawning spawning;
	struct doubt doubt; /* of @spawning, after a restart of core */

	struct deadline deadline; /* of the state */
	struct deadline watchdog;
	usec_t watchdog_override_usec; /* WATCHDOG_USEC= of a message; 0: none */
	usec_t watchdog_last_usec;     /* boottime of the last ping */

	bool has_name;    /* Type=dbus: this run's process was heard of as the owner of BusName= */
	usec_t name_at;   /* boottime of the latest change of its owner that was heard of */
	bool awaits_name; /* Type=dbus: executed, and waits for BusName= to have an owner */
	bool forbid_restart, restart_after_dead /* between dead and auto-restart */, flush_restarts,
		adopt /* record without a state */, kill_due /* of the core before: see kill.c */;
	unsigned n_restarts;

	char *status_text, *bus_error;
	int status_errno;
	enum notify_access
		notify_access_override; /* NOTIFYACCESS= of a message; NOTIFY_ACCESS_MAX: none */
	enum notify_state notify_state;
	usec_t reload_begin_usec; /* monotonic */

	struct list stored_fds;
	size_t n_stored_fds;
	unsigned last_stored_fd;

	int connection_fd;    /* of an Accept=yes socket */
	bool connection_kept; /* in the vault, too */
	struct unit *accept_socket;
	char *peer, *peer_address, *peer_port;
	char **activation; /* TRIGGER_*= of who started it */

	int exec_fd; /* Type=exec: closed by the child's execve */
	unsigned n_exec_bytes;
	struct source *exec_source;
	struct watcher pid_file_watcher;
	bool watches_pid_file;
	struct source *lost_source; /* after a restart of core: exits that nobody will report */
};

static inline struct service *SERVICE(const struct unit *u)
{
	return (struct service *) u;
}
static inline struct service_settings *service_settings(const struct service *s)
{
	return s->unit.file->service;
}

/* Dispatches an event through the table of service.c. */
enum service_event {
	SERVICE_EVENT_START,
	SERVICE_EVENT_STOP,
	SERVICE_EVENT_RELOAD,
	SERVICE_EVENT_MAIN_EXIT,
	SERVICE_EVENT_CONTROL_EXIT,
	SERVICE_EVENT_CGROUP_EMPTY,
	SERVICE_EVENT_DEADLINE,
	SERVICE_EVENT_WATCHDOG,
	SERVICE_EVENT_OOM,
	SERVICE_EVENT_MAX,
};
/* @result: what the exit meant; RESULT_SUCCESS for events without one. */
typedef int (*service_handler_fn)(struct service *s, enum result result);
int service_event(struct service *s, enum service_event e, enum result result);
service_handler_fn service_handler(enum service_state s,
                                   enum service_event e); /* for the test that walks the table */

/* ---- service.c ---- */
void service_set_state(struct service *s, enum service_state state, usec_t deadline);
void service_add_result(struct service *s, enum result r); /* the first failure stays */
bool service_has_control(const struct service *s);
bool service_has_main(const struct service *s);

/* ---- service-load.c ---- */
int service_load(struct unit *u, struct diag *d);

/* ---- service-spawn.c ---- */
/* The n-th command of a list becomes main or control process. -ENOENT: there is no such command. */
int service_spawn_main(struct service *s, unsigned index);
int service_spawn_control(struct service *s, enum service_exec list, unsigned index);
void service_forget_control(struct service *s);
void service_forget_main(struct service *s);
enum notify_access service_notify_access(const struct service *s);
usec_t service_watchdog_usec(const struct service *s);

/* ---- service-environment.c ---- */
int service_environment(const struct service *s, enum service_exec list, bool control, char ***ret);

/* ---- service-start.c ---- */
int service_begin(struct service *s, enum result result);
int service_begin_in_restart(struct service *s, enum result result);
void service_enter_start_pre(struct service *s);
void service_enter_start(struct service *s);
void service_enter_start_post(struct service *s);
void service_enter_running(struct service *s, enum result result);
void service_refresh_deadline(struct service *s); /* RuntimeMaxSec= may have changed */
int service_start_deadline(struct service *s, enum result result);
int service_running_deadline(struct service *s, enum result result);
bool service_is_good(const struct service *s); /* has a main process, or lives in its cgroup */
usec_t service_start_timeout(const struct service *s);
/* Says when the main process of Type=exec and dbus has been executed; 0 or -errno, and then @fd_take is closed. */
int service_watch_exec(struct service *s, int fd_take);
void service_unwatch_exec(struct service *s);

/* ---- service-reload.c ---- */
int service_begin_reload(struct service *s, enum result result);
int service_reload_control_exit(struct service *s, enum result result);
int service_reload_deadline(struct service *s, enum result result);
void service_enter_reload_notify(struct service *s);

/* ---- service-stop.c ---- */
int service_begin_stop(struct service *s, enum result result);
int service_begin_stop_by_signal(struct service *s, enum result result);
int service_begin_stop_in_restart(struct service *s, enum result result);
void service_enter_stop(struct service *s, enum result result);
void service_enter_signal(struct service *s, enum service_state state, enum result result);
void service_enter_stop_post(struct service *s, enum result result);
void service_enter_stop_by_notify(struct service *s);
void service_enter_dead(struct service *s, enum result result, bool allow_restart);
int service_stop_deadline(struct service *s, enum result result);
int service_signal_deadline(struct service *s, enum result result);
int service_watchdog_expired(struct service *s, enum result result);
usec_t service_abort_timeout(const struct service *s);

/* ---- service-exit.c ---- */
void service_on_exit(struct unit *u, const struct process_exit *e);
void service_on_cgroup_empty(struct unit *u);
void service_on_oom(struct unit *u);
int service_condition_exit(struct service *s, enum result result);
int service_start_pre_exit(struct service *s, enum result result);
int service_start_main_exit(struct service *s, enum result result);
int service_start_control_exit(struct service *s, enum result result);
int service_start_post_control_exit(struct service *s, enum result result);
int service_running_main_exit(struct service *s, enum result result);
int service_stop_control_exit(struct service *s, enum result result);
int service_signalled_exit(struct service *s, enum result result);
int service_stop_post_exit(struct service *s, enum result result);
int service_final_exit(struct service *s, enum result result);
int service_start_empty(struct service *s, enum result result);
int service_running_empty(struct service *s, enum result result);
int service_signalled_empty(struct service *s, enum result result);
int service_final_empty(struct service *s, enum result result);
int service_oom_early(struct service *s, enum result result);
int service_oom_running(struct service *s, enum result result);
int service_oom_late(struct service *s, enum result result);

/* ---- service-pid.c ---- */
int service_set_main_pid(struct service *s, struct pidref *take);
int service_load_pid_file(struct service *s, bool complain);
int service_watch_pid_file(struct service *s);
void service_unwatch_pid_file(struct service *s);
void service_pid_file_changed(struct service *s);
void service_guess_main_pid(struct service *s);

/* ---- service-restart.c ---- */
/* Pure: what Restart= and its exceptions say about this end. */
bool restart_is_due(const struct service_settings *c, enum result result, int code, int status);
bool service_shall_restart(const struct service *s);
/* RestartSec=, growing to RestartMaxDelaySec= in RestartSteps=. */
usec_t restart_delay(const struct service_settings *c, unsigned n_restarts);
int service_restart_deadline(struct service *s, enum result result);

/* ---- service-notify.c ---- */
void service_on_message(struct unit *u, struct unit_message *m);
void service_watchdog_arm(struct service *s); /* from now on, if the service has a watchdog */

/* ---- service-fds.c ---- */
struct service_fds {
	int *fds;
	char **names;
	size_t n_socket, n_stored;
};
int service_collect_fds(struct service *s, struct service_fds *ret);
void service_fds_done(struct service_fds *f);
int service_store_fd(struct service *s, int fd_take, const char *name, bool poll);
void service_drop_fds(struct service *s, const char *name); /* NULL: all */
void service_save_fds(const struct service *s, struct strbuf *b);
void service_restore_fds(struct service *s, const struct record *r);
bool fd_name_is_valid(const char *name);

/* ---- service-connection.c ---- */
#define CONNECTION_VAULT "connection"
void connection_keep(const struct manager *m, const char *unit, int fd);
void connection_forget(const struct manager *m, const char *unit);
void service_hand_over_connection(struct service *s);
void service_restore_connection(struct service *s);
bool service_wants_connection(const struct service *s);
void service_attach_socket(struct service *s, struct unit *socket);
void service_release_connection(struct service *s);

/* ---- service-record.c ---- */
void service_save(const struct unit *u, struct strbuf *b);
int service_restore(struct unit *u, const struct record *r);
int service_coldplug(struct unit *u);
/* What is not waited for by a process or a deadline is looked at once. */
void service_go_on(struct service *s);

/* ---- service-doubt.c: between a restart of core and the answer, was the process spawned? ---- */
extern const struct doubt_ops service_doubt_ops;
/* Somebody speaks, or time is over, and it may be of the process that was spawned: if that lives it is
 * taken. False: it is not known yet. */
bool service_settle_spawn(struct service *s);
/* True: an exit that may be its, and is kept until that is known. */
bool service_note_exit(struct service *s, const struct process_exit *e);
void service_on_exits_known(struct unit *u);

/* ---- service-bus.c ---- */
void service_bus_name_owner(struct unit *u, bool owned, bool initial, usec_t at);
bool service_awaits_name(const struct service *s); /* somebody tells of names */

/* ---- service-describe.c ---- */
int service_describe(const struct unit *u, cJSON *properties);
void service_note_run(struct service *s, enum service_exec list, unsigned index,
                      const struct process_status *status);
void service_forget_runs(struct service *s);

/* ---- the handlers of sources ---- */
int service_on_deadline(struct source *source, usec_t deadline, void *userdata);
int service_on_watchdog(struct source *source, usec_t deadline, void *userdata);
