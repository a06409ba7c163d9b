// SPDX-License-Identifier: Apache-2.0
#include "init/stage/stage.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

extern char **environ;

/* @argv: why, and the program that was chosen for this, or "". Like sulogin(8), which an image may
 * install as the second one. */
int stage_rescue(char **argv)
{
	const char *programs[] = {argv[0] ? argv[1] : NULL, "/usr/lib/sysmaster/rescue", "/bin/sh"};
	int console = open("/dev/console", O_RDWR | O_NOCTTY);

	for (int i = 0; console >= 0 && i < 3; i++)
		dup2(console, i);
	if (getpid() == 1) {
		log_open();
		log_line(LOG_EMERG, "cannot go on (%s); executing a rescue program as PID 1",
		         argv[0]);
	}
	child_reset();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	for (size_t i = 0; i < COUNT(programs); i++) {
		char *const program[] = {(char *) (uintptr_t) programs[i], NULL};

		if (programs[i] && *programs[i])
			execve(programs[i], program, environ);
	}
	log_line(LOG_EMERG, "no rescue program could be executed: %s", error_text(errno));
	if (getpid() != 1)
		return 1;
	/* Alive and reaping (the kernel does it for us) is better than a panic. */
	signal(SIGCHLD, SIG_IGN);
	for (;;)
		pause();
}
