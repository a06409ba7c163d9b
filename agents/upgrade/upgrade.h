// SPDX-License-Identifier: Apache-2.0
/*
 * upgrade - replaces init, core and agents by another version while services run, and goes back by itself when that was
 * no good.
 *
 * The flow of one upgrade, each step durable before the next begins:
 *	verify	   signature by a trusted key, architecture, wire version, not known to be bad
 *	stage	   unpack to versions/.VERSION.new, check every file, sync, rename to versions/VERSION
 *	activate   init by org.sysmaster.Reexec.Init, core by .Core, then the agents are restarted from the new directory
 *	gate	   for GateSec= the machine must be no worse than before: same core, no unit failed that had not
 *	commit	   previous -> where we came from, current -> VERSION
 * If activation or the gate fails: the same activation with the old directory, VERSION is marked bad with the reason.
 * Until the commit "current" still names the old version, so a power cut on the way boots the old one.
 *
 *	main.c		the varlink server; starts one worker at a time and passes its progress on
 *	worker.c	the steps, in a process of their own that may block and may be killed
 *	activate.c	one switch of core, init and agents to a directory
 *	store.c		what is on disk: versions/, current, previous, bad marks, the state of the upgrade under way
 *	core-client.c	questions to core, surviving its replacement
 *
 * After a kill of this agent or a reboot in the middle, the state file says how far it got: worker_resume() goes on from
 * there.
 */
#pragma once

#include "base/base.h"
#include "base/varlink.h"
#include "bundle/bundle.h"

enum upgrade_phase {
	PHASE_IDLE,
	PHASE_VERIFYING,
	PHASE_STAGING,
	PHASE_ACTIVATING,
	PHASE_GATING,
	PHASE_COMMITTED,
	PHASE_ROLLED_BACK,
	PHASE_FAILED,
	PHASE_MAX,
};
const char *upgrade_phase_to_string(enum upgrade_phase p);
enum upgrade_phase
upgrade_phase_from_string(const char *s); /* PHASE_IDLE for what it does not know */

/* Where things are; a test gives other places. */
struct upgrade_config {
	const char *directory; /* /var/lib/sysmaster */
	const char *keys;      /* /etc/sysmaster/keys: *.pub */
	const char *control;   /* /run/sysmaster/control */
	const char *packaged;  /* /usr/lib/sysmaster: the version of the package */
	usec_t gate_usec;
	usec_t trial_usec; /* init watches a new core for so long; a gate is never shorter */
};
extern struct upgrade_config config;

/* ---- store.c ---- */

/* versions/state.json: one file, replaced atomically. */
struct upgrade_state {
	enum upgrade_phase phase;
	char *target, *target_directory, *origin,
		*origin_directory; /* versions and the directories they run from */
	char *reason;
	char **failed_before; /* units that had failed before the upgrade */
	char *boot_id;        /* of the boot in which it was written */
};
int upgrade_state_load(struct upgrade_state *s); /* no file: PHASE_IDLE */
int upgrade_state_save(const struct upgrade_state *s);
void upgrade_state_done(struct upgrade_state *s);

char *version_directory(const char *version); /* DIR/versions/VERSION */
/* Why this version must not be tried again; -ENOENT if nothing speaks against it. */
int version_bad_reason(const char *version, char **ret);
int version_mark_bad(const char *version, const char *reason);
/* Points "current" and "previous"; NULL removes the link. Synced. */
int version_link(const char *link, const char *directory);
int version_linked(const char *link, char **ret); /* directory it points to; -ENOENT */
/* Array of org.sysmaster.Upgrade.Version */
cJSON *versions_describe(const char *running_directory);
/* Removes staged versions that are neither linked, running nor marked, oldest first, but @keep
 * newest. */
void versions_prune(const char *running_directory, size_t keep);

/* ---- core-client.c ---- */

struct core_facts {
	char *version, *init_version, *directory, *mode, *died, *last_upgrade;
	char **failed;
	uint64_t pid, restarts;
};
/* Asks core, again and again until @timeout is over if it is just being replaced. */
int core_facts_get(struct core_facts *f, usec_t timeout);
void core_facts_done(struct core_facts *f);
/* One call; a lost connection is -ECONNRESET, "not now" -EBUSY. The error's text goes to @d. */
int core_call(const char *method, cJSON *parameters, usec_t timeout, struct diag *d);

/* ---- activate.c ---- */
typedef void (*progress_fn)(const char *step, const char *version, const char *message);

/**
 * activate - makes core, init and agents run from @directory
 * @version: what they must say they are afterwards
 *
 * What runs already from there is left alone, so that a second call continues a first one that was
 * cut off. Returns 0 or -errno with the reason in @d; the machine then runs whatever init fell back
 * to.
 */
int activate(const char *directory, const char *version, progress_fn progress, struct diag *d);
/* For gate_usec: no restart of core, no new failed unit. */
int gate(const struct upgrade_state *s, struct diag *d);

/* ---- worker.c ---- */

/* The whole of one upgrade; reports each step as a line of JSON on @fd, the last with "done": true.
 * Returns an exit status. */
int worker_apply(const char *bundle, int fd);
int worker_rollback(const char *reason, int fd);
/* At start: an upgrade that was cut off is finished or undone. 0: there was nothing to do. */
int worker_resume(int fd);
/* At boot: an upgrade that the reboot cut off is settled; the committed version's init takes over from the packaged one. */
int worker_boot(void);
