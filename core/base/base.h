// SPDX-License-Identifier: Apache-2.0
/*
 * base - the foundation of every sysmaster program but init. It knows nothing of units.
 *
 * From the ground up:
 *	macro.h    cleanup attributes, TAKE_*, container_of, sizes
 *	diag.h     findings for people: level, file, line, text
 *	log.h      one logger: kmsg, journal or stderr; never blocks
 *	clock.h    usec_t, the three clocks, formatting of spans and stamps
 *	str.h      strings, string vectors (strv), growing buffers (strbuf)
 *	path.h     path arithmetic, no I/O
 *	fd.h       files: read whole, write whole, atomically, at
 *	list.h     intrusive list    map.h  hash map from string or pointer
 *	id128.h    128-bit ids: random, text form
 *	pidref.h   a process that cannot be mistaken for another
 *	cgroupfs.h paths and attributes of the cgroup v2 file system
 *	event.h    the event loop: fds, timers, signals, pidfds, deferred work
 *	watch.h    changes of files: one inotify instance, which outlives core
 *	json.h     cJSON with limits and types
 *	varlink.h  varlink client and server on the event loop
 *	mux.h      many streams over one byte stream (virtio-serial)
 *	conf.h     a small "Key=value" file reader for agents' own configuration
 *	sys.h      the seam over syscalls, so that a test can fail the n-th
 *
 * Conventions: functions return 0 or more on success and -errno on failure; out-parameters named
 * ret_x are set only on success; strings are NUL-terminated UTF-8 unless a size stands beside them;
 * nothing here logs above debug or exits.
 */
#pragma once

#include "base/macro.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/path.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/map.h"
#include "base/id128.h"
#include "base/pidref.h"
#include "base/cgroupfs.h"
#include "base/event.h"
#include "base/watch.h"
#include "base/json.h"
