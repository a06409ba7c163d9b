// SPDX-License-Identifier: Apache-2.0
/* ntp, ca_certs, rsyslog, wireguard: configuration of services that the image has. */
#include "metadata/modules/modules.h"

#include <stdio.h>

#define PROGRAM_TIMEOUT (120 * USEC_PER_SEC)
#define CA_MAX          1024

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* ---- ntp ---- */

struct ntp_client {
	const char *name, *program, *file, *unit;
	/* Lines of one server and of one pool; the first part of the file. */
	const char *head, *server, *pool;
};
/* clang-format off */
static const struct ntp_client ntp_clients[] = {
	{ "chrony", "chronyd", "/etc/chrony/sources.d/50-metadata.sources", "chrony", "", "server %s iburst\n", "pool %s iburst\n" },
	{ "ntpsec", "ntpd", "/etc/ntpsec/ntp.conf", "ntpsec",
	  "driftfile /var/lib/ntpsec/ntp.drift\nrestrict default kod nomodify nopeer noquery limited\nrestrict 127.0.0.1\nrestrict ::1\n",
	  "server %s iburst\n", "pool %s iburst\n" },
	{ "openntpd", "openntpd", "/etc/openntpd/ntpd.conf", "openntpd", "", "server %s\n", "servers %s\n" },
	/* The one that needs no program but its own comes last: it is on nearly every image. */
	{ "systemd-timesyncd", "systemd-timesyncd", "/etc/systemd/timesyncd.conf.d/cloud-init.conf", "systemd-timesyncd",
	  "[Time]\n", NULL, NULL },
};
/* clang-format on */

static bool is_installed(const struct context *c, const struct ntp_client *k)
{
	auto_free char *path = root_path(c, "usr/lib/systemd/systemd-timesyncd");

	return streq(k->program, "systemd-timesyncd") ? path && access(path, F_OK) >= 0
	                                              : module_has_program(c, k->program);
}

static const struct ntp_client *ntp_client_of(const struct context *c, const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(ntp_clients); i++) {
		const struct ntp_client *k = &ntp_clients[i];

		if (streq(name, "auto") ? is_installed(c, k) : streq(name, k->name))
			return k;
	}
	return NULL;
}

static int server_names(struct context *c, const cJSON *ntp, const char *key, char ***ret)
{
	int r = json_get_strv(ntp, key, ret);

	STRV_FOREACH (s, *ret)
		if (strpbrk(*s, " \t\r\n\"#;"))
			r = -EINVAL;
	return r == -ENOENT ? 0
	       : r < 0 ? diag_add(c->d, r, DIAG_ERROR, "ntp", 0, "\"%s\" is no list of names", key)
	               : 0;
}

static int ntp_text(const struct ntp_client *k, char *const *servers, char *const *pools,
                    char **ret)
{
	auto_strbuf struct strbuf b = {0};
	auto_free char *list = strv_join(servers, " "), *more = strv_join(pools, " ");

	strbuf_puts(&b, k->head);
	if (!k->server)
		strbuf_printf(&b, "NTP=%s%s%s\n", list ? list : "",
		              list && *list && more && *more ? " " : "", more ? more : "");
		/* The formats are the table's. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	for (char *const *s = k->server ? pools : NULL; s && *s; s++)
		strbuf_printf(&b, k->pool, *s);
	for (char *const *s = k->server ? servers : NULL; s && *s; s++)
		strbuf_printf(&b, k->server, *s);
#pragma GCC diagnostic pop
	return strbuf_take(&b, ret);
}

int module_ntp(struct context *c)
{
	const cJSON *ntp = get(c->config, "ntp"), *own = get(ntp, "config");
	const char *wanted = json_string_or(ntp, "ntp_client", "auto"),
		   *file = json_string_or(own, "confpath", NULL);
	auto_strv char **servers = NULL, **pools = NULL;
	auto_free char *text = NULL, *unit = NULL;
	const struct ntp_client *k;
	int r;

	if (!cJSON_GetObjectItemCaseSensitive(c->config, "ntp") ||
	    !json_bool_or(ntp, "enabled", true))
		return 0;
	k = ntp_client_of(c, streq(wanted, "timesyncd") ? "systemd-timesyncd" : wanted);
	if (!k)
		return diag_add(c->d, -ENOENT, DIAG_ERROR, "ntp", 0,
		                "this image has no client that is known here");
	r = server_names(c, ntp, "servers", &servers);
	if (r >= 0)
		r = server_names(c, ntp, "pools", &pools);
	if (r >= 0 && !servers && !pools)
		r = strv_append(&pools, "pool.ntp.org");
	if (r < 0)
		return r;
	if (get(own, "template"))
		return diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "ntp", 0,
		                "a template of one's own is not supported: use write_files");
	r = ntp_text(k, servers, pools, &text);
	if (r >= 0)
		r = module_write(c, file && path_is_absolute(file) ? file : k->file, text, 0644);
	unit = str_printf("%s.service", json_string_or(own, "service_name", k->unit));
	if (r >= 0 && module_has_program(c, "systemctl"))
		r = module_command(c, "ntp", PROGRAM_TIMEOUT,
		                   (const char *const[]){"systemctl", "--no-block",
		                                         "reload-or-restart", unit, NULL});
	return r;
}

/* ---- certificates ---- */

/* Each certificate of the image is switched off by a "!" before its name. */
static int remove_default_certificates(struct context *c)
{
	auto_free char *path = root_path(c, "etc/ca-certificates.conf"), *old = NULL, *text = NULL;
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_strv char **lines = NULL;
	int r = path ? file_read(path, &old, NULL) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = strv_split(old, "\n", &lines);
	STRV_FOREACH (l, lines)
		strbuf_printf(&b, "%s%s\n", **l == '#' || **l == '!' ? "" : "!", *l);
	strbuf_puts(&b, "");
	if (r >= 0)
		r = strbuf_take(&b, &text);
	return r < 0 ? r : module_write(c, "etc/ca-certificates.conf", text, 0644);
}

int module_ca_certs(struct context *c)
{
	const cJSON *v = get(c->config, "ca_certs"), *trusted, *it;
	bool removes;
	int n = 0, r = 0;

	v = v ? v : get(c->config, "ca-certs");
	trusted = get(v, "trusted");
	removes = json_bool_or(v, "remove_defaults", json_bool_or(v, "remove-defaults", false));
	if (!v || (!removes && !trusted))
		return 0;
	if (removes)
		r = remove_default_certificates(c);
	cJSON_ArrayForEach(it, trusted)
	{
		auto_free char *name = str_printf(
				       "usr/local/share/ca-certificates/cloud-init-ca-cert-%d.crt",
				       ++n),
			       *text = cJSON_IsString(it) ? str_printf("%s\n", it->valuestring)
		                                          : NULL;

		if (r < 0 || n > CA_MAX)
			break;
		if (!text || !strstr(text, "-----BEGIN CERTIFICATE-----"))
			r = diag_add(c->d, -EINVAL, DIAG_ERROR, "ca_certs", 0,
			             "entry %d of \"trusted\" is no certificate in PEM", n);
		else
			r = name ? module_write(c, name, text, 0644) : -ENOMEM;
	}
	return r < 0 ? r
	             : module_command(c, "ca_certs", PROGRAM_TIMEOUT,
	                              (const char *const[]){"update-ca-certificates", NULL});
}

/* ---- rsyslog ---- */

static int rsyslog_remotes(const cJSON *remotes, struct strbuf *b)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, remotes)
	{
		if (!cJSON_IsString(it) || strpbrk(it->valuestring, "\r\n"))
			return -EINVAL;
		/* "*.* @host:514", or the host alone. */
		if (strchr(it->valuestring, ' ') || *it->valuestring == '@')
			strbuf_printf(b, "%s%s # %s\n", *it->valuestring == '@' ? "*.* " : "",
			              it->valuestring, it->string);
		else
			strbuf_printf(b, "*.* @%s # %s\n", it->valuestring, it->string);
	}
	return 0;
}

static int rsyslog_file(struct context *c, const char *folder, const char *name, const char *text)
{
	auto_free char *path = *name == '/' ? strdup(name) : path_join(folder, name),
		       *line = str_printf("%s%s", text, str_ends_with(text, "\n") ? "" : "\n");

	if (!path || !line)
		return -ENOMEM;
	if (!path_is_normalized(path))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "rsyslog", 0, "not a file name");
	return module_write(c, path, line, 0644);
}

int module_rsyslog(struct context *c)
{
	const cJSON *v = get(c->config, "rsyslog"), *configs = get(v, "configs"), *it;
	const char *folder = json_string_or(v, "config_dir", "/etc/rsyslog.d"),
		   *usual = json_string_or(v, "config_filename", "20-cloud-config.conf");
	auto_strbuf struct strbuf common = {0}, remotes = {0};
	auto_free char *text = NULL, *lines = NULL;
	int r = 0;

	if (!v)
		return 0;
	cJSON_ArrayForEach(it, configs)
	{
		const char *content = cJSON_IsString(it) ? it->valuestring
		                                         : json_string_or(it, "content", NULL),
			   *name = json_string_or(it, "filename", NULL);

		if (r < 0)
			return r;
		if (!content)
			return diag_add(c->d, -EINVAL, DIAG_ERROR, "rsyslog", 0,
			                "an entry of \"configs\" has no content");
		if (name && !streq(name, usual))
			r = rsyslog_file(c, folder, name, content);
		else
			strbuf_printf(&common, "%s\n", content);
	}
	if (common.size) {
		r = strbuf_take(&common, &text);
		r = r < 0 ? r : rsyslog_file(c, folder, usual, text);
	}
	if (r >= 0)
		r = rsyslog_remotes(get(v, "remotes"), &remotes);
	if (r >= 0 && remotes.size) {
		r = strbuf_take(&remotes, &lines);
		r = r < 0 ? r
		          : rsyslog_file(c, folder,
		                         json_string_or(v, "remotes_filename",
		                                        "20-cloud-config-remotes.conf"),
		                         lines);
	}
	if (r >= 0 && module_has_program(c, "rsyslogd"))
		r = module_command(c, "rsyslog", PROGRAM_TIMEOUT,
		                   (const char *const[]){"systemctl", "--no-block", "try-restart",
		                                         "rsyslog.service", NULL});
	return r;
}

/* ---- wireguard ---- */

static int wireguard_interface(struct context *c, const cJSON *entry)
{
	const char *name = json_string_or(entry, "name", NULL),
		   *content = json_string_or(entry, "content", NULL);
	auto_free char *usual = name ? str_printf("/etc/wireguard/%s.conf", name) : NULL,
		       *unit = name ? str_printf("wg-quick@%s.service", name) : NULL;
	const char *path = json_string_or(entry, "config_path", usual);
	int r;

	if (!name || !content || strpbrk(name, "/ \n") || strlen(name) > 15)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "wireguard", 0,
		                "an interface needs a name and its content");
	if (!path || !unit)
		return -ENOMEM;
	/* It holds a private key. */
	r = module_write(c, path, content, 0600);
	if (r >= 0)
		r = module_command(c, "wireguard", PROGRAM_TIMEOUT,
		                   (const char *const[]){"systemctl", "--no-block", "enable",
		                                         "--now", unit, NULL});
	return r;
}

int module_wireguard(struct context *c)
{
	const cJSON *it;
	int worst = 0;

	cJSON_ArrayForEach(it, get(get(c->config, "wireguard"), "interfaces"))
	{
		int r = wireguard_interface(c, it);

		worst = MIN(worst, r);
	}
	return worst;
}
