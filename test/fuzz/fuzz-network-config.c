// SPDX-License-Identifier: Apache-2.0
/* A network configuration or a platform's description of one: schema, state, plan, converters. */
#include "metadata/network/network.h"
#include "metadata/userdata/userdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert(const cJSON *doc)
{
	auto_json cJSON *macs = cJSON_CreateObject();
	cJSON *out[9] = {NULL};
	struct diag d = {0};

	cJSON_AddStringToObject(macs, "00:11:22:33:44:55", "eth0");
	(void) network_from_openstack(doc, macs, &d, &out[0]);
	(void) network_from_azure(doc, macs, true, true, &out[1]);
	(void) network_from_smartos(doc, doc, doc, &out[2]);
	(void) network_from_digitalocean(doc, doc, macs, &out[3]);
	(void) network_from_vultr(doc, macs, &out[4]);
	(void) network_from_upcloud(doc, macs, &out[5]);
	(void) network_from_rbx(doc, &out[6]);
	(void) network_from_ec2(doc, macs, true, true, &out[7]);
	(void) network_from_aliyun(doc, macs, true, &out[8]);
	for (size_t i = 0; i < ELEMENTSOF(out); i++)
		cJSON_Delete(out[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json cJSON *doc = NULL, *lines = NULL, *state = NULL, *entry = NULL, *own = NULL,
			*routes = NULL, *netplan = NULL, *networkd = NULL;
	auto_free char *name = NULL, *text = NULL;
	auto_blob struct blob b = {0};
	struct network_plan plan;
	struct schema_report report;
	struct diag d = {0};

	if (blob_set(&b, data, size) < 0)
		return 0;
	(void) network_from_klibc(b.data, NULL, &name, &entry);
	(void) network_from_cmdline(b.data, &d, &own);
	(void) dhcp_static_routes_parse(b.data, &routes);
	if (yaml_parse_lines(b.data, size, "fuzz", &d, &doc, &lines) < 0)
		return 0;
	for (int kind = SCHEMA_CLOUD_CONFIG; kind <= SCHEMA_NETWORK_V2; kind++) {
		(void) schema_check(kind, doc, lines, &report);
		schema_report_done(&report);
	}
	(void) yaml_print(doc, &text);
	convert(doc);
	if (network_state_of(doc, &d, &state) < 0)
		return 0;
	(void) network_render_netplan(doc, &d, &netplan);
	(void) network_render_networkd(state, &d, &networkd);
	if (network_plan_of(state, &plan) >= 0)
		network_plan_done(&plan);
	return 0;
}
