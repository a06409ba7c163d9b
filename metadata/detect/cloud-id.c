// SPDX-License-Identifier: Apache-2.0
/* Names and ids that are derived, not read. */
#include "metadata/detect/detect.h"

#include <ctype.h>

static bool is_given(const char *s)
{
	return s && !streq(s, "unknown") && !streq(s, "_undef");
}

int cloud_id_of(const char *cloud_name, const char *region, const char *platform, char **ret)
{
	/* A vendor's separate clouds differ in end points, and tools ask which one this is. */
	static const struct {
		const char *cloud, *region_prefix, *id;
	} rows[] = {
		{"aws", "cn-", "aws-china"},
		{"aws", "us-gov-", "aws-gov"},
		{"azure", "china", "azure-china"},
	};
	const char *id = is_given(cloud_name) ? cloud_name : platform;

	for (size_t i = 0; is_given(cloud_name) && is_given(region) && i < ELEMENTSOF(rows); i++)
		if (streq(rows[i].cloud, cloud_name) && str_after(region, rows[i].region_prefix))
			id = rows[i].id;
	*ret = strdup(id ? id : "unknown");
	return *ret ? 0 : -ENOMEM;
}

int azure_vm_id(const char *uuid, bool swap, char **ret)
{
	/* Positions of the bytes' first digits when the first three fields change their byte order. */
	static const unsigned char order[] = {6, 4, 2, 0, 11, 9, 16, 14};
	static const unsigned char place[] = {0, 2, 4, 6, 9, 11, 14, 16};
	char text[37];

	if (strlen(uuid) != 36)
		return -EINVAL;
	for (size_t i = 0; i < 36; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash ? uuid[i] != '-' : !isxdigit((unsigned char) uuid[i]))
			return -EINVAL;
		text[i] = (char) tolower((unsigned char) uuid[i]);
	}
	text[36] = '\0';
	for (size_t i = 0; swap && i < ELEMENTSOF(order); i++) {
		text[place[i]] = (char) tolower((unsigned char) uuid[order[i]]);
		text[place[i] + 1] = (char) tolower((unsigned char) uuid[order[i] + 1]);
	}
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}
