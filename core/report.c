// SPDX-License-Identifier: Apache-2.0
/* report.c - what people read while jobs finish: one line in the log, and one on the console unless
 * it is to be quiet. */
#include "core.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 512

/* The console is opened for each line: getty hangs it up, and then an old descriptor is dead. */
static void console_write(const char *text, size_t size)
{
	auto_fd int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	/* A console that is stuck loses lines; core does not wait for it. */
	if (fd >= 0 && write(fd, text, size) < 0)
		return;
}

void report_console(struct core *c, const char *tag, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int n, k;

	if (!c->show_status)
		return;
	n = snprintf(line, sizeof(line), "[%s] ", tag);
	va_start(ap, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	k = vsnprintf(line + n, sizeof(line) - (size_t) n - 3, fmt, ap);
#pragma GCC diagnostic pop
	va_end(ap);
	if (k < 0)
		return;
	n += MIN(k, (int) sizeof(line) - n - 4);
	line[n++] = '\r';
	line[n++] = '\n';
	console_write(line, (size_t) n);
}

/* clang-format off */
#define GREEN  "\033[0;1;32m  OK  \033[0m"
#define RED    "\033[0;1;31mFAILED\033[0m"
#define YELLOW "\033[0;1;33mDEPEND\033[0m"
#define AMBER  "\033[0;1;33m TIME \033[0m"
#define SKIP   "\033[0;1;39m SKIP \033[0m"

/* By type and result; what is not here is nobody's news. */
static const struct row {
	enum job_type type;
	enum job_result result;
	int level;
	const char *tag, *text;
} rows[] = {
	{ JOB_START,  JOB_DONE,        LOG_INFO,    GREEN,  "Started" },
	{ JOB_START,  JOB_FAILED,      LOG_ERR,     RED,    "Failed to start" },
	{ JOB_START,  JOB_TIMEOUT,     LOG_ERR,     AMBER,  "Timed out starting" },
	{ JOB_START,  JOB_DEPENDENCY,  LOG_ERR,     YELLOW, "Dependency failed for" },
	{ JOB_START,  JOB_ASSERT,      LOG_WARNING, RED,    "Assertion failed for" },
	{ JOB_START,  JOB_UNSUPPORTED, LOG_WARNING, RED,    "Starting is not supported for" },
	{ JOB_START,  JOB_INVALID,     LOG_ERR,     RED,    "Failed to start" },
	{ JOB_STOP,   JOB_DONE,        LOG_INFO,    GREEN,  "Stopped" },
	{ JOB_STOP,   JOB_FAILED,      LOG_WARNING, RED,    "Stopped with error" },
	{ JOB_STOP,   JOB_TIMEOUT,     LOG_ERR,     AMBER,  "Timed out stopping" },
	{ JOB_RELOAD, JOB_DONE,        LOG_INFO,    GREEN,  "Reloaded" },
	{ JOB_RELOAD, JOB_FAILED,      LOG_WARNING, RED,    "Failed to reload" },
	{ JOB_RELOAD, JOB_TIMEOUT,     LOG_WARNING, AMBER,  "Timed out reloading" },
};

/* systemd's word for what it means that a unit of this type is started. */
static const char *const started[UNIT_TYPE_MAX] = {
	[UNIT_SOCKET] = "Listening on", [UNIT_TARGET] = "Reached target", [UNIT_DEVICE] = "Found device", [UNIT_MOUNT] = "Mounted",
	[UNIT_AUTOMOUNT] = "Set up automount", [UNIT_SWAP] = "Activated swap", [UNIT_SLICE] = "Created slice",
};
static const char *const stopped[UNIT_TYPE_MAX] = {
	[UNIT_SOCKET] = "Closed", [UNIT_TARGET] = "Stopped target", [UNIT_MOUNT] = "Unmounted", [UNIT_AUTOMOUNT] = "Unset automount",
	[UNIT_SWAP] = "Deactivated swap", [UNIT_SLICE] = "Removed slice",
};
/* clang-format on */

static const char *text_of(const struct row *row, const struct unit *u)
{
	const char *special = NULL;

	if (row->result == JOB_DONE && row->type == JOB_START)
		special = started[u->ops->type];
	else if (row->result == JOB_DONE && row->type == JOB_STOP)
		special = stopped[u->ops->type];
	/* A oneshot has done its work, it does not run. */
	if (row->result == JOB_DONE && row->type == JOB_START && u->ops->type == UNIT_SERVICE &&
	    u->file->service && u->file->service->type == SERVICE_ONESHOT)
		special = "Finished";
	return special ? special : row->text;
}

void report_job(struct core *c, const struct job *j, enum job_result result)
{
	const struct unit *u = j->unit;

	if (!u->file)
		return;
	if (j->type == JOB_START && result == JOB_DONE && !u->condition_result &&
	    stamp_is_set(&u->condition_stamp) && !unit_is_active_or_activating(u)) {
		log_unit(LOG_DEBUG, u->id,
		         "%s - %s was skipped because of a condition that is not met", u->id,
		         unit_description(u));
		return;
	}
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (rows[i].type != j->type || rows[i].result != result)
			continue;
		log_unit(rows[i].level, u->id, "%s %s - %s", text_of(&rows[i], u), u->id,
		         unit_description(u));
		report_console(c, rows[i].tag, "%s %s - %s", text_of(&rows[i], u), u->id,
		               unit_description(u));
		return;
	}
}

void report_unit(struct core *c, const struct unit *u, enum unit_active_state old,
                 enum unit_active_state new)
{
	const char *result = u->ops->result ? u->ops->result(u) : NULL;

	(void) c;
	if (new == UNIT_FAILED && old != UNIT_FAILED)
		log_unit(LOG_WARNING, u->id, "%s: Failed with result '%s'", u->id,
		         result ? result : "failed");
}
