// SPDX-License-Identifier: Apache-2.0
/*
 * guest-probe GOAL... - measures, inside a guest, how long an init takes to reach goals.
 *
 * The harness's initramfs starts it before the init under test, writes the moment of the init's exec (CLOCK_BOOTTIME) to
 * its standard input, and gives it the report port as fd 3. Goals are looked at in their order every few milliseconds, and
 * only the first that is not reached: put cheap ones first, so that looking costs the guest next to nothing.
 *	listen:PORT	some process listens on this TCP port
 *	comm:NAME	a process of this name runs
 *	count:NAME:N	so many processes of this name run
 *	path:PATH	this file is there, and is not empty if it is a regular one
 *
 * Settings, before the goals:
 *	every:MSEC	how often to look (20)
 *	within:SEC	give up after this (120)
 *	settle:MSEC	time between the last goal and the look at memory (1000)
 *	show:PATH	report the lines of this file at the end
 *
 * The report, a line each: "goal WORD USEC" since the exec, "all USEC", then "pss PID COMM KB EXE" for PID 1 and for every
 * process whose executable is below /usr/lib/sysmaster, "show LINE" for those of the file to show, and "end", or "timeout WORD"
 * for the goal that was not reached.
 */
#include "../../vm/util.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define REPORT_FD    3
#define USEC_PER_SEC 1000000
#define OURS         "/usr/lib/sysmaster/"

struct settings {
	unsigned every_msec, settle_msec, within_sec;
	char show[256];
};

static int64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t) ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

static ssize_t read_file(int dirfd, const char *path, char *buffer, size_t size)
{
	auto_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (used < size - 1 && (n = read(fd, buffer + used, size - 1 - used)) > 0)
		used += (size_t) n;
	buffer[used] = '\0';
	return (ssize_t) used;
}

/* A line of /proc/net/tcp: "  sl: ADDRESS:PORT REMOTE STATE ..."; state 0A is listening. */
static bool table_listens(const char *path, unsigned port)
{
	static char text[65536];
	char *save = NULL;

	if (read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned local, state;

		if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) ==
		            2 &&
		    local == port && state == 0x0a)
			return true;
	}
	return false;
}

static bool port_listens(unsigned port)
{
	return table_listens("/proc/net/tcp", port) || table_listens("/proc/net/tcp6", port);
}

/* Counts processes of a name, up to a limit; names are only read when there are that many processes
 * at all. */
static unsigned count_processes(const char *name, unsigned limit)
{
	DIR *d = opendir("/proc");
	unsigned processes = 0, found = 0;
	struct dirent *e;

	if (!d)
		return 0;
	while ((e = readdir(d)))
		processes += isdigit((unsigned char) e->d_name[0]) != 0;
	rewinddir(d);
	while (processes >= limit && found < limit && (e = readdir(d))) {
		char path[300], comm[32];

		if (!isdigit((unsigned char) e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/comm", e->d_name);
		if (read_file(dirfd(d), path, comm, sizeof(comm)) <= 0)
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		found += !strcmp(comm, name);
	}
	closedir(d);
	return found;
}

/* A file that was made and not written yet is not there. */
static bool path_is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > 0);
}

static bool goal_is_reached(const char *goal)
{
	char name[64], path[256];
	unsigned n;

	if (sscanf(goal, "listen:%u", &n) == 1)
		return port_listens(n);
	if (sscanf(goal, "count:%63[^:]:%u", name, &n) == 2)
		return count_processes(name, n) >= n;
	if (sscanf(goal, "comm:%63s", name) == 1)
		return count_processes(name, 1) >= 1;
	if (sscanf(goal, "path:%255s", path) == 1)
		return path_is_there(path);
	dprintf(REPORT_FD, "unknown %s\n", goal);
	return true;
}

static bool read_setting(struct settings *s, const char *word)
{
	return sscanf(word, "every:%u", &s->every_msec) == 1 ||
	       sscanf(word, "settle:%u", &s->settle_msec) == 1 ||
	       sscanf(word, "within:%u", &s->within_sec) == 1 ||
	       sscanf(word, "show:%255s", s->show) == 1;
}

static void report_pss(int proc_fd, const char *pid)
{
	char path[300], exe[512], comm[32], text[4096], *line;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/exe", pid);
	n = readlinkat(proc_fd, path, exe, sizeof(exe) - 1);
	if (n < 0)
		return;
	exe[n] = '\0';
	if (strcmp(pid, "1") != 0 && strncmp(exe, OURS, strlen(OURS)) != 0)
		return;
	snprintf(path, sizeof(path), "%s/comm", pid);
	if (read_file(proc_fd, path, comm, sizeof(comm)) <= 0)
		return;
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(path, sizeof(path), "%s/smaps_rollup", pid);
	if (read_file(proc_fd, path, text, sizeof(text)) > 0 && (line = strstr(text, "\nPss:")))
		dprintf(REPORT_FD, "pss %s %s %ld %s\n", pid, comm, strtol(line + 5, NULL, 10),
		        exe);
}

static void report_memory(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (isdigit((unsigned char) e->d_name[0]))
			report_pss(dirfd(d), e->d_name);
	if (d)
		closedir(d);
}

static void report_file(const char *path)
{
	static char text[16384];
	char *save = NULL;

	if (!*path || read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		dprintf(REPORT_FD, "show %s\n", line);
}

int main(int argc, char **argv)
{
	struct settings s = {.every_msec = 20, .settle_msec = 1000, .within_sec = 120};
	struct timespec exec_time;
	int64_t start, end;
	int i = 1;

	prctl(PR_SET_NAME, "vm-probe");
	while (i < argc && read_setting(&s, argv[i]))
		i++;
	if (read(STDIN_FILENO, &exec_time, sizeof(exec_time)) != sizeof(exec_time)) {
		dprintf(REPORT_FD, "no-exec\n");
		return 1;
	}
	start = (int64_t) exec_time.tv_sec * USEC_PER_SEC + exec_time.tv_nsec / 1000;
	end = start + (int64_t) s.within_sec * USEC_PER_SEC;
	while (i < argc) {
		int64_t now;

		if (goal_is_reached(argv[i])) {
			dprintf(REPORT_FD, "goal %s %lld\n", argv[i],
			        (long long) (now_usec() - start));
			i++;
			continue;
		}
		now = now_usec();
		if (now >= end) {
			dprintf(REPORT_FD, "timeout %s\n", argv[i]);
			return 1;
		}
		pause_msec(s.every_msec);
	}
	dprintf(REPORT_FD, "all %lld\n", (long long) (now_usec() - start));
	pause_msec(s.settle_msec);
	report_memory();
	report_file(s.show);
	dprintf(REPORT_FD, "end\n");
	return 0;
}
