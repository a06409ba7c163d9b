// SPDX-License-Identifier: Apache-2.0
/*
 * afterburn's recorded services. It asks for single values where we read a platform's whole document or tree, so what
 * is recorded at single paths is put where we look: the directories above a path get their listings, and the
 * paths of a document become its keys. Then the recorded values have to be in what our source says.
 */
#include "platform.h"

#include <stdio.h>

struct provider {
	const char *name, *source, *host;
	const char *from, *to; /* begin of the recorded paths, and of ours */
	const char *document;  /* NULL: EC2's tree, a path a value */
	const char *needed;    /* a path that each instance has */
};
static const struct provider providers[] = {
	{"aliyun", "AliYun", "http://100.100.100.200", "/latest/", "/2016-01-01/", NULL,
         "/2016-01-01/meta-data/instance-id"},
	{"aws", "Ec2", "http://169.254.169.254", "/2021-01-03/", "/2021-03-23/", NULL,
         "/2021-03-23/meta-data/instance-id"},
	{"cloudstack", "CloudStack", "http://169.254.169.254", "/latest/", "/latest/", NULL,
         "/latest/meta-data/instance-id"},
	{"exoscale", "Exoscale", "http://169.254.169.254", "/1.0/", "/1.0/", NULL,
         "/1.0/meta-data/instance-id"},
	{"openstack", "OpenStack", "http://169.254.169.254", "/openstack/", "/openstack/", NULL,
         NULL},
	{"hetzner", "Hetzner", "http://169.254.169.254", "/hetzner/v1/metadata/", "",
         "/hetzner/v1/metadata", "instance-id"},
	{"upcloud", "UpCloud", "http://169.254.169.254", "/metadata/v1/", "", "/metadata/v1.json",
         "instance_id"},
	{"vultr", "Vultr", "http://169.254.169.254", "/v1/", "", "/v1.json", "instance-v2-id"},
	{"scaleway", "Scaleway", "http://169.254.42.42", "/", "/", NULL, NULL},
	{"akamai", "Akamai", "http://169.254.169.254", "/", "/", NULL, NULL},
};

static char *folder_path; /* its listing is answered with folder_status; NULL: none */
static unsigned folder_status;
static bool needs_name; /* of a document, where the case is not about it */

/* ---- routes ---- */

static void add_route(cJSON *routes, const struct provider *p, const char *method, const char *path,
                      unsigned status, const char *body)
{
	auto_free char *url = str_printf("%s%s", p->host, path);
	cJSON *route = cJSON_CreateObject(), *answer = cJSON_CreateObject(), *it;

	/* What is said twice is one route: the first counts. */
	cJSON_ArrayForEach(it, routes)
	{
		if (streq(json_string_or(it, "url", ""), url) &&
		    streq(json_string_or(it, "method", ""), method)) {
			cJSON_Delete(route);
			cJSON_Delete(answer);
			return;
		}
	}
	json_add_u64(answer, "status", status);
	json_add_string(answer, "body", body ? body : "");
	json_add_string(route, "method", method);
	json_add_string(route, "url", url);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(route, "responses"), answer);
	cJSON_AddItemToArray(routes, route);
}

/* Listings of the folders above "/V/meta-data/a/b": "/V/meta-data/" has "a/", "/V/meta-data/a/" has "b". */
static void add_listings(cJSON *routes, const struct provider *p, const cJSON *paths)
{
	auto_json cJSON *folders = cJSON_CreateObject();
	const cJSON *it;

	cJSON_ArrayForEach(it, paths)
	{
		const char *from = strstr(it->string, "/meta-data/"), *slash;

		for (from = from ? from + 10 : NULL; from; from = slash) {
			auto_free char *folder =
				strndup(it->string, (size_t) (from + 1 - it->string));
			auto_free char *entry = NULL;
			cJSON *list;

			slash = strchr(from + 1, '/');
			entry = strndup(from + 1,
			                slash ? (size_t) (slash - from) : strlen(from + 1));
			if (!*entry)
				break;
			list = cJSON_GetObjectItemCaseSensitive(folders, folder);
			if (!list)
				list = cJSON_AddObjectToObject(folders, folder);
			if (!cJSON_GetObjectItemCaseSensitive(list, entry))
				cJSON_AddTrueToObject(list, entry);
		}
	}
	cJSON_ArrayForEach(it, folders)
	{
		auto_strbuf struct strbuf b = {0};
		const cJSON *e;

		strbuf_puts(&b, "");
		cJSON_ArrayForEach(e, it) strbuf_printf(&b, "%s\n", e->string);
		add_route(routes, p, "GET", it->string, 200, b.data);
	}
}

static void add_tree(cJSON *routes, const struct provider *p, cJSON *values, unsigned status)
{
	const cJSON *it;

	if (p->needed && !cJSON_GetObjectItemCaseSensitive(values, p->needed))
		json_add_string(values, p->needed, "i-needed");
	/* Listings stand for what is recorded of public keys' folder without a slash, too. */
	cJSON_ArrayForEach(it, values) add_route(
		routes, p, "GET", it->string,
		streq(it->string, p->needed ? p->needed : "") ? 200 : status, it->valuestring);
	add_listings(routes, p, values);
}

static void add_document(cJSON *routes, const struct provider *p, cJSON *values, unsigned status)
{
	auto_json cJSON *doc = cJSON_CreateObject();
	auto_free char *text = NULL;
	const cJSON *it;

	json_add_string(doc, p->needed, "i-needed");
	if (needs_name)
		json_add_string(doc, "hostname", "needed");
	cJSON_ArrayForEach(it, values)
	{
		auto_strv char **parts = NULL;
		cJSON *at = doc;

		(void) strv_split(it->string, "/", &parts);
		STRV_FOREACH (s, parts) {
			cJSON *next = cJSON_GetObjectItemCaseSensitive(at, *s);

			if (!s[1]) {
				cJSON_DeleteItemFromObjectCaseSensitive(at, *s);
				json_add_string(at, *s, it->valuestring);
			} else {
				at = next ? next : cJSON_AddObjectToObject(at, *s);
			}
		}
	}
	text = json_print(doc, false);
	add_route(routes, p, "GET", p->document, status, text);
}

static cJSON *routes_of(const struct provider *p, cJSON *values, unsigned status)
{
	cJSON *routes = cJSON_CreateArray();

	if (folder_path && folder_status != 200)
		add_route(routes, p, "GET", folder_path, folder_status, "");
	if (p->document)
		add_document(routes, p, values, status);
	else
		add_tree(routes, p, values, status);
	return routes;
}

/* ---- what is recorded ---- */

static char *our_path(const struct provider *p, const char *path)
{
	const char *rest = str_after(path, p->from);

	return rest ? str_printf("%s%s", p->to, rest) : strdup(path);
}

/* Path -> text of all that answered 200. */
static cJSON *recorded_values(const cJSON *c, const struct provider *p)
{
	cJSON *values = cJSON_CreateObject();
	const cJSON *it;

	cJSON_ArrayForEach(it, case_get(c, "get_endpoints"))
	{
		auto_free char *path = our_path(p, it->string);

		json_add_string(values, path, it->valuestring);
	}
	cJSON_ArrayForEach(it, case_get(c, "mocks"))
	{
		auto_free char *path = our_path(p, case_text(it, "path"));
		const char *body = case_text(it, "body"), *file = case_text(it, "body_file");
		auto_free char *full = NULL, *text = NULL;

		if (file) {
			auto_free char *name = str_printf("afterburn/%s", file);

			full = case_path(name);
			(void) file_read(full, &text, NULL);
			body = text;
		}
		if (body && json_u64_or(it, "status", 200) == 200 &&
		    streq(json_string_or(it, "method", "GET"), "GET"))
			json_add_string(values, path, body);
	}
	return values;
}

/* ---- judges ---- */

static const char *wanted_name; /* NULL: it has none; FAILS: the source fails */
#define FAILS "\001"

static enum case_result judge_name(const cJSON *c, int r, const struct instance *i,
                                   const struct service *s)
{
	auto_free char *name = NULL;

	(void) c;
	(void) s;
	if (wanted_name && streq(wanted_name, FAILS))
		return r < 0 ? CASE_PASS : case_differs_text("outcome", "it went on", NULL);
	if (r < 0)
		return case_differs_text("outcome", strerror(-r), wanted_name);
	(void) instance_hostname(i, true, &name);
	return case_compare_text("host name", name, wanted_name);
}

/* A number's text is its value, too. */
static bool holds(const cJSON *v, const char *text)
{
	const cJSON *it;
	char number[32];

	if (cJSON_IsString(v) && streq(v->valuestring, text))
		return true;
	snprintf(number, sizeof(number), "%.0f", cJSON_GetNumberValue(v));
	if (cJSON_IsNumber(v) && streq(number, text))
		return true;
	cJSON_ArrayForEach(it, v) if (holds(it, text)) return true;
	return false;
}

static enum case_result judge_values(const cJSON *c, int r, const struct instance *i,
                                     const struct service *s)
{
	const cJSON *it;

	(void) s;
	if (r < 0)
		return case_differs_text("outcome", strerror(-r), NULL);
	cJSON_ArrayForEach(it, case_get(c, "expect_attributes"))
	{
		if (!holds(i->meta_data, it->valuestring) && !holds(i->raw, it->valuestring))
			return case_differs_text(it->string, NULL, it->valuestring);
	}
	return CASE_PASS;
}

static cJSON *wanted_keys; /* set of keys */

static enum case_result judge_keys(const cJSON *c, int r, const struct instance *i,
                                   const struct service *s)
{
	auto_strv char **keys = NULL;
	const cJSON *it;

	(void) c;
	(void) s;
	if (r < 0)
		return case_differs_text("outcome", strerror(-r), NULL);
	if (instance_public_keys(i, &keys) < 0)
		return CASE_FAIL;
	cJSON_ArrayForEach(
		it,
		wanted_keys) if (!strv_contains(keys,
	                                        it->string)) return case_differs_text("keys",
	                                                                              keys ? *keys
	                                                                                   : NULL,
	                                                                              it->string);
	STRV_FOREACH (k, keys)
		if (!cJSON_GetObjectItemCaseSensitive(wanted_keys, *k))
			return case_differs_text("keys", *k, NULL);
	return CASE_PASS;
}

static enum case_result judge_uuid(const cJSON *c, int r, const struct instance *i,
                                   const struct service *s)
{
	bool is_there =
		json_u64_or(cJSON_GetArrayItem(case_get(c, "mocks"), 0), "status", 0) == 200;

	(void) s;
	if (!is_there)
		return r == -ENOENT ? CASE_PASS : case_differs_text("outcome", "not ENOENT", NULL);
	return r >= 0 && strlen(i->id) == 36 && holds(i->meta_data, i->id)
	               ? CASE_PASS
	               : case_differs_text("uuid", r < 0 ? strerror(-r) : i->id, NULL);
}

/* ---- kinds of cases ---- */

static enum case_result
run_with(const cJSON *c, const struct provider *p, cJSON *values, unsigned status,
         enum case_result (*judge)(const cJSON *, int, const struct instance *,
                                   const struct service *))
{
	auto_json cJSON *routes = routes_of(p, values, status),
			*config = cJSON_Parse("{\"metadata_urls\": [\"http://169.254.169.254\"]}");
	struct platform platform = {.name = p->source,
	                            .routes = routes,
	                            .config = streq(p->name, "cloudstack") ? config : NULL,
	                            .judge = judge};

	if (streq(p->name, "aws"))
		add_route(routes, p, "PUT", "/latest/api/token", 200, "test-api-token");
	if (streq(p->name, "akamai"))
		add_route(routes, p, "PUT", "/v1/token", 200, "token");
	/* Where Scaleway's service says that it is. */
	if (streq(p->name, "scaleway"))
		add_route(routes, p, "GET", "/", 200, "");
	if (streq(p->name, "openstack"))
		add_route(routes, p, "GET", "/openstack", 200, "2012-08-10\nlatest");
	return platform_run(c, &platform);
}

/* A machine a recorded answer. */
static enum case_result run_hostname(const cJSON *c, const struct provider *p)
{
	const cJSON *it;

	needs_name = false;
	cJSON_ArrayForEach(it, case_get(c, "mocks"))
	{
		auto_json cJSON *values = cJSON_CreateObject();
		auto_free char *path = our_path(p, case_text(it, "path"));
		unsigned status = (unsigned) json_u64_or(it, "status", 200);
		const char *body = json_string_or(it, "body", "");

		json_add_string(values, path, body);
		wanted_name = status == 200                   ? (*body ? body : NULL)
		              : status == 404 && !p->document ? NULL
		                                              : FAILS;
		if (run_with(c, p, values, status, judge_name) == CASE_FAIL)
			return CASE_FAIL;
	}
	return CASE_PASS;
}

static enum case_result run_keys(const cJSON *c, const struct provider *p)
{
	auto_json cJSON *values = recorded_values(c, p), *keys = cJSON_CreateObject();
	const cJSON *it;

	wanted_keys = keys;
	cJSON_ArrayForEach(it, values)
	{
		auto_strv char **lines = NULL;

		(void) strv_split(it->valuestring, "\n", &lines);
		STRV_FOREACH (l, lines)
			if (str_after(str_strip(*l), "ssh-") &&
			    !cJSON_GetObjectItemCaseSensitive(keys, str_strip(*l)))
				cJSON_AddTrueToObject(keys, str_strip(*l));
	}
	needs_name = true;
	return run_with(c, p, values, 200, judge_keys);
}

/* OpenStack's keys are in its own document; the record has them in the other tree. */
static enum case_result run_openstack_keys(const cJSON *c, const struct provider *p)
{
	auto_json cJSON *recorded = recorded_values(c, p), *keys = cJSON_CreateObject(),
			*doc = cJSON_CreateObject(), *values = cJSON_CreateObject();
	cJSON *named = cJSON_AddObjectToObject(doc, "public_keys");
	auto_free char *text = NULL;
	const cJSON *it;

	wanted_keys = keys;
	json_add_string(doc, "uuid", "83679162-1378-4288-a2d4-70e13ec132aa");
	cJSON_ArrayForEach(it, recorded)
	{
		if (!str_after(it->valuestring, "ssh-"))
			continue;
		cJSON_AddTrueToObject(keys, it->valuestring);
		json_add_string(named, it->string, it->valuestring);
	}
	text = json_print(doc, false);
	json_add_string(values, "/openstack/2012-08-10/meta_data.json", text);
	return run_with(c, p, values, 200, judge_keys);
}

/* What the folder of the keys says, a machine an answer: its listing, nothing, or that it is busy. */
static enum case_result run_key_folder(const cJSON *c, const struct provider *p)
{
	static const char key[] = "ssh-ed25519 AAAA of-the-test";
	const cJSON *it;

	cJSON_ArrayForEach(it, case_get(c, "mocks"))
	{
		auto_json cJSON *values = cJSON_CreateObject(), *keys = cJSON_CreateObject();
		auto_free char *folder = our_path(p, case_text(it, "path")),
			       *path = str_printf("%s/0/openssh-key", folder);

		folder_status = (unsigned) json_u64_or(it, "status", 200);
		folder_path = str_printf("%s/", folder);
		json_add_string(values, path, key);
		wanted_keys = keys;
		wanted_name = FAILS;
		if (folder_status == 200)
			cJSON_AddTrueToObject(keys, key);
		if (run_with(c, p, values, 200, folder_status == 503 ? judge_name : judge_keys) ==
		    CASE_FAIL)
			return CASE_FAIL;
		free(folder_path);
		folder_path = NULL;
	}
	return CASE_PASS;
}

static enum case_result run_values(const cJSON *c, const struct provider *p)
{
	auto_json cJSON *values = recorded_values(c, p);

	needs_name = true;
	return run_with(c, p, values, 200, judge_values);
}

static enum case_result run_uuid(const cJSON *c, const struct provider *p)
{
	auto_json cJSON *values = recorded_values(c, p);

	return run_with(c, p, values, 200, judge_uuid);
}

/* A token is asked for first and used; what follows is the tree that any machine of Amazon's has. */
static enum case_result run_token(const cJSON *c, const struct provider *p)
{
	auto_json cJSON *values = cJSON_CreateObject();

	(void) p;
	json_add_string(values, "/2021-03-23/meta-data/local-hostname", "h");
	wanted_name = "h";
	return run_with(c, p, values, 200, judge_name);
}

/* ---- Azure: its instance document, and the report to the fabric ---- */

static enum case_result judge_imds(const cJSON *c, int r, const struct instance *i,
                                   const struct service *s)
{
	const char *body = case_text(cJSON_GetArrayItem(case_get(c, "mocks"), 0), "body");

	(void) s;
	return r >= 0 && holds(i->meta_data, body)
	               ? CASE_PASS
	               : case_differs_text("instance", r < 0 ? strerror(-r) : NULL, body);
}

static enum case_result judge_report(const cJSON *c, int r, const struct instance *i,
                                     const struct service *s)
{
	auto_json cJSON *asked = service_requests(s);
	const cJSON *it;

	(void) c;
	(void) r;
	(void) i;
	cJSON_ArrayForEach(it, asked) if (
		streq(it->valuestring,
	              "POST http://168.63.129.16/machine/?comp=health")) return CASE_PASS;
	return case_differs("requests", asked, NULL);
}

#define GOAL_STATE                                                                                 \
	"<GoalState><Incarnation>1</Incarnation><Container><ContainerId>c</ContainerId>"           \
	"<RoleInstanceList><RoleInstance><InstanceId>i</InstanceId></RoleInstance>"                \
	"</RoleInstanceList></Container></GoalState>"

static enum case_result run_azure(const cJSON *c)
{
	static const struct provider imds = {.host = "http://169.254.169.254"},
				     fabric = {.host = "http://168.63.129.16"};
	auto_json cJSON *routes = cJSON_CreateArray(), *doc = cJSON_CreateObject(),
			*dmi = cJSON_Parse("{\"product_uuid\": "
	                                   "\"83679162-1378-4288-a2d4-70e13ec132aa\"}");
	const cJSON *mock = cJSON_GetArrayItem(case_get(c, "mocks"), 0);
	bool is_report = streq(json_string_or(mock, "method", ""), "POST");
	struct platform platform = {.name = "Azure",
	                            .routes = routes,
	                            .dmi = dmi,
	                            .judge = is_report ? judge_report : judge_imds};
	const char *key =
		str_after(json_string_or(mock, "path", ""), "/metadata/instance/compute/");
	auto_free char *name = key ? strndup(key, strcspn(key, "?")) : NULL, *text = NULL;
	cJSON *compute = cJSON_AddObjectToObject(doc, "compute");

	if (!is_report && (!name || !case_text(mock, "body")))
		return case_differs_text("no runner for", case_text(c, "id"), NULL);
	json_add_string(compute, name ? name : "name", is_report ? "n" : case_text(mock, "body"));
	text = json_print(doc, false);
	add_route(routes, &imds, "GET", "/metadata/instance?api-version=2021-08-01&extended=true",
	          200, text);
	add_route(routes, &fabric, "GET", "/machine/?comp=goalstate", 200, GOAL_STATE);
	add_route(routes, &fabric, "POST", "/machine/?comp=health", 200, "");
	return platform_run(c, &platform);
}

static const struct {
	const char *id;
	enum case_result (*run)(const cJSON *c, const struct provider *p);
} kinds[] = {
	{"basic_hostname", run_hostname},      {"test_hostname", run_hostname},
	{"basic_pubkeys", run_keys},           {"test_pubkeys", run_keys},
	{"test_ssh_keys_404_ok", run_keys},    {"basic_attributes", run_values},
	{"test_attributes", run_values},       {"aws_get_maps", run_values},
	{"test_instance_uuid", run_uuid},      {"test_instance_uuid_404_ok", run_uuid},
	{"test_aws_imds_version2", run_token}, {"test_aws_basic", run_key_folder},
	{"test_ssh_keys", run_key_folder},
};

static const struct provider *provider_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(providers); i++)
		if (streq(providers[i].name, name))
			return &providers[i];
	return NULL;
}

static enum case_result run(const cJSON *c)
{
	const char *kind = strchr(case_text(c, "id"), '-') + 1;

	if (streq(case_text(c, "provider"), "microsoft"))
		return run_azure(c);
	if (streq(case_text(c, "provider"), "openstack") && str_after(kind, "test_ssh_keys"))
		return run_openstack_keys(c, provider_find("openstack"));
	for (size_t i = 0; i < ELEMENTSOF(providers); i++)
		for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
			if (streq(providers[i].name, case_text(c, "provider")) &&
			    streq(kinds[k].id, kind))
				return kinds[k].run(c, &providers[i]);
	return case_differs_text("no runner for", case_text(c, "id"), NULL);
}

const struct case_file afterburn_files[] = {{"afterburn/mock_cases.json", run, NULL}};
const size_t n_afterburn_files = ELEMENTSOF(afterburn_files);
