// SPDX-License-Identifier: Apache-2.0
/* The fabric's controller: a machine that does not report in time is taken for a failed one. */
#include "metadata/source/azure.h"
#include "metadata/source/xml.h"

#define DESCRIPTION_MAX 512
#define TRIES           10
#define TRY_TIMEOUT     (5 * USEC_PER_SEC)

static const struct http_header headers[] = {
	{"x-ms-agent-name", "WALinuxAgent"},
	{"x-ms-version", "2012-11-30"},
	{"Content-Type", "text/xml; charset=utf-8"},
};

void azure_goal_state_done(struct azure_goal_state *g)
{
	free(g->container_id);
	free(g->instance_id);
	free(g->incarnation);
	*g = (struct azure_goal_state){0};
}

int azure_goal_state_parse(const char *xml, size_t size, struct diag *d,
                           struct azure_goal_state *ret)
{
	const char *const paths[] = {"Container/ContainerId",
	                             "Container/RoleInstanceList/RoleInstance/InstanceId",
	                             "Incarnation"};
	auto_cleanup(xml_free) struct xml *x = NULL;
	struct azure_goal_state g = {0};
	char **const to[] = {&g.container_id, &g.instance_id, &g.incarnation};
	int r = xml_parse(xml, size, "goal state", d, &x);

	for (size_t i = 0; i < ELEMENTSOF(paths) && r >= 0; i++) {
		const struct xml *v = xml_path(x, paths[i]);

		if (!v || !*v->text)
			r = diag_add(d, -EBADMSG, DIAG_ERROR, "goal state", 0, "no %s", paths[i]);
		else
			r = str_set(to[i], v->text);
	}
	if (r < 0) {
		azure_goal_state_done(&g);
		return r;
	}
	*ret = g;
	return 0;
}

static int health_details(const char *failure, char **ret)
{
	auto_free char *cut = strndup(failure, DESCRIPTION_MAX), *text = NULL;
	int r = cut ? xml_escape(cut, &text) : -ENOMEM;

	if (r < 0)
		return r;
	*ret = str_printf("<Details><SubStatus>ProvisioningFailed</SubStatus>"
	                  "<Description>%s</Description></Details>",
	                  text);
	return *ret ? 0 : -ENOMEM;
}

int azure_health_report(const struct azure_goal_state *g, const char *failure, char **ret)
{
	auto_free char *container = NULL, *instance = NULL, *incarnation = NULL, *details = NULL;
	int r = xml_escape(g->container_id, &container);

	if (r >= 0)
		r = xml_escape(g->instance_id, &instance);
	if (r >= 0)
		r = xml_escape(g->incarnation, &incarnation);
	if (r >= 0 && failure)
		r = health_details(failure, &details);
	if (r < 0)
		return r;
	*ret = str_printf("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	                  "<Health><GoalStateIncarnation>%s</GoalStateIncarnation><Container>"
	                  "<ContainerId>%s</ContainerId><RoleInstanceList><Role>"
	                  "<InstanceId>%s</InstanceId><Health><State>%s</State>%s</Health>"
	                  "</Role></RoleInstanceList></Container></Health>\n",
	                  incarnation, container, instance, failure ? "NotReady" : "Ready",
	                  details ? details : "");
	return *ret ? 0 : -ENOMEM;
}

static int talk(const struct source_context *c, const char *endpoint, const char *path,
                const char *body, struct http_response *ret)
{
	static const struct http_retry retry = {
		.tries = TRIES, .pause = USEC_PER_SEC, .pause_max = 5 * USEC_PER_SEC};
	auto_free char *url = str_printf("http://%s%s", endpoint, path);
	struct http_request rq = {.method = body ? "POST" : NULL,
	                          .url = url,
	                          .headers = headers,
	                          .n_headers = ELEMENTSOF(headers) - !body,
	                          .body = body,
	                          .body_size = body ? strlen(body) : 0,
	                          .try_timeout = TRY_TIMEOUT,
	                          .deadline = c->deadline};

	return url ? http_fetch(c->http, &rq, &retry, ret) : -ENOMEM;
}

int azure_report(const struct source_context *c, const char *endpoint, const char *failure)
{
	struct azure_goal_state g = {0};
	struct http_response a = {0};
	auto_free char *body = NULL;
	int r;

	if (!endpoint)
		endpoint = AZURE_FABRIC;
	r = talk(c, endpoint, "/machine/?comp=goalstate", NULL, &a);
	if (r >= 0)
		r = azure_goal_state_parse(a.body.data, a.body.size, c->d, &g);
	if (r >= 0)
		r = azure_health_report(&g, failure, &body);
	if (r >= 0)
		r = talk(c, endpoint, "/machine/?comp=health", body, &a);
	azure_goal_state_done(&g);
	http_response_done(&a);
	return r < 0 ? r : 0;
}
