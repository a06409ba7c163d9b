// SPDX-License-Identifier: Apache-2.0
/* directives-exec.h - private to unitfile: the rows of systemd.exec(5); see directives-list.h. */
#pragma once

/* clang-format off */
#define EXEC_DIRECTIVES(X, IGNORED) \
	X("AmbientCapabilities", capabilities, ambient_capabilities, 0) \
	X("AppArmorProfile", label, apparmor_profile, 0) \
	X("BindPaths", bind_paths, bind_paths, 0) \
	X("BindReadOnlyPaths", bind_paths, bind_read_only_paths, 0) \
	X("CPUAffinity", cpu_affinity, cpu_affinity, 0) \
	X("CPUSchedulingPolicy", enum, cpu_policy, ENUM_CPU_POLICY) \
	X("CPUSchedulingPriority", cpu_priority, cpu_priority, 0) \
	X("CPUSchedulingResetOnFork", boolean, cpu_reset_on_fork, 0) \
	X("CacheDirectory", directories, directories[EXEC_DIRECTORY_CACHE].paths, 0) \
	X("CacheDirectoryMode", mode, directories[EXEC_DIRECTORY_CACHE].mode, 0) \
	X("CapabilityBoundingSet", capabilities, capability_bounding_set, -1) \
	X("ConfigurationDirectory", directories, directories[EXEC_DIRECTORY_CONFIGURATION].paths, 1) \
	X("ConfigurationDirectoryMode", mode, directories[EXEC_DIRECTORY_CONFIGURATION].mode, 0) \
	IGNORED("CoredumpFilter", "core dumps hold what the kernel's default filter lets through") \
	X("DynamicUser", boolean, dynamic_user, 0) \
	X("Environment", environment, environment, 0) \
	X("EnvironmentFile", environment_file, environment_files, 0) \
	X("ExecPaths", paths, exec_paths, 1) \
	X("ExecSearchPath", search_path, exec_search_path, 0) \
	IGNORED("ExtensionDirectories", "the root directory is not overlaid with extensions") \
	IGNORED("ExtensionImages", "the root directory is not overlaid with extensions") \
	X("Group", user, group, 1) \
	X("IOSchedulingClass", enum, io_class, ENUM_IO_CLASS) \
	X("IOSchedulingPriority", io_priority, io_priority, 0) \
	X("IPCNamespacePath", path, ipc_namespace_path, 0) \
	X("IgnoreSIGPIPE", boolean, ignore_sigpipe, 0) \
	X("InaccessibleDirectories", paths, inaccessible_paths, 1) \
	X("InaccessiblePaths", paths, inaccessible_paths, 1) \
	X("KeyringMode", keyring_mode, keyring_mode, 0) \
	X("LimitAS", rlimit, limits[RLIMIT_AS], RLIMIT_AS) \
	X("LimitCORE", rlimit, limits[RLIMIT_CORE], RLIMIT_CORE) \
	X("LimitCPU", rlimit, limits[RLIMIT_CPU], RLIMIT_CPU) \
	X("LimitDATA", rlimit, limits[RLIMIT_DATA], RLIMIT_DATA) \
	X("LimitFSIZE", rlimit, limits[RLIMIT_FSIZE], RLIMIT_FSIZE) \
	X("LimitLOCKS", rlimit, limits[RLIMIT_LOCKS], RLIMIT_LOCKS) \
	X("LimitMEMLOCK", rlimit, limits[RLIMIT_MEMLOCK], RLIMIT_MEMLOCK) \
	X("LimitMSGQUEUE", rlimit, limits[RLIMIT_MSGQUEUE], RLIMIT_MSGQUEUE) \
	X("LimitNICE", rlimit, limits[RLIMIT_NICE], RLIMIT_NICE) \
	X("LimitNOFILE", rlimit, limits[RLIMIT_NOFILE], RLIMIT_NOFILE) \
	X("LimitNPROC", rlimit, limits[RLIMIT_NPROC], RLIMIT_NPROC) \
	X("LimitRSS", rlimit, limits[RLIMIT_RSS], RLIMIT_RSS) \
	X("LimitRTPRIO", rlimit, limits[RLIMIT_RTPRIO], RLIMIT_RTPRIO) \
	X("LimitRTTIME", rlimit, limits[RLIMIT_RTTIME], RLIMIT_RTTIME) \
	X("LimitSIGPENDING", rlimit, limits[RLIMIT_SIGPENDING], RLIMIT_SIGPENDING) \
	X("LimitSTACK", rlimit, limits[RLIMIT_STACK], RLIMIT_STACK) \
	X("LoadCredential", load_credential, load_credentials, 0) \
	IGNORED("LoadCredentialEncrypted", "encrypted credentials are not decrypted; the service finds none of that name") \
	X("LockPersonality", boolean, lock_personality, 0) \
	X("LogExtraFields", log_extra_fields, log_extra_fields, 0) \
	X("LogLevelMax", syslog_level, log_level_max, 0) \
	IGNORED("LogNamespace", "messages go to the default log") \
	IGNORED("LogRateLimitBurst", "the log's own rate limit holds for the unit") \
	IGNORED("LogRateLimitIntervalSec", "the log's own rate limit holds for the unit") \
	X("LogsDirectory", directories, directories[EXEC_DIRECTORY_LOGS].paths, 0) \
	X("LogsDirectoryMode", mode, directories[EXEC_DIRECTORY_LOGS].mode, 0) \
	X("MemoryDenyWriteExecute", boolean, memory_deny_write_execute, 0) \
	X("MountAPIVFS", mount_api_vfs, mount_api_vfs, 0) \
	X("MountFlags", mount_flags, mount_flags, 0) \
	IGNORED("MountImages", "no disk image is mounted for the unit") \
	IGNORED("NUMAMask", "memory comes from every NUMA node") \
	IGNORED("NUMAPolicy", "memory comes from every NUMA node") \
	X("NetworkNamespacePath", path, network_namespace_path, 0) \
	X("Nice", nice, nice, 0) \
	X("NoExecPaths", paths, no_exec_paths, 1) \
	X("NoNewPrivileges", boolean, no_new_privileges, 0) \
	X("OOMScoreAdjust", oom_score, oom_score_adjust, 0) \
	X("PAMName", string, pam_name, 0) \
	X("PassEnvironment", pass_environment, pass_environment, 0) \
	X("Personality", personality, personality, 0) \
	X("PrivateDevices", boolean, private_devices, 0) \
	X("PrivateIPC", boolean, private_ipc, 0) \
	X("PrivateMounts", boolean, private_mounts, 0) \
	X("PrivateNetwork", boolean, private_network, 0) \
	X("PrivateTmp", boolean, private_tmp, 0) \
	X("PrivateUsers", boolean, private_users, 0) \
	X("ProcSubset", proc_subset, proc_subset_pid, 0) \
	X("ProtectClock", boolean, protect_clock, 0) \
	X("ProtectControlGroups", boolean, protect_control_groups, 0) \
	X("ProtectHome", enum, protect_home, ENUM_PROTECT_HOME) \
	X("ProtectHostname", boolean, protect_hostname, 0) \
	X("ProtectKernelLogs", boolean, protect_kernel_logs, 0) \
	X("ProtectKernelModules", boolean, protect_kernel_modules, 0) \
	X("ProtectKernelTunables", boolean, protect_kernel_tunables, 0) \
	X("ProtectProc", enum, protect_proc, ENUM_PROTECT_PROC) \
	X("ProtectSystem", enum, protect_system, ENUM_PROTECT_SYSTEM) \
	X("ReadOnlyDirectories", paths, read_only_paths, 1) \
	X("ReadOnlyPaths", paths, read_only_paths, 1) \
	X("ReadWriteDirectories", paths, read_write_paths, 1) \
	X("ReadWritePaths", paths, read_write_paths, 1) \
	X("RemoveIPC", boolean, remove_ipc, 0) \
	X("RestrictAddressFamilies", address_families, restrict_address_families, 0) \
	IGNORED("RestrictFileSystems", "the unit may use every type of file system") \
	X("RestrictNamespaces", restrict_namespaces, restrict_namespaces, 0) \
	X("RestrictRealtime", boolean, restrict_realtime, 0) \
	X("RestrictSUIDSGID", boolean, restrict_suid_sgid, 0) \
	X("RootDirectory", path, root_directory, 1) \
	IGNORED("RootHash", "root images are not checked by dm-verity") \
	IGNORED("RootHashSignature", "root images are not checked by dm-verity") \
	X("RootImage", path, root_image, 1) \
	IGNORED("RootImageOptions", "root images are mounted with default options") \
	IGNORED("RootVerity", "root images are not checked by dm-verity") \
	X("RuntimeDirectory", directories, directories[EXEC_DIRECTORY_RUNTIME].paths, 0) \
	X("RuntimeDirectoryMode", mode, directories[EXEC_DIRECTORY_RUNTIME].mode, 0) \
	X("RuntimeDirectoryPreserve", preserve, runtime_directory_preserve, 0) \
	X("SELinuxContext", label, selinux_context, 0) \
	X("SecureBits", secure_bits, secure_bits, 0) \
	X("SetCredential", set_credential, set_credentials, 0) \
	IGNORED("SetCredentialEncrypted", "encrypted credentials are not decrypted; the service finds none of that name") \
	X("SetLoginEnvironment", boolean, set_login_environment, 0) \
	X("SmackProcessLabel", label, smack_process_label, 0) \
	X("StandardError", output, std_error, 2) \
	X("StandardInput", input, std_input, 0) \
	X("StandardInputData", input_data, stdin_data, 0) \
	X("StandardInputText", input_text, stdin_data, 0) \
	X("StandardOutput", output, std_output, 1) \
	X("StateDirectory", directories, directories[EXEC_DIRECTORY_STATE].paths, 0) \
	X("StateDirectoryMode", mode, directories[EXEC_DIRECTORY_STATE].mode, 0) \
	X("SupplementaryGroups", user_list, supplementary_groups, 0) \
	X("SyslogFacility", syslog_facility, syslog_facility, 0) \
	X("SyslogIdentifier", string, syslog_identifier, 0) \
	X("SyslogLevel", syslog_level, syslog_level, 0) \
	X("SyslogLevelPrefix", boolean, syslog_level_prefix, 0) \
	X("SystemCallArchitectures", system_call_architectures, system_call_architectures, 0) \
	X("SystemCallErrorNumber", system_call_error_number, system_call_error_number, 0) \
	X("SystemCallFilter", system_call_filter, system_call_filter, 0) \
	X("SystemCallLog", system_call_filter, system_call_log, 1) \
	IGNORED("TCPWrapName", "TCP wrappers are no more") \
	IGNORED("TTYColumns", "the terminal keeps its width") \
	X("TTYPath", path, tty_path, 0) \
	X("TTYReset", boolean, tty_reset, 0) \
	IGNORED("TTYRows", "the terminal keeps its height") \
	X("TTYVHangup", boolean, tty_vhangup, 0) \
	X("TTYVTDisallocate", boolean, tty_vt_disallocate, 0) \
	X("TemporaryFileSystem", temporary_file_systems, temporary_file_systems, 0) \
	IGNORED("TimeoutCleanSec", "cleaning a unit's directories has no time limit of its own") \
	X("TimerSlackNSec", nsec, timer_slack_nsec, 0) \
	X("UMask", mode, umask, 0) \
	X("UnsetEnvironment", unset_environment, unset_environment, 0) \
	X("User", user, user, 1) \
	X("UtmpIdentifier", string, utmp_id, 0) \
	IGNORED("UtmpMode", "utmp records are those of init processes") \
	X("WorkingDirectory", working_directory, working_directory, 0)
/* clang-format on */
