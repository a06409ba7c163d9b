// SPDX-License-Identifier: Apache-2.0
/*
 * cost FILE NAME COMMAND... - runs COMMAND and appends what it took to FILE, a line:
 *	NAME WALL-USEC CPU-USEC PEAK-KB STATUS
 *
 * CPU is that of the command and of all that it waited for; the peak is the resident memory of the largest single one of
 * them. Ends with COMMAND's status, so that it can stand in a unit's ExecStart=.
 */
#include "../../vm/util.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

static long long usec_of(struct timeval t)
{
	return (long long) t.tv_sec * 1000000 + t.tv_usec;
}

static long long now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	long long began = now_usec();
	struct rusage u;
	int status, fd, r;
	pid_t pid;

	if (argc < 4) {
		fprintf(stderr, "usage: cost FILE NAME COMMAND...\n");
		return 2;
	}
	r = posix_spawnp(&pid, argv[3], NULL, NULL, argv + 3, environ);
	if (r != 0) {
		fprintf(stderr, "cost: %s: %s\n", argv[3], strerror(r));
		return 127;
	}
	while (wait4(pid, &status, 0, &u) < 0)
		if (errno != EINTR)
			return 126;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%s %lld %lld %ld %d\n", argv[2], now_usec() - began,
	                      usec_of(u.ru_utime) + usec_of(u.ru_stime), u.ru_maxrss, status) < 0)
		fprintf(stderr, "cost: %s: %s\n", argv[1], strerror(errno));
	return status;
}
