// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

#include <sys/utsname.h>
#include <paths.h>
#include <utmpx.h>

#define WTMP_FILE "/var/log/wtmp"

int boot_utmp(bool shutdown)
{
	struct utmpx u = {.ut_type = shutdown ? RUN_LVL : BOOT_TIME, .ut_id = "~~", .ut_line = "~"};
	/* The machine began that long ago; when this program came to run says nothing. */
	usec_t t =
		shutdown ? now(CLOCK_REALTIME) : usec_sub(now(CLOCK_REALTIME), now(CLOCK_BOOTTIME));
	struct utsname uts;
	int r = 0;

	if (uname(&uts) < 0)
		return -errno;
	strncpy(u.ut_user, shutdown ? "shutdown" : "reboot", sizeof(u.ut_user) - 1);
	strncpy(u.ut_host, uts.release, sizeof(u.ut_host) - 1);
	u.ut_tv.tv_sec = (int32_t) (t / USEC_PER_SEC);
	u.ut_tv.tv_usec = (int32_t) (t % USEC_PER_SEC);

	/* utmp is in /run and new each boot; glibc does not create it. wtmp is kept only where an
	 * administrator keeps it. */
	if (!shutdown) {
		auto_fd int fd = open(_PATH_UTMP, O_WRONLY | O_CREAT | O_CLOEXEC, 0664);

		if (fd < 0)
			r = -errno;
	}
	setutxent();
	if (r == 0 && !pututxline(&u))
		r = -errno;
	endutxent();
	if (access(WTMP_FILE, F_OK) >= 0)
		updwtmpx(WTMP_FILE, &u);
	return r;
}
