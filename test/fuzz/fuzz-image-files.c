// SPDX-License-Identifier: Apache-2.0
/* Files of the image that modules add to, and scripts for its tools: fstab, sudo's and doas' rules, a disk's layout. The first byte
 * chooses. */
#include "metadata/modules/modules.h"
#include "metadata/userdata/userdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What is kept is kept again, and a line of ours is one line of six fields. */
static void on_fstab(const char *text)
{
	auto_free char *kept = NULL, *again = NULL, *line = NULL;
	auto_strv char **devices = NULL, **same = NULL, **words = NULL, **fields = NULL;

	if (fstab_keep(text, &kept, &devices) < 0 || fstab_keep(kept, &again, &same) < 0)
		return;
	require(streq(kept, again) && strv_length(devices) == strv_length(same));
	if (strv_split(text, "\x01", &words) < 0 || strv_length(words) < FSTAB_FIELDS ||
	    fstab_line(words, &line) < 0)
		return;
	require(strchr(line, '\n') == line + strlen(line) - 1);
	line[strlen(line) - 1] = '\0';
	require(strv_split(line, " \t", &fields) < 0 || strv_length(fields) == FSTAB_FIELDS);
}

static void on_lines(const char *text)
{
	auto_strv char **lines = NULL;
	auto_free char *once = NULL, *twice = NULL;
	const char *second = strchr(text, '\x01');

	if (strv_split(second ? second + 1 : "", "\n", &lines) < 0 ||
	    lines_add(text, lines, &once) < 0 || lines_add(once, lines, &twice) < 0)
		return;
	require(!strncmp(once, text, strlen(text)) && streq(once, twice));
}

static void on_doas(const char *text)
{
	require(!doas_rule_is_for(text, "me") || (strstr(text, "me") && !strchr(text, '\n')));
}

static void on_layout(const char *text)
{
	auto_json cJSON *layout = NULL;
	auto_free char *script = NULL;
	auto_strv char **lines = NULL;
	struct diag d = {0};

	if (yaml_parse(text, strlen(text), "fuzz", &d, &layout) < 0 ||
	    disk_layout_script(layout, true, 1ULL << 40, &script) < 0 ||
	    strv_split(script, "\n", &lines) < 0)
		return;
	require(streq(lines[0], "label: gpt"));
	STRV_FOREACH (l, lines + 1)
		require(str_after(*l, "type=") || str_after(*l, "size="));
	require(!cJSON_IsArray(layout) ||
	        strv_length(lines) == 1 + (size_t) cJSON_GetArraySize(layout));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text) = {on_fstab, on_lines, on_doas, on_layout};
	auto_blob struct blob b = {0};

	if (!size || blob_set(&b, data + 1, size - 1) < 0)
		return 0;
	readers[data[0] % ELEMENTSOF(readers)](b.data);
	return 0;
}
