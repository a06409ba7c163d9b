// SPDX-License-Identifier: Apache-2.0
/*
 * initrd.c - /init of the harness's initramfs.
 *
 * In order: mounts the kernel's file systems, loads /modules in their listed order, mounts the root, starts the agent (and
 * the probe, when asked to) inside the root's future place, moves everything over, and execs the init under test with the
 * arguments and the environment that the kernel gave. From then on nothing of it runs: the agent is a process of its own.
 *
 * Words on the kernel command line, all with a dot so that the kernel passes none of them on:
 *	vm.root=/dev/vda	the root's device
 *	vm.noagent		start no agent
 *	vm.bare			leave /dev, /proc, /sys, /run unmounted for the init under test to mount
 *	vm.probe=WORD,WORD	start guest-probe with these arguments
 *	vm.hello		say so on the console and power off: does this accelerator work at all?
 */
#include "../frame.h"
#include "../util.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

#define ROOT_DIR         "/root"
#define DEVICE_WAIT_MSEC 10000u
#define PORT_WAIT_MSEC   3000u
#define PROBE_ARGS_MAX   32

struct boot_options {
	char init[256];
	char root[64];
	char probe[512];
	bool with_agent, is_bare, is_hello;
};

struct api_mount {
	const char *type, *where, *options;
	unsigned long flags;
};

static const struct api_mount api_mounts[] = {
	{"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
	{"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
};

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	dprintf(STDERR_FILENO, "initrd: ");
	vdprintf(STDERR_FILENO, format, ap);
	dprintf(STDERR_FILENO, "\n");
	va_end(ap);
}

/* A guest that cannot boot says why and goes away, so that whoever waits for it learns it at once.
 */
__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	dprintf(STDERR_FILENO, "initrd: ");
	vdprintf(STDERR_FILENO, format, ap);
	dprintf(STDERR_FILENO, ": %s\n", strerror(errno));
	va_end(ap);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void mount_api(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(api_mounts); i++) {
		const struct api_mount *m = &api_mounts[i];

		if (mount(m->type, m->where, m->type, m->flags, m->options) < 0 && errno != EBUSY)
			give_up("cannot mount %s", m->where);
	}
}

static void set_option(struct boot_options *o, const char *word)
{
	if (!strncmp(word, "init=", 5))
		snprintf(o->init, sizeof(o->init), "%s", word + 5);
	else if (!strncmp(word, "vm.root=", 8))
		snprintf(o->root, sizeof(o->root), "%s", word + 8);
	else if (!strncmp(word, "vm.probe=", 9))
		snprintf(o->probe, sizeof(o->probe), "%s", word + 9);
	else if (!strcmp(word, "vm.noagent"))
		o->with_agent = false;
	else if (!strcmp(word, "vm.bare"))
		o->is_bare = true;
	else if (!strcmp(word, "vm.hello"))
		o->is_hello = true;
}

static void read_options(struct boot_options *o)
{
	auto_fd int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	char line[4096], *save = NULL;
	ssize_t n;

	*o = (struct boot_options){.init = "/sbin/init", .root = "/dev/vda", .with_agent = true};
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n < 0)
		give_up("cannot read the kernel command line");
	line[n] = '\0';
	for (char *word = strtok_r(line, " \t\n", &save); word;
	     word = strtok_r(NULL, " \t\n", &save))
		set_option(o, word);
}

static void load_module(const char *name)
{
	char path[256];
	auto_fd int fd = -EBADF;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* A module without its hardware (ENODEV) is no loss. */
	if (fd < 0 ||
	    (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
		complain("module %s: %s", name, strerror(errno));
	unlink(path);
}

static void load_modules(void)
{
	auto_file FILE *f = fopen("/modules/order", "re");
	char name[128];

	if (!f)
		return;
	while (fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		if (name[0])
			load_module(name);
	}
}

static bool name_matches(const char *path, const char *wanted)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[64];
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);

	if (n <= 0)
		return false;
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return !strcmp(name, wanted);
}

static int find_port(const char *wanted)
{
	DIR *d = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	int fd = -ENOENT;

	if (!d)
		return -errno;
	while (fd < 0 && (e = readdir(d))) {
		char path[512];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		if (!name_matches(path, wanted))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	closedir(d);
	return fd;
}

/* The host announces its ports in messages of its own, after the driver is there: so wait a moment
 * for one. */
static int open_port(const char *wanted)
{
	uint64_t deadline_msec = now_msec() + PORT_WAIT_MSEC;
	int fd;

	while ((fd = find_port(wanted)) < 0 && now_msec() < deadline_msec)
		pause_msec(2);
	if (fd < 0)
		complain("no virtio port %s: %s", wanted, strerror(-fd));
	return fd;
}

static void mount_root(const char *device)
{
	uint64_t deadline_msec = now_msec() + DEVICE_WAIT_MSEC;

	while (access(device, F_OK) < 0 && now_msec() < deadline_msec)
		pause_msec(5);
	if (mount(device, ROOT_DIR, "ext4", 0, NULL) < 0)
		give_up("cannot mount %s", device);
}

static void move_mounts(bool is_bare)
{
	for (size_t i = 0; i < ARRAY_SIZE(api_mounts); i++) {
		const char *where = api_mounts[i].where;
		char target[64];
		int r;

		snprintf(target, sizeof(target), ROOT_DIR "%s", where);
		r = is_bare ? umount2(where, MNT_DETACH)
		            : mount(where, target, NULL, MS_MOVE, NULL);
		if (r < 0)
			give_up("cannot move %s", where);
	}
}

/* The new process: its root is the mount that is about to become everybody's. */
__attribute__((noreturn)) static void become_helper(int exe_fd, char *const argv[], int in_fd,
                                                    int fd, int null_fd)
{
	setsid();
	/* A copy above 3 first: dup2 onto the number it already has would keep the close-on-exec
	 * flag. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	if (chdir(ROOT_DIR) < 0 || chroot(".") < 0)
		give_up("cannot enter the new root");
	if (fd < 0 || dup2(in_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
	    dup2(null_fd, STDERR_FILENO) < 0 || dup2(fd, 3) < 0)
		_exit(1);
	execveat(exe_fd, "", argv, environ, AT_EMPTY_PATH);
	_exit(127);
}

/*
 * Starts one of our own programs with these as its standard input and fd 3, and returns once it has
 * entered the new root: after that is moved, the path to it leads elsewhere.
 */
static void start_helper(const char *program, char *const argv[], int in_fd, int fd, int null_fd)
{
	auto_fd int exe_fd = open(program, O_PATH | O_CLOEXEC);
	int ends[2];
	pid_t pid;

	if (exe_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		give_up("cannot start %s", program);
	pid = fork();
	if (pid < 0)
		give_up("cannot start %s", program);
	if (pid == 0)
		become_helper(exe_fd, argv, in_fd, fd, null_fd);
	close(ends[1]);
	/* The other end closes when the program is executed, or when there is no process for it any
	 * more. */
	(void) !read(ends[0], &(char){0}, 1);
	close(ends[0]);
}

static void start_agent(int port_fd, int null_fd)
{
	/* A name that begins with '@' tells an init's last kill to spare us, as for daemons that
	 * hold the root's storage. */
	char *argv[] = {(char[]){"@vm-agent"}, NULL};

	start_helper("/vm-agent", argv, null_fd, port_fd, null_fd);
}

/* Returns the write end of the pipe on which the probe waits for the moment of exec. */
static int start_probe(char *words, int report_fd, int null_fd)
{
	char *argv[PROBE_ARGS_MAX + 1] = {(char[]){"@vm-probe"}}, *save = NULL;
	size_t argc = 1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		give_up("pipe");
	for (char *w = strtok_r(words, ",", &save); w && argc < PROBE_ARGS_MAX;
	     w = strtok_r(NULL, ",", &save))
		argv[argc++] = w;
	start_helper("/guest-probe", argv, ends[0], report_fd, null_fd);
	close(ends[0]);
	return ends[1];
}

static void switch_root(void)
{
	if (chdir(ROOT_DIR) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		give_up("cannot switch to the new root");
}

/* In an initramfs whose /init is another one, as a service of its: all that this one does but the switch. */
static int serve(void)
{
	struct boot_options o;
	int agent_fd, null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	read_options(&o);
	load_modules();
	mount_root(o.root);
	agent_fd = open_port(FRAME_PORT_NAME);
	if (agent_fd < 0 || null_fd < 0)
		return 1;
	start_agent(agent_fd, null_fd);
	return 0;
}

/* The probe counts from here: nothing but the execve itself comes after it. */
static void tell_exec_time(int probe_fd)
{
	struct timespec ts;

	if (probe_fd < 0)
		return;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	if (write(probe_fd, &ts, sizeof(ts)) != sizeof(ts))
		complain("cannot tell the probe: %s", strerror(errno));
}

int main(int argc, char **argv, char **envp)
{
	struct boot_options o;
	int agent_fd = -EBADF, report_fd = -EBADF, probe_fd = -EBADF, null_fd;

	if (argc == 2 && !strcmp(argv[1], "--service"))
		return serve();
	if (getpid() != 1) {
		fprintf(stderr, "initrd: this is the /init of a test machine's initramfs\n");
		return 1;
	}
	mount_api();
	read_options(&o);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		give_up("cannot open /dev/null");
	if (o.is_hello) {
		printf("vm-hello\n");
		fflush(stdout);
		reboot(RB_POWER_OFF);
	}
	load_modules();
	mount_root(o.root);
	if (o.with_agent)
		agent_fd = open_port(FRAME_PORT_NAME);
	if (o.probe[0])
		report_fd = open_port("test.report.0");
	move_mounts(o.is_bare);
	if (agent_fd >= 0)
		start_agent(agent_fd, null_fd);
	if (report_fd >= 0)
		probe_fd = start_probe(o.probe, report_fd, null_fd);
	close_fdp(&agent_fd);
	close_fdp(&report_fd);
	close_fdp(&null_fd);
	switch_root();
	argv[0] = o.init;
	tell_exec_time(probe_fd);
	execve(o.init, argv, envp);
	give_up("cannot execute %s", o.init);
}
