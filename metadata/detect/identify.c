// SPDX-License-Identifier: Apache-2.0
/* From a machine to the list of datasources to try. */
#include "metadata/detect/probes.h"

#include <fnmatch.h>

#define CLOUD_CFG   "etc/cloud/cloud.cfg"
#define CLOUD_CFG_D "etc/cloud/cloud.cfg.d"

void detection_done(struct detection *r)
{
	strv_free(r->list);
	strv_free(r->found);
	strv_free(r->maybe);
	free(r->reason);
	free(r->ec2_strict_id);
	*r = (struct detection){0};
}

/* ---- configuration, line by line ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Where the text behind "key:" starts; quotes and blanks may stand before the colon. NULL: another
 * line. */
static const char *behind_key(const char *line, const char *key)
{
	for (const char *p = strstr(line, key); p; p = strstr(p + 1, key)) {
		const char *q = p + strlen(key);

		while (*q == '"' || *q == '\'')
			q++;
		while (is_blank(*q))
			q++;
		if (*q == ':')
			return q + 1;
	}
	return NULL;
}

static int config_scan(const char *text, const char *key, char **value)
{
	auto_strv char **lines = NULL;
	int r = strv_split(text, "\n", &lines);

	if (r < 0)
		return r;
	STRV_FOREACH (l, lines) {
		auto_free char *copy = NULL;
		const char *rest;

		/* A comment hides the key, too. */
		copy = strndup(*l, strcspn(*l, "#"));
		if (!copy)
			return -ENOMEM;
		if (!behind_key(*l, key) || !*copy)
			continue;
		rest = strrchr(copy, ':');
		rest = rest ? rest + 1 : copy;
		free(*value);
		*value = strdup(rest);
		if (!*value)
			return -ENOMEM;
	}
	return 0;
}

static bool name_holds(const char *name, const char *part)
{
	return !part || strcasestr(name, part);
}

int config_line(const struct machine *m, const char *key, const char *only, char **ret)
{
	auto_strv char **names = NULL;
	auto_blob struct blob main_file = {0};
	auto_free char *value = NULL, *plain = NULL;
	int r = 0;

	if (tree_read(&m->root, CLOUD_CFG, METADATA_DOCUMENT_MAX, &main_file) >= 0)
		r = config_scan(main_file.data, key, &value);
	(void) tree_list(&m->root, CLOUD_CFG_D, &names);
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(CLOUD_CFG_D, *n);
		auto_blob struct blob b = {0};

		if (r < 0 || !path)
			return r < 0 ? r : -ENOMEM;
		if (str_ends_with(*n, ".cfg") && name_holds(*n, only) &&
		    tree_read(&m->root, path, METADATA_DOCUMENT_MAX, &b) >= 0)
			r = config_scan(b.data, key, &value);
	}
	if (r < 0)
		return r;
	if (!value)
		return -ENOENT;
	plain = strdup(str_strip(value));
	if (!plain)
		return -ENOMEM;
	*ret = TAKE_PTR(plain);
	return 0;
}

static char *unquote(char *s)
{
	size_t n = strlen(s);

	if (n >= 2 && (*s == '"' || *s == '\'') && s[n - 1] == *s) {
		s[n - 1] = '\0';
		s++;
	}
	return s;
}

int identify_config(const struct machine *m, const char *key, char **ret)
{
	auto_blob struct blob b = {0};
	auto_strv char **lines = NULL;
	int r = tree_read(&m->root, "etc/cloud/ds-identify.cfg", METADATA_DOCUMENT_MAX, &b);

	if (r >= 0)
		r = strv_split(b.data, "\n", &lines);
	if (r < 0)
		return r;
	STRV_FOREACH (l, lines) {
		char *colon;

		(*l)[strcspn(*l, "#")] = '\0';
		colon = strchr(*l, ':');
		if (!colon)
			continue;
		*colon = '\0';
		if (!streq(str_strip(*l), key))
			continue;
		return str_set(ret, unquote(str_strip(colon + 1)));
	}
	return -ENOENT;
}

char *cmdline_word(const struct machine *m, const char *key)
{
	auto_strv char **words = NULL;
	char *found = NULL;

	if (!m->cmdline || strv_split(m->cmdline, " \t\n", &words) < 0)
		return NULL;
	STRV_FOREACH (w, words) {
		const char *rest = str_after(*w, key);

		if (rest && *rest == '=') {
			free(found);
			found = strdup(rest + 1);
		}
	}
	return found;
}

/* ---- policy ---- */

void detect_policy_parse(const char *text, struct detect_policy *p, struct diag *d)
{
	int *const fields[] = {(int *) &p->mode, (int *) &p->found, (int *) &p->maybe,
	                       (int *) &p->notfound};
	/* clang-format off */
	static const struct {
		const char *word;
		unsigned field;
		int value;
	} words[] = {
		{ "search",   0, DETECT_MODE_SEARCH },	 { "enabled",	    0, DETECT_MODE_ENABLED },
		{ "disabled", 0, DETECT_MODE_DISABLED }, { "report",	    0, DETECT_MODE_REPORT },
		{ "found=all", 1, DETECT_FOUND_ALL },	 { "found=first",   1, DETECT_FOUND_FIRST },
		{ "maybe=none", 2, DETECT_MAYBE_NONE },	 { "maybe=all",	    2, DETECT_MAYBE_ALL },
		{ "notfound=disabled", 3, DETECT_NOTFOUND_DISABLED },
		{ "notfound=enabled",  3, DETECT_NOTFOUND_ENABLED },
	};
	/* clang-format on */
	auto_strv char **given = NULL;

	if (strv_split(text, ",", &given) < 0)
		return;
	STRV_FOREACH (g, given) {
		size_t i;

		for (i = 0; i < ELEMENTSOF(words); i++)
			if (streq(words[i].word, *g))
				break;
		if (i == ELEMENTSOF(words))
			diag_add(d, -EINVAL, DIAG_WARNING, "policy", 0,
			         "a word of the policy is not known and was ignored");
		else
			*fields[words[i].field] = words[i].value;
	}
}

/* ---- the list ---- */

/* "[ A, 'B' ]" or "A, B" */
static int list_parse(const char *text, char ***ret)
{
	auto_free char *copy = strdup(text);
	auto_strv char **items = NULL;
	char *p = copy;
	size_t n;
	int r;

	if (!copy)
		return -ENOMEM;
	p = str_strip(p);
	if (*p == '[')
		p++;
	n = strlen(p);
	if (n && p[n - 1] == ']')
		p[n - 1] = '\0';
	r = strv_split(p, ",", &items);
	STRV_FOREACH (i, items) {
		char *word = unquote(str_strip(*i));

		if (r >= 0 && *word)
			r = strv_append(ret, word);
	}
	return r;
}

/* cc:{'datasource_list': ['name']} */
static int list_of_cmdline(const char *line, char ***ret)
{
	const char *cc = line ? strstr(line, "cc:") : NULL, *last = NULL, *open;
	auto_free char *text = NULL;

	for (const char *p = cc ? strstr(cc, "datasource_list") : NULL; p;
	     p = strstr(p + 1, "datasource_list"))
		last = p;
	if (!last)
		return -ENOENT;
	text = strndup(last, strcspn(last, "]"));
	if (!text)
		return -ENOMEM;
	open = strrchr(text, '[');
	return list_parse(open ? open + 1 : text, ret);
}

static int list_read(const struct machine *m, char ***ret, bool *ret_given)
{
	auto_free char *value = NULL;
	int r = list_of_cmdline(m->cmdline, ret);

	if ((r >= 0 || r == -ENOENT) && !*ret &&
	    config_line(m, "datasource_list", NULL, &value) >= 0)
		r = list_parse(value, ret);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_given = *ret != NULL;
	r = 0;
	for (size_t i = 0; i < n_probes && !*ret_given && r >= 0; i++)
		r = strv_append(ret, probes[i].name);
	return r;
}

/* ---- all together ---- */

static int decide(struct detection *r, enum detect_verdict verdict, const char *reason)
{
	r->verdict = verdict;
	return str_set(&r->reason, reason);
}

bool detect_is_disabled(const struct machine *m)
{
	return tree_stat(&m->root, "etc/cloud/cloud-init.disabled") == 'f' ||
	       (m->cmdline && strstr(m->cmdline, "cloud-init=disabled"));
}

/* The list as it is handed on: "None" last, so that a machine without an answer still comes up. */
static int hand_on(struct detection *r, char *const *names, bool only_first)
{
	int e = 0;

	STRV_FOREACH (n, names) {
		if (e >= 0)
			e = strv_append(&r->list, *n);
		if (only_first)
			break;
	}
	if (e >= 0 && r->list && !strv_contains(r->list, "None"))
		e = strv_append(&r->list, "None");
	return e;
}

static char *pinned_name(const struct machine *m)
{
	static const char *const keys[] = {"ds", "ci.ds", "ci.datasource"};
	auto_strv char **words = NULL;
	char *name = NULL;

	(void) identify_config(m, "datasource", &name);
	if (!m->cmdline || strv_split(m->cmdline, " \t\n", &words) < 0)
		return name;
	STRV_FOREACH (w, words)
		for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
			const char *rest = str_after(*w, keys[i]);

			if (!rest || *rest != '=')
				continue;
			free(name);
			name = strndup(rest + 1, strcspn(rest + 1, ";"));
		}
	return name;
}

static void read_policy(const struct machine *m, struct detect_policy *p, struct diag *d)
{
	auto_free char *file = NULL, *line = cmdline_word(m, "ci.di.policy");

	if (!line)
		(void) identify_config(m, "policy", &file);
	if (line)
		line[strcspn(line, ";")] = '\0';
	if (line || file)
		detect_policy_parse(line ? line : file, p, d);
}

static char *strict_id(const struct machine *m)
{
	char *value = cmdline_word(m, "ci.datasource.ec2.strict_id");

	if (!value && config_line(m, "strict_id", "ec2", &value) < 0)
		(void) identify_config(m, "ci.datasource.ec2.strict_id", &value);
	return value;
}

static int ask_all(const struct machine *m, char **list, const char *strict, struct diag *d,
                   struct detection *ret)
{
	struct question q = {m, list, strict};
	int r = 0;

	STRV_FOREACH (name, list) {
		const struct probe *p = probe_find(*name);
		enum answer a;

		if (!p && !streq(*name, "None"))
			diag_add(d, -ENOENT, DIAG_WARNING, "datasource_list", 0,
			         "there is no datasource \"%s\"", *name);
		if (!p || (p->is_hosts_word && m->is_confidential))
			continue;
		a = p->ask(&q);
		if (a == ANSWER_FOUND)
			r = strv_append(&ret->found, *name);
		else if (a == ANSWER_MAYBE)
			r = strv_append(&ret->maybe, *name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int conclude(const struct detect_policy *p, const char *strict, struct detection *ret)
{
	int r = 0;

	ret->is_report = p->mode == DETECT_MODE_REPORT;
	if (ret->found) {
		r = hand_on(ret, ret->found, p->found == DETECT_FOUND_FIRST);
		return r < 0 ? r : decide(ret, DETECT_ENABLED, "the platform is known");
	}
	if (ret->maybe && p->maybe != DETECT_MAYBE_NONE) {
		if (strv_contains(ret->maybe, "Ec2"))
			ret->ec2_strict_id = strdup(strict);
		r = hand_on(ret, ret->maybe, false);
		return r < 0 ? r : decide(ret, DETECT_ENABLED, "a platform is possible");
	}
	ret->list = calloc(1, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	if (!ret->is_report && p->notfound == DETECT_NOTFOUND_DISABLED)
		return decide(ret, DETECT_NOT_FOUND, "no datasource is there");
	return decide(ret, DETECT_ENABLED, "no datasource is there; the policy goes on");
}

int detect_identify(const struct machine *m, const struct detect_policy *policy, struct diag *d,
                    struct detection *ret)
{
	struct detect_policy p = policy ? *policy : (struct detect_policy){0};
	auto_free char *name = NULL, *strict = NULL;
	auto_strv char **list = NULL;
	bool is_given;
	int r;

	*ret = (struct detection){0};
	if (detect_is_disabled(m))
		return decide(ret, DETECT_DISABLED, "a marker or the kernel line says so");
	read_policy(m, &p, d);
	if (p.mode == DETECT_MODE_DISABLED)
		return decide(ret, DETECT_NOT_FOUND, "the policy says so");
	if (p.mode == DETECT_MODE_ENABLED)
		return decide(ret, DETECT_ENABLED, "the policy says so");
	name = pinned_name(m);
	if (name && *name) {
		ret->is_pinned = true;
		ret->is_report = p.mode == DETECT_MODE_REPORT;
		r = hand_on(ret, (char *[]){name, NULL}, false);
		return r < 0 ? r : decide(ret, DETECT_ENABLED, "the datasource is given");
	}
	if (tree_stat(&m->root, "var/lib/cloud/instance/manual-clean") == 'f')
		return decide(ret, DETECT_ENABLED, "the image is cleaned by hand");
	r = list_read(m, &list, &is_given);
	if (r < 0)
		return r;
	if (strv_length(list) == 1 || (strv_length(list) == 2 && streq(list[1], "None"))) {
		ret->is_pinned = is_given;
		ret->is_report = p.mode == DETECT_MODE_REPORT;
		ret->list = TAKE_PTR(list);
		return decide(ret, DETECT_ENABLED, "the list has one datasource");
	}
	strict = strict_id(m);
	r = ask_all(m, list, strict, d, ret);
	return r < 0 ? r : conclude(&p, strict ? strict : "true", ret);
}
