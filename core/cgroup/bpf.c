// SPDX-License-Identifier: Apache-2.0
#include "cgroup/filter.h"

#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAMS_MAX 64 /* of one cgroup and kind; the kernel's own limit */

static int bpf(enum bpf_cmd command, union bpf_attr *a)
{
	long r = syscall(SYS_bpf, command, a, sizeof(*a));

	return r < 0 ? -errno : (int) r;
}

void filter_add(struct filter *f, uint8_t code, uint8_t dst, uint8_t src, int16_t offset,
                int32_t value)
{
	if (f->n >= FILTER_INSTRUCTIONS_MAX) {
		f->full = true;
		return;
	}
	f->code[f->n++] = (struct bpf_insn){.code = code,
	                                    .dst_reg = dst & 15,
	                                    .src_reg = src & 15,
	                                    .off = offset,
	                                    .imm = value};
}

void filter_return(struct filter *f, int value)
{
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	filter_add(f, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int program_load(const struct filter_kind *k, const struct filter *f)
{
	union bpf_attr a = {
		.prog_type = k->type,
		.insns = (uint64_t) (uintptr_t) f->code,
		.insn_cnt = (uint32_t) f->n,
		.license = (uint64_t) (uintptr_t) "",
		.expected_attach_type = k->attach,
	};

	if (f->full)
		return -E2BIG;
	strncpy(a.prog_name, k->name, sizeof(a.prog_name) - 1);
	return bpf(BPF_PROG_LOAD, &a);
}

/* The fd of our program on the cgroup, -ENOENT. */
static int program_find(int cgroup_fd, const struct filter_kind *k)
{
	uint32_t ids[PROGRAMS_MAX];
	union bpf_attr a = {.query = {.target_fd = (uint32_t) cgroup_fd,
	                              .attach_type = k->attach,
	                              .prog_ids = (uint64_t) (uintptr_t) ids,
	                              .prog_cnt = PROGRAMS_MAX}};
	uint32_t n;
	int r = bpf(BPF_PROG_QUERY, &a);

	if (r < 0)
		return r;
	n = MIN(a.query.prog_cnt, (uint32_t) PROGRAMS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		union bpf_attr by_id = {.prog_id = ids[i]}, about = {0};
		struct bpf_prog_info info = {0};
		int fd = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);

		if (fd < 0)
			continue; /* taken away meanwhile */
		about.info.bpf_fd = (uint32_t) fd;
		about.info.info_len = sizeof(info);
		about.info.info = (uint64_t) (uintptr_t) &info;
		if (bpf(BPF_OBJ_GET_INFO_BY_FD, &about) >= 0 &&
		    strncmp(info.name, k->name, sizeof(info.name)) == 0)
			return fd;
		fd_close(fd);
	}
	return -ENOENT;
}

static int program_detach(int cgroup_fd, const struct filter_kind *k, int program)
{
	union bpf_attr a = {.target_fd = (uint32_t) cgroup_fd,
	                    .attach_bpf_fd = (uint32_t) program,
	                    .attach_type = k->attach};

	return bpf(BPF_PROG_DETACH, &a);
}

int filter_attach(const char *cgroup, const struct filter_kind *k, const struct filter *f,
                  bool fresh)
{
	auto_fd int dir = -EBADF, old = -EBADF, program = -EBADF;
	union bpf_attr a = {0};

	/* Not O_PATH: the kernel wants to read it. */
	auto_free char *path = cgroupfs_path(cgroup, NULL);
	if (!path)
		return -ENOMEM;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (!fresh)
		old = program_find(dir, k);
	if (!f)
		return old < 0 ? 0 : program_detach(dir, k, old);
	program = program_load(k, f);
	if (program < 0)
		return program;
	a.target_fd = (uint32_t) dir;
	a.attach_bpf_fd = (uint32_t) program;
	a.attach_type = k->attach;
	a.attach_flags = BPF_F_ALLOW_MULTI;
	/* In one step, so that there is no moment without. */
	if (old >= 0) {
		a.attach_flags |= BPF_F_REPLACE;
		a.replace_bpf_fd = (uint32_t) old;
	}
	return bpf(BPF_PROG_ATTACH, &a);
}

/* ---- what a unit has ---- */

static const struct filter_kind kinds[] = {
	{BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, "sm_devices"},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, "sm_ip_ingress"},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, "sm_ip_egress"},
};
enum { FILTER_DEVICES, FILTER_INGRESS, FILTER_EGRESS };

#define SLICES_MAX 32

/* The unit's own lists and those of its slices: one program of the unit decides by all of them. */
static int write_ip(const struct unit *u, const struct cgroup_settings *s, bool egress,
                    struct filter *f)
{
	char **allow[SLICES_MAX + 2] = {NULL}, **deny[SLICES_MAX + 2] = {NULL};
	size_t n_allow = 0, n_deny = 0;

	for (size_t i = 0; i <= SLICES_MAX && u; i++) {
		if (s && strv_length(s->ip_address_allow) > 0)
			allow[n_allow++] = s->ip_address_allow;
		if (s && strv_length(s->ip_address_deny) > 0)
			deny[n_deny++] = s->ip_address_deny;
		u = unit_slice(u);
		s = u && u->file ? u->file->cgroup : NULL;
	}
	return ip_filter_write((char **const *) allow, (char **const *) deny, egress, f);
}

void cgroup_filters_apply(struct unit *u, const struct cgroup_settings *s, bool fresh)
{
	static bool said;
	static struct filter f;

	/* A slice's lists are part of its units' programs. */
	if (!s || u->ops->type == UNIT_SLICE)
		return;
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		int r;

		f.n = 0;
		f.full = false;
		r = i == FILTER_DEVICES ? device_filter_write(s, &f)
		                        : write_ip(u, s, i == FILTER_EGRESS, &f);
		/* Without a filter there is nothing to do on a new cgroup, and that is nearly every one. */
		if (r == 0 && fresh)
			continue;
		if (r >= 0)
			r = filter_attach(u->cgroup, &kinds[i], r > 0 ? &f : NULL, fresh);
		if (r >= 0 || (said && r != -E2BIG))
			continue;
		said = true;
		log_unit_errno(LOG_WARNING, u->id, r,
		               "Cannot filter %s by a program, going on without: %m",
		               i == FILTER_DEVICES ? "devices" : "addresses");
	}
}
