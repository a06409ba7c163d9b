// SPDX-License-Identifier: Apache-2.0
/* UtmpIdentifier=: the record of a terminal without a login, which getty and login(1) then make theirs; and that it is dead. */
#include "exec/child/child.h"

#include <paths.h>
#include <unistd.h>
#include <utmpx.h>

/* Terminals differ in the end of their names, and the field is short. */
static const char *id_tail(const char *id, size_t size)
{
	size_t n = strlen(id);

	return n > size ? id + n - size : id;
}

static void record_init(struct utmpx *u, const char *id, pid_t pid)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*u = (struct utmpx){.ut_pid = pid};
	/* Both fields need no NUL when they are full. */
	id = id_tail(id, sizeof(u->ut_id));
	memcpy(u->ut_id, id, strnlen(id, sizeof(u->ut_id)));
	u->ut_tv.tv_sec = (int32_t) t.tv_sec;
	u->ut_tv.tv_usec = (int32_t) (t.tv_nsec / 1000);
}

static int record_put(const struct utmpx *u)
{
	int r;

	setutxent();
	r = pututxline(u) ? 0 : -errno;
	endutxent();
	return r;
}

int child_utmp(struct child *c)
{
	const char *line = child_tty_path(c);
	struct utmpx u;

	if (!c->s->utmp_id || c->spec.flags & EXEC_CONTROL)
		return 0;
	record_init(&u, c->s->utmp_id, getpid());
	u.ut_type = INIT_PROCESS;
	u.ut_session = getsid(0);
	line = line ? str_after(line, "/dev/") ?: line : "";
	memcpy(u.ut_line, line, strnlen(line, sizeof(u.ut_line)));
	/* Where nobody keeps utmp there is none. */
	(void) record_put(&u);
	return 0;
}

int child_utmp_dead(const char *id, const char *number)
{
	struct utmpx u, *now;
	pid_t pid;

	if (str_to_i32(number, &pid) < 0)
		return -EINVAL;
	record_init(&u, id, pid);
	u.ut_type = DEAD_PROCESS;
	/* Only the record of that very process: another terminal may have the identifier by now. */
	setutxent();
	now = getutxid(&u);
	if (!now || now->ut_pid != pid)
		return 0;
	memcpy(u.ut_line, now->ut_line, sizeof(u.ut_line));
	return record_put(&u);
}
