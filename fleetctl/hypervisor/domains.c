// SPDX-License-Identifier: Apache-2.0
#include "hypervisor/domains.h"

#include "base/str.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/*
 * libvirt writes its XML itself: well-formed, without comments or CDATA, text escaped. So a walk
 * from tag to tag is enough, and nothing that a domain's owner can put into a name or a description
 * looks like a tag.
 */
struct tag {
	const char *name;
	size_t name_size;
	const char *attributes, *end; /* end: its '>' */
	bool closing;
};

/* The next tag at or behind @at; 1, 0 at the end, -EBADMSG when it is cut off. */
static int tag_next(const char *at, struct tag *ret)
{
	const char *open = strchr(at, '<'), *p;
	char quote = 0;

	if (!open)
		return 0;
	for (p = open + 1; *p && (quote || *p != '>'); p++) {
		if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '\'' || *p == '"')
			quote = *p;
	}
	if (!*p)
		return -EBADMSG;
	ret->closing = open[1] == '/';
	ret->name = open + 1 + ret->closing;
	ret->name_size = strcspn(ret->name, " \t\r\n/>");
	ret->attributes = ret->name + ret->name_size;
	ret->end = p;
	return 1;
}

static bool tag_is(const struct tag *t, const char *name)
{
	return t->name_size == strlen(name) && !strncmp(t->name, name, t->name_size);
}

static char *unescape(const char *s, size_t size)
{
	static const struct {
		const char *entity;
		char c;
	} entities[] = {
		{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
	char *out = malloc(size + 1), *to = out;

	for (const char *end = s + size; out && s < end;) {
		size_t i;

		for (i = 0; i < ELEMENTSOF(entities); i++)
			if (!strncmp(s, entities[i].entity, strlen(entities[i].entity)))
				break;
		if (i < ELEMENTSOF(entities)) {
			*to++ = entities[i].c;
			s += strlen(entities[i].entity);
		} else {
			*to++ = *s++;
		}
	}
	if (out)
		*to = 0;
	return out;
}

/* NULL when it has none (or on ENOMEM: then the channel is not found this time). */
static char *tag_attribute(const struct tag *t, const char *name)
{
	const char *p = t->attributes;

	while (p < t->end) {
		const char *key, *value, *close;
		size_t key_size;

		p += strspn(p, " \t\r\n/");
		key = p;
		key_size = strcspn(p, "=>");
		p += key_size;
		if (p >= t->end || *p != '=' || (p[1] != '\'' && p[1] != '"'))
			return NULL;
		value = p + 2;
		close = memchr(value, p[1], (size_t) (t->end - value));
		if (!close)
			return NULL;
		if (key_size == strlen(name) && !strncmp(key, name, key_size))
			return unescape(value, (size_t) (close - value));
		p = close + 1;
	}
	return NULL;
}

/* One <channel>: walks to its end, which *at is set behind. 1 when it is the one, 0 when not. */
static int channel_walk(const char **at, const char *name, char **ret)
{
	auto_free char *path = NULL;
	bool found = false;
	struct tag t;
	int r;

	while ((r = tag_next(*at, &t)) > 0) {
		*at = t.end + 1;
		if (t.closing && tag_is(&t, "channel"))
			break;
		if (tag_is(&t, "source") && !path)
			path = tag_attribute(&t, "path");
		if (tag_is(&t, "target")) {
			auto_free char *target = tag_attribute(&t, "name");

			found |= target && streq(target, name);
		}
	}
	if (r <= 0)
		return -EBADMSG;
	if (!found || !path)
		return 0;
	*ret = TAKE_PTR(path);
	return 1;
}

int domain_channel_path(const char *xml, const char *name, char **ret)
{
	const char *at = xml;
	struct tag t;
	int r;

	while ((r = tag_next(at, &t)) > 0) {
		auto_free char *type = NULL;

		at = t.end + 1;
		if (t.closing || !tag_is(&t, "channel") || t.end[-1] == '/')
			continue;
		type = tag_attribute(&t, "type");
		if (!type || !streq(type, "unix"))
			continue;
		r = channel_walk(&at, name, ret);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return r < 0 ? r : -ENOENT;
}

bool domain_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > DOMAIN_NAME_MAX || name[0] == '.')
		return false;
	for (const char *c = name; *c; c++)
		if ((unsigned char) *c <= 0x20 || *c == 0x7f || *c == '/')
			return false;
	return true;
}

static int domain_read(virDomainPtr p, struct domain *ret)
{
	const char *name = virDomainGetName(p);
	auto_free char *xml = NULL;
	int r;

	if (!name || !domain_name_is_valid(name))
		return -ENOENT;
	memcpy(ret->name, name, strlen(name) + 1);
	ret->active = virDomainIsActive(p) == 1;
	if (!ret->active)
		return 0;
	xml = virDomainGetXMLDesc(p, 0);
	if (!xml || strlen(xml) > DOMAIN_XML_MAX)
		return 0; /* it went away between the list and now */
	r = domain_channel_path(xml, DOMAIN_CHANNEL_NAME, &ret->channel);
	return r == -ENOMEM ? r : 0;
}

static void quiet(void *userdata, virErrorPtr error)
{
	(void) userdata;
	(void) error;
}

static int failed(struct diag *d, int error, const char *what)
{
	virErrorPtr e = virGetLastError();

	return diag_add(d, error, DIAG_ERROR, NULL, 0, "%s: %s", what,
	                e && e->message ? e->message : "unknown reason");
}

int domains_list(const char *uri, struct diag *d, struct domain **ret, size_t *ret_n)
{
	struct domain *domains = NULL;
	virDomainPtr *list = NULL;
	virConnectPtr c;
	size_t used = 0;
	int n, r = 0;

	virSetErrorFunc(NULL, quiet);
	c = virConnectOpenReadOnly(uri);
	if (!c)
		return failed(d, -ENOTCONN, "Cannot connect to libvirt");
	n = virConnectListAllDomains(c, &list, 0);
	if (n < 0)
		r = failed(d, -EIO, "Cannot list the domains");
	domains = n >= 0 ? calloc((size_t) n + 1, sizeof(*domains)) : NULL;
	if (n >= 0 && !domains)
		r = -ENOMEM;
	for (int i = 0; i < n; i++) {
		if (r >= 0 && used < DOMAINS_MAX && domain_read(list[i], &domains[used]) >= 0)
			used++;
		virDomainFree(list[i]);
	}
	free(list);
	virConnectClose(c);
	if (r < 0) {
		domains_free(domains, used);
		return r;
	}
	*ret = domains;
	*ret_n = used;
	return 0;
}

void domains_free(struct domain *domains, size_t n)
{
	for (size_t i = 0; domains && i < n; i++)
		free(domains[i].channel);
	free(domains);
}
