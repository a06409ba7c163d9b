// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/str.h"
#include "base/sys.h"

#include <time.h>

#define READ_START 2048U

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size)
{
	auto_free char *data = NULL;
	size_t allocated = 0, size = 0;
	struct stat st;

	if (max > SIZE_MAX / 4)
		max = SIZE_MAX / 4;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* One byte more than the file shows its end with the first read; /proc says size 0. */
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		allocated = MIN((size_t) st.st_size, max) + 2;
	for (;;) {
		ssize_t n;

		if (!data || size + 1 >= allocated) {
			size_t want = data ? allocated * 2 : MAX(allocated, (size_t) READ_START);
			char *grown = realloc(data, MIN(want, max + 2));

			if (!grown)
				return -ENOMEM;
			data = grown;
			allocated = MIN(want, max + 2);
		}
		n = sys_read(fd, data + size, allocated - size - 1);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int) n;
		if (n == 0)
			break;
		size += (size_t) n;
		if (size > max)
			return -EFBIG;
	}
	data[size] = 0;
	/* Small files are kept by many: give back what was too much. */
	if (allocated - size > 64) {
		char *shrunk = realloc(data, size + 1);

		data = shrunk ?: data;
	}
	*ret = TAKE_PTR(data);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int file_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size)
{
	auto_fd int fd = fd_open_read(dirfd, path, O_NOCTTY);

	return fd < 0 ? fd : file_read_fd(fd, max, ret, ret_size);
}

int file_read(const char *path, char **ret, size_t *ret_size)
{
	return file_read_at(AT_FDCWD, path, FILE_SIZE_MAX, ret, ret_size);
}

int file_read_line(const char *path, char **ret)
{
	char *text;
	int r;

	r = file_read(path, &text, NULL);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = 0;
	*ret = text;
	return 0;
}

int file_write_attr(const char *path, const char *text)
{
	auto_fd int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
	size_t size = strlen(text);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = sys_write(fd, text, size);
	while (n == -EINTR);
	if (n < 0)
		return (int) n;
	/* The kernel takes an attribute with one write; a second one would set another value. */
	return (size_t) n == size ? 0 : -EIO;
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = sys_write(fd, p, size);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int) n;
		if (n == 0)
			return -EIO;
		p += n;
		size -= (size_t) n;
	}
	return 0;
}

bool file_time_is_recent(const struct timespec *mtime)
{
	const int64_t tick_ns = 20 * 1000 * 1000; /* HZ=100 has the longest, twice */
	struct timespec t;
	int64_t age;

	if (clock_gettime(CLOCK_REALTIME_COARSE, &t) < 0)
		return true;
	/* One of the future says nothing, and would say so for ever. */
	age = (int64_t) (t.tv_sec - mtime->tv_sec) * 1000000000 + (t.tv_nsec - mtime->tv_nsec);
	return age >= 0 && age < tick_ns;
}
