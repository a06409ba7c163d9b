// SPDX-License-Identifier: Apache-2.0
/*
 * private.h - what the files of the engine share and nobody else sees.
 *
 * Dependencies act through effects: one table (dependency.c) says for each kind what it does when a
 * unit starts, stops, fails, ... Code asks for an effect, never for a list of kinds.
 */
#pragma once

#include "engine/engine.h"

#define ENGINE_UNITS_MAX       65536
#define ENGINE_JOBS_MAX        32768
#define ENGINE_LOAD_DEPTH_MAX  16
#define ENGINE_SLICE_DEPTH_MAX 32

/* ---- effects of dependencies ---- */
/* clang-format off */
enum dependency_effect {
	EFFECT_PULL_START         = 1 << 0,  /* starting me starts it; I fail with it */
	EFFECT_PULL_START_IGNORED = 1 << 1,  /* starting me starts it, if that is possible */
	EFFECT_PULL_VERIFY        = 1 << 2,  /* starting me needs it active already */
	EFFECT_PULL_STOP          = 1 << 3,  /* starting me stops it */
	EFFECT_PULL_STOP_IGNORED  = 1 << 4,
	EFFECT_PASS_STOP          = 1 << 5,  /* stopping me stops it */
	EFFECT_PASS_RESTART       = 1 << 6,  /* restarting me restarts it if it runs */
	EFFECT_PASS_RELOAD        = 1 << 7,
	EFFECT_FAIL_START         = 1 << 8,  /* my failed start fails its start */
	EFFECT_FAIL_INACTIVE      = 1 << 9,  /* so does a start of mine that left me inactive */
	EFFECT_FAIL_STOP          = 1 << 10, /* my failed stop fails its start */
	EFFECT_RETRO_START        = 1 << 11, /* I came up by myself: start it, replacing */
	EFFECT_RETRO_START_WEAK   = 1 << 12, /* the same, if nothing is in the way */
	EFFECT_RETRO_STOP_START   = 1 << 13, /* I came up by myself: stop it */
	EFFECT_RETRO_STOP_STOP    = 1 << 14, /* I went down by myself: stop it */
	EFFECT_PINS               = 1 << 15, /* while it is up I am needed (StopWhenUnneeded=) */
	EFFECT_RECHECK            = 1 << 16, /* when I go down, see whether it is still needed */
	EFFECT_TARGET_ORDER       = 1 << 17, /* if it is a target, it is After= me by default */
};
/* clang-format on */
extern const uint32_t dependency_effects[DEP_MAX];

uint32_t dependency_kinds(uint32_t effect); /* DEPENDENCY_BIT()s of those with any of @effect */

/* Runs the body for each unit that is tied to @u with @effect. */
#define UNIT_FOREACH_EFFECT(other, u, effect)                                                      \
	UNIT_FOREACH_NEIGHBOUR (other, u, dependency_kinds(effect))

/* The same units as a vector, for bodies that may load units. Few units need no memory, so that what
 * follows from a change of state does not fail for want of it. Number, or -ENOMEM. */
#define UNIT_VECTOR_FEW 24
struct unit_vector {
	struct unit **v, *few[UNIT_VECTOR_FEW];
};
#define auto_unit_vector __attribute__((cleanup(unit_vector_done)))
void unit_vector_done(struct unit_vector *v);
int unit_collect_neighbours(const struct unit *u, uint32_t kinds, struct unit_vector *ret);
int unit_collect_effect(const struct unit *u, uint32_t effect, struct unit_vector *ret);
void unit_clear_dependencies(struct unit *u); /* both directions */
int unit_move_dependencies(struct unit *from, struct unit *to);
int unit_readd_dynamic_dependencies(struct unit *u);
void unit_forget_dynamic_dependencies(
	struct unit *u); /* its own, and those of others that lead to it */

/* ---- state predicates ---- */
static inline bool state_is_up(enum unit_active_state s) /* active or reloading */
{
	return s == UNIT_ACTIVE || s == UNIT_RELOADING;
}
static inline bool state_is_up_or_coming(enum unit_active_state s)
{
	return state_is_up(s) || s == UNIT_ACTIVATING;
}
static inline bool state_is_down(enum unit_active_state s) /* inactive or failed */
{
	return s == UNIT_INACTIVE || s == UNIT_FAILED;
}
static inline bool state_is_down_or_going(enum unit_active_state s)
{
	return state_is_down(s) || s == UNIT_DEACTIVATING;
}
int unit_active_state_from_string(const char *s);
int job_state_from_string(const char *s);

/* ---- loading ---- */
struct unit *unit_follow(struct unit *u); /* the unit it was merged into, or itself */
int unit_new(struct manager *m, const char *name, struct unit **ret);
void unit_free(struct unit *u);
int unit_get_or_stub(struct manager *m, const char *name, struct unit **ret);
void unit_queue_load(struct unit *u);
int unit_build(struct unit *u, struct diag *d); /* dependencies from file, type, slice, mounts */
void manager_load_queued(struct manager *m);
void manager_order_queued(struct manager *m);
/* Gives @u the names of its file. *ret_u is the unit that has the file then, @u or the one it was
 * merged into. */
int unit_adopt_names(struct unit *u, struct unit_file *f, struct unit **ret_u);
int unit_default_slice(struct unit *u);
void target_order(struct unit *u);
void unit_retire_file(struct unit *u, struct unit_file *replacement_take);
void unit_free_retired(struct unit *u);

/* ---- mounts-for.c ---- */
void mounts_for_unit_loaded(struct unit *mount);
void mounts_for_forget(struct unit *u);
void mounts_for_done(struct manager *m);

/* ---- job-merge.c ---- */
int job_type_merge(enum job_type a, enum job_type b); /* the type that does both, or -EEXIST */
enum job_type job_type_collapse(enum job_type t, const struct unit *u);
static inline bool job_type_is_conflicting(enum job_type a, enum job_type b)
{
	return job_type_merge(a, b) < 0;
}
bool job_type_is_redundant(enum job_type t, enum unit_active_state s);
bool job_type_is_superset(enum job_type a, enum job_type b); /* a does all that b does */
bool job_type_applies(enum job_type t, const struct unit *u);

/* ---- job.c, job-run.c ---- */
struct job_order {
	enum job_type type;
	bool ignore_order;
};
/* a's unit stands in relation @d (DEP_BEFORE or DEP_AFTER) to b's: < 0: a runs first, > 0: b first,
 * 0: no matter. */
int job_order_compare(struct job_order a, struct job_order b, enum unit_dependency d);
/* @other has a job that goes first; it stands in dependency @d of the job's unit. */
bool job_must_wait_for(const struct job *j, const struct unit *other, enum unit_dependency d);
int job_new(struct unit *u, enum job_type type, uint32_t id,
            struct job **ret); /* not yet installed */
void job_install(struct job *j);
void job_merge_into(struct job *installed, enum job_type type, bool irreversible, bool ignore_order,
                    bool by_user);
void job_queue_run(struct job *j);
void job_finish(struct job *j, enum job_result result, bool recursive);
void job_free(struct job *j); /* no hooks, no dependents: for the end of the manager */
void job_run(struct job *j);
void job_arm_timer(struct job *j);
void manager_run_queued(struct manager *m, usec_t budget);
/* What a change of the unit's state means for its job; true if nobody had asked for the change. */
bool job_process_notify(struct unit *u, enum unit_active_state new, bool reload_success);

/* ---- unit.c ---- */
int unit_start(struct unit *u);
int unit_stop(struct unit *u);
int unit_reload(struct unit *u);
bool unit_can_start(const struct unit *u);
bool unit_can_stop(const struct unit *u);
bool unit_can_reload(const struct unit *u);

/* ---- owed.c ---- */
int owed_setup(struct manager *m);
void owed_forget(struct unit *u);
void owed_record(const struct unit *u, struct strbuf *b);
void owed_restore(struct unit *u, const struct record *r);

/* ---- propagate.c ---- */
void unit_propagate(struct unit *u, enum unit_active_state old, enum unit_active_state new,
                    bool unexpected);
void unit_start_monitors(struct unit *u, enum unit_dependency d); /* OnFailure=, OnSuccess= */
void unit_recheck_soon(struct unit *u);
void unit_tell_triggers(struct unit *u); /* sockets, paths, timers that start it */
void manager_recheck_queued(struct manager *m);

/* ---- conditions ---- */
typedef int (*condition_fn)(const struct manager *m, const char *parameter); /* 1, 0, -errno */
struct condition_type_info {
	const char *name;
	condition_fn fn;
};
extern const struct condition_type_info condition_types[CONDITION_TYPE_MAX];
/* 1 met, 0 not, -errno: could not be told */
int condition_test(const struct manager *m, const struct condition *c);
bool compare_apply(int order, const char *op); /* order as of strcmp; op one of = != < <= > >= */
const char *
compare_operator(const char **s); /* "", or the operator that *s begins with; advances *s */
int version_compare(const char *a, const char *b);
/* clang-format off */
#define CONDITION_FN(name) int name(const struct manager *m, const char *parameter)
CONDITION_FN(condition_architecture); CONDITION_FN(condition_firmware); CONDITION_FN(condition_virtualization);
CONDITION_FN(condition_host); CONDITION_FN(condition_kernel_command_line); CONDITION_FN(condition_kernel_version);
CONDITION_FN(condition_credential); CONDITION_FN(condition_environment); CONDITION_FN(condition_security);
CONDITION_FN(condition_capability); CONDITION_FN(condition_ac_power); CONDITION_FN(condition_needs_update);
CONDITION_FN(condition_first_boot); CONDITION_FN(condition_path_exists); CONDITION_FN(condition_path_exists_glob);
CONDITION_FN(condition_path_is_directory); CONDITION_FN(condition_path_is_symbolic_link);
CONDITION_FN(condition_path_is_mount_point); CONDITION_FN(condition_path_is_read_write);
CONDITION_FN(condition_path_is_encrypted); CONDITION_FN(condition_directory_not_empty);
CONDITION_FN(condition_file_not_empty); CONDITION_FN(condition_file_is_executable); CONDITION_FN(condition_user);
CONDITION_FN(condition_group); CONDITION_FN(condition_control_group_controller); CONDITION_FN(condition_memory);
CONDITION_FN(condition_cpus); CONDITION_FN(condition_cpu_feature); CONDITION_FN(condition_os_release);
CONDITION_FN(condition_memory_pressure); CONDITION_FN(condition_cpu_pressure); CONDITION_FN(condition_io_pressure);
/* clang-format on */

/* ---- transient.c ---- */
void unit_remove_transient(const struct unit *u); /* its file, before its record goes */

/* ---- gc.c ---- */
void manager_gc_queued(struct manager *m);

/* ---- manager.c ---- */
void manager_kick(struct manager *m); /* the dispatch source runs before the loop sleeps */
void manager_check_finished(struct manager *m);
/*
 * Writes all that changed, as one snapshot: a job of a transaction is never in the store without the
 * others, nor a process without the job that started it.
 */
void manager_save(struct manager *m);
