// SPDX-License-Identifier: Apache-2.0
/* Units and settings that come from a caller outlive core. */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void start(struct world *w)
{
	static const char *const plain[] = {"sysinit.target", "basic.target", "shutdown.target",
	                                    "default.target"};

	for (size_t i = 0; i < ELEMENTSOF(plain); i++)
		world_put(w, plain[i], "[Unit]\nDescription=%s\nDefaultDependencies=no\n",
		          plain[i]);
	CHECK_INT(world_start(w), ==, 0);
	CHECK_STR(world_wait(w, "default.target", "ActiveState", "active", 5000), "active");
}

static int run(struct world *w, const char *name, char *const *properties)
{
	auto_json cJSON *answer = NULL;
	cJSON *p = cJSON_CreateObject();

	json_add_string(p, "name", name);
	json_add_strv(p, "properties", properties);
	return world_call(w, "org.sysmaster.Unit.StartTransient", p, &answer);
}

static char *const forever[] = {(char *) "Description=Sleeps",
                                (char *) "ExecStart=/bin/sleep infinity", NULL};

TEST(transient__outlives_core)
{
	WITH_WORLD(w);
	start(&w);
	CHECK_INT(run(&w, "t.service", forever), ==, 0);
	long pid = world_number(&w, "t.service", "MainPID");
	CHECK_INT(pid, >, 1);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "t.service", "ActiveState"), "active");
	CHECK_INT(world_number(&w, "t.service", "MainPID"), ==, pid);
	CHECK_STR(world_property(&w, "t.service", "Description"), "Sleeps");
	CHECK_STR(world_property(&w, "t.service", "Transient"), "yes");
	/* Its name is taken as long as it runs, and free afterwards. */
	CHECK_INT(run(&w, "t.service", forever), ==, -EREMOTEIO);
	CHECK_STR(world_order(&w, "stop", "t.service"), "done");
	CHECK_STR(world_wait(&w, "t.service", "LoadState", "not-found", 5000), "not-found");
	CHECK_INT(run(&w, "t.service", forever), ==, 0);
}

TEST(transient__is_whole_or_not_there_wherever_core_dies)
{
	WITH_WORLD(w);
	start(&w);
	for (int i = 0; i < 4; i++) {
		char name[32];
		int r;

		(void) snprintf(name, sizeof(name), "k%d.service", i);
		/* Asked for, and core killed some hundred microseconds later; the call comes back when its successor has answered. */
		pid_t killer = fork();
		if (killer == 0) {
			usleep((useconds_t) i * 400);
			(void) kill(world_core(&w), SIGKILL);
			_exit(0);
		}
		r = run(&w, name, forever);
		(void) waitpid(killer, NULL, 0);
		/* The first try may have got through, and then the second finds the name taken. */
		if (r != 0 && r != -EREMOTEIO)
			CHECK_INT(r, ==, 0);
		CHECK_STR(world_wait(&w, name, "ActiveState", "active", 5000), "active");
		CHECK_STR(world_order(&w, "stop", name), "done");
	}
}

static int run_scope(struct world *w, const char *name, long pid, char *const *properties)
{
	auto_json cJSON *answer = NULL;
	cJSON *p = cJSON_CreateObject(), *pids = cJSON_CreateArray();

	json_add_string(p, "name", name);
	json_add_strv(p, "properties", properties);
	json_append_take(pids, cJSON_CreateNumber((double) pid));
	json_add_take(p, "pids", pids);
	return world_call(w, "org.sysmaster.Unit.StartTransient", p, &answer);
}

/* uid of a file of a unit's cgroup, -errno */
static int owner_of(const struct world *w, const char *unit, const char *file)
{
	auto_free char *path = str_printf("%s/system.slice/%s/%s", w->cgroup, unit, file);
	struct stat st;

	return stat(path, &st) < 0 ? -errno : (int) st.st_uid;
}

/* Delegate= with User=: the cgroup is the user's before the processes come in, wherever core dies. */
TEST(scope__gives_a_delegated_cgroup_to_its_user)
{
	char *const properties[] = {(char *) "Delegate=yes", (char *) "User=daemon", NULL};
	char *const nobody_there[] = {(char *) "Delegate=yes", (char *) "User=no-such-user", NULL};
	char *const plain[] = {(char *) "User=daemon", NULL};
	char name[32];
	int uid = 1; /* daemon's, in Debian's base-passwd */

	WITH_WORLD(w);
	world_put(&w, "s@.service", "[Service]\nExecStart=/bin/sleep infinity\n");
	start(&w);
	CHECK_STR(world_order(&w, "start", "s@1.service"), "done");
	CHECK_INT(
		run_scope(&w, "one.scope", world_number(&w, "s@1.service", "MainPID"), properties),
		==, 0);
	CHECK_STR(world_wait(&w, "one.scope", "SubState", "running", 10000), "running");
	CHECK_INT(owner_of(&w, "one.scope", ""), ==, uid);
	CHECK_INT(owner_of(&w, "one.scope", "cgroup.procs"), ==, uid);
	CHECK_INT(owner_of(&w, "one.scope", "cgroup.subtree_control"), ==, uid);
	CHECK_INT(owner_of(&w, "one.scope", "memory.max"), !=, uid);
	/* Without Delegate= it stays ours. */
	CHECK_STR(world_order(&w, "start", "s@2.service"), "done");
	CHECK_INT(run_scope(&w, "two.scope", world_number(&w, "s@2.service", "MainPID"), plain), ==,
	          0);
	CHECK_STR(world_wait(&w, "two.scope", "SubState", "running", 10000), "running");
	CHECK_INT(owner_of(&w, "two.scope", ""), ==, 0);
	/* Nobody to give it to: the processes stay where they are. */
	CHECK_STR(world_order(&w, "start", "s@3.service"), "done");
	CHECK_INT(run_scope(&w, "three.scope", world_number(&w, "s@3.service", "MainPID"),
	                    nobody_there),
	          ==, 0);
	CHECK_STR(world_wait(&w, "three.scope", "ActiveState", "failed", 10000), "failed");
	CHECK_STR(world_property(&w, "three.scope", "Result"), "resources");
	CHECK_STR(world_property(&w, "s@3.service", "SubState"), "running");
	for (int i = 4; i < 10; i++) {
		auto_free char *service = str_printf("s@%d.service", i);

		(void) snprintf(name, sizeof(name), "k%d.scope", i);
		CHECK_STR(world_order(&w, "start", service), "done");
		long pid = world_number(&w, service, "MainPID");
		pid_t killer = fork();
		if (killer == 0) {
			usleep((useconds_t) (i - 4) * 700);
			(void) kill(world_core(&w), SIGKILL);
			_exit(0);
		}
		int r = run_scope(&w, name, pid, properties);
		(void) waitpid(killer, NULL, 0);
		/* The first try may have got through, and then the second finds the name taken. */
		if (r != 0 && r != -EREMOTEIO)
			CHECK_INT(r, ==, 0);
		CHECK_STR(world_wait(&w, name, "SubState", "running", 10000), "running");
		CHECK_INT(owner_of(&w, name, "cgroup.procs"), ==, uid);
	}
}

TEST(set_property__outlives_core)
{
	WITH_WORLD(w);
	world_put(&w, "s.service", "[Service]\nExecStart=/bin/sleep infinity\n");
	start(&w);
	CHECK_STR(world_order(&w, "start", "s.service"), "done");
	auto_json cJSON *answer = NULL;
	cJSON *p = cJSON_CreateObject();
	json_add_string(p, "name", "s.service");
	json_add_strv(p, "properties", (char *[]){(char *) "TasksMax=123", NULL});
	json_add_bool(p, "runtime", true);
	CHECK_INT(world_call(&w, "org.sysmaster.Unit.SetProperties", p, &answer), ==, 0);
	CHECK_STR(world_property(&w, "s.service", "TasksMax"), "123");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "s.service", "TasksMax"), "123");
	CHECK_STR(world_property(&w, "s.service", "ActiveState"), "active");
}

static const cJSON *job_of(const cJSON *answer, const char *unit)
{
	const cJSON *jobs, *j;

	if (json_get_array(answer, "jobs", &jobs) >= 0)
		cJSON_ArrayForEach(j,
		                   jobs) if (streq(json_string_or(j, "unit", ""), unit)) return j;
	return NULL;
}

/* Jobs say for which other ones they wait, if one asks. */
TEST(list_jobs__says_who_waits_for_whom)
{
	auto_json cJSON *answer = NULL, *plain = NULL;
	const cJSON *after;

	WITH_WORLD(w);
	world_put(&w, "slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\n");
	world_put(&w, "next.service",
	          "[Unit]\nAfter=slow.service\n[Service]\nExecStart=/bin/sleep infinity\n");
	world_put(&w, "last.service",
	          "[Unit]\nAfter=next.service\n[Service]\nExecStart=/bin/true\n");
	start(&w);
	CHECK_INT(world_queue(&w, "start", "slow.service"), ==, 0);
	CHECK_INT(world_queue(&w, "start", "next.service"), ==, 0);
	CHECK_INT(world_queue(&w, "start", "last.service"), ==, 0);
	/* What they want from the house itself is done in a moment. */
	for (int i = 0; i < 500 && (!answer || job_of(answer, "sysinit.target")); i++) {
		cJSON *p = cJSON_CreateObject();

		usleep(i ? 10000 : 0);
		cJSON_Delete(answer);
		answer = NULL;
		json_add_bool(p, "order", true);
		CHECK_INT(world_call(&w, "org.sysmaster.Manager.ListJobs", p, &answer), ==, 0);
	}
	const cJSON *slow = job_of(answer, "slow.service"), *next = job_of(answer, "next.service"),
		    *last = job_of(answer, "last.service");
	CHECK(slow && next && last);
	CHECK_INT(json_get_array(slow, "after", &after), ==, 0);
	CHECK_INT(cJSON_GetArraySize(after), ==, 0);
	CHECK_INT(json_get_array(next, "after", &after), ==, 0);
	CHECK_INT(cJSON_GetArraySize(after), ==, 1);
	CHECK_INT((long) cJSON_GetArrayItem(after, 0)->valuedouble, ==,
	          (long) json_u64_or(slow, "id", 0));
	CHECK_INT(json_get_array(last, "after", &after), ==, 0);
	CHECK_INT(cJSON_GetArraySize(after), ==, 1);
	CHECK_INT((long) cJSON_GetArrayItem(after, 0)->valuedouble, ==,
	          (long) json_u64_or(next, "id", 0));
	CHECK_INT(world_call(&w, "org.sysmaster.Manager.ListJobs", NULL, &plain), ==, 0);
	CHECK(job_of(plain, "next.service") &&
	      !cJSON_HasObjectItem(job_of(plain, "next.service"), "after"));
	/* And as people see it. */
	auto_free char *command =
		str_printf(SCTL " -H unix:%s list-jobs --after --before >%s/jobs", w.socket, w.dir);
	CHECK_INT(system(command), ==, 0);
	auto_free char *text = world_file(&w, "jobs");
	auto_free char *waits = str_printf("waiting for job %ld (slow.service/start)",
	                                   (long) json_u64_or(slow, "id", 0)),
		       *blocks = str_printf("blocking job %ld (last.service/start)",
	                                    (long) json_u64_or(last, "id", 0));
	CHECK(text && strstr(text, waits) && strstr(text, blocks));
}
