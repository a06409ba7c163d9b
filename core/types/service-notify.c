// SPDX-License-Identifier: Apache-2.0
/* What a service says by sd_notify(3), one row a key, and the watchdog. */
#include "types/service.h"

#include "base/fault.h"

#define STATUS_TEXT_MAX 1024

/* ---- watchdog ---- */

int service_on_watchdog(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct service *s = userdata;

	s->watchdog.at = 0;
	if (s->unit.manager->no_service_watchdogs) {
		service_watchdog_arm(s);
		return 0;
	}
	(void) service_event(s, SERVICE_EVENT_WATCHDOG, RESULT_WATCHDOG);
	return 0;
}

void service_watchdog_arm(struct service *s)
{
	usec_t span = service_watchdog_usec(s);
	int r;

	s->watchdog_last_usec = now(CLOCK_BOOTTIME);
	r = deadline_set(&s->watchdog, &s->unit,
	                 span == USEC_INFINITY ? 0 : usec_add(s->watchdog_last_usec, span),
	                 service_on_watchdog);
	if (r < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, r, "Cannot arm the watchdog: %m");
}

/* ---- who may speak ---- */

static bool sender_may(const struct service *s, pid_t pid)
{
	bool main = service_has_main(s) && s->main_pid.pid == pid,
	     control = service_has_control(s) && s->control_pid.pid == pid;

	switch (service_notify_access(s)) {
	case NOTIFY_ALL:
		return true;
	case NOTIFY_EXEC:
		return main || control;
	case NOTIFY_MAIN:
		/* Type=notify with a main process that only tells its pid by this very message
		 * comes as a fork of the control one. */
		return main;
	case NOTIFY_NONE:
	default:
		return false;
	}
}

/* ---- one function a key ---- */

static bool is_up(const struct service *s)
{
	enum unit_active_state a = service_state_active(s->state);

	return s->state == SERVICE_START || s->state == SERVICE_START_POST || a == UNIT_ACTIVE ||
	       a == UNIT_RELOADING;
}

static void on_main_pid(struct service *s, const struct unit_message *m, const char *value)
{
	auto_free char *cgroup = NULL;
	struct pidref p;
	pid_t pid;
	int r;

	if (!is_up(s) || str_to_pid(value, &pid) < 0 || pid <= 1 || pid == getpid()) {
		log_unit(LOG_WARNING, s->unit.id, "Ignored MAINPID=%s", value);
		return;
	}
	if (s->main_pid_known && s->main_pid.pid == pid)
		return;
	r = pidref_open(pid, &p);
	if (r < 0) {
		log_unit_errno(LOG_WARNING, s->unit.id, r, "Ignored MAINPID=%s: %m", value);
		return;
	}
	r = cgroupfs_of_pid(pid, &cgroup);
	if (m->uid != 0 && (r < 0 || !s->unit.cgroup || !path_below(cgroup, s->unit.cgroup))) {
		log_unit(LOG_WARNING, s->unit.id,
		         "Ignored MAINPID=%s: it is not a process of the service", value);
		pidref_done(&p);
		return;
	}
	(void) service_set_main_pid(s, &p);
}

static void on_status(struct service *s, _unused_ const struct unit_message *m, const char *value)
{
	size_t n = strnlen(value, STATUS_TEXT_MAX + 1);

	if (n > STATUS_TEXT_MAX || !utf8_is_valid(value, n)) {
		log_unit(LOG_WARNING, s->unit.id,
		         "Ignored a STATUS= that is too long or not UTF-8");
		return;
	}
	(void) str_set(&s->status_text, *value ? value : NULL);
}

static void on_errno(struct service *s, _unused_ const struct unit_message *m, const char *value)
{
	int32_t e;

	if (str_to_i32(value, &e) >= 0 && e >= 0)
		s->status_errno = e;
}

static void on_bus_error(struct service *s, _unused_ const struct unit_message *m,
                         const char *value)
{
	if (strlen(value) <= 255 && utf8_is_valid(value, strlen(value)))
		(void) str_set(&s->bus_error, value);
}

static void on_extend_timeout(struct service *s, _unused_ const struct unit_message *m,
                              const char *value)
{
	uint64_t usec;
	usec_t at;

	if (str_to_u64(value, 10, &usec) < 0 || usec == 0 || usec > USEC_PER_YEAR)
		return;
	/* Only ever later, and only a deadline that is there. */
	at = usec_add(now(CLOCK_BOOTTIME), usec);
	if (deadline_is_set(&s->deadline) && at > s->deadline.at)
		(void) deadline_set(&s->deadline, &s->unit, at, service_on_deadline);
}

static void on_watchdog_usec(struct service *s, _unused_ const struct unit_message *m,
                             const char *value)
{
	uint64_t usec;

	if (str_to_u64(value, 10, &usec) < 0)
		return;
	/* 0 or the largest value turn it off. */
	s->watchdog_override_usec = usec == 0 ? USEC_INFINITY : usec;
	if (is_up(s))
		service_watchdog_arm(s);
}

static void on_watchdog(struct service *s, _unused_ const struct unit_message *m, const char *value)
{
	if (streq(value, "trigger"))
		(void) service_event(s, SERVICE_EVENT_WATCHDOG, RESULT_WATCHDOG);
	else if (streq(value, "1") && is_up(s))
		service_watchdog_arm(s);
}

static void on_notify_access(struct service *s, _unused_ const struct unit_message *m,
                             const char *value)
{
	static const char *const names[] = {[NOTIFY_NONE] = "none",
	                                    [NOTIFY_ALL] = "all",
	                                    [NOTIFY_EXEC] = "exec",
	                                    [NOTIFY_MAIN] = "main"};
	int a = ENUM_FROM_STRING(names, value);

	if (a >= 0)
		s->notify_access_override = a;
}

static const struct {
	const char *key;
	void (*fn)(struct service *s, const struct unit_message *m, const char *value);
} keys[] = {
	/* MAINPID= first: what follows in the same message is about that process. */
	{"MAINPID", on_main_pid},
	{"NOTIFYACCESS", on_notify_access},
	{"STATUS", on_status},
	{"ERRNO", on_errno},
	{"BUSERROR", on_bus_error},
	{"WATCHDOG_USEC", on_watchdog_usec},
	{"EXTEND_TIMEOUT_USEC", on_extend_timeout},
	{"WATCHDOG", on_watchdog},
};

/* ---- READY=, RELOADING=, STOPPING=: the last one of a message counts ---- */

static void on_ready(struct service *s)
{
	enum service_type t = service_settings(s)->type;

	s->notify_state = NOTIFY_STATE_READY;
	if (s->state == SERVICE_START && (t == SERVICE_NOTIFY || t == SERVICE_NOTIFY_RELOAD))
		service_enter_start_post(s);
	else if (s->state == SERVICE_RELOAD_NOTIFY)
		service_enter_running(s, RESULT_SUCCESS);
}

static void on_stopping(struct service *s)
{
	s->notify_state = NOTIFY_STATE_STOPPING;
	if (s->state == SERVICE_RUNNING || s->state == SERVICE_RELOAD_SIGNAL ||
	    s->state == SERVICE_RELOAD_NOTIFY)
		service_enter_stop_by_notify(s);
}

static void on_reloading(struct service *s, char *const *tags)
{
	const char *text = env_get(tags, "MONOTONIC_USEC");
	uint64_t usec = UINT64_MAX;

	if (text && str_to_u64(text, 10, &usec) < 0)
		return;
	/* An answer to an earlier signal does not count for this one. */
	if (s->state == SERVICE_RELOAD_SIGNAL && (!text || usec < s->reload_begin_usec))
		return;
	s->notify_state = NOTIFY_STATE_RELOADING;
	if (s->state == SERVICE_RUNNING || s->state == SERVICE_RELOAD_SIGNAL)
		service_enter_reload_notify(s);
}

static void on_state_tags(struct service *s, char *const *tags)
{
	const char *last = NULL;

	STRV_FOREACH (t, tags)
		if (streq(*t, "READY=1") || streq(*t, "STOPPING=1") || streq(*t, "RELOADING=1"))
			last = *t;
	if (!last)
		return;
	if (streq(last, "STOPPING=1")) {
		on_stopping(s);
		return;
	}
	/* Both in one message: a reload that is over already. */
	if (strv_contains(tags, "RELOADING=1"))
		on_reloading(s, tags);
	if (streq(last, "READY=1"))
		on_ready(s);
}

/* ---- the fd store ---- */

static void on_fds(struct service *s, struct unit_message *m)
{
	const char *name = env_get(m->tags, "FDNAME"), *poll = env_get(m->tags, "FDPOLL");
	int r;

	if (name && !fd_name_is_valid(name)) {
		log_unit(LOG_WARNING, s->unit.id, "Ignored an invalid FDNAME=");
		name = NULL;
	}
	if (strv_contains(m->tags, "FDSTOREREMOVE=1")) {
		if (name)
			service_drop_fds(s, name);
	} else if (strv_contains(m->tags, "FDSTORE=1")) {
		for (size_t i = 0; i < m->n_fds; i++) {
			r = service_store_fd(s, TAKE_FD(m->fds[i]), name ? name : "stored",
			                     !poll || !streq(poll, "0"));
			if (r < 0)
				log_unit_errno(LOG_WARNING, s->unit.id, r,
				               "Cannot store a file descriptor: %m");
		}
	}
}

/*
 * The message is out of the socket: what it said must be stored before anybody can see it, or a
 * core that dies now would wait for READY=1 for ever. A ping alone changes nothing that is saved: a
 * restarted core gives the service a whole interval again.
 */
static void save_after(struct unit *u, char *const *tags)
{
	static const char *const weighty[] = {"READY",   "STOPPING",      "RELOADING",   "MAINPID",
	                                      "FDSTORE", "FDSTOREREMOVE", "NOTIFYACCESS"};

	for (size_t i = 0; i < ELEMENTSOF(weighty); i++)
		if (env_get(tags, weighty[i])) {
			unit_save(u);
			return;
		}
	if (strv_length(tags) != 1 || !streq(tags[0], "WATCHDOG=1"))
		unit_save_soon(u);
}

void service_on_message(struct unit *u, struct unit_message *m)
{
	struct service *s = SERVICE(u);

	service_settle_spawn(s);
	if (!sender_may(s, m->pid)) {
		log_unit(LOG_DEBUG, u->id,
		         "Ignored a notification of process %d, which may not send any", m->pid);
		return;
	}
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		const char *value = env_get(m->tags, keys[i].key);

		if (value)
			keys[i].fn(s, m, value);
	}
	on_fds(s, m);
	on_state_tags(s, m->tags);
	FAULT_POINT("service.message.before-save");
	save_after(u, m->tags);
	FAULT_POINT("service.message.saved");
}
