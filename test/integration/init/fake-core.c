// SPDX-License-Identifier: Apache-2.0
/*
 * fake-core.c - a real peer of init's wire, moved like a puppet by the test outside of the PID
 * namespace.
 *
 * It connects to the abstract socket $FAKE_SOCKET (SOCK_SEQPACKET), tells each thing that happens
 * as one line ("start ...", "welcome ...", "exit ...", "reply ...") and obeys one command a packet;
 * see commands[]. By itself it says HELLO, answers PING and acknowledges exits ("noack" ends that);
 * READY is said on command, or at once if $FAKE_READY is set. With --self-check it does what
 * $FAKE_CHECK says: an exit status, or "sleep".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init/wire.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION "1"
#endif

static int control = -1;
static struct wire_page *page;
static int acking = 1;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
	char buf[2048];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	if (control >= 0 && send(control, buf, (size_t) n, MSG_NOSIGNAL) < 0)
		control = -1;
}

static uint64_t boottime_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

/* A long command is many turns: only "hang" is to look like a hang. */
static void still_alive(void)
{
	atomic_store(&page->busy_since_usec, boottime_usec());
}

static void wire_send(struct wire_message m, const char *text, int fd)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(int))];
	} c = {0};
	struct iovec iov[2] = {{&m, sizeof(m)}, {(void *) (uintptr_t) text, strlen(text)}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};

	m.version = WIRE_VERSION;
	m.text_size = (uint32_t) strlen(text);
	if (fd >= 0) {
		h.msg_control = &c;
		h.msg_controllen = sizeof(c.data);
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		                                      .cmsg_level = SOL_SOCKET,
		                                      .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof(fd));
	}
	if (sendmsg(WIRE_FD, &h, MSG_NOSIGNAL) < 0)
		tell("send-failed %d", errno);
}

/* ---- commands ---- */

static void do_ready(const char *a)
{
	(void) a;
	wire_send((struct wire_message){.type = WIRE_READY}, "", -1);
}

static void do_noack(const char *a)
{
	(void) a;
	acking = 0;
}

static void do_ack(const char *a)
{
	wire_send((struct wire_message){.type = WIRE_EXIT_ACK, .value = atoll(a)}, "", -1);
}

/* put NAME: a memfd with the name in it */
static void do_put(const char *a)
{
	int fd = memfd_create("item", MFD_CLOEXEC);

	if (write(fd, a, strlen(a)) < 0)
		tell("write-failed");
	wire_send((struct wire_message){.type = WIRE_VAULT_PUT, .serial = 1}, a, fd);
	close(fd);
}

static void do_drop(const char *a)
{
	wire_send((struct wire_message){.type = WIRE_VAULT_DROP, .serial = 2}, a, -1);
}

static void do_list(const char *a)
{
	(void) a;
	wire_send((struct wire_message){.type = WIRE_VAULT_LIST}, "", -1);
}

/* puts COUNT: many items, the last of them answered */
static void do_puts(const char *a)
{
	int n = atoi(a), fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char name[64];

	for (int i = 0; i < n; i++) {
		still_alive();
		snprintf(name, sizeof(name), "item-%d", i);
		wire_send(
			(struct wire_message){.type = WIRE_VAULT_PUT, .serial = i == n - 1 ? 3 : 0},
			name, fd);
	}
	close(fd);
}

static void do_signal(const char *a)
{
	kill(getpid(), atoi(a));
}

static void do_exit(const char *a)
{
	_exit(atoi(a));
}

static void do_hang(const char *a)
{
	if (!strcmp(a, "hard"))
		signal(SIGABRT, SIG_IGN);
	atomic_store(&page->busy_since_usec, boottime_usec());
	for (;;)
		pause();
}

/* blocked: as in a system call that does not return (a file system that hangs), in state D */
static void do_blocked(const char *a)
{
	(void) a;
	atomic_store(&page->busy_since_usec, boottime_usec());
	if (vfork() == 0)
		for (;;)
			pause();
}

static void burn(clockid_t clock, long long msec)
{
	struct timespec from, t;

	clock_gettime(clock, &from);
	do
		clock_gettime(clock, &t);
	while ((t.tv_sec - from.tv_sec) * 1000LL + (t.tv_nsec - from.tv_nsec) / 1000000 < msec);
}

/* beat MSEC: work that says all the time that it gets on */
static void do_beat(const char *a)
{
	for (long long left = atoll(a); left > 0; left -= 50) {
		still_alive();
		burn(CLOCK_MONOTONIC, 50);
	}
}

static void do_spin(const char *a)
{
	(void) a;
	for (;;)
		burn(CLOCK_MONOTONIC, 1000);
}

/*
 * starve MSEC: work for 0.2 s of processor time, which it does not get for so long: a busy child on the same processor has all
 * but a thousandth of it. (They share a session, and with it the scheduler's group, if it groups by session.)
 */
static void do_starve(const char *a)
{
	const struct sched_param none = {0};
	pid_t self = getpid();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		tell("affinity-failed %d", errno);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tell("starving");
		burn(CLOCK_MONOTONIC, atoll(a));
		sched_setscheduler(self, SCHED_OTHER, &none);
		_exit(0);
	}
	if (sched_setscheduler(0, SCHED_IDLE, &none) < 0)
		tell("idle-failed %d", errno);
	burn(CLOCK_PROCESS_CPUTIME_ID, 200);
	tell("starved");
}

/* wait MSEC: as one that started a process which gets no time to leave its memory. */
static void do_wait(const char *a)
{
	struct timespec t = {.tv_sec = atoll(a) / 1000, .tv_nsec = atoll(a) % 1000 * 1000000};
	pid_t pid = vfork();

	if (pid == 0) {
		syscall(SYS_nanosleep, &t, NULL);
		_exit(0);
	}
	tell(pid > 0 ? "waited" : "vfork-failed");
}

static void do_close(const char *a)
{
	(void) a;
	close(WIRE_FD);
	for (;;)
		pause();
}

static void do_kill1(const char *a)
{
	kill(1, atoi(a));
}

static int cgroup_open(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
	mkdir(path, 0755);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* spawn CGROUP STATUS DELAY_MS COUNT: children of init, as services are; told: "spawned PID" each
 */
static void do_spawn(const char *a)
{
	char name[128];
	int status, delay, count;

	if (sscanf(a, "%127s %d %d %d", name, &status, &delay, &count) != 4)
		return;
	for (int i = 0; i < count; i++) {
		still_alive();
		int dir = cgroup_open(name);
		struct clone_args ca = {.flags = CLONE_PARENT | CLONE_INTO_CGROUP,
		                        .cgroup = (uint64_t) dir};
		long pid = syscall(SYS_clone3, &ca, sizeof(ca));

		if (pid == 0) {
			struct timespec ts = {delay / 1000, delay % 1000 * 1000000L};

			nanosleep(&ts, NULL);
			syscall(SYS_exit_group, status >= 0 ? status : i % 256);
		}
		close(dir);
		if (count < 100)
			tell("spawned %ld", pid < 0 ? -errno : pid);
	}
	if (count >= 100)
		tell("spawned-all %d", count);
}

static int count_processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] >= '1' && e->d_name[0] <= '9';
	if (d)
		closedir(d);
	return n;
}

#define ORPHANS_BATCH 256
#define ORPHANS_MAX   4000 /* at a time, zombies too: the machine has other processes */
#define ORPHANS_UID   64999
#define FORK_TRIES    60000

/* The kernel counts a user's processes until they are reaped, so a maker that is too fast for init waits here. */
static bool wait_for_room(int tries)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	return errno == EAGAIN && tries < FORK_TRIES && nanosleep(&pause, NULL) == 0;
}

/* A process without a copy of its parent's memory is ten times as cheap. */
static bool make_child(int status)
{
	volatile pid_t pid = -1;

	for (int i = 0; (pid = vfork()) < 0 && wait_for_room(i); i++)
		;
	if (pid == 0)
		_exit(status);
	return pid > 0;
}

/* A parent that ends at once makes its children init's. */
static int make_orphans(int n)
{
	int status;
	pid_t parent;

	for (int i = 0; (parent = fork()) < 0 && wait_for_room(i); i++)
		;
	if (parent == 0) {
		int made = 0;

		for (int i = 0; i < n; i++)
			made += make_child(i & 127);
		_exit(made == n ? 0 : 1);
	}
	return parent > 0 && waitpid(parent, &status, 0) == parent && status == 0 ? n : 0;
}

/* orphans COUNT: grandchildren without a parent, in core's own cgroup */
static void do_orphans(const char *a)
{
	const struct rlimit few = {ORPHANS_MAX, ORPHANS_MAX};
	int n = atoi(a), made = 0;

	if (fork() == 0) {
		signal(SIGCHLD, SIG_DFL);
		/* Of root the kernel counts nothing. */
		if (setrlimit(RLIMIT_NPROC, &few) < 0 || setuid(ORPHANS_UID) < 0)
			_exit(1);
		while (made < n) {
			int k = make_orphans(n - made < ORPHANS_BATCH ? n - made : ORPHANS_BATCH);

			if (k == 0)
				break;
			made += k;
		}
		tell("orphaned %d", made);
		_exit(0);
	}
}

static void do_count(const char *a)
{
	(void) a;
	tell("count %d", count_processes());
}

static void do_garbage(const char *a)
{
	static unsigned char data[4096];
	unsigned seed = 1;

	for (int i = atoi(a); i > 0; i--) {
		still_alive();
		struct wire_message *m = (struct wire_message *) data;

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = (unsigned char) rand_r(&seed);
		/* A third has a true head and an unknown type, a third a lying length. */
		if (i % 3) {
			m->version = WIRE_VERSION;
			m->type = i % 3 == 1 ? 1000 : WIRE_VAULT_PUT;
			m->text_size = i % 3 == 1 ? 10 : 5000;
		}
		if (send(WIRE_FD, data,
		         i % 3 == 1 ? sizeof(*m) + 10 : (size_t) (rand_r(&seed) % sizeof(data)),
		         MSG_NOSIGNAL) < 0)
			tell("send-failed %d", errno);
	}
	tell("garbage-sent");
}

/* fdflood COUNT: file descriptors with everything, and more than one a packet */
static void do_fdflood(const char *a)
{
	union {
		struct cmsghdr head;
		char data[CMSG_SPACE(sizeof(int[8]))];
	} c = {0};
	struct wire_message m = {.version = WIRE_VERSION, .type = WIRE_STATUS};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	c.head = (struct cmsghdr){CMSG_LEN(sizeof(int[8])), SOL_SOCKET, SCM_RIGHTS};
	for (size_t i = 0; i < 8; i++)
		memcpy(CMSG_DATA(&c.head) + i * sizeof(int), &fd, sizeof(fd));
	for (int i = atoi(a); i > 0; i--)
		if (sendmsg(WIRE_FD, &h, MSG_NOSIGNAL) < 0)
			tell("send-failed %d", errno);
	close(fd);
	tell("flooded");
}

/* deaf COUNT: requests whose answers are not read; then it waits, without being busy */
static void do_deaf(const char *a)
{
	for (int i = atoi(a); i > 0; i--) {
		struct wire_message m = {.version = WIRE_VERSION, .type = WIRE_STATUS, .serial = 9};

		if (send(WIRE_FD, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	}
	atomic_store(&page->busy_since_usec, 0);
	for (;;)
		pause();
}

static void upgrade(int type, uint32_t serial, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	wire_send((struct wire_message){.type = (uint16_t) type, .serial = serial}, path, fd);
	if (fd >= 0)
		close(fd);
}

static void do_upgrade_core(const char *a)
{
	upgrade(WIRE_UPGRADE_CORE, 7, a);
}

/* another PATH: an upgrade of core besides one that is under way */
static void do_another(const char *a)
{
	upgrade(WIRE_UPGRADE_CORE, 8, a);
}

static void do_upgrade_init(const char *a)
{
	upgrade(WIRE_UPGRADE_INIT, 7, a);
}

/* request TYPE VALUE STATUS [SERIAL]: with serial 5 if none is given */
static void do_request(const char *a)
{
	int type, value, status;
	unsigned serial = 5;

	if (sscanf(a, "%d %d %d %u", &type, &value, &status, &serial) >= 3)
		wire_send((struct wire_message){.type = (uint16_t) type,
		                                .serial = serial,
		                                .value = value,
		                                .status = status},
		          "", -1);
}

static const struct command {
	const char *name;
	void (*run)(const char *argument);
} commands[] = {
	{"ready", do_ready},
	{"noack", do_noack},
	{"ack", do_ack},
	{"put", do_put},
	{"puts", do_puts},
	{"drop", do_drop},
	{"list", do_list},
	{"signal", do_signal},
	{"exit", do_exit},
	{"hang", do_hang},
	{"blocked", do_blocked},
	{"spin", do_spin},
	{"beat", do_beat},
	{"starve", do_starve},
	{"wait", do_wait},
	{"close", do_close},
	{"kill1", do_kill1},
	{"spawn", do_spawn},
	{"orphans", do_orphans},
	{"count", do_count},
	{"garbage", do_garbage},
	{"fdflood", do_fdflood},
	{"deaf", do_deaf},
	{"request", do_request},
	{"upgrade-core", do_upgrade_core},
	{"another", do_another},
	{"upgrade-init", do_upgrade_init},
};

static void obey(char *line)
{
	char *argument = strchr(line, ' ');

	if (argument)
		*argument++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, line)) {
			commands[i].run(argument ? argument : "");
			return;
		}
	}
	tell("unknown-command %s", line);
}

/* ---- what init says ---- */

static void on_item(const char *name, int fd)
{
	char content[512] = "";
	ssize_t n = fd >= 0 ? pread(fd, content, sizeof(content) - 1, 0) : -1;

	tell("item %s %s", name, n < 0 ? "unreadable" : content);
}

static void on_message(const struct wire_message *m, const char *text, int fd)
{
	switch (m->type) {
	case WIRE_WELCOME:
		tell("welcome %s", text);
		if (getenv("FAKE_READY"))
			do_ready("");
		break;
	case WIRE_PING:
		tell("ping");
		wire_send((struct wire_message){.type = WIRE_PONG, .value = m->value}, "", -1);
		break;
	case WIRE_EXIT:
		tell("exit %llu %d %llu %d %d %s", (unsigned long long) m->number, m->pid,
		     (unsigned long long) m->start_time, m->code, m->status, text);
		if (acking)
			wire_send((struct wire_message){.type = WIRE_EXIT_ACK,
			                                .value = (int64_t) m->number},
			          "", -1);
		break;
	case WIRE_VAULT_ITEM:
		on_item(text, fd);
		break;
	case WIRE_VAULT_END:
		tell("end");
		break;
	case WIRE_SIGNAL:
		tell("signal %lld", (long long) m->value);
		break;
	case WIRE_REPLY:
		tell("reply %u %lld %s", m->serial, (long long) m->value, text);
		break;
	default:
		tell("unknown-message %d", m->type);
	}
}

static void wire_receive(void)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(int))];
	} c;
	struct wire_message m;
	char text[WIRE_TEXT_MAX + 1];
	struct iovec iov[2] = {{&m, sizeof(m)}, {text, WIRE_TEXT_MAX}};
	struct msghdr h = {
		.msg_iov = iov, .msg_iovlen = 2, .msg_control = &c, .msg_controllen = sizeof(c)};
	ssize_t n = recvmsg(WIRE_FD, &h, MSG_CMSG_CLOEXEC);
	int fd = -1;

	if (n <= 0)
		_exit(42);
	text[n - (ssize_t) sizeof(m)] = '\0';
	if (CMSG_FIRSTHDR(&h))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(fd));
	on_message(&m, text, fd);
	if (fd >= 0)
		close(fd);
}

static void control_open(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *name = getenv("FAKE_SOCKET");

	if (!name)
		return;
	strncpy(a.sun_path + 1, name, sizeof(a.sun_path) - 2);
	control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(control, (struct sockaddr *) &a,
	            (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0)
		_exit(43);
}

static int check(void)
{
	const char *how = getenv("FAKE_CHECK");

	if (how && !strcmp(how, "sleep"))
		pause();
	return how ? atoi(how) : 0;
}

int main(int argc, char **argv)
{
	const char *hello = getenv("FAKE_HELLO"); /* its value */

	if (argc > 1 && !strcmp(argv[1], "--self-check"))
		return check();
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, WIRE_PAGE_FD, 0);
	if (page == MAP_FAILED)
		_exit(44);
	control_open();
	tell("start %d %s %s", getpid(), FAKE_VERSION, argc > 1 ? argv[1] : "-");
	wire_send((struct wire_message){.type = WIRE_HELLO, .value = hello ? atoi(hello) : 0},
	          "fake-" FAKE_VERSION, -1);
	for (;;) {
		struct pollfd p[2] = {{WIRE_FD, POLLIN, 0}, {control, POLLIN, 0}};
		char line[1024];
		ssize_t n;

		atomic_store(&page->busy_since_usec, 0);
		poll(p, 2, -1);
		atomic_store(&page->busy_since_usec, boottime_usec());
		if (p[0].revents)
			wire_receive();
		if (!p[1].revents)
			continue;
		n = recv(control, line, sizeof(line) - 1, 0);
		if (n <= 0)
			_exit(45);
		line[n] = '\0';
		obey(line);
	}
}
