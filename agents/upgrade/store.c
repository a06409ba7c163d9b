// SPDX-License-Identifier: Apache-2.0
#include "upgrade/upgrade.h"

#include <dirent.h>
#include <stdio.h>

static const char *const phases[PHASE_MAX] = {
	[PHASE_IDLE] = "idle",
	[PHASE_VERIFYING] = "verifying",
	[PHASE_STAGING] = "staging",
	[PHASE_ACTIVATING] = "activating",
	[PHASE_GATING] = "gating",
	[PHASE_COMMITTED] = "committed",
	[PHASE_ROLLED_BACK] = "rolled-back",
	[PHASE_FAILED] = "failed",
};

const char *upgrade_phase_to_string(enum upgrade_phase p)
{
	return ENUM_TO_STRING(phases, p);
}

enum upgrade_phase upgrade_phase_from_string(const char *s)
{
	int p = ENUM_FROM_STRING(phases, s);

	return p < 0 ? PHASE_IDLE : (enum upgrade_phase) p;
}

static char *place(const char *name)
{
	return path_join3(config.directory, "versions", name);
}

char *version_directory(const char *version)
{
	return place(version);
}

/* ---- the upgrade under way ---- */

int upgrade_state_load(struct upgrade_state *s)
{
	auto_free char *path = place("state.json");
	auto_json cJSON *j = NULL;
	int r;

	*s = (struct upgrade_state){0};
	if (!path)
		return -ENOMEM;
	r = json_parse_file(path, NULL, &j);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	s->phase = upgrade_phase_from_string(json_string_or(j, "phase", ""));
	if (str_set(&s->target, json_string_or(j, "target", NULL)) < 0 ||
	    str_set(&s->target_directory, json_string_or(j, "target_directory", NULL)) < 0 ||
	    str_set(&s->origin, json_string_or(j, "origin", NULL)) < 0 ||
	    str_set(&s->origin_directory, json_string_or(j, "origin_directory", NULL)) < 0 ||
	    str_set(&s->reason, json_string_or(j, "reason", NULL)) < 0 ||
	    str_set(&s->boot_id, json_string_or(j, "boot_id", NULL)) < 0)
		return -ENOMEM;
	r = json_get_strv(j, "failed_before", &s->failed_before);
	return r == -ENOENT ? 0 : r;
}

int upgrade_state_save(const struct upgrade_state *s)
{
	auto_free char *path = place("state.json"), *text = NULL;
	auto_json cJSON *j = cJSON_CreateObject();
	char boot[ID128_TEXT_MAX] = "";
	struct id128 id;
	int r;

	if (!path || !j)
		return -ENOMEM;
	if (id128_boot(&id) >= 0)
		id128_format(&id, boot);
	json_add_string(j, "phase", phases[s->phase]);
	json_add_string(j, "target", s->target);
	json_add_string(j, "target_directory", s->target_directory);
	json_add_string(j, "origin", s->origin);
	json_add_string(j, "origin_directory", s->origin_directory);
	json_add_string(j, "reason", s->reason);
	json_add_string(j, "boot_id", boot);
	json_add_strv(j, "failed_before", s->failed_before);
	text = json_print(j, true);
	if (!text)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, true);
}

void upgrade_state_done(struct upgrade_state *s)
{
	free(s->target);
	free(s->target_directory);
	free(s->origin);
	free(s->origin_directory);
	free(s->reason);
	free(s->boot_id);
	strv_free(s->failed_before);
	*s = (struct upgrade_state){0};
}

/* ---- versions on disk ---- */

int version_bad_reason(const char *version, char **ret)
{
	auto_free char *path = path_join3(config.directory, "bad", version);

	return path ? file_read_line(path, ret) : -ENOMEM;
}

int version_mark_bad(const char *version, const char *reason)
{
	auto_free char *path = path_join3(config.directory, "bad", version);
	int r;

	if (!path)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	return r < 0 ? r : file_write_atomic(path, reason, strlen(reason), 0644, true);
}

int version_link(const char *link, const char *directory)
{
	auto_free char *path = place(link);
	auto_fd int parent = -EBADF;
	int r;

	if (!path)
		return -ENOMEM;
	if (directory)
		r = symlink_atomic(directory, path);
	else
		r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (r < 0)
		return r;
	/* The link has to be on disk before anybody relies on it after a power cut. */
	parent = openat(AT_FDCWD, config.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || syncfs(parent) < 0)
		return -errno;
	return 0;
}

int version_linked(const char *link, char **ret)
{
	auto_free char *path = place(link);

	if (!path)
		return -ENOMEM;
	*ret = realpath(path, NULL);
	return *ret ? 0 : -errno;
}

static int add_version(cJSON *array, const char *version, const char *directory,
                       const char *running, const char *previous)
{
	auto_free char *reason = NULL;
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return -ENOMEM;
	json_add_string(o, "version", version);
	json_add_bool(o, "current", running && streq(running, directory));
	json_add_bool(o, "previous", previous && streq(previous, directory));
	json_add_bool(o, "bad", version_bad_reason(version, &reason) >= 0);
	json_add_string(o, "reason", reason);
	json_add_string(o, "directory", directory);
	return json_append_take(array, o);
}

static bool is_version(const char *name)
{
	auto_free char *directory = place(name);
	struct stat st;

	return bundle_version_is_valid(name) && directory && lstat(directory, &st) >= 0 &&
	       S_ISDIR(st.st_mode);
}

cJSON *versions_describe(const char *running_directory)
{
	auto_free char *root = path_join(config.directory, "versions"), *previous = NULL;
	auto_strv char **names = NULL;
	cJSON *array = cJSON_CreateArray();

	if (!root || !array)
		return array;
	(void) version_linked("previous", &previous);
	add_version(array, "packaged", config.packaged, running_directory, previous);
	if (dir_list(root, &names) < 0)
		return array;
	STRV_FOREACH (name, names) {
		auto_free char *directory = is_version(*name) ? place(*name) : NULL;

		if (directory)
			add_version(array, *name, directory, running_directory, previous);
	}
	return array;
}

void versions_prune(const char *running_directory, size_t keep)
{
	auto_free char *root = path_join(config.directory, "versions"), *current = NULL,
		       *previous = NULL;
	auto_strv char **names = NULL;

	if (!root || dir_list(root, &names) < 0)
		return;
	(void) version_linked("current", &current);
	(void) version_linked("previous", &previous);
	for (;;) {
		char *oldest = NULL;
		struct timespec oldest_time = {0};
		size_t n = 0;

		STRV_FOREACH (name, names) {
			auto_free char *directory = is_version(*name) ? place(*name) : NULL;
			struct stat st;

			if (!directory || stat(directory, &st) < 0 ||
			    (current && streq(current, directory)) ||
			    (previous && streq(previous, directory)) ||
			    (running_directory && streq(running_directory, directory)))
				continue;
			n++;
			if (!oldest || st.st_ctim.tv_sec < oldest_time.tv_sec) {
				oldest = *name;
				oldest_time = st.st_ctim;
			}
		}
		if (n <= keep || !oldest)
			return;
		auto_free char *directory = place(oldest);

		if (!directory || rm_rf(directory) < 0)
			return;
	}
}
