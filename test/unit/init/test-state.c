// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "init/init.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static char saved[STATE_MAX];

/* Saves, and returns the text. */
static size_t save(void)
{
	int fd = state_save();
	ssize_t n = fd < 0 ? -1 : read(fd, saved, sizeof(saved) - 1);

	if (fd >= 0)
		close(fd);
	saved[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t) n;
}

static void exit_add(int pid, int status, const char *cgroup)
{
	struct exit_record *e = exit_at(++st.exit_last);

	e->m = (struct wire_message){.type = WIRE_EXIT,
	                             .number = (uint64_t) st.exit_last,
	                             .start_time = (uint64_t) (1000 + pid),
	                             .pid = pid,
	                             .code = 1,
	                             .status = status};
	text_copy_clean(e->cgroup, sizeof(e->cgroup), cgroup, strlen(cgroup));
}

TEST(state__survives_a_round_trip)
{
	size_t n;

	state_reset();
	CHECK_INT(st.core_fd, ==, -1);
	st.core_pid = 4711;
	st.core_deadline = USEC_NEVER;
	st.signals = INT64_MIN;
	text_set(st.died, "killed 9");
	text_set(st.last_upgrade, "core /a=b c: why = not");
	st.exit_acked = st.exit_last = 300;
	exits_reset();
	exit_add(50, 3, "/a.slice/b c=d.service");
	exit_add(51, 0, "/");
	CHECK_INT(vault_put("x y=z", 5, 7), ==, 0);
	n = save();
	CHECK_INT(n, >, 100);
	state_reset();
	CHECK_INT(vault_next(0), ==, -ENOENT);
	CHECK_INT(state_parse(saved, n), ==, 0);
	CHECK_INT(st.core_pid, ==, 4711);
	CHECK_INT(st.core_deadline, ==, USEC_NEVER);
	CHECK_INT(st.signals, ==, INT64_MIN);
	CHECK_STR(st.died, "killed 9");
	CHECK_STR(st.last_upgrade, "core /a=b c: why = not");
	CHECK_INT(st.exit_last, ==, 302);
	CHECK_INT(exit_at(302)->m.type, ==, WIRE_EXIT);
	CHECK_INT(exit_at(302)->m.number, ==, 302);
	CHECK_INT(exit_at(301)->m.pid, ==, 50);
	CHECK_INT(exit_at(301)->m.status, ==, 3);
	CHECK_INT(exit_at(302)->m.start_time, ==, 1051);
	CHECK_STR(exit_at(301)->cgroup, "/a.slice/b c=d.service");
	CHECK_STR(vault_at(vault_next(0))->name, "x y=z");
	CHECK_INT(vault_at(vault_next(0))->fd, ==, 7);
	state_reset();
}

TEST(state__every_field_is_saved)
{
	/* Each number and text gets a value of its own; a field that writer or reader forgot would
	 * differ. */
	struct init_state before;
	size_t n;

	state_reset();
	n = 10;
#define FILL_NUM(field)        st.field = (long long) n++;
#define FILL_TEXT(field, size) text_set(st.field, "%s-%lld", #field, (long long) n++);
	STATE_FIELDS(FILL_NUM, FILL_NUM, FILL_TEXT)
	/* Within their bounds. */
	st.core_state = CORE_ASKED;
	st.reason = st.intent = REASON_ROLLBACK;
	st.exit_acked = st.exit_sent = st.exit_last = 99;
	st.failures = 2;
	st.rung = 1;
	st.helper_kind = HELPER_CHECK_ROOT;
	st.policy = POLICY_HALT;
	st.hang_usec = 3 * SECOND;
	st.ready_usec = 4 * SECOND;
	before = st;
	n = save();
	state_reset();
	CHECK_INT(state_parse(saved, n), ==, 0);
#define SAME_NUM(field)        CHECK_INT(st.field, ==, before.field);
#define SAME_TEXT(field, size) CHECK_STR(st.field, before.field);
	STATE_FIELDS(SAME_NUM, SAME_NUM, SAME_TEXT)
	state_reset();
}

TEST(state__of_a_later_version_is_read)
{
	static const char later[] = "sysmaster-init-state=1\n"
				    "core_pid=12\n"
				    "nobody_knows_this=a b c\n"
				    "restarts=3\n"
				    "end=4\n";

	CHECK_INT(state_parse(later, strlen(later)), ==, 0);
	CHECK_INT(st.core_pid, ==, 12);
	CHECK_INT(st.restarts, ==, 3);
	CHECK_INT(st.wire_fd, ==, -1);
}

TEST(state__damage_is_found_and_the_rest_is_read)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{"", -EBADMSG},
		{"x", -EPROTONOSUPPORT},
		{"sysmaster-init-state=2\nend=1\n", -EPROTONOSUPPORT},
		{"sysmaster-init-state=1\ncore_pid=5\n", -EBADMSG},        /* cut off */
		{"sysmaster-init-state=1\ncore_pid=5\nend=2", -EBADMSG},   /* last line cut */
		{"sysmaster-init-state=1\ncore_pid=5\nend=7\n", -EBADMSG}, /* lines missing */
		{"sysmaster-init-state=1\ncore_pid=5\nx\nend=3\n", -EBADMSG},
		{"sysmaster-init-state=1\ncore_pid=5\nrestarts=x\nend=3\n", -EBADMSG},
		{"sysmaster-init-state=1\ncore_pid=5\nwire_fd=-7\nend=3\n", -EBADMSG},
		{"sysmaster-init-state=1\ncore_pid=5\nvault=3\nend=3\n", -EBADMSG},
		{"sysmaster-init-state=1\ncore_pid=5\nexit=1 2 3 4 5 /\nend=3\n", -EBADMSG},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_INT(state_parse(rows[i].text, strlen(rows[i].text)), ==, rows[i].r);
		if (strstr(rows[i].text, "core_pid"))
			CHECK_INT(st.core_pid, ==, 5);
	}
}

TEST(state__numbers_out_of_bounds_are_not_believed)
{
	static const char *const lines[] = {
		"core_state=99",        "reason=-1",     "intent=77",
		"core_pid=1",           "helper_pid=1",  "core_pid=-5",
		"core_pid=99999999999", "exit_acked=-1", "exit_last=300",
	};
	char text[256];

	for (size_t i = 0; i < COUNT(lines); i++) {
		snprintf(text, sizeof(text), "sysmaster-init-state=1\n%s\nend=2\n", lines[i]);
		CHECK_INT(state_parse(text, strlen(text)), ==, -EBADMSG);
		CHECK_INT(st.core_pid, ==, 0);
		CHECK_INT(st.exit_last - st.exit_acked, ==, 0);
	}
}

TEST(state__full_one_fits_its_limit)
{
	char name[WIRE_VAULT_NAME_MAX + 1], cgroup[WIRE_TEXT_MAX + 1];
	size_t n;

	state_reset();
	memset(name, 'n', sizeof(name) - 1);
	memset(cgroup, 'c', sizeof(cgroup) - 1);
	name[sizeof(name) - 1] = cgroup[sizeof(cgroup) - 1] = '\0';
	for (int i = 0; i < EXITS_MAX; i++)
		exit_add(i + 2, i, cgroup);
	for (int i = 0; i < WIRE_VAULT_ITEMS_MAX; i++) {
		char digits[8];

		snprintf(digits, sizeof(digits), "%04d", i);
		memcpy(name, digits, 4);
		if (vault_put(name, sizeof(name) - 1, 500000))
			CHECK_INT(i, ==, WIRE_VAULT_ITEMS_MAX);
	}
	n = save();
	CHECK_INT(n, >, 1000000);
	CHECK_INT(state_parse(saved, n), ==, 0);
	CHECK_INT(st.exit_last, ==, EXITS_MAX);
	CHECK_STR(exit_at(EXITS_MAX)->cgroup, cgroup);
	CHECK_STR(vault_at(WIRE_VAULT_ITEMS_MAX - 1)->name, name);
	state_reset();
}

TEST(state__closed_fds_are_forgotten)
{
	int open_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), closed = dup(open_fd);

	close(closed);
	state_reset();
	st.wire_fd = closed;
	st.page_fd = open_fd;
	CHECK_INT(vault_put("gone", 4, closed), ==, 0);
	CHECK_INT(vault_put("there", 5, open_fd), ==, 0);
	CHECK_INT(state_fds(0), ==, 2);
	CHECK_INT(st.wire_fd, ==, -1);
	CHECK_INT(st.page_fd, ==, open_fd);
	CHECK_STR(vault_at(vault_next(0))->name, "there");
	state_reset();
	close(open_fd);
}

TEST(state__fds_are_inherited_only_when_kept)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), item = dup(fd);

	state_reset();
	st.page_fd = fd;
	CHECK_INT(vault_put("a", 1, item), ==, 0);
	state_fds(0);
	CHECK_INT(fcntl(fd, F_GETFD), ==, 0);
	CHECK_INT(fcntl(item, F_GETFD), ==, 0);
	state_fds(FD_CLOEXEC);
	CHECK_INT(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
	CHECK_INT(fcntl(item, F_GETFD), ==, FD_CLOEXEC);
	close(item);
	close(fd);
	state_reset();
}

TEST(state__save_without_fds_fails_and_says_so)
{
	struct rlimit was, none;

	state_reset();
	getrlimit(RLIMIT_NOFILE, &was);
	none = was;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	CHECK_INT(state_save(), ==, -EMFILE);
	setrlimit(RLIMIT_NOFILE, &was);
}
