// SPDX-License-Identifier: Apache-2.0
/* condition-resource.c - conditions on how much there is and how busy it is: memory, processors,
 * power, controllers, pressure. */
#include "engine/private.h"
#include "unitfile/value.h"
#include "unitfile/word.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>

/* "op value"; no operator means at least. */
static const char *amount_operator(const char **s)
{
	const char *op;

	*s += strspn(*s, " \t");
	op = compare_operator(s);
	/* There are no patterns of amounts: what is left is no number. */
	if (strchr(op, '$'))
		*s -= strlen(op);
	*s += strspn(*s, " \t");
	return *op ? op : ">=";
}

static bool compare_u64(uint64_t have, uint64_t wanted, const char *op)
{
	return compare_apply(have < wanted ? -1 : have > wanted, op);
}

/* "2G": powers of 1024, a fraction allowed. */
static int parse_bytes(const char *s, uint64_t *ret)
{
	static const char units[] = "BKMGTPE";
	const char *unit;
	char *end;
	double v;

	errno = 0;
	v = strtod(s, &end);
	/* Of what strtod() takes, decimal numbers alone. */
	if (errno || end == s || v < 0 || !isdigit((unsigned char) *s) ||
	    strspn(s, "0123456789.") < (size_t) (end - s))
		return -EINVAL;
	end += strspn(end, " ");
	unit = *end ? strchr(units, *end) : units;
	if (!unit || (*end && end[1]))
		return -EINVAL;
	for (; unit > units; unit--)
		v *= 1024;
	if (v >= 18446744073709551615.0)
		return -ERANGE;
	*ret = (uint64_t) v;
	return 0;
}

static int memory_total(uint64_t *ret)
{
	auto_free char *text = NULL;
	const char *p;
	uintmax_t kib;
	int r;

	r = file_read("/proc/meminfo", &text, NULL);
	if (r < 0)
		return r;
	p = strstr(text, "MemTotal:");
	if (!p || sscanf(p, "MemTotal: %ju", &kib) != 1)
		return -EBADMSG;
	*ret = kib * 1024;
	return 0;
}

CONDITION_FN(condition_memory)
{
	const char *op = amount_operator(&parameter);
	uint64_t have, wanted;
	int r;

	(void) m;
	r = parse_bytes(parameter, &wanted);
	if (r >= 0)
		r = memory_total(&have);
	return r < 0 ? r : compare_u64(have, wanted, op);
}

CONDITION_FN(condition_cpus)
{
	const char *op = amount_operator(&parameter);
	uint64_t wanted;
	cpu_set_t set;
	int r;

	(void) m;
	r = str_to_u64(parameter, 0, &wanted);
	if (r < 0)
		return r;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	return compare_u64((uint64_t) CPU_COUNT(&set), wanted, op);
}

CONDITION_FN(condition_cpu_feature)
{
	auto_free char *text = NULL;
	char *flags, *end;
	int r;

	(void) m;
	r = file_read("/proc/cpuinfo", &text, NULL);
	if (r < 0)
		return r;
	flags = strstr(text, "\nflags");
	if (!flags)
		flags = strstr(text, "\nFeatures");
	if (!flags)
		return 0;
	end = strchr(flags + 1, '\n');
	if (end)
		*end = 0;
	for (char *w = strtok(strchr(flags, ':') ? strchr(flags, ':') + 1 : flags, " \t"); w;
	     w = strtok(NULL, " \t"))
		if (strcasecmp(w, parameter) == 0)
			return 1;
	return 0;
}

/* ---- power ---- */

static bool attribute_is(const char *dir, const char *name, const char *value)
{
	auto_free char *path = path_join3("/sys/class/power_supply", dir, name), *line = NULL;

	return path && file_read_line(path, &line) >= 0 && streq(line, value);
}

CONDITION_FN(condition_ac_power)
{
	bool any_mains = false, online = false, discharging = false;
	auto_strv char **names = NULL;
	int want = str_to_bool(parameter), r;

	(void) m;
	if (want < 0)
		return want;
	r = dir_list("/sys/class/power_supply", &names);
	if (r < 0 && r != -ENOENT)
		return r;
	STRV_FOREACH (n, names) {
		if (attribute_is(*n, "type", "Mains") || attribute_is(*n, "type", "USB")) {
			any_mains = true;
			online |= attribute_is(*n, "online", "1");
		} else if (attribute_is(*n, "type", "Battery") &&
		           !attribute_is(*n, "scope", "Device")) {
			discharging |= attribute_is(*n, "status", "Discharging");
		}
	}
	/* A machine that shows neither has a wall socket. */
	return (online || (!any_mains && !discharging) || (!online && any_mains && !discharging)) ==
	       want;
}

/* ---- controllers ---- */

/* Those of the words that are names of controllers; how many. */
static int known_controllers(const char *text, char ***ret)
{
	auto_strv char **words = NULL;
	int r = word_split(text, NULL, 0, &words), n = 0;

	STRV_FOREACH (w, words)
		if (r >= 0 && cgroup_controller_is_known(*w)) {
			r = strv_append(ret, *w);
			n++;
		}
	return r < 0 ? r : n;
}

CONDITION_FN(condition_control_group_controller)
{
	auto_free char *available = NULL;
	auto_strv char **have = NULL, **wanted = NULL;
	int r;

	(void) m;
	if (streq(parameter, "v2"))
		return cgroupfs_root() && streq(cgroupfs_root(), "/sys/fs/cgroup");
	if (streq(parameter, "v1"))
		return !cgroupfs_root() || !streq(cgroupfs_root(), "/sys/fs/cgroup");
	r = known_controllers(parameter, &wanted);
	/* Of what is no controller at all, nothing is known to be missing. */
	if (r == 0)
		return 1;
	if (r >= 0)
		r = cgroupfs_read("/", "cgroup.controllers", &available);
	if (r >= 0)
		r = strv_split(available, " ", &have);
	if (r < 0)
		return r;
	STRV_FOREACH (w, wanted)
		if (!strv_contains(have, *w))
			return 0;
	return 1;
}

/* ---- pressure: "[slice:]limit%[/interval]", met while the average is not above the limit ---- */

static int pressure_average(const char *text, const char *average, double *ret)
{
	const char *line = strstr(text, "some ");
	const char *p = line ? strstr(line, average) : NULL;

	if (!p || sscanf(p + strlen(average), "=%lf", ret) != 1)
		return -EBADMSG;
	return 0;
}

static int parse_pressure(const char *value, double *ret_limit, const char **ret_average)
{
	static const struct {
		const char *text, *average;
	} intervals[] = {
		{"10sec", "avg10"}, {"10s", "avg10"}, {"10", "avg10"},    {"1min", "avg60"},
		{"60", "avg60"},    {"60s", "avg60"}, {"5min", "avg300"}, {"300s", "avg300"},
	};
	const char *slash;
	char *end;

	errno = 0;
	*ret_limit = strtod(value, &end);
	if (errno || end == value)
		return -EINVAL;
	if (str_after(end, "‰")) {
		*ret_limit /= 10;
		end += strlen("‰");
	} else if (str_after(end, "‱")) {
		*ret_limit /= 100;
		end += strlen("‱");
	} else if (*end == '%') {
		end++;
	} else {
		return -EINVAL;
	}
	*ret_average = "avg300";
	slash = end + strspn(end, " ");
	if (!*slash)
		return 0;
	if (*slash != '/')
		return -EINVAL;
	slash++;
	slash += strspn(slash, " ");
	for (size_t i = 0; i < ELEMENTSOF(intervals); i++)
		if (streq(slash, intervals[i].text)) {
			*ret_average = intervals[i].average;
			return 0;
		}
	return -EINVAL;
}

static int read_pressure(const struct manager *m, const char *slice, const char *resource,
                         char **ret)
{
	auto_free char *attribute = str_printf("%s.pressure", resource), *path = NULL;
	struct unit *u;

	if (!attribute)
		return -ENOMEM;
	if (!slice) {
		path = str_printf("/proc/pressure/%s", resource);
		return path ? file_read(path, ret, NULL) : -ENOMEM;
	}
	u = m ? manager_get_unit(m, slice) : NULL;
	if (!u || !u->cgroup)
		return -ENOENT;
	return cgroupfs_read(u->cgroup, attribute, ret);
}

static int condition_pressure(const struct manager *m, const char *resource, const char *parameter)
{
	const char *colon = strchr(parameter, ':'), *average;
	auto_free char *slice = NULL, *text = NULL;
	double limit, have;
	int r;

	if (colon) {
		slice = strndup(parameter, (size_t) (colon - parameter));
		if (!slice)
			return -ENOMEM;
		parameter = colon + 1;
	}
	r = parse_pressure(parameter, &limit, &average);
	if (r < 0)
		return r;
	r = read_pressure(m, slice, resource, &text);
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return 1; /* a kernel that does not measure it: then it holds nobody back */
	if (r >= 0)
		r = pressure_average(text, average, &have);
	return r < 0 ? r : have <= limit;
}

CONDITION_FN(condition_memory_pressure)
{
	return condition_pressure(m, "memory", parameter);
}

CONDITION_FN(condition_cpu_pressure)
{
	return condition_pressure(m, "cpu", parameter);
}

CONDITION_FN(condition_io_pressure)
{
	return condition_pressure(m, "io", parameter);
}
