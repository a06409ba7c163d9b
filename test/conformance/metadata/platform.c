// SPDX-License-Identifier: Apache-2.0
/* Whole datasources: a case's service is played on loopback, its files are a tree, and what comes
 * out is compared with the recorded result. */
#include "service.h"

#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <stdio.h>

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

static enum case_result compare_instance(const cJSON *c, int r, struct instance *i)
{
	const cJSON *e = case_get(c, "expect"), *md = case_get(e, "metadata"),
		    *network = case_get(e, "network_config"), *config = case_get(e, "extra_config");

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

static void machine_of(const cJSON *c, const cJSON *files, struct machine *m)
{
	const cJSON *it;

	*m = (struct machine){.virt = strdup("kvm"), .root = tree_of_json(files)};
	for (int f = 0; f < DMI_FIELD_MAX; f++) {
		it = cJSON_GetObjectItemCaseSensitive(case_get(c, "platform.dmi"),
		                                      dmi_field_names[f]);
		if (cJSON_IsString(it))
			m->dmi[f] = strdup(it->valuestring);
	}
}

static size_t nics_of(const cJSON *c, struct nic *nics, size_t max)
{
	const cJSON *it;
	size_t n = 0;

	cJSON_ArrayForEach(it, case_get(c, "expect.host_macs"))
	{
		if (n < max && cJSON_IsString(it)) {
			snprintf(nics[n].mac, sizeof(nics[n].mac), "%s", it->string);
			snprintf(nics[n++].name, sizeof(nics[0].name), "%s", it->valuestring);
		}
	}
	if (!n)
		nics[n++] = default_nics[0];
	return n;
}

static enum case_result platform_run(const cJSON *c, const char *name, const cJSON *routes,
                                     const cJSON *config, cJSON **ret_requests)
{
	auto_cleanup(service_free) struct service *s = NULL;
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_json cJSON *no_files = cJSON_CreateObject();
	const struct source_row *row = source_find(name);
	struct nic nics[8] = {0};
	struct machine m;
	struct diag d = {0};
	struct http http;
	struct source_context ctx = {.machine = &m, .nics = nics, .d = &d, .config = config};
	enum case_result result;
	int r;

	if (!row)
		return case_differs_text("no such source", name, NULL);
	if (service_start(routes, &s) < 0)
		return CASE_FAIL;
	machine_of(c, no_files, &m);
	ctx.n_nics = nics_of(c, nics, ELEMENTSOF(nics));
	http = service_client(s);
	ctx.http = &http;
	r = source_read_network(row, &ctx, &i);
	result = compare_instance(c, r, i);
	if (result == CASE_FAIL && d.n_items)
		case_differs_text("finding", d.items[0].text, NULL);
	if (ret_requests)
		*ret_requests = service_requests(s);
	machine_done(&m);
	return result;
}

static enum case_result run_http(const cJSON *c)
{
	return platform_run(c, case_text(c, "expect.dsname"), case_get(c, "routes"), NULL, NULL);
}

const struct case_file platform_files[] = {
	{"datasource/http/aliyun.json", run_http, NULL},
	{"datasource/http/cloudcix.json", run_http, NULL},
	{"datasource/http/ec2.json", run_http, NULL},
	{"datasource/http/exoscale.json", run_http, NULL},
	{"datasource/http/gce.json", run_http, NULL},
	{"datasource/http/openstack.json", run_http, NULL},
	{"datasource/http/scaleway.json", run_http, NULL},
};
const size_t n_platform_files = ELEMENTSOF(platform_files);
