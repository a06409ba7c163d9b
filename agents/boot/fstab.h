// SPDX-License-Identifier: Apache-2.0
/*
 * fstab.h - private to the boot agent: fstab(5), and the units that are made of it.
 *
 * Files in the order of the work: fstab.c (which tables are read, what the kernel command line says of them), fstab-read.c (text to
 * entries), fstab-options.c (one entry's options), fstab-units.c (its mount, automount and swap units), fstab-hooks.c (fsck, makefs,
 * growfs, devices: the units around them), fstab-root.c (root and /usr of an initrd, volatile /var).
 *
 * Spec: systemd-fstab-generator(8), systemd.mount(5) and systemd.swap(5), section FSTAB, of v252.
 */
#pragma once

#include "boot/generator.h"

/* ---- reading ---- */
struct fstab_entry {
	const char *what, *where, *type, *options; /* decoded; "" if the line ended before */
	int passno;
	unsigned line;
};
/* Less than 0 ends the reading with that. */
typedef int (*fstab_fn)(const struct fstab_entry *e, void *userdata);

/**
 * fstab_parse - entries of a table, one after the other
 * @text: changed by the parsing; ends with a NUL at @size
 * @path: for messages
 * @d:    receives lines that are no entry, may be NULL
 *
 * Blanks end a field; \ooo and \\ stand for bytes of one (getmntent(3)). Lines end with a newline, the last one also without.
 */
int fstab_parse(char *text, size_t size, const char *path, fstab_fn fn, void *userdata,
                struct diag *d);
/* Reads the file; -ENOENT. */
int fstab_read(const char *path, fstab_fn fn, void *userdata);
/* $SYSTEMD_FSTAB or /etc/fstab */
const char *fstab_path(void);

/* "LABEL=x" and its kin as the path of udev's link, all else as it is. */
int fstab_device(const char *what, char **ret);
/* The rest of @path below @prefix, "" if it is the same place, or NULL; slashes and "." of either do not count. */
const char *path_rest(const char *path, const char *prefix);
bool path_is(const char *path, const char *other);
/* A path in /dev or /sys. */
bool path_is_device(const char *path);
/* What the kernel or PID 1 mounts before there are units, at most with other options later. */
bool mount_point_is_api(const char *where);

/*
 * A path without symlinks, in @root if one is given (the result begins with it). The end of it need not be there; -ELOOP, -ENOTDIR,
 * -ENOENT for ".." behind a place that is not there.
 */
int path_resolve(const char *root, const char *path, char **ret);

/* ---- options: words between commas; "\," and "\\" are a comma and a backslash of a word ---- */

/* Whether one of @names (a list ended by NULL) is among the options, with a value or without. Cannot fail. */
bool option_is_set(const char *options, const char *const *names);
/* @names are a pair of opposites: whether the last of them that is there is the first one. */
bool option_is_on(const char *options, const char *on, const char *off);
/*
 * The value of the last of @names (NULL if it has none), and, if @ret_rest, all options but these. 1 if one was there, 0.
 */
int option_value(const char *options, const char *const *names, char **ret_value, char **ret_rest);
/* All values of NAME=; 1 if there is one, 0. */
int option_values(const char *options, const char *name, char ***ret);

/* ---- units ---- */
enum fstab_flags {
	FSTAB_NOAUTO = 1,
	FSTAB_NOFAIL = 2,
	FSTAB_AUTOMOUNT = 4,
	FSTAB_MAKEFS = 8,
	FSTAB_GROWFS = 16,
	FSTAB_RW_ONLY = 32
};

struct fstab_mount {
	const char *source; /* file, for SourcePath= */
	const char *dir;    /* folder of the output */
	const char *what, *where;
	const char *original; /* where, before symlinks were followed; NULL if there were none */
	const char *type;     /* may be NULL */
	const char *options;
	int passno;
	unsigned flags;
	const char *target; /* that waits for it */
};
/* An entry that is ignored is 0, too. */
int fstab_add_mount(struct generator *g, const struct fstab_mount *m);
int fstab_add_swap(struct generator *g, const char *source, const char *what, const char *options,
                   unsigned flags);

/* ---- the units around them; @u is the mount unit, in its section [Unit] ---- */
int fstab_fsck(struct generator *g, struct unit_text *u, const struct fstab_mount *m);
int fstab_makefs(struct generator *g, const struct fstab_mount *m);
int fstab_mkswap(struct generator *g, const char *what);
int fstab_growfs(const struct fstab_mount *m);
/* Drop-ins of the device: x-systemd.device-timeout=, _netdev. *ret_options is what is left of the options for mount(8). */
int fstab_device_timeout(const char *dir, const char *what, const char *where, const char *options,
                         char **ret_options);
int fstab_device_network(struct generator *g, const struct fstab_mount *m);
/* TimeoutSec= and its kin: "@variable=" for the last of @names. */
int fstab_timeout(struct unit_text *u, const char *where, const char *options,
                  const char *const *names, const char *variable);

/* ---- kernel command line ---- */
enum fstab_volatile { VOLATILE_NO, VOLATILE_YES, VOLATILE_STATE, VOLATILE_OVERLAY };
struct fstab_cmdline {
	char *root, *root_type, *root_options, *root_hash;
	char *usr, *usr_type, *usr_options, *usr_hash;
	int rw; /* 1, 0; -1: neither was said */
	bool enabled, swap;
	enum fstab_volatile volatile_mode;
};
int fstab_cmdline_read(const struct generator *g, struct fstab_cmdline *c);
void fstab_cmdline_done(struct fstab_cmdline *c);
/* sysroot.mount, sysusr-usr.mount and systemd-volatile-root.service in an initrd, a volatile /var elsewhere. */
int fstab_root_generate(struct generator *g, const struct fstab_cmdline *c);
