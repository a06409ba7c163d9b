// SPDX-License-Identifier: Apache-2.0
/* /proc/swaps: read at start and when poll(2) says that it changed. */
#include "types/device.h"
#include "types/swap.h"

#define SWAPS_MAX 256

struct swap_watch {
	struct manager *manager;
	int fd;
	struct source *source;
	unsigned n_new;
	bool reading;
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
	r = kernel_unit_add(w->manager, name, &u);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	w->n_new += r > 0;
	s = SWAP(u);
	if (!s->kernel_what)
		device_found_node(w->manager, e->what, DEVICE_FOUND_SWAP, true);
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

static int collect(struct manager *m, struct swap ***ret, size_t *ret_n)
{
	struct swap **v = calloc(map_size(m->units) + 1, sizeof(*v));
	const void *key;
	struct unit *u;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; map_next(m->units, &i, &key, (void **) &u);)
		if (u->ops->type == UNIT_SWAP && streq(key, u->id) && u->load_state != LOAD_MERGED)
			v[n++] = SWAP(u);
	*ret = v;
	*ret_n = n;
	return 0;
}

static void see_other_names(struct swap **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n && !v[i]->seen; k++)
			if (v[k]->seen && v[k]->kernel_what &&
			    is_same_device(v[i], v[k]->kernel_what)) {
				v[i]->seen = true;
				v[i]->kernel_priority = v[k]->kernel_priority;
				(void) str_set(&v[i]->kernel_what, v[k]->kernel_what);
			}
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

int swap_refresh(struct manager *m)
{
	struct swap_watch *w = m->swap_data;
	auto_free struct swap **v = NULL;
	auto_free char *text = NULL;
	struct unit *any;
	size_t n;
	int r;

	if (!w || w->reading)
		return 0;
	r = collect(m, &v, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		v[i]->seen = false;
	r = file_read("/proc/swaps", &text, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* a kernel without swap */
	w->reading = true;
	w->n_new = 0;
	r = swaps_parse(text, on_entry, w);
	if (r >= 0 && w->n_new > 0)
		r = manager_load_unit(m, "-.slice", NULL,
		                      &any); /* works off the whole load queue */
	if (r >= 0) {
		free(v);
		v = NULL;
		r = collect(m, &v, &n);
	}
	if (r >= 0) {
		see_other_names(v, n);
		for (size_t i = 0; i < n; i++)
			settle(v[i]);
	}
	w->reading = false;
	return r;
}

static int on_change(_unused_ struct source *source, _unused_ int fd, _unused_ uint32_t revents,
                     void *userdata)
{
	struct swap_watch *w = userdata;
	int r = swap_refresh(w->manager);

	if (r < 0)
		log_warning_errno(r, "Cannot read /proc/swaps: %m");
	return 0;
}

int swap_enumerate(struct manager *m)
{
	struct swap_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->manager = m;
	m->swap_data = w;
	w->fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
	if (w->fd < 0) {
		w->fd = -EBADF;
		return errno == ENOENT ? 0 : -errno;
	}
	r = loop_add_io(m->loop, w->fd, EPOLLPRI | EPOLLET, "swaps", on_change, w, &w->source);
	if (r < 0)
		log_warning_errno(r, "Cannot watch /proc/swaps: %m");
	else
		source_set_priority(w->source, -10);
	return swap_refresh(m);
}

void swap_shutdown(struct manager *m)
{
	struct swap_watch *w = m->swap_data;

	if (!w)
		return;
	source_free(w->source);
	fd_close(w->fd);
	free(w);
	m->swap_data = NULL;
}
