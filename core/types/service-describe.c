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
		{"WatchdogUSec", service_watchdog_usec(s)},
		{"MainPID", (uint64_t) s->main_pid.pid},
		{"ControlPID", (uint64_t) s->control_pid.pid},
		{"FileDescriptorStoreMax", c->file_descriptor_store_max},
		{"NFileDescriptorStore", s->n_stored_fds},
		{"StatusErrno", (uint64_t) s->status_errno},
		{"NRestarts", s->n_restarts},
		{"UID", UINT32_MAX},
		{"GID", UINT32_MAX},
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
		r = describe_status(&s->main_status, "ExecMain", properties);
	for (int i = 0; i < SERVICE_EXEC_MAX && r >= 0; i++)
		r = describe_commands(u->file->service->commands[i], command_key[i], properties);
	return r < 0 ? r : describe_process_settings(u, properties);
}
