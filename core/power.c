// SPDX-License-Identifier: Apache-2.0
/* power.c - orders that are about the whole machine: signals to PID 1 (systemd(1), "Signals") and
 * the actions that units name. */
#include "core.h"

#include <signal.h>
#include <sys/reboot.h>

#include <linux/reboot.h>

static void start_target(struct core *c, const char *target, enum job_mode mode)
{
	auto_free struct diag *d = calloc(1, sizeof(*d));
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	int r;

	r = manager_enqueue_by_name(c->manager, JOB_START, target, mode, d, NULL);
	if (r < 0)
		log_error_errno(r, "Failed to start %s: %s", target,
		                d && d->n_items ? diag_first(d, text, sizeof(text)) : strerror(-r));
}

static void end_machine(struct core *c, enum wire_shutdown how, int status, const char *argument)
{
	int r;

	c->manager->is_stopping = true;
	state_manager_save(c->state);
	state_flush(c->state);
	r = link_shutdown(c->link, how, status, argument);
	if (r < 0)
		log_error_errno(r, "Failed to ask init to shut down: %m");
}

/* ---- signals ---- */

static void reexec_self(struct core *c)
{
	auto_free char *path = path_join(c->directory, "core");
	auto_fd int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int r;

	if (!path || fd < 0) {
		log_error("Failed to open my own binary");
		return;
	}
	r = link_request(c->link, WIRE_UPGRADE_CORE, 0, fd, path);
	if (r < 0)
		log_error_errno(r, "Failed to ask init to execute core again: %m");
	else
		c->reexec_serial = (uint32_t) r;
}

struct signal_row {
	int offset; /* from SIGRTMIN; -1: @signo */
	int signo;
	const char *target;
	enum job_mode mode;
	enum wire_shutdown force;
};

/* clang-format off */
static const struct signal_row rows[] = {
	{ -1, SIGINT, "ctrl-alt-del.target", JOB_MODE_REPLACE_IRREVERSIBLY },
	{ -1, SIGPWR, "sigpwr.target",       JOB_MODE_REPLACE },
	{ 0,  0,      "default.target",      JOB_MODE_ISOLATE },
	{ 1,  0,      "rescue.target",       JOB_MODE_ISOLATE },
	{ 2,  0,      "emergency.target",    JOB_MODE_ISOLATE },
	{ 3,  0,      "halt.target",         JOB_MODE_REPLACE_IRREVERSIBLY },
	{ 4,  0,      "poweroff.target",     JOB_MODE_REPLACE_IRREVERSIBLY },
	{ 5,  0,      "reboot.target",       JOB_MODE_REPLACE_IRREVERSIBLY },
	{ 6,  0,      "kexec.target",        JOB_MODE_REPLACE_IRREVERSIBLY },
	{ 13, 0, NULL, 0, WIRE_HALT },
	{ 14, 0, NULL, 0, WIRE_POWEROFF },
	{ 15, 0, NULL, 0, WIRE_REBOOT },
	{ 16, 0, NULL, 0, WIRE_KEXEC },
};
/* clang-format on */

void power_signal(struct core *c, int signo)
{
	if (signo == SIGHUP) {
		(void) core_reload(c);
		return;
	}
	if (signo == SIGTERM) {
		reexec_self(c);
		return;
	}
	if (signo == SIGRTMIN + 22 || signo == SIGRTMIN + 23) {
		log_set_level(signo == SIGRTMIN + 22 ? LOG_DEBUG : LOG_INFO);
		return;
	}
	if (signo == SIGRTMIN + 20 || signo == SIGRTMIN + 21) {
		c->show_status = signo == SIGRTMIN + 20;
		return;
	}
	if (signo == SIGRTMIN + 10) {
		/* The restart budget begins anew, and versions that were put aside may be tried
		 * again. */
		if (link_request(c->link, WIRE_RETRY, 0, -1, NULL) < 0)
			log_warning("Failed to ask init to try again");
		return;
	}
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (signo != (rows[i].offset < 0 ? rows[i].signo : SIGRTMIN + rows[i].offset))
			continue;
		log_notice("Signal %d to init: %s", signo,
		           rows[i].target ? rows[i].target : "immediate shutdown");
		if (rows[i].target)
			start_target(c, rows[i].target, rows[i].mode);
		else
			end_machine(c, rows[i].force, 0, NULL);
		return;
	}
	log_debug("Signal %d to init means nothing to core", signo);
}

/* ---- actions ---- */

static void act_now(struct core *c, enum wire_shutdown how, int status, const char *argument)
{
	/* "immediate" does not even ask init; in a container the kernel would refuse or do worse.
	 */
	if (!c->container) {
		(void) reboot(how == WIRE_POWEROFF ? RB_POWER_OFF : RB_AUTOBOOT);
		log_error_errno(errno, "Failed to reboot immediately: %m");
	}
	end_machine(c, how, status, argument);
}

/* The machine is on its way down: what fails on the way changes nothing about where to. */
static bool is_shutting_down(const struct core *c)
{
	const struct unit *u = manager_get_unit(c->manager, "shutdown.target");

	return c->manager->is_stopping ||
	       (u && (unit_is_active_or_activating(u) || (u->job && u->job->type == JOB_START)));
}

void power_emergency(struct core *c, enum emergency_action a, int exit_status, const char *argument,
                     const char *reason)
{
	int status = exit_status < 0 ? 0 : exit_status;

	if ((a == ACTION_REBOOT || a == ACTION_POWEROFF || a == ACTION_EXIT) &&
	    is_shutting_down(c)) {
		log_notice("%s is not done, since a shutdown is under way: %s",
		           emergency_action_to_string(a), reason);
		return;
	}
	log_notice("%s: %s", emergency_action_to_string(a), reason);
	switch (a) {
	case ACTION_REBOOT:
		start_target(c, "reboot.target", JOB_MODE_REPLACE_IRREVERSIBLY);
		break;
	case ACTION_POWEROFF:
		start_target(c, "poweroff.target", JOB_MODE_REPLACE_IRREVERSIBLY);
		break;
	case ACTION_REBOOT_FORCE:
		end_machine(c, WIRE_REBOOT, status, argument);
		break;
	case ACTION_POWEROFF_FORCE:
		end_machine(c, WIRE_POWEROFF, status, argument);
		break;
	case ACTION_REBOOT_IMMEDIATE:
		act_now(c, WIRE_REBOOT, status, argument);
		break;
	case ACTION_POWEROFF_IMMEDIATE:
		act_now(c, WIRE_POWEROFF, status, argument);
		break;
	case ACTION_EXIT:
		/* Only a container's init can exit; elsewhere it is the end of the machine all the
		 * same. */
		start_target(c, c->container ? "exit.target" : "poweroff.target",
		             JOB_MODE_REPLACE_IRREVERSIBLY);
		break;
	case ACTION_EXIT_FORCE:
		end_machine(c, c->container ? WIRE_EXIT_CONTAINER : WIRE_POWEROFF, status,
		            argument);
		break;
	default:
		break;
	}
}
