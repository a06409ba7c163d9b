// SPDX-License-Identifier: Apache-2.0
/* The table of verbs, and the names that this program answers to. */
#include "sctl/power.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

/* clang-format off */
const struct verb verbs[] = {
	{ "status",		"[UNIT...|PID]",  "Show what a unit, or the machine, is doing",		0, -1, verb_status },
	{ "show",		"[UNIT...]",	  "Show properties, KEY=VALUE (-p NAME, --value)",	0, -1, verb_show },
	{ "list-units",		"[PATTERN...]",	  "List units in memory (-a, -t TYPE, --state=)",	0, -1, verb_list_units },
	{ "list-jobs",		"[PATTERN...]",		  "List jobs that wait or run",				0, -1, verb_list_jobs },
	{ "list-unit-files",	"[PATTERN...]",	  "List unit files and whether they are enabled",	0, -1, verb_list_unit_files },
	{ "list-sockets",	"[PATTERN...]",	  "List sockets and what they start",			0, -1, verb_list_sockets },
	{ "list-timers",	"[PATTERN...]",	  "List timers, when they elapse, what they start",	0, -1, verb_list_timers },
	{ "list-dependencies",	"[UNIT...]",	  "Show what a unit needs, as a tree (--reverse, --after, --before)", 0, -1, verb_list_dependencies },
	{ "why",		"UNIT...",	  "What holds a unit: condition, dependency, job, order, limit", 1, -1, verb_why },
	{ "cat",		"UNIT...",	  "Show a unit's files",				1, -1, verb_cat },
	{ "help",		"UNIT...",	  "Show a unit's documentation",			1, -1, verb_help },
	{ "edit",		"UNIT...",	  "Edit a drop-in of a unit, or all of it (--full)",	1, -1, verb_edit },
	{ "start",		"UNIT...",	  "Start units",					1, -1, verb_queue },
	{ "stop",		"UNIT...",	  "Stop units",						1, -1, verb_queue },
	{ "restart",		"UNIT...",	  "Stop, then start",					1, -1, verb_queue },
	{ "try-restart",	"UNIT...",	  "Restart those that are active",			1, -1, verb_queue },
	{ "reload",		"UNIT...",	  "Let units read their configuration again",		1, -1, verb_queue },
	{ "reload-or-restart",	"UNIT...",	  "Reload, or restart what cannot reload",		0, -1, verb_queue },
	{ "try-reload-or-restart", "UNIT...",	  "The same, for those that are active",		1, -1, verb_queue },
	{ "force-reload",	"UNIT...",	  NULL,							1, -1, verb_queue },
	{ "reload-or-try-restart", "UNIT...",	  NULL,							1, -1, verb_queue },
	{ "condrestart",	"UNIT...",	  NULL,							1, -1, verb_queue },
	{ "isolate",		"UNIT",		  "Start a unit and stop what it does not need",	1,  1, verb_queue },
	{ "kill",		"UNIT...",	  "Send a signal (-s SIGNAL, --kill-who=)",		1, -1, verb_kill },
	{ "cancel",		"JOB...",	  "Cancel jobs",					1, -1, verb_cancel },
	{ "freeze",		"UNIT...",	  "Suspend the processes of a unit",			1, -1, verb_freeze },
	{ "thaw",		"UNIT...",	  "Let them go on",					1, -1, verb_freeze },
	{ "clean",		"UNIT...",	  "Remove a unit's folders (--what=)",			1, -1, verb_clean },
	{ "set-property",	"UNIT NAME=VALUE...", "Change settings of a unit, live and for good (--runtime)", 2, -1, verb_set_property },
	{ "reset-failed",	"[UNIT...]",	  "Forget failures and start counters",			0, -1, verb_reset_failed },
	{ "is-active",		"UNIT...",	  "0 if one is active",					1, -1, verb_is_active },
	{ "is-failed",		"UNIT...",	  "0 if one has failed",				1, -1, verb_is_active },
	{ "is-enabled",		"UNIT...",	  "0 if one starts by itself",				1, -1, verb_is_enabled },
	{ "is-system-running",	"",		  "0 if the machine is up and nothing failed",		0,  0, verb_is_system_running },
	{ "enable",		"UNIT...",	  "Start at boot (--now: also at once)",		1, -1, verb_file_change },
	{ "disable",		"UNIT...",	  "Do not start at boot",				1, -1, verb_file_change },
	{ "reenable",		"UNIT...",	  "Disable, then enable",				1, -1, verb_file_change },
	{ "link",		"PATH...",	  "Use unit files from elsewhere",			1, -1, verb_file_change },
	{ "revert",		"UNIT...",	  "Back to what the vendor ships",			1, -1, verb_file_change },
	{ "add-wants",		"TARGET UNIT...", "Let a target pull units in",				2, -1, verb_file_change },
	{ "add-requires",	"TARGET UNIT...", "The same, as a requirement",				2, -1, verb_file_change },
	{ "preset-all",		"",		  "Enable or disable all units as the presets say",	0,  0, verb_file_change },
	{ "preset",		"UNIT...",	  "Enable or disable as the presets say",		1, -1, verb_file_change },
	{ "mask",		"UNIT...",	  "Make it impossible to start",			1, -1, verb_file_change },
	{ "unmask",		"UNIT...",	  "Undo mask",						1, -1, verb_file_change },
	{ "get-default",	"",		  "The target of a normal boot",			0,  0, verb_get_default },
	{ "set-default",	"TARGET",	  "Choose it",						1,  1, verb_set_default },
	{ "daemon-reload",	"",		  "Read all unit files again (--dry-run: show what changes)", 0, 0, verb_daemon_reload },
	{ "daemon-reexec",	"",		  "Replace the manager by its newest binary, in place",	0,  0, verb_daemon_reexec },
	{ "switch-root",	"ROOT [INIT]",	  "Leave an initramfs for what is mounted there",	1,  2, verb_switch_root },
	{ "show-environment",	"",		  "The manager's environment",				0,  0, verb_environment },
	{ "set-environment",	"NAME=VALUE...",  "Add to it",						1, -1, verb_environment },
	{ "unset-environment",	"NAME...",	  "Take out of it",					1, -1, verb_environment },
	{ "import-environment",	"[NAME...]",	  "Add variables of the caller's to it",		0, -1, verb_environment },
	{ "log-level",		"[LEVEL]",	  "The manager's log level",				0,  1, verb_log_level },
	{ "log-target",		"[TARGET]",	  NULL,							0,  1, verb_log_level },
	{ "service-watchdogs",	"[BOOL]",	  "Whether watchdogs of services count",		0,  1, verb_service_watchdogs },
	{ "events",		"",		  "Follow what happens, until interrupted",		0,  0, verb_events },
	{ "analyze",		"[time|blame|critical-chain [UNIT]|loop]", "Where boot time went; the manager's own figures", 0, 2, verb_analyze },
	{ "upgrade",		"BUNDLE",	  "Replace init, core and agents while services run",	1,  1, verb_upgrade },
	{ "rollback",		"",		  "Back to the version before",				0,  0, verb_rollback },
	{ "versions",		"",		  "Versions on this machine and how the last upgrade went", 0, 0, verb_versions },
	{ "crashes",		"[ID]",		  "Reports of deaths of core, init and agents; ID or \"last\": one in full", 0, 1, verb_crashes },
	{ "default",		"",		  "Go to the default target",				0,  0, verb_state_target },
	{ "rescue",		"",		  "Go to single-user mode",				0,  0, verb_state_target },
	{ "emergency",		"",		  "Go to emergency mode",				0,  0, verb_state_target },
	{ "suspend",		"",		  "Suspend the machine",				0,  0, verb_sleep },
	{ "hibernate",		"",		  "Hibernate it",					0,  0, verb_sleep },
	{ "hybrid-sleep",	"",		  "Hibernate and suspend",				0,  0, verb_sleep },
	{ "suspend-then-hibernate", "",		  "Suspend, hibernate later",				0,  0, verb_sleep },
	{ "poweroff",		"",		  "Shut down and switch off (-f: at once)",		0,  0, verb_power },
	{ "reboot",		"",		  "Shut down and start again",				0,  0, verb_power },
	{ "halt",		"",		  "Shut down and stop",					0,  0, verb_power },
	{ "kexec",		"",		  "Shut down and start the loaded kernel",		0,  0, verb_power },
	{ "exit",		"",		  "End a container",					0,  1, verb_power },
	{ "unit-path",		"",		  NULL,							0,  0, verb_unit_path },
	{ "completion",		"",		  "A bash completion for this command, from its tables", 0,  0, verb_completion },
	{ "bridge",		"SERVICE",	  NULL,							1,  1, verb_bridge },
};
const size_t n_verbs = ELEMENTSOF(verbs);
/* clang-format on */

void print_help(void)
{
	printf("usage: sctl [-H HOST] [OPTION...] VERB [ARGUMENT...]\n\n"
	       "Looks at and steers the init system of this machine or of a guest.\n\n");
	for (size_t i = 0; i < n_verbs; i++) {
		char head[64];

		if (!verbs[i].help)
			continue;
		snprintf(head, sizeof(head), "%s %s", verbs[i].name, verbs[i].arguments);
		printf("  %-30s %s\n", head, verbs[i].help);
	}
	putchar('\n');
	print_options();
}

int run_verb(const char *name, char **args)
{
	int n = (int) strv_length(args);

	for (size_t i = 0; i < n_verbs; i++) {
		const struct verb *v = &verbs[i];

		if (!streq(v->name, name))
			continue;
		if (n < v->min_args || (v->max_args >= 0 && n > v->max_args))
			return error_exit(EXIT_USAGE, "usage: sctl %s %s", v->name, v->arguments);
		return v->run(v, args);
	}
	return error_exit(EXIT_USAGE, "No such verb: %s (try sctl --help)", name);
}

/* Programs of systemd that this one can stand in for, and ours. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} personalities[] = {
	{"systemd-run", run_main}, {"systemd-analyze", analyze_main},
	{"poweroff", power_main},  {"reboot", power_main},
	{"halt", power_main},      {"shutdown", shutdown_main},
	{"telinit", telinit_main}, {"runlevel", runlevel_main},
};

int main(int argc, char **argv)
{
	/* The others are links to this program. */
	const char *self = path_basename(argv[0]);
	int r;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ELEMENTSOF(personalities); i++)
		if (streq(personalities[i].name, self))
			return personalities[i].run(argc, argv);
	r = parse_options(argc, argv);
	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	if (arg.user)
		return exec_stock("systemctl", argv);
	return run_verb(optind < argc ? argv[optind] : "list-units",
	                optind < argc ? argv + optind + 1 : (char *[]){NULL});
}
