// SPDX-License-Identifier: Apache-2.0
/*
 * boot - one small program for what a machine needs done around its units, so that nobody starts a large one for it. main.c has its
 * verbs:
 *
 *	early		once, before the generators: the machine's id, its name, a first handful of randomness (this header)
 *	generate	units of fstab and of consoles (generator.h, fstab.h), by core in place of systemd's generators
 *	remount-fs, udev-trigger, spare		in units of systemd's, by drop-ins (remount.h, udev-trigger.h, spare.h)
 *	utmp-...	records of the boot, runlevel and shutdown (this header)
 *
 * Every step says what it did, none of them can stop the boot. docs/design/boot.md has the flow.
 */
#pragma once

#include "base/base.h"

/*
 * Makes sure that /etc/machine-id holds an id (machine-id(5)): kept if valid, else from the kernel
 * command line (systemd.machine_id=), else from the hypervisor's UUID for this machine (so that the
 * id survives a new root file system), else random. On a read-only root the id goes to
 * /run/machine-id and is bind-mounted over the file. @root: "" or a prefix for tests.
 */
int boot_machine_id(const char *root, char ret[static ID128_TEXT_MAX]);

/* sethostname(2): systemd.hostname= of the kernel command line, /etc/hostname, DEFAULT_HOSTNAME= of
 * os-release, "localhost"; in this order. */
int boot_hostname(const char *root);
/* The name that boot_hostname would set; the caller frees. Pure but for reading files. */
int boot_hostname_find(const char *root, const char *cmdline, char **ret);
/* hostname(7): letters, digits, "-", "."; at most 64. */
bool hostname_is_valid(const char *s);

/*
 * Mixes the seed that the last shutdown left (/var/lib/systemd/random-seed, shared with the stock
 * service) into the kernel's pool, without credit: only the service that renews the file in the
 * same step may credit it. -ENOENT on a first boot.
 */
int boot_random_seed(const char *root);

enum utmp_record { UTMP_BOOT, UTMP_SHUTDOWN, UTMP_RUNLEVEL };
/*
 * Writes a record of utmp(5) and, where that file exists, wtmp: what last(1), uptime(1) and
 * runlevel(8) read. The runlevel is that of the active targets, which core is asked for: 5
 * graphical, 3 multi-user, 1 rescue; -ENOENT if none of them is active.
 */
int boot_utmp(enum utmp_record what);

/* Value of the last "key=" on a kernel command line, quotes removed; NULL if there is none. The
 * caller frees. */
char *cmdline_get(const char *cmdline, const char *key);
