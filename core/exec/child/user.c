// SPDX-License-Identifier: Apache-2.0
#include "exec/child/child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CORE_EXEC_NSS
#define CORE_EXEC_NSS 0
#endif

#define DYNAMIC_UID_MIN 61184U
#define DYNAMIC_UID_MAX 65519U
#define DYNAMIC_DIR     "/run/systemd/dynamic-uid"

/* Starts over as the sibling that is linked with the name services. Returns only if that is not
 * possible. */
static void ask_name_services(const struct child *c)
{
	char number[16], *argv[] = {(char *) "core-exec-nss", number, NULL};

	if (CORE_EXEC_NSS || c->spec.nss_fd < 0)
		return;
	(void) snprintf(number, sizeof(number), "%d", c->spec_fd);
	(void) syscall(SYS_execveat, c->spec.nss_fd, "", argv, environ, AT_EMPTY_PATH);
}

/* ---- DynamicUser= ---- */

static uint64_t name_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *s; s++)
		h = (h ^ (unsigned char) *s) * 0x100000001b3;
	return h;
}

/* Takes @uid for @name: the file of the number holds the name. 1 ours, 0 somebody else's. */
static int dynamic_claim(const char *name, uid_t uid)
{
	auto_free char *path = str_printf(DYNAMIC_DIR "/%u", uid),
		       *own = str_printf(DYNAMIC_DIR "/.%u.%d", uid, (int) getpid()),
		       *direct = str_printf(DYNAMIC_DIR "/direct:%s", name),
		       *number = str_printf("%u", uid), *holder = NULL;
	int r;

	if (!path || !own || !direct || !number)
		return -ENOMEM;
	r = file_write_atomic(own, name, strlen(name), 0644, false);
	if (r < 0)
		return r;
	/* link() never replaces: of two processes that want one number one wins. */
	r = link(own, path) < 0 ? -errno : 1;
	(void) unlink(own);
	if (r == -EEXIST) {
		r = file_read_line(path, &holder);
		if (r >= 0)
			r = streq(holder, name);
	}
	if (r > 0)
		(void) symlink_atomic(number, direct);
	return r;
}

static int dynamic_user(struct child *c, const char *name)
{
	uint64_t hash = name_hash(name);
	int r;

	r = mkdir_p(DYNAMIC_DIR, 0755);
	if (r < 0)
		return child_fail(c, r, "Cannot make %s", DYNAMIC_DIR);
	for (unsigned i = 0; i <= DYNAMIC_UID_MAX - DYNAMIC_UID_MIN; i++) {
		uid_t uid = DYNAMIC_UID_MIN +
		            (uid_t) ((hash + i) % (DYNAMIC_UID_MAX - DYNAMIC_UID_MIN + 1)),
		      other;
		const char *home, *shell, *other_name;
		char number[16];
		gid_t gid;

		(void) snprintf(number, sizeof(number), "%u", uid);
		if (user_lookup(number, &other, &gid, &home, &shell, &other_name) >= 0)
			continue;
		r = dynamic_claim(name, uid);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		c->uid = uid;
		c->gid = uid;
		c->user = name;
		c->home = "/";
		c->user_set = c->group_set = true;
		return 0;
	}
	return child_fail(c, -EBUSY, "All dynamic users are taken");
}

/* ---- the step ---- */

static bool is_nologin(const char *shell)
{
	const char *name = strrchr(shell, '/');

	name = name ? name + 1 : shell;
	return !*shell || streq(name, "nologin") || streq(name, "false") || streq(name, "true");
}

static int find_user(struct child *c)
{
	const char *name = c->s->user, *home, *shell;
	int r;

	/* A dynamic user has got its name from the unit's when the settings were read. */
	if (!name)
		return child_fail(c, -EINVAL, "A dynamic user without a name");
	r = user_lookup(name, &c->uid, &c->gid, &home, &shell, &c->user);
	if (r == -ESRCH && c->s->dynamic_user)
		return dynamic_user(c, name);
	if (r == -ESRCH)
		ask_name_services(c);
	if (r < 0)
		return child_fail(c, r, "User \"%s\"", name);
	c->user_set = c->group_set = true;
	c->home = *home == '/' ? home : NULL;
	c->shell = is_nologin(shell) ? NULL : shell;
	return 0;
}

static int add_group(struct child *c, gid_t gid)
{
	gid_t *bigger;

	for (size_t i = 0; i < c->n_groups; i++)
		if (c->groups[i] == gid)
			return 0;
	if (c->n_groups >= CHILD_GROUPS_MAX)
		return -E2BIG;
	bigger = realloc(c->groups, (c->n_groups + 1) * sizeof(gid_t));
	if (!bigger)
		return -ENOMEM;
	c->groups = bigger;
	c->groups[c->n_groups++] = gid;
	return 0;
}

int child_find_groups(struct child *c)
{
	int r = 0;

	if (!c->s->group && !c->user_set && strv_length(c->s->supplementary_groups) == 0)
		return 0;
	if (c->s->group) {
		r = group_lookup(c->s->group, &c->gid);
		if (r == -ESRCH)
			ask_name_services(c);
		if (r < 0)
			return child_fail(c, r, "Group \"%s\"", c->s->group);
		c->group_set = true;
	}
	/* Root's own groups are not asked for: it needs none. */
	if (c->user_set && c->gid != 0 && c->uid != 0 && !c->s->dynamic_user)
		r = groups_of_user(c->user, c->gid, &c->groups, &c->n_groups);
	STRV_FOREACH (name, c->s->supplementary_groups) {
		gid_t gid;

		if (r >= 0)
			r = group_lookup(*name, &gid);
		if (r == -ESRCH)
			ask_name_services(c);
		if (r >= 0)
			r = add_group(c, gid);
		if (r < 0)
			return child_fail(c, r, "Supplementary group \"%s\"", *name);
	}
	return r;
}

#if !CORE_EXEC_NSS
int child_pam(struct child *c)
{
	/* Where libpam can be loaded; if that is not installed there is no session, and no
	 * pretending. */
	return c->s->pam_name && c->user_set ? child_fail(c, -ENOENT, "core-exec-nss, for PAMName=")
	                                     : 0;
}
#endif

int child_find_user(struct child *c)
{
	if (c->s->pam_name && c->s->user)
		ask_name_services(c);
	return c->s->user || c->s->dynamic_user ? find_user(c) : 0;
}

/* Delegate= with User=: the service makes cgroups below its own. */
int child_delegate(struct child *c)
{
	static const char *const files[] = {"", "cgroup.procs", "cgroup.subtree_control",
	                                    "cgroup.threads"};

	/* Nobody has to start over any more. */
	c->spec.nss_fd = fd_close(c->spec.nss_fd);
	c->spec_fd = fd_close(c->spec_fd);
	if (!c->user_set || !c->spec.cgroup || !(c->spec.spec_flags & EXEC_SPEC_DELEGATE))
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(files); i++) {
		auto_free char *path = path_join(c->spec.cgroup, files[i]);

		if (!path)
			return -ENOMEM;
		if (chown(path, c->uid, c->gid) < 0 && errno != ENOENT)
			return child_fail(c, -errno, "%s", path);
	}
	return 0;
}

/* ---- becoming the user ---- */

int child_groups(struct child *c)
{
	if (!child_switches_user(c) || (!c->group_set && c->n_groups == 0))
		return 0;
	if (setgroups(c->n_groups, c->groups) < 0)
		return child_fail(c, -errno, "setgroups");
	if (c->group_set && setresgid(c->gid, c->gid, c->gid) < 0)
		return child_fail(c, -errno, "setresgid");
	return 0;
}

static int capabilities_set(uint64_t permitted, uint64_t inheritable, uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t) (permitted >> 32 * i);
		data[i].inheritable = (uint32_t) (inheritable >> 32 * i);
		data[i].effective = (uint32_t) (effective >> 32 * i);
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int capabilities_get(uint64_t *ret_permitted, uint64_t *ret_inheritable,
                            uint64_t *ret_effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	*ret_permitted = data[0].permitted | (uint64_t) data[1].permitted << 32;
	*ret_inheritable = data[0].inheritable | (uint64_t) data[1].inheritable << 32;
	*ret_effective = data[0].effective | (uint64_t) data[1].effective << 32;
	return 0;
}

int child_bounding_set(struct child *c)
{
	uint64_t keep = c->s->capability_bounding_set, permitted, inheritable, effective;
	int r;

	if (keep == UINT64_MAX)
		return 0;
	for (unsigned cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap);

		if (has < 0)
			break; /* the last one that the kernel knows */
		if (has > 0 && !(keep & UINT64_C(1) << cap) && prctl(PR_CAPBSET_DROP, cap) < 0)
			return child_fail(c, -errno, "Capability %u", cap);
	}
	/* Root would get them back from its inheritable set. */
	r = capabilities_get(&permitted, &inheritable, &effective);
	return r < 0 || !(inheritable & ~keep)
	               ? r
	               : capabilities_set(permitted, inheritable & keep, effective);
}

static int raise_ambient(struct child *c, uint64_t ambient)
{
	uint64_t permitted, inheritable, effective;
	int r = capabilities_get(&permitted, &inheritable, &effective);

	if (r < 0)
		return r;
	/* Behind the switch of the user all are still permitted (KEEPCAPS), but what is not ambient
	 * shall be gone. Root keeps its own. */
	if (c->user_set && c->uid != 0) {
		permitted &= ambient | UINT64_C(1) << CAP_SETPCAP;
		effective = permitted;
	}
	r = capabilities_set(permitted, inheritable | ambient, effective);
	if (r < 0)
		return child_fail(c, r, "Ambient capabilities that the process does not have");
	for (unsigned cap = 0; cap < 64; cap++)
		if (ambient & UINT64_C(1) << cap &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return child_fail(c, -errno, "Ambient capability %u", cap);
	return 0;
}

int child_user(struct child *c)
{
	uint64_t ambient = c->sandbox ? c->s->ambient_capabilities : 0;
	bool switches = child_switches_user(c) && c->user_set;
	bool keeps = ambient != 0 || (c->sandbox && c->s->secure_bits != 0);
	int r = 0;

	if (keeps && switches && c->uid != 0 && prctl(PR_SET_KEEPCAPS, 1) < 0)
		return child_fail(c, -errno, "PR_SET_KEEPCAPS");
	if (switches && setresuid(c->uid, c->uid, c->uid) < 0)
		return child_fail(c, -errno, "setresuid");
	if (keeps)
		r = raise_ambient(c, ambient);
	return r;
}

int child_secure_bits(struct child *c)
{
	int now_set;

	if (c->s->secure_bits == 0)
		return 0;
	now_set = prctl(PR_GET_SECUREBITS);
	if (now_set >= 0 && (now_set | c->s->secure_bits) != now_set &&
	    prctl(PR_SET_SECUREBITS, now_set | c->s->secure_bits) < 0)
		return -errno;
	return 0;
}

static bool has_sys_admin(void)
{
	uint64_t permitted, inheritable, effective;

	return capabilities_get(&permitted, &inheritable, &effective) >= 0 &&
	       effective & UINT64_C(1) << CAP_SYS_ADMIN;
}

int child_no_new_privileges(struct child *c)
{
	/* An unprivileged process may only filter its system calls when it can gain no privileges
	 * any more. */
	if (!c->s->no_new_privileges && (!c->seccomp_wanted || has_sys_admin()))
		return 0;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
