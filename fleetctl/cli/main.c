// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>

/* clang-format off */
const struct verb verbs[] = {
	{ "serve",	     "",	      "Run the controller (--dir, --listen, --web-listen, --san)",   0,  0, verb_serve },
	{ "relay",	     "",	      "Carry guests' virtio-serial channels (--connect, --port, --libvirt, --listen-dir)", 0, 0, verb_relay },
	{ "get",	     "WHAT [NAME]",   "machines, machine, events, commands, command, tokens, bundles, rollouts, rollout, audit", 1, 2, verb_get },
	{ "machine",	     "NAME ORDER...", "start|stop|restart|reload UNIT, query METHOD, upgrade VERSION, rollback, core-restart, reboot, remove", 2, 4, verb_machine },
	{ "token create",    "",	      "A token with which machines enrol (--uses, --ttl, --note)",   0,  0, verb_token_create },
	{ "token remove",    "TOKEN",	      "Withdraw it",						     1,  1, verb_token_remove },
	{ "bundle keygen",   "",	      "A key to sign bundles with (--out FILE)",		     0,  0, verb_bundle_keygen },
	{ "bundle create",   "",	      "Pack and sign a version (--version, --dir, --key, --out)",    0,  0, verb_bundle_create },
	{ "bundle upload",   "FILE",	      "Give it to the controller",				     1,  1, verb_bundle_upload },
	{ "bundle remove",   "VERSION",	      "Delete it there",					     1,  1, verb_bundle_remove },
	{ "rollout create",  "",	      "Bring machines to a version (--bundle, --machine, --max-parallel, --gate, --deadline, --wait)", 0, 0, verb_rollout_create },
	{ "rollout status",  "[ROLLOUT]",     "How far it is, machine by machine",			     0,  1, verb_rollout_status },
	{ "rollout pause",   "ROLLOUT",	      "Start no more machines",					     1,  1, verb_rollout_operate },
	{ "rollout resume",  "ROLLOUT",	      "Go on",							     1,  1, verb_rollout_operate },
	{ "rollout abort",   "ROLLOUT",	      "Stop and bring every machine back",			     1,  1, verb_rollout_operate },
};
const size_t n_verbs = ELEMENTSOF(verbs);

enum { TEXT, LIST, FLAG };
static struct options given;
static const struct { const char *name; char letter; int as; void *target; } table[] = {
	{ "url", 'u', TEXT, &given.url },	       { "cert", 0, TEXT, &given.certificate },	 { "ca", 0, TEXT, &given.ca },
	{ "dir", 'd', TEXT, &given.dir },	       { "json", 'j', FLAG, &given.json },	 { "watch", 'w', FLAG, &given.watch },
	{ "wait", 0, FLAG, &given.wait },	       { "listen", 'l', LIST, &given.listen },	 { "web-listen", 0, LIST, &given.web_listen },
	{ "san", 0, LIST, &given.names },	       { "connect", 'c', TEXT, &given.connect }, { "port", 'p', LIST, &given.ports },
	{ "libvirt", 0, TEXT, &given.libvirt },	       { "listen-dir", 0, TEXT, &given.listen_dir }, { "version", 0, TEXT, &given.version },
	{ "arch", 0, TEXT, &given.arch },	       { "key", 'k', TEXT, &given.key },	 { "out", 'o', TEXT, &given.out },
	{ "wire", 0, LIST, &given.wire },	       { "state", 0, LIST, &given.state_versions }, { "uses", 0, TEXT, &given.uses },
	{ "ttl", 0, TEXT, &given.ttl },		       { "note", 0, TEXT, &given.note },	 { "bundle", 'b', TEXT, &given.bundle },
	{ "max-parallel", 0, TEXT, &given.parallel },  { "gate", 0, TEXT, &given.gate },	 { "deadline", 0, TEXT, &given.deadline },
	{ "machine", 'm', LIST, &given.machines },     { "all", 'a', FLAG, &given.all },	 { "after", 0, TEXT, &given.after },
	{ "limit", 'n', TEXT, &given.limit },
};
/* clang-format on */

static void usage(FILE *f)
{
	fputs("fleetctl [OPTION...] VERB...\n\nMany machines that run sysmaster: what they are, "
	      "what they do, which version.\n\n",
	      f);
	for (size_t i = 0; i < n_verbs; i++)
		fprintf(f, "  %-15s %-14s %s\n", verbs[i].words, verbs[i].arguments, verbs[i].help);
	fputs("\nOptions for all: --url URL, --cert FILE, --ca FILE, --dir DIR, --json, --wait, "
	      "--watch. Each can be an environment\n"
	      "variable (FLEETCTL_URL, FLEETCTL_DIR) or stand in "
	      "~/.config/sysmaster/fleetctl.conf.\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 3 controller not reached, 4 refused, 5 not "
	      "found.\n",
	      f);
}

static int take(size_t i, const char *value)
{
	if (table[i].as == FLAG) {
		*(bool *) table[i].target = true;
		return 0;
	}
	return table[i].as == LIST ? strv_append(table[i].target, value)
	                           : str_set(table[i].target, value);
}

/* The options may stand anywhere. Returns the index of the first word, or a negative exit code
 * minus one. */
static int parse_options(int argc, char **argv)
{
	struct option options[ELEMENTSOF(table) + 2] = {};
	char letters[2 * ELEMENTSOF(table) + 3];
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTSOF(table); i++) {
		options[i] = (struct option){table[i].name,
		                             table[i].as == FLAG ? no_argument : required_argument,
		                             NULL, 1000 + (int) i};
		if (!table[i].letter)
			continue;
		letters[n++] = table[i].letter;
		if (table[i].as != FLAG)
			letters[n++] = ':';
	}
	options[ELEMENTSOF(table)] = (struct option){"help", no_argument, NULL, 'h'};
	letters[n++] = 'h';
	letters[n] = 0;
	for (;;) {
		int c = getopt_long(argc, argv, letters, options, NULL);

		if (c == -1)
			return optind;
		if (c == 'h') {
			usage(stdout);
			return -1 - EXIT_OK;
		}
		if (c == '?')
			return -1 - EXIT_USAGE;
		for (size_t i = 0; i < ELEMENTSOF(table); i++)
			if ((c == 1000 + (int) i || (c < 1000 && c == table[i].letter)) &&
			    take(i, optarg) < 0)
				return -1 - complain(EXIT_FAILED, "Out of memory");
	}
}

/* How many of the words the verb's name takes; 0 if it is another verb. */
static int match(const struct verb *v, int argc, char **argv)
{
	const char *space = strchr(v->words, ' ');
	size_t first = space ? (size_t) (space - v->words) : strlen(v->words);

	if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], v->words, first))
		return 0;
	if (!space)
		return 1;
	return argc >= 2 && streq(argv[1], space + 1) ? 2 : 0;
}

static void forget(void)
{
	for (size_t i = 0; i < ELEMENTSOF(table); i++) {
		if (table[i].as == TEXT)
			free(*(char **) table[i].target);
		else if (table[i].as == LIST)
			strv_free(*(char ***) table[i].target);
	}
}

static int run(int argc, char **argv)
{
	int first = parse_options(argc, argv);

	if (first < 0)
		return -1 - first;
	argc -= first;
	argv += first;
	if (argc == 0) {
		usage(stderr);
		return EXIT_USAGE;
	}
	/* For events --machine is a filter, for rollouts a list. */
	if (given.machines && !given.machines[1] && str_set(&given.machine, given.machines[0]) < 0)
		return complain(EXIT_FAILED, "Out of memory");
	for (size_t i = 0; i < n_verbs; i++) {
		int words = match(&verbs[i], argc, argv);
		int rest = argc - words;

		if (!words)
			continue;
		if (rest < verbs[i].min_arguments ||
		    (verbs[i].max_arguments >= 0 && rest > verbs[i].max_arguments))
			return complain(EXIT_USAGE, "Usage: fleetctl %s %s", verbs[i].words,
			                verbs[i].arguments);
		return verbs[i].fn(&given, rest, argv + words);
	}
	return complain(EXIT_USAGE, "\"%s%s%s\" is not known; see fleetctl --help", argv[0],
	                argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
}

int main(int argc, char **argv)
{
	int r = run(argc, argv);

	free(given.machine);
	forget();
	return r;
}
