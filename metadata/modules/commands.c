// SPDX-License-Identifier: Apache-2.0
/* bootcmd, runcmd, user scripts: programs of the one who configured this machine. */
#include "metadata/modules/modules.h"

#include <stdio.h>

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

/* Entries are shell lines, or lists of words that the shell must not touch. */
static int script_from(struct context *c, const char *key, char **ret)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->config, key), *entry, *word;
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	if (!list || cJSON_IsNull(list))
		return -ENOENT;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > METADATA_LIST_MAX)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, key, 0,
		                "a list of at most %d commands is expected", METADATA_LIST_MAX);
	strbuf_puts(&b, "#!/bin/sh\n");
	cJSON_ArrayForEach(entry, list)
	{
		auto_free char *line = scalar_text(entry);

		if (line) {
			strbuf_printf(&b, "%s\n", line);
			continue;
		}
		if (cJSON_IsNull(entry))
			continue;
		if (!cJSON_IsArray(entry))
			return diag_add(c->d, -EINVAL, DIAG_ERROR, key, 0,
			                "a command is a line or a list of words");
		cJSON_ArrayForEach(word, entry)
		{
			auto_free char *text = scalar_text(word);

			if (!text)
				return diag_add(c->d, -EINVAL, DIAG_ERROR, key, 0,
				                "a command's words are text");
			add_quoted(&b, text);
			strbuf_puts(&b, " ");
		}
		strbuf_puts(&b, "\n");
	}
	return strbuf_take(&b, ret);
}

static int run_script(struct context *c, const char *name, const char *text)
{
	auto_free char *path = str_printf("%s/scripts/%s", c->state, name);
	auto_strv char **argv = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = mkdir_parents(path, 0700);
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), 0700, false);
	if (r >= 0)
		r = strv_append(&argv, path);
	if (r < 0)
		return r;
	setenv("INSTANCE_ID", c->instance->id, 1);
	r = run_program(argv, NULL, USEC_INFINITY);
	if (r == 0)
		return 0;
	return diag_add(c->d, r < 0 ? r : -EIO, DIAG_ERROR, name, 0, "ended with status %d", r);
}

static int run_key(struct context *c, const char *key)
{
	auto_free char *script = NULL;
	int r = script_from(c, key, &script);

	return r == -ENOENT ? 0 : r < 0 ? r : run_script(c, key, script);
}

int module_bootcmd(struct context *c)
{
	return run_key(c, "bootcmd");
}

int module_runcmd(struct context *c)
{
	return run_key(c, "runcmd");
}

int module_scripts_user(struct context *c)
{
	int worst = 0, n = 0;

	for (size_t k = 0; k < c->data->n_scripts; k++) {
		char name[32];
		int r;

		snprintf(name, sizeof(name), "part-%03d", ++n);
		r = run_script(c, name, c->data->scripts[k].text.data);
		worst = MIN(worst, r);
	}
	return worst;
}
