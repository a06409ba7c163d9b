// SPDX-License-Identifier: Apache-2.0
/*
 * generator.h - private to the boot agent: what its generators have in common (systemd.generator(7)).
 *
 * A generator is given three folders and writes unit files, drop-ins and links into them. A unit file is made with O_EXCL: the first of a
 * name counts, and a second one is an error that names its source. What was written of one that fails half-way stays, as it does with
 * systemd's: the unit is there, and says what is wrong with it when it is asked for.
 *
 * Differs from the rest of this house: generators log where they fail, since one bad line is no reason to leave out the next. They return
 * the first failure.
 */
#pragma once

#include "base/base.h"

#define UNIT_FOLDER "/lib/systemd/system" /* where links to shipped units lead, as systemd's do */

struct generator {
	const char *normal, *early, *late; /* folders of the output, borrowed */
	char **cmdline;                    /* words of the kernel command line, without quotes */
	bool initrd, container;
};

int generator_init(struct generator *g, const char *normal, const char *early, const char *late);
void generator_done(struct generator *g);

/* A unit file that is being written. */
struct unit_text {
	char *path;
	int fd;
	struct strbuf text;
};
/* Creates DIR/NAME, with a comment on who did. -EEXIST is logged as a duplicate entry of @source (may be NULL). */
int unit_text_begin(struct unit_text *u, const char *dir, const char *source, const char *name);
/* Writes it out. Also of one that was not begun, and a second time: nothing. */
int unit_text_end(struct unit_text *u);
void unit_text_done(struct unit_text *u); /* the same for cleanup: a failure is logged */
#define auto_unit_text __attribute__((cleanup(unit_text_done)))

/* DIR/UNIT.d/50-NAME.conf: comment, @head (a comment of the caller's, may be NULL), @body. */
int generator_drop_in(const char *dir, const char *unit, const char *name, const char *head,
                      const char *body);
/* DIR/UNIT.KIND/NAME leads to ../NAME, or, if @target is a path, DIR/UNIT.KIND/(its name) leads there. 0 also if it was there. */
int generator_link(const char *dir, const char *unit, const char *kind, const char *target);

/* "%" doubled; the caller frees, NULL on ENOMEM. */
char *specifier_escape(const char *s);
/* For a word of ExecStart=: backslashes, quotes and what is not printable as C writes them. */
char *c_escape(const char *s);
/* "/dev/sda1" -> "PREFIX@dev-sda1.service" */
int unit_name_for_path(const char *prefix, const char *path, char **ret);

/* The words of kernel-command-line(7): $SYSTEMD_PROC_CMDLINE, in a container PID 1's arguments. */
int boot_cmdline_words(bool container, char ***ret);
/* Of one word: true if it is @key, "-" and "_" being the same; *ret_value is behind "=", or NULL. */
bool cmdline_word_is(const char *word, const char *key, const char **ret_value);
/* Whether PID 1 runs in a container: told by core ($SYSTEMD_VIRTUALIZATION), or by what container managers leave. */
bool boot_in_container(void);
/* A variable of PID 1's environment; -ENXIO. */
int boot_init_getenv(const char *name, char **ret);

int fstab_generate(struct generator *g);
int getty_generate(struct generator *g);
