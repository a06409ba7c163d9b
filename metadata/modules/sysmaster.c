// SPDX-License-Identifier: Apache-2.0
/*
 * sysmaster: our own section of a cloud-config.
 *
 *	sysmaster:
 *	  fleet: { controller: https://..., token: ..., ca: PEM, via: network|channel, name: ... }
 *	  channel: { role: observe|operate|admin }
 *	  early_login: false      (of the image and the kernel command line: boot/config.c)
 *	  upgrade: { keys: [ minisign public keys ], gate_sec: 5 }
 */
#include "metadata/modules/modules.h"

#include <stdio.h>

#define CA_FILE "/etc/sysmaster/fleet-ca.pem"

static int write_file(struct context *c, const char *name, const char *text, mode_t mode)
{
	auto_free char *path = root_path(c, name);
	int r;

	if (!path)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), mode, true);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, name, 0, "cannot be written: %s", strerror(-r))
	             : 0;
}

/* One "Key=value" line; a value with a line end would be two. */
static int add_line(struct context *c, struct strbuf *b, const char *key, const char *value)
{
	if (!value)
		return 0;
	if (strpbrk(value, "\r\n"))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "sysmaster", 0,
		                "%s has more than one line", key);
	strbuf_printf(b, "%s=%s\n", key, value);
	return 0;
}

static int apply_fleet(struct context *c, const cJSON *fleet)
{
	/* clang-format off */
	static const struct {
		const char *from, *to;
	} keys[] = { { "controller", "Controller" }, { "token", "Token" }, { "via", "Via" }, { "name", "Name" } };
	/* clang-format on */
	auto_strbuf struct strbuf b = {0};
	const char *ca = json_string_or(fleet, "ca", NULL);
	auto_free char *text = NULL;
	int r;

	if (!json_string_or(fleet, "controller", NULL))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "sysmaster", 0,
		                "fleet: \"controller\" is missing");
	strbuf_puts(&b, "[Fleet]\n");
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		r = add_line(c, &b, keys[i].to, json_string_or(fleet, keys[i].from, NULL));
		if (r < 0)
			return r;
	}
	if (ca) {
		r = write_file(c, CA_FILE, ca, 0644);
		if (r < 0)
			return r;
		strbuf_puts(&b, "CA=" CA_FILE "\n");
	}
	r = strbuf_take(&b, &text);
	/* The token in it lets a machine into the fleet. */
	return r < 0 ? r : write_file(c, "/etc/sysmaster/fleet.conf", text, 0600);
}

static int apply_upgrade(struct context *c, const cJSON *upgrade)
{
	auto_strv char **keys = NULL;
	uint64_t gate;
	int n = 0, r;

	(void) json_get_strv(upgrade, "keys", &keys);
	STRV_FOREACH (k, keys) {
		auto_free char *name = str_printf("/etc/sysmaster/keys/metadata-%d.pub", ++n);

		r = name ? write_file(c, name, *k, 0644) : -ENOMEM;
		if (r < 0)
			return r;
	}
	if (json_get_u64(upgrade, "gate_sec", &gate) >= 0) {
		auto_free char *text =
			str_printf("[Upgrade]\nGateSec=%llu\n", (unsigned long long) gate);

		return text ? write_file(c, "/etc/sysmaster/upgrade.conf", text, 0644) : -ENOMEM;
	}
	return 0;
}

static int apply_channel(struct context *c, const cJSON *channel)
{
	auto_strbuf struct strbuf b = {0};
	auto_free char *text = NULL;
	int r;

	strbuf_puts(&b, "[Channel]\n");
	r = add_line(c, &b, "Role", json_string_or(channel, "role", NULL));
	if (r >= 0)
		r = strbuf_take(&b, &text);
	return r < 0 ? r : write_file(c, "/etc/sysmaster/channel.conf", text, 0644);
}

int module_sysmaster(struct context *c)
{
	static const struct {
		const char *key;
		int (*apply)(struct context *c, const cJSON *v);
	} parts[] = {
		{"fleet", apply_fleet}, {"upgrade", apply_upgrade}, {"channel", apply_channel}};
	const cJSON *section = cJSON_GetObjectItemCaseSensitive(c->config, "sysmaster"), *it;
	int worst = 0;

	cJSON_ArrayForEach(it, section)
	{
		int r = streq(it->string, "early_login") ? 0 : -EOPNOTSUPP;

		for (size_t i = 0; i < ELEMENTSOF(parts); i++)
			if (streq(parts[i].key, it->string))
				r = cJSON_IsObject(it) ? parts[i].apply(c, it) : -EINVAL;
		if (r == -EOPNOTSUPP || r == -EINVAL)
			diag_add(c->d, r, DIAG_ERROR, "sysmaster", 0, "\"%s\" is not understood",
			         it->string);
		worst = MIN(worst, r);
	}
	return worst;
}
