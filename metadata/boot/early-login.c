// SPDX-License-Identifier: Apache-2.0
/*
 * early-login.c - whether sshd may be up before the rest of the boot, and the mark that says so to core (X-StartupNotAfterIf= in
 * units/ssh.service.d). Who is waited for all the same are the stages that make keys, users and the host name.
 */
#include "metadata/boot/boot.h"

#define MARK        METADATA_RUN "/early-login"
#define NOLOGIN_OFF "run/tmpfiles.d/systemd-nologin.conf"

bool early_login_is_wanted(const cJSON *config, const char *line)
{
	static const char word[] = "sysmaster.early-login=";
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(config, "sysmaster");
	bool wanted = json_bool_or(own, "early_login", true);
	auto_strv char **words = NULL;

	if (line && strv_split(line, " \t\n", &words) < 0)
		return false;
	/* The last one counts; one that is neither yes nor no changes nothing. */
	STRV_FOREACH (w, words) {
		const char *value = str_after(*w, word);
		int r = value ? str_to_bool(value) : -EINVAL;

		if (r >= 0)
			wanted = r;
	}
	return wanted;
}

static bool is_network_type(const char *type)
{
	static const char *const types[] = {"afs",       "ceph",     "cifs",   "gfs",   "gfs2",
	                                    "glusterfs", "ncp",      "ncpfs",  "nfs",   "nfs4",
	                                    "ocfs2",     "orangefs", "pvfs2",  "smb3",  "smbfs",
	                                    "sshfs",     "davfs",    "lustre", "9p.tcp"};

	type = str_after(type, "fuse.") ?: type;
	for (size_t i = 0; i < ELEMENTSOF(types); i++)
		if (streq(types[i], type))
			return true;
	return false;
}

bool fstab_names_network(const char *text)
{
	auto_strv char **lines = NULL;

	if (strv_split(text, "\n", &lines) < 0)
		return true;
	STRV_FOREACH (line, lines) {
		auto_strv char **fields = NULL, **options = NULL;

		if (strv_split(*line, " \t", &fields) < 0)
			return true;
		if (strv_length(fields) < 3 || **fields == '#')
			continue;
		if (is_network_type(fields[2]))
			return true;
		if (fields[3] &&
		    (strv_split(fields[3], ",", &options) < 0 || strv_contains(options, "_netdev")))
			return true;
	}
	return false;
}

/* Homes may be there, and who comes before they are mounted finds an empty one. */
static bool waits_for_network(const char *root)
{
	auto_free char *path = path_join(*root ? root : "/", "etc/fstab"), *text = NULL;
	int r = path ? file_read(path, &text, NULL) : -ENOMEM;

	return r < 0 ? r != -ENOENT : fstab_names_network(text);
}

/*
 * pam_nologin keeps users out until systemd-user-sessions.service removes the file that systemd-tmpfiles made: here they would be let
 * in, kept out when that comes, and let in again. So it makes none; what it made before is removed by that service, which is early, too.
 */
static int leave_out_nologin(const char *root)
{
	auto_free char *off = path_join(*root ? root : "/", NOLOGIN_OFF);
	int r = off ? mkdir_parents(off, 0755) : -ENOMEM;

	return r < 0 ? r : symlink_atomic("/dev/null", off);
}

int early_login_permit(const char *root, const cJSON *config, const char *line)
{
	auto_free char *mark = path_join(*root ? root : "/", MARK);
	int r;

	if (!mark)
		return -ENOMEM;
	if (!early_login_is_wanted(config, line) || waits_for_network(root))
		return 0;
	r = leave_out_nologin(root);
	if (r >= 0)
		r = mkdir_parents(mark, 0755);
	if (r >= 0)
		r = file_write_atomic(mark, "", 0, 0644, false);
	return r < 0 ? r : 1;
}
