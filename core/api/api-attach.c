// SPDX-License-Identifier: Apache-2.0
/*
 * api-attach.c - processes that move into a delegated unit. A manager of a user may write into its own cgroups, but may not take a process out of
 * somebody else's (a session's, a service's): the kernel asks for rights at what both have in common. So it asks us, and may have what is its
 * own: processes of its user, into a cgroup that was given to its user.
 */
#include "api/api-internal.h"

#include "cgroup/cgroup.h"

#include <stdio.h>
#include <sys/stat.h>

#define PIDS_MAX 4096

/* The real user of a process. */
static int uid_of(pid_t pid, uid_t *ret)
{
	char path[32];
	auto_free char *text = NULL;
	const char *line;
	unsigned uid;
	int r;

	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	r = file_read(path, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	line = strstr(text, "\nUid:");
	if (!line || sscanf(line, "\nUid: %u", &uid) != 1)
		return -EPROTO;
	*ret = uid;
	return 0;
}

/* Whose the unit's cgroup is, which is what Delegate= with User= made of it. */
static int cgroup_uid(const struct unit *u, uid_t *ret)
{
	auto_free char *path = cgroupfs_path(u->cgroup, NULL);
	struct stat st;

	if (!path)
		return -ENOMEM;
	if (stat(path, &st) < 0)
		return -errno;
	*ret = st.st_uid;
	return 0;
}

static int may_attach(const struct unit *u, pid_t pid, uid_t uid, struct diag *d)
{
	uid_t owner;
	int r;

	if (uid == 0)
		return 0;
	r = uid_of(pid, &owner);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "Process %d: %s", (int) pid,
		                strerror(-r));
	if (owner != uid)
		return diag_add(d, -EACCES, DIAG_ERROR, NULL, 0,
		                "Process %d is not of the user who asks", (int) pid);
	r = cgroup_uid(u, &owner);
	if (r < 0)
		return r;
	return owner == uid ? 0
	                    : diag_add(d, -EACCES, DIAG_ERROR, NULL, 0,
	                               "The cgroup of %s is not of the user who asks", u->id);
}

static int check_unit(const struct unit *u, const char *subgroup, struct diag *d)
{
	enum unit_active_state state = unit_active_state(u);

	if (state == UNIT_INACTIVE || state == UNIT_FAILED || !u->cgroup)
		return diag_add(d, -ESTALE, DIAG_ERROR, NULL, 0, "%s is not active", u->id);
	if (!u->file->cgroup || !u->file->cgroup->delegate)
		return diag_add(d, -EOPNOTSUPP, DIAG_ERROR, NULL, 0,
		                "%s does not delegate its cgroup", u->id);
	if (*subgroup && (*subgroup != '/' || !path_is_normalized(subgroup)))
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
		                "'%.100s' is no absolute, normalized path", subgroup);
	return 0;
}

/* The process is held while it is looked at and moved, so that its number is nobody else's. */
static int attach_one(const struct unit *u, const char *cgroup, pid_t pid, uid_t uid,
                      struct diag *d)
{
	struct pidref p = PIDREF_NULL;
	int r = pid <= 1 ? -EINVAL : pidref_open(pid, &p);

	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "Process %d: %s", (int) pid,
		                strerror(-r));
	r = may_attach(u, pid, uid, d);
	if (r >= 0) {
		r = cgroupfs_attach(cgroup, pid);
		if (r < 0)
			diag_add(d, r, DIAG_ERROR, NULL, 0, "Process %d does not go into '%s': %s",
			         (int) pid, cgroup, strerror(-r));
	}
	pidref_done(&p);
	return r;
}

/* An empty name is the unit of the process that asks. */
static int unit_parameter(struct api *a, struct varlink_call *call, const cJSON *parameters,
                          struct unit **ret)
{
	uint64_t caller;

	if (*json_string_or(parameters, "name", ""))
		return api_unit_parameter(a, call, parameters, "name", ret);
	if (json_get_u64(parameters, "caller", &caller) < 0 || caller < 1 || caller > INT32_MAX) {
		varlink_error_invalid(call, "name");
		return -EINVAL;
	}
	*ret = manager_unit_by_pid(a->c.manager, (pid_t) caller);
	if (*ret)
		return 0;
	varlink_error_text(call, "org.sysmaster.Unit.NoSuchProcess",
	                   "Process %d belongs to no unit", (int) caller);
	return -ESRCH;
}

int api_attach(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	const char *subgroup = json_string_or(parameters, "subgroup", "");
	const cJSON *pids, *it;
	auto_free char *cgroup = NULL;
	struct diag d = {0};
	uint64_t uid = 0;
	struct unit *u;
	int r;

	if (json_get_array(parameters, "pids", &pids) < 0 || cJSON_GetArraySize(pids) > PIDS_MAX)
		return varlink_error_invalid(call, "pids");
	if (cJSON_HasObjectItem(parameters, "uid") &&
	    (json_get_u64(parameters, "uid", &uid) < 0 || uid >= UINT32_MAX))
		return varlink_error_invalid(call, "uid");
	if (unit_parameter(userdata, call, parameters, &u) < 0)
		return 0;
	r = check_unit(u, subgroup, &d);
	if (r >= 0) {
		cgroup = streq(subgroup, "/") ? strdup(u->cgroup)
		                              : str_printf("%s%s", u->cgroup, subgroup);
		r = cgroup ? 0 : -ENOMEM;
	}
	cJSON_ArrayForEach(it, pids)
	{
		if (r < 0)
			break;
		r = attach_one(u, cgroup,
		               cJSON_IsNumber(it) && it->valuedouble < INT32_MAX
		                       ? (pid_t) it->valuedouble
		                       : -1,
		               (uid_t) uid, &d);
	}
	if (r < 0)
		return api_answer_error(call, r, u->id, "attach", &d);
	return varlink_reply(call, NULL);
}
