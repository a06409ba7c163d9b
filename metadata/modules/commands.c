// SPDX-License-Identifier: Apache-2.0
/* bootcmd, runcmd, user scripts: programs of the one who configured this machine. */
#include "metadata/modules/modules.h"

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

int module_runcmd(struct context *c)
{
	return run_key(c, "runcmd");
}

/* The scripts of one kind, in order; a failed one does not keep the others back. */
static int run_scripts(struct context *c, enum script_when when, const char *folder)
{
	int worst = 0, n = 0;

	for (size_t k = 0; k < c->data->n_scripts; k++) {
		char name[64];
		int r;

		if (c->data->scripts[k].when != when)
			continue;
		snprintf(name, sizeof(name), "%s/part-%03d", folder, ++n);
		r = run_script(c, name, c->data->scripts[k].text.data);
		worst = MIN(worst, r);
	}
	return worst;
}

int module_boothooks(struct context *c)
{
	return run_scripts(c, SCRIPT_BOOTHOOK, "boothooks");
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

int module_scripts_user(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_INSTANCE_USER, "user");
}
