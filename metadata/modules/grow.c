// SPDX-License-Identifier: Apache-2.0
/*
 * growpart, resizefs: the last partition up to the end of its disk, and the file system up to the end of its partition,
 * both while they are in use. The table is sfdisk's to write (it moves GPT's second copy, too), the kernel is told by
 * BLKPG, and the file systems grow by their own ioctl.
 */
#include "metadata/modules/modules.h"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define SECTOR          512
#define SMALLEST_GROWTH (1U << 20) /* less than that is alignment, not room */
#define SFDISK_TIMEOUT  (60 * USEC_PER_SEC)
#define MARK            "/etc/growroot-disabled"

/* xfs_fs.h is not among the kernel's exported headers. */
#define XFS_MAGIC 0x58465342
struct xfs_growth {
	uint64_t blocks;
	uint32_t inodes_percent;
};
struct xfs_geometry {
	uint32_t blocksize, rtextsize, agblocks, agcount, logblocks, sectsize, inodesize, imaxpct;
	uint64_t datablocks;
	uint8_t rest[64]; /* the first version is 112 bytes */
};
#define XFS_GEOMETRY_V1 _IOC(_IOC_READ, 'X', 100, 112)
#define XFS_GROW_DATA   _IOW('X', 110, struct xfs_growth)
#define EXT4_RESIZE     _IOW('f', 16, uint64_t)
#define EXT4_SUPERBLOCK 1024 /* its offset, and its size */
#define EXT4_64BIT      0x80

/* ---- partition ---- */

struct partition {
	char disk[64]; /* "/dev/vda" */
	uint32_t number;
	uint64_t start, size, disk_size; /* bytes */
};

static int sysfs_number(const char *device, const char *name, uint64_t *ret)
{
	auto_free char *path = str_printf("/sys/dev/block/%s/%s", device, name), *text = NULL;
	int r = path ? file_read_line(path, &text) : -ENOMEM;

	return r < 0 ? r : str_to_u64(text, 10, ret);
}

/* "254:1" as a partition; -ENOTBLK: a whole disk, or what has no table. */
static int partition_of(dev_t device, struct partition *ret)
{
	auto_free char *id = str_printf("%u:%u", major(device), minor(device)),
		       *up = id ? str_printf("/sys/dev/block/%s/..", id) : NULL, *real = NULL;
	struct partition p = {0};
	uint64_t number, start, size, disk_size;
	int r;

	if (!up)
		return -ENOMEM;
	r = sysfs_number(id, "partition", &number);
	if (r < 0)
		return r == -ENOENT ? -ENOTBLK : r;
	real = realpath(up, NULL);
	if (!real)
		return -ENOMEM;
	r = sysfs_number(id, "start", &start);
	if (r >= 0)
		r = sysfs_number(id, "size", &size);
	if (r >= 0)
		r = sysfs_number(id, "../size", &disk_size);
	if (r < 0)
		return r;
	p.number = (uint32_t) number;
	p.start = start * SECTOR;
	p.size = size * SECTOR;
	p.disk_size = disk_size * SECTOR;
	if (snprintf(p.disk, sizeof(p.disk), "/dev/%s", path_basename(real)) >=
	    (int) sizeof(p.disk))
		return -ENAMETOOLONG;
	*ret = p;
	return 0;
}

/* The kernel's view: it refuses to read the table of a disk in use again. */
static int tell_kernel(const struct partition *p, uint64_t size)
{
	struct blkpg_partition part = {
		.pno = (int) p->number, .start = (long long) p->start, .length = (long long) size};
	struct blkpg_ioctl_arg arg = {
		.op = BLKPG_RESIZE_PARTITION, .datalen = sizeof(part), .data = &part};
	auto_fd int fd = open(p->disk, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKPG, &arg) < 0)
		return -errno;
	return 0;
}

/* Its size in the table now, in bytes. */
static int size_in_table(struct context *c, const struct partition *p, uint64_t *ret)
{
	auto_free char *name = str_printf("%s%s%u", p->disk,
	                                  p->disk[strlen(p->disk) - 1] <= '9' ? "p" : "",
	                                  p->number),
		       *text = NULL, *at = NULL;
	char *line, *size;
	int r = name ? module_output(c, (const char *const[]){"sfdisk", "--dump", p->disk, NULL},
	                             SFDISK_TIMEOUT, &text)
	             : -ENOMEM;

	if (r < 0)
		return r;
	at = str_printf("%s :", name);
	line = at ? strstr(text, at) : NULL;
	size = line ? strstr(line, "size=") : NULL;
	if (!size)
		return -EBADMSG;
	size += strlen("size=");
	*ret = strtoull(size + strspn(size, " "), NULL, 10) * SECTOR;
	return *ret ? 0 : -EBADMSG;
}

static int grow_partition(struct context *c, const char *name, dev_t device)
{
	struct partition p;
	auto_free char *number = NULL;
	uint64_t size;
	int r = partition_of(device, &p);

	if (r == -ENOTBLK)
		return 0; /* the file system is on the whole disk, or on a mapping */
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, name, 0, "its partition is not known: %s",
		                strerror(-r));
	if (p.start + p.size + 2 * SMALLEST_GROWTH > p.disk_size)
		return 0;
	number = str_printf("%u", p.number);
	if (!number)
		return -ENOMEM;
	r = module_command_input(c, "growpart", SFDISK_TIMEOUT, ", +\n",
	                         (const char *const[]){"sfdisk", "--no-reread", "--no-tell-kernel",
	                                               "--force", "--quiet", "-N", number, p.disk,
	                                               NULL});
	if (r >= 0)
		r = size_in_table(c, &p, &size);
	if (r >= 0 && size > p.size)
		r = tell_kernel(&p, size);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, name, 0, "its partition does not grow: %s",
	                        strerror(-r))
	             : 0;
}

/* ---- which one ---- */

/* "/" or another mount point, or a device. */
static int device_of(const char *name, dev_t *ret)
{
	struct stat st;

	if (stat(name, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		*ret = st.st_rdev;
	else
		*ret = st.st_dev;
	return 0;
}

static bool is_off(const cJSON *mode)
{
	return cJSON_IsFalse(mode) || (cJSON_IsString(mode) && (streq(mode->valuestring, "off") ||
	                                                        streq(mode->valuestring, "false")));
}

/* There the disk is the host's. */
static bool in_container(void)
{
	return getenv("container") || access("/run/systemd/container", F_OK) >= 0 ||
	       access("/run/host/container-manager", F_OK) >= 0 || access("/.dockerenv", F_OK) >= 0;
}

int module_growpart(struct context *c)
{
	const cJSON *growpart = cJSON_GetObjectItemCaseSensitive(c->config, "growpart"),
		    *devices = cJSON_GetObjectItemCaseSensitive(growpart, "devices"), *it;
	auto_json cJSON *root = cJSON_Parse("[\"/\"]");
	int worst = 0;

	/* Of a folder that is not this machine's root there is nothing to grow. */
	if (*c->root || in_container() ||
	    is_off(cJSON_GetObjectItemCaseSensitive(growpart, "mode")))
		return 0;
	if (access(MARK, F_OK) >= 0 && !json_bool_or(growpart, "ignore_growroot_disabled", false))
		return 0;
	if (!cJSON_IsArray(devices))
		devices = root;
	cJSON_ArrayForEach(it, devices)
	{
		dev_t device;
		int r = cJSON_IsString(it) ? device_of(it->valuestring, &device) : -EINVAL;

		if (r < 0)
			worst = diag_add(c->d, r, DIAG_ERROR, "growpart", 0,
			                 "a device is not there: %s", strerror(-r));
		else
			worst = MIN(worst, grow_partition(c, it->valuestring, device));
	}
	return worst;
}

/* ---- file system ---- */

static int device_size(dev_t device, uint64_t *ret)
{
	auto_free char *id = str_printf("%u:%u", major(device), minor(device));
	int r = id ? sysfs_number(id, "size", ret) : -ENOMEM;

	*ret = r < 0 ? 0 : *ret * SECTOR;
	return r;
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
	       (uint32_t) p[3] << 24;
}

/* By its superblock (ext4, "The Super Block" in the kernel's documentation): statfs(2) counts without what the file system itself needs. */
static int ext4_blocks(dev_t device, uint64_t *ret)
{
	auto_free char *id = str_printf("/sys/dev/block/%u:%u", major(device), minor(device)),
		       *real = id ? realpath(id, NULL) : NULL,
		       *path = real ? str_printf("/dev/%s", path_basename(real)) : NULL;
	auto_fd int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	uint8_t s[EXT4_SUPERBLOCK];

	if (fd < 0 || pread(fd, s, sizeof(s), EXT4_SUPERBLOCK) != (ssize_t) sizeof(s))
		return -EIO;
	if (s[0x38] != 0x53 || s[0x39] != 0xEF)
		return -EBADMSG;
	*ret = get_le32(s + 4);
	if (get_le32(s + 0x60) & EXT4_64BIT)
		*ret |= (uint64_t) get_le32(s + 0x150) << 32;
	return 0;
}

static int grow_ext4(int fd, dev_t device, uint64_t bytes, const struct statfs *fs)
{
	uint64_t blocks = bytes / (uint64_t) fs->f_bsize, now;

	/* The kernel commits and rewrites the superblocks of one that has its size already, too. */
	if (ext4_blocks(device, &now) >= 0 && now >= blocks)
		return 0;
	return ioctl(fd, EXT4_RESIZE, &blocks) < 0 && errno != EINVAL ? -errno : 0;
}

static int grow_xfs(int fd, uint64_t bytes)
{
	struct xfs_geometry g = {0};
	struct xfs_growth growth;

	if (ioctl(fd, XFS_GEOMETRY_V1, &g) < 0)
		return -errno;
	growth = (struct xfs_growth){bytes / g.blocksize, g.imaxpct};
	if (growth.blocks <= g.datablocks)
		return 0;
	return ioctl(fd, XFS_GROW_DATA, &growth) < 0 ? -errno : 0;
}

static int grow_btrfs(int fd)
{
	struct btrfs_ioctl_vol_args args = {.name = "max"};

	return ioctl(fd, BTRFS_IOC_RESIZE, &args) < 0 ? -errno : 0;
}

int filesystem_grow(const char *mount_point)
{
	auto_fd int fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	uint64_t bytes = 0;
	int r;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type == BTRFS_SUPER_MAGIC)
		return grow_btrfs(fd);
	if (fs.f_type != EXT4_SUPER_MAGIC && fs.f_type != XFS_MAGIC)
		return -EOPNOTSUPP; /* it has no size of its own, or none that can grow */
	r = device_size(st.st_dev, &bytes);
	if (r < 0)
		return r;
	return fs.f_type == XFS_MAGIC ? grow_xfs(fd, bytes) : grow_ext4(fd, st.st_dev, bytes, &fs);
}

int module_resizefs(struct context *c)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->config, "resize_rootfs");
	int r;

	if (*c->root || in_container() || (v && is_off(v)))
		return 0;
	r = filesystem_grow("/");
	if (r == -EOPNOTSUPP || r == -ENOENT)
		return 0; /* tmpfs, overlay, network */
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, "/", 0, "its file system does not grow: %s",
	                        strerror(-r))
	             : 0;
}
