// SPDX-License-Identifier: Apache-2.0
#include "upgrade/upgrade.h"
#include "init/wire.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define VERSIONS_KEPT 2

static int report_fd = -EBADF;

static void report(cJSON *line)
{
	auto_free char *text = line ? json_print(line, false) : NULL;

	cJSON_Delete(line);
	if (!text || report_fd < 0)
		return;
	/* The server may be gone (it is being restarted, too): the state file is what counts. */
	(void) fd_write_all(report_fd, text, strlen(text));
	(void) fd_write_all(report_fd, "\n", 1);
}

static void progress(const char *step, const char *version, const char *message)
{
	cJSON *line = cJSON_CreateObject(), *p = cJSON_AddObjectToObject(line, "progress");

	if (p) {
		json_add_string(p, "step", step);
		json_add_string(p, "version", version ? version : "");
		json_add_string(p, "message", message);
		json_add_bool(line, "done", false);
	}
	report(line);
}

static int finish(struct upgrade_state *s, enum upgrade_phase phase, const char *message)
{
	cJSON *line = cJSON_CreateObject();
	int r;

	s->phase = phase;
	str_set(&s->reason, message);
	r = upgrade_state_save(s);
	if (r < 0)
		log_error_errno(r, "Failed to store how the upgrade ended: %m");
	log_at(phase == PHASE_COMMITTED ? LOG_NOTICE : LOG_ERR, "Upgrade to %s: %s%s%s",
	       s->target ? s->target : "?", upgrade_phase_to_string(phase), *message ? ": " : "",
	       message);
	if (line) {
		json_add_bool(line, "done", true);
		json_add_string(line, "outcome", upgrade_phase_to_string(phase));
		json_add_string(line, "message", message);
	}
	report(line);
	return phase == PHASE_COMMITTED ? 0 : 1;
}

/* "STEP: why", in one sentence: who reads it later does not see the progress before it. */
static char *reason_of(const char *step, int r, const struct diag *d)
{
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX];

	diag_first(d, text, sizeof(text));
	return str_printf("%s: %s", step, *text ? text : strerror(-r));
}

static int finish_failed(struct upgrade_state *s, const char *step, int r, const struct diag *d)
{
	auto_free char *text = reason_of(step, r, d);

	return finish(s, PHASE_FAILED, text ? text : step);
}

/* What the bundle says it is must fit this machine. */
static int check_manifest(const struct bundle_manifest *m, struct diag *d)
{
	auto_free char *reason = NULL;
	struct utsname uts;

	if (uname(&uts) < 0)
		return -errno;
	if (!streq(m->name, "sysmaster"))
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0,
		                "it is a bundle of \"%s\", not of sysmaster", m->name);
	if (!streq(m->arch, uts.machine))
		return diag_add(d, -ENOEXEC, DIAG_ERROR, NULL, 0,
		                "it is for %s, this machine is %s", m->arch, uts.machine);
	if (!bundle_manifest_reads_wire(m, WIRE_VERSION))
		return diag_add(d, -EPROTO, DIAG_ERROR, NULL, 0,
		                "it does not speak version %d of the wire between init and core",
		                WIRE_VERSION);
	if (version_bad_reason(m->version, &reason) >= 0)
		return diag_add(d, -EKEYREVOKED, DIAG_ERROR, NULL, 0,
		                "%s was tried before and is bad: %s", m->version, reason);
	return 0;
}

/* What a kill or a power cut left half-written: unpacked files, a state file that did not get its name. One worker runs at a
 * time, so none of it is anybody's. */
static void drop_leftovers(void)
{
	auto_free char *versions = path_join(config.directory, "versions");
	auto_strv char **names = NULL;

	if (!versions || dir_list(versions, &names) < 0)
		return;
	STRV_FOREACH (n, names) {
		auto_free char *path = (*n)[0] == '.' ? path_join(versions, *n) : NULL;

		if (path && rm_rf(path) < 0)
			log_warning("\"%s\" cannot be removed", path);
	}
}

static char *staging_directory(const char *version)
{
	return str_printf("%s/versions/.%s.new", config.directory, version);
}

/* Unpacked beside its place and renamed, so that a directory with a version's name is always whole.
 */
static int stage(int fd, const struct bundle_manifest *m, const char *directory, struct diag *d)
{
	auto_free char *fresh = staging_directory(m->version);
	int r;

	if (!fresh)
		return -ENOMEM;
	if (access(directory, F_OK) >= 0 && bundle_check_directory(m, directory, NULL) >= 0)
		return 0;
	r = mkdir_parents(fresh, 0755);
	if (r >= 0)
		r = rm_rf(fresh);
	if (r < 0 && r != -ENOENT)
		return diag_add(d, r, DIAG_ERROR, fresh, 0, "cannot be removed: %s", strerror(-r));
	r = bundle_extract(fd, m, fresh, d);
	if (r < 0)
		return r;
	r = rm_rf(directory);
	if (r < 0 && r != -ENOENT)
		return diag_add(d, r, DIAG_ERROR, directory, 0,
		                "a damaged copy cannot be removed: %s", strerror(-r));
	if (rename(fresh, directory) < 0) {
		r = diag_add(d, -errno, DIAG_ERROR, directory, 0, "cannot be put in place: %s",
		             strerror(errno));
		(void) rm_rf(fresh);
		return r;
	}
	return 0;
}

static int note_origin(struct upgrade_state *s, struct diag *d)
{
	struct core_facts f;
	int r = core_facts_get(&f, 10 * USEC_PER_SEC);

	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "core does not answer: %s",
		                strerror(-r));
	r = str_set(&s->origin, f.version);
	if (r >= 0)
		r = str_set(&s->origin_directory, f.directory);
	strv_free(s->failed_before);
	s->failed_before = TAKE_PTR(f.failed);
	core_facts_done(&f);
	return r;
}

/* Back to where the upgrade came from; @reason is why, with the step's name before it. */
static int go_back(struct upgrade_state *s, const char *reason)
{
	struct diag d = {0};
	auto_free char *text = NULL;
	char why[DIAG_TEXT_MAX];
	int r;

	progress("rolling-back", s->origin, reason);
	r = version_mark_bad(s->target, reason);
	if (r < 0)
		log_error_errno(r, "Failed to remember that %s is bad: %m", s->target);
	r = activate(s->origin_directory, s->origin, progress, &d);
	if (r < 0) {
		text = str_printf("%s; and going back to %s failed: %s", reason, s->origin,
		                  diag_first(&d, why, sizeof(why)));
		return finish(s, PHASE_FAILED, text ? text : reason);
	}
	return finish(s, PHASE_ROLLED_BACK, reason);
}

static int go_back_from(struct upgrade_state *s, const char *step, int r, const struct diag *d)
{
	auto_free char *text = reason_of(step, r, d);

	return go_back(s, text ? text : step);
}

/* From a staged version to the commit. */
static int switch_over(struct upgrade_state *s)
{
	struct diag d = {0};
	int r;

	s->phase = PHASE_ACTIVATING;
	r = upgrade_state_save(s);
	if (r < 0) {
		diag_add(&d, r, DIAG_ERROR, NULL, 0,
		         "the state of the upgrade cannot be stored: %s", strerror(-r));
		return finish_failed(s, "activating", r, &d);
	}
	r = activate(s->target_directory, s->target, progress, &d);
	if (r < 0)
		return go_back_from(s, "activating", r, &d);
	s->phase = PHASE_GATING;
	r = upgrade_state_save(s);
	progress("gate", s->target, "");
	if (r >= 0)
		r = gate(s, &d);
	if (r < 0)
		return go_back_from(s, "gating", r, &d);
	/* previous first: with a power cut in between both links name a version that works. */
	r = version_link("previous", s->origin_directory);
	if (r >= 0)
		r = version_link("current", s->target_directory);
	if (r < 0)
		return go_back_from(s, "committing", r, &d);
	versions_prune(s->target_directory, VERSIONS_KEPT);
	return finish(s, PHASE_COMMITTED, "");
}

int worker_apply(const char *bundle, int fd)
{
	auto_cleanup(bundle_manifest_free) struct bundle_manifest *m = NULL;
	auto_fd int bundle_fd = -EBADF;
	struct upgrade_state s = {.phase = PHASE_VERIFYING};
	struct diag d = {0};
	int r;

	report_fd = fd;
	drop_leftovers();
	progress("verifying", NULL, bundle);
	bundle_fd = r = bundle_open(bundle, config.keys, &d, &m);
	if (r >= 0 && (str_set(&s.target, m->version) < 0 ||
	               !(s.target_directory = version_directory(m->version))))
		r = -ENOMEM;
	if (r >= 0)
		r = check_manifest(m, &d);
	if (r >= 0)
		r = note_origin(&s, &d);
	if (r >= 0 && streq(s.origin, s.target))
		r = diag_add(&d, -EALREADY, DIAG_ERROR, NULL, 0, "%s is what runs", s.target);
	if (r < 0) {
		r = finish_failed(&s, "verifying", r, &d);
		upgrade_state_done(&s);
		return r;
	}
	s.phase = PHASE_STAGING;
	progress("staging", s.target, "");
	r = upgrade_state_save(&s);
	if (r < 0)
		diag_add(&d, r, DIAG_ERROR, NULL, 0,
		         "the state of the upgrade cannot be stored: %s", strerror(-r));
	else
		r = stage(bundle_fd, m, s.target_directory, &d);
	r = r < 0 ? finish_failed(&s, "staging", r, &d) : switch_over(&s);
	upgrade_state_done(&s);
	return r;
}

#define ASK_MSEC 5000

/* Runs "core --version", its words go to @out. */
static int run_core_version(const char *core, int out)
{
	char *const argv[] = {(char *) "core", (char *) "--version", NULL};
	posix_spawn_file_actions_t actions;
	struct pollfd p = {.events = POLLIN};
	auto_fd int pidfd = -EBADF;
	int r, status = -1;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(&pid, core, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return -r;
	p.fd = pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 || poll(&p, 1, ASK_MSEC) <= 0)
		(void) kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status == 0 ? 0 : -EPROTO;
}

/* The version in a directory is what its core says; the packaged one's has not even a name that tells it. */
static char *version_of(const char *directory)
{
	auto_fd int out = memfd_create("version", MFD_CLOEXEC);
	auto_free char *core = path_join(directory, "core");
	char text[128];
	ssize_t n = 0;

	if (core && out >= 0 && run_core_version(core, out) >= 0)
		n = pread(out, text, sizeof(text) - 1, 0);
	text[MAX(n, (ssize_t) 0)] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strdup(*text ? text : path_basename(directory));
}

int worker_rollback(const char *reason, int fd)
{
	struct upgrade_state s = {0};
	struct diag d = {0};
	int r;

	report_fd = fd;
	r = note_origin(&s, &d);
	if (r >= 0)
		r = version_linked("previous", &s.target_directory);
	if (r == -ENOENT)
		diag_add(&d, r, DIAG_ERROR, NULL, 0, "there is no version before this one");
	if (r >= 0 && streq(s.target_directory, s.origin_directory))
		r = diag_add(&d, -EALREADY, DIAG_ERROR, NULL, 0, "the version before is what runs");
	if (r >= 0 && !(s.target = version_of(s.target_directory)))
		r = -ENOMEM;
	if (r < 0) {
		r = finish_failed(&s, "rolling-back", r, &d);
	} else {
		if (!str_is_empty(reason))
			version_mark_bad(s.origin, reason);
		r = switch_over(&s);
	}
	upgrade_state_done(&s);
	return r;
}

/* The links are moved last, so "current" tells on which side of the commit the power went. */
static bool is_committed(const struct upgrade_state *s)
{
	auto_free char *current = NULL;

	return version_linked("current", &current) >= 0 && streq(current, s->target_directory);
}

int worker_resume(int fd)
{
	struct upgrade_state s;
	struct core_facts f;
	char boot[ID128_TEXT_MAX] = "";
	struct id128 id;
	int r;

	report_fd = fd;
	drop_leftovers();
	r = upgrade_state_load(&s);
	if (r < 0)
		log_error_errno(r, "Failed to read how far the last upgrade got: %m");
	if (r < 0 ||
	    (s.phase != PHASE_STAGING && s.phase != PHASE_ACTIVATING && s.phase != PHASE_GATING) ||
	    !s.target || !s.target_directory || !s.origin || !s.origin_directory) {
		upgrade_state_done(&s);
		return 0;
	}
	if (id128_boot(&id) >= 0)
		id128_format(&id, boot);
	if (s.phase == PHASE_STAGING) {
		finish(&s, PHASE_FAILED, "staging: it was interrupted before anything was changed");
	} else if (s.boot_id && !streq(s.boot_id, boot) && is_committed(&s)) {
		finish(&s, PHASE_COMMITTED, "");
	} else if (s.boot_id && !streq(s.boot_id, boot)) {
		auto_free char *text =
			str_printf("%s: the machine was rebooted before the upgrade was committed",
		                   upgrade_phase_to_string(s.phase));

		/* "current" was not moved, so this boot runs the old version. Whether the new one
		 * was at fault is not known. */
		finish(&s, PHASE_ROLLED_BACK, text ? text : "");
	} else if (core_facts_get(&f, 10 * USEC_PER_SEC) < 0) {
		finish(&s, PHASE_FAILED, "it was interrupted, and core does not answer");
	} else {
		bool there = streq(f.directory, s.target_directory);

		core_facts_done(&f);
		if (there || s.phase == PHASE_ACTIVATING)
			switch_over(&s);
		else
			go_back(&s, "gating: core did not stay on it");
	}
	upgrade_state_done(&s);
	return 1;
}

/* Said at boot and not only when somebody asks. An upgrade of this boot is its own worker's. */
static void settle_after_reboot(void)
{
	struct upgrade_state s;
	char boot[ID128_TEXT_MAX] = "";
	struct id128 id;

	if (upgrade_state_load(&s) >= 0 && s.boot_id && id128_boot(&id) >= 0) {
		id128_format(&id, boot);
		if (!streq(s.boot_id, boot))
			(void) worker_resume(-EBADF);
	}
	upgrade_state_done(&s);
}

int worker_boot(void)
{
	auto_free char *current = NULL;
	struct core_facts f;
	struct diag d = {0};
	int r;

	settle_after_reboot();
	if (version_linked("current", &current) < 0)
		return 0;
	r = core_facts_get(&f, 30 * USEC_PER_SEC);
	if (r < 0)
		return log_error_errno(r, "Core does not answer: %m");
	if (streq(f.directory, current) && !streq(f.init_version, f.version)) {
		auto_free char *path = path_join(current, "init");
		cJSON *p = cJSON_CreateObject();

		json_add_string(p, "path", path);
		r = core_call("org.sysmaster.Reexec.Init", p, 30 * USEC_PER_SEC, &d);
		diag_log(&d, "init");
	}
	core_facts_done(&f);
	return r;
}
