// SPDX-License-Identifier: Apache-2.0
/*
 * symbols.c - names for addresses, by the symbol table of a program's own file. Runs in the process that moves reports, never
 * in core, and only on our own programs. Every offset in the file is checked against its size all the same.
 */
#include "crash/crash.h"

#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>

struct symbols {
	const uint8_t *data;
	size_t size, n_symbols, names_size;
	const ElfW(Sym) * table;
	const char *names;
	char build_id[2 * 20 + 1];
};

/* @n items of @item bytes at @offset, or NULL if they are not in the file. */
static const void *part(const struct symbols *s, uint64_t offset, uint64_t n, size_t item)
{
	if (offset > s->size || n > s->size / item || n * item > s->size - offset)
		return NULL;
	return s->data + offset;
}

static void read_note(struct symbols *s, const ElfW(Shdr) * h)
{
	const uint8_t *p = part(s, h->sh_offset, h->sh_size, 1);
	ElfW(Nhdr) n;

	if (!p || h->sh_size < sizeof(n) + 4)
		return;
	memcpy(&n, p, sizeof(n));
	if (n.n_type != NT_GNU_BUILD_ID || n.n_namesz != 4 || n.n_descsz > 20 ||
	    h->sh_size < sizeof(n) + 4 + n.n_descsz)
		return;
	for (size_t i = 0; i < n.n_descsz; i++)
		snprintf(s->build_id + 2 * i, 3, "%02x", p[sizeof(n) + 4 + i]);
}

static void read_sections(struct symbols *s)
{
	const ElfW(Ehdr) *e = part(s, 0, 1, sizeof(*e));
	const ElfW(Shdr) * sections;

	if (!e || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_shentsize != sizeof(*sections) ||
	    e->e_shoff % _Alignof(ElfW(Shdr)))
		return;
	sections = part(s, e->e_shoff, e->e_shnum, sizeof(*sections));
	for (size_t i = 0; sections && i < e->e_shnum; i++) {
		const ElfW(Shdr) *h = &sections[i], *names;

		if (h->sh_type == SHT_NOTE)
			read_note(s, h);
		if (h->sh_type != SHT_SYMTAB || h->sh_link >= e->e_shnum ||
		    h->sh_offset % _Alignof(ElfW(Sym)))
			continue;
		names = &sections[h->sh_link];
		s->n_symbols = h->sh_size / sizeof(*s->table);
		s->table = part(s, h->sh_offset, s->n_symbols, sizeof(*s->table));
		s->names_size = names->sh_size;
		s->names = part(s, names->sh_offset, names->sh_size, 1);
	}
}

int symbols_open(const char *path, struct symbols **ret)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct symbols *s;
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	s = calloc(1, sizeof(*s));
	if (!s) {
		munmap(p, (size_t) st.st_size);
		return -ENOMEM;
	}
	s->data = p;
	s->size = (size_t) st.st_size;
	read_sections(s);
	*ret = s;
	return 0;
}

struct symbols *symbols_free(struct symbols *s)
{
	if (!s)
		return NULL;
	munmap((void *) (uintptr_t) s->data, s->size);
	free(s);
	return NULL;
}

const char *symbols_build_id(const struct symbols *s)
{
	return s->build_id;
}

int symbols_name(const struct symbols *s, uint64_t offset, char **ret)
{
	if (!s->table || !s->names || s->names_size == 0)
		return -ENOENT;
	for (size_t i = 0; i < s->n_symbols; i++) {
		const ElfW(Sym) *y = &s->table[i];

		if (ELF64_ST_TYPE(y->st_info) != STT_FUNC || y->st_name >= s->names_size ||
		    offset < y->st_value || offset - y->st_value >= MAX(y->st_size, (uint64_t) 1))
			continue;
		*ret = str_printf("%.*s+0x%" PRIx64, (int) MIN(s->names_size - y->st_name, 200UL),
		                  s->names + y->st_name, offset - y->st_value);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

/* A program of the version that this process is of. */
static int own_file(const char *program, char **ret)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	auto_free char *directory = NULL;

	if (n < 0)
		return -errno;
	self[n] = '\0';
	directory = path_dirname(self);
	*ret = directory ? path_join(directory, program) : NULL;
	return *ret ? 0 : -ENOMEM;
}

void crash_report_resolve(struct crash_report *c, const char *version)
{
	auto_cleanup(symbols_free) struct symbols *s = NULL;
	bool is_init = streq(c->program, "init");
	auto_free char *prefix = str_printf("%s+0x", c->program), *path = NULL;

	if (!prefix || (!is_init && !streq(c->program, "core")) ||
	    !streq_ptr(c->version, version) || own_file(c->program, &path) < 0 ||
	    symbols_open(path, &s) < 0)
		return;
	/* Of another build: the addresses stay as they are. init does not say of which it is. */
	if (!is_init && !streq_ptr(c->build_id, symbols_build_id(s)))
		return;
	if (is_init && !c->build_id)
		(void) str_set(&c->build_id, symbols_build_id(s));
	for (size_t i = 0; c->frames && c->frames[i]; i++) {
		const char *hex = str_after(c->frames[i], prefix);
		auto_free char *name = NULL;
		uint64_t offset;
		char *text;

		if (!hex || str_to_u64(hex, 16, &offset) < 0)
			continue;
		/* A return address is behind the call, which may be a function's last instruction. */
		if (symbols_name(s, i > 0 && offset > 0 ? offset - 1 : offset, &name) < 0)
			continue;
		text = str_printf("%s (%s)", c->frames[i], name);
		if (text) {
			free(c->frames[i]);
			c->frames[i] = text;
		}
	}
}
