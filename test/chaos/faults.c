// SPDX-License-Identifier: Apache-2.0
/* What is done to core and to init. Each row does its harm, sees core answer again, and says how
 * often core may have died of it. */
#include "chaos.h"

#include "state/state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define CHAOS_STORE      "/run/sysmaster/state/data.mdb"
#define ANSWER_USEC      (15 * USEC_PER_SEC)
#define HANG_WAIT_USEC   (6 * USEC_PER_SEC)
#define INIT_FAULT_EVERY (25 * USEC_PER_SEC) /* init gives itself up after three in a minute */
#define UPGRADE_EVERY    (4 * USEC_PER_SEC)  /* one may be on trial that long */
#define REPLACE_USEC     (5 * USEC_PER_SEC) /* from the order to its self-check's end, and the grace */

/* ---- death and answer ---- */

static void note_down(struct chaos *c, usec_t from, usec_t to)
{
	c->downs[c->n_downs++ % DOWNS_MAX] = (struct down){from, to};
}

/* Until @pid is dead; when that was, or 0 after @timeout. */
static usec_t wait_death(pid_t pid, usec_t timeout)
{
	auto_fd int fd = (int) syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd >= 0 && poll(&p, 1, (int) (timeout / USEC_PER_MSEC)) == 0)
		return 0;
	return now(CLOCK_BOOTTIME);
}

static bool answers(struct chaos *c, usec_t timeout)
{
	usec_t end = now(CLOCK_MONOTONIC) + timeout;

	do {
		/* While one core is being replaced by the next, calls end half-way. */
		if (call_once(c, "org.sysmaster.Manager.Describe", NULL, timeout, NULL) >= 0)
			return true;
		chaos_sleep(c, USEC_PER_MSEC);
	} while (now(CLOCK_MONOTONIC) < end);
	return false;
}

/* Asks init for a new restart budget: the faults are ours, not core's. */
static void pay_back(struct chaos *c)
{
	kill(c->w.init, SIGRTMIN + 10);
}

/* @from: since when deadlines stood still; @died: when core did, 0 if it perhaps did not. */
static bool await_answer(struct chaos *c, usec_t from, usec_t died)
{
	usec_t back;

	if (!answers(c, ANSWER_USEC * c->slow)) {
		violation(c, "core does not answer after \"%s\"", c->fault);
		return false;
	}
	back = now(CLOCK_BOOTTIME);
	history(c, "core answers, %llu ms", (unsigned long long) (back - from) / 1000);
	note_down(c, from, back);
	if (died > 0)
		report_answer(c->fault, back - died);
	pay_back(c);
	return true;
}

bool recover(struct chaos *c, pid_t old, usec_t from)
{
	usec_t died = old > 0 ? wait_death(old, HANG_WAIT_USEC * c->slow) : 0;

	if (old > 0 && died == 0) {
		violation(c, "core %d lives on after \"%s\"", old, c->fault);
		return false;
	}
	return await_answer(c, from, died);
}

bool recover_point(struct chaos *c)
{
	return await_answer(c, c->page->fired_at_usec, c->page->fired_at_usec);
}

/* By what it says of itself: a child that it is about to execute something in has its name, too, until then. */
static pid_t core_of(struct chaos *c)
{
	for (int i = 0; i < 2000; i++) {
		pid_t named = world_core(&c->w), pid = world_pid(&c->w, c->page->core_pid);

		if (pid > 0 || named > 0)
			return pid > 0 ? pid : named;
		usleep(1000);
	}
	violation(c, "there is no core");
	return 0;
}

static void due(struct chaos *c, unsigned least, unsigned most)
{
	if (most > 0)
		history(c, "%u to %u deaths", least, most);
	c->kills_min += least;
	c->kills_max += most;
}

static void pause_random(struct chaos *c, uint32_t most_usec)
{
	chaos_sleep(c, chaos_random(c, most_usec));
}

static void forget_orders(struct chaos *c)
{
	for (size_t i = 0; i < n_unit_rows; i++) {
		c->models[i].wanted = WANT_UNKNOWN;
		/* What runs stays what it is; what waited for a job or a deadline may be gone. */
		if (!(unit_rows[i].flags & UNIT_DAEMON) || c->models[i].pid == 0)
			c->models[i].touched = true;
	}
}

/* A call or an allocation that fails may make an order fail. It must not do more. */
static void forgive(struct chaos *c)
{
	forget_orders(c);
	order_base(c);
	forget_orders(c);
	c->forgiven = true;
	books_forget(c);
	/* A socket that had to be closed has lost what waited in it. */
	for (size_t i = 0; i < ELEMENTSOF(c->socket_inodes); i++)
		c->socket_inodes[i] = 0;
	for (unsigned i = 0; i < c->n_sent; i++)
		c->sent[i].unsure = 1;
}

/* ---- from outside ---- */

static void kill_and_recover(struct chaos *c, int sig)
{
	pid_t core = core_of(c);
	usec_t from = now(CLOCK_BOOTTIME);

	if (core <= 0)
		return;
	kill(core, sig);
	due(c, 1, 1);
	(void) recover(c, core, from);
}

static void fault_kill(struct chaos *c)
{
	pause_random(c, 20000);
	kill_and_recover(c, SIGKILL);
}

/* While the successor takes over. */
static void fault_kill_twice(struct chaos *c)
{
	pid_t first = core_of(c), second = 0;
	usec_t from = now(CLOCK_BOOTTIME);

	if (first <= 0)
		return;
	kill(first, SIGKILL);
	if (!wait_death(first, HANG_WAIT_USEC * c->slow))
		return;
	for (int i = 0; i < 5000 && (second <= 0 || second == first); i++) {
		usleep(200);
		/* Not by its name: a helper that the first was about to execute has it, too. */
		second = world_pid(&c->w, c->page->core_pid);
	}
	pause_random(c, 12000);
	kill(second, SIGKILL);
	due(c, 2, 2);
	(void) recover(c, second, from);
}

static void fault_stop(struct chaos *c)
{
	pid_t core = core_of(c);
	usec_t from = now(CLOCK_BOOTTIME);

	if (core <= 0)
		return;
	/* The first stop in a minute is answered by SIGCONT, a second one by SIGKILL. */
	kill(core, SIGSTOP);
	chaos_sleep(c, 20 * USEC_PER_MSEC);
	kill(core, SIGSTOP);
	chaos_sleep(c, 20 * USEC_PER_MSEC);
	due(c, 0, 1);
	(void) recover(c, 0, from);
}

/* ---- from inside: the trigger of a build with FAULTS ---- */

static void trigger(struct chaos *c, enum fault_action action)
{
	const union sigval v = {.sival_int = action};
	pid_t core = core_of(c);
	usec_t from = now(CLOCK_BOOTTIME);

	if (core <= 0)
		return;
	(void) sigqueue(core, FAULT_SIGNAL, v);
	due(c, 1, 1);
	(void) recover(c, core, from);
}

static void fault_segv(struct chaos *c)
{
	trigger(c, FAULT_SEGV);
}
static void fault_abort(struct chaos *c)
{
	trigger(c, FAULT_ABORT);
}
static void fault_stack(struct chaos *c)
{
	trigger(c, FAULT_STACK);
}
static void fault_assert(struct chaos *c)
{
	trigger(c, FAULT_ASSERT);
}

/* init sees a hang by a page that core writes when it begins a turn, so it needs one to begin. */
static void hang(struct chaos *c, enum fault_action action)
{
	c->page->nth = 1;
	c->page->action = action;
	__atomic_store_n(&c->page->site, 0, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < c->page->n_sites; i++)
		if (streq(c->page->sites[i].name, "varlink.reply.before"))
			__atomic_store_n(&c->page->site, (int32_t) i + 1, __ATOMIC_SEQ_CST);
	pid_t core = core_of(c);
	usec_t from = now(CLOCK_BOOTTIME);

	(void) call_once(c, "org.sysmaster.Manager.Describe", NULL, 10 * USEC_PER_MSEC, NULL);
	due(c, 1, 1);
	(void) recover(c, core, from);
}

static void fault_loop(struct chaos *c)
{
	hang(c, FAULT_LOOP);
}
static void fault_block(struct chaos *c)
{
	hang(c, FAULT_BLOCK);
}

/* No new fd for a while: requests fail, nothing is lost, and core need not die of it. */
static void fault_fds(struct chaos *c)
{
	const union sigval begin = {.sival_int = FAULT_FDS}, end = {.sival_int = FAULT_FDS_END};
	pid_t core = core_of(c);
	usec_t from = now(CLOCK_BOOTTIME);

	if (core <= 0)
		return;
	(void) sigqueue(core, FAULT_SIGNAL, begin);
	for (int i = 0; i < 3; i++)
		(void) order_message(c, (unsigned) i & 1);
	chaos_sleep(c, 60 * USEC_PER_MSEC);
	(void) sigqueue(core, FAULT_SIGNAL, end);
	due(c, 0, 1);
	(void) recover(c, 0, from);
	forgive(c);
}

/* The n-th allocation from now fails, and perhaps some more. */
static void fault_memory(struct chaos *c)
{
	pid_t core = core_of(c);
	usec_t from = now(CLOCK_BOOTTIME);
	uint32_t before = c->page->alloc_fired;

	if (core <= 0)
		return;
	c->page->alloc_run = 1 + chaos_random(c, 3);
	__atomic_store_n(&c->page->alloc_nth, 1 + chaos_random(c, 400), __ATOMIC_SEQ_CST);
	for (int i = 0; i < 4 && c->page->alloc_fired == before; i++)
		order_random(c);
	chaos_sleep(c, 5 * USEC_PER_MSEC);
	__atomic_store_n(&c->page->alloc_nth, 0, __ATOMIC_SEQ_CST);
	/* Each may have been the end of a core, if it was in the middle of a take-over. */
	due(c, 0, c->page->alloc_fired - before);
	c->gives_up_only = true;
	(void) recover(c, 0, from);
	forgive(c);
}

static void fault_call(struct chaos *c)
{
	static const int errors[] = {-ENOMEM, -EMFILE, -ENOSPC, -EIO, -EPERM, -EINTR, -EAGAIN};
	usec_t from = now(CLOCK_BOOTTIME);
	uint32_t before = c->page->sys_fired;

	if (core_of(c) <= 0)
		return;
	c->page->sys_run = 1;
	c->page->sys_error = errors[chaos_random(c, ELEMENTSOF(errors))];
	__atomic_store_n(&c->page->sys_nth, 1 + chaos_random(c, 120), __ATOMIC_SEQ_CST);
	for (int i = 0; i < 4 && c->page->sys_fired == before; i++)
		order_random(c);
	chaos_sleep(c, 5 * USEC_PER_MSEC);
	__atomic_store_n(&c->page->sys_nth, 0, __ATOMIC_SEQ_CST);
	history(c, "failed: %s", c->page->sys_fired != before ? c->page->sys_last : "none");
	due(c, 0, c->page->sys_fired - before);
	c->gives_up_only = true;
	(void) recover(c, 0, from);
	forgive(c);
}

void fault_calls(struct chaos *c, const char *verb, int unit, unsigned nth, unsigned run)
{
	usec_t from = now(CLOCK_BOOTTIME);
	uint32_t before = c->page->sys_fired;

	c->page->sys_run = run;
	c->page->sys_error = -EMFILE;
	__atomic_store_n(&c->page->sys_nth, nth, __ATOMIC_SEQ_CST);
	(void) order_queue(c, verb, unit);
	chaos_sleep(c, 10 * USEC_PER_MSEC);
	__atomic_store_n(&c->page->sys_nth, 0, __ATOMIC_SEQ_CST);
	due(c, 0, c->page->sys_fired - before);
	c->gives_up_only = true;
	(void) recover(c, 0, from);
	forgive(c);
}

/* At a random crash point, whenever it is passed for the n-th time. */
static void fault_point(struct chaos *c)
{
	uint32_t before = c->page->fired, n;
	int32_t life = 0;
	usec_t from;

	if (core_of(c) <= 0 || c->page->n_sites == 0)
		return;
	c->page->action = FAULT_KILL;
	c->page->nth = 1 + chaos_random(c, 4);
	__atomic_store_n(&c->page->site, 1 + (int32_t) chaos_random(c, c->page->n_sites),
	                 __ATOMIC_SEQ_CST);
	for (int i = 0; i < 6 && c->page->fired == before; i++)
		order_random(c);
	chaos_sleep(c, 3 * USEC_PER_MSEC);
	/* Not passed: then in the next core's start. */
	if (c->page->fired == before) {
		pid_t victim;

		/* Or passed this moment, by the victim or by the one before it: which, its pid tells. */
		life = c->page->core_pid;
		victim = world_pid(&c->w, life);
		if (victim <= 0) {
			life = 0;
			victim = core_of(c);
		}
		from = now(CLOCK_BOOTTIME);
		kill(victim, SIGKILL);
		due(c, 1, 1);
		(void) recover(c, victim, from);
	}
	__atomic_store_n(&c->page->site, 0, __ATOMIC_SEQ_CST);
	n = c->page->fired - before;
	/* It came to the point just as it was killed: that is one death. */
	if (n > 0 && life && c->page->fired_core == life)
		n--;
	due(c, n, n);
	if (c->page->fired != before)
		(void) recover_point(c);
}

/* ---- the store ---- */

static char *world_path(const struct chaos *c, const char *path)
{
	char *p = str_printf("/proc/%d/root%s", (int) c->w.init, path);

	if (!p)
		abort();
	return p;
}

/* Harm to the file while nobody has it open: init is stopped until it is done. */
static void with_store(struct chaos *c, void (*fn)(struct chaos *c, const char *path))
{
	auto_free char *path = world_path(c, CHAOS_STORE);
	pid_t core;
	usec_t from;

	/* Nothing is under way: a job that is lost with its record is no fault of core. */
	check_quiet(c);
	history(c, "it was quiet before");
	core = core_of(c);
	from = now(CLOCK_BOOTTIME);
	if (core <= 0)
		return;
	kill(c->w.init, SIGSTOP);
	kill(core, SIGKILL);
	(void) wait_death(core, HANG_WAIT_USEC * c->slow);
	fn(c, path);
	kill(c->w.init, SIGCONT);
	due(c, 1, 1);
	(void) recover(c, 0, from);
}

static void damage_bytes(struct chaos *c, const char *path)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct stat st;
	char junk[64];

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return;
	for (int i = 0; i < 24; i++) {
		for (size_t k = 0; k < sizeof(junk); k++)
			junk[k] = (char) chaos_random(c, 256);
		(void) !pwrite(fd, junk, 1 + chaos_random(c, sizeof(junk)),
		               (off_t) chaos_random(c, (uint32_t) st.st_size));
	}
}

static void damage_length(struct chaos *c, const char *path)
{
	struct stat st;

	if (stat(path, &st) >= 0)
		(void) !truncate(path, (off_t) chaos_random(c, (uint32_t) st.st_size));
}

static void damage_missing(_unused_ struct chaos *c, const char *path)
{
	(void) unlink(path);
}

static void damage_other(struct chaos *c, const char *path)
{
	char junk[8192];

	for (size_t k = 0; k < sizeof(junk); k++)
		junk[k] = (char) chaos_random(c, 256);
	(void) file_write_atomic(path, junk, sizeof(junk), 0600, false);
}

static void lose_store(struct chaos *c, void (*fn)(struct chaos *c, const char *path))
{
	with_store(c, fn);
	forgive(c);
}

static void fault_store_bytes(struct chaos *c)
{
	lose_store(c, damage_bytes);
}
static void fault_store_length(struct chaos *c)
{
	lose_store(c, damage_length);
}
static void fault_store_missing(struct chaos *c)
{
	lose_store(c, damage_missing);
}
static void fault_store_other(struct chaos *c)
{
	lose_store(c, damage_other);
}

/* All of it as a later version would have written it: a higher schema, keys that we do not know. */
static int age_record(const char *key, const char *data, size_t size, void *userdata)
{
	auto_strbuf struct strbuf b = {.max = RECORD_SIZE_MAX};
	const char *first = memchr(data, '\n', size);

	if (!str_after(key, "unit/") || !first || !str_after(data, "v="))
		return 0;
	strbuf_puts(&b, "v=9\nx.later=a thing of the future\nx.list=1\n");
	strbuf_add(&b, first + 1, size - (size_t) (first + 1 - data));
	return b.error < 0 ? b.error : store_put(userdata, key, b.data, b.size);
}

static void later_version(struct chaos *c, const char *path)
{
	auto_free char *directory = strdup(path);
	struct store *s = NULL;
	int r;

	*strrchr(directory, '/') = 0;
	r = store_open(directory, &s);
	if (r >= 0)
		r = store_foreach(s, "", age_record, s);
	if (r >= 0)
		r = store_flush(s);
	if (r < 0)
		violation(c, "the driver cannot rewrite the store: %s", strerror(-r));
	store_free(s);
}

/* Nothing is lost by it, so nothing is forgotten. */
static void fault_store_later(struct chaos *c)
{
	with_store(c, later_version);
}

static void fault_full(struct chaos *c)
{
	auto_free char *path = world_path(c, "/run/chaos-fill");
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char block[65536];

	memset(block, 'x', sizeof(block));
	while (write(fd, block, sizeof(block)) == (ssize_t) sizeof(block))
		;
	while (write(fd, block, 1) == 1)
		;
	for (int i = 0; i < 3; i++)
		order_random(c);
	pause_random(c, 10000);
	/* A deadline that is not stored is the one before it. */
	c->returns_ordered = now(CLOCK_BOOTTIME);
	kill_and_recover(c, SIGKILL);
	(void) unlink(path);
}

/* ---- hostile clients ---- */

static int connect_world(struct chaos *c, const char *path, int type)
{
	auto_free char *full = world_path(c, path);
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", full);
	if (fd >= 0 && connect(fd, (struct sockaddr *) &un, sizeof(un)) < 0)
		fd = fd_close(fd);
	return fd;
}

static void junk(struct chaos *c, char *p, size_t n)
{
	static const char words[] =
		"{\"method\":\"org.sysmaster.Unit.Queue\",\"parameters\":{\"names\":[";
	bool like_json = chaos_random(c, 2);

	for (size_t i = 0; i < n; i++)
		p[i] = like_json ? words[(i + chaos_random(c, 8) / 7) % (sizeof(words) - 1)]
		                 : (char) chaos_random(c, 256);
}

static void fault_garbage_control(struct chaos *c)
{
	usec_t from = now(CLOCK_BOOTTIME);
	char data[16384];

	for (int i = 0; i < 8; i++) {
		auto_fd int fd = connect_world(c, "/run/sysmaster/control", SOCK_STREAM);

		junk(c, data, sizeof(data));
		if (fd >= 0)
			(void) !write(fd, data, 1 + chaos_random(c, sizeof(data) - 1));
	}
	due(c, 0, 0);
	(void) recover(c, 0, from);
}

static void fault_garbage_notify(struct chaos *c)
{
	auto_fd int fd = connect_world(c, "/run/systemd/notify", SOCK_DGRAM);
	usec_t from = now(CLOCK_BOOTTIME);
	char data[8192];

	for (int i = 0; fd >= 0 && i < 50; i++) {
		junk(c, data, sizeof(data));
		(void) !write(fd, data, chaos_random(c, sizeof(data)));
	}
	(void) recover(c, 0, from);
}

#define FLOOD 1000
static void fault_connections(struct chaos *c)
{
	static int fds[FLOOD];
	usec_t from = now(CLOCK_BOOTTIME);

	for (int i = 0; i < FLOOD; i++)
		fds[i] = connect_world(c, "/run/sysmaster/control", SOCK_STREAM);
	chaos_sleep(c, 20 * USEC_PER_MSEC);
	for (int i = 0; i < FLOOD; i++)
		fd_close(fds[i]);
	(void) recover(c, 0, from);
}

/* ---- init ---- */

static bool init_is_due(struct chaos *c)
{
	usec_t t = now(CLOCK_MONOTONIC);

	if (c->last_init_fault && t - c->last_init_fault < INIT_FAULT_EVERY)
		return false;
	c->last_init_fault = t;
	return true;
}

static void fault_init_signal(struct chaos *c)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	usec_t from = now(CLOCK_BOOTTIME);

	if (!init_is_due(c)) {
		fault_kill(c);
		return;
	}
	kill(c->w.init, fatal[chaos_random(c, ELEMENTSOF(fatal))]);
	/* Half of the time core dies while init is in the middle of it. */
	if (chaos_random(c, 2)) {
		pause_random(c, 3000);
		kill_and_recover(c, SIGKILL);
	}
	(void) recover(c, 0, from);
}

/* All but those that end the machine, that cannot be caught, or that order something. */
static void fault_init_stray(struct chaos *c)
{
	usec_t from = now(CLOCK_BOOTTIME);

	for (int sig = 1; sig <= 64; sig++) {
		bool orders = sig == SIGKILL || sig == SIGSTOP || sig == SIGINT || sig == SIGPWR ||
		              sig == SIGTERM || sig == SIGSEGV || sig == SIGBUS || sig == SIGILL ||
		              sig == SIGFPE || sig == SIGABRT ||
		              (sig >= SIGRTMIN && sig <= SIGRTMIN + 6) ||
		              (sig >= SIGRTMIN + 13 && sig <= SIGRTMIN + 23);

		if (!orders && sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
			kill(c->w.init, sig);
	}
	(void) recover(c, 0, from);
}

/* init, core or both execute themselves again, and now and then core dies during that. */
static void fault_reexec(struct chaos *c)
{
	auto_free char *path = path_join(c->w.dir, "version/init"),
		       *directory = path_join(c->w.dir, "version");
	usec_t from = now(CLOCK_BOOTTIME), t = now(CLOCK_MONOTONIC);
	bool init = chaos_random(c, 2), kill_too = chaos_random(c, 3) == 0;
	cJSON *p = cJSON_CreateObject();

	if (c->last_upgrade && t - c->last_upgrade < UPGRADE_EVERY)
		kill_too = true;
	c->last_upgrade = t;
	if (!init) {
		c->replacements++;
		c->replacing_until = t + REPLACE_USEC * c->slow;
	}
	json_add_string(p, init ? "path" : "directory", init ? path : directory);
	(void) call_once(c, init ? "org.sysmaster.Reexec.Init" : "org.sysmaster.Reexec.Core", p,
	                 chaos_random(c, 2) ? 10 * USEC_PER_MSEC : 2 * USEC_PER_SEC, NULL);
	if (kill_too) {
		pid_t core = core_of(c);

		pause_random(c, 30000);
		kill(core, SIGKILL);
		/* It may have been replaced by order just before. */
		due(c, 0, 1);
		(void) wait_death(core, HANG_WAIT_USEC * c->slow);
	}
	chaos_sleep(c, 50 * USEC_PER_MSEC);
	(void) recover(c, 0, from);
}

static void fault_orphans(struct chaos *c)
{
	(void) order_queue(c, "start", unit_find("storm.service"));
	pause_random(c, 20000);
	kill_and_recover(c, SIGKILL);
}

/* Nothing at all is done to it: what is wrong now is wrong without faults. */
static void fault_none(struct chaos *c)
{
	pause_random(c, 20000);
}

const struct fault_row fault_rows[] = {
	{"none", 2, fault_none},
	{"kill", 30, fault_kill},
	{"kill-twice", 8, fault_kill_twice},
	{"point", 40, fault_point},
	{"stop", 2, fault_stop},
	{"segv", 8, fault_segv},
	{"abort", 6, fault_abort},
	{"stack", 4, fault_stack},
	{"assert", 4, fault_assert},
	{"loop", 1, fault_loop},
	{"block", 1, fault_block},
	{"fds", 3, fault_fds},
	{"memory", 12, fault_memory},
	{"call", 12, fault_call},
	{"store-bytes", 1, fault_store_bytes},
	{"store-length", 1, fault_store_length},
	{"store-missing", 1, fault_store_missing},
	{"store-other", 1, fault_store_other},
	{"store-later", 2, fault_store_later},
	{"full-run", 2, fault_full},
	{"garbage-control", 2, fault_garbage_control},
	{"garbage-notify", 2, fault_garbage_notify},
	{"connections", 1, fault_connections},
	{"init-signal", 2, fault_init_signal},
	{"init-stray", 2, fault_init_stray},
	{"reexec", 3, fault_reexec},
	{"orphans", 2, fault_orphans},
};
const size_t n_fault_rows = ELEMENTSOF(fault_rows);

void fault_random(struct chaos *c)
{
	uint32_t sum = 0, pick;

	for (size_t i = 0; i < n_fault_rows; i++)
		sum += fault_rows[i].weight;
	pick = chaos_random(c, sum);
	for (size_t i = 0; i < n_fault_rows; i++) {
		if (pick >= fault_rows[i].weight) {
			pick -= fault_rows[i].weight;
			continue;
		}
		c->fault = fault_rows[i].name;
		history(c, "%s", c->fault);
		if (fault_rows[i].fn != fault_none)
			report_fault(c->fault);
		fault_rows[i].fn(c);
		return;
	}
}
