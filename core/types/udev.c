// SPDX-License-Identifier: Apache-2.0
/*
 * udev's two texts, both stable interfaces of libudev: the packet that udevd multicasts after its
 * rules have run, and the database file that it keeps for each device. Pure: bytes in, struct out.
 */
#include "types/device.h"

#include <arpa/inet.h>

/* libudev's packet: host order but for magic and hashes, which are network order. */
struct udev_header {
	char prefix[8]; /* "libudev" */
	uint32_t magic;
	uint32_t header_size, properties_offset, properties_size;
	uint32_t subsystem_hash, devtype_hash, tag_bloom_high, tag_bloom_low;
};

void udev_device_done(struct udev_device *d)
{
	free(d->action);
	free(d->devpath);
	free(d->subsystem);
	free(d->sysname);
	free(d->devname);
	free(d->description);
	strv_free(d->links);
	strv_free(d->aliases);
	strv_free(d->wants);
	*d = (struct udev_device){0};
}

static int set_number(struct udev_device *d, unsigned *p, const char *value)
{
	uint32_t n;

	if (str_to_u32(value, &n) < 0)
		return -EBADMSG;
	*p = n;
	d->has_number = true;
	return 0;
}

static int set_dev_path(char **p, const char *value)
{
	char *copy;

	if (*value == '/') {
		copy = strdup(value);
	} else {
		copy = path_join("/dev", value);
	}
	if (!copy)
		return -ENOMEM;
	free(*p);
	*p = copy;
	return 0;
}

static int add_words(char ***list, const char *value)
{
	strv_free(*list);
	*list = NULL;
	return strv_split(value, " \t", list);
}

static bool has_tag(const char *tags, const char *tag)
{
	size_t n = strlen(tag);

	/* ":a:b:" */
	for (const char *p = tags; (p = strchr(p, ':')); p++)
		if (strncmp(p + 1, tag, n) == 0 && (p[n + 1] == ':' || p[n + 1] == 0))
			return true;
	return false;
}

static int set_property(struct udev_device *d, const char *key, const char *value)
{
	if (streq(key, "ACTION"))
		return str_set(&d->action, value);
	if (streq(key, "DEVPATH"))
		return str_set(&d->devpath, value);
	if (streq(key, "SUBSYSTEM"))
		return str_set(&d->subsystem, value);
	if (streq(key, "DEVNAME"))
		return set_dev_path(&d->devname, value);
	if (streq(key, "DEVLINKS"))
		return add_words(&d->links, value);
	if (streq(key, "SYSTEMD_ALIAS"))
		return add_words(&d->aliases, value);
	if (streq(key, "SYSTEMD_WANTS"))
		return add_words(&d->wants, value);
	if (streq(key, "MAJOR"))
		return set_number(d, &d->major, value);
	if (streq(key, "MINOR"))
		return set_number(d, &d->minor, value);
	if (streq(key, "SYSTEMD_READY"))
		d->is_ready = str_to_bool(value) != 0;
	else if (streq(key, "CURRENT_TAGS") || streq(key, "TAGS"))
		d->is_tagged = d->is_tagged || has_tag(value, "systemd");
	else if (streq(key, "ID_MODEL_FROM_DATABASE") ||
	         (streq(key, "ID_MODEL") && !d->description))
		return str_set(&d->description, value);
	return 0;
}

static int add_assignment(struct udev_device *d, const char *line, size_t size)
{
	auto_free char *copy = strndup(line, size);
	char *equals;

	if (!copy)
		return -ENOMEM;
	equals = strchr(copy, '=');
	if (!equals || equals == copy)
		return -EBADMSG;
	*equals = 0;
	return set_property(d, copy, equals + 1);
}

static int check_path(const struct udev_device *d)
{
	/* It becomes a path below /sys and a unit's name. */
	if (!d->devpath || *d->devpath != '/' || !path_is_normalized(d->devpath) || !d->subsystem ||
	    !d->action)
		return -EBADMSG;
	return 0;
}

int udev_message_parse(const void *data, size_t size, struct udev_device *ret)
{
	struct udev_device d = {.is_ready = true};
	struct udev_header h;
	const char *p, *end;
	unsigned n = 0;
	int r;

	if (size < sizeof(h) || size > UDEV_MESSAGE_MAX)
		return -EBADMSG;
	memcpy(&h, data, sizeof(h));
	if (memcmp(h.prefix, "libudev", 8) != 0 || ntohl(h.magic) != UDEV_MAGIC)
		return -EBADMSG;
	if (h.properties_offset < sizeof(h) || h.properties_offset >= size ||
	    h.properties_size > size - h.properties_offset)
		return -EBADMSG;
	p = (const char *) data + h.properties_offset;
	end = p + h.properties_size;
	while (p < end) {
		size_t l = strnlen(p, (size_t) (end - p));

		if (p + l == end || ++n > UDEV_PROPERTIES_MAX) {
			r = -EBADMSG; /* the last one has no end */
			goto fail;
		}
		r = l > 0 ? add_assignment(&d, p, l) : 0;
		if (r < 0)
			goto fail;
		p += l + 1;
	}
	r = check_path(&d);
	if (r < 0)
		goto fail;
	*ret = d;
	return 0;
fail:
	udev_device_done(&d);
	return r;
}

static int database_line(struct udev_device *d, const char *line, size_t size)
{
	auto_free char *value = NULL, *path = NULL;

	if (size < 3 || line[1] != ':')
		return 0;
	if (line[0] == 'E')
		return add_assignment(d, line + 2, size - 2) == -ENOMEM ? -ENOMEM : 0;
	if (line[0] != 'S' && line[0] != 'G' && line[0] != 'Q')
		return 0;
	value = strndup(line + 2, size - 2);
	if (!value)
		return -ENOMEM;
	if (line[0] == 'S') {
		path = path_join("/dev", value);
		return path ? strv_append(&d->links, path) : -ENOMEM;
	}
	d->is_tagged = d->is_tagged || streq(value, "systemd");
	return 0;
}

int udev_database_parse(const char *text, size_t size, struct udev_device *ret)
{
	struct udev_device d = {.is_ready = true};
	const char *end = text + size;
	unsigned n = 0;
	int r;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t l = (size_t) ((newline ? newline : end) - text);

		if (++n > UDEV_PROPERTIES_MAX * 2) {
			udev_device_done(&d);
			return -EBADMSG;
		}
		r = memchr(text, 0, l) ? 0 : database_line(&d, text, l);
		if (r < 0) {
			udev_device_done(&d);
			return r;
		}
		text += l + 1;
	}
	*ret = d;
	return 0;
}

static bool is_number(const char *s, char end)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n < 11 && s[n] == end;
}

bool udev_id_is_valid(const char *id)
{
	const char *colon;

	switch (*id) {
	case 'b':
	case 'c':
		colon = strchr(id, ':');
		return colon && is_number(id + 1, ':') && is_number(colon + 1, 0);
	case 'n':
		return is_number(id + 1, 0);
	case '+':
		colon = strchr(id, ':');
		return colon && colon > id + 1 && colon[1] && !strchr(id, '/') && strlen(id) < 256;
	default:
		return false;
	}
}
