// SPDX-License-Identifier: Apache-2.0
#include "cgroup/internal.h"

#include <sys/stat.h>

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

static const struct { const char *property; size_t offset; bool is_floor; /* what is not kept is 0 */ } limits[] = {
	{ "CPUWeight",	       offsetof(struct cgroup_settings, cpu_weight) },
	{ "StartupCPUWeight",  offsetof(struct cgroup_settings, startup_cpu_weight) },
	{ "IOWeight",	       offsetof(struct cgroup_settings, io_weight) },
	{ "StartupIOWeight",   offsetof(struct cgroup_settings, startup_io_weight) },
	{ "TasksMax",	       offsetof(struct cgroup_settings, tasks_max) },
	{ "MemoryMin",	       offsetof(struct cgroup_settings, memory_min), true },
	{ "MemoryLow",	       offsetof(struct cgroup_settings, memory_low), true },
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

/* What there is no setting for, or only one that is ignored, or that stands in another row: as systemd shows it then. */
static const struct { const char *property; uint64_t value; } fixed[] = {
	{ "DefaultMemoryMin",		   0 },
	{ "DefaultMemoryLow",		   0 },
	{ "ManagedOOMMemoryPressureLimit", 0 },
	{ "CPUShares",			   UINT64_MAX },
	{ "StartupCPUShares",		   UINT64_MAX },
	{ "BlockIOWeight",		   UINT64_MAX },
	{ "StartupBlockIOWeight",	   UINT64_MAX },
	{ "MemoryLimit",		   UINT64_MAX },
	{ "IPIngressBytes",		   UINT64_MAX },
	{ "IPIngressPackets",		   UINT64_MAX },
	{ "IPEgressBytes",		   UINT64_MAX },
	{ "IPEgressPackets",		   UINT64_MAX },
};
static const struct { const char *property, *value; } fixed_words[] = {
	{ "ManagedOOMSwap",	      "auto" },
	{ "ManagedOOMMemoryPressure", "auto" },
	{ "ManagedOOMPreference",     "none" },
};
static const char *const device_policies[] = {
	[DEVICE_POLICY_AUTO] = "auto", [DEVICE_POLICY_CLOSED] = "closed", [DEVICE_POLICY_STRICT] = "strict",
};
/* clang-format on */

static uint64_t without_infinity(uint64_t v)
{
	return v == CGROUP_LIMIT_INFINITY ? UINT64_MAX : v;
}

/* Without a list all that there are. */
static int describe_delegated(const struct cgroup_settings *s, cJSON *properties)
{
	static const char *const all[] = {"cpu", "cpuset", "io", "memory", "pids", NULL};

	return json_add_strv(properties, "DelegateControllers",
	                     s->delegate_controllers ? s->delegate_controllers : (char **) all);
}

static int describe_settings(const struct unit *u, const struct cgroup_settings *s,
                             cJSON *properties)
{
	const struct cgroup_manager *cm = cgroup_manager_of(u->manager);
	const struct unit *slice = unit_slice(u);
	int r;

	r = json_add_string(properties, "Slice", slice ? slice->id : s->slice);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(limits); i++) {
		uint64_t raw = *(const uint64_t *) (const void *) ((const char *) s +
		                                                   limits[i].offset),
			 v = limits[i].is_floor && raw == UINT64_MAX ? 0 : without_infinity(raw);

		if (streq(limits[i].property, "TasksMax") && s->tasks_max_is_percent &&
		    v != UINT64_MAX && cm)
			v = cm->tasks_limit / 10000 * v + cm->tasks_limit % 10000 * v / 10000;
		r = json_add_u64(properties, limits[i].property, v);
	}
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
		r = json_add_bool(properties, flags[i].property,
		                  *((const bool *) s + flags[i].offset));
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fixed); i++)
		r = json_add_u64(properties, fixed[i].property, fixed[i].value);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fixed_words); i++)
		r = json_add_string(properties, fixed_words[i].property, fixed_words[i].value);
	if (r >= 0)
		r = json_add_bool(properties, "BlockIOAccounting", false);
	if (r >= 0)
		r = json_add_string(properties, "DevicePolicy",
		                    ENUM_TO_STRING(device_policies, (int) s->device_policy));
	if (r >= 0)
		r = json_add_strv(properties, "DeviceAllow", s->device_allow);
	if (r >= 0)
		r = json_add_strv(properties, "IPAddressAllow", s->ip_address_allow);
	if (r >= 0)
		r = json_add_strv(properties, "IPAddressDeny", s->ip_address_deny);
	if (r >= 0 && s->delegate)
		r = describe_delegated(s, properties);
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

	if (!cgroup || cgroupfs_read(cgroup, "io.stat", &text) < 0)
		text = NULL;
	for (size_t i = 0; i < ELEMENTSOF(sums); i++) {
		uint64_t sum = text ? 0 : UINT64_MAX; /* not counted */
		int r;

		for (const char *p = text; p && (p = strstr(p, sums[i].key)); p++)
			sum += strtoull(p + strlen(sums[i].key), NULL, 10);
		r = json_add_u64(properties, sums[i].property, sum);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *kernel_cgroup(const struct unit *u)
{
	return u->manager->no_cgroup ? NULL : u->cgroup;
}

/* The kernel's number of it: what bpf programs and the journal of a container see. 0: there is none. */
static uint64_t cgroup_id(const char *cgroup)
{
	auto_free char *path = cgroup ? cgroupfs_path(cgroup, NULL) : NULL;
	struct stat st;

	return path && stat(path, &st) >= 0 ? st.st_ino : 0;
}

/* How much more it may take before it or a slice above it is held back; UINT64_MAX: no limit is in the way. */
static uint64_t memory_available(const struct unit *u)
{
	uint64_t least = UINT64_MAX;

	for (; u; u = unit_slice(u)) {
		const char *cgroup = kernel_cgroup(u);
		uint64_t max = UINT64_MAX, high = UINT64_MAX, current;

		if (!cgroup || cgroupfs_read_u64(cgroup, "memory.max", &max) < 0 ||
		    cgroupfs_read_u64(cgroup, "memory.high", &high) < 0 ||
		    cgroupfs_read_u64(cgroup, "memory.current", &current) < 0 ||
		    MIN(max, high) == UINT64_MAX)
			continue;
		least = MIN(least, MIN(max, high) > current ? MIN(max, high) - current : 0);
	}
	return least;
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

		if (kernel_cgroup(u))
			e = usage[i].key ? cgroupfs_read_key(u->cgroup, usage[i].attribute,
			                                     usage[i].key, &v)
			                 : cgroupfs_read_u64(u->cgroup, usage[i].attribute, &v);
		r = json_add_u64(properties, usage[i].property,
		                 e < 0 ? UINT64_MAX : v * usage[i].factor);
	}
	if (r >= 0)
		r = json_add_u64(properties, "ControlGroupId", cgroup_id(kernel_cgroup(u)));
	if (r >= 0)
		r = json_add_u64(properties, "MemoryAvailable", memory_available(u));
	return r >= 0 ? describe_io(kernel_cgroup(u), properties) : r;
}
