// SPDX-License-Identifier: Apache-2.0
/* authorized_keys: one line's fields, and where sshd looks for the files. Pure. */
#include "metadata/modules/modules.h"

#include <ctype.h>

static bool is_key_type(const char *s, size_t n)
{
	static const char *const types[] = {
		"rsa",
		"ecdsa",
		"ed25519",
		"ecdsa-sha2-nistp256",
		"ecdsa-sha2-nistp384",
		"ecdsa-sha2-nistp521",
		"sk-ecdsa-sha2-nistp256@openssh.com",
		"sk-ssh-ed25519@openssh.com",
		"ssh-ed25519",
		"ssh-rsa",
		"ssh-xmss@openssh.com",
		"rsa-sha2-256",
		"rsa-sha2-512",
		"ssh-dss",
		"dsa",
		"ecdsa-sha2-nistp256-cert-v01@openssh.com",
		"ecdsa-sha2-nistp384-cert-v01@openssh.com",
		"ecdsa-sha2-nistp521-cert-v01@openssh.com",
		"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
		"sk-ssh-ed25519-cert-v01@openssh.com",
		"ssh-ed25519-cert-v01@openssh.com",
		"ssh-rsa-cert-v01@openssh.com",
		"ssh-xmss-cert-v01@openssh.com",
		"ssh-dss-cert-v01@openssh.com",
		"rsa-sha2-256-cert-v01@openssh.com",
		"rsa-sha2-512-cert-v01@openssh.com",
	};

	for (size_t i = 0; i < ELEMENTSOF(types); i++)
		if (strlen(types[i]) == n && !strncmp(types[i], s, n))
			return true;
	return false;
}

static size_t word_length(const char *s)
{
	return strcspn(s, " \t");
}

/* Type, key and comment; false if the text does not begin with a type. */
static bool parse_key(const char *s, cJSON *j)
{
	auto_free char *type = NULL, *base64 = NULL;
	size_t n = word_length(s);

	if (!is_key_type(s, n))
		return false;
	type = strndup(s, n);
	s += n + strspn(s + n, " \t");
	n = word_length(s);
	if (!n || !type)
		return false;
	base64 = strndup(s, n);
	s += n + strspn(s + n, " \t");
	if (!base64)
		return false;
	json_add_string(j, "keytype", type);
	json_add_string(j, "base64", base64);
	json_add_string(j, "comment", s);
	return true;
}

/* Options end at the first blank that stands in no quotes. */
static size_t options_length(const char *s)
{
	bool quoted = false;
	size_t i = 0;

	for (; s[i] && (quoted || (s[i] != ' ' && s[i] != '\t')); i++) {
		if (s[i] == '\\' && s[i + 1] == '"')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
	}
	return i;
}

int authorized_key_parse(const char *line, const char *instead, cJSON **ret)
{
	auto_json cJSON *j = cJSON_CreateObject();
	auto_free char *copy = strdup(line), *options = NULL;
	char *s, *rest;
	size_t n;

	if (!j || !copy)
		return -ENOMEM;
	copy[strcspn(copy, "\r\n")] = '\0';
	s = str_strip(copy);
	if (*s && *s != '#' && !parse_key(s, j)) {
		n = options_length(s);
		options = strndup(s, n);
		if (!options)
			return -ENOMEM;
		rest = s + n + strspn(s + n, " \t");
		if (parse_key(rest, j))
			json_add_string(j, "options", options);
	}
	if (instead && cJSON_GetObjectItemCaseSensitive(j, "keytype")) {
		cJSON_DeleteItemFromObjectCaseSensitive(j, "options");
		json_add_string(j, "options", instead);
	}
	*ret = TAKE_PTR(j);
	return 0;
}

/* What a line unlocks for, whatever its options and comment are; NULL: no key. */
static int key_of_line(const char *line, char **ret)
{
	auto_json cJSON *key = NULL;
	const char *base64;
	int r = authorized_key_parse(line, NULL, &key);

	if (r < 0)
		return r;
	base64 = json_string_or(key, "base64", NULL);
	*ret = base64 ? strdup(base64) : NULL;
	return base64 && !*ret ? -ENOMEM : 0;
}

struct new_key {
	const char *line;
	char *base64;
	bool is_there;
};

struct new_keys {
	struct new_key *items;
	size_t n;
};

static void new_keys_done(struct new_keys *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].base64);
	free(l->items);
}

static int new_keys_read(char *const *keys, struct new_keys *ret)
{
	ret->items = calloc(strv_length(keys) + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	STRV_FOREACH (k, keys) {
		char *line = str_strip(*k);
		bool known = false;
		int r;

		for (size_t i = 0; i < ret->n && !known; i++)
			known = streq(ret->items[i].line, line);
		if (known || !*line || strchr(line, '\n'))
			continue;
		r = key_of_line(line, &ret->items[ret->n].base64);
		if (r < 0)
			return r;
		ret->items[ret->n++].line = line;
	}
	return 0;
}

static void put_key(struct strbuf *b, struct new_key *k)
{
	strbuf_printf(b, "%s\n", k->line);
	k->is_there = true;
}

/* An old line stays, or makes place for the first new one of its key that has none yet. */
static int merge_line(struct strbuf *b, const char *line, struct new_keys *l)
{
	auto_free char *base64 = NULL;
	struct new_key *instead = NULL;
	bool is_replaced = false;
	int r = key_of_line(line, &base64);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l->n; i++) {
		struct new_key *k = &l->items[i];

		if (streq(k->line, line)) {
			instead = k->is_there ? NULL : k;
			is_replaced = true;
			break;
		}
		if (!base64 || !k->base64 || !streq(k->base64, base64))
			continue;
		is_replaced = true;
		if (!k->is_there && !instead)
			instead = k;
	}
	if (instead)
		put_key(b, instead);
	else if (!is_replaced)
		strbuf_printf(b, "%s\n", line);
	return 0;
}

int authorized_keys_merge(const char *old, char *const *keys, char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	__attribute__((cleanup(new_keys_done))) struct new_keys l = {0};
	int r = new_keys_read(keys, &l);

	for (const char *p = old; r >= 0 && *p;) {
		size_t n = strcspn(p, "\n");
		auto_free char *line = strndup(p, n);

		r = line ? merge_line(&b, line, &l) : -ENOMEM;
		p += n + (p[n] == '\n');
	}
	for (size_t i = 0; i < l.n && r >= 0; i++)
		if (!l.items[i].is_there)
			put_key(&b, &l.items[i]);
	strbuf_puts(&b, "");
	return r < 0 ? r : strbuf_take(&b, ret);
}

static int expand(const char *pattern, const char *home, const char *user, char **ret)
{
	auto_strbuf struct strbuf b = {0};
	auto_free char *path = NULL;
	int r;

	for (const char *p = pattern; *p; p++) {
		if (p[0] == '%' && (p[1] == 'h' || p[1] == 'u' || p[1] == '%')) {
			strbuf_puts(&b, p[1] == 'h' ? home : p[1] == 'u' ? user : "%");
			p++;
		} else {
			strbuf_add(&b, p, 1);
		}
	}
	strbuf_puts(&b, "");
	r = strbuf_take(&b, &path);
	if (r < 0)
		return r;
	*ret = path_is_absolute(path) ? TAKE_PTR(path) : path_join(home, path);
	return *ret ? 0 : -ENOMEM;
}

int authorized_keys_paths(const char *value, const char *home, const char *user, char ***ret)
{
	auto_strv char **words = NULL, **paths = NULL;
	int r = strv_split(*value ? value : "%h/.ssh/authorized_keys", " \t", &words);

	STRV_FOREACH (w, words) {
		char *path = NULL;

		if (r >= 0)
			r = expand(*w, home, user, &path);
		if (r >= 0)
			r = strv_append_consume(&paths, path);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(paths);
	return 0;
}
