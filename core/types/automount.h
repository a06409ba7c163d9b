// SPDX-License-Identifier: Apache-2.0
/*
 * automount - a mount point that is mounted when somebody looks. automount.c (states), autofs.c
 * (the kernel's side: mount, device, packets; protocol 5). A process that walks into the point
 * waits in the kernel under a token, until we say that the mount is there or that it cannot be.
 */
#pragma once

#include "types/common.h"

/* clang-format off */
#define AUTOMOUNT_STATES(X) X(DEAD, "dead", INACTIVE) X(WAITING, "waiting", ACTIVE) X(RUNNING, "running", ACTIVE) X(FAILED, "failed", FAILED)
/* clang-format on */
enum automount_state {
#define X(id, name, active) AUTOMOUNT_##id,
	AUTOMOUNT_STATES(X)
#undef X
		AUTOMOUNT_STATE_MAX,
};

#define AUTOMOUNT_TOKENS_MAX 4096

struct automount {
	struct unit unit;
	enum automount_state state;
	enum result result;
	char *where;
	int pipe_fd; /* the kernel writes requests here */
	dev_t device;
	struct source *source, *coldplug_source;
	uint32_t *tokens; /* processes that wait for the mount */
	size_t n_tokens;
	struct deadline idle;
	struct deadline again; /* for answers that could not be given */
	int answer;            /* which, 0 or -errno */
	bool adopted;          /* from the vault: no record says what its point is */
};

static inline struct automount *AUTOMOUNT(const struct unit *u)
{
	return (struct automount *) u;
}

/* ---- autofs.c ---- */
/* Mounts autofs on @where; the pipe's read end and the mount's device number. */
int autofs_mount(const char *where, const char *options, int *ret_pipe, dev_t *ret_device);
/* An autofs mount that an earlier core made gets a new pipe and our process group; requests that
 * waited meanwhile fail. */
int autofs_reconnect(const char *where, dev_t device, int *ret_pipe);
/* The device number of an autofs mount of ours at @where, or -ENOENT. */
int autofs_find(const char *where, dev_t *ret);
/* 0 or the errno that the waiting process gets. */
int autofs_answer(const char *where, dev_t device, uint32_t token, int error);
/* If nobody used what is mounted there since the last call: unmounts it, in the background. */
int autofs_expire(const char *where);
/* Lets go, with an error, of everybody who waits, also of those whose request was not read yet. */
int autofs_release(const char *where, dev_t device);
int autofs_unmount(const char *where);
/* One request from the pipe: 1 a lookup that waits under *ret_token, 0 another kind, -EAGAIN none.
 */
int autofs_read(int pipe_fd, uint32_t *ret_token, pid_t *ret_pid);
/* The same, and the request stays in the pipe. Needs two fds: -EMFILE, -ENFILE. */
int autofs_peek(int pipe_fd, uint32_t *ret_token, pid_t *ret_pid);
