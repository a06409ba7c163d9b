// SPDX-License-Identifier: Apache-2.0
/*
 * box.h - the layout of the black box. Written by one core with plain stores, read by the next, which may be of another
 * version: a box with another BOX_VERSION or size is not read, and a report then says only what init knows. The reader
 * believes no number and no text in it.
 */
#pragma once

#include "crash/crash.h"
#include "init/wire.h"

#define BOX_MAGIC       0x786f426bU
#define BOX_VERSION     1
#define BOX_LINES       32
#define BOX_LINE_MAX    176
#define BOX_FRAMES      CRASH_FRAMES_MAX
#define BOX_MODULES     12
#define BOX_NAME_MAX    32
#define BOX_BUILD_ID    20
#define BOX_VERSION_MAX 64

struct box_line {
	uint32_t number; /* running, from 1; 0: being written. Slot is number % BOX_LINES */
	uint32_t level;
	char text[BOX_LINE_MAX];
};

struct box_module {
	uint64_t begin, end; /* addresses in the process */
	char name[BOX_NAME_MAX];
	uint8_t build_id[BOX_BUILD_ID];
	uint32_t build_id_size;
};

struct box_fault {
	int32_t signal, code, sender, n_frames;
	uint64_t address, realtime_usec;
	uint64_t frames[BOX_FRAMES];
};

struct box {
	uint32_t magic, version, size, in_use;
	int32_t pid;
	uint32_t n_modules;
	uint64_t realtime_usec, monotonic_usec; /* when this core began */
	uint64_t n_units, n_jobs;
	uint64_t source_since; /* monotonic usec; 0: it waits for events */
	char source[BOX_NAME_MAX];
	char program_version[BOX_VERSION_MAX];
	struct box_fault fault;
	struct box_module modules[BOX_MODULES];
	uint32_t last_line, unused;
	struct box_line lines[BOX_LINES];
};

static_assert(sizeof(struct box) <= WIRE_BOX_BYTES, "the black box fits the room that init made");

/* The running core's own box; never NULL after box_open(). */
extern struct box *box;

/* Maps @fd's part of it, or makes one that dies with us. The report of what was in it goes to @ret. */
void box_open(int fd, const char *version, struct crash_report **ret);
/* Pure: what a box of @size bytes says; NULL if it is none. */
struct crash_report *box_read(const struct box *b, size_t size);
