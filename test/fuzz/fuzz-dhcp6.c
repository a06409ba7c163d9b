// SPDX-License-Identifier: Apache-2.0
/* Answers of DHCPv6 servers: the options behind the client's own identifier, which a fuzzer does not guess. */
#include "metadata/dhcp/dhcp6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	uint8_t message[18 + DHCP6_MESSAGE_MAX] = {DHCP6_REPLY, 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1};
	size_t n = MIN(size, (size_t) DHCP6_MESSAGE_MAX);
	struct dhcp6_lease l;
	auto_free uint8_t *exact = NULL;

	memcpy(message + 12, mac, 6);
	memcpy(message + 18, data, n);
	/* Of its own size, so that a read behind its end is seen. */
	exact = malloc(18 + n);
	if (!exact)
		return 0;
	memcpy(exact, message, 18 + n);
	if (dhcp6_message_parse(exact, 18 + n, 0x010203, mac, &l) >= 0) {
		struct dhcp6_message m = {.type = DHCP6_REQUEST, .lease = &l, .to_server = true};
		uint8_t buf[DHCP6_MESSAGE_MAX];

		if (!l.server_size || l.server_size > DHCP6_DUID_MAX || !l.valid || l.t1 > l.t2 ||
		    l.n_dns > DHCP_LIST_MAX || dhcp6_message_build(&m, buf, sizeof(buf)) < 0)
			abort();
	}
	(void) dhcp6_message_parse(data, size, 0, mac, &l);
	return 0;
}
