// SPDX-License-Identifier: Apache-2.0
/* Keys in Google's metadata: "user:TYPE KEY google-ssh {"userName":..., "expireOn":...}". */
#include "metadata/source/source.h"

#include <time.h>

/* "2026-11-22T09:41:30+0000" as seconds; -EINVAL. */
static int time_parse(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S%z", &tm);
	long offset = tm.tm_gmtoff;

	if (!rest || *rest)
		return -EINVAL;
	*ret = (int64_t) timegm(&tm) - offset;
	return 0;
}

/* The fourth word of the key, with all that follows; NULL if the third is not Google's mark. */
static const char *schema_of(const char *key)
{
	size_t n;

	for (int i = 0; i < 3; i++) {
		key += strspn(key, " \t");
		n = strcspn(key, " \t");
		if (i == 2 && (n != strlen("google-ssh") || strncmp(key, "google-ssh", n)))
			return NULL;
		key += n;
	}
	key += strspn(key, " \t");
	return *key ? key : NULL;
}

/* Only a date that can be read and lies behind us counts. */
bool gce_key_has_expired(const char *key, int64_t now)
{
	const char *schema = schema_of(key);
	auto_json cJSON *j = NULL;
	int64_t when;

	if (!schema || json_parse(schema, strlen(schema), "google-ssh", NULL, &j) < 0)
		return false;
	return time_parse(json_string_or(j, "expireOn", ""), &when) >= 0 && now > when;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char) *s > 127)
			return false;
	return true;
}

int gce_keys_parse(char *const *lines, const char *default_user, int64_t now, char ***ret)
{
	auto_strv char **keys = NULL;
	int r = 0;

	STRV_FOREACH (l, lines) {
		const char *colon = strchr(*l, ':');
		auto_free char *user = colon ? strndup(*l, (size_t) (colon - *l)) : NULL;

		if (!colon || !is_ascii(*l))
			continue;
		if (!user)
			return -ENOMEM;
		if (!streq(user, "cloudinit") && !streq_ptr(user, default_user))
			continue;
		if (!gce_key_has_expired(colon + 1, now))
			r = strv_append(&keys, colon + 1);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(keys);
	return 0;
}
