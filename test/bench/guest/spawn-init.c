// SPDX-License-Identifier: Apache-2.0
/* spawn-init - as PID 1: starts /usr/lib/bench/idle 200 times with nothing around it, the floor for
 * any service manager. */
#include <sys/wait.h>
#include <unistd.h>

#define SERVICES 200

extern char **environ;

int main(void)
{
	static const char program[] = "/usr/lib/bench/idle";

	for (int i = 0; i < SERVICES; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execve(program, (char *[]){(char *) program, NULL}, environ);
			_exit(127);
		}
	}
	for (;;)
		if (wait(NULL) < 0)
			(void) pause();
}
