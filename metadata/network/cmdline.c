// SPDX-License-Identifier: Apache-2.0
/* What the kernel line and the initramfs say: network-config=, and klibc's /run/net-NAME.conf. */
#include "metadata/network/state.h"

#include "metadata/userdata/userdata.h"

int network_from_cmdline(const char *line, struct diag *d, cJSON **ret)
{
	auto_strv char **words = NULL;
	auto_blob struct blob b = {0};
	const char *value = NULL;
	int r = strv_split(line, " \t\n", &words);

	if (r < 0)
		return r;
	STRV_FOREACH (w, words)
		if (str_after(*w, "network-config="))
			value = str_after(*w, "network-config=");
	if (!value)
		return -ENOENT;
	if (streq(value, "disabled")) {
		*ret = cJSON_CreateObject();
		return json_add_string(*ret, "config", "disabled");
	}
	r = base64_decode(value, strlen(value), &b);
	if (r >= 0 && is_gzip(b.data, b.size))
		r = gunzip(b.data, b.size, METADATA_DOCUMENT_MAX, &b);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, "network-config=", 0, "not base64 of a document");
	return yaml_parse(b.data, b.size, "network-config=", d, ret);
}

/* NAME='value' lines; no shell is asked. */
static cJSON *read_assignments(const char *text)
{
	auto_strv char **lines = NULL;
	cJSON *j = cJSON_CreateObject();

	if (strv_split(text, "\n", &lines) < 0)
		return j;
	STRV_FOREACH (l, lines) {
		char *line = str_strip(*l), *equals = strchr(line, '='), *value;
		size_t n;

		if (!equals || *line == '#')
			continue;
		*equals = '\0';
		value = equals + 1;
		n = strlen(value);
		if (n >= 2 && (*value == '\'' || *value == '"') && value[n - 1] == *value) {
			value[n - 1] = '\0';
			value++;
		}
		json_set(j, line, cJSON_CreateString(value));
	}
	return j;
}

static const char *of(const cJSON *data, const char *family, const char *key)
{
	auto_free char *name = str_printf("%s%s", family, key);

	return name ? json_string_or(data, name, NULL) : NULL;
}

static void add_dns(cJSON *subnet, const cJSON *data, const char *family)
{
	static const char *const keys[] = {"DNS0", "DNS1"};
	const char *search = json_string_or(data, "DOMAINSEARCH", "");
	auto_strv char **words = NULL;
	cJSON *dns = cJSON_CreateArray(), *list;

	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		const char *server = of(data, family, keys[i]);

		/* "0.0.0.0" and "::" are klibc's none. */
		if (server && server[strspn(server, ":.0")])
			cJSON_AddItemToArray(dns, cJSON_CreateString(server));
	}
	if (!dns->child) {
		cJSON_Delete(dns);
		return;
	}
	json_set(subnet, "dns_nameservers", dns);
	if (!*search || strv_split(search, strchr(search, ',') ? "," : " \t", &words) < 0)
		return;
	list = cJSON_CreateArray();
	STRV_FOREACH (w, words)
		cJSON_AddItemToArray(list, cJSON_CreateString(*w));
	json_set(subnet, "dns_search", list);
}

static void add_family(cJSON *subnets, const cJSON *data, const char *family, const char *proto)
{
	static const char *const keys[][2] = {
		{"NETMASK", "netmask"}, {"BROADCAST", "broadcast"}, {"GATEWAY", "gateway"}};
	const char *address = of(data, family, "ADDR"), *own = of(data, family, "PROTO");
	cJSON *s;

	if (!address)
		return;
	own = own ? own : proto;
	if (streq(own, "none"))
		own = "static";
	s = cJSON_CreateObject();
	json_add_string(s, "type", own);
	json_add_string(s, "control", "manual");
	if (streq(own, "static"))
		json_add_string(s, "address", address);
	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		json_add_string(s, keys[i][1], of(data, family, keys[i][0]));
	add_dns(s, data, family);
	cJSON_AddItemToArray(subnets, s);
}

int network_from_klibc(const char *text, const cJSON *macs, char **ret_name, cJSON **ret)
{
	auto_json cJSON *data = read_assignments(text);
	const char *name = json_string_or(data, "DEVICE", json_string_or(data, "DEVICE6", NULL)),
		   *proto = json_string_or(data, "PROTO", json_string_or(data, "IPV6PROTO", ""));
	cJSON *nic, *subnets;

	if (!name)
		return -EINVAL;
	if (!*proto)
		proto = *json_string_or(data, "filename", "") ? "dhcp" : "none";
	if (streq(proto, "static") || streq(proto, "off"))
		proto = "none";
	if (!streq(proto, "none") && !streq(proto, "dhcp") && !streq(proto, "dhcp6"))
		return -EINVAL;
	*ret_name = strdup(name);
	nic = cJSON_CreateObject();
	if (!nic || !*ret_name) {
		cJSON_Delete(nic);
		return -ENOMEM;
	}
	json_add_string(nic, "type", "physical");
	json_add_string(nic, "name", name);
	json_add_string(nic, "mac_address", json_string_or(macs, name, NULL));
	subnets = cJSON_AddArrayToObject(nic, "subnets");
	add_family(subnets, data, "IPV4", proto);
	add_family(subnets, data, "IPV6", proto);
	*ret = nic;
	return 0;
}
