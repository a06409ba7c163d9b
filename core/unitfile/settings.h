// SPDX-License-Identifier: Apache-2.0
/*
 * settings.h - what a unit's files say, as values. Filled by unitfile, read by everyone else, changed by no one after load
 * (a reload makes a new struct and compares).
 *
 * Names are those of systemd.directives(7) in lower case: TimeoutStartSec= is timeout_start_usec. A time of USEC_INFINITY is
 * "never", a NULL string or strv is "not set". An "int" that can be unset is -1 then. Everything is owned by the struct, but for
 * what is const in it, which it may share with others.
 */
#pragma once

#include "base/base.h"

#include <sched.h>
#include <sys/resource.h>

enum unit_type {
	UNIT_SERVICE,
	UNIT_SOCKET,
	UNIT_TARGET,
	UNIT_DEVICE,
	UNIT_MOUNT,
	UNIT_AUTOMOUNT,
	UNIT_SWAP,
	UNIT_TIMER,
	UNIT_PATH,
	UNIT_SLICE,
	UNIT_SCOPE,
	/* Types that plug-ins bring (unit_type_register), in the order in which they came. */
	UNIT_PLUGIN,
	UNIT_PLUGIN_LAST = UNIT_PLUGIN + 3,
	UNIT_TYPE_MAX,
	UNIT_TYPE_INVALID = -EINVAL,
};

/* Both directions of each dependency; dependency_inverse() pairs them. */
enum unit_dependency {
	DEP_REQUIRES,
	DEP_REQUISITE,
	DEP_WANTS,
	DEP_BINDS_TO,
	DEP_PART_OF,
	DEP_UPHOLDS,
	DEP_REQUIRED_BY,
	DEP_REQUISITE_OF,
	DEP_WANTED_BY,
	DEP_BOUND_BY,
	DEP_CONSISTS_OF,
	DEP_UPHELD_BY,
	DEP_CONFLICTS,
	DEP_CONFLICTED_BY,
	DEP_BEFORE,
	DEP_AFTER,
	DEP_ON_SUCCESS,
	DEP_ON_SUCCESS_OF,
	DEP_ON_FAILURE,
	DEP_ON_FAILURE_OF,
	DEP_TRIGGERS,
	DEP_TRIGGERED_BY,
	DEP_PROPAGATES_RELOAD_TO,
	DEP_RELOAD_PROPAGATED_FROM,
	DEP_PROPAGATES_STOP_TO,
	DEP_STOP_PROPAGATED_FROM,
	DEP_JOINS_NAMESPACE_OF,
	DEP_REFERENCES,
	DEP_REFERENCED_BY,
	DEP_IN_SLICE,
	DEP_SLICE_OF,
	DEP_MAX,
	DEP_INVALID = -EINVAL,
};
enum unit_dependency
dependency_inverse(enum unit_dependency d); /* DEP_JOINS_NAMESPACE_OF is its own */
const char *dependency_to_string(
	enum unit_dependency d); /* "Requires", "RequiredBy", ... as D-Bus names them */
const char *unit_type_to_string(enum unit_type t); /* "service" */
int unit_type_from_string(const char *s);          /* or -EINVAL */
/**
 * unit_type_register - a type that is not built in, from then on known wherever names and files are read
 * @name: the suffix of its units, in small letters
 * @section: of its own settings; @keys: NULL at the end. All are borrowed for ever.
 *
 * Returns the new enum unit_type; -EINVAL: no such word, or a key is none or one of those that all types with processes have;
 * -EEXIST: type or section are there; -ENOSPC: no more types; -ENOMEM.
 */
int unit_type_register(const char *name, const char *section, const char *const *keys);

/* ---- [Unit], [Install] ---- */

/* clang-format off */
#define CONDITION_TYPES(X) \
	X(ARCHITECTURE, "Architecture") X(FIRMWARE, "Firmware") X(VIRTUALIZATION, "Virtualization") X(HOST, "Host") \
	X(KERNEL_COMMAND_LINE, "KernelCommandLine") X(KERNEL_VERSION, "KernelVersion") X(CREDENTIAL, "Credential") \
	X(ENVIRONMENT, "Environment") X(SECURITY, "Security") X(CAPABILITY, "Capability") X(AC_POWER, "ACPower") \
	X(NEEDS_UPDATE, "NeedsUpdate") X(FIRST_BOOT, "FirstBoot") X(PATH_EXISTS, "PathExists") \
	X(PATH_EXISTS_GLOB, "PathExistsGlob") X(PATH_IS_DIRECTORY, "PathIsDirectory") \
	X(PATH_IS_SYMBOLIC_LINK, "PathIsSymbolicLink") X(PATH_IS_MOUNT_POINT, "PathIsMountPoint") \
	X(PATH_IS_READ_WRITE, "PathIsReadWrite") X(PATH_IS_ENCRYPTED, "PathIsEncrypted") \
	X(DIRECTORY_NOT_EMPTY, "DirectoryNotEmpty") X(FILE_NOT_EMPTY, "FileNotEmpty") \
	X(FILE_IS_EXECUTABLE, "FileIsExecutable") X(USER, "User") X(GROUP, "Group") \
	X(CONTROL_GROUP_CONTROLLER, "ControlGroupController") X(MEMORY, "Memory") X(CPUS, "CPUs") \
	X(CPU_FEATURE, "CPUFeature") X(OS_RELEASE, "OSRelease") \
	X(MEMORY_PRESSURE, "MemoryPressure") X(CPU_PRESSURE, "CPUPressure") X(IO_PRESSURE, "IOPressure")
/* clang-format on */
enum condition_type {
#define X(id, name) CONDITION_##id,
	CONDITION_TYPES(X)
#undef X
		CONDITION_TYPE_MAX,
	CONDITION_TYPE_INVALID = -EINVAL,
};

struct condition {
	struct condition *next; /* in the order of the files */
	enum condition_type type;
	bool is_assert, trigger /* "|" */, negate /* "!" */;
	char *parameter;
};

enum job_mode {
	JOB_MODE_FAIL,
	JOB_MODE_REPLACE,
	JOB_MODE_REPLACE_IRREVERSIBLY,
	JOB_MODE_ISOLATE,
	JOB_MODE_FLUSH,
	JOB_MODE_IGNORE_DEPENDENCIES,
	JOB_MODE_IGNORE_REQUIREMENTS,
	JOB_MODE_TRIGGERING,
	JOB_MODE_MAX,
	JOB_MODE_INVALID = -EINVAL,
};
const char *job_mode_to_string(enum job_mode m);
int job_mode_from_string(const char *s);

enum emergency_action {
	ACTION_NONE,
	ACTION_REBOOT,
	ACTION_REBOOT_FORCE,
	ACTION_REBOOT_IMMEDIATE,
	ACTION_POWEROFF,
	ACTION_POWEROFF_FORCE,
	ACTION_POWEROFF_IMMEDIATE,
	ACTION_EXIT,
	ACTION_EXIT_FORCE,
	ACTION_MAX,
	ACTION_INVALID = -EINVAL,
};
const char *emergency_action_to_string(enum emergency_action a);

struct unit_settings {
	char *description, *source_path, *reboot_argument;
	char **documentation;
	char **dependencies
		[DEP_MAX]; /* unit names as the files give them, specifiers resolved, duplicates removed */
	char **requires_mounts_for;
	/* Of what it is ordered after, those that its start does not wait for while the machine comes up, if that path is there (behind
	 * "!": if it is not) */
	char **startup_not_after;
	char *startup_not_after_if;
	struct condition *conditions;
	bool default_dependencies, stop_when_unneeded, refuse_manual_start, refuse_manual_stop,
		allow_isolate, ignore_on_isolate, collect_inactive_or_failed;
	enum job_mode on_failure_job_mode, on_success_job_mode;
	usec_t job_timeout_usec, job_running_timeout_usec;
	enum emergency_action job_timeout_action, start_limit_action, failure_action,
		success_action;
	int failure_action_exit_status, success_action_exit_status; /* -1: not set */
	usec_t start_limit_interval_usec;
	unsigned start_limit_burst;
	/* [Install], for enable and for show */
	char **wanted_by, **required_by, **alias, **also;
	char *default_instance;
};

/* ---- commands ---- */

enum exec_command_flags {
	EXEC_IGNORE_FAILURE = 1,   /* "-" */
	EXEC_FULLY_PRIVILEGED = 2, /* "+" */
	EXEC_NO_SETUID = 4,        /* "!" */
	EXEC_AMBIENT_MAGIC = 8,    /* "!!" */
	EXEC_NO_ENV_EXPAND = 16,   /* ":" */
	EXEC_SAME_GROUP = 32, /* no prefix: in core's process group, as automount points want */
};
struct exec_command {
	struct exec_command *next;
	char *path; /* absolute, or a bare name that is looked up in ExecSearchPath= / PATH at exec time */
	char **argv; /* argv[0] as given by "@" or the path; $X and ${X} not yet expanded, specifiers are */
	unsigned flags;
};

/* ---- the groups that services, sockets, mounts and swaps share ---- */

enum exec_input {
	EXEC_INPUT_NULL,
	EXEC_INPUT_TTY,
	EXEC_INPUT_TTY_FORCE,
	EXEC_INPUT_TTY_FAIL,
	EXEC_INPUT_SOCKET,
	EXEC_INPUT_NAMED_FD,
	EXEC_INPUT_DATA,
	EXEC_INPUT_FILE,
	EXEC_INPUT_MAX,
	EXEC_INPUT_INVALID = -EINVAL
};
enum exec_output {
	EXEC_OUTPUT_INHERIT,
	EXEC_OUTPUT_NULL,
	EXEC_OUTPUT_TTY,
	EXEC_OUTPUT_KMSG,
	EXEC_OUTPUT_KMSG_AND_CONSOLE,
	EXEC_OUTPUT_JOURNAL,
	EXEC_OUTPUT_JOURNAL_AND_CONSOLE,
	EXEC_OUTPUT_SOCKET,
	EXEC_OUTPUT_NAMED_FD,
	EXEC_OUTPUT_FILE,
	EXEC_OUTPUT_FILE_APPEND,
	EXEC_OUTPUT_FILE_TRUNCATE,
	EXEC_OUTPUT_MAX,
	EXEC_OUTPUT_INVALID = -EINVAL
};
enum exec_directory {
	EXEC_DIRECTORY_RUNTIME,
	EXEC_DIRECTORY_STATE,
	EXEC_DIRECTORY_CACHE,
	EXEC_DIRECTORY_LOGS,
	EXEC_DIRECTORY_CONFIGURATION,
	EXEC_DIRECTORY_MAX
};
enum exec_preserve { EXEC_PRESERVE_NO, EXEC_PRESERVE_RESTART, EXEC_PRESERVE_YES };
enum protect_home { PROTECT_HOME_NO, PROTECT_HOME_YES, PROTECT_HOME_READ_ONLY, PROTECT_HOME_TMPFS };
enum protect_system {
	PROTECT_SYSTEM_NO,
	PROTECT_SYSTEM_YES,
	PROTECT_SYSTEM_FULL,
	PROTECT_SYSTEM_STRICT
};
enum protect_proc {
	PROTECT_PROC_DEFAULT,
	PROTECT_PROC_NOACCESS,
	PROTECT_PROC_INVISIBLE,
	PROTECT_PROC_PTRACEABLE
};

#define EXEC_RLIMITS_MAX RLIM_NLIMITS

struct exec_settings {
	/* environment: assignments with specifiers resolved; files as written ("-" prefix kept), read at exec time */
	char **environment, **environment_files, **pass_environment, **unset_environment,
		**exec_search_path;
	/* credentials */
	char *user, *group, *pam_name, *selinux_context, *apparmor_profile, *smack_process_label;
	char **supplementary_groups;
	bool dynamic_user, no_new_privileges, set_login_environment;
	uint64_t capability_bounding_set; /* bit n is capability n; all ones: not limited */
	uint64_t ambient_capabilities;
	int secure_bits;
	mode_t umask;
	/* places */
	char *working_directory, *root_directory, *root_image, *tty_path, *utmp_id;
	bool working_directory_home /* "~" */, working_directory_missing_ok,
		root_directory_start_only, mount_api_vfs,
		mount_api_vfs_set /* if not, RootDirectory= and RootImage= have turned it on */;
	struct {
		char **paths; /* "name" or "name:symlink", as colon_split() takes them */
		mode_t mode;
	} directories[EXEC_DIRECTORY_MAX];
	enum exec_preserve runtime_directory_preserve;
	/* stdio */
	enum exec_input std_input;
	enum exec_output std_output, std_error;
	char *stdio_fdname[3], *stdio_file[3]; /* by 0, 1, 2 */
	char *stdin_data;
	size_t stdin_data_size;
	bool tty_reset, tty_vhangup, tty_vt_disallocate;
	char *syslog_identifier;
	int syslog_facility /* LOG_DAEMON */, syslog_level /* LOG_INFO */, log_level_max /* -1 */;
	bool syslog_level_prefix, ignore_sigpipe;
	char **log_extra_fields;
	/* scheduling and limits; NULL, -1 or INT_MIN: not set */
	struct rlimit *limits[EXEC_RLIMITS_MAX];
	int nice /* INT_MIN */, io_class, io_priority /* -1 */, cpu_policy, cpu_priority,
		oom_score_adjust /* INT_MIN */;
	bool cpu_reset_on_fork;
	cpu_set_t *cpu_affinity;  /* NULL: inherit */
	int64_t timer_slack_nsec; /* -1 */
	uint64_t personality;     /* ULONG_MAX: not set */
	uint64_t mount_flags;
	bool mount_flags_set;
	/* name spaces and sandboxing */
	bool private_tmp, private_devices, private_network, private_ipc, private_users,
		private_mounts, protect_kernel_tunables, protect_kernel_modules,
		protect_kernel_logs, protect_control_groups, protect_clock, protect_hostname,
		restrict_realtime, restrict_suid_sgid, lock_personality, memory_deny_write_execute,
		remove_ipc;
	enum protect_home protect_home;
	enum protect_system protect_system;
	enum protect_proc protect_proc;
	bool proc_subset_pid;
	char *network_namespace_path, *ipc_namespace_path;
	char **read_write_paths, **read_only_paths, **inaccessible_paths, **exec_paths,
		**no_exec_paths; /* "-", "+" prefixes kept */
	char **bind_paths, **bind_read_only_paths,
		**temporary_file_systems; /* "src:dst:options" as written */
	uint64_t restrict_namespaces; /* CLONE_NEW* that stay allowed; all ones: not restricted */
	char **system_call_filter;
	bool system_call_filter_allow_list; /* words in order: "name", "name:errno", "@group"; a "~" word removes */
	char **system_call_log;
	bool system_call_log_allow_list;
	int system_call_error_number; /* 0: kill */
	char **system_call_architectures;
	char **restrict_address_families;
	bool restrict_address_families_allow_list, restrict_address_families_set;
	char **load_credentials, **set_credentials; /* "id:path", "id:value" */
	char *keyring_mode;
};

enum kill_mode { KILL_CONTROL_GROUP, KILL_PROCESS, KILL_MIXED, KILL_NONE };
struct kill_settings {
	enum kill_mode mode;
	int kill_signal, restart_kill_signal /* 0: as kill_signal */, final_kill_signal,
		watchdog_signal;
	bool send_sigkill, send_sighup;
};

/* Resource control. UINT64_MAX: not set; for *_max, CGROUP_LIMIT_INFINITY says "max" was asked for. */
#define CGROUP_LIMIT_INFINITY (UINT64_MAX - 1)
struct cgroup_settings {
	char *slice;
	bool delegate, cpu_accounting, memory_accounting, io_accounting, tasks_accounting,
		ip_accounting;
	char **delegate_controllers; /* NULL: all of them; an empty list: none */
	uint64_t cpu_weight /* 0: "idle" */, startup_cpu_weight, io_weight, startup_io_weight;
	usec_t cpu_quota_per_sec_usec /* USEC_INFINITY */, cpu_quota_period_usec;
	uint64_t memory_min, memory_low, memory_high, memory_max, memory_swap_max; /* bytes */
	unsigned
		memory_percent_mask; /* bit n: the n-th of those five is in 1/10000 of RAM, not bytes */
	uint64_t tasks_max;
	bool tasks_max_is_percent; /* then in 1/10000, too */
	char *allowed_cpus, *allowed_memory_nodes;
	char **io_device, **device_allow, **ip_address_allow,
		**ip_address_deny; /* "key device value", as written */
	enum { DEVICE_POLICY_AUTO, DEVICE_POLICY_CLOSED, DEVICE_POLICY_STRICT } device_policy;
	enum {
		OOM_POLICY_DEFAULT,
		OOM_POLICY_CONTINUE,
		OOM_POLICY_STOP,
		OOM_POLICY_KILL
	} oom_policy;
};

/* ---- one struct a type ---- */

enum service_type {
	SERVICE_SIMPLE,
	SERVICE_EXEC,
	SERVICE_FORKING,
	SERVICE_ONESHOT,
	SERVICE_DBUS,
	SERVICE_NOTIFY,
	SERVICE_NOTIFY_RELOAD,
	SERVICE_IDLE,
	SERVICE_TYPE_MAX,
	SERVICE_TYPE_INVALID = -EINVAL
};
enum service_restart {
	RESTART_NO,
	RESTART_ON_SUCCESS,
	RESTART_ON_FAILURE,
	RESTART_ON_ABNORMAL,
	RESTART_ON_WATCHDOG,
	RESTART_ON_ABORT,
	RESTART_ALWAYS,
	RESTART_MAX,
	RESTART_INVALID = -EINVAL
};
enum notify_access {
	NOTIFY_NONE,
	NOTIFY_ALL,
	NOTIFY_EXEC,
	NOTIFY_MAIN,
	NOTIFY_ACCESS_MAX,
	NOTIFY_ACCESS_INVALID = -EINVAL
};
enum service_exec {
	SERVICE_EXEC_CONDITION,
	SERVICE_EXEC_START_PRE,
	SERVICE_EXEC_START,
	SERVICE_EXEC_START_POST,
	SERVICE_EXEC_RELOAD,
	SERVICE_EXEC_STOP,
	SERVICE_EXEC_STOP_POST,
	SERVICE_EXEC_MAX
};
enum timeout_mode { TIMEOUT_TERMINATE, TIMEOUT_ABORT, TIMEOUT_KILL };

struct exit_status_set {
	uint64_t statuses[4]; /* bit n: exit status n */
	uint64_t signals;     /* bit n: signal n */
};

struct service_settings {
	enum service_type
		type; /* default simple; dbus when BusName= is set; oneshot without ExecStart */
	bool type_set, exit_type_cgroup, remain_after_exit, guess_main_pid,
		root_directory_start_only, non_blocking, permissions_start_only;
	enum service_restart restart;
	enum notify_access notify_access;
	struct exec_command *commands[SERVICE_EXEC_MAX];
	char *pid_file, *bus_name, *usb_function_descriptors;
	usec_t restart_usec, restart_max_delay_usec, timeout_start_usec, timeout_stop_usec,
		timeout_abort_usec, runtime_max_usec, runtime_randomized_extra_usec, watchdog_usec;
	bool timeout_start_set, timeout_abort_set;
	unsigned restart_steps, file_descriptor_store_max;
	enum timeout_mode timeout_start_failure_mode, timeout_stop_failure_mode;
	struct exit_status_set success_exit_status, restart_prevent, restart_force;
	char **sockets; /* Sockets=: units */
	char **open_files;
};

enum socket_exec {
	SOCKET_EXEC_START_PRE,
	SOCKET_EXEC_START_POST,
	SOCKET_EXEC_STOP_PRE,
	SOCKET_EXEC_STOP_POST,
	SOCKET_EXEC_MAX
};
enum socket_port_kind {
	SOCKET_PORT_STREAM,
	SOCKET_PORT_DATAGRAM,
	SOCKET_PORT_SEQPACKET,
	SOCKET_PORT_NETLINK,
	SOCKET_PORT_FIFO,
	SOCKET_PORT_SPECIAL,
	SOCKET_PORT_MESSAGE_QUEUE,
	SOCKET_PORT_USB_FUNCTION
};
struct socket_port {
	struct socket_port *next; /* in the order of the files: that of LISTEN_FDS */
	enum socket_port_kind kind;
	char *address; /* as written */
};
struct socket_settings {
	struct socket_port *ports;
	struct exec_command *commands[SOCKET_EXEC_MAX];
	char *service, *bind_to_device, *user, *group, *fdname, *congestion_algorithm, *smack_label;
	char **symlinks;
	bool accept, writable, keep_alive, no_delay, free_bind, transparent, broadcast,
		pass_credentials, pass_security, pass_packet_info, reuse_port, remove_on_stop,
		selinux_context_from_net;
	int bind_ipv6_only /* -1 default, 0 both, 1 ipv6-only */, priority, ip_tos, ip_ttl,
		mark /* -1 */, timestamping /* 0 off, 1 us, 2 ns */, protocol /* 0 */;
	unsigned backlog, max_connections, max_connections_per_source, keep_alive_probes;
	mode_t socket_mode, directory_mode;
	uint64_t receive_buffer, send_buffer;                /* bytes, 0: default */
	int64_t mq_max_messages, mq_message_size, pipe_size; /* 0: default */
	usec_t timeout_usec, keep_alive_time_usec, keep_alive_interval_usec, defer_accept_usec;
	bool timeout_set;
	usec_t trigger_limit_interval_usec; /* USEC_INFINITY: default */
	unsigned trigger_limit_burst;       /* UINT_MAX: default */
};

enum timer_base {
	TIMER_ON_ACTIVE,
	TIMER_ON_BOOT,
	TIMER_ON_STARTUP,
	TIMER_ON_UNIT_ACTIVE,
	TIMER_ON_UNIT_INACTIVE,
	TIMER_ON_CALENDAR
};
struct calendar_spec; /* calendar.h */
struct timer_value {
	struct timer_value *next;
	enum timer_base base;
	usec_t span_usec;
	struct calendar_spec *calendar;
	char *text;
};
struct timer_settings {
	struct timer_value *values;
	char *unit;
	usec_t accuracy_usec, randomized_delay_usec;
	bool fixed_random_delay, persistent, wake_system, remain_after_elapse, on_clock_change,
		on_timezone_change;
};

enum path_kind {
	PATH_EXISTS,
	PATH_EXISTS_GLOB,
	PATH_CHANGED,
	PATH_MODIFIED,
	PATH_DIRECTORY_NOT_EMPTY
};
struct path_spec {
	struct path_spec *next;
	enum path_kind kind;
	char *path;
};
struct path_settings {
	struct path_spec *specs;
	char *unit;
	bool make_directory;
	mode_t directory_mode;
	usec_t trigger_limit_interval_usec;
	unsigned trigger_limit_burst;
};

struct mount_settings {
	char *what, *where, *fs_type, *options;
	bool sloppy_options, lazy_unmount, force_unmount, read_write_only;
	mode_t directory_mode;
	usec_t timeout_usec;
	bool timeout_set;
};
struct automount_settings {
	char *where, *extra_options;
	mode_t directory_mode;
	usec_t timeout_idle_usec;
};
struct swap_settings {
	char *what, *options;
	int priority; /* -1 */
	usec_t timeout_usec;
	bool timeout_set;
};
struct scope_settings {
	usec_t runtime_max_usec, timeout_stop_usec;
	char *user, *group; /* whose a delegated cgroup becomes */
};

/* What a plug-in's own keys were given, "Key=value" with specifiers expanded, in the order of the files. An empty value is an
 * assignment like any other: what it means is the plug-in's business. */
struct plugin_settings {
	char **assignments;
};

/* ---- all that one unit's files say ---- */

enum unit_load_state {
	LOAD_STUB,
	LOAD_LOADED,
	LOAD_NOT_FOUND,
	LOAD_BAD_SETTING,
	LOAD_ERROR,
	LOAD_MERGED,
	LOAD_MASKED,
	LOAD_STATE_MAX,
	LOAD_STATE_INVALID = -EINVAL
};
const char *load_state_to_string(enum unit_load_state s);

/* Identity of a file at load time; "changed" means any differs, never that a clock is later. */
struct file_identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct unit_file {
	enum unit_type type;
	enum unit_load_state load_state; /* LOADED, NOT_FOUND, MASKED, BAD_SETTING, ERROR */
	char *id;                        /* the primary name: the file's own, an alias resolved */
	char **aliases;                  /* other names of it, from symlinks */
	char *fragment_path, *instance;
	char **dropin_paths;
	struct file_identity *identities; /* fragment, then drop-ins */
	size_t n_identities;
	struct unit_settings unit;
	/* NULL where the type has none (a target has only [Unit]). Units with equal values share them: most of a machine's services
	 * differ in nothing here, and each of these is larger than the rest of its settings (group.h). */
	const struct exec_settings *exec;
	const struct kill_settings *kill;
	const struct cgroup_settings *cgroup;
	union {
		struct service_settings *service;
		struct socket_settings *socket;
		struct timer_settings *timer;
		struct path_settings *path;
		struct mount_settings *mount;
		struct automount_settings *automount;
		struct swap_settings *swap;
		struct scope_settings *scope;
		struct plugin_settings *plugin;
	};
};
