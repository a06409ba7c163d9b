// SPDX-License-Identifier: Apache-2.0
/*
 * crash-notes.c - who died, from three sides: the core before us (its black box and init's words), PID 1 (it tells us when it
 * is itself again), an agent (the status of its exit). Each becomes a file in /run at once and an event; a process of its own
 * takes it to the disk.
 */
#include "core.h"

#include "api/api.h"
#include "crash/crash.h"

#include <signal.h>
#include <sys/wait.h>

static void announce(struct core *c, const struct crash_report *report)
{
	auto_free char *summary = crash_report_summary(report);

	log_error("%s; report %s", summary ? summary : "A program died", report->id);
	api_crash_added(c->manager, report->id, summary ? summary : "");
}

static int write_note(struct crash_report *report)
{
	struct crash_places p = crash_places();
	int r = report->id ? 0 : crash_report_name(report);

	return r < 0 ? r : crash_store_put(&p, report);
}

/* ---- when /run is full, or memory is short ---- */

#define UNWRITTEN_RETRY_USEC (5 * USEC_PER_SEC)

static void note_written(struct core *c, const struct crash_report *report)
{
	announce(c, report);
	api_crashes_changed(c->manager);
	notes_keep(c);
}

static void retry_soon(struct core *c)
{
	if (c->notes_retry)
		(void) source_set_time(c->notes_retry,
		                       usec_add(now(CLOCK_BOOTTIME), UNWRITTEN_RETRY_USEC));
}

static int on_retry(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	struct core *c = userdata;
	bool all = true;

	for (size_t i = 0; i < ELEMENTSOF(c->unwritten); i++) {
		struct crash_report *report = c->unwritten[i];

		if (!report || write_note(report) < 0) {
			all = all && !report;
			continue;
		}
		c->unwritten[i] = NULL;
		note_written(c, report);
		crash_report_free(report);
	}
	if (!all)
		retry_soon(c);
	return 0;
}

/* A report that cannot be written is kept in memory and tried again. */
static void keep_unwritten(struct core *c, struct crash_report *take, int error)
{
	for (size_t i = 0; i < ELEMENTSOF(c->unwritten); i++) {
		if (c->unwritten[i])
			continue;
		c->unwritten[i] = take;
		log_warning_errno(error, "A crash report cannot be written now: %m");
		retry_soon(c);
		return;
	}
	log_error_errno(error, "A crash report is lost, too many cannot be written: %m");
	crash_report_free(take);
}

static void add_note(struct core *c, struct crash_report *take)
{
	int r = write_note(take);

	if (r < 0) {
		keep_unwritten(c, take, r);
		return;
	}
	note_written(c, take);
	crash_report_free(take);
}

/* ---- the core before ---- */

void notes_begin(struct core *c)
{
	crash_setup(core_version, &c->crash);
	/* A fault is a fault whatever init says; should we not live to ask, at least this is kept. If it
	 * cannot be, it is tried again once there is somebody to tell. */
	if (c->crash && c->crash->signal)
		(void) write_note(c->crash);
}

/* An ordered replacement is no death, unless it had a fault on the way out. */
static bool is_death(const struct core *c, const struct welcome *w)
{
	if (c->crash && c->crash->signal)
		return true;
	return w->reason && !streq(w->reason, "boot") && !streq(w->reason, "upgrade");
}

void notes_welcome(struct core *c)
{
	const struct welcome *w = link_welcome(c->link);

	if (!is_death(c, w)) {
		c->crash = crash_report_free(c->crash);
		return;
	}
	if (!c->crash) {
		/* No box: an older init, or a core that died before its first instruction. */
		c->crash = calloc(1, sizeof(*c->crash));
		if (!c->crash || str_set(&c->crash->program, "core") < 0) {
			c->crash = crash_report_free(c->crash);
			return;
		}
		c->crash->time_usec = now(CLOCK_REALTIME);
	}
	if (str_set(&c->crash->cause, str_is_empty(w->died) ? w->reason : w->died) < 0)
		log_warning("Out of memory: a crash report is not complete");
	c->crash->restarts = w->restarts;
	c->crash_is_written = write_note(c->crash) >= 0;
}

static void keeper_done(struct core *c)
{
	api_crashes_changed(c->manager);
	if (c->keep_again)
		notes_keep(c);
}

/* What is written before /var is mounted is below it. */
static bool disk_is_there(const struct core *c)
{
	const struct unit *u = manager_get_unit(c->manager, "local-fs.target");

	return stamp_is_set(&c->manager->finished) || (u && unit_active_state(u) == UNIT_ACTIVE);
}

void notes_keep(struct core *c)
{
	struct crash_places p = crash_places();
	auto_strv char **names = NULL;
	bool any = false;

	/* It is called again when boot is finished. */
	if (!disk_is_there(c))
		return;
	if (c->keeper) {
		c->keep_again = true;
		return;
	}
	c->keep_again = false;
	if (dir_list(p.run, &names) < 0)
		return;
	STRV_FOREACH (n, names)
		any |= (*n)[0] != '.';
	if (any && crash_keeper_run(c, keeper_done) < 0)
		log_warning("Crash reports stay in \"%s\" for now", p.run);
}

void notes_ready(struct core *c)
{
	if (loop_add_time(c->loop, CLOCK_BOOTTIME, USEC_INFINITY, USEC_PER_SEC, "crash reports",
	                  on_retry, c, &c->notes_retry) < 0)
		log_warning("Crash reports that cannot be written will be lost");
	if (c->crash && !c->crash_is_written) {
		add_note(c, TAKE_PTR(c->crash));
	} else if (c->crash) {
		announce(c, c->crash);
		c->crash = crash_report_free(c->crash);
	}
	api_crashes_changed(c->manager);
	notes_keep(c);
}

/* ---- others ---- */

static int take_number(const char *line, const char *key, int64_t *ret)
{
	const char *value = str_after(line, key);

	return value ? str_to_i64(value, ret) : -ENOENT;
}

/* Text of WIRE_FAULT. */
void notes_init_fault(struct core *c, const char *text)
{
	auto_cleanup(crash_report_free) struct crash_report *report = calloc(1, sizeof(*report));
	int64_t sig = 0, code = 0, sender = 0, address = 0, time = 0, pc = 0;
	auto_strv char **lines = NULL;
	auto_free char *frame = NULL;

	if (!report || strv_split(text, "\n", &lines) < 0 || str_set(&report->program, "init") < 0)
		return;
	STRV_FOREACH (l, lines) {
		if (str_after(*l, "version="))
			(void) str_set(&report->version, str_after(*l, "version="));
		(void) take_number(*l, "signal=", &sig);
		(void) take_number(*l, "code=", &code);
		(void) take_number(*l, "sender=", &sender);
		(void) take_number(*l, "address=", &address);
		(void) take_number(*l, "time=", &time);
		(void) take_number(*l, "pc=", &pc);
	}
	report->pid = 1;
	report->signal = sig > 0 && sig <= 64 ? (int) sig : 0;
	report->code = (int) code;
	report->sender = sender > 0 && sender <= INT32_MAX ? (pid_t) sender : 0;
	report->address = (uint64_t) address;
	report->time_usec = time > 0 ? (usec_t) time : now(CLOCK_REALTIME);
	frame = str_printf("init+0x%llx", (unsigned long long) pc);
	if (frame)
		(void) strv_append(&report->frames, frame);
	(void) str_set(&report->cause, "executed itself again");
	add_note(c, TAKE_PTR(report));
}

static bool is_fault(const struct process_exit *e)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

	for (size_t i = 0; i < ELEMENTSOF(faults); i++)
		if ((e->code == CLD_KILLED || e->code == CLD_DUMPED) && e->status == faults[i])
			return true;
	return false;
}

/* Our own agents only: other services' faults are their owners' business, and in their state. A watchdog's SIGABRT is one. */
void notes_agent_exit(struct core *c, const struct process_exit *e)
{
	auto_cleanup(crash_report_free) struct crash_report *report = NULL;
	const char *unit = e->cgroup ? path_basename(e->cgroup) : "";
	size_t n = strlen(unit);

	if (!is_fault(e) || !str_after(unit, "sysmaster-") || !str_ends_with(unit, ".service"))
		return;
	report = calloc(1, sizeof(*report));
	if (!report || str_set(&report->unit, unit) < 0 ||
	    !(report->program = strndup(unit, n - strlen(".service"))) ||
	    str_set(&report->version, core_version) < 0 ||
	    !(report->cause = str_printf("killed %d", e->status)))
		return;
	report->pid = e->pid;
	report->signal = e->status;
	report->time_usec = now(CLOCK_REALTIME);
	add_note(c, TAKE_PTR(report));
}

int notes_keep_crashes(void)
{
	struct crash_places p = crash_places();
	int r;

	log_setup("core", LOG_TARGET_AUTO, LOG_INFO);
	r = crash_store_keep(&p, core_version);
	if (r < 0)
		log_warning_errno(r, "Crash reports cannot be kept in \"%s\": %m", p.kept);
	return r < 0 ? 1 : 0;
}
