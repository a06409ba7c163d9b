// SPDX-License-Identifier: Apache-2.0
/*
 * spec.h - what core tells core-exec about one process: struct exec_spec, through a memfd. One
 * table (spec.c) writes it in core and reads it in core-exec. Only what differs from the default is
 * written, so a plain service takes a few hundred bytes.
 *
 * Format: a sequence of records, each a 32-bit size in host order, then that many bytes
 * "name=value", then a NUL. Numbers are decimal; a list repeats its name. Both ends are of one
 * build (core opens core-exec once, at start), yet an unknown name is skipped and sizes are
 * checked.
 */
#pragma once

#include "exec/exec.h"

#define EXEC_SPEC_SIZE_MAX (8U * 1024 * 1024)
#define EXEC_FDS_MAX       1024

/* How core has started it; beside enum exec_flags. */
enum exec_spec_flags {
	EXEC_SPEC_ATTACH = 1,   /* clone3 could not: write yourself into the cgroup */
	EXEC_SPEC_DELEGATE = 2, /* the cgroup becomes the user's */
};

struct exec_spec {
	struct exec_settings s;
	char *unit, *path, *invocation_id, *cgroup /* file system path */, *group /* exec.h */;
	char **argv, **env /* manager's and unit's, merged */, **pass_env /* assignments */,
		**fd_names;
	int *fds;
	size_t n_fds;
	unsigned n_socket_fds, command_flags, flags, spec_flags;
	bool fds_nonblock;
	int stdio_socket, exec_fd, nss_fd,
		boxes[EXEC_BOX_MAX]; /* numbers in core, and so in the child */
	uint64_t watchdog_usec;
};

/* All defaults: nothing set. */
void exec_spec_init(struct exec_spec *p);
/* Nothing is set but what a start without core-exec sees to (direct.h). */
bool exec_spec_is_plain(const struct exec_spec *p);
int exec_spec_write(const struct exec_spec *p, struct strbuf *b);
/**
 * exec_spec_read - the reverse
 * @data: changed, and must live as long as @p: strings point into it
 *
 * Returns 0, -EBADMSG or -ENOMEM; exec_spec_done() in any case, unless the process is about to
 * become another program.
 */
int exec_spec_read(char *data, size_t size, struct exec_spec *p);
void exec_spec_done(struct exec_spec *p); /* what exec_spec_read() allocated */
