// SPDX-License-Identifier: Apache-2.0
/* From a service's settings to its dependencies, and the checks that only make sense for the whole:
 * systemd.service(5). */
#include "types/service.h"

static int refuse(const struct unit *u, struct diag *d, const char *why)
{
	return diag_add(d, -ENOEXEC, DIAG_ERROR,
	                u->file->fragment_path ? u->file->fragment_path : u->id, 0, "%s. Refusing",
	                why);
}

/* Rules of systemd.service(5); each is a row, so that the list can be read. */
static int service_verify(const struct unit *u, struct diag *d)
{
	const struct service_settings *c = u->file->service;
	const struct exec_command *start = c->commands[SERVICE_EXEC_START];
	const bool oneshot = c->type == SERVICE_ONESHOT;
	const struct {
		bool broken;
		const char *why;
	} rules[] = {
		{!start && !c->commands[SERVICE_EXEC_STOP] &&
	                 u->file->unit.success_action == ACTION_NONE,
	         "Service has no ExecStart=, ExecStop=, or SuccessAction="},
		{!oneshot && !start, "Service has no ExecStart= setting, which is only allowed for "
	                             "Type=oneshot services"},
		{!oneshot && start && start->next,
	         "Service has more than one ExecStart= setting, which is only allowed for "
	         "Type=oneshot services"},
		{!start && !c->remain_after_exit && u->file->unit.success_action == ACTION_NONE,
	         "Service has no ExecStart= and no SuccessAction= settings and does not have "
	         "RemainAfterExit=yes set"},
		{oneshot && (c->restart == RESTART_ALWAYS || c->restart == RESTART_ON_SUCCESS),
	         "Service has Restart= set to either always or on-success, which isn't allowed for "
	         "Type=oneshot services"},
		{oneshot && (c->restart_force.statuses[0] & 1),
	         "Service has RestartForceExitStatus= set to contain a clean exit status, which "
	         "isn't allowed for Type=oneshot services"},
		{c->type == SERVICE_DBUS && !c->bus_name,
	         "Service is of type D-Bus but no D-Bus service name has been specified"},
		{c->exit_type_cgroup && c->type == SERVICE_FORKING,
	         "Service has ExitType=cgroup set, which isn't allowed for Type=forking services"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rules); i++)
		if (rules[i].broken)
			return refuse(u, d, rules[i].why);
	if (u->file->exec && u->file->exec->pam_name && u->file->kill &&
	    u->file->kill->mode != KILL_CONTROL_GROUP && u->file->kill->mode != KILL_MIXED)
		return refuse(u, d,
		              "Service has PAM enabled, kill mode must be set to 'control-group' "
		              "or 'mixed'");
	return 0;
}

static int add_sockets(struct unit *u)
{
	const struct service_settings *c = u->file->service;
	int r;

	STRV_FOREACH (name, c->sockets) {
		r = unit_add_two_dependencies_by_name(u, DEP_WANTS, DEP_AFTER, *name);
		if (r >= 0)
			r = unit_add_dependency_by_name(u, DEP_TRIGGERED_BY, *name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_default(struct unit *u)
{
	static const struct dependency_row rows[] = {
		{DEP_AFTER, DEP_REQUIRES, "sysinit.target"},
		{DEP_AFTER, DEP_INVALID, "basic.target"},
	};
	int r;

	if (!u->file->unit.default_dependencies)
		return 0;
	r = dependencies_add(u, rows, ELEMENTSOF(rows));
	return r < 0 ? r : unit_add_shutdown_dependencies(u);
}

int service_load(struct unit *u, struct diag *d)
{
	const struct service_settings *c = u->file->service;
	int r;

	if (!c)
		return refuse(u, d, "Service has no settings");
	r = service_verify(u, d);
	if (r < 0)
		return r;
	/* A reload of a service that runs; one that core has just read back is coldplugged later. */
	if (!u->manager->is_reloading)
		service_refresh_deadline(SERVICE(u));
	r = dependencies_add_exec(u);
	if (r < 0)
		return r;
	r = add_sockets(u);
	if (r < 0)
		return r;
	if (c->type == SERVICE_DBUS) {
		r = unit_add_two_dependencies_by_name(u, DEP_AFTER, DEP_REQUIRES, "dbus.socket");
		/* It tells when the name is there. */
		if (r >= 0)
			r = unit_add_dependency_by_name(u, DEP_AFTER, "sysmaster-dbus.service");
		if (r < 0)
			return r;
	}
	return add_default(u);
}
