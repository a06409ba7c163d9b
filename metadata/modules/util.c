// SPDX-License-Identifier: Apache-2.0
#include "metadata/modules/modules.h"
#include "metadata/userdata/userdata.h"

#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>

char *root_path(const struct context *c, const char *path)
{
	return path_join(*c->root ? c->root : "/", path);
}

char *scalar_text(const cJSON *v)
{
	if (cJSON_IsString(v))
		return strdup(v->valuestring);
	if (!cJSON_IsNumber(v))
		return NULL;
	if (v->valuestring)
		return strdup(v->valuestring);
	return v->valuedouble == trunc(v->valuedouble) ? str_printf("%.0f", v->valuedouble)
	                                               : float_text(v->valuedouble);
}

int account_find(const struct context *c, const char *user, struct account *ret)
{
	auto_free char *path = root_path(c, "etc/passwd");
	FILE *f = path ? fopen(path, "re") : NULL;
	struct passwd *pw;
	int r = -ENOENT;

	if (!f)
		return path ? -errno : -ENOMEM;
	while ((pw = fgetpwent(f))) {
		if (!streq(pw->pw_name, user))
			continue;
		*ret = (struct account){pw->pw_uid, pw->pw_gid, strdup(pw->pw_dir)};
		r = ret->home ? 0 : -ENOMEM;
		break;
	}
	fclose(f);
	return r;
}

static int group_find(const struct context *c, const char *group, gid_t *ret)
{
	auto_free char *path = root_path(c, "etc/group");
	FILE *f = path ? fopen(path, "re") : NULL;
	struct group *gr;
	int r = -ENOENT;

	if (!f)
		return path ? -errno : -ENOMEM;
	while ((gr = fgetgrent(f)))
		if (streq(gr->gr_name, group)) {
			*ret = gr->gr_gid;
			r = 0;
			break;
		}
	fclose(f);
	return r;
}

int owner_parse(const struct context *c, const char *owner, uid_t *ret_uid, gid_t *ret_gid)
{
	auto_free char *user = strdup(owner);
	char *colon = user ? strchr(user, ':') : NULL;
	const char *group = NULL;
	uid_t uid = (uid_t) -1;
	gid_t gid = (gid_t) -1;
	uint32_t n;
	int r;

	if (!user)
		return -ENOMEM;
	if (colon) {
		*colon = '\0';
		group = colon + 1;
	}
	if (*user && str_to_u32(user, &n) >= 0) {
		uid = n;
	} else if (*user) {
		struct account a;

		r = account_find(c, user, &a);
		if (r < 0)
			return r;
		uid = a.uid;
		free(a.home);
	}
	if (group && *group && str_to_u32(group, &n) >= 0) {
		gid = n;
	} else if (group && *group) {
		r = group_find(c, group, &gid);
		if (r < 0)
			return r;
	}
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

int authorized_keys_add(const struct context *c, const char *user, char *const *keys)
{
	auto_free char *home = NULL, *old = NULL, *text = NULL;
	auto_fd int home_fd = -EBADF, ssh_fd = -EBADF, fd = -EBADF;
	struct account a;
	int r;

	r = account_find(c, user, &a);
	if (r < 0)
		return r;
	home = root_path(c, a.home);
	free(a.home);
	if (!home)
		return -ENOMEM;
	home_fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home_fd < 0)
		return -errno;
	if (mkdirat(home_fd, ".ssh", 0700) < 0 && errno != EEXIST)
		return -errno;
	/* The home belongs to a user who may have put links there: none is followed. */
	ssh_fd = openat(home_fd, ".ssh", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ssh_fd < 0)
		return -errno;
	fd = openat(ssh_fd, "authorized_keys", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		r = file_read_fd(fd, METADATA_DOCUMENT_MAX, &old, NULL);
	else
		r = errno == ENOENT ? 0 : -errno;
	if (r < 0)
		return r;
	r = authorized_keys_merge(old ? old : "", keys, &text);
	if (r < 0)
		return r;
	fd_close(fd);
	fd = openat(ssh_fd, ".authorized_keys.new",
	            O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	if (geteuid() == 0 && (fchown(fd, a.uid, a.gid) < 0 || fchown(ssh_fd, a.uid, a.gid) < 0))
		return -errno;
	return renameat(ssh_fd, ".authorized_keys.new", ssh_fd, "authorized_keys") < 0 ? -errno : 0;
}
