// SPDX-License-Identifier: Apache-2.0
/* Any bytes as /proc/PID/stat, /proc/PID/cgroup, a line of mountinfo, a kernel option, a wire
 * packet. */
#include "init/stage/stage.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[4096], cgroup[64];
	static struct packet p;
	long long v;
	char *target;

	if (size >= sizeof(line))
		return 0;
	(void) proc_stat_number((const char *) data, size, 22, &v);
	if (proc_cgroup((const char *) data, size, cgroup, sizeof(cgroup)) == 0 &&
	    (cgroup[0] != '/' || strlen(cgroup) >= sizeof(cgroup)))
		__builtin_trap();
	memcpy(line, data, size);
	line[size] = '\0';
	target = mountinfo_target(line);
	if (target && target[0] != '/')
		__builtin_trap();
	memcpy(line, data, size);
	line[size] = '\0';
	(void) option_set(line);
	state_reset();
	if (size <= sizeof(p.m) + WIRE_TEXT_MAX) {
		memcpy(&p, data, size);
		if (packet_check(&p, size) == 0 && p.m.text_size > WIRE_TEXT_MAX)
			__builtin_trap();
	}
	return 0;
}
