// SPDX-License-Identifier: Apache-2.0
/* load.c - a unit from its files, or from text: fragment first, then what its folders hold (load-folders.c). */
#include "unitfile/directives.h"
#include "unitfile/index.h"
#include "unitfile/lexer.h"
#include "unitfile/load.h"
#include "unitfile/name.h"

#include <stdio.h>
#include <sys/stat.h>

#define READ_STEP 8192U

/* ---- text ---- */

static void check_section(const struct parse *p, const struct lexeme *l)
{
	switch (section_kind(p->f->type, l->section)) {
	case SECTION_FOREIGN:
	case SECTION_UNKNOWN:
		diag_add(p->d, -EINVAL, DIAG_WARNING, p->path, l->line,
		         "Unknown section [%.60s], ignored", l->section);
		break;
	default:
		break;
	}
}

void parse_done(struct parse *p)
{
	for (size_t i = 0; i < DEP_MAX; i++)
		p->dependencies[i] = map_free(p->dependencies[i]);
}

/* @text[@size] is NUL; it is changed. */
int parse_file(struct parse *p, char *text, size_t size, const char *path)
{
	struct lexer lexer;
	struct lexeme l;
	bool skip = true;
	int r;

	p->path = path;
	r = lexer_init(&lexer, text, size, path, p->d);
	while (r >= 0 && (r = lexer_next(&lexer, &l)) > 0) {
		if (l.new_section) {
			check_section(p, &l);
			skip = section_kind(p->f->type, l.section) != SECTION_KNOWN;
			continue;
		}
		if (skip)
			continue;
		p->line = l.line;
		r = directive_assign(p, l.section, l.key, l.value);
	}
	return r;
}

/* ---- files ---- */

static int reader_read(struct reader *b, int fd, size_t expect, size_t *ret_size)
{
	size_t size = 0;

	for (;;) {
		ssize_t n;

		if (b->allocated < MAX(size + 2, expect + 2)) {
			size_t want = MAX(expect + 2, size + READ_STEP);
			char *grown =
				want <= LEXER_TEXT_MAX + READ_STEP ? realloc(b->text, want) : NULL;

			if (!grown)
				return want <= LEXER_TEXT_MAX + READ_STEP ? -ENOMEM : -EFBIG;
			b->text = grown;
			b->allocated = want;
		}
		n = read(fd, b->text + size, b->allocated - size - 1);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		size += (size_t) n;
		/* A short read of a regular file is its end. */
		if (n == 0 || size < b->allocated - 1)
			break;
	}
	b->text[size] = 0;
	*ret_size = size;
	return 0;
}

static int add_identity(struct unit_file *f, const struct stat *st)
{
	struct file_identity *grown =
		reallocarray(f->identities, f->n_identities + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	f->identities = grown;
	grown[f->n_identities++] =
		(struct file_identity){st->st_dev, st->st_ino, st->st_size, st->st_mtim};
	return 0;
}

int load_file(struct load *l, const char *path, bool is_fragment)
{
	auto_fd int fd = fd_open_read(AT_FDCWD, path, O_NOCTTY | O_NONBLOCK);
	struct stat st;
	size_t size;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISCHR(st.st_mode) && is_fragment)
		return READ_EMPTY;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EBADF;
	r = add_identity(l->f, &st);
	if (r < 0)
		return r;
	if (st.st_size == 0)
		return READ_EMPTY;
	r = reader_read(&l->reader, fd, (size_t) MIN(st.st_size, (off_t) LEXER_TEXT_MAX), &size);
	if (r < 0)
		return r;
	r = parse_file(&l->parse, l->reader.text, size, path);
	return r < 0 ? r : READ_OK;
}

static int load_fragment(struct load *l, const struct unit_entry *e)
{
	char *path = str_printf("%s/%s", unit_index_dir(l->x, e->dir), e->name);
	int r;

	if (!path)
		return -ENOMEM;
	l->f->fragment_path = path;
	if (e->masked) {
		l->f->load_state = LOAD_MASKED;
		return 0;
	}
	r = load_file(l, path, true);
	if (r == -ENOMEM)
		return r;
	if (r == READ_EMPTY) {
		l->f->load_state = LOAD_MASKED;
	} else if (r == -ENOENT) {
		l->f->load_state = LOAD_NOT_FOUND;
		l->f->fragment_path = (free(path), NULL);
	} else if (r < 0) {
		diag_add(l->d, r, DIAG_ERROR, path, 0, "Cannot read the unit file: %s",
		         strerror(-r));
		l->f->load_state = LOAD_ERROR;
		/* One identity a path; a zeroed one equals no file's. */
		if (l->f->n_identities == 0)
			return add_identity(l->f, &(struct stat){0});
	} else {
		l->f->load_state = LOAD_LOADED;
	}
	return 0;
}

/* ---- names and folders ---- */

/* Is it this unit that @name, of which the template leads to ours, leads to? It may have a symlink of its own. */
static bool leads_to(const struct load *l, const char *name)
{
	auto_free char *id = NULL;
	struct unit_entry *e;

	return unit_index_resolve(l->x, name, &e, &id) < 0 || streq(id, l->f->id);
}

static int add_alias(struct load *l, const char *name)
{
	auto_free char *instance_name = NULL;
	struct unit_file *f = l->f;
	int r;

	if (unit_name_kind(name) == UNIT_NAME_TEMPLATE && f->instance) {
		r = unit_name_replace_instance(name, f->instance, &instance_name);
		if (r < 0)
			return r == -ENOMEM ? r : 0;
		if (!leads_to(l, instance_name))
			return 0;
		name = instance_name;
	} else if (unit_name_kind(name) == UNIT_NAME_TEMPLATE &&
	           unit_name_kind(f->id) != UNIT_NAME_TEMPLATE) {
		return 0;
	}
	/* An instance's alias is one of this instance only. */
	if (unit_name_kind(name) == UNIT_NAME_INSTANCE) {
		const char *rest =
			f->instance ? str_after(strchr(name, '@') + 1, f->instance) : NULL;

		if (!rest || rest != strrchr(name, '.'))
			return 0;
	}
	return streq(name, f->id) ? 0 : strv_append_unique(&f->aliases, name);
}

static int add_aliases_of(struct load *l, const struct unit_entry *e)
{
	for (const struct unit_entry *a = e ? e->aliases : NULL; a; a = a->next_alias) {
		int r = add_alias(l, a->name);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- all of it ---- */

/* @entry NULL: no file. */
static int load_unit(struct load *l, const struct unit_entry *entry)
{
	struct unit_file *f = l->f;
	int r = add_aliases_of(l, entry);

	/* The symlink of an instance to its template has the template's other names, too. */
	if (r >= 0 && f->instance) {
		auto_free char *template = NULL;

		r = unit_name_template(f->id, &template);
		if (r >= 0 && (!entry || !streq(entry->name, template)))
			r = add_aliases_of(l, unit_index_entry(l->x, template));
	}
	if (r < 0)
		return r;
	f->load_state = LOAD_NOT_FOUND;
	r = entry ? load_fragment(l, entry) : 0;
	if (r < 0 || f->load_state == LOAD_MASKED)
		return r;
	r = load_folders(l);
	if (r >= 0)
		r = unit_file_finish(f, l->parse.c);
	if (r < 0)
		return r;
	if (l->parse.bad_setting && f->load_state == LOAD_LOADED)
		f->load_state = LOAD_BAD_SETTING;
	if (f->load_state == LOAD_LOADED && unit_file_verify(f, f->fragment_path, l->d) < 0)
		f->load_state = LOAD_BAD_SETTING;
	return 0;
}

int unit_file_load(const struct unit_index *x, const struct unit_context *c, const char *name,
                   struct diag *d, struct unit_file **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	struct unit_entry *entry = NULL;
	auto_free char *id = NULL;
	struct load l = {.x = x, .d = d};
	int r;

	if (!unit_name_is_valid(name, UNIT_NAME_ANY))
		return -EINVAL;
	r = unit_index_resolve(x, name, &entry, &id);
	if (r == -ELOOP) {
		diag_add(d, r, DIAG_ERROR, name, 0, "Too many aliases of aliases");
		entry = NULL;
		id = strdup(name);
		r = id ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	r = unit_file_alloc(c, id, &f);
	if (r < 0)
		return r;
	l.f = f;
	l.parse = (struct parse){.c = c, .f = f, .d = d};
	r = load_unit(&l, entry);
	parse_done(&l.parse);
	free(l.reader.text);
	if (r < 0)
		return r;
	unit_file_seal(f);
	*ret = TAKE_PTR(f);
	return 0;
}

int unit_file_parse(const struct unit_context *c, const char *name, const char *text, size_t size,
                    const char *path, struct diag *d, struct unit_file **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	auto_free char *copy = malloc(size + 1);
	auto_parse struct parse p = {.c = c, .d = d};
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, size);
	copy[size] = 0;
	r = unit_file_alloc(c, name, &f);
	if (r < 0)
		return r;
	if (path && !(f->fragment_path = strdup(path)))
		return -ENOMEM;
	p.f = f;
	f->load_state = LOAD_LOADED;
	r = parse_file(&p, copy, size, path);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		f->load_state = LOAD_ERROR;
	r = unit_file_finish(f, c);
	if (r < 0)
		return r;
	if (f->load_state == LOAD_LOADED && (p.bad_setting || unit_file_verify(f, path, d) < 0))
		f->load_state = LOAD_BAD_SETTING;
	unit_file_seal(f);
	*ret = TAKE_PTR(f);
	return 0;
}

int unit_file_new_empty(const struct unit_context *c, const char *name, struct unit_file **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	int r = unit_file_alloc(c, name, &f);

	if (r >= 0)
		r = unit_file_finish(f, c);
	if (r < 0)
		return r;
	f->load_state = LOAD_LOADED;
	unit_file_seal(f);
	*ret = TAKE_PTR(f);
	return 0;
}

int unit_file_set(struct unit_file *f, const struct unit_context *c, const char *section,
                  const char *key, const char *value, struct diag *d)
{
	struct diag local = {0};
	auto_parse struct parse p = {.c = c, .f = f, .d = d ? d : &local};
	size_t before = p.d->n_items + p.d->n_dropped;
	int r;

	if (!section)
		section = section_of_type(f->type);
	if (!section || section_kind(f->type, section) != SECTION_KNOWN)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
		                "Section [%.60s] is not one of %.100s", section ? section : "",
		                f->id);
	r = unit_file_open(f);
	if (r < 0)
		return r;
	r = directive_assign(&p, section, key, value);
	/* In a file a bad line is passed over; who sets one property wants to know. */
	for (size_t i = before; r >= 0 && i < p.d->n_items; i++)
		if (p.d->items[i].level >= DIAG_WARNING && p.d->items[i].error < 0)
			r = -EINVAL;
	if (r >= 0)
		r = p.bad_setting ? -EINVAL : unit_file_finish(f, c);
	unit_file_seal(f);
	return r;
}

int unit_file_note_dropin(struct unit_file *f, const char *path)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return -errno;
	for (size_t i = f->fragment_path != NULL; i < f->n_identities; i++)
		if (streq(f->dropin_paths[i - (f->fragment_path != NULL)], path)) {
			f->identities[i] = (struct file_identity){st.st_dev, st.st_ino, st.st_size,
			                                          st.st_mtim};
			return 0;
		}
	r = strv_append(&f->dropin_paths, path);
	if (r < 0)
		return r;
	r = add_identity(f, &st);
	if (r < 0)
		strv_remove(f->dropin_paths, path);
	return r;
}

int unit_file_is_stale(const struct unit_file *f)
{
	for (size_t i = 0; i < f->n_identities; i++) {
		const struct file_identity *id = &f->identities[i];
		const char *path = i == 0 && f->fragment_path
		                           ? f->fragment_path
		                           : f->dropin_paths[i - (f->fragment_path != NULL)];
		struct stat st;

		if (stat(path, &st) < 0)
			return errno == ENOMEM ? -ENOMEM : 1;
		if (st.st_dev != id->dev || st.st_ino != id->ino || st.st_size != id->size ||
		    st.st_mtim.tv_sec != id->mtime.tv_sec ||
		    st.st_mtim.tv_nsec != id->mtime.tv_nsec)
			return 1;
	}
	return 0;
}
