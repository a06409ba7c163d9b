// SPDX-License-Identifier: Apache-2.0
#include "unitfile/group.h"

#define POOL_START 64U

enum field_kind { FIELD_STRING, FIELD_LIST, FIELD_BLOB, FIELD_DATA };
struct field {
	uint16_t offset; /* of the pointer */
	uint16_t kind;
	uint32_t size; /* FIELD_BLOB: bytes; FIELD_DATA: offset of the size_t that says how many */
};
struct shape {
	size_t size;
	const struct field *fields;
	size_t n_fields;
};

/* clang-format off */
#define STRING(field) { offsetof(S, field), FIELD_STRING, 0 }
#define LIST(field)   { offsetof(S, field), FIELD_LIST, 0 }
#define BLOB(field)   { offsetof(S, field), FIELD_BLOB, sizeof(*((S *) 0)->field) }
#define DATA(field, size_field) { offsetof(S, field), FIELD_DATA, offsetof(S, size_field) }

#define S struct exec_settings
static const struct field exec_fields[] = {
	STRING(user), STRING(group), STRING(pam_name), STRING(selinux_context), STRING(apparmor_profile),
	STRING(smack_process_label), STRING(working_directory), STRING(root_directory), STRING(root_image), STRING(tty_path),
	STRING(utmp_id), STRING(stdio_fdname[0]), STRING(stdio_fdname[1]), STRING(stdio_fdname[2]), STRING(stdio_file[0]),
	STRING(stdio_file[1]), STRING(stdio_file[2]), STRING(syslog_identifier), STRING(network_namespace_path),
	STRING(ipc_namespace_path), STRING(keyring_mode),
	DATA(stdin_data, stdin_data_size),
	BLOB(cpu_affinity),
	BLOB(limits[0]), BLOB(limits[1]), BLOB(limits[2]), BLOB(limits[3]), BLOB(limits[4]), BLOB(limits[5]), BLOB(limits[6]),
	BLOB(limits[7]), BLOB(limits[8]), BLOB(limits[9]), BLOB(limits[10]), BLOB(limits[11]), BLOB(limits[12]), BLOB(limits[13]),
	BLOB(limits[14]), BLOB(limits[15]),
	LIST(environment), LIST(environment_files), LIST(pass_environment), LIST(unset_environment), LIST(exec_search_path),
	LIST(supplementary_groups), LIST(directories[EXEC_DIRECTORY_RUNTIME].paths), LIST(directories[EXEC_DIRECTORY_STATE].paths),
	LIST(directories[EXEC_DIRECTORY_CACHE].paths), LIST(directories[EXEC_DIRECTORY_LOGS].paths),
	LIST(directories[EXEC_DIRECTORY_CONFIGURATION].paths), LIST(log_extra_fields), LIST(read_write_paths),
	LIST(read_only_paths), LIST(inaccessible_paths), LIST(exec_paths), LIST(no_exec_paths), LIST(bind_paths),
	LIST(bind_read_only_paths), LIST(temporary_file_systems), LIST(system_call_filter), LIST(system_call_log),
	LIST(system_call_architectures), LIST(restrict_address_families), LIST(load_credentials), LIST(set_credentials),
};
_Static_assert(EXEC_RLIMITS_MAX == 16, "each limit is a row");
#undef S
#define S struct cgroup_settings
static const struct field cgroup_fields[] = {
	STRING(slice), STRING(allowed_cpus), STRING(allowed_memory_nodes),
	LIST(delegate_controllers), LIST(io_device), LIST(device_allow), LIST(ip_address_allow), LIST(ip_address_deny),
};
#undef S
static const struct shape shapes[SETTINGS_KIND_MAX] = {
	[SETTINGS_EXEC] = { sizeof(struct exec_settings), exec_fields, ELEMENTSOF(exec_fields) },
	[SETTINGS_KILL] = { sizeof(struct kill_settings), NULL, 0 },
	[SETTINGS_CGROUP] = { sizeof(struct cgroup_settings), cgroup_fields, ELEMENTSOF(cgroup_fields) },
};
/* clang-format on */
#define GROUP_SIZE_MAX sizeof(struct exec_settings)

struct group {
	struct group *next; /* in its bucket */
	uint32_t hash, kind;
	size_t n_ref; /* 0: private */
	max_align_t data[];
};

static struct {
	struct group **buckets;
	size_t n_buckets, n_groups;
} pool;

static struct group *group_of(const void *data)
{
	return (struct group *) (void *) ((char *) data - offsetof(struct group, data));
}

static void **pointer_in(const void *data, const struct field *f)
{
	return (void **) (void *) ((char *) data + f->offset);
}

static size_t bytes_of(const void *data, const struct field *f)
{
	const void *p = *pointer_in(data, f);

	if (!p)
		return 0;
	if (f->kind == FIELD_DATA)
		return *(const size_t *) (const void *) ((const char *) data + f->size);
	return f->kind == FIELD_BLOB ? f->size : strlen(p) + 1;
}

/* ---- one field ---- */

static void free_field(void *data, const struct field *f)
{
	void **p = pointer_in(data, f);

	if (f->kind == FIELD_LIST)
		strv_free(*p);
	else
		free(*p);
	*p = NULL;
}

static int copy_field(void *to, const void *from, const struct field *f)
{
	void *p = *pointer_in(from, f), **slot = pointer_in(to, f);
	size_t n = bytes_of(from, f);

	*slot = NULL;
	if (!p)
		return 0;
	if (f->kind == FIELD_LIST)
		return (*slot = strv_copy(p)) ? 0 : -ENOMEM;
	*slot = malloc(MAX(n, 1U));
	if (!*slot)
		return -ENOMEM;
	memcpy(*slot, p, n);
	return 0;
}

/* An empty list is not the same as none: it can mean "nothing of it". */
static bool lists_equal(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b && streq(*a, *b))
		a++, b++;
	return !*a && !*b;
}

static bool fields_equal(const void *a, const void *b, const struct field *f)
{
	void *p = *pointer_in(a, f), *q = *pointer_in(b, f);
	size_t n;

	if (!p || !q)
		return p == q;
	if (f->kind == FIELD_LIST)
		return lists_equal(p, q);
	n = bytes_of(a, f);
	return n == bytes_of(b, f) && memcmp(p, q, n) == 0;
}

static uint32_t hash_bytes(uint32_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x01000193U; /* FNV-1a */
	return h;
}

static uint32_t hash_field(uint32_t h, const void *data, const struct field *f)
{
	void *p = *pointer_in(data, f);

	if (f->kind != FIELD_LIST)
		return hash_bytes(h, p, bytes_of(data, f));
	STRV_FOREACH (s, (char **) p)
		h = hash_bytes(h, *s, strlen(*s) + 1);
	return h;
}

/* ---- all of a group ---- */

/* The values that are no pointers. */
static void plain_values(const void *data, const struct shape *s, void *ret)
{
	memcpy(ret, data, s->size);
	for (size_t i = 0; i < s->n_fields; i++)
		*pointer_in(ret, &s->fields[i]) = NULL;
}

static uint32_t group_hash(const struct group *g)
{
	const struct shape *s = &shapes[g->kind];
	max_align_t plain[GROUP_SIZE_MAX / sizeof(max_align_t) + 1];
	uint32_t h = 0x811c9dc5U ^ g->kind;

	plain_values(g->data, s, plain);
	h = hash_bytes(h, plain, s->size);
	for (size_t i = 0; i < s->n_fields; i++)
		h = hash_field(h, g->data, &s->fields[i]);
	return h;
}

static bool groups_equal(const struct group *a, const struct group *b)
{
	const struct shape *s = &shapes[a->kind];
	max_align_t p[GROUP_SIZE_MAX / sizeof(max_align_t) + 1],
		q[GROUP_SIZE_MAX / sizeof(max_align_t) + 1];

	if (a->hash != b->hash || a->kind != b->kind)
		return false;
	plain_values(a->data, s, p);
	plain_values(b->data, s, q);
	if (memcmp(p, q, s->size) != 0)
		return false;
	for (size_t i = 0; i < s->n_fields; i++)
		if (!fields_equal(a->data, b->data, &s->fields[i]))
			return false;
	return true;
}

static void group_free(struct group *g)
{
	const struct shape *s = &shapes[g->kind];

	for (size_t i = 0; i < s->n_fields; i++)
		free_field(g->data, &s->fields[i]);
	free(g);
}

/* ---- the pool ---- */

static struct group **bucket_of(uint32_t hash)
{
	return &pool.buckets[hash & (pool.n_buckets - 1)];
}

/* False without memory; a pool that cannot grow is only slower. */
static bool pool_reserve(void)
{
	size_t n = pool.n_buckets ? pool.n_buckets * 2 : POOL_START;
	struct group **old = pool.buckets, **fresh;
	size_t n_old = pool.n_buckets;

	if (pool.n_groups < pool.n_buckets)
		return true;
	fresh = calloc(n, sizeof(*fresh));
	if (!fresh)
		return pool.buckets;
	pool.buckets = fresh;
	pool.n_buckets = n;
	for (size_t i = 0; i < n_old; i++)
		for (struct group *g = old[i], *next; g; g = next) {
			next = g->next;
			g->next = *bucket_of(g->hash);
			*bucket_of(g->hash) = g;
		}
	free(old);
	return true;
}

static void pool_remove(struct group *g)
{
	struct group **at = bucket_of(g->hash);

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	if (--pool.n_groups == 0) {
		free(pool.buckets);
		pool.buckets = NULL;
		pool.n_buckets = 0;
	}
}

size_t group_pool_size(void)
{
	return pool.n_groups;
}

/* ---- for the files of this room ---- */

void *group_new(enum group_kind kind)
{
	struct group *g = calloc(1, sizeof(*g) + shapes[kind].size);

	if (!g)
		return NULL;
	g->kind = (uint32_t) kind;
	return g->data;
}

const void *group_seal(const void *group)
{
	struct group *g = group_of(group), **bucket;

	if (g->n_ref > 0)
		return group;
	if (!pool_reserve())
		return group;
	g->hash = group_hash(g);
	bucket = bucket_of(g->hash);
	for (struct group *other = *bucket; other; other = other->next)
		if (groups_equal(other, g)) {
			group_free(g);
			other->n_ref++;
			return other->data;
		}
	g->n_ref = 1;
	g->next = *bucket;
	*bucket = g;
	pool.n_groups++;
	return group;
}

int group_open(const void **group)
{
	const struct group *g = group_of(*group);
	const struct shape *s = &shapes[g->kind];
	void *copy;

	if (g->n_ref == 0)
		return 0;
	copy = group_new((enum group_kind) g->kind);
	if (!copy)
		return -ENOMEM;
	plain_values(*group, s, copy);
	for (size_t i = 0; i < s->n_fields; i++)
		if (copy_field(copy, *group, &s->fields[i]) < 0) {
			group_unref(copy);
			return -ENOMEM;
		}
	group_unref(*group);
	*group = copy;
	return 0;
}

void group_unref(const void *group)
{
	struct group *g;

	if (!group)
		return;
	g = group_of(group);
	if (g->n_ref > 1) {
		g->n_ref--;
		return;
	}
	if (g->n_ref == 1)
		pool_remove(g);
	group_free(g);
}
