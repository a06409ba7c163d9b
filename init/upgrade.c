// SPDX-License-Identifier: Apache-2.0
/*
 * Two phases. Prepare: the new binary runs as a child with --self-check, and core and init go on
 * meanwhile. Commit: for core a kill and a start with the old binary held open until the trial is
 * over; for init the exec alone.
 */
#include "init/init.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_ANSWER "state-ok "

static void fd_close(long long *fd)
{
	int was = (int) *fd;

	*fd = -1;
	FENCE();
	if (was >= 0)
		close(was);
}

static const char *kind_name(long long kind)
{
	return kind == HELPER_CHECK_CORE ? "core" : "init";
}

/* The end of an upgrade, good or bad: who asked is told, and the operator can read it later. */
static void upgrade_result(int r, const char *what, const char *detail)
{
	text_set(st.last_upgrade, "%s %s: %s%s", kind_name(st.helper_kind), st.helper_path, what,
	         detail);
	log_line(r < 0 ? LOG_ERR : LOG_NOTICE, "upgrade: %s", st.last_upgrade);
	wire_reply(st.helper_serial, r, st.last_upgrade);
	st.helper_serial = 0;
}

static void helper_done(void)
{
	st.helper_kind = HELPER_NONE;
	st.helper_pid = st.helper_late = 0;
	st.helper_deadline = USEC_NEVER;
	fd_close(&st.helper_fd);
	fd_close(&st.helper_out);
}

static int helper_spawn(void)
{
	static char *const core_argv[] = {(char *) "core", (char *) "--self-check", NULL};
	static char *const init_argv[] = {(char *) "init", (char *) "--self-check",
	                                  (char *) "--state-fd=3", NULL};
	struct spawn s = {.exec_fd = (int) st.helper_fd, .fds = SPAWN_SAME_FDS};
	int r;

	s.argv = st.helper_kind == HELPER_CHECK_CORE ? core_argv : init_argv;
	if (st.helper_kind == HELPER_CHECK_INIT) {
		/* It must read our real state, and answer with what only a reader of it knows. */
		st.helper_nonce = boottime_usec();
		st.helper_out = memfd_create("self-check", MFD_CLOEXEC);
		if (st.helper_out < 0)
			return -errno;
		s.fds[1] = (int) st.helper_out;
		s.fds[3] = state_save();
		if (s.fds[3] < 0)
			return s.fds[3];
	}
	r = spawn(&s, &st.helper_pid);
	if (s.fds[3] >= 0)
		close(s.fds[3]);
	return r;
}

int upgrade_request(enum helper_kind kind, struct packet *p, struct text *why)
{
	int r;

	if (p->fd < 0) {
		text_add(why, "upgrade: no file descriptor came along");
		return -EBADF;
	}
	if (!core_is_ready() || st.helper_kind != HELPER_NONE || st.trial) {
		text_add(why, "upgrade: %s",
		         core_is_ready() ? "another one is under way" : "core is not ready");
		return -EBUSY;
	}
	st.helper_kind = kind;
	st.helper_fd = p->fd;
	p->fd = -1;
	st.helper_serial = p->m.serial;
	text_copy_clean(st.helper_path, sizeof(st.helper_path), p->text, p->m.text_size);
	r = helper_spawn();
	if (r < 0) {
		upgrade_result(r, "cannot be executed: ", error_text(r));
		helper_done();
		return 1;
	}
	st.helper_deadline = now_usec() + CHECK_USEC;
	return 1;
}

static bool check_answered(void)
{
	char buf[64];
	const char *p = buf, *end;
	long long nonce;
	ssize_t n = pread((int) st.helper_out, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	end = buf + n;
	p = str_prefix(buf, CHECK_ANSWER);
	return p && number_parse(&p, end, &nonce) == 0 && nonce == st.helper_nonce;
}

int self_check(int state_fd)
{
	char buf[64];
	struct text t = TEXT_IN(buf);
	int r = state_load(state_fd);

	if (r == 0)
		text_add(&t, CHECK_ANSWER "%lld\n", st.helper_nonce);
	else
		text_add(&t, "state: %s\n", error_text(r));
	return write(STDOUT_FILENO, buf, t.used) == (ssize_t) t.used && r == 0 ? 0 : 1;
}

static void upgrade_core(void)
{
	upgrade_result(0, "passed its self-check, starting", "");
	st.core_old_fd = st.core_fd;
	st.core_fd = st.helper_fd;
	st.helper_fd = -1;
	st.trial = 1;
	st.failures = st.rung = 0;
	helper_done();
	wire_flush();
	core_replace(REASON_UPGRADE);
}

void helper_on_wait(const siginfo_t *si)
{
	bool passed = si->si_code == CLD_EXITED && si->si_status == 0;
	char why[64];

	st.helper_pid = 0;
	if (st.helper_kind == HELPER_RESCUE) {
		helper_done();
		if (st.core_state == CORE_EXHAUSTED)
			st.core_deadline = now_usec() + RESCUE_USEC;
		return;
	}
	if (passed && !st.helper_late && st.helper_kind == HELPER_CHECK_CORE) {
		upgrade_core();
		return;
	}
	if (passed && !st.helper_late && check_answered()) {
		st.helper_kind = HELPER_COMMIT_INIT;
		st.helper_deadline = now_usec();
		return;
	}
	if (st.helper_late)
		text_set(why, "took more than %d s", (int) (CHECK_USEC / SECOND));
	else if (passed)
		text_set(why, "did not read our state");
	else
		text_set(why, "%s %d", si->si_code == CLD_EXITED ? "exited" : "killed",
		         si->si_status);
	upgrade_result(st.helper_late ? -ETIMEDOUT : -EBADMSG,
	               "its self-check failed, the running version goes on: ", why);
	helper_done();
}

void helper_on_deadline(usec_t now)
{
	if (st.helper_kind == HELPER_NONE || now < st.helper_deadline)
		return;
	if (st.helper_kind == HELPER_COMMIT_INIT) {
		/* Replies would be lost with us; a core that does not read them is caught by the
		 * heartbeat. */
		st.helper_deadline = now + SECOND / 100;
		if (wire_is_idle())
			upgrade_commit();
		return;
	}
	st.helper_late = 1;
	st.helper_deadline = now + ABORT_USEC;
	if (st.helper_pid > 0 && kill((pid_t) st.helper_pid, SIGKILL) < 0)
		log_line(LOG_ERR, "SIGKILL to the self-check: %s", error_text(errno));
}

void upgrade_commit(void)
{
	int fd = state_save(), r = fd;

	if (fd >= 0) {
		state_keep_fds(true);
		r = init_exec((int) st.helper_fd, fd, (int) st.self_fd, NULL);
		state_keep_fds(false);
		close(fd);
	}
	upgrade_result(r, "cannot be executed, the running version goes on: ", error_text(r));
	helper_done();
}

void upgrade_finish(const char *went_back)
{
	if (st.helper_kind != HELPER_COMMIT_INIT)
		return;
	if (went_back) {
		upgrade_result(-EIO, "rolled back to the version before: ", went_back);
	} else {
		fd_close(&st.init_old_fd);
		st.init_old_fd = st.self_fd;
		st.self_fd = st.helper_fd;
		st.helper_fd = -1;
		st.init_upgrades++;
		upgrade_result(0, "now running version ", init_version);
	}
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
