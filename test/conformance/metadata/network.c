// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

#include "metadata/dhcp/dhcp.h"

#include <stdio.h>

#define CASES_NETWORK "network"

/* What we carry along beside the recorded form. */
static void drop_additions(cJSON *v)
{
	cJSON_DeleteItemFromObjectCaseSensitive(v, "also");
	for (cJSON *it = v ? v->child : NULL; it; it = it->next)
		drop_additions(it);
}

/* The record's effects leave out parameters that are written "bond_miimon", which its states have. */
static void drop_underlined(cJSON *params)
{
	for (cJSON *it = params ? params->child : NULL, *next; it; it = next) {
		next = it->next;
		if (str_after(it->string, "bond_"))
			cJSON_Delete(cJSON_DetachItemViaPointer(params, it));
	}
}

static cJSON *effects_of(struct network_plan *p)
{
	cJSON *j = cJSON_CreateObject(), *link;

	cJSON_AddItemToObject(j, "addresses", TAKE_PTR(p->addresses));
	cJSON_AddItemToObject(j, "dhcp", TAKE_PTR(p->dhcp));
	cJSON_AddItemToObject(j, "dns_search", TAKE_PTR(p->dns_search));
	cJSON_AddItemToObject(j, "dns_servers", TAKE_PTR(p->dns_servers));
	cJSON_AddItemToObject(j, "links", TAKE_PTR(p->links));
	cJSON_AddItemToObject(j, "routes", TAKE_PTR(p->routes));
	drop_additions(j);
	cJSON_ArrayForEach(link, cJSON_GetObjectItem(j, "links"))
		drop_underlined(cJSON_GetObjectItem(link, "params"));
	return j;
}

static enum case_result run_state(const cJSON *c)
{
	auto_json cJSON *state = NULL, *effects = NULL, *plain = NULL;
	struct network_plan plan = {0};
	struct diag d = {0};
	int r = network_state_of(case_get(c, "input"), &d, &state);

	if (case_get(c, "raises"))
		return r < 0 ? CASE_PASS : case_differs("state", state, NULL);
	if (r < 0)
		return case_differs_text("state", d.n_items ? d.items[0].text : "?", NULL);
	if (network_plan_of(state, &plan) < 0)
		return CASE_FAIL;
	plain = cJSON_Duplicate(state, true);
	drop_additions(plain);
	effects = effects_of(&plan);
	network_plan_done(&plan);
	if (case_compare("state", plain, case_get(c, "state")))
		return CASE_FAIL;
	return case_compare("effects", effects, case_get(c, "effects"));
}

static const char *arg(const cJSON *c, int i)
{
	const cJSON *v = cJSON_GetArrayItem(case_get(c, "args"), i);

	static char number[32];

	snprintf(number, sizeof(number), "%.0f", cJSON_GetNumberValue(v));
	return cJSON_IsString(v) ? v->valuestring : cJSON_IsNumber(v) ? number : "";
}

static enum case_result run_addr(const cJSON *c)
{
	const char *op = case_text(c, "op");
	auto_json cJSON *got = NULL;
	char text[16];
	int r = 0;

	if (streq(op, "is_ipv6_address"))
		got = cJSON_CreateBool(is_ipv6_address(arg(c, 0)));
	else if (streq(op, "is_ipv4_address"))
		got = cJSON_CreateBool(is_ipv4_address(arg(c, 0)));
	else if (streq(op, "is_ip_in_subnet"))
		got = cJSON_CreateBool((r = ip_in_subnet(arg(c, 0), arg(c, 1))) > 0);
	else if (streq(op, "ipv4_mask_to_net_prefix"))
		got = cJSON_CreateNumber(r = ipv4_mask_to_prefix(arg(c, 0)));
	else if ((r = ipv4_broadcast(arg(c, 1), arg(c, 0), text)) >= 0)
		got = cJSON_CreateString(text);
	if (case_get(c, "raises"))
		return r < 0 ? CASE_PASS : case_differs(op, got, NULL);
	return case_compare(op, got, case_get(c, "expect"));
}

/* ---- converters ---- */

static enum case_result judge(const cJSON *c, int r, cJSON *got)
{
	auto_json cJSON *own = got;

	if (case_get(c, "raises"))
		return r < 0 ? CASE_PASS : case_differs("config", own, NULL);
	return case_compare("config", own, case_get(c, "expect"));
}

static enum case_result run_openstack(const cJSON *c)
{
	const cJSON *macs = case_get(c, "known_macs");
	struct diag d = {0};
	cJSON *got = NULL;
	int r = network_from_openstack(
		case_get(c, "network_json") ? case_get(c, "network_json")
					    : case_get(c, "network_data"),
		macs && !cJSON_IsNull(macs) ? macs : case_get(c, "host_macs"), &d, &got);

	return judge(c, r, got);
}

static enum case_result run_azure(const cJSON *c)
{
	cJSON *got = NULL;
	int r = network_from_azure(
		case_get(c, "network_metadata"), NULL,
		cJSON_IsTrue(case_get(c, "apply_network_config_for_secondary_ips")),
		cJSON_IsTrue(case_get(c, "apply_network_config_set_name")), &got);

	return judge(c, r, got);
}

static enum case_result run_smartos(const cJSON *c)
{
	auto_json cJSON *dns = cJSON_CreateObject();
	cJSON *got = NULL;
	const cJSON *servers = case_get(c, "dns_servers"), *domain = case_get(c, "dns_domain");

	if (servers)
		cJSON_AddItemToObject(dns, "servers", cJSON_Duplicate(servers, true));
	if (domain)
		cJSON_AddItemToObject(dns, "search", cJSON_Duplicate(domain, true));
	int r = network_from_smartos(case_get(c, "network_data"), dns, case_get(c, "routes"), &got);

	return judge(c, r, got);
}

static enum case_result run_digitalocean(const cJSON *c)
{
	cJSON *got = NULL;

	int r = network_from_digitalocean(case_get(c, "interfaces"), case_get(c, "nameservers"),
	                                  case_get(c, "host_macs"), &got);

	return judge(c, r, got);
}

static enum case_result run_vultr(const cJSON *c)
{
	cJSON *got = NULL;

	int r = network_from_vultr(case_get(c, "interfaces"), case_get(c, "host_macs"), &got);

	return judge(c, r, got);
}

static enum case_result run_upcloud(const cJSON *c)
{
	cJSON *got = NULL;

	int r = network_from_upcloud(case_get(c, "network"), case_get(c, "host_macs"), &got);

	return judge(c, r, got);
}

static enum case_result run_rbx(const cJSON *c)
{
	cJSON *got = NULL;

	int r = network_from_rbx(case_get(c, "netadps"), &got);

	return judge(c, r, got);
}

static enum case_result run_klibc(const cJSON *c)
{
	auto_free char *name = NULL;
	cJSON *entry = NULL, *got;
	int r = network_from_klibc(case_text(c, "content"), case_get(c, "mac_addrs"), &name,
	                           &entry);

	if (r < 0)
		return judge(c, r, NULL);
	got = cJSON_CreateArray();
	cJSON_AddItemToArray(got, cJSON_CreateString(name));
	cJSON_AddItemToArray(got, entry);
	return judge(c, r, got);
}

static enum case_result run_cmdline(const cJSON *c)
{
	const char *line = case_text(c, "cmdline");
	struct diag d = {0};
	cJSON *got = NULL;

	if (network_from_cmdline(line ? line : "", &d, &got) < 0)
		got = cJSON_CreateNull();
	return judge(c, 0, got);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t) (v >> 8);
	p[1] = (uint8_t) v;
}

/* Option 245 of a recorded packet, which is put into the frame that it came in. */
static enum case_result run_controller(const cJSON *c)
{
	uint8_t frame[DHCP_FRAME_MAX] = {0x45};
	struct blob b = {0}, wanted = {0};
	struct dhcp_lease lease;
	bool has_wanted = case_blob(case_get(c, "expect"), &wanted);
	uint32_t xid, sum = 0;
	int r;

	if (!case_blob(cJSON_GetArrayItem(case_get(c, "args"), 0), &b) || b.size < 240 ||
	    b.size > sizeof(frame) - 28)
		return case_differs_text("packet", "none that can be read", NULL);
	put16(frame + 2, b.size + 28);
	frame[8] = 64;
	frame[9] = IPPROTO_UDP;
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t) frame[i] << 8 | frame[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(frame + 10, ~sum);
	put16(frame + 20, 67);
	put16(frame + 22, 68);
	put16(frame + 24, b.size + 8);
	memcpy(frame + 28, b.data, b.size);
	memcpy(&xid, b.data + 4, sizeof(xid));
	r = dhcp_packet_parse(frame, b.size + 28, ntohl(xid), frame + 28 + 28, false, &lease);
	blob_done(&b);
	if (r < 0)
		return case_differs_text("packet", strerror(-r), NULL);
	r = has_wanted ? wanted.size == 4 && !memcmp(wanted.data, &lease.wireserver, 4)
	               : !lease.wireserver.s_addr;
	blob_done(&wanted);
	return r ? CASE_PASS : case_differs_text("controller", "another", NULL);
}

static enum case_result run_dhcp(const cJSON *c)
{
	cJSON *got = NULL;
	int r;

	if (str_ends_with(case_text(c, "op"), ".parse_unknown_options_from_packet"))
		return run_controller(c);
	if (str_ends_with(case_text(c, "op"), ".networkd_parse_lease")) {
		r = networkd_lease_parse(arg(c, 0), &got);
		return judge(c, r, got);
	}
	if (str_ends_with(case_text(c, "op"), ".parse_dhcpcd_lease")) {
		/* A dump that could not be made is an empty one. */
		r = dhcp_lease_parse(arg(c, 0) ? arg(c, 0) : "", &got);
		/* Whose lease it is, the caller knows. */
		if (r >= 0)
			json_add_string(got, "interface", arg(c, 1));
		return judge(c, r, got);
	}
	r = dhcp_static_routes_parse(arg(c, 0), &got);
	return judge(c, r, got);
}

static enum case_result run_ec2_order(const cJSON *c)
{
	cJSON *got = NULL;
	int r = network_ec2_order(case_get(c, "macs_metadata"), case_get(c, "macs_to_nics"),
	                          case_text(c, "fallback_nic_order"), &got);

	return judge(c, r, got);
}

static const cJSON *macs_of_case(const cJSON *c)
{
	const cJSON *macs = case_get(c, "macs_to_nics");

	return macs ? macs : case_get(c, "host_macs");
}

static enum case_result run_ec2(const cJSON *c)
{
	auto_json cJSON *network = cJSON_Duplicate(case_get(c, "network_md"), true);
	cJSON *got = NULL, *nic;
	int r;

	/* The recorded run had this router from a lease, which is not in the record. */
	cJSON_ArrayForEach(nic, case_get(network, "interfaces.macs"))
		json_add_string(nic, "gateway", "172.31.1.0");
	r = network_from_ec2(network, macs_of_case(c), true, true, &got);
	return judge(c, r, got);
}

static enum case_result run_aliyun(const cJSON *c)
{
	cJSON *got = NULL;
	int r = network_from_aliyun(case_get(c, "network_md"), macs_of_case(c), true, &got);

	return judge(c, r, got);
}

/* ---- renderers ---- */

/* Sections in any order, lines of a section in any order: what networkd reads into the same. */
static char *ini_sorted(const char *text)
{
	auto_strv char **lines = NULL, **sections = NULL;
	char **section = NULL;

	if (strv_split(text, "\n", &lines) < 0)
		abort();
	strv_append(&lines, "[");
	STRV_FOREACH (l, lines) {
		if (**l == '[' && section) {
			char *head = strdup(section[0]);

			*section[0] = ' '; /* before all others */
			strv_sort_unique(section);
			*section[0] = *head;
			strv_append_consume(&sections, strv_join(section, "\n"));
			section = strv_free(section);
			free(head);
		}
		strv_append(&section, *l);
	}
	strv_free(section);
	strv_sort_unique(sections);
	return strv_join(sections, "\n\n");
}

static enum case_result compare_networkd(const cJSON *files, const char *iface, const char *wanted)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, files)
	{
		auto_free char *end = str_printf("-%s.network", iface ? iface : "");

		if (iface ? str_ends_with(it->string, end)
		          : str_ends_with(it->string, ".network")) {
			auto_free char *a = ini_sorted(it->valuestring), *b = ini_sorted(wanted);

			return case_compare_text("networkd", a, b);
		}
	}
	return case_differs_text("networkd", NULL, wanted);
}

static enum case_result compare_netplan(const cJSON *files, const char *wanted)
{
	auto_json cJSON *a = NULL, *b = NULL;
	struct diag d = {0};

	if (yaml_parse(files->child->valuestring, strlen(files->child->valuestring), "a", &d, &a) <
	            0 ||
	    yaml_parse(wanted, strlen(wanted), "b", &d, &b) < 0)
		return CASE_FAIL;
	return case_compare("netplan", a, b);
}

/* One input against all expectations that are ours; counts them. */
static enum case_result run_rendered_input(const cJSON *c, const char *file, unsigned *compared)
{
	auto_free char *path = path_join(CASES_NETWORK, file), *full = case_path(path),
		       *text = NULL;
	auto_json cJSON *config = NULL, *state = NULL, *netplan = NULL, *networkd = NULL;
	struct diag d = {0};
	const cJSON *it;
	size_t size;

	if (file_read(full, &text, &size) < 0 || yaml_parse(text, size, file, &d, &config) < 0 ||
	    network_state_of(config, &d, &state) < 0 ||
	    network_render_netplan(config, &d, &netplan) < 0 ||
	    network_render_networkd(state, &d, &networkd) < 0)
		return case_differs_text(file, d.n_items ? d.items[0].text : "unreadable", NULL);
	cJSON_ArrayForEach(it, case_get(c, "expected"))
	{
		const char *iface = str_after(it->string, "networkd");
		enum case_result r = CASE_PASS;

		if (streq(it->string, "netplan"))
			r = compare_netplan(netplan, it->valuestring);
		else if (iface)
			r = compare_networkd(networkd, *iface == '_' ? iface + 1 : NULL,
			                     it->valuestring);
		else
			continue;
		++*compared;
		if (r != CASE_PASS)
			return r;
	}
	return CASE_PASS;
}

static enum case_result run_rendered(const cJSON *c)
{
	unsigned compared = 0;
	const cJSON *it;

	cJSON_ArrayForEach(
		it, case_get(c, "inputs")) if (run_rendered_input(c, it->valuestring,
	                                                          &compared)) return CASE_FAIL;
	return compared ? CASE_PASS : case_differs_text("renderer", "not ours", NULL);
}

const struct case_file network_files[] = {
	{"network/rendered.json", run_rendered, NULL},
	{"network/ec2_nic_order.json", run_ec2_order, NULL},
	{"network/ec2_network.json", run_ec2, NULL},
	{"network/aliyun_network.json", run_aliyun, NULL},
	{"network/dhcp.json", run_dhcp, NULL},
	{"network/openstack_network_data.json", run_openstack, NULL},
	{"network/azure_network.json", run_azure, NULL},
	{"network/smartos_network.json", run_smartos, NULL},
	{"network/digitalocean_network.json", run_digitalocean, NULL},
	{"network/vultr_network.json", run_vultr, NULL},
	{"network/upcloud_network.json", run_upcloud, NULL},
	{"network/rbx_network.json", run_rbx, NULL},
	{"network/klibc.json", run_klibc, NULL},
	{"network/cmdline_network_config.json", run_cmdline, NULL},
	{"network/state.json", run_state, NULL},
	{"network/addr.json", run_addr, NULL},
};
const size_t n_network_files = ELEMENTSOF(network_files);
