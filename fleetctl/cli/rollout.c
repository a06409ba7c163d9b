// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define POLL_INTERVAL (500 * USEC_PER_MSEC)

static int print_rollout(const struct options *o, const cJSON *r)
{
	static const char *const columns[] = {"MACHINE", "STATE",  "BEFORE",
	                                      "SINCE",   "REASON", NULL};
	const cJSON *machines, *m;
	struct table *t;

	if (o->json)
		return print_json(r);
	printf("Rollout %s of %s: %s%s%s\n", json_string_or(r, "id", ""),
	       json_string_or(r, "version", ""), json_string_or(r, "state", ""),
	       *json_string_or(r, "reason", "") ? ": " : "", json_string_or(r, "reason", ""));
	if (json_get_array(r, "machines", &machines) < 0)
		return EXIT_OK;
	t = table_new(columns);
	cJSON_ArrayForEach(m, machines)
	{
		char age[SPAN_TEXT_MAX + 8];

		table_cell(t, json_string_or(m, "machine", ""));
		table_cell(t, json_string_or(m, "state", ""));
		table_cell(t, json_string_or(m, "previous_version", ""));
		table_cell(t, age_format(age, sizeof(age), json_u64_or(m, "since_usec", 0)));
		table_cell(t, json_string_or(m, "reason", ""));
	}
	table_print(t);
	return EXIT_OK;
}

static bool is_over(const char *state)
{
	return streq(state, "succeeded") || streq(state, "failed") || streq(state, "rolled-back");
}

/* Until it is over (or paused, which only a person ends); a controller that is restarted in between
 * is waited for. */
static int await_end(const struct options *o, struct client *c, const char *id)
{
	auto_free char *path = client_path(c, "/v1/rollouts/", id, ""), *last = NULL;
	unsigned unreachable = 0;

	if (!path)
		return complain(EXIT_FAILED, "Out of memory");
	for (;;) {
		auto_json cJSON *r = NULL;
		const char *state;
		int e = client_call(c, "GET", path, NULL, &r);

		if (e != EXIT_OK && (e != EXIT_UNREACHABLE || ++unreachable > 120))
			return e;
		if (e == EXIT_OK) {
			unreachable = 0;
			state = json_string_or(r, "state", "");
			if (!o->json && !streq_ptr(last, state))
				fprintf(stderr, "%s: %s\n", id, state);
			if (str_set(&last, state) < 0)
				return complain(EXIT_FAILED, "Out of memory");
			if (is_over(state) || streq(state, "paused")) {
				(void) print_rollout(o, r);
				return streq(state, "succeeded") ? EXIT_OK : EXIT_FAILED;
			}
		}
		usleep(POLL_INTERVAL);
	}
}

static int add_number(cJSON *body, const char *key, const char *option, const char *text)
{
	uint64_t number;

	if (!text)
		return 0;
	if (str_to_u64(text, 10, &number) < 0) {
		complain(EXIT_USAGE, "%s takes a number", option);
		return -EINVAL;
	}
	return json_add_u64(body, key, number);
}

int verb_rollout_create(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	auto_json cJSON *body = cJSON_CreateObject(), *answer = NULL;
	int r;

	(void) argc;
	(void) argv;
	if (!o->bundle)
		return complain(EXIT_USAGE, "rollout create needs --bundle VERSION");
	if (!body || json_add_string(body, "bundle", o->bundle) < 0 ||
	    add_number(body, "max_parallel", "--max-parallel", o->parallel) < 0 ||
	    add_number(body, "gate_s", "--gate", o->gate) < 0 ||
	    add_number(body, "deadline_s", "--deadline", o->deadline) < 0)
		return EXIT_USAGE;
	r = o->machines ? json_add_strv(body, "machines", o->machines)
	                : json_add_bool(body, "all", true);
	if (r < 0 || client_open(o, &c) < 0)
		return EXIT_USAGE;
	r = client_call(c, "POST", "/v1/rollouts", TAKE_PTR(body), &answer);
	if (r != EXIT_OK)
		return r;
	if (o->wait)
		return await_end(o, c, json_string_or(answer, "id", ""));
	return print_rollout(o, answer);
}

int verb_rollout_status(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	auto_json cJSON *answer = NULL;
	auto_free char *path = NULL;
	int r;

	if (argc == 0)
		return verb_get(o, 1, (char *[]){(char *) "rollouts", NULL});
	if (client_open(o, &c) < 0)
		return EXIT_USAGE;
	if (o->wait)
		return await_end(o, c, argv[0]);
	path = client_path(c, "/v1/rollouts/", argv[0], "");
	r = path ? client_call(c, "GET", path, NULL, &answer)
	         : complain(EXIT_FAILED, "Out of memory");
	return r == EXIT_OK ? print_rollout(o, answer) : r;
}

/* argv[0] is the word before the id: pause, resume, abort */
int verb_rollout_operate(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	auto_free char *path = NULL, *suffix = NULL;
	auto_json cJSON *answer = NULL;
	int r;

	(void) argc;
	if (client_open(o, &c) < 0)
		return EXIT_USAGE;
	suffix = str_printf("/%s", argv[-1]);
	path = suffix ? client_path(c, "/v1/rollouts/", argv[0], suffix) : NULL;
	r = path ? client_call(c, "POST", path, NULL, &answer)
	         : complain(EXIT_FAILED, "Out of memory");
	if (r != EXIT_OK)
		return r;
	return o->wait ? await_end(o, c, argv[0]) : print_rollout(o, answer);
}
