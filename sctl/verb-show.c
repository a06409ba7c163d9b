// SPDX-License-Identifier: Apache-2.0
/* show: properties as KEY=VALUE lines, or JSON. cat: a unit's files. */
#include "sctl/sctl.h"

#include <stdio.h>

/* Times that show prints as dates; the others named ...USec as spans. */
static bool is_timestamp(const char *key)
{
	return str_ends_with(key, "Timestamp");
}

static void print_value(const char *key, const cJSON *v)
{
	char text[SPAN_TEXT_MAX + STAMP_TEXT_MAX];
	const cJSON *it;
	bool first = true;

	if (cJSON_IsBool(v)) {
		fputs(cJSON_IsTrue(v) ? "yes" : "no", stdout);
	} else if (cJSON_IsString(v)) {
		fputs(v->valuestring, stdout);
	} else if (cJSON_IsNumber(v)) {
		if (is_timestamp(key))
			fputs(v->valuedouble > 0
			              ? stamp_format(text, sizeof(text), (usec_t) v->valuedouble)
			              : "",
			      stdout);
		else if (str_ends_with(key, "USec") && !str_ends_with(key, "CPUUsageNSec"))
			fputs(span_format(text, sizeof(text), (usec_t) v->valuedouble, 1), stdout);
		else
			printf("%.0f", v->valuedouble);
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

static bool is_empty(const cJSON *v)
{
	return cJSON_IsNull(v) || (cJSON_IsString(v) && !*v->valuestring) ||
	       (cJSON_IsArray(v) && !cJSON_GetArraySize(v));
}

static void print_property(const cJSON *v)
{
	const cJSON *it;

	/* Several commands are several lines, as systemctl prints them. */
	if (cJSON_IsArray(v) && cJSON_IsObject(v->child)) {
		cJSON_ArrayForEach(it, v)
		{
			if (!arg.value)
				printf("%s=", v->string);
			print_value(v->string, it);
			putchar('\n');
		}
		return;
	}
	if (!arg.value)
		printf("%s=", v->string);
	print_value(v->string, v);
	putchar('\n');
}

static void print_properties(const cJSON *p)
{
	const cJSON *v;

	if (arg.json) {
		print_json(p);
		return;
	}
	if (!arg.properties) {
		cJSON_ArrayForEach(v, p) if (arg.all || !is_empty(v)) print_property(v);
		return;
	}
	STRV_FOREACH (name, arg.properties) {
		v = cJSON_GetObjectItemCaseSensitive(p, *name);
		if (v)
			print_property(v);
	}
}

static int show_manager(struct session *s)
{
	auto_json cJSON *answer = NULL;
	int r = session_call(s, "org.sysmaster.Manager.Describe", NULL, NULL, &answer);

	if (r < 0)
		return session_exit_code(s, r);
	print_properties(answer);
	return EXIT_DONE;
}

int verb_show(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int r;

	(void) v;
	if (mangle_names(args, false, &names) < 0)
		return EXIT_USAGE;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (!names || !*names)
		return show_manager(s);
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		const cJSON *properties;
		cJSON *p = cJSON_CreateObject();

		json_add_string(p, "name", *name);
		r = session_call(s, "org.sysmaster.Unit.Describe", p, NULL, &answer);
		if (r < 0)
			return session_exit_code(s, r);
		if (json_get_object(answer, "properties", &properties) < 0)
			return error_exit(EXIT_FAILED, "Unexpected answer");
		if (name != names && !arg.value)
			putchar('\n');
		print_properties(properties);
	}
	return EXIT_DONE;
}

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
	if (mangle_names(args, false, &names) < 0)
		return EXIT_USAGE;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		auto_strv char **dropins = NULL;
		const cJSON *properties;
		const char *fragment;
		cJSON *p = cJSON_CreateObject();

		json_add_string(p, "name", *name);
		r = session_call(s, "org.sysmaster.Unit.Describe", p, NULL, &answer);
		if (r < 0)
			return session_exit_code(s, r);
		if (json_get_object(answer, "properties", &properties) < 0)
			return error_exit(EXIT_FAILED, "Unexpected answer");
		fragment = json_string_or(properties, "FragmentPath", "");
		(void) json_get_strv(properties, "DropInPaths", &dropins);
		if (!*fragment && !dropins) {
			code = error_exit(EXIT_FAILED, "No files found for %s.", *name);
			continue;
		}
		if (*fragment)
			code = MAX(code, cat_file(fragment));
		STRV_FOREACH (d, dropins) {
			putchar('\n');
			code = MAX(code, cat_file(*d));
		}
	}
	return code;
}
