// SPDX-License-Identifier: Apache-2.0
/*
 * analyze critical-chain: what a unit's start waited for, link by link. Of the units that it is ordered after, the one that was up
 * last held it back; then the same is asked of that one, down to the first unit of the boot.
 */
#include "sctl/sctl.h"

#include <stdio.h>

#define DEPTH_MAX 64

struct link {
	usec_t begun, up; /* CLOCK_MONOTONIC; 0: never */
	cJSON *answer;    /* keeps the names below */
	const cJSON *after;
	const char *id;
};

static void link_done(struct link *l)
{
	cJSON_Delete(l->answer);
	*l = (struct link){0};
}

static int link_read(struct session *s, const char *name, const char **quiet, struct link *ret)
{
	cJSON *p = cJSON_CreateObject();
	const cJSON *properties;
	struct link l = {0};
	int r;

	json_add_string(p, "name", name);
	r = session_call(s, "org.sysmaster.Unit.Describe", p, quiet, &l.answer);
	if (r < 0)
		return r;
	if (json_get_object(l.answer, "properties", &properties) < 0) {
		link_done(&l);
		return -EBADMSG;
	}
	l.begun = json_u64_or(properties, "InactiveExitTimestampMonotonic", 0);
	l.up = json_u64_or(properties, "ActiveEnterTimestampMonotonic", 0);
	/* A oneshot that is over was up when it went down again. */
	if (l.up < l.begun)
		l.up = json_u64_or(properties, "InactiveEnterTimestampMonotonic", 0);
	l.id = json_string_or(properties, "Id", name);
	l.after = cJSON_GetObjectItemCaseSensitive(properties, "After");
	*ret = l;
	return 0;
}

/* The unit of @l's After= that was up last before @l began. */
static bool find_last(struct session *s, const struct link *l, struct link *ret)
{
	struct link best = {0}, other;
	const cJSON *name;

	cJSON_ArrayForEach(name, l->after)
	{
		const char *error = NULL;

		if (!cJSON_IsString(name) || link_read(s, name->valuestring, &error, &other) < 0)
			continue;
		/* Up later: it did not hold this one back (a restart, or a job that ignored the order). */
		if (other.up > best.up && other.up <= l->begun) {
			link_done(&best);
			best = other;
		} else {
			link_done(&other);
		}
	}
	*ret = best;
	return best.up > 0;
}

static void link_print(const struct link *l, unsigned depth, usec_t zero)
{
	char at[SPAN_TEXT_MAX], took[SPAN_TEXT_MAX];

	if (depth > 0)
		printf("%*s└─", (int) (depth - 1) * 2, "");
	printf("%s @%s", l->id,
	       span_format(at, sizeof(at), usec_sub(l->begun, zero), USEC_PER_MSEC));
	if (l->up >= l->begun + USEC_PER_MSEC)
		printf(" +%s", span_format(took, sizeof(took), l->up - l->begun, USEC_PER_MSEC));
	printf("\n");
}

static cJSON *link_json(const struct link *l, usec_t zero)
{
	cJSON *o = cJSON_CreateObject();

	json_add_string(o, "id", l->id);
	json_add_u64(o, "begun_usec", usec_sub(l->begun, zero));
	json_add_u64(o, "activating_usec", usec_sub(l->up, l->begun));
	return o;
}

/* Since when times count: init's start, as "analyze time" has it. */
static usec_t boot_zero(struct session *s)
{
	auto_json cJSON *answer = NULL;
	const cJSON *boot;
	const char *error = NULL;

	if (session_call(s, "org.sysmaster.Manager.Describe", NULL, &error, &answer) < 0 ||
	    json_get_object(answer, "boot", &boot) < 0)
		return 0;
	return json_u64_or(boot, "init_exec", 0);
}

int analyze_critical_chain(struct session *s, const char *unit)
{
	auto_json cJSON *chain = arg.json ? cJSON_CreateArray() : NULL;
	usec_t zero = boot_zero(s);
	struct link l, next;
	int r;

	r = link_read(s, unit ? unit : "default.target", NULL, &l);
	if (r < 0)
		return session_exit_code(s, r);
	if (l.begun == 0) {
		r = error_exit(EXIT_FAILED, "%s was not started yet", l.id);
		link_done(&l);
		return r;
	}
	if (!arg.json)
		printf("Time at which a unit's start began (since init's), and how long it took "
		       "until it was up:\n");
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		bool more = find_last(s, &l, &next);

		if (arg.json)
			cJSON_AddItemToArray(chain, link_json(&l, zero));
		else
			link_print(&l, depth, zero);
		link_done(&l);
		if (!more)
			break;
		l = next;
	}
	link_done(&l);
	if (arg.json)
		print_json(chain);
	return EXIT_DONE;
}
