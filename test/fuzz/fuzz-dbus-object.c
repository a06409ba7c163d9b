// SPDX-License-Identifier: Apache-2.0
/* The path of a message's object: anybody on the bus writes one. What is taken as a unit has to come back as the same path. */
#include "dbus/dbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *path = strndup((const char *) data, size), *back = NULL;
	auto_object struct object o = {0};

	if (!path || object_parse(path, &o) < 0)
		return 0;
	if (o.kind == OBJECT_UNIT &&
	    (!o.unit || !unit_interface(o.unit) || unit_path(o.unit, &back) < 0))
		abort();
	return 0;
}
