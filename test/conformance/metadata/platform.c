// SPDX-License-Identifier: Apache-2.0
/* Whole datasources: a case's service is played on loopback, its files are a tree, and what comes
 * out is compared with the recorded result. */
#include "platform.h"

#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <stdio.h>

#define NICS_MAX 8

/* The recorder's machine has one interface. */
static const struct nic default_nics[] = {{.name = "eth9", .mac = "06:17:04:d7:26:09"}};

/* ---- comparing ---- */

static void drop_nulls(cJSON *v)
{
	for (cJSON *it = v ? v->child : NULL, *next; it; it = next) {
		next = it->next;
		if (cJSON_IsNull(it) && it->string)
			cJSON_Delete(cJSON_DetachItemViaPointer(v, it));
		else
			drop_nulls(it);
	}
}

static enum case_result compare_json(const char *what, const cJSON *got, const cJSON *wanted)
{
	auto_json cJSON *g = cJSON_Duplicate(got, true), *w = cJSON_Duplicate(wanted, true);

	drop_nulls(g);
	drop_nulls(w);
	return case_compare(what, g, w);
}

/* None, "", [] and {} are all no data. */
static enum case_result compare_blob(const char *what, const struct blob *got, const cJSON *wanted)
{
	const char *text = case_string(wanted);

	if (cJSON_IsObject(wanted) && !text)
		return CASE_PASS; /* an object of the recorder's */
	return case_compare_text(what, got->size ? got->data : "", text ? text : "");
}

enum case_result platform_compare(const cJSON *c, int r, const struct instance *i)
{
	const cJSON *e = case_get(c, "expect"), *md = case_get(e, "metadata"),
		    *network = case_get(e, "network_config"), *config = case_get(e, "extra_config");

	if (!config)
		config = case_get(e, "cfg");

	if (!cJSON_IsTrue(case_get(e, "ok")))
		return r < 0 ? CASE_PASS : case_differs("outcome", i->meta_data, NULL);
	if (r < 0)
		return case_differs_text("outcome", strerror(-r), "ok");
	if (md && compare_json("metadata", i->meta_data, md))
		return CASE_FAIL;
	if (compare_blob("user-data", &i->user_data, case_get(e, "userdata_raw")))
		return CASE_FAIL;
	if (compare_blob("vendor-data", &i->vendor_data, case_get(e, "vendordata_raw")))
		return CASE_FAIL;
	if (network && compare_json("network", i->network, network))
		return CASE_FAIL;
	return config ? compare_json("config", i->config, config) : CASE_PASS;
}

/* ---- running ---- */

static void machine_of(const struct platform *p, struct machine *m)
{
	const cJSON *it;

	*m = (struct machine){.virt = strdup("kvm"), .root = tree_of_json(p->files)};
	for (int f = 0; f < DMI_FIELD_MAX; f++) {
		it = cJSON_GetObjectItemCaseSensitive(p->dmi, dmi_field_names[f]);
		if (cJSON_IsString(it))
			m->dmi[f] = strdup(it->valuestring);
	}
}

static void add_nic(struct nic *nics, size_t *n, const char *mac, const char *name)
{
	if (*n >= NICS_MAX || !mac || !name)
		return;
	snprintf(nics[*n].mac, sizeof(nics[*n].mac), "%s", mac);
	snprintf(nics[(*n)++].name, sizeof(nics[0].name), "%s", name);
}

/* What is said to be plugged in; or what the wanted network names by address. */
static size_t nics_of(const cJSON *c, struct nic *nics)
{
	const cJSON *it;
	size_t n = 0;

	cJSON_ArrayForEach(it, case_get(c, "expect.host_macs"))
	{
		if (cJSON_IsString(it))
			add_nic(nics, &n, it->string, it->valuestring);
	}
	if (!n)
		cJSON_ArrayForEach(it, case_get(c, "expect.network_config.config"))
			add_nic(nics, &n, json_string_or(it, "mac_address", NULL),
		                json_string_or(it, "name", NULL));
	if (!n)
		nics[n++] = default_nics[0];
	return n;
}

enum case_result platform_run(const cJSON *c, const struct platform *p)
{
	auto_cleanup(service_free) struct service *s = NULL;
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_json cJSON *none = cJSON_CreateObject();
	const struct source_row *row = source_find(p->name);
	struct tree media = tree_of_json(p->media);
	struct platform own = *p;
	struct nic nics[NICS_MAX] = {0};
	struct machine m;
	struct diag d = {0};
	struct http http;
	struct source_context ctx = {
		.machine = &m, .nics = nics, .d = &d, .config = p->config, .origin = "case"};
	enum case_result result;
	int r;

	if (!row)
		return case_differs_text("no such source", p->name, NULL);
	if (service_start(p->routes ? p->routes : none, &s) < 0)
		return CASE_FAIL;
	if (!own.files)
		own.files = none;
	machine_of(&own, &m);
	ctx.n_nics = nics_of(c, nics);
	http = service_client(s);
	ctx.http = &http;
	if (p->media)
		ctx.media = &media;
	r = p->media && row->from_media ? source_read_media(row, &ctx, &i)
	                                : source_read_network(row, &ctx, &i);
	result = p->judge ? p->judge(c, r, i, s) : platform_compare(c, r, i);
	if (result == CASE_FAIL) {
		auto_json cJSON *asked = service_requests(s);

		case_differs("what was asked", asked, NULL);
		if (d.n_items)
			case_differs_text("finding", d.items[0].text, NULL);
	}
	machine_done(&m);
	return result;
}

static enum case_result run_http(const cJSON *c)
{
	struct platform p = {.name = case_text(c, "expect.dsname"),
	                     .routes = case_get(c, "routes"),
	                     .dmi = case_get(c, "platform.dmi")};

	return platform_run(c, &p);
}

/* A seed holds the URL. */
static enum case_result run_bigstep(const cJSON *c)
{
	auto_json cJSON *files = cJSON_Parse(
		"{\"var/lib/cloud/data/seed/bigstep/url\": \"http://169.254.169.254/\"}");
	auto_json cJSON *routes = cJSON_Duplicate(case_get(c, "routes"), true);
	struct platform p = {.name = "Bigstep", .routes = routes, .files = files};

	/* The recorded name needs a resolver, which a namespace has none of. */
	cJSON_ReplaceItemInObjectCaseSensitive(routes->child, "url",
	                                       cJSON_CreateString("http://169.254.169.254/"));
	return platform_run(c, &p);
}

static enum case_result run_maas(const cJSON *c)
{
	auto_json cJSON *config =
		cJSON_Parse("{\"metadata_url\": \"http://169.254.169.254/MAAS/metadata/\", "
	                    "\"consumer_key\": \"k\", "
	                    "\"token_key\": \"t\", \"token_secret\": \"s\"}");
	struct platform p = {.name = "MAAS", .routes = case_get(c, "routes"), .config = config};

	return platform_run(c, &p);
}

const struct case_file platform_files[] = {
	{"datasource/http/aliyun.json", run_http, NULL},
	{"datasource/http/bigstep.json", run_bigstep, NULL},
	{"datasource/http/cloudcix.json", run_http, NULL},
	{"datasource/http/ec2.json", run_http, NULL},
	{"datasource/http/exoscale.json", run_http, NULL},
	{"datasource/http/gce.json", run_http, NULL},
	{"datasource/http/maas.json", run_maas, NULL},
	{"datasource/http/openstack.json", run_http, NULL},
	{"datasource/http/scaleway.json", run_http, NULL},
};
const size_t n_platform_files = ELEMENTSOF(platform_files);
