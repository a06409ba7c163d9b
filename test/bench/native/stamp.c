// SPDX-License-Identifier: Apache-2.0
/* stamp FIFO - a service that says when it began to run: CLOCK_MONOTONIC and its pid, once; then it is idle. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "stamp.h"

int main(int argc, char **argv)
{
	struct stamp_line line = {.pid = (int) getpid()};
	struct timespec t;
	int fd;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	line.nsec = (long long) t.tv_sec * 1000000000 + t.tv_nsec;
	fd = argc == 2 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0 || write(fd, &line, sizeof(line)) != sizeof(line))
		return 1;
	for (;;)
		(void) pause();
}
