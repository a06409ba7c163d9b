// SPDX-License-Identifier: Apache-2.0
/* A unit of each type, written into its record and read back by another manager, says the same. */
#include "check.h"

#include "types/automount.h"
#include "types/device.h"
#include "types/mount.h"
#include "types/service.h"
#include "types/socket.h"
#include "types/swap.h"
#include "types/timer.h"

static struct world {
	struct loop *loop;
	struct manager *m;
} a, b;

static void world_open(struct world *w)
{
	if (loop_new(&w->loop) < 0 || manager_new(w->loop, unit_types, NULL, NULL, &w->m) < 0)
		abort();
	setenv("SYSTEMD_UNIT_PATH", "/nonexistent", 1);
	if (manager_read_index(w->m) < 0)
		abort();
	w->m->is_test = true;
	w->m->no_cgroup = true;
}

static void worlds_close(void)
{
	manager_free(a.m);
	manager_free(b.m);
	loop_free(a.loop);
	loop_free(b.loop);
}

static struct unit *put(struct world *w, const char *name, const char *text)
{
	struct unit_file *f;
	struct unit *u;

	if (unit_file_parse(&w->m->context, name, text, strlen(text), NULL, NULL, &f) < 0)
		abort();
	/* What it mentions is not found. */
	if (manager_add_unit(w->m, name, f, &u) < 0)
		abort();
	if (manager_load_unit(w->m, name, NULL, &u) < 0)
		abort();
	return u;
}

/* The type's part of the record. */
static char *saved(const struct unit *u)
{
	struct strbuf s = {.max = 0};
	char *text;

	record_begin(&s);
	u->ops->save(u, &s);
	if (strbuf_take(&s, &text) < 0)
		abort();
	return text;
}

static int read_back(struct unit *u, const char *text)
{
	struct record *r;
	int k = record_parse(text, strlen(text), &r);

	if (k >= 0) {
		k = u->ops->restore(u, r);
		record_free(r);
	}
	return k;
}

/* Both worlds get the unit; @u1 is changed by the caller, then carried over. */
static void pair(const char *name, const char *text, struct unit **u1, struct unit **u2)
{
	world_open(&a);
	world_open(&b);
	*u1 = put(&a, name, text);
	*u2 = put(&b, name, text);
}

static void carry(struct unit *u1, struct unit *u2)
{
	auto_free char *text = saved(u1), *again = NULL;

	CHECK_INT(read_back(u2, text), ==, 0);
	again = saved(u2);
	CHECK_STR(again, text);
	CHECK_STR(unit_sub_state(u2), unit_sub_state(u1));
	CHECK_INT(unit_active_state(u2), ==, unit_active_state(u1));
}

TEST(record__service)
{
	struct unit *u1, *u2;
	struct service *s;

	pair("a.service",
	     "[Service]\nExecStart=/bin/true\nExecStartPre=/bin/true\nExecStartPre=/bin/false\n",
	     &u1, &u2);
	s = SERVICE(u1);
	for (int state = 0; state < SERVICE_STATE_MAX; state++) {
		s->state = state;
		carry(u1, u2);
	}
	s->state = SERVICE_START_PRE;
	s->result = RESULT_TIMEOUT;
	s->control_list = SERVICE_EXEC_START_PRE;
	s->control_index = 1;
	s->spawning = SPAWNING_CONTROL;
	s->n_restarts = 7;
	s->forbid_restart = true;
	s->deadline.at = 123456789;
	s->status_errno = 5;
	s->status_text = strdup("two\nlines \\ and more");
	s->notify_state = NOTIFY_STATE_STOPPING;
	s->notify_access_override = NOTIFY_NONE;
	s->watchdog_override_usec = 99;
	s->main_status = (struct process_status){.pid = 12,
	                                         .code = CLD_EXITED,
	                                         .status = 3,
	                                         .start = stamp_now(),
	                                         .exit = stamp_now()};
	carry(u1, u2);
	CHECK_INT(SERVICE(u2)->n_restarts, ==, 7);
	CHECK_INT(SERVICE(u2)->deadline.at, ==, 123456789);
	CHECK_INT(SERVICE(u2)->control_list, ==, SERVICE_EXEC_START_PRE);
	CHECK_INT(SERVICE(u2)->spawning, ==, SPAWNING_CONTROL);
	CHECK_INT(SERVICE(u2)->notify_access_override, ==, NOTIFY_NONE);
	CHECK_INT(SERVICE(u2)->main_status.status, ==, 3);
	CHECK_STR(SERVICE(u2)->status_text, "two\nlines \\ and more");
	/* So that nothing is left to do for the deadline. */
	s->state = SERVICE(u2)->state = SERVICE_DEAD;
	worlds_close();
}

TEST(record__a_process_that_is_gone_keeps_its_number)
{
	struct unit *u1, *u2;

	pair("a.service", "[Service]\nExecStart=/bin/true\n", &u1, &u2);
	SERVICE(u1)->state = SERVICE_RUNNING;
	SERVICE(u1)->main_pid_known = true;
	/* Our own pid with another start time: recycled. */
	SERVICE(u1)->main_pid = (struct pidref){.pid = getpid(), .pidfd = -EBADF, .start_time = 1};
	carry(u1, u2);
	CHECK_INT(SERVICE(u2)->main_pid.pid, ==, getpid());
	CHECK_INT(SERVICE(u2)->main_pid.pidfd, <, 0);
	CHECK_INT(pidref_kill(&SERVICE(u2)->main_pid, 0), ==, -ESRCH);
	worlds_close();
}

TEST(record__a_process_that_lives_is_held)
{
	struct unit *u1, *u2;
	struct pidref self;

	CHECK_INT(pidref_open(getpid(), &self), ==, 0);
	pair("a.service", "[Service]\nExecStart=/bin/true\n", &u1, &u2);
	SERVICE(u1)->state = SERVICE_RUNNING;
	SERVICE(u1)->main_pid_known = true;
	SERVICE(u1)->main_pid = self;
	carry(u1, u2);
	CHECK_INT(SERVICE(u2)->main_pid.pidfd, >=, 0);
	CHECK_INT(SERVICE(u2)->main_pid.start_time, ==, self.start_time);
	worlds_close();
}

TEST(record__an_unknown_state_is_an_adoption)
{
	struct unit *u1, *u2;

	pair("a.service", "[Service]\nExecStart=/bin/true\n", &u1, &u2);
	CHECK_INT(read_back(u2, "v=1\nadopted=1\n"), ==, 0);
	CHECK(SERVICE(u2)->adopt);
	CHECK_INT(read_back(u2, "v=1\nstate=of-the-future\nresult=strange\ncontrol-list=x\n"), ==,
	          0);
	CHECK(SERVICE(u2)->adopt);
	CHECK_INT(SERVICE(u2)->result, ==, RESULT_SUCCESS);
	CHECK_INT(SERVICE(u2)->control_list, ==, SERVICE_EXEC_MAX);
	worlds_close();
}

TEST(record__socket)
{
	struct unit *u1, *u2;

	pair("a.socket", "[Socket]\nListenStream=@types-test-records\n", &u1, &u2);
	for (int state = 0; state < SOCKET_STATE_MAX; state++) {
		SOCKET(u1)->state = state;
		SOCKET(u1)->result = RESULT_TRIGGER_LIMIT_HIT;
		SOCKET(u1)->n_accepted = 3;
		SOCKET(u1)->control_list = SOCKET_EXEC_STOP_POST;
		carry(u1, u2);
	}
	CHECK_INT(SOCKET(u2)->n_accepted, ==, 3);
	CHECK_INT(SOCKET(u2)->control_list, ==, SOCKET_EXEC_STOP_POST);
	worlds_close();
}

TEST(record__timer)
{
	struct unit *u1, *u2;

	pair("a.timer", "[Timer]\nOnBootSec=1h\n", &u1, &u2);
	for (int state = 0; state < TIMER_STATE_MAX; state++) {
		TIMER(u1)->state = state;
		TIMER(u1)->last_trigger = stamp_now();
		TIMER(u1)->next_monotonic = 1234;
		carry(u1, u2);
	}
	CHECK_INT(TIMER(u2)->next_monotonic, ==, 1234);
	TIMER(u1)->clock = (struct stamp){.realtime = 1, .monotonic = 2, .boottime = 3};
	carry(u1, u2);
	CHECK_INT(TIMER(u2)->clock.boottime, ==, 3);
	CHECK(TIMER(u2)->next_realtime == USEC_INFINITY);
	worlds_close();
}

/* What NTP may have steered meanwhile is no clock that was set; and a suspended machine's clock went on. */
TEST(timer__a_clock_that_was_set_while_there_was_no_core)
{
	static const struct {
		int64_t since, off;
		bool is_set;
	} rows[] = {
		{10, 0, false},     {10, 1, false},      {10, 3600, true},    {10, -3600, true},
		{86400, 40, false}, {86400, -40, false}, {86400, 4000, true},
	};
	struct unit *u1, *u2;

	pair("a.timer", "[Timer]\nOnClockChange=yes\n", &u1, &u2);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct stamp then = stamp_now();

		then.realtime -= (usec_t) (rows[i].since - rows[i].off) * USEC_PER_SEC;
		/* Of a machine that is up for less, it is the same sum. */
		then.boottime += 1000 * 86400 * USEC_PER_SEC;
		CHECK(timer_clock_was_set(
			      &then,
			      &(struct stamp){.realtime = now(CLOCK_REALTIME),
		                              .boottime = then.boottime +
		                                          (usec_t) rows[i].since * USEC_PER_SEC}) ==
		      rows[i].is_set);
	}
	CHECK(!timer_clock_was_set(&(struct stamp){0}, &(struct stamp){.realtime = 1}));
	worlds_close();
}

TEST(record__mount_and_swap)
{
	struct unit *u1, *u2;

	pair("mnt-x.mount", "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=/mnt/x\n", &u1, &u2);
	for (int state = 0; state < MOUNT_STATE_MAX; state++) {
		MOUNT(u1)->state = state;
		MOUNT(u1)->spawning = state % 2;
		MOUNT(u1)->command = MOUNT_COMMAND_UNMOUNT;
		MOUNT(u1)->result = RESULT_PROTOCOL;
		carry(u1, u2);
	}
	worlds_close();
	pair("swapfile.swap", "[Swap]\nWhat=/swapfile\n", &u1, &u2);
	for (int state = 0; state < SWAP_STATE_MAX; state++) {
		SWAP(u1)->state = state;
		SWAP(u1)->deadline.at = 42;
		carry(u1, u2);
	}
	worlds_close();
}

/* What list-units calls a unit whose file does not say. */
TEST(description__is_what_the_name_stands_for)
{
	static const struct {
		const char *name, *text, *wanted;
	} rows[] = {
		{"a-b-c.slice", "[Slice]\n", "Slice /a/b/c"},
		{"system.slice", "[Slice]\n", "System Slice"},
		{"-.slice", "[Slice]\n", "Root Slice"},
		{"-.mount", "[Mount]\nWhat=/dev/x\nWhere=/\n", "Root Mount"},
		{"mnt-x.mount", "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=/mnt/x\n", "/mnt/x"},
		{"mnt-x.automount", "[Automount]\nWhere=/mnt/x\n", "mnt-x.automount"},
		{"swap\\x20file.swap", "[Swap]\nWhat=/swap file\n", "/swap file"},
		{"dev-a\\x2db.device", "[Unit]\n", "/dev/a-b"},
		{"init.scope", "[Scope]\n", "System and Service Manager"},
		{"a-b.slice", "[Unit]\nDescription=Mine\n[Slice]\n", "Mine"},
		{"mnt-y.mount", "[Unit]\nDescription=Mine\n[Mount]\nWhat=x\n", "Mine"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		world_open(&a);
		CHECK_STR(unit_description(put(&a, rows[i].name, rows[i].text)), rows[i].wanted);
		manager_free(a.m);
		loop_free(a.loop);
	}
}

TEST(record__small_types)
{
	static const struct {
		const char *name, *text, *record, *sub;
	} rows[] = {
		{"a.target", "[Unit]\n", "v=1\nstate=active\n", "active"},
		{"a.slice", "[Unit]\n", "v=1\nstate=active\n", "active"},
		{"a.path", "[Path]\nPathExists=/nonexistent\n",
	         "v=1\nstate=waiting\nresult=success\n", "waiting"},
		{"a.scope", "[Scope]\n", "v=1\nstate=abandoned\nresult=oom-kill\n", "abandoned"},
		{"dev-x.device", "[Unit]\n", "v=1\nstate=plugged\nfound=1\nsysfs=/sys/devices/x\n",
	         "plugged"},
		{"mnt-y.automount", "[Automount]\nWhere=/mnt/y\n",
	         "v=1\nstate=running\nresult=success\n", "running"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct unit *u1, *u2;

		pair(rows[i].name, rows[i].text, &u1, &u2);
		CHECK_INT(read_back(u1, rows[i].record), ==, 0);
		CHECK_STR(unit_sub_state(u1), rows[i].sub);
		carry(u1, u2);
		worlds_close();
	}
}
