// SPDX-License-Identifier: Apache-2.0
/* Persistent=: the last trigger outlives the machine's uptime as the mtime of an empty file, in
 * systemd's own place. */
#include "types/timer.h"

#include <fcntl.h>
#include <sys/stat.h>

static char *stamp_path(const struct timer *t)
{
	return str_printf(TIMER_STAMP_DIRECTORY "/stamp-%s", t->unit.id);
}

int timer_stamp_read(struct timer *t)
{
	auto_free char *path = stamp_path(t);
	struct stat st;
	usec_t at;

	if (!path)
		return -ENOMEM;
	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			return -errno;
		/* The first start: what is due from now on is due. */
		return timer_stamp_touch(t);
	}
	at = timespec_to_usec(&st.st_mtim);
	/* A clock that was wrong once must not keep the timer silent for years. */
	if (at <= now(CLOCK_REALTIME))
		t->last_trigger.realtime = at;
	else
		log_unit(LOG_WARNING, t->unit.id,
		         "Not using the time of the last trigger, it is in the future");
	return 0;
}

int timer_stamp_touch(const struct timer *t)
{
	auto_free char *path = stamp_path(t);
	auto_fd int fd = -EBADF;
	const usec_t at =
		t->last_trigger.realtime > 0 ? t->last_trigger.realtime : now(CLOCK_REALTIME);
	const struct timespec times[2] = {usec_to_timespec(at), usec_to_timespec(at)};

	if (!path)
		return -ENOMEM;
	(void) mkdir_parents(path, 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0644);
	if (fd < 0)
		return -errno;
	return futimens(fd, times) < 0 ? -errno : 0;
}
