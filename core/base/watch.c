// SPDX-License-Identifier: Apache-2.0
/*
 * A file that is watched is a node, known by its watch descriptor; each watcher of it has a watch there. What is removed while events
 * are told stays in its node, without a watcher, until all are: so nobody's list changes under the hands that go through it.
 *
 * Events have a position, the number of bytes before them. Who begins to watch a file that others watch already is told nothing from
 * before: the queue is read first, since the kernel would merge what comes next into what waits there, and the watch begins behind it.
 * Until the first look at the queue all is told to all: it is what came while there was no core.
 */
#include "base/watch.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/map.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_SIZE (64 * 1024)
#define AGAIN_USEC  (100 * USEC_PER_MSEC)
/* A type hears of its processes' ends before it hears of files. */
#define PRIORITY 10

struct node {
	int wd;
	bool is_gone; /* the kernel has taken the watch away */
	struct list watches;
};

struct watch {
	struct watcher *watcher; /* NULL: removed */
	struct node *node;
	uint32_t mask;
	uint64_t begin; /* events before this position are not its */
	bool is_stale;
	struct list in_node, in_watcher; /* in_watcher: in "removed" without one */
};

struct watch_hub {
	struct loop *loop;
	int fd;
	struct source *source, *again;
	struct map *nodes; /* by watch descriptor */
	struct list watchers, touched, removed;
	bool is_telling, has_looked;
	uint64_t told; /* the position of what is at the beginning of "events" */
	size_t used;
	char *events; /* read from the queue */
	void (*opened)(int fd, void *userdata);
	void *userdata;
};

static const void *key_of(int wd)
{
	return (const void *) (intptr_t) wd;
}

/* ---- removing ---- */

static void node_drop(struct watch_hub *h, struct node *n)
{
	(void) map_remove(h->nodes, key_of(n->wd));
	if (!n->is_gone)
		(void) inotify_rm_watch(h->fd, n->wd);
	free(n);
}

static void watch_drop(struct watch_hub *h, struct watch *x)
{
	struct node *n = x->node;

	list_remove(&x->in_node);
	list_remove(&x->in_watcher);
	free(x);
	if (list_is_empty(&n->watches))
		node_drop(h, n);
}

static void watch_remove(struct watch_hub *h, struct watch *x)
{
	if (!h->is_telling) {
		watch_drop(h, x);
		return;
	}
	x->watcher = NULL;
	list_remove(&x->in_watcher);
	list_append(&h->removed, &x->in_watcher);
}

/* ---- telling ---- */

static void touch(struct watch_hub *h, struct watcher *w)
{
	if (w->on_changed && !list_is_linked(&w->touched))
		list_append(&h->touched, &w->touched);
}

static void tell_all(struct watch_hub *h)
{
	LIST_FOREACH (w, &h->watchers, struct watcher, all) {
		touch(h, w);
		if (w->on_event)
			w->on_event(w, -1, IN_Q_OVERFLOW, NULL);
	}
}

static void tell(struct watch_hub *h, const struct inotify_event *e, uint64_t position)
{
	struct node *n = map_get(h->nodes, key_of(e->wd));

	if (!n) {
		/* A core before us wanted to know. */
		if (!(e->mask & IN_IGNORED))
			(void) inotify_rm_watch(h->fd, e->wd);
		return;
	}
	n->is_gone |= (e->mask & IN_IGNORED) != 0;
	LIST_FOREACH (x, &n->watches, struct watch, in_node) {
		struct watcher *w = x->watcher;

		if (!w || position < x->begin || !(e->mask & (x->mask | IN_IGNORED | IN_UNMOUNT)))
			continue;
		touch(h, w);
		if (n->is_gone)
			watch_remove(h, x);
		if (w->on_event)
			w->on_event(w, e->wd, e->mask, e->len ? e->name : NULL);
	}
}

/* What waits in the queue, as far as there is room for it. -EAGAIN: nothing does. */
static int fill(struct watch_hub *h)
{
	ssize_t n;

	if (h->used + sizeof(struct inotify_event) + NAME_MAX + 1 > EVENTS_SIZE)
		return -ENOBUFS;
	n = read(h->fd, h->events + h->used, EVENTS_SIZE - h->used);
	if (n < 0)
		return -errno;
	h->used += (size_t) n;
	return 0;
}

static int look_again(struct watch_hub *h, usec_t in)
{
	return source_set_time(h->again, usec_add(now(CLOCK_BOOTTIME), in));
}

/* Handlers may add watches, and so events behind these: they come next, after whatever is more urgent. */
static int tell_read(struct watch_hub *h)
{
	size_t size = h->used;
	struct list touched;

	h->is_telling = true;
	for (size_t at = 0; at + sizeof(struct inotify_event) <= size;) {
		const struct inotify_event *e = (const void *) (h->events + at);

		if (e->mask & IN_Q_OVERFLOW)
			tell_all(h);
		else
			tell(h, e, h->told + at);
		at += sizeof(*e) + e->len;
	}
	h->is_telling = false;
	h->told += size;
	h->used -= size;
	memmove(h->events, h->events + size, h->used);
	LIST_FOREACH (x, &h->removed, struct watch, in_watcher)
		watch_drop(h, x);
	/* One that wants to be told again is so the next time. */
	list_move(&touched, &h->touched);
	for (struct watcher *w; (w = LIST_FIRST(&touched, struct watcher, touched));) {
		list_remove(&w->touched);
		w->on_changed(w);
	}
	return h->used ? look_again(h, 0) : 0;
}

static int on_readable(_unused_ struct source *s, _unused_ int fd, _unused_ uint32_t revents,
                       void *userdata)
{
	struct watch_hub *h = userdata;
	int r = fill(h);

	h->has_looked = true;
	if (r < 0 && r != -EAGAIN && r != -EINTR && r != -ENOBUFS) {
		/* In a while again; to be called for ever, or never more, would be worse. */
		(void) source_set_state(h->source, SOURCE_OFF);
		return look_again(h, AGAIN_USEC);
	}
	return tell_read(h);
}

static int on_again(_unused_ struct source *s, _unused_ usec_t deadline, void *userdata)
{
	struct watch_hub *h = userdata;

	if (source_set_state(h->source, SOURCE_ON) < 0)
		return look_again(h, AGAIN_USEC);
	return tell_read(h);
}

/* ---- the instance ---- */

int watch_hub_new(struct loop *l, struct watch_hub **ret)
{
	auto_cleanup(watch_hub_free) struct watch_hub *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->loop = l;
	h->fd = -EBADF;
	list_init(&h->watchers);
	list_init(&h->touched);
	list_init(&h->removed);
	h->nodes = map_new(MAP_POINTER);
	h->events = malloc(EVENTS_SIZE); /* pages that no event needs are never touched */
	if (!h->nodes || !h->events)
		return -ENOMEM;
	r = loop_add_time(l, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "watches again", on_again,
	                  h, &h->again);
	if (r < 0)
		return r;
	source_set_priority(h->again, PRIORITY);
	*ret = TAKE_PTR(h);
	return 0;
}

struct watch_hub *watch_hub_free(struct watch_hub *h)
{
	struct node *n;

	if (!h)
		return NULL;
	LIST_FOREACH (w, &h->watchers, struct watcher, all)
		watcher_clear(w);
	MAP_FOREACH (n, h->nodes)
		free(n);
	map_free(h->nodes);
	source_free(h->source);
	source_free(h->again);
	fd_close(h->fd);
	free(h->events);
	free(h);
	return NULL;
}

static int listen_to(struct watch_hub *h, int fd)
{
	int r = loop_add_io(h->loop, fd, EPOLLIN, "watches", on_readable, h, &h->source);

	if (r < 0)
		return r;
	source_set_priority(h->source, PRIORITY);
	h->fd = fd;
	return 0;
}

void watch_hub_adopt(struct watch_hub *h, int fd_take, void (*opened)(int fd, void *userdata),
                     void *userdata)
{
	auto_fd int fd = fd_take;

	h->opened = opened;
	h->userdata = userdata;
	if (fd >= 0 && listen_to(h, fd) >= 0)
		(void) TAKE_FD(fd);
}

static int hub_open(struct watch_hub *h)
{
	auto_fd int fd = -EBADF;
	int r;

	if (h->fd >= 0)
		return 0;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = listen_to(h, fd);
	if (r < 0)
		return r;
	(void) TAKE_FD(fd);
	if (h->opened)
		h->opened(h->fd, h->userdata);
	return 0;
}

/* ---- watchers ---- */

void watcher_init(struct watcher *w, struct watch_hub *h)
{
	w->hub = h;
	list_init(&w->watches);
}

/* Behind all that waits in the queue; without room for that, one hears of too much rather than too little. */
static uint64_t position_now(struct watch_hub *h)
{
	int r;

	if (!h->has_looked)
		return 0;
	do
		r = fill(h);
	while (r >= 0 || r == -EINTR);
	if (h->used && !h->is_telling && look_again(h, 0) < 0)
		return 0;
	return r == -EAGAIN ? h->told + h->used : 0;
}

static struct node *node_get(struct watch_hub *h, int wd)
{
	struct node *n = map_get(h->nodes, key_of(wd));

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n || map_put(h->nodes, key_of(wd), n) < 0) {
		free(n);
		return NULL;
	}
	n->wd = wd;
	list_init(&n->watches);
	return n;
}

static struct watch *watch_of(const struct watcher *w, const struct node *n)
{
	LIST_FOREACH (x, &n->watches, struct watch, in_node)
		if (x->watcher == w)
			return x;
	return NULL;
}

int watcher_add(struct watcher *w, const char *path, uint32_t mask)
{
	struct watch_hub *h = w->hub;
	struct watch *x;
	struct node *n;
	uint64_t begin;
	int wd, r = hub_open(h);

	if (r < 0)
		return r;
	begin = position_now(h);
	wd = inotify_add_watch(h->fd, path, mask | IN_MASK_ADD);
	if (wd < 0)
		return -errno;
	n = node_get(h, wd);
	if (!n) {
		(void) inotify_rm_watch(h->fd, wd);
		return -ENOMEM;
	}
	x = watch_of(w, n);
	if (!x) {
		x = calloc(1, sizeof(*x));
		if (!x) {
			if (list_is_empty(&n->watches))
				node_drop(h, n);
			return -ENOMEM;
		}
		x->watcher = w;
		x->node = n;
		x->begin = list_is_empty(&n->watches) ? 0 : begin;
		list_append(&n->watches, &x->in_node);
		list_append(&w->watches, &x->in_watcher);
	} else if (x->is_stale) {
		x->mask = 0;
	}
	x->is_stale = false;
	x->mask |= mask & IN_ALL_EVENTS;
	if (!list_is_linked(&w->all))
		list_append(&h->watchers, &w->all);
	return wd;
}

void watcher_remove(struct watcher *w, int wd)
{
	struct node *n = w->hub ? map_get(w->hub->nodes, key_of(wd)) : NULL;
	struct watch *x = n ? watch_of(w, n) : NULL;

	if (x)
		watch_remove(w->hub, x);
}

void watcher_begin(struct watcher *w)
{
	LIST_FOREACH (x, &w->watches, struct watch, in_watcher)
		x->is_stale = true;
}

void watcher_end(struct watcher *w)
{
	LIST_FOREACH (x, &w->watches, struct watch, in_watcher)
		if (x->is_stale)
			watch_remove(w->hub, x);
}

int watcher_again(struct watcher *w)
{
	touch(w->hub, w);
	return look_again(w->hub, AGAIN_USEC);
}

void watcher_clear(struct watcher *w)
{
	LIST_FOREACH (x, &w->watches, struct watch, in_watcher)
		watch_remove(w->hub, x);
	list_remove(&w->touched);
	list_remove(&w->all);
}
