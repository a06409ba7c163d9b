// SPDX-License-Identifier: Apache-2.0
/* Linked by core, which removes the directories, and by core-exec, which makes them. */
#include "exec/exec-internal.h"

/* Unlike systemd's, the random part is the invocation's, so that both find it without asking each
 * other. */
int exec_private_tmp_name(const char *boot_id, const char *group, char **ret)
{
	const char *unit = exec_group_unit(group);

	if (!unit)
		return -EINVAL;
	*ret = str_printf("systemd-private-%s-%s-%.12s", boot_id, unit, group);
	return *ret ? 0 : -ENOMEM;
}

int exec_group_new(const char *invocation_id, const char *unit, char **ret)
{
	*ret = str_printf("%s %s", invocation_id, unit);
	return *ret ? 0 : -ENOMEM;
}

const char *exec_group_unit(const char *group)
{
	const char *blank = strchr(group, ' ');

	return blank == group + ID128_TEXT_MAX - 1 && blank[1] ? blank + 1 : NULL;
}
