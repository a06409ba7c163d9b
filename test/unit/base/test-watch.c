// SPDX-License-Identifier: Apache-2.0
#include "base/watch.h"

#include "base/fd.h"
#include "base/str.h"
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct listener {
	struct watcher watcher;
	int events, changes, overflows;
	uint32_t mask;
	int wd;
	int cannot_look;         /* so many times */
	struct listener *clears; /* this one is cleared in the handler */
	const char *watches;     /* this file is watched in the handler */
};

struct world {
	struct loop *loop;
	struct watch_hub *hub;
	char folder[64], file[96], other[96];
	int opened;
};

static void on_event(struct watcher *w, int wd, uint32_t mask, const char *name)
{
	struct listener *l = container_of(w, struct listener, watcher);

	(void) name;
	if (mask & IN_Q_OVERFLOW) {
		l->overflows++;
		return;
	}
	l->events++;
	l->mask |= mask;
	l->wd = wd;
	if (l->clears)
		watcher_clear(&l->clears->watcher);
	if (l->watches)
		CHECK_INT(watcher_add(w, l->watches, IN_MODIFY), >, 0);
}

static void on_changed(struct watcher *w)
{
	struct listener *l = container_of(w, struct listener, watcher);

	l->changes++;
	if (l->cannot_look-- > 0)
		CHECK_INT(watcher_again(w), ==, 0);
}

static void on_opened(int fd, void *userdata)
{
	struct world *w = userdata;

	w->opened = fd;
}

static void world_open(struct world *w, int fd)
{
	*w = (struct world){.opened = -EBADF};
	strcpy(w->folder, "/tmp/watch.XXXXXX");
	CHECK(mkdtemp(w->folder));
	snprintf(w->file, sizeof(w->file), "%s/file", w->folder);
	snprintf(w->other, sizeof(w->other), "%s/other", w->folder);
	CHECK_INT(file_write_atomic(w->file, "a", 1, 0600, false), ==, 0);
	CHECK_INT(file_write_atomic(w->other, "a", 1, 0600, false), ==, 0);
	CHECK_INT(loop_new(&w->loop), ==, 0);
	CHECK_INT(watch_hub_new(w->loop, &w->hub), ==, 0);
	watch_hub_adopt(w->hub, fd, on_opened, w);
}

static void world_close(struct world *w)
{
	watch_hub_free(w->hub);
	loop_free(w->loop);
	unlink(w->file);
	unlink(w->other);
	rmdir(w->folder);
}

static void listener_open(struct listener *l, struct world *w)
{
	*l = (struct listener){.watcher = {.on_event = on_event, .on_changed = on_changed}};
	watcher_init(&l->watcher, w->hub);
}

static void modify(const char *path)
{
	auto_fd int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	CHECK_INT(fd, >=, 0);
	CHECK_INT(write(fd, "x", 1), ==, 1);
}

static void turn(struct world *w)
{
	while (loop_run_once(w->loop, 0) > 0)
		;
}

TEST(watch__all_watchers_of_a_file_hear_of_it)
{
	struct listener a, b, c;
	struct world w;

	world_open(&w, -1);
	listener_open(&a, &w);
	listener_open(&b, &w);
	listener_open(&c, &w);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&b.watcher, w.file, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&c.watcher, w.file, IN_ATTRIB), >, 0);
	CHECK_INT(w.opened, >=, 0);
	turn(&w);
	modify(w.file);
	turn(&w);
	CHECK_INT(a.events, ==, 1);
	CHECK_INT(b.events, ==, 1);
	CHECK_INT(c.events, ==, 0);
	CHECK_INT(a.changes, ==, 1);
	CHECK_INT(c.changes, ==, 0);

	watcher_clear(&b.watcher);
	modify(w.file);
	turn(&w);
	CHECK_INT(a.events, ==, 2);
	CHECK_INT(b.events, ==, 1);
	world_close(&w);
}

TEST(watch__changes_are_told_once_for_many_events)
{
	struct listener a;
	struct world w;
	int file, other;

	world_open(&w, -1);
	listener_open(&a, &w);
	file = watcher_add(&a.watcher, w.file, IN_MODIFY);
	other = watcher_add(&a.watcher, w.other, IN_MODIFY);
	CHECK_INT(file, !=, other);
	for (int i = 0; i < 3; i++) {
		modify(w.file);
		modify(w.other);
	}
	turn(&w);
	CHECK_INT(a.events, ==, 6);
	CHECK_INT(a.changes, ==, 1);

	watcher_remove(&a.watcher, file);
	watcher_remove(&a.watcher, file);
	modify(w.file);
	turn(&w);
	CHECK_INT(a.events, ==, 6);
	modify(w.other);
	turn(&w);
	CHECK_INT(a.wd, ==, other);
	world_close(&w);
}

TEST(watch__a_file_that_goes_takes_its_watch_along)
{
	struct listener a;
	struct world w;

	world_open(&w, -1);
	listener_open(&a, &w);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	CHECK_INT(unlink(w.file), ==, 0);
	turn(&w);
	CHECK(a.mask & IN_IGNORED);
	CHECK(list_is_empty(&a.watcher.watches));
	CHECK_INT(file_write_atomic(w.file, "b", 1, 0600, false), ==, 0);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	a.mask = 0;
	modify(w.file);
	turn(&w);
	CHECK(a.mask & IN_MODIFY);
	world_close(&w);
}

TEST(watch__watches_are_exchanged_without_a_gap)
{
	struct listener a;
	struct world w;
	int file;

	world_open(&w, -1);
	listener_open(&a, &w);
	file = watcher_add(&a.watcher, w.file, IN_MODIFY);
	CHECK_INT(watcher_add(&a.watcher, w.other, IN_MODIFY), >, 0);
	turn(&w);
	watcher_begin(&a.watcher);
	modify(w.file); /* between the two */
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), ==, file);
	watcher_end(&a.watcher);
	turn(&w);
	CHECK_INT(a.events, ==, 1);
	modify(w.other);
	turn(&w);
	CHECK_INT(a.events, ==, 1);
	world_close(&w);
}

/* A unit that writes what it is started by, and whose folder another one watches, would be started for ever. */
TEST(watch__who_comes_later_hears_nothing_from_before)
{
	struct listener a, b;
	struct world w;

	world_open(&w, -1);
	listener_open(&a, &w);
	listener_open(&b, &w);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	modify(w.file);
	turn(&w);
	CHECK_INT(a.events, ==, 1);
	modify(w.file);
	CHECK_INT(watcher_add(&b.watcher, w.file, IN_MODIFY), >, 0);
	turn(&w);
	CHECK_INT(a.events, ==, 2);
	CHECK_INT(b.events, ==, 0);
	/* And everything from then on: nothing of it was merged into what waited. */
	modify(w.file);
	CHECK_INT(watcher_add(&b.watcher, w.other, IN_MODIFY), >, 0);
	modify(w.file);
	turn(&w);
	CHECK_INT(b.events, >=, 1);
	world_close(&w);
}

TEST(watch__a_handler_may_clear_and_watch)
{
	struct listener a, b;
	struct world w;

	world_open(&w, -1);
	listener_open(&a, &w);
	listener_open(&b, &w);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&b.watcher, w.file, IN_MODIFY), >, 0);
	turn(&w);
	a.clears = &b;
	a.watches = w.other;
	modify(w.file);
	turn(&w);
	CHECK_INT(a.events, ==, 1);
	CHECK_INT(b.events, ==, 0);
	CHECK_INT(b.changes, ==, 0);
	a.clears = &a;
	a.watches = NULL;
	modify(w.other);
	turn(&w);
	CHECK_INT(a.events, ==, 2);
	CHECK_INT(a.changes, ==, 1); /* it was cleared before it could be told */
	modify(w.other);
	turn(&w);
	CHECK_INT(a.events, ==, 2);
	world_close(&w);
}

/* The instance outlives core: what happened in between is heard, and what nobody wants any more is let go. */
TEST(watch__the_next_core_hears_of_what_happened_meanwhile)
{
	struct listener a, b, c, d;
	struct world first, second;
	int kept;

	world_open(&first, -1);
	listener_open(&a, &first);
	listener_open(&b, &first);
	CHECK_INT(watcher_add(&a.watcher, first.file, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&b.watcher, first.other, IN_MODIFY), >, 0);
	turn(&first);
	kept = fcntl(first.opened, F_DUPFD_CLOEXEC, 3);
	modify(first.file);
	modify(first.other);

	world_open(&second, kept);
	listener_open(&c, &second);
	listener_open(&d, &second);
	CHECK_INT(watcher_add(&c.watcher, first.file, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&d.watcher, first.file, IN_MODIFY), >, 0);
	turn(&second);
	CHECK_INT(d.events, ==, 1);
	CHECK_INT(second.opened, ==, -EBADF);
	CHECK_INT(c.events, ==, 1);
	modify(first.file);
	modify(first.other);
	turn(&second);
	CHECK_INT(c.events, ==, 2);
	world_close(&second);
	world_close(&first);
}

TEST(watch__of_a_queue_that_was_full_all_hear)
{
	struct listener a, b;
	struct world w;
	char *text = NULL;
	int max = 16384;

	world_open(&w, -1);
	listener_open(&a, &w);
	listener_open(&b, &w);
	CHECK_INT(file_read("/proc/sys/fs/inotify/max_queued_events", &text, NULL), >=, 0);
	max = atoi(text ?: "16384");
	free(text);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&a.watcher, w.folder, IN_MODIFY), >, 0);
	CHECK_INT(watcher_add(&b.watcher, w.other, IN_ATTRIB), >, 0);
	for (int i = 0; i <= max / 2 && max <= 65536; i++) /* two that differ for each */
		modify(w.file);
	turn(&w);
	if (max <= 65536) {
		CHECK_INT(a.overflows, ==, 1);
		CHECK_INT(b.overflows, ==, 1);
		CHECK_INT(b.changes, ==, 1);
	}
	world_close(&w);
}

TEST(watch__who_cannot_look_is_told_again)
{
	struct listener a;
	struct world w;

	world_open(&w, -1);
	listener_open(&a, &w);
	a.cannot_look = 2;
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY), >, 0);
	modify(w.file);
	turn(&w);
	CHECK_INT(a.changes, ==, 1);
	for (int i = 0; i < 20; i++)
		(void) loop_run_once(w.loop, 50 * USEC_PER_MSEC);
	CHECK_INT(a.changes, ==, 3);
	CHECK_INT(a.events, ==, 1);
	a.cannot_look = 1;
	modify(w.file);
	turn(&w);
	watcher_clear(&a.watcher);
	for (int i = 0; i < 5; i++)
		(void) loop_run_once(w.loop, 50 * USEC_PER_MSEC);
	CHECK_INT(a.changes, ==, 4);
	world_close(&w);
}

TEST(watch__what_cannot_be_watched_is_said)
{
	struct listener a;
	struct world w;

	world_open(&w, -1);
	listener_open(&a, &w);
	CHECK_INT(watcher_add(&a.watcher, "/nonexistent", IN_MODIFY), ==, -ENOENT);
	CHECK_INT(watcher_add(&a.watcher, w.file, IN_MODIFY | IN_ONLYDIR), ==, -ENOTDIR);
	watcher_clear(&a.watcher);
	watcher_clear(&a.watcher);
	world_close(&w);
}
