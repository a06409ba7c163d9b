// SPDX-License-Identifier: Apache-2.0
/* udev's packets and database files. */
#include "types/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udev_device d;

	if (udev_message_parse(data, size, &d) >= 0) {
		if (!d.action || !d.subsystem || !d.devpath || *d.devpath != '/')
			abort();
		udev_device_done(&d);
	}
	if (udev_database_parse((const char *) data, size, &d) >= 0)
		udev_device_done(&d);
	if (size < 64) {
		char id[65];

		memcpy(id, data, size);
		id[size] = 0;
		if (udev_id_is_valid(id) && strchr(id, '/'))
			abort();
	}
	return 0;
}
