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
#include <unistd.h>

static const struct {
	const char *name, *stage;
	enum helper_kind next;
} kinds[HELPER_MAX] = {
	[HELPER_CHECK_CORE] = {"core", "--stage=check-core"},
	[HELPER_CHECK_INIT] = {"init", "--stage=check-init", HELPER_COMMIT_INIT},
	[HELPER_COMMIT_INIT] = {"init"},
	[HELPER_RESCUE] = {"rescue", "--stage=rescue"},
	[HELPER_CHECK_ROOT] = {"switch-root", "--stage=check-root", HELPER_COMMIT_ROOT},
	[HELPER_COMMIT_ROOT] = {"switch-root"},
};

void fd_close(long long *fd)
{
	int was = (int) *fd;

	*fd = -1;
	FENCE();
	if (was >= 0)
		close(was);
}

/* The end of an upgrade, good or bad: who asked is told, and the operator can read it later. */
static void upgrade_result(int r, const char *what, const char *detail)
{
	text_set(st.last_upgrade, "%s %s: %s%s", kinds[st.helper_kind].name, st.helper_path, what,
	         detail);
	log_line(r < 0 ? LOG_ERR : LOG_NOTICE, "upgrade: %s", st.last_upgrade);
	st.answer_value = r;
	FENCE();
	st.answer_serial = st.helper_serial;
	st.helper_serial = 0;
}

static void helper_done(void)
{
	st.helper_kind = HELPER_NONE;
	st.helper_pid = 0;
	fd_close(&st.helper_fd);
	fd_close(&st.helper_out);
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
		st.helper_out = memfd_create("check", MFD_CLOEXEC);
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
	if (!core_is_ready() || st.helper_kind != HELPER_NONE || st.trial) {
		text_add(why, "upgrade: %s",
		         core_is_ready() ? "another one is under way" : "core is not ready");
		return -EBUSY;
	}
	st.helper_fd = p->fd;
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

static void upgrade_core(void)
{
	upgrade_result(0, "passed its self-check, starting", "");
	st.core_old_fd = st.core_fd;
	st.core_fd = st.helper_fd;
	st.helper_fd = -1;
	st.trial = st.rung_opened = 1;
	st.failures = st.rung = 0;
	helper_done();
	wire_flush();
	core_replace(REASON_UPGRADE);
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
	if (r == 0 && st.helper_kind == HELPER_CHECK_CORE) {
		upgrade_core();
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

void upgrade_commit(void)
{
	bool is_root = st.helper_kind == HELPER_COMMIT_ROOT;
	int fd, r;

	if (st.helper_kind != HELPER_COMMIT_INIT && !is_root)
		return;
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

void upgrade_finish(const char *went_back)
{
	if (st.helper_kind != HELPER_COMMIT_INIT && st.helper_kind != HELPER_COMMIT_ROOT)
		return;
	if (went_back) {
		upgrade_result(-EIO, "rolled back to the version before: ", went_back);
		helper_done();
		return;
	}
	fd_close(&st.init_old_fd);
	st.init_old_fd = st.self_fd;
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

	text_set(reason, "rollback: %s", why);
	text_set(st.last_upgrade, "core %s: rolled back to the version before: %s", st.helper_path,
	         why);
	log_line(LOG_ERR, "upgrade: %s", st.last_upgrade);
	text_set(st.died, "%s", reason);
	fd_close(&st.core_fd);
	st.core_fd = st.core_old_fd;
	st.core_old_fd = -1;
	st.trial = 0;
	core_replace(REASON_ROLLBACK);
}
