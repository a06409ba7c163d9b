// SPDX-License-Identifier: Apache-2.0
#include "upgrade/upgrade.h"

/* init gives a new core 10 s to be ready and then watches it for 10 s more; a fall-back takes one
 * more start. */
#define CORE_SWITCH_USEC (45 * USEC_PER_SEC)
#define BUSY_USEC        (30 * USEC_PER_SEC)
#define BUSY_LOOK_USEC   (200 * USEC_PER_MSEC)
#define INIT_SWITCH_USEC (30 * USEC_PER_SEC)
#define GATE_LOOK_USEC   (250 * USEC_PER_MSEC)

/* Agents of a version, in the order in which they are restarted; this one goes last and by itself
 * (main.c). */
static const char *const agents[] = {"sysmaster-channel.service", "sysmaster-fleet.service"};

/* Asks until init has no other upgrade on trial. */
static int reexec(const char *method, const char *key, const char *path, usec_t timeout,
                  struct diag *d)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + BUSY_USEC;

	for (;;) {
		struct timespec pause = usec_to_timespec(BUSY_LOOK_USEC);
		struct diag own = {0};
		cJSON *p = cJSON_CreateObject();
		int r;

		if (!p)
			return -ENOMEM;
		json_add_string(p, key, path);
		r = core_call(method, p, timeout, &own);
		if (r != -EBUSY || now(CLOCK_BOOTTIME) >= deadline) {
			if (r < 0 && own.n_items)
				diag_add(d, r, DIAG_ERROR, NULL, 0, "%s", own.items[0].text);
			return r;
		}
		nanosleep(&pause, NULL);
	}
}

static int switch_core(const char *directory, const char *version, struct diag *d)
{
	struct core_facts f;
	uint64_t old_pid;
	int r;

	r = core_facts_get(&f, 10 * USEC_PER_SEC);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "core does not answer: %s",
		                strerror(-r));
	old_pid = f.pid;
	if (streq(f.directory, directory) && streq(f.version, version)) {
		core_facts_done(&f);
		return 0;
	}
	core_facts_done(&f);
	r = reexec("org.sysmaster.Reexec.Core", "directory", directory, CORE_SWITCH_USEC, d);
	/* Core may be gone before its answer is out; what runs afterwards is what counts. */
	if (r < 0 && r != -ECONNRESET)
		return r;
	for (usec_t deadline = now(CLOCK_BOOTTIME) + CORE_SWITCH_USEC;;) {
		struct timespec pause = usec_to_timespec(20 * USEC_PER_MSEC);

		r = core_facts_get(&f, CORE_SWITCH_USEC);
		if (r < 0)
			return diag_add(d, r, DIAG_ERROR, NULL, 0,
			                "core does not answer after the switch: %s", strerror(-r));
		if (f.pid != old_pid || now(CLOCK_BOOTTIME) >= deadline)
			break;
		core_facts_done(&f);
		nanosleep(&pause, NULL);
	}
	if (!streq(f.directory, directory))
		r = diag_add(d, -ESTALE, DIAG_ERROR, NULL, 0, "core %s did not stay: %s", version,
		             *f.last_upgrade ? f.last_upgrade
		             : *f.died       ? f.died
		                             : "init went back to the version before");
	else if (!streq(f.version, version))
		r = diag_add(d, -EINVAL, DIAG_ERROR, directory, 0, "its core says it is %s, not %s",
		             f.version, version);
	core_facts_done(&f);
	return r < 0 && r != -ECONNRESET ? r : 0;
}

static int switch_init(const char *directory, const char *version, struct diag *d)
{
	auto_free char *path = path_join(directory, "init");
	struct core_facts f;
	int r;

	if (!path)
		return -ENOMEM;
	r = core_facts_get(&f, 10 * USEC_PER_SEC);
	if (r < 0)
		return r;
	r = streq(f.init_version, version);
	core_facts_done(&f);
	if (r)
		return 0;
	return reexec("org.sysmaster.Reexec.Init", "path", path, INIT_SWITCH_USEC, d);
}

static void restart_agents(progress_fn progress, const char *version)
{
	for (size_t i = 0; i < ELEMENTSOF(agents); i++) {
		cJSON *p = cJSON_CreateObject(), *names = cJSON_AddArrayToObject(p, "names");
		struct diag d = {0};

		if (!names) {
			cJSON_Delete(p);
			return;
		}
		json_append_take(names, cJSON_CreateString(agents[i]));
		json_add_string(p, "verb", "try-restart");
		if (core_call("org.sysmaster.Unit.Queue", p, 30 * USEC_PER_SEC, &d) < 0) {
			char text[DIAG_TEXT_MAX];

			progress("agents", version, diag_first(&d, text, sizeof(text)));
		}
	}
}

int activate(const char *directory, const char *version, progress_fn progress, struct diag *d)
{
	int r;

	/* init first: it has no trial, so that nothing has to wait before core's. */
	progress("init", version, "");
	r = switch_init(directory, version, d);
	if (r < 0)
		return r;
	progress("core", version, "");
	r = switch_core(directory, version, d);
	if (r < 0)
		return r;
	progress("agents", version, "");
	restart_agents(progress, version);
	return 0;
}

int gate(const struct upgrade_state *s, struct diag *d)
{
	usec_t end = now(CLOCK_BOOTTIME) + MAX(config.gate_usec, config.trial_usec);
	uint64_t pid = 0;

	for (;;) {
		struct timespec pause = usec_to_timespec(GATE_LOOK_USEC);
		struct core_facts f;
		int r = core_facts_get(&f, 10 * USEC_PER_SEC);

		if (r < 0)
			return diag_add(d, r, DIAG_ERROR, NULL, 0,
			                "core stopped answering after the upgrade");
		if (pid && f.pid != pid)
			r = diag_add(d, -EIO, DIAG_ERROR, NULL, 0,
			             "core was restarted after the upgrade (%s)", f.died);
		else if (!streq(f.directory, s->target_directory))
			r = diag_add(d, -ESTALE, DIAG_ERROR, NULL, 0, "init went back to %s (%s)",
			             f.version, f.last_upgrade);
		else if (!streq(f.init_version, s->target))
			r = diag_add(d, -ESTALE, DIAG_ERROR, NULL, 0, "init is %s, not %s",
			             f.init_version, s->target);
		pid = f.pid;
		STRV_FOREACH (unit, f.failed)
			if (r >= 0 && !strv_contains(s->failed_before, *unit))
				r = diag_add(d, -EIO, DIAG_ERROR, NULL, 0,
				             "%s failed after the upgrade", *unit);
		core_facts_done(&f);
		if (r < 0)
			return r;
		if (now(CLOCK_BOOTTIME) >= end)
			return 0;
		nanosleep(&pause, NULL);
	}
}
