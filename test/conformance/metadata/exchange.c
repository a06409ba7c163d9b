// SPDX-License-Identifier: Apache-2.0
/*
 * Exchanges that were recorded of single functions: requests and answers, without a result. The answers
 * are played, and what has to come out is what the answers and the test's name say: how often was
 * asked, which documents were, and whether it worked.
 */
#include "platform.h"

#include "metadata/source/azure.h"
#include "metadata/source/web.h"

#include <stdio.h>

#define IMDS "http://169.254.169.254"

static const char *test_name(const cJSON *c)
{
	const char *colons = strrchr(json_string_or(c, "test", ""), ':');

	return colons ? colons + 1 : json_string_or(c, "test", "");
}

static bool test_is(const cJSON *c, const char *part)
{
	return strstr(json_string_or(c, "test", ""), part) != NULL;
}

/* ---- answers ---- */

static cJSON *route_of(cJSON *routes, const char *method, const char *url)
{
	cJSON *it;

	cJSON_ArrayForEach(it, routes)
	{
		if (streq(json_string_or(it, "method", ""), method) &&
		    streq(json_string_or(it, "url", ""), url))
			return it;
	}
	it = cJSON_CreateObject();
	json_add_string(it, "method", method);
	json_add_string(it, "url", url);
	cJSON_AddArrayToObject(it, "responses");
	json_append_take(routes, it);
	return it;
}

static void add_answer(cJSON *routes, const char *method, const char *url, const cJSON *body,
                       double status, const char *exception)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(route_of(routes, method, url), "responses"),
	      *a = cJSON_CreateObject();

	cJSON_AddNumberToObject(a, "status", status);
	if (exception)
		json_add_string(a, "exception", exception);
	if (body)
		json_add_take(a, "body", cJSON_Duplicate(body, true));
	json_append_take(list, a);
}

static void add_text(cJSON *routes, const char *url, const char *text)
{
	auto_json cJSON *body = cJSON_CreateString(text);

	add_answer(routes, "GET", url, body, 200, NULL);
}

static cJSON *routes_of(const cJSON *c)
{
	cJSON *routes = cJSON_CreateArray();
	const cJSON *it;

	cJSON_ArrayForEach(it, case_get(c, "exchanges")) add_answer(
		routes, json_string_or(it, "method", "GET"), json_string_or(it, "url", ""),
		cJSON_GetObjectItemCaseSensitive(it, "response"),
		(double) json_u64_or(it, "status", 0), json_string_or(it, "exception", NULL));
	return routes;
}

/* ---- judging ---- */

static unsigned count(const cJSON *requests, const char *part)
{
	const cJSON *it;
	unsigned n = 0;

	cJSON_ArrayForEach(it, requests) n += strstr(it->valuestring, part) != NULL;
	return n;
}

static unsigned count_recorded(const cJSON *c, const char *part)
{
	const cJSON *it;
	unsigned n = 0;

	cJSON_ArrayForEach(it, case_get(c, "exchanges")) n +=
		strstr(json_string_or(it, "url", ""), part) != NULL;
	return n;
}

/* Each document that was read there is read here, but those of @without. */
static enum case_result has_asked(const cJSON *c, const cJSON *requests, const char *const *without)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, case_get(c, "exchanges"))
	{
		const char *url = json_string_or(it, "url", "");
		bool is_left_out =
			strchr(url, '%') != NULL || json_string_or(it, "exception", NULL);

		for (const char *const *w = without; w && *w; w++)
			is_left_out |= strstr(url, *w) != NULL;
		if (!is_left_out && !count(requests, url))
			return case_differs_text("not asked for", url, NULL);
	}
	return CASE_PASS;
}

static enum case_result has_worked(int r, bool wanted)
{
	return (r >= 0) == wanted ? CASE_PASS
	                          : case_differs_text("outcome", r < 0 ? strerror(-r) : "ok",
	                                              wanted ? "ok" : "an error");
}

/* ---- Azure's IMDS ---- */

/* "[None-301-300.0-404]": the number with a point is the deadline; what stands in front of the tries is how
 * many refused connections are borne. */
static struct azure_imds azure_options(const cJSON *c)
{
	const char *bracket = strchr(test_name(c), '[');
	struct azure_imds o = {.seconds = 60};
	auto_strv char **words = NULL;

	if (!bracket)
		bracket = strchr(json_string_or(c, "test", ""), '[');
	if (!bracket || strv_split(bracket, "[]-", &words) < 0)
		return o;
	STRV_FOREACH (w, words)
		if (strchr(*w, '.'))
			o.seconds = (unsigned) strtoul(*w, NULL, 10);
	if (test_is(c, "test_retry_until_failure") && words)
		o.connection_errors_max = (unsigned) strtoul(words[0], NULL, 10);
	return o;
}

static bool is_last_answer_good(const cJSON *c)
{
	const cJSON *list = case_get(c, "exchanges"),
		    *last = cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1);

	return json_u64_or(last, "status", 0) == 200;
}

static enum case_result run_azure(const cJSON *c, const cJSON *routes)
{
	auto_cleanup(service_free) struct service *s = NULL;
	auto_json cJSON *imds = NULL;
	auto_blob struct blob data = {0};
	struct azure_imds o = azure_options(c);
	struct diag d = {0};
	struct http http;
	struct source_context ctx = {.d = &d, .http = &http};
	unsigned got, wanted = (unsigned) cJSON_GetArraySize(case_get(c, "exchanges"));
	int r;

	if (service_start(routes, &s) < 0)
		return CASE_FAIL;
	http = service_client(s);
	if (test_is(c, "Reprovision")) {
		o = (struct azure_imds){3600, 1};
		r = azure_reprovision_fetch(&ctx, &o, &data);
	} else {
		r = azure_imds_fetch(&ctx, &o, &imds);
	}
	got = service_tries(s);
	if (got != wanted) {
		auto_free char *a = str_printf("%u", got), *b = str_printf("%u", wanted);

		return case_differs_text("number of requests", a, b);
	}
	return has_worked(r, is_last_answer_good(c) && !test_is(c, "non_json"));
}

/* ---- EC2's helpers ---- */

static enum case_result run_ec2(const cJSON *c, const cJSON *routes)
{
	const struct web_source row = {.name = "Ec2", .tries = 1};
	__attribute__((cleanup(web_done))) struct web w = {0};
	auto_cleanup(service_free) struct service *s = NULL;
	auto_json cJSON *tree = NULL, *requests = NULL;
	auto_blob struct blob data = {0};
	struct diag d = {0};
	struct http http;
	struct source_context ctx = {.d = &d, .http = &http};
	int r;

	if (service_start(routes, &s) < 0)
		return CASE_FAIL;
	http = service_client(s);
	if (web_init(&w, &ctx, &row) < 0 || str_set(&w.base, IMDS) < 0)
		return CASE_FAIL;
	if (test_is(c, "userdata_fetch")) {
		r = web_get(&w, "latest/user-data", &data);
		return has_worked(r, is_last_answer_good(c));
	}
	r = web_tree(&w, "latest/meta-data/", &tree);
	requests = service_requests(s);
	return has_worked(r, true) ? CASE_FAIL : has_asked(c, requests, NULL);
}

/* ---- whole sources ---- */

static enum case_result judge_openstack(const cJSON *c, int r, const struct instance *i,
                                        const struct service *s)
{
	static const char *const without[] = {"/openstack/content/", IMDS "/latest/", NULL};
	auto_json cJSON *requests = service_requests(s);
	bool is_bad = test_is(c, "_bad_") || test_is(c, "_invalid");

	(void) i;
	/* Of these only the listing was recorded. */
	if (test_is(c, "find_working_version"))
		return has_asked(c, requests, without);
	if (has_worked(r, !is_bad))
		return CASE_FAIL;
	return is_bad ? CASE_PASS : has_asked(c, requests, without);
}

static enum case_result judge_oracle(const cJSON *c, int r, const struct instance *i,
                                     const struct service *s)
{
	auto_json cJSON *requests = service_requests(s);

	(void) i;
	return has_worked(r, true) ? CASE_FAIL : has_asked(c, requests, NULL);
}

/* Only the look for the service was recorded. */
static enum case_result judge_scaleway(const cJSON *c, int r, const struct instance *i,
                                       const struct service *s)
{
	auto_json cJSON *requests = service_requests(s);

	(void) i;
	return has_worked(r, false) ? CASE_FAIL : has_asked(c, requests, NULL);
}

static enum case_result judge_cloudcix(const cJSON *c, int r, const struct instance *i,
                                       const struct service *s)
{
	auto_json cJSON *requests = service_requests(s);

	(void) c;
	(void) i;
	return has_worked(r, false) || !count(requests, "/v1/metadata")
	               ? case_differs("requests", requests, NULL)
	               : CASE_PASS;
}

static enum case_result judge_token(const cJSON *c, int r, const struct instance *i,
                                    const struct service *s)
{
	auto_json cJSON *requests = service_requests(s);

	(void) i;
	(void) r;
	return count(requests, "PUT " IMDS) == count_recorded(c, "/latest/api/token")
	               ? CASE_PASS
	               : case_differs("tokens", requests, NULL);
}

static enum case_result judge_exoscale(const cJSON *c, int r, const struct instance *i,
                                       const struct service *s)
{
	auto_json cJSON *requests = service_requests(s);
	bool has_password = i && json_string_or(i->config, "password", NULL);

	if (has_worked(r, true))
		return CASE_FAIL;
	if (test_is(c, "unreachable"))
		return has_password ? CASE_FAIL : has_asked(c, requests, NULL);
	if (has_password != (count_recorded(c, ":8080") == 2))
		return case_differs("password", i->config, NULL);
	return count(requests, ":8080") == count_recorded(c, ":8080")
	               ? CASE_PASS
	               : case_differs("requests", requests, NULL);
}

static enum case_result run_exoscale(const cJSON *c, cJSON *routes)
{
	struct platform p = {.name = "Exoscale", .routes = routes, .judge = judge_exoscale};

	add_text(routes, IMDS "/1.0/meta-data/", "instance-id\nlocal-hostname");
	add_text(routes, IMDS "/1.0/meta-data/instance-id", "12345");
	add_text(routes, IMDS "/1.0/meta-data/local-hostname", "host");
	if (test_is(c, "unreachable"))
		add_answer(routes, "GET", IMDS ":8080/1.0/", NULL, 0, "ConnectionError");
	return platform_run(c, &p);
}

static enum case_result run_token(const cJSON *c, const cJSON *routes)
{
	auto_json cJSON *dmi =
		cJSON_Parse("{\"product_uuid\": \"ec2f0000-0000-0000-0000-000000000000\"}");
	struct platform p = {.name = "Ec2", .routes = routes, .dmi = dmi, .judge = judge_token};

	return platform_run(c, &p);
}

static enum case_result run(const cJSON *c)
{
	static const struct {
		const char *file, *source;
		enum case_result (*judge)(const cJSON *c, int r, const struct instance *i,
		                          const struct service *s);
	} wholes[] = {{"test_openstack.py", "OpenStack", judge_openstack},
	              {"test_oracle.py", "Oracle", judge_oracle},
	              {"test_scaleway.py", "Scaleway", judge_scaleway},
	              {"test_cloudcix.py", "CloudCIX", judge_cloudcix}};
	auto_json cJSON *routes = routes_of(c);

	if (test_is(c, "test_imds.py"))
		return run_azure(c, routes);
	if (test_is(c, "TestEc2Util"))
		return run_ec2(c, routes);
	if (test_is(c, "test_exoscale.py"))
		return run_exoscale(c, routes);
	if (test_is(c, "test_ec2.py"))
		return run_token(c, routes);
	for (size_t k = 0; k < ELEMENTSOF(wholes); k++) {
		struct platform p = {
			.name = wholes[k].source, .routes = routes, .judge = wholes[k].judge};

		if (test_is(c, wholes[k].file))
			return platform_run(c, &p);
	}
	return CASE_FAIL;
}

const struct case_file exchange_files[] = {
	{"datasource/http/raw_exchanges.json", run, NULL},
};
const size_t n_exchange_files = ELEMENTSOF(exchange_files);
