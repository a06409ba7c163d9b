// SPDX-License-Identifier: Apache-2.0
/* apply, final: the two stages of a boot. */
#include "metadata/cmd/compat.h"
#include "metadata/source/source.h"

#include <getopt.h>
#include <stdio.h>

#define STATE_DIRECTORY "var/lib/sysmaster/metadata"
#define RUN_DIRECTORY   "run/sysmaster/metadata"

struct stage {
	enum module_stage stage;
	const char *name;            /* "apply" */
	const char *cloud_init_name; /* in status.json */
	const char *root;            /* "" or a prefix */
	usec_t began;
	cJSON *timings;
	struct diag d;
};

static char *below(const struct stage *s, const char *path)
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

/* result.json is the last stage's; apply.json and final.json have what analyze shows. */
static int write_result(const struct stage *s, const struct instance *i)
{
	auto_free char *own = str_printf(RUN_DIRECTORY "/%s.json", s->name), *path = NULL,
		       *result = below(s, RUN_DIRECTORY "/result.json"), *text = NULL;
	auto_json cJSON *j = cJSON_CreateObject();
	int r;

	path = own ? below(s, own) : NULL;
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
	return r < 0 ? r : file_write_atomic(result, text, strlen(text), 0644, false);
}

static int exit_code(const struct diag *d, int failed)
{
	for (size_t k = 0; k < d->n_items; k++)
		if (d->items[k].level >= DIAG_WARNING)
			return EXIT_RECOVERABLE;
	return failed ? EXIT_RECOVERABLE : EXIT_SUCCESS;
}

/* The client is loaded where something calls for it alone. */
static bool wants_http(const struct stage *s, const cJSON *config)
{
	return s->stage == STAGE_FINAL && cJSON_GetObjectItemCaseSensitive(config, "phone_home");
}

static int run_modules(struct stage *s, const struct instance *i, const struct userdata *u,
                       const char *state)
{
	auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
	auto_free char *sem = str_printf(COMPAT_LIB "/instances/%s/sem", i->id),
		       *marks = sem ? below(s, sem) : NULL;
	struct context c = {.instance = i,
	                    .data = u,
	                    .config = u->config,
	                    .root = s->root,
	                    .state = state,
	                    .d = &s->d,
	                    .sem = marks,
	                    .timings = s->timings};
	struct http http;
	int r = 0;

	if (wants_http(s, u->config) && http_curl_new(&curl) >= 0) {
		http = http_of_curl(curl);
		c.http = &http;
	}
	if (s->stage == STAGE_APPLY)
		r = network_configure(&c);
	if (r < 0)
		diag_add(&s->d, r, DIAG_ERROR, "network", 0, "is not as it was described: %s",
		         strerror(-r));
	return modules_run(&c, s->stage);
}

static int run_stage(struct stage *s, const struct instance *i)
{
	auto_free char *folder = str_printf(STATE_DIRECTORY "/instances/%s", i->id),
		       *state = folder ? below(s, folder) : NULL;
	struct userdata_options options = {.launch_index = -1};
	auto_json cJSON *found = NULL, *data = NULL;
	struct userdata u = {0};
	int r;

	if (!state)
		return -ENOMEM;
	r = mkdir_p(state, 0700);
	if (r < 0)
		return diag_add(&s->d, r, DIAG_ERROR, state, 0, "cannot be made: %s", strerror(-r));
	r = instance_data_of(i, NULL, NULL, &found);
	if (r < 0)
		return r;
	options.instance_data = found;
	r = userdata_read(i, &options, &s->d, &u);
	if (r < 0 && !u.config)
		return r;
	r = instance_data_of(i, &u, NULL, &data);
	if (s->stage == STAGE_APPLY) {
		modules_report_unknown(u.config, &s->d);
		if (r >= 0)
			r = compat_instance(s->root, i, &u, data);
		if (r < 0)
			diag_add(&s->d, r, DIAG_WARNING, "cloud-init's files", 0,
			         "cannot be written: %s", strerror(-r));
	}
	r = run_modules(s, i, &u, state);
	if (s->stage == STAGE_APPLY) {
		auto_free char *link = below(s, STATE_DIRECTORY "/instance");

		if (link)
			(void) symlink_atomic(state + strlen(s->root), link);
	}
	userdata_done(&u);
	return r;
}

static bool is_disabled(const char *root)
{
	auto_fd int fd = open(*root ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct machine m;
	bool yes;

	if (fd < 0 || machine_read(&fd, false, &m) < 0)
		return false;
	yes = detect_is_disabled(&m);
	machine_done(&m);
	return yes;
}

static int nothing_to_do(const struct stage *s, const char *why)
{
	log_info("%s", why);
	/* "status --wait" ends. */
	(void) compat_disabled(s->root);
	return EXIT_SUCCESS;
}

static int run(struct stage *s)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r;

	if (is_disabled(s->root))
		return nothing_to_do(s, "Instance metadata is disabled on this machine");
	r = source_nocloud(s->root, &s->d, &i);
	if (r == -ENOENT)
		return nothing_to_do(s, "This machine has no instance metadata");
	/* Its reader names it by its platform. */
	if (r >= 0 && streq(i->datasource, "nocloud"))
		r = str_set(&i->datasource, "NoCloud");
	(void) compat_stage(s->root, i, s->cloud_init_name, s->began, NULL, false);
	if (r >= 0) {
		if (s->stage == STAGE_APPLY)
			log_info("Instance \"%s\" from %s", i->id, i->origin);
		r = run_stage(s, i);
	}
	diag_log(&s->d, "metadata");
	if (write_result(s, i) < 0)
		log_warning("Failed to write /" RUN_DIRECTORY "/result.json");
	(void) compat_stage(s->root, i, s->cloud_init_name, s->began, &s->d, r < 0);
	if (s->stage == STAGE_FINAL || r < 0)
		(void) compat_finished(s->root, i, now(CLOCK_BOOTTIME));
	return r < 0 ? EXIT_FAILURE : exit_code(&s->d, r);
}

static int start(int argc, char **argv, struct stage s)
{
	static const struct option options[] = {{"root", required_argument, NULL, 'r'}, {0}};
	int c, r;

	s.root = "";
	while ((c = getopt_long(argc, argv, "r:", options, NULL)) >= 0) {
		if (c != 'r' || !path_is_absolute(optarg)) {
			fprintf(stderr, "usage: sysmaster-metadata apply | final [--root /DIR]\n");
			return EXIT_FAILURE;
		}
		s.root = streq(optarg, "/") ? "" : optarg;
	}
	s.began = now(CLOCK_BOOTTIME);
	s.timings = cJSON_CreateArray();
	r = run(&s);
	cJSON_Delete(s.timings);
	return r;
}

int cmd_apply(int argc, char **argv)
{
	return start(argc, argv, (struct stage){STAGE_APPLY, "apply", "init", "", 0, NULL, {0}});
}

int cmd_final(int argc, char **argv)
{
	return start(argc, argv,
	             (struct stage){STAGE_FINAL, "final", "modules-final", "", 0, NULL, {0}});
}
