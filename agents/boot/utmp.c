// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"
#include "base/varlink.h"

#include <sys/utsname.h>
#include <paths.h>
#include <utmpx.h>

#define WTMP_FILE   "/var/log/wtmp"
#define ANSWER_USEC (10 * USEC_PER_SEC)

static int target_is_active(struct varlink_client *c, const char *target)
{
	auto_json cJSON *answer = NULL;
	cJSON *p = cJSON_CreateObject();
	const cJSON *properties;
	const char *error;
	int r;

	if (!p)
		return -ENOMEM;
	json_add_string(p, "name", target);
	r = varlink_call_sync(c, "org.sysmaster.Unit.Describe", p, ANSWER_USEC, &error, &answer);
	if (r < 0 || error)
		return r < 0 ? r : -EREMOTEIO;
	r = json_get_object(answer, "properties", &properties);
	return r < 0 ? r : streq(json_string_or(properties, "ActiveState", ""), "active");
}

/* The runlevel's digit. */
static int runlevel(void)
{
	static const struct {
		const char *target;
		char level;
	} levels[] = {
		{"graphical.target", '5'}, {"multi-user.target", '3'}, {"rescue.target", '1'}};
	auto_cleanup(varlink_client_free) struct varlink_client *c = NULL;
	int r = varlink_connect_path(NULL, "/run/sysmaster/control", &c);

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(levels); i++) {
		r = target_is_active(c, levels[i].target);
		if (r > 0)
			return levels[i].level;
	}
	return r < 0 ? r : -ENOENT;
}

int boot_utmp(enum utmp_record what)
{
	static const char *const users[] = {
		[UTMP_BOOT] = "reboot", [UTMP_SHUTDOWN] = "shutdown", [UTMP_RUNLEVEL] = "runlevel"};
	struct utmpx u = {
		.ut_type = what == UTMP_BOOT ? BOOT_TIME : RUN_LVL, .ut_id = "~~", .ut_line = "~"};
	/* The machine began that long ago; when this program came to run says nothing. */
	usec_t t = usec_sub(now(CLOCK_REALTIME), what == UTMP_BOOT ? now(CLOCK_BOOTTIME) : 0);
	struct utsname uts;
	int r = 0;

	if (what == UTMP_RUNLEVEL) {
		r = runlevel();
		if (r < 0)
			return r;
		u.ut_pid =
			r; /* the level, in the low byte; the one before it would be in the next */
	}
	if (uname(&uts) < 0)
		return -errno;
	strncpy(u.ut_user, users[what], sizeof(u.ut_user) - 1);
	strncpy(u.ut_host, uts.release, sizeof(u.ut_host) - 1);
	u.ut_tv.tv_sec = (int32_t) (t / USEC_PER_SEC);
	u.ut_tv.tv_usec = (int32_t) (t % USEC_PER_SEC);

	/* utmp is in /run and new each boot; glibc does not create it. wtmp is kept only where an
	 * administrator keeps it. */
	if (what == UTMP_BOOT) {
		auto_fd int fd = open(_PATH_UTMP, O_WRONLY | O_CREAT | O_CLOEXEC, 0664);

		if (fd < 0)
			return -errno;
	}
	setutxent();
	r = pututxline(&u) ? 0 : -errno;
	endutxent();
	if (access(WTMP_FILE, F_OK) >= 0)
		updwtmpx(WTMP_FILE, &u);
	return r;
}
