// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/compat.h"

#include <stdio.h>
#include <time.h>

static const char *const stages[] = {"init-local", "init", "modules-config", "modules-final"};

static int put(const char *root, const char *folder, const char *name, const char *text,
               mode_t mode)
{
	auto_free char *path = path_join3(*root ? root : "/", folder, name);
	int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

	return r < 0 ? r : file_write_atomic(path, text, strlen(text), mode, false);
}

static int put_json(const char *root, const char *folder, const char *name, const cJSON *j,
                    mode_t mode)
{
	auto_free char *text = json_print(j, true);

	return text ? put(root, folder, name, text, mode) : -ENOMEM;
}

static int put_link(const char *root, const char *folder, const char *name, const char *target)
{
	auto_free char *path = path_join3(*root ? root : "/", folder, name);
	int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

	return r < 0 ? r : symlink_atomic(target, path);
}

char *compat_datasource(const struct instance *i)
{
	return i ? str_printf("DataSource%s [%s]", i->datasource, i->origin) : NULL;
}

/* ---- status.json ---- */

static double seconds(usec_t boot)
{
	struct timespec wall;

	/* cloud-init's times are those of the wall. */
	clock_gettime(CLOCK_REALTIME, &wall);
	return (double) wall.tv_sec + (double) wall.tv_nsec / 1e9 -
	       (double) (now(CLOCK_BOOTTIME) - boot) / 1e6;
}

static cJSON *empty_stage(void)
{
	cJSON *j = cJSON_CreateObject();

	cJSON_AddArrayToObject(j, "errors");
	cJSON_AddObjectToObject(j, "recoverable_errors");
	cJSON_AddNullToObject(j, "start");
	cJSON_AddNullToObject(j, "finished");
	return j;
}

static cJSON *read_status(const char *root)
{
	auto_free char *path = path_join3(*root ? root : "/", COMPAT_RUN, "status.json");
	auto_json cJSON *old = NULL;
	cJSON *j, *v1;

	if (path && json_parse_file(path, NULL, &old) >= 0 &&
	    cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(old, "v1")))
		return TAKE_PTR(old);
	j = cJSON_CreateObject();
	v1 = cJSON_AddObjectToObject(j, "v1");
	cJSON_AddNullToObject(v1, "datasource");
	cJSON_AddNullToObject(v1, "stage");
	for (size_t k = 0; k < ELEMENTSOF(stages); k++)
		(void) json_add_take(v1, stages[k], empty_stage());
	return j;
}

static void set(cJSON *object, const char *key, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	(void) json_add_take(object, key, value);
}

/* Findings of a stage: by their level where it went on, as errors where it did not. */
static void add_findings(cJSON *stage, const struct diag *d, bool failed)
{
	cJSON *errors = cJSON_GetObjectItemCaseSensitive(stage, "errors"),
	      *recoverable = cJSON_GetObjectItemCaseSensitive(stage, "recoverable_errors");

	for (size_t k = 0; k < d->n_items; k++) {
		const char *level = d->items[k].level >= DIAG_ERROR ? "ERROR" : "WARNING";
		auto_free char *text = str_printf("%s: %s", d->items[k].file, d->items[k].text);
		cJSON *list = errors;

		if (d->items[k].level < DIAG_WARNING || !text)
			continue;
		if (!failed || d->items[k].level < DIAG_ERROR) {
			list = cJSON_GetObjectItemCaseSensitive(recoverable, level);
			if (!list)
				list = cJSON_AddArrayToObject(recoverable, level);
		}
		(void) json_append_take(list, cJSON_CreateString(text));
	}
}

int compat_stage(const char *root, const struct instance *i, const char *name, usec_t began,
                 const struct diag *d, bool failed)
{
	auto_json cJSON *status = read_status(root);
	auto_free char *datasource = compat_datasource(i);
	cJSON *v1 = cJSON_GetObjectItemCaseSensitive(status, "v1"),
	      *stage = cJSON_GetObjectItemCaseSensitive(v1, name);
	int r;

	if (!stage)
		return -EINVAL;
	if (datasource)
		set(v1, "datasource", cJSON_CreateString(datasource));
	set(v1, "stage", d ? cJSON_CreateNull() : cJSON_CreateString(name));
	if (!d) {
		set(stage, "start", cJSON_CreateNumber(seconds(began)));
	} else {
		set(stage, "finished", cJSON_CreateNumber(seconds(now(CLOCK_BOOTTIME))));
		add_findings(stage, d, failed);
	}
	r = put_json(root, COMPAT_RUN, "status.json", status, 0644);
	return r < 0 ? r
	             : put_link(root, COMPAT_LIB "/data", "status.json",
	                        "../../../../run/cloud-init/status.json");
}

int compat_disabled(const char *root)
{
	return put(root, COMPAT_RUN, "disabled", "", 0644);
}

/* ---- an instance ---- */

static int put_blob(const char *root, const char *folder, const char *name, const struct blob *b)
{
	auto_free char *path = path_join3(*root ? root : "/", folder, name);
	int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

	/* User data holds secrets. */
	return r < 0 ? r : file_write_atomic(path, b->data ? b->data : "", b->size, 0600, false);
}

/* data/previous-instance-id is what data/instance-id was. */
static int put_ids(const char *root, const struct instance *i, bool *ret_is_new)
{
	auto_free char *path = path_join3(*root ? root : "/", COMPAT_LIB, "data/instance-id"),
		       *old = NULL, *line = str_printf("%s\n", i->id);
	int r;

	if (!path || !line)
		return -ENOMEM;
	(void) file_read_line(path, &old);
	*ret_is_new = !old || !streq(old, i->id);
	if (!*ret_is_new)
		return 0;
	{
		auto_free char *before = str_printf("%s\n", old ? old : "NO_PREVIOUS_INSTANCE_ID");

		r = before ? put(root, COMPAT_LIB "/data", "previous-instance-id", before, 0644)
		           : -ENOMEM;
	}
	return r < 0 ? r : put(root, COMPAT_LIB "/data", "instance-id", line, 0644);
}

static int put_instance_folder(const char *root, const struct instance *i, const struct userdata *u)
{
	auto_free char *folder = str_printf(COMPAT_LIB "/instances/%s", i->id),
		       *target = str_printf("instances/%s", i->id),
		       *datasource = compat_datasource(i),
		       *line = str_printf("%s: %s\n", "DataSource", datasource ? datasource : ""),
		       *config = NULL, *text = NULL;
	int r = folder && target && line ? put_blob(root, folder, "user-data.txt", &i->user_data)
	                                 : -ENOMEM;

	if (r >= 0)
		r = put_blob(root, folder, "vendor-data.txt", &i->vendor_data);
	if (r >= 0)
		r = put_blob(root, folder, "vendor-data2.txt", &i->vendor_data2);
	if (r >= 0)
		r = yaml_print(u->config, &config);
	text = config ? str_printf("#cloud-config\n%s", config) : NULL;
	if (r >= 0)
		r = text ? put(root, folder, "cloud-config.txt", text, 0600) : -ENOMEM;
	if (r >= 0)
		r = put(root, folder, "datasource", line, 0644);
	return r < 0 ? r : put_link(root, COMPAT_LIB, "instance", target);
}

static int put_folders(const char *root)
{
	static const char *const folders[] = {COMPAT_LIB "/scripts/per-boot",
	                                      COMPAT_LIB "/scripts/per-instance",
	                                      COMPAT_LIB "/scripts/per-once",
	                                      COMPAT_LIB "/scripts/vendor",
	                                      COMPAT_LIB "/seed",
	                                      COMPAT_LIB "/sem",
	                                      COMPAT_LIB "/handlers"};
	int r = 0;

	for (size_t k = 0; k < ELEMENTSOF(folders) && r >= 0; k++) {
		auto_free char *path = path_join(*root ? root : "/", folders[k]);

		r = path ? mkdir_p(path, 0755) : -ENOMEM;
	}
	return r;
}

int compat_instance(const char *root, const struct instance *i, const struct userdata *u,
                    const cJSON *data)
{
	auto_json cJSON *redacted = NULL;
	const char *cloud =
		json_string_or(cJSON_GetObjectItemCaseSensitive(data, "v1"), "cloud_id", "unknown");
	auto_free char *file = str_printf("cloud-id-%s", cloud), *line = str_printf("%s\n", cloud),
		       *list = str_printf("datasource_list: [ %s, None ]\n", i->datasource);
	bool is_new;
	int r = file && line && list ? put_folders(root) : -ENOMEM;

	/* An id becomes a folder's name. */
	if (r >= 0 && (!*i->id || strchr(i->id, '/') || *i->id == '.'))
		r = -EINVAL;
	if (r >= 0)
		r = put_ids(root, i, &is_new);
	if (r >= 0)
		r = put_instance_folder(root, i, u);
	if (r >= 0)
		r = put_json(root, COMPAT_RUN, "instance-data-sensitive.json", data, 0600);
	if (r >= 0)
		r = put_json(root, COMPAT_RUN, "combined-cloud-config.json", u->config, 0600);
	if (r >= 0)
		r = instance_data_redact(data, &redacted);
	if (r >= 0)
		r = put_json(root, COMPAT_RUN, "instance-data.json", redacted, 0644);
	if (r >= 0)
		r = put(root, COMPAT_RUN, file, line, 0644);
	if (r >= 0)
		r = put_link(root, COMPAT_RUN, "cloud-id", file);
	if (r >= 0)
		r = put(root, COMPAT_RUN, "cloud.cfg", list, 0644);
	if (r >= 0)
		r = put(root, COMPAT_RUN, "enabled", "", 0644);
	return r < 0 ? r : put(root, COMPAT_RUN, ".instance-id", line ? i->id : "", 0644);
}

/* ---- the end ---- */

int compat_finished(const char *root, const struct instance *i, usec_t up)
{
	auto_json cJSON *status = read_status(root), *result = cJSON_CreateObject();
	cJSON *from = cJSON_GetObjectItemCaseSensitive(status, "v1"),
	      *v1 = cJSON_AddObjectToObject(result, "v1"), *errors;
	auto_free char *datasource = compat_datasource(i), *folder = NULL, *line = NULL;
	int r;

	cJSON_AddItemToObject(v1, "datasource",
	                      datasource ? cJSON_CreateString(datasource) : cJSON_CreateNull());
	errors = cJSON_AddArrayToObject(v1, "errors");
	for (size_t k = 0; k < ELEMENTSOF(stages); k++) {
		const cJSON *it, *of = cJSON_GetObjectItemCaseSensitive(from, stages[k]);

		cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(of, "errors"))(void)
			json_append_take(errors, cJSON_Duplicate(it, true));
	}
	r = put_json(root, COMPAT_RUN, "result.json", result, 0644);
	if (r >= 0)
		r = put_link(root, COMPAT_LIB "/data", "result.json",
		             "../../../../run/cloud-init/result.json");
	if (r < 0 || !i)
		return r;
	folder = str_printf(COMPAT_LIB "/instances/%s", i->id);
	line = str_printf("%.2f\n", (double) up / 1e6);
	return folder && line ? put(root, folder, "boot-finished", line, 0644) : -ENOMEM;
}
