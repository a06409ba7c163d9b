// SPDX-License-Identifier: Apache-2.0
/* passwd(5) and group(5), read directly: what nearly every unit needs, without name services. The
 * last line of defence is core-exec-nss. */
#include "exec/child/child.h"

#define PASSWD_FIELDS 7
#define GROUP_FIELDS  4

struct database {
	const char *path;
	char *text; /* NULL: not read yet; each line is cut anew for each walk */
};

static struct database passwd = {.path = "/etc/passwd"}, group = {.path = "/etc/group"};

/* Calls fn for each well-formed line, split at colons. */
static int database_walk(struct database *d, size_t n_fields,
                         int (*fn)(char **fields, void *userdata), void *userdata)
{
	auto_free char *copy = NULL;
	char *rest = NULL;
	int r;

	if (!d->text) {
		r = file_read(d->path, &d->text, NULL);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
	}
	copy = strdup(d->text);
	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *fields[PASSWD_FIELDS];
		size_t n = 0;

		for (char *p = line; p && n < n_fields; n++) {
			fields[n] = p;
			p = strchr(p, ':');
			if (p)
				*p++ = 0;
		}
		if (n < n_fields || !fields[0][0])
			continue;
		r = fn(fields, userdata);
		if (r != 0)
			return r;
	}
	return 0;
}

struct user_search {
	const char *name, *number;
	uid_t uid;
	gid_t gid;
	const char *ret_name, *home, *shell;
};

static int match_user(char **fields, void *userdata)
{
	struct user_search *q = userdata;
	uint32_t uid, gid;

	if (!(q->name && streq(fields[0], q->name)) && !(q->number && streq(fields[2], q->number)))
		return 0;
	if (str_to_u32(fields[2], &uid) < 0 || str_to_u32(fields[3], &gid) < 0)
		return 0;
	q->uid = uid;
	q->gid = gid;
	q->ret_name = strdup(fields[0]);
	q->home = strdup(fields[5]);
	q->shell = strdup(fields[6]);
	return q->ret_name && q->home && q->shell ? 1 : -ENOMEM;
}

static bool is_number(const char *s)
{
	uint32_t n;

	return str_to_u32(s, &n) >= 0;
}

int user_lookup(const char *name, uid_t *ret_uid, gid_t *ret_gid, const char **ret_home,
                const char **ret_shell, const char **ret_name)
{
	struct user_search q = {.name = is_number(name) ? NULL : name,
	                        .number = is_number(name) ? name : NULL};
	int r = database_walk(&passwd, PASSWD_FIELDS, match_user, &q);

	if (r < 0)
		return r;
	if (r == 0) {
		/* Root is root even on a system without the file. */
		if (!streq(name, "root") && !streq(name, "0"))
			return -ESRCH;
		q = (struct user_search){.ret_name = "root", .home = "/root", .shell = "/bin/sh"};
	}
	*ret_uid = q.uid;
	*ret_gid = q.gid;
	*ret_home = q.home;
	*ret_shell = q.shell;
	*ret_name = q.ret_name;
	return 0;
}

struct group_search {
	const char *name;
	gid_t gid;
};

static int match_group(char **fields, void *userdata)
{
	struct group_search *q = userdata;
	uint32_t gid;

	if (!streq(fields[0], q->name) || str_to_u32(fields[2], &gid) < 0)
		return 0;
	q->gid = gid;
	return 1;
}

int group_lookup(const char *name, gid_t *ret_gid)
{
	struct group_search q = {.name = name};
	uint32_t gid;
	int r;

	if (str_to_u32(name, &gid) >= 0) {
		*ret_gid = gid;
		return 0;
	}
	r = database_walk(&group, GROUP_FIELDS, match_group, &q);
	if (r < 0)
		return r;
	if (r == 0 && !streq(name, "root"))
		return -ESRCH;
	*ret_gid = q.gid;
	return 0;
}

struct member_search {
	const char *user;
	gid_t *groups;
	size_t n;
};

static int match_member(char **fields, void *userdata)
{
	struct member_search *q = userdata;
	char *rest = NULL;
	uint32_t gid;
	gid_t *bigger;

	for (char *m = strtok_r(fields[3], ",", &rest); m; m = strtok_r(NULL, ",", &rest)) {
		if (!streq(m, q->user) || str_to_u32(fields[2], &gid) < 0 ||
		    q->n >= CHILD_GROUPS_MAX)
			continue;
		bigger = realloc(q->groups, (q->n + 1) * sizeof(gid_t));
		if (!bigger)
			return -ENOMEM;
		q->groups = bigger;
		q->groups[q->n++] = gid;
		break;
	}
	return 0;
}

int groups_of_user(const char *user, gid_t gid, gid_t **ret, size_t *ret_n)
{
	struct member_search q = {.user = user, .groups = malloc(sizeof(gid_t)), .n = 1};
	int r;

	if (!q.groups)
		return -ENOMEM;
	q.groups[0] = gid;
	r = database_walk(&group, GROUP_FIELDS, match_member, &q);
	if (r < 0)
		return r;
	*ret = q.groups;
	*ret_n = q.n;
	return 0;
}
