// SPDX-License-Identifier: Apache-2.0
/* The kernel's view of the world: /proc and the cgroup tree, read from outside. */
#include "chaos.h"

#include <dirent.h>

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* Pid as the world sees it. */
pid_t truth_pid_inside(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%d/status", (int) pid), *text = NULL;
	int outer, inner;
	const char *p;

	if (file_read(path, &text, NULL) < 0)
		return 0;
	p = strstr(text, "\nNSpid:");
	return p && sscanf(p, "\nNSpid: %d %d", &outer, &inner) == 2 ? inner : 0;
}

static void read_processes(struct truth *t, const char *path, const char *below)
{
	auto_free char *procs = path_join(path, "cgroup.procs"), *text = NULL;

	if (file_read(procs, &text, NULL) < 0)
		return;
	for (char *save, *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		struct process e = {.pid = atoi(p)};

		/* One that ended meanwhile is not there. */
		e.inside = truth_pid_inside(e.pid);
		if (e.inside <= 0 || pid_start_time(e.pid, &e.start) < 0)
			continue;
		snprintf(e.cgroup, sizeof(e.cgroup), "%s", below);
		t->processes = must(reallocarray(t->processes, t->n + 1, sizeof(e)));
		t->processes[t->n++] = e;
	}
}

static void read_tree(struct truth *t, const char *path, const char *below)
{
	auto_strv char **names = NULL;
	bool leaf = true;

	read_processes(t, path, below);
	if (dir_list(path, &names) < 0)
		return;
	STRV_FOREACH (name, names) {
		auto_free char *child = path_join(path, *name),
			       *sub = str_printf("%s/%s", below, *name);
		struct stat st;

		if (lstat(child, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		leaf = false;
		read_tree(t, child, sub);
	}
	if (!leaf)
		return;
	t->cgroups = must(reallocarray(t->cgroups, t->n_cgroups + 1, sizeof(*t->cgroups)));
	snprintf(t->cgroups[t->n_cgroups++], sizeof(*t->cgroups), "%s", below);
}

void truth_read(const struct world *w, struct truth *t)
{
	*t = (struct truth){.at = now(CLOCK_BOOTTIME)};
	read_tree(t, w->cgroup, "");
}

void truth_done(struct truth *t)
{
	free(t->processes);
	free(t->cgroups);
	*t = (struct truth){0};
}

unsigned long truth_listener(const struct world *w, const char *path)
{
	auto_free char *file = str_printf("/proc/%d/net/unix", (int) w->init), *text = NULL;

	if (file_read(file, &text, NULL) < 0)
		return 0;
	for (char *save, *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		unsigned flags, type, state;
		unsigned long inode;
		char name[108];

		/* proc(5): the flag is __SO_ACCEPTCON, "listens". */
		if (sscanf(p, "%*x: %*x %*x %x %x %x %lu %107s", &flags, &type, &state, &inode,
		           name) == 5 &&
		    flags & 0x10000 && streq(name, path))
			return inode;
	}
	return 0;
}

unsigned truth_mounted(const struct world *w, const char *path, const char *type)
{
	auto_free char *file = str_printf("/proc/%d/mountinfo", (int) w->init), *text = NULL;
	unsigned n = 0;

	if (file_read(file, &text, NULL) < 0)
		return 0;
	for (char *save, *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		const char *tail = strstr(p, " - ");
		char where[256], is[64];

		/* proc(5): ID, parent, device, root, mount point, ..., " - ", type. */
		if (tail && sscanf(p, "%*s %*s %*s %*s %255s", where) == 1 &&
		    sscanf(tail, " - %63s", is) == 1 && streq(where, path) &&
		    (!type || streq(is, type)))
			n++;
	}
	return n;
}

bool truth_swaps(const char *path)
{
	auto_free char *text = NULL, *word = str_printf("\n%s ", path);

	return file_read("/proc/swaps", &text, NULL) >= 0 && strstr(text, word);
}

bool truth_is_of(const struct process *p, const char *unit)
{
	for (const char *c = p->cgroup; c && *c; c = strchr(c + 1, '/')) {
		const char *rest = str_after(c + 1, unit);

		if (rest && (*rest == '/' || !*rest))
			return true;
	}
	return false;
}
