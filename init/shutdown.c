// SPDX-License-Identifier: Apache-2.0
/*
 * The last stage. It waits, since there is nobody left to be served, but never without end:
 * whatever can hang on a dead disk or server (sync, swapoff, umount) is done by a child, and after
 * UNMOUNT_USEC the machine goes down without it.
 */
#include "init/init.h"

#include <fcntl.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char table[MOUNTINFO_MAX];

size_t path_unescape(char *s)
{
	char *out = s;
	const char *in = s;

	while (*in && *in != ' ' && *in != '\t' && *in != '\n') {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		    in[3] >= '0' && in[3] <= '7') {
			*out++ = (char) ((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return (size_t) (out - s);
}

char *mountinfo_target(char *line)
{
	char *p = line;

	/* 36 35 98:0 /root /target options ... (proc(5)) */
	for (int i = 0; i < 4; i++) {
		p = strchr(p, ' ');
		if (!p)
			return NULL;
		p++;
	}
	return *p == '/' && path_unescape(p) ? p : NULL;
}

/* Reads a file of /proc into the table. Returns its size. */
static size_t table_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && used < sizeof(table) - 1) {
		n = read(fd, table + used, sizeof(table) - 1 - used);
		used += n > 0 ? (size_t) n : 0;
	}
	table[used] = '\0';
	if (fd >= 0)
		close(fd);
	return used;
}

/* Cuts off and returns the last line of the table's first *@size bytes, NULL if there is none. */
static char *table_last_line(size_t *size)
{
	char *newline;

	if (!*size)
		return NULL;
	table[*size - 1] = '\0';
	newline = memrchr(table, '\n', *size - 1);
	*size = newline ? (size_t) (newline - table) + 1 : 0;
	return table + *size;
}

static void swap_off(void)
{
	size_t size = table_read("/proc/swaps");
	char *line;

	while ((line = table_last_line(&size)))
		if (*line == '/' && path_unescape(line) && swapoff(line) < 0)
			log_line(LOG_ERR, "swapoff %s: %s", line, error_text(errno));
}

/* File systems without a disk behind them, that we need to the end. */
static bool is_needed(const char *target)
{
	static const char *const needed[] = {"/", "/proc", "/sys", "/dev", "/run"};

	for (size_t i = 0; i < COUNT(needed); i++)
		if (!strcmp(target, needed[i]))
			return true;
	return false;
}

/* One pass from the newest mount to the oldest. Returns how many went away; *@ret_left: how many
 * would not. */
static int unmount_pass(int flags, int *ret_left)
{
	size_t size = table_read("/proc/self/mountinfo");
	int gone = 0, left = 0;
	char *line, *target;

	while ((line = table_last_line(&size))) {
		target = mountinfo_target(line);
		if (!target || is_needed(target))
			continue;
		/* Read-only first: what stays busy is clean at least. Not all file systems can. */
		if (umount2(target, flags | UMOUNT_NOFOLLOW) == 0) {
			gone++;
			continue;
		}
		left++;
		if (mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 && flags)
			log_line(LOG_ERR, "unmount %s: %s", target, error_text(errno));
	}
	*ret_left = left;
	return gone;
}

static void unmount_all(void)
{
	int left = 1;

	sync();
	swap_off();
	/* A mount may hide another one, or hold it: again as long as that helps. */
	for (int i = 0; i < UNMOUNT_PASSES && left; i++)
		if (!unmount_pass(0, &left))
			break;
	if (left)
		unmount_pass(MNT_DETACH, &left);
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		log_line(LOG_ERR, "remount / read-only: %s", error_text(errno));
	sync();
}

/* Reaps until no child is left, or @pid (if not 0) is gone, or the time is up. Returns whether it
 * came to that end. */
static bool reap_until(usec_t after, pid_t pid)
{
	usec_t end = now_usec() + after;
	struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (now_usec() < end) {
		siginfo_t si = {0};
		int r = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | __WALL);

		/* A shutdown that makes its deadlines is health, too. */
		watchdog_feed(false);

		if ((r < 0 && errno == ECHILD) || (pid && si.si_pid == pid))
			return true;
		if (r == 0 && !si.si_pid)
			sigtimedwait(&chld, NULL, &nap);
	}
	return false;
}

static void kill_all(void)
{
	static const struct {
		int signal;
		usec_t after;
	} steps[] = {{SIGTERM, TERM_USEC}, {SIGKILL, KILL_USEC}};

	/* Core would start what we stop. */
	if (st.core_pid > 0)
		kill((pid_t) st.core_pid, SIGKILL);
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (kill(-1, steps[i].signal) < 0 && errno == ESRCH)
			return;
		/* A stopped process cannot end by SIGTERM. */
		kill(-1, SIGCONT);
		if (reap_until(steps[i].after, 0))
			return;
		log_line(LOG_WARNING, "not all processes ended by signal %d", steps[i].signal);
	}
}

static void reboot_now(enum wire_shutdown how)
{
	static const unsigned commands[] = {
		[WIRE_POWEROFF] = LINUX_REBOOT_CMD_POWER_OFF,
		[WIRE_REBOOT] = LINUX_REBOOT_CMD_RESTART,
		[WIRE_HALT] = LINUX_REBOOT_CMD_HALT,
		[WIRE_KEXEC] = LINUX_REBOOT_CMD_KEXEC,
		[WIRE_EXIT_CONTAINER] = LINUX_REBOOT_CMD_POWER_OFF,
	};
	const unsigned tries[] = {commands[how], LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_HALT};

	for (size_t i = 0; i < COUNT(tries); i++) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, tries[i], NULL);
		log_line(LOG_CRIT, "reboot: %s", error_text(errno));
	}
}

void shutdown_now(enum wire_shutdown how, int status)
{
	static const char *const names[] = {"power off", "reboot", "halt", "kexec", "exit"};
	pid_t pid;

	log_line(LOG_NOTICE, "%s", names[how]);
	kill_all();
	if (st.container)
		_exit(status);
	pid = fork();
	if (pid <= 0) {
		unmount_all();
		if (pid == 0)
			_exit(0);
	} else if (!reap_until(UNMOUNT_USEC, pid)) {
		log_line(LOG_CRIT, "sync and unmount take more than %d s, giving up on them",
		         (int) (UNMOUNT_USEC / SECOND));
	}
	watchdog_feed(true);
	reboot_now(how);
	rescue_exec("reboot(2) does not work");
}
