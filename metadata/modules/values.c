// SPDX-License-Identifier: Apache-2.0
/* Values of modules' keys that have a grammar of their own. Pure. */
#include "metadata/modules/modules.h"

#include <ctype.h>
#include <math.h>

#define GIB (1ULL << 30)
#define MIB (1ULL << 20)

int size_parse(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		uint64_t factor;
	} units[] = {
		{"", 1},           {"B", 1},           {"K", 1024},  {"KB", 1024},
		{"KiB", 1024},     {"M", MIB},         {"MB", MIB},  {"MiB", MIB},
		{"G", GIB},        {"GB", GIB},        {"GiB", GIB}, {"T", GIB << 10},
		{"TB", GIB << 10}, {"TiB", GIB << 10},
	};
	char *end;
	double n;

	if (!isdigit((unsigned char) *text) && *text != '.')
		return -EINVAL;
	n = strtod(text, &end);
	if (!isfinite(n) || n < 0 || n > 1e18)
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		if (streq(units[i].unit, end)) {
			n *= (double) units[i].factor;
			if (n > 1e19)
				return -ERANGE;
			*ret = (uint64_t) n;
			return 0;
		}
	return -EINVAL;
}

uint64_t swap_size_suggest(uint64_t memory, uint64_t disk_free, uint64_t maxsize)
{
	/* As much as the memory up to 4 GiB, then less and less of it: room for what is idle, not for
	 * hibernation. */
	static const struct {
		uint64_t memory, swap;
	} rows[] = {
		{16 * GIB, 4 * GIB},   {32 * GIB, 6 * GIB},   {64 * GIB, 8 * GIB},
		{128 * GIB, 11 * GIB}, {256 * GIB, 16 * GIB}, {512 * GIB, 23 * GIB},
	};
	uint64_t size = rows[ELEMENTSOF(rows) - 1].swap;

	for (size_t i = ELEMENTSOF(rows); i-- > 0;)
		if (memory <= rows[i].memory)
			size = rows[i].swap;
	if (memory <= 4 * GIB)
		size = memory;
	if (!maxsize)
		maxsize = disk_free / 4;
	size = MIN(size, maxsize);
	/* Less than 32 MiB helps nobody. */
	return size < 32 * MIB ? 0 : size;
}

/* A word in single quotes, a quote in it as '\''. */
static void add_quoted(struct strbuf *b, const char *s)
{
	strbuf_puts(b, "'");
	for (; *s; s++) {
		if (*s == '\'')
			strbuf_puts(b, "'\\''");
		else
			strbuf_add(b, s, 1);
	}
	strbuf_puts(b, "'");
}

static int add_words(struct strbuf *b, const cJSON *entry, const char *key, struct diag *d)
{
	const cJSON *word;

	cJSON_ArrayForEach(word, entry)
	{
		auto_free char *text = scalar_text(word);

		if (!text)
			return diag_add(d, -EINVAL, DIAG_ERROR, key, 0,
			                "a command's words are text");
		if (word != entry->child)
			strbuf_puts(b, " ");
		add_quoted(b, text);
	}
	strbuf_puts(b, "\n");
	return 0;
}

int shellify(const cJSON *list, const char *key, struct diag *d, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	const cJSON *entry;
	int r = 0;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > METADATA_LIST_MAX)
		return diag_add(d, -EINVAL, DIAG_ERROR, key, 0,
		                "a list of at most %d commands is expected", METADATA_LIST_MAX);
	strbuf_puts(&b, "#!/bin/sh\n");
	cJSON_ArrayForEach(entry, list)
	{
		if (cJSON_IsString(entry))
			strbuf_printf(&b, "%s\n", entry->valuestring);
		else if (cJSON_IsArray(entry))
			r = add_words(&b, entry, key, d);
		else if (!cJSON_IsNull(entry))
			r = diag_add(d, -EINVAL, DIAG_ERROR, key, 0,
			             "a command is a line or a list of words");
		if (r < 0)
			return r;
	}
	return strbuf_take(&b, ret);
}

/* "now", "+5" or 5: minutes. */
static int delay_parse(const cJSON *v, char **ret)
{
	auto_free char *text = v && !cJSON_IsNull(v) ? scalar_text(v) : strdup("now");
	const char *digits = text && *text == '+' ? text + 1 : text;
	uint32_t minutes;

	if (!text)
		return -EINVAL;
	if (streq(text, "now"))
		*ret = strdup("now");
	else if (str_to_u32(digits, &minutes) >= 0)
		*ret = str_printf("+%u", minutes);
	else
		return -EINVAL;
	return *ret ? 0 : -ENOMEM;
}

int power_state_parse(const cJSON *config, struct diag *d, cJSON **ret)
{
	static const struct {
		const char *mode, *option;
	} modes[] = {{"halt", "-H"}, {"poweroff", "-P"}, {"reboot", "-r"}};
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(config, "power_state"),
		    *condition = cJSON_GetObjectItemCaseSensitive(v, "condition"),
		    *timeout = cJSON_GetObjectItemCaseSensitive(v, "timeout");
	const char *mode = json_string_or(v, "mode", ""), *option = NULL,
		   *message = json_string_or(v, "message", NULL);
	auto_free char *delay = NULL;
	cJSON *j, *argv;

	if (!v || cJSON_IsNull(v))
		return -ENOENT;
	for (size_t i = 0; i < ELEMENTSOF(modes); i++)
		if (streq(modes[i].mode, mode))
			option = modes[i].option;
	if (!option)
		return diag_add(d, -EINVAL, DIAG_ERROR, "power_state.mode", 0,
		                "none of halt, poweroff, reboot");
	if (delay_parse(cJSON_GetObjectItemCaseSensitive(v, "delay"), &delay) < 0)
		return diag_add(d, -EINVAL, DIAG_ERROR, "power_state.delay", 0,
		                "neither \"now\" nor minutes");
	if (condition && !cJSON_IsString(condition) && !cJSON_IsArray(condition) &&
	    !cJSON_IsBool(condition))
		return diag_add(d, -EINVAL, DIAG_ERROR, "power_state.condition", 0,
		                "no list, text or boolean");
	j = cJSON_CreateObject();
	argv = cJSON_AddArrayToObject(j, "argv");
	cJSON_AddItemToArray(argv, cJSON_CreateString("shutdown"));
	cJSON_AddItemToArray(argv, cJSON_CreateString(option));
	cJSON_AddItemToArray(argv, cJSON_CreateString(delay));
	if (message)
		cJSON_AddItemToArray(argv, cJSON_CreateString(message));
	cJSON_AddNumberToObject(j, "timeout", cJSON_IsNumber(timeout) ? timeout->valuedouble : 30);
	cJSON_AddItemToObject(j, "condition",
	                      condition ? cJSON_Duplicate(condition, true) : cJSON_CreateTrue());
	*ret = j;
	return 0;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, line, n) && (p[n] == '\n' || p[n] == '\0'))
			return true;
	return false;
}

int lines_add(const char *text, char *const *lines, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	strbuf_puts(&b, text);
	if (*text && !str_ends_with(text, "\n"))
		strbuf_puts(&b, "\n");
	STRV_FOREACH (l, lines)
		if (!has_line(text, *l))
			strbuf_printf(&b, "%s\n", *l);
	return strbuf_take(&b, ret);
}

/* "{ A=b ... }" behind setenv, in one word or many; the index behind it. */
static size_t behind_braces(char *const *words, size_t n, size_t i)
{
	if (i < n && words[i][0] == '{')
		while (i < n && !strchr(words[i], '}'))
			i++;
	return i + 1;
}

bool doas_rule_is_for(const char *rule, const char *user)
{
	static const char *const options[] = {"nopass", "nolog", "persist", "keepenv", NULL};
	auto_strv char **words = NULL;
	size_t i = 1, n;

	if (strpbrk(rule, "\r\n") || strv_split(rule, " \t", &words) < 0)
		return false;
	n = strv_length(words);
	if (!n || !(streq(words[0], "permit") || streq(words[0], "deny")))
		return false;
	while (i < n) {
		bool is_option = false;

		for (size_t k = 0; options[k]; k++)
			is_option |= streq(words[i], options[k]);
		if (streq(words[i], "setenv"))
			i = behind_braces(words, n, i + 1);
		else if (is_option)
			i++;
		else
			break;
	}
	return i < n && streq(words[i], user);
}
