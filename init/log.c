// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

static int log_fd = STDERR_FILENO;
static bool log_is_kmsg;

static usec_t clock_usec(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (usec_t) ts.tv_sec * SECOND + ts.tv_nsec / 1000;
}

usec_t now_usec(void)
{
	return clock_usec(CLOCK_MONOTONIC);
}

usec_t boottime_usec(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}

void log_open(void)
{
	int fd = st.container ? -1 : open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (log_is_kmsg)
		close(log_fd);
	log_is_kmsg = fd >= 0;
	log_fd = fd >= 0 ? fd : STDERR_FILENO;
}

void log_line(int level, const char *format, ...)
{
	static usec_t window;
	static long long lines;
	char buf[LOG_LINE_MAX];
	struct text t = TEXT_IN(buf);
	struct pollfd p = {.fd = log_fd, .events = POLLOUT};
	usec_t now = now_usec();
	long long lost = 0;
	va_list ap;

	/* A storm of events must not become a storm of lines. */
	if (!window || now - window > LOG_WINDOW_USEC) {
		lost = lines > LOG_BURST ? lines - LOG_BURST : 0;
		window = now;
		lines = 0;
	}
	if (++lines > LOG_BURST)
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
	/* A pipe that nobody reads must not stop PID 1; a line that cannot be written is dropped. */
	if (log_is_kmsg || (poll(&p, 1, 0) == 1 && p.revents & POLLOUT))
		if (write(log_fd, buf, t.used) < 0)
			return;
}
