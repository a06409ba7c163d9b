// SPDX-License-Identifier: Apache-2.0
/*
 * cli.h - the fleetctl program: verbs over the public REST API, one file a family of verbs.
 *
 * Everything but `serve`, `relay` and `bundle create|keygen` is a request to the controller, made
 * with the operator's certificate. Tables are for people; --json prints the API's answer as it
 * came.
 */
#pragma once

#include "base/json.h"
#include "base/str.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* asked, answered, but it did not work out: a failed command, a rollout
	                    that went back */
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3, /* no answer from the controller */
	EXIT_REFUSED = 4,     /* it knows us not, or not for that */
	EXIT_NOT_FOUND = 5,
};

struct options {
	char *url, *certificate, *ca, *dir;
	bool json, watch, wait;
	char **listen, **web_listen, **names; /* serve */
	char *connect, *libvirt, *listen_dir; /* relay */
	char **ports;
	char *version, *arch, *key, *out; /* bundle; its files are in dir */
	char **wire, **state_versions;
	char *uses, *ttl, *note;                   /* token */
	char *bundle, *parallel, *gate, *deadline; /* rollout */
	char **machines;
	bool all;
	char *after, *machine, *limit; /* events */
};

typedef int (*verb_fn)(const struct options *o, int argc, char **argv);
struct verb {
	const char *words; /* "token create" */
	const char *arguments;
	const char *help;
	int min_arguments, max_arguments; /* behind the words; -1: any number */
	verb_fn fn;
};
extern const struct verb verbs[];
extern const size_t n_verbs;

/* ---- client.c ---- */
struct client;
int client_open(const struct options *o, struct client **ret); /* negative: said on stderr */
struct client *client_close(struct client *c);
DEFINE_CLEANUP(struct client *, client_close)
/*
 * One request. Returns an exit code; anything but EXIT_OK was said on stderr. *ret (may be NULL) is
 * the answer, NULL for none.
 * @body: taken, may be NULL.
 */
int client_call(struct client *c, const char *method, const char *path, cJSON *body, cJSON **ret);
int client_upload(struct client *c, const char *path, const char *file, const char *header,
                  cJSON **ret);
/* Server-sent events: fn for each "data:" line; ends when fn returns non-zero (returned) or the
 * connection is lost. */
int client_stream(struct client *c, const char *path, int (*fn)(const cJSON *event, void *userdata),
                  void *userdata);
/* "/v1/machines/" + escaped name + suffix; NULL on ENOMEM. */
char *client_path(struct client *c, const char *prefix, const char *name, const char *suffix);

/* ---- table.c ---- */
struct table;
struct table *table_new(const char *const *columns); /* NULL-terminated */
void table_cell(struct table *t, const char *text);  /* left to right, row by row; NULL is "-" */
void table_print(struct table *t);                   /* and frees it */
const char *age_format(char *buf, size_t size, uint64_t realtime_usec); /* "3min ago" */
int print_json(const cJSON *o);
/* The program's own errors: "fleetctl: ..." */
int complain(int exit_code, const char *fmt, ...) _printf_(2, 3);

int verb_serve(const struct options *o, int argc, char **argv);
int verb_relay(const struct options *o, int argc, char **argv);
int verb_get(const struct options *o, int argc, char **argv);
int verb_token_create(const struct options *o, int argc, char **argv);
int verb_token_remove(const struct options *o, int argc, char **argv);
int verb_machine(const struct options *o, int argc, char **argv);
int verb_bundle_keygen(const struct options *o, int argc, char **argv);
int verb_bundle_create(const struct options *o, int argc, char **argv);
int verb_bundle_upload(const struct options *o, int argc, char **argv);
int verb_bundle_remove(const struct options *o, int argc, char **argv);
int verb_rollout_create(const struct options *o, int argc, char **argv);
int verb_rollout_status(const struct options *o, int argc, char **argv);
int verb_rollout_operate(const struct options *o, int argc, char **argv);
