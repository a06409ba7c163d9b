// SPDX-License-Identifier: Apache-2.0
/*
 * bootcmd, runcmd, user scripts: programs of the one who configured this machine.
 *
 * Scripts stand where cloud-init puts them, since they ask for their own place, and others put some beside them (write_files into
 * scripts/per-boot is a common way). What is executable in a folder is run:
 *
 *   /var/lib/cloud/instance/scripts/                        user's, runcmd
 *   /var/lib/cloud/instance/scripts/vendor/                 vendor's
 *   /var/lib/cloud/scripts/per-{boot,instance,once}/        of all instances of this machine
 *   /var/lib/cloud/instances/ID/boothooks/                  each when its part is met
 */
#include "metadata/modules/modules.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define CLOUD_LIB "var/lib/cloud"

/* ---- one script: paths are the image's, from its root on ---- */

static int write_script(struct context *c, const char *path, const char *text)
{
	auto_free char *full = root_path(c, path + 1);
	int r = full ? mkdir_parents(full, 0755) : -ENOMEM;

	if (r >= 0)
		r = file_write_atomic(full, text, strlen(text), 0700, false);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, path, 0, "cannot be written: %s", strerror(-r))
	             : 0;
}

/* @prefix: words before its path, or NULL. */
static int run_script(struct context *c, char *const *prefix, const char *path)
{
	auto_strv char **argv = NULL;
	int r = 0;

	STRV_FOREACH (word, prefix)
		r = r < 0 ? r : strv_append(&argv, *word);
	if (r >= 0)
		r = strv_append(&argv, path);
	if (r < 0)
		return r;
	setenv("INSTANCE_ID", c->instance->id, 1);
	r = module_status(c, USEC_INFINITY, (const char *const *) argv);
	if (r == 0)
		return 0;
	return diag_add(c->d, r < 0 ? r : -EIO, DIAG_ERROR, path, 0, "ended with status %d", r);
}

/* It is run at each boot, before there is a folder of the instance that others look at. */
int module_bootcmd(struct context *c)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->config, "bootcmd");
	auto_free char *script = NULL, *path = str_printf("%s/bootcmd", c->state + strlen(c->root));
	int r = path ? 0 : -ENOMEM;

	if (!list || cJSON_IsNull(list))
		return 0;
	if (r >= 0)
		r = shellify(list, "bootcmd", c->d, &script);
	if (r >= 0)
		r = write_script(c, path, script);
	return r < 0 ? r : run_script(c, NULL, path);
}

/* ---- folders of scripts ---- */

/* "instance" is the name that a script sees; where it leads elsewhere, which only a failed write can cause, the folder itself. */
static char *instance_folder(const struct context *c)
{
	auto_free char *link = root_path(c, CLOUD_LIB "/instance"),
		       *want = str_printf("instances/%s", c->instance->id);
	char target[PATH_MAX] = "";

	if (!link || !want)
		return NULL;
	return readlink(link, target, sizeof(target) - 1) > 0 && streq(target, want)
	               ? strdup("/" CLOUD_LIB "/instance")
	               : str_printf("/" CLOUD_LIB "/%s", want);
}

static char *folder_of(const struct context *c, enum script_when when)
{
	static const char *const shared[SCRIPT_WHEN_MAX] = {
		[SCRIPT_PER_BOOT] = "/" CLOUD_LIB "/scripts/per-boot",
		[SCRIPT_PER_ONCE] = "/" CLOUD_LIB "/scripts/per-once",
		[SCRIPT_PER_INSTANCE] = "/" CLOUD_LIB "/scripts/per-instance"};
	auto_free char *own = NULL;

	if (shared[when])
		return strdup(shared[when]);
	if (when == SCRIPT_BOOTHOOK)
		return str_printf("/" CLOUD_LIB "/instances/%s/boothooks", c->instance->id);
	own = instance_folder(c);
	return own ? str_printf("%s/scripts%s", own, when == SCRIPT_VENDOR ? "/vendor" : "") : NULL;
}

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

/* Of two with one name the later stays. */
static int put_script(struct context *c, const char *folder, const struct script *s)
{
	auto_free char *name = file_name(s->filename),
		       *path = name ? path_join(folder, name) : NULL;

	return path ? write_script(c, path, s->text.data) : -ENOMEM;
}

/* 1: a program; 0: none, which is said of a file. */
static int is_program(struct context *c, const char *path)
{
	auto_free char *full = root_path(c, path + 1);
	struct stat st;

	if (!full)
		return -ENOMEM;
	if (stat(full, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (st.st_mode & 0111)
		return 1;
	(void) diag_add(c->d, 0, DIAG_WARNING, path, 0, "is not executable, and was not run");
	return 0;
}

/* In the order of their names, as run-parts does; a failed one does not keep the others back. */
static int run_folder(struct context *c, const char *folder, char *const *prefix)
{
	auto_free char *full = root_path(c, folder + 1);
	auto_strv char **names = NULL;
	int r = full ? dir_list(full, &names) : -ENOMEM, worst = 0;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(folder, *n);

		r = path ? is_program(c, path) : -ENOMEM;
		if (r > 0)
			r = run_script(c, prefix, path);
		worst = MIN(worst, r);
	}
	return worst;
}

static int run_scripts(struct context *c, enum script_when when, char *const *prefix)
{
	auto_free char *folder = folder_of(c, when);
	int r, worst = folder ? 0 : -ENOMEM;

	for (size_t k = 0; k < c->data->n_scripts && folder; k++)
		if (c->data->scripts[k].when == when)
			worst = MIN(worst, put_script(c, folder, &c->data->scripts[k]));
	r = folder ? run_folder(c, folder, prefix) : 0;
	return MIN(worst, r);
}

/* In the order of the parts. */
int module_boothooks(struct context *c)
{
	auto_free char *folder = folder_of(c, SCRIPT_BOOTHOOK);
	int worst = folder ? 0 : -ENOMEM;

	for (size_t k = 0; k < c->data->n_scripts && folder; k++) {
		const struct script *s = &c->data->scripts[k];
		auto_free char *name = NULL, *path = NULL;
		int r;

		if (s->when != SCRIPT_BOOTHOOK)
			continue;
		name = file_name(s->filename);
		path = name ? path_join(folder, name) : NULL;
		r = path ? write_script(c, path, s->text.data) : -ENOMEM;
		if (r >= 0)
			r = run_script(c, NULL, path);
		worst = MIN(worst, r);
	}
	return worst;
}

/* It runs as one of the user's scripts, and by that name. */
int module_runcmd(struct context *c)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(c->config, "runcmd");
	auto_free char *script = NULL, *path = NULL, *folder = NULL;
	int r;

	if (!list || cJSON_IsNull(list))
		return 0;
	r = shellify(list, "runcmd", c->d, &script);
	if (r < 0)
		return r;
	folder = folder_of(c, SCRIPT_PER_INSTANCE_USER);
	path = folder ? path_join(folder, "runcmd") : NULL;
	return path ? write_script(c, path, script) : -ENOMEM;
}

/* A program, or a list of words, that starts each of the vendor's. */
static int prefix_words(struct context *c, const cJSON *prefix, char ***ret)
{
	const cJSON *it;
	int r = 0;

	if (cJSON_IsString(prefix))
		return strv_append(ret, prefix->valuestring);
	if (!cJSON_IsArray(prefix))
		return 0;
	cJSON_ArrayForEach(it, prefix)
	{
		auto_free char *word = scalar_text(it);

		if (!word)
			return diag_add(c->d, -EINVAL, DIAG_ERROR, "vendor_data", 0,
			                "\"prefix\" is a list of words");
		if (r >= 0)
			r = strv_append(ret, word);
	}
	return r;
}

int module_scripts_vendor(struct context *c)
{
	const cJSON *vendor = cJSON_GetObjectItemCaseSensitive(c->config, "vendor_data");
	auto_strv char **words = NULL;
	int r = prefix_words(c, cJSON_GetObjectItemCaseSensitive(vendor, "prefix"), &words);

	return r < 0 ? r : run_scripts(c, SCRIPT_VENDOR, words);
}

int module_scripts_per_once(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_ONCE, NULL);
}

int module_scripts_per_boot(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_BOOT, NULL);
}

int module_scripts_per_instance(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_INSTANCE, NULL);
}

int module_scripts_user(struct context *c)
{
	return run_scripts(c, SCRIPT_PER_INSTANCE_USER, NULL);
}
