// SPDX-License-Identifier: Apache-2.0
/* users, groups: with Debian's useradd and groupadd, which know the machine's policies (login.defs,
 * skel, shadow). */
#include "metadata/modules/modules.h"

#include <ctype.h>
#include <stdio.h>

#define PROGRAM_TIMEOUT (60 * USEC_PER_SEC)

static bool name_is_valid(const char *s)
{
	size_t n = strlen(s);

	if (n < 1 || n > 32 || !(isalpha((unsigned char) *s) || *s == '_'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char) s[i]) && !strchr("_-.", s[i]) &&
		    !(s[i] == '$' && i + 1 == n))
			return false;
	return true;
}

/* "a, b" or [a, b]. */
static int list_of(const cJSON *v, char ***ret)
{
	const cJSON *it;
	int r = 0;

	if (cJSON_IsString(v))
		return strv_split(v->valuestring, ", ", ret);
	cJSON_ArrayForEach(it, v) if (r >= 0) r =
		cJSON_IsString(it) ? strv_append(ret, it->valuestring) : -EINVAL;
	return r;
}

static int run(struct context *c, char **argv, const char *subject)
{
	int r;

	if (*c->root) {
		/* shadow's tools know another root by themselves. */
		strv_append(&argv, "--root");
		strv_append(&argv, c->root);
	}
	r = run_program(argv, NULL, PROGRAM_TIMEOUT);
	if (r == 0)
		return 0;
	return diag_add(c->d, r < 0 ? r : -EIO, DIAG_ERROR, subject, 0, "%s ended with status %d",
	                argv[0], r);
}

static int ensure_group(struct context *c, const char *name)
{
	auto_strv char **argv = NULL;
	uid_t uid;
	gid_t gid;
	auto_free char *owner = str_printf(":%s", name);

	if (!name_is_valid(name))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "groups", 0,
		                "\"%s\" is not the name of a group", name);
	if (owner && owner_parse(c, owner, &uid, &gid) >= 0)
		return 0;
	strv_append(&argv, "groupadd");
	strv_append(&argv, name);
	return run(c, argv, name);
}

/* One key of a user that becomes an option of useradd. */
struct option_row {
	const char *key, *option;
	enum { TEXT, FLAG, INVERSE_FLAG } kind;
};
/* clang-format off */
static const struct option_row option_rows[] = {
	{ "gecos",	    "--comment",	TEXT }, { "homedir",	   "--home-dir",  TEXT },
	{ "primary_group",  "--gid",		TEXT }, { "shell",	   "--shell",	  TEXT },
	{ "uid",	    "--uid",		TEXT }, { "expiredate",	   "--expiredate", TEXT },
	{ "inactive",	    "--inactive",	TEXT }, { "selinux_user",  "--selinux-user", TEXT },
	{ "system",	    "--system",		FLAG }, { "no_user_group", "--no-user-group", FLAG },
	{ "no_log_init",    "--no-log-init",	FLAG },
};
/* clang-format on */

static int useradd(struct context *c, const cJSON *user, const char *name, char *const *groups)
{
	auto_strv char **argv = NULL;
	auto_free char *joined = strv_join(groups, ",");
	bool no_home =
		json_bool_or(user, "no_create_home", false) || json_bool_or(user, "system", false);

	strv_append(&argv, "useradd");
	for (size_t i = 0; i < ELEMENTSOF(option_rows); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(user, option_rows[i].key);
		auto_free char *text = option_rows[i].kind == TEXT ? scalar_text(v) : NULL;

		if (option_rows[i].kind == FLAG ? !cJSON_IsTrue(v) : !text)
			continue;
		strv_append(&argv, option_rows[i].option);
		if (text)
			strv_append(&argv, text);
	}
	if (joined && *joined) {
		strv_append(&argv, "--groups");
		strv_append(&argv, joined);
	}
	strv_append(&argv, no_home ? "--no-create-home" : "--create-home");
	strv_append(&argv, name);
	return run(c, argv, name);
}

/* One file for all users, as cloud-init names it, so that its own tools find it. */
static int sudo_rules(struct context *c, const char *name, const cJSON *sudo)
{
	auto_free char *path = root_path(c, "etc/sudoers.d/90-cloud-init-users"), *old = NULL,
		       *text = NULL;
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_strv char **rules = NULL;
	const cJSON *it;
	int r;

	if (cJSON_IsString(sudo))
		strv_append(&rules, sudo->valuestring);
	cJSON_ArrayForEach(it, sudo) if (cJSON_IsString(it)) strv_append(&rules, it->valuestring);
	if (!rules)
		return 0;
	if (!path)
		return -ENOMEM;
	r = file_read(path, &old, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	strbuf_puts(&b, old ? old : "# Written from instance metadata.\n");
	STRV_FOREACH (rule, rules) {
		auto_free char *line = str_printf("%s %s\n", name, *rule);

		if (strchr(*rule, '\n'))
			return diag_add(c->d, -EINVAL, DIAG_ERROR, name, 0,
			                "a sudo rule has more than one line");
		if (line && !(old && strstr(old, line)))
			strbuf_puts(&b, line);
	}
	r = strbuf_take(&b, &text);
	if (r >= 0)
		r = mkdir_parents(path, 0750);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0440, false);
}

static int doas_rules(struct context *c, const char *name, const cJSON *doas)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_free char *path = root_path(c, "etc/doas.conf"), *old = NULL, *text = NULL;
	const cJSON *it;
	int r;

	if (!cJSON_IsArray(doas) || !doas->child)
		return 0;
	if (path && file_read(path, &old, NULL) >= 0)
		strbuf_puts(&b, old);
	cJSON_ArrayForEach(it, doas)
	{
		/* A rule for somebody else under this user's name is a mistake, or worse. */
		if (!cJSON_IsString(it) || strpbrk(it->valuestring, "\r\n") ||
		    !strstr(it->valuestring, name))
			return diag_add(c->d, -EINVAL, DIAG_ERROR, name, 0,
			                "a doas rule is not about this user");
		if (!old || !strstr(old, it->valuestring))
			strbuf_printf(&b, "%s\n", it->valuestring);
	}
	r = strbuf_take(&b, &text);
	return r < 0 ? r : module_write(c, "etc/doas.conf", text, 0440);
}

static int apply_user(struct context *c, const cJSON *user, const char *name)
{
	auto_strv char **groups = NULL, **keys = NULL;
	struct account a;
	bool created = false;
	int r;

	if (!name_is_valid(name))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "users", 0,
		                "\"%s\" is not the name of a user", name);
	r = list_of(cJSON_GetObjectItemCaseSensitive(user, "groups"), &groups);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "\"groups\" is not a list of names");
	STRV_FOREACH (g, groups) {
		r = ensure_group(c, *g);
		if (r < 0)
			return r;
	}
	if (account_find(c, name, &a) >= 0) {
		free(a.home);
	} else {
		r = useradd(c, user, name, groups);
		if (r < 0)
			return r;
		created = true;
	}
	r = password_apply(c, user, name, created);
	if (r < 0)
		return r;
	r = sudo_rules(c, name, cJSON_GetObjectItemCaseSensitive(user, "sudo"));
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "sudo rules: %s", strerror(-r));
	r = doas_rules(c, name, cJSON_GetObjectItemCaseSensitive(user, "doas"));
	if (r < 0)
		return r;
	if (json_get_strv(user, "ssh_authorized_keys", &keys) >= 0 && keys) {
		r = authorized_keys_add(c, name, keys);
		if (r < 0)
			return diag_add(c->d, r, DIAG_ERROR, name, 0, "authorized_keys: %s",
			                strerror(-r));
	}
	return 0;
}

/* What the image's configuration calls the default user; Debian's where it says nothing. */
static cJSON *default_user_config(const struct context *c)
{
	const cJSON *info, *user;
	cJSON *j;

	if (json_get_object(c->config, "system_info", &info) >= 0 &&
	    json_get_object(info, "default_user", &user) >= 0)
		return cJSON_Duplicate(user, true);
	j = cJSON_CreateObject();
	json_add_string(j, "name", "debian");
	json_add_string(j, "gecos", "Debian");
	json_add_string(j, "shell", "/bin/bash");
	json_add_string(j, "sudo", "ALL=(ALL) NOPASSWD:ALL");
	json_add_bool(j, "lock_passwd", true);
	return j;
}

int context_users(const struct context *c, cJSON **ret)
{
	auto_json cJSON *image = default_user_config(c), *config = NULL;
	const cJSON *users = cJSON_GetObjectItemCaseSensitive(c->config, "users");

	/* Without "users" there is the default user, but only where somebody configured this machine at
	 * all. */
	if ((users && !cJSON_IsNull(users)) || !c->config->child)
		return users_normalise(c->config, image, c->d, ret);
	config = cJSON_Duplicate(c->config, true);
	cJSON_DeleteItemFromObjectCaseSensitive(config, "users");
	if (!config || json_add_string(config, "users", "default") < 0)
		return -ENOMEM;
	return users_normalise(config, image, c->d, ret);
}

char *context_first_user(const struct context *c)
{
	auto_json cJSON *normal = NULL;
	const cJSON *it;

	(void) context_users(c, &normal);
	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(normal, "users"))
	{
		if (json_bool_or(it, "default", false))
			return strdup(it->string);
	}
	return NULL; /* a list that leaves the default user out: nobody gets the machine's keys */
}

static int add_members(struct context *c, const char *group, const cJSON *members)
{
	const cJSON *it;
	int worst = 0;

	cJSON_ArrayForEach(it, members) if (cJSON_IsString(it))
	{
		auto_strv char **argv = NULL;
		int r = strv_split("usermod --append --groups", " ", &argv);

		if (r >= 0)
			r = strv_append(&argv, group);
		if (r >= 0)
			r = name_is_valid(it->valuestring) ? strv_append(&argv, it->valuestring)
			                                   : -EINVAL;
		worst = MIN(worst, r < 0 ? r : run(c, argv, it->valuestring));
	}
	return worst;
}

int module_users(struct context *c)
{
	auto_json cJSON *normal = NULL;
	const cJSON *it, *groups;
	int worst = context_users(c, &normal);

	if (!normal)
		return worst;
	groups = cJSON_GetObjectItemCaseSensitive(normal, "groups");
	cJSON_ArrayForEach(it, groups) worst = MIN(worst, ensure_group(c, it->string));
	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(normal, "users")) worst =
		MIN(worst, apply_user(c, it, it->string));
	/* Now their members are there. */
	cJSON_ArrayForEach(it, groups) worst = MIN(worst, add_members(c, it->string, it));
	return worst;
}
