// SPDX-License-Identifier: Apache-2.0
/* run.h - systemd-run: options (run.c), and the caller's terminal or pipes as the unit's standard input and output (run-io.c). */
#pragma once

#include "sctl/sctl.h"

#include <termios.h>

/* What carries bytes between the caller and the unit. */
struct run_io {
	struct loop *loop;
	struct stream {
		int from, to;
		struct source *source;
	} streams[4];
	size_t n_streams;
	int master;             /* of the pseudo terminal, or -EBADF */
	char *terminal;         /* its other end */
	int ours[3], theirs[3]; /* of pipes, -EBADF where there is none */
	struct termios saved;
	bool has_saved;
};

void run_io_init(struct run_io *io, struct loop *l);
/* A pseudo terminal; properties for it are added to @properties. */
int run_io_pty(struct run_io *io, char ***properties);
/* The caller's own standard input, output and error. */
int run_io_pipe(struct run_io *io, char ***properties);
/* The unit is down: what it wrote last is passed on. */
void run_io_finish(struct run_io *io);
void run_io_done(struct run_io *io);
