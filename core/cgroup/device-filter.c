// SPDX-License-Identifier: Apache-2.0
/* DevicePolicy=, DeviceAllow=: systemd.resource-control(5). */
#include "cgroup/filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Registers that the whole program keeps. */
#define REG_TYPE   BPF_REG_2
#define REG_ACCESS BPF_REG_3
#define REG_MAJOR  BPF_REG_4
#define REG_MINOR  BPF_REG_5
#define ANY        (-1)

/* What every program may count on, with "closed", or "auto" and a list. */
static const char *const standard[] = {
	"/dev/null rwm",    "/dev/zero rwm", "/dev/full rwm", "/dev/random rwm",
	"/dev/urandom rwm", "/dev/tty rwm",  "/dev/ptmx rwm", "char-pts rw",
};

static int access_bits(const char *letters)
{
	return (strchr(letters, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(letters, 'w') ? BPF_DEVCG_ACC_WRITE : 0) |
	       (strchr(letters, 'm') ? BPF_DEVCG_ACC_MKNOD : 0);
}

/* if (type, access, major and minor fit) return 1; each test that fails jumps behind the return. */
static void add_rule(struct filter *f, int type, int major_number, int minor_number, int access)
{
	bool all = access == (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD);
	int16_t rest = (int16_t) ((all ? 0 : 3) + (major_number == ANY ? 0 : 1) +
	                          (minor_number == ANY ? 0 : 1) + 2);

	filter_add(f, BPF_JMP | BPF_JNE | BPF_K, REG_TYPE, 0, rest, type);
	if (!all) {
		rest = (int16_t) (rest - 3);
		filter_add(f, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, REG_ACCESS, 0, 0);
		filter_add(f, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_1, 0, 0, access);
		filter_add(f, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, REG_ACCESS, rest, 0);
	}
	if (major_number != ANY)
		filter_add(f, BPF_JMP | BPF_JNE | BPF_K, REG_MAJOR, 0, --rest, major_number);
	if (minor_number != ANY)
		filter_add(f, BPF_JMP | BPF_JNE | BPF_K, REG_MINOR, 0, --rest, minor_number);
	filter_return(f, 1);
}

/* "char-PATTERN": majors by the names that drivers gave them, in /proc/devices. */
static int add_by_name(struct filter *f, int type, const char *pattern, int access)
{
	auto_free char *text = NULL;
	char *rest = NULL;
	int section = 0, r;

	if (streq(pattern, "*")) {
		add_rule(f, type, ANY, ANY, access);
		return 0;
	}
	r = file_read("/proc/devices", &text, NULL);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char name[64];
		unsigned number;

		if (streq(line, "Character devices:"))
			section = BPF_DEVCG_DEV_CHAR;
		else if (streq(line, "Block devices:"))
			section = BPF_DEVCG_DEV_BLOCK;
		else if (section == type && sscanf(line, "%u %63s", &number, name) == 2 &&
		         fnmatch(pattern, name, 0) == 0)
			add_rule(f, type, (int) number, ANY, access);
	}
	return 0;
}

/* A node that is not there cannot be used: no rule. "/dev/block/8:0" says it all by its name. */
static void add_by_node(struct filter *f, const char *path, int access)
{
	bool block = str_after(path, "/dev/block/");
	const char *numbers =
		block ? str_after(path, "/dev/block/") : str_after(path, "/dev/char/");
	unsigned major_number, minor_number;
	struct stat st;

	if (numbers && sscanf(numbers, "%u:%u", &major_number, &minor_number) == 2) {
		add_rule(f, block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, (int) major_number,
		         (int) minor_number, access);
		return;
	}
	if (stat(path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
		return;
	add_rule(f, S_ISBLK(st.st_mode) ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
	         (int) major(st.st_rdev), (int) minor(st.st_rdev), access);
}

/* "DEVICE PERMISSIONS" */
static int add_line(struct filter *f, const char *line)
{
	auto_free char *device = strdup(line);
	char *letters = device ? strchr(device, ' ') : NULL;
	const char *pattern;
	int access;

	if (!device)
		return -ENOMEM;
	if (letters)
		*letters++ = 0;
	access = access_bits(letters ?: "rwm");
	pattern = str_after(device, "char-");
	if (pattern)
		return add_by_name(f, BPF_DEVCG_DEV_CHAR, pattern, access);
	pattern = str_after(device, "block-");
	if (pattern)
		return add_by_name(f, BPF_DEVCG_DEV_BLOCK, pattern, access);
	add_by_node(f, device, access);
	return 0;
}

int device_filter_write(const struct cgroup_settings *s, struct filter *f)
{
	int r = 0;

	if (s->device_policy == DEVICE_POLICY_AUTO && strv_length(s->device_allow) == 0)
		return 0;
	filter_add(f, BPF_LDX | BPF_W | BPF_MEM, REG_TYPE, BPF_REG_1,
	           offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_X, REG_ACCESS, REG_TYPE, 0, 0);
	filter_add(f, BPF_ALU64 | BPF_AND | BPF_K, REG_TYPE, 0, 0, 0xffff);
	filter_add(f, BPF_ALU64 | BPF_RSH | BPF_K, REG_ACCESS, 0, 0, 16);
	filter_add(f, BPF_LDX | BPF_W | BPF_MEM, REG_MAJOR, BPF_REG_1,
	           offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	filter_add(f, BPF_LDX | BPF_W | BPF_MEM, REG_MINOR, BPF_REG_1,
	           offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	for (size_t i = 0;
	     i < ELEMENTSOF(standard) && s->device_policy != DEVICE_POLICY_STRICT && r >= 0; i++)
		r = add_line(f, standard[i]);
	STRV_FOREACH (line, s->device_allow)
		if (r >= 0)
			r = add_line(f, *line);
	filter_return(f, 0);
	return r < 0 ? r : 1;
}
