// SPDX-License-Identifier: Apache-2.0
/* The tables of the facade: no empty cell, nothing twice, every type one that the bus library knows. */
#include "check.h"
#include "dbus/dbus.h"

static bool signature_is_one_type(const char *s)
{
	sd_bus_message *m = NULL;
	sd_bus *bus = NULL;
	char inner[64];
	bool good = false;

	/* The library refuses a container of what is no type. */
	if (sd_bus_new(&bus) < 0)
		return false;
	(void) sd_bus_set_address(bus, "unix:path=/nowhere");
	(void) sd_bus_start(bus);
	(void) snprintf(inner, sizeof(inner), "%s", s);
	if (sd_bus_message_new_signal(bus, &m, "/x", "a.b", "C") >= 0)
		good = sd_bus_message_open_container(m, 'v', inner) >= 0;
	else
		good = strlen(s) > 0 && strspn(s, "ybnqiuxtdsogav(){}h") == strlen(s);
	sd_bus_message_unref(m);
	sd_bus_unref(bus);
	return good;
}

TEST(properties__are_whole_and_there_once)
{
	size_t n = 0;

	for (const struct interface *i = interfaces; i->name; i++) {
		CHECK(interface_find(i->name) == i);
		for (size_t p = 0; p < ELEMENTSOF(i->parts); p++)
			for (size_t k = 0; k < i->parts[p].n; k++) {
				const struct property *row = &i->parts[p].rows[k];

				n++;
				CHECK(!str_is_empty(row->name));
				if (!signature_is_one_type(row->signature))
					CHECK_STR(row->signature, "one complete type");
				/* Found is the first of the name: another one would be dead. */
				if (property_find(i, row->name) != row)
					CHECK_STR(row->name, "a name that is there once");
			}
	}
	CHECK_INT(n, >, 400);
}

TEST(methods__are_whole_and_there_once)
{
	for (size_t i = 0; i < n_methods; i++) {
		CHECK(interface_find(methods[i].interface) != NULL);
		CHECK(methods[i].fn != NULL && methods[i].in && methods[i].out);
		for (size_t k = 0; k < i; k++)
			if (streq(methods[k].interface, methods[i].interface) &&
			    streq(methods[k].name, methods[i].name))
				CHECK_STR(methods[i].name, "a name that is there once");
	}
}

TEST(methods__that_change_something_are_roots)
{
	static const char *const readers[] = {"Get",  "List",      "Load",
	                                      "Dump", "Subscribe", "Unsubscribe"};

	for (size_t i = 0; i < n_methods; i++) {
		bool reads = false;

		for (size_t k = 0; k < ELEMENTSOF(readers); k++)
			reads |= str_after(methods[i].name, readers[k]) != NULL;
		/* Users may ask for this one: integration.dbus sees what they get. */
		if (methods[i].access == CORE_SAYS)
			CHECK(str_after(methods[i].name, "AttachProcesses") != NULL);
		else if ((methods[i].access == READ) != reads)
			CHECK_STR(methods[i].name, "a reader or a root's method");
	}
}

TEST(object_paths__are_taken_apart)
{
	static const struct {
		const char *path, *unit;
		enum object_kind kind;
		uint32_t job;
	} cases[] = {
		{"/", NULL, OBJECT_ABOVE, 0},
		{"/org/freedesktop", NULL, OBJECT_ABOVE, 0},
		{MANAGER_PATH, NULL, OBJECT_MANAGER, 0},
		{UNIT_PATH, NULL, OBJECT_UNITS, 0},
		{UNIT_PATH "/cron_2eservice", "cron.service", OBJECT_UNIT, 0},
		{UNIT_PATH "/_2d_2eslice", "-.slice", OBJECT_UNIT, 0},
		{UNIT_PATH "/self", NULL, OBJECT_UNIT_SELF, 0},
		{JOB_PATH, NULL, OBJECT_JOBS, 0},
		{JOB_PATH "/17", NULL, OBJECT_JOB, 17},
		{UNIT_PATH "/cron", NULL, OBJECT_NONE, 0},
		{UNIT_PATH "/a/b_2eservice", NULL, OBJECT_NONE, 0},
		{JOB_PATH "/4294967296", NULL, OBJECT_NONE, 0},
		{JOB_PATH "/", NULL, OBJECT_NONE, 0},
		{"/org/freedesktop/systemd2", NULL, OBJECT_NONE, 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		auto_object struct object o;
		auto_free char *path = NULL;
		int r = object_parse(cases[i].path, &o);

		CHECK_INT(r, ==, cases[i].kind == OBJECT_NONE ? -ENOENT : 0);
		CHECK_INT(o.kind, ==, cases[i].kind);
		CHECK_INT(o.job, ==, cases[i].job);
		CHECK_STR(o.unit, cases[i].unit);
		if (cases[i].unit) {
			CHECK_INT(unit_path(cases[i].unit, &path), ==, 0);
			CHECK_STR(path, cases[i].path);
		}
	}
}
