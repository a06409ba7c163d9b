// SPDX-License-Identifier: Apache-2.0
/*
 * mounts, swap: lines of fstab. Ours bear the option "comment=cloudconfig", as cloud-init's do, and are written anew each
 * time; a device that the image's fstab knows is left to it.
 */
#include "metadata/modules/modules.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#define MARK            "comment=cloudconfig"
#define SWAP_FILE       "/swap.img"
#define SWAP_UUID       (1024 + 12) /* where mkswap's header has it */
#define COMMAND_TIMEOUT (60 * USEC_PER_SEC)

static const char *const default_fields[FSTAB_FIELDS] = {NULL, NULL, "auto", "defaults,nofail",
                                                         "0",  "2"};

/* Blanks in a field are written as fstab(5) says. */
static void add_field(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
			strbuf_printf(b, "\\%03o", (unsigned char) *s);
		else
			strbuf_add(b, s, 1);
	}
}

/* "sdb" of EC2 is the kernel's xvdb, sdb or an alias that udev knows; others are paths, UUID=, host:/path. */
char *context_device(const struct context *c, const char *name)
{
	const cJSON *aliases = cJSON_GetObjectItemCaseSensitive(c->config, "device_aliases"),
		    *map = cJSON_GetObjectItemCaseSensitive(c->instance->meta_data,
	                                                    "block-device-mapping");
	const char *mapped = json_string_or(aliases, name, json_string_or(map, name, NULL));
	auto_free char *path = NULL, *real = NULL;

	name = mapped ? mapped : name;
	if (strpbrk(name, "/:="))
		return strdup(name);
	path = str_printf("/dev/%s", name);
	real = path ? root_path(c, path) : NULL;
	if (real && access(real, F_OK) < 0 && str_after(name, "sd")) {
		auto_free char *xen = str_printf("/dev/xvd%s", name + 2),
			       *real_xen = xen ? root_path(c, xen) : NULL;

		if (real_xen && access(real_xen, F_OK) >= 0)
			return TAKE_PTR(xen);
	}
	/* ephemeral0 without a mapping: this machine has no such disk. */
	return real && access(real, F_OK) >= 0 ? TAKE_PTR(path) : NULL;
}

/* Names that a platform gives its disks. */
static bool is_platforms_name(const char *name)
{
	static const char *const names[] = {"ami", "root", "swap"};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(names[i], name))
			return true;
	return str_after(name, "ephemeral") || str_after(name, "ebs");
}

struct table {
	struct strbuf text;
	char **devices, **points; /* that are there already; to make */
	bool has_swap;
};

int fstab_line(char *const fields[FSTAB_FIELDS], char **ret)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	for (int i = 0; i < FSTAB_FIELDS; i++) {
		if (!*fields[i])
			return -EINVAL;
		if (i)
			strbuf_puts(&b, "\t");
		add_field(&b, fields[i]);
		if (i == 3)
			strbuf_puts(&b, "," MARK);
	}
	strbuf_puts(&b, "\n");
	return strbuf_take(&b, ret);
}

static int add_line(struct table *t, char *const fields[FSTAB_FIELDS])
{
	auto_free char *line = NULL;
	int r;

	if (strv_contains(t->devices, fields[0]))
		return 0;
	r = fstab_line(fields, &line);
	if (r < 0)
		return r;
	strbuf_puts(&t->text, line);
	if (streq(fields[2], "swap"))
		t->has_swap = true;
	else if (path_is_absolute(fields[1]) && strv_append(&t->points, fields[1]) < 0)
		return -ENOMEM;
	return strv_append(&t->devices, fields[0]);
}

int fstab_keep(const char *old, char **ret_text, char ***ret_devices)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	auto_strv char **lines = NULL, **devices = NULL;
	int r = strv_split(old, "\n", &lines);

	STRV_FOREACH (l, lines) {
		auto_strv char **words = NULL;

		if (strstr(*l, MARK))
			continue;
		strbuf_printf(&b, "%s\n", *l);
		if (r >= 0)
			r = strv_split(*l, " \t", &words);
		if (r >= 0 && words && *words && **words != '#')
			r = strv_append(&devices, words[0]);
	}
	strbuf_puts(&b, "");
	if (r >= 0)
		r = strbuf_take(&b, ret_text);
	if (r < 0)
		return r;
	*ret_devices = TAKE_PTR(devices);
	return 0;
}

static int read_fstab(const struct context *c, struct table *t)
{
	auto_free char *path = root_path(c, "etc/fstab"), *old = NULL, *kept = NULL;
	int r = path ? file_read(path, &old, NULL) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = fstab_keep(old, &kept, &t->devices);
	if (r >= 0)
		strbuf_puts(&t->text, kept);
	return r;
}

static char *field_text(const cJSON *v, const char *fallback)
{
	char *text = v && !cJSON_IsNull(v) ? scalar_text(v) : NULL;

	return text ? text : fallback ? strdup(fallback) : NULL;
}

static int add_entry(struct context *c, struct table *t, const cJSON *entry)
{
	const cJSON *defaults = cJSON_GetObjectItemCaseSensitive(c->config, "mount_default_fields");
	auto_free char *name = scalar_text(cJSON_GetArrayItem(entry, 0));
	char *fields[FSTAB_FIELDS] = {NULL};
	int r;

	if (!cJSON_IsArray(entry) || !name || cJSON_GetArraySize(entry) > FSTAB_FIELDS)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "mounts", 0,
		                "an entry is a list of up to six texts");
	/* Without a place it says that the device is not to be mounted. */
	if (cJSON_GetArraySize(entry) < 2 || cJSON_IsNull(cJSON_GetArrayItem(entry, 1)))
		return 0;
	fields[0] = context_device(c, name);
	if (!fields[0] && is_platforms_name(name))
		return diag_add(c->d, 0, DIAG_INFO, "mounts", 0, "there is no \"%s\"", name);
	/* "tmpfs", "overlay": a word for a file system that needs no device, or one that may come. */
	if (!fields[0])
		fields[0] = TAKE_PTR(name);
	for (int i = 1; i < FSTAB_FIELDS; i++) {
		auto_free char *fallback =
			field_text(cJSON_GetArrayItem(defaults, i), default_fields[i]);

		fields[i] = field_text(cJSON_GetArrayItem(entry, i), fallback);
	}
	r = fields[1] ? 0 : -EINVAL;
	for (int i = 0; i < FSTAB_FIELDS && r >= 0; i++)
		if (!fields[i])
			r = -ENOMEM;
	if (r >= 0) {
		r = add_line(t, fields);
		if (r == -EINVAL)
			diag_add(c->d, r, DIAG_ERROR, "mounts", 0, "\"%s\": a field is empty",
			         fields[0]);
	}
	for (int i = 0; i < FSTAB_FIELDS; i++)
		free(fields[i]);
	return r;
}

/* ---- swap ---- */

static uint64_t size_or(const cJSON *v, uint64_t fallback)
{
	auto_free char *text = v ? scalar_text(v) : NULL;
	uint64_t n;

	return text && size_parse(text, &n) >= 0 ? n : fallback;
}

int swap_file_make(const char *path, uint64_t size)
{
	/* mkswap's header: version, last page, in the first page; the signature at its end. */
	long page = sysconf(_SC_PAGESIZE);
	auto_free char *header = calloc(1, (size_t) page);
	auto_fd int fd = -EBADF;
	uint32_t info[3] = {1, (uint32_t) (size / (uint64_t) page - 1), 0};
	int r;

	if (!header)
		return -ENOMEM;
	size -= size % (uint64_t) page;
	if (size < 10 * (uint64_t) page)
		return -EINVAL;
	/* Its UUID, by which tools know it: a random one, of version 4, and no secret that the boot would wait for. */
	if (getrandom(header + SWAP_UUID, 16, GRND_INSECURE) != 16)
		return -EIO;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	memcpy(header + 1024, info, sizeof(info));
	header[SWAP_UUID + 6] = (char) ((header[SWAP_UUID + 6] & 0x0f) | 0x40);
	header[SWAP_UUID + 8] = (char) ((header[SWAP_UUID + 8] & 0x3f) | 0x80);
	memcpy(header + page - 10, "SWAPSPACE2", 10);
	/* A swap file has no holes: the kernel writes to its blocks and not through the file system. */
	r = -posix_fallocate(fd, 0, (off_t) size);
	if (r >= 0 && pwrite(fd, header, (size_t) page, 0) != page)
		r = -EIO;
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void) unlink(path);
	return r;
}

static int make_swap(struct context *c, struct table *t)
{
	const cJSON *swap = cJSON_GetObjectItemCaseSensitive(c->config, "swap"),
		    *size = cJSON_GetObjectItemCaseSensitive(swap, "size");
	const char *name = json_string_or(swap, "filename", SWAP_FILE);
	auto_free char *path = root_path(c, name), *folder = path ? path_dirname(path) : NULL;
	uint64_t bytes, most = size_or(cJSON_GetObjectItemCaseSensitive(swap, "maxsize"), 0);
	struct sysinfo info;
	struct statfs fs;
	int r;

	if (!swap || cJSON_IsNull(swap) || !size)
		return 0;
	if (!folder)
		return -ENOMEM;
	if (!path_is_absolute(name))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "swap", 0, "not an absolute file name");
	if (sysinfo(&info) < 0 || statfs(folder, &fs) < 0)
		return -errno;
	bytes = cJSON_IsString(size) && streq(size->valuestring, "auto")
	                ? swap_size_suggest((uint64_t) info.totalram * info.mem_unit,
	                                    (uint64_t) fs.f_bavail * (uint64_t) fs.f_bsize, most)
	                : size_or(size, 0);
	if (!bytes)
		return 0;
	r = access(path, F_OK) >= 0 ? 0 : swap_file_make(path, bytes);
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "swap cannot be made: %s",
		                strerror(-r));
	if (!*c->root && swapon(path, 0) < 0 && errno != EBUSY)
		diag_add(c->d, -errno, DIAG_ERROR, name, 0, "swap cannot be used: %s",
		         strerror(errno));
	return add_line(t, (char *[FSTAB_FIELDS]){(char *) (uintptr_t) name, (char[]){"none"},
	                                          (char[]){"swap"}, (char[]){"sw"}, (char[]){"0"},
	                                          (char[]){"0"}});
}

/* ---- all of it ---- */

static int finish(struct context *c, struct table *t)
{
	auto_free char *path = root_path(c, "etc/fstab"), *old = NULL, *text = NULL;
	int r = strbuf_take(&t->text, &text), worst = 0;

	if (r < 0 || !path)
		return r < 0 ? r : -ENOMEM;
	if (file_read(path, &old, NULL) >= 0 && streq(old, text))
		return 0;
	STRV_FOREACH (p, t->points) {
		auto_free char *folder = root_path(c, *p);

		r = folder ? mkdir_p(folder, 0755) : -ENOMEM;
		if (r < 0)
			worst = diag_add(c->d, r, DIAG_ERROR, *p, 0, "cannot be made: %s",
			                 strerror(-r));
	}
	r = mkdir_parents(path, 0755);
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), 0644, true);
	if (r < 0)
		return r;
	/* The rest of this boot knows them, too. */
	if (t->points)
		worst = MIN(worst, module_command(c, "mounts", COMMAND_TIMEOUT,
		                                  (const char *const[]){"mount", "-a", NULL}));
	if (t->has_swap)
		worst = MIN(worst, module_command(c, "mounts", COMMAND_TIMEOUT,
		                                  (const char *const[]){"swapon", "-a", NULL}));
	return worst;
}

int module_mounts(struct context *c)
{
	const cJSON *mounts = cJSON_GetObjectItemCaseSensitive(c->config, "mounts"), *it;
	struct table t = {.text = {.max = METADATA_DOCUMENT_MAX}};
	int r, worst = 0;

	if (!mounts && !cJSON_GetObjectItemCaseSensitive(c->config, "swap"))
		return 0;
	if (mounts && !cJSON_IsNull(mounts) && !cJSON_IsArray(mounts))
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "mounts", 0, "a list is expected");
	r = read_fstab(c, &t);
	cJSON_ArrayForEach(it, mounts) if (r >= 0) worst = MIN(worst, add_entry(c, &t, it));
	if (r >= 0)
		worst = MIN(worst, make_swap(c, &t));
	if (r >= 0)
		r = finish(c, &t);
	strbuf_done(&t.text);
	strv_free(t.devices);
	strv_free(t.points);
	return MIN(r, worst);
}
