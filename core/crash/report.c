// SPDX-License-Identifier: Apache-2.0
#include "crash/crash.h"
#include "engine/record.h"
#include "unitfile/unitfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct crash_report *crash_report_free(struct crash_report *c)
{
	if (!c)
		return NULL;
	free(c->id);
	free(c->program);
	free(c->version);
	free(c->build_id);
	free(c->cause);
	free(c->unit);
	free(c->source);
	strv_free(c->frames);
	strv_free(c->log);
	free(c);
	return NULL;
}

/* clang-format off */
static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{ "program",  offsetof(struct crash_report, program) },
	{ "version",  offsetof(struct crash_report, version) },
	{ "build-id", offsetof(struct crash_report, build_id) },
	{ "cause",    offsetof(struct crash_report, cause) },
	{ "unit",     offsetof(struct crash_report, unit) },
	{ "source",   offsetof(struct crash_report, source) },
}, numbers[] = {
	{ "address",  offsetof(struct crash_report, address) },
	{ "time",     offsetof(struct crash_report, time_usec) },
	{ "uptime",   offsetof(struct crash_report, uptime_usec) },
	{ "busy",     offsetof(struct crash_report, busy_usec) },
	{ "units",    offsetof(struct crash_report, n_units) },
	{ "jobs",     offsetof(struct crash_report, n_jobs) },
	{ "restarts", offsetof(struct crash_report, restarts) },
}, ints[] = {
	{ "signal",   offsetof(struct crash_report, signal) },
	{ "code",     offsetof(struct crash_report, code) },
	{ "pid",      offsetof(struct crash_report, pid) },
	{ "sender",   offsetof(struct crash_report, sender) },
};
/* clang-format on */

#define FIELD(c, row, type) ((type *) (void *) ((char *) (uintptr_t) (c) + (row).offset))

int crash_report_encode(const struct crash_report *c, char **ret)
{
	auto_strbuf struct strbuf b = {.max = CRASH_REPORT_MAX};

	record_begin(&b);
	for (size_t i = 0; i < ELEMENTSOF(texts); i++)
		record_add(&b, texts[i].key, *FIELD(c, texts[i], char *));
	for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
		record_add_u64(&b, numbers[i].key, *FIELD(c, numbers[i], uint64_t));
	for (size_t i = 0; i < ELEMENTSOF(ints); i++)
		if (*FIELD(c, ints[i], int))
			record_add_i64(&b, ints[i].key, *FIELD(c, ints[i], int));
	record_add_strv(&b, "frame", c->frames);
	record_add_strv(&b, "log", c->log);
	return strbuf_take(&b, ret);
}

void crash_text_clean(char *text)
{
	for (char *p = text; p && *p; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = '?';
	if (text && !utf8_is_valid(text, strlen(text)))
		for (char *p = text; *p; p++)
			if ((unsigned char) *p >= 0x80)
				*p = '?';
}

static int take_list(const struct record *r, const char *key, size_t max, char ***ret)
{
	int k = record_get_strv(r, key, ret);

	for (size_t i = 0; k >= 0 && *ret && (*ret)[i]; i++) {
		crash_text_clean((*ret)[i]);
		if (i + 1 < max || !(*ret)[i + 1])
			continue;
		for (char **rest = *ret + i + 1; *rest; rest++) {
			free(*rest);
			*rest = NULL;
		}
		break;
	}
	return k;
}

int crash_report_decode(const char *text, size_t size, struct crash_report **ret)
{
	auto_cleanup(crash_report_free) struct crash_report *c = calloc(1, sizeof(*c));
	auto_cleanup(record_free) struct record *r = NULL;
	int k;

	if (!c)
		return -ENOMEM;
	if (size > CRASH_REPORT_MAX)
		return -EBADMSG;
	k = record_parse(text, size, &r);
	for (size_t i = 0; k >= 0 && i < ELEMENTSOF(texts); i++) {
		k = str_set(FIELD(c, texts[i], char *), record_get(r, texts[i].key));
		crash_text_clean(*FIELD(c, texts[i], char *));
	}
	for (size_t i = 0; k >= 0 && i < ELEMENTSOF(numbers); i++)
		*FIELD(c, numbers[i], uint64_t) = record_get_u64(r, numbers[i].key, 0);
	for (size_t i = 0; k >= 0 && i < ELEMENTSOF(ints); i++) {
		int64_t v = record_get_i64(r, ints[i].key, 0);

		*FIELD(c, ints[i], int) = v < INT32_MIN || v > INT32_MAX ? 0 : (int) v;
	}
	if (k >= 0)
		k = take_list(r, "frame", CRASH_FRAMES_MAX, &c->frames);
	if (k >= 0)
		k = take_list(r, "log", CRASH_LINES_MAX, &c->log);
	if (k < 0)
		return k;
	if (str_is_empty(c->program))
		return -EBADMSG;
	*ret = TAKE_PTR(c);
	return 0;
}

char *crash_report_summary(const struct crash_report *c)
{
	const char *name = c->signal ? signal_to_string(c->signal) : NULL;
	auto_strbuf struct strbuf b = {0};
	char *text;

	strbuf_printf(&b, "%s%s%s died", c->program, c->version ? " " : "", c->version ?: "");
	if (name)
		strbuf_printf(&b, ": %s%s", str_after(name, "SIG") ? "" : "SIG", name);
	if (name && c->sender > 0)
		strbuf_printf(&b, " from process %d", (int) c->sender);
	if (name && c->sender == 0 && c->address)
		strbuf_printf(&b, " at 0x%" PRIx64, c->address);
	if (c->frames && c->frames[0])
		strbuf_printf(&b, " in %s", c->frames[0]);
	if (!str_is_empty(c->cause))
		strbuf_printf(&b, "%s%s%s", name ? " (" : ": ", c->cause, name ? ")" : "");
	if (c->source)
		strbuf_printf(&b, ", while in \"%s\"", c->source);
	return strbuf_take(&b, &text) < 0 ? NULL : text;
}

/* ---- names ---- */

bool crash_name_is_valid(const char *id)
{
	size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_");

	return n > 0 && n <= 100 && !id[n] && id[0] != '.';
}

int crash_report_name(struct crash_report *c)
{
	time_t seconds = (time_t) (c->time_usec / USEC_PER_SEC);
	auto_free char *id = NULL;
	char stamp[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm))
		return -EINVAL;
	id = str_printf("%s.%06u-%.60s", stamp, (unsigned) (c->time_usec % USEC_PER_SEC),
	                c->program);
	if (!id)
		return -ENOMEM;
	for (char *p = id; *p; p++)
		if (*p == '/' || *p == '@' || *p == ':' || *p == '\\')
			*p = '_';
	if (!crash_name_is_valid(id))
		return -EINVAL;
	free(c->id);
	c->id = TAKE_PTR(id);
	return 0;
}
