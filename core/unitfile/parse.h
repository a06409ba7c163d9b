// SPDX-License-Identifier: Apache-2.0
/*
 * parse.h - private to unitfile: what a value parser is given, and what it gives back.
 *
 * A parser gets the stripped text behind "=", the field that its row of the directive table names, and the row's argument. It
 * changes the field only when all of the value (for lists: the word) was understood. It returns 0; or a negative errno, which
 * the caller turns into the usual finding; or, when it has reported what was wrong itself, the 0 of parse_warn()/parse_fatal().
 */
#pragma once

#include "base/map.h"
#include "unitfile/unitfile.h"
#include "unitfile/word.h"

struct parse {
	const struct unit_context *c;
	struct unit_file *f;
	const char *key, *path;
	unsigned line;
	struct diag *d;
	bool bad_setting; /* a line was refused that must not be ignored: the unit is not to be started */
	/* What one setting overrides in another only if that was not given itself. */
	bool job_running_timeout_set;
	/* Of long lists of dependencies, the names in them: strv_append_indexed(). */
	struct map *dependencies[DEP_MAX];
};

void parse_done(struct parse *p);
#define auto_parse __attribute__((cleanup(parse_done)))

typedef int (*parse_fn)(struct parse *p, const char *value, void *field, int64_t arg);

/* The line is ignored, for this reason. */
int parse_warn(struct parse *p, const char *fmt, ...) _printf_(2, 3);
/* The line makes the unit unfit to start. */
int parse_fatal(struct parse *p, const char *fmt, ...) _printf_(2, 3);
/* @fatal or not, as the row says. */
#define parse_refuse(p, fatal, ...)                                                                \
	((fatal) ? parse_fatal(p, __VA_ARGS__) : parse_warn(p, __VA_ARGS__))

/* Specifiers of @value for the unit being read. A failure is reported; 1: go on. */
int parse_expand(struct parse *p, const char *value, bool fatal, char **ret);

/* ---- load.c: files into the settings ---- */
int parse_file(struct parse *p, char *text, size_t size, const char *path);
/* ---- default.c ---- */
int unit_file_alloc(const struct unit_context *c, const char *name, struct unit_file **ret);
int unit_file_finish(struct unit_file *f, const struct unit_context *c);
/* Between alloc and seal, and again after open, the groups that units share are this unit's own. */
void unit_file_seal(struct unit_file *f);
int unit_file_open(struct unit_file *f); /* or -ENOMEM */
static inline struct exec_settings *own_exec(const struct unit_file *f)
{
	return (struct exec_settings *) f->exec;
}
static inline struct kill_settings *own_kill(const struct unit_file *f)
{
	return (struct kill_settings *) f->kill;
}
static inline struct cgroup_settings *own_cgroup(const struct unit_file *f)
{
	return (struct cgroup_settings *) f->cgroup;
}
/* ---- verify.c: -ENOEXEC and a finding if the settings do not fit together ---- */
int unit_file_verify(const struct unit_file *f, const char *path, struct diag *d);
/* ---- free.c: parts that parsers reset ---- */
void free_conditions(struct condition *c);
void free_ports(struct socket_port *p);
void free_timer_values(struct timer_value *v);
void free_path_specs(struct path_spec *s);
/* Lists keep the order of the files: appends @item, a struct whose first member is its next pointer. */
void chain_append(void *head, void *item);
/* ---- command.c ---- */
int parse_exec_line(struct parse *p, const char *value, struct exec_command **list);
