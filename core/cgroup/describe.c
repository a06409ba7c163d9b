// SPDX-License-Identifier: Apache-2.0
#include "cgroup/internal.h"

/* clang-format off */
static const struct {
	const char *property, *attribute, *key; /* key NULL: the file is one number */
	uint64_t factor;
} usage[] = {
	{ "MemoryCurrent",     "memory.current",      NULL,	    1 },
	{ "MemoryPeak",	       "memory.peak",	      NULL,	    1 },
	{ "MemorySwapCurrent", "memory.swap.current", NULL,	    1 },
	{ "TasksCurrent",      "pids.current",	      NULL,	    1 },
	{ "CPUUsageNSec",      "cpu.stat",	      "usage_usec", NSEC_PER_USEC },
};

static const struct { const char *property; size_t offset; } limits[] = {
	{ "CPUWeight",	       offsetof(struct cgroup_settings, cpu_weight) },
	{ "StartupCPUWeight",  offsetof(struct cgroup_settings, startup_cpu_weight) },
	{ "IOWeight",	       offsetof(struct cgroup_settings, io_weight) },
	{ "StartupIOWeight",   offsetof(struct cgroup_settings, startup_io_weight) },
	{ "TasksMax",	       offsetof(struct cgroup_settings, tasks_max) },
	{ "MemoryMin",	       offsetof(struct cgroup_settings, memory_min) },
	{ "MemoryLow",	       offsetof(struct cgroup_settings, memory_low) },
	{ "MemoryHigh",	       offsetof(struct cgroup_settings, memory_high) },
	{ "MemoryMax",	       offsetof(struct cgroup_settings, memory_max) },
	{ "MemorySwapMax",     offsetof(struct cgroup_settings, memory_swap_max) },
	{ "CPUQuotaPerSecUSec", offsetof(struct cgroup_settings, cpu_quota_per_sec_usec) },
	{ "CPUQuotaPeriodUSec", offsetof(struct cgroup_settings, cpu_quota_period_usec) },
};

static const struct { const char *property; size_t offset; } flags[] = {
	{ "Delegate",	      offsetof(struct cgroup_settings, delegate) },
	{ "CPUAccounting",    offsetof(struct cgroup_settings, cpu_accounting) },
	{ "MemoryAccounting", offsetof(struct cgroup_settings, memory_accounting) },
	{ "IOAccounting",     offsetof(struct cgroup_settings, io_accounting) },
	{ "TasksAccounting",  offsetof(struct cgroup_settings, tasks_accounting) },
	{ "IPAccounting",     offsetof(struct cgroup_settings, ip_accounting) },
};
/* clang-format on */

static uint64_t without_infinity(uint64_t v)
{
	return v == CGROUP_LIMIT_INFINITY ? UINT64_MAX : v;
}

static int describe_settings(const struct unit *u, const struct cgroup_settings *s,
                             cJSON *properties)
{
	const struct cgroup_manager *cm = cgroup_manager_of(u->manager);
	const struct unit *slice = unit_slice(u);
	int r;

	r = json_add_string(properties, "Slice", slice ? slice->id : s->slice);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(limits); i++) {
		uint64_t v = without_infinity(
			*(const uint64_t *) (const void *) ((const char *) s + limits[i].offset));

		if (streq(limits[i].property, "TasksMax") && s->tasks_max_is_percent &&
		    v != UINT64_MAX && cm)
			v = cm->tasks_limit / 10000 * v + cm->tasks_limit % 10000 * v / 10000;
		r = json_add_u64(properties, limits[i].property, v);
	}
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
		r = json_add_bool(properties, flags[i].property,
		                  *((const bool *) s + flags[i].offset));
	return r;
}

/* io.stat has a line a device; the sums of all are wanted. */
static int describe_io(const char *cgroup, cJSON *properties)
{
	/* clang-format off */
	static const struct { const char *property, *key; } sums[] = {
		{ "IOReadBytes", " rbytes=" }, { "IOWriteBytes", " wbytes=" },
		{ "IOReadOperations", " rios=" }, { "IOWriteOperations", " wios=" },
	};
	/* clang-format on */
	auto_free char *text = NULL;

	if (cgroupfs_read(cgroup, "io.stat", &text) < 0)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(sums); i++) {
		uint64_t sum = 0;
		int r;

		for (const char *p = text; (p = strstr(p, sums[i].key)); p++)
			sum += strtoull(p + strlen(sums[i].key), NULL, 10);
		r = json_add_u64(properties, sums[i].property, sum);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_describe(const struct unit *u, cJSON *properties)
{
	const struct cgroup_settings *s = u->file ? u->file->cgroup : NULL;
	int r = 0;

	if (s)
		r = describe_settings(u, s, properties);
	if (r >= 0)
		r = json_add_string(properties, "ControlGroup", u->cgroup ?: "");
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(usage); i++) {
		uint64_t v = UINT64_MAX;
		int e = -ENOENT;

		if (u->cgroup && !u->manager->no_cgroup)
			e = usage[i].key ? cgroupfs_read_key(u->cgroup, usage[i].attribute,
			                                     usage[i].key, &v)
			                 : cgroupfs_read_u64(u->cgroup, usage[i].attribute, &v);
		r = json_add_u64(properties, usage[i].property,
		                 e < 0 ? UINT64_MAX : v * usage[i].factor);
	}
	return r >= 0 && u->cgroup && !u->manager->no_cgroup ? describe_io(u->cgroup, properties)
	                                                     : r;
}
