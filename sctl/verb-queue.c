// SPDX-License-Identifier: Apache-2.0
/* start, stop, restart, ...: queue jobs and wait for them, also when core is replaced in the
 * middle. */
#include "sctl/sctl.h"

#include <stdio.h>

struct wait_state {
	int worst;   /* exit code */
	cJSON *jobs; /* for --json: all results */
	char **ids;  /* of the jobs, for after a lost connection */
	bool done;
	cJSON *ended; /* the last unit that ended */
};

/* Why a job did not do what was asked, in words. */
static const char *result_text(const char *result)
{
	/* clang-format off */
	static const struct {
		const char *result, *text;
	} texts[] = {
		{ "canceled",	 "was canceled" },
		{ "timeout",	 "timed out" },
		{ "failed",	 "failed" },
		{ "dependency",	 "failed because something that it needs failed" },
		{ "invalid",	 "is not possible now" },
		{ "assert",	 "failed: an assertion of the unit is not met" },
		{ "unsupported", "is not supported on this machine" },
		{ "collected",	 "was dropped" },
		{ "once",	 "was already done once" },
	};
	/* clang-format on */

	for (size_t i = 0; i < ELEMENTSOF(texts); i++)
		if (streq(texts[i].result, result))
			return texts[i].text;
	return NULL;
}

static void handle_result(struct wait_state *w, const cJSON *job)
{
	const char *unit = json_string_or(job, "unit", "?"),
		   *result = json_string_or(job, "result", ""),
		   *text = json_string_or(job, "text", ""), *why = result_text(result);

	if (w->jobs)
		json_append_take(w->jobs, cJSON_Duplicate(job, true));
	if (!why)
		return;
	error_exit(EXIT_FAILED, "The %s job for %s %s%s%s", json_string_or(job, "type", "?"), unit,
	           why, *text ? ": " : "", text);
	if (!streq(result, "invalid") && !arg.quiet)
		fprintf(stderr, "See \"sctl status %s\".\n", unit);
	w->worst = EXIT_FAILED;
}

/* A unit that was started, and waited for, is down: did it do well? */
static void handle_end(struct wait_state *w, const cJSON *ended)
{
	const cJSON *p;

	if (json_get_object(ended, "properties", &p) < 0)
		return;
	if (streq(json_string_or(p, "ActiveState", ""), "failed"))
		w->worst = EXIT_FAILED;
	cJSON_Delete(w->ended);
	w->ended = cJSON_Duplicate(p, true);
}

static int on_progress(const cJSON *answer, bool continues, void *userdata)
{
	struct wait_state *w = userdata;
	const cJSON *array, *job;

	(void) continues;
	if (json_get_array(answer, "queued", &array) >= 0)
		cJSON_ArrayForEach(job, array)
		{
			char id[24];

			if (arg.no_block)
				handle_result(w, job);
			if (arg.show_transaction)
				fprintf(stderr, "Enqueued anchor job %llu %s/%s.\n",
				        (unsigned long long) json_u64_or(job, "job", 0),
				        json_string_or(job, "unit", "?"),
				        json_string_or(job, "type", "?"));
			snprintf(id, sizeof(id), "%llu",
			         (unsigned long long) json_u64_or(job, "job", 0));
			strv_append(&w->ids, id);
		}
	if (json_get_array(answer, "finished", &array) >= 0)
		cJSON_ArrayForEach(job, array) handle_result(w, job);
	if (json_get_object(answer, "ended", &job) >= 0)
		handle_end(w, job);
	w->done = json_bool_or(answer, "done", false);
	return 0;
}

/* The connection was lost with jobs under way: the jobs go on in core's successor. Waits until none
 * of them is left. */
static int wait_again(struct session *s, struct wait_state *w)
{
	for (;;) {
		auto_json cJSON *answer = NULL;
		const cJSON *jobs, *job;
		bool left = false;
		struct timespec pause = usec_to_timespec(100 * USEC_PER_MSEC);
		int r;

		r = session_call(s, "org.sysmaster.Manager.ListJobs", NULL, &(const char *){NULL},
		                 &answer);
		if (r == -ECONNRESET) {
			r = session_reopen(s, 10 * USEC_PER_SEC);
			if (r < 0)
				return r;
			continue;
		}
		if (r < 0)
			return r;
		if (json_get_array(answer, "jobs", &jobs) < 0)
			return -EPROTO;
		cJSON_ArrayForEach(job, jobs)
		{
			char id[24];

			snprintf(id, sizeof(id), "%llu",
			         (unsigned long long) json_u64_or(job, "id", 0));
			left |= strv_contains(w->ids, id);
		}
		if (!left)
			return 0;
		nanosleep(&pause, NULL);
	}
}

int queue_call(struct session *s, const char *method, cJSON *parameters, cJSON **ret_ended)
{
	struct wait_state w = {0};
	int r;

	if (arg.json)
		w.jobs = cJSON_CreateArray();
	r = session_stream(s, method, parameters, arg.timeout ? arg.timeout : USEC_INFINITY,
	                   on_progress, &w);
	if (r == -ECONNRESET) {
		r = session_reopen(s, 10 * USEC_PER_SEC);
		if (r >= 0)
			r = wait_again(s, &w);
	}
	if (arg.json)
		print_json(w.jobs);
	cJSON_Delete(w.jobs);
	strv_free(w.ids);
	if (ret_ended)
		*ret_ended = w.ended;
	else
		cJSON_Delete(w.ended);
	return r < 0 ? session_exit_code(s, r) : w.worst;
}

int queue_names(struct session *s, const char *verb, char *const *names, const char *mode)
{
	cJSON *p = cJSON_CreateObject();

	json_add_string(p, "verb", verb);
	json_add_strv(p, "names", names);
	json_add_string(p, "mode", mode);
	json_add_bool(p, "wait", !arg.no_block);
	json_add_bool(p, "follow", arg.wait && !arg.no_block);
	return queue_call(s, "org.sysmaster.Unit.Queue", p, NULL);
}

/* Those that set-property marked: what their marks ask for. */
static int queue_marked(struct session *s)
{
	static const struct {
		const char *mark, *verb;
	} marks[] = {{"needs-restart", "restart"}, {"needs-reload", "reload-or-restart"}};
	auto_json cJSON *answer = NULL;
	const cJSON *rows, *row;
	int code = EXIT_DONE, r;

	r = list_unit_rows(s, NULL, NULL, NULL, true, &answer, &rows);
	if (r < 0)
		return session_exit_code(s, r);
	cJSON_ArrayForEach(row, rows)
	{
		auto_strv char **have = NULL;

		(void) json_get_strv(row, "markers", &have);
		for (size_t i = 0; i < ELEMENTSOF(marks); i++) {
			char *const one[] = {(char *) json_string_or(row, "id", ""), NULL};

			if (!strv_contains(have, marks[i].mark))
				continue;
			r = queue_names(s, marks[i].verb, one, arg.job_mode);
			code = MAX(code, r);
			break;
		}
	}
	return code;
}

int verb_queue(const struct verb *v, char **args)
{
	/* clang-format off */
	static const struct { const char *verb, *means; } old_names[] = {
		{ "isolate", "start" }, { "force-reload", "try-reload-or-restart" },
		{ "reload-or-try-restart", "try-reload-or-restart" }, { "condrestart", "try-restart" },
	};
	/* clang-format on */
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	const char *verb = v->name;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(old_names); i++)
		if (streq(old_names[i].verb, verb))
			verb = old_names[i].means;
	if (!*args && !arg.marked)
		return error_exit(EXIT_USAGE, "usage: sctl %s %s", v->name, v->arguments);
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (arg.marked)
		return queue_marked(s);
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	if (!names)
		return EXIT_DONE; /* a pattern that matches nothing */
	return queue_names(s, verb, names, streq(v->name, "isolate") ? "isolate" : arg.job_mode);
}

int verb_kill(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int r, code = EXIT_DONE;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		cJSON *p = cJSON_CreateObject();

		json_add_string(p, "name", *name);
		json_add_string(p, "who", arg.kill_who);
		json_add_i64(p, "signal", arg.signal);
		r = session_call(s, "org.sysmaster.Unit.Kill", p, NULL, NULL);
		if (r < 0)
			code = session_exit_code(s, r);
	}
	return code;
}

int verb_reset_failed(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int r, code = EXIT_DONE;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	if (!*args) {
		r = session_call(s, "org.sysmaster.Unit.ResetFailed", NULL, NULL, NULL);
		return session_exit_code(s, r);
	}
	STRV_FOREACH (name, names) {
		cJSON *p = cJSON_CreateObject();

		json_add_string(p, "name", *name);
		r = session_call(s, "org.sysmaster.Unit.ResetFailed", p, NULL, NULL);
		if (r < 0)
			code = session_exit_code(s, r);
	}
	return code;
}

int verb_cancel(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	int r, code = EXIT_DONE;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	STRV_FOREACH (a, args) {
		cJSON *p;
		uint32_t id;

		if (str_to_u32(*a, &id) < 0)
			return error_exit(EXIT_USAGE, "\"%s\" is not the number of a job", *a);
		p = cJSON_CreateObject();
		json_add_u64(p, "id", id);
		r = session_call(s, "org.sysmaster.Unit.CancelJob", p, NULL, NULL);
		if (r < 0)
			code = session_exit_code(s, r);
	}
	return code;
}
