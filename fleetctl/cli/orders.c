// SPDX-License-Identifier: Apache-2.0
/* fleetctl token ..., fleetctl machine ...: orders that change something, and the wait for their
 * result. */
#include "cli/cli.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define COMMAND_TIMEOUT (300 * USEC_PER_SEC)
#define COMMAND_POLL    (100 * USEC_PER_MSEC)

/* "90", "90s", "15min", "24h", "7d" to seconds */
static int parse_span(const char *text, uint64_t *ret)
{
	static const struct {
		const char *suffix;
		uint64_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
	size_t digits = strspn(text, "0123456789");
	char number[16];

	if (digits == 0 || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = 0;
	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		if (streq(units[i].suffix, text + digits)) {
			if (str_to_u64(number, 10, ret) < 0)
				return -EINVAL;
			*ret *= units[i].seconds;
			return 0;
		}
	return -EINVAL;
}

int verb_token_create(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	cJSON *body = cJSON_CreateObject();
	auto_json cJSON *answer = NULL;
	uint64_t uses = 1, ttl = 24 * 3600;
	int r;

	(void) argc;
	(void) argv;
	if ((o->uses && str_to_u64(o->uses, 10, &uses) < 0) ||
	    (o->ttl && parse_span(o->ttl, &ttl) < 0)) {
		json_free(body);
		return complain(
			EXIT_USAGE,
			"--uses takes a number, --ttl a time such as 90s, 15min, 24h or 7d");
	}
	if (!body || json_add_u64(body, "uses", uses) < 0 || json_add_u64(body, "ttl_s", ttl) < 0 ||
	    json_add_string(body, "note", o->note) < 0 || client_open(o, &c) < 0) {
		json_free(body);
		return EXIT_USAGE;
	}
	r = client_call(c, "POST", "/v1/tokens", body, &answer);
	if (r != EXIT_OK)
		return r;
	if (o->json)
		return print_json(answer);
	puts(json_string_or(answer, "token", ""));
	return EXIT_OK;
}

int verb_token_remove(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	auto_free char *path = NULL;

	(void) argc;
	if (client_open(o, &c) < 0)
		return EXIT_USAGE;
	path = client_path(c, "/v1/tokens/", argv[0], "");
	return path ? client_call(c, "DELETE", path, NULL, NULL)
	            : complain(EXIT_FAILED, "Out of memory");
}

static int print_result(const struct options *o, const cJSON *command)
{
	const cJSON *result = NULL, *data;
	bool done = streq(json_string_or(command, "state", ""), "done");

	if (o->json) {
		(void) print_json(command);
		return done ? EXIT_OK : EXIT_FAILED;
	}
	(void) json_get_object(command, "result", &result);
	data = cJSON_GetObjectItemCaseSensitive(result, "data");
	if (data) {
		auto_free char *text = json_print(data, true);

		puts(text ? text : "");
	}
	if (!done)
		return complain(EXIT_FAILED, "%s: %s", json_string_or(command, "state", "failed"),
		                json_string_or(result, "message", "No reason was given"));
	if (json_string_or(result, "message", NULL))
		puts(json_string_or(result, "message", ""));
	return EXIT_OK;
}

/* Results come by the agent's next report, a fraction of a second later. */
static int await_result(const struct options *o, struct client *c, const char *id)
{
	auto_free char *path = client_path(c, "/v1/commands/", id, "");
	usec_t deadline = now(CLOCK_MONOTONIC) + COMMAND_TIMEOUT, pause = COMMAND_POLL;

	if (!path)
		return complain(EXIT_FAILED, "Out of memory");
	while (now(CLOCK_MONOTONIC) < deadline) {
		auto_json cJSON *command = NULL;
		const char *state;
		int r = client_call(c, "GET", path, NULL, &command);

		if (r != EXIT_OK)
			return r;
		state = json_string_or(command, "state", "");
		if (!streq(state, "queued") && !streq(state, "delivered"))
			return print_result(o, command);
		usleep((useconds_t) pause);
		pause = MIN(pause * 3 / 2, (usec_t) USEC_PER_SEC);
	}
	return complain(EXIT_FAILED, "No result yet; ask again with: fleetctl get command %s", id);
}

/* The words behind "machine X" to kind and arguments. */
static int parse_order(int argc, char **argv, cJSON *body, bool *ret_waits)
{
	static const char *const unit_verbs[] = {"start",       "stop",   "restart",
	                                         "try-restart", "reload", "reload-or-restart",
	                                         "reset-failed"};
	static const char *const plain[] = {"reboot", "core-restart", "rollback"};
	cJSON *args = cJSON_AddObjectToObject(body, "args"), *parameters = NULL;

	*ret_waits = !streq(argv[0], "reboot");
	if (ENUM_FROM_STRING(unit_verbs, argv[0]) >= 0 && argc == 2)
		return json_add_string(body, "kind", "unit") < 0 ||
		                       json_add_string(args, "verb", argv[0]) < 0 ||
		                       json_add_string(args, "name", argv[1]) < 0
		               ? -ENOMEM
		               : 0;
	if (ENUM_FROM_STRING(plain, argv[0]) >= 0 && argc == 1)
		return json_add_string(body, "kind", argv[0]);
	if (streq(argv[0], "upgrade") && argc == 2)
		return json_add_string(body, "kind", "upgrade") < 0 ||
		                       json_add_string(args, "version", argv[1]) < 0
		               ? -ENOMEM
		               : 0;
	if (streq(argv[0], "query") && (argc == 2 || argc == 3)) {
		if (argc == 3 &&
		    json_parse(argv[2], strlen(argv[2]), "parameters", NULL, &parameters) < 0)
			return -EINVAL;
		if (json_add_string(body, "kind", "query") < 0 ||
		    json_add_string(args, "method", argv[1]) < 0)
			return -ENOMEM;
		return parameters ? json_add_take(args, "parameters", parameters) : 0;
	}
	return -EINVAL;
}

int verb_machine(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	auto_json cJSON *answer = NULL, *body = NULL;
	auto_free char *path = NULL;
	bool waits;
	int r;

	if (client_open(o, &c) < 0)
		return EXIT_USAGE;
	if (streq(argv[1], "remove") && argc == 2) {
		path = client_path(c, "/v1/machines/", argv[0], "");
		return path ? client_call(c, "DELETE", path, NULL, NULL)
		            : complain(EXIT_FAILED, "Out of memory");
	}
	body = cJSON_CreateObject();
	r = body ? parse_order(argc - 1, argv + 1, body, &waits) : -ENOMEM;
	if (r < 0)
		return complain(EXIT_USAGE, "machine NAME "
		                            "start|stop|restart|try-restart|reload|reload-or-"
		                            "restart|reset-failed UNIT, "
		                            "query METHOD [JSON], upgrade VERSION, rollback, "
		                            "core-restart, reboot, remove");
	path = client_path(c, "/v1/machines/", argv[0], "/commands");
	if (!path)
		return complain(EXIT_FAILED, "Out of memory");
	r = client_call(c, "POST", path, TAKE_PTR(body), &answer);
	if (r != EXIT_OK)
		return r;
	if (!waits)
		return o->json ? print_json(answer) : EXIT_OK;
	return await_result(o, c, json_string_or(answer, "id", ""));
}
