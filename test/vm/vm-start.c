// SPDX-License-Identifier: Apache-2.0
/* `vmctl start`: the folder, the lock, the supervisor; and which accelerator works here. */
#include "vmctl.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifndef VM_CACHE_ROOT
#define VM_CACHE_ROOT "build/cache"
#endif

#define LOCK_WAIT_MSEC 2000u
#define PROBE_MSEC     15000u
#define TAIL_BYTES     4096

static int make_dir(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = copy + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			if (mkdir(copy, 0755) < 0 && errno != EEXIST)
				return -errno;
			*p = '/';
		}
	return mkdir(copy, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_lock(const char *dir)
{
	uint64_t deadline_msec = now_msec() + LOCK_WAIT_MSEC;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_MAX + 8];
	auto_fd int fd = -EBADF;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* A supervisor that is just ending still holds it for a moment. */
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if ((errno != EAGAIN && errno != EACCES) || msec_left(deadline_msec) == 0)
			return -errno;
		pause_msec(20);
	}
	return TAKE_FD(fd);
}

static void remove_old(const char *dir)
{
	static const char *const names[] = {
		"status",  "console.log", "console", "qemu.log", "supervisor.log", "qmp",
		"control", "vsock",       "vhost",   "report",   "vhost.log",      "seed.iso"};
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void) unlink(path);
	}
}

/* The supervisor is nobody's child and has no terminal; what it says goes into its log. */
static void become_supervisor(const struct vm_config *c, int lock_fd, int control_fd)
{
	int log_fd, null_fd;
	pid_t pid;

	setsid();
	pid = fork();
	if (pid != 0)
		_exit(pid < 0 ? 1 : 0);
	if (chdir(c->dir) < 0)
		_exit(1);
	log_fd = open("supervisor.log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	null_fd = open("/dev/null", O_RDONLY);
	if (log_fd < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 ||
	    dup2(log_fd, 2) < 0)
		_exit(1);
	/* Descriptors of whoever called us (a pipe, a lock) must not be held open by us. */
	lock_fd = fcntl(lock_fd, F_DUPFD_CLOEXEC, 100);
	control_fd = fcntl(control_fd, F_DUPFD_CLOEXEC, 101);
	if (lock_fd < 0 || control_fd < 0 || dup2(lock_fd, 3) < 0 || dup2(control_fd, 4) < 0)
		_exit(1);
	close_range(5, ~0u, 0);
	if (fcntl(3, F_SETFD, FD_CLOEXEC) < 0 || fcntl(4, F_SETFD, FD_CLOEXEC) < 0)
		_exit(1);
	prctl(PR_SET_NAME, "vm-supervisor");
	vm_supervise(c, 3, 4);
}

static void print_tail(const char *dir, const char *name)
{
	char path[PATH_MAX + 32], text[TAIL_BYTES + 1];
	auto_fd int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (lseek(fd, -TAIL_BYTES, SEEK_END) < 0)
		(void) lseek(fd, 0, SEEK_SET);
	n = read(fd, text, TAIL_BYTES);
	if (n > 0)
		fprintf(stderr, "--- the end of %s\n%.*s\n", path, (int) n, text);
}

int verb_start(int argc, char **argv)
{
	static struct vm_config c;
	auto_fd int lock_fd = -EBADF, control_fd = -EBADF;
	int status;
	pid_t pid;

	if (vm_options_parse(&c, argc, argv) < 0)
		return 2;
	if (make_dir(c.dir) < 0) {
		vm_error("%s: %s", c.dir, strerror(errno));
		return 1;
	}
	lock_fd = write_lock(c.dir);
	if (lock_fd < 0) {
		vm_error("%s runs already (%s)", c.name, strerror(-lock_fd));
		return 1;
	}
	remove_old(c.dir);
	if (vm_qemu_prepare(&c) < 0)
		return 1;
	if (!strcmp(c.accel, "auto"))
		c.accel = vm_accel_choose(c.kernel, c.initrd);
	control_fd = vm_listen(c.dir, "control");
	pid = control_fd < 0 ? -1 : fork();
	if (pid < 0) {
		vm_error("cannot start the supervisor: %s", strerror(errno));
		return 1;
	}
	if (pid == 0)
		become_supervisor(&c, lock_fd, control_fd);
	waitpid(pid, NULL, 0);
	close_fdp(&lock_fd);
	close_fdp(&control_fd);
	if (!c.waits)
		return 0;
	status = vm_start_wait(&c);
	if (status == 0)
		return 0;
	vm_error("%s: %s", c.name,
	         status == VM_EXIT_TIMEOUT ? "the guest's agent did not answer in time"
	                                   : "the machine ended");
	print_tail(c.dir, "supervisor.log");
	print_tail(c.dir, "qemu.log");
	print_tail(c.dir, "console.log");
	return status;
}

/* Boots a guest whose initramfs says hello and powers off; true if that was heard in time. */
static bool kvm_says_hello(const char *kernel, const char *initrd)
{
	const char *argv[] = {"qemu-system-x86_64",
	                      "-machine",
	                      "q35",
	                      "-accel",
	                      "kvm",
	                      "-cpu",
	                      "host",
	                      "-m",
	                      "256",
	                      "-nodefaults",
	                      "-no-user-config",
	                      "-display",
	                      "none",
	                      "-no-reboot",
	                      "-serial",
	                      "stdio",
	                      "-kernel",
	                      kernel,
	                      "-initrd",
	                      initrd,
	                      "-append",
	                      "console=ttyS0 quiet vm.hello panic=-1",
	                      NULL};
	uint64_t deadline_msec = now_msec() + PROBE_MSEC;
	char text[8192];
	size_t used = 0;
	bool is_heard = false;
	int ends[2];
	pid_t pid;

	if (access("/dev/kvm", R_OK | W_OK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		int null_fd = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(ends[1], 1) < 0 ||
		    dup2(null_fd, 2) < 0)
			_exit(1);
		execvp(argv[0], (char *const *) argv);
		_exit(127);
	}
	close(ends[1]);
	while (pid > 0 && !is_heard && used < sizeof(text) - 1) {
		struct pollfd p = {.fd = ends[0], .events = POLLIN};
		ssize_t n = poll(&p, 1, msec_left(deadline_msec)) > 0
		                    ? read(ends[0], text + used, sizeof(text) - 1 - used)
		                    : 0;

		if (n <= 0)
			break;
		used += (size_t) n;
		text[used] = '\0';
		is_heard = strstr(text, "vm-hello") != NULL;
	}
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return is_heard;
}

/* The answer is kept in a file named by the boot of this machine. Returns an open and locked file
 * or a negative errno. */
static int open_answer(void)
{
	const char *cache = getenv("VM_CACHE"), *dir = cache && *cache ? cache : VM_CACHE_ROOT;
	char id[64] = "", path[PATH_MAX];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	auto_fd int id_fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC),
		    fd = -EBADF;
	uint64_t deadline_msec = now_msec() + 2 * PROBE_MSEC;
	ssize_t n = id_fd < 0 ? -1 : read(id_fd, id, sizeof(id) - 1);

	if (n <= 0)
		return -EIO;
	id[strcspn(id, "\n")] = '\0';
	if (make_dir(dir) < 0 ||
	    snprintf(path, sizeof(path), "%s/accel-%s", dir, id) >= (int) sizeof(path))
		return -EIO;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (msec_left(deadline_msec) == 0)
			return -ETIMEDOUT;
		pause_msec(50);
	}
	return TAKE_FD(fd);
}

const char *vm_accel_choose(const char *kernel, const char *initrd)
{
	auto_fd int fd = open_answer();
	char text[8] = "";
	const char *answer;

	if (fd >= 0 && pread(fd, text, 3, 0) == 3)
		return !strcmp(text, "kvm") ? "kvm" : "tcg";
	answer = kvm_says_hello(kernel, initrd) ? "kvm" : "tcg";
	if (fd >= 0 && pwrite(fd, answer, 3, 0) != 3)
		vm_error("cannot remember that %s works here", answer);
	return answer;
}

int verb_accel(int argc, char **argv)
{
	char kernel[PATH_MAX + 16], initrd[PATH_MAX + 16];
	size_t n = argc == 2 ? strlen(argv[1]) : 0;

	if (n < 6 || strcmp(argv[1] + n - 5, ".ext4") != 0) {
		vm_error("accel IMAGE.ext4");
		return 2;
	}
	snprintf(kernel, sizeof(kernel), "%.*s.kernel", (int) n - 5, argv[1]);
	snprintf(initrd, sizeof(initrd), "%.*s.initrd", (int) n - 5, argv[1]);
	printf("%s\n", vm_accel_choose(kernel, initrd));
	return 0;
}
