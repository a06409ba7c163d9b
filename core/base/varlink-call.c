// SPDX-License-Identifier: Apache-2.0
#include "base/varlink-internal.h"

#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>

int call_new(struct varlink_peer *p, cJSON *message, struct varlink_call **ret)
{
	struct varlink_call *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->peer = peer_ref(p);
	c->message = message;
	c->method = json_string_or(message, "method", "");
	c->oneway = json_bool_or(message, "oneway", false);
	c->more = !c->oneway && json_bool_or(message, "more", false);
	c->open = true;
	*ret = c;
	return 0;
}

struct varlink_call *varlink_call_ref(struct varlink_call *c)
{
	c->refs++;
	return c;
}

struct varlink_call *varlink_call_unref(struct varlink_call *c)
{
	if (!c || --c->refs > 0)
		return NULL;
	json_free(c->message);
	peer_unref(c->peer);
	free(c);
	return NULL;
}

bool varlink_call_wants_more(const struct varlink_call *c)
{
	return c->more;
}

bool varlink_call_is_open(const struct varlink_call *c)
{
	return c->open && !c->peer->broken;
}

void varlink_call_on_gone(struct varlink_call *c, varlink_call_gone_fn fn, void *userdata)
{
	c->gone_fn = fn;
	c->gone_userdata = userdata;
}

struct varlink_peer *varlink_call_peer(struct varlink_call *c)
{
	return c->peer;
}

void call_gone(struct varlink_call *c)
{
	varlink_call_gone_fn fn = c->gone_fn;

	if (!c->open)
		return;
	c->open = false;
	c->gone_fn = NULL;
	if (fn)
		fn(c, c->gone_userdata);
}

/* Takes @parameters. A last answer closes the call, whether it could be sent or not. */
static int answer(struct varlink_call *c, const char *error, cJSON *parameters, bool continues)
{
	struct varlink_peer *p = c->peer;
	auto_json cJSON *message = NULL;
	int r = 0;

	if (!c->open || p->broken) {
		json_free(parameters);
		r = c->open ? -ECONNRESET : -ESTALE;
	} else if (c->oneway) {
		json_free(parameters);
	} else {
		message = cJSON_CreateObject();
		if (!parameters)
			parameters = cJSON_CreateObject();
		r = json_add_string(message, "error", error);
		if (r < 0)
			json_free(parameters);
		else
			r = json_add_take(message, "parameters", parameters);
		if (r >= 0 && continues)
			r = json_add_bool(message, "continues", true);
		if (r >= 0)
			r = peer_send(p, message);
		/* An answer left out would give the next call's answer to this one. */
		if (r < 0)
			peer_break(p);
	}
	/* On a broken connection the call stays open for the loop, which tells that it is gone. */
	if (!continues && c->open && !p->broken) {
		c->open = false;
		c->gone_fn = NULL;
		if (p->current == c)
			peer_call_done(p);
	}
	return r;
}

int varlink_reply(struct varlink_call *c, cJSON *parameters)
{
	int r;

	FAULT_POINT("varlink.reply.before");
	r = answer(c, NULL, parameters, false);
	FAULT_POINT("varlink.reply.after");
	return r;
}

int varlink_notify(struct varlink_call *c, cJSON *parameters)
{
	if (!c->more) {
		json_free(parameters);
		return -EPROTO;
	}
	return answer(c, NULL, parameters, true);
}

int varlink_error(struct varlink_call *c, const char *name, cJSON *parameters)
{
	return answer(c, name, parameters, false);
}

int varlink_error_text(struct varlink_call *c, const char *name, const char *fmt, ...)
{
	auto_json cJSON *j = cJSON_CreateObject();
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void) vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (json_add_string(j, "message", text) < 0)
		return varlink_error(c, name, NULL);
	return varlink_error(c, name, TAKE_PTR(j));
}

int varlink_error_errno(struct varlink_call *c, int error)
{
	auto_json cJSON *j = cJSON_CreateObject();

	if (json_add_string(j, "message", strerrordesc_np(abs(error)) ?: "Unknown error") < 0 ||
	    json_add_i64(j, "errno", abs(error)) < 0)
		return varlink_error(c, "org.sysmaster.Error.Failed", NULL);
	return varlink_error(c, "org.sysmaster.Error.Failed", TAKE_PTR(j));
}

int varlink_error_invalid(struct varlink_call *c, const char *parameter)
{
	auto_json cJSON *j = cJSON_CreateObject();

	if (json_add_string(j, "parameter", parameter) < 0)
		return varlink_error(c, "org.varlink.service.InvalidParameter", NULL);
	return varlink_error(c, "org.varlink.service.InvalidParameter", TAKE_PTR(j));
}
