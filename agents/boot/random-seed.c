// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

#define SEED_MAX 4096

int boot_random_seed(const char *root)
{
	auto_free char *path = path_join(*root ? root : "/", "var/lib/systemd/random-seed"),
		       *seed = NULL;
	auto_fd int fd = -EBADF, pool = -EBADF;
	size_t size;
	int r;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = file_read_fd(fd, SEED_MAX, &seed, &size);
	if (r < 0)
		return r;
	pool = open("/dev/urandom", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (pool < 0)
		return -errno;
	return fd_write_all(pool, seed, size);
}
