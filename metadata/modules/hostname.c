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

/* The image's own template, for "true"; -ENOENT: it has none. */
static int hosts_of_template(const struct context *c, const char *host, const char *fqdn,
                             char **ret)
{
	auto_blob struct blob b = {0};
	auto_free char *path = root_path(c, "etc/cloud/templates/hosts.debian.tmpl"), *text = NULL;
	auto_json cJSON *names = cJSON_CreateObject();
	const char *body;
	int r = path && names ? file_read(path, &text, NULL) : -ENOMEM;

	if (r < 0)
		return r;
	json_add_string(names, "hostname", host);
	json_add_string(names, "fqdn", fqdn);
	/* Its first line names the language. */
	body = strchr(text, '\n');
	if (!str_after(text, "## template:") || !body)
		return -ENOENT;
	r = jinja_render(body + 1, strlen(body + 1), names, "etc/cloud/templates/hosts.debian.tmpl",
	                 c->d, &b);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b.data);
	return *ret ? 0 : -ENOENT;
}

/* Our own line for 127.0.1.1; other lines stay. */
static int hosts_edited(const char *path, const char *host, const char *fqdn, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_strv char **lines = NULL;
	auto_free char *old = NULL;
	int r = file_read(path, &old, NULL);

	if (r < 0 && r != -ENOENT)
		return r;
	r = strv_split(old ? old
	                   : "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
	               "\n", &lines);
	if (r < 0)
		return r;
	if (!streq(fqdn, host))
		strbuf_printf(&b, "127.0.1.1 %s %s\n", fqdn, host);
	else
		strbuf_printf(&b, "127.0.1.1 %s\n", host);
	STRV_FOREACH (l, lines)
		if (!str_after(*l, "127.0.1.1"))
			strbuf_printf(&b, "%s\n", *l);
	return strbuf_take(&b, ret);
}

/* manage_etc_hosts: true, "template", "localhost". */
int module_etc_hosts(struct context *c)
{
	auto_free char *host = NULL, *fqdn = NULL, *path = root_path(c, "etc/hosts"), *text = NULL;
	const cJSON *manage = cJSON_GetObjectItemCaseSensitive(c->config, "manage_etc_hosts");
	bool is_local = cJSON_IsString(manage) && streq(manage->valuestring, "localhost");
	int r;

	if (!manage || cJSON_IsNull(manage) || cJSON_IsFalse(manage) ||
	    (cJSON_IsString(manage) && str_to_bool(manage->valuestring) == 0))
		return 0;
	r = context_names(c, &host, &fqdn);
	if (r < 0 || !host)
		return r;
	if (!path)
		return -ENOMEM;
	r = is_local ? -ENOENT : hosts_of_template(c, host, fqdn ? fqdn : host, &text);
	if (r < 0 && r != -ENOMEM)
		r = hosts_edited(path, host, fqdn ? fqdn : host, &text);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, false);
}
