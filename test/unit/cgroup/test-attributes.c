// SPDX-License-Identifier: Apache-2.0
#include "cgroup/internal.h"

#include "check.h"

static const struct cgroup_manager machine = {
	.ram_bytes = 1000000000, .tasks_limit = 32768, .supported = CGROUP_MASK_ALL};

static struct cgroup_settings unset(void)
{
	return (struct cgroup_settings){
		.cpu_weight = UINT64_MAX,
		.startup_cpu_weight = UINT64_MAX,
		.io_weight = UINT64_MAX,
		.startup_io_weight = UINT64_MAX,
		.cpu_quota_per_sec_usec = USEC_INFINITY,
		.cpu_quota_period_usec = USEC_INFINITY,
		.memory_min = UINT64_MAX,
		.memory_low = UINT64_MAX,
		.memory_high = UINT64_MAX,
		.memory_max = UINT64_MAX,
		.memory_swap_max = UINT64_MAX,
		.tasks_max = UINT64_MAX,
	};
}

static const char *value_of(const struct cgroup_settings *s, bool reset, const char *attribute)
{
	static struct cgroup_attribute_value v[CGROUP_ATTRIBUTES_MAX];
	size_t n = cgroup_attribute_values(&machine, s, reset, v);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].attribute, attribute))
			return v[i].value;
	return NULL;
}

TEST(cgroup__nothing_set_writes_nothing_and_needs_no_controller)
{
	struct cgroup_attribute_value v[CGROUP_ATTRIBUTES_MAX];
	struct cgroup_settings s = unset();

	CHECK_INT(cgroup_attribute_values(&machine, &s, false, v), ==, 0);
	CHECK_INT(cgroup_mask_wanted(&s), ==, 0);
	CHECK_INT(cgroup_mask_delegated(&s), ==, 0);
	CHECK_STR(value_of(&s, true, "memory.max"), "max");
	CHECK_STR(value_of(&s, true, "cpu.weight"), "100");
	CHECK_STR(value_of(&s, true, "pids.max"), "max");
	CHECK_STR(value_of(&s, true, "cpu.max"), "max 100000");
}

TEST(cgroup__startup_weights_count_until_the_boot_is_finished)
{
	struct cgroup_manager starting = machine;
	struct cgroup_attribute_value v[CGROUP_ATTRIBUTES_MAX];
	struct cgroup_settings s = unset();

	starting.startup = true;
	s.startup_cpu_weight = 20;
	s.startup_io_weight = 30;
	CHECK_INT(cgroup_mask_wanted(&s), ==, CGROUP_MASK(CGROUP_CPU) | CGROUP_MASK(CGROUP_IO));
	CHECK_INT(cgroup_attribute_values(&starting, &s, false, v), ==, 2);
	CHECK_STR(v[0].value, "20");
	CHECK_STR(v[1].value, "default 30");
	CHECK_STR(value_of(&s, true, "cpu.weight"), "100");
	CHECK_STR(value_of(&s, true, "io.weight"), "default 100");
	s.cpu_weight = 70;
	CHECK_STR(value_of(&s, true, "cpu.weight"), "70");
}

TEST(cgroup__memory_in_bytes_and_percent)
{
	struct cgroup_settings s = unset();

	s.memory_max = 5000; /* 50 % in 1/10000 */
	s.memory_percent_mask = 1U << 3;
	s.memory_high = 4096;
	s.memory_swap_max = CGROUP_LIMIT_INFINITY;
	CHECK_STR(value_of(&s, false, "memory.max"), "500000000");
	CHECK_STR(value_of(&s, false, "memory.high"), "4096");
	CHECK_STR(value_of(&s, false, "memory.swap.max"), "max");
	CHECK_INT(cgroup_mask_wanted(&s), ==, CGROUP_MASK(CGROUP_MEMORY));
}

TEST(cgroup__cpu_quota_respects_the_kernels_minimum)
{
	struct cgroup_settings s = unset();

	s.cpu_quota_per_sec_usec = 200000;
	CHECK_STR(value_of(&s, false, "cpu.max"), "20000 100000");
	s.cpu_quota_per_sec_usec = 2 * USEC_PER_SEC;
	s.cpu_quota_period_usec = 10000;
	CHECK_STR(value_of(&s, false, "cpu.max"), "20000 10000");
	s.cpu_quota_per_sec_usec = 10000; /* 1 % */
	s.cpu_quota_period_usec = USEC_INFINITY;
	CHECK_STR(value_of(&s, false, "cpu.max"), "1000 100000");
	s.cpu_quota_per_sec_usec = 1000; /* 0.1 % */
	CHECK_STR(value_of(&s, false, "cpu.max"), "1000 1000000");
	CHECK_INT(cgroup_mask_wanted(&s), ==, CGROUP_MASK(CGROUP_CPU));
}

TEST(cgroup__tasks_in_percent_of_the_machine)
{
	struct cgroup_settings s = unset();

	s.tasks_max = 1500;
	s.tasks_max_is_percent = true;
	CHECK_STR(value_of(&s, false, "pids.max"), "4915");
	s.tasks_max_is_percent = false;
	CHECK_STR(value_of(&s, false, "pids.max"), "1500");
	s.tasks_max = CGROUP_LIMIT_INFINITY;
	CHECK(!value_of(&s, false, "pids.max"));
	CHECK_INT(cgroup_mask_wanted(&s), ==, 0);
}

TEST(cgroup__delegation)
{
	char *some[] = {(char *) "cpu", (char *) "memory", (char *) "bpf-devices", NULL};
	char *none[] = {NULL};
	struct cgroup_settings s = unset();

	s.delegate = true;
	CHECK_INT(cgroup_mask_delegated(&s), ==, CGROUP_MASK_ALL);
	s.delegate_controllers = none;
	CHECK_INT(cgroup_mask_delegated(&s), ==, 0);
	s.delegate_controllers = some;
	CHECK_INT(cgroup_mask_delegated(&s), ==,
	          CGROUP_MASK(CGROUP_CPU) | CGROUP_MASK(CGROUP_MEMORY));
	CHECK_INT(cgroup_mask_parse("cpuset cpu io memory hugetlb pids rdma misc\n"), ==,
	          CGROUP_MASK_ALL);
}

TEST(cgroup__every_controller_has_a_name)
{
	for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		CHECK(cgroup_controller_names[i]);
}
