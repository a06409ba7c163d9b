// SPDX-License-Identifier: Apache-2.0
/* password, chpasswd, ssh_pwauth; and what a user's entry says of his password. */
#include "metadata/modules/accounts.h"

#include <fcntl.h>
#include <sys/random.h>

#define PROGRAM_TIMEOUT (60 * USEC_PER_SEC)
#define RANDOM_LENGTH   20

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static int run(struct context *c, char **argv, const char *subject, const char *input)
{
	int r;

	if (*c->root) {
		/* shadow's tools know another root by themselves. */
		strv_append(&argv, "--root");
		strv_append(&argv, c->root);
	}
	r = run_program(argv, input, PROGRAM_TIMEOUT);
	if (r == 0)
		return 0;
	return diag_add(c->d, r < 0 ? r : -EIO, DIAG_ERROR, subject, 0, "%s ended with status %d",
	                argv[0], r);
}

int password_set_plain(struct context *c, const char *name, const char *plain)
{
	auto_strv char **argv = NULL;
	auto_free char *line = str_printf("%s:%s\n", name, plain);
	int r = line ? strv_append(&argv, "chpasswd") : -ENOMEM;

	if (r >= 0 && strchr(plain, '\n'))
		r = diag_add(c->d, -EINVAL, DIAG_ERROR, name, 0, "a password has one line");
	if (r >= 0)
		r = run(c, argv, name, line);
	if (line)
		explicit_bzero(line, strlen(line));
	return r;
}

int password_change(struct context *c, const char *name, const struct password_change *change)
{
	struct accounts *a = NULL;
	int r = accounts_open(c, &a);

	if (r >= 0 && change->hash)
		r = accounts_set_hash(a, name, change->hash);
	if (r >= 0 && change->lock)
		r = accounts_lock_password(a, name);
	if (r >= 0 && change->expire)
		r = accounts_expire_password(a, name);
	if (r >= 0)
		r = accounts_write(a);
	accounts_close(a);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, name, 0, "password: %s", strerror(-r)) : 0;
}

/* To who looks at the console, and nowhere else: logs are read by many. */
static int make_random(struct context *c, const char *name, char ret[RANDOM_LENGTH + 1])
{
	static const char letters[] =
		"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789+-=_@.:%";
	auto_free char *path = root_path(c, "dev/console"), *line = NULL;
	auto_fd int fd = -EBADF;
	uint8_t bytes[RANDOM_LENGTH];

	_Static_assert(sizeof(letters) - 1 == 64, "each letter is as likely");
	if (!path || getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < RANDOM_LENGTH; i++)
		ret[i] = letters[bytes[i] % 64];
	ret[RANDOM_LENGTH] = '\0';
	line = str_printf("Password of %s: %s\n", name, ret);
	fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && line)
		(void) fd_write_all(fd, line, strlen(line));
	if (line)
		explicit_bzero(line, strlen(line));
	return 0;
}

static bool is_random(const char *password)
{
	return streq(password, "R") || streq(password, "RANDOM");
}

static bool is_hash(const char *password)
{
	return password[0] == '$' && password[1] && strchr("12567y", password[1]) &&
	       strchr(password + 2, '$');
}

/* @expires: is to be changed at the first log-in. */
static int set_one(struct context *c, const char *name, const char *password, bool hashed,
                   bool expires)
{
	char random[RANDOM_LENGTH + 1];
	struct password_change change = {.hash = hashed ? password : NULL, .expire = expires};
	int r = 0;

	if (!hashed && is_random(password)) {
		r = make_random(c, name, random);
		password = random;
	}
	if (r >= 0 && !hashed)
		r = password_set_plain(c, name, password);
	explicit_bzero(random, sizeof(random));
	return r < 0 || !(change.hash || change.expire) ? r : password_change(c, name, &change);
}

static int set_entry(struct context *c, const cJSON *entry, bool expires)
{
	const char *name = json_string_or(entry, "name", NULL),
		   *type = json_string_or(entry, "type", "hash"),
		   *password =
			   json_string_or(entry, "password", streq(type, "RANDOM") ? "R" : NULL);

	if (!name || !password || *name == '-' || strpbrk(name, ":\n "))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "chpasswd", 0,
		                "an entry of \"users\" needs a name and a password");
	return set_one(c, name, password, streq(type, "hash"), expires);
}

/* "user:password" */
static int set_line(struct context *c, const char *line, bool expires)
{
	const char *colon = strchr(line, ':');
	auto_free char *name = colon ? strndup(line, (size_t) (colon - line)) : NULL;

	if (!name || !*name || *name == '-')
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "chpasswd", 0,
		                "a line of \"list\" is not user:password");
	return set_one(c, name, colon + 1, is_hash(colon + 1), expires);
}

static int set_list(struct context *c, const cJSON *list, bool expires)
{
	auto_strv char **lines = NULL;
	const cJSON *it;
	int r = cJSON_IsString(list) ? strv_split(list->valuestring, "\n", &lines) : 0, worst;

	cJSON_ArrayForEach(it, list) if (r >= 0 && cJSON_IsString(it)) r =
		strv_append(&lines, it->valuestring);
	worst = r;
	STRV_FOREACH (l, lines)
		worst = MIN(worst, set_line(c, *l, expires));
	return worst;
}

static int ssh_password_authentication(struct context *c)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->config, "ssh_pwauth");
	int yes = cJSON_IsBool(v)     ? cJSON_IsTrue(v)
	          : cJSON_IsString(v) ? str_to_bool(v->valuestring)
	                              : -1;

	/* "unchanged", or nothing. */
	if (yes < 0)
		return 0;
	return module_write(c, "etc/ssh/sshd_config.d/50-cloud-init.conf",
	                    yes ? "PasswordAuthentication yes\n" : "PasswordAuthentication no\n",
	                    0600);
}

int module_set_passwords(struct context *c)
{
	const cJSON *chpasswd = cJSON_GetObjectItemCaseSensitive(c->config, "chpasswd"), *entry;
	const char *password = json_string_or(c->config, "password", NULL);
	bool expires = json_bool_or(chpasswd, "expire", true);
	auto_free char *user = context_first_user(c);
	int worst = 0;

	/* The default user's, where no others are named. */
	if (password && user && !get(chpasswd, "users") && !get(chpasswd, "list"))
		worst = set_one(c, user, password, is_hash(password), expires);
	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(chpasswd, "users")) worst =
		MIN(worst, set_entry(c, entry, expires));
	worst = MIN(worst,
	            set_list(c, cJSON_GetObjectItemCaseSensitive(chpasswd, "list"), expires));
	return MIN(worst, ssh_password_authentication(c));
}
