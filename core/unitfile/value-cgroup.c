// SPDX-License-Identifier: Apache-2.0
/* value-cgroup.c - systemd.resource-control(5). */
#include "unitfile/value.h"
#include "unitfile/name.h"

#include <arpa/inet.h>
#include <limits.h>

#define CGROUP_OF(field_, member)                                                                  \
	((struct cgroup_settings *) (void *) ((char *) (field_) -offsetof(struct cgroup_settings,  \
	                                                                  member)))
#define PERMYRIAD_ALL       10000U
#define CPU_NUMBER_MAX      8191
#define MEMORY_LIMIT_LEGACY 5
#define MEMORY_MAX_BIT      3
/* Defaults of the v1 controllers, which the v2 weight 100 stands for. */
#define CPU_SHARES_DEFAULT     1024U
#define BLOCKIO_WEIGHT_DEFAULT 500U

static int reset_list(void *field)
{
	*(char ***) field = strv_free(*(char ***) field);
	return 0;
}

VALUE_PARSER(slice)
{
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	if (!slice_name_is_valid(s))
		return parse_warn(p, "'%.100s' is no slice, ignored", s);
	/* A slice is where its name says. */
	if (p->f->type == UNIT_SLICE) {
		auto_free char *parent = NULL;

		r = slice_parent(p->f->id, &parent);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || !parent || !streq(parent, s))
			return parse_warn(p, "'%.100s' is not the parent of %.100s, ignored", s,
			                  p->f->id);
	}
	return str_set(field, s);
}

bool cgroup_controller_is_known(const char *name)
{
	static const char *const controllers[] = {"cpu",
	                                          "cpuacct",
	                                          "cpuset",
	                                          "io",
	                                          "blkio",
	                                          "memory",
	                                          "devices",
	                                          "pids",
	                                          "bpf-firewall",
	                                          "bpf-devices",
	                                          "bpf-foreign",
	                                          "bpf-socket-bind",
	                                          "bpf-restrict-network-interfaces"};

	return ENUM_FROM_STRING(controllers, name) >= 0;
}

VALUE_PARSER(delegate)
{
	struct cgroup_settings *g = CGROUP_OF(field, delegate);
	auto_strv char **words = NULL;
	int b, r;

	(void) arg;
	if (p->f->type != UNIT_SERVICE && p->f->type != UNIT_SCOPE)
		return parse_warn(p, "Units of this type cannot delegate, ignored");
	b = *value ? str_to_bool(value) : -EINVAL;
	if (b >= 0) {
		g->delegate = b;
		return reset_list(&g->delegate_controllers);
	}
	r = word_split(value, NULL, WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	g->delegate = true;
	if (!*value)
		reset_list(&g->delegate_controllers);
	/* No list at all means every controller, an empty one none. */
	if (!g->delegate_controllers) {
		g->delegate_controllers = calloc(1, sizeof(char *));
		if (!g->delegate_controllers)
			return -ENOMEM;
	}
	STRV_FOREACH (w, words) {
		if (!cgroup_controller_is_known(*w))
			parse_warn(p, "'%.60s' is no controller, ignored", *w);
		else if ((r = strv_append_unique(&g->delegate_controllers, *w)) < 0)
			return r;
	}
	return 0;
}

static int bounded_u64(const char *s, uint64_t low, uint64_t high, uint64_t *ret)
{
	int64_t v;
	int r = parse_number(s, false, &v);

	if (r < 0 || (uint64_t) v < low || (uint64_t) v > high)
		return r < 0 ? r : -ERANGE;
	*ret = (uint64_t) v;
	return 0;
}

VALUE_PARSER(weight)
{
	(void) p;
	if (!*value || (arg && streq(value, "idle"))) {
		*(uint64_t *) field = *value ? 0 : UINT64_MAX;
		return 0;
	}
	return bounded_u64(value, 1, 10000, field);
}

static uint64_t legacy_weight(uint64_t v, uint64_t v1_default)
{
	uint64_t w = v * 100 / v1_default;

	return w < 1 ? 1 : w > 10000 ? 10000 : w;
}

/* The old names set what the new one did not. */
static int set_legacy_weight(const char *value, uint64_t low, uint64_t high, uint64_t v1_default,
                             uint64_t *weight)
{
	uint64_t v;
	int r;

	if (!*value)
		return 0;
	r = bounded_u64(value, low, high, &v);
	if (r >= 0 && *weight == UINT64_MAX)
		*weight = legacy_weight(v, v1_default);
	return r;
}

VALUE_PARSER(cpu_shares)
{
	(void) p;
	(void) arg;
	return set_legacy_weight(value, 2, 262144, CPU_SHARES_DEFAULT, field);
}

VALUE_PARSER(blockio_weight)
{
	(void) p;
	(void) arg;
	return set_legacy_weight(value, 10, 1000, BLOCKIO_WEIGHT_DEFAULT, field);
}

VALUE_PARSER(cpu_quota)
{
	uint64_t v;
	int r;

	(void) p;
	(void) arg;
	if (!*value) {
		*(usec_t *) field = USEC_INFINITY;
		return 0;
	}
	r = parse_permyriad(value, INT_MAX, &v);
	if (r < 0 || v == 0)
		return r < 0 ? r : -ERANGE;
	*(usec_t *) field = v * (USEC_PER_SEC / PERMYRIAD_ALL);
	return 0;
}

VALUE_PARSER(memory_limit)
{
	bool legacy = arg == MEMORY_LIMIT_LEGACY;
	unsigned bit = legacy ? MEMORY_MAX_BIT : (unsigned) arg;
	struct cgroup_settings *g =
		(struct cgroup_settings *) (void *) ((char *) field -
	                                             offsetof(struct cgroup_settings, memory_min) -
	                                             bit * sizeof(uint64_t));
	bool percent = false, lower_bound = arg < 2;
	uint64_t v;
	int r;

	(void) p;
	_Static_assert(offsetof(struct cgroup_settings, memory_swap_max) -
	                               offsetof(struct cgroup_settings, memory_min) ==
	                       4 * sizeof(uint64_t),
	               "the five limits are in the order of the mask's bits");
	if (!*value) {
		v = UINT64_MAX;
	} else if (streq(value, "infinity")) {
		v = CGROUP_LIMIT_INFINITY;
	} else {
		r = parse_permyriad(value, PERMYRIAD_ALL, &v);
		percent = r >= 0;
		if (r == -EINVAL)
			r = parse_size(value, 1024, &v);
		if (r < 0 || v >= CGROUP_LIMIT_INFINITY)
			return r < 0 ? r : -ERANGE;
		/* Nothing lives in no memory at all; but no swap is fine, and no protection. */
		if (v == 0 && !lower_bound && arg != 4)
			return -ERANGE;
	}
	if (legacy && *(uint64_t *) field != UINT64_MAX && *value)
		return 0;
	*(uint64_t *) field = v;
	g->memory_percent_mask = (g->memory_percent_mask & ~(1U << bit)) | (unsigned) percent
	                                                                           << bit;
	return 0;
}

VALUE_PARSER(tasks_max)
{
	struct cgroup_settings *g = CGROUP_OF(field, tasks_max);
	bool percent = false;
	uint64_t v;
	int r;

	(void) arg;
	if (!*value) {
		v = p->f->type == UNIT_SLICE ? UINT64_MAX : p->c->default_tasks_max;
	} else if (streq(value, "infinity")) {
		v = CGROUP_LIMIT_INFINITY;
	} else {
		r = parse_permyriad(value, PERMYRIAD_ALL, &v);
		percent = r >= 0;
		if (r == -EINVAL)
			r = bounded_u64(value, 1, INT64_MAX, &v);
		if (r < 0)
			return r;
	}
	g->tasks_max = v;
	g->tasks_max_is_percent = percent;
	return 0;
}

/* A list of the kernel's form: "0-3,7"; blanks divide, too. */
VALUE_PARSER(cpu_list)
{
	auto_strv char **words = NULL;
	auto_free char *s = NULL;
	char *joined;
	int r = parse_expand(p, value, false, &s);

	(void) arg;
	if (r <= 0)
		return r;
	r = word_split(s, WHITESPACE ",", WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		size_t n = strspn(*w, "0123456789");
		size_t m = (*w)[n] == '-' ? strspn(*w + n + 1, "0123456789") : 0;

		/* No kernel has a CPU or node that high. */
		if (n == 0 || n > 4 || m > 4 ||
		    ((*w)[n] == '-' ? m == 0 || (*w)[n + 1 + m] : (*w)[n]))
			return -EINVAL;
		if (atoi(*w) > CPU_NUMBER_MAX ||
		    (m > 0 && (atoi(*w) > atoi(*w + n + 1) || atoi(*w + n + 1) > CPU_NUMBER_MAX)))
			return -ERANGE;
	}
	if (!words)
		return str_set(field, NULL);
	joined = strv_join(words, ",");
	if (!joined)
		return -ENOMEM;
	free(*(char **) field);
	*(char **) field = joined;
	return 0;
}

static bool device_path_is_valid(const char *s)
{
	return (str_after(s, "/dev/") || str_after(s, "/run/systemd/inaccessible/")) &&
	       path_is_normalized(s);
}

VALUE_PARSER(device_allow)
{
	auto_free char *s = NULL, *device = NULL, *entry = NULL;
	const char *at, *permissions;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	at = s;
	r = word_next(&at, NULL, WORD_UNQUOTE, &device);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	if (!str_after(device, "char-") && !str_after(device, "block-")) {
		path_simplify(device);
		if (!device_path_is_valid(device))
			return parse_warn(p, "'%.100s' is no device node, ignored", device);
	}
	permissions = str_is_empty(at) ? "rwm" : at;
	if (permissions[strspn(permissions, "rwm")])
		return parse_warn(p, "'%.20s' is not made of r, w and m, ignored", permissions);
	entry = str_printf("%s %s", device, permissions);
	return entry ? strv_append(field, entry) : -ENOMEM;
}

/* What stands behind the device: a weight, bytes a second, operations a second, or a time. */
enum io_value { IO_WEIGHT, IO_WEIGHT_LEGACY, IO_BYTES, IO_COUNT, IO_TIME };
struct io_row {
	const char *key, *stored;
	enum io_value value;
};
/* clang-format off */
static const struct io_row io_rows[] = {
	{ "IODeviceWeight", "IODeviceWeight", IO_WEIGHT }, { "IOReadBandwidthMax", "IOReadBandwidthMax", IO_BYTES },
	{ "IOWriteBandwidthMax", "IOWriteBandwidthMax", IO_BYTES }, { "IOReadIOPSMax", "IOReadIOPSMax", IO_COUNT },
	{ "IOWriteIOPSMax", "IOWriteIOPSMax", IO_COUNT }, { "IODeviceLatencyTargetSec", "IODeviceLatencyTargetSec", IO_TIME },
	{ "BlockIODeviceWeight", "IODeviceWeight", IO_WEIGHT_LEGACY }, { "BlockIOReadBandwidth", "IOReadBandwidthMax", IO_BYTES },
	{ "BlockIOWriteBandwidth", "IOWriteBandwidthMax", IO_BYTES },
};
/* clang-format on */

static int parse_io_value(enum io_value kind, const char *s, uint64_t *ret)
{
	usec_t u;
	int r;

	switch (kind) {
	case IO_WEIGHT:
		return bounded_u64(s, 1, 10000, ret);
	case IO_WEIGHT_LEGACY:
		r = bounded_u64(s, 10, 1000, ret);
		if (r >= 0)
			*ret = legacy_weight(*ret, BLOCKIO_WEIGHT_DEFAULT);
		return r;
	case IO_TIME:
		r = span_parse(s, USEC_PER_SEC, &u);
		if (r >= 0)
			*ret = u;
		return r;
	default:
		if (streq(s, "infinity")) {
			*ret = CGROUP_LIMIT_INFINITY;
			return 0;
		}
		return parse_size(s, 1000, ret);
	}
}

/* Drops entries of @stored, for @device or all. */
static void drop_io(char **v, const char *stored, const char *device)
{
	auto_free char *prefix =
		device ? str_printf("%s %s ", stored, device) : str_printf("%s ", stored);
	char **to = v;

	for (char **from = v; prefix && from && *from; from++) {
		if (str_after(*from, prefix))
			free(*from);
		else
			*to++ = *from;
	}
	if (prefix && v)
		*to = NULL;
}

VALUE_PARSER(io_device)
{
	auto_free char *s = NULL, *device = NULL;
	const struct io_row *row = io_rows;
	const char *at;
	uint64_t v;
	char *entry;
	int r;

	(void) arg;
	while (!streq(row->key, p->key))
		row++;
	if (!*value) {
		drop_io(*(char ***) field, row->stored, NULL);
		return 0;
	}
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	at = s;
	r = word_next(&at, NULL, WORD_UNQUOTE, &device);
	if (r <= 0 || str_is_empty(at))
		return r < 0 ? r : -EINVAL;
	path_simplify(device);
	if (!path_is_normalized(device))
		return parse_warn(p, "'%.100s' is no device node, ignored", device);
	r = parse_io_value(row->value, at, &v);
	if (r < 0)
		return r;
	drop_io(*(char ***) field, row->stored, device);
	entry = v == CGROUP_LIMIT_INFINITY
	                ? str_printf("%s %s infinity", row->stored, device)
	                : str_printf("%s %s %llu", row->stored, device, (unsigned long long) v);
	return strv_append_consume(field, entry);
}

static bool address_prefix_is_valid(const char *s)
{
	const char *slash = strchr(s, '/');
	auto_free char *address = slash ? strndup(s, (size_t) (slash - s)) : strdup(s);
	uint8_t bytes[16];
	uint32_t bits = 0;
	uint32_t max;

	if (!address)
		return false;
	max = inet_pton(AF_INET, address, bytes) == 1    ? 32
	      : inet_pton(AF_INET6, address, bytes) == 1 ? 128
	                                                 : 0;
	return max && (!slash || (str_to_u32(slash + 1, &bits) >= 0 && bits <= max));
}

static int add_ip_address(struct parse *p, char *word, void *field, int64_t arg)
{
	static const char *const names[] = {"any", "localhost", "link-local", "multicast"};

	(void) arg;
	if (ENUM_FROM_STRING(names, word) < 0 && !address_prefix_is_valid(word))
		return parse_warn(p, "'%.100s' is no address prefix, ignored", word);
	return strv_append_unique(field, word);
}

VALUE_PARSER(ip_addresses)
{
	if (!*value)
		return reset_list(field);
	return parse_words(p, value, WORD_UNQUOTE, add_ip_address, field, arg);
}

/* Stands in [Service] and [Scope], but is kept with the rest of resource control. */
VALUE_PARSER(oom_policy)
{
	static const char *const policies[] = {
		[OOM_POLICY_CONTINUE] = "continue",
		[OOM_POLICY_STOP] = "stop",
		[OOM_POLICY_KILL] = "kill",
	};

	(void) field;
	(void) arg;
	for (int i = OOM_POLICY_CONTINUE; i <= OOM_POLICY_KILL; i++) {
		if (streq(policies[i], value)) {
			own_cgroup(p->f)->oom_policy = i;
			return 0;
		}
	}
	return -EINVAL;
}
