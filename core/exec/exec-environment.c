// SPDX-License-Identifier: Apache-2.0
#include "exec/exec-internal.h"

/* clang-format off */
static const char *const locale_names[] = {
	"LANG", "LANGUAGE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY", "LC_MESSAGES", "LC_PAPER", "LC_NAME",
	"LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT", "LC_IDENTIFICATION",
};
/* clang-format on */

/* locale.conf(5); Debian keeps it elsewhere. Read once: a change takes a re-exec, as it does with
 * systemd. */
int exec_locale_read(char ***ret)
{
	static const char *const files[] = {"/etc/locale.conf", "/etc/default/locale"};
	auto_strv char **locale = NULL;

	for (size_t i = 0; i < ELEMENTSOF(files) && !locale; i++) {
		auto_strv char **assignments = NULL;
		auto_free char *text = NULL;
		size_t size;

		if (file_read(files[i], &text, &size) < 0 ||
		    env_file_parse(text, size, files[i], NULL, &assignments) < 0)
			continue;
		for (size_t n = 0; n < ELEMENTSOF(locale_names); n++) {
			const char *value = env_get(assignments, locale_names[n]);

			if (!str_is_empty(value) &&
			    strv_append_consume(&locale,
			                        str_printf("%s=%s", locale_names[n], value)) < 0)
				return -ENOMEM;
		}
	}
	/* As systemd does where nobody has chosen: names of files are UTF-8, messages are not translated. */
	if (!locale && strv_append(&locale, "LANG=C.UTF-8") < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(locale);
	return 0;
}

int env_merge(char ***env, char *const *more)
{
	STRV_FOREACH (assignment, more) {
		int r = env_set(env, *assignment);

		if (r < 0)
			return r;
	}
	return 0;
}

int exec_environment(const struct manager *m, const struct unit *u, char *const *extra, char ***ret)
{
	const struct exec_manager *x = m->exec_data;
	auto_strv char **env = NULL;
	int r;

	r = strv_append(&env, EXEC_PATH_DEFAULT);
	if (r >= 0 && x)
		r = env_merge(&env, x->locale);
	if (r >= 0)
		r = env_merge(&env, m->context.default_environment);
	if (r >= 0)
		r = env_merge(&env, m->environment);
	if (r >= 0 && u && !id128_is_null(&u->invocation_id)) {
		char text[sizeof("INVOCATION_ID=") + ID128_TEXT_MAX] = "INVOCATION_ID=";

		id128_format(&u->invocation_id, text + strlen(text));
		r = env_set(&env, text);
	}
	if (r >= 0)
		r = env_merge(&env, extra);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(env);
	return 0;
}

int exec_pass_environment(char *const *names, char ***ret)
{
	auto_strv char **env = NULL;

	STRV_FOREACH (name, names) {
		const char *value = getenv(*name);

		if (value && strv_append_consume(&env, str_printf("%s=%s", *name, value)) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(env);
	return 0;
}
