// SPDX-License-Identifier: Apache-2.0
/* A unit type from a shared object: the sample plug-in in a real core, which is killed under it. */
#include "types-world.h"

#include <stdlib.h>

/* dir/plugins/NAME.so of the world, a copy: the loader looks at owner and mode. */
static void put_plugin(struct world *w, const char *name, const char *from, int mode)
{
	auto_free char *path = str_printf("%s/plugins", w->dir), *to = NULL;

	(void) mkdir(path, 0755);
	setenv("SYSMASTER_PLUGIN_PATH", path, 1);
	to = str_printf("%s/%s", path, name);
	CHECK(to && file_copy(from, to, (mode_t) mode) >= 0);
	CHECK(chmod(to, (mode_t) mode) == 0);
}

static void put_counter(struct world *w, const char *name, unsigned limit, const char *interval)
{
	world_put(w, name, "[Unit]\nDefaultDependencies=no\n[Counter]\nLimit=%u\nIntervalSec=%s\n",
	          limit, interval);
}

TEST(plugin__a_type_of_its_own_goes_through_its_states)
{
	WITH_WORLD(w);
	put_targets(&w);
	put_plugin(&w, "counter.so", PLUGIN_COUNTER, 0755);
	put_counter(&w, "a.counter", 3, "50ms");
	world_put(&w, "after.service",
	          "[Unit]\nRequires=a.counter\nAfter=a.counter\n[Service]\n" FOREVER);
	world_put(&w, "bad.counter", "[Unit]\nDefaultDependencies=no\n[Counter]\nLimit=many\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "after.service"), "done");
	CHECK_STATE(&w, "a.counter", "done");
	CHECK_STR(world_property(&w, "a.counter", "Count"), "3");
	CHECK_STR(world_property(&w, "bad.counter", "LoadState"), "bad-setting");
	CHECK_STR(world_order(&w, "stop", "a.counter"), "done");
	CHECK_STATE(&w, "a.counter", "dead");
	CHECK_STATE(&w, "after.service", "dead");
}

TEST(plugin__goes_on_where_it_was_when_core_dies)
{
	long before, after;

	WITH_WORLD(w);
	put_targets(&w);
	put_plugin(&w, "counter.so", PLUGIN_COUNTER, 0755);
	put_counter(&w, "long.counter", 100000, "20ms");
	put_counter(&w, "short.counter", 60, "20ms");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_INT(world_queue(&w, "start", "long.counter"), ==, 0);
	CHECK_INT(world_queue(&w, "start", "short.counter"), ==, 0);
	CHECK_STATE(&w, "long.counter", "counting");
	while ((before = world_number(&w, "long.counter", "Count")) < 10)
		usleep(20000);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	after = world_number(&w, "long.counter", "Count");
	CHECK_INT(after, >=, before);
	CHECK_STATE(&w, "short.counter", "done");
	CHECK_INT(world_number(&w, "short.counter", "Count"), ==, 60);
	CHECK_STATE(&w, "long.counter", "counting");
}

TEST(plugin__that_cannot_be_used_is_left_out)
{
	WITH_WORLD(w);
	put_targets(&w);
	put_plugin(&w, "a-not-elf.so", "/etc/hostname", 0644);
	put_plugin(&w, "b-anybody.so", PLUGIN_COUNTER, 0777);
	put_plugin(&w, "c-older.so", PLUGIN_OLDER, 0755);
	put_plugin(&w, "d-crowded.so", PLUGIN_CROWDED, 0755);
	put_counter(&w, "a.counter", 3, "50ms");
	CHECK_INT(world_start(&w), ==, 0);
	/* No such type: such a name is none. */
	CHECK(!streq(world_order(&w, "start", "a.counter"), "done"));
	CHECK_STR(world_order(&w, "start", "basic.target"), "done");
}

/* Two bad plug-ins that the running core does without (they came later) stop an upgrade of core. */
TEST(plugin__that_a_new_core_cannot_take_is_found_by_its_self_check)
{
	char command[512];

	WITH_WORLD(w);
	put_plugin(&w, "counter.so", PLUGIN_COUNTER, 0755);
	(void) snprintf(command, sizeof(command),
	                "%s/version/core --self-check /nonexistent >/dev/null", w.dir);
	CHECK_INT(system(command), ==, 0);
	put_plugin(&w, "older.so", PLUGIN_OLDER, 0755);
	CHECK_INT(system(command), !=, 0);
}
