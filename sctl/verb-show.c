// SPDX-License-Identifier: Apache-2.0
/* show: properties as KEY=VALUE lines, or JSON. cat: a unit's files. */
#include "sctl/sctl.h"
#include "unitfile/unitfile.h"

#include <stdio.h>
#include <unistd.h>

/* Times that show prints as dates; the others named ...USec as spans. */
static bool is_timestamp(const char *key)
{
	static const char *const names[] = {"NextElapseUSecRealtime", "LastTriggerUSec"};

	return str_ends_with(key, "Timestamp") || ENUM_FROM_STRING(names, key) >= 0;
}

/* Measures of what is, as opposed to limits: "no value" is not "no limit". */
static bool is_measure(const char *key)
{
	return str_ends_with(key, "Current") || str_ends_with(key, "NSec") ||
	       str_ends_with(key, "Bytes") || str_ends_with(key, "Operations") ||
	       str_ends_with(key, "Packets") || str_ends_with(key, "Peak") ||
	       str_ends_with(key, "Available") || streq(key, "UID") || streq(key, "GID") ||
	       str_ends_with(key, "Weight");
}

static void print_timestamp(usec_t t)
{
	const char *how = arg.timestamp ? arg.timestamp : "pretty";
	bool utc = strstr(how, "utc") != NULL,
	     us = str_after(how, "us") || str_after(how, "µs") || str_after(how, "μs");
	char text[STAMP_TEXT_MAX], date[64];
	time_t seconds = (time_t) (t / USEC_PER_SEC);
	struct tm tm;

	if (!t || t == USEC_INFINITY)
		return;
	if (streq(how, "unix")) {
		printf("@%llu", (unsigned long long) (t / USEC_PER_SEC));
		return;
	}
	if (!utc && !us) {
		fputs(stamp_format(text, sizeof(text), t), stdout);
		return;
	}
	if (!(utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm)))
		return;
	(void) strftime(date, sizeof(date), "%a %Y-%m-%d %H:%M:%S", &tm);
	fputs(date, stdout);
	if (us)
		printf(".%06llu", (unsigned long long) (t % USEC_PER_SEC));
	printf(" %s", utc ? "UTC" : tm.tm_zone);
}

static void print_number(const char *key, const cJSON *v)
{
	char text[SPAN_TEXT_MAX];
	uint64_t n = 0;
	bool whole =
		cJSON_IsString(v) ? str_to_u64(v->valuestring, 10, &n) >= 0 : v->valuedouble >= 0;

	if (cJSON_IsNumber(v) && whole)
		n = (uint64_t) v->valuedouble;
	if (!whole)
		printf("%.0f", v->valuedouble);
	else if (is_timestamp(key))
		print_timestamp(n);
	else if (n == UINT64_MAX || (streq(key, "UID") && n == UINT32_MAX) ||
	         (streq(key, "GID") && n == UINT32_MAX))
		fputs(is_measure(key) ? "[not set]" : "infinity", stdout);
	else if (str_ends_with(key, "USec") || str_ends_with(key, "USecMonotonic"))
		fputs(span_format(text, sizeof(text), n, 1), stdout);
	else
		printf("%llu", (unsigned long long) n);
}

/* Integers beyond 2^53 travel as strings of digits; no text property is a number that long. */
static bool is_big_number(const cJSON *v)
{
	size_t n = strspn(v->valuestring, "0123456789");

	return n >= 16 && n <= 20 && !v->valuestring[n];
}

static void print_value(const char *key, const cJSON *v)
{
	const cJSON *it;
	bool first = true;

	if (cJSON_IsBool(v)) {
		fputs(cJSON_IsTrue(v) ? "yes" : "no", stdout);
	} else if (cJSON_IsNumber(v) || (cJSON_IsString(v) && is_big_number(v))) {
		print_number(key, v);
	} else if (cJSON_IsString(v)) {
		fputs(v->valuestring, stdout);
	} else if (cJSON_IsArray(v)) {
		cJSON_ArrayForEach(it, v)
		{
			if (!first)
				putchar(' ');
			first = false;
			print_value("", it);
		}
	} else if (cJSON_IsObject(v)) {
		fputs("{ ", stdout);
		cJSON_ArrayForEach(it, v)
		{
			printf("%s=", it->string);
			print_value(it->string, it);
			fputs(it->next ? " ; " : " ", stdout);
		}
		putchar('}');
	}
}

/* ---- commands ---- */

static void print_flags(unsigned flags)
{
	/* clang-format off */
	static const struct { unsigned flag; const char *name; } names[] = {
		{ EXEC_IGNORE_FAILURE, "ignore-failure" }, { EXEC_FULLY_PRIVILEGED, "privileged" },
		{ EXEC_NO_SETUID, "no-setuid" }, { EXEC_AMBIENT_MAGIC, "ambient" },
		{ EXEC_NO_ENV_EXPAND, "no-env-expand" },
	};
	/* clang-format on */
	bool first = true;

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (flags & names[i].flag) {
			printf("%s%s", first ? "" : " ", names[i].name);
			first = false;
		}
}

/* "{ path=/bin/x ; argv[]=/bin/x y ; ignore_errors=no ; ... }"; with the flags in the form named ...Ex. */
static void print_command(const cJSON *c, bool ex)
{
	const cJSON *argv = cJSON_GetObjectItemCaseSensitive(c, "argv");

	printf("{ path=%s ; argv[]=", json_string_or(c, "path", ""));
	print_value("", argv);
	if (ex) {
		fputs(" ; flags=", stdout);
		print_flags((unsigned) json_u64_or(c, "flags", 0));
	} else {
		printf(" ; ignore_errors=%s",
		       json_bool_or(c, "ignore_errors", false) ? "yes" : "no");
	}
	fputs(" ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }", stdout);
}

static bool is_command_list(const cJSON *v)
{
	return cJSON_IsArray(v) && cJSON_IsObject(v->child) && str_after(v->string, "Exec") &&
	       cJSON_GetObjectItemCaseSensitive(v->child, "argv");
}

static bool is_empty(const cJSON *v)
{
	return cJSON_IsNull(v) || (cJSON_IsString(v) && !*v->valuestring) ||
	       (cJSON_IsArray(v) && !cJSON_GetArraySize(v));
}

static void print_key(const char *key, const char *suffix)
{
	if (!arg.value)
		printf("%s%s=", key, suffix);
}

static void print_commands(const cJSON *v, bool ex)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, v)
	{
		print_key(v->string, ex ? "Ex" : "");
		print_command(it, ex);
		putchar('\n');
	}
}

static void print_property(const cJSON *v)
{
	const cJSON *it;

	if (is_command_list(v)) {
		print_commands(v, false);
		return;
	}
	/* Several items with fields of their own are several lines, as systemctl prints them. */
	if (cJSON_IsArray(v) && cJSON_IsObject(v->child)) {
		cJSON_ArrayForEach(it, v)
		{
			print_key(v->string, "");
			print_value(v->string, it);
			putchar('\n');
		}
		return;
	}
	print_key(v->string, "");
	print_value(v->string, v);
	putchar('\n');
}

static void print_named(const cJSON *p, const char *name)
{
	auto_free char *base = str_ends_with(name, "Ex") ? strndup(name, strlen(name) - 2) : NULL;
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(p, name),
		    *plain = base ? cJSON_GetObjectItemCaseSensitive(p, base) : NULL;

	if (v)
		print_property(v);
	else if (plain && is_command_list(plain))
		print_commands(plain, true);
}

static void print_properties(const cJSON *p)
{
	const cJSON *v;

	if (arg.json) {
		print_json(p);
		return;
	}
	if (arg.some_properties) {
		STRV_FOREACH (name, arg.properties)
			print_named(p, *name);
		return;
	}
	cJSON_ArrayForEach(v, p)
	{
		if (!arg.all && is_empty(v))
			continue;
		print_property(v);
		if (is_command_list(v))
			print_commands(v, true);
	}
}

/* By their D-Bus names, and what systemd has no name for. */
static int show_manager(struct session *s)
{
	auto_json cJSON *properties = NULL, *facts = NULL;
	const cJSON *p, *v;
	int r;

	r = session_call(s, "org.sysmaster.Manager.GetProperties", NULL, NULL, &properties);
	if (r >= 0)
		r = session_call(s, "org.sysmaster.Manager.Describe", NULL, NULL, &facts);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_object(properties, "properties", &p) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	cJSON_ArrayForEach(v, p) json_add_take(facts, v->string, cJSON_Duplicate(v, true));
	print_properties(facts);
	return EXIT_DONE;
}

int verb_show(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int r;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (!*args)
		return show_manager(s);
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		const cJSON *properties;

		r = describe_unit(s, *name, &answer, &properties);
		if (r < 0)
			return session_exit_code(s, r);
		if (name != names && !arg.value)
			putchar('\n');
		print_properties(properties);
	}
	return EXIT_DONE;
}

/* ---- cat, help ---- */

static int cat_file(const char *path)
{
	auto_free char *text = NULL;
	int r = file_read(path, &text, NULL);

	if (r < 0)
		return error_exit(EXIT_FAILED, "Cannot read %s: %s", path, strerror(-r));
	printf("%s# %s%s\n%s%s", COLOUR_BOLD, path, COLOUR_OFF, text,
	       str_ends_with(text, "\n") ? "" : "\n");
	return EXIT_DONE;
}

/* A template is no unit: its files are looked for here. */
static int cat_template(const char *name)
{
	struct unit_paths paths;
	int code = EXIT_FAILED;

	if (unit_paths_init(&paths, arg.root) < 0)
		return error_exit(EXIT_FAILED, "Out of memory");
	STRV_FOREACH (dir, paths.dirs) {
		auto_free char *path = path_join(*dir, name);

		if (path && access(path, R_OK) >= 0) {
			code = cat_file(path);
			break;
		}
	}
	unit_paths_done(&paths);
	return code == EXIT_FAILED ? error_exit(code, "No files found for %s.", name) : code;
}

static int cat_unit(struct session *s, const char *name)
{
	auto_json cJSON *answer = NULL;
	auto_strv char **dropins = NULL;
	const cJSON *properties;
	const char *fragment;
	int r, code = EXIT_DONE;

	if (unit_name_is_valid(name, UNIT_NAME_TEMPLATE))
		return cat_template(name);
	r = describe_unit(s, name, &answer, &properties);
	if (r < 0)
		return session_exit_code(s, r);
	fragment = json_string_or(properties, "FragmentPath", "");
	(void) json_get_strv(properties, "DropInPaths", &dropins);
	/* Drop-ins alone make no unit, but for types that need no file. */
	if (!*fragment && (!dropins || !*dropins ||
	                   streq(json_string_or(properties, "LoadState", ""), "not-found")))
		return error_exit(EXIT_FAILED, "No files found for %s.", name);
	if (json_bool_or(properties, "NeedDaemonReload", false))
		fprintf(stderr,
		        "# %s changed on disk since it was read; daemon-reload reads it again.\n",
		        name);
	if (*fragment)
		code = cat_file(fragment);
	STRV_FOREACH (d, dropins) {
		if (*fragment || d != dropins)
			putchar('\n');
		r = cat_file(*d);
		code = MAX(code, r);
	}
	return code;
}

int verb_cat(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int r, code = EXIT_DONE;

	(void) v;
	if (arg.host)
		return error_exit(
			EXIT_USAGE,
			"cat reads the files of this machine; with -H use show -p FragmentPath");
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		if (name != names)
			putchar('\n');
		r = cat_unit(s, *name);
		code = MAX(code, r);
	}
	return code;
}

int verb_help(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int r;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		auto_strv char **documentation = NULL;
		const cJSON *properties;

		r = describe_unit(s, *name, &answer, &properties);
		if (r < 0)
			return session_exit_code(s, r);
		(void) json_get_strv(properties, "Documentation", &documentation);
		if (!documentation || !*documentation)
			fprintf(stderr, "Documentation for %s not known.\n", *name);
		STRV_FOREACH (d, documentation)
			puts(*d);
	}
	return EXIT_DONE;
}
