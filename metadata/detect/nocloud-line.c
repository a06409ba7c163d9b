// SPDX-License-Identifier: Apache-2.0
#include "metadata/detect/detect.h"

void nocloud_line_done(struct nocloud_line *l)
{
	free(l->seed_from);
	free(l->instance_id);
	free(l->hostname);
	free(l->dsmode);
	*l = (struct nocloud_line){0};
}

static int read_pairs(char *const *pairs, struct nocloud_line *l)
{
	/* clang-format off */
	const struct {
		const char *key;
		char **value;
	} keys[] = {
		{ "s",	   &l->seed_from },   { "seedfrom",	  &l->seed_from },
		{ "i",	   &l->instance_id }, { "instance-id",	  &l->instance_id },
		{ "h",	   &l->hostname },    { "local-hostname", &l->hostname },
		{ "dsmode", &l->dsmode },
	};
	/* clang-format on */

	STRV_FOREACH (p, pairs) {
		const char *equals = strchr(*p, '=');

		for (size_t i = 0; equals && i < ELEMENTSOF(keys); i++)
			if (strlen(keys[i].key) == (size_t) (equals - *p) &&
			    !strncmp(keys[i].key, *p, strlen(keys[i].key)) &&
			    str_set(keys[i].value, equals + 1) < 0)
				return -ENOMEM;
	}
	return 0;
}

int nocloud_line_parse(const char *text, struct nocloud_line *ret)
{
	auto_strv char **words = NULL;
	int found = 0, r;

	*ret = (struct nocloud_line){0};
	r = strv_split(text, " \t\n", &words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		auto_strv char **pairs = NULL;
		const char *rest = str_after(*w, "ds=nocloud");

		if (!rest)
			continue;
		if (str_after(rest, "-net"))
			rest += strlen("-net");
		if (*rest && *rest != ';')
			continue;
		nocloud_line_done(ret);
		found = 1;
		r = strv_split(rest, ";", &pairs);
		if (r >= 0)
			r = read_pairs(pairs, ret);
		if (r < 0) {
			nocloud_line_done(ret);
			return r;
		}
	}
	return found;
}
