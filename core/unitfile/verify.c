// SPDX-License-Identifier: Apache-2.0
/* verify.c - settings that are right each for itself but not together: such a unit is LOAD_BAD_SETTING and is not started. */
#include "unitfile/parse.h"
#include "unitfile/name.h"

static int refuse(struct diag *d, const char *path, const char *text)
{
	return diag_add(d, -ENOEXEC, DIAG_ERROR, path, 0, "%s", text);
}

static bool set_is_empty(const struct exit_status_set *s)
{
	return !(s->statuses[0] | s->statuses[1] | s->statuses[2] | s->statuses[3] | s->signals);
}

static const char *check_service(const struct unit_file *f)
{
	const struct service_settings *s = f->service;
	const struct exec_command *start = s->commands[SERVICE_EXEC_START];
	bool oneshot = s->type == SERVICE_ONESHOT, success = f->unit.success_action != ACTION_NONE;

	if (!start && !s->commands[SERVICE_EXEC_STOP] && !success)
		return "Service has no ExecStart=, ExecStop=, or SuccessAction=";
	if (!oneshot && !start)
		return "Service has no ExecStart= setting, which is only allowed for Type=oneshot "
		       "services";
	if (!s->remain_after_exit && !start && !success)
		return "Service has no ExecStart= and no SuccessAction= settings and does not have "
		       "RemainAfterExit=yes set";
	if (!oneshot && start && start->next)
		return "Service has more than one ExecStart= setting, which is only allowed for "
		       "Type=oneshot services";
	if (oneshot && (s->restart == RESTART_ALWAYS || s->restart == RESTART_ON_SUCCESS))
		return "Service has Restart= set to either always or on-success, which isn't "
		       "allowed for Type=oneshot services";
	if (oneshot && !set_is_empty(&s->restart_force))
		return "Service has RestartForceExitStatus= set, which isn't allowed for "
		       "Type=oneshot services";
	if (oneshot && s->exit_type_cgroup)
		return "Service has ExitType=cgroup set, which isn't allowed for Type=oneshot "
		       "services";
	if (s->type == SERVICE_DBUS && !s->bus_name)
		return "Service is of type D-Bus but no D-Bus service name has been specified";
	return NULL;
}

static bool port_accepts(const struct socket_port *p)
{
	return p->kind == SOCKET_PORT_STREAM || p->kind == SOCKET_PORT_SEQPACKET;
}

static bool port_has_path(const struct socket_port *p)
{
	return p->kind == SOCKET_PORT_FIFO ||
	       (p->kind <= SOCKET_PORT_SEQPACKET && *p->address == '/');
}

static const char *check_socket(const struct unit_file *f)
{
	const struct socket_settings *s = f->socket;
	unsigned paths = 0;
	bool accepts = true;

	for (const struct socket_port *p = s->ports; p; p = p->next) {
		paths += port_has_path(p);
		accepts = accepts && port_accepts(p);
	}
	if (!s->ports)
		return "Unit has no Listen setting (ListenStream=, ListenDatagram=, ListenFIFO=, "
		       "...)";
	if (s->accept && !accepts)
		return "Unit is configured for accepting sockets, but sockets are non-accepting";
	if (s->accept && s->max_connections == 0)
		return "MaxConnections= setting too small with Accept=yes";
	if (s->accept && s->service)
		return "Explicit service configuration for accepting socket units not supported";
	if (s->symlinks && *s->symlinks && paths != 1)
		return "Unit has symlinks set but none or more than one node in the file system";
	return NULL;
}

/* The unit's name must be the path's. */
static bool name_fits(const struct unit_file *f, const char *path, const char *suffix)
{
	auto_free char *name = NULL;

	return unit_name_from_path(path, suffix, &name) >= 0 && streq(name, f->id);
}

static bool is_api_mount_point(const char *path)
{
	static const char *const points[] = {
		"/proc",          "/sys", "/dev",           "/dev/shm",
		"/dev/pts",       "/run", "/sys/fs/cgroup", "/sys/kernel/security",
		"/sys/fs/selinux"};

	for (size_t i = 0; i < ELEMENTSOF(points); i++)
		if (streq(points[i], path))
			return true;
	return false;
}

static const char *check_mount(const struct unit_file *f)
{
	const struct mount_settings *m = f->mount;

	if (!m->where)
		return "Where= setting is missing";
	if (!name_fits(f, m->where, ".mount"))
		return "Where= setting doesn't match unit name";
	if (f->fragment_path && is_api_mount_point(m->where))
		return "Cannot create mount unit for API file system";
	if (f->fragment_path && str_is_empty(m->what))
		return "What= setting is missing";
	return NULL;
}

static const char *check_automount(const struct unit_file *f)
{
	const char *where = f->automount->where;

	if (!where)
		return "Where= setting is missing";
	if (streq(where, "/"))
		return "Cannot have an automount unit for the root directory";
	return name_fits(f, where, ".automount") ? NULL : "Where= setting doesn't match unit name";
}

static const char *check_swap(const struct unit_file *f)
{
	if (str_is_empty(f->swap->what))
		return "What= setting is missing";
	return name_fits(f, f->swap->what, ".swap") ? NULL
	                                            : "What= setting doesn't match unit name";
}

static const char *check_timer(const struct unit_file *f)
{
	const struct timer_settings *t = f->timer;

	return t->values || t->on_clock_change || t->on_timezone_change
	               ? NULL
	               : "Timer unit lacks value setting";
}

static const char *check_path(const struct unit_file *f)
{
	return f->path->specs ? NULL : "Path unit lacks path setting";
}

static const char *check_slice(const struct unit_file *f)
{
	return slice_name_is_valid(f->id) ? NULL : "Slice name is not valid";
}

static const char *check_pam(const struct unit_file *f)
{
	if (f->exec && f->exec->pam_name && f->kill->mode != KILL_CONTROL_GROUP &&
	    f->kill->mode != KILL_MIXED)
		return "Unit has PAM enabled. Kill mode must be set to 'control-group' or 'mixed'";
	return NULL;
}

int unit_file_verify(const struct unit_file *f, const char *path, struct diag *d)
{
	static const char *(*const checks[UNIT_TYPE_MAX])(const struct unit_file *) = {
		[UNIT_SERVICE] = check_service, [UNIT_SOCKET] = check_socket,
		[UNIT_MOUNT] = check_mount,     [UNIT_AUTOMOUNT] = check_automount,
		[UNIT_SWAP] = check_swap,       [UNIT_TIMER] = check_timer,
		[UNIT_PATH] = check_path,       [UNIT_SLICE] = check_slice,
	};
	const char *wrong = checks[f->type] ? checks[f->type](f) : NULL;

	if (!wrong)
		wrong = check_pam(f);
	return wrong ? refuse(d, path, wrong) : 0;
}
