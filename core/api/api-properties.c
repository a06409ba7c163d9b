// SPDX-License-Identifier: Apache-2.0
/* The manager's properties, by the names of the D-Bus interface Manager. */
#include "api/api-internal.h"

#include "engine/host.h"
#include "exec/exec.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void add_limits(const struct manager *m, cJSON *p)
{
	static const char *const names[EXEC_RLIMITS_MAX] = {
		[RLIMIT_AS] = "AS",
		[RLIMIT_CORE] = "CORE",
		[RLIMIT_CPU] = "CPU",
		[RLIMIT_DATA] = "DATA",
		[RLIMIT_FSIZE] = "FSIZE",
		[RLIMIT_LOCKS] = "LOCKS",
		[RLIMIT_MEMLOCK] = "MEMLOCK",
		[RLIMIT_MSGQUEUE] = "MSGQUEUE",
		[RLIMIT_NICE] = "NICE",
		[RLIMIT_NOFILE] = "NOFILE",
		[RLIMIT_NPROC] = "NPROC",
		[RLIMIT_RSS] = "RSS",
		[RLIMIT_RTPRIO] = "RTPRIO",
		[RLIMIT_RTTIME] = "RTTIME",
		[RLIMIT_SIGPENDING] = "SIGPENDING",
		[RLIMIT_STACK] = "STACK",
	};

	for (int i = 0; i < EXEC_RLIMITS_MAX; i++) {
		struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};
		char key[40];

		if (m->context.default_limits[i])
			l = *m->context.default_limits[i];
		else
			(void) getrlimit((__rlimit_resource_t) i, &l);
		(void) snprintf(key, sizeof(key), "DefaultLimit%s", names[i]);
		json_add_u64(p, key, l.rlim_max);
		(void) snprintf(key, sizeof(key), "DefaultLimit%sSoft", names[i]);
		json_add_u64(p, key, l.rlim_cur);
	}
}

static void add_boot_stamps(const struct manager *m, cJSON *p)
{
	const struct {
		const char *name;
		struct stamp t;
	} rows[] = {
		{"Kernel", {.realtime = usec_sub(now(CLOCK_REALTIME), now(CLOCK_BOOTTIME))}},
		{"Userspace", m->started},
		{"GeneratorsFinish", m->generators_done},
		{"UnitsLoadFinish", m->units_loaded},
		{"Finish", m->finished},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char key[48];

		(void) snprintf(key, sizeof(key), "%sTimestamp", rows[i].name);
		json_add_u64(p, key, rows[i].t.realtime);
		(void) snprintf(key, sizeof(key), "%sTimestampMonotonic", rows[i].name);
		json_add_u64(p, key, rows[i].t.monotonic);
	}
}

/* Where a line of the log goes, by the words of systemd's interface. */
static const char *log_target_name(void)
{
	static const char *const names[] = {
		[LOG_TARGET_AUTO] = "journal-or-kmsg",
		[LOG_TARGET_KMSG] = "kmsg",
		[LOG_TARGET_JOURNAL] = "journal",
		[LOG_TARGET_STDERR] = "console",
		[LOG_TARGET_NULL] = "null",
	};

	return ENUM_TO_STRING(names, (int) log_get_target());
}

/* How much of the boot is done: of the jobs that there were, those that are over. */
static double progress(const struct manager *m)
{
	size_t left = map_size(m->jobs);

	if (stamp_is_set(&m->finished) || left == 0 || m->last_job_id == 0)
		return 1;
	return left >= m->last_job_id ? 0 : 1 - (double) left / m->last_job_id;
}

static int add_words(const struct api *a, cJSON *p)
{
	const struct manager *m = a->c.manager;
	auto_free char *tainted =
		a->c.tainted ? strv_join((char *const *) a->c.tainted, ":") : NULL;
	const char *virtualization = host_virtualization(NULL);
	const struct {
		const char *key, *value;
	} rows[] = {
		{"Version", a->c.version},
		{"SystemState", manager_state(m)},
		{"Virtualization", streq(virtualization, "none") ? "" : virtualization},
		{"Architecture", host_architecture()},
		{"Tainted", tainted ?: ""},
		{"LogLevel", ENUM_TO_STRING(api_log_levels, log_get_level())},
		{"LogTarget", log_target_name()},
		{"DefaultStandardOutput", exec_output_to_string(m->context.default_std_output)},
		{"DefaultStandardError", exec_output_to_string(m->context.default_std_error)},
		{"DefaultOOMPolicy", "stop"},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_string(p, rows[i].key, rows[i].value);
	return r;
}

static int add_flags(const struct manager *m, cJSON *p)
{
	const struct {
		const char *key;
		bool value;
	} rows[] = {
		{"ServiceWatchdogs", !m->no_service_watchdogs},
		{"ConfirmSpawn", false},
		{"DefaultCPUAccounting", true},
		{"DefaultBlockIOAccounting", false},
		{"DefaultMemoryAccounting", true},
		{"DefaultTasksAccounting", true},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_bool(p, rows[i].key, rows[i].value);
	return r;
}

static int add_numbers(const struct manager *m, cJSON *p)
{
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"NNames", map_size(m->units)},
		{"NJobs", map_size(m->jobs)},
		{"NInstalledJobs", m->last_job_id},
		{"NFailedUnits", m->n_failed},
		{"DefaultTimeoutStartUSec", m->context.default_timeout_start_usec},
		{"DefaultTimeoutStopUSec", m->context.default_timeout_stop_usec},
		{"DefaultTimeoutAbortUSec", m->context.default_timeout_stop_usec},
		{"DefaultDeviceTimeoutUSec", m->context.default_device_timeout_usec},
		{"DefaultRestartUSec", m->context.default_restart_usec},
		{"DefaultTimerAccuracyUSec", m->context.default_timer_accuracy_usec},
		{"DefaultStartLimitIntervalUSec", m->context.default_start_limit_interval_usec},
		{"DefaultStartLimitBurst", m->context.default_start_limit_burst},
		{"DefaultTasksMax", m->context.default_tasks_max},
		{"DefaultOOMScoreAdjust", 0},
		{"TimerSlackNSec", (uint64_t) prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)},
		/* Not known: who started the kernel does not tell. */
		{"FirmwareTimestampMonotonic", 0},
		{"LoaderTimestampMonotonic", 0},
		{"InitRDTimestampMonotonic", 0},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_u64(p, rows[i].key, rows[i].value);
	return r;
}

int api_get_properties(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct manager *m = a->c.manager;
	cJSON *o = cJSON_CreateObject(), *p = cJSON_AddObjectToObject(o, "properties");
	int r = p ? 0 : -ENOMEM;

	(void) parameters;
	if (r >= 0)
		r = add_words(a, p);
	if (r >= 0)
		r = add_flags(m, p);
	if (r >= 0)
		r = add_numbers(m, p);
	if (r >= 0)
		r = json_add_take(p, "Progress", cJSON_CreateNumber(progress(m)));
	if (r >= 0)
		r = json_add_strv(p, "Environment", m->environment);
	if (r >= 0)
		r = json_add_strv(p, "UnitPath", m->paths.dirs);
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	add_boot_stamps(m, p);
	add_limits(m, p);
	return varlink_reply(call, o);
}
