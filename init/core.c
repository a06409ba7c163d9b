// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const core_reasons[REASON_MAX] = {
	[REASON_BOOT] = "boot",         [REASON_CRASH] = "crash",
	[REASON_HANG] = "hang",         [REASON_UPGRADE] = "upgrade",
	[REASON_ROLLBACK] = "rollback", [REASON_SAFE_MODE] = "safe-mode",
};

#define PAGE_BYTES 4096

static struct wire_page *page;

static void core_enter(enum core_state state, usec_t after)
{
	st.core_state = state;
	st.core_deadline = after == USEC_NEVER ? USEC_NEVER : now_usec() + after;
}

bool core_is_ready(void)
{
	return st.core_pid > 0 && (st.core_state == CORE_READY || st.core_state == CORE_ASKED);
}

static void core_kill(int sig)
{
	if (st.core_pid > 0 && kill((pid_t) st.core_pid, sig) < 0)
		log_line(LOG_ERR, "signal %d to core: %s", sig, error_text(errno));
}

/* Ends core for the reason that @verdict says. */
static void core_end(const char *verdict, int sig)
{
	text_set(st.verdict, "%s", verdict);
	log_line(LOG_ERR, "core %lld: %s; sending signal %d", st.core_pid, verdict, sig);
	core_enter(CORE_ENDING, ABORT_USEC);
	core_kill(sig);
}

/* ---- the ladder ---- */

/* Takes @path for the binary. Returns 1, 0 if it is the one that we have, or -errno. */
static int core_open(const char *path)
{
	struct stat is, was;
	int fd;

	if (faccessat(AT_FDCWD, path, X_OK, 0) < 0)
		return -errno;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &is) < 0 || !S_ISREG(is.st_mode)) {
		close(fd);
		return -EACCES;
	}
	if (st.core_fd >= 0 && fstat((int) st.core_fd, &was) == 0 && is.st_dev == was.st_dev &&
	    is.st_ino == was.st_ino) {
		close(fd);
		return 0;
	}
	if (st.core_fd >= 0)
		close((int) st.core_fd);
	st.core_fd = fd;
	return 1;
}

static void core_exhausted(void)
{
	st.rung = settings.n_cores + 1;
	core_enter(CORE_EXHAUSTED, settings.policy == POLICY_RESCUE ? 0 : USEC_NEVER);
	log_line(LOG_CRIT,
	         "no core can be kept running (the last one: %s); SIGUSR1 to PID 1 tries again",
	         st.died);
	signals_without_core();
	if (settings.policy != POLICY_RESCUE)
		shutdown_now(settings.policy == POLICY_HALT ? WIRE_HALT : WIRE_REBOOT, 1);
}

/* It comes back by itself: no reason to give up on a binary. */
static bool is_shortage(int error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	       error == -ENOBUFS;
}

/* The next rung: another binary, then safe mode of the last one that could be opened, then the
 * policy. */
static void core_climb(enum core_reason reason)
{
	st.failures = 0;
	while (++st.rung < settings.n_cores) {
		const char *path = settings.cores[st.rung];
		int r = core_open(path);

		if (r < 0)
			log_line(LOG_NOTICE, "core %s: %s", path, error_text(r));
		if (is_shortage(r)) {
			st.rung--;
			st.reason = reason;
			core_enter(CORE_CLIMBING, RETRY_USEC);
			return;
		}
		if (r <= 0)
			continue;
		log_line(LOG_NOTICE, "core is %s", path);
		st.reason = reason;
		core_enter(CORE_NONE, 0);
		return;
	}
	if (st.rung > settings.n_cores || st.core_fd < 0) {
		core_exhausted();
		return;
	}
	log_line(LOG_ERR, "starting core in safe mode");
	st.reason = REASON_SAFE_MODE;
	core_enter(CORE_NONE, 0);
}

static void core_climb_again(void)
{
	core_climb((enum core_reason) st.reason);
}

static void core_failed(enum core_reason reason)
{
	static const usec_t back_off[BUDGET_FIRST] = {0, SECOND / 10, SECOND / 2, SECOND,
	                                              2 * SECOND};

	if (st.core_ready && now_usec() - st.core_ready >= HEALTHY_USEC)
		st.failures = 0;
	if (st.failures >= (st.rung > 0 ? BUDGET_NEXT : BUDGET_FIRST)) {
		log_line(LOG_ERR, "core failed %lld times in a row", st.failures + 1);
		core_climb(reason);
		return;
	}
	/* Safe mode stays safe mode, whatever it died of. */
	st.reason = st.rung == settings.n_cores ? REASON_SAFE_MODE : reason;
	core_enter(CORE_NONE, back_off[st.failures++]);
}

void core_start(void)
{
	st.rung = -1;
	core_climb(REASON_BOOT);
}

int core_retry(void)
{
	if (st.trial)
		return -EBUSY;
	if (st.rung == 0 && st.core_state != CORE_EXHAUSTED) {
		st.failures = 0;
		return 1;
	}
	log_line(LOG_NOTICE, "trying again from the first core");
	if (st.core_fd >= 0)
		close((int) st.core_fd);
	st.core_fd = -1;
	st.rung = -1;
	core_climb(REASON_CRASH);
	if (st.core_pid > 0)
		core_replace((enum core_reason) st.reason);
	return 0;
}

/* ---- start and end ---- */

static int page_new(void)
{
	int fd = memfd_create("core-page", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	/* Core must not be able to shrink it under our eyes. */
	if (fd >= 0 && ftruncate(fd, PAGE_BYTES) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

int page_map(void)
{
	void *p;
	int fd;

	if (page)
		return 0;
	fd = st.page_fd >= 0 ? (int) st.page_fd : page_new();
	if (fd < 0)
		return fd;
	st.page_fd = fd;
	p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	page = p;
	return 0;
}

static int core_exec(int wire)
{
	static char *const normal[] = {(char *) "core", NULL};
	static char *const safe[] = {(char *) "core", (char *) "--safe-mode", NULL};
	struct spawn s = {.exec_fd = (int) st.core_fd, .fds = SPAWN_SAME_FDS};

	atomic_store(&page->busy_since_usec, 0);
	s.argv = st.reason == REASON_SAFE_MODE ? safe : normal;
	s.fds[WIRE_FD] = wire;
	s.fds[WIRE_PAGE_FD] = (int) st.page_fd;
	return spawn(&s, &st.core_pid);
}

static void core_spawned(int wire)
{
	static char stat[1024];
	int n = proc_read(st.core_pid, "stat", stat, sizeof(stat));

	if (n < 0 || proc_start_time(stat, (size_t) n, &st.core_start) < 0)
		st.core_start = 0;
	wire_open(wire);
	core_enter(CORE_STARTING, settings.ready_usec);
	log_line(LOG_INFO, "core is %lld (%s)", st.core_pid, core_reasons[st.reason]);
}

static void core_spawn(void)
{
	int pair[2] = {-1, -1}, r = page_map();
	bool ours = true; /* the failure; else the binary's */

	st.core_ready = 0;
	st.verdict[0] = '\0';
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = -errno;
	if (r == 0) {
		r = core_exec(pair[1]);
		ours = is_shortage(r);
		close(pair[1]);
	}
	if (r == 0) {
		core_spawned(pair[0]);
		return;
	}
	if (pair[0] >= 0)
		close(pair[0]);
	text_set(st.died, "cannot be started: %s", error_text(r));
	log_line(LOG_ERR, "core %s", st.died);
	if (ours)
		core_enter(CORE_NONE, RETRY_USEC);
	else if (st.trial)
		upgrade_roll_back(st.died);
	else
		core_climb(REASON_CRASH); /* the same file would fail in the same way */
}

static void core_ended(const siginfo_t *si)
{
	long long was = st.core_pid;
	bool hung = st.core_state == CORE_ENDING && st.verdict[0];
	enum core_reason reason = (enum core_reason) st.intent;

	/* Its last words count: a vault item that it sent before it died is as good as any. */
	st.core_pid = 0;
	wire_read(true);
	wire_close();
	if (hung)
		text_set(st.died, "%s", st.verdict);
	else
		text_set(st.died, "%s %d", si->si_code == CLD_EXITED ? "exited" : "killed",
		         si->si_status);
	log_line(reason ? LOG_INFO : LOG_ERR, "core %lld: %s", was, st.died);
	st.intent = 0;
	if (st.core_state == CORE_EXHAUSTED)
		return;
	if (reason) {
		st.reason = reason;
		core_enter(CORE_NONE, 0);
		return;
	}
	st.restarts++;
	if (st.trial)
		upgrade_roll_back(st.died);
	else
		core_failed(hung ? REASON_HANG : REASON_CRASH);
}

void core_on_wait(const siginfo_t *si)
{
	if (si->si_code != CLD_STOPPED) {
		core_ended(si);
		return;
	}
	if (st.core_stopped && now_usec() - st.core_stopped < CONTINUED_USEC) {
		core_end("stopped again and again", SIGKILL);
		return;
	}
	log_line(LOG_WARNING, "core %lld was stopped by signal %d; continuing it", st.core_pid,
	         si->si_status);
	st.core_stopped = now_usec();
	core_kill(SIGCONT);
}

void core_replace(enum core_reason reason)
{
	st.reason = reason;
	if (st.core_pid <= 0) {
		core_enter(CORE_NONE, 0);
		return;
	}
	st.intent = reason;
	st.verdict[0] = '\0';
	core_enter(CORE_ENDING, GRACE_USEC);
}

void core_take_over(void)
{
	static char stat[1024];
	long long start = 0;
	int n = st.core_pid > 0 ? proc_read(st.core_pid, "stat", stat, sizeof(stat)) : -ESRCH;
	bool same =
		n > 0 && proc_start_time(stat, (size_t) n, &start) == 0 && start == st.core_start;

	if (st.page_fd >= 0 && page_map() < 0)
		st.page_fd = -1;
	if (st.core_pid > 0 && !same) {
		log_line(LOG_ERR, "core %lld is not the process that the state tells of",
		         st.core_pid);
		st.core_pid = 0;
	}
	if (st.core_pid > 0 && (st.wire_fd < 0 || st.page_fd < 0)) {
		core_end("its wire or page was lost", SIGKILL);
	} else if (st.core_pid == 0 && st.core_state >= CORE_STARTING &&
	           st.core_state <= CORE_ENDING) {
		wire_close();
		st.reason = REASON_CRASH;
		core_enter(CORE_NONE, 0);
	}
}

/* ---- health ---- */

static usec_t tick_usec(void)
{
	usec_t half = settings.hang_usec / 2;

	return half < TICK_USEC ? half : TICK_USEC;
}

static void core_watch(void)
{
	usec_t after = tick_usec();

	/* A trial ends on time, not with the tick behind it. */
	if (st.trial > 1 && st.trial - now_usec() < after)
		after = st.trial > now_usec() ? st.trial - now_usec() : 0;
	core_enter(CORE_READY, after);
}

static void core_look(void)
{
	usec_t now = boottime_usec();
	uint64_t since = atomic_load(&page->busy_since_usec);
	/* A time in the future is as suspicious as one too long ago. */
	bool busy = since && (since > (uint64_t) now || now - (usec_t) since > settings.hang_usec);

	watchdog_feed(false);
	if (!busy && !wire_is_stuck() && !(st.trial > 1 && now_usec() >= st.trial)) {
		core_watch();
		return;
	}
	st.ping_value++;
	st.ping_due = 1;
	core_enter(CORE_ASKED, PING_USEC < settings.hang_usec ? PING_USEC : settings.hang_usec);
}

int core_on_ready(void)
{
	if (st.core_state != CORE_STARTING || st.core_pid <= 0)
		return -EALREADY;
	st.core_ready = now_usec();
	if (st.trial)
		st.trial = st.core_ready + settings.ready_usec;
	log_line(LOG_INFO, "core %lld is ready (version %s)", st.core_pid, st.core_version);
	core_watch();
	return 0;
}

void core_on_pong(long long value)
{
	if (st.core_state != CORE_ASKED || value != st.ping_value)
		return;
	if (st.trial > 1 && now_usec() >= st.trial)
		upgrade_trial_over();
	core_watch();
}

void core_on_hangup(void)
{
	if (st.core_pid <= 0 || st.wire_fd < 0)
		return;
	wire_close();
	/* Usually it is dying and its exit comes next; only if not, this is what it dies of. */
	if (st.core_state != CORE_ENDING)
		core_enter(CORE_ENDING, RETRY_USEC);
}

static void core_not_ready(void)
{
	char why[64];

	text_set(why, "not ready in %d s", (int) ((settings.ready_usec + SECOND / 2) / SECOND));
	core_end(why, SIGABRT);
}

static void core_hangs(void)
{
	core_end("hang", SIGABRT);
}

static void core_kill_now(void)
{
	if (!st.verdict[0] && !st.intent)
		text_set(st.verdict, "closed the wire");
	if (!st.intent)
		log_line(LOG_ERR, "core %lld is still there; sending SIGKILL", st.core_pid);
	core_enter(CORE_ENDING, ABORT_USEC);
	core_kill(SIGKILL);
}

static void core_rescue(void)
{
	int r = rescue_open();

	core_enter(CORE_EXHAUSTED, r < 0 ? RESCUE_USEC : USEC_NEVER);
}

void core_on_deadline(usec_t now)
{
	static void (*const handlers[CORE_STATE_MAX])(void) = {
		[CORE_NONE] = core_spawn,           [CORE_STARTING] = core_not_ready,
		[CORE_READY] = core_look,           [CORE_ASKED] = core_hangs,
		[CORE_ENDING] = core_kill_now,      [CORE_EXHAUSTED] = core_rescue,
		[CORE_CLIMBING] = core_climb_again,
	};

	if (now < st.core_deadline)
		return;
	/* We are late ourselves: the machine was paused or starved, and core had no time either. */
	if (now - st.core_deadline > LATE_USEC &&
	    (st.core_state == CORE_STARTING || st.core_state == CORE_ASKED)) {
		st.core_deadline = now + PING_USEC;
		return;
	}
	handlers[st.core_state]();
}

void status_text(struct text *t)
{
	const char *mode = st.core_state == CORE_EXHAUSTED ? "exhausted"
	                   : st.rung == settings.n_cores   ? "safe"
	                                                   : "normal";
	int items = 0;

	for (int i = 0; (i = vault_next(i)) >= 0; i++)
		items++;
	text_add(t, "version=%s\nstarted=%lld\nreason=%s\ndied=%s\n", init_version, st.started,
	         core_reasons[st.reason], st.died);
	text_add(t,
	         "restarts=%lld\ninit-upgrades=%lld\ncore-upgrades=%lld\ncontainer=%lld\nmode=%s\n",
	         st.restarts, st.init_upgrades, st.core_upgrades, st.container, mode);
	text_add(t,
	         "last-upgrade=%s\nexits-waiting=%lld\nvault-items=%d\ninit-crashes=%lld\ngarbage=%"
	         "lld\n",
	         st.last_upgrade, st.exit_last - st.exit_acked, items, st.crashes, st.garbage);
}
