// SPDX-License-Identifier: Apache-2.0
/* Subnets and routes in one form, and small helpers on JSON. */
#include "metadata/network/state.h"

#include <math.h>
#include <stdio.h>

int network_fail(struct interpreter *n, const char *where, const char *text)
{
	return diag_add(n->d, -EINVAL, DIAG_ERROR, "network-config", 0, "%.64s: %s", where, text);
}

bool json_is_truthy(const cJSON *v)
{
	if (cJSON_IsString(v))
		return *v->valuestring;
	if (cJSON_IsNumber(v))
		return v->valuedouble != 0;
	if (cJSON_IsArray(v) || cJSON_IsObject(v))
		return v->child;
	return cJSON_IsTrue(v);
}

cJSON *json_or_null(const cJSON *object, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	return v ? cJSON_Duplicate(v, true) : cJSON_CreateNull();
}

void json_set(cJSON *object, const char *key, cJSON *value)
{
	if (!value)
		return;
	if (cJSON_GetObjectItemCaseSensitive(object, key))
		cJSON_ReplaceItemInObjectCaseSensitive(object, key, value);
	else
		cJSON_AddItemToObject(object, key, value);
}

cJSON *json_listed(const cJSON *v)
{
	cJSON *list;

	if (cJSON_IsArray(v))
		return cJSON_Duplicate(v, true);
	list = cJSON_CreateArray();
	if (v && !cJSON_IsNull(v))
		cJSON_AddItemToArray(list, cJSON_Duplicate(v, true));
	return list;
}

bool json_is_true_word(const cJSON *v)
{
	if (cJSON_IsString(v))
		return !strcasecmp(v->valuestring, "true") || !strcasecmp(v->valuestring, "yes") ||
		       !strcasecmp(v->valuestring, "on") || streq(v->valuestring, "1");
	return cJSON_IsNumber(v) ? v->valuedouble == 1 : cJSON_IsTrue(v);
}

static char *text_of(const cJSON *v)
{
	if (cJSON_IsString(v))
		return strdup(v->valuestring);
	if (cJSON_IsNumber(v))
		return str_printf("%.0f", v->valuedouble);
	return strdup("");
}

static int prefix_number(const cJSON *v)
{
	uint32_t n;

	if (cJSON_IsNumber(v))
		return (int) v->valuedouble;
	return cJSON_IsString(v) && str_to_u32(v->valuestring, &n) >= 0 ? (int) n : -EINVAL;
}

/* The prefix: behind the address, else a key of its own, else of the mask, else the usual one. */
static int prefix_of(const cJSON *net, const char *behind, bool is_v6)
{
	const cJSON *prefix = cJSON_GetObjectItemCaseSensitive(net, "prefix");
	auto_free char *mask = text_of(cJSON_GetObjectItemCaseSensitive(net, "netmask"));

	if (behind)
		return is_v6 ? ipv6_mask_to_prefix(behind) : ipv4_mask_to_prefix(behind);
	if (prefix)
		return prefix_number(prefix);
	if (mask && *mask)
		return is_v6 ? ipv6_mask_to_prefix(mask) : ipv4_mask_to_prefix(mask);
	return is_v6 ? 64 : 24;
}

/* "default" is the network of everything, of the gateway's family. */
static int default_network(struct interpreter *n, const cJSON *net, char **address)
{
	const char *gateway = json_string_or(net, "gateway", "");

	if (!is_ipv4_address(gateway) && !is_ipv6_address(gateway))
		return network_fail(n, "gateway", "not an address");
	return str_set(address, is_ipv4_address(gateway) ? "0.0.0.0/0" : "::/0");
}

/* @net gets its address without prefix, prefix, and netmask (IPv4 only). */
static int normalize_keys(struct interpreter *n, cJSON *net, const char *const keys[2])
{
	const char *key = json_is_truthy(cJSON_GetObjectItemCaseSensitive(net, keys[0]))   ? keys[0]
	                  : json_is_truthy(cJSON_GetObjectItemCaseSensitive(net, keys[1])) ? keys[1]
	                                                                                   : NULL;
	auto_free char *address = NULL;
	char *slash, mask[16];
	bool is_v6;
	int prefix;

	if (!key)
		return network_fail(n, keys[0], "an address is missing");
	address = text_of(cJSON_GetObjectItemCaseSensitive(net, key));
	if (!address)
		return -ENOMEM;
	if (streq(address, "default") && default_network(n, net, &address) < 0)
		return -EINVAL;
	slash = strchr(address, '/');
	if (slash)
		*slash++ = '\0';
	is_v6 = is_ipv6_address(address);
	if (!is_v6 && !is_ipv4_address(address))
		return network_fail(n, key, "not an address");
	prefix = prefix_of(net, slash, is_v6);
	if (prefix < 0 || prefix > (is_v6 ? 128 : 32))
		return network_fail(n, key, "not a mask or prefix");
	if (slash)
		json_set(net, key, cJSON_CreateString(address));
	json_set(net, "prefix", cJSON_CreateNumber(prefix));
	if (!is_v6) {
		ipv4_prefix_to_mask((unsigned) prefix, mask);
		json_set(net, "netmask", cJSON_CreateString(mask));
	}
	return 0;
}

static bool is_empty_text(const cJSON *v)
{
	return cJSON_IsNull(v) || (cJSON_IsString(v) && !*v->valuestring);
}

int route_normalize(struct interpreter *n, const cJSON *route, cJSON **ret)
{
	static const char *const keys[2] = {"network", "destination"};
	auto_json cJSON *net = cJSON_CreateObject();
	const cJSON *it;
	int64_t metric;
	int r;

	if (!net)
		return -ENOMEM;
	if (!cJSON_IsObject(route))
		return network_fail(n, "routes", "a map is expected");
	cJSON_ArrayForEach(it, route) if (!is_empty_text(it))
		json_set(net, streq(it->string, "destination") ? "network" : it->string,
	                 cJSON_Duplicate(it, true));
	r = normalize_keys(n, net, keys);
	if (r < 0)
		return r;
	it = cJSON_GetObjectItemCaseSensitive(net, "metric");
	if (cJSON_IsString(it)) {
		if (str_to_i64(it->valuestring, &metric) < 0)
			return network_fail(n, "metric", "not a number");
		json_set(net, "metric", cJSON_CreateNumber((double) metric));
	}
	*ret = TAKE_PTR(net);
	return 0;
}

/* "a b" as a list. */
static int split_words(cJSON *subnet, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(subnet, key);
	auto_strv char **words = NULL;
	cJSON *list;

	if (!cJSON_IsString(v))
		return 0;
	if (strv_split(v->valuestring, " \t\n", &words) < 0)
		return -ENOMEM;
	list = cJSON_CreateArray();
	STRV_FOREACH (w, words)
		cJSON_AddItemToArray(list, cJSON_CreateString(*w));
	json_set(subnet, key, list);
	return 0;
}

int subnet_normalize(struct interpreter *n, const cJSON *subnet, cJSON **ret)
{
	static const char *const keys[2] = {"address", "ip_address"};
	auto_json cJSON *s = cJSON_CreateObject(), *routes = cJSON_CreateArray();
	const char *type = json_string_or(subnet, "type", "");
	const cJSON *it;
	int r = 0;

	if (!s || !routes)
		return -ENOMEM;
	if (!cJSON_IsObject(subnet))
		return network_fail(n, "subnets", "a map is expected");
	cJSON_ArrayForEach(it, subnet) if (json_is_truthy(it))
		json_set(s, it->string, cJSON_Duplicate(it, true));
	if (streq(type, "static") || streq(type, "static6"))
		r = normalize_keys(n, s, keys);
	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(subnet, "routes"))
	{
		cJSON *route = NULL;

		if (r >= 0)
			r = route_normalize(n, it, &route);
		if (r >= 0)
			cJSON_AddItemToArray(routes, route);
	}
	if (r >= 0)
		r = split_words(s, "dns_search");
	if (r >= 0)
		r = split_words(s, "dns_nameservers");
	if (r < 0)
		return r;
	json_set(s, "routes", TAKE_PTR(routes));
	*ret = TAKE_PTR(s);
	return 0;
}
