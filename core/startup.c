// SPDX-License-Identifier: Apache-2.0
/*
 * startup.c - the order of things.
 *
 *	every core:  rooms up -> READY as soon as exits can be understood
 *	the first:   boot agent -> generators -> index -> enumerate -> default target
 *	later ones:  index -> enumerate -> records back (or adoption from cgroups) -> coldplug
 *		     -> on with the jobs
 *
 * A core that died before the boot transaction was stored leaves no CORE_BOOTED; the next one takes over what there is
 * and then boots as the first would have.
 */
#include "core.h"

#include "base/fault.h"

#include "api/api.h"
#include "cgroup/cgroup.h"
#include "crash/crash.h"
#include "exec/exec.h"
#include "types/plugin.h"
#include "types/types.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

/* ---- the rooms ---- */

static void core_done(struct core *c)
{
	helpers_stop(c);
	if (c->manager) {
		api_shutdown(c->manager);
		notify_shutdown(c->manager);
		c->manager->hooks = NULL;
	}
	if (c->state)
		state_flush(c->state);
	/* Units and their sources are the kernel's to clean up: nothing is stopped by the end of a
	 * core. */
	store_free(c->store);
	c->store = NULL;
}

static int open_store(struct core *c)
{
	int r;

	r = store_open(CORE_STATE_DIR, &c->store);
	if (r == -EBADMSG) {
		log_error("A part of the state cannot be read and was set aside; services that "
		          "are missing are adopted from their cgroups");
		c->adopting = true;
		return 0;
	}
	return r < 0 ? log_error_errno(r, "Failed to open \"" CORE_STATE_DIR "\": %m") : 0;
}

static int open_manager(struct core *c)
{
	struct manager *m;
	int r;

	/* Before the first name is read. They are the first thing to do without when core cannot live. */
	if (!c->safe_mode) {
		r = plugins_load();
		if (r < 0)
			log_error_errno(r, "Failed to look for plug-ins: %m");
	}
	r = manager_new(c->loop, unit_types, &core_hooks, c, &c->manager);
	if (r < 0)
		return log_error_errno(r, "Failed to set up the manager: %m");
	m = c->manager;
	m->main_data = c;
	m->in_container = c->container;
	m->runtime_dir = CORE_RUNTIME_DIR;
	r = boot_environment(&m->environment);
	if (r < 0)
		return log_error_errno(r, "Failed to set up the environment: %m");
	c->environment = strv_copy(m->environment);
	if (!c->environment)
		return -ENOMEM;
	r = options_read(c);
	if (r < 0)
		log_warning_errno(r, "Failed to read the kernel's command line: %m");
	return 0;
}

struct step {
	const char *what;
	int (*fn)(struct core *c);
};

static void keep_watches(int fd, void *userdata)
{
	struct core *c = userdata;
	int r = link_vault_put(c->link, "inotify", fd);

	/* The next core will have to wait a moment, and what happens meanwhile is not heard. */
	if (r < 0)
		log_warning_errno(r, "Watches of files cannot be kept for the next core: %m");
}
static int step_watch(struct core *c)
{
	watch_hub_adopt(c->manager->watch, link_vault_take(c->link, "inotify"), keep_watches, c);
	return 0;
}
static int step_cgroup(struct core *c)
{
	return cgroup_setup(c->manager);
}
static int step_state(struct core *c)
{
	return state_new(c->manager, c->store, c->link, &c->state);
}
static int step_exec(struct core *c)
{
	return exec_setup(c->manager, c->directory);
}
static int step_notify(struct core *c)
{
	return notify_setup(c->manager, c->link);
}
static int step_trim(struct core *c)
{
	return trim_setup(c);
}
static void save_manager(struct manager *m)
{
	struct core *c = m->main_data;

	state_manager_save(c->state);
	state_flush(c->state);
}

static int step_api(struct core *c)
{
	static const char *const tainted[] = {NULL};
	struct api_context x = {
		.manager = c->manager,
		.link = c->link,
		.store = c->store,
		.version = core_version,
		.directory = c->directory,
		.core_start_usec = c->start_usec,
		.tainted = tainted,
		.booted_marker = CORE_BOOTED,
		.reload = core_reload_api,
		.run = core_run_program,
		.save = save_manager,
		.environment = c->environment,
	};

	return api_setup(&x, NULL);
}

/* In this order; without the first four nothing can be managed, without the others only something
 * is missing. */
static const struct step steps[] = {
	{"the watches of files", step_watch},
	{"the state", step_state},
	{"cgroups", step_cgroup},
	{"the starter of processes", step_exec},
	{"the notification socket", step_notify},
	{"the control socket", step_api},
	{"the timer that trims memory", step_trim},
};

static int open_rooms(struct core *c)
{
	int r;

	r = open_store(c);
	if (r >= 0)
		r = open_manager(c);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++) {
		r = steps[i].fn(c);
		if (r < 0)
			log_error_errno(r, "Failed to set up %s: %m", steps[i].what);
	}
	return r;
}

/* ---- boot ---- */

static int load_default(struct core *c, struct unit **ret)
{
	const char *const names[] = {c->target ? c->target : "default.target", "rescue.target",
	                             "emergency.target"};
	auto_free struct diag *d = calloc(1, sizeof(*d));
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	struct unit *u;
	int r = -ENOMEM;

	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		r = manager_load_unit(c->manager, names[i], d, &u);
		if (r >= 0 && u->load_state == LOAD_LOADED) {
			*ret = u;
			return 0;
		}
		log_error("Failed to load %s: %s", names[i],
		          d && d->n_items ? diag_first(d, text, sizeof(text))
		          : r < 0         ? strerror(-r)
		                          : load_state_to_string(u->load_state));
		r = r < 0 ? r : -ENOENT;
	}
	return r;
}

static void start_default(struct core *c)
{
	auto_free struct diag *d = calloc(1, sizeof(*d));
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	struct job *j = NULL;
	struct unit *u;
	int r;

	r = load_default(c, &u);
	if (r >= 0)
		r = manager_enqueue(c->manager, JOB_START, u, JOB_MODE_REPLACE, false, d, &j);
	if (r < 0) {
		log_error_errno(r, "Failed to start the default target: %s",
		                d && d->n_items ? diag_first(d, text, sizeof(text)) : strerror(-r));
		return;
	}
	c->manager->boot_job_id = j ? j->id : 0;
	log_info("Starting %s, %zu jobs of %zu units", u->id, map_size(c->manager->jobs),
	         map_size(c->manager->units));
}

static void boot_units(struct core *c)
{
	struct manager *m = c->manager;
	int r;

	m->generators_done = stamp_now();
	m->boot_to_come = false;
	options_write_units(c);
	options_write_startup();
	/* Units are there if somebody asked for one while generators ran, or if we took over. */
	r = map_size(m->units) > 0 ? manager_reload(m, NULL, NULL) : manager_read_index(m);
	if (r >= 0 && c->first)
		r = manager_enumerate(m);
	if (r >= 0)
		r = manager_coldplug(m);
	if (r < 0)
		log_error_errno(r, "Failed to load units: %m");
	start_default(c);
	c->needs_boot = false;
	c->booted_soon = true;
	api_manager_event(m, "started");
	(void) source_set_state(m->dispatch_source, SOURCE_ONESHOT);
}

static void boot_generate(struct core *c)
{
	int r;

	r = generators_run(c, boot_units);
	if (r < 0) {
		log_error_errno(r, "Failed to run generators: %m");
		boot_units(c);
	}
}

static void boot_begin(struct core *c)
{
	int r;

	boot_loopback();
	boot_credentials(c);
	r = boot_agent_run(c, boot_generate);
	if (r < 0) {
		log_error_errno(r, "Failed to run the boot agent: %m");
		boot_generate(c);
	}
	/* Whoever asks for a unit before generators are done (a power button) gets what is there now. */
	if (!c->manager->index && manager_read_index(c->manager) < 0)
		log_warning("Units cannot be found before generators are done");
}

/* ---- taking over ---- */

/* What the kernel shows was there before us: nothing is pulled in by it. */
static int look_around(struct manager *m, int (*fn)(struct manager *m))
{
	int r;

	m->is_reloading = true;
	r = fn(m);
	m->is_reloading = false;
	return r;
}

/* The parts of a take-over and what each took, for the one line that tells of it. */
struct take_over_steps {
	usec_t last;
	char text[128];
	size_t used;
};

static void note_step(struct take_over_steps *s, const char *what)
{
	usec_t t = now(CLOCK_BOOTTIME), spent = usec_sub(t, s->last);
	int n = snprintf(s->text + s->used, sizeof(s->text) - s->used, ", %s %llu.%llu", what,
	                 (unsigned long long) (spent / USEC_PER_MSEC),
	                 (unsigned long long) (spent % USEC_PER_MSEC / 100));

	if (n > 0)
		s->used = MIN(s->used + (size_t) n, sizeof(s->text) - 1);
	s->last = t;
}

static int take_over(struct core *c)
{
	auto_free struct diag *d = calloc(1, sizeof(*d));
	struct take_over_steps steps_taken = {.last = c->start_usec};
	struct manager *m = c->manager;
	int r, n = 0, adopted;

	note_step(&steps_taken, "rooms");
	r = manager_read_index(m);
	note_step(&steps_taken, "index");
	if (r >= 0)
		r = look_around(m, manager_enumerate);
	if (r < 0)
		return log_error_errno(r, "Failed to load units: %m");
	note_step(&steps_taken, "enumerate");
	FAULT_POINT("takeover.enumerated");
	m->taking_over = true;
	m->boot_to_come = c->needs_boot;
	if (!c->safe_mode) {
		n = state_restore(c->state, d);
		if (n < 0)
			log_error_errno(n, "Failed to restore the state, adopting services from "
			                   "their cgroups: %m");
		/* Not one record is as bad: somebody removed the file. */
		if (n <= 0)
			c->adopting = true;
	}
	m->is_reloading = true;
	adopted = state_adopt_cgroups(c->state, c->adopting, d);
	m->is_reloading = false;
	n = MAX(n, 0) + MAX(adopted, 0);
	if (d)
		diag_log(d, "state");
	note_step(&steps_taken, "units");
	FAULT_POINT("takeover.restored");
	/* A boot that begins again starts all that it started before. */
	m->records_lost = c->adopting && !c->needs_boot;
	r = look_around(m, manager_coldplug);
	m->taking_over = false;
	FAULT_POINT("takeover.coldplugged");
	cgroup_taken_over(m);
	namespaces_taken_over(m);
	connections_taken_over(m);
	note_step(&steps_taken, "coldplug");
	/* The job of the default target is over, and others of the boot are not, or its end was the last
	 * that the core before us saw. Without a job to go by, boot would never be finished. */
	if (!c->needs_boot && m->boot_job_id == 0)
		m->boot_job_id = UINT32_MAX;
	log_notice(
		"Took over %d units in %llu ms (%s%s)", n,
		(unsigned long long) (usec_sub(now(CLOCK_BOOTTIME), c->start_usec) / USEC_PER_MSEC),
		link_welcome(c->link)->reason, steps_taken.text);
	return r;
}

/* ---- the program ---- */

static void read_welcome(struct core *c)
{
	const struct welcome *w = link_welcome(c->link);

	c->container = w->container;
	if (c->container) {
		/* The kernel's log is the host's; ours is whatever the container's console is. */
		host_assume_container();
		log_setup("core", LOG_TARGET_STDERR, log_get_level());
	}
	c->first = streq_ptr(w->reason, "boot");
	/* Of a boot before this one: /run of a container can outlive its init. */
	if (c->first)
		(void) unlink(CORE_BOOTED);
	c->needs_boot = access(CORE_BOOTED, F_OK) < 0;
	if (!c->first)
		log_notice("Core was started again: %s%s%s", w->reason ? w->reason : "?",
		           str_is_empty(w->died) ? "" : ", the one before ",
		           str_is_empty(w->died) ? "" : w->died);
}

static int core_begin(struct core *c)
{
	int r;

	if (c->first) {
		struct diag *none = NULL;

		r = state_restore(c->state, none); /* drops what an earlier boot left */
		if (r < 0)
			log_warning_errno(r, "Failed to clear the state of an earlier boot: %m");
	} else {
		r = take_over(c);
		if (r < 0)
			return r;
	}
	/* From here on init counts on us: it tells of exits, and no longer of a start that takes
	 * too long. */
	r = link_ready(c->link);
	if (r < 0)
		return log_error_errno(r, "Failed to tell init that core is ready: %m");
	trim_soon(c);
	if (c->needs_boot)
		boot_begin(c);
	else
		api_manager_event(c->manager, streq_ptr(link_welcome(c->link)->reason, "upgrade")
		                                      ? "upgraded"
		                                      : "recovered");
	return 0;
}

static void on_terminal(int sig)
{
	(void) sig;
}

/*
 * Core is in the process group of PID 1 (init/init.h, spawn()), which in a container may have a terminal: its keys are
 * for PID 1. Handlers, as an ignored signal would be inherited.
 */
static void terminal_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
	const struct sigaction sa = {.sa_handler = on_terminal, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < ELEMENTSOF(signals); i++)
		(void) sigaction(signals[i], &sa, NULL);
}

static void process_setup(void)
{
	(void) signal(SIGPIPE, SIG_IGN);
	terminal_signals();
	(void) prctl(PR_SET_NAME, "core");
	(void) umask(0022);
	if (chdir("/") < 0)
		log_debug_errno(errno, "Cannot change to /: %m");
	boot_limits();
}

int core_run(bool safe_mode)
{
	static struct core core; /* lives as long as the process */
	struct core *c = &core;
	int r;

	c->start_usec = now(CLOCK_BOOTTIME);
	c->safe_mode = c->adopting = safe_mode;
	c->show_status = true;
	log_setup("core", LOG_TARGET_AUTO, LOG_INFO);
#ifdef FAULTS
	fault_setup();
	if (getenv(FAULT_ENVIRONMENT "_DEBUG"))
		log_set_level(LOG_DEBUG);
#endif
	notes_begin(c);
	process_setup();
	r = boot_directory(&c->directory);
	if (r < 0)
		return log_error_errno(r, "Failed to find my own directory: %m") < 0;
	(void) boot_runtime(c);
	r = loop_new(&c->loop);
	if (r < 0)
		return log_error_errno(r, "Failed to set up the event loop: %m") < 0;
	r = link_open(c->loop, core_version, &core_link_handlers, c, &c->link);
	if (r < 0)
		return log_error_errno(r, "Failed to greet init: %m") < 0;
	/* Also while it takes over: with very many units that is longer than init waits for a core of which it hears nothing. */
	loop_set_busy_hook(c->loop, link_busy_hook, c->link);
	read_welcome(c);
	notes_welcome(c);
	r = open_rooms(c);
	if (r >= 0)
		r = core_begin(c);
	if (r >= 0) {
		notes_ready(c);
		loop_set_source_hook(c->loop, crash_note_source);
		r = loop_run(c->loop);
	}
	core_done(c);
	return r == 0 ? 0 : 1;
}
