// SPDX-License-Identifier: Apache-2.0
/* specifier.c - "%" in values: systemd.unit(5) "Specifiers". The manager is the system's: %u, %h and so on are root's. */
#include "unitfile/unitfile.h"
#include "unitfile/name.h"

#include <ctype.h>

#define EXPANDED_MAX (1024U * 1024)

struct specifier_input {
	const struct unit_context *c;
	const char *name, *fragment_path;
};
typedef int (*specifier_fn)(const struct specifier_input *in, size_t offset, char **ret);

static int copy(const char *s, char **ret)
{
	*ret = strdup(s ? s : "");
	return *ret ? 0 : -ENOMEM;
}

/* A string of the context; what the system does not say is empty. */
static int from_context(const struct specifier_input *in, size_t offset, char **ret)
{
	return copy(*(const char *const *) (const void *) ((const char *) in->c + offset), ret);
}

/* ... but for ids, which must not be empty. */
static int from_context_strict(const struct specifier_input *in, size_t offset, char **ret)
{
	const char *s = *(const char *const *) (const void *) ((const char *) in->c + offset);

	return s ? copy(s, ret) : -EUNATCH;
}

static int short_hostname(const struct specifier_input *in, size_t offset, char **ret)
{
	const char *s = in->c->hostname ? in->c->hostname : "";

	(void) offset;
	*ret = strndup(s, strcspn(s, "."));
	return *ret ? 0 : -ENOMEM;
}

static int unit_name(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	return copy(in->name, ret);
}

static int name_without_suffix(const struct specifier_input *in, size_t offset, char **ret)
{
	const char *dot = strrchr(in->name, '.');

	(void) offset;
	*ret = dot ? strndup(in->name, (size_t) (dot - in->name)) : strdup(in->name);
	return *ret ? 0 : -ENOMEM;
}

static int prefix(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	return unit_name_prefix(in->name, ret);
}

static int instance(const struct specifier_input *in, size_t offset, char **ret)
{
	int r = unit_name_instance(in->name, ret);

	(void) offset;
	return r < 0 ? r : *ret ? 0 : copy("", ret);
}

static int last_of_prefix(const struct specifier_input *in, size_t offset, char **ret)
{
	auto_free char *p = NULL;
	const char *dash;
	int r = unit_name_prefix(in->name, &p);

	(void) offset;
	if (r < 0)
		return r;
	dash = strrchr(p, '-');
	return copy(dash ? dash + 1 : p, ret);
}

static int unescaped(specifier_fn fn, const struct specifier_input *in, char **ret)
{
	auto_free char *s = NULL;
	int r = fn(in, 0, &s);

	return r < 0 ? r : unit_name_unescape(s, ret);
}

static int prefix_unescaped(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	return unescaped(prefix, in, ret);
}

static int instance_unescaped(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	return unescaped(instance, in, ret);
}

static int last_of_prefix_unescaped(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	return unescaped(last_of_prefix, in, ret);
}

/* The instance as a path, or else the prefix as one. */
static int file_name(const struct specifier_input *in, size_t offset, char **ret)
{
	auto_free char *s = NULL;
	int r = unit_name_instance(in->name, &s);

	(void) offset;
	if (r >= 0 && !s)
		r = unit_name_prefix(in->name, &s);
	return r < 0 ? r : unit_name_path_unescape(s, ret);
}

static int fragment(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	return copy(in->fragment_path, ret);
}

static int fragment_dir(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	if (!in->fragment_path)
		return copy("", ret);
	*ret = path_dirname(in->fragment_path);
	return *ret ? 0 : -ENOMEM;
}

static int credentials_dir(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) offset;
	*ret = str_printf("%s/credentials/%s", in->c->runtime_dir ? in->c->runtime_dir : "/run",
	                  in->name);
	return *ret ? 0 : -ENOMEM;
}

static int root_name(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) in;
	(void) offset;
	return copy("root", ret);
}

static int root_id(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) in;
	(void) offset;
	return copy("0", ret);
}

static int root_home(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) in;
	(void) offset;
	return copy("/root", ret);
}

static int root_shell(const struct specifier_input *in, size_t offset, char **ret)
{
	(void) in;
	(void) offset;
	return copy("/bin/sh", ret);
}

struct specifier {
	specifier_fn fn;
	size_t offset;
};
#define CONTEXT(field)                                                                             \
	{                                                                                          \
		from_context, offsetof(struct unit_context, field)                                 \
	}
#define CONTEXT_STRICT(field)                                                                      \
	{                                                                                          \
		from_context_strict, offsetof(struct unit_context, field)                          \
	}
/* clang-format off */
static const struct specifier specifiers[128] = {
	['a'] = CONTEXT(architecture), ['A'] = CONTEXT(os_image_version), ['b'] = CONTEXT_STRICT(boot_id), ['B'] = CONTEXT(os_build_id),
	['C'] = CONTEXT(cache_dir), ['d'] = { credentials_dir, 0 }, ['E'] = CONTEXT(config_dir), ['f'] = { file_name, 0 },
	['g'] = { root_name, 0 }, ['G'] = { root_id, 0 }, ['h'] = { root_home, 0 }, ['H'] = CONTEXT(hostname),
	['i'] = { instance, 0 }, ['I'] = { instance_unescaped, 0 }, ['j'] = { last_of_prefix, 0 },
	['J'] = { last_of_prefix_unescaped, 0 }, ['l'] = { short_hostname, 0 }, ['L'] = CONTEXT(log_dir),
	['m'] = CONTEXT_STRICT(machine_id), ['M'] = CONTEXT(os_image_id), ['n'] = { unit_name, 0 }, ['N'] = { name_without_suffix, 0 },
	['o'] = CONTEXT(os_id), ['p'] = { prefix, 0 }, ['P'] = { prefix_unescaped, 0 }, ['s'] = { root_shell, 0 },
	['S'] = CONTEXT(state_dir), ['t'] = CONTEXT(runtime_dir), ['T'] = CONTEXT(tmp_dir), ['u'] = { root_name, 0 },
	['U'] = { root_id, 0 }, ['v'] = CONTEXT(kernel_release), ['V'] = CONTEXT(var_tmp_dir), ['w'] = CONTEXT(os_version_id),
	['W'] = CONTEXT(os_variant_id), ['y'] = { fragment, 0 }, ['Y'] = { fragment_dir, 0 },
};
/* clang-format on */

static int expand_one(const struct specifier_input *in, unsigned char letter, struct strbuf *b)
{
	const struct specifier *s = letter < ELEMENTSOF(specifiers) ? &specifiers[letter] : NULL;
	auto_free char *value = NULL;
	int r;

	/* Letters and digits are kept for specifiers to come; anything else stands for itself. */
	if ((!s || !s->fn) && isalnum(letter))
		return -EBADSLT;
	if (!s || !s->fn) {
		strbuf_add(b, (const char[]){'%', (char) letter}, letter == '%' ? 1 : 2);
		return 0;
	}
	r = s->fn(in, s->offset, &value);
	if (r >= 0)
		strbuf_puts(b, value);
	return r;
}

int specifier_expand(const struct unit_context *c, const char *name, const char *fragment_path,
                     const char *text, char **ret)
{
	const struct specifier_input in = {c, name, fragment_path};
	auto_strbuf struct strbuf b = {.max = EXPANDED_MAX};

	/* Nearly every value has none. */
	if (!strchr(text, '%'))
		return copy(text, ret);
	for (;;) {
		size_t n = strcspn(text, "%");
		int r;

		strbuf_add(&b, text, n);
		text += n;
		if (!*text)
			break;
		if (!text[1]) {
			strbuf_puts(&b, "%");
			break;
		}
		r = expand_one(&in, (unsigned char) text[1], &b);
		if (r < 0)
			return r;
		text += 2;
	}
	return strbuf_take(&b, ret);
}
