// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_HEADER "sysmaster-init-state=1"

struct init_state st;

/* One row a field: size 0 is a number, -1 an fd, else a text of that size. */
static const struct state_row {
	const char *key;
	size_t offset;
	int size;
} rows[] = {
#define ROW_NUM(field)        {#field, offsetof(struct init_state, field), 0},
#define ROW_FD(field)         {#field, offsetof(struct init_state, field), -1},
#define ROW_TEXT(field, size) {#field, offsetof(struct init_state, field), (int) (size)},
	STATE_FIELDS(ROW_NUM, ROW_FD, ROW_TEXT)};

static long long *row_number(const struct state_row *row)
{
	return (long long *) ((char *) &st + row->offset);
}

static char *row_text(const struct state_row *row)
{
	return (char *) &st + row->offset;
}

void state_reset(void)
{
	memset(&st, 0, sizeof(st));
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].size < 0)
			*row_number(&rows[i]) = -1;
	st.hang_usec = HANG_USEC;
	st.ready_usec = READY_USEC;
	text_set(st.cores, "/usr/lib/sysmaster/core");
	vault_reset();
	exits_reset();
}

/* A line a call, handed to the kernel whenever the buffer is half full: no line is longer than the
 * other half. */
struct state_writer {
	char buf[4096];
	struct text t;
	int fd, error;
	long long lines;
};

static void state_flush(struct state_writer *w)
{
	size_t done = 0;

	while (!w->error && done < w->t.used) {
		ssize_t n = write(w->fd, w->buf + done, w->t.used - done);

		if (n < 0 && errno != EINTR)
			w->error = -errno;
		else if (n > 0)
			done += (size_t) n;
	}
	w->t.used = 0;
}

static void state_line_done(struct state_writer *w)
{
	text_add(&w->t, "\n");
	w->lines++;
	if (w->t.used > sizeof(w->buf) / 2)
		state_flush(w);
}

static void state_lines(struct state_writer *w)
{
	text_add(&w->t, STATE_HEADER);
	state_line_done(w);
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].size > 0)
			text_add(&w->t, "%s=%s", rows[i].key, row_text(&rows[i]));
		else
			text_add(&w->t, "%s=%lld", rows[i].key, *row_number(&rows[i]));
		state_line_done(w);
	}
	for (long long n = st.exit_acked + 1; n <= st.exit_last; n++) {
		const struct exit_record *e = exit_at(n);

		text_add(&w->t, "exit=%lld %lld %d %d %d %s", n, (long long) e->m.start_time,
		         e->m.pid, e->m.code, e->m.status, e->cgroup);
		state_line_done(w);
	}
	for (int i = 0; (i = vault_next(i)) >= 0; i++) {
		text_add(&w->t, "vault=%d %s", vault_at(i)->fd, vault_at(i)->name);
		state_line_done(w);
	}
	text_add(&w->t, "end=%lld", w->lines);
	state_line_done(w);
	state_flush(w);
}

int state_write(int fd)
{
	static struct state_writer w;

	w.t = TEXT_IN(w.buf);
	w.fd = fd;
	w.error = 0;
	w.lines = 0;
	state_lines(&w);
	if (!w.error && lseek(fd, 0, SEEK_SET) < 0)
		w.error = -errno;
	return w.error;
}

int state_save(void)
{
	int fd = memfd_create("init-state", MFD_CLOEXEC), r = fd < 0 ? -errno : state_write(fd);

	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* Several numbers with a blank behind each. */
static int numbers_parse(const char **s, const char *end, long long *ret, int n)
{
	for (int i = 0; i < n; i++) {
		if (number_parse(s, end, &ret[i]) < 0 || *s == end || **s != ' ')
			return -EINVAL;
		(*s)++;
	}
	return 0;
}

static bool exits_are_sane(void)
{
	return st.exit_acked >= 0 && st.exit_last >= st.exit_acked &&
	       st.exit_last <= INT64_MAX / 2 && st.exit_last - st.exit_acked <= EXITS_MAX;
}

/* Fields come before exits, so the ring's bounds are known. */
static int state_parse_exit(const char *s, const char *end)
{
	struct exit_record *e;
	long long v[5];

	if (numbers_parse(&s, end, v, 5) < 0 || !exits_are_sane() || v[0] <= st.exit_acked ||
	    v[0] > st.exit_last)
		return -EINVAL;
	e = exit_at(v[0]);
	e->m = (struct wire_message){
		.type = WIRE_EXIT,
		.number = (uint64_t) v[0],
		.start_time = (uint64_t) v[1],
		.pid = (int) v[2],
		.code = (int) v[3],
		.status = (int) v[4],
	};
	text_copy_clean(e->cgroup, sizeof(e->cgroup), s, (size_t) (end - s));
	return 0;
}

/* Twice the same name: to put it would close an fd that we know nothing of. */
static int state_parse_vault(const char *s, const char *end)
{
	long long fd;

	if (numbers_parse(&s, end, &fd, 1) < 0 || fd > NOFILE_HARD ||
	    vault_find(s, (size_t) (end - s)) >= 0)
		return -EINVAL;
	return vault_put(s, (size_t) (end - s), (int) fd);
}

static int state_parse_row(const struct state_row *row, const char *s, const char *end)
{
	long long v;
	int r;

	if (row->size > 0) {
		text_copy_clean(row_text(row), (size_t) row->size, s, (size_t) (end - s));
		return 0;
	}
	r = number_parse(&s, end, &v);
	if (r < 0)
		return r;
	if (s != end || (row->size < 0 && (v < -1 || v > NOFILE_HARD)))
		return -EINVAL;
	*row_number(row) = v;
	return 0;
}

static bool key_is(const char *key, const char *s, size_t n)
{
	return strlen(key) == n && !memcmp(key, s, n);
}

static int state_parse_line(const char *key, size_t key_size, const char *s, const char *end)
{
	if (key_is("exit", key, key_size))
		return state_parse_exit(s, end);
	if (key_is("vault", key, key_size))
		return state_parse_vault(s, end);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (key_is(rows[i].key, key, key_size))
			return state_parse_row(&rows[i], s, end);
	return 0; /* of another version */
}

/* What indexes or bounds something must be sane whoever wrote it. @is_fatal: else the process it
 * tells of is not believed either. */
static const struct bound {
	long long *field, min, max, otherwise;
	bool is_fatal;
} bounds[] = {
	{&st.core_state, 0, CORE_STATE_MAX - 1, CORE_NONE, true},
	{&st.reason, 0, REASON_MAX - 1, REASON_CRASH, true},
	{&st.intent, 0, REASON_MAX - 1, 0, true},
	{&st.core_pid, 0, INT32_MAX, 0, true},
	{&st.helper_pid, 0, INT32_MAX, 0, true},
	{&st.helper_kind, 0, HELPER_MAX - 1, HELPER_NONE},
	{&st.core_deadline, 0, INT64_MAX, 0},
	{&st.failures, 0, BUDGET_FIRST, 0},
	{&st.rung, 0, CORES_MAX + 1, 0},
	{&st.list_next, 0, WIRE_VAULT_ITEMS_MAX + 1, 0},
	{&st.policy, 0, POLICY_HALT, POLICY_RESCUE},
	{&st.hang_usec, SECOND / 100, 3600 * SECOND, HANG_USEC},
	{&st.ready_usec, SECOND / 100, 3600 * SECOND, READY_USEC},
	{&st.watchdog_secs, 0, 3600, 0},
};

static int state_check(void)
{
	int r = 0;

	if (!exits_are_sane()) {
		st.exit_acked = st.exit_last = st.exit_sent = 0;
		r = -EBADMSG;
	}
	if (st.exit_sent < st.exit_acked || st.exit_sent > st.exit_last)
		st.exit_sent = st.exit_acked;
	for (size_t i = 0; i < COUNT(bounds); i++) {
		const struct bound *b = &bounds[i];
		bool is_init = b->is_fatal && *b->field == 1 &&
		               (b->field == &st.core_pid || b->field == &st.helper_pid);

		if (*b->field >= b->min && *b->field <= b->max && !is_init)
			continue;
		*b->field = b->otherwise;
		if (b->is_fatal) {
			st.core_state = CORE_NONE;
			st.core_pid = st.helper_pid = st.intent = 0;
			r = -EBADMSG;
		}
	}
	return r;
}

int state_parse(const char *data, size_t size)
{
	const char *p = data, *data_end = data + size;
	long long lines = 0, stated = -1;
	int bad = 0;

	state_reset();
	while (p < data_end && stated < 0) {
		const char *end = memchr(p, '\n', (size_t) (data_end - p)), *equals;
		size_t n = (size_t) (end ? end - p : 0);

		if (lines == 0 && (n != strlen(STATE_HEADER) || memcmp(p, STATE_HEADER, n)))
			return -EPROTONOSUPPORT;
		equals = end ? memchr(p, '=', n) : NULL;
		if (!equals) {
			bad++;
		} else if (equals - p == 3 && !memcmp(p, "end", 3)) {
			p = equals + 1;
			bad += number_parse(&p, end, &stated) < 0 || stated != lines;
		} else if (lines) {
			bad += state_parse_line(p, (size_t) (equals - p), equals + 1, end) < 0;
		}
		if (!end)
			break;
		p = end + 1;
		lines++;
	}
	bad += state_check() < 0;
	return bad || stated < 0 ? -EBADMSG : 0;
}

int state_load(int fd)
{
	struct stat sb;
	void *data;
	int r;

	if (fstat(fd, &sb) < 0)
		return -errno;
	if (sb.st_size <= 0 || sb.st_size > STATE_MAX)
		return -EFBIG;
	data = mmap(NULL, (size_t) sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	r = state_parse(data, (size_t) sb.st_size);
	munmap(data, (size_t) sb.st_size);
	return r;
}

/* Returns whether @fd was open. */
static bool fd_flag(long long fd, int flags)
{
	return fcntl((int) fd, F_SETFD, flags) == 0;
}

int state_fds(int flags)
{
	int lost = 0;

	for (size_t i = 0; i < COUNT(rows); i++) {
		long long *fd = row_number(&rows[i]);

		if (rows[i].size < 0 && *fd >= 0 && !fd_flag(*fd, flags)) {
			*fd = -1;
			lost++;
		}
	}
	for (int i = 0; (i = vault_next(i)) >= 0; i++) {
		if (!fd_flag(vault_at(i)->fd, flags)) {
			vault_at(i)->name[0] = '\0';
			lost++;
		}
	}
	return lost;
}
