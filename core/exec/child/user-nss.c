// SPDX-License-Identifier: Apache-2.0
/* The same three questions to the system's name services; linked into core-exec-nss only. */
#include "exec/child/child.h"

#include <grp.h>
#include <pwd.h>

int user_lookup(const char *name, uid_t *ret_uid, gid_t *ret_gid, const char **ret_home,
                const char **ret_shell, const char **ret_name)
{
	const struct passwd *p;
	uint32_t uid;

	errno = 0;
	p = str_to_u32(name, &uid) >= 0 ? getpwuid(uid) : getpwnam(name);
	if (!p)
		return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -errno : -ESRCH;
	*ret_uid = p->pw_uid;
	*ret_gid = p->pw_gid;
	*ret_home = strdup(p->pw_dir ?: "");
	*ret_shell = strdup(p->pw_shell ?: "");
	*ret_name = strdup(p->pw_name);
	return *ret_home && *ret_shell && *ret_name ? 0 : -ENOMEM;
}

int group_lookup(const char *name, gid_t *ret_gid)
{
	const struct group *g;
	uint32_t gid;

	if (str_to_u32(name, &gid) >= 0) {
		*ret_gid = gid;
		return 0;
	}
	errno = 0;
	g = getgrnam(name);
	if (!g)
		return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -errno : -ESRCH;
	*ret_gid = g->gr_gid;
	return 0;
}

int groups_of_user(const char *user, gid_t gid, gid_t **ret, size_t *ret_n)
{
	int n = 64;

	for (;;) {
		gid_t *groups = calloc((size_t) n, sizeof(gid_t));
		int had = n;

		if (!groups)
			return -ENOMEM;
		if (getgrouplist(user, gid, groups, &n) >= 0) {
			*ret = groups;
			*ret_n = (size_t) n;
			return 0;
		}
		free(groups);
		if (n <= had || n > CHILD_GROUPS_MAX)
			return -E2BIG;
	}
}
