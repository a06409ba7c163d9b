// SPDX-License-Identifier: Apache-2.0
/*
 * PAMName=: a session around the command. Only in core-exec-nss, where libpam can be loaded;
 * core-exec starts over as that. A helper process stays behind, without privileges of its own
 * beyond the session's, and closes the session when the command has ended.
 */
#include "exec/child/child.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The part of Linux-PAM's ABI that is used; see pam_start(3) and friends. */
struct pam_message;
struct pam_response;
struct pam_conversation {
	int (*conv)(int n, const struct pam_message **messages, struct pam_response **ret,
	            void *userdata);
	void *userdata;
};
enum {
	PAM_OK = 0,
	PAM_CONVERSATION_ERROR = 19,
	PAM_TTY_ITEM = 3,
	PAM_SILENT_FLAG = 0x8000,
	PAM_ESTABLISH = 2,
	PAM_DELETE = 4,
	PAM_DATA_SILENT_FLAG = 0x40000000
};

static struct {
	int (*start)(const char *service, const char *user, const struct pam_conversation *c,
	             void **ret);
	int (*set_item)(void *handle, int item, const void *value);
	int (*putenv)(void *handle, const char *assignment);
	char **(*getenvlist)(void *handle);
	int (*acct_mgmt)(void *handle, int flags);
	int (*setcred)(void *handle, int flags);
	int (*open_session)(void *handle, int flags);
	int (*close_session)(void *handle, int flags);
	int (*end)(void *handle, int status);
	const char *(*strerror)(void *handle, int error);
} pam;

/* clang-format off */
static const struct { const char *name; void **slot; } symbols[] = {
	{ "pam_start", (void **) &pam.start }, { "pam_set_item", (void **) &pam.set_item }, { "pam_putenv", (void **) &pam.putenv },
	{ "pam_getenvlist", (void **) &pam.getenvlist }, { "pam_acct_mgmt", (void **) &pam.acct_mgmt }, { "pam_setcred", (void **) &pam.setcred },
	{ "pam_open_session", (void **) &pam.open_session }, { "pam_close_session", (void **) &pam.close_session },
	{ "pam_end", (void **) &pam.end }, { "pam_strerror", (void **) &pam.strerror },
};
/* clang-format on */

/* Nobody is there to answer. */
static int refuse_questions(int n _unused_, const struct pam_message **messages _unused_,
                            struct pam_response **ret _unused_, void *userdata _unused_)
{
	return PAM_CONVERSATION_ERROR;
}

static int load(struct child *c)
{
	void *library = dlopen("libpam.so.0", RTLD_NOW | RTLD_NODELETE);

	if (!library)
		return child_fail(c, -ELIBACC, "%s", dlerror());
	for (size_t i = 0; i < ELEMENTSOF(symbols); i++) {
		*symbols[i].slot = dlsym(library, symbols[i].name);
		if (!*symbols[i].slot)
			return child_fail(c, -ELIBBAD, "%s", symbols[i].name);
	}
	return 0;
}

/* Waits for the end of its parent, the command, and closes what was opened for it. */
static _Noreturn void keep_session(const struct child *c, void *handle, pid_t command)
{
	sigset_t wanted;
	int sig, status = PAM_OK;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	(void) sigprocmask(SIG_BLOCK, &wanted, NULL);
	(void) prctl(PR_SET_NAME, "(core-pam)");
	/* Stdio and all else belong to the command: an end of it must be seen by its readers. */
	(void) close_range(0, ~0U, 0);
	if (child_switches_user(c) &&
	    (setresgid(c->gid, c->gid, c->gid) < 0 || setresuid(c->uid, c->uid, c->uid) < 0))
		_exit(1);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) >= 0)
		while (getppid() == command && sigwait(&wanted, &sig) == 0)
			;
	status = pam.close_session(handle, PAM_SILENT_FLAG | PAM_DATA_SILENT_FLAG);
	(void) pam.setcred(handle, PAM_DELETE | PAM_DATA_SILENT_FLAG);
	(void) pam.end(handle, status | PAM_DATA_SILENT_FLAG);
	_exit(0);
}

static int open_session(struct child *c, void *handle, const char **ret_step, bool *ret_opened)
{
	int r;

	*ret_step = "pam_set_item";
	r = c->s->tty_path ? pam.set_item(handle, PAM_TTY_ITEM, c->s->tty_path) : PAM_OK;
	STRV_FOREACH (assignment, c->env) {
		*ret_step = "pam_putenv";
		if (r == PAM_OK)
			r = pam.putenv(handle, *assignment);
	}
	if (r == PAM_OK) {
		*ret_step = "pam_acct_mgmt";
		r = pam.acct_mgmt(handle, PAM_SILENT_FLAG);
	}
	/* Some modules have nothing to establish and say so with an error. */
	if (r == PAM_OK)
		(void) pam.setcred(handle, PAM_ESTABLISH | PAM_SILENT_FLAG);
	if (r == PAM_OK) {
		*ret_step = "pam_open_session";
		r = pam.open_session(handle, PAM_SILENT_FLAG);
		*ret_opened = r == PAM_OK;
	}
	return r;
}

int child_pam(struct child *c)
{
	static const struct pam_conversation conversation = {refuse_questions, NULL};
	const char *step = "pam_start";
	bool opened = false;
	void *handle = NULL;
	char **session;
	pid_t own = getpid(), helper;
	int r;

	if (!c->s->pam_name || !c->user_set)
		return 0;
	r = load(c);
	if (r < 0)
		return r;
	r = pam.start(c->s->pam_name, c->user, &conversation, &handle);
	if (r == PAM_OK)
		r = open_session(c, handle, &step, &opened);
	session = r == PAM_OK ? pam.getenvlist(handle) : NULL;
	helper = session ? fork() : -1;
	if (helper == 0)
		keep_session(c, handle, own);
	if (helper < 0) {
		child_fail(c, -EPERM, "%s: %s", step, handle ? pam.strerror(handle, r) : "failed");
		if (opened)
			(void) pam.close_session(handle, PAM_SILENT_FLAG);
		if (handle)
			(void) pam.end(handle, r);
		return -EPERM;
	}
	for (r = 0; *session && r >= 0; session++)
		r = env_set(&c->env, *session);
	return r;
}
