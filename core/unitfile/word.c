// SPDX-License-Identifier: Apache-2.0
#include "unitfile/word.h"

#define UNICODE_MAX 0x10FFFFU

struct simple_escape {
	char letter, byte;
};
static const struct simple_escape simple_escapes[] = {
	{'a', '\a'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'},  {'r', '\r'},  {'t', '\t'},
	{'v', '\v'}, {'s', ' '},  {'"', '"'},  {'\'', '\''}, {'\\', '\\'},
};

static int digit_of(char c, unsigned base)
{
	int v = c >= '0' && c <= '9'   ? c - '0'
	        : c >= 'a' && c <= 'f' ? c - 'a' + 10
	        : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                               : 99;

	return v < (int) base ? v : -1;
}

static size_t utf8_put(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char) c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char) (0xc0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char) (0xe0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3f));
		out[2] = (char) (0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char) (0xf0 | c >> 18);
	out[1] = (char) (0x80 | (c >> 12 & 0x3f));
	out[2] = (char) (0x80 | (c >> 6 & 0x3f));
	out[3] = (char) (0x80 | (c & 0x3f));
	return 4;
}

static int numeric_escape(const char *p, size_t n_digits, unsigned base, uint32_t *ret)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n_digits; i++) {
		int d = digit_of(p[i], base);

		if (d < 0)
			return -EINVAL;
		v = v * base + (uint32_t) d;
	}
	/* A NUL would cut the string. */
	if (v == 0)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* One escape, @p behind its backslash: bytes used of p, its bytes in out[*ret_n]; -EINVAL. */
static int escape_one(const char *p, char out[4], size_t *ret_n)
{
	uint32_t v;

	for (size_t i = 0; i < ELEMENTSOF(simple_escapes); i++) {
		if (*p == simple_escapes[i].letter) {
			out[0] = simple_escapes[i].byte;
			*ret_n = 1;
			return 1;
		}
	}
	if (*p == 'x') {
		if (numeric_escape(p + 1, 2, 16, &v) < 0)
			return -EINVAL;
		out[0] = (char) v;
		*ret_n = 1;
		return 3;
	}
	if (*p == 'u' || *p == 'U') {
		size_t n = *p == 'u' ? 4 : 8;

		/* Of what is no character, the long form takes nothing; the short one does, but for halves of surrogates. */
		if (numeric_escape(p + 1, n, 16, &v) < 0 || v > UNICODE_MAX ||
		    (v >= 0xd800 && v <= 0xdfff) ||
		    (n == 8 && ((v >= 0xfdd0 && v <= 0xfdef) || (v & 0xfffe) == 0xfffe)))
			return -EINVAL;
		*ret_n = utf8_put(out, v);
		return (int) n + 1;
	}
	if (*p >= '0' && *p <= '7') {
		if (numeric_escape(p, 3, 8, &v) < 0 || v > 255)
			return -EINVAL;
		out[0] = (char) v;
		*ret_n = 1;
		return 3;
	}
	return -EINVAL;
}

/* Takes the escape at *p (behind the backslash) into *t. */
static int take_escape(const char **p, const char *separators, char **t, unsigned flags)
{
	char out[4];
	size_t n = 0;
	int used;

	if (flags & WORD_CUNESCAPE) {
		used = escape_one(*p, out, &n);
		if (used > 0) {
			memcpy(*t, out, n);
			*t += n;
			*p += used;
			return 0;
		}
		if (!(flags & WORD_UNESCAPE_SEPARATORS) || !strchr(separators, **p)) {
			if (!(flags & WORD_CUNESCAPE_RELAX))
				return -EINVAL;
			*(*t)++ = '\\';
		}
	}
	*(*t)++ = *(*p)++;
	return 0;
}

/* Rest of a word: stops behind the separator that ends it, or at the NUL. */
static int take_word(const char **p, const char *separators, unsigned flags, char **t)
{
	char quote = 0;

	for (;;) {
		char c = **p;

		if (!c) {
			if (quote && !(flags & WORD_RELAX))
				return -EINVAL;
			return 0;
		}
		if (c == '\\' && !(flags & WORD_RETAIN_ESCAPE)) {
			(*p)++;
			if (!**p) {
				/* A lone backslash at the end of the text. */
				if ((flags & WORD_CUNESCAPE_RELAX) ||
				    (flags & WORD_RELAX && !(flags & WORD_CUNESCAPE))) {
					*(*t)++ = '\\';
					continue;
				}
				return -EINVAL;
			}
			if (take_escape(p, separators, t, flags) < 0)
				return -EINVAL;
			continue;
		}
		(*p)++;
		if (quote) {
			if (c == quote)
				quote = 0;
			else
				*(*t)++ = c;
		} else if ((flags & WORD_UNQUOTE) && (c == '"' || c == '\'')) {
			quote = c;
		} else if (strchr(separators, c)) {
			return 1;
		} else {
			*(*t)++ = c;
		}
	}
}

/* An upper bound of the word's size, so that many words on a long line cost no more than the line. */
static size_t word_extent(const char *s, const char *separators, unsigned flags)
{
	size_t i = 0;
	char quote = 0;

	for (; s[i]; i++) {
		if (s[i] == '\\' && !(flags & WORD_RETAIN_ESCAPE)) {
			if (!s[i + 1])
				break;
			i++;
		} else if (quote) {
			if (s[i] == quote)
				quote = 0;
		} else if ((flags & WORD_UNQUOTE) && (s[i] == '"' || s[i] == '\'')) {
			quote = s[i];
		} else if (strchr(separators, s[i])) {
			break;
		}
	}
	return i;
}

int word_next(const char **p, const char *separators, unsigned flags, char **ret)
{
	auto_free char *word = NULL;
	const char *s = *p;
	char *t;
	int r;

	if (!separators)
		separators = WHITESPACE;
	if (!s)
		return 0;
	if (!(flags & WORD_KEEP_EMPTY)) {
		s += strspn(s, separators);
		if (!*s) {
			*p = NULL;
			return 0;
		}
	}
	/* An escape never yields more bytes than it takes; a lone backslash at the end stays. */
	word = t = malloc(word_extent(s, separators, flags) + 2);
	if (!word)
		return -ENOMEM;
	r = take_word(&s, separators, flags, &t);
	if (r < 0)
		return r;
	*t = 0;
	if (!(flags & WORD_KEEP_EMPTY)) {
		s += strspn(s, separators);
		*p = *s ? s : NULL;
	} else {
		*p = r > 0 ? s : NULL;
	}
	*ret = TAKE_PTR(word);
	return 1;
}

int word_next_relaxed(const char **p, unsigned flags, char **ret)
{
	const char *before = *p;
	int r = word_next(p, NULL, flags | WORD_UNQUOTE | WORD_CUNESCAPE, ret);

	if (r != -EINVAL)
		return r;
	*p = before;
	r = word_next(p, NULL, flags | WORD_UNQUOTE | WORD_CUNESCAPE | WORD_CUNESCAPE_RELAX, ret);
	return r == 1 ? 2 : r;
}

int word_split(const char *s, const char *separators, unsigned flags, char ***ret)
{
	auto_strv char **words = NULL;
	size_t n = 0, allocated = 0;

	for (;;) {
		char *word;
		int r = word_next(&s, separators, flags, &word);

		if (r < 0)
			return r;
		if (r == 0)
			break;
		if (n + 1 >= allocated) {
			char **grown = reallocarray(words, allocated * 2 + 8, sizeof(*words));

			if (!grown) {
				free(word);
				return -ENOMEM;
			}
			words = grown;
			allocated = allocated * 2 + 8;
		}
		words[n++] = word;
		words[n] = NULL;
	}
	*ret = TAKE_PTR(words);
	return 0;
}

int c_unescape(const char *s, char **ret)
{
	auto_free char *r = malloc(strlen(s) + 1);
	char *t = r;

	if (!r)
		return -ENOMEM;
	while (*s) {
		if (*s != '\\') {
			*t++ = *s++;
			continue;
		}
		s++;
		if (!*s || take_escape(&s, "", &t, WORD_CUNESCAPE) < 0)
			return -EINVAL;
	}
	*t = 0;
	*ret = TAKE_PTR(r);
	return 0;
}

int colon_join(char *const *parts, char **ret)
{
	auto_strbuf struct strbuf b = {0};

	STRV_FOREACH (part, parts) {
		if (part != parts)
			strbuf_puts(&b, ":");
		for (const char *s = *part; *s; s++) {
			if (*s == ':' || *s == '\\')
				strbuf_puts(&b, "\\");
			strbuf_add(&b, s, 1);
		}
	}
	return strbuf_take(&b, ret);
}

int colon_split(const char *s, char ***ret)
{
	return word_split(s, ":", WORD_KEEP_EMPTY, ret);
}
