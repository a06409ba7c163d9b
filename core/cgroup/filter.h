// SPDX-License-Identifier: Apache-2.0
/*
 * filter.h - private to core/cgroup: what a unit's processes may reach, as small BPF programs on its cgroup: DevicePolicy= and DeviceAllow=
 * (device-filter.c), IPAddressAllow= and IPAddressDeny= (ip-filter.c). bpf.c loads and attaches; nothing of ours has to stay open for them.
 *
 * The programs belong to the cgroup: they outlive core, and end with it. So nothing is written down; a later core finds them by their names
 * when settings change. They are attached in the way that lets others, of a container's manager, stand beside them, all having to agree.
 */
#pragma once

#include "cgroup/internal.h"

#include <linux/bpf.h>

#define FILTER_INSTRUCTIONS_MAX 4000

/* A program that is being written. Adding past the end is remembered and makes filter_attach() refuse: none of its rules could be left out. */
struct filter {
	struct bpf_insn code[FILTER_INSTRUCTIONS_MAX];
	size_t n;
	bool full;
};
void filter_add(struct filter *f, uint8_t code, uint8_t dst, uint8_t src, int16_t offset,
                int32_t value);
/* return @value; */
void filter_return(struct filter *f, int value);

struct filter_kind {
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	const char *name; /* up to 15 characters; ours are found by it */
};
/**
 * filter_attach - puts a program on a cgroup, in place of an earlier one of the same name
 * @f: NULL: takes the earlier one away
 * @fresh: the cgroup was made just now, there is no earlier one
 *
 * Returns 0 or -errno: -EPERM, -ENOSYS, -EINVAL where the kernel or a container has no such programs, -E2BIG.
 */
int filter_attach(const char *cgroup, const struct filter_kind *k, const struct filter *f,
                  bool fresh);

/* Pure but for looks at /dev and /proc/devices. 1: @f is a filter; 0: nothing is restricted. */
int device_filter_write(const struct cgroup_settings *s, struct filter *f);
/* Pure. @allow and @deny are lists of lists, ended by NULL: the unit's and its slices'. 1 or 0 as above. */
int ip_filter_write(char **const *allow, char **const *deny, bool egress, struct filter *f);

/* All filters of a unit. Says once what cannot be had. */
void cgroup_filters_apply(struct unit *u, const struct cgroup_settings *s, bool fresh);
