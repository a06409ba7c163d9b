// SPDX-License-Identifier: Apache-2.0
/*
 * log.h - one line for one event. Sinks never block; what cannot be written is counted and said
 * later.
 *
 * AUTO picks: the journal's datagram socket (/run/systemd/journal/socket) once it exists, before
 * that /dev/kmsg, stderr when it is a terminal or nothing else works. Messages begin with a capital
 * letter, quote the object, end without a period.
 */
#pragma once

#include "base/macro.h"

#include <syslog.h>

enum log_target {
	LOG_TARGET_AUTO,
	LOG_TARGET_KMSG,
	LOG_TARGET_JOURNAL,
	LOG_TARGET_STDERR,
	LOG_TARGET_NULL
};

/* @ident is the SYSLOG_IDENTIFIER and prefix; kept by reference. */
void log_setup(const char *ident, enum log_target target, int max_level);
void log_set_level(int max_level);
/* Gets each line that is logged, too, before it goes to a sink (core keeps the last ones for a report of its death). It must not
 * log. */
void log_set_tap(void (*fn)(int level, const char *text, size_t size));
int log_get_level(void);
enum log_target log_get_target(void);

/**
 * log_full - logs one line
 * @level: LOG_DEBUG..LOG_EMERG of syslog(3)
 * @error: negative or positive errno behind the message, 0 for none; "%m" in @fmt shows it
 * @unit:  name of the unit that it is about, may be NULL (field UNIT=)
 *
 * Returns -abs(@error), so that callers can write "return log_error_errno(r, ...)".
 */
int log_full(int level, int error, const char *unit, const char *file, int line, const char *fmt,
             ...) _printf_(6, 7);

#define log_at(level, ...) log_full(level, 0, NULL, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...)     log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)      log_at(LOG_INFO, __VA_ARGS__)
#define log_notice(...)    log_at(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...)   log_at(LOG_WARNING, __VA_ARGS__)
#define log_error(...)     log_at(LOG_ERR, __VA_ARGS__)
#define log_debug_errno(error, ...)                                                                \
	log_full(LOG_DEBUG, error, NULL, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning_errno(error, ...)                                                              \
	log_full(LOG_WARNING, error, NULL, __FILE__, __LINE__, __VA_ARGS__)
#define log_error_errno(error, ...) log_full(LOG_ERR, error, NULL, __FILE__, __LINE__, __VA_ARGS__)
#define log_unit(level, unit, ...)  log_full(level, 0, unit, __FILE__, __LINE__, __VA_ARGS__)
#define log_unit_errno(level, unit, error, ...)                                                    \
	log_full(level, error, unit, __FILE__, __LINE__, __VA_ARGS__)
