// SPDX-License-Identifier: Apache-2.0
#include "cgroup/internal.h"

const char *const cgroup_controller_names[CGROUP_CONTROLLER_MAX] = {
	[CGROUP_CPU] = "cpu",       [CGROUP_CPUSET] = "cpuset", [CGROUP_IO] = "io",
	[CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids",
};

unsigned cgroup_mask_parse(const char *list)
{
	auto_strv char **words = NULL;
	unsigned mask = 0;

	if (strv_split(list, " \n", &words) < 0)
		return 0;
	STRV_FOREACH (word, words) {
		int c = ENUM_FROM_STRING(cgroup_controller_names, *word);

		if (c >= 0)
			mask |= CGROUP_MASK(c);
	}
	return mask;
}

/* These cost something wherever they are on, and few units want them; all others are on nearly everywhere, and stay on. */
#define COSTLY (CGROUP_MASK(CGROUP_CPU) | CGROUP_MASK(CGROUP_CPUSET) | CGROUP_MASK(CGROUP_IO))

static bool is_set(uint64_t value)
{
	return value != UINT64_MAX;
}

unsigned cgroup_mask_wanted(const struct cgroup_settings *s)
{
	unsigned mask = 0;

	if (!s)
		return 0;
	/* CPUAccounting= needs no controller: cpu.stat is there without. */
	if (is_set(s->cpu_weight) || is_set(s->startup_cpu_weight) ||
	    s->cpu_quota_per_sec_usec != USEC_INFINITY)
		mask |= CGROUP_MASK(CGROUP_CPU);
	if (s->allowed_cpus || s->allowed_memory_nodes)
		mask |= CGROUP_MASK(CGROUP_CPUSET);
	if (is_set(s->io_weight) || is_set(s->startup_io_weight) || strv_length(s->io_device) > 0 ||
	    s->io_accounting)
		mask |= CGROUP_MASK(CGROUP_IO);
	if (is_set(s->memory_min) || is_set(s->memory_low) || is_set(s->memory_high) ||
	    is_set(s->memory_max) || is_set(s->memory_swap_max) || s->memory_accounting)
		mask |= CGROUP_MASK(CGROUP_MEMORY);
	if ((is_set(s->tasks_max) && s->tasks_max != CGROUP_LIMIT_INFINITY) || s->tasks_accounting)
		mask |= CGROUP_MASK(CGROUP_PIDS);
	return mask;
}

unsigned cgroup_mask_delegated(const struct cgroup_settings *s)
{
	unsigned mask = 0;

	if (!s || !s->delegate)
		return 0;
	/* "Delegate=": the cgroup is the unit's, without a controller. */
	if (!s->delegate_controllers)
		return CGROUP_MASK_ALL;
	STRV_FOREACH (word, s->delegate_controllers)
		mask |= cgroup_mask_parse(*word);
	return mask;
}

static void warn_missing(struct cgroup_manager *cm, unsigned missing)
{
	missing &= ~cm->warned;
	cm->warned |= missing;
	for (unsigned c = 0; c < CGROUP_CONTROLLER_MAX; c++)
		if (missing & CGROUP_MASK(c))
			log_notice("The \"%s\" cgroup controller is not there; its settings are "
			           "ignored",
			           cgroup_controller_names[c]);
}

/* One write for all: "+cpu +pids". */
static int enable_in(struct cgroup_manager *cm, const char *cgroup, unsigned mask)
{
	unsigned known = (unsigned) (uintptr_t) map_get(cm->enabled, cgroup) & CGROUP_MASK_ALL,
		 missing = mask & ~known;
	char text[64] = "";
	int r;

	if (missing == 0)
		return 0;
	for (unsigned c = 0; c < CGROUP_CONTROLLER_MAX; c++)
		if (missing & CGROUP_MASK(c)) {
			strcat(text, *text ? " +" : "+");
			strcat(text, cgroup_controller_names[c]);
		}
	r = cgroupfs_write(cgroup, "cgroup.subtree_control", text);
	if (r < 0)
		return r;
	/* The extra bit keeps the value from being NULL. */
	return map_put(cm->enabled, cgroup,
	               (void *) (uintptr_t) (known | missing | CGROUP_MASK(CGROUP_CONTROLLER_MAX)));
}

int cgroup_controllers_enable(struct manager *m, const char *cgroup, unsigned mask)
{
	struct cgroup_manager *cm = cgroup_manager_of(m);
	auto_free char *path = strdup(cgroup);
	size_t root_size = streq(cm->root, "/") ? 0 : strlen(cm->root);
	int r;

	if (!path)
		return -ENOMEM;
	warn_missing(cm, mask & ~cm->supported);
	mask &= cm->supported;
	if (mask == 0 || !path_below(cgroup, cm->root))
		return 0;
	r = enable_in(cm, cm->root, mask);
	for (char *p = path + root_size + 1; r >= 0 && (p = strchr(p, '/')); p++) {
		*p = 0;
		r = enable_in(cm, path, mask);
		*p = '/';
	}
	return r;
}

/* What the units below @cgroup need of it. */
static unsigned mask_below(const struct manager *m, const char *cgroup)
{
	const struct unit *u;
	unsigned mask = 0;

	MAP_FOREACH (u, m->cgroups)
		if (u->file && u->file->cgroup && !streq(u->cgroup, cgroup) &&
		    path_below(u->cgroup, cgroup))
			mask |= cgroup_mask_wanted(u->file->cgroup) |
			        cgroup_mask_delegated(u->file->cgroup);
	return mask;
}

static int disable_in(struct cgroup_manager *cm, const char *cgroup, unsigned mask)
{
	uintptr_t known = (uintptr_t) map_get(cm->enabled, cgroup);
	char text[64] = "";
	int r;

	for (unsigned c = 0; c < CGROUP_CONTROLLER_MAX; c++)
		if (mask & CGROUP_MASK(c)) {
			strcat(text, *text ? " -" : "-");
			strcat(text, cgroup_controller_names[c]);
		}
	r = cgroupfs_write(cgroup, "cgroup.subtree_control", text);
	if (r < 0)
		return r;
	return known ? map_put(cm->enabled, cgroup, (void *) (known & ~(uintptr_t) mask)) : 0;
}

void cgroup_controllers_disable(struct manager *m, const char *cgroup, unsigned mask)
{
	struct cgroup_manager *cm = cgroup_manager_of(m);
	auto_free char *path = strdup(cgroup);

	mask &= cm->supported & COSTLY;
	if (mask == 0 || !path || !path_below(cgroup, cm->root))
		return;
	for (char *slash; (slash = strrchr(path, '/')) && path_below(path, cm->root) &&
	                  !streq(path, cm->root);) {
		const char *above = slash == path ? "/" : path;
		int r;

		*slash = 0;
		mask &= ~mask_below(m, above);
		if (mask == 0)
			return;
		r = disable_in(cm, above, mask);
		/* A slice goes with its last unit. Where it cannot be had it stays on, which costs a little time and nothing else. */
		if (r < 0 && r != -ENOENT) {
			log_debug_errno(r, "Failed to turn controllers off in \"%s\": %m", above);
			return;
		}
		if (slash == path)
			return;
	}
}

void cgroup_controllers_forget(struct manager *m, const char *cgroup)
{
	(void) map_remove(cgroup_manager_of(m)->enabled, cgroup);
}
