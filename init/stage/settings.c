// SPDX-License-Identifier: Apache-2.0
/* What can be chosen, from our command line and from the kernel's. */
#include "init/stage/stage.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CURRENT  "/var/lib/sysmaster/versions/current/core"
#define PREVIOUS "/var/lib/sysmaster/versions/previous/core"
#define PACKAGED "/usr/lib/sysmaster/core"

static int core_add(const char *value)
{
	struct text t = {st.cores, sizeof(st.cores), strlen(st.cores)};
	int n = 1;

	for (const char *p = st.cores; *p; p++)
		n += *p == ':';
	if (*value != '/' || strchr(value, ':') || (t.used && n >= CORES_MAX) ||
	    strlen(value) >= NAME_TEXT_MAX || t.used + strlen(value) + 2 > t.size)
		return -EINVAL;
	text_add(&t, "%s%s", t.used ? ":" : "", value);
	return 0;
}

static int rescue_set(const char *value)
{
	if (*value != '/')
		return -EINVAL;
	text_set(st.rescue, "%s", value);
	return 0;
}

static int policy_set(const char *value)
{
	static const char *const names[] = {"rescue", "reboot", "halt"};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (!strcmp(value, names[i])) {
			st.policy = (long long) i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A number with its bounds, or a word. */
static const struct option {
	const char *prefix;
	long long *number, min, max;
	int (*word)(const char *value);
} options[] = {
	{"core=", .word = core_add},
	{"rescue=", .word = rescue_set},
	{"unrecoverable=", .word = policy_set},
	{"hang-usec=", &st.hang_usec, SECOND / 100, 3600 * SECOND},
	{"ready-usec=", &st.ready_usec, SECOND / 100, 3600 * SECOND},
	/* Two feedings must fit, or the machine resets in good health. */
	{"watchdog=", &st.watchdog_secs, 2 * TICK_USEC / SECOND, 3600},
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
		const char *value = str_prefix(word, options[i].prefix);

		if (value)
			return options[i].word ? options[i].word(value)
			                       : number_set(&options[i], value);
	}
	return -ENOENT;
}

static void options_of_kernel(void)
{
	static char cmdline[CMDLINE_MAX];
	char *p = cmdline;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, cmdline, sizeof(cmdline) - 1);

	if (fd >= 0)
		close(fd);
	cmdline[n < 0 ? 0 : n] = '\0';
	while (*p) {
		char *word = p;
		const char *option;

		p += strcspn(p, " \n");
		if (*p)
			*p++ = '\0';
		option = str_prefix(word, "sysmaster.");
		if (option && option_set(option) == -EINVAL)
			log_line(LOG_WARNING, "kernel command line: %s is not valid", word);
	}
}

void settings_load(char **args)
{
	st.cores[0] = '\0';
	/* A container sees the host's command line. */
	if (!st.container)
		options_of_kernel();
	/* The kernel hands us words of its command line that it does not know; we ignore those that
	 * we do not know either. */
	for (; args && *args; args++) {
		const char *option = str_prefix(*args, "--");

		if (option && option_set(option) == -EINVAL)
			log_line(LOG_WARNING, "option %s is not valid", *args);
	}
	/* Without a current version the packaged core comes before the previous one, which was left
	 * for a reason. */
	if (!st.cores[0] && access(CURRENT, X_OK) == 0)
		text_set(st.cores, CURRENT ":" PREVIOUS ":" PACKAGED);
	else if (!st.cores[0])
		text_set(st.cores, PACKAGED ":" PREVIOUS ":" CURRENT);
}
