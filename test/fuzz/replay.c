// SPDX-License-Identifier: Apache-2.0
/* Feeds every file of a corpus folder to a fuzz target, so that each build replays what fuzzing once found. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(name);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	/* An allocation of exactly the input's size lets a sanitizer see the first byte read past it. */
	data = malloc(st.st_size ? (size_t) st.st_size : 1);
	n = data ? read(fd, data, (size_t) st.st_size) : -1;
	if (n == st.st_size)
		LLVMFuzzerTestOneInput(data, (size_t) n);
	free(data);
	close(fd);
	return n == st.st_size ? 1 : -1;
}

int main(int argc, char **argv)
{
	int replayed = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		if (!d) {
			perror(argv[i]);
			return 1;
		}
		while ((e = readdir(d))) {
			int r = replay_file(dirfd(d), e->d_name);

			if (r < 0)
				return 1;
			replayed += r;
		}
		closedir(d);
	}
	printf("%d inputs replayed\n", replayed);
	return replayed > 0 ? 0 : 1;
}
