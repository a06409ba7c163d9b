// SPDX-License-Identifier: Apache-2.0
/* EC2, and AliYun, which took its form: interfaces in an order that network card and device number tell, their
 * second addresses, and for all but the first a routing table of their own. */
#include "metadata/network/state.h"

#include <arpa/inet.h>
#include <ctype.h>

#define LAST UINT32_MAX /* of a number that is not told */

struct candidate {
	const char *mac, *name;
	uint32_t card, device;
	bool by_name;
};

static uint32_t number_of(const cJSON *nic, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(nic, key);
	uint32_t n;

	if (cJSON_IsNumber(v) && v->valuedouble >= 0)
		return (uint32_t) v->valuedouble;
	return cJSON_IsString(v) && str_to_u32(v->valuestring, &n) >= 0 ? n : LAST;
}

/* "eth2" stands before "eth10". */
static int compare_natural(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char) *a) && isdigit((unsigned char) *b)) {
			char *end_a, *end_b;
			unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);

			if (x != y)
				return x < y ? -1 : 1;
			a = end_a;
			b = end_b;
		} else if (*a != *b) {
			return (unsigned char) *a < (unsigned char) *b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	return (unsigned char) *a - (unsigned char) *b;
}

static int compare_candidates(const void *p, const void *q)
{
	const struct candidate *a = p, *b = q;

	if (a->card != b->card)
		return a->card < b->card ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->by_name ? compare_natural(a->name, b->name) : strcmp(a->mac, b->mac);
}

int network_ec2_order(const cJSON *metadata_macs, const cJSON *macs, const char *fallback,
                      cJSON **ret)
{
	size_t n = (size_t) cJSON_GetArraySize(macs), found = 0;
	auto_free struct candidate *list = calloc(n + 1, sizeof(*list));
	auto_json cJSON *order = cJSON_CreateObject();
	const cJSON *it;

	if (!list || !order)
		return -ENOMEM;
	cJSON_ArrayForEach(it, macs)
	{
		const cJSON *nic = cJSON_GetObjectItemCaseSensitive(metadata_macs, it->string);

		if (!nic || !cJSON_IsString(it))
			continue;
		list[found++] = (struct candidate){
			it->string, it->valuestring, number_of(nic, "network-card"),
			number_of(nic, "device-number"), streq(fallback, "nic_name")};
	}
	qsort(list, found, sizeof(*list), compare_candidates);
	for (size_t i = 0; i < found; i++)
		cJSON_AddNumberToObject(order, list[i].mac, (double) i);
	*ret = TAKE_PTR(order);
	return 0;
}

/* ---- metadata to version 2 ---- */

#define TABLE_FIRST  100
#define METRIC_STEP  100
#define ADDRESS_SIZE 64

static const cJSON *value(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsString(v) && !*v->valuestring ? NULL : v;
}

/* What stands there alone or as the i-th of a list; NULL behind the last one. */
static const char *nth_text(const cJSON *v, int i)
{
	if (cJSON_IsString(v))
		return i == 0 ? v->valuestring : NULL;
	v = cJSON_GetArrayItem(v, i);
	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The first addresses come by DHCP; the others are ours to set. */
static int add_secondary(const cJSON *nic, cJSON *entry)
{
	const char *cidr = nth_text(value(nic, "subnet-ipv4-cidr-block"), 0),
		   *slash = cidr ? strchr(cidr, '/') : NULL, *text;
	auto_strv char **list = NULL;
	cJSON *addresses;
	int r = 0;

	for (int i = 1; r >= 0 && (text = nth_text(value(nic, "local-ipv4s"), i)); i++)
		r = strv_append_consume(&list, str_printf("%s%s", text, slash ? slash : "/32"));
	for (int i = 1; r >= 0 && (text = nth_text(value(nic, "ipv6s"), i)); i++)
		r = strv_append_consume(&list, str_printf("%s/128", text));
	if (r < 0 || !list)
		return r;
	qsort(list, strv_length(list), sizeof(*list), compare_texts);
	addresses = cJSON_AddArrayToObject(entry, "addresses");
	STRV_FOREACH (a, list)
		r = MIN(r, json_append_take(addresses, cJSON_CreateString(*a)));
	return r;
}

static void add_table_route(cJSON *routes, const char *to, const char *via, unsigned table)
{
	cJSON *route = cJSON_CreateObject();

	json_add_string(route, "to", to);
	json_add_string(route, "via", via);
	cJSON_AddNumberToObject(route, "table", table);
	(void) json_append_take(routes, route);
}

/* A VPC's router has the first address of the subnet, unless a lease said otherwise. */
static bool router_of(const cJSON *nic, char ret[ADDRESS_SIZE])
{
	const char *known = nth_text(value(nic, "gateway"), 0),
		   *cidr = nth_text(value(nic, "subnet-ipv4-cidr-block"), 0);
	auto_free char *base = cidr ? strndup(cidr, strcspn(cidr, "/")) : NULL;
	struct in_addr a;

	if (known && strlen(known) < ADDRESS_SIZE) {
		strcpy(ret, known);
		return true;
	}
	if (!base || inet_pton(AF_INET, base, &a) != 1)
		return false;
	a.s_addr = htonl(ntohl(a.s_addr) + 1);
	return inet_ntop(AF_INET, &a, ret, ADDRESS_SIZE);
}

/* What comes from an address of this interface leaves by it: AWS drops it elsewhere. */
static void add_policy(const cJSON *nic, unsigned table, cJSON *entry)
{
	static const char *const keys[] = {"local-ipv4s", "ipv6s"};
	const char *cidr4 = nth_text(value(nic, "subnet-ipv4-cidr-block"), 0),
		   *cidr6 = nth_text(value(nic, "subnet-ipv6-cidr-blocks"), 0), *text;
	cJSON *routes = cJSON_AddArrayToObject(entry, "routes"),
	      *rules = cJSON_AddArrayToObject(entry, "routing-policy");
	char router[ADDRESS_SIZE];

	if (value(nic, "local-ipv4s") && router_of(nic, router)) {
		add_table_route(routes, "0.0.0.0/0", router, table);
		if (cidr4)
			add_table_route(routes, cidr4, NULL, table);
	}
	if (value(nic, "ipv6s") && cidr6)
		add_table_route(routes, cidr6, NULL, table);
	for (size_t k = 0; k < ELEMENTSOF(keys); k++)
		for (int i = 0; (text = nth_text(value(nic, keys[k]), i)); i++) {
			cJSON *rule = cJSON_CreateObject();

			json_add_string(rule, "from", text);
			cJSON_AddNumberToObject(rule, "table", table);
			(void) json_append_take(rules, rule);
		}
}

static void add_overrides(cJSON *entry, const char *key, unsigned metric, bool use_routes)
{
	cJSON *o = cJSON_AddObjectToObject(entry, key);

	cJSON_AddNumberToObject(o, "route-metric", metric);
	if (use_routes)
		cJSON_AddTrueToObject(o, "use-routes");
}

struct conversion {
	bool full, secondary, policy, several;
};

static int add_nic(cJSON *ethernets, const struct conversion *how, unsigned index, const char *mac,
                   const char *name, const cJSON *nic)
{
	bool dhcp6 = value(nic, "ipv6s"), policy = how->policy && how->several && index > 0;
	cJSON *entry = cJSON_AddObjectToObject(ethernets, name), *match;
	int r;

	cJSON_AddTrueToObject(entry, "dhcp4");
	cJSON_AddBoolToObject(entry, "dhcp6", dhcp6);
	match = cJSON_AddObjectToObject(entry, "match");
	json_add_string(match, "macaddress", mac);
	r = json_add_string(entry, "set-name", name);
	if (how->several) {
		unsigned metric = METRIC_STEP * (index + 1);

		add_overrides(entry, "dhcp4-overrides", metric, policy);
		if (dhcp6)
			add_overrides(entry, "dhcp6-overrides", metric, policy);
	}
	if (policy)
		add_policy(nic, TABLE_FIRST + index, entry);
	return r >= 0 && how->secondary ? add_secondary(nic, entry) : r;
}

static int convert(const cJSON *network, const cJSON *macs, struct conversion how, cJSON **ret)
{
	const cJSON *nics = cJSON_GetObjectItemCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(network, "interfaces"), "macs"),
		    *it;
	auto_json cJSON *config = cJSON_CreateObject(), *order = NULL;
	cJSON *ethernets;
	int r = network_ec2_order(nics, macs, "mac", &order);

	if (r < 0 || !config)
		return -ENOMEM;
	cJSON_AddNumberToObject(config, "version", 2);
	ethernets = cJSON_AddObjectToObject(config, "ethernets");
	how.several = how.full && cJSON_GetArraySize(order) > 1;
	cJSON_ArrayForEach(it, order)
	{
		unsigned index = (unsigned) it->valuedouble;

		if (r < 0 || (!how.full && index > 0))
			break;
		r = add_nic(ethernets, &how, index, it->string,
		            json_string_or(macs, it->string, ""),
		            cJSON_GetObjectItemCaseSensitive(nics, it->string));
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(config);
	return 0;
}

int network_from_ec2(const cJSON *network, const cJSON *macs, bool full, bool with_policy,
                     cJSON **ret)
{
	return convert(network, macs, (struct conversion){full, full, with_policy, false}, ret);
}

int network_from_aliyun(const cJSON *network, const cJSON *macs, bool full, cJSON **ret)
{
	return convert(network, macs, (struct conversion){full, false, false, false}, ret);
}
