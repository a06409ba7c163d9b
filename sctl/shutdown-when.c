// SPDX-License-Identifier: Apache-2.0
#include "sctl/power.h"

#include <stdlib.h>

int shutdown_when(const char *text, time_t now, time_t *ret)
{
	uint64_t minutes;
	struct tm tm;
	char *end;
	long hour, minute;

	if (!text)
		text = "+1";
	if (streq(text, "now")) {
		*ret = now;
		return 0;
	}
	if (!strchr(text, ':')) {
		if (str_to_u64(text + (*text == '+'), 10, &minutes) < 0 || minutes > 60 * 24 * 366)
			return -EINVAL;
		*ret = now + (time_t) minutes * 60;
		return 0;
	}
	if (*text < '0' || *text > '9')
		return -EINVAL;
	hour = strtol(text, &end, 10);
	if (*end != ':' || end[1] < '0' || end[1] > '9' || hour > 23)
		return -EINVAL;
	minute = strtol(end + 1, &end, 10);
	if (*end || minute > 59 || !localtime_r(&now, &tm))
		return -EINVAL;
	tm.tm_hour = (int) hour;
	tm.tm_min = (int) minute;
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	*ret = mktime(&tm);
	if (*ret <= now) {
		tm.tm_mday++;
		tm.tm_isdst = -1;
		*ret = mktime(&tm);
	}
	return *ret > now ? 0 : -EINVAL;
}
