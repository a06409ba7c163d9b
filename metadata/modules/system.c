// SPDX-License-Identifier: Apache-2.0
/* locale, timezone, keyboard, seed_random, resolv_conf, disable_ec2_metadata: small files of the machine as a whole. */
#include "metadata/modules/modules.h"
#include "metadata/network/network.h"

#include <linux/random.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define PROGRAM_TIMEOUT (300 * USEC_PER_SEC) /* locale-gen on a slow machine */
#define SEED_MAX        4096

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* A value that goes between quotes of a shell's file. */
static bool is_safe(const char *s)
{
	for (; *s; s++)
		if ((unsigned char) *s < ' ' || strchr("\"'\\$`", *s))
			return false;
	return true;
}

/* ---- locale ---- */

static bool has_locale(const struct context *c, const char *locale)
{
	auto_free char *path = root_path(c, "usr/lib/locale/locale-archive"),
		       *folder = str_printf("usr/lib/locale/%s", locale),
		       *full = folder ? root_path(c, folder) : NULL;

	/* The C locales are part of libc. */
	if (streq(locale, "C") || streq(locale, "POSIX") || !strncasecmp(locale, "C.utf", 5))
		return true;
	(void) path;
	return full && access(full, F_OK) >= 0;
}

static int generate_locale(struct context *c, const char *locale)
{
	const char *charset = strchr(locale, '.');
	auto_free char *path = root_path(c, "etc/locale.gen"), *old = NULL, *text = NULL,
		       *line = str_printf("%s %s\n", locale, charset ? charset + 1 : "ISO-8859-1");

	if (!path || !line)
		return -ENOMEM;
	if (!module_has_program(c, "locale-gen"))
		return 0; /* the image has all its locales, or none can be made */
	if (file_read(path, &old, NULL) < 0 || !strstr(old, line) ||
	    (strstr(old, line) != old && strstr(old, line)[-1] != '\n')) {
		int r;

		text = str_printf("%s%s", old ? old : "", line);
		r = text ? module_write(c, "etc/locale.gen", text, 0644) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return module_command(c, "locale", PROGRAM_TIMEOUT,
	                      (const char *const[]){"locale-gen", NULL});
}

int module_locale(struct context *c)
{
	const cJSON *v = get(c->config, "locale");
	const char *locale = cJSON_IsString(v) ? v->valuestring : NULL,
		   *file = json_string_or(c->config, "locale_configfile", "/etc/default/locale");
	auto_free char *text = NULL;
	int r;

	if (!v || cJSON_IsFalse(v))
		return 0;
	if (!locale || !*locale || !is_safe(locale) || strpbrk(locale, " /") ||
	    !path_is_absolute(file))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "locale", 0, "not the name of a locale");
	text = str_printf("LANG=\"%s\"\n", locale);
	r = text ? module_write(c, file, text, 0644) : -ENOMEM;
	return r >= 0 && !has_locale(c, locale) ? generate_locale(c, locale) : r;
}

/* ---- time zone ---- */

int module_timezone(struct context *c)
{
	const char *zone = json_string_or(c->config, "timezone", NULL);
	auto_free char *file = NULL, *full = NULL, *link = root_path(c, "etc/localtime"),
		       *line = NULL;
	int r;

	if (!zone || !*zone)
		return 0;
	file = str_printf("/usr/share/zoneinfo/%s", zone);
	full = file ? root_path(c, file) : NULL;
	if (!full || !link)
		return -ENOMEM;
	if (!path_is_normalized(file) || access(full, R_OK) < 0)
		return diag_add(c->d, -ENOENT, DIAG_ERROR, "timezone", 0,
		                "the image knows no zone \"%s\"", zone);
	r = mkdir_parents(link, 0755);
	if (r >= 0)
		r = symlink_atomic(file, link);
	line = str_printf("%s\n", zone);
	if (r >= 0)
		r = line ? module_write(c, "etc/timezone", line, 0644) : -ENOMEM;
	return r;
}

/* ---- keyboard ---- */

int module_keyboard(struct context *c)
{
	static const struct {
		const char *key, *name, *fallback;
	} rows[] = {{"model", "XKBMODEL", "pc105"},
	            {"layout", "XKBLAYOUT", NULL},
	            {"variant", "XKBVARIANT", ""},
	            {"options", "XKBOPTIONS", ""}};
	const cJSON *keyboard = get(c->config, "keyboard");
	auto_strbuf struct strbuf b = {0};
	auto_free char *text = NULL;
	int r;

	if (!keyboard)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const char *v = json_string_or(keyboard, rows[i].key, rows[i].fallback);

		if (!v || !is_safe(v))
			return diag_add(c->d, -EINVAL, DIAG_ERROR, "keyboard", 0,
			                "\"%s\" is missing or not plain", rows[i].key);
		strbuf_printf(&b, "%s=\"%s\"\n", rows[i].name, v);
	}
	strbuf_puts(&b, "BACKSPACE=\"guess\"\n");
	r = strbuf_take(&b, &text);
	if (r >= 0)
		r = module_write(c, "etc/default/keyboard", text, 0644);
	if (r >= 0 && module_has_program(c, "setupcon"))
		r = module_command(c, "keyboard", PROGRAM_TIMEOUT,
		                   (const char *const[]){"setupcon", "-k", "--save-only", NULL});
	return r;
}

/* ---- random seed ---- */

/* Into the pool, without a claim of how much it is worth. */
static int add_entropy(const char *path, const struct blob *b)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	return fd < 0    ? -errno
	       : b->size ? fd_write_all(fd, b->data, MIN(b->size, (size_t) SEED_MAX))
	                 : 0;
}

int module_seed_random(struct context *c)
{
	const cJSON *seed = get(c->config, "random_seed");
	auto_free char *path = root_path(c, json_string_or(seed, "file", "/dev/urandom"));
	const char *platform = json_string_or(c->instance->meta_data, "random_seed", NULL);
	auto_blob struct blob own = {0}, theirs = {0};
	auto_strv char **command = NULL;
	int r = path ? content_decode(get(seed, "data"), json_string_or(seed, "encoding", "raw"),
	                              &own)
	             : -ENOMEM;

	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "random_seed", 0,
		                "the data is not what its encoding says");
	if (platform && base64_decode(platform, strlen(platform), &theirs) < 0)
		(void) blob_set(&theirs, platform, strlen(platform));
	if (!own.size && !theirs.size && !get(seed, "command"))
		return 0;
	r = mkdir_parents(path, 0755);
	if (r >= 0)
		r = add_entropy(path, &own);
	if (r >= 0)
		r = add_entropy(path, &theirs);
	if (r >= 0 && json_get_strv(seed, "command", &command) >= 0 && command)
		r = module_command(c, "random_seed", PROGRAM_TIMEOUT,
		                   (const char *const *) command);
	return r;
}

/* ---- resolv.conf ---- */

int module_resolv_conf(struct context *c)
{
	const cJSON *v = get(c->config, "resolv_conf"), *options = get(v, "options"), *it;
	auto_strbuf struct strbuf b = {0};
	auto_strv char **servers = NULL, **domains = NULL, **sort = NULL;
	const char *domain = json_string_or(v, "domain", NULL);
	auto_free char *text = NULL, *search = NULL, *sorted = NULL;
	int r;

	if (!json_bool_or(c->config, "manage_resolv_conf", false) || !v)
		return 0;
	(void) json_get_strv(v, "nameservers", &servers);
	(void) json_get_strv(v, "searchdomains", &domains);
	(void) json_get_strv(v, "sortlist", &sort);
	STRV_FOREACH (s, servers)
		strbuf_printf(&b, "nameserver %s\n", *s);
	if (domain)
		strbuf_printf(&b, "domain %s\n", domain);
	search = strv_join(domains, " ");
	sorted = strv_join(sort, " ");
	if (search && *search)
		strbuf_printf(&b, "search %s\n", search);
	if (sorted && *sorted)
		strbuf_printf(&b, "sortlist %s\n", sorted);
	/* {rotate: true, timeout: 1} */
	cJSON_ArrayForEach(it, options)
	{
		auto_free char *value = cJSON_IsBool(it) ? NULL : scalar_text(it);

		if (cJSON_IsTrue(it))
			strbuf_printf(&b, "options %s\n", it->string);
		else if (value)
			strbuf_printf(&b, "options %s:%s\n", it->string, value);
	}
	strbuf_puts(&b, "");
	r = strbuf_take(&b, &text);
	return r < 0 ? r : module_write(c, "etc/resolv.conf", text, 0644);
}

/* ---- EC2's metadata out of reach ---- */

int module_disable_ec2_metadata(struct context *c)
{
	if (!json_bool_or(c->config, "disable_ec2_metadata", false))
		return 0;
	return module_command(c, "disable_ec2_metadata", PROGRAM_TIMEOUT,
	                      (const char *const[]){"ip", "route", "replace", "prohibit",
	                                            "169.254.169.254", NULL});
}
