// SPDX-License-Identifier: Apache-2.0
/* ssh, ssh_import_id, ssh_authkey_fingerprints, keys_to_console: the machine's own keys, and those that open it. */
#include "metadata/modules/host-key.h"
#include "metadata/modules/modules.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#define KEYGEN_TIMEOUT                                                                             \
	(300 * USEC_PER_SEC) /* of a kind that ssh-keygen makes; RSA, on a small machine */
#define RELOAD_TIMEOUT (30 * USEC_PER_SEC)
#define IMPORT_TIMEOUT (120 * USEC_PER_SEC)
#define FOLDER         "etc/ssh"

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* ---- host keys ---- */

/* An image's keys are known to everybody who has the image. */
static int delete_host_keys(const struct context *c)
{
	auto_free char *folder = root_path(c, FOLDER);
	auto_strv char **names = NULL;
	int r = folder ? dir_list(folder, &names) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	STRV_FOREACH (n, names) {
		auto_free char *path = NULL;

		if (!str_after(*n, "ssh_host_") || !strstr(*n, "key"))
			continue;
		path = path_join(folder, *n);
		if (!path || (unlink(path) < 0 && errno != ENOENT))
			return path ? -errno : -ENOMEM;
	}
	return r;
}

static bool is_key_kind(const char *s, size_t n)
{
	static const char *const kinds[] = {"rsa", "dsa", "ecdsa", "ed25519"};

	for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
		if (strlen(kinds[i]) == n && !strncmp(kinds[i], s, n))
			return true;
	return false;
}

/* "rsa_private", "rsa_public", "rsa_certificate". */
static int write_host_key(struct context *c, const cJSON *entry)
{
	static const struct {
		const char *part, *suffix;
		mode_t mode;
	} parts[] = {{"private", "", 0600},
	             {"public", ".pub", 0644},
	             {"certificate", "-cert.pub", 0600}};
	size_t n = strcspn(entry->string, "_");
	auto_free char *text =
		cJSON_IsString(entry)
			? str_printf("%s%s", entry->valuestring,
	                             str_ends_with(entry->valuestring, "\n") ? "" : "\n")
			: NULL;

	for (size_t i = 0; text && entry->string[n] && i < ELEMENTSOF(parts); i++) {
		auto_free char *name = NULL, *line = NULL;
		int r;

		if (!is_key_kind(entry->string, n) || !streq(entry->string + n + 1, parts[i].part))
			continue;
		name = str_printf("/" FOLDER "/ssh_host_%.*s_key%s", (int) n, entry->string,
		                  parts[i].suffix);
		r = name ? module_write(c, name, text, parts[i].mode) : -ENOMEM;
		if (r < 0 || !streq(parts[i].part, "certificate"))
			return r;
		line = str_printf("HostCertificate %s\n", name);
		return line ? module_write(c, FOLDER "/sshd_config.d/50-host-certificate.conf",
		                           line, 0600)
		            : -ENOMEM;
	}
	return diag_add(c->d, -EINVAL, DIAG_ERROR, "ssh_keys", 0, "\"%s\" is no kind of key",
	                entry->string);
}

/* Looking for primes takes seconds on a small machine; sshd works with any one key. */
static bool is_slow_kind(const char *kind)
{
	return streq(kind, "rsa") || streq(kind, "dsa");
}

/* A kind that is no kind is said; one whose key is there is not to be made. */
static int is_to_make(struct context *c, const char *kind)
{
	auto_free char *name = str_printf(FOLDER "/ssh_host_%s_key", kind),
		       *path = name ? root_path(c, name) : NULL;

	if (!path)
		return -ENOMEM;
	if (!is_key_kind(kind, strlen(kind)))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "ssh_genkeytypes", 0,
		                "\"%s\" is no kind of key", kind);
	return access(path, F_OK) < 0;
}

static int generate_here(struct context *c, enum host_key_kind kind, const char *name)
{
	auto_free char *path = root_path(c, name);
	int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

	if (r >= 0)
		r = host_key_create(kind, c->random ? c->random : host_key_random, path);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, "ssh", 0, "%s cannot be made: %s", name,
	                        strerror(-r))
	             : 0;
}

/* A kind that sshd does not have any more is its image's matter. */
static int generate_by_program(struct context *c, const char *kind, const char *name)
{
	return module_command(
		c, "ssh", KEYGEN_TIMEOUT,
		(const char *const[]){"ssh-keygen", "-q", "-t", kind, "-N", "", "-f", name, NULL});
}

static int generate_kind(struct context *c, const char *kind)
{
	auto_free char *name = str_printf("/" FOLDER "/ssh_host_%s_key", kind);
	enum host_key_kind ours = host_key_kind_from_string(kind);

	if (!name)
		return -ENOMEM;
	return ours >= 0 ? generate_here(c, ours, name) : generate_by_program(c, kind, name);
}

/* What the config gives is not made. @slow: those of a slow kind, else the others; all where there are no others. */
static int generate_host_keys(struct context *c, bool slow, bool *ret_made)
{
	auto_strv char **kinds = NULL, **wanted = NULL;
	bool has_quick = false;
	int r = json_get_strv(c->config, "ssh_genkeytypes", &kinds), worst = 0;

	if (r == -ENOENT)
		r = strv_split("ed25519 ecdsa rsa", " ", &kinds);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "ssh_genkeytypes", 0, "a list is expected");
	STRV_FOREACH (k, kinds)
		has_quick |= !is_slow_kind(*k);
	STRV_FOREACH (k, kinds) {
		if (is_slow_kind(*k) != slow && (slow || has_quick))
			continue;
		r = strv_contains(wanted, *k) ? 0 : is_to_make(c, *k);
		if (r > 0)
			r = strv_append(&wanted, *k);
		worst = MIN(worst, r);
	}
	/* One may fail, and the others are there. */
	STRV_FOREACH (k, wanted) {
		r = generate_kind(c, *k);
		*ret_made |= r >= 0;
		worst = MIN(worst, r);
	}
	return worst;
}

static bool are_keys_wanted(const struct context *c)
{
	const cJSON *given = get(c->config, "ssh_keys");

	return (!given || !given->child) && module_has_program(c, "sshd");
}

int module_ssh_host_keys(struct context *c)
{
	const cJSON *given = get(c->config, "ssh_keys"), *it;
	bool made = false;
	int r = 0, worst = 0;

	if (!module_has_program(c, "sshd") && !given)
		return 0; /* nobody would use them */
	if (json_bool_or(c->config, "ssh_deletekeys", true))
		r = delete_host_keys(c);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "ssh", 0, "old host keys stay: %s",
		                strerror(-r));
	cJSON_ArrayForEach(it, given) worst = MIN(worst, write_host_key(c, it));
	if (are_keys_wanted(c))
		worst = generate_host_keys(c, false, &made);
	return worst;
}

/* Two stages may want them at a time, and the second finds those of the first. */
static int lock_slow_keys(const struct context *c)
{
	auto_free char *path = path_join(c->state, "host-keys.lock");
	auto_fd int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -ENOMEM;
	usec_t end = usec_add(now(CLOCK_BOOTTIME), KEYGEN_TIMEOUT);
	static const struct timespec pause = {.tv_nsec = 100000000};

	if (fd < 0)
		return path ? -errno : -ENOMEM;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (now(CLOCK_BOOTTIME) >= end)
			return -ETIMEDOUT;
		(void) clock_nanosleep(CLOCK_BOOTTIME, 0, &pause, NULL);
	}
	return TAKE_FD(fd);
}

/* sshd has started without them, and is told: it reads its keys when it starts. So is who reads the console. */
int module_ssh_slow_host_keys(struct context *c)
{
	auto_fd int lock = -EBADF;
	bool made = false;
	int r;

	if (!are_keys_wanted(c))
		return 0;
	lock = lock_slow_keys(c);
	if (lock < 0)
		return diag_add(c->d, lock, DIAG_ERROR, "ssh", 0, "host keys cannot be made: %s",
		                strerror(-lock));
	r = generate_host_keys(c, true, &made);
	if (made && !*c->root && module_has_program(c, "systemctl"))
		r = MIN(r, module_command(c, "ssh", RELOAD_TIMEOUT,
		                          (const char *const[]){"systemctl", "--no-block",
		                                                "try-reload-or-restart",
		                                                "ssh.service", NULL}));
	if (made)
		(void) module_keys_to_console(c);
	return r;
}

/* ---- keys that open it ---- */

static void add_public_keys(const cJSON *v, char ***keys)
{
	auto_strv char **list = NULL;

	if (v && public_keys_of(v, &list) >= 0)
		(void) strv_extend(keys, list);
}

/* What an account says to who has a key: the name to come under. */
static char *way_to(const char *user, const char *from)
{
	return str_printf("no-port-forwarding,no-agent-forwarding,no-X11-forwarding,"
	                  "command=\"echo 'Please login as the user \\\"%s\\\" rather than "
	                  "the user \\\"%s\\\".';echo;sleep 10;exit 142\"",
	                  user ? user : "NONE", from);
}

static char *root_options(const struct context *c, const char *user)
{
	const char *own = json_string_or(c->config, "disable_root_opts", NULL), *rest;
	auto_strbuf struct strbuf b = {0};
	char *text = NULL;

	if (!own)
		return way_to(user, "root");
	for (; *own; own++) {
		if ((rest = str_after(own, "$USER"))) {
			strbuf_puts(&b, user ? user : "NONE");
			own = rest - 1;
		} else if ((rest = str_after(own, "$DISABLE_USER"))) {
			strbuf_puts(&b, "root");
			own = rest - 1;
		} else {
			strbuf_add(&b, own, 1);
		}
	}
	return strbuf_take(&b, &text) < 0 ? NULL : text;
}

static int give_keys(struct context *c, const char *user, char *const *keys)
{
	struct account a;
	int r;

	if (account_find(c, user, &a) < 0)
		return 0;
	free(a.home);
	r = authorized_keys_add(c, user, keys);
	/* Without a home there is nowhere to add keys to later. */
	if (r == -ENOENT && !keys)
		return 0;
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, user, 0, "authorized_keys: %s", strerror(-r))
	             : 0;
}

static int give_keys_with_options(struct context *c, const char *user, const char *options,
                                  char *const *keys)
{
	auto_strv char **lines = NULL;

	STRV_FOREACH (k, keys) {
		auto_json cJSON *key = NULL;
		int r;

		if (authorized_key_parse(*k, options, &key) < 0 || !get(key, "keytype"))
			continue;
		r = strv_append_consume(&lines, str_printf("%s %s %s %s", options,
		                                           json_string_or(key, "keytype", ""),
		                                           json_string_or(key, "base64", ""),
		                                           json_string_or(key, "comment", "")));
		if (r < 0)
			return r;
	}
	return give_keys(c, user, lines);
}

/* ssh_redirect_user: the platform's keys, which say to come as the default user. */
static int redirect_users(struct context *c, const char *to, char *const *keys)
{
	auto_json cJSON *normal = NULL;
	const cJSON *it;
	int worst = 0;

	if (!to || context_users(c, &normal) < 0)
		return 0;
	cJSON_ArrayForEach(it, get(normal, "users"))
	{
		const cJSON *v = get(it, "ssh_redirect_user");
		auto_free char *options = NULL;

		if (!cJSON_IsTrue(v) && !(cJSON_IsString(v) && streq(v->valuestring, "default")))
			continue;
		options = way_to(to, it->string);
		worst = MIN(worst, options ? give_keys_with_options(c, it->string, options, keys)
		                           : -ENOMEM);
	}
	return worst;
}

int module_ssh(struct context *c)
{
	auto_strv char **keys = NULL, **own = NULL;
	auto_free char *user = context_first_user(c), *options = NULL;
	int r = 0;

	add_public_keys(get(c->config, "ssh_authorized_keys"), &keys);
	if (json_bool_or(c->config, "allow_public_ssh_keys", true) &&
	    instance_public_keys(c->instance, &own) >= 0)
		(void) strv_extend(&keys, own);
	/* Without any key the file is made all the same: others add theirs to it. */
	if (user)
		r = give_keys(c, user, keys);
	r = MIN(r, redirect_users(c, user, own));
	if (!json_bool_or(c->config, "disable_root", true))
		return MIN(r, give_keys(c, "root", keys));
	options = root_options(c, user);
	return MIN(r, options ? give_keys_with_options(c, "root", options, keys) : -ENOMEM);
}

/* ---- keys of public accounts ---- */

static int import_ids(struct context *c, const char *user, const cJSON *ids)
{
	auto_strv char **argv = NULL;
	const cJSON *it;
	int r = strv_split("runuser -u", " ", &argv);

	if (r >= 0)
		r = strv_append(&argv, user);
	if (r >= 0)
		r = strv_append(&argv, "--");
	if (r >= 0)
		r = strv_append(&argv, "ssh-import-id");
	if (cJSON_IsString(ids) && r >= 0)
		r = strv_append(&argv, ids->valuestring);
	cJSON_ArrayForEach(it, ids) if (r >= 0) r = cJSON_IsString(it) && *it->valuestring != '-'
	                                                    ? strv_append(&argv, it->valuestring)
	                                                    : -EINVAL;
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "ssh_import_id", 0,
		                "a list of ids is expected");
	return module_command(c, "ssh_import_id", IMPORT_TIMEOUT, (const char *const *) argv);
}

int module_ssh_import_id(struct context *c)
{
	const cJSON *common = get(c->config, "ssh_import_id"), *it;
	auto_json cJSON *normal = NULL;
	auto_free char *user = context_first_user(c);
	int worst = 0;

	if (common && user)
		worst = import_ids(c, user, common);
	if (context_users(c, &normal) < 0)
		return worst;
	cJSON_ArrayForEach(it, get(normal, "users"))
	{
		const cJSON *ids = get(it, "ssh_import_id");

		if (ids && json_bool_or(it, "no_create_home", false))
			worst = diag_add(c->d, -EINVAL, DIAG_ERROR, "ssh_import_id", 0,
			                 "%s has no home for keys", it->string);
		else if (ids)
			worst = MIN(worst, import_ids(c, it->string, ids));
	}
	return worst;
}

/* ---- for who looks at the console ---- */

static int to_console(const struct context *c, const char *text)
{
	auto_free char *path = root_path(c, "dev/console");
	auto_fd int fd = path ? open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -ENOMEM;

	/* A machine without a console has nobody to read it. */
	if (fd >= 0)
		(void) fd_write_all(fd, text, strlen(text));
	return 0;
}

/* The home is somebody else's: no link is followed, and nothing waited for. */
static int read_keys(const char *path, char **ret)
{
	auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? file_read_fd(fd, METADATA_DOCUMENT_MAX, ret, NULL) : -EINVAL;
}

int module_authkey_fingerprints(struct context *c)
{
	auto_json cJSON *normal = NULL;
	const cJSON *it;

	if (json_bool_or(c->config, "no_ssh_fingerprints", false) || context_users(c, &normal) < 0)
		return 0;
	cJSON_ArrayForEach(it, get(normal, "users"))
	{
		auto_free char *file = NULL, *path = NULL, *keys = NULL, *out = NULL, *text = NULL;
		struct account a;

		if (account_find(c, it->string, &a) < 0)
			continue;
		file = path_join(a.home, ".ssh/authorized_keys");
		free(a.home);
		path = file ? root_path(c, file) : NULL;
		if (!path || read_keys(path, &keys) < 0 || keys_fingerprints(keys, &out) < 0 ||
		    !*out)
			continue;
		text = str_printf("ci-info: keys of %s:\n%s", it->string, out);
		if (text)
			(void) to_console(c, text);
	}
	return 0;
}

/* The marks are what tools that read serial consoles of clouds look for. */
int module_keys_to_console(struct context *c)
{
	const cJSON *ssh = get(c->config, "ssh");
	auto_free char *folder = root_path(c, FOLDER), *text = NULL;
	auto_strbuf struct strbuf prints = {0}, keys = {0}, all = {0};
	auto_strv char **names = NULL;

	if (!json_bool_or(ssh, "emit_keys_to_console", true) || !folder ||
	    dir_list(folder, &names) < 0)
		return 0;
	STRV_FOREACH (n, names) {
		auto_free char *file = path_join("/" FOLDER, *n),
			       *path = file ? root_path(c, file) : NULL, *out = NULL, *key = NULL;

		if (!str_after(*n, "ssh_host_") || !str_ends_with(*n, "_key.pub") || !path)
			continue;
		if (file_read(path, &key, NULL) < 0)
			continue;
		strbuf_puts(&keys, key);
		if (keys_fingerprints(key, &out) >= 0)
			strbuf_puts(&prints, out);
	}
	if (!keys.size)
		return 0;
	strbuf_printf(
		&all,
		"-----BEGIN SSH HOST KEY FINGERPRINTS-----\n%s-----END SSH HOST KEY "
		"FINGERPRINTS-----\n-----BEGIN SSH HOST KEY KEYS-----\n%s-----END SSH HOST KEY "
		"KEYS-----\n",
		prints.data ? prints.data : "", keys.data);
	return strbuf_take(&all, &text) < 0 ? -ENOMEM : to_console(c, text);
}
