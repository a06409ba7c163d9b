// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/stage.h"

char *stage_path(const struct stage *s, const char *path)
{
	return path_join(*s->root ? s->root : "/", path);
}

static cJSON *findings_json(const struct diag *d)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t k = 0; list && k < d->n_items; k++) {
		cJSON *f = cJSON_CreateObject();

		json_add_string(f, "level", diag_level_to_string(d->items[k].level));
		json_add_string(f, "where", d->items[k].file);
		json_add_u64(f, "line", d->items[k].line);
		json_add_string(f, "text", d->items[k].text);
		json_append_take(list, f);
	}
	return list;
}

static int write_result(const struct stage *s, const struct instance *i)
{
	auto_free char *own = str_printf(METADATA_RUN "/%s.json", s->name), *path = NULL,
		       *result = stage_path(s, METADATA_RUN "/result.json"), *text = NULL;
	auto_json cJSON *j = cJSON_CreateObject();
	int r;

	path = own ? stage_path(s, own) : NULL;
	if (!j || !path || !result)
		return -ENOMEM;
	json_add_string(j, "stage", s->name);
	json_add_string(j, "datasource", i ? i->datasource : "none");
	json_add_string(j, "origin", i ? i->origin : NULL);
	json_add_string(j, "instance_id", i ? i->id : NULL);
	json_add_u64(j, "took_usec", now(CLOCK_BOOTTIME) - s->began);
	json_add_take(j, "modules", cJSON_Duplicate(s->timings, true));
	json_add_take(j, "findings", findings_json(&s->d));
	text = json_print(j, true);
	r = text ? mkdir_parents(result, 0755) : -ENOMEM;
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), 0644, false);
	return r < 0 || s->stage == STAGE_HOST_KEYS
	               ? r
	               : file_write_atomic(result, text, strlen(text), 0644, false);
}

void stage_write_result(const struct stage *s, const struct instance *i)
{
	if (write_result(s, i) < 0)
		log_warning("Failed to write /" METADATA_RUN "/result.json");
}

int stage_exit_code(const struct diag *d, int failed)
{
	for (size_t k = 0; k < d->n_items; k++)
		if (d->items[k].level >= DIAG_WARNING)
			return EXIT_RECOVERABLE;
	return failed ? EXIT_RECOVERABLE : EXIT_SUCCESS;
}

int stage_nothing(const struct stage *s, const char *why)
{
	log_info("%s", why);
	/* "status --wait" ends. */
	(void) compat_disabled(s->root);
	return EXIT_SUCCESS;
}
