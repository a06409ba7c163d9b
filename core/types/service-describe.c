// SPDX-License-Identifier: Apache-2.0
/* The properties of a service for show, as org.freedesktop.systemd1.Service names them. */
#include "types/service.h"

#include <ctype.h>

static const char *const type_name[SERVICE_TYPE_MAX] = {
	[SERVICE_SIMPLE] = "simple",
	[SERVICE_EXEC] = "exec",
	[SERVICE_FORKING] = "forking",
	[SERVICE_ONESHOT] = "oneshot",
	[SERVICE_DBUS] = "dbus",
	[SERVICE_NOTIFY] = "notify",
	[SERVICE_NOTIFY_RELOAD] = "notify-reload",
	[SERVICE_IDLE] = "idle",
};
static const char *const restart_name[RESTART_MAX] = {
	[RESTART_NO] = "no",
	[RESTART_ON_SUCCESS] = "on-success",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ON_ABNORMAL] = "on-abnormal",
	[RESTART_ON_WATCHDOG] = "on-watchdog",
	[RESTART_ON_ABORT] = "on-abort",
	[RESTART_ALWAYS] = "always",
};
static const char *const access_name[NOTIFY_ACCESS_MAX] = {
	[NOTIFY_NONE] = "none",
	[NOTIFY_ALL] = "all",
	[NOTIFY_EXEC] = "exec",
	[NOTIFY_MAIN] = "main",
};
static const char *const mode_name[] = {
	[TIMEOUT_TERMINATE] = "terminate",
	[TIMEOUT_ABORT] = "abort",
	[TIMEOUT_KILL] = "kill",
};
static const char *const command_key[SERVICE_EXEC_MAX] = {
	[SERVICE_EXEC_CONDITION] = "ExecCondition", [SERVICE_EXEC_START_PRE] = "ExecStartPre",
	[SERVICE_EXEC_START] = "ExecStart",         [SERVICE_EXEC_START_POST] = "ExecStartPost",
	[SERVICE_EXEC_RELOAD] = "ExecReload",       [SERVICE_EXEC_STOP] = "ExecStop",
	[SERVICE_EXEC_STOP_POST] = "ExecStopPost",
};

static int describe_text(const struct service *s, cJSON *p)
{
	const struct service_settings *c = service_settings(s);
	const struct {
		const char *key, *value;
	} rows[] = {
		{"Type", ENUM_TO_STRING(type_name, c->type)},
		{"ExitType", c->exit_type_cgroup ? "cgroup" : "main"},
		{"Restart", ENUM_TO_STRING(restart_name, c->restart)},
		{"PIDFile", c->pid_file ? c->pid_file : ""},
		{"NotifyAccess", ENUM_TO_STRING(access_name, service_notify_access(s))},
		{"TimeoutStartFailureMode",
	         ENUM_TO_STRING(mode_name, c->timeout_start_failure_mode)},
		{"TimeoutStopFailureMode", ENUM_TO_STRING(mode_name, c->timeout_stop_failure_mode)},
		{"BusName", c->bus_name ? c->bus_name : ""},
		{"StatusText", s->status_text ? s->status_text : ""},
		{"Result", result_to_string(s->result)},
		{"ReloadResult", result_to_string(s->reload_result)},
		{"CleanResult", "success"},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_string(p, rows[i].key, rows[i].value);
	return r;
}

/* As systemd has it: 0 of one that was started without any, never of one that was not started. */
static usec_t shown_watchdog(const struct service *s)
{
	usec_t w = service_watchdog_usec(s);

	return w == USEC_INFINITY && stamp_is_set(&s->unit.inactive_exit) ? 0 : w;
}

/* The number behind "Uid:" or "Gid:" in /proc/PID/status: the real one. */
static uint64_t id_of_process(const char *status, const char *key)
{
	const char *line = status ? strstr(status, key) : NULL;

	return line ? strtoul(line + strlen(key), NULL, 10) : UINT32_MAX;
}

/* Of those that run as somebody: names are looked up in the child, so core sees the numbers of its process. */
static int describe_ids(const struct service *s, cJSON *p)
{
	const struct exec_settings *e = s->unit.file->exec;
	auto_free char *text = NULL, *path = NULL;
	const char *status = NULL;
	int r;

	if (e && (e->user || e->group) && pidref_is_set(&s->main_pid) && !s->main_pid_alien) {
		path = str_printf("/proc/%d/status", (int) s->main_pid.pid);
		if (!path)
			return -ENOMEM;
		/* Gone, or another by now: it has none. */
		if (file_read(path, &text, NULL) >= 0 && pidref_verify(&s->main_pid) >= 0)
			status = text;
	}
	r = json_add_u64(p, "UID", e && e->user ? id_of_process(status, "\nUid:") : UINT32_MAX);
	return r < 0 ? r : json_add_u64(p, "GID", id_of_process(status, "\nGid:"));
}

/* [statuses, signals], as the settings of exit statuses are shown. */
static int describe_exits(const struct exit_status_set *set, const char *key, cJSON *p)
{
	cJSON *pair = cJSON_CreateArray(), *statuses = cJSON_CreateArray(),
	      *signals = cJSON_CreateArray();
	int r = pair && statuses && signals ? 0 : -ENOMEM;

	for (int i = 0; r >= 0 && i < 256; i++)
		if (set->statuses[i / 64] & UINT64_C(1) << (i % 64))
			r = json_append_take(statuses, cJSON_CreateNumber(i));
	for (int i = 1; r >= 0 && i < 64; i++)
		if (set->signals & UINT64_C(1) << i)
			r = json_append_take(signals, cJSON_CreateNumber(i));
	if (r >= 0)
		r = json_append_take(pair, TAKE_PTR(statuses));
	if (r >= 0)
		r = json_append_take(pair, TAKE_PTR(signals));
	if (r >= 0)
		return json_add_take(p, key, pair);
	cJSON_Delete(statuses);
	cJSON_Delete(signals);
	cJSON_Delete(pair);
	return r;
}

static int describe_all_exits(const struct service *s, cJSON *p)
{
	const struct service_settings *c = service_settings(s);
	int r = describe_exits(&c->success_exit_status, "SuccessExitStatus", p);

	if (r >= 0)
		r = describe_exits(&c->restart_prevent, "RestartPreventExitStatus", p);
	return r < 0 ? r : describe_exits(&c->restart_force, "RestartForceExitStatus", p);
}

/* The last ping, or the start, of one that is watched. */
static int describe_ping(const struct service *s, cJSON *p)
{
	bool watched = service_watchdog_usec(s) != USEC_INFINITY;

	return describe_moment("Watchdog", watched ? s->watchdog_last_usec : 0, p);
}

static int describe_numbers(const struct service *s, cJSON *p)
{
	const struct service_settings *c = service_settings(s);
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"RestartUSec", c->restart_usec},
		{"RestartSteps", c->restart_steps},
		{"RestartMaxDelayUSec", c->restart_max_delay_usec},
		{"TimeoutStartUSec", service_start_timeout(s)},
		{"TimeoutStopUSec", c->timeout_stop_usec},
		{"TimeoutAbortUSec", service_abort_timeout(s)},
		{"RuntimeMaxUSec", c->runtime_max_usec == 0 ? USEC_INFINITY : c->runtime_max_usec},
		{"RuntimeRandomizedExtraUSec", c->runtime_randomized_extra_usec},
		{"WatchdogUSec", shown_watchdog(s)},
		{"MainPID", (uint64_t) s->main_pid.pid},
		{"ControlPID", (uint64_t) s->control_pid.pid},
		{"FileDescriptorStoreMax", c->file_descriptor_store_max},
		{"NFileDescriptorStore", s->n_stored_fds},
		{"StatusErrno", (uint64_t) s->status_errno},
		{"NRestarts", s->n_restarts},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_u64(p, rows[i].key, rows[i].value);
	return r;
}

static int describe_flags(const struct service *s, cJSON *p)
{
	const struct service_settings *c = service_settings(s);
	const struct {
		const char *key;
		bool value;
	} rows[] = {
		{"PermissionsStartOnly", c->permissions_start_only},
		{"RootDirectoryStartOnly", c->root_directory_start_only},
		{"RemainAfterExit", c->remain_after_exit},
		{"GuessMainPID", c->guess_main_pid},
		{"NonBlocking", c->non_blocking},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_bool(p, rows[i].key, rows[i].value);
	return r;
}

/* ActivationDetails: what TRIGGER_*= say, as [["trigger_unit", "a.path"], ...]. */
static int describe_activation(const struct service *s, cJSON *p)
{
	cJSON *list = cJSON_CreateArray();
	int r = list ? 0 : -ENOMEM;

	STRV_FOREACH (assignment, s->activation) {
		size_t n = strcspn(*assignment, "=");
		auto_free char *key = strndup(*assignment, n);
		cJSON *pair = cJSON_CreateArray();

		for (char *c = key; c && *c; c++)
			*c = (char) tolower((unsigned char) *c);
		r = key && pair ? json_append_take(pair, cJSON_CreateString(key)) : -ENOMEM;
		if (r >= 0)
			r = json_append_take(pair, cJSON_CreateString(*assignment + n + 1));
		if (r < 0) {
			json_free(pair);
			break;
		}
		r = json_append_take(list, pair);
		if (r < 0)
			break;
	}
	if (r < 0) {
		json_free(list);
		return r;
	}
	return json_add_take(p, "ActivationDetails", list);
}

/* ---- how the commands went ---- */

void service_note_run(struct service *s, enum service_exec list, unsigned index,
                      const struct process_status *status)
{
	if (list >= SERVICE_EXEC_MAX)
		return;
	if (index >= s->ran[list].n) {
		struct process_status *p = realloc(s->ran[list].by_index, (index + 1) * sizeof(*p));

		if (!p)
			return; /* it is shown as not known */
		memset(p + s->ran[list].n, 0, (index + 1 - s->ran[list].n) * sizeof(*p));
		s->ran[list].by_index = p;
		s->ran[list].n = index + 1;
	}
	s->ran[list].by_index[index] = *status;
}

void service_forget_runs(struct service *s)
{
	for (int i = 0; i < SERVICE_EXEC_MAX; i++) {
		free(s->ran[i].by_index);
		s->ran[i].by_index = NULL;
		s->ran[i].n = 0;
	}
}

static int add_run(const struct process_status *status, cJSON *command)
{
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"start_usec", status->start.realtime},
		{"start_monotonic_usec", status->start.monotonic},
		{"exit_usec", status->exit.realtime},
		{"exit_monotonic_usec", status->exit.monotonic},
		{"pid", (uint64_t) status->pid},
		{"code", (uint64_t) status->code},
		{"status", (uint64_t) status->status},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_u64(command, rows[i].key, rows[i].value);
	return r;
}

static int describe_runs(const struct service *s, enum service_exec list, cJSON *p)
{
	cJSON *command, *commands = cJSON_GetObjectItemCaseSensitive(p, command_key[list]);
	unsigned i = 0;
	int r = 0;

	cJSON_ArrayForEach(command, commands)
	{
		const struct process_status *status =
			i < s->ran[list].n ? &s->ran[list].by_index[i] : NULL;

		/* Of the core before this one the main process is known. */
		if (!status && list == SERVICE_EXEC_START && i == s->main_index)
			status = &s->main_status;
		if (r >= 0 && status && status->pid > 0)
			r = add_run(status, command);
		i++;
	}
	return r;
}

int service_describe(const struct unit *u, cJSON *properties)
{
	const struct service *s = SERVICE(u);
	int r;

	if (!u->file->service)
		return 0;
	r = describe_text(s, properties);
	if (r >= 0)
		r = describe_numbers(s, properties);
	if (r >= 0)
		r = describe_flags(s, properties);
	if (r >= 0)
		r = describe_activation(s, properties);
	if (r >= 0)
		r = describe_ids(s, properties);
	if (r >= 0)
		r = describe_all_exits(s, properties);
	if (r >= 0)
		r = describe_ping(s, properties);
	if (r >= 0)
		r = describe_oom_policy(u, UNIT_SERVICE, properties);
	if (r >= 0)
		r = describe_status(&s->main_status, "ExecMain", properties);
	for (int i = 0; i < SERVICE_EXEC_MAX && r >= 0; i++) {
		r = describe_commands(u->file->service->commands[i], command_key[i], properties);
		if (r >= 0)
			r = describe_runs(s, (enum service_exec) i, properties);
	}
	return r < 0 ? r : describe_process_settings(u, properties);
}
