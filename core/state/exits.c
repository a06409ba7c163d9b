// SPDX-License-Identifier: Apache-2.0
/*
 * exits.c - "have I heard of every exit that there was?" init is asked for its status, which names
 * the last exit that it recorded. When that number has been handed to its unit the answer is yes.
 */
#include "state/state-internal.h"

struct question {
	struct list link;
	struct unit *unit;
	uint32_t serial;
	uint64_t last; /* 0: not answered yet */
	bool settled;
};

static void question_free(struct question *q)
{
	list_remove(&q->link);
	free(q);
}

int state_exits_ask(struct state *t, struct unit *u)
{
	struct question *q;
	int r;

	if (!t || !t->link)
		return -ENOTCONN;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	r = link_request(t->link, WIRE_STATUS, 0, -1, NULL);
	if (r < 0) {
		free(q);
		return r;
	}
	q->unit = u;
	q->serial = (uint32_t) r;
	list_append(&t->questions, &q->link);
	return 0;
}

void exits_forget(struct state *t, const struct unit *u)
{
	LIST_FOREACH (q, &t->questions, struct question, link)
		if (!u || q->unit == u)
			question_free(q);
}

/* A handler may ask again, or free other units: one at a time, from the start. */
void exits_heard(struct state *t)
{
	struct question *found;

	do {
		found = NULL;
		LIST_FOREACH (q, &t->questions, struct question, link)
			if (!found && (q->settled || (q->last > 0 && q->last <= t->exits_handled)))
				found = q;
		if (found) {
			struct unit *u = found->unit;

			question_free(found);
			if (u->ops->on_exits_known)
				u->ops->on_exits_known(u);
		}
	} while (found);
}

/* "key=value" lines. */
static bool number_of(const char *text, const char *key, uint64_t *ret)
{
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line += line != NULL) {
		const char *value = str_after(line, key);
		auto_free char *number = NULL;

		if (!value || *value != '=')
			continue;
		number = strndup(value + 1, strcspn(value + 1, "\n"));
		return number && str_to_u64(number, 10, ret) >= 0;
	}
	return false;
}

void state_exits_reply(struct state *t, uint32_t serial, int error, const char *text)
{
	uint64_t last, waiting;

	LIST_FOREACH (q, &t->questions, struct question, link) {
		if (q->serial != serial)
			continue;
		if (error < 0 || !number_of(text, "exits-last", &last)) {
			/* Of an older version: whoever asked has another way, too. */
			question_free(q);
			break;
		}
		q->last = last;
		/* All are acknowledged, also by cores before this one. */
		q->settled = number_of(text, "exits-waiting", &waiting) && waiting == 0;
		q->settled = q->settled || last == 0;
		break;
	}
	exits_heard(t);
}
