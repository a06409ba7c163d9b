// SPDX-License-Identifier: Apache-2.0
/*
 * A new core, a new init, a new root: one machine of two phases. Prepare: the check stage tries it
 * as a child, and core and init go on meanwhile. Commit: for core a kill and a start, with the old
 * binary held open until the trial is over; for init and for the root one exec, which comes back to
 * us if it does not get through.
 */
#include "init/init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name, *stage;
	enum helper_kind next;
} kinds[HELPER_MAX] = {
	[HELPER_CHECK_CORE] = {"core", "--stage=check-core", HELPER_COMMIT_CORE},
	[HELPER_COMMIT_CORE] = {"core"},
	[HELPER_CHECK_INIT] = {"init", "--stage=check-init", HELPER_COMMIT_INIT},
	[HELPER_COMMIT_INIT] = {"init"},
	[HELPER_RESCUE] = {"rescue", "--stage=rescue"},
	[HELPER_CHECK_ROOT] = {"switch-root", "--stage=check-root", HELPER_COMMIT_ROOT},
	[HELPER_COMMIT_ROOT] = {"switch-root"},
};

void fd_replace(long long *fd, long long value)
{
	int was = (int) *fd;

	*fd = value;
	FENCE();
	if (was >= 0 && was != value)
		close(was);
}

void fd_close(long long *fd)
{
	fd_replace(fd, -1);
}

/* The end of an upgrade, good or bad: who asked is told, and the operator can read it later. */
static void upgrade_result(int r, const char *what, const char *detail)
{
	text_set(st.last_upgrade, "%s %s: %s%s", kinds[st.helper_kind].name, st.helper_path, what,
	         detail);
	log_line(r < 0 ? LOG_ERR : LOG_NOTICE, "upgrade: %s", st.last_upgrade);
	/* Once: after a fault we may come here again. */
	if (!st.helper_serial)
		return;
	st.answer_value = r;
	FENCE();
	st.answer_serial = st.helper_serial;
	FENCE();
	st.helper_serial = 0;
}

static void helper_done(void)
{
	st.helper_pid = 0;
	fd_close(&st.helper_fd);
	fd_close(&st.helper_out);
	FENCE();
	st.helper_kind = HELPER_NONE;
}

/* The stage gets the binary as fd 3, our state as fd 4, and answers on its stdout. */
static int helper_spawn(enum helper_kind kind)
{
	char nonce[24];
	bool is_check = kind != HELPER_RESCUE;
	const char *const argv[] = {"init", kinds[kind].stage, is_check ? st.helper_path : st.died,
	                            is_check ? nonce : st.rescue, NULL};
	int fds[5] = {-1, -1, -1, (int) st.helper_fd, -1}, r;

	st.helper_kind = kind;
	st.helper_nonce = boottime_usec();
	text_set(nonce, "%lld", st.helper_nonce);
	if (is_check) {
		fd_replace(&st.helper_out, memfd_create("check", MFD_CLOEXEC));
		if (st.helper_out < 0)
			return -errno;
		fds[1] = (int) st.helper_out;
		fds[4] = state_save();
		if (fds[4] < 0)
			return fds[4];
	}
	r = spawn((int) st.self_fd, argv, fds, true, &st.helper_pid);
	if (fds[4] >= 0)
		close(fds[4]);
	return r;
}

int rescue_open(void)
{
	int r = st.helper_kind == HELPER_NONE ? helper_spawn(HELPER_RESCUE) : -EBUSY;

	if (r < 0 && r != -EBUSY)
		helper_done();
	return r;
}

int upgrade_request(enum helper_kind kind, struct packet *p, struct text *why)
{
	int r;

	if (p->fd < 0 && kind != HELPER_CHECK_ROOT) {
		text_add(why, "upgrade: no file descriptor came along");
		return -EBADF;
	}
	/* A fault between the two made us read it twice. */
	if (st.helper_kind == kind && st.helper_serial && st.helper_serial == p->m.serial)
		return 1;
	if (!core_is_ready() || st.helper_kind != HELPER_NONE || st.trial) {
		text_add(why, "upgrade: %s",
		         core_is_ready() ? "another one is under way" : "core is not ready");
		return -EBUSY;
	}
	fd_replace(&st.helper_fd, p->fd);
	p->fd = -1;
	st.helper_serial = p->m.serial;
	text_copy_clean(st.helper_path, sizeof(st.helper_path), p->text, p->m.text_size);
	r = helper_spawn(kind);
	if (r < 0) {
		upgrade_result(r, "cannot be checked: ", error_text(r));
		helper_done();
	}
	return 1;
}

/* Of these steps any may be our last: the next of us begins with the first again. */
static void commit_core(void)
{
	if (st.helper_fd >= 0) {
		if (st.core_fd != st.helper_fd)
			fd_replace(&st.core_old_fd, st.core_fd);
		FENCE();
		st.core_fd = st.helper_fd;
		st.trial = st.rung_opened = 1;
		st.failures = st.rung = 0;
		FENCE();
		st.helper_fd = -1;
	}
	upgrade_result(0, "passed its self-check, starting", "");
	wire_flush();
	core_replace(REASON_UPGRADE);
	helper_done();
}

void helper_on_wait(const siginfo_t *si)
{
	bool has_exited = si->si_code == CLD_EXITED;
	char why[NAME_TEXT_MAX] = "";
	int r = has_exited ? -si->si_status : -EBADMSG;

	st.helper_pid = 0;
	if (st.helper_kind == HELPER_RESCUE) {
		helper_done();
		if (st.core_state == CORE_EXHAUSTED)
			st.core_deadline = now_usec() + RESCUE_USEC;
		return;
	}
	if (r == 0) {
		st.helper_kind = kinds[st.helper_kind].next;
		return;
	}
	if (pread((int) st.helper_out, why, sizeof(why) - 1, 0) <= 0)
		text_set(why, "its check %s %d", has_exited ? "exited" : "was killed",
		         si->si_status);
	upgrade_result(r, why, "");
	helper_done();
}

static void core_back(void)
{
	if (st.core_old_fd >= 0)
		fd_replace(&st.core_fd, st.core_old_fd);
	FENCE();
	st.core_old_fd = -1;
	core_replace(REASON_ROLLBACK);
	FENCE();
	st.trial = 0;
}

void upgrade_take_over(void)
{
	siginfo_t si = {0};

	if (st.trial == TRIAL_LOST)
		core_back();
	if (!kinds[st.helper_kind].stage ||
	    (st.helper_pid > 0 &&
	     waitid(P_PID, (id_t) st.helper_pid, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0))
		return;
	if (st.helper_kind == HELPER_RESCUE) {
		helper_on_wait(&si);
		return;
	}
	upgrade_result(-EINTR, "a fault in PID 1 hid how its check ended", "");
	helper_done();
}

/* The exec of a new init, or of ours in a new root. */
static void commit_exec(bool is_root)
{
	int fd, r;

	r = fd = state_save();
	if (fd >= 0) {
		state_fds(0);
		r = is_root ? init_exec((int) st.self_fd, fd, -1, "--stage=", "switch-root")
		            : init_exec((int) st.helper_fd, fd, (int) st.self_fd, NULL, NULL);
		state_fds(FD_CLOEXEC);
		close(fd);
	}
	upgrade_result(r, "cannot be executed, the running version goes on: ", error_text(r));
	helper_done();
}

void upgrade_commit(void)
{
	if (st.helper_kind == HELPER_COMMIT_CORE)
		commit_core();
	else if (st.helper_kind == HELPER_COMMIT_INIT || st.helper_kind == HELPER_COMMIT_ROOT)
		commit_exec(st.helper_kind == HELPER_COMMIT_ROOT);
}

void upgrade_finish(const char *went_back)
{
	if (st.helper_kind != HELPER_COMMIT_INIT && st.helper_kind != HELPER_COMMIT_ROOT)
		return;
	if (went_back) {
		upgrade_result(-EIO, "rolled back to the version before: ", went_back);
		helper_done();
		return;
	}
	/* We are the init before, after a fault: the exec is still to come. */
	if (reexec.fallback_fd < 0)
		return;
	fd_replace(&st.init_old_fd, st.self_fd);
	if (st.helper_kind == HELPER_COMMIT_INIT) {
		st.self_fd = st.helper_fd;
		st.helper_fd = -1;
		st.init_upgrades++;
	} else {
		/* The core of the root before sees nothing of this one. */
		st.self_fd = self_open();
		core_replace(REASON_UPGRADE);
	}
	upgrade_result(0, "now running version ", init_version);
	helper_done();
}

void upgrade_trial_over(void)
{
	fd_close(&st.core_old_fd);
	st.trial = 0;
	st.core_upgrades++;
	text_set(st.last_upgrade, "core %s: now running version %s", st.helper_path,
	         st.core_version);
	log_line(LOG_NOTICE, "upgrade: %s", st.last_upgrade);
}

void upgrade_roll_back(const char *why)
{
	char reason[NAME_TEXT_MAX];

	/* @why may be st.died. */
	text_set(reason, "rollback: %s", why);
	st.trial = TRIAL_LOST;
	text_set(st.last_upgrade, "core %s: rolled back to the version before: %s", st.helper_path,
	         why);
	log_line(LOG_ERR, "upgrade: %s", st.last_upgrade);
	text_set(st.died, "%s", reason);
	core_back();
}
