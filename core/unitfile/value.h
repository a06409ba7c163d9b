// SPDX-License-Identifier: Apache-2.0
/* value.h - private to unitfile: every value parser. The comment names the field's type; see parse.h for the contract. */
#pragma once

#include "unitfile/parse.h"

#define VALUE_PARSER(name)                                                                         \
	int value_##name(struct parse *p, const char *value, void *field, int64_t arg)

/* value-basic.c */
VALUE_PARSER(boolean);      /* bool */
VALUE_PARSER(string);       /* char *: specifiers, empty unsets */
VALUE_PARSER(string_plain); /* char *: as it stands */
VALUE_PARSER(path);         /* char *: absolute, specifiers; arg 1: fatal */
VALUE_PARSER(words);        /* char **: quoted words, specifiers; empty resets */
VALUE_PARSER(sec);          /* usec_t */
VALUE_PARSER(sec_fix_0);    /* usec_t: 0 is infinity */
VALUE_PARSER(sec_default);  /* usec_t: empty is arg */
VALUE_PARSER(unsigned);     /* unsigned */
VALUE_PARSER(int);          /* int */
VALUE_PARSER(mode);         /* mode_t */
VALUE_PARSER(bytes);        /* uint64_t: "4K" */
VALUE_PARSER(enum);         /* int-sized enum: arg is a row of value_enums */
VALUE_PARSER(signal);       /* int */
VALUE_PARSER(unit_name);    /* char *: arg is the type, -1 any */

/* value-unit.c */
VALUE_PARSER(dependencies);    /* char ** */
VALUE_PARSER(mounts_for);      /* char ** */
VALUE_PARSER(unit_names);      /* char ** */
VALUE_PARSER(path_or_not);     /* char *: "!" stands before a path that is not to be there */
VALUE_PARSER(documentation);   /* char ** */
VALUE_PARSER(condition);       /* struct condition *: arg is the type, bit 16 an assertion */
VALUE_PARSER(job_mode);        /* enum job_mode */
VALUE_PARSER(failure_isolate); /* enum job_mode from a boolean */
VALUE_PARSER(job_timeout);     /* struct unit_settings */
VALUE_PARSER(job_running_timeout);
VALUE_PARSER(action);           /* enum emergency_action */
VALUE_PARSER(exit_status);      /* int, -1 when empty */
VALUE_PARSER(collect_mode);     /* bool */
VALUE_PARSER(install_names);    /* char ** */
VALUE_PARSER(default_instance); /* char * */

/* value-exec.c */
VALUE_PARSER(environment);      /* char ** of NAME=VALUE */
VALUE_PARSER(environment_file); /* char ** */
VALUE_PARSER(pass_environment); /* char ** of names */
VALUE_PARSER(unset_environment);
VALUE_PARSER(search_path);       /* char **: "a:b" */
VALUE_PARSER(user);              /* char * */
VALUE_PARSER(user_list);         /* char ** */
VALUE_PARSER(working_directory); /* struct exec_settings */
VALUE_PARSER(directories);       /* struct exec_settings.directories[n] */
VALUE_PARSER(preserve);          /* enum exec_preserve */
VALUE_PARSER(input);             /* struct exec_settings */
VALUE_PARSER(output);            /* arg: 1 output, 2 error */
VALUE_PARSER(input_text);
VALUE_PARSER(input_data);
VALUE_PARSER(syslog_facility);  /* int */
VALUE_PARSER(syslog_level);     /* int */
VALUE_PARSER(log_extra_fields); /* char ** */
VALUE_PARSER(rlimit);           /* struct rlimit *: arg is RLIMIT_x */
VALUE_PARSER(nice);             /* int */
VALUE_PARSER(oom_score);        /* int */
VALUE_PARSER(cpu_affinity);     /* cpu_set_t * */
VALUE_PARSER(nsec);             /* int64_t */
VALUE_PARSER(personality);      /* uint64_t */
VALUE_PARSER(cpu_priority);     /* int */
VALUE_PARSER(io_priority);      /* int */

/* value-sandbox.c */
VALUE_PARSER(capabilities); /* uint64_t: arg is its initial value */
VALUE_PARSER(secure_bits);  /* int */
VALUE_PARSER(paths);        /* char **: absolute, with "-" and "+" */
VALUE_PARSER(bind_paths);   /* char ** */
VALUE_PARSER(temporary_file_systems);
VALUE_PARSER(restrict_namespaces);
VALUE_PARSER(system_call_filter); /* arg 1: SystemCallLog= */
VALUE_PARSER(system_call_error_number);
VALUE_PARSER(system_call_architectures);
VALUE_PARSER(address_families); /* struct exec_settings */
VALUE_PARSER(mount_flags);      /* struct exec_settings */
VALUE_PARSER(mount_api_vfs);    /* struct exec_settings */
VALUE_PARSER(proc_subset);      /* bool */
VALUE_PARSER(load_credential);  /* char ** */
VALUE_PARSER(set_credential);
VALUE_PARSER(keyring_mode); /* char * */
VALUE_PARSER(label);        /* char *: security label; "-" ignores failure */

/* value-cgroup.c */
VALUE_PARSER(slice);      /* char * */
VALUE_PARSER(delegate);   /* struct cgroup_settings */
VALUE_PARSER(weight);     /* uint64_t: arg 1: "idle" */
VALUE_PARSER(cpu_shares); /* uint64_t, legacy scale */
VALUE_PARSER(blockio_weight);
VALUE_PARSER(cpu_quota);    /* usec_t */
VALUE_PARSER(memory_limit); /* uint64_t: arg is the bit in the percent mask; 5: MemoryLimit= */
VALUE_PARSER(tasks_max);    /* struct cgroup_settings */
VALUE_PARSER(cpu_list);     /* char * */
VALUE_PARSER(device_allow); /* char ** */
VALUE_PARSER(io_device);    /* char **: "Key device value" */
VALUE_PARSER(ip_addresses); /* char ** */
VALUE_PARSER(oom_policy);   /* struct unit_file's cgroup */

/* value-service.c */
VALUE_PARSER(exec);            /* struct exec_command * */
VALUE_PARSER(service_type);    /* struct service_settings */
VALUE_PARSER(exit_type);       /* bool */
VALUE_PARSER(service_timeout); /* start and stop */
VALUE_PARSER(timeout_start);
VALUE_PARSER(timeout_abort);
VALUE_PARSER(mount_timeout);   /* usec_t of socket, mount, swap, and its timeout_set */
VALUE_PARSER(swap_priority);   /* int */
VALUE_PARSER(pid_file);        /* char * */
VALUE_PARSER(bus_name);        /* char * */
VALUE_PARSER(exit_status_set); /* struct exit_status_set */
VALUE_PARSER(socket_units);    /* char ** */
VALUE_PARSER(root_start_only); /* bool, and exec's */
VALUE_PARSER(open_file);       /* char ** */

/* value-socket.c */
VALUE_PARSER(listen);          /* struct socket_port *: arg is the kind */
VALUE_PARSER(socket_protocol); /* int */
VALUE_PARSER(bind_ipv6_only);  /* int */
VALUE_PARSER(ip_tos);          /* int */
VALUE_PARSER(timestamping);    /* int */
VALUE_PARSER(fdname);          /* char * */
VALUE_PARSER(int64);           /* int64_t */
VALUE_PARSER(bytes_signed);    /* int64_t */
VALUE_PARSER(socket_service);  /* char * */
VALUE_PARSER(interface);       /* char * */

/* value-timer.c */
VALUE_PARSER(timer);        /* struct timer_value *: arg is the base */
VALUE_PARSER(path_spec);    /* struct path_spec *: arg is the kind */
VALUE_PARSER(trigger_unit); /* char * */

/* Helpers that several of them share. */
int parse_permyriad(const char *s, uint64_t max,
                    uint64_t *ret); /* "12.5%" is 1250; -EINVAL if it is no percentage */
int parse_size(const char *s, uint64_t base,
               uint64_t *ret); /* base 1024 or 1000: "1G 512M"; -EINVAL, -ERANGE */
/* Decimal, 0x.., 0o.. and 0b.., and the octal of a leading 0, as in systemd.syntax(7). -EINVAL, -ERANGE. */
int parse_number(const char *s, bool negative_ok, int64_t *ret);
int parse_mode(const char *s, mode_t *ret);
int parse_nsec(const char *s, uint64_t *ret);
bool user_name_is_valid(const char *s); /* or a number */
bool env_name_is_valid(const char *s, size_t size);
bool env_assignment_is_valid(const char *s);
bool text_is_safe(const char *s); /* no control characters */
/* A controller that can be delegated or asked for, of cgroup v1 or v2 or made of BPF programs. */
bool cgroup_controller_is_known(const char *name);
/* Words of @value, specifiers resolved, each given to @fn; a word that fails is reported and passed over. */
typedef int (*word_fn)(struct parse *p, char *word, void *field, int64_t arg);
int parse_words(struct parse *p, const char *value, unsigned flags, word_fn fn, void *field,
                int64_t arg);
/* Words "A:B:C", each given to @fn by its parts, which quotes and escapes, those of colons too, and specifiers are resolved in. */
typedef int (*parts_fn)(struct parse *p, char **parts, void *field, int64_t arg);
int parse_colon_words(struct parse *p, const char *value, unsigned flags, parts_fn fn, void *field,
                      int64_t arg);

enum value_enum {
	ENUM_KILL_MODE,
	ENUM_RESTART,
	ENUM_NOTIFY_ACCESS,
	ENUM_TIMEOUT_MODE,
	ENUM_IO_CLASS,
	ENUM_CPU_POLICY,
	ENUM_PROTECT_HOME,
	ENUM_PROTECT_SYSTEM,
	ENUM_PROTECT_PROC,
	ENUM_DEVICE_POLICY,
	ENUM_MAX
};
const char *value_enum_name(enum value_enum e, int value);
