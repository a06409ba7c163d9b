// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent.h"

#include "base/fd.h"
#include "base/log.h"

#include <stdio.h>

#define SCHEMA 1

struct command *command_free(struct command *c)
{
	if (!c)
		return NULL;
	list_remove(&c->link);
	json_free(c->args);
	free(c);
	return NULL;
}

static cJSON *command_to_json(const struct command *c)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *args = c->args ? cJSON_Duplicate(c->args, true) : NULL;

	if (c->args && !args)
		return NULL;
	if (!o || json_add_string(o, "id", c->id) < 0 || json_add_string(o, "kind", c->kind) < 0 ||
	    json_add_string(o, "phase", c->phase) < 0 || json_add_string(o, "boot", c->boot) < 0 ||
	    json_add_u64(o, "core_pid", c->core_pid) < 0) {
		json_free(args);
		return NULL;
	}
	if (args && json_add_take(o, "args", args) < 0)
		return NULL;
	return TAKE_PTR(o);
}

static struct command *command_of_json(const cJSON *o)
{
	struct command *c = calloc(1, sizeof(*c));
	const cJSON *args = NULL;

	if (!c)
		return NULL;
	snprintf(c->id, sizeof(c->id), "%s", json_string_or(o, "id", ""));
	snprintf(c->kind, sizeof(c->kind), "%s", json_string_or(o, "kind", ""));
	snprintf(c->phase, sizeof(c->phase), "%s", json_string_or(o, "phase", "new"));
	snprintf(c->boot, sizeof(c->boot), "%s", json_string_or(o, "boot", ""));
	c->core_pid = json_u64_or(o, "core_pid", 0);
	if (json_get_object(o, "args", &args) >= 0)
		c->args = cJSON_Duplicate(args, true);
	return c;
}

static cJSON *to_json(struct agent *a)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *commands, *results = cJSON_Duplicate(a->results, true),
			 *done = cJSON_Duplicate(a->done, true);

	if (!o || !results || json_add_take(o, "results", TAKE_PTR(results)) < 0 || !done ||
	    json_add_take(o, "done", TAKE_PTR(done)) < 0) {
		json_free(results);
		json_free(done);
		return NULL;
	}
	if (json_add_u64(o, "schema", SCHEMA) < 0 || json_add_string(o, "epoch", a->epoch) < 0 ||
	    json_add_u64(o, "after", a->after) < 0 ||
	    json_add_u64(o, "core_seq", a->core_seq) < 0 ||
	    json_add_string(o, "core_seq_boot", a->core_seq_boot) < 0 ||
	    json_add_string(o, "refused_token", a->refused_token) < 0 ||
	    !(commands = cJSON_AddArrayToObject(o, "commands")))
		return NULL;
	LIST_FOREACH (c, &a->commands, struct command, link)
		if (json_append_take(commands, command_to_json(c)) < 0)
			return NULL;
	return TAKE_PTR(o);
}

int state_save(struct agent *a)
{
	auto_free char *path = identity_path(a, "state.json"), *text = NULL;
	auto_json cJSON *o = to_json(a);
	int r = -ENOMEM;

	if (path && o && (text = json_print(o, false)))
		r = file_write_atomic(path, text, strlen(text), 0600, true);
	return r < 0 ? log_error_errno(r, "Cannot keep the agent's state: %m") : 0;
}

static void take_array(const cJSON *o, const char *key, cJSON **array)
{
	const cJSON *found;
	cJSON *copy;

	if (json_get_array(o, key, &found) < 0 || !(copy = cJSON_Duplicate(found, true)))
		return;
	json_free(*array);
	*array = copy;
}

static int of_json(struct agent *a, const cJSON *o)
{
	const cJSON *commands, *item;

	snprintf(a->epoch, sizeof(a->epoch), "%s", json_string_or(o, "epoch", ""));
	snprintf(a->core_seq_boot, sizeof(a->core_seq_boot), "%s",
	         json_string_or(o, "core_seq_boot", ""));
	a->after = json_u64_or(o, "after", 0);
	a->core_seq = json_u64_or(o, "core_seq", 0);
	if (str_set(&a->refused_token, json_string_or(o, "refused_token", NULL)) < 0)
		return -ENOMEM;
	take_array(o, "results", &a->results);
	take_array(o, "done", &a->done);
	if (json_get_array(o, "commands", &commands) < 0)
		return 0;
	cJSON_ArrayForEach(item, commands)
	{
		struct command *c = command_of_json(item);

		if (!c)
			return -ENOMEM;
		list_append(&a->commands, &c->link);
		a->n_commands++;
	}
	return 0;
}

/* Without a readable state the controller's open commands come again from the start: ids keep them
 * from being done twice where we know them. */
int state_load(struct agent *a)
{
	auto_free char *path = identity_path(a, "state.json");
	auto_json cJSON *o = NULL;
	struct diag d = {};
	int r;

	list_init(&a->commands);
	a->results = cJSON_CreateArray();
	a->done = cJSON_CreateArray();
	a->events = cJSON_CreateArray();
	if (!path || !a->results || !a->done || !a->events)
		return -ENOMEM;
	r = json_parse_file(path, &d, &o);
	if (r == -ENOENT)
		return 0;
	if (r < 0 || json_u64_or(o, "schema", 0) != SCHEMA) {
		diag_log(&d, path);
		log_warning("\"%s\" cannot be used; beginning anew", path);
		return 0;
	}
	return of_json(a, o);
}

static bool array_has(const cJSON *array, const char *id)
{
	const cJSON *item;

	cJSON_ArrayForEach(item,
	                   array) if (streq(cJSON_IsString(item) ? item->valuestring
	                                                         : json_string_or(item, "id", ""),
	                                    id)) return true;
	return false;
}

bool state_knows(const struct agent *a, const char *id)
{
	LIST_FOREACH (c, (struct list *) &a->commands, struct command, link)
		if (streq(c->id, id))
			return true;
	return array_has(a->results, id) || array_has(a->done, id);
}
