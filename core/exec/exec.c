// SPDX-License-Identifier: Apache-2.0
#include "exec/exec-internal.h"

#include "exec/clone.h"
#include "exec/direct.h"
#include "exec/spec.h"

#include "cgroup/cgroup.h"

#include <endian.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* What a service may open unless it says otherwise: core's own limit is no example. */
#define NOFILE_SOFT 1024
#define NOFILE_HARD 524288

static struct exec_manager *exec_data(const struct manager *m)
{
	return m->exec_data;
}

static int open_program(const char *directory, const char *name)
{
	auto_free char *path = path_join(directory, name);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int exec_setup(struct manager *m, const char *directory)
{
	struct exec_manager *x = calloc(1, sizeof(*x));
	auto_free char *score = NULL;
	struct id128 boot;
	int r;

	if (!x)
		return -ENOMEM;
	x->nss_fd = -EBADF;
	x->program_fd = open_program(directory, EXEC_PROGRAM);
	m->exec_data = x;
	if (x->program_fd < 0) {
		r = x->program_fd;
		exec_shutdown(m);
		return r;
	}
	x->nss_fd = open_program(directory, EXEC_PROGRAM_NSS);
	if (x->nss_fd < 0)
		log_notice("No \"%s\": users are looked up in /etc/passwd only", EXEC_PROGRAM_NSS);
	if (id128_boot(&boot) >= 0)
		id128_format(&boot, x->boot_id);
	if (file_read_line("/proc/self/oom_score_adj", &score) >= 0)
		(void) str_to_i32(score, &x->own_oom_score);
	r = exec_locale_read(&x->locale);
	if (r == -ENOMEM) {
		exec_shutdown(m);
		return r;
	}
	return 0;
}

void exec_shutdown(struct manager *m)
{
	struct exec_manager *x = exec_data(m);

	if (!x)
		return;
	fd_close(x->program_fd);
	fd_close(x->nss_fd);
	strv_free(x->locale);
	free(x);
	m->exec_data = NULL;
}

/* All that one spawn needs, from the request to the clone. */
struct launch {
	struct exec_spec spec;
	char invocation_id[ID128_TEXT_MAX];
	char *cgroup;
	char **env, **pass_env;
	int *keep; /* fds that lose close-on-exec in the child */
	size_t n_keep;
	int cgroup_fd;
	struct rlimit nofile;
};

static void launch_done(struct launch *l)
{
	free(l->cgroup);
	strv_free(l->env);
	strv_free(l->pass_env);
	free(l->keep);
	fd_close(l->cgroup_fd);
}
#define auto_launch __attribute__((cleanup(launch_done)))

static bool needs_users(const struct exec_settings *s)
{
	return s->user || s->group || s->dynamic_user || strv_length(s->supplementary_groups) > 0 ||
	       s->pam_name;
}

static void add_keep(struct launch *l, int fd)
{
	if (fd >= 0)
		l->keep[l->n_keep++] = fd;
}

static void fill_settings(struct launch *l, const struct exec_manager *x,
                          const struct exec_settings *s)
{
	struct exec_spec *p = &l->spec;

	if (s)
		p->s = *s;
	if (p->s.oom_score_adjust == INT_MIN && x->own_oom_score != 0)
		p->s.oom_score_adjust = 0;
	if (!p->s.limits[RLIMIT_NOFILE]) {
		struct rlimit own;

		l->nofile = (struct rlimit){.rlim_cur = NOFILE_SOFT, .rlim_max = NOFILE_HARD};
		if (getrlimit(RLIMIT_NOFILE, &own) >= 0)
			l->nofile.rlim_max = MIN(own.rlim_max, (rlim_t) NOFILE_HARD);
		p->s.limits[RLIMIT_NOFILE] = &l->nofile;
	}
}

static void fill_request(struct launch *l, const struct exec_request *q)
{
	struct exec_spec *p = &l->spec;

	p->unit = q->unit->id;
	p->path = q->command->path;
	p->argv = q->command->argv;
	p->command_flags = q->command->flags;
	p->flags = q->flags;
	/* Infinite: there is none, and the program is not to be told of any. */
	p->watchdog_usec = q->flags & EXEC_SET_WATCHDOG && q->watchdog_usec != USEC_INFINITY
	                           ? q->watchdog_usec
	                           : 0;
	p->exec_fd = q->exec_fd;
	if (p->s.private_tmp)
		p->group = q->unit->namespace_group;
	if (q->boxes && q->flags & EXEC_APPLY_SANDBOX)
		memcpy(p->boxes, q->boxes, sizeof(p->boxes));
	p->stdio_socket = q->stdio_socket;
	if (q->flags & EXEC_PASS_FDS) {
		p->fds = (int *) q->fds;
		p->n_fds = q->n_socket_fds + q->n_stored_fds;
		p->n_socket_fds = (unsigned) q->n_socket_fds;
		p->fd_names = (char **) q->fd_names;
		p->fds_nonblock = q->fds_nonblock;
	}
	if (!id128_is_null(&q->unit->invocation_id))
		p->invocation_id = (char *) id128_format(&q->unit->invocation_id, l->invocation_id);
}

static int fill_cgroup(struct launch *l, const struct exec_request *q)
{
	struct unit *u = q->unit;
	int fd;

	if (u->manager->no_cgroup)
		return 0;
	fd = cgroup_open(u, q->flags & EXEC_KEEP_CGROUP_CONTROL);
	if (fd == -ENODEV)
		return 0;
	if (fd < 0)
		return fd;
	l->cgroup_fd = fd;
	if (q->cgroup && q->cgroup->delegate) {
		l->spec.spec_flags |= EXEC_SPEC_DELEGATE;
		l->cgroup = cgroupfs_path(u->cgroup, NULL);
		l->spec.cgroup = l->cgroup;
	}
	return 0;
}

static int launch_prepare(struct launch *l, const struct exec_request *q,
                          const struct exec_manager *x)
{
	struct exec_spec *p = &l->spec;
	int r;

	exec_spec_init(p);
	fill_settings(l, x, q->settings);
	fill_request(l, q);
	if (p->n_fds > EXEC_FDS_MAX)
		return -E2BIG;
	r = fill_cgroup(l, q);
	if (r >= 0)
		r = exec_environment(q->unit->manager, q->unit, q->environment, &l->env);
	if (r >= 0)
		r = exec_pass_environment(p->s.pass_environment, &l->pass_env);
	if (r < 0)
		return r;
	p->env = l->env;
	p->pass_env = l->pass_env;
	if (needs_users(&p->s))
		p->nss_fd = x->nss_fd;
	l->keep = calloc(p->n_fds + EXEC_BOX_MAX + 5, sizeof(int));
	if (!l->keep)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_fds; i++)
		add_keep(l, p->fds[i]);
	add_keep(l, p->stdio_socket);
	add_keep(l, p->exec_fd);
	add_keep(l, p->nss_fd);
	for (int i = 0; i < EXEC_BOX_MAX; i++)
		add_keep(l, p->boxes[i]);
	return 0;
}

/* Without clone3: the memfd is made here, and core waits for the execve. */
static pid_t launch_start_waiting(struct launch *l, const struct strbuf *b,
                                  const struct exec_manager *x, int *ret_pidfd, bool *ret_attached)
{
	char number[16], *argv[] = {(char *) EXEC_PROGRAM, number, NULL}, *environment[] = {NULL};
	struct spawn_request q = {
		.program_fd = x->program_fd,
		.argv = argv,
		.environment = environment,
		.cgroup_fd = l->cgroup_fd,
		.keep = l->keep,
		.flags = SPAWN_SIBLING,
	};
	auto_fd int memfd = memfd_create("exec", MFD_CLOEXEC);
	pid_t pid;

	if (memfd < 0)
		return -errno;
	/* One write, no seek: core-exec reads from offset 0. */
	if (pwrite(memfd, b->data, b->size, 0) != (ssize_t) b->size)
		return errno == ENOSPC ? -ENOMEM : -EIO;
	(void) snprintf(number, sizeof(number), "%d", memfd);
	add_keep(l, memfd);
	q.n_keep = l->n_keep;
	pid = spawn(&q, ret_pidfd, ret_attached);
	if (pid == -EINVAL) {
		/* CLONE_PARENT is refused to the first process of a PID name space: then there is
		 * no init beside us. */
		q.flags = 0;
		pid = spawn(&q, ret_pidfd, ret_attached);
	}
	return pid;
}

static pid_t launch_start(struct launch *l, const struct exec_manager *x, int *ret_pidfd,
                          bool *ret_attached)
{
	auto_strbuf struct strbuf b = {.max = EXEC_SPEC_SIZE_MAX};
	struct direct *direct = NULL;
	pid_t pid;
	int r;

	r = exec_spec_write(&l->spec, &b);
	if (r < 0)
		return r;
	r = direct_prepare(&l->spec, &direct);
	if (r < 0)
		return r;
	struct detached_request q = {
		.program_fd = x->program_fd,
		.direct_take = direct,
		.name = EXEC_PROGRAM,
		.cgroup_fd = l->cgroup_fd,
		.keep_take = l->keep,
		.n_keep = l->n_keep,
		.spec_take = b.data,
		.spec_size = b.size,
	};
	pid = spawn_detached(&q, ret_pidfd);
	if (pid == 0) {
		direct_free(direct);
		return launch_start_waiting(l, &b, x, ret_pidfd, ret_attached);
	}
	/* Taken, also on failure. */
	l->keep = NULL;
	b = (struct strbuf){.max = EXEC_SPEC_SIZE_MAX};
	*ret_attached = true;
	return pid;
}

/* Old kernels cannot start a process in a cgroup: then core-exec moves itself, as its first step.
 */
static int attach_itself(struct launch *l, const struct unit *u)
{
	if (l->cgroup_fd < 0 || !u->cgroup)
		return 0;
	free(l->cgroup);
	l->cgroup = cgroupfs_path(u->cgroup, NULL);
	if (!l->cgroup)
		return -ENOMEM;
	l->spec.cgroup = l->cgroup;
	l->spec.spec_flags |= EXEC_SPEC_ATTACH;
	return 0;
}

/* LogLevelMax= is the journal's to apply, and it asks here. */
static void export_log_level(const struct launch *l, const struct unit *u)
{
	auto_free char *path = NULL;
	char number[16];

	if (l->spec.s.log_level_max < 0)
		return;
	path = str_printf(EXEC_UNITS_DIR "/log-level-max:%s", u->id);
	(void) snprintf(number, sizeof(number), "%d", l->spec.s.log_level_max);
	if (path && mkdir_p(EXEC_UNITS_DIR, 0755) >= 0)
		(void) symlink_atomic(number, path);
}

/* LogExtraFields= are the journal's to add: fields one behind the other, each a size of 64 bits, little endian, and so many bytes "NAME=value". */
static void export_log_fields(const struct launch *l, const struct unit *u)
{
	auto_strbuf struct strbuf b = {.max = EXEC_SPEC_SIZE_MAX};
	auto_free char *path = NULL;

	if (strv_length(l->spec.s.log_extra_fields) == 0)
		return;
	STRV_FOREACH (field, l->spec.s.log_extra_fields) {
		uint64_t size = htole64(strlen(*field));

		strbuf_add(&b, &size, sizeof(size));
		strbuf_add(&b, *field, strlen(*field));
	}
	path = str_printf(EXEC_UNITS_DIR "/log-extra-fields:%s", u->id);
	if (path && b.error >= 0 && mkdir_p(EXEC_UNITS_DIR, 0755) >= 0)
		(void) file_write_atomic(path, b.data, b.size, 0644, false);
}

int exec_spawn(struct manager *m, const struct exec_request *q, struct diag *d, struct pidref *ret)
{
	auto_launch struct launch l = {.cgroup_fd = -EBADF};
	struct exec_manager *x = exec_data(m);
	static bool kernel_attaches = true;
	int r, pidfd = -EBADF;
	bool attached;
	uint64_t start = 0;
	pid_t pid;

	if (!x)
		return diag_add(d, -ENOENT, DIAG_ERROR, q->command->path, 0,
		                "No %s to start it with", EXEC_PROGRAM);
	r = launch_prepare(&l, q, x);
	if (r >= 0 && !kernel_attaches)
		r = attach_itself(&l, q->unit);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, q->command->path, 0,
		                "Cannot prepare the process: %s", strerror(-r));
	if (q->flags & EXEC_NEW_DIRECTORIES) {
		export_log_level(&l, q->unit);
		export_log_fields(&l, q->unit);
	}
	pid = launch_start(&l, x, &pidfd, &attached);
	if (pid > 0 && !attached) {
		/* The first time we learn it too late; core-exec is at most setting itself up. */
		kernel_attaches = false;
		(void) cgroupfs_attach(q->unit->cgroup, pid);
	}
	if (pid < 0)
		return diag_add(d, pid, DIAG_ERROR, q->command->path, 0,
		                "Cannot start a process: %s", strerror(-pid));
	/* If it is gone already its start time is in init's report, and 0 here: the pidfd still
	 * names it. */
	(void) pid_start_time(pid, &start);
	*ret = (struct pidref){.pid = pid, .pidfd = pidfd, .start_time = start};
	return 0;
}

void exec_settle(bool idle)
{
	if (idle)
		spawn_trim();
	else
		spawn_settle();
}

int exec_spawn_plain(struct manager *m, char *const *argv, char *const *environment, int stdout_fd,
                     struct pidref *ret)
{
	auto_strv char **standard = NULL;
	auto_fd int null = -EBADF;
	struct spawn_request q = {.program_fd = -EBADF,
	                          .path = argv[0],
	                          .argv = argv,
	                          .cgroup_fd = -EBADF,
	                          .clean = true};
	int stdio[3], r, pidfd = -EBADF;
	uint64_t start = 0;
	pid_t pid;

	if (!environment) {
		r = exec_environment(m, NULL, NULL, &standard);
		if (r < 0)
			return r;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	stdio[0] = null;
	stdio[1] = stdout_fd >= 0 ? stdout_fd : null;
	stdio[2] = stdout_fd >= 0 ? stdout_fd : null;
	q.stdio = stdio;
	q.environment = environment ?: standard;
	pid = spawn(&q, &pidfd, NULL);
	if (pid < 0)
		return pid;
	(void) pid_start_time(pid, &start);
	*ret = (struct pidref){.pid = pid, .pidfd = pidfd, .start_time = start};
	return 0;
}
