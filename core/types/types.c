// SPDX-License-Identifier: Apache-2.0
#include "types/common.h"

const struct unit_ops *unit_types[UNIT_TYPE_MAX] = {
	[UNIT_SERVICE] = &service_ops, [UNIT_SOCKET] = &socket_ops,
	[UNIT_TARGET] = &target_ops,   [UNIT_DEVICE] = &device_ops,
	[UNIT_MOUNT] = &mount_ops,     [UNIT_AUTOMOUNT] = &automount_ops,
	[UNIT_SWAP] = &swap_ops,       [UNIT_TIMER] = &timer_ops,
	[UNIT_PATH] = &path_ops,       [UNIT_SLICE] = &slice_ops,
	[UNIT_SCOPE] = &scope_ops,
};
