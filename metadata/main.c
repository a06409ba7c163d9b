// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/cmd.h"
#include "metadata/modules/modules.h"
#include "metadata/source/source.h"

#include <stdio.h>

#define STATE_DIRECTORY "/var/lib/sysmaster/metadata"
#define RESULT_FILE     "/run/sysmaster/metadata/result.json"

static int write_result(const struct instance *i, const struct diag *d, const char *stage,
                        usec_t began)
{
	auto_json cJSON *j = cJSON_CreateObject();
	auto_free char *text = NULL;
	cJSON *findings;
	int r;

	if (!j)
		return -ENOMEM;
	json_add_string(j, "stage", stage);
	json_add_string(j, "datasource", i ? i->datasource : "none");
	json_add_string(j, "origin", i ? i->origin : NULL);
	json_add_string(j, "instance_id", i ? i->id : NULL);
	json_add_u64(j, "took_usec", now(CLOCK_BOOTTIME) - began);
	findings = cJSON_AddArrayToObject(j, "findings");
	for (size_t k = 0; findings && k < d->n_items; k++) {
		cJSON *f = cJSON_CreateObject();

		json_add_string(f, "level", diag_level_to_string(d->items[k].level));
		json_add_string(f, "where", d->items[k].file);
		json_add_u64(f, "line", d->items[k].line);
		json_add_string(f, "text", d->items[k].text);
		json_append_take(findings, f);
	}
	text = json_print(j, true);
	r = text ? mkdir_parents(RESULT_FILE, 0755) : -ENOMEM;
	return r < 0 ? r : file_write_atomic(RESULT_FILE, text, strlen(text), 0644, false);
}

static int exit_code(const struct diag *d, int failed)
{
	for (size_t k = 0; k < d->n_items; k++)
		if (d->items[k].level >= DIAG_WARNING)
			return EXIT_RECOVERABLE;
	return failed ? EXIT_RECOVERABLE : EXIT_SUCCESS;
}

/* What templates may look into: the standard keys and the source's own words. */
static cJSON *instance_data_for_templates(const struct instance *i)
{
	auto_free char *host = NULL;
	cJSON *data = cJSON_CreateObject(), *v1 = cJSON_AddObjectToObject(data, "v1"),
	      *ds = cJSON_AddObjectToObject(data, "ds");

	(void) instance_hostname(i, false, &host);
	json_add_string(v1, "instance_id", i->id);
	json_add_string(v1, "local_hostname", host);
	json_add_string(v1, "cloud_name", i->platform ? i->platform : i->datasource);
	json_add_string(v1, "platform", i->datasource);
	cJSON_AddItemToObject(ds, "meta_data", cJSON_Duplicate(i->meta_data, true));
	return data;
}

static int run_stage(const struct instance *i, enum module_stage stage, struct diag *d)
{
	auto_free char *state = path_join3(STATE_DIRECTORY, "instances", i->id);
	struct userdata_options options = {.launch_index = -1};
	auto_json cJSON *data = NULL;
	struct userdata u = {0};
	struct context c;
	int r;

	if (!state)
		return -ENOMEM;
	r = mkdir_p(state, 0700);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, state, 0, "cannot be made: %s", strerror(-r));
	data = instance_data_for_templates(i);
	options.instance_data = data;
	r = userdata_read(i, &options, d, &u);
	if (r < 0 && !u.config)
		return r;
	if (stage == STAGE_APPLY)
		modules_report_unknown(u.config, d);
	c = (struct context){
		.instance = i, .data = &u, .config = u.config, .root = "", .state = state, .d = d};
	r = modules_run(&c, stage);
	if (stage == STAGE_APPLY) {
		auto_free char *link = path_join(STATE_DIRECTORY, "instance");

		if (link)
			(void) symlink_atomic(state, link);
	}
	userdata_done(&u);
	return r;
}

static bool is_disabled(void)
{
	auto_fd int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct machine m;
	bool yes;

	if (fd < 0 || machine_read(&fd, false, &m) < 0)
		return false;
	yes = detect_is_disabled(&m);
	machine_done(&m);
	return yes;
}

static int run(enum module_stage stage, const char *name)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	usec_t began = now(CLOCK_BOOTTIME);
	struct diag d = {0};
	int r;

	if (is_disabled()) {
		log_info("Instance metadata is disabled on this machine");
		return EXIT_SUCCESS;
	}
	r = source_nocloud("", &d, &i);
	if (r == -ENOENT) {
		log_info("This machine has no instance metadata");
		return EXIT_SUCCESS;
	}
	if (r >= 0) {
		if (stage == STAGE_APPLY)
			log_info("Instance \"%s\" from %s", i->id, i->origin);
		r = run_stage(i, stage, &d);
	}
	diag_log(&d, "metadata");
	if (write_result(i, &d, name, began) < 0)
		log_warning("Failed to write " RESULT_FILE);
	return r < 0 ? EXIT_FAILURE : exit_code(&d, r);
}

static int cmd_apply(int argc, char **argv)
{
	(void) argc;
	return run(STAGE_APPLY, argv[0]);
}

static int cmd_final(int argc, char **argv)
{
	(void) argc;
	return run(STAGE_FINAL, argv[0]);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"apply", cmd_apply},     {"final", cmd_final},   {"identify", cmd_identify},
	{"network", cmd_network}, {"render", cmd_render}, {"validate", cmd_validate},
};

int main(int argc, char **argv)
{
	log_setup("sysmaster-metadata", LOG_TARGET_AUTO, LOG_INFO);
	umask(0022);
	for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
		if (streq(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "usage: sysmaster-metadata apply | final | identify [--root DIR] | "
	                "render --format netplan|networkd [--root DIR] FILE | network [--root DIR] "
	                "FILE | validate FILE...\n");
	return EXIT_FAILURE;
}
