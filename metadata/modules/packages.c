// SPDX-License-Identifier: Apache-2.0
/* apt, packages: sources and keys as files; the rest is the image's own package manager's. */
#include "metadata/modules/modules.h"

#include <stdio.h>

#define MANAGER_TIMEOUT (3600 * USEC_PER_SEC)
#define TOOL_TIMEOUT    (60 * USEC_PER_SEC)
#define WORDS_MAX       12

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* ---- managers ---- */

struct manager {
	const char *name, *program;
	const char *update[WORDS_MAX], *upgrade[WORDS_MAX], *install[WORDS_MAX];
	char version; /* between name and version */
};
/* clang-format off */
#define APT "apt-get", "--option=Dpkg::Options::=--force-confold", "--assume-yes", "--quiet"
static const struct manager managers[] = {
	{ "apt", "apt-get", { "apt-get", "--quiet", "update" }, { APT, "dist-upgrade" }, { APT, "install" }, '=' },
	{ "dnf", "dnf", { "dnf", "-y", "makecache" }, { "dnf", "-y", "upgrade" }, { "dnf", "-y", "install" }, '-' },
	{ "yum", "yum", { "yum", "-y", "makecache" }, { "yum", "-y", "upgrade" }, { "yum", "-y", "install" }, '-' },
	{ "zypper", "zypper", { "zypper", "--non-interactive", "refresh" }, { "zypper", "--non-interactive", "update" },
	  { "zypper", "--non-interactive", "install", "--auto-agree-with-licenses" }, '=' },
	{ "apk", "apk", { "apk", "update" }, { "apk", "upgrade" }, { "apk", "add" }, '=' },
};
/* clang-format on */

static const struct manager *manager_of(const struct context *c)
{
	for (size_t i = 0; i < ELEMENTSOF(managers); i++)
		if (module_has_program(c, managers[i].program))
			return &managers[i];
	return NULL;
}

/* A name is a word that is no option. */
static int add_package(struct context *c, const struct manager *m, char ***argv, const char *name,
                       const char *version)
{
	if (!*name || *name == '-' || strpbrk(name, " \t\n") ||
	    (version && strpbrk(version, " \t\n")))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "packages", 0,
		                "\"%s\" is not the name of a package", name);
	return version ? strv_append_consume(argv, str_printf("%s%c%s", name, m->version, version))
	               : strv_append(argv, name);
}

/* "vim", [vim, 2:9.0], {apt: [...]}; what is for another manager is not for this image. */
static int add_packages(struct context *c, const struct manager *m, const cJSON *list, char ***argv)
{
	const cJSON *it, *of;
	int worst = 0;

	cJSON_ArrayForEach(it, list)
	{
		const char *name = cJSON_IsString(it) ? it->valuestring : NULL;
		auto_free char *first = cJSON_IsArray(it) ? scalar_text(cJSON_GetArrayItem(it, 0))
		                                          : NULL,
			       *version = cJSON_IsArray(it) ? scalar_text(cJSON_GetArrayItem(it, 1))
		                                            : NULL;

		if (cJSON_GetArrayItem(it, 1) && !version)
			/* A list or a map names none. */
			worst = diag_add(c->d, -EINVAL, DIAG_ERROR, "packages", 0,
			                 "a version is a text or a number");
		else if (name || first)
			worst = MIN(worst, add_package(c, m, argv, name ? name : first, version));
		else if (cJSON_IsObject(it))
			cJSON_ArrayForEach(of, it)
			{
				if (streq(of->string, m->name))
					worst = MIN(worst, add_packages(c, m, of, argv));
				else
					worst = diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "packages",
					                 0, "this image's packages are not %s's",
					                 of->string);
			}
		else
			worst = diag_add(c->d, -EINVAL, DIAG_ERROR, "packages", 0,
			                 "an entry is neither a name nor [name, version]");
	}
	return worst;
}

static bool wants(const cJSON *config, const char *key, const char *old)
{
	return json_bool_or(config, key, json_bool_or(config, old, false));
}

static int run_manager(struct context *c, const char *const *argv)
{
	/* Nobody answers questions. */
	setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	return module_command(c, "packages", MANAGER_TIMEOUT, argv);
}

static int install(struct context *c, const struct manager *m, const cJSON *list)
{
	auto_strv char **argv = NULL;
	size_t fixed;
	int r = strv_extend(&argv, (char *const *) (uintptr_t) m->install), worst;

	if (r < 0)
		return r;
	fixed = strv_length(argv);
	worst = add_packages(c, m, list, &argv);
	return strv_length(argv) > fixed ? MIN(worst, run_manager(c, (const char *const *) argv))
	                                 : worst;
}

static int reboot_if_required(struct context *c)
{
	auto_free char *path = root_path(c, "run/reboot-required");

	if (!json_bool_or(c->config, "package_reboot_if_required", false) || !path ||
	    access(path, F_OK) < 0)
		return 0;
	return module_command(
		c, "packages", TOOL_TIMEOUT,
		(const char *const[]){"shutdown", "-r", "+1", "New packages need it", NULL});
}

int module_packages(struct context *c)
{
	const cJSON *list = get(c->config, "packages");
	bool update = wants(c->config, "package_update", "apt_update"),
	     upgrade = wants(c->config, "package_upgrade", "apt_upgrade");
	const struct manager *m = manager_of(c);
	int worst = 0;

	if (!update && !upgrade && !(list && list->child))
		return 0;
	if (!m)
		return diag_add(c->d, -ENOENT, DIAG_ERROR, "packages", 0,
		                "this image has no package manager that is known here");
	if (update || upgrade || list)
		worst = run_manager(c, m->update);
	if (upgrade)
		worst = MIN(worst, run_manager(c, m->upgrade));
	if (list && list->child)
		worst = MIN(worst, install(c, m, list));
	return MIN(worst, reboot_if_required(c));
}

/* ---- apt ---- */

struct words {
	const char *name, *value;
};

static int replace(const char *text, const struct words *words, size_t n, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	strbuf_puts(&b, "");
	while (*text) {
		const struct words *found = NULL;

		for (size_t i = 0; i < n && *text == '$'; i++)
			if (words[i].value && str_after(text + 1, words[i].name))
				found = &words[i];
		if (found) {
			strbuf_puts(&b, found->value);
			text += 1 + strlen(found->name);
		} else {
			strbuf_add(&b, text++, 1);
		}
	}
	return strbuf_take(&b, ret);
}

/* VERSION_CODENAME of os-release. */
static char *release_name(const struct context *c)
{
	auto_free char *path = root_path(c, "etc/os-release"), *text = NULL;
	auto_strv char **lines = NULL;

	if (!path || file_read(path, &text, NULL) < 0 || strv_split(text, "\n", &lines) < 0)
		return NULL;
	STRV_FOREACH (l, lines) {
		const char *v = str_after(*l, "VERSION_CODENAME=");

		if (v)
			return strndup(v + (*v == '"'), strcspn(v + (*v == '"'), "\""));
	}
	return NULL;
}

static const char *mirror(const cJSON *apt, const char *kind, const char *fallback)
{
	const cJSON *first = cJSON_GetArrayItem(get(apt, kind), 0);

	return json_string_or(first, "uri", fallback);
}

/* The key in a file of its own, which the source's line may name. */
static int write_key(struct context *c, const char *name, const cJSON *source, char **ret)
{
	const char *key = json_string_or(source, "key", NULL);
	auto_free char *file = str_printf("/etc/apt/cloud-init.gpg.d/%s.asc", name);
	int r;

	if (!key)
		return get(source, "keyid")
		               ? diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "apt", 0,
		                          "%s: \"keyid\" needs a key server, which is not asked: "
		                          "give \"key\"",
		                          name)
		               : 0;
	/* Without a name in the line it is trusted for all sources, as in cloud-init. */
	if (!strstr(json_string_or(source, "source", ""), "$KEY_FILE")) {
		free(file);
		file = str_printf("/etc/apt/trusted.gpg.d/%s.asc", name);
	}
	r = file ? module_write(c, file, key, 0644) : -ENOMEM;
	if (r >= 0)
		*ret = TAKE_PTR(file);
	return r;
}

static int apt_source(struct context *c, const cJSON *apt, const cJSON *source, const char *release)
{
	const char *line = json_string_or(source, "source", NULL),
		   *name = json_string_or(source, "filename", source->string);
	auto_free char *key = NULL, *text = NULL, *file = NULL, *full = NULL;
	int r;

	if (strchr(name, '\n') || strstr(name, ".."))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "apt", 0, "not a file name");
	r = write_key(c, path_basename(source->string), source, &key);
	if (r < 0 || !line)
		return r;
	if (str_after(line, "ppa:"))
		return module_command(
			c, "apt", TOOL_TIMEOUT,
			(const char *const[]){"add-apt-repository", "--no-update", line, NULL});
	const struct words words[] = {
		{"MIRROR", mirror(apt, "primary", "http://deb.debian.org/debian")},
		{"PRIMARY", mirror(apt, "primary", "http://deb.debian.org/debian")},
		{"SECURITY", mirror(apt, "security", "http://deb.debian.org/debian-security")},
		{"RELEASE", release},
		{"KEY_FILE", key},
	};
	r = replace(line, words, ELEMENTSOF(words), &text);
	file = *name == '/' ? strdup(name) : path_join("/etc/apt/sources.list.d", name);
	if (r >= 0 && file && !str_ends_with(file, ".list")) {
		full = str_printf("%s.list", file);
		free(file);
		file = TAKE_PTR(full);
	}
	full = text ? str_printf("%s\n", text) : NULL;
	return r < 0 || !file || !full ? -ENOMEM : module_write(c, file, full, 0644);
}

static int apt_sources_list(struct context *c, const cJSON *apt, const char *release)
{
	const char *text = json_string_or(apt, "sources_list", NULL);
	const struct words words[] = {
		{"MIRROR", mirror(apt, "primary", "http://deb.debian.org/debian")},
		{"PRIMARY", mirror(apt, "primary", "http://deb.debian.org/debian")},
		{"SECURITY", mirror(apt, "security", "http://deb.debian.org/debian-security")},
		{"RELEASE", release},
	};
	auto_free char *out = NULL;
	int r;

	if (json_bool_or(apt, "preserve_sources_list", false))
		return 0;
	if (!text)
		return get(apt, "primary") || get(apt, "security") || get(apt, "disable_suites")
		               ? diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "apt", 0,
		                          "mirrors and suites are put into \"sources_list\" alone: "
		                          "the "
		                          "image's own lists are not rewritten")
		               : 0;
	r = replace(text, words, ELEMENTSOF(words), &out);
	return r < 0 ? r
	             : module_write(c,
	                            strstr(out, "Types:")
	                                    ? "etc/apt/sources.list.d/cloud-init.sources"
	                                    : "etc/apt/sources.list",
	                            out, 0644);
}

static int apt_proxies(struct context *c, const cJSON *apt)
{
	static const struct words rows[] = {{"proxy", "http"},
	                                    {"http_proxy", "http"},
	                                    {"https_proxy", "https"},
	                                    {"ftp_proxy", "ftp"}};
	auto_strbuf struct strbuf b = {0};
	auto_free char *text = NULL;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const char *v = json_string_or(apt, rows[i].name, NULL);

		if (v && !strpbrk(v, "\"\n"))
			strbuf_printf(&b, "Acquire::%s::Proxy \"%s\";\n", rows[i].value, v);
	}
	if (!b.size)
		return 0;
	r = strbuf_take(&b, &text);
	/* It may hold a password. */
	return r < 0 ? r : module_write(c, "etc/apt/apt.conf.d/90cloud-init-aptproxy", text, 0600);
}

static int apt_debconf(struct context *c, const cJSON *apt)
{
	const cJSON *it;
	int worst = 0;

	cJSON_ArrayForEach(it, get(apt, "debconf_selections"))
	{
		auto_free char *text =
			cJSON_IsString(it) ? str_printf("%s\n", it->valuestring) : NULL;

		if (text)
			worst = MIN(worst,
			            module_command_input(
					    c, "apt", TOOL_TIMEOUT, text,
					    (const char *const[]){"debconf-set-selections", NULL}));
	}
	return worst;
}

int module_apt(struct context *c)
{
	const cJSON *apt = get(c->config, "apt"), *pipelining = get(c->config, "apt_pipelining"),
		    *it;
	const char *conf = json_string_or(apt, "conf", NULL);
	auto_free char *release = release_name(c), *depth = scalar_text(pipelining), *line = NULL;
	int worst = 0;

	if (cJSON_IsFalse(pipelining) || depth) {
		line = str_printf("Acquire::http::Pipeline-Depth \"%s\";\n",
		                  depth && !streq(depth, "none") ? depth : "0");
		worst = line && !(depth && streq(depth, "os"))
		                ? module_write(c, "etc/apt/apt.conf.d/90cloud-init-pipelining",
		                               line, 0644)
		                : 0;
	}
	if (!apt)
		return worst;
	if (conf)
		worst = module_write(c, "etc/apt/apt.conf.d/94cloud-init-config", conf, 0644);
	worst = MIN(worst, apt_proxies(c, apt));
	worst = MIN(worst, apt_debconf(c, apt));
	worst = MIN(worst, apt_sources_list(c, apt, release));
	cJSON_ArrayForEach(it, get(apt, "sources")) worst =
		MIN(worst, apt_source(c, apt, it, release));
	/* So that commands of the user find what is in them. */
	if (get(apt, "sources") && get(apt, "sources")->child && module_has_program(c, "apt-get"))
		worst = MIN(worst, module_command(c, "apt", MANAGER_TIMEOUT,
		                                  (const char *const[]){"apt-get", "--quiet",
		                                                        "update", NULL}));
	return worst;
}
