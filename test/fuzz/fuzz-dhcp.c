// SPDX-License-Identifier: Apache-2.0
/* Answers of DHCP servers. The checksums are left out of account: a fuzzer does not guess them. */
#include "metadata/dhcp/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	uint8_t packet[28 + 240 + 4096] = {
		[0] = 0x45, [8] = 64, [9] = IPPROTO_UDP, [21] = 67, [23] = 68, [28] = 2,
		1,          6,        [32] = 1,          2,         3,         4,
	};
	size_t payload = MIN(size, sizeof(packet) - 28 - 240), total = 28 + 240 + payload;
	struct dhcp_lease l;
	uint32_t sum = 0;

	packet[2] = (uint8_t) (total >> 8);
	packet[3] = (uint8_t) total;
	packet[24] = (uint8_t) ((total - 20) >> 8);
	packet[25] = (uint8_t) (total - 20);
	memcpy(packet + 28 + 16, "\x0a\0\0\x05", 4);
	memcpy(packet + 28 + 28, mac, 6);
	memcpy(packet + 28 + 236, "\x63\x82\x53\x63", 4);
	memcpy(packet + 28 + 240, data, payload);
	/* The two fields that options may overflow into. */
	for (size_t i = 0; i < 192 && i < size; i++)
		packet[28 + 44 + i] = data[size - 1 - i];
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t) packet[i] << 8 | packet[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	packet[10] = (uint8_t) (~sum >> 8);
	packet[11] = (uint8_t) ~sum;
	(void) dhcp_packet_parse(packet, total, 0x01020304, mac, false, &l);
	(void) dhcp_packet_parse(data, size, 0x01020304, mac, true, &l);
	return 0;
}
