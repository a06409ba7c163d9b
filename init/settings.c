// SPDX-License-Identifier: Apache-2.0
/* What can be chosen, from our command line and from the kernel's; and the clocks. */
#include "init/init.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

struct settings settings = {.hang_usec = HANG_USEC, .ready_usec = READY_USEC};

static usec_t clock_usec(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (usec_t) ts.tv_sec * SECOND + ts.tv_nsec / 1000;
}

usec_t now_usec(void)
{
	return clock_usec(CLOCK_MONOTONIC);
}

usec_t boottime_usec(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}

/* ---- options ---- */

static int core_add(const char *value)
{
	if (settings.n_cores == CORES_MAX)
		return -EINVAL;
	settings.cores[settings.n_cores++] = value;
	return 0;
}

static int rescue_set(const char *value)
{
	settings.rescue = value;
	return 0;
}

static int policy_set(const char *value)
{
	static const char *const names[] = {"rescue", "reboot", "halt"};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (!strcmp(value, names[i])) {
			settings.policy = (int) i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A number with its bounds, or a path, or a word. */
static const struct option {
	const char *prefix;
	long long *number, min, max;
	int (*path)(const char *value);
	int (*word)(const char *value);
} options[] = {
	{"core=", .path = core_add},
	{"rescue=", .path = rescue_set},
	{"unrecoverable=", .word = policy_set},
	{"hang-usec=", &settings.hang_usec, SECOND / 100, 3600 * SECOND},
	{"ready-usec=", &settings.ready_usec, SECOND / 100, 3600 * SECOND},
	/* Two feedings must fit, or the machine resets in good health. */
	{"watchdog=", &settings.watchdog_secs, 2 * TICK_USEC / SECOND, 3600},
};

static int number_set(const struct option *o, const char *value)
{
	const char *p = value;
	long long n;

	if (number_parse(&p, value + strlen(value), &n) < 0 || *p || n < o->min || n > o->max)
		return -EINVAL;
	*o->number = n;
	return 0;
}

int option_set(const char *word)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option *o = &options[i];
		const char *value = str_prefix(word, o->prefix);

		if (!value)
			continue;
		if (o->number)
			return number_set(o, value);
		if (o->word)
			return o->word(value);
		return *value == '/' ? o->path(value) : -EINVAL;
	}
	return -ENOENT;
}

void options_default(void)
{
	static const char *const cores[] = {
		"/var/lib/sysmaster/versions/current/core",
		"/var/lib/sysmaster/versions/previous/core",
		"/usr/lib/sysmaster/core",
	};

	/* Without a current version the packaged core comes before the previous one, which was left
	 * for a reason. */
	if (settings.n_cores)
		return;
	settings.n_cores = COUNT(cores);
	memcpy(settings.cores, cores, sizeof(cores));
	if (access(cores[0], X_OK) < 0) {
		settings.cores[0] = cores[2];
		settings.cores[2] = cores[1];
		settings.cores[1] = cores[0];
	}
}
