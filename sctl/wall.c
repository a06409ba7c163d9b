// SPDX-License-Identifier: Apache-2.0
#include "sctl/power.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include <utmpx.h>

/* Without waiting: who does not read his terminal misses it. */
static void write_to(const char *line, const char *text)
{
	auto_free char *path = str_printf("/dev/%s", line);
	auto_fd int fd = path && !strstr(line, "..")
	                         ? open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
	                         : -1;

	if (fd >= 0 && isatty(fd) && write(fd, text, strlen(text)) < 0)
		log_debug_errno(errno, "%s: %m", path);
}

void wall(const char *text)
{
	const struct passwd *pw = getpwuid(getuid());
	char host[256] = "", date[64] = "";
	time_t t = time(NULL);
	struct tm tm;
	auto_free char *all = NULL;
	const struct utmpx *u;

	(void) gethostname(host, sizeof(host) - 1);
	if (localtime_r(&t, &tm))
		(void) strftime(date, sizeof(date), "%a %F %T %Z", &tm);
	all = str_printf("\r\n\aBroadcast message from %s@%s (%s):\r\n\r\n%s\r\n\r\n",
	                 pw ? pw->pw_name : "root", host, date, text);
	if (!all)
		return;
	setutxent();
	while ((u = getutxent()))
		if (u->ut_type == USER_PROCESS && u->ut_line[0]) {
			auto_free char *line = strndup(u->ut_line, sizeof(u->ut_line));

			if (line)
				write_to(line, all);
		}
	endutxent();
}
