// SPDX-License-Identifier: Apache-2.0
/*
 * generators.c - short-lived programs that run before units are loaded: the boot agent (machine id,
 * host name), then systemd.generator(7)s, all at once. They are children of core, not of init; core
 * waits on the loop, not in wait(2), and kills what is still there at the deadline. A core that
 * dies meanwhile starts them again in the next one: that is what generators promise.
 */
#include "core.h"

#include "exec/exec.h"

#include <signal.h>
#include <sys/wait.h>

#define GENERATORS_USEC   (30 * USEC_PER_SEC)
#define BOOT_AGENT_USEC   (10 * USEC_PER_SEC)
#define CRASH_KEEPER_USEC (30 * USEC_PER_SEC)

struct helper {
	struct list link;
	struct helper_run *run;
	struct pidref pid;
	struct source *source;
	char *path;
};

struct helper_run {
	struct core *core;
	struct helper_run **slot;
	struct list helpers;
	struct source *timer, *finish;
	helper_done_fn done;
};

static void helper_free(struct helper *h)
{
	list_remove(&h->link);
	source_free(h->source);
	pidref_done(&h->pid);
	free(h->path);
	free(h);
}

static void run_free(struct helper_run *run)
{
	struct helper *h;

	if (!run)
		return;
	while ((h = LIST_FIRST(&run->helpers, struct helper, link))) {
		(void) pidref_kill(&h->pid, SIGKILL);
		helper_free(h);
	}
	source_free(run->timer);
	source_free(run->finish);
	if (run->slot)
		*run->slot = NULL;
	free(run);
}

static int on_finish(struct source *s _unused_, void *userdata)
{
	struct helper_run *run = userdata;
	struct core *c = run->core;
	helper_done_fn done = run->done;

	run_free(run);
	done(c);
	return 0;
}

static void finish_if_all_ended(struct helper_run *run)
{
	if (list_is_empty(&run->helpers))
		(void) source_set_state(run->finish, SOURCE_ONESHOT);
}

static int on_helper_end(struct source *s _unused_, const struct pidref *pid, void *userdata)
{
	struct helper *h = userdata;
	struct helper_run *run = h->run;
	int status = 0;

	if (waitpid(pid->pid, &status, WNOHANG) > 0 && status != 0) {
		if (WIFEXITED(status))
			log_warning("\"%s\" failed with exit status %d", h->path,
			            WEXITSTATUS(status));
		else
			log_warning("\"%s\" was killed by signal %d", h->path, WTERMSIG(status));
	}
	helper_free(h);
	finish_if_all_ended(run);
	return 0;
}

static int on_deadline(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	struct helper_run *run = userdata;

	LIST_FOREACH (h, &run->helpers, struct helper, link) {
		log_warning("\"%s\" takes too long, killing it", h->path);
		(void) pidref_kill(&h->pid, SIGKILL);
	}
	return 0;
}

static int run_new(struct core *c, struct helper_run **slot, usec_t timeout, helper_done_fn done,
                   struct helper_run **ret)
{
	struct helper_run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	run->core = c;
	run->done = done;
	list_init(&run->helpers);
	r = loop_add_time(c->loop, CLOCK_BOOTTIME, usec_add(now(CLOCK_BOOTTIME), timeout),
	                  TIMER_EXACT, "generator-deadline", on_deadline, run, &run->timer);
	if (r >= 0)
		r = loop_add_defer(c->loop, "generators-done", on_finish, run, &run->finish);
	if (r < 0) {
		run_free(run);
		return r;
	}
	(void) source_set_state(run->finish, SOURCE_OFF);
	run->slot = slot;
	*slot = run;
	*ret = run;
	return 0;
}

static int helper_start(struct helper_run *run, char *const *argv, char *const *env)
{
	struct helper *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->run = run;
	h->pid = PIDREF_NULL;
	h->path = strdup(argv[0]);
	r = h->path ? exec_spawn_plain(run->core->manager, argv, env, -EBADF, &h->pid) : -ENOMEM;
	if (r >= 0) {
		list_append(&run->helpers, &h->link);
		r = loop_add_pid(run->core->loop, &h->pid, "generator", on_helper_end, h,
		                 &h->source);
	}
	if (r < 0) {
		log_warning_errno(r, "Failed to run \"%s\": %m", argv[0]);
		(void) pidref_kill(&h->pid, SIGKILL);
		helper_free(h);
	}
	return r;
}

int boot_agent_run(struct core *c, helper_done_fn done)
{
	auto_free char *path = path_join(c->directory, "sysmaster-boot");
	char *argv[] = {path, (char *) "early", NULL};
	struct helper_run *run;
	int r;

	if (!path)
		return -ENOMEM;
	r = run_new(c, &c->boot_agent, BOOT_AGENT_USEC, done, &run);
	if (r < 0)
		return r;
	if (access(path, X_OK) >= 0)
		(void) helper_start(run, argv, NULL);
	finish_if_all_ended(run);
	return 0;
}

/* A disk may hang, and core must not: it is this process that waits. */
int crash_keeper_run(struct core *c, helper_done_fn done)
{
	auto_free char *path = path_join(c->directory, "core");
	char *argv[] = {path, (char *) "--keep-crashes", NULL};
	const char *place = secure_getenv("SYSMASTER_CRASH_DIRECTORY");
	auto_free char *assignment =
		place ? str_printf("SYSMASTER_CRASH_DIRECTORY=%s", place) : NULL;
	char *env[] = {assignment, NULL};
	struct helper_run *run;
	int r;

	if (!path || (place && !assignment))
		return -ENOMEM;
	r = run_new(c, &c->keeper, CRASH_KEEPER_USEC, done, &run);
	if (r < 0)
		return r;
	(void) helper_start(run, argv, env);
	finish_if_all_ended(run);
	return 0;
}

/* ---- generators ---- */

static int generator_environment(const struct core *c, char ***ret)
{
	bool container;
	const char *virt = host_virtualization(&container);
	auto_free char *architecture = str_printf("SYSTEMD_ARCHITECTURE=%s", host_architecture());
	auto_free char *virtualization =
		str_printf("SYSTEMD_VIRTUALIZATION=%s:%s", container ? "container" : "vm", virt);
	auto_strv char **env = strv_copy(c->manager->environment);
	bool first_boot = access("/run/systemd/first-boot", F_OK) >= 0,
	     initrd = access("/etc/initrd-release", F_OK) >= 0;
	int r;

	if (!env || !architecture || !virtualization)
		return -ENOMEM;
	r = env_set(&env, "SYSTEMD_SCOPE=system");
	if (r >= 0)
		r = env_set(&env, initrd ? "SYSTEMD_IN_INITRD=1" : "SYSTEMD_IN_INITRD=0");
	if (r >= 0)
		r = env_set(&env, first_boot ? "SYSTEMD_FIRST_BOOT=1" : "SYSTEMD_FIRST_BOOT=0");
	if (r >= 0)
		r = env_set(&env, architecture);
	if (r >= 0 && !streq(virt, "none"))
		r = env_set(&env, virtualization);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(env);
	return 0;
}

int generators_run(struct core *c, helper_done_fn done)
{
	static char *const outputs[] = {(char *) "/run/systemd/generator",
	                                (char *) "/run/systemd/generator.early",
	                                (char *) "/run/systemd/generator.late"};
	auto_generator_choice struct generator_choice choice = {0};
	auto_strv char **env = NULL;
	char **cmdline; /* the host's own, borrowed */
	struct helper_run *run;
	int r;

	if (c->generators)
		return -EBUSY;
	r = generators_choose(c->directory, &choice);
	if (r >= 0)
		r = host_cmdline(&cmdline);
	if (r >= 0)
		r = generator_environment(c, &env);
	if (r >= 0)
		r = run_new(c, &c->generators, GENERATORS_USEC, done, &run);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(outputs); i++) {
		(void) rm_rf(outputs[i]);
		r = mkdir_p(outputs[i], 0755);
		if (r < 0)
			log_error_errno(r, "Failed to make \"%s\": %m", outputs[i]);
	}
	STRV_FOREACH (p, choice.programs) {
		char *argv[] = {*p, outputs[0], outputs[1], outputs[2], NULL};

		if (generator_is_needed(*p, cmdline))
			(void) helper_start(run, argv, env);
	}
	if (choice.own) {
		char *argv[] = {choice.agent, (char *) "generate", choice.own, outputs[0],
		                outputs[1],   outputs[2],          NULL};

		(void) helper_start(run, argv, env);
	}
	finish_if_all_ended(run);
	return 0;
}

void helpers_stop(struct core *c)
{
	run_free(c->boot_agent);
	run_free(c->generators);
	run_free(c->keeper);
}
