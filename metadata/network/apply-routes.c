// SPDX-License-Identifier: Apache-2.0
/* Addresses, routes, rules. */
#include "metadata/network/apply.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

struct prefix {
	int family, length;
	int size; /* of bytes */
	uint8_t bytes[16];
};

/* "10.0.0.1/24", "::1"; without a length it is the whole address. */
static int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	auto_free char *address = strndup(text, slash ? (size_t) (slash - text) : strlen(text));
	struct prefix p = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	uint32_t length;

	if (!address)
		return -ENOMEM;
	if (inet_pton(p.family, address, p.bytes) != 1)
		return -EINVAL;
	p.size = p.family == AF_INET6 ? 16 : 4;
	p.length = p.size * 8;
	if (slash) {
		if (str_to_u32(slash + 1, &length) < 0 || length > (uint32_t) p.length)
			return -EINVAL;
		p.length = (int) length;
	}
	*ret = p;
	return 0;
}

static int number(const cJSON *v, uint32_t *ret)
{
	if (cJSON_IsString(v))
		return str_to_u32(v->valuestring, ret);
	if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t) v->valuedouble;
	return 0;
}

/* ---- addresses ---- */

static int add_address(struct applier *a, const struct link *l, const char *text)
{
	struct ifaddrmsg h = {.ifa_index = (unsigned) l->index};
	struct prefix p;
	struct nl_msg *m;
	uint32_t broadcast;
	int r = prefix_parse(text, &p);

	if (r < 0)
		return r;
	h.ifa_family = (uint8_t) p.family;
	h.ifa_prefixlen = (uint8_t) p.length;
	m = netlink_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h));
	if (!m)
		return -ENOMEM;
	r = nla_put(m, IFA_LOCAL, p.size, p.bytes);
	if (r >= 0)
		r = nla_put(m, IFA_ADDRESS, p.size, p.bytes);
	/* A network of one or two has no broadcast (RFC 3021). */
	if (r >= 0 && p.family == AF_INET && p.length < 31) {
		memcpy(&broadcast, p.bytes, 4);
		broadcast |= htonl(p.length ? ~(~0U << (32 - p.length)) : ~0U);
		r = nla_put_u32(m, IFA_BROADCAST, broadcast);
	}
	return netlink_call_built(a->nl, m, r);
}

int apply_addresses(struct applier *a)
{
	const cJSON *it, *name;

	cJSON_ArrayForEach(it, a->plan->addresses)
	{
		cJSON_ArrayForEach(name, applier_names(a, json_string_or(it, "dev", "")))
		{
			const char *text = json_string_or(it, "address", "");
			const struct link *l = links_find(&a->links, name->valuestring);
			int r = l ? add_address(a, l, text) : 0;

			if (r < 0)
				applier_fail(a, r, name->valuestring, text);
		}
	}
	return 0;
}

/* ---- routes ---- */

/* A gateway that no address of its interface reaches is beside it nevertheless: hosters do that. Where a
 * lease may bring the address, and for link-local ones, nothing is assumed. */
static bool is_beside(const struct applier *a, const char *dev, const char *via)
{
	const cJSON *it;
	bool has_address = false;

	if (!dev || !strncasecmp(via, "fe80:", 5))
		return false;
	cJSON_ArrayForEach(
		it, a->plan->dhcp) if (streq(json_string_or(it, "dev", ""), dev)) return false;
	cJSON_ArrayForEach(it, a->plan->addresses)
	{
		const char *address = json_string_or(it, "address", "");

		if (!streq(json_string_or(it, "dev", ""), dev) ||
		    !strchr(address, ':') != !strchr(via, ':'))
			continue;
		has_address = true;
		if (ip_in_subnet(via, address) > 0)
			return false;
	}
	return has_address;
}

static int route_type(const cJSON *also, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t type;
	} types[] = {{"unicast", RTN_UNICAST},
	             {"blackhole", RTN_BLACKHOLE},
	             {"unreachable", RTN_UNREACHABLE},
	             {"prohibit", RTN_PROHIBIT},
	             {"local", RTN_LOCAL},
	             {"throw", RTN_THROW}};
	const char *name = json_string_or(also, "type", "unicast");

	for (size_t i = 0; i < ELEMENTSOF(types); i++)
		if (streq(types[i].name, name)) {
			*ret = types[i].type;
			return 0;
		}
	return -EINVAL;
}

static int put_number(struct nl_msg *m, int attribute, const cJSON *v)
{
	uint32_t n;
	int r = v ? number(v, &n) : 0;

	return v && r >= 0 ? nla_put_u32(m, attribute, n) : r;
}

static int put_mtu(struct nl_msg *m, const cJSON *v)
{
	struct nlattr *nest = v ? nla_nest_start(m, RTA_METRICS) : NULL;
	int r = nest ? put_number(m, RTAX_MTU, v) : 0;

	if (nest && r >= 0)
		nla_nest_end(m, nest);
	return r;
}

static int put_address(struct nl_msg *m, int attribute, const char *text, int family)
{
	struct prefix p;
	int r = text ? prefix_parse(text, &p) : 0;

	if (!text || r < 0)
		return r;
	return p.family == family ? nla_put(m, attribute, p.size, p.bytes) : -EINVAL;
}

static int put_route(const struct applier *a, struct nl_msg *m, const cJSON *route,
                     const struct link *l, const struct prefix *to)
{
	const cJSON *also = get(route, "also");
	int r = to->length ? nla_put(m, RTA_DST, to->size, to->bytes) : 0;

	(void) a;
	if (r >= 0)
		r = put_address(m, RTA_GATEWAY, json_string_or(route, "via", NULL), to->family);
	if (r >= 0 && l)
		r = nla_put_u32(m, RTA_OIF, (uint32_t) l->index);
	if (r >= 0)
		r = put_number(m, RTA_PRIORITY, get(route, "metric"));
	if (r >= 0)
		r = put_number(m, RTA_TABLE, get(route, "table"));
	if (r >= 0)
		r = put_mtu(m, get(route, "mtu"));
	if (r >= 0)
		r = put_address(m, RTA_PREFSRC, json_string_or(also, "from", NULL), to->family);
	return r;
}

static int add_route(struct applier *a, const cJSON *route, const char *dev, const struct link *l)
{
	const char *via = json_string_or(route, "via", NULL),
		   *dst = json_string_or(route, "dst", "");
	const cJSON *also = get(route, "also");
	struct rtmsg h = {.rtm_protocol = RTPROT_STATIC, .rtm_table = RT_TABLE_MAIN};
	struct prefix to;
	struct nl_msg *m;
	int r = streq(dst, "default")    ? prefix_parse("0.0.0.0/0", &to)
	        : streq(dst, "default6") ? prefix_parse("::/0", &to)
	                                 : prefix_parse(dst, &to);

	if (r >= 0)
		r = route_type(also, &h.rtm_type);
	if (r < 0)
		return r;
	h.rtm_family = (uint8_t) to.family;
	h.rtm_dst_len = (uint8_t) to.length;
	h.rtm_scope = via || to.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (json_bool_or(also, "on-link", false) || (via && is_beside(a, dev, via)))
		h.rtm_flags |= RTNH_F_ONLINK;
	if (get(route, "table"))
		h.rtm_table = RT_TABLE_UNSPEC; /* the attribute has it */
	m = netlink_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h));
	if (!m)
		return -ENOMEM;
	r = put_route(a, m, route, l, &to);
	if (r < 0) {
		nlmsg_free(m);
		return r;
	}
	return netlink_call(a->nl, m);
}

/* Routes within reach before those over them. */
int apply_routes(struct applier *a)
{
	const cJSON *it, *name;

	for (int has_gateway = 0; has_gateway < 2; has_gateway++)
		cJSON_ArrayForEach(it, a->plan->routes)
		{
			const char *dev = json_string_or(it, "dev", NULL),
				   *dst = json_string_or(it, "dst", "?");
			int r;

			if (!!get(it, "via") != has_gateway)
				continue;
			if (!dev) {
				r = add_route(a, it, NULL, NULL);
				if (r < 0)
					applier_fail(a, r, dst, "route");
				continue;
			}
			cJSON_ArrayForEach(name, applier_names(a, dev))
			{
				const struct link *l = links_find(&a->links, name->valuestring);

				r = l ? add_route(a, it, dev, l) : 0;
				if (r < 0)
					applier_fail(a, r, name->valuestring, dst);
			}
		}
	return 0;
}

/* ---- rules ---- */

static int add_rule(struct applier *a, const cJSON *rule)
{
	const char *from = json_string_or(rule, "from", NULL),
		   *to = json_string_or(rule, "to", NULL);
	struct fib_rule_hdr h = {.family = AF_INET, .action = FR_ACT_TO_TBL};
	struct prefix source, destination;
	uint32_t n;
	struct nl_msg *m;
	int r = from ? prefix_parse(from, &source) : 0;

	if (r >= 0 && to)
		r = prefix_parse(to, &destination);
	if (r >= 0 && get(rule, "type-of-service") && number(get(rule, "type-of-service"), &n) >= 0)
		h.tos = (uint8_t) n;
	if (r < 0)
		return r;
	if (from || to)
		h.family = (uint8_t) (from ? source.family : destination.family);
	h.src_len = from ? (uint8_t) source.length : 0;
	h.dst_len = to ? (uint8_t) destination.length : 0;
	m = netlink_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof(h));
	if (!m)
		return -ENOMEM;
	r = from ? nla_put(m, FRA_SRC, source.size, source.bytes) : 0;
	if (r >= 0 && to)
		r = nla_put(m, FRA_DST, destination.size, destination.bytes);
	if (r >= 0)
		r = put_number(m, FRA_TABLE, get(rule, "table"));
	if (r >= 0)
		r = put_number(m, FRA_PRIORITY, get(rule, "priority"));
	if (r >= 0)
		r = put_number(m, FRA_FWMARK, get(rule, "mark"));
	r = netlink_call_built(a->nl, m, r);
	return r == -EEXIST ? 0 : r;
}

int apply_rules(struct applier *a)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, a->plan->rules)
	{
		int r = add_rule(a, it);

		if (r < 0)
			applier_fail(a, r, json_string_or(it, "dev", "?"), "routing-policy");
	}
	return 0;
}
