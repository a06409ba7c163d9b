// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096

static const char *const reasons[REASON_MAX] = {
	[REASON_BOOT] = "boot",         [REASON_CRASH] = "crash",
	[REASON_HANG] = "hang",         [REASON_UPGRADE] = "upgrade",
	[REASON_ROLLBACK] = "rollback", [REASON_SAFE_MODE] = "safe-mode",
};

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

/* The path of a rung. Returns false behind the last one; the rung after that is safe mode. */
static bool rung_path(long long rung, char path[NAME_TEXT_MAX])
{
	const char *p = st.cores;

	for (; rung > 0 && *p; rung--)
		p += strcspn(p, ":") + (p[strcspn(p, ":")] == ':');
	text_copy_clean(path, NAME_TEXT_MAX, p, strcspn(p, ":"));
	return *path != '\0';
}

static bool rung_is_safe_mode(void)
{
	char path[NAME_TEXT_MAX];

	return st.rung > 0 && !rung_path(st.rung, path);
}

/* Takes @path for the binary. Returns 0, -EEXIST if it is the one that we have, or -errno. */
static int core_open(const char *path)
{
	struct stat is, was;
	int fd = open(path, O_PATH | O_CLOEXEC), r = fd < 0 ? -errno : 0;

	if (r == 0 && (fstat(fd, &is) < 0 || faccessat(AT_FDCWD, path, X_OK, 0) < 0))
		r = -errno;
	else if (r == 0 && !S_ISREG(is.st_mode))
		r = -EACCES;
	else if (r == 0 && st.core_fd >= 0 && fstat((int) st.core_fd, &was) == 0 &&
	         is.st_dev == was.st_dev && is.st_ino == was.st_ino)
		r = -EEXIST;
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	fd_replace(&st.core_fd, fd);
	log_line(LOG_INFO, "core is %s", path);
	return 0;
}

/* Makes core_fd the binary of this rung. Returns 0 or -errno: then there is none. */
static int rung_open(void)
{
	char path[NAME_TEXT_MAX];
	int r = 0;

	if (st.rung_opened == st.rung + 1)
		return 0;
	if (rung_path(st.rung, path)) {
		r = core_open(path);
		if (r < 0 && r != -EEXIST)
			log_line(LOG_NOTICE, "core %s: %s", path, error_text(r));
	} else if (st.core_fd < 0 || (st.rung > 0 && !rung_path(st.rung - 1, path))) {
		r = -ENOENT;
	} else {
		log_line(LOG_ERR, "starting core in safe mode");
	}
	if (r == 0)
		st.rung_opened = st.rung + 1;
	return r;
}

static void core_exhausted(void)
{
	core_enter(CORE_EXHAUSTED, st.policy == POLICY_RESCUE ? 0 : USEC_NEVER);
	log_line(LOG_CRIT,
	         "no core can be kept running (the last one: %s); SIGUSR1 to PID 1 tries again",
	         st.died);
	signals_without_core();
	if (st.policy != POLICY_RESCUE)
		shutdown_now(st.policy == POLICY_HALT ? WIRE_HALT : WIRE_REBOOT, 1);
}

/* The next rung: another binary, then safe mode of the last one that could be opened, then the
 * policy. */
static void core_climb(void)
{
	char path[NAME_TEXT_MAX];

	st.failures = 0;
	if ((st.rung > 0 && rung_is_safe_mode()) ||
	    (!rung_path(st.rung + 1, path) && st.core_fd < 0)) {
		core_exhausted();
		return;
	}
	st.rung++;
	core_enter(CORE_NONE, 0);
}

static void core_failed(enum core_reason reason)
{
	static const usec_t back_off[BUDGET_FIRST] = {0, SECOND / 10, SECOND / 2, SECOND,
	                                              2 * SECOND};

	if (st.core_ready && now_usec() - st.core_ready >= HEALTHY_USEC)
		st.failures = 0;
	st.reason = reason;
	if (st.failures < (st.rung > 0 ? BUDGET_NEXT : BUDGET_FIRST)) {
		core_enter(CORE_NONE, back_off[st.failures++]);
		return;
	}
	log_line(LOG_ERR, "core failed %lld times in a row", st.failures + 1);
	core_climb();
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
	fd_close(&st.core_fd);
	st.rung = st.rung_opened = st.failures = 0;
	core_replace(REASON_CRASH);
	return 0;
}

/* ---- start and end ---- */

static int page_map(void)
{
	void *p;
	int fd = (int) st.page_fd;

	if (page)
		return 0;
	if (fd < 0) {
		fd = memfd_create("core-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0)
			return -errno;
		/* Core must not be able to shrink it under our eyes. */
		st.page_fd = fd;
		if (ftruncate(fd, WIRE_BOX_OFFSET + WIRE_BOX_BYTES) < 0 ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
			int r = -errno;

			fd_close(&st.page_fd);
			return r;
		}
	}
	p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	page = p;
	return 0;
}

static int core_exec(int wire)
{
	bool safe = rung_is_safe_mode();
	const char *const argv[] = {"core", safe ? "--safe-mode" : NULL, NULL};
	int fds[5] = {-1, -1, -1, [WIRE_FD] = wire, [WIRE_PAGE_FD] = (int) st.page_fd};

	/* Safe mode stays safe mode, whatever it died of. */
	if (safe)
		st.reason = REASON_SAFE_MODE;
	atomic_store(&page->busy_since_usec, 0);
	return spawn((int) st.core_fd, argv, fds, false, &st.core_pid);
}

/* It comes back by itself: no reason to give up on a binary. */
static bool is_shortage(int error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	       error == -ENOBUFS;
}

static void core_not_spawned(int r, bool is_binarys)
{
	if (!is_binarys || is_shortage(r)) {
		log_line(LOG_ERR, "core cannot be started now: %s", error_text(r));
		core_enter(CORE_NONE, RETRY_USEC);
		return;
	}
	if (st.rung_opened == st.rung + 1)
		text_set(st.died, "cannot be started: %s", error_text(r));
	if (st.trial)
		upgrade_roll_back(st.died);
	else
		core_climb(); /* the same file would fail in the same way */
}

static void core_spawn(void)
{
	int pair[2] = {-1, -1}, r = page_map();
	bool is_binarys = false;

	st.core_ready = 0;
	st.verdict[0] = '\0';
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = -errno;
	if (r == 0) {
		is_binarys = true;
		r = rung_open();
		r = r < 0 ? r : core_exec(pair[1]);
		close(pair[1]);
	}
	if (r < 0) {
		if (pair[0] >= 0)
			close(pair[0]);
		core_not_spawned(r, is_binarys);
		return;
	}
	st.core_start = start_time_of(st.core_pid);
	wire_open(pair[0]);
	core_enter(CORE_STARTING, st.ready_usec);
	patience_begin(st.ready_usec);
	log_line(LOG_INFO, "core is %lld (%s)", st.core_pid, reasons[st.reason]);
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
	if (st.core_pid <= 0) {
		st.reason = reason;
		core_enter(CORE_NONE, 0);
		return;
	}
	st.intent = reason;
	st.verdict[0] = '\0';
	core_enter(CORE_ENDING, GRACE_USEC);
}

void core_take_over(void)
{
	bool lives = st.core_pid > 0 && start_time_of(st.core_pid) == st.core_start;

	if (st.page_fd >= 0 && page_map() < 0)
		fd_close(&st.page_fd);
	if (st.core_pid > 0 && !lives) {
		log_line(LOG_ERR, "core %lld is not the process of our state", st.core_pid);
		st.core_pid = 0;
	}
	if (lives && (st.wire_fd < 0 || st.page_fd < 0)) {
		core_end("its wire or page was lost", SIGKILL);
	} else if (!lives && st.core_state >= CORE_STARTING && st.core_state <= CORE_ENDING) {
		wire_close();
		st.intent = 0;
		core_replace(REASON_CRASH);
	}
}

/* ---- health ---- */

/* Its driver may be loaded long after us: not there is no error. */
static void watchdog_feed(void)
{
	int secs = (int) st.watchdog_secs;

	if (st.watchdog_fd < 0 && secs && !st.container) {
		st.watchdog_fd = open("/dev/watchdog0", O_WRONLY | O_CLOEXEC);
		if (st.watchdog_fd >= 0 && ioctl((int) st.watchdog_fd, WDIOC_SETTIMEOUT, &secs) < 0)
			log_line(LOG_ERR, "timeout of /dev/watchdog0: %s", error_text(errno));
		if (st.watchdog_fd >= 0)
			log_line(LOG_INFO, "hardware watchdog: %d s, fed while core is healthy",
			         secs);
	}
	if (st.watchdog_fd >= 0 && write((int) st.watchdog_fd, "", 1) < 0)
		log_line(LOG_ERR, "feeding /dev/watchdog0: %s", error_text(errno));
}

/* Core is well; the next look is due in a tick, or when a trial ends. */
static void core_watch(void)
{
	usec_t half = st.hang_usec / 2, after = half < TICK_USEC ? half : TICK_USEC;

	if (st.trial > 1 && st.trial - now_usec() < after)
		after = st.trial > now_usec() ? st.trial - now_usec() : 0;
	core_enter(CORE_READY, after);
}

static void core_look(void)
{
	usec_t now = boottime_usec();
	uint64_t since = atomic_load(&page->busy_since_usec);
	/* A time in the future is as suspicious as one too long ago. */
	bool busy = since && (since > (uint64_t) now || now - (usec_t) since > st.hang_usec);

	if (!busy && !wire_is_stuck() && !(st.trial > 1 && now_usec() >= st.trial)) {
		watchdog_feed();
		core_watch();
		return;
	}
	st.ping_value++;
	st.ping_due = 1;
	core_enter(CORE_ASKED, PING_USEC < st.hang_usec ? PING_USEC : st.hang_usec);
	patience_begin(st.hang_usec);
}

int core_on_ready(void)
{
	if (st.core_state != CORE_STARTING || st.core_pid <= 0)
		return -EALREADY;
	st.core_ready = now_usec();
	if (st.trial)
		st.trial = st.core_ready + st.ready_usec;
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
	watchdog_feed();
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

	text_set(why, "not ready in %d s", (int) ((st.ready_usec + SECOND / 2) / SECOND));
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
	core_enter(CORE_EXHAUSTED, rescue_open() < 0 ? RESCUE_USEC : USEC_NEVER);
}

/* Core reads the state of very many units, and says at each that it gets on: another one would be as slow. */
static bool core_gets_on(void)
{
	uint64_t since = atomic_load(&page->busy_since_usec);
	usec_t now = boottime_usec();

	return st.core_state == CORE_STARTING && since && since <= (uint64_t) now &&
	       now - (usec_t) since < st.hang_usec && st.core_looked < st.patience_end;
}

static bool core_may_be_late(usec_t now)
{
	/* We are late ourselves: the machine was paused or starved, and core had no time either. */
	if (now - st.core_deadline > LATE_USEC)
		return true;
	if (patience_has())
		log_line(LOG_WARNING, "core %lld is given no processor time; waiting for it",
		         st.core_pid);
	else if (core_gets_on())
		log_line(LOG_WARNING, "core %lld is not ready yet, but gets on; waiting for it",
		         st.core_pid);
	else
		return false;
	watchdog_feed();
	return true;
}

void core_on_deadline(usec_t now)
{
	static void (*const handlers[CORE_STATE_MAX])(void) = {
		[CORE_NONE] = core_spawn,      [CORE_STARTING] = core_not_ready,
		[CORE_READY] = core_look,      [CORE_ASKED] = core_hangs,
		[CORE_ENDING] = core_kill_now, [CORE_EXHAUSTED] = core_rescue,
	};

	if (now < st.core_deadline)
		return;
	if ((st.core_state == CORE_STARTING || st.core_state == CORE_ASKED) &&
	    core_may_be_late(now)) {
		st.core_deadline = now + PING_USEC;
		return;
	}
	handlers[st.core_state]();
}

void status_text(struct text *t)
{
	const char *mode = st.core_state == CORE_EXHAUSTED ? "exhausted"
	                   : rung_is_safe_mode()           ? "safe"
	                                                   : "normal";
	int items = 0;

	for (int i = 0; (i = vault_next(i)) >= 0; i++)
		items++;
	text_add(t, "version=%s\nstarted=%lld\nreason=%s\ndied=%s\n", init_version, st.started,
	         reasons[st.reason], st.died);
	text_add(t, "restarts=%lld\ninit-upgrades=%lld\ncore-upgrades=%lld\ncontainer=%lld\n",
	         st.restarts, st.init_upgrades, st.core_upgrades, st.container);
	text_add(t,
	         "mode=%s\nlast-upgrade=%s\nexits-waiting=%lld\nexits-last=%lld\nvault-items=%d\n",
	         mode, st.last_upgrade, st.exit_last - st.exit_acked, st.exit_last, items);
	text_add(t, "init-crashes=%lld\ngarbage=%lld\n", st.crashes, st.garbage);
}
