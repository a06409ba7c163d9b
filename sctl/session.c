// SPDX-License-Identifier: Apache-2.0
#include "sctl/sctl.h"

#include <stdio.h>

#define CALL_TIMEOUT_USEC (90 * USEC_PER_SEC)

struct session {
	const char *service;
	struct loop *loop;
	struct varlink_client *client;
	void *keep;
	char *error; /* name of the last one, or NULL */
	cJSON *error_parameters;
};

/* One call under way. */
struct pending {
	struct session *session;
	session_stream_fn fn;
	void *userdata;
	cJSON *answer;
	bool finished, lost;
	int result;
};

static int session_connect(struct session *s)
{
	int fd, r;

	r = transport_connect(s->loop, arg.host, s->service, &fd, &s->keep);
	if (r < 0)
		return r;
	return varlink_connect_fd(s->loop, fd, &s->client);
}

static void session_disconnect(struct session *s)
{
	s->client = varlink_client_free(s->client);
	transport_release(s->keep);
	s->keep = NULL;
}

struct loop *session_loop(struct session *s)
{
	return s->loop;
}

int session_open(const char *service, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->service = service;
	r = loop_new(&s->loop);
	if (r >= 0)
		r = session_connect(s);
	if (r < 0) {
		session_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct session *session_close(struct session *s)
{
	if (!s)
		return NULL;
	session_disconnect(s);
	loop_free(s->loop);
	cJSON_Delete(s->error_parameters);
	free(s->error);
	free(s);
	return NULL;
}

int session_reopen(struct session *s, usec_t timeout)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + timeout;
	bool quiet = arg.quiet;
	int r;

	session_disconnect(s);
	arg.quiet = true; /* one message at the end is enough */
	while ((r = session_connect(s)) < 0 && now(CLOCK_BOOTTIME) < deadline) {
		struct timespec pause = usec_to_timespec(20 * USEC_PER_MSEC);

		session_disconnect(s);
		nanosleep(&pause, NULL);
	}
	arg.quiet = quiet;
	return r < 0 ? error_exit(r, "The manager did not come back: %s", strerror(-r)) : 0;
}

static int on_answer(struct varlink_client *c, const char *error, const cJSON *parameters,
                     bool continues, void *userdata)
{
	struct pending *p = userdata;
	struct session *s = p->session;

	p->finished = !continues;
	if (error) {
		p->lost = streq(error, "org.sysmaster.Error.Disconnected");
		p->finished = true;
		free(s->error);
		s->error = strdup(error);
		cJSON_Delete(s->error_parameters);
		s->error_parameters = parameters ? varlink_take_parameters(c) : NULL;
		p->result = p->lost ? -ECONNRESET : -EREMOTEIO;
	} else if (p->fn) {
		p->result = p->fn(parameters, continues, p->userdata);
		if (p->result)
			p->finished = true;
	} else {
		cJSON_Delete(p->answer);
		p->answer = varlink_take_parameters(c);
	}
	return 0;
}

static int session_run(struct session *s, struct pending *p, const char *method, cJSON *parameters,
                       enum varlink_call_flags flags, usec_t timeout)
{
	usec_t deadline = usec_add(now(CLOCK_BOOTTIME), timeout);
	int r;

	free(s->error);
	s->error = NULL;
	r = varlink_send(s->client, method, parameters, flags, on_answer, p);
	if (r < 0)
		return r == -EPIPE || r == -ENOTCONN ? -ECONNRESET : r;
	while (!p->finished) {
		usec_t t = now(CLOCK_BOOTTIME);

		if (t >= deadline)
			return -ETIMEDOUT;
		r = loop_run_once(s->loop,
		                  deadline == USEC_INFINITY ? USEC_INFINITY : deadline - t);
		if (r < 0)
			return r;
	}
	return p->result;
}

static void print_error(struct session *s, int r, const char *method)
{
	const char *message = json_string_or(s->error_parameters, "message", NULL),
		   *name = json_string_or(s->error_parameters, "name", NULL);

	if (r == -EREMOTEIO && message)
		error_exit(r, "%s%s%s", name && !strstr(message, name) ? name : "",
		           name && !strstr(message, name) ? ": " : "", message);
	else if (r == -EREMOTEIO)
		error_exit(r, "%s%s%s", name ? name : "", name ? ": " : "", s->error);
	else if (r == -ETIMEDOUT)
		error_exit(r, "%s: no answer in time", method);
	else if (r == -ECONNRESET)
		error_exit(r, "The manager closed the connection");
	else
		error_exit(r, "%s: %s", method, strerror(-r));
}

int session_call(struct session *s, const char *method, cJSON *parameters, const char **quiet_error,
                 cJSON **ret)
{
	struct pending p = {.session = s};
	int r = session_run(s, &p, method, parameters, 0,
	                    arg.timeout ? arg.timeout : CALL_TIMEOUT_USEC);

	if (r < 0) {
		cJSON_Delete(p.answer);
		if (quiet_error)
			*quiet_error = s->error;
		else
			print_error(s, r, method);
		return r;
	}
	if (ret)
		*ret = p.answer;
	else
		cJSON_Delete(p.answer);
	return 0;
}

int session_stream(struct session *s, const char *method, cJSON *parameters, usec_t timeout,
                   session_stream_fn fn, void *userdata)
{
	struct pending p = {.session = s, .fn = fn, .userdata = userdata};
	int r = session_run(s, &p, method, parameters, VARLINK_MORE, timeout);

	if (r < 0 && r != -ECONNRESET)
		print_error(s, r, method);
	return r;
}

int session_exit_code(const struct session *s, int r)
{
	/* clang-format off */
	static const struct {
		const char *error;
		enum exit_code code;
	} codes[] = {
		{ "org.sysmaster.Unit.NoSuchUnit",		EXIT_NOT_LOADED },
		{ "org.sysmaster.UnitFile.NotFound",		EXIT_NO_UNIT },
		{ "org.sysmaster.Unit.OnlyByDependency",	EXIT_NO_UNIT },
		{ "org.sysmaster.Unit.TransactionIsDestructive", EXIT_NO_UNIT },
		{ "org.sysmaster.Error.PermissionDenied",	EXIT_NO_UNIT },
		{ "org.sysmaster.Unit.NoIsolation",		EXIT_NO_UNIT },
		{ "org.sysmaster.Unit.JobTypeNotApplicable",	EXIT_NOT_ACTIVE },
		{ "org.sysmaster.Unit.LoadFailed",		6 },
	};
	/* clang-format on */

	if (r >= 0)
		return EXIT_DONE;
	if (!s || r == -ECONNREFUSED || r == -ENOENT || r == -ECONNRESET)
		return EXIT_UNREACHABLE;
	for (size_t i = 0; s->error && i < ELEMENTSOF(codes); i++)
		if (streq(codes[i].error, s->error))
			return codes[i].code;
	return EXIT_FAILED;
}

const cJSON *session_error_parameters(const struct session *s)
{
	return s->error_parameters;
}
