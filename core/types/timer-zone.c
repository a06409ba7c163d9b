// SPDX-License-Identifier: Apache-2.0
/*
 * timer-zone.c - somebody gives the machine another time zone, which is a symbolic link, /etc/localtime. One watch on its folder serves all
 * timers that care. What is compared is the link and its file, so that it does not matter how the change was made, and each timer keeps
 * what it has seen in its record: a change that nobody watched is found by the next core.
 */
#include "types/timer.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE_FOLDER "/etc"
#define ZONE_FILE   "localtime"
#define ZONE_PATH   ZONE_FOLDER "/" ZONE_FILE

struct zone_watch {
	struct watcher watcher;
	bool is_ours; /* the link is, of what was told */
	struct source *again;
	struct list timers;
};

int timer_zone_read(char **ret)
{
	char target[4096];
	ssize_t n = readlink(ZONE_PATH, target, sizeof(target) - 1);
	struct stat st = {0};
	char *text;

	if (n < 0 && errno != ENOENT && errno != EINVAL)
		return -errno;
	target[MAX(n, 0)] = 0;
	/* A link that leads nowhere is UTC, as none is. */
	if (stat(ZONE_PATH, &st) < 0 && errno != ENOENT)
		return -errno;
	text = str_printf("%s %llx:%llx %lld.%09ld", target, (unsigned long long) st.st_dev,
	                  (unsigned long long) st.st_ino, (long long) st.st_mtim.tv_sec,
	                  st.st_mtim.tv_nsec);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

/* The first timer that has seen another zone. */
static struct timer *one_behind(const struct zone_watch *w, const char *zone)
{
	LIST_FOREACH (t, &w->timers, struct timer, zone_link)
		if (!t->zone || !streq(t->zone, zone))
			return t;
	return NULL;
}

/* What a timer does may take it, or any other, off the list: so one at a time, until all have seen this zone. */
static void look(struct zone_watch *w)
{
	auto_free char *zone = NULL;
	struct timer *t;

	if (timer_zone_read(&zone) < 0)
		return;
	while ((t = one_behind(w, zone))) {
		/* Without memory it is told with the next change. */
		if (str_set(&t->zone, zone) < 0)
			return;
		unit_save_soon(&t->unit);
		timer_zone_changed(t);
	}
}

static void on_event(struct watcher *w, _unused_ int wd, uint32_t mask, const char *name)
{
	struct zone_watch *z = container_of(w, struct zone_watch, watcher);

	z->is_ours |= mask & IN_Q_OVERFLOW || (name && streq(name, ZONE_FILE));
}

static void on_changed(struct watcher *w)
{
	struct zone_watch *z = container_of(w, struct zone_watch, watcher);

	if (z->is_ours)
		look(z);
	z->is_ours = false;
}

static int on_again(struct source *source, void *userdata)
{
	struct zone_watch *w = userdata;

	w->again = NULL;
	source_free(source);
	look(w);
	return 0;
}

void timer_shutdown(struct manager *m)
{
	struct zone_watch *w = m->timer_data;

	if (!w)
		return;
	watcher_clear(&w->watcher);
	source_free(w->again);
	free(w);
	m->timer_data = NULL;
}

static int watch_open(struct manager *m, struct zone_watch *w)
{
	int r;

	w->watcher.on_event = on_event;
	w->watcher.on_changed = on_changed;
	watcher_init(&w->watcher, m->watch);
	r = watcher_add(&w->watcher, ZONE_FOLDER,
	                IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
	                        IN_ONLYDIR);
	return MIN(r, 0);
}

/* Made for the first timer that cares, and kept. */
static int watch_get(struct manager *m, struct zone_watch **ret)
{
	int r;

	if (!m->timer_data) {
		struct zone_watch *w = calloc(1, sizeof(*w));

		if (!w)
			return -ENOMEM;
		list_init(&w->timers);
		m->timer_data = w;
		r = watch_open(m, w);
		if (r < 0) {
			timer_shutdown(m);
			return r;
		}
	}
	*ret = m->timer_data;
	return 0;
}

int timer_zone_watch(struct timer *t)
{
	struct manager *m = t->unit.manager;
	struct zone_watch *w;
	int r;

	if (list_is_linked(&t->zone_link))
		return 0;
	r = watch_get(m, &w);
	if (r < 0)
		return r;
	if (!t->zone)
		r = timer_zone_read(&t->zone);
	else if (!w->again) /* seen by the core before this one */
		r = loop_add_defer(m->loop, "timer-zone", on_again, w, &w->again);
	if (r >= 0)
		list_append(&w->timers, &t->zone_link);
	return r;
}

void timer_zone_unwatch(struct timer *t)
{
	free(t->zone);
	t->zone = NULL;
	list_remove(&t->zone_link);
}
