// SPDX-License-Identifier: Apache-2.0
/* kexec-load KERNEL INITRD CMDLINE: what kexec -l does. Exit status 0, or the errno of kexec_file_load(2). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initrd;

	if (argc != 4)
		return EINVAL;
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (kernel < 0 || initrd < 0)
		return errno;
	return syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0UL) < 0
	               ? errno
	               : 0;
}
