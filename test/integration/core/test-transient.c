// SPDX-License-Identifier: Apache-2.0
/* Units and settings that come from a caller outlive core. */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
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
