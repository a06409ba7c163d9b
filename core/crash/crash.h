// SPDX-License-Identifier: Apache-2.0
/*
 * crash - what is left of a program that died: core, init, or an agent under core.
 *
 *	box.h, box.c   the black box: a part of the memfd that init holds for core (init/wire.h). Core keeps its last
 *	               log lines, what it is doing and some counts there, with plain stores; a fault adds signal, address
 *	               and return addresses. It outlives SIGKILL, and the next core finds it at its first instruction.
 *	handler.c      the signal handler: no allocation, no lock, no stdio; on a stack of its own
 *	frames.c       who called whom, by frame pointers, for the handler
 *	report.c       struct crash_report to text and back; pure, has a fuzzer
 *	store.c        report files: /run/sysmaster/crash at once, /var/lib/sysmaster/crashes when the disk can be written
 *	symbols.c      names for addresses, out of the program's own file if it has a symbol table
 *
 * Flow: core dies -> the next core: crash_setup() takes the box of the one before -> WELCOME says how it ended -> a file in
 * /run -> "core --keep-crashes", a process with a deadline (a disk may hang), gives names to addresses, moves the files to the
 * disk and drops the oldest above the bound.
 *
 * A report is a record (engine/record.h): text, one key a line, unknown keys are ignored. Numbers and sizes are bounded
 * whoever wrote them.
 */
#pragma once

#include "base/base.h"

#include <ucontext.h>

#define CRASH_RUN_DIRECTORY  "/run/sysmaster/crash"
#define CRASH_KEPT_DIRECTORY "/var/lib/sysmaster/crashes"
#define CRASH_KEPT_MAX       32 /* reports on disk, and */
#define CRASH_RUN_MAX        8  /* in /run, which is memory */
#define CRASH_FRAMES_MAX     32
#define CRASH_LINES_MAX      64
#define CRASH_REPORT_MAX     (256 * 1024) /* bytes of a file that is read */

struct crash_report {
	char *id;      /* its file's name: time and program */
	char *program; /* core, init, sysmaster-fleet */
	char *version, *build_id;
	char *cause; /* in init's words, or the service's: "killed 9", "hang", "not ready in 10 s" */
	char *unit;  /* of an agent */
	char *source; /* of core's event loop: what it was doing; NULL: waiting */
	char **frames; /* "core+0x1234", innermost first; " (name+0x12)" behind it when the name is known */
	char **log;       /* its last lines, oldest first */
	int signal, code; /* 0: not by a fault that it saw itself */
	uint64_t address;
	pid_t pid, sender; /* sender of a signal that was sent */
	usec_t time_usec;  /* realtime: of the fault, or when it was found */
	usec_t uptime_usec, busy_usec;
	uint64_t n_units, n_jobs, restarts;
};

struct crash_report *crash_report_free(struct crash_report *c);
DEFINE_CLEANUP(struct crash_report *, crash_report_free)

/* ---- report.c ---- */
int crash_report_encode(const struct crash_report *c, char **ret);
/* -EBADMSG: no report. Missing keys are empty, too many frames and lines are left out. */
int crash_report_decode(const char *text, size_t size, struct crash_report **ret);
/* One line for people: "core 1.2 died: SIGSEGV at 0x0 in core+0x1234, while in \"control\"" */
char *crash_report_summary(const struct crash_report *c);
/* What people and terminals see must be plain: control characters and what is not UTF-8 become '?'. NULL is allowed. */
void crash_text_clean(char *text);
/* time and program make the name; also checked before a name from outside is used. */
int crash_report_name(struct crash_report *c);
bool crash_name_is_valid(const char *id);

/* ---- store.c ---- */
/* NULL: CRASH_KEPT_DIRECTORY, or $SYSMASTER_CRASH_DIRECTORY. For tests both can be elsewhere. */
struct crash_places {
	const char *run, *kept;
};
struct crash_places crash_places(void);
/* Writes (or writes again) the file in /run; drops the oldest there above CRASH_RUN_MAX. */
int crash_store_put(const struct crash_places *p, const struct crash_report *c);
/* Names in both places, newest first. */
int crash_store_list(const struct crash_places *p, char ***ret);
int crash_store_read(const struct crash_places *p, const char *id, struct crash_report **ret);
/* Gives names to addresses, moves to the disk, drops what is too much. May block. The number that was moved, or -errno
 * (-EROFS, -ENOSPC: they stay in /run). @version: ours, for the names. */
int crash_store_keep(const struct crash_places *p, const char *version);

/* ---- symbols.c ---- */
struct symbols;
int symbols_open(const char *path,
                 struct symbols **ret); /* -ENOENT also for a file without a table */
struct symbols *symbols_free(struct symbols *s);
DEFINE_CLEANUP(struct symbols *, symbols_free)
/* "name+0x12" for an offset from the file's first byte in memory; -ENOENT */
int symbols_name(const struct symbols *s, uint64_t offset, char **ret);
const char *symbols_build_id(const struct symbols *s); /* hex, "" if it has none */
/* For core and init of @version, which is ours: by the files that lie beside each other. */
void crash_report_resolve(struct crash_report *c, const char *version);

/* ---- frames.c ---- */
/* Where @context was, then the return addresses in core's own code, innermost first. Their number, at most @max. Safe in a
 * signal handler, whatever the stack looks like. */
int crash_frames(const ucontext_t *context, uintptr_t *ret_frames, int max);

/* ---- handler.c, box.c ---- */
/**
 * crash_setup - takes over the black box and catches faults
 * @version: of this program
 * @ret:     what the core before left; NULL if nothing, or no box came from init
 *
 * Call it first. Without a box (an older init) faults are still told to the kernel's log.
 */
void crash_setup(const char *version, struct crash_report **ret);
/* Core has understood why it was started: nothing to report of an ordered replacement. */
void crash_note_counts(uint64_t n_units, uint64_t n_jobs);
void crash_note_source(const char *name, usec_t monotonic); /* NULL: it waits */
