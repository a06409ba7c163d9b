// SPDX-License-Identifier: Apache-2.0
/*
 * types - one file a unit type behind one table of operations (struct unit_ops, core/engine). A type is a small state machine; its states
 * carry systemd's names, since `systemctl show` prints them. It gets events (start, stop, exit, message, cgroup empty, time-out) and
 * answers with processes (core/exec), signals (core/cgroup) and unit_notify().
 *
 * Each type saves before a side effect that cannot be repeated and after it, and can rebuild itself from its record and the kernel (coldplug).
 */
#pragma once

#include "engine/engine.h"
#include "state/state.h"

/* By enum unit_type; every slot filled but those that wait for plug-ins (plugin.h). */
extern const struct unit_ops *unit_types[UNIT_TYPE_MAX];

/*
 * The sd_notify(3) socket /run/systemd/notify: from the vault or new, and into the vault. Call it before units are read back: types_vault() is @k
 * from then on.
 */
int notify_setup(struct manager *m, struct link *k);
void notify_shutdown(struct manager *m);

/* The link's vault, for sockets and fd stores; NULL in tests: then fds do not outlive core. */
struct link *types_vault(const struct manager *m);
/*
 * "KIND/UNIT/NUMBER" into @buffer, of WIRE_VAULT_NAME_MAX + 1 bytes, without the number if it is negative. Takes no memory, since what
 * is closed has to leave the vault whether there is any or not. -ENAMETOOLONG.
 */
int types_vault_name(const char *unit, const char *kind, int64_t number, char *buffer);

/* Once all units are back: the connections that were accepted, and of which no record tells, get their instances. */
void connections_taken_over(struct manager *m);
/* Once all units are back: what the vault holds of groups that no unit is in goes. */
void namespaces_taken_over(struct manager *m);

/* socket.c, for service.c: the fds a service gets from its sockets. Borrowed. */
int socket_collect_fds(struct unit *socket, int **ret_fds, char ***ret_names, size_t *ret_n);
/* service.c, for socket.c: the connection of an Accept=yes instance; takes fd. */
int service_set_connection(struct unit *service, struct unit *socket, int fd, const char *peer);
/* scope.c, for api: a process that the scope takes in, at its start or now if it runs. */
int scope_add_pid(struct unit *scope, pid_t pid);
/* service-environment.c, for timers, paths and api: TRIGGER_*= variables that the next start of a service gets. Other types take none. */
int service_set_activation(struct unit *u, char *const *environment);
