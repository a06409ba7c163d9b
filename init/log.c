// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

static int log_fd = STDERR_FILENO;
static bool log_is_kmsg;

void log_open(void)
{
	int fd = st.container ? -1 : open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (log_is_kmsg)
		close(log_fd);
	log_is_kmsg = fd >= 0;
	log_fd = fd >= 0 ? fd : STDERR_FILENO;
}

/* Returns whether one more line fits; a storm of events must not become a storm of lines. */
static bool log_allowed(long long *ret_lost)
{
	static usec_t window;
	static long long lines, lost;
	usec_t now = now_usec();

	*ret_lost = 0;
	if (!window || now - window > LOG_WINDOW_USEC) {
		*ret_lost = lost;
		window = now;
		lines = lost = 0;
	}
	lost += ++lines > LOG_BURST;
	return lines <= LOG_BURST;
}

void log_line(int level, const char *format, ...)
{
	char buf[LOG_LINE_MAX];
	struct text t = TEXT_IN(buf);
	struct pollfd p = {.fd = log_fd, .events = POLLOUT};
	long long lost;
	va_list ap;

	if (!log_allowed(&lost))
		return;
	if (log_is_kmsg)
		text_add(&t, "<%d>", level);
	text_add(&t, "init: ");
	if (lost)
		text_add(&t, "(%lld lines lost) ", lost);
	va_start(ap, format);
	text_vadd(&t, format, ap);
	va_end(ap);
	if (t.used > sizeof(buf) - 2)
		t.used = sizeof(buf) - 2;
	text_add(&t, "\n");
	/* A pipe that nobody reads must not stop PID 1; a line that cannot be written now is
	 * dropped. */
	if (log_is_kmsg || (poll(&p, 1, 0) == 1 && p.revents & POLLOUT))
		if (write(log_fd, buf, t.used) < 0)
			return;
}
