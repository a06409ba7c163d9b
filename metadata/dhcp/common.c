// SPDX-License-Identifier: Apache-2.0
#include "metadata/dhcp/common.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

uint32_t dhcp_random(void)
{
	uint32_t x = 0;

	(void) !getrandom(&x, sizeof(x), GRND_NONBLOCK);
	return x;
}

int dhcp_interface_read(const char *name, int *ret_index, uint8_t mac[6])
{
	struct ifreq rq = {0};
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(name) >= IF_NAMESIZE)
		return -ENODEV;
	strcpy(rq.ifr_name, name);
	*ret_index = (int) if_nametoindex(name);
	if (!*ret_index)
		return -ENODEV;
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &rq) < 0)
		return -errno;
	if (rq.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	memcpy(mac, rq.ifr_hwaddr.sa_data, 6);
	return 0;
}

void dhcp_age(usec_t *t, usec_t by)
{
	if (*t && *t != USEC_INFINITY)
		*t -= MIN(*t - 1, by);
}
