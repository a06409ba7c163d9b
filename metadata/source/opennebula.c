// SPDX-License-Identifier: Apache-2.0
/*
 * OpenNebula's context.sh is a shell script of assignments, and nothing here runs it: what is not an
 * assignment, or has something in it that a shell would expand, is left out with a finding.
 */
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <ctype.h>
#include <stdio.h>

#define NICS_MAX 64

struct reader {
	const char *p, *end;
	unsigned line;
	struct strbuf value;
	bool is_odd; /* something that a shell would expand */
};

/* ---- shell words ---- */

static char next(struct reader *r)
{
	if (r->p >= r->end)
		return '\0';
	r->line += *r->p == '\n';
	return *r->p++;
}

static void read_single(struct reader *r)
{
	char c;

	while (r->p < r->end && (c = next(r)) != '\'')
		strbuf_add(&r->value, &c, 1);
}

static void read_double(struct reader *r)
{
	char c;

	while (r->p < r->end && (c = next(r)) != '"') {
		if (c == '\\' && r->p < r->end && strchr("$`\"\\\n", *r->p)) {
			c = next(r);
			if (c == '\n')
				continue;
		} else if (c == '$' || c == '`') {
			r->is_odd = true;
		}
		strbuf_add(&r->value, &c, 1);
	}
}

/* $'...': the escapes that a C string has. */
static void read_ansi(struct reader *r)
{
	static const char from[] = "nrtabefv", to[] = "\n\r\t\a\b\033\f\v";
	char c;

	while (r->p < r->end && (c = next(r)) != '\'') {
		const char *e;

		if (c == '\\' && r->p < r->end) {
			c = next(r);
			e = c ? strchr(from, c) : NULL;
			if (e)
				c = to[e - from];
			else if (isdigit((unsigned char) c) || c == 'x' || c == 'u' || c == 'c')
				r->is_odd = true;
		}
		strbuf_add(&r->value, &c, 1);
	}
}

/* Up to a blank, the line's end or a semicolon outside of quotes. */
static void read_word(struct reader *r)
{
	while (r->p < r->end && !strchr(" \t\n;", *r->p)) {
		char c = next(r);

		if (c == '\'') {
			read_single(r);
		} else if (c == '"') {
			read_double(r);
		} else if (c == '$' && r->p < r->end && *r->p == '\'') {
			next(r);
			read_ansi(r);
		} else if (c == '\\' && r->p < r->end) {
			c = next(r);
			strbuf_add(&r->value, &c, 1);
		} else {
			r->is_odd |= strchr("$`()<>|&*?[{~", c) != NULL;
			strbuf_add(&r->value, &c, 1);
		}
	}
}

static size_t name_size(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && (isalpha((unsigned char) p[n]) || p[n] == '_' ||
	                       (n && isdigit((unsigned char) p[n]))))
		n++;
	return n;
}

static void skip_line(struct reader *r)
{
	while (r->p < r->end && next(r) != '\n')
		;
}

static int read_assignment(struct reader *r, struct diag *d, cJSON *to)
{
	const char *exported = str_after(r->p, "export ");
	unsigned line = r->line;
	size_t n;
	auto_free char *name = NULL, *value = NULL;
	int k;

	if (exported && exported <= r->end)
		r->p = exported;
	n = name_size(r->p, r->end);
	if (!n || r->p + n >= r->end || r->p[n] != '=') {
		diag_add(d, -EBADMSG, DIAG_WARNING, "context.sh", line, "not an assignment");
		skip_line(r);
		return 0;
	}
	name = strndup(r->p, n);
	r->p += n + 1;
	r->is_odd = false;
	read_word(r);
	strbuf_puts(&r->value, "");
	k = strbuf_take(&r->value, &value);
	if (k < 0 || !name)
		return -ENOMEM;
	if (r->is_odd) {
		diag_add(d, -EBADMSG, DIAG_WARNING, "context.sh", line,
		         "%s: a shell would expand it, left out", name);
		return 0;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(to, name);
	return json_add_string(to, name, value);
}

int opennebula_context_parse(const char *text, size_t size, struct diag *d, cJSON **ret)
{
	struct reader r = {.p = text, .end = text + strnlen(text, size), .line = 1};
	auto_json cJSON *out = cJSON_CreateObject();
	int k = out ? 0 : -ENOMEM;

	while (k >= 0 && r.p < r.end) {
		if (strchr(" \t\n\r;", *r.p))
			next(&r);
		else if (*r.p == '#')
			skip_line(&r);
		else
			k = read_assignment(&r, d, out);
	}
	strbuf_done(&r.value);
	if (k < 0)
		return k;
	*ret = TAKE_PTR(out);
	return 0;
}

/* ---- what the variables mean ---- */

static const char *first_of(const cJSON *v, const char *const *names)
{
	for (; *names; names++) {
		const char *s = json_string_or(v, *names, NULL);

		if (!str_is_empty(s))
			return s;
	}
	return NULL;
}

static const char *eth(const cJSON *v, unsigned n, const char *what)
{
	char name[48];

	snprintf(name, sizeof(name), "ETH%u_%s", n, what);
	name[sizeof(name) - 1] = '\0';
	return json_string_or(v, name, NULL);
}

static void add_address(cJSON *list, const char *address, const char *mask, int fallback)
{
	int prefix = -1;
	auto_free char *text = NULL;

	if (str_is_empty(address))
		return;
	if (mask)
		prefix = strchr(address, ':') ? ipv6_mask_to_prefix(mask)
		                              : ipv4_mask_to_prefix(mask);
	text = str_printf("%s/%d", address, prefix >= 0 ? prefix : fallback);
	json_append_take(list, cJSON_CreateString(text ? text : ""));
}

static void add_dns(cJSON *e, const cJSON *v, unsigned n)
{
	const char *servers = eth(v, n, "DNS"), *all = json_string_or(v, "DNS", NULL),
		   *search = eth(v, n, "SEARCH_DOMAIN");
	auto_strv char **a = NULL, **s = NULL;
	cJSON *dns;

	if (!str_is_empty(all))
		(void) strv_split(all, " ", &a);
	if (!str_is_empty(servers)) {
		auto_strv char **own = NULL;

		(void) strv_split(servers, " ", &own);
		(void) strv_extend(&a, own);
	}
	if (!str_is_empty(search))
		(void) strv_split(search, " ", &s);
	if (!a && !s)
		return;
	dns = cJSON_AddObjectToObject(e, "nameservers");
	json_add_strv(dns, "addresses", a);
	json_add_strv(dns, "search", s);
}

static const char *nic_name(const struct source_context *c, const char *mac)
{
	for (size_t i = 0; i < c->n_nics; i++)
		if (!strcasecmp(c->nics[i].mac, mac))
			return c->nics[i].name;
	return NULL;
}

static void add_interface(const struct source_context *c, const cJSON *v, unsigned n,
                          cJSON *ethernets)
{
	const char *mac = eth(v, n, "MAC"), *name = nic_name(c, mac), *mtu = eth(v, n, "MTU"),
		   *gateway = eth(v, n, "GATEWAY"), *gateway6 = eth(v, n, "GATEWAY6"),
		   *prefix6 = eth(v, n, "IP6_PREFIX_LENGTH");
	auto_free char *own_name = name ? strdup(name) : str_printf("eth%u", n);
	cJSON *e = cJSON_AddObjectToObject(ethernets, own_name ? own_name : ""), *addresses;
	uint32_t number;

	json_add_string(cJSON_AddObjectToObject(e, "match"), "macaddress", mac);
	addresses = cJSON_AddArrayToObject(e, "addresses");
	add_address(addresses, eth(v, n, "IP"), eth(v, n, "MASK"), 24);
	add_address(addresses, eth(v, n, "IP6"), prefix6, 64);
	add_address(addresses, eth(v, n, "IP6_ULA"), prefix6, 64);
	if (!str_is_empty(gateway))
		json_add_string(e, "gateway4", gateway);
	if (!str_is_empty(gateway6))
		json_add_string(e, "gateway6", gateway6);
	if (mtu && str_to_u32(mtu, &number) >= 0)
		json_add_u64(e, "mtu", number);
	add_dns(e, v, n);
}

static void take_network(const struct source_context *c, struct instance *i, const cJSON *v)
{
	cJSON *ethernets = NULL;

	for (unsigned n = 0; n < NICS_MAX; n++) {
		if (str_is_empty(eth(v, n, "MAC")))
			continue;
		if (!ethernets) {
			i->network = cJSON_CreateObject();
			json_add_u64(i->network, "version", 2);
			ethernets = cJSON_AddObjectToObject(i->network, "ethernets");
		}
		add_interface(c, v, n, ethernets);
	}
}

static int take_user_data(struct instance *i, const cJSON *v)
{
	const char *text = first_of(v, (const char *const[]){"USER_DATA", "USERDATA", NULL}),
		   *encoding = first_of(v, (const char *const[]){"USER_DATA_ENCODING",
	                                                         "USERDATA_ENCODING", NULL});
	int r = text ? blob_set(&i->user_data, text, strlen(text)) : 0;

	return r >= 0 && encoding && streq(encoding, "base64") ? blob_maybe_base64(&i->user_data)
	                                                       : r;
}

int source_opennebula_media(const struct source_context *c, struct instance **ret)
{
	static const char *const hosts[] = {"SET_HOSTNAME", "HOSTNAME", "PUBLIC_IP",
	                                    "IP_PUBLIC",    "ETH0_IP",  NULL},
				 *const keys[] = {"SSH_KEY", "SSH_PUBLIC_KEY", NULL};
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_blob struct blob b = {0};
	cJSON *v = NULL;
	int r = tree_read(c->media, "context.sh", METADATA_DOCUMENT_MAX, &b);

	if (r >= 0)
		r = instance_new("OpenNebula", c->origin, &i);
	if (r >= 0)
		r = str_set(&i->platform, "opennebula");
	if (r >= 0)
		r = opennebula_context_parse(b.data ? b.data : "", b.size, c->d, &v);
	if (r < 0)
		return r;
	cJSON_Delete(i->meta_data);
	i->meta_data = v;
	if (first_of(v, hosts))
		json_add_string(v, "local-hostname", first_of(v, hosts));
	if (first_of(v, keys))
		json_add_string(v, "public-keys", first_of(v, keys));
	json_add_string(v, "instance-id", "iid-dsopennebula");
	take_network(c, i, v);
	r = take_user_data(i, v);
	if (r >= 0)
		r = str_set(&i->dsmode, json_string_or(v, "DSMODE", "net"));
	if (r >= 0)
		r = instance_take_id(i, c->d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}
