// SPDX-License-Identifier: Apache-2.0
/* What other DHCP clients leave behind. */
#include "metadata/network/state.h"

#include <stdio.h>

static void add_route(cJSON *routes, const char *to, const char *via)
{
	cJSON *pair = cJSON_CreateArray();

	cJSON_AddItemToArray(pair, cJSON_CreateString(to));
	cJSON_AddItemToArray(pair, cJSON_CreateString(via));
	cJSON_AddItemToArray(routes, pair);
}

/* Bytes as RFC 3442 packs them: a width, the network's bytes that count, a gateway. What is cut off ends
 * the list. */
static void unpack(const uint8_t *bytes, size_t n, cJSON *routes)
{
	for (size_t i = 0; i < n;) {
		unsigned width = bytes[i++], count = (width + 7) / 8;
		uint8_t net[4] = {0};
		char to[32], via[16];

		if (width > 32 || n - i < count + 4)
			return;
		memcpy(net, bytes + i, count);
		i += count;
		snprintf(to, sizeof(to), "%u.%u.%u.%u/%u", net[0], net[1], net[2], net[3], width);
		snprintf(via, sizeof(via), "%u.%u.%u.%u", bytes[i], bytes[i + 1], bytes[i + 2],
		         bytes[i + 3]);
		i += 4;
		add_route(routes, to, via);
	}
}

static int parse_bytes(const char *text, const char *separators, unsigned base, cJSON *routes)
{
	auto_strv char **words = NULL;
	uint8_t bytes[256];
	size_t n = 0;
	uint64_t v;

	if (strv_split(text, separators, &words) < 0)
		return -ENOMEM;
	STRV_FOREACH (w, words) {
		if (n == sizeof(bytes) || str_to_u64(*w, base, &v) < 0 || v > 255)
			return 0;
		bytes[n++] = (uint8_t) v;
	}
	unpack(bytes, n, routes);
	return 0;
}

/* "24.191.168.128": a width and the network's bytes that count. */
static bool dotted_network(const char *word, char *ret, size_t size)
{
	auto_strv char **parts = NULL;
	uint32_t v[5] = {0};
	size_t n = 0;

	if (strv_split(word, ".", &parts) < 0)
		return false;
	STRV_FOREACH (p, parts)
		if (n == ELEMENTSOF(v) || str_to_u32(*p, &v[n++]) < 0)
			return false;
	if (!n || v[0] > 32)
		return false;
	snprintf(ret, size, "%u.%u.%u.%u/%u", v[1], v[2], v[3], v[4], v[0]);
	return true;
}

static int parse_pairs(const char *text, cJSON *routes)
{
	auto_strv char **words = NULL;
	char to[64];

	if (strv_split(text, " ,\t", &words) < 0)
		return -ENOMEM;
	for (size_t i = 0; words && words[i] && words[i + 1]; i += 2) {
		if (strchr(words[i], '/'))
			add_route(routes, words[i], words[i + 1]);
		else if (dotted_network(words[i], to, sizeof(to)) && is_ipv4_address(words[i + 1]))
			add_route(routes, to, words[i + 1]);
	}
	return 0;
}

int dhcp_static_routes_parse(const char *text, cJSON **ret)
{
	auto_free char *copy = strndup(text, strcspn(text, ";"));
	auto_json cJSON *routes = cJSON_CreateArray();
	int r;

	if (!copy || !routes)
		return -ENOMEM;
	if (strchr(copy, ' ') || strchr(copy, '/'))
		r = parse_pairs(copy, routes);
	else if (strchr(copy, ':'))
		r = parse_bytes(copy, ":", 16, routes);
	else
		r = parse_bytes(copy, ",", 10, routes);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(routes);
	return 0;
}

/* ---- files of leases ---- */

/* NAME=value lines, comments left out; what is no such line is passed over. */
static int read_lines(const char *text, int (*take)(cJSON *to, char *name, char *value), cJSON *to)
{
	auto_strv char **lines = NULL;
	int r = strv_split(text, "\n", &lines);

	STRV_FOREACH (l, lines) {
		char *equals = strchr(*l, '=');

		if (r < 0 || **l == '#' || !equals || equals == *l)
			continue;
		*equals = '\0';
		r = take(to, *l, equals + 1);
	}
	return r;
}

static int take_as_is(cJSON *to, char *name, char *value)
{
	return json_add_string(to, name, value);
}

/* Names as dhclient writes them, which is what the rest of the world calls these options. */
static int take_dhcpcd(cJSON *to, char *name, char *value)
{
	size_t n = strlen(value);

	if (n >= 2 && *value == '\'' && value[n - 1] == '\'') {
		value[n - 1] = '\0';
		value++;
	}
	if (streq(name, "ip_address"))
		return json_add_string(to, "fixed-address", value);
	if (streq(name, "classless_static_routes"))
		return json_add_string(to, "static_routes", value);
	for (char *p = name; *p; p++)
		*p = *p == '_' ? '-' : *p;
	return json_add_string(to, name, value);
}

static int read_lease(const char *text, int (*take)(cJSON *to, char *name, char *value),
                      cJSON **ret)
{
	auto_json cJSON *lease = cJSON_CreateObject();
	int r = lease ? read_lines(text, take, lease) : -ENOMEM;

	if (r < 0)
		return r;
	if (!lease->child)
		return -EBADMSG;
	*ret = TAKE_PTR(lease);
	return 0;
}

int dhcp_lease_parse(const char *text, cJSON **ret)
{
	return read_lease(text, take_dhcpcd, ret);
}

int networkd_lease_parse(const char *text, cJSON **ret)
{
	return read_lease(text, take_as_is, ret);
}
