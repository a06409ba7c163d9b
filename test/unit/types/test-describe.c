// SPDX-License-Identifier: Apache-2.0
/* What show prints of a unit that was loaded, and the dependencies that its settings imply: as systemd 252 has it. */
#include "check.h"

#include "types/types.h"

static struct loop *loop;
static struct manager *m;
static cJSON *shown;

static void open_manager(void)
{
	setenv("SYSTEMD_UNIT_PATH", "/nonexistent", 1);
	if (loop_new(&loop) < 0 || manager_new(loop, unit_types, NULL, NULL, &m) < 0 ||
	    manager_read_index(m) < 0)
		abort();
	m->is_test = true;
	m->no_cgroup = true;
}

static void close_manager(void)
{
	cJSON_Delete(shown);
	shown = NULL;
	manager_free(m);
	loop_free(loop);
}

/* A unit as if its file said @text. */
static struct unit *load(const char *name, const char *text)
{
	struct unit_file *f;
	struct unit *u;

	if (unit_file_parse(&m->context, name, text, strlen(text), NULL, NULL, &f) < 0 ||
	    manager_add_unit(m, name, f, &u) < 0 || manager_load_unit(m, name, NULL, &u) < 0)
		abort();
	return u;
}

static struct unit *unit(const char *name)
{
	struct unit *u = NULL;

	if (manager_load_unit(m, name, NULL, &u) < 0)
		abort();
	return u;
}

/* A value as text: of a number its digits, of a list its strings with blanks between them; NULL: no such property. */
static const char *show(struct unit *u, const char *key)
{
	static char text[4096];
	const cJSON *v, *it;

	cJSON_Delete(shown);
	shown = cJSON_CreateObject();
	if (unit_describe(u, shown) < 0)
		return NULL;
	v = cJSON_GetObjectItemCaseSensitive(shown, key);
	if (!v)
		return NULL;
	if (cJSON_IsString(v))
		return v->valuestring;
	if (cJSON_IsBool(v))
		return cJSON_IsTrue(v) ? "yes" : "no";
	if (cJSON_IsNumber(v))
		return snprintf(text, sizeof(text), "%.0f", v->valuedouble) > 0 ? text : NULL;
	*text = 0;
	cJSON_ArrayForEach(it, v) if (cJSON_IsString(it))
	{
		size_t n = strlen(text);

		(void) snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "", it->valuestring);
	}
	return text;
}

static void check_shown(struct unit *u, const char *const (*rows)[2])
{
	for (; (*rows)[0]; rows++) {
		const char *is = show(u, (*rows)[0]);

		if (!is || !streq(is, (*rows)[1]))
			printf("\n      %s of %s", (*rows)[0], u->id);
		CHECK_STR(is, (*rows)[1]);
	}
}

/* ---- implied dependencies: systemd.exec(5), "Implicit Dependencies" ---- */

TEST(implied__private_tmp_wants_tmp_and_requires_var_tmp)
{
	struct unit *u, *tmp;

	open_manager();
	tmp = load("tmp.mount", "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\n");
	u = load("a.service", "[Service]\nExecStart=/bin/true\nPrivateTmp=yes\n");
	CHECK(unit_has_dependency(u, DEP_WANTS, tmp));
	CHECK(unit_has_dependency(u, DEP_AFTER, tmp));
	CHECK(!unit_has_dependency(u, DEP_REQUIRES, tmp));
	CHECK(unit_has_dependency(u, DEP_AFTER, unit("systemd-tmpfiles-setup.service")));
	CHECK_STR(show(u, "RequiresMountsFor"), "/var/tmp");
	close_manager();
}

TEST(implied__directories_that_are_written_are_after_the_remount)
{
	static const char *const keys[] = {"StateDirectory", "CacheDirectory", "LogsDirectory",
	                                   "RuntimeDirectory", "ConfigurationDirectory"};

	open_manager();
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		auto_free char *name = str_printf("%s.service", keys[i]),
			       *text = str_printf("[Service]\nExecStart=/bin/true\n%s=a\n",
		                                  keys[i]);
		struct unit *u = load(name, text);

		CHECK_INT(unit_has_dependency(u, DEP_AFTER, unit("systemd-remount-fs.service")), ==,
		          i < 3);
	}
	close_manager();
}

TEST(implied__image_is_after_udev_but_does_not_start_it)
{
	struct unit *u, *udev;

	open_manager();
	udev = load("systemd-udevd.service", "[Service]\nExecStart=/bin/true\n");
	u = load("a.service", "[Service]\nExecStart=/bin/true\nRootImage=/i\n");
	CHECK(unit_has_dependency(u, DEP_AFTER, udev));
	CHECK(!unit_has_dependency(u, DEP_WANTS, udev));
	close_manager();
}

TEST(implied__sockets_need_the_journal_only_for_commands)
{
	struct unit *journal;

	open_manager();
	journal = unit("systemd-journald.socket");
	CHECK(!unit_has_dependency(load("a.socket", "[Socket]\nListenStream=/x\n"
	                                            "Service=a.service\n"),
	                           DEP_AFTER, journal));
	CHECK(unit_has_dependency(load("b.socket", "[Socket]\nListenStream=/x\n"
	                                           "Service=a.service\nExecStartPre=/bin/true\n"),
	                          DEP_AFTER, journal));
	close_manager();
}

/* ---- what is there whatever is started ---- */

TEST(extrinsic__mounts_and_init_are_in_the_root_slice)
{
	static const struct {
		const char *name, *text, *slice;
	} rows[] = {
		{"dev-hugepages.mount", "[Mount]\nWhat=h\nWhere=/dev/hugepages\n", "-.slice"},
		{"proc-sys-fs-x.mount", "[Mount]\nWhat=h\nWhere=/proc/sys/fs/x\n", "-.slice"},
		{"sys-kernel-x.mount", "[Mount]\nWhat=h\nWhere=/sys/kernel/x\n", "-.slice"},
		{"devices.mount", "[Mount]\nWhat=h\nWhere=/devices\n", "system.slice"},
		{"tmp.mount", "[Mount]\nWhat=tmpfs\nWhere=/tmp\n", "system.slice"},
		{"sys-x.mount", "[Mount]\nWhat=h\nWhere=/sys/x\nSlice=m.slice\n", "m.slice"},
		{"a.service", "[Service]\nExecStart=/bin/true\n", "system.slice"},
	};

	open_manager();
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		CHECK_STR(unit_slice(load(rows[i].name, rows[i].text))->id, rows[i].slice);
		CHECK_STR(show(unit(rows[i].name), "Slice"), rows[i].slice);
	}
	close_manager();
}

TEST(perpetual__units_are_what_nobody_made_and_nobody_stops)
{
	static const char *const scope[][2] = {
		{"CanStart", "no"},   {"CanStop", "no"},
		{"Transient", "yes"}, {"DefaultDependencies", "no"},
		{"CanFreeze", "yes"}, {"Documentation", "man:systemd(1)"},
		{"Slice", "-.slice"}, {NULL, NULL},
	};
	static const char *const slice[][2] = {
		{"DefaultDependencies", "no"},
		{"Documentation", "man:systemd.special(7)"},
		{"Transient", "no"},
		{NULL, NULL},
	};
	static const char *const mount[][2] = {
		{"DefaultDependencies", "no"},
		{"StandardOutput", "null"},
		{"Slice", "-.slice"},
		{"CanFreeze", "no"},
		{NULL, NULL},
	};
	struct unit *root;

	open_manager();
	CHECK_INT(manager_enumerate(m), ==, 0);
	check_shown(unit("init.scope"), scope);
	check_shown(unit("system.slice"), slice);
	check_shown(unit("-.slice"), slice);
	root = unit("-.mount");
	check_shown(root, mount);
	CHECK(!unit_has_dependency(root, DEP_AFTER, unit("systemd-journald.socket")));
	close_manager();
}

TEST(flags__say_what_a_person_may_ask_for)
{
	static const char *const refuses[][2] = {
		{"CanStart", "no"}, {"CanStop", "no"}, {"CanIsolate", "no"}, {NULL, NULL}};

	open_manager();
	check_shown(load("a.target", "[Unit]\nRefuseManualStart=yes\nRefuseManualStop=yes\n"
	                             "AllowIsolate=yes\n"),
	            refuses);
	CHECK_STR(show(load("b.target", "[Unit]\nAllowIsolate=yes\n"), "CanIsolate"), "yes");
	CHECK_STR(
		show(load("a.socket", "[Socket]\nListenFIFO=/x\nService=a.service\n"), "CanFreeze"),
		"no");
	CHECK_STR(show(load("a.service", "[Service]\nExecStart=/bin/true\nSlice=s.slice\n"),
	               "CanFreeze"),
	          "yes");
	CHECK_STR(show(unit("s.slice"), "CanFreeze"), "yes");
	(void) load("b.socket", "[Socket]\nListenFIFO=/x\nService=a.service\nSlice=s-in.slice\n");
	CHECK_STR(show(unit("s-in.slice"), "CanFreeze"), "no");
	CHECK_STR(show(unit("s.slice"), "CanFreeze"), "no");
	close_manager();
}

/* ---- values ---- */

TEST(values__are_systemds_where_nothing_is_set)
{
	static const char *const rows[][2] = {
		{"MemoryMin", "0"},
		{"MemoryLow", "0"},
		{"DefaultMemoryMin", "0"},
		{"DefaultMemoryLow", "0"},
		{"MemoryMax", "18446744073709551615"},
		{"MemoryAvailable", "18446744073709551615"},
		{"IOReadBytes", "18446744073709551615"},
		{"IPIngressBytes", "18446744073709551615"},
		{"ControlGroupId", "0"},
		{"CPUAccounting", "yes"},
		{"SyslogFacility", "3"},
		{"SyslogPriority", "30"},
		{"SystemCallErrorNumber", "2147483646"},
		{"WatchdogUSec", "18446744073709551615"},
		{"WatchdogTimestamp", "0"},
		{"UID", "4294967295"},
		{"GID", "4294967295"},
		{"OOMPolicy", "stop"},
		{"KeyringMode", "private"},
		{"DevicePolicy", "auto"},
		{"NUMAPolicy", "-1"},
		{"UtmpMode", "init"},
		{"SameProcessGroup", "no"},
		{"NonBlocking", "no"},
		{"ManagedOOMPreference", "none"},
		{NULL, NULL},
	};

	open_manager();
	check_shown(load("a.service", "[Service]\nExecStart=/bin/true\nUser=root\n"), rows);
	close_manager();
}

TEST(values__are_those_that_are_set)
{
	static const char *const rows[][2] = {
		{"MemoryMin", "4096"},
		{"MemoryLow", "18446744073709551615"},
		{"CPUAccounting", "no"},
		{"SyslogFacility", "10"},
		{"SyslogPriority", "82"},
		{"SystemCallErrorNumber", "1"},
		{"OOMPolicy", "kill"},
		{"DevicePolicy", "closed"},
		{"DeviceAllow", "/dev/null rw char-pts r"},
		{"IPAddressDeny", "any"},
		{"DelegateControllers", "pids"},
		{"KeyringMode", "shared"},
		{"NonBlocking", "yes"},
		{"CanClean", "runtime state"},
		{NULL, NULL},
	};

	open_manager();
	check_shown(load("a.service",
	                 "[Service]\nExecStart=/bin/true\nMemoryMin=4K\nMemoryLow=infinity\n"
	                 "CPUAccounting=no\nSyslogFacility=authpriv\nSyslogLevel=crit\n"
	                 "SystemCallErrorNumber=EPERM\nOOMPolicy=kill\nDevicePolicy=closed\n"
	                 "DeviceAllow=/dev/null rw\nDeviceAllow=char-pts r\nIPAddressDeny=any\n"
	                 "Delegate=pids\nKeyringMode=shared\nNonBlocking=yes\nStateDirectory=a\n"
	                 "RuntimeDirectory=a\n"),
	            rows);
	CHECK_STR(show(load("b.service", "[Service]\nExecStart=/bin/true\nDelegate=yes\n"),
	               "OOMPolicy"),
	          "continue");
	close_manager();
}

TEST(values__a_watchdog_that_nobody_asked_for_is_0_once_it_was_started)
{
	struct unit *u;

	open_manager();
	u = load("a.service", "[Service]\nExecStart=/bin/true\n");
	u->inactive_exit = stamp_now();
	CHECK_STR(show(u, "WatchdogUSec"), "0");
	u = load("b.service", "[Service]\nExecStart=/bin/true\nWatchdogSec=5\n");
	CHECK_STR(show(u, "WatchdogUSec"), "5000000");
	close_manager();
}

TEST(values__lists_of_what_is_forbidden_begin_with_a_tilde)
{
	struct unit *u;

	open_manager();
	u = load("a.service", "[Service]\nExecStart=/bin/true\nSystemCallFilter=~@clock bpf\n"
	                      "SystemCallFilter=stime\nRestrictAddressFamilies=~AF_INET\n");
	CHECK_STR(show(u, "SystemCallFilter"), "~ @clock bpf ~stime");
	CHECK_STR(show(u, "RestrictAddressFamilies"), "~ AF_INET");
	u = load("b.service", "[Service]\nExecStart=/bin/true\nSystemCallFilter=@clock bpf\n"
	                      "RestrictAddressFamilies=AF_INET\n");
	CHECK_STR(show(u, "SystemCallFilter"), "@clock bpf");
	CHECK_STR(show(u, "RestrictAddressFamilies"), "AF_INET");
	CHECK_STR(show(load("c.service", "[Service]\nExecStart=/bin/true\n"), "SystemCallFilter"),
	          NULL);
	close_manager();
}

TEST(values__exit_statuses_and_signals_are_told_apart)
{
	auto_free char *text = NULL;
	struct unit *u;

	open_manager();
	u = load("a.service",
	         "[Service]\nExecStart=/bin/true\nSuccessExitStatus=DATAERR 73 SIGHUP\n"
	         "RestartPreventExitStatus=255\n");
	(void) show(u, "Id");
	text = json_print(cJSON_GetObjectItemCaseSensitive(shown, "SuccessExitStatus"), false);
	CHECK_STR(text, "[[65,73],[1]]");
	free(text);
	text = json_print(cJSON_GetObjectItemCaseSensitive(shown, "RestartPreventExitStatus"),
	                  false);
	CHECK_STR(text, "[[255],[]]");
	close_manager();
}

TEST(values__of_sockets_and_paths)
{
	static const char *const rows[][2] = {
		{"Backlog", "2147483647"},
		{"BindIPv6Only", "ipv6-only"},
		{"Timestamping", "us"},
		{"Priority", "-1"},
		{"Mark", "7"},
		{"IPTTL", "-1"},
		{"KeepAliveProbes", "0"},
		{"TriggerLimitIntervalUSec", "2000000"},
		{"TriggerLimitBurst", "20"},
		{"FlushPending", "no"},
		{"KeyringMode", "shared"},
		{"UID", "4294967295"},
		{"NonBlocking", "no"},
		{NULL, NULL},
	};
	struct unit *u;

	open_manager();
	check_shown(load("a.socket", "[Socket]\nListenStream=[::]:111\nService=a.service\n"
	                             "BindIPv6Only=ipv6-only\nTimestamping=us\nMark=7\n"),
	            rows);
	u = load("b.socket", "[Socket]\nListenStream=/x\nAccept=yes\nBacklog=5\n");
	CHECK_STR(show(u, "TriggerLimitBurst"), "200");
	CHECK_STR(show(u, "Backlog"), "5");
	u = load("a.path", "[Path]\nPathExists=/x\n");
	CHECK_STR(show(u, "TriggerLimitBurst"), "200");
	close_manager();
}

TEST(values__of_an_automount_without_a_time_and_of_a_timer)
{
	auto_free char *text = NULL;

	open_manager();
	CHECK_STR(show(load("m.automount", "[Automount]\nWhere=/m\n"), "TimeoutIdleUSec"), "0");
	(void) show(load("a.timer", "[Timer]\nOnCalendar=weekly\nUnit=a.service\n"), "Id");
	text = json_print(cJSON_GetObjectItemCaseSensitive(shown, "TimersCalendar"), false);
	CHECK(text && strstr(text, "\"Mon *-*-* 00:00:00\"") != NULL);
	close_manager();
}
