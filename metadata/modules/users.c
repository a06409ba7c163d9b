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

/* "!" before the hash, unless the user is meant to log in with a password. */
static int set_password(struct context *c, const cJSON *user, const char *name, bool created)
{
	const char *hashed = json_string_or(user, "hashed_passwd",
	                                    created ? json_string_or(user, "passwd", NULL) : NULL),
		   *plain = json_string_or(user, "plain_text_passwd", NULL);
	bool lock = json_bool_or(user, "lock_passwd", true);
	int r = 0;

	if (hashed || plain) {
		auto_strv char **argv = NULL;
		auto_free char *line = str_printf("%s:%s\n", name, hashed ? hashed : plain);

		if (!line || strchr(hashed ? hashed : plain, '\n'))
			return -EINVAL;
		strv_append(&argv, "chpasswd");
		if (hashed)
			strv_append(&argv, "--encrypted");
		if (*c->root) {
			strv_append(&argv, "--root");
			strv_append(&argv, c->root);
		}
		r = run_program(argv, line, PROGRAM_TIMEOUT);
		explicit_bzero(line, strlen(line));
		if (r != 0)
			return diag_add(c->d, -EIO, DIAG_ERROR, name, 0,
			                "chpasswd ended with status %d", r);
	}
	if (lock && created && (hashed || plain)) {
		auto_strv char **argv = NULL;

		strv_append(&argv, "usermod");
		strv_append(&argv, "--lock");
		strv_append(&argv, name);
		return run(c, argv, name);
	}
	return r;
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
	r = set_password(c, user, name, created);
	if (r < 0)
		return r;
	r = sudo_rules(c, name, cJSON_GetObjectItemCaseSensitive(user, "sudo"));
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "sudo rules: %s", strerror(-r));
	if (json_get_strv(user, "ssh_authorized_keys", &keys) >= 0 && keys) {
		r = authorized_keys_add(c, name, keys);
		if (r < 0)
			return diag_add(c->d, r, DIAG_ERROR, name, 0, "authorized_keys: %s",
			                strerror(-r));
	}
	return 0;
}

/* What an image's configuration calls the default user; "user:" of the cloud-config changes parts
 * of it. */
static int apply_default_user(struct context *c)
{
	auto_json cJSON *user = cJSON_CreateObject();
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(c->config, "user"), *it;
	auto_free char *name = NULL;

	if (!user)
		return -ENOMEM;
	cJSON_AddStringToObject(user, "gecos", "Debian");
	cJSON_AddStringToObject(user, "shell", "/bin/bash");
	cJSON_AddStringToObject(user, "sudo", "ALL=(ALL) NOPASSWD:ALL");
	cJSON_AddTrueToObject(user, "lock_passwd");
	if (cJSON_IsObject(own))
		cJSON_ArrayForEach(it, own)
		{
			cJSON_DeleteItemFromObjectCaseSensitive(user, it->string);
			cJSON_AddItemToObject(user, it->string, cJSON_Duplicate(it, true));
		}
	name = cJSON_IsString(own) ? strdup(own->valuestring)
	                           : strdup(json_string_or(user, "name", default_user(c)));
	return name ? apply_user(c, user, name) : -ENOMEM;
}

static int apply_entry(struct context *c, const cJSON *entry)
{
	const char *name;

	if (cJSON_IsString(entry))
		return streq(entry->valuestring, "default")
		               ? apply_default_user(c)
		               : apply_user(c, entry, entry->valuestring);
	if (json_get_string(entry, "name", &name) < 0)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "users", 0, "an entry has no \"name\"");
	return apply_user(c, entry, name);
}

static int apply_groups(struct context *c)
{
	const cJSON *groups = cJSON_GetObjectItemCaseSensitive(c->config, "groups"), *it, *member;
	int worst = 0;

	cJSON_ArrayForEach(it, groups)
	{
		if (cJSON_IsString(it)) {
			worst = MIN(worst, ensure_group(c, it->valuestring));
		} else if (cJSON_IsObject(it) && it->child) {
			worst = MIN(worst, ensure_group(c, it->child->string));
			cJSON_ArrayForEach(member, it->child) if (cJSON_IsString(member))
			{
				auto_strv char **argv = NULL;

				strv_append(&argv, "usermod");
				strv_append(&argv, "--append");
				strv_append(&argv, "--groups");
				strv_append(&argv, it->child->string);
				strv_append(&argv, member->valuestring);
				worst = MIN(worst, run(c, argv, member->valuestring));
			}
		}
	}
	return worst;
}

int module_users(struct context *c)
{
	const cJSON *users = cJSON_GetObjectItemCaseSensitive(c->config, "users"), *entry;
	int worst = apply_groups(c);

	/* Without "users" there is the default user, but only where somebody configured this
	 * machine at all. */
	if (!users || cJSON_IsNull(users))
		return c->config->child ? MIN(worst, apply_default_user(c)) : worst;
	if (!cJSON_IsArray(users) || cJSON_GetArraySize(users) > METADATA_LIST_MAX)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "users", 0,
		                "a list of at most %d users is expected", METADATA_LIST_MAX);
	cJSON_ArrayForEach(entry, users)
	{
		int r = apply_entry(c, entry);

		worst = MIN(worst, r);
	}
	return worst;
}

/* The first user is the one who gets the instance's own keys. */
static char *first_user(const struct context *c)
{
	const cJSON *users = cJSON_GetObjectItemCaseSensitive(c->config, "users"),
		    *own = cJSON_GetObjectItemCaseSensitive(c->config, "user"), *entry;

	if (cJSON_IsArray(users))
		cJSON_ArrayForEach(entry, users)
		{
			if (cJSON_IsString(entry) && !streq(entry->valuestring, "default"))
				continue;
			if (cJSON_IsString(entry))
				break;
			return NULL; /* a list that leaves the default user out: nobody gets them */
		}
	if (cJSON_IsString(own))
		return strdup(own->valuestring);
	return strdup(json_string_or(own, "name", default_user(c)));
}

static void add_public_keys(const cJSON *v, char ***keys)
{
	const cJSON *it;

	if (cJSON_IsString(v))
		strv_append(keys, v->valuestring);
	cJSON_ArrayForEach(it, v) add_public_keys(it, keys);
}

int module_ssh(struct context *c)
{
	auto_strv char **keys = NULL;
	auto_free char *user = first_user(c);
	struct account a;
	int r;

	add_public_keys(cJSON_GetObjectItemCaseSensitive(c->config, "ssh_authorized_keys"), &keys);
	add_public_keys(cJSON_GetObjectItemCaseSensitive(c->instance->meta_data, "public-keys"),
	                &keys);
	if (!keys)
		return 0;
	if (user && account_find(c, user, &a) >= 0) {
		free(a.home);
		r = authorized_keys_add(c, user, keys);
		if (r < 0)
			return diag_add(c->d, r, DIAG_ERROR, user, 0, "authorized_keys: %s",
			                strerror(-r));
	}
	if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(c->config, "disable_root"))) {
		r = authorized_keys_add(c, "root", keys);
		if (r < 0)
			return diag_add(c->d, r, DIAG_ERROR, "root", 0, "authorized_keys: %s",
			                strerror(-r));
	}
	return 0;
}

static int change_password(struct context *c, const char *name, const char *password, bool hashed)
{
	auto_json cJSON *user = cJSON_CreateObject();

	if (!user)
		return -ENOMEM;
	cJSON_AddStringToObject(user, hashed ? "hashed_passwd" : "plain_text_passwd", password);
	cJSON_AddFalseToObject(user, "lock_passwd");
	return set_password(c, user, name, true);
}

static int ssh_password_authentication(struct context *c)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->config, "ssh_pwauth");
	auto_free char *path = root_path(c, "etc/ssh/sshd_config.d/50-cloud-init.conf");
	const char *text =
		cJSON_IsTrue(v) ? "PasswordAuthentication yes\n" : "PasswordAuthentication no\n";
	int r;

	if (!cJSON_IsBool(v))
		return 0;
	if (!path)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0600, false);
}

int module_set_passwords(struct context *c)
{
	const cJSON *chpasswd = cJSON_GetObjectItemCaseSensitive(c->config, "chpasswd"), *entry;
	const char *password = json_string_or(c->config, "password", NULL);
	auto_free char *user = first_user(c);
	int worst = 0;

	if (password && user)
		worst = change_password(c, user, password, password[0] == '$');
	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(chpasswd, "users"))
	{
		const char *name = json_string_or(entry, "name", NULL),
			   *text = json_string_or(entry, "password", NULL);
		int r = name && text && name_is_valid(name)
		                ? change_password(
					  c, name, text,
					  streq(json_string_or(entry, "type", "hash"), "hash"))
		                : diag_add(c->d, -EINVAL, DIAG_ERROR, "chpasswd", 0,
		                           "an entry of \"users\" needs a name and a password");

		worst = MIN(worst, r);
	}
	return MIN(worst, ssh_password_authentication(c));
}
