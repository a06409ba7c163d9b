// SPDX-License-Identifier: Apache-2.0
/*
 * core.h - core's own program: what ties the rooms together. Nothing imports it.
 *
 *	main.c        arguments
 *	self-check.c  --self-check: can this binary read the state of the one that runs?
 *	test-root.c   --test-root: what would a boot of this tree do?
 *	crash-notes.c who died: reports about core, init and agents
 *	boot.c        the machine's own set-up before units: directories, loopback, environment
 *	credentials.c what firmware and kernel command line say in secret; smbios.c reads the table
 *	options.c     what the kernel's command line says
 *	generators.c  the boot agent and the generators, as processes with a deadline
 *	generator-choice.c  which programs these are, and which of them the boot agent stands in for
 *	generator-needs.c  which of systemd's generators have nothing to do here
 *	startup.c     the order of things: first boot or a successor that takes over
 *	hooks.c       the manager's and init's callbacks
 *	power.c       power signals, emergency actions
 *	reload.c      generators, then manager_reload()
 *	run.c         programs for callers of the interface
 *	trim.c        memory back to the machine after boot, take-over and reload
 *	report.c      what people read while jobs finish
 */
#pragma once

#include "engine/engine.h"
#include "engine/host.h"
#include "state/state.h"

#define CORE_RUNTIME_DIR "/run/sysmaster"
#define CORE_STATE_DIR   "/run/sysmaster/state"
#define CORE_BOOTED      "/run/sysmaster/booted"

struct helper_run;
struct crash_report;

struct core {
	struct loop *loop;
	struct link *link;
	struct store *store;
	struct state *state;
	struct manager *manager;
	char *directory; /* of this version's programs */
	char *runtime_dir;
	bool safe_mode, container, first; /* first: of this boot, nothing to take over */
	bool needs_boot;                  /* generators and the default target are still to come */
	bool booted_soon; /* write CORE_BOOTED once the boot transaction is stored */
	bool show_status, adopting;
	char *target; /* from the kernel's command line, or NULL */
	char **mask, **wants;
	char **environment; /* of the manager before anybody set something */
	struct helper_run *boot_agent, *generators, *keeper;
	struct crash_report *crash; /* of the core before us */
	struct crash_report *unwritten[4];
	struct source *notes_retry;
	bool crash_is_written, keep_again;
	struct reload_request *reload;
	struct source *trim;
	uint32_t reexec_serial; /* of an upgrade that a signal asked for */
	usec_t start_usec;
	struct {
		enum emergency_action action;
		usec_t at;
	} last_emergency;
};

/* main.c */
extern const char core_version[];

/* self-check.c */
int self_check(const char *state_dir);

/* test-root.c: @unit NULL is default.target */
int test_root(const char *root, const char *unit);

/* crash-notes.c: in this order */
void notes_begin(struct core *c);   /* first of all */
void notes_welcome(struct core *c); /* init has said why we were started */
void notes_ready(struct core *c);   /* there is somebody to tell */
void notes_keep(struct core *c);    /* what is in /run goes to the disk, if it can be written */
void notes_init_fault(struct core *c, const char *text);
void notes_agent_exit(struct core *c, const struct process_exit *e);
int notes_keep_crashes(void); /* --keep-crashes: an exit status */

/* boot.c */
int boot_directory(char **ret);         /* of /proc/self/exe */
int boot_runtime(const struct core *c); /* directories, the symlink "current" */
void boot_limits(void);
void boot_loopback(void);
int boot_environment(char ***ret);

/* credentials.c: once a boot, and finished by the next core if this one does not */
void boot_credentials(const struct core *c);

/* options.c */
int options_read(struct core *c);
void options_write_units(
	const struct core *c); /* systemd.mask=, systemd.wants= as generator output */

void options_write_startup(void); /* drop-ins: who may wait while the machine comes up */

/* generators.c: @done is called once, from the loop */
typedef void (*helper_done_fn)(struct core *c);
int boot_agent_run(struct core *c, helper_done_fn done);
int generators_run(struct core *c, helper_done_fn done);
int crash_keeper_run(struct core *c, helper_done_fn done);
void helpers_stop(struct core *c);

/* generator-choice.c */
struct generator_choice {
	char **programs;
	char *agent; /* the boot agent, NULL if it is not there */
	char *own;   /* names of its generators that run, as "fstab,getty"; NULL: none */
};
/* @directory is that of our programs; $SYSTEMD_GENERATOR_PATH counts. */
int generators_choose(const char *directory, struct generator_choice *ret);
void generator_choice_done(struct generator_choice *c);
#define auto_generator_choice __attribute__((cleanup(generator_choice_done)))
/* It is in a folder of packages, not of an administrator or of ours. */
bool generator_is_packaged(const char *path);

/* generator-needs.c */
/* False for a generator of the systemd package that would find nothing to do. */
bool generator_is_needed(const char *path, char *const *cmdline);
/* gpt-auto reads the partition table around the root's partition: a root that is a disk of its own has none. */
bool disk_may_have_table(dev_t root);

/* startup.c */
int core_run(bool safe_mode);

/* hooks.c */
extern const struct manager_hooks core_hooks;
extern const struct link_handlers core_link_handlers;

/* trim.c: soon, when the work at hand is done, memory that it needed goes back to the machine */
int trim_setup(struct core *c);
void trim_soon(struct core *c);

/* power.c */
void power_signal(struct core *c, int signo);
void power_emergency(struct core *c, enum emergency_action a, int exit_status, const char *argument,
                     const char *reason);

/* reload.c */
int core_reload(struct core *c); /* by signal: findings go to the log */
int core_reload_api(struct manager *m, bool dry_run,
                    void (*done)(int r, const struct reload_plan *plan, const struct diag *d,
                                 void *userdata),
                    void *userdata);

/* run.c */
int core_run_program(struct manager *m, char *const *argv, void (*done)(int status, void *userdata),
                     void *userdata);

/* report.c */
void report_job(struct core *c, const struct job *j, enum job_result result);
void report_unit(struct core *c, const struct unit *u, enum unit_active_state old,
                 enum unit_active_state new);
void report_console(struct core *c, const char *tag, const char *fmt, ...) _printf_(3, 4);
