// SPDX-License-Identifier: Apache-2.0
/*
 * wire.h - what init (PID 1) and core say to each other.
 *
 * One SOCK_SEQPACKET pair, made by init, inherited by core as fd WIRE_FD; it has no name in the file system. Beside it core
 * inherits WIRE_PAGE_FD, a memfd of one page that both map: the heartbeat. One message is one packet: struct wire_message,
 * then up to WIRE_TEXT_MAX bytes of text; file descriptors ride along as SCM_RIGHTS. All integers are in host order: both
 * ends are always on one machine, and WIRE_VERSION names the layout. Each side must ignore message types that it does not
 * know, and a newer minor layout may only append to the text.
 *
 * The flow, in order:
 *	core -> init  HELLO      who I am (text: version string; value: bits of enum wire_hello)
 *	init -> core  WELCOME    why you were started; text "key=value\n..." (see below)
 *	core -> init  VAULT_LIST
 *	init -> core  VAULT_ITEM (text: name, one fd) ... VAULT_END
 *	core -> init  READY      I have taken over; exits may come
 *	init -> core  EXIT       one per process that init reaped, numbered; kept by init until
 *	core -> init  EXIT_ACK   (value: the highest number that is safely stored)
 *	core -> init  VAULT_PUT  (text: name, one fd; an item of that name is replaced), VAULT_DROP (text: name)
 *	init -> core  PING       core answers PONG with the same value
 *	init -> core  SIGNAL     a power signal that PID 1 got (value: signal number); kept by init until
 *	core -> init  SIGNAL_ACK (value: the same): what it orders is safely stored
 *	core -> init  UPGRADE_CORE, UPGRADE_INIT  (one fd: the new binary, O_PATH or readable; text: path for messages)
 *	core -> init  SWITCH_ROOT (text: "DIR" or "DIR INIT": leave an initramfs for what is mounted at DIR)
 *	core -> init  SHUTDOWN   (value: enum wire_shutdown; status: exit status in a container)
 *	init -> core  REPLY      to any request with a non-zero serial: value is 0 or a negative errno, text says why
 *
 * All services are children of init: core starts them with CLONE_PARENT. So their exits take one road, whether core lives,
 * died, or is being replaced, and an exit status that core has not stored yet is still in init's hands (or the zombie's).
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION         1
#define WIRE_FD              3
#define WIRE_PAGE_FD         4
#define WIRE_TEXT_MAX        1024
#define WIRE_FDS_MAX         1
#define WIRE_VAULT_NAME_MAX  255
#define WIRE_VAULT_ITEMS_MAX 4096

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_WELCOME = 2,
	WIRE_READY = 3,
	WIRE_PING = 4,
	WIRE_PONG = 5,
	WIRE_EXIT = 6,
	WIRE_EXIT_ACK = 7,
	WIRE_VAULT_PUT = 8,
	WIRE_VAULT_DROP = 9,
	WIRE_VAULT_LIST = 10,
	WIRE_VAULT_ITEM = 11,
	WIRE_VAULT_END = 12,
	WIRE_UPGRADE_CORE = 13,
	WIRE_UPGRADE_INIT = 14,
	WIRE_SHUTDOWN = 15,
	WIRE_SIGNAL = 16,
	WIRE_REPLY = 17,
	WIRE_SWITCH_ROOT = 18,
	/* Asks init for its own facts: REPLY with text "key=value\n..." as in WELCOME. */
	WIRE_STATUS = 19,
	/* An operator's order to try again after the restart budget is used up or a version was put aside. */
	WIRE_RETRY = 20,
	/* init -> core, once: PID 1 had a fault and has executed itself again. Text "key=value\n...", see below. */
	WIRE_FAULT = 21,
	WIRE_SIGNAL_ACK = 22,
};

/* What a core can do that one of an earlier version cannot. */
enum wire_hello {
	WIRE_HELLO_SIGNAL_ACK = 1, /* acknowledges signals */
};

/*
 * Text of WELCOME and of the answer to STATUS, one "key=value" a line; unknown keys are ignored:
 *	version   of init				started   boottime usec at which init was exec'd by the kernel
 *	reason    boot | crash | hang | upgrade | rollback | safe-mode: why this core was started
 *	died      how the core before it ended: "exited 1", "killed 9", "hang", "rollback: not ready in 10 s"; empty at boot
 *	restarts  of core so far, upgrades not counted	init-upgrades, core-upgrades: how many succeeded
 *	container 1 when init must not mount or reboot	mode: normal | safe | exhausted
 *	last-upgrade  the outcome of the newest upgrade, in words, for the operator
 *	exits-last  the number of the last exit that was recorded; exits-waiting: how many of them are not acknowledged
 *
 * Text of FAULT: version (of the init that had it), signal, code, sender (process id, 0: none), address, time (realtime usec),
 * pc (distance from the program's first byte); numbers are decimal.
 */

enum wire_shutdown {
	WIRE_POWEROFF = 0,
	WIRE_REBOOT = 1,
	WIRE_HALT = 2,
	WIRE_KEXEC = 3,
	WIRE_EXIT_CONTAINER = 4,
};

struct wire_message {
	uint16_t version; /* WIRE_VERSION */
	uint16_t type;    /* enum wire_type */
	uint32_t serial;  /* of a request that wants a REPLY; 0: none wanted */
	int64_t value;
	uint64_t number; /* EXIT: running number from 1, without gaps, never reused in one boot */
	uint64_t
		start_time; /* EXIT: field 22 of /proc/PID/stat, clock ticks since boot: with pid, names a process for ever */
	int32_t pid;    /* EXIT */
	int32_t code;   /* EXIT: si_code: CLD_EXITED, CLD_KILLED or CLD_DUMPED */
	int32_t status; /* EXIT: exit status or signal; SHUTDOWN: exit status of a container */
	uint32_t
		text_size; /* bytes that follow; no NUL at the end. EXIT: the cgroup path, "/" first */
};

static_assert(offsetof(struct wire_message, serial) == 4, "wire layout");
static_assert(offsetof(struct wire_message, value) == 8, "wire layout");
static_assert(offsetof(struct wire_message, number) == 16, "wire layout");
static_assert(offsetof(struct wire_message, start_time) == 24, "wire layout");
static_assert(offsetof(struct wire_message, pid) == 32, "wire layout");
static_assert(offsetof(struct wire_message, code) == 36, "wire layout");
static_assert(offsetof(struct wire_message, status) == 40, "wire layout");
static_assert(offsetof(struct wire_message, text_size) == 44, "wire layout");
static_assert(sizeof(struct wire_message) == 48, "wire layout");

/*
 * The heartbeat page. Core writes the boottime (usec) since when it has been busy with one turn of its event loop, 0 while it
 * waits for events: two stores a turn and no wake-up. Init only reads.
 */
struct wire_page {
	_Atomic uint64_t busy_since_usec;
};

/*
 * Behind that page the memfd has room that init only keeps: core's black box (core/crash/box.h), in which the next core finds
 * what the one before was doing. An init of an earlier version gives a memfd without it.
 */
#define WIRE_BOX_OFFSET 4096
#define WIRE_BOX_BYTES  8192
