// SPDX-License-Identifier: Apache-2.0
/* Programs of the image: run below the context's root, or by a test in their place. */
#include "metadata/modules/modules.h"

#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define OUTPUT_MAX (1U << 20)

struct command {
	const char *root;
	const char *const *argv;
	const char *input;
	int output; /* fd of the child's standard output; -EBADF: our standard error */
};

static void child(const struct command *k)
{
	int in = k->input ? memfd_new_data("input", k->input, strlen(k->input))
	                  : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (dup2(in, STDIN_FILENO) < 0 ||
	    dup2(k->output >= 0 ? k->output : STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(126);
	if (*k->root && (chroot(k->root) < 0 || chdir("/") < 0))
		_exit(126);
	execvp(k->argv[0], (char *const *) (uintptr_t) k->argv);
	_exit(errno == ENOENT ? 127 : 126);
}

struct running {
	pid_t pid;
	struct pidref process;
};

static int run_begin(const struct command *k, struct running *ret)
{
	*ret = (struct running){fork(), PIDREF_NULL};
	if (ret->pid < 0)
		return -errno;
	if (ret->pid == 0)
		child(k);
	return 0;
}

/* The exit status, or -errno; the program is gone then. @end: of the boot clock. */
static int run_end(struct running *g, usec_t end)
{
	int status, r = pidref_open(g->pid, &g->process);

	if (r >= 0) {
		struct pollfd p = {.fd = g->process.pidfd, .events = POLLIN};
		usec_t left = usec_sub(end, now(CLOCK_BOOTTIME));

		r = poll(&p, 1, end == USEC_INFINITY ? -1 : (int) (left / USEC_PER_MSEC));
		r = r == 0 ? -ETIMEDOUT : r < 0 ? -errno : 0;
		if (r < 0)
			pidref_kill(&g->process, SIGKILL);
	}
	pidref_done(&g->process);
	if (waitpid(g->pid, &status, 0) < 0)
		return -errno;
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The exit status, or -errno. */
static int run(const struct command *k, usec_t timeout)
{
	struct running g;
	int r = run_begin(k, &g);

	return r < 0 ? r : run_end(&g, usec_add(now(CLOCK_BOOTTIME), timeout));
}

int run_program(char *const *argv, const char *input, usec_t timeout)
{
	struct command k = {"", (const char *const *) argv, input, -EBADF};

	return run(&k, timeout);
}

int module_status(struct context *c, usec_t timeout, const char *const *argv)
{
	struct command k = {c->root, argv, NULL, -EBADF};

	return c->run ? c->run(c->run_userdata, argv, NULL) : run(&k, timeout);
}

/* What a status means, as a finding. */
static int judge(struct context *c, const char *subject, const char *program, int r)
{
	if (r == 0)
		return 0;
	if (r == 127)
		return diag_add(c->d, -ENOENT, DIAG_ERROR, subject, 0, "this image has no \"%s\"",
		                program);
	if (r > 0)
		return diag_add(c->d, -EIO, DIAG_ERROR, subject, 0, "%s ended with status %d",
		                program, r);
	return diag_add(c->d, r, DIAG_ERROR, subject, 0, "%s: %s", program, strerror(-r));
}

int module_command_input(struct context *c, const char *subject, usec_t timeout, const char *input,
                         const char *const *argv)
{
	struct command k = {c->root, argv, input, -EBADF};
	int r = c->run ? c->run(c->run_userdata, argv, input) : run(&k, timeout);

	return judge(c, subject, argv[0], r);
}

int module_command(struct context *c, const char *subject, usec_t timeout, const char *const *argv)
{
	return module_command_input(c, subject, timeout, NULL, argv);
}

int module_output(struct context *c, const char *const *argv, usec_t timeout, char **ret)
{
	auto_fd int fd = memfd_create("output", MFD_CLOEXEC);
	struct command k = {c->root, argv, NULL, fd};
	int r;

	if (fd < 0)
		return -errno;
	r = c->run ? c->run(c->run_userdata, argv, NULL) : run(&k, timeout);
	if (r != 0)
		return r < 0 ? r : r == 127 ? -ENOENT : -EIO;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return file_read_fd(fd, OUTPUT_MAX, ret, NULL);
}

bool module_has_program(const struct context *c, const char *name)
{
	static const char *const folders[] = {"usr/sbin", "usr/bin", "sbin", "bin"};

	for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
		auto_free char *folder = root_path(c, folders[i]),
			       *path = folder ? path_join(folder, name) : NULL;

		if (path && access(path, X_OK) >= 0)
			return true;
	}
	return false;
}

int module_write(struct context *c, const char *name, const char *text, mode_t mode)
{
	auto_free char *path = root_path(c, name), *old = NULL;
	int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

	if (r >= 0 && file_read(path, &old, NULL) >= 0 && streq(old, text))
		return 0;
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), mode, false);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, name, 0, "cannot be written: %s", strerror(-r))
	             : 0;
}
