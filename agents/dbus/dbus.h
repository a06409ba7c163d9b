// SPDX-License-Identifier: Apache-2.0
/*
 * dbus - the D-Bus facade: org.freedesktop.systemd1 on the system bus, as systemd's clients know it, made of core's own interface.
 *
 *	main.c		options, the loop
 *	bus.c		the connection to the bus, on our loop; who may do what
 *	core.c		calls to core, each on a connection of its own, with a deadline; an order holds back the signals about it
 *	object.c	object paths and unit names
 *	dispatch.c	a message comes: which object, which interface, which method
 *	method.c	the table of methods; manager.c, order.c, unit-file.c, list.c, hold.c: what they do
 *	property.c	Get, GetAll, Set; property-table.c: names, D-Bus types, where each value is in core's answer
 *	value.c		core's JSON to D-Bus values and (transient.c, assignment.c) D-Bus values to lines of a unit file
 *	introspect.c	the XML, from the tables
 *	signal.c	core's events to JobNew, JobRemoved, PropertiesChanged, UnitNew, UnitRemoved, Reloading
 *	name.c		names on the bus to core (Type=dbus), ActivationRequest
 *	error.c		error names
 *
 * A message is answered later, when core has answered: nothing here waits, but for the bus daemon's word on who a caller is.
 * Everybody may read, root alone may write. Nothing is kept that core does not know: when the facade dies, clients lose their
 * connection's worth of state (subscriptions, references) as they would with a restarted bus, and nobody else notices. It ends
 * when the bus ends; its unit starts it again.
 */
#pragma once

#include "base/base.h"
#include "base/varlink.h"

#include <systemd/sd-bus.h>

#define BUS_NAME     "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define UNIT_PATH    MANAGER_PATH "/unit"
#define JOB_PATH     MANAGER_PATH "/job"
/* systemd's version whose interface this is: clients look at the number. */
#define INTERFACE_VERSION 252

#define CALLS_MAX 256 /* to core, at the same time */

struct dbus {
	struct loop *loop;
	const char *control; /* core's socket */
	const char *version;
	sd_bus *bus;
	int bus_fd; /* the library's */
	struct source *bus_io, *bus_time, *bus_turn;
	bool is_named, is_attached, is_heard, is_subscribed, is_ready, is_reloading;

	/* core.c */
	struct list calls;
	unsigned n_calls, n_orders;

	/* signal.c */
	struct varlink_client *events;
	struct source *events_retry;
	cJSON *held;                         /* events that wait for the answers of orders */
	sd_bus_track *subscribers, *clients; /* of signals; of jobs */
	uint32_t last_nop_job;
	uint64_t last_event;
	struct list kept_fds;
	struct list changed; /* units whose properties are on their way */

	/* name.c, hold.c */
	struct varlink_client *attached;
	struct source *attach_retry, *tell_retry;
	struct map *watched; /* bus name -> struct watched_name */
	struct list holds;
};

/* ---- main.c ---- */
/* The name is ours and core is followed: then who is ordered after us may go on. */
void dbus_check_ready(struct dbus *d);

/* ---- bus.c ---- */
int bus_open(struct dbus *d, const char *address);
void bus_close(struct dbus *d);
/* Something was queued for the bus outside of its own handlers. */
void bus_touch(struct dbus *d);
/* 1 the sender is root, or an error was sent in reply. */
int bus_require_root(sd_bus_message *m);
int bus_sender_pid(sd_bus_message *m, pid_t *ret);
int bus_sender_uid(sd_bus_message *m, uid_t *ret);

/* ---- core.c ---- */
enum core_flags {
	CORE_ORDER = 1,      /* makes a job: signals wait until this is answered */
	CORE_SLOW = 2,       /* may take minutes */
	CORE_MAY_VANISH = 4, /* that core goes away is the success */
};
/* @parameters is core's answer, NULL if it vanished as it should. A negative value is sent as an error. */
typedef int (*core_answer_fn)(struct dbus *d, sd_bus_message *m, const cJSON *parameters,
                              void *userdata);
/*
 * Calls core on behalf of message @m, which is referenced and, if core answers with an error or not in time, answered with it.
 * @parameters is taken; @userdata is freed with free() after @fn. A negative return: nothing was sent, and the caller's
 * handler passes it on, so that the bus library makes an error of it.
 */
int core_call(struct dbus *d, sd_bus_message *m, const char *method, cJSON *parameters,
              unsigned flags, core_answer_fn fn, void *userdata_take);
int core_call_owned(struct dbus *d, sd_bus_message *m, const char *method, cJSON *parameters,
                    unsigned flags, core_answer_fn fn, void *userdata_take,
                    void (*userdata_free)(void *userdata));
/* Without a message: errors are logged; @fn may be NULL, and is called on success alone. */
int core_tell(struct dbus *d, const char *method, cJSON *parameters, core_answer_fn fn,
              void *userdata_take);
void core_done(struct dbus *d);

/* ---- error.c ---- */
int error_reply(sd_bus_message *m, const char *core_error, const cJSON *parameters);
const char *error_to_dbus(const char *core_error);

/* ---- object.c ---- */
enum object_kind {
	OBJECT_NONE,
	OBJECT_ABOVE, /* "/", "/org", ...: only there to be walked */
	OBJECT_MANAGER,
	OBJECT_UNITS,
	OBJECT_UNIT,
	OBJECT_UNIT_SELF, /* of the caller */
	OBJECT_JOBS,
	OBJECT_JOB,
};
struct object {
	enum object_kind kind;
	char *unit;
	uint32_t job;
};
int object_parse(const char *path, struct object *ret);
void object_done(struct object *o);
#define auto_object __attribute__((cleanup(object_done)))
int unit_path(const char *unit, char **ret);
#define JOB_PATH_MAX (sizeof(JOB_PATH) + 12)
const char *job_path(char buffer[static JOB_PATH_MAX], uint32_t id);
/* "Service" of "cron.service"; NULL */
const char *unit_interface(const char *unit);

/* ---- property-table.c ---- */
enum property_form {
	FORM_PLAIN, /* by its signature */
	FORM_JOB,   /* number and path */
	FORM_LOAD_ERROR,
	FORM_ID128,  /* text to bytes */
	FORM_BASE64, /* the same */
	FORM_ENVIRONMENT_FILES,
	FORM_CPUS, /* "0-3 7" to a mask */
	FORM_PERSONALITY,
	FORM_MAYBE_STRING, /* "-x": may fail */
	FORM_DENY_LIST,    /* "~ a b": all but these */
	FORM_SYSTEM_CALLS, /* the same, groups by their members */
	FORM_SYSTEM_CALLS_LOGGED,
	FORM_BINDS,
	FORM_PAIRS, /* "a:b" */
	FORM_BYTES_LIST,
	FORM_OCTAL,
	FORM_COMMANDS,
	FORM_COMMANDS_EX,
	FORM_VERSION,
	FORM_UNIT,      /* name and path */
	FORM_DEVICES,   /* "device rwm" */
	FORM_ADDRESSES, /* "10.0.0.0/8", "any" */
};
enum property_change { CONST, CHANGES, SILENT };
struct property {
	const char *name, *signature;
	enum property_form form;
	enum property_change change;
};
/* The tables that make up one interface. */
struct interface {
	const char *name; /* "org.freedesktop.systemd1.Service" */
	struct {
		const struct property *rows;
		size_t n;
	} parts[5];
};
extern const struct interface interfaces[];
const struct interface *interface_find(const char *name);
const struct property *property_find(const struct interface *i, const char *name);

/* ---- value.c ---- */
/* Appends the value that core's @object has for the row: without a variant around it. -ENOENT: it has none. */
int value_append(sd_bus_message *m, const struct property *p, const cJSON *object);
bool value_is_there(const struct property *p, const cJSON *object);

/* ---- property.c ---- */
int properties_get(struct dbus *d, const struct object *o, sd_bus_message *m);
int properties_get_all(struct dbus *d, const struct object *o, sd_bus_message *m);
int properties_set(struct dbus *d, const struct object *o, sd_bus_message *m);
/* "a{sv}" of one interface, or of those rows that change. */
int properties_append(sd_bus_message *m, const struct interface *i, const cJSON *object,
                      bool changing);

/* ---- dispatch.c, method.c ---- */
/* CORE_SAYS: core is told who asks, and decides. */
enum access { READ, WRITE, CORE_SAYS };
struct method {
	const char *interface, *name, *in, *out;
	enum access access;
	int (*fn)(struct dbus *d, const struct object *o, sd_bus_message *m, const char *argument);
	const char *argument;
};
extern const struct method methods[];
extern const size_t n_methods;
int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error);
int dispatch(struct dbus *d, const struct object *o, sd_bus_message *m);

/* ---- introspect.c ---- */
int introspect(struct dbus *d, const struct object *o, sd_bus_message *m);

/* ---- manager.c, order.c, unit-file.c, list.c: @o is the unit of the message, or the manager ---- */
#define METHOD_FN(name)                                                                            \
	int name(struct dbus *d, const struct object *o, sd_bus_message *m, const char *argument)
METHOD_FN(method_get_unit);
METHOD_FN(method_get_unit_by_pid);
METHOD_FN(method_order);
METHOD_FN(method_start_transient);
METHOD_FN(method_set_properties);
METHOD_FN(method_kill);
METHOD_FN(method_reset_failed);
METHOD_FN(method_unit_call);
METHOD_FN(method_clean);
METHOD_FN(method_attach);
METHOD_FN(method_ref);
METHOD_FN(method_processes);
METHOD_FN(method_get_job);
METHOD_FN(method_cancel_job);
METHOD_FN(method_clear_jobs);
METHOD_FN(method_list_units);
METHOD_FN(method_list_jobs);
METHOD_FN(method_dump);
METHOD_FN(method_list_unit_files);
METHOD_FN(method_unit_file_state);
METHOD_FN(method_change_files);
METHOD_FN(method_get_default);
METHOD_FN(method_set_default);
METHOD_FN(method_subscribe);
METHOD_FN(method_reload);
METHOD_FN(method_reexecute);
METHOD_FN(method_shutdown);
METHOD_FN(method_environment);

/* The name of the unit that a message is about: the object's own, or its first argument. Owned by the message or the object. */
int method_unit(const struct object *o, sd_bus_message *m, const char **ret);

/* ---- assignment.c, transient.c: from a(sv) to lines of a unit file. Pure but for the message. ---- */
struct assignments {
	char **lines;
	pid_t *pids;
	size_t n_pids;
	int fds[3]; /* what lines name by /proc/PID/fd; open as long as this lives */
	size_t n_fds;
	bool hold; /* AddRef */
};
void assignments_done(struct assignments *a);
/* Keeps the descriptors of @a until the unit is down. */
int fds_keep(struct dbus *d, const char *unit, struct assignments *a);
void fds_drop(struct dbus *d, const char *unit); /* NULL: all */
int assignments_read(sd_bus_message *m, struct assignments *ret);
/* The content of one variant. -EINVAL: its type is not known for a setting. */
int assignment_read(sd_bus_message *m, const char *name, const char *signature,
                    struct assignments *a);
int assignments_keep_fd(struct assignments *a, int fd); /* the copy */

/* ---- signal.c ---- */
int signals_setup(struct dbus *d);
void signals_done(struct dbus *d);
/* Orders are answered: what was held back goes out. */
void signals_release(struct dbus *d);
/* A job that was over before it began: it gets a number of its own, and its end is told. */
uint32_t signals_nop_job(struct dbus *d);
int signals_job_removed(struct dbus *d, uint32_t id, const char *unit, const char *result);
int signals_reloading(struct dbus *d, bool active);
int signals_unit(struct dbus *d, const char *member, const char *unit);
int signals_files_changed(struct dbus *d);

/* ---- name.c, hold.c ---- */
int names_setup(struct dbus *d);
void names_done(struct dbus *d);
int hold_unit(struct dbus *d, sd_bus_message *m, const char *unit, bool hold, bool reply);
void holds_renew(struct dbus *d); /* core came anew */
void holds_done(struct dbus *d);
