// SPDX-License-Identifier: Apache-2.0
/*
 * state - what outlives core: a store of small records (LMDB in /run/sysmaster/state), and the link to init, which holds file
 * descriptors (the vault) and tells of exits.
 *
 * Flow at start: link_open -> WELCOME says why -> vault items -> state_open -> each record becomes a unit again (state_restore) -> types verify
 * against the kernel (coldplug) -> link_ready -> exits that nobody stored yet come in.
 * Flow at work: a savepoint (unit_save) goes to the store at once; unit_save_soon ones are written together at the end of a turn, in one
 * transaction; only then are the exits that caused them acknowledged to init. So an exit is either still init's or already in the store.
 *
 * A store that cannot be read is set aside (renamed, kept for the crash report) and core goes on with what the kernel shows.
 */
#pragma once

#include "engine/engine.h"
#include "init/wire.h"

/* ---- store ---- */
struct store;
/* -EBADMSG: not readable (set aside by then and a new one made: *ret is valid), other -errno: no store at all. */
int store_open(const char *dir, struct store **ret);
struct store *store_free(struct store *s);
int store_put(struct store *s, const char *key, const char *data, size_t size); /* queued */
int store_delete(struct store *s, const char *key);                             /* queued */
int store_flush(
	struct
	store *s); /* one transaction for all that is queued; a full /run keeps them queued and returns -ENOSPC */
/* Stops at fn's first non-zero. Data is valid only during the call, queued changes are not seen, fn must not flush. */
/* Gives back what large transactions left in memory: LMDB keeps a buffer for each page that it ever wrote in one, and each page
 * of the file that it ever read. -EBUSY while something is queued; after any error the store is as it was. */
int store_trim(struct store *s);
int store_foreach(struct store *s, const char *prefix,
                  int (*fn)(const char *key, const char *data, size_t size, void *userdata),
                  void *userdata);
void store_statistics(const struct store *s, uint64_t *ret_savepoints, uint64_t *ret_bytes);

/* ---- link to init ---- */
struct link;
struct link_handlers {
	void (*on_exit)(const struct process_exit *e, uint64_t number, void *userdata);
	void (*on_signal)(int signo, void *userdata);
	void (*on_reply)(uint32_t serial, int error, const char *text, void *userdata);
	/* PID 1 had a fault and runs again: text of WIRE_FAULT; may be NULL. */
	void (*on_fault)(const char *text, void *userdata);
	/* init is gone or speaks nonsense: core must exit, init (or the kernel) decides what comes next. */
	void (*on_lost)(void *userdata);
};
struct welcome {
	char *version, *reason, *died, *mode, *last_upgrade;
	usec_t started_usec;
	uint64_t restarts, init_upgrades, core_upgrades;
	bool container;
};
/* Says HELLO, waits (deadline 5 s) for WELCOME and the vault's items. */
int link_open(struct loop *l, const char *version, const struct link_handlers *h, void *userdata,
              struct link **ret);
struct link *link_free(struct link *k);
const struct welcome *link_welcome(const struct link *k);
int link_ready(struct link *k); /* READY; from now on exits come */
void link_ack(struct link *k, uint64_t number);
int link_signal_ack(struct link *k, int signo);
/* The fd that the vault held under this name; the caller owns it. -ENOENT. The vault keeps its own. */
int link_vault_take(struct link *k, const char *name);
/* Names that were in the vault and were not taken. */
int link_vault_names(const struct link *k, const char *prefix, char ***ret);
int link_vault_put(struct link *k, const char *name,
                   int fd); /* a copy goes to init; queued if the socket is full */
int link_vault_drop(struct link *k, const char *name);
/* @fd may be -1; returns the serial of the REPLY (> 0) or -errno. */
int link_request(struct link *k, enum wire_type type, int64_t value, int fd, const char *text);
/* The last order: init stops what is left and ends the machine (or, in a container, exits with @status). */
int link_shutdown(struct link *k, enum wire_shutdown how, int status, const char *text);
/* The heartbeat: give to loop_set_busy_hook(). */
void link_busy_hook(bool busy, void *link);

/* ---- units and the store ---- */
struct state;
/* Installs itself behind hooks: call state_unit_save etc. from the manager's hooks. */
int state_new(struct manager *m, struct store *s, struct link *k, struct state **ret);
struct state *state_free(struct state *t);
void state_unit_save(struct state *t, struct unit *u, bool now);
void state_unit_forget(struct state *t, struct unit *u);
void state_manager_save(
	struct state
		*t); /* the manager's own record: job counter, environment, stamps, last event */
/* An exit that was handed to units; acknowledged once what it changed is stored. */
void state_exit_handled(struct state *t, uint64_t number);
/* A power signal was acted on; acknowledged once what it ordered is stored. */
void state_signal_handled(struct state *t, int signo);
/* True for an exit whose consequences are in the store already: init tells it again when the acknowledgement was lost. Ask before handing it to units. */
bool state_exit_is_known(const struct state *t, uint64_t number);
/**
 * state_exits_ask - is there an exit that init has and @u does not know of yet?
 *
 * Calls the type's on_exits_known() once every exit that init has recorded by now was handed to its
 * unit. 0, or -errno: it cannot be asked, or init is of a version that cannot answer (then never).
 */
int state_exits_ask(struct state *t, struct unit *u);
/* The REPLY to it; others are ignored. */
void state_exits_reply(struct state *t, uint32_t serial, int error, const char *text);
void state_flush(struct state *t); /* end of a turn */
/* Reads all records back into units (loading their files), then coldplugs them. Number of units restored, or -errno. */
int state_restore(struct state *t, struct diag *d);
/* Every cgroup with processes that has the name of a unit, and of which no record knows, becomes that unit, running: the kernel is right. After
 * state_restore() also where a record says that the unit is dead: it is older than the processes. The type's restore() gets a record with
 * adopted=1 and main-pid=. @all: there may be records missing, so it is done for names without a file, too, and for sockets in the vault.
 * A cgroup without processes that is no unit's goes. */
int state_adopt_cgroups(struct state *t, bool all, struct diag *d);
