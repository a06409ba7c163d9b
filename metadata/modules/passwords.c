// SPDX-License-Identifier: Apache-2.0
/* password, chpasswd, ssh_pwauth; and what a user's entry says of his password. */
#include "metadata/modules/modules.h"

#include <fcntl.h>
#include <sys/random.h>

#define PROGRAM_TIMEOUT (60 * USEC_PER_SEC)
#define RANDOM_LENGTH   20

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

/* "!" before the hash, unless the user is meant to log in with a password. */
int password_apply(struct context *c, const cJSON *user, const char *name, bool created)
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
		r = run(c, argv, name, line);
		explicit_bzero(line, strlen(line));
		if (r < 0)
			return r;
	}
	if (lock && created && (hashed || plain)) {
		auto_strv char **argv = NULL;

		strv_append(&argv, "usermod");
		strv_append(&argv, "--lock");
		strv_append(&argv, name);
		return run(c, argv, name, NULL);
	}
	return r;
}

static int change(struct context *c, const char *name, const char *password, bool hashed)
{
	auto_json cJSON *user = cJSON_CreateObject();

	if (!user)
		return -ENOMEM;
	cJSON_AddStringToObject(user, hashed ? "hashed_passwd" : "plain_text_passwd", password);
	cJSON_AddFalseToObject(user, "lock_passwd");
	return password_apply(c, user, name, true);
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
	auto_strv char **argv = NULL;
	int r = 0;

	if (!hashed && is_random(password)) {
		r = make_random(c, name, random);
		password = random;
	}
	if (r >= 0)
		r = change(c, name, password, hashed);
	explicit_bzero(random, sizeof(random));
	/* Whose hash is given has set it himself. */
	if (r < 0 || !expires || hashed)
		return r;
	r = strv_split("chage -d 0", " ", &argv);
	if (r >= 0)
		r = strv_append(&argv, name);
	return r < 0 ? r : run(c, argv, name, NULL);
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

	if (password && user)
		worst = set_one(c, user, password, is_hash(password), expires);
	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(chpasswd, "users")) worst =
		MIN(worst, set_entry(c, entry, expires));
	worst = MIN(worst,
	            set_list(c, cJSON_GetObjectItemCaseSensitive(chpasswd, "list"), expires));
	return MIN(worst, ssh_password_authentication(c));
}
