// SPDX-License-Identifier: Apache-2.0
/* fleetctl get ...: lists and single things. One row a subject. */
#include "cli/cli.h"

#include "base/clock.h"

#include <stdio.h>

struct column {
	const char *title, *key;
	enum { TEXT, NUMBER, AGE, YES_NO, LIST } as;
};

struct subject {
	const char *name;
	const char *path; /* of the list */
	const char *array;
	bool wants_name; /* "get machine X" */
	const char *suffix;
	struct column columns[10];
};

/* clang-format off */
static const struct subject subjects[] = {
	{ "machines", "/v1/machines", "machines", false, "", {
		{ "MACHINE", "id", TEXT }, { "HOSTNAME", "hostname", TEXT }, { "VERSION", "version", TEXT }, { "STATE", "state", TEXT },
		{ "CONNECTED", "connected", YES_NO }, { "SEEN", "last_seen_usec", AGE }, { "FAILED", "failed_units", LIST } } },
	{ "machine", "/v1/machines/", NULL, true, "", {} },
	{ "commands", "/v1/machines/", "commands", true, "/commands", {
		{ "COMMAND", "id", TEXT }, { "KIND", "kind", TEXT }, { "STATE", "state", TEXT }, { "BY", "created_by", TEXT },
		{ "WHEN", "created_usec", AGE } } },
	{ "command", "/v1/commands/", NULL, true, "", {} },
	{ "tokens", "/v1/tokens", "tokens", false, "", {
		{ "TOKEN", "id", TEXT }, { "USES LEFT", "uses_left", NUMBER }, { "BY", "created_by", TEXT }, { "MADE", "created_usec", AGE },
		{ "NOTE", "note", TEXT } } },
	{ "bundles", "/v1/bundles", "bundles", false, "", {
		{ "VERSION", "version", TEXT }, { "ARCH", "arch", TEXT }, { "SIZE", "size", NUMBER }, { "KEY", "key_id", TEXT },
		{ "UPLOADED", "created_usec", AGE } } },
	{ "rollouts", "/v1/rollouts", "rollouts", false, "", {
		{ "ROLLOUT", "id", TEXT }, { "VERSION", "version", TEXT }, { "STATE", "state", TEXT }, { "REASON", "reason", TEXT } } },
	{ "rollout", "/v1/rollouts/", NULL, true, "", {} },
	{ "audit", "/v1/audit", "entries", false, "", {
		{ "SEQ", "seq", NUMBER }, { "WHEN", "realtime_usec", AGE }, { "WHO", "actor", TEXT }, { "WHAT", "action", TEXT },
		{ "OBJECT", "object", TEXT }, { "DETAIL", "detail", TEXT } } },
};
/* clang-format on */

static void put_cell(struct table *t, const struct column *column, const cJSON *item)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, column->key);
	auto_strv char **list = NULL;
	auto_free char *text = NULL;
	char buf[128] = "";

	switch (column->as) {
	case TEXT:
		return table_cell(t, json_string_or(item, column->key, NULL));
	case NUMBER:
		snprintf(buf, sizeof(buf), "%llu",
		         (unsigned long long) json_u64_or(item, column->key, 0));
		break;
	case AGE:
		age_format(buf, sizeof(buf), json_u64_or(item, column->key, 0));
		break;
	case YES_NO:
		return table_cell(t, cJSON_IsTrue(value) ? "yes" : "no");
	case LIST:
		if (json_get_strv(item, column->key, &list) >= 0)
			text = strv_join(list, " ");
		return table_cell(t, text);
	}
	table_cell(t, buf);
}

static int print_list(const struct subject *s, const cJSON *o)
{
	const char *titles[ELEMENTSOF(s->columns) + 1] = {};
	const cJSON *array, *item;
	struct table *t;
	size_t n = 0;

	if (json_get_array(o, s->array, &array) < 0)
		return complain(EXIT_FAILED, "The controller's answer has no \"%s\"", s->array);
	for (; n < ELEMENTSOF(s->columns) && s->columns[n].title; n++)
		titles[n] = s->columns[n].title;
	t = table_new(titles);
	cJSON_ArrayForEach(item, array) for (size_t i = 0; i < n; i++)
		put_cell(t, &s->columns[i], item);
	table_print(t);
	if (json_get_bool(o, "intact", &(bool){false}) >= 0 && !json_bool_or(o, "intact", true))
		return complain(EXIT_FAILED, "The chain of the audit log is broken at entry %llu",
		                (unsigned long long) json_u64_or(o, "first_bad_seq", 0));
	return EXIT_OK;
}

static int print_event(const cJSON *e, void *userdata)
{
	const struct options *o = userdata;
	uint64_t at = json_u64_or(e, "realtime_usec", 0);
	char stamp[STAMP_TEXT_MAX];

	if (o->json) {
		auto_free char *text = json_print(e, false);

		puts(text ? text : "{}");
	} else {
		printf("%6llu  %s  %.12s  %-8s %s\n", (unsigned long long) json_u64_or(e, "seq", 0),
		       stamp_format(stamp, sizeof(stamp), at), json_string_or(e, "machine", "-"),
		       json_string_or(e, "kind", ""), json_string_or(e, "text", ""));
	}
	return ferror(stdout) || fflush(stdout) ? -1 : 0;
}

static int get_events(const struct options *o, struct client *c)
{
	auto_free char *path =
		str_printf("/v1/events?after=%s&limit=%s%s%s", o->after ? o->after : "",
	                   o->limit ? o->limit : "100", o->machine ? "&machine=" : "",
	                   o->machine ? o->machine : "");
	auto_json cJSON *answer = NULL;
	const cJSON *array, *e;
	int r;

	if (!path)
		return complain(EXIT_FAILED, "Out of memory");
	if (o->watch)
		return client_stream(c, path, print_event, (void *) o);
	r = client_call(c, "GET", path, NULL, &answer);
	if (r != EXIT_OK)
		return r;
	if (json_get_array(answer, "events", &array) < 0)
		return complain(EXIT_FAILED, "The controller's answer has no events");
	cJSON_ArrayForEach(e, array) if (print_event(e, (void *) o) < 0) return EXIT_FAILED;
	return EXIT_OK;
}

int verb_get(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	const struct subject *s = NULL;
	auto_free char *path = NULL;
	auto_json cJSON *answer = NULL;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(subjects); i++)
		if (streq(subjects[i].name, argv[0]))
			s = &subjects[i];
	if (!s && !streq(argv[0], "events"))
		return complain(EXIT_USAGE,
		                "\"get %s\" is not known: machines, machine, events, commands, "
		                "command, tokens, bundles, "
		                "rollouts, rollout, audit",
		                argv[0]);
	if (s && (argc == 2) != s->wants_name)
		return complain(EXIT_USAGE,
		                s->wants_name ? "\"get %s\" needs a name"
		                              : "\"get %s\" takes no name",
		                argv[0]);
	if (client_open(o, &c) < 0)
		return EXIT_USAGE;
	if (!s)
		return get_events(o, c);
	path = s->wants_name ? client_path(c, s->path, argv[1], s->suffix) : strdup(s->path);
	if (!path)
		return complain(EXIT_FAILED, "Out of memory");
	r = client_call(c, "GET", path, NULL, &answer);
	if (r != EXIT_OK)
		return r;
	if (!o->json && s->array)
		return print_list(s, answer);
	if (o->json)
		return print_json(answer);
	auto_free char *text = json_print(answer, true);

	puts(text ? text : "{}");
	return EXIT_OK;
}
