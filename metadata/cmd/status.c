// SPDX-License-Identifier: Apache-2.0
/* cloud-init status, cloud-id. */
#include "metadata/cmd/compat.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>

#define LOOK_AGAIN_MSEC 1000 /* where a change cannot be watched for, and as a second look */

enum state { NOT_STARTED, RUNNING, DONE, FAILED, DISABLED };
static const char *const state_names[] = {"not started", "running", "done", "error", "disabled"};

struct report {
	enum state state;
	bool degraded;
	cJSON *v1; /* of status.json; or NULL */
	cJSON *errors, *recoverable;
	double last_update; /* seconds of the wall; 0: none */
};

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static void report_done(struct report *r)
{
	cJSON_Delete(r->v1);
	cJSON_Delete(r->errors);
	cJSON_Delete(r->recoverable);
	*r = (struct report){0};
}

static cJSON *read_run(const char *root, const char *name)
{
	auto_free char *path = path_join3(*root ? root : "/", COMPAT_RUN, name);
	cJSON *j = NULL;

	return path && json_parse_file(path, NULL, &j) >= 0 ? j : NULL;
}

static bool is_disabled(const char *root)
{
	auto_free char *marker = path_join(*root ? root : "/", "etc/cloud/cloud-init.disabled"),
		       *run = path_join3(*root ? root : "/", COMPAT_RUN, "disabled");

	return (marker && access(marker, F_OK) >= 0) || (run && access(run, F_OK) >= 0);
}

/* Errors of all stages in one list, recoverable ones by level. */
static void gather(struct report *r)
{
	const cJSON *stage, *it, *level;
	double n;

	cJSON_ArrayForEach(stage, r->v1)
	{
		cJSON_ArrayForEach(it, get(stage, "errors"))(void)
			json_append_take(r->errors, cJSON_Duplicate(it, true));
		cJSON_ArrayForEach(level, get(stage, "recoverable_errors"))
		{
			cJSON *list =
				cJSON_GetObjectItemCaseSensitive(r->recoverable, level->string);

			if (!list)
				list = cJSON_AddArrayToObject(r->recoverable, level->string);
			cJSON_ArrayForEach(it, level)(void)
				json_append_take(list, cJSON_Duplicate(it, true));
		}
		for (int k = 0; k < 2; k++) {
			it = get(stage, k ? "finished" : "start");
			n = cJSON_IsNumber(it) ? it->valuedouble : 0;
			r->last_update = MAX(r->last_update, n);
		}
	}
}

static void read_report(const char *root, struct report *ret)
{
	auto_json cJSON *status = read_run(root, "status.json"),
			*result = read_run(root, "result.json");
	struct report r = {.errors = cJSON_CreateArray(), .recoverable = cJSON_CreateObject()};

	r.v1 = cJSON_DetachItemFromObjectCaseSensitive(status, "v1");
	gather(&r);
	r.degraded = r.recoverable->child;
	if (is_disabled(root))
		r.state = DISABLED;
	else if (!r.v1)
		r.state = NOT_STARTED;
	else if (get(r.v1, "stage") || !result)
		r.state = RUNNING;
	else
		r.state = r.errors->child ? FAILED : DONE;
	*ret = r;
}

/* Until it has ended; a file that comes or changes is looked at at once. */
static void wait_for_end(const char *root, struct report *r, bool dots)
{
	auto_free char *folder = path_join(*root ? root : "/", COMPAT_RUN);
	auto_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char events[4096];

	while (r->state == NOT_STARTED || r->state == RUNNING) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (fd >= 0 && folder)
			(void) inotify_add_watch(fd, folder,
			                         IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE);
		if (dots) {
			putchar('.');
			fflush(stdout);
		}
		(void) poll(&p, 1, LOOK_AGAIN_MSEC);
		while (fd >= 0 && read(fd, events, sizeof(events)) > 0)
			;
		report_done(r);
		read_report(root, r);
	}
	if (dots)
		putchar('\n');
}

/* ---- what is printed ---- */

static char *extended(const struct report *r)
{
	if (r->state == FAILED)
		return strdup("error - done");
	return str_printf("%s%s", r->degraded ? "degraded " : "", state_names[r->state]);
}

static const char *boot_code(const struct report *r)
{
	return r->state == DISABLED      ? "disabled-by-marker-file"
	       : r->state == NOT_STARTED ? "unknown"
	                                 : "enabled-by-generator";
}

static void stamp(const struct report *r, char *ret, size_t size)
{
	time_t t = (time_t) r->last_update;
	struct tm tm;

	*ret = '\0';
	if (r->last_update > 0 && gmtime_r(&t, &tm))
		strftime(ret, size, "%a, %d %b %Y %H:%M:%S +0000", &tm);
}

static cJSON *document(const struct report *r)
{
	cJSON *j = cJSON_CreateObject();
	const char *full = json_string_or(r->v1, "datasource", "");
	auto_free char *more = extended(r), *name = NULL;
	char when[64];
	const cJSON *it;

	name = str_after(full, "DataSource") ? strndup(full + 10, strcspn(full + 10, " ["))
	                                     : strdup("");
	for (char *p = name; p && *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char) (*p + 'a' - 'A') : *p;
	stamp(r, when, sizeof(when));
	json_add_string(j, "boot_status_code", boot_code(r));
	json_add_string(j, "datasource", name);
	json_add_string(j, "detail", full);
	(void) json_add_take(j, "errors", cJSON_Duplicate(r->errors, true));
	json_add_string(j, "extended_status", more);
	cJSON_ArrayForEach(it, r->v1)
	{
		if (cJSON_IsObject(it))
			(void) json_add_take(j, it->string, cJSON_Duplicate(it, true));
	}
	json_add_string(j, "last_update", when);
	(void) json_add_take(j, "recoverable_errors", cJSON_Duplicate(r->recoverable, true));
	it = get(r->v1, "stage");
	(void) json_add_take(j, "stage", it ? cJSON_Duplicate(it, true) : cJSON_CreateNull());
	json_add_string(j, "status", state_names[r->state]);
	return j;
}

static void print_lists(const struct report *r)
{
	const cJSON *it, *level;

	printf("errors:%s\n", r->errors->child ? "" : " []");
	cJSON_ArrayForEach(it, r->errors) printf("\t- %s\n", it->valuestring);
	printf("recoverable_errors:%s\n", r->recoverable->child ? "" : " {}");
	cJSON_ArrayForEach(level, r->recoverable)
	{
		printf("%s:\n", level->string);
		cJSON_ArrayForEach(it, level) printf("\t- %s\n", it->valuestring);
	}
}

static void print_report(const struct report *r, const char *format, bool is_long)
{
	auto_json cJSON *j = document(r);
	auto_free char *text = NULL, *more = extended(r);
	char when[64];

	if (streq(format, "json") || streq(format, "yaml")) {
		if (streq(format, "json"))
			text = json_print(j, true);
		else
			(void) yaml_print(j, &text);
		printf("%s%s", text ? text : "", text && str_ends_with(text, "\n") ? "" : "\n");
		return;
	}
	printf("status: %s\n", state_names[r->state]);
	if (!is_long)
		return;
	stamp(r, when, sizeof(when));
	printf("extended_status: %s\nboot_status_code: %s\n", more ? more : "", boot_code(r));
	if (*when)
		printf("last_update: %s\n", when);
	printf("detail: %s\n", json_string_or(r->v1, "datasource", state_names[r->state]));
	print_lists(r);
}

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = {{"wait", no_argument, NULL, 'w'},
	                                        {"long", no_argument, NULL, 'l'},
	                                        {"format", required_argument, NULL, 'f'},
	                                        {"root", required_argument, NULL, 'R'},
	                                        {0}};
	const char *format = "tabular", *root = "";
	bool waits = false, is_long = false;
	struct report r = {0};
	int c, code;

	while ((c = getopt_long(argc, argv, "wlf:", options, NULL)) >= 0) {
		if (c == 'w')
			waits = true;
		else if (c == 'l')
			is_long = true;
		else if (c == 'f')
			format = optarg;
		else if (c == 'R')
			root = optarg;
		else
			return EXIT_FAILURE;
	}
	read_report(root, &r);
	if (waits)
		wait_for_end(root, &r, streq(format, "tabular"));
	print_report(&r, format, is_long);
	/* 1: it failed; 2: it worked, but not all of it. */
	code = r.state == FAILED ? EXIT_FAILURE : r.degraded ? EXIT_RECOVERABLE : EXIT_SUCCESS;
	report_done(&r);
	return code;
}

int cmd_cloud_id(int argc, char **argv)
{
	auto_json cJSON *data = read_run("", "instance-data.json");
	const cJSON *v1 = get(data, "v1");
	const char *id = json_string_or(v1, "cloud_id", NULL);
	bool is_long = argc > 1 && (streq(argv[1], "-l") || streq(argv[1], "--long")),
	     is_json = argc > 1 && (streq(argv[1], "-j") || streq(argv[1], "--json"));
	auto_free char *text = NULL;

	if (!id) {
		fprintf(stderr, "cloud-id: no metadata was applied on this machine\n");
		return is_disabled("") ? 2 : 3;
	}
	if (is_json)
		text = json_print(v1, true);
	if (is_long)
		printf("%s\t%s\n", id, json_string_or(v1, "region", "n/a"));
	else
		printf("%s\n", text ? text : id);
	return EXIT_SUCCESS;
}
