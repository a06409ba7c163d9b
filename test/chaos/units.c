// SPDX-License-Identifier: Apache-2.0
/* The population of a chaos world: units of each type. */
#include "chaos.h"

/* $HELPER in a text becomes the path of the program, $DIRECTORY the world's. */
#define RUN(mode, unit, arguments) "ExecStart=$HELPER " mode " " unit " " arguments "\n"
#define NOTE(key, unit, text)      key "=$HELPER note " unit " " text "\n"
#define DAEMON                     (UNIT_DAEMON | UNIT_ORDERED | UNIT_BASE)
#define WATCHDOG_SEC               4U

/* clang-format off */
const struct unit_row unit_rows[] = {
	/* plain */
	{"s0.service", DAEMON, "[Service]\n" RUN("run", "s0.service", "")},
	{"s1.service", DAEMON, "[Unit]\nAfter=s0.service\n[Service]\n" RUN("run", "s1.service", "")},
	{"s2.service", DAEMON, "[Unit]\nRequires=s0.service\nAfter=s0.service s1.service\n[Service]\n" RUN("run", "s2.service", "")},
	{"s3.service", DAEMON | UNIT_RELOADS, "[Service]\n" RUN("run", "s3.service", "") "ExecReload=/bin/kill -HUP $MAINPID\n"},
	{"e0.service", DAEMON, "[Service]\nType=exec\n" NOTE("ExecStartPre", "e0.service", "pre") RUN("run", "e0.service", "")
		NOTE("ExecStartPost", "e0.service", "post") NOTE("ExecStop", "e0.service", "stop") NOTE("ExecStopPost", "e0.service", "stoppost")},
	{"e1.service", DAEMON, "[Service]\nType=exec\nRestart=always\nRestartSec=20ms\n" RUN("run", "e1.service", "")},
	{"f0.service", DAEMON, "[Service]\nType=forking\nPIDFile=/run/chaos/f0.pid\n" RUN("fork", "f0.service", "/run/chaos/f0.pid")},
	{"f1.service", DAEMON, "[Service]\nType=forking\nPIDFile=/run/chaos/f1.pid\nRestart=on-failure\n" RUN("fork", "f1.service", "/run/chaos/f1.pid")},
	{"n0.service", DAEMON | UNIT_STORED, "[Service]\nType=notify\nFileDescriptorStoreMax=4\nWatchdogSec=$WATCHDOG\n" RUN("notify", "n0.service", "ready")},
	{"n1.service", DAEMON, "[Unit]\nAfter=n0.service\n[Service]\nType=notify\nFileDescriptorStoreMax=4\nWatchdogSec=$WATCHDOG\n" RUN("notify", "n1.service", "ready")},
	{"i0.service", DAEMON, "[Service]\nType=idle\n" RUN("run", "i0.service", "")},
	{"y0.service", DAEMON | UNIT_RELOADS, "[Service]\nType=notify-reload\n" RUN("notify", "y0.service", "reload")},
	{"h0.service", DAEMON, "[Service]\nSlice=chaos.slice\n" RUN("run", "h0.service", "")},
	{"chaos.slice", 0, "[Slice]\nCPUWeight=50\n"},
	{"o0.service", UNIT_ORDERED | UNIT_BASE, "[Service]\nType=oneshot\nRemainAfterExit=yes\n" RUN("once", "o0.service", "") NOTE("ExecStop", "o0.service", "stop")},
	{"o1.service", UNIT_ORDERED | UNIT_BASE, "[Service]\nType=oneshot\nRemainAfterExit=yes\n" RUN("note", "o1.service", "one") RUN("note", "o1.service", "two")},
	{"k0.service", DAEMON | UNIT_STUBBORN, "[Service]\nTimeoutStopSec=150ms\n" RUN("stubborn", "k0.service", "")},
	/* one start, one exit, one status */
	{"x0.service", UNIT_ORDERED | UNIT_START_ONLY | UNIT_FAILS, "[Service]\n" RUN("exit", "x0.service", "60")},
	{"x1.service", UNIT_ORDERED | UNIT_START_ONLY | UNIT_FAILS, "[Service]\nType=exec\n" RUN("exit", "x1.service", "0")},
	{"x2.service", UNIT_ORDERED | UNIT_START_ONLY | UNIT_FAILS, "[Unit]\nOnFailure=handler.service\n[Service]\nType=oneshot\n" RUN("exit", "x2.service", "20")},
	{"handler.service", UNIT_SELF, "[Service]\nType=oneshot\n" RUN("once", "handler.service", "")},
	{"late.service", UNIT_ORDERED | UNIT_START_ONLY | UNIT_FAILS, "[Service]\nType=notify\nTimeoutStartSec=250ms\n" RUN("notify", "late.service", "never")},
	{"storm.service", UNIT_ORDERED | UNIT_START_ONLY, "[Service]\nType=oneshot\n" RUN("orphans", "storm.service", "60")},
	/* by themselves */
	{"r0.service", UNIT_SELF | UNIT_BASE, "[Service]\nRestart=always\nRestartSec=150ms\n" RUN("exit", "r0.service", "300")},
	{"r1.service", UNIT_SELF | UNIT_BASE, "[Service]\nType=exec\nRestart=always\nRestartSec=40ms\n" RUN("exit", "r1.service", "700")},
	{"t0.timer", UNIT_BASE, "[Timer]\nOnActiveSec=100ms\nOnUnitInactiveSec=200ms\nAccuracySec=1ms\n"},
	{"t0.service", UNIT_SELF, "[Service]\nType=oneshot\n" RUN("once", "t0.service", "")},
	{"a.socket", UNIT_BASE, "[Socket]\nListenStream=/run/chaos/a.sock\nBacklog=512\n"},
	{"a.service", UNIT_SELF, "[Service]\n" RUN("accept", "a.service", "")},
	{"b.socket", UNIT_BASE, "[Socket]\nListenStream=/run/chaos/b.sock\nAccept=yes\nRemoveOnStop=yes\nBacklog=512\nMaxConnections=512\n"},
	{"b@.service", UNIT_SELF, "[Service]\nStandardInput=socket\n" RUN("connection", "b@.service", "")},
	{"c.socket", UNIT_ORDERED | UNIT_BASE, "[Socket]\nListenStream=/run/chaos/c.sock\nSocketUser=root\nExecStartPre=/bin/true\n"
		"ExecStartPost=/bin/true\nExecStopPre=/bin/true\nExecStopPost=/bin/true\n"},
	{"c.service", UNIT_SELF, "[Service]\n" RUN("accept", "c.service", "")},
	{"p.path", UNIT_BASE, "[Path]\nPathExists=/run/chaos/flag\n"},
	{"p.service", UNIT_SELF, "[Service]\nType=oneshot\n" RUN("once", "p.service", "/run/chaos/flag")},
	{"run-chaos-mnt.mount", UNIT_ORDERED | UNIT_BASE, "[Mount]\nWhat=tmpfs\nWhere=/run/chaos/mnt\nType=tmpfs\nOptions=size=64k\n"},
	/* a point that is mounted when somebody looks */
	{"run-chaos-auto.automount", UNIT_BASE, "[Automount]\nWhere=/run/chaos/auto\n"},
	{"run-chaos-auto.mount", 0, "[Mount]\nWhat=tmpfs\nWhere=/run/chaos/auto\nType=tmpfs\nOptions=size=64k\n"},
	/* the kernel's, all of it */
	{"var-lib-chaos.swap", UNIT_ORDERED | UNIT_BASE | UNIT_MACHINE, "[Swap]\nWhat=/var/lib/chaos\n"},
	/* made by order of processes that are there */
	{"sc0.scope", UNIT_DAEMON | UNIT_MADE, NULL},
	{"sc1.scope", UNIT_DAEMON | UNIT_MADE, NULL},
	/* udev.c plugs and unplugs the device; its database says that it wants the service */
	{"dv.service", UNIT_DAEMON, "[Unit]\nBindsTo=dev-chaos0.device\nAfter=dev-chaos0.device\n[Service]\n" RUN("run", "dv.service", "")},
	/* of a plug-in */
	{"cnt.counter", UNIT_ORDERED | UNIT_BASE, "[Counter]\nLimit=4\nIntervalSec=25ms\n"},
	/* a bus, core's facade on it, and who is up once it has its name */
	{"dbus.socket", UNIT_BASE, "[Socket]\nListenStream=/run/chaos/dbus.unused\n"},
	{"dbus.service", UNIT_DAEMON | UNIT_BASE, "[Service]\nType=notify\nExecStart=/usr/bin/dbus-daemon --config-file=$DIRECTORY/bus.conf --nofork --nopidfile\n"},
	{"sysmaster-dbus.service", UNIT_DAEMON | UNIT_BASE, "[Unit]\nAfter=dbus.service\n[Service]\nType=notify\nRestart=always\nRestartSec=50ms\n"
		"ExecStart=$DIRECTORY/version/sysmaster-dbus --address unix:path=/run/chaos/bus\n"},
	{"db0.service", DAEMON, "[Unit]\nWants=sysmaster-dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=org.chaos.Zero\n"
		"Environment=BUS=unix:path=/run/chaos/bus\nExecStart=$DIRECTORY/version/bus-owner org.chaos.Zero 0\n"},
	{"run-chaos-bind.mount", UNIT_ORDERED | UNIT_BASE, "[Mount]\nWhat=/run/systemd\nWhere=/run/chaos/bind\nType=none\nOptions=bind\n"},
	/* one name space for both: of IPC, since the end of a network holds up the whole kernel */
	{"w0.service", DAEMON, "[Service]\nPrivateIPC=yes\n" RUN("run", "w0.service", "")},
	{"w1.service", DAEMON, "[Unit]\nJoinsNamespaceOf=w0.service\n[Service]\nPrivateIPC=yes\n" RUN("run", "w1.service", "")},
	/* bound to each other */
	{"g.target", UNIT_ORDERED | UNIT_GROUPED | UNIT_BASE, "[Unit]\nRequires=g0.service\nWants=g1.service\n"},
	{"g0.service", UNIT_DAEMON | UNIT_ORDERED | UNIT_GROUPED, "[Unit]\nPartOf=g.target\n[Service]\n" RUN("run", "g0.service", "")},
	{"g1.service", UNIT_DAEMON | UNIT_ORDERED | UNIT_GROUPED, "[Unit]\nBindsTo=g0.service\nAfter=g0.service\n[Service]\n" RUN("run", "g1.service", "")},
	{"g2.service", UNIT_DAEMON | UNIT_ORDERED | UNIT_GROUPED, "[Unit]\nConflicts=g0.service\n[Service]\n" RUN("run", "g2.service", "")},
};
/* clang-format on */
const size_t n_unit_rows = ELEMENTSOF(unit_rows);

int unit_find(const char *name)
{
	for (size_t i = 0; i < n_unit_rows; i++)
		if (streq(unit_rows[i].name, name))
			return (int) i;
	return -1;
}

bool unit_is_here(const struct chaos *c, int unit)
{
	return c->machine || !(unit_rows[unit].flags & UNIT_MACHINE);
}

/* In a test program: out of memory is the end. */
static char *replace(const char *text, const char *token, const char *value)
{
	auto_strbuf struct strbuf b = {.max = 8192};
	const char *p;
	char *ret = NULL;

	for (; (p = strstr(text, token)); text = p + strlen(token)) {
		strbuf_add(&b, text, (size_t) (p - text));
		strbuf_puts(&b, value);
	}
	strbuf_puts(&b, text);
	if (strbuf_take(&b, &ret) < 0)
		abort();
	return ret;
}

static void put(struct world *w, const struct unit_row *row, unsigned slow)
{
	static const char common[] = "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n";
	auto_free char *helper = path_join(w->dir, "version/chaos-service"), *half = NULL,
		       *most = NULL, *text = NULL,
		       *watchdog = str_printf("%us", WATCHDOG_SEC * slow);
	bool service = str_ends_with(row->name, ".service");

	half = replace(row->text, "$HELPER", helper);
	most = replace(half, "$DIRECTORY", w->dir);
	text = replace(most, "$WATCHDOG", watchdog);
	if (service)
		world_put(w, row->name, "%s[Service]\nEnvironment=CHAOS_DIR=%s\n%s", common, w->dir,
		          text);
	else
		world_put(w, row->name, "%s%s", common, text);
}

static void put_plain(struct world *w, const char *name, const char *text)
{
	world_put(w, name, "[Unit]\nDefaultDependencies=no\n%s", text);
}

/* @slow: how much longer than on real hardware a service may be silent. @many: instances of a plain daemon in place of the population, for a profile with hundreds. */
void units_write(struct world *w, unsigned many, bool machine, unsigned slow)
{
	auto_strbuf struct strbuf wants = {.max = 64 * 1024};

	strbuf_puts(&wants, "Requires=basic.target\nAfter=basic.target\nWants=");
	for (size_t i = 0; i < n_unit_rows; i++) {
		if (!unit_rows[i].text || (unit_rows[i].flags & UNIT_MACHINE && !machine))
			continue;
		put(w, &unit_rows[i], slow);
		if (!many && unit_rows[i].flags & UNIT_BASE)
			strbuf_printf(&wants, " %s", unit_rows[i].name);
	}
	if (many)
		world_put(w, "many@.service",
		          "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\n"
		          "Environment=CHAOS_DIR=%s\nExecStart=%s/version/chaos-service run %%n\n",
		          w->dir, w->dir);
	for (unsigned i = 0; i < many; i++)
		strbuf_printf(&wants, " many@%u.service", i);
	strbuf_puts(&wants, "\n");
	put_plain(w, "sysinit.target", "");
	put_plain(w, "basic.target", "");
	put_plain(w, "shutdown.target", "");
	put_plain(w, "default.target", wants.data);
	strbuf_puts(&wants, "AllowIsolate=yes\n");
	put_plain(w, "iso.target", wants.data);
}
