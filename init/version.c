// SPDX-License-Identifier: Apache-2.0
/* Alone in its file, so that a new version recompiles one line. */
#include "init/init.h"

const char init_version[] = SYSMASTER_VERSION;
