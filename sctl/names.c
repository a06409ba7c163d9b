// SPDX-License-Identifier: Apache-2.0
/* What people type: unit names without a suffix, signals by name. */
#include "sctl/sctl.h"
#include "unitfile/unitfile.h"

#include <signal.h>

int mangle_names(char **args, bool allow_glob, char ***ret)
{
	auto_strv char **names = NULL;

	STRV_FOREACH (a, args) {
		bool glob = strpbrk(*a, "*?[") != NULL;
		char *name = NULL;

		if (!**a || strlen(*a) > 4096 || (glob && !allow_glob) ||
		    unit_name_mangle(*a, allow_glob, &name) < 0)
			return error_exit(-EINVAL, "\"%s\" is not the name of a unit", *a);
		if (strv_append_consume(&names, name) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(names);
	return 0;
}

/* "a.counter" is a.counter.service unless a plug-in of that machine has units of type counter: asked for once something looks so. */
static int learn_types(struct session *s, char **args)
{
	static bool known;
	auto_json cJSON *answer = NULL;
	const char *error;
	const cJSON *type;
	bool wanted = false;

	STRV_FOREACH (a, args)
		wanted = wanted || (strrchr(*a, '.') && !strchr(*a, '/') && unit_name_type(*a) < 0);
	if (known || !wanted)
		return 0;
	known = true;
	if (session_call(s, "org.sysmaster.Manager.Describe", NULL, &error, &answer) < 0)
		return 0; /* the call that follows says it better */
	cJSON_ArrayForEach(type, cJSON_GetObjectItemCaseSensitive(answer, "unit_types"))
	{
		/* For as long as the program runs, as the built-in names. */
		char *name = cJSON_IsString(type) ? strdup(type->valuestring) : NULL;

		if (!name)
			return -ENOMEM;
		if (unit_type_register(name, name, NULL) < 0)
			free(name);
	}
	return 0;
}

int expand_names(struct session *s, char **args, char ***ret)
{
	auto_strv char **typed = NULL, **names = NULL;
	int r = learn_types(s, args);

	if (r >= 0)
		r = mangle_names(args, true, &typed);

	STRV_FOREACH (t, typed) {
		auto_json cJSON *answer = NULL;
		const cJSON *rows, *row;

		if (r < 0)
			break;
		if (!strpbrk(*t, "*?[")) {
			r = strv_append(&names, *t);
			continue;
		}
		r = list_unit_rows(s, (char *[]){*t, NULL}, arg.types, arg.states, true, &answer,
		                   &rows);
		if (r >= 0)
			cJSON_ArrayForEach(row, rows) if (r >= 0) r =
				strv_append(&names, json_string_or(row, "id", ""));
	}
	if (r >= 0)
		*ret = TAKE_PTR(names);
	return r;
}

int signal_number(const char *s)
{
	const char *rest = str_after(s, "SIG");
	uint32_t n;

	if (str_to_u32(s, &n) >= 0)
		return n >= 1 && n < _NSIG ? (int) n : -EINVAL;
	for (int i = 1; i < 32; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && streq(abbreviation, rest ? rest : s))
			return i;
	}
	rest = str_after(rest ? rest : s, "RTMIN+");
	if (rest && str_to_u32(rest, &n) >= 0 && SIGRTMIN + (int) n <= SIGRTMAX)
		return SIGRTMIN + (int) n;
	return -EINVAL;
}
