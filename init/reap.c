// SPDX-License-Identifier: Apache-2.0
/*
 * A zombie is read (start time, cgroup) before it is reaped, and recorded before it is reaped, too:
 * a fault between the two finds the same zombie again, and knows it by the last record. When the
 * ring is full the kernel is the queue.
 */
#include "init/init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAT_START_TIME 22

bool reap_due;

static struct exit_record exits[EXITS_MAX];
static long long exit_base; /* the number whose successor has slot 0 */

struct exit_record *exit_at(long long number)
{
	return &exits[(unsigned long long) (number - 1 - exit_base) % EXITS_MAX];
}

void exits_reset(void)
{
	exit_base = 0;
}

void exits_ack(long long number)
{
	if (number > st.exit_sent)
		number = st.exit_sent;
	if (number <= st.exit_acked)
		return;
	st.exit_acked = number;
	reap_due = true;
	/* An empty ring begins again in its first slots, so that the pages behind them are never
	 * touched. */
	if (st.exit_acked == st.exit_last)
		exit_base = st.exit_last;
}

int proc_read(long long pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	text_set(path, "/proc/%lld/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return (int) n;
}

int proc_stat_number(const char *data, size_t n, int field, long long *ret)
{
	/* The command may hold blanks and parentheses: count fields from the last ')'; the next one
	 * is field 3. */
	const char *p = memrchr(data, ')', n), *end = data + n;

	for (int at = 2; p && at < field; at++) {
		p = memchr(p, ' ', (size_t) (end - p));
		p = p ? p + 1 : NULL;
	}
	if (!p || number_parse(&p, end, ret) < 0)
		return -EBADMSG;
	return 0;
}

int proc_cgroup(const char *data, size_t n, char *ret, size_t size)
{
	static const char deleted[] = " (deleted)";
	const char *p = data, *data_end = data + n, *end;

	for (; p < data_end; p = end + 1) {
		end = memchr(p, '\n', (size_t) (data_end - p));
		end = end ? end : data_end;
		n = (size_t) (end - p);
		if (n <= 3 || memcmp(p, "0::/", 4) != 0)
			continue;
		n -= 3;
		if (n > sizeof(deleted) - 1 &&
		    !memcmp(end - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1))
			n -= sizeof(deleted) - 1;
		text_copy_clean(ret, size, p + 3, n);
		return 0;
	}
	return -EBADMSG;
}

/* Orphans of nobody and our own helpers live where we do; with no cgroups at all, everything is
 * told. */
static bool exit_is_reported(const char *cgroup)
{
	const char *rest;

	if (!st.cgroup_ok)
		return true;
	rest = str_prefix(cgroup, st.cgroup_base);
	return !rest || (*rest && strcmp(rest, "/") != 0 && strcmp(rest, "/init.scope") != 0);
}

long long start_time_of(long long pid)
{
	static char buf[1024];
	long long start = 0;
	int n = proc_read(pid, "stat", buf, sizeof(buf));

	return n > 0 && proc_stat_number(buf, (size_t) n, STAT_START_TIME, &start) == 0 ? start : 0;
}

/* Records the zombie. Returns 0, or -ENOBUFS if there is no room: then it must stay. */
static int exit_record(const siginfo_t *si)
{
	static char buf[PROC_FILE_MAX], cgroup[WIRE_TEXT_MAX + 1];
	struct exit_record *e = exit_at(st.exit_last);
	long long start;
	int n = proc_read(si->si_pid, "cgroup", buf, sizeof(buf));

	if (n < 0 || proc_cgroup(buf, (size_t) n, cgroup, sizeof(cgroup)) < 0)
		text_set(cgroup, "/");
	else if (!exit_is_reported(cgroup))
		return 0;
	start = start_time_of(si->si_pid);
	if (!start)
		log_line(LOG_WARNING, "exit of %d: its start time cannot be read", si->si_pid);
	else if (st.exit_last > st.exit_acked && e->m.pid == si->si_pid &&
	         e->m.start_time == (uint64_t) start)
		return 0;
	if (st.exit_last - st.exit_acked >= EXITS_MAX)
		return -ENOBUFS;
	e = exit_at(st.exit_last + 1);
	e->m = (struct wire_message){
		.type = WIRE_EXIT,
		.number = (uint64_t) st.exit_last + 1,
		.start_time = (uint64_t) start,
		.pid = si->si_pid,
		.code = si->si_code,
		.status = si->si_status,
	};
	memcpy(e->cgroup, cgroup, strlen(cgroup) + 1);
	FENCE();
	st.exit_last++;
	return 0;
}

/* Core and the helper are looked at by name: a full ring must not hide their death. Returns whether
 * it is alive or none. */
static void reap_own(long long pid, int options, void (*on_wait)(const siginfo_t *si))
{
	siginfo_t si = {0};

	while (pid > 0 && waitid(P_PID, (id_t) pid, &si, options | WNOHANG | __WALL) == 0 &&
	       si.si_pid) {
		on_wait(&si);
		if (si.si_code != CLD_STOPPED && si.si_code != CLD_CONTINUED)
			return;
		si.si_pid = 0;
	}
}

void reap(void)
{
	reap_due = false;
	reap_own(st.core_pid, WEXITED | WSTOPPED, core_on_wait);
	reap_own(st.helper_pid, WEXITED, helper_on_wait);
	for (int i = 0; i < REAP_BATCH; i++) {
		siginfo_t si = {0};

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || !si.si_pid)
			return;
		/* It died since we looked; the next turn tells. */
		if (si.si_pid == st.core_pid || si.si_pid == st.helper_pid)
			break;
		if (exit_record(&si) < 0)
			return;
		if (waitid(P_PID, (id_t) si.si_pid, &si, WEXITED | WNOHANG | __WALL) < 0)
			log_line(LOG_ERR, "reap %d: %s", si.si_pid, error_text(errno));
	}
	reap_due = true;
}
