// SPDX-License-Identifier: Apache-2.0
#include "types/proc-watch.h"

#define AGAIN_USEC (50 * USEC_PER_MSEC)

/* The open one: a shortage of fds must not hide what is there. */
static int look(struct proc_watch *w)
{
	auto_free char *text = NULL;
	int r;

	if (lseek(w->fd, 0, SEEK_SET) < 0)
		return -errno;
	r = file_read_fd(w->fd, FILE_SIZE_MAX, &text, NULL);
	if (r < 0)
		return r;
	w->looking = true;
	r = w->ops->compare(w->manager, text);
	w->looking = false;
	return r;
}

/* One that goes on with a command that cannot be judged either is for the next look. */
static void judge(struct proc_watch *w)
{
	struct list clear;
	struct proc_outcome *o;

	list_move(&clear, &w->unclear);
	while ((o = LIST_FIRST(&clear, struct proc_outcome, link))) {
		list_remove(&o->link);
		w->ops->command_ended(o->unit, o->result);
	}
}

int proc_watch_look(struct proc_watch *w)
{
	int r;

	if (!w->source || w->looking)
		return 0;
	r = look(w);
	if (r >= 0)
		judge(w);
	else
		(void) source_set_time(w->again, usec_add(now(CLOCK_BOOTTIME), AGAIN_USEC));
	return r;
}

void proc_watch_wait(struct proc_watch *w, struct unit *u, struct proc_outcome *o, int error,
                     enum result result)
{
	log_unit_errno(LOG_WARNING, u->id, error, "Cannot read %s now, trying again: %m",
	               w->ops->path);
	list_remove(&o->link);
	o->unit = u;
	o->result = result;
	list_append(&w->unclear, &o->link);
}

static int on_again(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	(void) proc_watch_look(userdata);
	return 0;
}

static int on_change(_unused_ struct source *source, _unused_ int fd, _unused_ uint32_t revents,
                     void *userdata)
{
	struct proc_watch *w = userdata;
	int r = proc_watch_look(w);

	if (r < 0)
		log_warning_errno(r, "Cannot read %s: %m", w->ops->path);
	return 0;
}

int proc_watch_open(struct proc_watch *w, struct manager *m, const struct proc_watch_ops *ops)
{
	auto_fd int fd = open(ops->path, O_RDONLY | O_CLOEXEC);
	int r;

	*w = (struct proc_watch){.manager = m, .ops = ops};
	list_init(&w->unclear);
	if (fd < 0)
		return -errno;
	/* The kernel tells of a change once, whether or not anybody reads the file. */
	r = loop_add_io(m->loop, fd, EPOLLPRI | EPOLLET, ops->path, on_change, w, &w->source);
	if (r >= 0)
		r = loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, ops->path,
		                  on_again, w, &w->again);
	if (r < 0) {
		w->source = source_free(w->source);
		return r;
	}
	w->fd = TAKE_FD(fd);
	/* Before exits of the commands that make the changes are looked at. */
	source_set_priority(w->source, -10);
	return 0;
}

void proc_watch_close(struct proc_watch *w)
{
	struct proc_outcome *o;

	if (!w->source)
		return;
	while ((o = LIST_FIRST(&w->unclear, struct proc_outcome, link)))
		list_remove(&o->link);
	w->source = source_free(w->source);
	w->again = source_free(w->again);
	w->fd = fd_close(w->fd);
}
