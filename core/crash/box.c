// SPDX-License-Identifier: Apache-2.0
#include "crash/box.h"

#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>

static struct box own; /* when init gave none; its pages are untouched otherwise */
struct box *box = &own;

/* A compiler may not move a store over this; the reader is another process that comes later. */
#define FENCE() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* ---- reading ---- */

static int take_text(char **field, const char *text, size_t size)
{
	auto_free char *copy = strndup(text, strnlen(text, size));

	if (!copy)
		return -ENOMEM;
	crash_text_clean(copy);
	if (!*copy)
		return 0;
	free(*field);
	*field = TAKE_PTR(copy);
	return 0;
}

static int take_build_id(char **field, const struct box_module *m)
{
	char text[2 * BOX_BUILD_ID + 1] = "";

	for (size_t i = 0; i < MIN(m->build_id_size, (uint32_t) BOX_BUILD_ID); i++)
		snprintf(text + 2 * i, 3, "%02x", m->build_id[i]);
	return *text ? str_set(field, text) : 0;
}

static int take_frame(struct crash_report *c, const struct box *b, uint64_t address)
{
	auto_free char *text = NULL;

	for (size_t i = 0; i < MIN(b->n_modules, (uint32_t) BOX_MODULES); i++) {
		const struct box_module *m = &b->modules[i];
		auto_free char *name = NULL;

		if (address < m->begin || address >= m->end)
			continue;
		if (take_text(&name, m->name, sizeof(m->name)) < 0)
			return -ENOMEM;
		text = str_printf("%s+0x%" PRIx64, name ? name : "?", address - m->begin);
		return text ? strv_append(&c->frames, text) : -ENOMEM;
	}
	text = str_printf("0x%" PRIx64, address);
	return text ? strv_append(&c->frames, text) : -ENOMEM;
}

static int take_lines(struct crash_report *c, const struct box *b)
{
	uint32_t last = b->last_line, first = last > BOX_LINES ? last - BOX_LINES + 1 : 1;
	int r = 0;

	for (uint32_t n = first; r >= 0 && last > 0 && n <= last && n >= first; n++) {
		const struct box_line *l = &b->lines[n % BOX_LINES];
		auto_free char *text = NULL;

		if (l->number != n)
			continue;
		r = take_text(&text, l->text, sizeof(l->text));
		if (r >= 0 && text)
			r = strv_append(&c->log, text);
	}
	return r;
}

static int take_fault(struct crash_report *c, const struct box *b)
{
	const struct box_fault *f = &b->fault;
	int r = 0, n = f->n_frames < 0 ? 0 : MIN(f->n_frames, BOX_FRAMES);

	if (f->signal < 1 || f->signal > 64)
		return 0;
	c->signal = f->signal;
	c->code = f->code;
	c->sender = f->sender > 0 ? f->sender : 0;
	c->address = f->address;
	if (f->realtime_usec > 0)
		c->time_usec = f->realtime_usec;
	for (int i = 0; r >= 0 && i < n; i++)
		r = take_frame(c, b, f->frames[i]);
	return r;
}

struct crash_report *box_read(const struct box *b, size_t size)
{
	auto_cleanup(crash_report_free) struct crash_report *c = NULL;
	usec_t t = now(CLOCK_MONOTONIC);
	int r;

	if (size < sizeof(*b) || b->magic != BOX_MAGIC || b->version != BOX_VERSION ||
	    b->size != sizeof(*b) || !b->in_use)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->pid = b->pid > 0 ? b->pid : 0;
	c->time_usec = now(CLOCK_REALTIME);
	c->uptime_usec = usec_sub(t, b->monotonic_usec);
	c->busy_usec = b->source_since ? usec_sub(t, b->source_since) : 0;
	c->n_units = b->n_units;
	c->n_jobs = b->n_jobs;
	r = str_set(&c->program, "core");
	if (r >= 0)
		r = take_text(&c->version, b->program_version, sizeof(b->program_version));
	if (r >= 0 && b->n_modules > 0)
		r = take_build_id(&c->build_id, &b->modules[0]);
	if (r >= 0 && b->source_since)
		r = take_text(&c->source, b->source, sizeof(b->source));
	if (r >= 0)
		r = take_fault(c, b);
	if (r >= 0)
		r = take_lines(c, b);
	return r < 0 ? NULL : TAKE_PTR(c);
}

/* ---- writing ---- */

void crash_note_counts(uint64_t n_units, uint64_t n_jobs)
{
	box->n_units = n_units;
	box->n_jobs = n_jobs;
}

void crash_note_source(const char *name, usec_t monotonic)
{
	box->source_since = 0;
	FENCE();
	if (!name)
		return;
	for (size_t i = 0; i < sizeof(box->source) - 1; i++)
		if (!(box->source[i] = name[i]))
			break;
	FENCE();
	box->source_since = monotonic;
}

static void on_log(int level, const char *text, size_t size)
{
	uint32_t n = box->last_line + 1 ?: 1;
	struct box_line *l = &box->lines[n % BOX_LINES];

	l->number = 0;
	FENCE();
	size = MIN(size, sizeof(l->text) - 1);
	memcpy(l->text, text, size);
	l->text[size] = '\0';
	l->level = (uint32_t) level;
	FENCE();
	l->number = n;
	box->last_line = n;
}

/* ---- opening ---- */

static void note_build_id(struct box_module *m, const uint8_t *p, size_t size)
{
	while (size >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *h = (const void *) p;
		size_t name = ((size_t) h->n_namesz + 3) & ~(size_t) 3,
		       data = ((size_t) h->n_descsz + 3) & ~(size_t) 3;

		if (name > size || data > size || sizeof(*h) + name + data > size)
			return;
		if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4 &&
		    memcmp(p + sizeof(*h), "GNU", 4) == 0) {
			m->build_id_size = MIN(h->n_descsz, (uint32_t) BOX_BUILD_ID);
			memcpy(m->build_id, p + sizeof(*h) + name, m->build_id_size);
			return;
		}
		p += sizeof(*h) + name + data;
		size -= sizeof(*h) + name + data;
	}
}

/* The first is the program itself; what does not fit is shown as bare addresses. */
static int note_module(struct dl_phdr_info *info, size_t size _unused_, void *userdata _unused_)
{
	const char *name = box->n_modules == 0 ? "core" : path_basename(info->dlpi_name);
	struct box_module *m = &box->modules[box->n_modules];
	uint64_t begin = UINT64_MAX, end = 0;

	if (box->n_modules == BOX_MODULES)
		return 1;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD) {
			begin = MIN(begin, (uint64_t) (info->dlpi_addr + p->p_vaddr));
			end = MAX(end, (uint64_t) (info->dlpi_addr + p->p_vaddr + p->p_memsz));
		} else if (p->p_type == PT_NOTE) {
			note_build_id(m, (const uint8_t *) (info->dlpi_addr + p->p_vaddr),
			              p->p_memsz);
		}
	}
	if (begin >= end)
		return 0;
	m->begin = begin;
	m->end = end;
	snprintf(m->name, sizeof(m->name), "%s", *name ? name : "?");
	box->n_modules++;
	return 0;
}

/* init seals the memfd against being made smaller, so a page that is there stays there. */
static struct box *map_box(int fd)
{
	struct stat st;
	void *p;

	if (fd < 0 || fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0 ||
	    st.st_size < WIRE_BOX_OFFSET + WIRE_BOX_BYTES)
		return NULL;
	p = mmap(NULL, WIRE_BOX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, WIRE_BOX_OFFSET);
	return p == MAP_FAILED ? NULL : p;
}

void box_open(int fd, const char *version, struct crash_report **ret)
{
	struct box *b = map_box(fd);

	*ret = b ? box_read(b, WIRE_BOX_BYTES) : NULL;
	box = b ? b : &own;
	box->in_use = 0;
	FENCE();
	/* Line numbers start anew: slots of the core before do not match them. */
	memset(box, 0, offsetof(struct box, lines));
	for (size_t i = 0; i < BOX_LINES; i++)
		box->lines[i].number = 0;
	box->magic = BOX_MAGIC;
	box->version = BOX_VERSION;
	box->size = sizeof(*box);
	box->pid = getpid();
	box->realtime_usec = now(CLOCK_REALTIME);
	box->monotonic_usec = now(CLOCK_MONOTONIC);
	snprintf(box->program_version, sizeof(box->program_version), "%s", version);
	(void) dl_iterate_phdr(note_module, NULL);
	FENCE();
	box->in_use = 1;
	log_set_tap(on_log);
}
