// SPDX-License-Identifier: Apache-2.0
#include "exec/spec.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum spec_kind {
	SPEC_STR,
	SPEC_STRV,
	SPEC_FLAG,
	SPEC_INT,
	SPEC_U64,
	SPEC_DATA,
	SPEC_RLIMIT,
	SPEC_CPUS,
	SPEC_FDS
};

/* The one table: kind, name in the memfd, field. The last row of a kind of array names its first
 * element. */
/* clang-format off */
#define SPEC_FIELDS(X) \
	X(STR, unit) X(STR, path) X(STR, invocation_id) X(STR, cgroup) X(STR, group) X(STRV, argv) X(STRV, env) X(STRV, pass_env) \
	X(STRV, fd_names) X(FDS, fds) X(INT, n_socket_fds) X(INT, command_flags) X(INT, flags) X(INT, spec_flags) X(FLAG, fds_nonblock) \
	X(INT, stdio_socket) X(INT, exec_fd) X(INT, nss_fd) X(INT, boxes[0]) X(INT, boxes[1]) X(U64, watchdog_usec) \
	X(STRV, s.environment) X(STRV, s.environment_files) X(STRV, s.unset_environment) X(STRV, s.exec_search_path) \
	X(STR, s.user) X(STR, s.group) X(STR, s.pam_name) X(STR, s.selinux_context) X(STR, s.apparmor_profile) X(STR, s.smack_process_label) \
	X(STRV, s.supplementary_groups) X(FLAG, s.dynamic_user) X(FLAG, s.no_new_privileges) X(FLAG, s.set_login_environment) \
	X(U64, s.capability_bounding_set) X(U64, s.ambient_capabilities) X(INT, s.secure_bits) X(INT, s.umask) \
	X(STR, s.working_directory) X(STR, s.root_directory) X(STR, s.root_image) X(STR, s.tty_path) X(STR, s.utmp_id) \
	X(FLAG, s.working_directory_home) X(FLAG, s.working_directory_missing_ok) X(FLAG, s.root_directory_start_only) X(FLAG, s.mount_api_vfs) X(FLAG, s.mount_api_vfs_set) \
	X(STRV, s.directories[0].paths) X(INT, s.directories[0].mode) X(STRV, s.directories[1].paths) X(INT, s.directories[1].mode) \
	X(STRV, s.directories[2].paths) X(INT, s.directories[2].mode) X(STRV, s.directories[3].paths) X(INT, s.directories[3].mode) \
	X(STRV, s.directories[4].paths) X(INT, s.directories[4].mode) X(INT, s.runtime_directory_preserve) \
	X(INT, s.std_input) X(INT, s.std_output) X(INT, s.std_error) \
	X(STR, s.stdio_fdname[0]) X(STR, s.stdio_fdname[1]) X(STR, s.stdio_fdname[2]) \
	X(STR, s.stdio_file[0]) X(STR, s.stdio_file[1]) X(STR, s.stdio_file[2]) X(DATA, s.stdin_data) \
	X(FLAG, s.tty_reset) X(FLAG, s.tty_vhangup) X(FLAG, s.tty_vt_disallocate) X(STR, s.syslog_identifier) \
	X(INT, s.syslog_facility) X(INT, s.syslog_level) X(INT, s.log_level_max) X(FLAG, s.syslog_level_prefix) X(FLAG, s.ignore_sigpipe) \
	X(RLIMIT, s.limits[0]) X(RLIMIT, s.limits[1]) X(RLIMIT, s.limits[2]) X(RLIMIT, s.limits[3]) X(RLIMIT, s.limits[4]) \
	X(RLIMIT, s.limits[5]) X(RLIMIT, s.limits[6]) X(RLIMIT, s.limits[7]) X(RLIMIT, s.limits[8]) X(RLIMIT, s.limits[9]) \
	X(RLIMIT, s.limits[10]) X(RLIMIT, s.limits[11]) X(RLIMIT, s.limits[12]) X(RLIMIT, s.limits[13]) X(RLIMIT, s.limits[14]) \
	X(RLIMIT, s.limits[15]) \
	X(INT, s.nice) X(INT, s.io_class) X(INT, s.io_priority) X(INT, s.cpu_policy) X(INT, s.cpu_priority) X(INT, s.oom_score_adjust) \
	X(FLAG, s.cpu_reset_on_fork) X(CPUS, s.cpu_affinity) X(U64, s.timer_slack_nsec) X(U64, s.personality) X(U64, s.mount_flags) \
	X(FLAG, s.mount_flags_set) X(FLAG, s.private_tmp) X(FLAG, s.private_devices) X(FLAG, s.private_network) X(FLAG, s.private_ipc) \
	X(FLAG, s.private_users) X(FLAG, s.private_mounts) X(FLAG, s.protect_kernel_tunables) X(FLAG, s.protect_kernel_modules) \
	X(FLAG, s.protect_kernel_logs) X(FLAG, s.protect_control_groups) X(FLAG, s.protect_clock) X(FLAG, s.protect_hostname) \
	X(FLAG, s.restrict_realtime) X(FLAG, s.restrict_suid_sgid) X(FLAG, s.lock_personality) X(FLAG, s.memory_deny_write_execute) \
	X(FLAG, s.remove_ipc) X(INT, s.protect_home) X(INT, s.protect_system) X(INT, s.protect_proc) X(FLAG, s.proc_subset_pid) \
	X(STR, s.network_namespace_path) X(STR, s.ipc_namespace_path) X(STRV, s.read_write_paths) X(STRV, s.read_only_paths) \
	X(STRV, s.inaccessible_paths) X(STRV, s.exec_paths) X(STRV, s.no_exec_paths) X(STRV, s.bind_paths) X(STRV, s.bind_read_only_paths) \
	X(STRV, s.temporary_file_systems) X(U64, s.restrict_namespaces) X(STRV, s.system_call_filter) X(FLAG, s.system_call_filter_allow_list) \
	X(STRV, s.system_call_log) X(FLAG, s.system_call_log_allow_list) X(INT, s.system_call_error_number) \
	X(STRV, s.system_call_architectures) X(STRV, s.restrict_address_families) X(FLAG, s.restrict_address_families_allow_list) \
	X(FLAG, s.restrict_address_families_set) X(STRV, s.load_credentials) X(STRV, s.set_credentials) X(STR, s.keyring_mode)
/* clang-format on */

#define SPEC_SIZE_STR    sizeof(char *)
#define SPEC_SIZE_STRV   sizeof(char **)
#define SPEC_SIZE_FLAG   sizeof(bool)
#define SPEC_SIZE_INT    sizeof(int)
#define SPEC_SIZE_U64    sizeof(uint64_t)
#define SPEC_SIZE_DATA   sizeof(char *)
#define SPEC_SIZE_RLIMIT sizeof(struct rlimit *)
#define SPEC_SIZE_CPUS   sizeof(cpu_set_t *)
#define SPEC_SIZE_FDS    sizeof(int *)

#define X(kind, field)                                                                             \
	static_assert(sizeof(((struct exec_spec *) NULL)->field) == SPEC_SIZE_##kind, #field);
SPEC_FIELDS(X)
#undef X
static_assert(EXEC_RLIMITS_MAX == 16 && EXEC_DIRECTORY_MAX == 5 && EXEC_BOX_MAX == 2,
              "rows of the table");

static const struct spec_field {
	const char *name;
	enum spec_kind kind;
	unsigned short offset, name_size;
} spec_fields[] = {
#define X(kind, field) {#field, SPEC_##kind, offsetof(struct exec_spec, field), sizeof(#field) - 1},
	SPEC_FIELDS(X)
#undef X
};

/* What is not zero when it is not set. */
static const struct exec_spec spec_default = {
	.stdio_socket = -EBADF,
	.exec_fd = -EBADF,
	.nss_fd = -EBADF,
	.boxes = {-EBADF, -EBADF},
	.s =
		{
			.capability_bounding_set = UINT64_MAX,
			.umask = 0022,
			.syslog_facility = LOG_DAEMON,
			.syslog_level = LOG_INFO,
			.log_level_max = -1,
			.syslog_level_prefix = true,
			.ignore_sigpipe = true,
			.nice = INT_MIN,
			.io_class = -1,
			.io_priority = -1,
			.oom_score_adjust = INT_MIN,
			.timer_slack_nsec = -1,
			.personality = ULONG_MAX,
			.restrict_namespaces = UINT64_MAX,
			.std_output = EXEC_OUTPUT_JOURNAL,
			.directories = {[0 ... EXEC_DIRECTORY_MAX - 1] = {.mode = 0755}},
		},
};

void exec_spec_init(struct exec_spec *p)
{
	*p = spec_default;
}

/* ---- plain or not ---- */

/* What direct.c takes into account, or what is without effect on the process. All else makes it need core-exec, and so does
 * every row that is added. */
static const char *const plain_fields[] = {
	"unit",
	"path",
	"invocation_id",
	"argv",
	"env",
	"pass_env",
	"command_flags",
	"flags",
	"fds_nonblock",
	"s.environment",
	"s.unset_environment",
	"s.umask",
	"s.std_output",
	"s.std_error",
	"s.syslog_identifier",
	"s.syslog_facility",
	"s.syslog_level",
	"s.log_level_max",
	"s.syslog_level_prefix",
	"s.ignore_sigpipe",
	"s.keyring_mode",
};

static bool field_is_default(const struct exec_spec *p, const struct spec_field *f)
{
	const char *value = (const char *) p + f->offset,
		   *standard = (const char *) &spec_default + f->offset;

	switch (f->kind) {
	case SPEC_STR:
		return !*(char *const *) (const void *) value;
	case SPEC_STRV:
		return strv_length(*(char **const *) (const void *) value) == 0;
	case SPEC_FLAG:
		return *(const bool *) value == *(const bool *) standard;
	case SPEC_INT:
		return memcmp(value, standard, sizeof(int)) == 0;
	case SPEC_U64:
		return memcmp(value, standard, sizeof(uint64_t)) == 0;
	case SPEC_DATA:
		return !p->s.stdin_data;
	case SPEC_RLIMIT:
		return true;
	case SPEC_CPUS:
		return !p->s.cpu_affinity;
	case SPEC_FDS:
		return p->n_fds == 0;
	}
	return false;
}

bool exec_spec_is_plain(const struct exec_spec *p)
{
	for (size_t i = 0; i < ELEMENTSOF(spec_fields); i++) {
		bool known = field_is_default(p, &spec_fields[i]);

		for (size_t k = 0; !known && k < ELEMENTSOF(plain_fields); k++)
			known = streq(plain_fields[k], spec_fields[i].name);
		if (!known)
			return false;
	}
	return true;
}

/* ---- writing ---- */

static void record_put(struct strbuf *b, const struct spec_field *f, const void *value, size_t size)
{
	uint32_t n = (uint32_t) (f->name_size + 1 + size);

	if (size > EXEC_SPEC_SIZE_MAX) {
		b->error = -E2BIG;
		return;
	}
	strbuf_add(b, &n, sizeof(n));
	strbuf_add(b, f->name, f->name_size);
	strbuf_add(b, "=", 1);
	strbuf_add(b, value, size);
	strbuf_add(b, "", 1);
}

static void number_put(struct strbuf *b, const struct spec_field *f, const char *format, ...)
	_printf_(3, 4);
static void number_put(struct strbuf *b, const struct spec_field *f, const char *format, ...)
{
	char text[64];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	record_put(b, f, text, n > 0 ? (size_t) n : 0);
}

static void field_write(struct strbuf *b, const struct exec_spec *p, const struct spec_field *f)
{
	const void *value = (const char *) p + f->offset,
		   *standard = (const char *) &spec_default + f->offset;

	switch (f->kind) {
	case SPEC_STR:
		if (*(char *const *) value)
			record_put(b, f, *(char *const *) value, strlen(*(char *const *) value));
		break;
	case SPEC_STRV:
		STRV_FOREACH (s, *(char **const *) value)
			record_put(b, f, *s, strlen(*s));
		break;
	case SPEC_FLAG:
		if (*(const bool *) value != *(const bool *) standard)
			record_put(b, f, *(const bool *) value ? "1" : "0", 1);
		break;
	case SPEC_INT:
		if (*(const int *) value != *(const int *) standard)
			number_put(b, f, "%d", *(const int *) value);
		break;
	case SPEC_U64:
		if (*(const uint64_t *) value != *(const uint64_t *) standard)
			number_put(b, f, "%llu", (unsigned long long) *(const uint64_t *) value);
		break;
	case SPEC_DATA:
		if (p->s.stdin_data)
			record_put(b, f, p->s.stdin_data, p->s.stdin_data_size);
		break;
	case SPEC_RLIMIT: {
		const struct rlimit *l = *(struct rlimit *const *) value;

		if (l)
			number_put(b, f, "%llu %llu", (unsigned long long) l->rlim_cur,
			           (unsigned long long) l->rlim_max);
		break;
	}
	case SPEC_CPUS:
		if (p->s.cpu_affinity)
			record_put(b, f, p->s.cpu_affinity, sizeof(cpu_set_t));
		break;
	case SPEC_FDS:
		for (size_t i = 0; i < p->n_fds; i++)
			number_put(b, f, "%d", p->fds[i]);
		break;
	}
}

int exec_spec_write(const struct exec_spec *p, struct strbuf *b)
{
	for (size_t i = 0; i < ELEMENTSOF(spec_fields); i++)
		field_write(b, p, &spec_fields[i]);
	if (b->error < 0)
		return b->error;
	return b->size > EXEC_SPEC_SIZE_MAX ? -E2BIG : 0;
}

/* ---- reading ---- */

static int list_add(char ***list, char *value)
{
	size_t n = strv_length(*list);

	/* Grows when n is a power of two: 4, 8, 16... */
	if (!*list || (n >= 3 && ((n + 1) & n) == 0)) {
		char **bigger = realloc(*list, ((n + 1) * 2 + 4) * sizeof(char *));

		if (!bigger)
			return -ENOMEM;
		*list = bigger;
	}
	(*list)[n] = value;
	(*list)[n + 1] = NULL;
	return 0;
}

static int limit_read(char *value, struct rlimit **ret)
{
	char *blank = strchr(value, ' ');
	uint64_t cur, max;

	if (!blank)
		return -EBADMSG;
	*blank = 0;
	if (str_to_u64(value, 10, &cur) < 0 || str_to_u64(blank + 1, 10, &max) < 0)
		return -EBADMSG;
	if (!*ret)
		*ret = malloc(sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	**ret = (struct rlimit){.rlim_cur = cur, .rlim_max = max};
	return 0;
}

static int fd_read(struct exec_spec *p, const char *value)
{
	int *bigger, fd;

	if (p->n_fds >= EXEC_FDS_MAX || str_to_i32(value, &fd) < 0 || fd < 0)
		return -EBADMSG;
	bigger = realloc(p->fds, (p->n_fds + 1) * sizeof(int));
	if (!bigger)
		return -ENOMEM;
	p->fds = bigger;
	p->fds[p->n_fds++] = fd;
	return 0;
}

static int field_read(struct exec_spec *p, const struct spec_field *f, char *value, size_t size)
{
	void *field = (char *) p + f->offset;

	switch (f->kind) {
	case SPEC_STR:
		*(char **) field = value;
		return 0;
	case SPEC_STRV:
		return list_add(field, value);
	case SPEC_FLAG:
		*(bool *) field = *value == '1';
		return 0;
	case SPEC_INT:
		return str_to_i32(value, field) < 0 ? -EBADMSG : 0;
	case SPEC_U64:
		return str_to_u64(value, 10, field) < 0 ? -EBADMSG : 0;
	case SPEC_DATA:
		p->s.stdin_data = value;
		p->s.stdin_data_size = size;
		return 0;
	case SPEC_RLIMIT:
		return limit_read(value, field);
	case SPEC_CPUS:
		if (size != sizeof(cpu_set_t))
			return -EBADMSG;
		/* The buffer gives no alignment. */
		if (!p->s.cpu_affinity)
			p->s.cpu_affinity = malloc(size);
		if (!p->s.cpu_affinity)
			return -ENOMEM;
		memcpy(p->s.cpu_affinity, value, size);
		return 0;
	case SPEC_FDS:
		return fd_read(p, value);
	}
	return -EBADMSG;
}

int exec_spec_read(char *data, size_t size, struct exec_spec *p)
{
	size_t at = 0, next = 0;

	exec_spec_init(p);
	while (at < size) {
		const struct spec_field *f = NULL;
		char *name, *equals;
		uint32_t n;
		int r;

		if (size - at < sizeof(n) + 1)
			return -EBADMSG;
		memcpy(&n, data + at, sizeof(n));
		at += sizeof(n);
		if (n >= size - at || data[at + n] != 0)
			return -EBADMSG;
		name = data + at;
		equals = memchr(name, '=', n);
		if (!equals)
			return -EBADMSG;
		/* Records come in the order of the table, so the search goes on where it was. */
		for (size_t i = 0; i < ELEMENTSOF(spec_fields); i++) {
			const struct spec_field *g =
				&spec_fields[(next + i) % ELEMENTSOF(spec_fields)];

			if (g->name_size == (size_t) (equals - name) &&
			    memcmp(g->name, name, g->name_size) == 0) {
				f = g;
				next = (size_t) (g - spec_fields);
				break;
			}
		}
		r = f ? field_read(p, f, equals + 1, n - f->name_size - 1) : 0;
		if (r < 0)
			return r;
		at += n + 1;
	}
	return 0;
}

void exec_spec_done(struct exec_spec *p)
{
	for (size_t i = 0; i < ELEMENTSOF(spec_fields); i++) {
		void *field = (char *) p + spec_fields[i].offset;

		switch (spec_fields[i].kind) {
		case SPEC_STRV:
		case SPEC_RLIMIT:
		case SPEC_CPUS:
		case SPEC_FDS:
			free(*(void **) field);
			break;
		default:
			break;
		}
	}
	exec_spec_init(p);
}
