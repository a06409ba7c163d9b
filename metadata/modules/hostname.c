// SPDX-License-Identifier: Apache-2.0
#include "metadata/modules/modules.h"

#include <ctype.h>

static bool name_is_valid(const char *s)
{
	size_t n = strlen(s);

	if (n < 1 || n > 253 || *s == '.' || *s == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char) s[i]) && s[i] != '-' && s[i] != '.')
			return false;
	return true;
}

/* The short and the full name: from the config, else from meta-data. Either may come out NULL. */
int context_names(const struct context *c, char **ret_host, char **ret_fqdn)
{
	auto_free char *host = NULL, *fqdn = NULL;
	const cJSON *meta = c->instance->meta_data;
	char *dot;

	fqdn = scalar_text(cJSON_GetObjectItemCaseSensitive(c->config, "fqdn"));
	host = scalar_text(cJSON_GetObjectItemCaseSensitive(c->config, "hostname"));
	if (!host && !fqdn) {
		host = scalar_text(cJSON_GetObjectItemCaseSensitive(meta, "local-hostname"));
		if (!host)
			host = scalar_text(cJSON_GetObjectItemCaseSensitive(meta, "hostname"));
	}
	/* A name with dots is a full name, wherever it stands. */
	if (!fqdn && host && strchr(host, '.'))
		fqdn = strdup(host);
	if (!host && fqdn)
		host = strdup(fqdn);
	dot = host ? strchr(host, '.') : NULL;
	if (dot)
		*dot = '\0';
	if ((host && !name_is_valid(host)) || (fqdn && !name_is_valid(fqdn)))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "hostname", 0,
		                "\"%s\" is not a host name", fqdn ? fqdn : host);
	if (ret_host)
		*ret_host = TAKE_PTR(host);
	if (ret_fqdn)
		*ret_fqdn = TAKE_PTR(fqdn);
	return 0;
}

int module_hostname(struct context *c)
{
	auto_free char *host = NULL, *fqdn = NULL, *path = NULL, *line = NULL, *old = NULL;
	const char *name;
	int r;

	if (json_bool_or(c->config, "preserve_hostname", false))
		return 0;
	r = context_names(c, &host, &fqdn);
	if (r < 0)
		return r;
	name = fqdn && json_bool_or(c->config, "prefer_fqdn_over_hostname", false) ? fqdn : host;
	if (!name)
		return 0;
	path = root_path(c, "etc/hostname");
	line = str_printf("%s\n", name);
	if (!path || !line)
		return -ENOMEM;
	if (json_bool_or(c->config, "create_hostname_file", true) &&
	    (file_read(path, &old, NULL) < 0 || !streq(old, line))) {
		r = file_write_atomic(path, line, strlen(line), 0644, false);
		if (r < 0)
			return r;
	}
	if (!*c->root && sethostname(name, strlen(name)) < 0)
		return -errno;
	return 0;
}

/* manage_etc_hosts: true, template, localhost: our own line for 127.0.1.1, other lines stay. */
int module_etc_hosts(struct context *c)
{
	auto_free char *host = NULL, *fqdn = NULL, *path = root_path(c, "etc/hosts"), *old = NULL,
		       *text = NULL;
	const cJSON *manage = cJSON_GetObjectItemCaseSensitive(c->config, "manage_etc_hosts");
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_strv char **lines = NULL;
	int r;

	if (!manage || cJSON_IsNull(manage) || cJSON_IsFalse(manage))
		return 0;
	r = context_names(c, &host, &fqdn);
	if (r < 0 || !host)
		return r;
	if (!path)
		return -ENOMEM;
	r = file_read(path, &old, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	r = strv_split(old ? old
	                   : "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
	               "\n", &lines);
	if (r < 0)
		return r;
	if (fqdn && !streq(fqdn, host))
		strbuf_printf(&b, "127.0.1.1 %s %s\n", fqdn, host);
	else
		strbuf_printf(&b, "127.0.1.1 %s\n", host);
	STRV_FOREACH (l, lines)
		if (!str_after(*l, "127.0.1.1"))
			strbuf_printf(&b, "%s\n", *l);
	r = strbuf_take(&b, &text);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, false);
}
