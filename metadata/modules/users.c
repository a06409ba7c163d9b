// SPDX-License-Identifier: Apache-2.0
/*
 * users, groups. In two rounds: all of them as accounts, written at once; then what belongs to a user that is there: a password to
 * be hashed, rules, keys.
 */
#include "metadata/modules/accounts.h"

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

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static int refused(struct context *c, const char *subject, int r)
{
	return diag_add(c->d, r, DIAG_ERROR, subject, 0, "cannot be made: %s", strerror(-r));
}

/* ---- the first round: accounts ---- */

static int ensure_group(struct context *c, struct accounts *a, const char *name)
{
	int r;

	if (!name_is_valid(name))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "groups", 0,
		                "\"%s\" is not the name of a group", name);
	r = accounts_add_group(a, name);
	return r < 0 ? refused(c, name, r) : 0;
}

/* Groups of a user that are not there are made, and so is his first one, but where it is a number. */
static int ensure_groups_of(struct context *c, struct accounts *a, const cJSON *user,
                            const char *name, char ***ret)
{
	const char *primary = json_string_or(user, "primary_group", NULL);
	uint64_t id;
	int r = list_of(get(user, "groups"), ret);

	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "\"groups\" is not a list of names");
	if (!json_bool_or(user, "create_groups", true))
		return 0;
	STRV_FOREACH (g, *ret) {
		r = ensure_group(c, a, *g);
		if (r < 0)
			return r;
	}
	return primary && str_to_u64(primary, 10, &id) < 0 ? ensure_group(c, a, primary) : 0;
}

static int add_user(struct context *c, struct accounts *a, const cJSON *user, const char *name,
                    char *const *groups)
{
	auto_free char *gecos = scalar_text(get(user, "gecos")),
		       *home = scalar_text(get(user, "homedir")),
		       *shell = scalar_text(get(user, "shell")),
		       *uid = scalar_text(get(user, "uid")),
		       *primary = scalar_text(get(user, "primary_group")),
		       *inactive = scalar_text(get(user, "inactive")),
		       *expires = scalar_text(get(user, "expiredate"));
	bool is_system = json_bool_or(user, "system", false);
	struct user_wish w = {.name = name,
	                      .gecos = gecos,
	                      .home = home,
	                      .shell = shell,
	                      .uid = uid,
	                      .primary_group = primary,
	                      .inactive = inactive,
	                      .expiredate = expires,
	                      .groups = groups,
	                      .is_system = is_system,
	                      .no_user_group = json_bool_or(user, "no_user_group", false),
	                      .no_home = json_bool_or(user, "no_create_home", false) || is_system};
	int r = accounts_add_user(a, &w);

	return r < 0 ? refused(c, name, r) : 0;
}

/* What can be said of a password without hashing one. */
static int set_hash(struct context *c, struct accounts *a, const cJSON *user, const char *name,
                    bool is_new)
{
	const char *hash = json_string_or(user, "hashed_passwd",
	                                  is_new ? json_string_or(user, "passwd", NULL) : NULL);
	int r = hash ? accounts_set_hash(a, name, hash) : 0;

	if (r >= 0 && json_bool_or(user, "lock_passwd", true))
		r = accounts_lock_password(a, name);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, name, 0, "password: %s", strerror(-r)) : 0;
}

static int account_of(struct context *c, struct accounts *a, const cJSON *user, const char *name)
{
	auto_strv char **groups = NULL;
	bool is_new = !accounts_has_user(a, name);
	int r;

	if (!name_is_valid(name))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "users", 0,
		                "\"%s\" is not the name of a user", name);
	r = ensure_groups_of(c, a, user, name, &groups);
	if (r >= 0 && is_new)
		r = add_user(c, a, user, name, groups);
	return r < 0 ? r : set_hash(c, a, user, name, is_new);
}

static int add_members(struct context *c, struct accounts *a, const char *group,
                       const cJSON *members)
{
	const cJSON *it;
	int worst = 0;

	cJSON_ArrayForEach(it, members) if (cJSON_IsString(it))
	{
		int r = accounts_has_user(a, it->valuestring)
		                ? accounts_add_member(a, group, it->valuestring)
		                : -ENOENT;

		if (r < 0)
			worst = diag_add(c->d, r, DIAG_ERROR, group, 0,
			                 "\"%s\" cannot be a member: %s", it->valuestring,
			                 strerror(-r));
	}
	return worst;
}

static int write_accounts(struct context *c, const cJSON *users, const cJSON *groups)
{
	struct accounts *a = NULL;
	const cJSON *it;
	int r = accounts_open(c, &a), worst = 0;

	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "users", 0, "the accounts cannot be read: %s",
		                strerror(-r));
	cJSON_ArrayForEach(it, groups) worst = MIN(worst, ensure_group(c, a, it->string));
	cJSON_ArrayForEach(it, users) worst = MIN(worst, account_of(c, a, it, it->string));
	/* Now their members are there. */
	cJSON_ArrayForEach(it, groups) worst = MIN(worst, add_members(c, a, it->string, it));
	r = accounts_write(a);
	accounts_close(a);
	if (r < 0)
		diag_add(c->d, r, DIAG_ERROR, "users", 0, "the accounts cannot be written: %s",
		         strerror(-r));
	return MIN(r, worst);
}

/* ---- the second round ---- */

/* One file for all users, as cloud-init names it, so that its own tools find it. */
static int sudo_rules(struct context *c, const char *name, const cJSON *sudo)
{
	auto_free char *path = root_path(c, "etc/sudoers.d/90-cloud-init-users"), *old = NULL,
		       *text = NULL;
	auto_strv char **rules = NULL, **lines = NULL;
	const cJSON *it;
	int r = path ? 0 : -ENOMEM;

	if (cJSON_IsString(sudo))
		r = MIN(r, strv_append(&rules, sudo->valuestring));
	cJSON_ArrayForEach(it, sudo) if (cJSON_IsString(it) && r >= 0) r =
		strv_append(&rules, it->valuestring);
	STRV_FOREACH (rule, rules) {
		if (strchr(*rule, '\n'))
			return diag_add(c->d, -EINVAL, DIAG_ERROR, name, 0,
			                "a sudo rule has more than one line");
		if (r >= 0)
			r = strv_append_consume(&lines, str_printf("%s %s", name, *rule));
	}
	if (r < 0 || !lines)
		return MIN(r, 0);
	r = file_read(path, &old, NULL);
	if (r >= 0 || r == -ENOENT)
		r = lines_add(old ? old : "# Written from instance metadata.\n", lines, &text);
	if (r >= 0)
		r = mkdir_parents(path, 0750);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0440, false);
}

static int doas_rules(struct context *c, const char *name, const cJSON *doas)
{
	auto_free char *path = root_path(c, "etc/doas.conf"), *old = NULL, *text = NULL;
	auto_strv char **lines = NULL;
	const cJSON *it;
	int r = path ? 0 : -ENOMEM;

	if (!cJSON_IsArray(doas) || !doas->child)
		return 0;
	cJSON_ArrayForEach(it, doas)
	{
		/* A rule for somebody else under this user's name is a mistake, or worse. */
		if (!cJSON_IsString(it) || !doas_rule_is_for(it->valuestring, name))
			return diag_add(c->d, -EINVAL, DIAG_ERROR, name, 0,
			                "a doas rule is not about this user");
		if (r >= 0)
			r = strv_append(&lines, it->valuestring);
	}
	if (r >= 0)
		r = file_read(path, &old, NULL);
	if (r >= 0 || r == -ENOENT)
		r = lines_add(old ? old : "", lines, &text);
	return r < 0 ? r : module_write(c, "etc/doas.conf", text, 0440);
}

static int set_plain_password(struct context *c, const cJSON *user, const char *name)
{
	static const struct password_change lock = {.lock = true};
	const char *plain = json_string_or(user, "plain_text_passwd", NULL);
	int r;

	if (!plain || get(user, "hashed_passwd"))
		return 0;
	r = password_set_plain(c, name, plain);
	return r < 0 || !json_bool_or(user, "lock_passwd", true) ? r
	                                                         : password_change(c, name, &lock);
}

static int set_selinux_user(struct context *c, const cJSON *user, const char *name)
{
	const char *v = json_string_or(user, "selinux_user", NULL);

	return v ? module_command(c, name, PROGRAM_TIMEOUT,
	                          (const char *const[]){"usermod", "--selinux-user", v, name, NULL})
	         : 0;
}

static int apply_user(struct context *c, const cJSON *user, const char *name)
{
	auto_strv char **keys = NULL;
	struct account a;
	int r, worst;

	/* Why he is not there has been said. */
	if (account_find(c, name, &a) < 0)
		return 0;
	free(a.home);
	worst = MIN(set_plain_password(c, user, name), set_selinux_user(c, user, name));
	r = sudo_rules(c, name, get(user, "sudo"));
	if (r < 0)
		worst = diag_add(c->d, r, DIAG_ERROR, name, 0, "sudo rules: %s", strerror(-r));
	worst = MIN(worst, doas_rules(c, name, get(user, "doas")));
	if (json_get_strv(user, "ssh_authorized_keys", &keys) >= 0 && keys) {
		r = authorized_keys_add(c, name, keys);
		if (r < 0)
			worst = diag_add(c->d, r, DIAG_ERROR, name, 0, "authorized_keys: %s",
			                 strerror(-r));
	}
	return worst;
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
	json_add_string(j, "name", METADATA_DEFAULT_USER);
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

int module_users(struct context *c)
{
	auto_json cJSON *normal = NULL;
	const cJSON *it, *users;
	int worst = context_users(c, &normal);

	users = get(normal, "users");
	if (!normal || (!users->child && !get(normal, "groups")->child))
		return worst;
	worst = MIN(worst, write_accounts(c, users, get(normal, "groups")));
	cJSON_ArrayForEach(it, users) worst = MIN(worst, apply_user(c, it, it->string));
	return worst;
}
