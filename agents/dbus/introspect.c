// SPDX-License-Identifier: Apache-2.0
/* org.freedesktop.DBus.Introspectable: what the tables say, as XML. */
#include "dbus/dbus.h"

#define HEADER                                                                                     \
	"<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"       \
	"\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n"

static const char standard[] =
	" <interface name=\"org.freedesktop.DBus.Peer\">\n  <method name=\"Ping\"/>\n"
	"  <method name=\"GetMachineId\"><arg type=\"s\" name=\"machine_uuid\" "
	"direction=\"out\"/></method>\n </interface>\n"
	" <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
	"  <method name=\"Introspect\"><arg name=\"data\" type=\"s\" "
	"direction=\"out\"/></method>\n </interface>\n"
	" <interface name=\"org.freedesktop.DBus.Properties\">\n"
	"  <method name=\"Get\"><arg name=\"interface\" direction=\"in\" type=\"s\"/><arg "
	"name=\"property\" direction=\"in\" type=\"s\"/><arg name=\"value\" direction=\"out\" "
	"type=\"v\"/></method>\n"
	"  <method name=\"GetAll\"><arg name=\"interface\" direction=\"in\" type=\"s\"/><arg "
	"name=\"properties\" direction=\"out\" type=\"a{sv}\"/></method>\n"
	"  <method name=\"Set\"><arg name=\"interface\" direction=\"in\" type=\"s\"/><arg "
	"name=\"property\" direction=\"in\" type=\"s\"/><arg name=\"value\" direction=\"in\" "
	"type=\"v\"/></method>\n"
	"  <signal name=\"PropertiesChanged\"><arg type=\"s\" name=\"interface\"/><arg "
	"type=\"a{sv}\" name=\"changed_properties\"/><arg type=\"as\" "
	"name=\"invalidated_properties\"/></signal>\n </interface>\n";

/* clang-format off */
static const struct { const char *name, *arguments; } manager_signals[] = {
	{ "UnitNew", "so" }, { "UnitRemoved", "so" }, { "JobNew", "uos" }, { "JobRemoved", "uoss" },
	{ "StartupFinished", "tttttt" }, { "UnitFilesChanged", "" }, { "Reloading", "b" },
};
/* clang-format on */

/* Each complete type of @signature as an argument. */
static void put_arguments(struct strbuf *b, const char *signature, const char *direction)
{
	while (*signature) {
		const char *s = signature;
		size_t depth = 0;

		while (*s == 'a')
			s++;
		do {
			depth += *s == '(' || *s == '{';
			depth -= *s == ')' || *s == '}';
			s++;
		} while (depth > 0);
		strbuf_printf(b, "   <arg type=\"%.*s\"", (int) (s - signature), signature);
		if (direction)
			strbuf_printf(b, " direction=\"%s\"", direction);
		strbuf_puts(b, "/>\n");
		signature = s;
	}
}

static void put_methods(struct strbuf *b, const char *interface)
{
	for (size_t i = 0; i < n_methods; i++) {
		if (!streq(methods[i].interface, interface))
			continue;
		strbuf_printf(b, "  <method name=\"%s\">\n", methods[i].name);
		put_arguments(b, methods[i].in, "in");
		put_arguments(b, methods[i].out, "out");
		strbuf_puts(b, "  </method>\n");
	}
}

static void put_properties(struct strbuf *b, const struct interface *i)
{
	static const char *const emits[] = {
		[CONST] = "const", [CHANGES] = "true", [SILENT] = "false"};

	for (size_t p = 0; p < ELEMENTSOF(i->parts); p++)
		for (size_t k = 0; k < i->parts[p].n; k++) {
			const struct property *row = &i->parts[p].rows[k];

			strbuf_printf(b,
			              "  <property name=\"%s\" type=\"%s\" access=\"read\">\n   "
			              "<annotation "
			              "name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
			              "value=\"%s\"/>\n  </property>\n",
			              row->name, row->signature, emits[row->change]);
		}
}

static void put_interface(struct strbuf *b, const struct interface *i)
{
	strbuf_printf(b, " <interface name=\"%s\">\n", i->name);
	put_methods(b, i->name);
	put_properties(b, i);
	if (streq(i->name, BUS_NAME ".Manager"))
		for (size_t k = 0; k < ELEMENTSOF(manager_signals); k++) {
			strbuf_printf(b, "  <signal name=\"%s\">\n", manager_signals[k].name);
			put_arguments(b, manager_signals[k].arguments, NULL);
			strbuf_puts(b, "  </signal>\n");
		}
	strbuf_puts(b, " </interface>\n");
}

static int reply(sd_bus_message *m, struct strbuf *b)
{
	auto_free char *text = NULL;
	int r;

	strbuf_puts(b, "</node>\n");
	r = strbuf_take(b, &text);
	return r < 0 ? r : sd_bus_reply_method_return(m, "s", text);
}

/* The children of .../unit and .../job. */
static int on_children(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	auto_strbuf struct strbuf b = {0};
	const cJSON *list, *it;
	bool jobs;

	(void) d, (void) userdata;
	jobs = json_get_array(parameters, "jobs", &list) >= 0;
	if (!jobs && json_get_array(parameters, "units", &list) < 0)
		return -EPROTO;
	strbuf_puts(&b, HEADER);
	cJSON_ArrayForEach(it, list)
	{
		auto_free char *path = NULL;

		if (jobs)
			strbuf_printf(&b, " <node name=\"%llu\"/>\n",
			              (unsigned long long) json_u64_or(it, "id", 0));
		else if (unit_path(json_string_or(it, "id", ""), &path) >= 0)
			strbuf_printf(&b, " <node name=\"%s\"/>\n", path + strlen(UNIT_PATH "/"));
	}
	return reply(m, &b);
}

static int ask_children(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	cJSON *p;
	int r;

	if (o->kind == OBJECT_JOBS)
		return core_call(d, m, "org.sysmaster.Manager.ListJobs", NULL, 0, on_children,
		                 NULL);
	p = cJSON_CreateObject();
	r = json_add_bool(p, "all", true);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.ListUnits", p, 0, on_children, NULL);
}

static void put_above(struct strbuf *b, const char *path)
{
	const char *rest = str_after(MANAGER_PATH, path);
	size_t n;

	if (!rest)
		return;
	rest += *rest == '/';
	n = strcspn(rest, "/");
	strbuf_printf(b, " <node name=\"%.*s\"/>\n", (int) n, rest);
}

static void put_unit(struct strbuf *b, const struct object *o)
{
	auto_free char *type = str_printf(BUS_NAME ".%s", unit_interface(o->unit));
	const struct interface *i = type ? interface_find(type) : NULL;

	put_interface(b, interface_find(BUS_NAME ".Unit"));
	if (i)
		put_interface(b, i);
}

int introspect(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	auto_strbuf struct strbuf b = {0};

	if (o->kind == OBJECT_UNITS || o->kind == OBJECT_JOBS)
		return ask_children(d, o, m);
	strbuf_puts(&b, HEADER);
	if (o->kind == OBJECT_ABOVE) {
		put_above(&b, sd_bus_message_get_path(m));
		return reply(m, &b);
	}
	strbuf_puts(&b, standard);
	if (o->kind == OBJECT_MANAGER) {
		put_interface(&b, interface_find(BUS_NAME ".Manager"));
		strbuf_puts(&b, " <node name=\"unit\"/>\n <node name=\"job\"/>\n");
	} else if (o->kind == OBJECT_JOB) {
		put_interface(&b, interface_find(BUS_NAME ".Job"));
	} else {
		put_unit(&b, o);
	}
	return reply(m, &b);
}
