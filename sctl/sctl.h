// SPDX-License-Identifier: Apache-2.0
/*
 * sctl - the operator's command. One verb is one row of the table in main.c; a verb talks to a session, which is a varlink
 * connection to core (or to the upgrade agent) on this machine or, with -H, in any guest. Verbs, output and exit codes are
 * the same wherever the machine is.
 *
 *	main.c       options, the table of verbs
 *	transport.c  from "-H ADDRESS" to a connected stream
 *	session.c    calls, streams, reconnecting
 *	table.c      aligned columns, colours, ages
 *	verb-*.c     what each verb asks and prints
 *
 * Exit status: 0 done; 1 failed; 2 usage; 3 unit not active (status, is-active); 4 no such unit; 5 not loaded; 69 machine
 * not reached.
 */
#pragma once

#include "base/base.h"
#include "base/varlink.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_ACTIVE = 3,
	EXIT_NO_UNIT = 4,
	EXIT_NOT_LOADED = 5,
	EXIT_UNREACHABLE = 69,
};

struct options {
	const char *host; /* -H, NULL: this machine */
	bool json, quiet, all, no_block, no_legend, value, full, runtime, force, now, dry_run,
		plain, wait, show_transaction, no_reload, marked, after, before, reverse,
		with_dependencies, user, show_types, no_wall,
		some_properties /* -p was given, maybe empty */;
	unsigned n_force;
	const char *job_mode, *kill_who, *root, *reason, *preset_mode, *drop_in, *timestamp;
	int signal;
	char **properties, **types, **states, **what;
	usec_t timeout;
};
extern struct options arg;

/* ---- options.c, main.c ---- */
int parse_options(int argc, char **argv); /* 1: go on; 0: done; < 0: usage */
void print_options(void);
const char *option_name(size_t i,
                        bool *ret_has_value); /* the i-th long option, NULL behind the last */
void print_help(void);
/* "default", "rescue", ... and other verbs may run verbs: exit code. */
int run_verb(const char *name, char **args);

/* ---- session ---- */
struct session;
struct loop *session_loop(struct session *s);
#define SERVICE_CONTROL "control"
#define SERVICE_UPGRADE "upgrade"

/* Connects to @service of the machine that -H names; prints why it cannot. 0 or -errno. */
int session_open(const char *service, struct session **ret);
struct session *session_close(struct session *s);
DEFINE_CLEANUP(struct session *, session_close)
/* Again, after core was replaced: tries for @timeout. */
int session_reopen(struct session *s, usec_t timeout);
/*
 * One call. 0: *ret is the answer (free it). -EREMOTEIO: the other end answered with an error,
 * printed unless @quiet_error is given, which then gets the name (valid until the next call).
 * -ECONNRESET: the connection was lost. -ETIMEDOUT. Others are printed.
 */
int session_call(struct session *s, const char *method, cJSON *parameters, const char **quiet_error,
                 cJSON **ret);
/* A call with "more": fn for each answer until one has no "continues" or fn returns non-zero, which
 * is returned. */
typedef int (*session_stream_fn)(const cJSON *answer, bool continues, void *userdata);
int session_stream(struct session *s, const char *method, cJSON *parameters, usec_t timeout,
                   session_stream_fn fn, void *userdata);
/* Maps the result of the last failed call to an exit code. */
int session_exit_code(const struct session *s, int r);
const cJSON *session_error_parameters(const struct session *s);

/* ---- transport ---- */
/* A connected stream to @service at @host (NULL: local). A serial line needs @l to pump its frames.
 * *ret_keep is freed with transport_release(). */
int transport_connect(struct loop *l, const char *host, const char *service, int *ret_fd,
                      void **ret_keep);
void transport_release(void *keep);
/* "sctl bridge SERVICE": standard input and output to the local socket; the far end of ssh:. */
int transport_bridge(const char *service);

/* ---- output ---- */
struct table {
	size_t n_columns, n_rows;
	char **cells;
	const char *const *header;
};
void table_init(struct table *t, const char *const *header, size_t n_columns);
void table_add(struct table *t, const char *const *cells); /* copies */
void table_print(const struct table *t, bool legend);
void table_done(struct table *t);
void print_json(const cJSON *j);
bool use_colour(void);
const char *state_colour(const char *active); /* escape or "" */
#define COLOUR_OFF  (use_colour() ? "\033[0m" : "")
#define COLOUR_BOLD (use_colour() ? "\033[1m" : "")
/* "5min ago" */
const char *age_format(char *buf, size_t size, usec_t realtime);
const char *bytes_format(char *buf, size_t size, uint64_t bytes);
int error_exit(int code, const char *fmt, ...) _printf_(2, 3);

/* critical-chain.c; @unit NULL: the default target */
int analyze_critical_chain(struct session *s, const char *unit);

/* ---- verbs ---- */
struct verb {
	const char *name, *arguments, *help;
	int min_args, max_args; /* -1: any number */
	int (*run)(const struct verb *v, char **args);
};
extern const struct verb verbs[];
extern const size_t n_verbs;
/* One file each; see the table in main.c. */
int verb_queue(const struct verb *v, char **args);
int verb_kill(const struct verb *v, char **args);
int verb_reset_failed(const struct verb *v, char **args);
int verb_cancel(const struct verb *v, char **args);
int verb_list_units(const struct verb *v, char **args);
int verb_list_jobs(const struct verb *v, char **args);
int verb_list_unit_files(const struct verb *v, char **args);
int verb_list_sockets(const struct verb *v, char **args);
int verb_list_timers(const struct verb *v, char **args);
int verb_list_dependencies(const struct verb *v, char **args);
int verb_is_active(const struct verb *v, char **args);
int verb_status(const struct verb *v, char **args);
int verb_show(const struct verb *v, char **args);
int verb_cat(const struct verb *v, char **args);
int verb_help(const struct verb *v, char **args);
int verb_edit(const struct verb *v, char **args);
int verb_file_change(const struct verb *v, char **args);
int verb_is_enabled(const struct verb *v, char **args);
int verb_get_default(const struct verb *v, char **args);
int verb_set_default(const struct verb *v, char **args);
int verb_is_system_running(const struct verb *v, char **args);
int verb_daemon_reload(const struct verb *v, char **args);
int verb_daemon_reexec(const struct verb *v, char **args);
int verb_switch_root(const struct verb *v, char **args);
int verb_power(const struct verb *v, char **args);
int verb_state_target(const struct verb *v, char **args);
int verb_sleep(const struct verb *v, char **args);
int verb_analyze(const struct verb *v, char **args);
int verb_events(const struct verb *v, char **args);
int verb_upgrade(const struct verb *v, char **args);
int verb_versions(const struct verb *v, char **args);
int verb_crashes(const struct verb *v, char **args);
int verb_rollback(const struct verb *v, char **args);
int verb_environment(const struct verb *v, char **args);
int verb_set_property(const struct verb *v, char **args);
int verb_freeze(const struct verb *v, char **args);
int verb_clean(const struct verb *v, char **args);
int verb_why(const struct verb *v, char **args);
int verb_log_level(const struct verb *v, char **args);
int verb_service_watchdogs(const struct verb *v, char **args);
int verb_unit_path(const struct verb *v, char **args);
int verb_completion(const struct verb *v, char **args);
int verb_bridge(const struct verb *v, char **args);
/* Unit names as typed -> full names ("nginx" -> "nginx.service"); exits the verb with a message on
 * a bad one. */
int signal_number(const char *s); /* "TERM", "SIGTERM", "15"; or -EINVAL */
int mangle_names(char **args, bool allow_glob, char ***ret);
/* The same, and patterns become the names of units in memory that match. */
int expand_names(struct session *s, char **args, char ***ret);

/* ---- what verbs share ---- */
/* Unit.Describe: the properties are @ret_answer's. */
int describe_unit(struct session *s, const char *name, cJSON **ret_answer,
                  const cJSON **ret_properties);
int list_unit_rows(struct session *s, char *const *patterns, char *const *types,
                   char *const *states, bool all, cJSON **ret_answer, const cJSON **ret_rows);
/* Jobs of the verb of Unit.Queue, waited for: exit code. */
int queue_names(struct session *s, const char *verb, char *const *names, const char *mode);
/* Runs @parameters of Unit.Queue or Unit.StartTransient: exit code. *ret_ended: properties of the last unit that ended, if follow was asked. */
int queue_call(struct session *s, const char *method, cJSON *parameters, cJSON **ret_ended);

/* The units, and all that they pull in, or that "arg" asks for. */
int collect_dependencies(struct session *s, char *const *names, char ***ret);
/* What UnitFile's methods answer, from the tree arg.root or this machine's, without a manager. */
int offline_list(char *const *patterns, cJSON **ret);
int offline_state(const char *name, const char **ret);
int offline_change(const char *verb, char **names, cJSON **ret);
int offline_default(char **ret);

/* ---- other names of this program ---- */
int run_main(int argc, char **argv); /* systemd-run */
int analyze_main(int argc,
                 char **argv); /* systemd-analyze: what needs the manager; else the stock one */
/* Runs the program of the same name that is not this one, e.g. for --user: does not return if it could. */
int exec_stock(const char *name, char **argv);
/* A unit file line from an argument vector: quoted, specifiers escaped. NULL: out of memory. */
char *exec_line(char *const *argv);
