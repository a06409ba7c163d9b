// SPDX-License-Identifier: Apache-2.0
/* /proc/swaps: read at start and when it changed. */
#include "types/device.h"
#include "types/swap.h"

#define SWAPS_MAX 256

struct swap_watch {
	struct proc_watch table;
	unsigned n_new; /* units of this read that still have to be loaded */
};

static char *next_field(char **s)
{
	char *word = *s + strspn(*s, " \t"), *end = word + strcspn(word, " \t");

	if (*end)
		*end++ = 0;
	*s = end;
	return word;
}

int swaps_parse(char *text, int (*fn)(const struct swap_entry *e, void *userdata), void *userdata)
{
	int n = 0, r;

	/* The first line is a heading. */
	text = text ? strchr(text, '\n') : NULL;
	while (text && *++text && n < SWAPS_MAX) {
		char *end = strchr(text, '\n'), *what, *priority;
		struct swap_entry e;
		int32_t number;

		if (end)
			*end = 0;
		what = next_field(&text);
		for (int i = 0; i < 3; i++)
			(void) next_field(&text);
		priority = next_field(&text);
		if (*what == '/' && str_to_i32(priority, &number) >= 0) {
			e = (struct swap_entry){.what = what, .priority = number};
			r = fn(&e, userdata);
			if (r < 0)
				return r;
			n++;
		}
		text = end;
	}
	return n;
}

static int on_entry(const struct swap_entry *e, void *userdata)
{
	struct swap_watch *w = userdata;
	auto_free char *name = NULL;
	struct swap *s;
	struct unit *u;
	int r;

	if (!path_is_normalized(e->what))
		return 0;
	r = unit_name_from_path(e->what, ".swap", &name);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* too long for a unit's name */
	r = kernel_unit_add(w->table.manager, name, &u);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	w->n_new += r > 0;
	s = SWAP(u);
	if (!s->kernel_what)
		device_found_node(w->table.manager, e->what, DEVICE_FOUND_SWAP, true);
	s->kernel_priority = e->priority;
	s->seen = true;
	return str_set(&s->kernel_what, e->what);
}

/* The unit of a file may have another name for the same device: by-uuid for sda5. */
static bool is_same_device(const struct swap *s, const char *what)
{
	struct stat a, b;

	return s->what && stat(s->what, &a) >= 0 && stat(what, &b) >= 0 && S_ISBLK(a.st_mode) &&
	       S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev;
}

/* 0 or -ENOMEM. */
static int see_other_names(struct unit **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n && !SWAP(v[i])->seen; k++) {
			struct swap *s = SWAP(v[i]);
			const struct swap *other = SWAP(v[k]);

			if (!other->seen || !other->kernel_what ||
			    !is_same_device(s, other->kernel_what))
				continue;
			if (str_set(&s->kernel_what, other->kernel_what) < 0)
				return -ENOMEM;
			s->seen = true;
			s->kernel_priority = other->kernel_priority;
		}
	return 0;
}

static void settle(struct swap *s)
{
	if (s->seen == s->is_active)
		return;
	s->is_active = s->seen;
	if (s->is_active) {
		if (s->state == SWAP_STATE_DEAD || s->state == SWAP_STATE_FAILED) {
			s->result = RESULT_SUCCESS;
			(void) invocation_publish(&s->unit);
			swap_set_state(s, SWAP_STATE_ACTIVE, 0);
		} else if (s->state == SWAP_STATE_ACTIVATING) {
			swap_set_state(s, SWAP_STATE_ACTIVATING_DONE, s->deadline.at);
		}
		return;
	}
	if (s->kernel_what)
		device_found_node(s->unit.manager, s->kernel_what, DEVICE_FOUND_SWAP, false);
	free(s->kernel_what);
	s->kernel_what = NULL;
	if (s->state == SWAP_STATE_ACTIVE || s->state == SWAP_STATE_ACTIVATING_DONE)
		swap_enter_dead(s, RESULT_SUCCESS);
}

static int compare(struct manager *m, char *text)
{
	struct swap_watch *w = m->swap_data;
	auto_free struct unit **v = NULL;
	struct unit *any;
	size_t n;
	int r;

	r = kernel_units_collect(m, UNIT_SWAP, &v, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		SWAP(v[i])->seen = false;
	w->n_new = 0;
	r = swaps_parse(text, on_entry, w);
	if (r >= 0 && w->n_new > 0)
		/* Any load works off the whole queue. */
		r = manager_load_unit(m, "-.slice", NULL, &any);
	if (r < 0)
		return r;
	free(v);
	v = NULL;
	r = kernel_units_collect(m, UNIT_SWAP, &v, &n);
	if (r >= 0)
		r = see_other_names(v, n);
	for (size_t i = 0; r >= 0 && i < n; i++)
		settle(SWAP(v[i]));
	return r;
}

static void on_command_ended(struct unit *u, enum result result)
{
	swap_on_control_exit(SWAP(u), result);
}

static const struct proc_watch_ops ops = {"/proc/swaps", compare, on_command_ended};

int swap_refresh(struct manager *m)
{
	struct swap_watch *w = m->swap_data;

	return w ? proc_watch_look(&w->table) : 0;
}

void swap_command_ended(struct swap *s, int seen, enum result result)
{
	struct swap_watch *w = s->unit.manager->swap_data;

	if (seen >= 0)
		swap_on_control_exit(s, result);
	else
		proc_watch_wait(&w->table, &s->unit, &s->outcome, seen, result);
}

int swap_enumerate(struct manager *m)
{
	struct swap_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	m->swap_data = w;
	r = proc_watch_open(&w->table, m, &ops);
	if (r == -ENOENT)
		return 0; /* a kernel without swap */
	/* A look that fails is repeated, so the watch stays. */
	return r < 0 ? r : swap_refresh(m);
}

void swap_shutdown(struct manager *m)
{
	struct swap_watch *w = m->swap_data;

	if (!w)
		return;
	proc_watch_close(&w->table);
	free(w);
	m->swap_data = NULL;
}
