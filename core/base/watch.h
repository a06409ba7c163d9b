// SPDX-License-Identifier: Apache-2.0
/*
 * watch.h - one inotify(7) instance for all that core watches in the file system.
 *
 * One, and handed on: the kernel waits for a grace period (10 ms, seconds where it gets little time) when an instance that has watches is
 * closed, also when core is killed, and whoever waits for the next core waits for that. So init keeps a copy of the fd. A watch that
 * the next core adds again on the same file is the same watch, and what the queue got meanwhile is heard.
 *
 *	kernel -> hub, which reads the queue -> on_event() of each watcher of the file, in order
 *	                                     -> on_changed() of each of these, once, when the queue has been read
 *
 * An event is a hint: look at the file. A watcher may be cleared and freed in any handler, its own too.
 */
#pragma once

#include "base/event.h"
#include "base/list.h"

#include <sys/inotify.h>

struct watch_hub;
struct watcher {
	struct watch_hub *hub;
	/* May be NULL. @wd: of watcher_add(), with IN_IGNORED if the file is gone, and the watch with it; or -1 with IN_Q_OVERFLOW:
	 * anything may have happened, which is only to be noted. */
	void (*on_event)(struct watcher *w, int wd, uint32_t mask, const char *name);
	void (*on_changed)(struct watcher *w); /* may be NULL */
	struct list watches, all, touched;     /* the hub's */
};

/* The instance is opened by the first watch. */
int watch_hub_new(struct loop *l, struct watch_hub **ret);
struct watch_hub *watch_hub_free(struct watch_hub *h);
/* Before the first watch. @fd_take: one that another core had, or -1. @opened is told of one that had to be made; it may be NULL. */
void watch_hub_adopt(struct watch_hub *h, int fd_take, void (*opened)(int fd, void *userdata),
                     void *userdata);
DEFINE_CLEANUP(struct watch_hub *, watch_hub_free)

/* @w is zeroed but for its handlers; the hub outlives its watches. */
void watcher_init(struct watcher *w, struct watch_hub *h);
/* The watch descriptor; the masks of several calls for one file add up. -errno of inotify_init1(2) and
 * inotify_add_watch(2), or -ENOMEM. */
int watcher_add(struct watcher *w, const char *path, uint32_t mask);
void watcher_remove(struct watcher *w, int wd); /* one that is gone is fine */
/* Watches that are not added again between these two are removed: none is missing in between. */
void watcher_begin(struct watcher *w);
void watcher_end(struct watcher *w);
/* There was no memory or no fd for a look: on_changed() is called in 100 ms, or earlier if something happens. */
int watcher_again(struct watcher *w);
/* All of them. The watcher can be used again, or freed. */
void watcher_clear(struct watcher *w);
