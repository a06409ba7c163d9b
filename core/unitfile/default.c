// SPDX-License-Identifier: Apache-2.0
/* default.c - what a unit is before its files are read, and what they left open when they are. */
#include "unitfile/parse.h"
#include "unitfile/group.h"
#include "unitfile/name.h"

#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <syslog.h>

#define PASSIVE_CPU_WEIGHT UINT64_MAX

struct type_parts {
	size_t size;
	bool exec, kill, cgroup;
};
static const struct type_parts parts[UNIT_TYPE_MAX] = {
	[UNIT_SERVICE] = {sizeof(struct service_settings), true, true, true},
	[UNIT_SOCKET] = {sizeof(struct socket_settings), true, true, true},
	[UNIT_MOUNT] = {sizeof(struct mount_settings), true, true, true},
	[UNIT_SWAP] = {sizeof(struct swap_settings), true, true, true},
	[UNIT_AUTOMOUNT] = {sizeof(struct automount_settings), false, false, false},
	[UNIT_TIMER] = {sizeof(struct timer_settings), false, false, false},
	[UNIT_PATH] = {sizeof(struct path_settings), false, false, false},
	[UNIT_SCOPE] = {sizeof(struct scope_settings), false, true, true},
	[UNIT_SLICE] = {0, false, false, true},
	[UNIT_PLUGIN... UNIT_PLUGIN_LAST] = {sizeof(struct plugin_settings), true, true, true},
};

static void unit_defaults(struct unit_settings *u, const struct unit_context *c,
                          enum unit_type type)
{
	u->default_dependencies = true;
	u->on_failure_job_mode = JOB_MODE_REPLACE;
	u->on_success_job_mode = JOB_MODE_FAIL;
	u->job_timeout_usec = USEC_INFINITY;
	u->job_running_timeout_usec =
		type == UNIT_DEVICE ? c->default_device_timeout_usec : USEC_INFINITY;
	u->failure_action_exit_status = u->success_action_exit_status = -1;
	u->start_limit_interval_usec = c->default_start_limit_interval_usec;
	u->start_limit_burst = c->default_start_limit_burst;
	/* What the kernel says is there, is there, whatever is isolated. */
	u->ignore_on_isolate = type == UNIT_DEVICE || type == UNIT_SCOPE || type == UNIT_SLICE ||
	                       type == UNIT_MOUNT || type == UNIT_AUTOMOUNT || type == UNIT_SWAP;
}

static int exec_defaults(struct exec_settings *e, enum unit_type type)
{
	/* systemd.exec(5), KeyringMode=: what a service keeps there is its own. */
	e->keyring_mode = strdup(type == UNIT_SERVICE ? "private" : "shared");
	if (!e->keyring_mode)
		return -ENOMEM;
	e->capability_bounding_set = e->restrict_namespaces = UINT64_MAX;
	e->umask = 0022;
	for (size_t i = 0; i < EXEC_DIRECTORY_MAX; i++)
		e->directories[i].mode = 0755;
	e->std_output = e->std_error = EXEC_OUTPUT_INHERIT;
	e->syslog_facility = LOG_DAEMON;
	e->syslog_level = LOG_INFO;
	e->log_level_max = -1;
	e->syslog_level_prefix = e->ignore_sigpipe = true;
	e->nice = e->oom_score_adjust = INT_MIN;
	e->io_class = e->io_priority = -1;
	e->cpu_policy = SCHED_OTHER;
	e->timer_slack_nsec = -1;
	e->personality = ULONG_MAX;
	return 0;
}

static void kill_defaults(struct kill_settings *k)
{
	k->mode = KILL_CONTROL_GROUP;
	k->kill_signal = SIGTERM;
	k->final_kill_signal = SIGKILL;
	k->watchdog_signal = SIGABRT;
	k->send_sigkill = true;
}

static void cgroup_defaults(struct cgroup_settings *g, const struct unit_context *c,
                            enum unit_type type)
{
	/* systemd-system.conf(5): without a controller CPU time is counted, too. */
	g->cpu_accounting = g->memory_accounting = g->tasks_accounting = true;
	g->cpu_weight = g->startup_cpu_weight = PASSIVE_CPU_WEIGHT;
	g->io_weight = g->startup_io_weight = UINT64_MAX;
	g->cpu_quota_per_sec_usec = g->cpu_quota_period_usec = USEC_INFINITY;
	g->memory_min = g->memory_low = g->memory_high = g->memory_max = g->memory_swap_max =
		UINT64_MAX;
	g->tasks_max = type == UNIT_SLICE ? UINT64_MAX : c->default_tasks_max;
}

static void service_defaults(struct service_settings *s, const struct unit_context *c)
{
	s->guess_main_pid = true;
	s->restart_usec = c->default_restart_usec;
	s->restart_max_delay_usec = USEC_INFINITY;
	s->timeout_start_usec = c->default_timeout_start_usec;
	s->timeout_stop_usec = c->default_timeout_stop_usec;
	s->runtime_max_usec = USEC_INFINITY;
}

static void socket_defaults(struct socket_settings *s, const struct unit_context *c)
{
	s->bind_ipv6_only = s->priority = s->ip_tos = s->ip_ttl = s->mark = -1;
	/* What the kernel has for "as many as net.core.somaxconn allows". */
	s->backlog = UINT_MAX;
	s->max_connections = 64;
	s->socket_mode = 0666;
	s->directory_mode = 0755;
	s->timeout_usec = c->default_timeout_start_usec;
	s->trigger_limit_interval_usec = USEC_INFINITY;
	s->trigger_limit_burst = UINT_MAX;
	s->remove_on_stop = false;
}

static void type_defaults(struct unit_file *f, const struct unit_context *c)
{
	switch (f->type) {
	case UNIT_SERVICE:
		service_defaults(f->service, c);
		break;
	case UNIT_SOCKET:
		socket_defaults(f->socket, c);
		break;
	case UNIT_TIMER:
		f->timer->accuracy_usec = c->default_timer_accuracy_usec;
		f->timer->remain_after_elapse = true;
		break;
	case UNIT_PATH:
		f->path->directory_mode = 0755;
		f->path->trigger_limit_interval_usec = USEC_INFINITY;
		f->path->trigger_limit_burst = UINT_MAX;
		break;
	case UNIT_MOUNT:
		f->mount->directory_mode = 0755;
		f->mount->timeout_usec = c->default_timeout_start_usec;
		break;
	case UNIT_AUTOMOUNT:
		f->automount->directory_mode = 0755;
		f->automount->timeout_idle_usec = USEC_INFINITY;
		break;
	case UNIT_SWAP:
		f->swap->priority = -1;
		f->swap->timeout_usec = c->default_timeout_start_usec;
		break;
	case UNIT_SCOPE:
		f->scope->runtime_max_usec = USEC_INFINITY;
		f->scope->timeout_stop_usec = c->default_timeout_stop_usec;
		break;
	default:
		break;
	}
}

static int alloc_parts(struct unit_file *f)
{
	const struct type_parts *t = &parts[f->type];

	if (t->size && !(f->service = calloc(1, t->size)))
		return -ENOMEM;
	if (t->exec && !(f->exec = group_new(SETTINGS_EXEC)))
		return -ENOMEM;
	if (t->kill && !(f->kill = group_new(SETTINGS_KILL)))
		return -ENOMEM;
	if (t->cgroup && !(f->cgroup = group_new(SETTINGS_CGROUP)))
		return -ENOMEM;
	return 0;
}

int unit_file_alloc(const struct unit_context *c, const char *name, struct unit_file **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	int type = unit_name_type(name);

	if (type < 0 || !unit_name_is_valid(name, UNIT_NAME_ANY))
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->type = (enum unit_type) type;
	f->load_state = LOAD_STUB;
	f->id = strdup(name);
	if (!f->id || unit_name_instance(name, &f->instance) < 0 || alloc_parts(f) < 0)
		return -ENOMEM;
	unit_defaults(&f->unit, c, f->type);
	if (f->exec && exec_defaults(own_exec(f), f->type) < 0)
		return -ENOMEM;
	if (f->kill)
		kill_defaults(own_kill(f));
	if (f->cgroup)
		cgroup_defaults(own_cgroup(f), c, f->type);
	type_defaults(f, c);
	*ret = TAKE_PTR(f);
	return 0;
}

/* ---- after the files ---- */

static void finish_service(struct service_settings *s)
{
	if (!s->type_set) {
		if (s->bus_name)
			s->type = SERVICE_DBUS;
		else if (!s->commands[SERVICE_EXEC_START])
			s->type = SERVICE_ONESHOT;
	}
	/* Oneshot services take the time that they take, unless told otherwise. */
	if (s->type == SERVICE_ONESHOT && !s->timeout_start_set)
		s->timeout_start_usec = USEC_INFINITY;
	if (!s->timeout_abort_set)
		s->timeout_abort_usec = s->timeout_stop_usec;
	/* Who is to report must be heard. */
	if (s->notify_access == NOTIFY_NONE &&
	    (s->type == SERVICE_NOTIFY || s->type == SERVICE_NOTIFY_RELOAD ||
	     (s->watchdog_usec > 0 && s->watchdog_usec != USEC_INFINITY) ||
	     s->file_descriptor_store_max > 0))
		s->notify_access = NOTIFY_MAIN;
}

/* Streams follow one another: systemd.exec(5), "Logging and Standard Input/Output". */
static void finish_stdio(struct exec_settings *e, const struct unit_context *c)
{
	if (e->std_input == EXEC_INPUT_NULL && e->stdin_data_size > 0)
		e->std_input = EXEC_INPUT_DATA;
	switch (e->std_input) {
	case EXEC_INPUT_TTY:
	case EXEC_INPUT_TTY_FORCE:
	case EXEC_INPUT_TTY_FAIL:
	case EXEC_INPUT_SOCKET:
	case EXEC_INPUT_NAMED_FD:
		/* These go both ways, so that output may inherit them. */
		return;
	default:
		break;
	}
	if (e->std_error == EXEC_OUTPUT_INHERIT && e->std_output == EXEC_OUTPUT_INHERIT)
		e->std_error = c->default_std_error;
	if (e->std_output == EXEC_OUTPUT_INHERIT)
		e->std_output = c->default_std_output;
}

/* A name that adduser(8) would take, too. */
static bool user_name_is_strict(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n &&
	       (*s == '_' || (*s >= 'a' && *s <= 'z'));
}

/* DynamicUser= without User=: the unit's own name is the user's, if it can be one. */
static int dynamic_user_name(const char *id, char **ret)
{
	auto_free char *prefix = NULL;
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
	int r = unit_name_prefix(id, &prefix);

	if (r < 0)
		return r;
	if (user_name_is_strict(prefix)) {
		*ret = TAKE_PTR(prefix);
		return 0;
	}
	for (const char *c = prefix; *c; c++)
		hash = (hash ^ (uint8_t) *c) * 0x100000001b3ULL;
	*ret = str_printf("_du%016llx", (unsigned long long) hash);
	return *ret ? 0 : -ENOMEM;
}

#define CAP(n) (1ULL << (n))
/* Settings that imply others: each is documented with the one that implies. */
static int finish_sandbox(struct exec_settings *e, struct cgroup_settings *g, const char *id)
{
	if (e->dynamic_user) {
		int r = e->user ? 0 : dynamic_user_name(id, &e->user);

		if (r < 0)
			return r;
		e->remove_ipc = e->private_tmp = e->no_new_privileges = e->restrict_suid_sgid =
			true;
		if (e->protect_system == PROTECT_SYSTEM_NO)
			e->protect_system = PROTECT_SYSTEM_STRICT;
		if (e->protect_home == PROTECT_HOME_NO)
			e->protect_home = PROTECT_HOME_READ_ONLY;
	}
	if (e->private_devices) {
		e->capability_bounding_set &= ~(CAP(CAP_MKNOD) | CAP(CAP_SYS_RAWIO));
		if (g->device_policy == DEVICE_POLICY_AUTO)
			g->device_policy = DEVICE_POLICY_CLOSED;
	}
	if (e->protect_kernel_modules)
		e->capability_bounding_set &= ~CAP(CAP_SYS_MODULE);
	if (e->protect_kernel_logs)
		e->capability_bounding_set &= ~CAP(CAP_SYSLOG);
	if (e->protect_clock) {
		int r = strv_append_unique(&g->device_allow, "char-rtc r");

		if (r < 0)
			return r;
		e->capability_bounding_set &= ~(CAP(CAP_SYS_TIME) | CAP(CAP_WAKE_ALARM));
	}
	if (!e->mount_api_vfs_set)
		e->mount_api_vfs = e->root_directory || e->root_image;
	return 0;
}

/* By components, up to the symbolic links behind ":": "a" comes before "a/b", and that before "a-b". */
static int compare_directories(const void *a, const void *b)
{
	const char *x = *(char *const *) a, *y = *(char *const *) b;

	/* A colon behind a backslash is the name's. */
	for (char before = 0; *x == *y && *x && (*x != ':' || before == '\\'); x++, y++)
		before = *x;
	return (*x == 0 || *x == ':' ? 0
	        : *x == '/'          ? 1
	                             : (unsigned char) *x + 1) -
	       (*y == 0 || *y == ':' ? 0
	        : *y == '/'          ? 1
	                             : (unsigned char) *y + 1);
}

/* Parents before what is below them, and so in $STATE_DIRECTORY and its like. */
static void finish_directories(struct exec_settings *e)
{
	for (size_t i = 0; i < ELEMENTSOF(e->directories); i++)
		if (e->directories[i].paths)
			qsort(e->directories[i].paths, strv_length(e->directories[i].paths),
			      sizeof(char *), compare_directories);
}

static int finish_limits(struct exec_settings *e, const struct unit_context *c)
{
	for (size_t i = 0; i < EXEC_RLIMITS_MAX; i++) {
		if (e->limits[i] || !c->default_limits[i])
			continue;
		e->limits[i] = malloc(sizeof(*e->limits[i]));
		if (!e->limits[i])
			return -ENOMEM;
		*e->limits[i] = *c->default_limits[i];
	}
	return 0;
}

/* The unit that a timer, path or socket starts, unless it names another. */
static int finish_trigger(const struct unit_file *f, char **slot)
{
	if (*slot || !unit_name_is_valid(f->id, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE))
		return 0;
	return unit_name_change_suffix(f->id, ".service", slot);
}

static int finish_mount_point(const struct unit_file *f, char **where)
{
	int r;

	if (*where)
		return 0;
	r = unit_name_to_path(f->id, where);
	/* A hashed or odd name says nothing; verify.c then asks for Where=. */
	return r == -EINVAL ? 0 : r;
}

static int finish_type(struct unit_file *f)
{
	switch (f->type) {
	case UNIT_SERVICE:
		finish_service(f->service);
		return 0;
	case UNIT_SOCKET:
		return f->socket->accept ? 0 : finish_trigger(f, &f->socket->service);
	case UNIT_TIMER:
		return finish_trigger(f, &f->timer->unit);
	case UNIT_PATH:
		return finish_trigger(f, &f->path->unit);
	case UNIT_MOUNT:
		return finish_mount_point(f, &f->mount->where);
	case UNIT_AUTOMOUNT:
		return finish_mount_point(f, &f->automount->where);
	case UNIT_SWAP:
		return finish_mount_point(f, &f->swap->what);
	default:
		return 0;
	}
}

int unit_file_finish(struct unit_file *f, const struct unit_context *c)
{
	int r = finish_type(f);

	if (r < 0)
		return r;
	if (f->exec) {
		finish_stdio(own_exec(f), c);
		finish_directories(own_exec(f));
		r = finish_sandbox(own_exec(f), own_cgroup(f), f->id);
		if (r >= 0)
			r = finish_limits(own_exec(f), c);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- what units share ---- */

void unit_file_seal(struct unit_file *f)
{
	if (f->exec)
		f->exec = group_seal(f->exec);
	if (f->kill)
		f->kill = group_seal(f->kill);
	if (f->cgroup)
		f->cgroup = group_seal(f->cgroup);
}

int unit_file_open(struct unit_file *f)
{
	const void **groups[] = {(const void **) &f->exec, (const void **) &f->kill,
	                         (const void **) &f->cgroup};

	for (size_t i = 0; i < ELEMENTSOF(groups); i++)
		if (*groups[i] && group_open(groups[i]) < 0)
			return -ENOMEM;
	return 0;
}
