// SPDX-License-Identifier: Apache-2.0
#include "cgroup/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#define CPU_PERIOD_DEFAULT_USEC (100 * USEC_PER_MSEC)
/* The kernel refuses smaller quotas and periods, and longer periods. */
#define CPU_QUOTA_MIN_USEC  (1 * USEC_PER_MSEC)
#define CPU_PERIOD_MAX_USEC (1 * USEC_PER_SEC)

static uint64_t read_number(const char *path)
{
	auto_free char *line = NULL;
	uint64_t n;

	return file_read_line(path, &line) >= 0 && str_to_u64(line, 10, &n) >= 0 ? n : UINT64_MAX;
}

uint64_t cgroup_tasks_limit(void)
{
	uint64_t pids = read_number("/proc/sys/kernel/pid_max"),
		 threads = read_number("/proc/sys/kernel/threads-max"), own;

	pids = MIN(pids, threads);
	/* In a container: what it was given. */
	if (cgroupfs_read_u64("/", "pids.max", &own) >= 0)
		pids = MIN(pids, own);
	return pids;
}

/* In 1/10000 of @whole, without overflow. */
static uint64_t share_of(uint64_t whole, uint64_t permyriad)
{
	return whole / 10000 * permyriad + whole % 10000 * permyriad / 10000;
}

static void add_value(struct cgroup_attribute_value *values, size_t *n, enum cgroup_controller c,
                      const char *attribute, const char *format, ...) _printf_(5, 6);
static void add_value(struct cgroup_attribute_value *values, size_t *n, enum cgroup_controller c,
                      const char *attribute, const char *format, ...)
{
	struct cgroup_attribute_value *v = &values[*n];
	va_list ap;
	int size;

	if (*n >= CGROUP_ATTRIBUTES_MAX)
		return;
	va_start(ap, format);
	size = vsnprintf(v->value, sizeof(v->value), format, ap);
	va_end(ap);
	/* A set of CPUs can be too long to be meant seriously. */
	if (size < 0 || (size_t) size >= sizeof(v->value))
		return;
	v->attribute = attribute;
	v->controller = c;
	(*n)++;
}

struct limit {
	enum cgroup_controller controller;
	const char *attribute;
	size_t offset;
	int percent_bit;   /* in memory_percent_mask; -1: none */
	const char *unset; /* the kernel's default */
};

/* clang-format off */
static const struct limit limits[] = {
	{ CGROUP_MEMORY, "memory.min",	    offsetof(struct cgroup_settings, memory_min),      0, "0"   },
	{ CGROUP_MEMORY, "memory.low",	    offsetof(struct cgroup_settings, memory_low),      1, "0"   },
	{ CGROUP_MEMORY, "memory.high",     offsetof(struct cgroup_settings, memory_high),     2, "max" },
	{ CGROUP_MEMORY, "memory.max",	    offsetof(struct cgroup_settings, memory_max),      3, "max" },
	{ CGROUP_MEMORY, "memory.swap.max", offsetof(struct cgroup_settings, memory_swap_max), 4, "max" },
};
/* clang-format on */

static uint64_t limit_value(const struct cgroup_manager *cm, const struct cgroup_settings *s,
                            const struct limit *l)
{
	uint64_t value = *(const uint64_t *) (const void *) ((const char *) s + l->offset);

	if (value < CGROUP_LIMIT_INFINITY && l->percent_bit >= 0 &&
	    s->memory_percent_mask & 1U << l->percent_bit)
		return share_of(cm->ram_bytes, value);
	return value;
}

/* systemd.resource-control(5): in its place while the system starts up. */
static uint64_t weight(const struct cgroup_manager *cm, uint64_t always, uint64_t startup)
{
	return cm->startup && startup != UINT64_MAX ? startup : always;
}

static void add_cpu_max(struct cgroup_attribute_value *values, size_t *n,
                        const struct cgroup_settings *s, bool reset)
{
	usec_t period = s->cpu_quota_period_usec, quota = s->cpu_quota_per_sec_usec;

	if (quota == USEC_INFINITY) {
		if (reset)
			add_value(values, n, CGROUP_CPU, "cpu.max", "max 100000");
		return;
	}
	if (period == 0 || period == USEC_INFINITY)
		period = CPU_PERIOD_DEFAULT_USEC;
	/* A quota under the kernel's minimum gets a longer period instead. */
	while (quota * period / USEC_PER_SEC < CPU_QUOTA_MIN_USEC && period < CPU_PERIOD_MAX_USEC)
		period = MIN(period * 2, CPU_PERIOD_MAX_USEC);
	quota = MAX(quota * period / USEC_PER_SEC, CPU_QUOTA_MIN_USEC);
	add_value(values, n, CGROUP_CPU, "cpu.max", "%llu %llu", (unsigned long long) quota,
	          (unsigned long long) period);
}

static void add_weight(struct cgroup_attribute_value *values, size_t *n, enum cgroup_controller c,
                       const char *attribute, const char *prefix, uint64_t value, bool reset)
{
	if (value != UINT64_MAX)
		add_value(values, n, c, attribute, "%s%llu", prefix, (unsigned long long) value);
	else if (reset)
		add_value(values, n, c, attribute, "%s100", prefix);
}

static void add_tasks_max(const struct cgroup_manager *cm, struct cgroup_attribute_value *values,
                          size_t *n, const struct cgroup_settings *s, bool reset)
{
	uint64_t max = s->tasks_max;

	if (max >= CGROUP_LIMIT_INFINITY) {
		if (reset)
			add_value(values, n, CGROUP_PIDS, "pids.max", "max");
		return;
	}
	if (s->tasks_max_is_percent)
		max = share_of(cm->tasks_limit, max);
	add_value(values, n, CGROUP_PIDS, "pids.max", "%llu", (unsigned long long) max);
}

static void add_string(struct cgroup_attribute_value *values, size_t *n, const char *attribute,
                       const char *value, bool reset)
{
	if (value || reset)
		add_value(values, n, CGROUP_CPUSET, attribute, "%s", value ?: "");
}

size_t cgroup_attribute_values(const struct cgroup_manager *cm, const struct cgroup_settings *s,
                               bool reset,
                               struct cgroup_attribute_value values[static CGROUP_ATTRIBUTES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
		uint64_t value = limit_value(cm, s, &limits[i]);

		if (value == CGROUP_LIMIT_INFINITY)
			add_value(values, &n, limits[i].controller, limits[i].attribute, "max");
		else if (value != UINT64_MAX)
			add_value(values, &n, limits[i].controller, limits[i].attribute, "%llu",
			          (unsigned long long) value);
		else if (reset)
			add_value(values, &n, limits[i].controller, limits[i].attribute, "%s",
			          limits[i].unset);
	}
	add_weight(values, &n, CGROUP_CPU, "cpu.weight", "",
	           weight(cm, s->cpu_weight, s->startup_cpu_weight), reset);
	add_cpu_max(values, &n, s, reset);
	add_weight(values, &n, CGROUP_IO, "io.weight", "default ",
	           weight(cm, s->io_weight, s->startup_io_weight), reset);
	add_tasks_max(cm, values, &n, s, reset);
	add_string(values, &n, "cpuset.cpus", s->allowed_cpus, reset);
	add_string(values, &n, "cpuset.mems", s->allowed_memory_nodes, reset);
	return n;
}

/* "IOReadBandwidthMax /dev/sda 5M" as "key device value": io.max and io.weight take MAJOR:MINOR. */
static int io_device_write(const char *cgroup, const char *line)
{
	/* clang-format off */
	static const struct { const char *key, *attribute, *name; } keys[] = {
		{ "IOReadBandwidthMax",	 "io.max",    "rbps=" },
		{ "IOWriteBandwidthMax", "io.max",    "wbps=" },
		{ "IOReadIOPSMax",	 "io.max",    "riops=" },
		{ "IOWriteIOPSMax",	 "io.max",    "wiops=" },
		{ "IODeviceWeight",	 "io.weight", "" },
	};
	/* clang-format on */
	auto_strv char **words = NULL;
	auto_free char *text = NULL;
	struct stat st;
	uint64_t value;
	int r;

	r = strv_split(line, " ", &words);
	if (r < 0)
		return r;
	if (strv_length(words) != 3)
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		dev_t dev;

		if (!streq(words[0], keys[i].key))
			continue;
		if (stat(words[1], &st) < 0)
			return -errno;
		/* A path on a file system means the device below it. */
		dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
		r = streq(words[2], "infinity") ? 0 : str_to_u64(words[2], 10, &value);
		if (r < 0)
			return r;
		text = streq(words[2], "infinity")
		               ? str_printf("%u:%u %smax", major(dev), minor(dev), keys[i].name)
		               : str_printf("%u:%u %s%llu", major(dev), minor(dev), keys[i].name,
		                            (unsigned long long) value);
		return text ? cgroupfs_write(cgroup, keys[i].attribute, text) : -ENOMEM;
	}
	return -EINVAL;
}

int cgroup_attributes_write(struct unit *u, const struct cgroup_settings *s, bool reset)
{
	struct cgroup_manager *cm = cgroup_manager_of(u->manager);
	struct cgroup_attribute_value values[CGROUP_ATTRIBUTES_MAX];
	int r, first = 0;
	size_t n;

	cm->startup = !stamp_is_set(&u->manager->finished);
	n = cgroup_attribute_values(cm, s, reset, values);

	for (size_t i = 0; i < n; i++) {
		if (!(cm->supported & CGROUP_MASK(values[i].controller)))
			continue;
		r = cgroupfs_write(u->cgroup, values[i].attribute, values[i].value);
		/* A reset of an attribute that is not there (its controller is off) has no effect
		 * anyway. */
		if (r == -ENOENT && reset)
			continue;
		if (r < 0) {
			log_unit_errno(LOG_WARNING, u->id, r, "Failed to set %s to \"%s\": %m",
			               values[i].attribute, values[i].value);
			first = first ?: r;
		}
	}
	STRV_FOREACH (line, s->io_device) {
		r = cm->supported & CGROUP_MASK(CGROUP_IO) ? io_device_write(u->cgroup, *line) : 0;
		if (r < 0)
			log_unit_errno(LOG_WARNING, u->id, r, "Failed to apply \"%s\": %m", *line);
	}
	return first;
}
