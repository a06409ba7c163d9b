// SPDX-License-Identifier: Apache-2.0
/*
 * calendar.h - private to unitfile: a calendar event of systemd.time(7), parsed.
 *
 * Each field is a list of components: one value, a range, or either with a repetition; NULL is "*". The second's field counts
 * microseconds. Lists are sorted and without duplicates.
 */
#pragma once

#include "unitfile/unitfile.h"

#define CALENDAR_YEAR_MIN 1970
#define CALENDAR_YEAR_MAX 2199
#define SECOND            ((int) USEC_PER_SEC)

struct calendar_component {
	struct calendar_component *next;
	int start, stop /* -1: no range */, repeat /* 0: none */;
};

enum calendar_field {
	CALENDAR_YEAR,
	CALENDAR_MONTH,
	CALENDAR_DAY,
	CALENDAR_HOUR,
	CALENDAR_MINUTE,
	CALENDAR_USEC,
	CALENDAR_FIELDS
};

struct calendar_spec {
	struct calendar_component *fields[CALENDAR_FIELDS];
	int weekdays; /* bit 0 is Monday; -1: any */
	bool end_of_month, utc;
	int dst; /* -1; or 0, 1: written in the local zone's standard or summer time */
	char *timezone;
};

/* From Monday; each first in full, then short. */
extern const char *const calendar_days[7][2];
