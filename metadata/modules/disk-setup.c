// SPDX-License-Identifier: Apache-2.0
/*
 * disk_setup, fs_setup: partition tables by sfdisk and file systems by mkfs, on disks that are empty. A disk that holds
 * something is left alone unless "overwrite" is said: libblkid looks first.
 */
#include "metadata/modules/modules.h"

#include <blkid/blkid.h>
#include <ctype.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define TOOL_TIMEOUT   (600 * USEC_PER_SEC)
#define PARTITIONS_MAX 128
#define MIB            (1ULL << 20)

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* ---- what a device holds ---- */

struct content {
	char type[32], label[64]; /* of a file system; "" none */
	bool has_table;
};

static void copy_value(blkid_probe pr, const char *name, char *ret, size_t size)
{
	const char *v = NULL;

	*ret = '\0';
	if (blkid_probe_lookup_value(pr, name, &v, NULL) == 0 && v)
		snprintf(ret, size, "%s", v);
}

static int content_of(const char *path, struct content *ret)
{
	blkid_probe pr = blkid_new_probe_from_filename(path);
	struct content k = {.type = ""};

	if (!pr)
		return -errno;
	blkid_probe_enable_superblocks(pr, true);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
	blkid_probe_enable_partitions(pr, true);
	if (blkid_do_safeprobe(pr) == 0) {
		copy_value(pr, "TYPE", k.type, sizeof(k.type));
		copy_value(pr, "LABEL", k.label, sizeof(k.label));
		k.has_table = blkid_probe_has_value(pr, "PTTYPE");
	}
	blkid_free_probe(pr);
	*ret = k;
	return 0;
}

static int size_of(const char *path, uint64_t *ret)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		*ret = (uint64_t) st.st_size;
	else if (ioctl(fd, BLKGETSIZE64, ret) < 0)
		return -errno;
	return 0;
}

/* "/dev/sda", 1: "/dev/sda1"; "/dev/nvme0n1", 1: "/dev/nvme0n1p1". */
static char *partition_path(const char *disk, unsigned number)
{
	char last = *disk ? disk[strlen(disk) - 1] : '\0';

	return str_printf("%s%s%u", disk, last >= '0' && last <= '9' ? "p" : "", number);
}

/* ---- tables ---- */

static const char *type_word(const char *type)
{
	if (streq(type, "82") || streq(type, "8200"))
		return "S";
	return streq(type, "83") || streq(type, "8300") ? "L" : type;
}

/* A number in hexadecimal, a letter or a UUID; anything else would be more words of sfdisk's. */
static bool is_type(const char *s)
{
	for (size_t i = 0; s[i]; i++)
		if (!isalnum((unsigned char) s[i]) && s[i] != '-')
			return false;
	return *s;
}

/* Percents of the disk, each alone or with a type; the last one gets what is left. */
int disk_layout_script(const cJSON *layout, bool is_gpt, uint64_t bytes, char **ret)
{
	auto_strbuf struct strbuf b = {0};
	const cJSON *it;

	strbuf_printf(&b, "label: %s\n", is_gpt ? "gpt" : "dos");
	if (!cJSON_IsArray(layout))
		strbuf_puts(&b, "type=L\n");
	else if (cJSON_GetArraySize(layout) > PARTITIONS_MAX)
		return -EINVAL;
	cJSON_ArrayForEach(it, layout)
	{
		const cJSON *share = cJSON_IsArray(it) ? cJSON_GetArrayItem(it, 0) : it;
		auto_free char *type = cJSON_IsArray(it) ? scalar_text(cJSON_GetArrayItem(it, 1))
		                                         : NULL,
			       *text = share ? scalar_text(share) : NULL;
		uint32_t percent;

		if (!text || str_to_u32(text, &percent) < 0 || percent < 1 || percent > 100 ||
		    (type && !is_type(type)))
			return -EINVAL;
		if (it->next)
			strbuf_printf(&b, "size=%lluMiB, ",
			              (unsigned long long) (bytes / 100 * percent / MIB));
		strbuf_printf(&b, "type=%s\n", type ? type_word(type) : "L");
	}
	return strbuf_take(&b, ret);
}

static int setup_table(struct context *c, const char *name, const cJSON *entry)
{
	const cJSON *layout = get(entry, "layout");
	const char *kind = json_string_or(entry, "table_type", "mbr");
	auto_free char *device = context_device(c, name),
		       *path = device ? root_path(c, device) : NULL, *script = NULL;
	struct content k;
	uint64_t bytes;
	int r;

	if (!layout || cJSON_IsFalse(layout))
		return 0;
	if (!path || size_of(path, &bytes) < 0 || content_of(path, &k) < 0)
		return diag_add(c->d, -ENODEV, DIAG_ERROR, "disk_setup", 0,
		                "there is no disk \"%s\"", name);
	if ((k.has_table || *k.type) && !json_bool_or(entry, "overwrite", false))
		return diag_add(c->d, 0, DIAG_INFO, "disk_setup", 0,
		                "\"%s\" holds something and stays as it is", name);
	if (cJSON_IsString(layout) && streq(layout->valuestring, "remove"))
		return module_command(
			c, "disk_setup", TOOL_TIMEOUT,
			(const char *const[]){"wipefs", "--all", "--quiet", device, NULL});
	r = streq(kind, "gpt") || streq(kind, "mbr")
	            ? disk_layout_script(layout, streq(kind, "gpt"), bytes, &script)
	            : -EINVAL;
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "disk_setup", 0,
		                "\"%s\": neither a table_type nor a layout that is known", name);
	return module_command_input(c, "disk_setup", TOOL_TIMEOUT, script,
	                            (const char *const[]){"sfdisk", "--quiet", "--wipe=always",
	                                                  "--wipe-partitions=always", device,
	                                                  NULL});
}

/* ---- file systems ---- */

struct mkfs {
	const char *name, *program, *force, *label;
};
/* clang-format off */
static const struct mkfs mkfs_rows[] = {
	{ "ext2", "mkfs.ext2", "-F", "-L" }, { "ext3", "mkfs.ext3", "-F", "-L" }, { "ext4", "mkfs.ext4", "-F", "-L" },
	{ "xfs", "mkfs.xfs", "-f", "-L" }, { "btrfs", "mkfs.btrfs", "-f", "-L" }, { "vfat", "mkfs.vfat", NULL, "-n" },
	{ "swap", "mkswap", NULL, "-L" },
};
/* clang-format on */

static bool is_same(const struct content *k, const char *type, const char *label)
{
	return streq(k->type, type) && (!label || streq(k->label, label));
}

/* The device that "partition" means; -EEXIST: what is wanted is there already. */
static int target_of(struct context *c, const cJSON *entry, const char *disk, const char *type,
                     const char *label, char **ret)
{
	auto_free char *which =
		get(entry, "partition") ? scalar_text(get(entry, "partition")) : NULL;
	uint32_t number;
	char *empty = NULL;

	if (!which || streq(which, "none"))
		return (*ret = strdup(disk)) ? 0 : -ENOMEM;
	if (str_to_u32(which, &number) >= 0)
		return (*ret = partition_path(disk, number)) ? 0 : -ENOMEM;
	if (!streq(which, "auto") && !streq(which, "any"))
		return -EINVAL;
	for (unsigned i = 0; i <= PARTITIONS_MAX; i++) {
		auto_free char *device = i ? partition_path(disk, i) : strdup(disk),
			       *path = device ? root_path(c, device) : NULL;
		struct content k;

		if (!path || access(path, F_OK) < 0 || content_of(path, &k) < 0)
			continue;
		if (is_same(&k, type, streq(which, "any") ? NULL : label)) {
			free(empty);
			return -EEXIST;
		}
		if (!*k.type && !k.has_table && !empty)
			empty = TAKE_PTR(device);
	}
	*ret = empty;
	return empty ? 0 : -EBUSY;
}

static int add_options(const cJSON *options, char ***argv)
{
	const cJSON *it;
	int r = 0;

	if (cJSON_IsString(options)) {
		auto_strv char **words = NULL;

		r = strv_split(options->valuestring, " ", &words);
		return r < 0 ? r : strv_extend(argv, words);
	}
	cJSON_ArrayForEach(it, options) if (r >= 0)
	{
		auto_free char *text = scalar_text(it);

		r = text ? strv_append(argv, text) : -EINVAL;
	}
	return r;
}

static int make(struct context *c, const cJSON *entry, const char *type, const char *label,
                const char *device)
{
	auto_strv char **argv = NULL;
	const struct mkfs *m = NULL;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(mkfs_rows); i++)
		if (streq(mkfs_rows[i].name, type))
			m = &mkfs_rows[i];
	if (!m)
		return diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "fs_setup", 0,
		                "\"%s\" is no file system that is known here", type);
	r = strv_append(&argv, m->program);
	if (r >= 0 && m->force)
		r = strv_append(&argv, m->force);
	if (r >= 0 && label) {
		r = strv_append(&argv, m->label);
		if (r >= 0)
			r = strv_append(&argv, label);
	}
	if (r >= 0)
		r = add_options(get(entry, "extra_opts"), &argv);
	if (r >= 0)
		r = strv_append(&argv, device);
	return r < 0 ? r : module_command(c, "fs_setup", TOOL_TIMEOUT, (const char *const *) argv);
}

static int setup_filesystem(struct context *c, const cJSON *entry)
{
	const char *type = json_string_or(entry, "filesystem", NULL),
		   *label = json_string_or(entry, "label", NULL),
		   *name = json_string_or(entry, "device", NULL),
		   *replaced = json_string_or(entry, "replace_fs", NULL);
	auto_free char *disk = name ? context_device(c, name) : NULL, *device = NULL, *path = NULL;
	struct content k;
	int r;

	if (get(entry, "cmd"))
		return diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "fs_setup", 0,
		                "\"cmd\" is not supported: use bootcmd");
	if (!type || !name)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "fs_setup", 0,
		                "an entry needs \"filesystem\" and \"device\"");
	r = disk ? target_of(c, entry, disk, type, label, &device) : -ENODEV;
	if (r == -EEXIST)
		return 0;
	path = r >= 0 ? root_path(c, device) : NULL;
	if (!path || content_of(path, &k) < 0)
		return diag_add(c->d, -ENODEV, DIAG_ERROR, "fs_setup", 0,
		                "\"%s\" is not there or has no room", name);
	if ((*k.type || k.has_table) && !json_bool_or(entry, "overwrite", false) &&
	    !(replaced && streq(replaced, k.type)))
		return diag_add(c->d, 0, DIAG_INFO, "fs_setup", 0,
		                "\"%s\" holds something and stays as it is", device);
	return make(c, entry, type, label, device);
}

int module_disk_setup(struct context *c)
{
	const cJSON *it;
	int worst = 0;

	cJSON_ArrayForEach(it, get(c->config, "disk_setup")) worst =
		MIN(worst, setup_table(c, it->string ? it->string : "", it));
	cJSON_ArrayForEach(it, get(c->config, "fs_setup")) worst =
		MIN(worst, setup_filesystem(c, it));
	return worst;
}
