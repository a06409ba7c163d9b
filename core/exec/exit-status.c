// SPDX-License-Identifier: Apache-2.0
#include "exec/exit-status.h"

const char *exec_status_to_string(int status)
{
	static const char *const names[] = {
#define X(name, number) [number - EXIT_CHDIR] = #name,
		EXEC_STATUSES(X)
#undef X
	};

	return status >= EXIT_CHDIR && status < EXIT_CHDIR + (int) ELEMENTSOF(names)
	               ? names[status - EXIT_CHDIR]
	               : NULL;
}
