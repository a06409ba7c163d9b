// SPDX-License-Identifier: Apache-2.0
/*
 * vmctl.h - test machines: start, command, watch and stop QEMU guests.
 *
 * A machine is a folder (build/vm/NAME). `vmctl start` reads its options (vm-options.c), turns them into QEMU's words
 * (vm-qemu.c) and leaves a supervisor behind (vm-supervise.c): it owns QEMU and the vsock back end, which die with it
 * (PR_SET_PDEATHSIG), watches the process that owns the machine, holds the one connection to the guest's agent, and shares
 * it among clients (vm-mux.c). The other verbs are clients of the supervisor (vm-client.c) or read its folder
 * (vm-console.c).
 *
 * In the folder:
 *	lock		held by the supervisor for its life, contains its pid; free means that nothing runs
 *	status		key=value lines, replaced whole
 *	console.log	the serial console
 *	console		socket to type on it
 *	qemu.log, supervisor.log
 *	control		the supervisor's socket
 *	qmp		a QMP monitor for clients
 *	vsock		guest ports, by "CONNECT port"; vsock_PORT: from the guest
 *	report		what the guest's probe wrote
 */
#pragma once

#include "frame.h"
#include "util.h"

#include <limits.h>
#include <sys/types.h>

#define VM_PORTS_MAX  8
#define VM_WORDS_MAX  64
#define VM_STATUS_MAX 4096

/* Exit statuses of `vmctl exec`, beside the command's own. */
#define VM_EXIT_TIMEOUT 124
#define VM_EXIT_GONE    125
#define VM_EXIT_NOT_RUN 126
#define VM_EXIT_NO_FILE 127

struct vm_port {
	const char *name, *path;
};

struct vm_config {
	const char *name;
	char dir[PATH_MAX];
	char image[PATH_MAX], kernel[PATH_MAX], initrd[PATH_MAX], overlay[PATH_MAX], seed[PATH_MAX];
	const char *init, *net, *accel, *seed_label, *probe;
	const char *append[VM_WORDS_MAX], *smbios[VM_WORDS_MAX], *extra[VM_WORDS_MAX];
	size_t append_n, smbios_n, extra_n, ports_n;
	struct vm_port ports[VM_PORTS_MAX];
	unsigned mem_mb, smp, cid;
	bool with_vsock, with_agent, with_reboot, waits, is_bare;
	pid_t owner;
	unsigned lifetime_sec, wait_sec;
};

/* A NULL-terminated argument list that is freed as a whole. */
struct words {
	char **v;
	size_t n, size;
	bool is_failed; /* out of memory */
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *w, const char *format, ...);
void words_done(struct words *w);

/* Prints a message with the program's name; returns -1. */
__attribute__((format(printf, 1, 2))) int vm_error(const char *format, ...);

/* The folder of a machine; fails for a name that is none. Returns 0 or -EINVAL. */
int vm_dir(const char *name, char ret_dir[PATH_MAX]);

/* Whether a supervisor runs; ret_pid may be NULL. */
bool vm_is_running(const char *dir, pid_t *ret_pid);

/* Waits until no supervisor runs. Returns 0 or -ETIMEDOUT. */
int vm_wait_gone(const char *dir, uint64_t deadline_msec);

/* Connects to a socket in the machine's folder, however long its path is. Returns a file descriptor
 * or a negative errno. */
int vm_connect(const char *dir, const char *name);

/* A listening socket in the folder. Returns a file descriptor or a negative errno. */
int vm_listen(const char *dir, const char *name);

/* Reads one value of the status file into a buffer of VM_STATUS_MAX. Returns 0 or a negative errno.
 */
int vm_status_get(const char *dir, const char *key, char *ret_value);

/* Parses a decimal number of seconds or the like. Returns 0 or -EINVAL. */
int vm_parse_number(const char *text, unsigned max, unsigned *ret);

/**
 * vm_options_parse - reads the arguments of `vmctl start`
 *
 * Returns 0, or -1 after it has said what is wrong.
 */
int vm_options_parse(struct vm_config *c, int argc, char **argv);

/**
 * vm_accel_choose - the accelerator to use for "auto"
 *
 * Boots a guest that only says hello once a boot of this machine, because /dev/kvm may be there and
 * not work; remembers the answer beside the images. Returns "kvm" or "tcg".
 */
const char *vm_accel_choose(const char *kernel, const char *initrd);

/**
 * vm_qemu_words - QEMU's command line
 * @agent_fd: QEMU's end of the agent's socket pair, negative for none
 * @qmp_fd:   QEMU's end of the supervisor's monitor
 */
void vm_qemu_words(const struct vm_config *c, int agent_fd, int qmp_fd, struct words *ret);

/* Makes what QEMU needs beside its command line: the overlay and the seed's ISO. Returns 0, or -1
 * after saying why not. */
int vm_qemu_prepare(struct vm_config *c);

/**
 * vm_supervise - runs the machine; does not return
 * @lock_fd:    the held lock
 * @control_fd: listening
 */
__attribute__((noreturn)) void vm_supervise(const struct vm_config *c, int lock_fd, int control_fd);

/* Waits for the agent of a machine that was just started. Returns 0, VM_EXIT_TIMEOUT or
 * VM_EXIT_GONE. */
int vm_start_wait(const struct vm_config *c);

/* The verbs; each returns vmctl's exit status. */
int verb_start(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_sh(int argc, char **argv);
int verb_put(int argc, char **argv);
int verb_get(int argc, char **argv);
int verb_console(int argc, char **argv);
int verb_type(int argc, char **argv);
int verb_ready(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_qmp(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_stop_all(int argc, char **argv);
int verb_accel(int argc, char **argv);
