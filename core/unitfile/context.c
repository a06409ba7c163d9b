// SPDX-License-Identifier: Apache-2.0
/* context.c - what the system and its configuration say for all units: systemd-system.conf(5), os-release(5). */
#include "unitfile/install.h"
#include "unitfile/lexer.h"
#include "unitfile/value.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/utsname.h>

#define TASKS_PERMYRIAD  1500U
#define TASKS_SYSTEM_MAX 4194304U
#define NOFILE_SOFT      1024U
#define NOFILE_HARD      524288U
#define MEMLOCK_LIMIT    (8U * 1024 * 1024)

#define C(field) offsetof(struct unit_context, field)

/* ---- strings ---- */

static void **slot_of(struct unit_context *c, size_t offset)
{
	return (void **) (void *) ((char *) c + offset);
}

/* Keeps @s (owned from here on) and lets the field point to it. */
static int own(struct unit_context *c, size_t offset, char *s)
{
	int r = strv_append_consume(&c->owned, s);

	if (r >= 0)
		*slot_of(c, offset) = s;
	return r;
}

struct os_release_row {
	const char *key;
	size_t offset;
};
static const struct os_release_row os_release_rows[] = {
	{"ID", C(os_id)},
	{"VERSION_ID", C(os_version_id)},
	{"BUILD_ID", C(os_build_id)},
	{"IMAGE_ID", C(os_image_id)},
	{"IMAGE_VERSION", C(os_image_version)},
	{"VARIANT_ID", C(os_variant_id)},
};

int unit_context_read_os_release(struct unit_context *c, const char *root)
{
	const char *other = secure_getenv("SYSTEMD_OS_RELEASE");
	auto_free char *first = other && *root ? strdup(other)
	                                       : str_printf("%s/etc/os-release", root),
		       *second = str_printf("%s/usr/lib/os-release", root);
	auto_strv char **env = NULL;
	auto_free char *text = NULL;
	size_t size;
	int r;

	if (!first || !second)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTSOF(os_release_rows); i++)
		*slot_of(c, os_release_rows[i].offset) = NULL;
	r = file_read(first, &text, &size);
	if (r == -ENOENT)
		r = file_read(second, &text, &size);
	if (r >= 0)
		r = env_file_parse(text, size, first, NULL, &env);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(os_release_rows); i++) {
		const char *value = env_get(env, os_release_rows[i].key);

		r = own(c, os_release_rows[i].offset, strdup(value ? value : ""));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_own_os_release(struct unit_context *c)
{
	int r = unit_context_read_os_release(c, "");

	return r == -ENOMEM ? r : 0;
}

static int read_ids(struct unit_context *c)
{
	char text[ID128_TEXT_MAX];
	struct id128 id;
	int r = 0;

	/* Without one, "%m" and "%b" fail in the line that uses them. */
	if (id128_machine(&id) >= 0)
		r = own(c, C(machine_id), strdup(id128_format(&id, text)));
	if (r >= 0 && id128_boot(&id) >= 0)
		r = own(c, C(boot_id), strdup(id128_format(&id, text)));
	return r;
}

static const char *architecture_name(const char *machine)
{
	static const char *const rows[][2] = {
		{"x86_64", "x86-64"}, {"aarch64", "arm64"},    {"riscv64", "riscv64"},
		{"i386", "x86"},      {"i486", "x86"},         {"i586", "x86"},
		{"i686", "x86"},      {"ppc64le", "ppc64-le"}, {"ppc64", "ppc64"},
		{"s390x", "s390x"},   {"armv7l", "arm"},       {"armv6l", "arm"},
		{"mips64", "mips64"}, {"riscv32", "riscv32"},  {"loongarch64", "loongarch64"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (streq(rows[i][0], machine))
			return rows[i][1];
	return machine;
}

static int read_kernel(struct unit_context *c)
{
	struct utsname u;
	int r;

	if (uname(&u) < 0)
		return -errno;
	r = own(c, C(hostname), strdup(u.nodename));
	if (r >= 0)
		r = own(c, C(kernel_release), strdup(u.release));
	if (r >= 0)
		r = own(c, C(architecture), strdup(architecture_name(u.machine)));
	return r;
}

/* ---- limits ---- */

static uint64_t read_number(const char *path, uint64_t fallback)
{
	auto_free char *line = NULL;
	uint64_t v;

	return file_read_line(path, &line) >= 0 && str_to_u64(line, 10, &v) >= 0 ? v : fallback;
}

static uint64_t tasks_of_system(void)
{
	uint64_t pids = read_number("/proc/sys/kernel/pid_max", TASKS_SYSTEM_MAX);
	uint64_t threads = read_number("/proc/sys/kernel/threads-max", TASKS_SYSTEM_MAX);

	return MIN(pids, threads);
}

static int set_limit(struct unit_context *c, int resource, rlim_t soft, rlim_t hard)
{
	c->default_limits[resource] = malloc(sizeof(struct rlimit));
	if (!c->default_limits[resource])
		return -ENOMEM;
	*c->default_limits[resource] = (struct rlimit){soft, hard};
	return 0;
}

/* ---- configuration ---- */

static int parse_tasks(struct parse *p, const char *value, void *field, int64_t arg)
{
	uint64_t v;
	int r;

	(void) p;
	(void) arg;
	if (streq(value, "infinity")) {
		*(uint64_t *) field = CGROUP_LIMIT_INFINITY;
		return 0;
	}
	r = parse_permyriad(value, 10000, &v);
	if (r >= 0)
		v = tasks_of_system() * v / 10000;
	else if (r == -EINVAL)
		r = str_to_u64(value, 10, &v);
	if (r < 0 || v == 0)
		return r < 0 ? r : -ERANGE;
	*(uint64_t *) field = v;
	return 0;
}

/* The parser for StandardOutput= works on a whole exec_settings: lend it one. */
static int parse_output(struct parse *p, const char *value, void *field, int64_t arg)
{
	struct exec_settings e = {.std_output = *(enum exec_output *) field};
	int r = value_output(p, value, &e.std_output, 1);

	(void) arg;
	/* Files and descriptors are each unit's own. */
	if (e.stdio_file[1] || e.stdio_fdname[1])
		r = -EINVAL;
	free(e.stdio_file[1]);
	free(e.stdio_fdname[1]);
	if (r >= 0)
		*(enum exec_output *) field = e.std_output;
	return r;
}

struct manager_row {
	const char *key;
	parse_fn parse;
	size_t offset;
	int64_t arg;
};
#define LIMIT(name)                                                                                \
	{                                                                                          \
		"DefaultLimit" #name, value_rlimit, C(default_limits[RLIMIT_##name]),              \
			RLIMIT_##name                                                              \
	}
/* clang-format off */
static const struct manager_row manager_rows[] = {
	{ "DefaultTimeoutStartSec", value_sec_fix_0, C(default_timeout_start_usec), 0 },
	{ "DefaultTimeoutStopSec", value_sec_fix_0, C(default_timeout_stop_usec), 0 },
	{ "DefaultDeviceTimeoutSec", value_sec_fix_0, C(default_device_timeout_usec), 0 },
	{ "DefaultRestartSec", value_sec, C(default_restart_usec), 0 },
	{ "DefaultStartLimitInterval", value_sec, C(default_start_limit_interval_usec), 0 },
	{ "DefaultStartLimitIntervalSec", value_sec, C(default_start_limit_interval_usec), 0 },
	{ "DefaultStartLimitBurst", value_unsigned, C(default_start_limit_burst), 0 },
	{ "DefaultTimerAccuracySec", value_sec, C(default_timer_accuracy_usec), 0 },
	{ "DefaultTasksMax", parse_tasks, C(default_tasks_max), 0 },
	{ "DefaultStandardOutput", parse_output, C(default_std_output), 0 },
	{ "DefaultStandardError", parse_output, C(default_std_error), 0 },
	{ "DefaultEnvironment", value_environment, C(default_environment), 0 },
	LIMIT(CPU), LIMIT(FSIZE), LIMIT(DATA), LIMIT(STACK), LIMIT(CORE), LIMIT(RSS), LIMIT(NOFILE), LIMIT(AS), LIMIT(NPROC),
	LIMIT(MEMLOCK), LIMIT(LOCKS), LIMIT(SIGPENDING), LIMIT(MSGQUEUE), LIMIT(NICE), LIMIT(RTPRIO), LIMIT(RTTIME),
};
/* clang-format on */

static int assign_manager(struct unit_context *c, struct parse *p, const struct lexeme *l)
{
	p->key = l->key;
	p->line = l->line;
	for (size_t i = 0; i < ELEMENTSOF(manager_rows); i++) {
		int r;

		if (!streq(manager_rows[i].key, l->key))
			continue;
		r = manager_rows[i].parse(p, l->value, slot_of(c, manager_rows[i].offset),
		                          manager_rows[i].arg);
		if (r < 0 && r != -ENOMEM)
			r = parse_warn(p, "Invalid value '%.100s', ignored", l->value);
		return r;
	}
	/* Most of [Manager] is about the manager, not about units. */
	return 0;
}

static int read_manager_file(struct unit_context *c, const char *path, struct diag *d)
{
	struct unit_file nobody = {.id = (char *) "system.slice"};
	struct parse p = {.c = c, .f = &nobody, .path = path, .d = d};
	auto_free char *text = NULL;
	struct lexer lexer;
	struct lexeme l;
	size_t size;
	int r = file_read(path, &text, &size);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = lexer_init(&lexer, text, size, path, d);
	while (r >= 0 && (r = lexer_next(&lexer, &l)) > 0)
		if (!l.new_section && streq(l.section, "Manager"))
			r = assign_manager(c, &p, &l);
	return r == -ENOMEM ? r : 0;
}

/* Drop-ins of @name by file name; the same name in a directory before masks. */
static int read_manager_dropins(struct unit_context *c, const char *const *dirs, struct diag *d)
{
	auto_strv char **all = NULL;
	int r = 0;

	for (const char *const *dir = dirs; r >= 0 && *dir; dir++) {
		auto_strv char **names = NULL;

		if (dir_list(*dir, &names) < 0)
			continue;
		STRV_FOREACH (n, names)
			if (r >= 0 && str_ends_with(*n, ".conf"))
				r = strv_append_unique(&all, *n);
	}
	strv_sort_unique(all);
	STRV_FOREACH (n, all) {
		for (const char *const *dir = dirs; r >= 0 && *dir; dir++) {
			auto_free char *path = path_join(*dir, *n);

			if (!path)
				return -ENOMEM;
			if (access(path, F_OK) < 0)
				continue;
			r = read_manager_file(c, path, d);
			break;
		}
	}
	return r;
}

static int read_configuration(struct unit_context *c)
{
	static const char *const systemd_dirs[] = {
		"/etc/systemd/system.conf.d", "/run/systemd/system.conf.d",
		"/usr/local/lib/systemd/system.conf.d", "/usr/lib/systemd/system.conf.d", NULL};
	static const char *const own_dirs[] = {"/etc/sysmaster/core.conf.d",
	                                       "/run/sysmaster/core.conf.d",
	                                       "/usr/lib/sysmaster/core.conf.d", NULL};
	int r = read_manager_file(c, "/etc/systemd/system.conf", NULL);

	if (r >= 0)
		r = read_manager_dropins(c, systemd_dirs, NULL);
	if (r >= 0)
		r = read_manager_file(c, "/etc/sysmaster/core.conf", NULL);
	if (r >= 0)
		r = read_manager_dropins(c, own_dirs, NULL);
	return r;
}

int unit_context_init(struct unit_context *c)
{
	int r;

	*c = (struct unit_context){
		.runtime_dir = "/run",
		.state_dir = "/var/lib",
		.cache_dir = "/var/cache",
		.log_dir = "/var/log",
		.config_dir = "/etc",
		.tmp_dir = "/tmp",
		.var_tmp_dir = "/var/tmp",
		.default_timeout_start_usec = 90 * USEC_PER_SEC,
		.default_timeout_stop_usec = 90 * USEC_PER_SEC,
		.default_restart_usec = 100 * USEC_PER_MSEC,
		.default_start_limit_interval_usec = 10 * USEC_PER_SEC,
		.default_device_timeout_usec = 90 * USEC_PER_SEC,
		.default_timer_accuracy_usec = USEC_PER_MINUTE,
		.default_start_limit_burst = 5,
		.default_std_output = EXEC_OUTPUT_JOURNAL,
		.default_std_error = EXEC_OUTPUT_INHERIT,
	};
	c->default_tasks_max = tasks_of_system() * TASKS_PERMYRIAD / 10000;
	r = read_kernel(c);
	if (r >= 0)
		r = read_ids(c);
	if (r >= 0)
		r = read_own_os_release(c);
	if (r >= 0)
		r = set_limit(c, RLIMIT_NOFILE, NOFILE_SOFT, NOFILE_HARD);
	if (r >= 0)
		r = set_limit(c, RLIMIT_MEMLOCK, MEMLOCK_LIMIT, MEMLOCK_LIMIT);
	if (r >= 0)
		r = read_configuration(c);
	if (r < 0)
		unit_context_done(c);
	return r;
}

static bool same_limits(const struct unit_context *a, const struct unit_context *b)
{
	for (size_t i = 0; i < EXEC_RLIMITS_MAX; i++) {
		const struct rlimit *x = a->default_limits[i], *y = b->default_limits[i];

		if (!x != !y)
			return false;
		if (x && (x->rlim_cur != y->rlim_cur || x->rlim_max != y->rlim_max))
			return false;
	}
	return true;
}

bool unit_context_same_defaults(const struct unit_context *a, const struct unit_context *b)
{
	return a->default_timeout_start_usec == b->default_timeout_start_usec &&
	       a->default_timeout_stop_usec == b->default_timeout_stop_usec &&
	       a->default_restart_usec == b->default_restart_usec &&
	       a->default_start_limit_interval_usec == b->default_start_limit_interval_usec &&
	       a->default_device_timeout_usec == b->default_device_timeout_usec &&
	       a->default_timer_accuracy_usec == b->default_timer_accuracy_usec &&
	       a->default_start_limit_burst == b->default_start_limit_burst &&
	       a->default_tasks_max == b->default_tasks_max &&
	       a->default_std_output == b->default_std_output &&
	       a->default_std_error == b->default_std_error && same_limits(a, b) &&
	       strv_equal(a->default_environment, b->default_environment);
}

void unit_context_done(struct unit_context *c)
{
	strv_free(c->owned);
	strv_free(c->default_environment);
	for (size_t i = 0; i < EXEC_RLIMITS_MAX; i++)
		free(c->default_limits[i]);
	*c = (struct unit_context){0};
}
