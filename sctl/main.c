// SPDX-License-Identifier: Apache-2.0
#include "sctl/sctl.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

struct options arg = {.job_mode = "replace", .kill_who = "all", .signal = SIGTERM};

/* clang-format off */
static const struct verb verbs[] = {
	{ "status",		"[UNIT...|PID]",  "Show what a unit, or the machine, is doing",		0, -1, verb_status },
	{ "show",		"[UNIT...]",	  "Show properties, KEY=VALUE (-p NAME, --value)",	0, -1, verb_show },
	{ "list-units",		"[PATTERN...]",	  "List units in memory (-a, -t TYPE, --state=)",	0, -1, verb_list_units },
	{ "list-jobs",		"",		  "List jobs that wait or run",				0,  0, verb_list_jobs },
	{ "list-unit-files",	"[PATTERN...]",	  "List unit files and whether they are enabled",	0, -1, verb_list_unit_files },
	{ "cat",		"UNIT...",	  "Show a unit's files",				1, -1, verb_cat },
	{ "start",		"UNIT...",	  "Start units",					1, -1, verb_queue },
	{ "stop",		"UNIT...",	  "Stop units",						1, -1, verb_queue },
	{ "restart",		"UNIT...",	  "Stop, then start",					1, -1, verb_queue },
	{ "try-restart",	"UNIT...",	  "Restart those that are active",			1, -1, verb_queue },
	{ "reload",		"UNIT...",	  "Let units read their configuration again",		1, -1, verb_queue },
	{ "reload-or-restart",	"UNIT...",	  "Reload, or restart what cannot reload",		1, -1, verb_queue },
	{ "try-reload-or-restart", "UNIT...",	  "The same, for those that are active",		1, -1, verb_queue },
	{ "isolate",		"UNIT",		  "Start a unit and stop what it does not need",	1,  1, verb_queue },
	{ "kill",		"UNIT...",	  "Send a signal (-s SIGNAL, --kill-who=)",		1, -1, verb_kill },
	{ "cancel",		"JOB...",	  "Cancel jobs",					1, -1, verb_cancel },
	{ "reset-failed",	"[UNIT...]",	  "Forget failures and start counters",			0, -1, verb_reset_failed },
	{ "is-active",		"UNIT...",	  "0 if one is active",					1, -1, verb_is_active },
	{ "is-failed",		"UNIT...",	  "0 if one has failed",				1, -1, verb_is_active },
	{ "is-enabled",		"UNIT...",	  "0 if one starts by itself",				1, -1, verb_is_enabled },
	{ "is-system-running",	"",		  "0 if the machine is up and nothing failed",		0,  0, verb_is_system_running },
	{ "enable",		"UNIT...",	  "Start at boot (--now: also at once)",		1, -1, verb_file_change },
	{ "disable",		"UNIT...",	  "Do not start at boot",				1, -1, verb_file_change },
	{ "reenable",		"UNIT...",	  "Disable, then enable",				1, -1, verb_file_change },
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
	{ "events",		"",		  "Follow what happens, until interrupted",		0,  0, verb_events },
	{ "analyze",		"[time|blame|critical-chain [UNIT]|loop]", "Where boot time went; the manager's own figures", 0, 2, verb_analyze },
	{ "upgrade",		"BUNDLE",	  "Replace init, core and agents while services run",	1,  1, verb_upgrade },
	{ "rollback",		"",		  "Back to the version before",				0,  0, verb_rollback },
	{ "versions",		"",		  "Versions on this machine and how the last upgrade went", 0, 0, verb_versions },
	{ "poweroff",		"",		  "Shut down and switch off (-f: at once)",		0,  0, verb_power },
	{ "reboot",		"",		  "Shut down and start again",				0,  0, verb_power },
	{ "halt",		"",		  "Shut down and stop",					0,  0, verb_power },
	{ "kexec",		"",		  "Shut down and start the loaded kernel",		0,  0, verb_power },
	{ "exit",		"",		  "End a container",					0,  0, verb_power },
	{ "bridge",		"SERVICE",	  NULL,							1,  1, verb_bridge },
};
/* clang-format on */

static void print_help(void)
{
	printf("usage: sctl [-H HOST] [OPTION...] VERB [ARGUMENT...]\n\n"
	       "Looks at and steers the init system of this machine or of a guest.\n\n");
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
		char head[64];

		if (!verbs[i].help)
			continue;
		snprintf(head, sizeof(head), "%s %s", verbs[i].name, verbs[i].arguments);
		printf("  %-30s %s\n", head, verbs[i].help);
	}
	printf("\n"
	       "  -H, --host=ADDRESS   unix:PATH  vsock:CID[:PORT]  vsock-mux:SOCKET[:PORT]  "
	       "serial:SOCKET  ssh:[USER@]HOST\n"
	       "      --json           answers as JSON\n"
	       "  -a, --all            inactive units, empty properties\n"
	       "  -t, --type=TYPE      --state=STATE  -p, --property=NAME  --value\n"
	       "  -s, --signal=SIG     --kill-who=main|control|all\n"
	       "      --job-mode=MODE  --no-block  --now  --runtime  -f, --force  --dry-run\n"
	       "  -q, --quiet          --no-legend  --plain  --timeout=SECONDS  --reason=TEXT\n"
	       "  -h, --help           --version\n");
}

/* clang-format off */
enum {
	OPT_JSON = 256, OPT_VALUE, OPT_STATE, OPT_KILL_WHO, OPT_JOB_MODE, OPT_NO_BLOCK, OPT_NOW, OPT_RUNTIME, OPT_DRY_RUN, OPT_NO_LEGEND,
	OPT_PLAIN, OPT_TIMEOUT, OPT_REASON, OPT_VERSION, OPT_IGNORED, OPT_FAILED,
};
/* clang-format on */

/* clang-format off */
static const struct option long_options[] = {
	{ "host", required_argument, NULL, 'H' },	    { "json", no_argument, NULL, OPT_JSON },
	{ "all", no_argument, NULL, 'a' },		    { "type", required_argument, NULL, 't' },
	{ "state", required_argument, NULL, OPT_STATE },    { "property", required_argument, NULL, 'p' },
	{ "value", no_argument, NULL, OPT_VALUE },	    { "signal", required_argument, NULL, 's' },
	{ "kill-who", required_argument, NULL, OPT_KILL_WHO }, { "kill-whom", required_argument, NULL, OPT_KILL_WHO },
	{ "job-mode", required_argument, NULL, OPT_JOB_MODE }, { "no-block", no_argument, NULL, OPT_NO_BLOCK },
	{ "now", no_argument, NULL, OPT_NOW },		    { "runtime", no_argument, NULL, OPT_RUNTIME },
	{ "force", no_argument, NULL, 'f' },		    { "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "quiet", no_argument, NULL, 'q' },		    { "no-legend", no_argument, NULL, OPT_NO_LEGEND },
	{ "plain", no_argument, NULL, OPT_PLAIN },	    { "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "reason", required_argument, NULL, OPT_REASON },  { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },	    { "no-pager", no_argument, NULL, OPT_IGNORED },
	{ "no-ask-password", no_argument, NULL, OPT_IGNORED }, { "system", no_argument, NULL, OPT_IGNORED },
	{ "full", no_argument, NULL, 'l' },		    { "failed", no_argument, NULL, OPT_FAILED },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

extern const char sysmaster_version[];

/* "a,b" and repeated options both make lists. */
static int add_list(char ***list, const char *value)
{
	auto_strv char **parts = NULL;
	int r = strv_split(value, ",", &parts);

	return r < 0 ? r : strv_extend(list, parts);
}

/* clang-format off: one option a line */
/* 1: go on; 0: done; < 0: usage. */
static int parse_options(int argc, char **argv)
{
	uint64_t seconds;
	int c;

	while ((c = getopt_long(argc, argv, "H:at:p:s:fqhl", long_options, NULL)) >= 0) {
		switch (c) {
		case 'H':
			arg.host = optarg;
			break;
		case OPT_JSON:
			arg.json = true;
			break;
		case 'a':
			arg.all = true;
			break;
		case 'l':
			arg.full = true;
			break;
		case 't':
			add_list(&arg.types, optarg);
			break;
		case OPT_STATE:
			add_list(&arg.states, optarg);
			break;
		case OPT_FAILED:
			add_list(&arg.states, "failed");
			break;
		case 'p':
			add_list(&arg.properties, optarg);
			break;
		case OPT_VALUE:
			arg.value = true;
			break;
		case 's':
			arg.signal = signal_number(optarg);
			if (arg.signal < 0)
				return error_exit(-EINVAL, "No such signal: %s", optarg);
			break;
		case OPT_KILL_WHO:
			arg.kill_who = optarg;
			break;
		case OPT_JOB_MODE:
			arg.job_mode = optarg;
			break;
		case OPT_NO_BLOCK:
			arg.no_block = true;
			break;
		case OPT_NOW:
			arg.now = true;
			break;
		case OPT_RUNTIME:
			arg.runtime = true;
			break;
		case 'f':
			arg.force = true;
			arg.n_force++;
			break;
		case OPT_DRY_RUN:
			arg.dry_run = true;
			break;
		case 'q':
			arg.quiet = true;
			break;
		case OPT_NO_LEGEND:
			arg.no_legend = true;
			break;
		case OPT_PLAIN:
			arg.plain = true;
			break;
		case OPT_TIMEOUT:
			if (str_to_u64(optarg, 10, &seconds) < 0 || seconds == 0 || seconds > 86400)
				return error_exit(
					-EINVAL, "--timeout: seconds expected, not \"%s\"", optarg);
			arg.timeout = seconds * USEC_PER_SEC;
			break;
		case OPT_REASON:
			arg.reason = optarg;
			break;
		case 'h':
			print_help();
			return 0;
		case OPT_VERSION:
			printf("sctl %s\n", sysmaster_version);
			return 0;
		case OPT_IGNORED:
			break;
		default:
			return -EINVAL;
		}
	}
	return 1;
}

/* clang-format on */

static int run_verb(const char *name, char **args)
{
	int n = (int) strv_length(args);

	for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
		const struct verb *v = &verbs[i];

		if (!streq(v->name, name))
			continue;
		if (n < v->min_args || (v->max_args >= 0 && n > v->max_args))
			return error_exit(EXIT_USAGE, "usage: sctl %s %s", v->name, v->arguments);
		return v->run(v, args);
	}
	return error_exit(EXIT_USAGE, "No such verb: %s (try sctl --help)", name);
}

int main(int argc, char **argv)
{
	/* poweroff, reboot and halt are links to this program. */
	const char *self = path_basename(argv[0]);
	/* shutdown(8) has options of its own: -h, -r, and a time that we do not wait for. */
	int r = streq(self, "shutdown") ? 1 : parse_options(argc, argv);

	signal(SIGPIPE, SIG_IGN);
	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	if (streq(self, "poweroff") || streq(self, "reboot") || streq(self, "halt"))
		return run_verb(self, (char *[]){NULL});
	if (streq(self, "shutdown"))
		return run_verb(argv[1] && streq(argv[1], "-r") ? "reboot" : "poweroff",
		                (char *[]){NULL});
	return run_verb(optind < argc ? argv[optind] : "list-units",
	                optind < argc ? argv + optind + 1 : (char *[]){NULL});
}
