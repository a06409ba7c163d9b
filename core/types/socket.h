// SPDX-License-Identifier: Apache-2.0
/*
 * socket - listening file descriptors, and the service that starts when something comes in. Private
 * to the socket-*.c files: socket.c (states), socket-trigger.c (the service), socket-load.c,
 * socket-address.c (pure: text to address), socket-open.c (from a port to an fd), socket-ports.c (which fd is
 * which port), socket-options.c, socket-accept.c (connections), socket-record.c.
 *
 * The fds are in the vault as "socket/UNIT/NUMBER", so they and what is queued in them outlive
 * core; they are believed after a restart only if kind and address are what the unit's port says.
 */
#pragma once

#include "types/common.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* clang-format off */
#define SOCKET_STATES(X) \
	X(DEAD,		   "dead",	       INACTIVE) \
	X(START_PRE,	   "start-pre",	       ACTIVATING) \
	X(START_CHOWN,	   "start-chown",      ACTIVATING) \
	X(START_POST,	   "start-post",       ACTIVATING) \
	X(LISTENING,	   "listening",	       ACTIVE) \
	X(RUNNING,	   "running",	       ACTIVE) \
	X(STOP_PRE,	   "stop-pre",	       DEACTIVATING) \
	X(STOP_PRE_SIGTERM, "stop-pre-sigterm", DEACTIVATING) \
	X(STOP_PRE_SIGKILL, "stop-pre-sigkill", DEACTIVATING) \
	X(STOP_POST,	   "stop-post",	       DEACTIVATING) \
	X(FINAL_SIGTERM,   "final-sigterm",    DEACTIVATING) \
	X(FINAL_SIGKILL,   "final-sigkill",    DEACTIVATING) \
	X(FAILED,	   "failed",	       FAILED) \
	X(CLEANING,	   "cleaning",	       MAINTENANCE)
/* clang-format on */
enum socket_state {
#define X(id, name, active) SOCKET_##id,
	SOCKET_STATES(X)
#undef X
		SOCKET_STATE_MAX,
	SOCKET_STATE_INVALID = -EINVAL,
};

/* One port of the unit while it is open. USB functions and directories can make several fds of one
 * port; all others one. */
struct socket_fd {
	int fd;
	unsigned port; /* number of the port in the settings */
	unsigned slot; /* its number in the vault; the port's where no reload has moved anything */
	struct source *source;
	struct socket *socket;
};

struct socket {
	struct unit unit;
	enum socket_state state;
	enum result result;
	struct pidref control_pid;
	struct process_status control_status;
	enum socket_exec control_list;
	unsigned control_index;
	bool spawning;
	struct doubt doubt; /* of @spawning, after a restart of core */
	struct source *coldplug_source;
	struct deadline deadline;

	struct socket_fd *fds;
	size_t n_fds;

	struct map
		*peers; /* source address -> number of connections, for MaxConnectionsPerSource= */
	unsigned n_connections, n_accepted, n_refused;
	usec_t trigger_begin_usec;
	unsigned trigger_count;
};

static inline struct socket *SOCKET(const struct unit *u)
{
	return (struct socket *) u;
}
static inline struct socket_settings *socket_settings(const struct socket *s)
{
	return s->unit.file->socket;
}

/* ---- socket.c ---- */
const char *socket_state_to_string(enum socket_state s);
void socket_set_state(struct socket *s, enum socket_state state, usec_t deadline);
void socket_enter_stop_pre(struct socket *s, enum result result);
void socket_enter_listening(struct socket *s);
void socket_on_exit(struct unit *u, const struct process_exit *e);
void socket_command_ended(struct socket *s, enum result result);
/* The command under way again. -errno: it cannot be started. */
int socket_spawn_again(struct socket *s);
/* A state without a process: what it is for is begun again. */
void socket_go_on(struct socket *s);
extern const struct doubt_ops socket_doubt_ops;
int socket_on_deadline(struct source *source, usec_t deadline, void *userdata);

/* ---- socket-trigger.c ---- */
struct unit *socket_service(const struct socket *s); /* NULL if it is not in memory */
/* One more trigger; false: too many in TriggerLimitIntervalSec=. Pure but for @s. */
usec_t socket_trigger_interval(const struct socket_settings *c);
unsigned socket_trigger_burst(const struct socket_settings *c);
bool socket_trigger_allowed(struct socket *s, usec_t at);
/* Something came in: a connection (taken), or -EBADF for all that is on the listening fds. */
void socket_enter_running(struct socket *s, int connection_take);
void socket_on_trigger(struct unit *u, struct unit *triggered);

/* ---- socket-load.c ---- */
int socket_load(struct unit *u, struct diag *d);

/* ---- socket-address.c: pure ---- */
union socket_address {
	struct sockaddr sa;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage; /* AF_VSOCK */
};
struct socket_target {
	union socket_address address;
	socklen_t size;
	int type; /* SOCK_STREAM, ... */
};
/* "80", "1.2.3.4:80", "[::1%eth0]:80", "/path", "@abstract", "vsock:CID:PORT". @have_ipv6: what a
 * bare port means. */
int socket_address_parse(const char *text, enum socket_port_kind kind, bool have_ipv6,
                         struct socket_target *ret);
/* "1.2.3.4:80", "[::1]:80", "/path", "@abstract": for show and messages. */
int socket_address_format(const union socket_address *a, socklen_t size, char **ret);
/* "1.2.3.4:80-5.6.7.8:99" or "PID-UID": the part of an Accept=yes instance's name behind the
 * number. */
int socket_instance_suffix(const union socket_address *local, const union socket_address *peer,
                           const struct ucred *cred, char **ret);

/* ---- socket-open.c ---- */
int socket_open_all(struct socket *s);
/* Closes; with RemoveOnStop= the files go, too. */
void socket_close_all(struct socket *s, bool stopping);
int socket_check_fd(const struct socket *s, const struct socket_port *p,
                    int fd); /* is it what the port says? */
int socket_make_symlinks(const struct socket *s);

/* ---- socket-ports.c ---- */
const struct socket_port *socket_port_nth(const struct socket_settings *c, unsigned n);
bool socket_port_is_open(const struct socket *s, unsigned port);
/* @slot: the one it should have in the vault; another one if that is taken. */
int socket_fd_add(struct socket *s, int fd_take, unsigned port, unsigned slot);
void socket_sort_fds(struct socket *s);
void socket_fd_keep(const struct socket *s, const struct socket_fd *f);
void socket_fd_forget(const struct socket *s, const struct socket_fd *f);
/* Out of the vault what is one of the unit's ports, whatever a record says. 1: there was one; 0; -errno. */
int socket_take_kept(struct socket *s);
/* Out of the vault with all that it holds of the unit: the unit is down. */
void socket_drop_kept(const struct socket *s);
void socket_settings_change(struct unit *u, const struct unit_file *new);

/* ---- socket-options.c ---- */
void socket_apply_options(const struct socket *s, const struct socket_port *p, int fd, int family);

/* ---- socket-accept.c ---- */
int socket_watch(struct socket *s);
void socket_unwatch(struct socket *s);
void socket_drain(struct socket *s); /* connections that nobody will take */
int socket_connection_begin(struct unit *socket, const char *peer); /* -E2BIG: too many */
void socket_connection_end(struct unit *socket, const char *peer);
void socket_start_connection(struct socket *s, int fd_take);

/* ---- socket-record.c ---- */
void socket_save(const struct unit *u, struct strbuf *b);
int socket_restore(struct unit *u, const struct record *r);
int socket_coldplug(struct unit *u);
int socket_describe(const struct unit *u, cJSON *properties);
