// SPDX-License-Identifier: Apache-2.0
/*
 * directives-list.h - private to unitfile: X(key, parser, field, argument) and IGNORED(key, what that means), sorted by key.
 * The names are those of systemd.directives(7) as of version 252, with those later ones that settings.h has a field for. Ours
 * begin with "X-", which systemd passes over without a word.
 */
#pragma once

/* clang-format off */
#define UNIT_DIRECTIVES(X, IGNORED) \
	X("After", dependencies, dependencies[DEP_AFTER], 0) \
	X("AllowIsolate", boolean, allow_isolate, 0) \
	X("Before", dependencies, dependencies[DEP_BEFORE], 0) \
	X("BindTo", dependencies, dependencies[DEP_BINDS_TO], 0) \
	X("BindsTo", dependencies, dependencies[DEP_BINDS_TO], 0) \
	X("CollectMode", collect_mode, collect_inactive_or_failed, 0) \
	X("Conflicts", dependencies, dependencies[DEP_CONFLICTS], 0) \
	X("DefaultDependencies", boolean, default_dependencies, 0) \
	X("Description", string, description, 0) \
	X("Documentation", documentation, documentation, 0) \
	X("FailureAction", action, failure_action, 0) \
	X("FailureActionExitStatus", exit_status, failure_action_exit_status, 0) \
	X("IgnoreOnIsolate", boolean, ignore_on_isolate, 0) \
	IGNORED("IgnoreOnSnapshot", "snapshots of units are no more") \
	X("JobRunningTimeoutSec", job_running_timeout, job_running_timeout_usec, 0) \
	X("JobTimeoutAction", action, job_timeout_action, 0) \
	X("JobTimeoutRebootArgument", string, reboot_argument, 0) \
	X("JobTimeoutSec", job_timeout, job_timeout_usec, 0) \
	X("JoinsNamespaceOf", dependencies, dependencies[DEP_JOINS_NAMESPACE_OF], 0) \
	X("OnFailure", dependencies, dependencies[DEP_ON_FAILURE], 0) \
	X("OnFailureIsolate", failure_isolate, on_failure_job_mode, 0) \
	X("OnFailureJobMode", job_mode, on_failure_job_mode, 0) \
	X("OnSuccess", dependencies, dependencies[DEP_ON_SUCCESS], 0) \
	X("OnSuccessJobMode", job_mode, on_success_job_mode, 0) \
	X("PartOf", dependencies, dependencies[DEP_PART_OF], 0) \
	X("PropagateReloadFrom", dependencies, dependencies[DEP_RELOAD_PROPAGATED_FROM], 0) \
	X("PropagateReloadTo", dependencies, dependencies[DEP_PROPAGATES_RELOAD_TO], 0) \
	X("PropagatesReloadTo", dependencies, dependencies[DEP_PROPAGATES_RELOAD_TO], 0) \
	X("PropagatesStopTo", dependencies, dependencies[DEP_PROPAGATES_STOP_TO], 0) \
	X("RebootArgument", string, reboot_argument, 0) \
	X("RefuseManualStart", boolean, refuse_manual_start, 0) \
	X("RefuseManualStop", boolean, refuse_manual_stop, 0) \
	X("ReloadPropagatedFrom", dependencies, dependencies[DEP_RELOAD_PROPAGATED_FROM], 0) \
	X("Requires", dependencies, dependencies[DEP_REQUIRES], 0) \
	X("RequiresMountsFor", mounts_for, requires_mounts_for, 0) \
	X("RequiresOverridable", dependencies, dependencies[DEP_REQUIRES], 0) \
	X("Requisite", dependencies, dependencies[DEP_REQUISITE], 0) \
	X("RequisiteOverridable", dependencies, dependencies[DEP_REQUISITE], 0) \
	X("SourcePath", path, source_path, 0) \
	X("StartLimitAction", action, start_limit_action, 0) \
	X("StartLimitBurst", unsigned, start_limit_burst, 0) \
	X("StartLimitInterval", sec, start_limit_interval_usec, 0) \
	X("StartLimitIntervalSec", sec, start_limit_interval_usec, 0) \
	X("StopPropagatedFrom", dependencies, dependencies[DEP_STOP_PROPAGATED_FROM], 0) \
	X("StopWhenUnneeded", boolean, stop_when_unneeded, 0) \
	X("SuccessAction", action, success_action, 0) \
	X("SuccessActionExitStatus", exit_status, success_action_exit_status, 0) \
	X("Upholds", dependencies, dependencies[DEP_UPHOLDS], 0) \
	X("Wants", dependencies, dependencies[DEP_WANTS], 0) \
	X("X-StartupNotAfter", unit_names, startup_not_after, 0) \
	X("X-StartupNotAfterIf", path_or_not, startup_not_after_if, 0)

#define INSTALL_DIRECTIVES(X, IGNORED) \
	X("Alias", install_names, alias, 0) \
	X("Also", install_names, also, 0) \
	X("DefaultInstance", default_instance, default_instance, 0) \
	X("RequiredBy", install_names, required_by, 0) \
	X("WantedBy", install_names, wanted_by, 0)

/* Into struct unit_settings, from the [Service] section, where they stood before version 230. */
#define SERVICE_UNIT_DIRECTIVES(X, IGNORED) \
	X("FailureAction", action, failure_action, 0) \
	X("RebootArgument", string, reboot_argument, 0) \
	X("StartLimitAction", action, start_limit_action, 0) \
	X("StartLimitBurst", unsigned, start_limit_burst, 0) \
	X("StartLimitInterval", sec, start_limit_interval_usec, 0)

#define SERVICE_DIRECTIVES(X, IGNORED) \
	X("BusName", bus_name, bus_name, 0) \
	IGNORED("BusPolicy", "kdbus policies are no more") \
	X("ExecCondition", exec, commands[SERVICE_EXEC_CONDITION], 0) \
	X("ExecReload", exec, commands[SERVICE_EXEC_RELOAD], 0) \
	X("ExecStart", exec, commands[SERVICE_EXEC_START], 0) \
	X("ExecStartPost", exec, commands[SERVICE_EXEC_START_POST], 0) \
	X("ExecStartPre", exec, commands[SERVICE_EXEC_START_PRE], 0) \
	X("ExecStop", exec, commands[SERVICE_EXEC_STOP], 0) \
	X("ExecStopPost", exec, commands[SERVICE_EXEC_STOP_POST], 0) \
	X("ExitType", exit_type, exit_type_cgroup, 0) \
	X("FileDescriptorStoreMax", unsigned, file_descriptor_store_max, 0) \
	IGNORED("FileDescriptorStorePreserve", "the store is kept for as long as the unit's state is") \
	IGNORED("FsckPassNo", "file system checks are ordered by the fstab generator") \
	X("GuessMainPID", boolean, guess_main_pid, 0) \
	X("NonBlocking", boolean, non_blocking, 0) \
	X("NotifyAccess", enum, notify_access, ENUM_NOTIFY_ACCESS) \
	X("OOMPolicy", oom_policy, type, 0) \
	X("OpenFile", open_file, open_files, 0) \
	X("PIDFile", pid_file, pid_file, 0) \
	X("PermissionsStartOnly", boolean, permissions_start_only, 0) \
	X("RemainAfterExit", boolean, remain_after_exit, 0) \
	X("Restart", enum, restart, ENUM_RESTART) \
	X("RestartForceExitStatus", exit_status_set, restart_force, 0) \
	X("RestartMaxDelaySec", sec, restart_max_delay_usec, 0) \
	X("RestartPreventExitStatus", exit_status_set, restart_prevent, 0) \
	X("RestartSec", sec, restart_usec, 0) \
	X("RestartSteps", unsigned, restart_steps, 0) \
	X("RootDirectoryStartOnly", root_start_only, root_directory_start_only, 0) \
	X("RuntimeMaxSec", sec, runtime_max_usec, 0) \
	X("RuntimeRandomizedExtraSec", sec, runtime_randomized_extra_usec, 0) \
	X("Sockets", socket_units, sockets, 0) \
	X("SuccessExitStatus", exit_status_set, success_exit_status, 0) \
	IGNORED("SysVStartPriority", "SysV priorities are the business of the SysV generator") \
	X("TimeoutAbortSec", timeout_abort, timeout_abort_usec, 0) \
	X("TimeoutSec", service_timeout, timeout_start_usec, 0) \
	X("TimeoutStartFailureMode", enum, timeout_start_failure_mode, ENUM_TIMEOUT_MODE) \
	X("TimeoutStartSec", timeout_start, timeout_start_usec, 0) \
	X("TimeoutStopFailureMode", enum, timeout_stop_failure_mode, ENUM_TIMEOUT_MODE) \
	X("TimeoutStopSec", sec_fix_0, timeout_stop_usec, 0) \
	X("Type", service_type, type, 0) \
	X("USBFunctionDescriptors", path, usb_function_descriptors, 0) \
	IGNORED("USBFunctionStrings", "USB gadget functions are given their descriptors only") \
	X("WatchdogSec", sec, watchdog_usec, 0)

#define SOCKET_DIRECTIVES(X, IGNORED) \
	X("Accept", boolean, accept, 0) \
	X("Backlog", unsigned, backlog, 0) \
	X("BindIPv6Only", bind_ipv6_only, bind_ipv6_only, 0) \
	X("BindToDevice", interface, bind_to_device, 0) \
	X("Broadcast", boolean, broadcast, 0) \
	X("DeferAcceptSec", sec, defer_accept_usec, 0) \
	X("DirectoryMode", mode, directory_mode, 0) \
	X("ExecStartPost", exec, commands[SOCKET_EXEC_START_POST], 0) \
	X("ExecStartPre", exec, commands[SOCKET_EXEC_START_PRE], 0) \
	X("ExecStopPost", exec, commands[SOCKET_EXEC_STOP_POST], 0) \
	X("ExecStopPre", exec, commands[SOCKET_EXEC_STOP_PRE], 0) \
	X("FileDescriptorName", fdname, fdname, 0) \
	IGNORED("FlushPending", "what waits in the sockets is kept when the service stops") \
	X("FreeBind", boolean, free_bind, 0) \
	X("IPTOS", ip_tos, ip_tos, 0) \
	X("IPTTL", int, ip_ttl, 0) \
	X("KeepAlive", boolean, keep_alive, 0) \
	X("KeepAliveIntervalSec", sec, keep_alive_interval_usec, 0) \
	X("KeepAliveProbes", unsigned, keep_alive_probes, 0) \
	X("KeepAliveTimeSec", sec, keep_alive_time_usec, 0) \
	X("ListenDatagram", listen, ports, SOCKET_PORT_DATAGRAM) \
	X("ListenFIFO", listen, ports, SOCKET_PORT_FIFO) \
	X("ListenMessageQueue", listen, ports, SOCKET_PORT_MESSAGE_QUEUE) \
	X("ListenNetlink", listen, ports, SOCKET_PORT_NETLINK) \
	X("ListenSequentialPacket", listen, ports, SOCKET_PORT_SEQPACKET) \
	X("ListenSpecial", listen, ports, SOCKET_PORT_SPECIAL) \
	X("ListenStream", listen, ports, SOCKET_PORT_STREAM) \
	X("ListenUSBFunction", listen, ports, SOCKET_PORT_USB_FUNCTION) \
	X("Mark", int, mark, 0) \
	X("MaxConnections", unsigned, max_connections, 0) \
	X("MaxConnectionsPerSource", unsigned, max_connections_per_source, 0) \
	X("MessageQueueMaxMessages", int64, mq_max_messages, 0) \
	X("MessageQueueMessageSize", int64, mq_message_size, 0) \
	X("NoDelay", boolean, no_delay, 0) \
	X("PassCredentials", boolean, pass_credentials, 0) \
	X("PassPacketInfo", boolean, pass_packet_info, 0) \
	X("PassSecurity", boolean, pass_security, 0) \
	X("PipeSize", bytes_signed, pipe_size, 0) \
	X("Priority", int, priority, 0) \
	X("ReceiveBuffer", bytes, receive_buffer, 0) \
	X("RemoveOnStop", boolean, remove_on_stop, 0) \
	X("ReusePort", boolean, reuse_port, 0) \
	X("SELinuxContextFromNet", boolean, selinux_context_from_net, 0) \
	X("SendBuffer", bytes, send_buffer, 0) \
	X("Service", socket_service, service, 0) \
	X("SmackLabel", string, smack_label, 0) \
	IGNORED("SmackLabelIPIn", "incoming packets keep the SMACK label that the kernel gives them") \
	IGNORED("SmackLabelIPOut", "outgoing packets keep the SMACK label that the kernel gives them") \
	X("SocketGroup", user, group, 0) \
	X("SocketMode", mode, socket_mode, 0) \
	X("SocketProtocol", socket_protocol, protocol, 0) \
	X("SocketUser", user, user, 0) \
	X("Symlinks", paths, symlinks, 0) \
	X("TCPCongestion", string_plain, congestion_algorithm, 0) \
	X("TimeoutSec", mount_timeout, timeout_usec, 0) \
	X("Timestamping", timestamping, timestamping, 0) \
	X("Transparent", boolean, transparent, 0) \
	X("TriggerLimitBurst", unsigned, trigger_limit_burst, 0) \
	X("TriggerLimitIntervalSec", sec, trigger_limit_interval_usec, 0) \
	X("Writable", boolean, writable, 0)

#define MOUNT_DIRECTIVES(X, IGNORED) \
	X("DirectoryMode", mode, directory_mode, 0) \
	X("ForceUnmount", boolean, force_unmount, 0) \
	IGNORED("FsckPassNo", "file system checks are ordered by the fstab generator") \
	X("LazyUnmount", boolean, lazy_unmount, 0) \
	X("Options", string, options, 0) \
	X("ReadWriteOnly", boolean, read_write_only, 0) \
	X("SloppyOptions", boolean, sloppy_options, 0) \
	X("TimeoutSec", mount_timeout, timeout_usec, 0) \
	X("Type", string, fs_type, 0) \
	X("What", string, what, 0) \
	X("Where", path, where, 0)

#define AUTOMOUNT_DIRECTIVES(X, IGNORED) \
	X("DirectoryMode", mode, directory_mode, 0) \
	X("ExtraOptions", string, extra_options, 0) \
	X("TimeoutIdleSec", sec_fix_0, timeout_idle_usec, 0) \
	X("Where", path, where, 0)

#define SWAP_DIRECTIVES(X, IGNORED) \
	X("Options", string, options, 0) \
	X("Priority", swap_priority, priority, 0) \
	X("TimeoutSec", mount_timeout, timeout_usec, 0) \
	X("What", path, what, 0)

#define TIMER_DIRECTIVES(X, IGNORED) \
	X("AccuracySec", sec, accuracy_usec, 0) \
	X("FixedRandomDelay", boolean, fixed_random_delay, 0) \
	X("OnActiveSec", timer, values, TIMER_ON_ACTIVE) \
	X("OnBootSec", timer, values, TIMER_ON_BOOT) \
	X("OnCalendar", timer, values, TIMER_ON_CALENDAR) \
	X("OnClockChange", boolean, on_clock_change, 0) \
	X("OnStartupSec", timer, values, TIMER_ON_STARTUP) \
	X("OnTimezoneChange", boolean, on_timezone_change, 0) \
	X("OnUnitActiveSec", timer, values, TIMER_ON_UNIT_ACTIVE) \
	X("OnUnitInactiveSec", timer, values, TIMER_ON_UNIT_INACTIVE) \
	X("Persistent", boolean, persistent, 0) \
	X("RandomizedDelaySec", sec, randomized_delay_usec, 0) \
	X("RemainAfterElapse", boolean, remain_after_elapse, 0) \
	X("Unit", trigger_unit, unit, 0) \
	X("WakeSystem", boolean, wake_system, 0)

#define PATH_DIRECTIVES(X, IGNORED) \
	X("DirectoryMode", mode, directory_mode, 0) \
	X("DirectoryNotEmpty", path_spec, specs, PATH_DIRECTORY_NOT_EMPTY) \
	X("MakeDirectory", boolean, make_directory, 0) \
	X("PathChanged", path_spec, specs, PATH_CHANGED) \
	X("PathExists", path_spec, specs, PATH_EXISTS) \
	X("PathExistsGlob", path_spec, specs, PATH_EXISTS_GLOB) \
	X("PathModified", path_spec, specs, PATH_MODIFIED) \
	X("TriggerLimitBurst", unsigned, trigger_limit_burst, 0) \
	X("TriggerLimitIntervalSec", sec, trigger_limit_interval_usec, 0) \
	X("Unit", trigger_unit, unit, 0)

#define SCOPE_DIRECTIVES(X, IGNORED) \
	X("Group", user, group, 0) \
	X("OOMPolicy", oom_policy, runtime_max_usec, 0) \
	X("RuntimeMaxSec", sec, runtime_max_usec, 0) \
	IGNORED("RuntimeRandomizedExtraSec", "RuntimeMaxSec= is exact for scopes") \
	X("TimeoutStopSec", sec_fix_0, timeout_stop_usec, 0) \
	X("User", user, user, 0)

#define KILL_DIRECTIVES(X, IGNORED) \
	X("FinalKillSignal", signal, final_kill_signal, 0) \
	X("KillMode", enum, mode, ENUM_KILL_MODE) \
	X("KillSignal", signal, kill_signal, 0) \
	X("RestartKillSignal", signal, restart_kill_signal, 0) \
	X("SendSIGHUP", boolean, send_sighup, 0) \
	X("SendSIGKILL", boolean, send_sigkill, 0) \
	X("WatchdogSignal", signal, watchdog_signal, 0)

#define CGROUP_DIRECTIVES(X, IGNORED) \
	X("AllowedCPUs", cpu_list, allowed_cpus, 0) \
	X("AllowedMemoryNodes", cpu_list, allowed_memory_nodes, 0) \
	IGNORED("BPFProgram", "no BPF program is attached to the unit's control group") \
	X("BlockIOAccounting", boolean, io_accounting, 0) \
	X("BlockIODeviceWeight", io_device, io_device, 0) \
	X("BlockIOReadBandwidth", io_device, io_device, 0) \
	X("BlockIOWeight", blockio_weight, io_weight, 0) \
	X("BlockIOWriteBandwidth", io_device, io_device, 0) \
	X("CPUAccounting", boolean, cpu_accounting, 0) \
	X("CPUQuota", cpu_quota, cpu_quota_per_sec_usec, 0) \
	X("CPUQuotaPeriodSec", sec_default, cpu_quota_period_usec, -1) \
	X("CPUShares", cpu_shares, cpu_weight, 0) \
	X("CPUWeight", weight, cpu_weight, 1) \
	IGNORED("DefaultMemoryLow", "units below keep no memory of their own unless they ask for it") \
	IGNORED("DefaultMemoryMin", "units below keep no memory of their own unless they ask for it") \
	X("Delegate", delegate, delegate, 0) \
	X("DeviceAllow", device_allow, device_allow, 0) \
	X("DevicePolicy", enum, device_policy, ENUM_DEVICE_POLICY) \
	IGNORED("DisableControllers", "controllers are enabled where a unit below uses them") \
	X("IOAccounting", boolean, io_accounting, 0) \
	X("IODeviceLatencyTargetSec", io_device, io_device, 0) \
	X("IODeviceWeight", io_device, io_device, 0) \
	X("IOReadBandwidthMax", io_device, io_device, 0) \
	X("IOReadIOPSMax", io_device, io_device, 0) \
	X("IOWeight", weight, io_weight, 0) \
	X("IOWriteBandwidthMax", io_device, io_device, 0) \
	X("IOWriteIOPSMax", io_device, io_device, 0) \
	X("IPAccounting", boolean, ip_accounting, 0) \
	X("IPAddressAllow", ip_addresses, ip_address_allow, 0) \
	X("IPAddressDeny", ip_addresses, ip_address_deny, 0) \
	IGNORED("IPEgressFilterPath", "no BPF program filters what the unit sends") \
	IGNORED("IPIngressFilterPath", "no BPF program filters what the unit receives") \
	IGNORED("ManagedOOMMemoryPressure", "systemd-oomd is told nothing about the unit") \
	IGNORED("ManagedOOMMemoryPressureLimit", "systemd-oomd is told nothing about the unit") \
	IGNORED("ManagedOOMPreference", "systemd-oomd is told nothing about the unit") \
	IGNORED("ManagedOOMSwap", "systemd-oomd is told nothing about the unit") \
	X("MemoryAccounting", boolean, memory_accounting, 0) \
	X("MemoryHigh", memory_limit, memory_high, 2) \
	X("MemoryLimit", memory_limit, memory_max, 5) \
	X("MemoryLow", memory_limit, memory_low, 1) \
	X("MemoryMax", memory_limit, memory_max, 3) \
	X("MemoryMin", memory_limit, memory_min, 0) \
	X("MemorySwapMax", memory_limit, memory_swap_max, 4) \
	IGNORED("NetClass", "the net_cls controller is no more") \
	IGNORED("RestrictNetworkInterfaces", "the unit may use every network interface") \
	X("Slice", slice, slice, 0) \
	IGNORED("SocketBindAllow", "bind() is not filtered") \
	IGNORED("SocketBindDeny", "bind() is not filtered") \
	IGNORED("StartupAllowedCPUs", "AllowedCPUs= holds during start-up, too") \
	IGNORED("StartupAllowedMemoryNodes", "AllowedMemoryNodes= holds during start-up, too") \
	X("StartupBlockIOWeight", blockio_weight, startup_io_weight, 0) \
	X("StartupCPUShares", cpu_shares, startup_cpu_weight, 0) \
	X("StartupCPUWeight", weight, startup_cpu_weight, 1) \
	X("StartupIOWeight", weight, startup_io_weight, 0) \
	X("TasksAccounting", boolean, tasks_accounting, 0) \
	X("TasksMax", tasks_max, tasks_max, 0)
/* clang-format on */
