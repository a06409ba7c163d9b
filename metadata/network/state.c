// SPDX-License-Identifier: Apache-2.0
/* Configuration version 1 to the state; version 2 is brought into version 1's commands first
 * (state-v2.c). */
#include "metadata/network/state.h"

static const char *text_or_null(const cJSON *command, const char *key)
{
	return json_string_or(command, key, NULL);
}

static int require(struct interpreter *n, const cJSON *command, const char *key)
{
	if (cJSON_GetObjectItemCaseSensitive(command, key))
		return 0;
	return diag_add(n->d, -EBADMSG, DIAG_WARNING, "network-config", 0,
	                "an entry of the type \"%.32s\" lacks \"%s\" and was left out",
	                json_string_or(command, "type", "?"), key);
}

static cJSON *bool_or_null(const cJSON *command, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(command, key);

	return v && !cJSON_IsNull(v) ? cJSON_CreateBool(json_is_true_word(v)) : cJSON_CreateNull();
}

static int add_subnets(struct interpreter *n, const cJSON *command, cJSON *iface)
{
	cJSON *subnets = cJSON_CreateArray();
	const cJSON *it;
	int r = 0;

	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(command, "subnets"))
	{
		const char *type = json_string_or(it, "type", "");
		cJSON *s = NULL;

		r = subnet_normalize(n, it, &s);
		if (r < 0)
			break;
		cJSON_AddItemToArray(subnets, s);
		n->use_ipv6 = n->use_ipv6 || str_ends_with(type, "6") ||
		              is_ipv6_address(json_string_or(s, "address", NULL));
	}
	json_set(iface, "subnets", subnets);
	return r;
}

static void add_params(cJSON *iface, const cJSON *params)
{
	const cJSON *it;

	for (it = cJSON_IsObject(params) ? params->child : NULL; it; it = it->next)
		json_set(iface, it->string, cJSON_Duplicate(it, true));
}

/* Makes or changes an interface; *ret stays the state's. */
static int handle_interface(struct interpreter *n, const cJSON *command, cJSON **ret)
{
	const char *name = text_or_null(command, "name"),
		   *id = json_string_or(command, "config_id", name);
	const cJSON *mac = cJSON_GetObjectItemCaseSensitive(command, "mac_address"),
		    *also = cJSON_GetObjectItemCaseSensitive(command, "also");
	cJSON *iface;
	int r;

	if (!name)
		return network_fail(n, "name", "a text is expected");
	iface = cJSON_GetObjectItemCaseSensitive(n->interfaces, name);
	if (!iface || !streq(id, name)) {
		iface = iface ? cJSON_Duplicate(iface, true) : cJSON_CreateObject();
		json_set(n->interfaces, id, iface);
	}
	add_params(iface, cJSON_GetObjectItemCaseSensitive(command, "params"));
	json_set(iface, "config_id", json_or_null(command, "config_id"));
	json_set(iface, "name", json_or_null(command, "name"));
	json_set(iface, "type", json_or_null(command, "type"));
	json_set(iface, "mac_address", json_or_null(command, "mac_address"));
	if (cJSON_IsString(mac)) {
		auto_free char *lower = strdup(mac->valuestring);

		for (char *p = lower; p && *p; p++)
			*p = *p >= 'A' && *p <= 'Z' ? (char) (*p + 'a' - 'A') : *p;
		json_set(iface, "mac_address", cJSON_CreateString(lower ? lower : ""));
	}
	json_set(iface, "inet", cJSON_CreateString("inet"));
	json_set(iface, "mode", cJSON_CreateString("manual"));
	json_set(iface, "mtu", json_or_null(command, "mtu"));
	json_set(iface, "address", cJSON_CreateNull());
	json_set(iface, "gateway", cJSON_CreateNull());
	r = add_subnets(n, command, iface);
	json_set(iface, "accept-ra", bool_or_null(command, "accept-ra"));
	json_set(iface, "wakeonlan", bool_or_null(command, "wakeonlan"));
	json_set(iface, "optional", bool_or_null(command, "optional"));
	json_set(iface, "keep_configuration", json_or_null(command, "keep_configuration"));
	if (also)
		json_set(iface, "also", cJSON_Duplicate(also, true));
	*ret = iface;
	return r;
}

static int handle_physical(struct interpreter *n, const cJSON *command)
{
	cJSON *iface;
	int r = require(n, command, "name");

	return r < 0 ? r : handle_interface(n, command, &iface);
}

static int handle_vlan(struct interpreter *n, const cJSON *command)
{
	static const char *const keys[] = {"name", "vlan_id", "vlan_link"};
	cJSON *iface;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(keys) && r >= 0; i++)
		r = require(n, command, keys[i]);
	if (r >= 0)
		r = handle_interface(n, command, &iface);
	if (r < 0)
		return r;
	json_set(iface, "vlan-raw-device", json_or_null(command, "vlan_link"));
	json_set(iface, "vlan_id", json_or_null(command, "vlan_id"));
	return 0;
}

/* An interface that a bond or bridge names before it is told of itself. */
static int ensure_interface(struct interpreter *n, const char *name, const char *type)
{
	auto_json cJSON *command = NULL;
	cJSON *iface;

	if (cJSON_GetObjectItemCaseSensitive(n->interfaces, name))
		return 0;
	command = cJSON_CreateObject();
	json_add_string(command, "name", name);
	json_add_string(command, "type", type);
	return handle_interface(n, command, &iface);
}

static int handle_bond(struct interpreter *n, const cJSON *command)
{
	static const char *const keys[] = {"name", "bond_interfaces", "params"};
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(command, "params"), *it;
	const char *name = text_or_null(command, "name");
	cJSON *iface;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(keys) && r >= 0; i++)
		r = require(n, command, keys[i]);
	if (r >= 0)
		r = handle_interface(n, command, &iface);
	if (r < 0)
		return r;
	json_set(iface, "bond-slaves", cJSON_CreateString("none"));
	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(command, "bond_interfaces"))
	{
		if (!cJSON_IsString(it))
			return network_fail(n, "bond_interfaces", "names are expected");
		r = ensure_interface(n, it->valuestring, "bond");
		if (r < 0)
			return r;
		iface = cJSON_GetObjectItemCaseSensitive(n->interfaces, it->valuestring);
		json_set(iface, "bond-master", cJSON_CreateString(name));
		add_params(iface, params);
	}
	return 0;
}

static int bridge_stp(struct interpreter *n, cJSON *iface)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(iface, "bridge_stp");
	const char *s = cJSON_IsString(v) ? v->valuestring : "";
	bool on = streq(s, "on") || streq(s, "1") || (cJSON_IsNumber(v) && v->valuedouble == 1),
	     off = streq(s, "off") || streq(s, "0") || (cJSON_IsNumber(v) && v->valuedouble == 0);

	if (!v || cJSON_IsNull(v) || cJSON_IsBool(v))
		return 0;
	if (!on && !off)
		return network_fail(n, "bridge_stp", "neither on nor off");
	json_set(iface, "bridge_stp", cJSON_CreateBool(on));
	return 0;
}

static int handle_bridge(struct interpreter *n, const cJSON *command)
{
	const cJSON *ports = cJSON_GetObjectItemCaseSensitive(command, "bridge_interfaces"), *it;
	cJSON *iface;
	int r = require(n, command, "name");

	if (r >= 0)
		r = require(n, command, "bridge_interfaces");
	cJSON_ArrayForEach(it, ports) if (r >= 0) r =
		cJSON_IsString(it) ? ensure_interface(n, it->valuestring, NULL)
				   : network_fail(n, "bridge_interfaces", "names are expected");
	if (r >= 0)
		r = handle_interface(n, command, &iface);
	if (r < 0)
		return r;
	json_set(iface, "bridge_ports", cJSON_Duplicate(ports, true));
	add_params(iface, cJSON_GetObjectItemCaseSensitive(command, "params"));
	return bridge_stp(n, iface);
}

static void extend(cJSON *list, const cJSON *v)
{
	cJSON *more = json_listed(v);

	while (more && more->child)
		cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(more, more->child));
	cJSON_Delete(more);
}

static int handle_nameserver(struct interpreter *n, const cJSON *command)
{
	const cJSON *address = cJSON_GetObjectItemCaseSensitive(command, "address"),
		    *search = cJSON_GetObjectItemCaseSensitive(command, "search");
	const char *name = text_or_null(command, "interface");
	cJSON *dns = cJSON_GetObjectItemCaseSensitive(n->state, "dns");
	int r = require(n, command, "address");

	if (r < 0)
		return r;
	if (name) {
		dns = cJSON_CreateObject();
		cJSON_AddArrayToObject(dns, "nameservers");
		cJSON_AddArrayToObject(dns, "search");
		json_set(n->interface_dns, name, dns);
	}
	extend(cJSON_GetObjectItemCaseSensitive(dns, "nameservers"), address);
	extend(cJSON_GetObjectItemCaseSensitive(dns, "search"), search);
	return 0;
}

static int handle_route(struct interpreter *n, const cJSON *command)
{
	cJSON *route = NULL;
	int r = require(n, command, "destination");

	if (r >= 0)
		r = route_normalize(n, command, &route);
	if (r >= 0)
		cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(n->state, "routes"), route);
	return r;
}

int network_command(struct interpreter *n, const cJSON *command)
{
	static const struct {
		const char *type;
		int (*run)(struct interpreter *n, const cJSON *command);
	} rows[] = {
		{"bond", handle_bond},
		{"bridge", handle_bridge},
		{"infiniband", handle_physical},
		{"loopback", handle_physical},
		{"nameserver", handle_nameserver},
		{"physical", handle_physical},
		{"route", handle_route},
		{"vlan", handle_vlan},
	};
	const char *type = json_string_or(command, "type", "");

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (streq(rows[i].type, type)) {
			int r = rows[i].run(n, command);

			/* An entry that lacks a key is left out; the others count. */
			return r == -EBADMSG ? 0 : r;
		}
	return network_fail(n, type, "not a type of entry");
}

static int read_v1(struct interpreter *n, const cJSON *config)
{
	const cJSON *it;
	int r = 0;

	cJSON_ArrayForEach(it, config) if (r >= 0) r = network_command(n, it);
	cJSON_ArrayForEach(it, n->interface_dns)
	{
		cJSON *iface = cJSON_GetObjectItemCaseSensitive(n->interfaces, it->string);

		if (r < 0)
			break;
		if (!iface)
			return network_fail(n, it->string, "a name server for no interface");
		json_set(iface, "dns", cJSON_Duplicate(it, true));
	}
	return r;
}

static cJSON *new_state(void)
{
	cJSON *state = cJSON_CreateObject(), *dns;

	cJSON_AddObjectToObject(state, "interfaces");
	cJSON_AddArrayToObject(state, "routes");
	dns = cJSON_AddObjectToObject(state, "dns");
	cJSON_AddArrayToObject(dns, "nameservers");
	cJSON_AddArrayToObject(dns, "search");
	return state;
}

int network_state_of(const cJSON *config, struct diag *d, cJSON **ret)
{
	auto_json cJSON *state = new_state(), *interface_dns = cJSON_CreateObject();
	struct interpreter n = {.state = state, .interface_dns = interface_dns, .d = d};
	const cJSON *inner = cJSON_GetObjectItemCaseSensitive(config, "network"), *list;
	uint64_t version;
	int r;

	if (cJSON_IsObject(inner))
		config = inner;
	version = json_u64_or(config, "version", 0);
	list = cJSON_GetObjectItemCaseSensitive(config, "config");
	n.interfaces = cJSON_GetObjectItemCaseSensitive(state, "interfaces");
	if (!state || !interface_dns)
		return -ENOMEM;
	if (version == 1 && list)
		r = read_v1(&n, list);
	else if (version == 2)
		r = network_read_v2(&n, config);
	else
		r = network_fail(&n, "version", "neither 1 nor 2, or no config");
	if (r < 0)
		return r;
	cJSON_AddBoolToObject(state, "use_ipv6", n.use_ipv6);
	*ret = TAKE_PTR(state);
	return 0;
}
