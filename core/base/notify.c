// SPDX-License-Identifier: Apache-2.0
#include "base/notify.h"
#include "base/base.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_manager(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = -EBADF;
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void) sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *) &address,
		              (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n));
}
