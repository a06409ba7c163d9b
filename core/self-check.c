// SPDX-License-Identifier: Apache-2.0
/*
 * self-check.c - run by init on a new binary before it replaces the running one: reads the real
 * state with the code that will have to, and sees that the programs which belong to this version
 * lie beside it. Changes nothing: it works on a copy, since a store that cannot be read is set
 * aside by whoever opens it.
 */
#include "core.h"

#include "types/plugin.h"

#include <stdio.h>

/* The running core may write while we copy; a copy that is torn is no verdict. */
#define COPY_TRIES 5

struct checked {
	size_t n_records, n_bad;
	char bad[128];
};

static int check_record(const char *key, const char *data, size_t size, void *userdata)
{
	auto_cleanup(record_free) struct record *r = NULL;
	struct checked *c = userdata;

	if (!str_after(key, "unit/") && !strchr(key, '/'))
		return 0; /* counters of the store's own */
	c->n_records++;
	if (record_parse(data, size, &r) < 0 && c->n_bad++ == 0)
		(void) snprintf(c->bad, sizeof(c->bad), "%s", key);
	return 0;
}

static int check_copy(const char *state_dir, const char *copy_dir, struct checked *c)
{
	auto_free char *from = path_join(state_dir, "data.mdb"),
		       *to = path_join(copy_dir, "data.mdb");
	struct store *s = NULL;
	int r;

	if (!from || !to)
		return -ENOMEM;
	r = file_copy(from, to, 0600);
	if (r < 0)
		return r;
	r = store_open(copy_dir, &s);
	if (r < 0) {
		store_free(s);
		return r;
	}
	*c = (struct checked){0};
	r = store_foreach(s, "", check_record, c);
	store_free(s);
	return r < 0 ? r : 0;
}

static int check_state(const char *state_dir)
{
	char copy_dir[] = CORE_RUNTIME_DIR "/check.XXXXXX";
	struct checked c = {0};
	int r = -EBADMSG;

	if (!mkdtemp(copy_dir)) {
		fprintf(stderr, "cannot make a directory for the copy: %s\n", strerror(errno));
		return -errno;
	}
	for (int i = 0; i < COPY_TRIES && r == -EBADMSG; i++)
		r = check_copy(state_dir, copy_dir, &c);
	(void) rm_rf(copy_dir);
	if (r == -ENOENT)
		return 0; /* no state yet: nothing that could be misread */
	if (r < 0)
		fprintf(stderr, "the state cannot be read: %s\n", strerror(-r));
	else if (c.n_bad > 0)
		fprintf(stderr, "%zu of %zu records cannot be decoded, the first is %s\n", c.n_bad,
		        c.n_records, c.bad);
	return r < 0 ? r : c.n_bad > 0 ? -EBADMSG : 0;
}

static int check_programs(void)
{
	static const char *const needed[] = {"core-exec"};
	auto_free char *directory = NULL;
	int r;

	r = boot_directory(&directory);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
		auto_free char *path = path_join(directory, needed[i]);

		if (!path)
			return -ENOMEM;
		if (access(path, X_OK) < 0) {
			r = -errno;
			fprintf(stderr, "%s: %s\n", path, strerror(-r));
			return r;
		}
	}
	return 0;
}

/* The units of a plug-in that this version cannot take would be lost to whoever looks after them. */
static int check_plugins(void)
{
	return plugins_load() == 0 ? 0 : -ENOEXEC;
}

int self_check(const char *state_dir)
{
	log_setup("core", LOG_TARGET_STDERR, LOG_ERR);
	if (check_programs() < 0 || check_plugins() < 0 || check_state(state_dir) < 0)
		return 1;
	printf("core %s can go on from this state, wire version %d\n", core_version, WIRE_VERSION);
	return 0;
}
