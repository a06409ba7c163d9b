// SPDX-License-Identifier: Apache-2.0
/* fstab-read.c - the text of a table to entries. Reads as getmntent(3) does, which all other readers of the file use. */
#include "boot/fstab.h"

/* getmntent(3) ends lines there, and forgets what follows. */
#define LINE_MAX_BYTES 4095

static int octal(const char *s)
{
	int v = 0;

	for (int i = 0; i < 3; i++) {
		if (s[i] < '0' || s[i] > '7')
			return -1;
		v = v * 8 + (s[i] - '0');
	}
	return v;
}

/* Blanks, newline and backslash alone are written so; any other backslash is one. In place. */
static char *decode(char *field)
{
	static const char coded[] = " \t\n\\";
	char *to = field;

	for (const char *s = field; *s;) {
		int c = s[0] == '\\' ? octal(s + 1) : -1;

		if (c > 0 && c < 128 && strchr(coded, c)) {
			*to++ = (char) c;
			s += 4;
		} else if (s[0] == '\\' && s[1] == '\\') {
			*to++ = '\\';
			s += 2;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
	return field;
}

/* The next field of the line, "" at its end. */
static char *take_field(char **line)
{
	char *field = *line;
	size_t n = strcspn(field, " \t");

	*line = field + n;
	if (field[n]) {
		field[n] = 0;
		*line += 1 + strspn(field + n + 1, " \t");
	}
	return field;
}

/* How often to dump, which nobody asks for, and the pass of fsck; both may lack. What is no number ends them. */
static int pass_number(char *rest)
{
	char *end;
	long v;

	(void) strtol(rest, &end, 10);
	if (end == rest)
		return 0;
	rest = end;
	v = strtol(rest, &end, 10);
	return end == rest ? 0 : v != 0;
}

static int parse_line(char *line, unsigned number, fstab_fn fn, void *userdata)
{
	struct fstab_entry e = {.line = number};

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	e.what = decode(take_field(&line));
	e.where = decode(take_field(&line));
	e.type = decode(take_field(&line));
	e.options = decode(take_field(&line));
	e.passno = pass_number(line);
	return fn(&e, userdata);
}

int fstab_parse(char *text, size_t size, const char *path, fstab_fn fn, void *userdata,
                struct diag *d)
{
	unsigned number = 0;

	for (char *end; size > 0; text = end) {
		char *newline = memchr(text, '\n', size);
		size_t n = newline ? (size_t) (newline - text) : size;
		int r;

		end = text + n + (newline != NULL);
		size -= n + (newline != NULL);
		number++;
		text[n] = 0;
		if (strlen(text) < n) {
			(void) diag_add(d, -EBADMSG, DIAG_WARNING, path, number,
			                "A NUL byte in the line, ignoring it");
			continue;
		}
		if (n > LINE_MAX_BYTES) {
			(void) diag_add(d, -EFBIG, DIAG_WARNING, path, number,
			                "Line of more than %d bytes, the rest is ignored",
			                LINE_MAX_BYTES);
			text[LINE_MAX_BYTES] = 0;
		} else if (newline) {
			while (n > 0 && strchr(" \t", text[n - 1]))
				text[--n] = 0;
		}
		r = parse_line(text, number, fn, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}

int fstab_read(const char *path, fstab_fn fn, void *userdata)
{
	auto_free char *text = NULL;
	struct diag d = {0};
	size_t size;
	int r = file_read(path, &text, &size);

	if (r < 0)
		return r;
	r = fstab_parse(text, size, path, fn, userdata, &d);
	diag_log(&d, NULL);
	return r;
}

const char *fstab_path(void)
{
	const char *told = secure_getenv("SYSTEMD_FSTAB");

	return told ? told : "/etc/fstab";
}

/* ---- devices by name ---- */

/* Length of the character at @s if it is one of several bytes, of those that udev keeps as they are. */
static size_t wide_character(const char *s)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
		uint32_t c = (unsigned char) s[0];
		size_t n = i + 2;

		if ((c & forms[i].mask) != forms[i].lead)
			continue;
		c &= (unsigned char) ~forms[i].mask;
		for (size_t k = 1; k < n; k++) {
			if (((unsigned char) s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | ((unsigned char) s[k] & 0x3f);
		}
		if (c < forms[i].least || c > 0x10ffff || (c & 0xfffff800) == 0xd800 ||
		    (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
			return 0;
		return n;
	}
	return 0;
}

/* As udev names its links: what is neither in a list of harmless characters nor a character of several bytes is \xNN. */
static void put_udev_name(struct strbuf *b, const char *s)
{
	static const char harmless[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#+-.:=@_";

	while (*s) {
		size_t n = wide_character(s);

		if (n > 0 || strchr(harmless, *s))
			strbuf_add(b, s, n ? n : 1);
		else
			strbuf_printf(b, "\\x%02x", (unsigned char) *s);
		s += n ? n : 1;
	}
}

int fstab_device(const char *what, char **ret)
{
	static const struct {
		const char *tag, *folder;
	} tags[] = {{"LABEL=", "label"},
	            {"UUID=", "uuid"},
	            {"PARTUUID=", "partuuid"},
	            {"PARTLABEL=", "partlabel"}};

	for (size_t i = 0; i < ELEMENTSOF(tags); i++) {
		auto_strbuf struct strbuf b = {0};
		const char *value = str_after(what, tags[i].tag);
		auto_free char *bare = NULL;
		size_t n;

		if (!value)
			continue;
		n = strlen(value);
		bare = n >= 2 && strchr("\"'", value[0]) && value[n - 1] == value[0]
		               ? strndup(value + 1, n - 2)
		               : strdup(value);
		if (!bare)
			return -ENOMEM;
		strbuf_printf(&b, "/dev/disk/by-%s/", tags[i].folder);
		put_udev_name(&b, bare);
		return strbuf_take(&b, ret);
	}
	*ret = strdup(what);
	return *ret ? 0 : -ENOMEM;
}

bool mount_point_is_api(const char *where)
{
	static const char *const exact[] = {"/proc",
	                                    "/sys",
	                                    "/sys/kernel/security",
	                                    "/sys/fs/smackfs",
	                                    "/sys/fs/pstore",
	                                    "/sys/fs/bpf",
	                                    "/sys/firmware/efi/efivars",
	                                    "/dev",
	                                    "/dev/pts",
	                                    "/dev/shm",
	                                    "/run",
	                                    "/run/lock"};

	for (size_t i = 0; i < ELEMENTSOF(exact); i++)
		if (path_is(where, exact[i]))
			return true;
	return path_rest(where, "/sys/fs/cgroup") != NULL;
}
