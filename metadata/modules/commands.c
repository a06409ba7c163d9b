// SPDX-License-Identifier: Apache-2.0
/* bootcmd, runcmd, user scripts: programs of the one who configured this machine. */
#include "metadata/modules/modules.h"

#include <ctype.h>
#include <stdio.h>

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
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->config, key);
	auto_free char *script = NULL;
	int r;

	if (!list || cJSON_IsNull(list))
		return 0;
	r = shellify(list, key, c->d, &script);
	return r < 0 ? r : run_script(c, key, script);
}

int module_bootcmd(struct context *c)
{
	return run_key(c, "bootcmd");
}

/* What is wrong with it is said here; it runs as one of the user's scripts. */
int module_runcmd(struct context *c)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->config, "runcmd");
	auto_free char *script = NULL;

	return list && !cJSON_IsNull(list) ? shellify(list, "runcmd", c->d, &script) : 0;
}

/* ---- scripts ---- */

/* As cloud-init names a script's file: letters, digits and a few signs; a folder is none. */
static char *file_name(const char *name)
{
	char *clean = strdup(name), *to = clean;

	for (const char *p = name; clean && *p; p++)
		if (*p == '/')
			*to++ = '_';
		else if (isalnum((unsigned char) *p) || strchr("_-.()", *p))
			*to++ = *p;
	if (clean)
		*to = '\0';
	if (clean && (!*clean || streq(clean, ".") || streq(clean, ".."))) {
		free(clean);
		return strdup("_");
	}
	return clean;
}

/* @files: name -> text; of two with one name the later stays. */
static int add_file(cJSON *files, const char *name, const char *text)
{
	auto_free char *clean = file_name(name);

	if (!clean)
		return -ENOMEM;
	cJSON_DeleteItemFromObjectCaseSensitive(files, clean);
	return json_add_string(files, clean, text);
}

/* In the order of their names, as run-parts does; a failed one does not keep the others back. */
static int run_files(struct context *c, const cJSON *files, const char *folder)
{
	auto_strv char **names = NULL;
	const cJSON *it;
	int r = 0, worst = 0;

	cJSON_ArrayForEach(it, files) if (r >= 0) r = strv_append(&names, it->string);
	if (r < 0)
		return r;
	strv_sort_unique(names);
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(folder, *n);

		worst = MIN(worst,
		            path ? run_script(c, path, json_string_or(files, *n, "")) : -ENOMEM);
	}
	return worst;
}

static int collect(const struct context *c, enum script_when when, cJSON *files)
{
	int r = files ? 0 : -ENOMEM;

	for (size_t k = 0; k < c->data->n_scripts && r >= 0; k++)
		if (c->data->scripts[k].when == when)
			r = add_file(files, c->data->scripts[k].filename,
			             c->data->scripts[k].text.data);
	return r;
}

static int run_scripts(struct context *c, enum script_when when, const char *folder)
{
	auto_json cJSON *files = cJSON_CreateObject();
	int r = collect(c, when, files);

	return r < 0 ? r : run_files(c, files, folder);
}

/* In the order of the parts. */
int module_boothooks(struct context *c)
{
	int worst = 0, n = 0;

	for (size_t k = 0; k < c->data->n_scripts; k++) {
		char name[64];

		if (c->data->scripts[k].when != SCRIPT_BOOTHOOK)
			continue;
		snprintf(name, sizeof(name), "boothooks/part-%03d", ++n);
		worst = MIN(worst, run_script(c, name, c->data->scripts[k].text.data));
	}
	return worst;
}

int module_scripts_vendor(struct context *c)
{
	return run_scripts(c, SCRIPT_VENDOR, "vendor");
}

int module_scripts_per_once(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_ONCE, "per-once");
}

int module_scripts_per_boot(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_BOOT, "per-boot");
}

int module_scripts_per_instance(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_INSTANCE, "per-instance");
}

/* "runcmd" is one of them, by that name. */
int module_scripts_user(struct context *c)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->config, "runcmd");
	auto_json cJSON *files = cJSON_CreateObject();
	auto_free char *script = NULL;
	int r = collect(c, SCRIPT_PER_INSTANCE_USER, files);

	if (r >= 0 && list && shellify(list, "runcmd", NULL, &script) >= 0)
		r = add_file(files, "runcmd", script);
	return r < 0 ? r : run_files(c, files, "user");
}
