// SPDX-License-Identifier: Apache-2.0
/* Options, one table: systemctl(1)'s, and ours. An option that makes no difference here is accepted, so that scripts go on. */
#include "sctl/sctl.h"

#include <getopt.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>

extern const char sysmaster_version[];

struct options arg = {
	.job_mode = "replace", .kill_who = "all", .signal = SIGTERM, .preset_mode = "full"};

enum option_kind {
	FLAG,   /* bool at offset becomes true */
	COUNT,  /* the same, and n_force counts */
	STRING, /* const char * at offset */
	LIST,   /* char ** at offset, "a,b" makes two */
	YES_NO, /* bool at offset is the opposite of the value */
	IGNORE,
	IGNORE_VALUE,
	CALL,
};

struct option_row {
	const char *name;
	char letter;
	enum option_kind kind;
	size_t offset;
	int (*call)(const char *value);
	bool has_value;
	const char *help;
};

static int set_signal(const char *value)
{
	if (streq(value, "help") || streq(value, "list")) {
		for (int i = 1; i < 32; i++)
			if (sigabbrev_np(i))
				printf("SIG%s\n", sigabbrev_np(i));
		return 0;
	}
	arg.signal = signal_number(value);
	return arg.signal < 0 ? error_exit(-EINVAL, "No such signal: %s", value) : 1;
}

static int print_words(const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		puts(words[i]);
	return 0;
}

static const char *const load_states[] = {"stub",  "loaded", "not-found", "bad-setting",
                                          "error", "merged", "masked"};

/* systemctl takes load states here, too, for old callers. */
static int add_type(const char *value)
{
	static const char *const types[] = {"service", "mount",  "swap",      "socket",
	                                    "target",  "device", "automount", "timer",
	                                    "path",    "slice",  "scope"};
	auto_strv char **words = NULL;
	int r;

	if (streq(value, "help"))
		return print_words(types, ELEMENTSOF(types));
	r = strv_split(value, ",", &words);
	STRV_FOREACH (w, words)
		if (r >= 0)
			r = strv_append(ENUM_FROM_STRING(load_states, *w) >= 0 ? &arg.states
			                                                       : &arg.types,
			                *w);
	return r < 0 ? r : 1;
}

static int add_state(const char *value)
{
	static const char *const states[] = {"active",     "reloading",    "inactive",   "failed",
	                                     "activating", "deactivating", "maintenance"};
	auto_strv char **words = NULL;
	int r;

	if (streq(value, "help"))
		return print_words(load_states, ELEMENTSOF(load_states)) +
		       print_words(states, ELEMENTSOF(states));
	r = strv_split(value, ",", &words);
	return r < 0 ? r : (r = strv_extend(&arg.states, words)) < 0 ? r : 1;
}

static int add_failed(const char *value)
{
	(void) value;
	return add_state("failed");
}

/* -p "" asks for nothing. */
static int add_property(const char *value)
{
	auto_strv char **words = NULL;
	int r = strv_split(value, ",", &words);

	arg.some_properties = true;
	return r < 0 ? r : (r = strv_extend(&arg.properties, words)) < 0 ? r : 1;
}

static int add_property_value(const char *value)
{
	arg.value = true;
	return add_property(value);
}

static int set_timeout(const char *value)
{
	uint64_t seconds;

	if (str_to_u64(value, 10, &seconds) < 0 || seconds == 0 || seconds > 86400)
		return error_exit(-EINVAL, "--timeout: seconds expected, not \"%s\"", value);
	arg.timeout = seconds * USEC_PER_SEC;
	return 1;
}

static int set_output(const char *value)
{
	if (streq(value, "json") || streq(value, "json-pretty"))
		arg.json = true;
	return 1;
}

static int show_version(const char *value)
{
	(void) value;
	printf("sctl %s\n", sysmaster_version);
	return 0;
}

static int show_help(const char *value)
{
	(void) value;
	print_help();
	return 0;
}

/* clang-format off */
#define AT(field) offsetof(struct options, field)
static const struct option_row rows[] = {
	{ "host",	 'H', STRING, AT(host), NULL, true, "ADDRESS  unix:PATH vsock:CID[:PORT] vsock-mux:SOCKET[:PORT] serial:SOCKET ssh:[USER@]HOST" },
	{ "root",	 0,   STRING, AT(root), NULL, true, "DIR  unit files of another tree, without a manager" },
	{ "json",	 0,   FLAG, AT(json), NULL, false, "answers as JSON" },
	{ "output",	 'o', CALL, 0, set_output, true, NULL },
	{ "all",	 'a', FLAG, AT(all), NULL, false, "inactive units, empty properties" },
	{ "type",	 't', CALL, 0, add_type, true, "TYPE  service, socket, ... (\"help\" lists them)" },
	{ "state",	 0,   CALL, 0, add_state, true, "STATE  load, sub or active state" },
	{ "failed",	 0,   CALL, 0, add_failed, false, "the same as --state=failed" },
	{ "property",	 'p', CALL, 0, add_property, true, "NAME  only this property" },
	{ NULL,		 'P', CALL, 0, add_property_value, true, "the same as --value -p" },
	{ "value",	 0,   FLAG, AT(value), NULL, false, "values without their names" },
	{ "signal",	 's', CALL, 0, set_signal, true, "SIGNAL  for kill" },
	{ "kill-whom",	 0,   STRING, AT(kill_who), NULL, true, "main, control or all" },
	{ "kill-who",	 0,   STRING, AT(kill_who), NULL, true, NULL },
	{ "job-mode",	 0,   STRING, AT(job_mode), NULL, true, "MODE  how to deal with jobs that are in the way" },
	{ "show-transaction", 'T', FLAG, AT(show_transaction), NULL, false, "say which job it became" },
	{ "no-block",	 0,   FLAG, AT(no_block), NULL, false, "do not wait for jobs" },
	{ "wait",	 0,   FLAG, AT(wait), NULL, false, "also wait until the unit is down again" },
	{ "now",	 0,   FLAG, AT(now), NULL, false, "with enable, disable, mask: start or stop, too" },
	{ "runtime",	 0,   FLAG, AT(runtime), NULL, false, "only until the next boot" },
	{ "no-reload",	 0,   FLAG, AT(no_reload), NULL, false, "do not read unit files again" },
	{ "force",	 'f', COUNT, AT(force), NULL, false, "replace symlinks; shut down at once" },
	{ "full",	 'l', FLAG, AT(full), NULL, false, "edit the whole unit; show symlinks" },
	{ "preset-mode", 0,   STRING, AT(preset_mode), NULL, true, "full, enable-only, disable-only" },
	{ "marked",	 0,   FLAG, AT(marked), NULL, false, "restart or reload units that are marked" },
	{ "what",	 0,   LIST, AT(what), NULL, true, "for clean: runtime, cache, state, logs, configuration, all" },
	{ "dry-run",	 0,   FLAG, AT(dry_run), NULL, false, "say what would be done" },
	{ "after",	 0,   FLAG, AT(after), NULL, false, "for list-dependencies: the order; for list-jobs: who waits for whom" },
	{ "before",	 0,   FLAG, AT(before), NULL, false, NULL },
	{ "reverse",	 0,   FLAG, AT(reverse), NULL, false, "who needs it" },
	{ "with-dependencies", 0, FLAG, AT(with_dependencies), NULL, false, NULL },
	{ "drop-in",	 0,   STRING, AT(drop_in), NULL, true, "NAME  of the file that edit makes" },
	{ "timestamp",	 0,   STRING, AT(timestamp), NULL, true, "pretty, us, utc, us+utc, unix" },
	{ "quiet",	 'q', FLAG, AT(quiet), NULL, false, NULL },
	{ "no-legend",	 0,   FLAG, AT(no_legend), NULL, false, NULL },
	{ "legend",	 0,   YES_NO, AT(no_legend), NULL, true, NULL },
	{ "plain",	 0,   FLAG, AT(plain), NULL, false, NULL },
	{ "timeout",	 0,   CALL, 0, set_timeout, true, "SECONDS" },
	{ "reason",	 0,   STRING, AT(reason), NULL, true, "TEXT" },
	{ "message",	 0,   STRING, AT(reason), NULL, true, NULL },
	{ "help",	 'h', CALL, 0, show_help, false, NULL },
	{ "version",	 0,   CALL, 0, show_version, false, NULL },
	{ "system",	 0,   IGNORE, 0, NULL, false, NULL },
	{ "user",	 0,   FLAG, AT(user), NULL, false, NULL },
	{ "global",	 0,   IGNORE, 0, NULL, false, NULL },
	{ "no-pager",	 0,   IGNORE, 0, NULL, false, NULL },
	{ "no-wall",	 0,   FLAG, AT(no_wall), NULL, false, NULL },
	{ "no-ask-password", 0, IGNORE, 0, NULL, false, NULL },
	{ "show-types",	 0,   FLAG, AT(show_types), NULL, false, NULL },
	{ "recursive",	 'r', IGNORE, 0, NULL, false, NULL },
	{ "fail",	 0,   IGNORE, 0, NULL, false, NULL },
	{ "firmware-setup", 0, IGNORE, 0, NULL, false, NULL },
	{ "lines",	 'n', IGNORE_VALUE, 0, NULL, true, NULL },
	{ "image",	 0,   IGNORE_VALUE, 0, NULL, true, NULL },
};
/* clang-format on */

void print_options(void)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char head[32];

		if (!rows[i].help)
			continue;
		(void) snprintf(head, sizeof(head), "%c%c%c %s%s", rows[i].letter ? '-' : ' ',
		                rows[i].letter ? rows[i].letter : ' ',
		                rows[i].letter && rows[i].name ? ',' : ' ',
		                rows[i].name ? "--" : "", rows[i].name ? rows[i].name : "");
		printf("  %-24s %s\n", head, rows[i].help);
	}
}

const char *option_name(size_t i, bool *ret_has_value)
{
	if (i >= ELEMENTSOF(rows))
		return NULL;
	*ret_has_value = rows[i].has_value;
	return rows[i].name ? rows[i].name : "";
}

static int apply(const struct option_row *row, const char *value)
{
	void *field = (char *) &arg + row->offset;
	int b;

	switch (row->kind) {
	case COUNT:
		arg.n_force++;
		__attribute__((fallthrough));
	case FLAG:
		*(bool *) field = true;
		return 1;
	case STRING:
		*(const char **) field = value;
		return 1;
	case LIST: {
		auto_strv char **words = NULL;
		int r = strv_split(value, ",", &words);

		return r < 0 ? r : (r = strv_extend((char ***) field, words)) < 0 ? r : 1;
	}
	case YES_NO:
		b = str_to_bool(value);
		if (b < 0)
			return error_exit(-EINVAL, "--%s: yes or no expected, not \"%s\"",
			                  row->name, value);
		*(bool *) field = !b;
		return 1;
	case CALL:
		return row->call(value);
	default:
		return 1;
	}
}

/* 1: go on; 0: done; < 0: usage. */
int parse_options(int argc, char **argv)
{
	struct option longs[ELEMENTSOF(rows) + 1] = {0};
	char letters[3 * ELEMENTSOF(rows) + 1] = "", *l = letters;
	size_t n = 0;
	int c, r = 1;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (rows[i].name)
			longs[n++] = (struct option){
				rows[i].name, rows[i].has_value ? required_argument : no_argument,
				NULL, 256 + (int) i};
		if (rows[i].letter) {
			*l++ = rows[i].letter;
			if (rows[i].has_value)
				*l++ = ':';
		}
	}
	*l = 0;
	while (r > 0 && (c = getopt_long(argc, argv, letters, longs, NULL)) >= 0) {
		const struct option_row *row = c >= 256 ? &rows[c - 256] : NULL;

		for (size_t i = 0; !row && i < ELEMENTSOF(rows); i++)
			if (rows[i].letter && rows[i].letter == c)
				row = &rows[i];
		if (!row)
			return -EINVAL;
		r = apply(row, optarg);
	}
	return r;
}
