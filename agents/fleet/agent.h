// SPDX-License-Identifier: Apache-2.0
/*
 * agent.h - sysmaster-fleet: this machine's side of the fleet.
 *
 *	main.c	    arguments, signals, READY
 *	config.c    /etc/sysmaster/fleet.conf and where things are
 *	identity.c  key, certificate, authority on disk; CSR
 *	state.c	    what must survive a restart of this agent: cursor, commands, results not yet accepted
 *	transfer.c  libcurl on the event loop
 *	session.c   enrol -> long poll; renewal; back-off
 *	core.c	    core's facts and events, again and again, over its restarts
 *	report.c    what happened here, to the controller, in batches
 *	command.c   commands one after the other, each at most once
 *	upgrade.c   download a bundle, hand it to the upgrade agent, tell the outcome - also after being restarted by it
 *
 * Rules: a command is on disk before it is acknowledged, and marked begun before it begins. Whatever the controller does,
 * this machine goes on as it is. Every pause has a random part, drawn after it was capped.
 */
#pragma once

#include "base/event.h"
#include "base/id128.h"
#include "base/json.h"
#include "base/list.h"
#include "base/str.h"
#include "base/varlink.h"

#include <curl/curl.h>

#define EVENTS_MAX                                                                                 \
	2048 /* kept while the controller is away; older ones are counted and dropped   \
	                 */
#define EVENTS_A_REPORT 256
#define RESULTS_MAX     256
#define COMMANDS_MAX    256
#define DONE_MAX        128 /* ids of finished commands, to know them when they come again */
#define ANSWER_MAX      (4U << 20)
#define RESULT_DATA_MAX (128U << 10)
#define REPORT_DELAY    (150 * USEC_PER_MSEC) /* events that come together go together */
#define HEARTBEAT       (5 * USEC_PER_MINUTE) /* a report with nothing new */
#define POLL_WAIT       50                    /* seconds */
#define BACKOFF_FIRST   USEC_PER_SEC
#define BACKOFF_CAP     (5 * USEC_PER_MINUTE)

struct config {
	/* fleet.conf */
	char *controller, *token, *ca, *via, *name;
	/* where things are; tests give others */
	char *config_path, *state_dir, *bundles_dir, *control, *upgrade, *channel;
};

struct transfer;
/* @error: 0 when there was an answer, whatever its status; -errno else, with words in @text. */
typedef void (*transfer_fn)(struct transfer *t, int error, long status, const char *text,
                            size_t size, void *userdata);

struct command {
	struct list link;
	char id[64], kind[32];
	cJSON *args;
	/* "new" -> "begun" -> a result. Upgrades go "new" -> "download" -> "apply". */
	char phase[16];
	char boot[ID128_TEXT_MAX]; /* in which it was begun */
	uint64_t core_pid;         /* when it was begun */
};

struct agent {
	struct loop *loop;
	struct config config;
	char machine[ID128_TEXT_MAX], boot[ID128_TEXT_MAX],
		run[ID128_TEXT_MAX]; /* run: of this process */

	/* state.c */
	char epoch[ID128_TEXT_MAX];
	uint64_t after, core_seq;
	char core_seq_boot[ID128_TEXT_MAX];
	struct list commands;
	size_t n_commands;
	cJSON *results;      /* array: not yet accepted */
	cJSON *done;         /* array of ids, oldest first */
	char *refused_token; /* hash of the token that was refused or is used */

	/* transfer.c */
	CURLM *multi;
	CURLSH *share;
	struct source *curl_timer, *curl_defer;

	/* session.c */
	bool enrolled;
	usec_t poll_began;
	struct transfer *session;
	struct transfer *poll;
	struct source *poll_timer, *renew_timer;
	unsigned n_failures;
	bool has_worked; /* since the last failure */
	uint64_t reconnect_spread_s;

	/* core.c */
	struct varlink_client *core, *core_calls; /* the subscription; everything else */
	struct source *core_timer, *describe_timer;
	unsigned core_attempts;
	cJSON *status; /* the newest Manager.Describe, NULL when never heard */
	uint64_t core_pid;
	uint64_t core_generation; /* how often it was found again */
	usec_t core_lost_at;      /* monotonic; 0 while it is there */

	/* report.c */
	cJSON *events; /* array */
	uint64_t n_events_lost;
	uint64_t report_number;
	char *report_body; /* under way, or to be sent again */
	size_t report_events, report_results;
	struct transfer *report;
	struct source *report_timer;
	unsigned report_failures;
	bool report_wanted, report_due, describing;

	/* command.c, upgrade.c */
	struct command *lanes[2]; /* what is being done now: short orders; what replaces or stops
	                             the system */
	struct varlink_client *lane_clients[2];
	struct source *lane_timers[2], *look_timer, *lane_defer;
	uint64_t restart_generation; /* core-restart: core's when it was ordered */
	usec_t restart_deadline;
	struct upgrade *upgrade;
};

/* config.c */
int config_read(struct config *c); /* logs; -ENOENT, -EBADMSG */
void config_done(struct config *c);

/* identity.c */
int identity_prepare(struct agent *a); /* the key is made if missing */
int identity_csr(struct agent *a, char **ret);
int identity_store(struct agent *a, const char *certificate, const char *ca);
bool identity_is_enrolled(const struct agent *a);
usec_t
identity_renew_at(const struct agent *a); /* realtime: two thirds of the certificate's life */
char *identity_path(const struct agent *a, const char *name);
int hash_text(const char *text, char ret[static 65]);

/* state.c */
int state_load(struct agent *a);
int state_save(struct agent *a);
struct command *command_free(struct command *c);
bool state_knows(const struct agent *a, const char *id);

/* transfer.c */
int transfers_init(struct agent *a);
void transfers_done(struct agent *a);
struct transfer_request {
	const char *method, *path; /* path: "/v1/..." */
	const char *body;          /* JSON, copied; NULL: none */
	bool anonymous;            /* without our certificate */
	unsigned timeout_s;        /* of the whole; 0: only progress is watched */
	uint64_t range_from;
	const char *if_range;
	/* pieces of a 200 or 206 go here instead of to memory; negative gives up */
	int (*write)(const void *data, size_t size, long status, void *userdata);
};
int transfer_start(struct agent *a, const struct transfer_request *q, transfer_fn fn,
                   void *userdata, struct transfer **ret);
struct transfer *transfer_cancel(struct transfer *t); /* NULL allowed; returns NULL */
/* In the callback: a header of the answer, "" if absent. Retry-After in seconds, 0 if absent. */
const char *transfer_header(struct transfer *t, const char *name);
/* Doubles from BACKOFF_FIRST to BACKOFF_CAP; half of it is drawn after the cap. */
usec_t backoff(unsigned n_failures);
usec_t random_up_to(usec_t max);

/* session.c */
int session_start(struct agent *a);
void session_done(struct agent *a);

/* core.c */
int core_start(struct agent *a);
void core_done(struct agent *a);
int core_describe(struct agent *a); /* asks; report_facts_are_here() follows */

/* report.c */
int report_start(struct agent *a);
void report_done(struct agent *a);
void report_event(struct agent *a, cJSON *event); /* taken */
void report_event_text(struct agent *a, const char *kind, const char *fmt, ...) _printf_(3, 4);
void report_soon(struct agent *a);
void report_facts_are_here(struct agent *a);

/* command.c */
int commands_take(struct agent *a, const cJSON *list); /* from a poll; on disk when it returns */
int commands_start(struct agent *a);
void commands_run(struct agent *a);
void commands_done(struct agent *a);
enum lane { LANE_SHORT, LANE_SYSTEM, LANE_NONE = -1 };
/* The end of one: its result is kept until the controller has it. @data is taken, may be NULL. */
void command_finish(struct agent *a, struct command *c, bool ok, cJSON *data, const char *fmt, ...)
	_printf_(5, 6);
int command_mark(struct agent *a, struct command *c, const char *phase);

/* upgrade.c */
void upgrade_begin(struct agent *a,
                   struct command *c); /* upgrade and rollback, from whatever phase */
void upgrade_abandon(struct agent *a);
