// SPDX-License-Identifier: Apache-2.0
/* Results of units and exits of processes: names and classification. Pure but for the clock. */
#include "types/common.h"

#include <stdio.h>
#include <sys/wait.h>

static const char *const result_table[] = {
#define X(id, name) [RESULT_##id] = name,
	RESULTS(X)
#undef X
};
static_assert(ELEMENTSOF(result_table) == RESULT_MAX, "every result has a name");

const char *result_to_string(enum result r)
{
	return ENUM_TO_STRING(result_table, r);
}

enum result result_from_string(const char *s)
{
	int r = s ? ENUM_FROM_STRING(result_table, s) : -EINVAL;

	return r < 0 ? RESULT_INVALID : (enum result) r;
}

const char *exit_code_to_string(int code)
{
	switch (code) {
	case CLD_EXITED:
		return "exited";
	case CLD_KILLED:
		return "killed";
	case CLD_DUMPED:
		return "dumped";
	default:
		return NULL;
	}
}

const char *exit_status_text(int code, int status, char *buf, size_t size)
{
	const char *name = code == CLD_EXITED ? NULL : signal_to_string(status);

	/* systemd.exec(5): EXIT_STATUS= holds signals without their SIG. */
	if (name)
		snprintf(buf, size, "%s", str_after(name, "SIG") ? str_after(name, "SIG") : name);
	else
		snprintf(buf, size, "%d", status);
	return buf;
}

void process_status_begin(struct process_status *s, pid_t pid)
{
	*s = (struct process_status){.pid = pid, .start = stamp_now()};
}

void process_status_end(struct process_status *s, const struct process_exit *e)
{
	s->pid = e->pid;
	s->code = e->code;
	s->status = e->status;
	s->exit = stamp_now();
}

static const char *prefixed(char *buf, size_t size, const char *prefix, const char *key)
{
	snprintf(buf, size, "%s-%s", prefix, key);
	return buf;
}

void process_status_save(const struct process_status *s, const char *prefix, struct strbuf *b)
{
	char key[64];

	if (s->pid <= 0)
		return;
	record_add_i64(b, prefixed(key, sizeof(key), prefix, "status-pid"), s->pid);
	record_add_stamp(b, prefixed(key, sizeof(key), prefix, "start"), &s->start);
	if (!stamp_is_set(&s->exit))
		return;
	record_add_i64(b, prefixed(key, sizeof(key), prefix, "code"), s->code);
	record_add_i64(b, prefixed(key, sizeof(key), prefix, "exit-status"), s->status);
	record_add_stamp(b, prefixed(key, sizeof(key), prefix, "exit"), &s->exit);
}

void process_status_restore(struct process_status *s, const char *prefix, const struct record *r)
{
	char key[64];

	s->pid = (pid_t) record_get_i64(r, prefixed(key, sizeof(key), prefix, "status-pid"), 0);
	s->code = (int) record_get_i64(r, prefixed(key, sizeof(key), prefix, "code"), 0);
	s->status = (int) record_get_i64(r, prefixed(key, sizeof(key), prefix, "exit-status"), 0);
	record_get_stamp(r, prefixed(key, sizeof(key), prefix, "start"), &s->start);
	record_get_stamp(r, prefixed(key, sizeof(key), prefix, "exit"), &s->exit);
}

bool exit_status_set_has(const struct exit_status_set *set, int code, int status)
{
	if (!set || status < 0)
		return false;
	if (code == CLD_EXITED)
		return status < 256 && (set->statuses[status / 64] >> (status % 64)) & 1;
	return status < 64 && (set->signals >> status) & 1;
}

enum result result_of_exit(const struct process_exit *e, enum exit_clean clean,
                           const struct exit_status_set *success)
{
	/* systemd.service(5), SuccessExitStatus=: these four signals are clean for a daemon. */
	static const uint64_t polite = UINT64_C(1) << SIGHUP | UINT64_C(1) << SIGINT |
	                               UINT64_C(1) << SIGTERM | UINT64_C(1) << SIGPIPE;

	if (exit_status_set_has(success, e->code, e->status))
		return RESULT_SUCCESS;
	switch (e->code) {
	case CLD_EXITED:
		return e->status == 0 ? RESULT_SUCCESS : RESULT_EXIT_CODE;
	case CLD_KILLED:
		if (clean == EXIT_CLEAN_DAEMON && e->status > 0 && e->status < 64 &&
		    (polite >> e->status) & 1)
			return RESULT_SUCCESS;
		return RESULT_SIGNAL;
	case CLD_DUMPED:
		return RESULT_CORE_DUMP;
	default:
		return RESULT_SIGNAL;
	}
}

bool pidref_is_exit(const struct pidref *p, const struct process_exit *e)
{
	return pidref_is_set(p) && p->pid == e->pid &&
	       (p->start_time == 0 || e->start_time == 0 || p->start_time == e->start_time);
}
