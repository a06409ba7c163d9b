// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "unitfile/directives.h"
#include "unitfile/value.h"
#include "unitfile/word.h"

#include <limits.h>
#include <sched.h>

static struct unit_context context = {
	.runtime_dir = "/run",
	.default_tasks_max = 99,
	.default_timeout_start_usec = 90000000,
	.default_timeout_stop_usec = 80000000,
	.default_std_output = EXEC_OUTPUT_JOURNAL,
	.default_std_error = EXEC_OUTPUT_INHERIT,
	.default_restart_usec = 100000,
};
static struct diag diag;

/* A service with these lines in [Service]. */
static struct unit_file *service(const char *lines)
{
	auto_free char *text = str_printf("[Service]\nExecStart=/bin/true\n%s\n", lines);
	struct unit_file *f = NULL;

	diag = (struct diag){0};
	unit_file_parse(&context, "a.service", text, strlen(text), "/x", &diag, &f);
	return f;
}

static struct unit_file *unit(const char *name, const char *text)
{
	struct unit_file *f = NULL;

	diag = (struct diag){0};
	unit_file_parse(&context, name, text, strlen(text), "/x", &diag, &f);
	return f;
}
#define auto_unit auto_cleanup(unit_file_free) struct unit_file *

TEST(directives__every_row_is_whole_and_in_order)
{
	for (int g = 0; g < GROUP_MAX; g++) {
		size_t n;
		const struct directive *rows = directive_rows((enum directive_group) g, &n);

		for (size_t i = 0; i < n; i++) {
			CHECK(rows[i].key && !rows[i].parse == !!rows[i].ignored);
			if (i > 0)
				CHECK_INT(strcmp(rows[i - 1].key, rows[i].key), <, 0);
		}
	}
}

/* Every parser has to take the empty value, and refuse or take a strange one, without harm to the field. */
TEST(directives__every_row_survives_empty_and_strange_values)
{
	static const char *const values[] = {
		"",   "x",       "/",  "~",     "-", "%", "%n", "1", "18446744073709551616",
		"\"", "a:b:c:d", "\\", "yes no"};

	for (int type = 0; type < UNIT_PLUGIN; type++) {
		auto_free char *name =
			str_printf("a.%s", unit_type_to_string((enum unit_type) type));

		for (int g = 0; g < GROUP_MAX; g++) {
			size_t n;
			const struct directive *rows = directive_rows((enum directive_group) g, &n);

			for (size_t i = 0; i < n; i++) {
				const char *section =
					g == GROUP_UNIT ? "Unit"
					: g == GROUP_INSTALL
						? "Install"
						: section_of_type((enum unit_type) type);
				auto_unit f = NULL;

				if (!section || unit_file_new_empty(&context, name, &f) < 0)
					continue;
				for (size_t k = 0; k < 2 * sizeof(values) / sizeof(values[0]);
				     k++) {
					struct parse p = {.c = &context, .f = f};

					CHECK_INT(directive_assign(&p, section, rows[i].key,
					                           values[k / 2]),
					          ==, 0);
				}
			}
		}
	}
}

TEST(sections__silent_foreign_and_unknown)
{
	auto_unit f = unit(
		"a.target",
		"[X-Foo]\na=b\n[Service]\nExecStart=/x\n[Nonsense]\na=b\n[Unit]\nX-Key=1\nFoo=1\n");

	CHECK_INT(f->load_state, ==, LOAD_LOADED);
	CHECK_INT(diag.n_items, ==, 3);
	CHECK_INT(diag.items[0].line, ==, 3);
	CHECK_INT(diag.items[1].line, ==, 5);
	CHECK_INT(diag.items[2].line, ==, 9);
}

TEST(service__defaults_come_from_the_context)
{
	auto_unit f = service("");
	auto_unit g = service("Type=oneshot");
	auto_unit h = service("TimeoutSec=5");

	CHECK_INT(f->service->timeout_start_usec, ==, 90000000);
	CHECK_INT(f->service->timeout_abort_usec, ==, 80000000);
	CHECK_INT(g->service->timeout_start_usec, ==, -1);
	CHECK_INT(h->service->timeout_stop_usec, ==, 5000000);
	CHECK_INT(f->cgroup->tasks_max, ==, 99);
	CHECK_STR(f->cgroup->slice, NULL); /* the engine's business */
	CHECK_INT(f->exec->std_output, ==, EXEC_OUTPUT_JOURNAL);
	CHECK_INT(f->exec->std_error, ==, EXEC_OUTPUT_INHERIT);
}

TEST(service__type_follows_from_what_is_set)
{
	auto_unit simple = service("");
	auto_unit dbus = service("BusName=a.b");
	auto_unit oneshot = unit("a.service", "[Service]\nRemainAfterExit=yes\nExecStop=/x\n");

	CHECK_INT(simple->service->type, ==, SERVICE_SIMPLE);
	CHECK_INT(dbus->service->type, ==, SERVICE_DBUS);
	CHECK_INT(oneshot->service->type, ==, SERVICE_ONESHOT);
	CHECK_INT(oneshot->load_state, ==, LOAD_LOADED);
}

TEST(verify__what_does_not_fit_together_is_a_bad_setting)
{
	static const char *const bad[][2] = {
		{"a.service", "[Service]\n"},
		{"a.service", "[Service]\nExecStart=/a\nExecStart=/b\n"},
		{"a.service", "[Service]\nType=oneshot\nExecStart=/a\nRestart=always\n"},
		{"a.service", "[Service]\nType=dbus\nExecStart=/a\n"},
		{"a.service", "[Service]\nExecStart=/a\nPAMName=x\nKillMode=process\n"},
		{"a.service", "[Service]\nExecStart=/a\nUser=a:b\n"},
		{"a.socket", "[Socket]\n"},
		{"a.socket", "[Socket]\nListenDatagram=/x\nAccept=yes\n"},
		{"a.socket", "[Socket]\nListenStream=80\nSymlinks=/y\n"},
		{"a.timer", "[Timer]\n"},
		{"a.path", "[Path]\n"},
		{"a-b.mount", "[Mount]\nWhat=x\nWhere=/a\n"},
		{"a.mount", "[Mount]\n"},
		{"proc.mount", "[Mount]\nWhat=x\n"},
		{"-.automount", ""},
		{"a.swap", "[Swap]\nWhat=/b\n"},
		{"a--b.slice", ""},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_unit f = unit(bad[i][0], bad[i][1]);
		char text[512];

		if (f->load_state != LOAD_BAD_SETTING)
			printf("\n      %s: %s", bad[i][0], bad[i][1]);
		CHECK_INT(f->load_state, ==, LOAD_BAD_SETTING);
		CHECK(*diag_first(&diag, text, sizeof(text)));
	}
}

TEST(dependencies__templates_take_our_instance)
{
	auto_unit f =
		unit("a@x.target",
	             "[Unit]\nWants=b@.service c.service c.service a@x.target\nAfter=nonsense\n");
	auto_unit g = unit("a.target", "[Unit]\nWants=b@.service\n");
	auto_free char *joined = strv_join(f->unit.dependencies[DEP_WANTS], " ");

	CHECK_STR(joined, "b@x.service c.service");
	CHECK_STR(g->unit.dependencies[DEP_WANTS][0], "b@a.service");
	CHECK(!f->unit.dependencies[DEP_AFTER]);
}

TEST(conditions__order_prefixes_and_resets)
{
	auto_unit f = unit("a.target",
	                   "[Unit]\nConditionPathExists=/"
	                   "gone\nConditionPathExists=\nAssertUser=0\nConditionPathExists=|!/x\n"
	                   "ConditionHost=h\nConditionPathExists=rel\n");
	const struct condition *c = f->unit.conditions;

	CHECK(c->is_assert && c->type == CONDITION_USER);
	CHECK(c->next->trigger && c->next->negate);
	CHECK_STR(c->next->parameter, "/x");
	CHECK_INT(c->next->next->type, ==, CONDITION_HOST);
	CHECK(!c->next->next->next);
}

TEST(legacy__names_still_mean_what_they_meant)
{
	auto_unit f = service("StartLimitInterval=5\nStartLimitBurst=7\nReadWriteDirectories=/"
	                      "a\nPermissionsStartOnly=yes\nMemoryLimit=1M\nCPUShares=2048\n");

	CHECK_INT(f->unit.start_limit_interval_usec, ==, 5000000);
	CHECK_INT(f->unit.start_limit_burst, ==, 7);
	CHECK_STR(f->exec->read_write_paths[0], "/a");
	CHECK(f->service->permissions_start_only);
	CHECK_INT(f->cgroup->memory_max, ==, 1048576);
	CHECK_INT(f->cgroup->cpu_weight, ==, 200);
}

TEST(legacy__does_not_override_the_new_name)
{
	auto_unit f = service("MemoryMax=2M\nMemoryLimit=1M\nCPUWeight=5\nCPUShares=2048\n");

	CHECK_INT(f->cgroup->memory_max, ==, 2097152);
	CHECK_INT(f->cgroup->cpu_weight, ==, 5);
}

TEST(conditions__an_empty_one_leaves_the_assertions)
{
	auto_unit f = unit("a.target", "[Unit]\nAssertHost=h\nConditionHost=h\nConditionHost=\n");

	CHECK(f->unit.conditions && f->unit.conditions->is_assert && !f->unit.conditions->next);
}

TEST(cgroup__limits)
{
	auto_unit f = service("MemoryMax=50%\nMemoryHigh=1G "
	                      "512M\nMemorySwapMax=infinity\nTasksMax=10%\nCPUQuota=20%"
	                      "\nIOReadBandwidthMax=/dev/sda 5M\n"
	                      "IOReadBandwidthMax=/dev/sda 6M\nDeviceAllow=/dev/null "
	                      "rw\nDeviceAllow=char-pts\nIPAddressAllow=10.0.0.0/8 "
	                      "localhost\nDelegate=cpu pids\n");
	auto_unit g = service("CPUWeight=idle\nDelegate=yes\nMemoryMax=1G\nMemoryMax=\n");

	CHECK_INT(f->cgroup->memory_max, ==, 5000);
	CHECK_INT(f->cgroup->memory_percent_mask, ==, 8);
	CHECK_INT(f->cgroup->memory_high, ==, 1610612736);
	CHECK(f->cgroup->memory_swap_max == CGROUP_LIMIT_INFINITY);
	CHECK(f->cgroup->tasks_max_is_percent && f->cgroup->tasks_max == 1000);
	CHECK_INT(f->cgroup->cpu_quota_per_sec_usec, ==, 200000);
	CHECK_STR(f->cgroup->io_device[0], "IOReadBandwidthMax /dev/sda 6000000");
	CHECK(!f->cgroup->io_device[1]);
	CHECK_STR(f->cgroup->device_allow[1], "char-pts rwm");
	CHECK_STR(f->cgroup->ip_address_allow[1], "localhost");
	CHECK_STR(f->cgroup->delegate_controllers[1], "pids");
	CHECK_INT(g->cgroup->cpu_weight, ==, 0);
	CHECK(g->cgroup->delegate && !g->cgroup->delegate_controllers);
	CHECK(g->cgroup->memory_max == UINT64_MAX);
}

TEST(sandbox__capability_sets_merge)
{
	auto_unit f = service(
		"CapabilityBoundingSet=CAP_CHOWN "
		"CAP_KILL\nCapabilityBoundingSet=CAP_SYS_ADMIN\nCapabilityBoundingSet=~CAP_KILL\n"
		"AmbientCapabilities=CAP_KILL\n");
	auto_unit g = service("CapabilityBoundingSet=~CAP_CHOWN\n");
	auto_unit h = service("CapabilityBoundingSet=\n");

	CHECK_INT(f->exec->capability_bounding_set, ==, 1 | 1 << 21);
	CHECK_INT(f->exec->ambient_capabilities, ==, 1 << 5);
	CHECK(g->exec->capability_bounding_set == (UINT64_MAX & ~1ULL));
	CHECK_INT(h->exec->capability_bounding_set, ==, 0);
}

TEST(sandbox__system_call_lists)
{
	auto_unit f = service("SystemCallFilter=@system-service\nSystemCallFilter=~@mount "
	                      "reboot\nSystemCallErrorNumber=EPERM\n");
	auto_unit g = service("SystemCallFilter=~read write:EIO\nSystemCallFilter=read\n");
	auto_free char *a = strv_join(f->exec->system_call_filter, " "),
		       *b = strv_join(g->exec->system_call_filter, " ");

	CHECK(f->exec->system_call_filter_allow_list);
	CHECK_STR(a, "@system-service ~@mount ~reboot");
	CHECK_INT(f->exec->system_call_error_number, ==, EPERM);
	CHECK(!g->exec->system_call_filter_allow_list);
	CHECK_STR(b, "write:EIO ~read");
}

TEST(sandbox__address_families_and_namespaces)
{
	auto_unit f =
		service("RestrictAddressFamilies=AF_UNIX "
	                "AF_INET\nRestrictAddressFamilies=~AF_INET\nRestrictNamespaces=net mnt\n");
	auto_unit g = service("RestrictAddressFamilies=none\nRestrictNamespaces=yes\n");
	auto_unit h = service("RestrictNamespaces=~user\n");

	CHECK(f->exec->restrict_address_families_allow_list);
	CHECK_STR(f->exec->restrict_address_families[0], "AF_UNIX");
	CHECK(!f->exec->restrict_address_families[1]);
	CHECK_INT(f->exec->restrict_namespaces, ==, CLONE_NEWNET | CLONE_NEWNS);
	CHECK(g->exec->restrict_address_families_set && !g->exec->restrict_address_families);
	CHECK_INT(g->exec->restrict_namespaces, ==, 0);
	CHECK_INT(h->exec->restrict_namespaces & CLONE_NEWUSER, ==, 0);
	CHECK_INT(h->exec->restrict_namespaces & CLONE_NEWNET, !=, 0);
}

TEST(sandbox__settings_that_imply_others)
{
	auto_unit f = service(
		"DynamicUser=yes\nPrivateDevices=yes\nProtectClock=yes\nRootDirectory=/r\n");

	CHECK_STR(f->exec->user, "a");
	CHECK(f->exec->private_tmp && f->exec->no_new_privileges && f->exec->mount_api_vfs);
	CHECK_INT(f->exec->protect_system, ==, PROTECT_SYSTEM_STRICT);
	CHECK_INT(f->cgroup->device_policy, ==, DEVICE_POLICY_CLOSED);
	CHECK_STR(f->cgroup->device_allow[0], "char-rtc r");
}

TEST(exec__environment)
{
	auto_unit f = service(
		"Environment=A=1 \"B=x y\" 'C=%n' "
		"1X=2\nEnvironment=A=2\nEnvironment=D=1 E=\\q F=3\nEnvironmentFile=-/etc/default/"
		"%p\nUnsetEnvironment=X Y=1\n");
	auto_free char *env = strv_join(f->exec->environment, "|");

	CHECK_STR(env, "A=2|B=x y|C=a.service|D=1");
	CHECK_STR(f->exec->environment_files[0], "-/etc/default/a");
	CHECK_STR(f->exec->unset_environment[1], "Y=1");
}

TEST(exec__limits_and_scheduling)
{
	auto_unit f =
		service("LimitNOFILE=1K:4096\nLimitNOFILE=1024:4096\nLimitCPU=1500ms\nLimitNICE=-"
	                "5\nLimitCORE=infinity\nNice=-5\nCPUAffinity=0-2 4\nOOMScoreAdjust=-900\n"
	                "IOSchedulingClass=idle\nCPUSchedulingPolicy=rr\nTimerSlackNSec=5us\n");

	CHECK_INT(f->exec->limits[RLIMIT_NOFILE]->rlim_cur, ==, 1024);
	CHECK_INT(f->exec->limits[RLIMIT_NOFILE]->rlim_max, ==, 4096);
	CHECK_INT(f->exec->limits[RLIMIT_CPU]->rlim_cur, ==, 2);
	CHECK_INT(f->exec->limits[RLIMIT_NICE]->rlim_cur, ==, 25);
	CHECK(f->exec->limits[RLIMIT_CORE]->rlim_cur == RLIM_INFINITY);
	CHECK_INT(f->exec->nice, ==, -5);
	CHECK_INT(CPU_COUNT(f->exec->cpu_affinity), ==, 4);
	CHECK_INT(f->exec->io_class, ==, 3);
	CHECK_INT(f->exec->cpu_policy, ==, SCHED_RR);
	CHECK_INT(f->exec->timer_slack_nsec, ==, 5000);
}

TEST(exec__streams)
{
	auto_unit f = service("StandardInputText=a\\tb\nStandardInputData=Y2Q=\nStandardOutput="
	                      "append:/var/log/%p\n");
	auto_unit g = service("StandardInput=tty\n");
	auto_unit h = service("StandardInput=fd:x\nStandardError=fd:y\n");

	CHECK_INT(f->exec->std_input, ==, EXEC_INPUT_DATA);
	CHECK_INT(f->exec->stdin_data_size, ==, 6);
	CHECK(!memcmp(f->exec->stdin_data, "a\tb\ncd", 6));
	CHECK_STR(f->exec->stdio_file[1], "/var/log/a");
	CHECK_INT(g->exec->std_output, ==, EXEC_OUTPUT_INHERIT);
	CHECK_STR(h->exec->stdio_fdname[2], "y");
}

TEST(exec__directories_and_paths)
{
	auto_unit f = service("StateDirectory=a b/c:link\nRuntimeDirectory=../x "
	                      "/y\nReadOnlyPaths=-/a +/b -+/c rel\nBindPaths=/a:/b:norbind -/c\n"
	                      "WorkingDirectory=-~\nLoadCredential=x:/y\nLoadCredential=x:/"
	                      "z\nSetCredential=k:a\\x41\n");
	auto_free char *state = strv_join(f->exec->directories[EXEC_DIRECTORY_STATE].paths, " "),
		       *ro = strv_join(f->exec->read_only_paths, " ");

	CHECK_STR(state, "a b/c:link");
	CHECK(!f->exec->directories[EXEC_DIRECTORY_RUNTIME].paths);
	CHECK_STR(ro, "-/a +/b -+/c");
	CHECK_STR(f->exec->bind_paths[0], "/a:/b:norbind");
	CHECK(f->exec->working_directory_home && f->exec->working_directory_missing_ok);
	CHECK_STR(f->exec->load_credentials[0], "x:/z");
	CHECK_STR(f->exec->set_credentials[0], "k:aA");
}

/* A colon behind a backslash belongs to the name; what a specifier stands for is taken as it is. */
TEST(exec__escaped_colons)
{
	auto_unit f =
		service("StateDirectory=zzz:x\\:yz a\\x20b\\:c:l \"q r\":s o: t:u:v w\\q\n"
	                "CacheDirectory=%T\nBindPaths=/a\\:b:/c /d:/e\\:f:norbind /g\\x20h\n");
	auto_unit g =
		unit("a@b:c.service", "[Service]\nExecStart=/bin/true\nStateDirectory=d/%i:%i\n");
	auto_free char *state = strv_join(f->exec->directories[EXEC_DIRECTORY_STATE].paths, "|"),
		       *binds = strv_join(f->exec->bind_paths, "|"),
		       *instance = strv_join(g->exec->directories[EXEC_DIRECTORY_STATE].paths, "|");
	auto_strv char **parts = NULL;

	CHECK_STR(state, "a b\\:c:l|o|q r:s|zzz:x\\:yz");
	/* Other escapes are known for directories alone. */
	CHECK_STR(binds, "/a\\:b:/c|/d:/e\\:f:norbind|/gx20h");
	CHECK_STR(instance, "d/b\\:c:b\\:c");
	CHECK_INT(colon_split("a\\:b\\\\:c:", &parts), >=, 0);
	CHECK_INT(strv_length(parts), ==, 3);
	CHECK_STR(parts[0], "a:b\\");
	CHECK_STR(parts[1], "c");
	CHECK_STR(parts[2], "");
}

TEST(service__exit_statuses)
{
	auto_unit f = service("SuccessExitStatus=TEMPFAIL 250 SIGKILL nonsense\n");
	const struct exit_status_set *s = &f->service->success_exit_status;

	CHECK(s->statuses[75 / 64] >> 75 % 64 & 1);
	CHECK(s->statuses[250 / 64] >> 250 % 64 & 1);
	CHECK_INT(s->signals, ==, 1 << 9);
}

TEST(socket__ports_in_order)
{
	auto_unit f = unit("a.socket",
	                   "[Socket]\nListenStream=/run/a\nListenDatagram=1.2.3.4:5\nListenFIFO=/"
	                   "run/f\nListenNetlink=kobject-uevent 1\nListenStream=nonsense\n");
	auto_unit g =
		unit("a.socket",
	             "[Socket]\nListenStream=1\nListenStream=\nListenStream=@x\nAccept=yes\n");
	const struct socket_port *p = f->socket->ports;

	CHECK_STR(p->address, "/run/a");
	CHECK_INT(p->next->kind, ==, SOCKET_PORT_DATAGRAM);
	CHECK_INT(p->next->next->kind, ==, SOCKET_PORT_FIFO);
	CHECK_STR(p->next->next->next->address, "kobject-uevent 1");
	CHECK(!p->next->next->next->next);
	CHECK_STR(f->socket->service, "a.service");
	CHECK_STR(g->socket->ports->address, "@x");
	CHECK(!g->socket->service);
}

TEST(timer_and_path__values)
{
	auto_unit f = unit("a.timer", "[Timer]\nOnBootSec=5min\nOnCalendar=daily\n");
	auto_unit g =
		unit("a.path", "[Path]\nPathChanged=/a\nPathExists=/b\nUnit=c.service\nUnit=\n");

	CHECK_INT(f->timer->values->span_usec, ==, 300000000);
	CHECK(f->timer->values->next->calendar);
	CHECK_STR(f->timer->unit, "a.service");
	CHECK_INT(g->path->specs->kind, ==, PATH_CHANGED);
	CHECK_STR(g->path->unit, "c.service");
}

TEST(set__one_property)
{
	auto_unit f = service("");

	CHECK_INT(unit_file_set(f, &context, NULL, "MemoryMax", "1G", NULL), ==, 0);
	CHECK_INT(f->cgroup->memory_max, ==, 1073741824);
	CHECK_INT(unit_file_set(f, &context, NULL, "MemoryMax", "x", NULL), ==, -EINVAL);
	CHECK_INT(unit_file_set(f, &context, NULL, "Nonsense", "x", NULL), ==, -EINVAL);
	CHECK_INT(unit_file_set(f, &context, "Unit", "Description", "d", NULL), ==, 0);
	CHECK_INT(unit_file_set(f, &context, "Timer", "OnBootSec", "1", NULL), ==, -EINVAL);
	CHECK_INT(f->cgroup->memory_max, ==, 1073741824);
}

TEST(plugin__type_has_its_own_section)
{
	static const char *const keys[] = {"Width", "Height", NULL},
				 *const taken[] = {"Nice", NULL},
				 *const twice[] = {"Width", "Width", NULL};
	int type;

	CHECK_INT(unit_name_type("a.frame"), <, 0);
	CHECK_INT(unit_type_register("Frame", "Frame", keys), ==, -EINVAL);
	CHECK_INT(unit_type_register("service", "Frame", keys), ==, -EEXIST);
	CHECK_INT(unit_type_register("frame", "Service", keys), ==, -EEXIST);
	CHECK_INT(unit_type_register("frame", "Frame", taken), ==, -EINVAL);
	CHECK_INT(unit_type_register("frame", "Frame", twice), ==, -EINVAL);
	CHECK_INT(unit_name_type("a.frame"), <, 0);
	type = unit_type_register("frame", "Frame", keys);
	CHECK_INT(type, ==, UNIT_PLUGIN);
	CHECK_INT(unit_type_register("frame", "Other", keys), ==, -EEXIST);
	CHECK_INT(unit_name_type("a@b.frame"), ==, type);

	auto_unit f =
		unit("a@b.frame",
	             "[Frame]\nWidth=3\nDepth=1\nNice=5\nHeight=%i\nWidth=\n[Service]\nNice=7\n");
	CHECK(f != NULL);
	CHECK_INT(strv_length(f->plugin->assignments), ==, 3);
	CHECK_STR(f->plugin->assignments[0], "Width=3");
	CHECK_STR(f->plugin->assignments[1], "Height=b");
	CHECK_STR(f->plugin->assignments[2], "Width=");
	CHECK_INT(f->exec->nice, ==, 5);
	/* Depth= and [Service] are foreign: a warning each. */
	CHECK_INT(diag.n_items, ==, 2);
	for (int i = 1; i <= UNIT_PLUGIN_LAST - UNIT_PLUGIN; i++) {
		static const char *const more[] = {"one", "two", "three"};

		CHECK_INT(unit_type_register(more[i - 1], more[i - 1], NULL), ==, UNIT_PLUGIN + i);
	}
	CHECK_INT(unit_type_register("many", "Many", NULL), ==, -ENOSPC);
}

/* Where systemd resolves specifiers of a whole line, of a word, and of a part of one. */
TEST(specifiers__before_and_after_a_line_is_split)
{
	auto_unit f = unit("a@b-c.service",
	                   "[Unit]\nDocumentation=file:///%I man:x\\x20y(1)\n[Service]\n"
	                   "ExecStart=/bin/true\nTemporaryFileSystem=/%p:size=%p,mode=%i\n");
	auto_unit g = unit("a@b\\x20c.service",
	                   "[Unit]\nDocumentation=file:///%I\nDocumentation=file:///x%Z "
	                   "man:b(1)\n[Service]\nExecStart=/bin/true\n");
	auto_unit h = unit("a:b.service", "[Service]\nExecStart=/bin/true\n"
	                                  "ExecSearchPath=/x:/%p/%Z:/%p:/x\n");
	auto_free char *urls = strv_join(f->unit.documentation, "|");

	CHECK_STR(urls, "file:///b/c|man:x\\x20y(1)");
	CHECK_STR(f->exec->temporary_file_systems[0], "/a:size=%p,mode=%i");
	/* The blank that came from the instance divides words; a line with what is no specifier is passed over. */
	CHECK_STR(g->unit.documentation[0], "file:///b");
	CHECK(!g->unit.documentation[1]);
	CHECK_STR(h->exec->exec_search_path[0], "/x");
	CHECK_STR(h->exec->exec_search_path[1], "/a:b");
	CHECK(!h->exec->exec_search_path[2]);
}

TEST(unit__a_uri_is_ascii)
{
	auto_unit f = unit("a.service", "[Unit]\nDocumentation=file:///\xc3\xa4 man:a(1)\n"
	                                "[Service]\nExecStart=/bin/true\n");

	CHECK_STR(f->unit.documentation[0], "man:a(1)");
}

TEST(exec__what_is_no_path_is_passed_over)
{
	auto_unit f = service("BindPaths=/a: /b::norbind /c\nEnvironmentFile=-/e/../f\n"
	                      "EnvironmentFile=/g//h\nMountAPIVFS=yes\nMountAPIVFS=\n");
	auto_unit g =
		service("StandardOutput=file:/%Z\nStandardError=fd:%Z\nStandardInput=file:/%Z\n");

	CHECK_STR(f->exec->bind_paths[0], "/c");
	CHECK_STR(f->exec->environment_files[0], "/g/h");
	CHECK(!f->exec->mount_api_vfs && !f->exec->mount_api_vfs_set);
	/* The line is, and not the unit. */
	CHECK_INT(g->load_state, ==, LOAD_LOADED);
	CHECK_INT(g->exec->std_output, ==, EXEC_OUTPUT_JOURNAL);
	CHECK_INT(diag.n_items, ==, 3);
}

TEST(service__a_bus_name_may_be_a_unique_one)
{
	auto_unit f = service("BusName=:1.5\n");
	auto_unit g =
		service("BusName=:1.5x.2\nBusName=:\nBusName=:x\nBusName=a.1\nBusName=a:1.b\n");

	CHECK_STR(f->service->bus_name, ":1.5");
	CHECK_STR(g->service->bus_name, ":1.5x.2");
}
