// SPDX-License-Identifier: Apache-2.0
/* load.c - a unit: its fragment, its drop-ins in the order of their names, and the folders that add dependencies. */
#include "unitfile/directives.h"
#include "unitfile/index.h"
#include "unitfile/lexer.h"
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
		diag_add(p->d, -EINVAL, DIAG_WARNING, p->path, l->line, "Unknown section [%.60s], ignored", l->section);
		break;
	default:
		break;
	}
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

/* One buffer serves all files of a unit. */
struct reader {
	char *text;
	size_t allocated;
};

static int reader_read(struct reader *b, int fd, size_t expect, size_t *ret_size)
{
	size_t size = 0;

	for (;;) {
		ssize_t n;

		if (b->allocated < MAX(size + 2, expect + 2)) {
			size_t want = MAX(expect + 2, size + READ_STEP);
			char *grown = want <= LEXER_TEXT_MAX + READ_STEP ? realloc(b->text, want) : NULL;

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
	struct file_identity *grown = reallocarray(f->identities, f->n_identities + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	f->identities = grown;
	grown[f->n_identities++] = (struct file_identity){ st->st_dev, st->st_ino, st->st_size, st->st_mtim };
	return 0;
}

struct load {
	const struct unit_index *x;
	struct parse parse;
	struct reader reader;
	struct unit_file *f;
	struct diag *d;
};

enum read_result { READ_OK = 0, READ_EMPTY = 1 };

/* Opens, reads, remembers and parses one file. READ_EMPTY: there is nothing in it, which masks. */
static int load_file(struct load *l, const char *path, bool is_fragment)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
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
		diag_add(l->d, r, DIAG_ERROR, path, 0, "Cannot read the unit file: %s", strerror(-r));
		l->f->load_state = LOAD_ERROR;
		/* One identity a path; a zeroed one equals no file's. */
		if (l->f->n_identities == 0)
			return add_identity(l->f, &(struct stat){ 0 });
	} else {
		l->f->load_state = LOAD_LOADED;
	}
	return 0;
}

/* ---- names and folders ---- */

static int add_alias(struct unit_file *f, const char *name)
{
	auto_free char *instance_name = NULL;
	int r;

	if (unit_name_kind(name) == UNIT_NAME_TEMPLATE && f->instance) {
		r = unit_name_replace_instance(name, f->instance, &instance_name);
		if (r < 0)
			return r == -ENOMEM ? r : 0;
		name = instance_name;
	} else if (unit_name_kind(name) == UNIT_NAME_TEMPLATE && unit_name_kind(f->id) != UNIT_NAME_TEMPLATE) {
		return 0;
	}
	/* An instance's alias is one of this instance only. */
	if (unit_name_kind(name) == UNIT_NAME_INSTANCE && (!f->instance || !str_after(strchr(name, '@') + 1, f->instance)))
		return 0;
	return streq(name, f->id) ? 0 : strv_append_unique(&f->aliases, name);
}

static int add_aliases_of(struct unit_file *f, const struct unit_entry *e)
{
	for (const struct unit_entry *a = e ? e->aliases : NULL; a; a = a->next_alias) {
		int r = add_alias(f, a->name);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The folders of one kind that belong to the unit, in order of precedence. */
struct found_folder {
	const struct index_folder *folder;
	unsigned name, order; /* which of the unit's names, and how far its name was generalized */
};
struct found_folders {
	struct found_folder *items;
	size_t n;
};

enum folder_kind { FOLDER_DROPINS, FOLDER_WANTS, FOLDER_REQUIRES, FOLDER_UPHOLDS, FOLDER_KINDS };
static const char *const folder_suffixes[FOLDER_KINDS] = { ".d", ".wants", ".requires", ".upholds" };

static int find_folders_named(struct load *l, struct found_folders found[FOLDER_KINDS], const char *prefix, const char *rest,
			      unsigned name, unsigned order)
{
	char text[UNIT_NAME_MAX * 2 + 16];
	size_t size = strlen(prefix), rest_size = strlen(rest);

	memcpy(text, prefix, size);
	memcpy(text + size, rest, rest_size);
	for (size_t kind = 0; kind < FOLDER_KINDS; kind++) {
		const struct index_folder *folder;

		memcpy(text + size + rest_size, folder_suffixes[kind], strlen(folder_suffixes[kind]) + 1);
		for (folder = unit_index_folder(l->x, text); folder; folder = folder->next) {
			struct found_folder *grown = reallocarray(found[kind].items, found[kind].n + 1, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			found[kind].items = grown;
			grown[found[kind].n++] = (struct found_folder){ folder, name, order };
		}
	}
	return 0;
}

/* Of a name: its own folders, its template's, and those of its prefixes: foo-bar.service.d, then foo-.service.d. */
static int find_folders_of(struct load *l, struct found_folders found[FOLDER_KINDS], const char *unit_name, unsigned name)
{
	const char *at = strchr(unit_name, '@'), *dot = strrchr(unit_name, '.'), *rest = at ? at : dot;
	bool is_instance = at && at + 1 < dot;
	char prefix[UNIT_NAME_MAX], template[UNIT_NAME_MAX] = "@";
	size_t size = (size_t) (rest - unit_name);
	int r = 0;

	memcpy(prefix, unit_name, size);
	memcpy(template + 1, dot, strlen(dot) + 1);
	for (unsigned order = 0;; order += 2) {
		prefix[size] = 0;
		r = find_folders_named(l, found, prefix, rest, name, order);
		if (r >= 0 && is_instance)
			r = find_folders_named(l, found, prefix, template, name, order + 1);
		if (r < 0)
			return r;
		/* Cut behind the last dash that leaves something new. */
		while (size > 0 && prefix[size - 1] == '-')
			size--;
		while (size > 0 && prefix[size - 1] != '-')
			size--;
		if (size < 2)
			return 0;
	}
}

static int compare_found(const void *a, const void *b)
{
	const struct found_folder *x = a, *y = b;

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (x->folder->search_dir != y->folder->search_dir)
		return x->folder->search_dir < y->folder->search_dir ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Every name of the unit counts, and last what all units of its type have in common. */
static int find_folders(struct load *l, struct found_folders found[FOLDER_KINDS])
{
	unsigned name = 0;
	int r = find_folders_of(l, found, l->f->id, name++);

	STRV_FOREACH(alias, l->f->aliases)
		if (r >= 0)
			r = find_folders_of(l, found, *alias, name++);
	if (r >= 0)
		r = find_folders_named(l, found, "", unit_type_to_string(l->f->type), name, 0);
	for (size_t kind = 0; kind < FOLDER_KINDS; kind++)
		if (found[kind].n > 1)
			qsort(found[kind].items, found[kind].n, sizeof(struct found_folder), compare_found);
	return r;
}

/* ---- drop-ins ---- */

struct dropin {
	const char *name;
	unsigned dir;
	bool masked;
};
struct dropin_set {
	struct dropin *items;
	size_t n;
};

/* The first of a name counts: folders come in the order of precedence. */
static int collect_dropins(const struct index_folder *folder, struct dropin_set *set)
{
	for (size_t i = 0; i < folder->n_items; i++) {
		const struct folder_item *item = &folder->items[i];
		struct dropin *grown;
		size_t k = 0;

		if (!str_ends_with(item->name, ".conf"))
			continue;
		while (k < set->n && !streq(set->items[k].name, item->name))
			k++;
		if (k < set->n)
			continue;
		grown = reallocarray(set->items, set->n + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		set->items = grown;
		grown[set->n++] = (struct dropin){ item->name, folder->dir, item->masked };
	}
	return 0;
}

static int compare_dropins(const void *a, const void *b)
{
	return strcmp(((const struct dropin *) a)->name, ((const struct dropin *) b)->name);
}

static int load_dropin(struct load *l, const struct dropin *dropin)
{
	char *path = str_printf("%s/%s", unit_index_dir(l->x, dropin->dir), dropin->name);
	size_t before;
	int r;

	if (!path)
		return -ENOMEM;
	before = l->f->n_identities;
	r = load_file(l, path, false);
	if (r < 0 && r != -ENOMEM && r != -ENOENT)
		diag_add(l->d, r, DIAG_WARNING, path, 0, "Cannot read all of the drop-in: %s", strerror(-r));
	if (r != -ENOMEM && l->f->n_identities > before)
		return strv_append_consume(&l->f->dropin_paths, path);
	free(path);
	return r == -ENOMEM ? r : 0;
}

static int load_dropins(struct load *l, const struct found_folders *found)
{
	struct dropin_set set = { 0 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < found->n; i++)
		r = collect_dropins(found->items[i].folder, &set);
	if (set.n > 1)
		qsort(set.items, set.n, sizeof(*set.items), compare_dropins);
	for (size_t i = 0; r >= 0 && i < set.n; i++)
		if (!set.items[i].masked)
			r = load_dropin(l, &set.items[i]);
	free(set.items);
	return r;
}

/* ---- .wants, .requires, .upholds ---- */

/* A template in it stands for the instance of our instance's name, or of our prefix. */
static int resolve_dependency(const struct unit_file *f, const char *item, char **ret)
{
	auto_free char *instance = NULL;
	int r = 0;

	if (unit_name_kind(item) != UNIT_NAME_TEMPLATE) {
		*ret = strdup(item);
		return *ret ? 0 : -ENOMEM;
	}
	if (!f->instance)
		r = unit_name_prefix(f->id, &instance);
	return r < 0 ? r : unit_name_replace_instance(item, f->instance ? f->instance : instance, ret);
}

/* @seen: names that a folder of higher precedence has decided. */
static int collect_dependencies(struct load *l, const struct index_folder *folder, char ***seen, char ***dependencies)
{
	for (size_t i = 0; i < folder->n_items; i++) {
		const struct folder_item *item = &folder->items[i];
		auto_free char *name = NULL;
		int r;

		if (!unit_name_is_valid(item->name, UNIT_NAME_ANY)) {
			diag_add(l->d, -EINVAL, DIAG_WARNING, unit_index_dir(l->x, folder->dir), 0, "'%.100s' is no unit name, ignored",
				 item->name);
			continue;
		}
		r = strv_append_unique(seen, item->name);
		if (r < 0)
			return r;
		if (r == 0 || item->masked)
			continue;
		r = resolve_dependency(l->f, item->name, &name);
		if (r >= 0 && !streq(name, l->f->id))
			r = strv_append_unique(dependencies, name);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

static int load_dependency_folders(struct load *l, const struct found_folders found[FOLDER_KINDS])
{
	static const enum unit_dependency kinds[FOLDER_KINDS] = {
		[FOLDER_WANTS] = DEP_WANTS, [FOLDER_REQUIRES] = DEP_REQUIRES, [FOLDER_UPHOLDS] = DEP_UPHOLDS,
	};
	int r = 0;

	for (size_t kind = FOLDER_WANTS; kind < FOLDER_KINDS; kind++) {
		auto_strv char **seen = NULL;

		for (size_t i = 0; r >= 0 && i < found[kind].n; i++)
			r = collect_dependencies(l, found[kind].items[i].folder, &seen, &l->f->unit.dependencies[kinds[kind]]);
	}
	return r;
}

static int load_folders(struct load *l)
{
	struct found_folders found[FOLDER_KINDS] = { 0 };
	int r = find_folders(l, found);

	if (r >= 0)
		r = load_dropins(l, &found[FOLDER_DROPINS]);
	if (r >= 0)
		r = load_dependency_folders(l, found);
	for (size_t kind = 0; kind < FOLDER_KINDS; kind++)
		free(found[kind].items);
	return r;
}

/* ---- all of it ---- */

/* @entry NULL: no file. */
static int load_unit(struct load *l, const struct unit_entry *entry)
{
	struct unit_file *f = l->f;
	int r = add_aliases_of(f, entry);

	/* The symlink of an instance to its template has the template's other names, too. */
	if (r >= 0 && f->instance) {
		auto_free char *template = NULL;

		r = unit_name_template(f->id, &template);
		if (r >= 0 && (!entry || !streq(entry->name, template)))
			r = add_aliases_of(f, unit_index_entry(l->x, template));
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

int unit_file_load(const struct unit_index *x, const struct unit_context *c, const char *name, struct diag *d, struct unit_file **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	struct unit_entry *entry = NULL;
	auto_free char *id = NULL;
	struct load l = { .x = x, .d = d };
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
	l.parse = (struct parse){ .c = c, .f = f, .d = d };
	r = load_unit(&l, entry);
	free(l.reader.text);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(f);
	return 0;
}

int unit_file_parse(const struct unit_context *c, const char *name, const char *text, size_t size, const char *path, struct diag *d,
		    struct unit_file **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	auto_free char *copy = malloc(size + 1);
	struct parse p = { .c = c, .d = d };
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
	*ret = TAKE_PTR(f);
	return 0;
}

int unit_file_set(struct unit_file *f, const struct unit_context *c, const char *section, const char *key, const char *value,
		  struct diag *d)
{
	struct diag local = { 0 };
	struct parse p = { .c = c, .f = f, .d = d ? d : &local };
	size_t before = p.d->n_items + p.d->n_dropped;
	int r;

	if (!section)
		section = section_of_type(f->type);
	if (!section || section_kind(f->type, section) != SECTION_KNOWN)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "Section [%.60s] is not one of %.100s", section ? section : "", f->id);
	r = directive_assign(&p, section, key, value);
	if (r < 0)
		return r;
	/* In a file a bad line is passed over; who sets one property wants to know. */
	for (size_t i = before; i < p.d->n_items; i++)
		if (p.d->items[i].level >= DIAG_WARNING && p.d->items[i].error < 0)
			return -EINVAL;
	return p.bad_setting ? -EINVAL : unit_file_finish(f, c);
}

int unit_file_is_stale(const struct unit_file *f)
{
	for (size_t i = 0; i < f->n_identities; i++) {
		const struct file_identity *id = &f->identities[i];
		const char *path = i == 0 && f->fragment_path ? f->fragment_path : f->dropin_paths[i - (f->fragment_path != NULL)];
		struct stat st;

		if (stat(path, &st) < 0)
			return errno == ENOMEM ? -ENOMEM : 1;
		if (st.st_dev != id->dev || st.st_ino != id->ino || st.st_size != id->size || st.st_mtim.tv_sec != id->mtime.tv_sec ||
		    st.st_mtim.tv_nsec != id->mtime.tv_nsec)
			return 1;
	}
	return 0;
}
