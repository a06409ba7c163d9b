// SPDX-License-Identifier: Apache-2.0
/* Settings as the properties that `systemctl show` prints: one table, by type of value. */
#include "exec/exec-internal.h"

#include "base/base64.h"

#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#define SHOWN_DATA_MAX (1024U * 1024) /* an answer is no place for more */
#define FIELD(member)  offsetof(struct exec_settings, member)

enum property_kind { PROPERTY_BOOL, PROPERTY_STRING, PROPERTY_STRV, PROPERTY_INT, PROPERTY_U64 };

/* clang-format off */
static const struct property {
	const char *name;
	enum property_kind kind;
	size_t offset;
} properties_plain[] = {
	{ "Environment",	      PROPERTY_STRV,   FIELD(environment) },
	{ "PassEnvironment",	      PROPERTY_STRV,   FIELD(pass_environment) },
	{ "UnsetEnvironment",	      PROPERTY_STRV,   FIELD(unset_environment) },
	{ "EnvironmentFiles",	      PROPERTY_STRV,   FIELD(environment_files) },
	{ "ExecSearchPath",	      PROPERTY_STRV,   FIELD(exec_search_path) },
	{ "WorkingDirectory",	      PROPERTY_STRING, FIELD(working_directory) },
	{ "RootDirectory",	      PROPERTY_STRING, FIELD(root_directory) },
	{ "RootImage",		      PROPERTY_STRING, FIELD(root_image) },
	{ "User",		      PROPERTY_STRING, FIELD(user) },
	{ "Group",		      PROPERTY_STRING, FIELD(group) },
	{ "SupplementaryGroups",      PROPERTY_STRV,   FIELD(supplementary_groups) },
	{ "DynamicUser",	      PROPERTY_BOOL,   FIELD(dynamic_user) },
	{ "PAMName",		      PROPERTY_STRING, FIELD(pam_name) },
	{ "SecureBits",		      PROPERTY_INT,    FIELD(secure_bits) },
	{ "NoNewPrivileges",	      PROPERTY_BOOL,   FIELD(no_new_privileges) },
	{ "TTYPath",		      PROPERTY_STRING, FIELD(tty_path) },
	{ "TTYReset",		      PROPERTY_BOOL,   FIELD(tty_reset) },
	{ "TTYVHangup",		      PROPERTY_BOOL,   FIELD(tty_vhangup) },
	{ "TTYVTDisallocate",	      PROPERTY_BOOL,   FIELD(tty_vt_disallocate) },
	{ "SyslogIdentifier",	      PROPERTY_STRING, FIELD(syslog_identifier) },
	{ "SyslogLevel",	      PROPERTY_INT,    FIELD(syslog_level) },
	{ "SyslogLevelPrefix",	      PROPERTY_BOOL,   FIELD(syslog_level_prefix) },
	{ "LogLevelMax",	      PROPERTY_INT,    FIELD(log_level_max) },
	{ "IgnoreSIGPIPE",	      PROPERTY_BOOL,   FIELD(ignore_sigpipe) },
	{ "CPUSchedulingPolicy",      PROPERTY_INT,    FIELD(cpu_policy) },
	{ "CPUSchedulingPriority",    PROPERTY_INT,    FIELD(cpu_priority) },
	{ "CPUSchedulingResetOnFork", PROPERTY_BOOL,   FIELD(cpu_reset_on_fork) },
	{ "PrivateTmp",		      PROPERTY_BOOL,   FIELD(private_tmp) },
	{ "PrivateDevices",	      PROPERTY_BOOL,   FIELD(private_devices) },
	{ "PrivateNetwork",	      PROPERTY_BOOL,   FIELD(private_network) },
	{ "PrivateIPC",		      PROPERTY_BOOL,   FIELD(private_ipc) },
	{ "PrivateUsers",	      PROPERTY_BOOL,   FIELD(private_users) },
	{ "PrivateMounts",	      PROPERTY_BOOL,   FIELD(private_mounts) },
	{ "ProtectKernelTunables",    PROPERTY_BOOL,   FIELD(protect_kernel_tunables) },
	{ "ProtectKernelModules",     PROPERTY_BOOL,   FIELD(protect_kernel_modules) },
	{ "ProtectKernelLogs",	      PROPERTY_BOOL,   FIELD(protect_kernel_logs) },
	{ "ProtectControlGroups",     PROPERTY_BOOL,   FIELD(protect_control_groups) },
	{ "ProtectClock",	      PROPERTY_BOOL,   FIELD(protect_clock) },
	{ "ProtectHostname",	      PROPERTY_BOOL,   FIELD(protect_hostname) },
	{ "RestrictRealtime",	      PROPERTY_BOOL,   FIELD(restrict_realtime) },
	{ "RestrictSUIDSGID",	      PROPERTY_BOOL,   FIELD(restrict_suid_sgid) },
	{ "LockPersonality",	      PROPERTY_BOOL,   FIELD(lock_personality) },
	{ "MemoryDenyWriteExecute",   PROPERTY_BOOL,   FIELD(memory_deny_write_execute) },
	{ "RemoveIPC",		      PROPERTY_BOOL,   FIELD(remove_ipc) },
	{ "MountAPIVFS",	      PROPERTY_BOOL,   FIELD(mount_api_vfs) },
	{ "ReadWritePaths",	      PROPERTY_STRV,   FIELD(read_write_paths) },
	{ "ReadOnlyPaths",	      PROPERTY_STRV,   FIELD(read_only_paths) },
	{ "InaccessiblePaths",	      PROPERTY_STRV,   FIELD(inaccessible_paths) },
	{ "ExecPaths",		      PROPERTY_STRV,   FIELD(exec_paths) },
	{ "NoExecPaths",	      PROPERTY_STRV,   FIELD(no_exec_paths) },
	{ "BindPaths",		      PROPERTY_STRV,   FIELD(bind_paths) },
	{ "BindReadOnlyPaths",	      PROPERTY_STRV,   FIELD(bind_read_only_paths) },
	{ "TemporaryFileSystem",      PROPERTY_STRV,   FIELD(temporary_file_systems) },
	{ "NetworkNamespacePath",     PROPERTY_STRING, FIELD(network_namespace_path) },
	{ "IPCNamespacePath",	      PROPERTY_STRING, FIELD(ipc_namespace_path) },
	{ "SystemCallArchitectures",  PROPERTY_STRV,   FIELD(system_call_architectures) },
	{ "RestrictNamespaces",	      PROPERTY_U64,    FIELD(restrict_namespaces) },
	{ "CapabilityBoundingSet",    PROPERTY_U64,    FIELD(capability_bounding_set) },
	{ "AmbientCapabilities",      PROPERTY_U64,    FIELD(ambient_capabilities) },
	{ "MountFlags",		      PROPERTY_U64,    FIELD(mount_flags) },
	{ "Personality",	      PROPERTY_U64,    FIELD(personality) },
	{ "SELinuxContext",	      PROPERTY_STRING, FIELD(selinux_context) },
	{ "AppArmorProfile",	      PROPERTY_STRING, FIELD(apparmor_profile) },
	{ "SmackProcessLabel",	      PROPERTY_STRING, FIELD(smack_process_label) },
	{ "UtmpIdentifier",	      PROPERTY_STRING, FIELD(utmp_id) },
	{ "LogExtraFields",	      PROPERTY_STRV,   FIELD(log_extra_fields) },
};

/* Settings that are ignored: what holds for every process instead. */
static const struct { const char *name; uint64_t value; } fixed[] = {
	{ "LogRateLimitIntervalUSec", 0 },
	{ "LogRateLimitBurst",	      0 },
	{ "TimeoutCleanUSec",	      USEC_INFINITY },
};

static const char *const directory_names[EXEC_DIRECTORY_MAX] = {
	[EXEC_DIRECTORY_RUNTIME] = "RuntimeDirectory", [EXEC_DIRECTORY_STATE] = "StateDirectory", [EXEC_DIRECTORY_CACHE] = "CacheDirectory",
	[EXEC_DIRECTORY_LOGS] = "LogsDirectory", [EXEC_DIRECTORY_CONFIGURATION] = "ConfigurationDirectory",
};
static const char *const limit_names[EXEC_RLIMITS_MAX] = {
	[RLIMIT_AS] = "AS", [RLIMIT_CORE] = "CORE", [RLIMIT_CPU] = "CPU", [RLIMIT_DATA] = "DATA", [RLIMIT_FSIZE] = "FSIZE",
	[RLIMIT_LOCKS] = "LOCKS", [RLIMIT_MEMLOCK] = "MEMLOCK", [RLIMIT_MSGQUEUE] = "MSGQUEUE", [RLIMIT_NICE] = "NICE",
	[RLIMIT_NOFILE] = "NOFILE", [RLIMIT_NPROC] = "NPROC", [RLIMIT_RSS] = "RSS", [RLIMIT_RTPRIO] = "RTPRIO",
	[RLIMIT_RTTIME] = "RTTIME", [RLIMIT_SIGPENDING] = "SIGPENDING", [RLIMIT_STACK] = "STACK",
};
static const char *const input_names[EXEC_INPUT_MAX] = { "null", "tty", "tty-force", "tty-fail", "socket", "fd", "data", "file" };
static const char *const output_names[EXEC_OUTPUT_MAX] = { "inherit", "null", "tty", "kmsg", "kmsg+console", "journal", "journal+console",
	"socket", "fd", "file", "append", "truncate" };
static const char *const home_names[] = { "no", "yes", "read-only", "tmpfs" }, *const system_names[] = { "no", "yes", "full", "strict" },
	*const proc_names[] = { "default", "noaccess", "invisible", "ptraceable" }, *const preserve_names[] = { "no", "restart", "yes" };
/* clang-format on */

static int describe_plain(const struct exec_settings *s, cJSON *properties)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(properties_plain); i++) {
		const struct property *p = &properties_plain[i];
		const void *field = (const char *) s + p->offset;

		switch (p->kind) {
		case PROPERTY_BOOL:
			r = json_add_bool(properties, p->name, *(const bool *) field);
			break;
		case PROPERTY_STRING:
			r = json_add_string(properties, p->name, *(char *const *) field ?: "");
			break;
		case PROPERTY_STRV:
			r = json_add_strv(properties, p->name, *(char **const *) field);
			break;
		case PROPERTY_INT:
			r = json_add_i64(properties, p->name, *(const int *) field);
			break;
		case PROPERTY_U64:
			r = json_add_u64(properties, p->name, *(const uint64_t *) field);
			break;
		}
	}
	return r;
}

static int add_octal(cJSON *properties, const char *name, mode_t mode)
{
	char text[16];

	(void) snprintf(text, sizeof(text), "%04o", mode);
	return json_add_string(properties, name, text);
}

static int describe_directories(const struct exec_settings *s, cJSON *properties)
{
	int r = json_add_string(properties, "RuntimeDirectoryPreserve",
	                        preserve_names[s->runtime_directory_preserve]);

	for (size_t i = 0; r >= 0 && i < EXEC_DIRECTORY_MAX; i++) {
		char name[48];

		r = json_add_strv(properties, directory_names[i], s->directories[i].paths);
		(void) snprintf(name, sizeof(name), "%sMode", directory_names[i]);
		if (r >= 0)
			r = add_octal(properties, name, s->directories[i].mode);
	}
	return r < 0 ? r : add_octal(properties, "UMask", s->umask);
}

static int describe_limits(const struct exec_settings *s, cJSON *properties)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < EXEC_RLIMITS_MAX; i++) {
		struct rlimit own = {RLIM_INFINITY, RLIM_INFINITY};
		char hard[32], soft[36];

		/* What is not set is what core has. */
		if (s->limits[i])
			own = *s->limits[i];
		else
			(void) getrlimit((__rlimit_resource_t) i, &own);
		(void) snprintf(hard, sizeof(hard), "Limit%s", limit_names[i]);
		(void) snprintf(soft, sizeof(soft), "Limit%sSoft", limit_names[i]);
		r = json_add_u64(properties, hard, own.rlim_max);
		if (r >= 0)
			r = json_add_u64(properties, soft, own.rlim_cur);
	}
	return r;
}

static int describe_stdio(const struct exec_settings *s, cJSON *properties)
{
	static const char *const names[] = {"StandardInput", "StandardOutput", "StandardError"};
	static const char *const fd_names[] = {"StandardInputFileDescriptorName",
	                                       "StandardOutputFileDescriptorName",
	                                       "StandardErrorFileDescriptorName"};
	const char *values[] = {ENUM_TO_STRING(input_names, (int) s->std_input),
	                        ENUM_TO_STRING(output_names, (int) s->std_output),
	                        ENUM_TO_STRING(output_names, (int) s->std_error)};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
		auto_free char *text = s->stdio_file[i] && strchr("fat", values[i][0])
		                               ? str_printf("%s:%s", values[i], s->stdio_file[i])
		                               : strdup(values[i]);

		r = text ? json_add_string(properties, names[i], text) : -ENOMEM;
		if (r >= 0)
			r = json_add_string(properties, fd_names[i], s->stdio_fdname[i]);
	}
	if (r >= 0 && s->stdin_data && s->stdin_data_size <= SHOWN_DATA_MAX) {
		auto_free char *text = str_base64_encode(s->stdin_data, s->stdin_data_size);

		r = text ? json_add_string(properties, "StandardInputData", text) : -ENOMEM;
	}
	return r;
}

/* What is not set is what a process of core would get. */
static int describe_scheduling(const struct exec_settings *s, cJSON *properties)
{
	int r;

	r = json_add_i64(properties, "Nice", s->nice == INT_MIN ? 0 : s->nice);
	if (r >= 0)
		r = json_add_i64(properties, "OOMScoreAdjust",
		                 s->oom_score_adjust == INT_MIN ? 0 : s->oom_score_adjust);
	if (r >= 0)
		r = json_add_i64(properties, "IOSchedulingClass",
		                 s->io_class < 0 ? 2 : s->io_class);
	if (r >= 0)
		r = json_add_i64(properties, "IOSchedulingPriority",
		                 s->io_priority < 0 ? 4 : s->io_priority);
	if (r >= 0)
		r = json_add_u64(properties, "TimerSlackNSec",
		                 s->timer_slack_nsec < 0 ? 50000 : (uint64_t) s->timer_slack_nsec);
	return r;
}

/* As in the unit file, "~" goes first where the words are what is forbidden. */
static int add_words(cJSON *properties, const char *name, char *const *words, bool allowed)
{
	auto_strv char **list = NULL;
	int r = 0;

	if (words && !allowed)
		r = strv_append(&list, "~");
	STRV_FOREACH (w, words)
		if (r >= 0)
			r = strv_append(&list, *w);
	return r < 0 ? r : json_add_strv(properties, name, list);
}

static int describe_filters(const struct exec_settings *s, cJSON *properties)
{
	int r = add_words(properties, "SystemCallFilter", s->system_call_filter,
	                  s->system_call_filter_allow_list);

	if (r >= 0)
		r = add_words(properties, "SystemCallLog", s->system_call_log,
		              s->system_call_log_allow_list);
	return r < 0 ? r
	             : add_words(properties, "RestrictAddressFamilies",
	                         s->restrict_address_families,
	                         s->restrict_address_families_allow_list);
}

#define SYSTEM_CALL_KILL                                                                           \
	(INT_MAX - 1) /* what systemd's interface has for "kill" where an errno would be */

static int describe_log_and_calls(const struct exec_settings *s, cJSON *properties)
{
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		/* Both in one, as syslog(3) takes it, and without the level's bits. */
		{"SyslogPriority", s->syslog_facility | s->syslog_level},
		{"SyslogFacility", s->syslog_facility >> 3},
		{"SystemCallErrorNumber", s->system_call_error_number ?: SYSTEM_CALL_KILL},
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(rows); i++)
		r = json_add_i64(properties, rows[i].name, rows[i].value);
	return r;
}

/* What a process that core starts has, since it has it from core. */
static uint64_t coredump_filter(void)
{
	auto_free char *text = NULL;
	uint64_t v;

	if (file_read("/proc/self/coredump_filter", &text, NULL) < 0 ||
	    str_to_u64(str_strip(text), 16, &v) < 0)
		return 0x33; /* core(5): the kernel's default */
	return v;
}

static int describe_fixed(const struct exec_settings *s, cJSON *properties)
{
	int r = json_add_string(properties, "KeyringMode", s->keyring_mode ?: "inherit");

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fixed); i++)
		r = json_add_u64(properties, fixed[i].name, fixed[i].value);
	if (r >= 0)
		r = json_add_string(properties, "UtmpMode", "init");
	if (r >= 0)
		r = json_add_bool(properties, "CPUAffinityFromNUMA", false);
	if (r >= 0)
		r = json_add_i64(properties, "NUMAPolicy", -1);
	return r < 0 ? r : json_add_u64(properties, "CoredumpFilter", coredump_filter());
}

/* The words of "clean --what=". */
static int describe_can_clean(const struct exec_settings *s, cJSON *properties)
{
	static const char *const words[EXEC_DIRECTORY_MAX] = {
		[EXEC_DIRECTORY_RUNTIME] = "runtime",
		[EXEC_DIRECTORY_STATE] = "state",
		[EXEC_DIRECTORY_CACHE] = "cache",
		[EXEC_DIRECTORY_LOGS] = "logs",
		[EXEC_DIRECTORY_CONFIGURATION] = "configuration",
	};
	auto_strv char **list = NULL;

	for (size_t i = 0; i < EXEC_DIRECTORY_MAX; i++)
		if (strv_length(s->directories[i].paths) > 0 && strv_append(&list, words[i]) < 0)
			return -ENOMEM;
	return json_add_strv(properties, "CanClean", list);
}

static int describe_cpus(const struct exec_settings *s, cJSON *properties)
{
	auto_strbuf struct strbuf b = {0};

	for (int i = 0; s->cpu_affinity && i < CPU_SETSIZE; i++) {
		int last = i;

		if (!CPU_ISSET(i, s->cpu_affinity))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, s->cpu_affinity))
			last++;
		strbuf_printf(&b, last > i ? "%s%d-%d" : "%s%d", b.size > 0 ? " " : "", i, last);
		i = last;
	}
	return b.error < 0 ? b.error : json_add_string(properties, "CPUAffinity", b.data ?: "");
}

const char *exec_output_to_string(enum exec_output o)
{
	return ENUM_TO_STRING(output_names, (int) o);
}

int exec_describe(const struct exec_settings *s, cJSON *properties)
{
	int r;

	r = describe_plain(s, properties);
	if (r >= 0)
		r = describe_directories(s, properties);
	if (r >= 0)
		r = describe_limits(s, properties);
	if (r >= 0)
		r = describe_stdio(s, properties);
	if (r >= 0)
		r = describe_scheduling(s, properties);
	if (r >= 0)
		r = describe_cpus(s, properties);
	if (r >= 0)
		r = describe_log_and_calls(s, properties);
	if (r >= 0)
		r = describe_filters(s, properties);
	if (r >= 0)
		r = describe_fixed(s, properties);
	if (r >= 0)
		r = describe_can_clean(s, properties);
	if (r >= 0)
		r = json_add_string(properties, "ProtectHome", home_names[s->protect_home]);
	if (r >= 0)
		r = json_add_string(properties, "ProtectSystem", system_names[s->protect_system]);
	if (r >= 0)
		r = json_add_string(properties, "ProtectProc", proc_names[s->protect_proc]);
	return r < 0 ? r
	             : json_add_string(properties, "ProcSubset",
	                               s->proc_subset_pid ? "pid" : "all");
}

int exec_command_describe(const struct exec_command *c, const char *key, cJSON *properties)
{
	cJSON *list;
	int r = 0;

	if (!c)
		return 0;
	list = cJSON_CreateArray();
	if (!list)
		return -ENOMEM;
	for (; r >= 0 && c; c = c->next) {
		cJSON *o = cJSON_CreateObject();

		r = o ? json_add_string(o, "path", c->path) : -ENOMEM;
		if (r >= 0)
			r = json_add_strv(o, "argv", c->argv);
		if (r >= 0)
			r = json_add_bool(o, "ignore_errors", c->flags & EXEC_IGNORE_FAILURE);
		if (r >= 0)
			r = json_add_i64(o, "flags", c->flags);
		if (r >= 0)
			r = json_append_take(list, o);
		else
			json_free(o);
	}
	if (r < 0) {
		json_free(list);
		return r;
	}
	return json_add_take(properties, key, list);
}

int kill_describe(const struct kill_settings *k, cJSON *properties)
{
	static const char *const modes[] = {"control-group", "process", "mixed", "none"};
	int r;

	r = json_add_string(properties, "KillMode", modes[k->mode]);
	if (r >= 0)
		r = json_add_i64(properties, "KillSignal", k->kill_signal);
	if (r >= 0)
		r = json_add_i64(properties, "RestartKillSignal",
		                 k->restart_kill_signal ?: k->kill_signal);
	if (r >= 0)
		r = json_add_i64(properties, "FinalKillSignal", k->final_kill_signal);
	if (r >= 0)
		r = json_add_i64(properties, "WatchdogSignal", k->watchdog_signal);
	if (r >= 0)
		r = json_add_bool(properties, "SendSIGKILL", k->send_sigkill);
	return r < 0 ? r : json_add_bool(properties, "SendSIGHUP", k->send_sighup);
}
