// SPDX-License-Identifier: Apache-2.0
/* Name servers and search domains: resolv.conf, or resolved's configuration where resolv.conf is its. */
#include "metadata/network/apply.h"

#include <stdio.h>

#define RESOLVED_FILE "run/systemd/resolved.conf.d/50-sysmaster-metadata.conf"

static int collect(const cJSON *list, const char *key, char ***ret)
{
	const cJSON *it;
	int r = 0;

	cJSON_ArrayForEach(it, list)
	{
		const char *text = json_string_or(it, key, "");

		/* What goes into a file of lines and words is one word. */
		if (r >= 0 && *text && !strpbrk(text, " \t\r\n"))
			r = strv_append_unique(ret, text);
	}
	return r;
}

static bool is_resolved(const char *path)
{
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return strstr(target, "systemd/resolve/") != NULL;
}

/* What else stands in the file stays: options, sortlist, comments. */
static int resolv_conf_text(const char *path, char *const *servers, const char *search, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_free char *old = NULL;
	auto_strv char **lines = NULL;
	int r = file_read(path, &old, NULL);

	if (r >= 0)
		r = strv_split(old, "\n", &lines);
	if (r < 0 && r != -ENOENT)
		return r;
	STRV_FOREACH (l, lines)
		if (!str_after(*l, "nameserver") && !(*search && str_after(*l, "search")) &&
		    !(*search && str_after(*l, "domain")))
			strbuf_printf(&b, "%s\n", *l);
	STRV_FOREACH (s, servers)
		strbuf_printf(&b, "nameserver %s\n", *s);
	if (*search)
		strbuf_printf(&b, "search %s\n", search);
	return strbuf_take(&b, ret);
}

int network_dns_write(const char *root, char *const *servers, char *const *domains)
{
	const char *top = *root ? root : "/";
	auto_free char *path = path_join(top, "etc/resolv.conf"), *search = strv_join(domains, " "),
		       *addresses = strv_join(servers, " "), *text = NULL;
	int r;

	if (!path || !search || !addresses)
		return -ENOMEM;
	if (is_resolved(path)) {
		auto_free char *file = path_join(top, RESOLVED_FILE);

		text = str_printf("[Resolve]\n%s%s\n%s%s\n", *addresses ? "DNS=" : "", addresses,
		                  *search ? "Domains=" : "", search);
		if (!file || !text)
			return -ENOMEM;
		r = mkdir_parents(file, 0755);
		return r < 0 ? r : file_write_atomic(file, text, strlen(text), 0644, false);
	}
	r = resolv_conf_text(path, servers, search, &text);
	if (r >= 0)
		r = mkdir_parents(path, 0755);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, false);
}

int apply_dns(struct applier *a)
{
	auto_strv char **servers = NULL, **domains = NULL;
	int r = collect(a->plan->dns_servers, "server", &servers);

	if (r >= 0)
		r = collect(a->plan->dns_search, "domain", &domains);
	if (r >= 0 && (servers || domains))
		r = network_dns_write(a->options->root, servers, domains);
	return r < 0 ? applier_fail(a, r, "resolv.conf", "write") : 0;
}
