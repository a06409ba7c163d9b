// SPDX-License-Identifier: Apache-2.0
#include "exec/child/child.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_SIZE 1024

/* The journal's native protocol; one line, so no field needs its binary form. */
static int log_journal(const struct child *c, int level, const char *text)
{
	static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
	                                           .sun_path = "/run/systemd/journal/socket"};
	char packet[LINE_MAX_SIZE + 512];
	int n, fd;

	n = snprintf(packet, sizeof(packet),
	             "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=core-exec\nUNIT=%s\n%s%s%s", text,
	             level, c->spec.unit ?: "", c->spec.invocation_id ? "INVOCATION_ID=" : "",
	             c->spec.invocation_id ?: "", c->spec.invocation_id ? "\n" : "");
	if (n < 0 || (size_t) n >= sizeof(packet))
		return -EMSGSIZE;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	n = sendto(fd, packet, (size_t) n, MSG_NOSIGNAL, (const struct sockaddr *) &journal,
	           sizeof(journal)) < 0
	            ? -errno
	            : 0;
	fd_close(fd);
	return n;
}

void child_log(const struct child *c, int level, const char *fmt, ...)
{
	char text[LINE_MAX_SIZE], line[LINE_MAX_SIZE + 64];
	va_list ap;
	int n, fd, error = errno;

	va_start(ap, fmt);
	errno = error;
	(void) vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* What came from outside must not begin a new field. */
	for (char *p = text; *p; p++)
		if ((unsigned char) *p < ' ')
			*p = ' ';
	if (log_journal(c, level, text) >= 0)
		return;
	n = snprintf(line, sizeof(line), "<%d>core-exec[%d]: %s\n", level, (int) getpid(), text);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (n > 0 && (fd < 0 || write(fd, line, (size_t) n) < 0))
		(void) !write(STDERR_FILENO, line, (size_t) n);
	fd_close(fd);
}
