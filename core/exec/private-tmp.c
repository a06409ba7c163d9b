// SPDX-License-Identifier: Apache-2.0
/* Linked by core, which removes the directories, and by core-exec, which makes them. */
#include "exec/exec-internal.h"

/* Unlike systemd's, the random part is the invocation's, so that both find it without asking each
 * other. */
int exec_private_tmp_name(const char *boot_id, const char *unit, const char *invocation_id,
                          char **ret)
{
	*ret = str_printf("systemd-private-%s-%s-%.12s", boot_id, unit, invocation_id);
	return *ret ? 0 : -ENOMEM;
}
