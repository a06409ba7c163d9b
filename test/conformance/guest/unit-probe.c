// SPDX-License-Identifier: Apache-2.0
/*
 * unit-probe - inside a guest: what the processes of every service are allowed to do and see, one JSON object a process on a line.
 *
 * Services are found as the kernel has them, by cgroup ("NAME.service" in a path below /sys/fs/cgroup), so that the same program looks at any
 * init. A process is told by its unit and its executable; what differs from run to run (numbers of processes, inodes of name spaces, values of
 * the environment) is left out or said in relation to PID 1: a name space is "shared" with it or "private".
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define DEPTH_MAX   16
#define ENV_MAX     512

static void print_json(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char) *s < 0x20)
			printf("\\u%04x", (unsigned char) *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_pair(const char *key, const char *value)
{
	printf(",\"%s\":", key);
	print_json(value);
}

/* Up to @size - 1 bytes, always terminated; the number read, 0 on any error. */
static size_t read_proc(const char *pid, const char *name, char *buf, size_t size)
{
	char path[96];
	size_t n = 0;
	ssize_t r;
	int fd;

	(void) snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
			n += (size_t) r;
		close(fd);
	}
	buf[n] = 0;
	return n;
}

static bool read_link(const char *pid, const char *name, char *buf, size_t size)
{
	char path[96];
	ssize_t n;

	(void) snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	n = readlink(path, buf, size - 1);
	buf[n > 0 ? n : 0] = 0;
	return n > 0;
}

static void print_status(const char *pid)
{
	static const char *const wanted[] = {
		"Uid",    "Gid",    "Groups", "CapInh",     "CapPrm",  "CapEff",
		"CapBnd", "CapAmb", "Umask",  "NoNewPrivs", "Seccomp", "Cpus_allowed_list"};
	char text[8192], *rest = NULL;

	(void) read_proc(pid, "status", text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = 0;
		while (isspace((unsigned char) *value))
			value++;
		for (char *end = value + strlen(value);
		     end > value && isspace((unsigned char) end[-1]);)
			*--end = 0;
		for (char *p = value; *p; p++)
			if (*p == '\t')
				*p = ' ';
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (strcmp(line, wanted[i]) == 0)
				print_pair(wanted[i], value);
	}
}

static void print_namespaces(const char *pid)
{
	static const char *const kinds[] = {"mnt",  "net", "ipc",    "uts",
	                                    "user", "pid", "cgroup", "time"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char name[24], key[24], own[64], first[64];

		(void) snprintf(name, sizeof(name), "ns/%s", kinds[i]);
		(void) snprintf(key, sizeof(key), "ns_%s", kinds[i]);
		if (read_link(pid, name, own, sizeof(own)) &&
		    read_link("1", name, first, sizeof(first)))
			print_pair(key, strcmp(own, first) == 0 ? "shared" : "private");
	}
}

/* "Max open files  1024  524288  files" as LIMIT: "1024 524288". */
static void print_limits(const char *pid)
{
	char text[4096], *rest = NULL;

	(void) read_proc(pid, "limits", text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char soft[32], hard[32], name[26];

		if (strncmp(line, "Max ", 4) != 0 || strlen(line) < 30)
			continue;
		(void) snprintf(name, sizeof(name), "%.21s", line + 4);
		for (char *end = name + strlen(name); end > name && end[-1] == ' ';)
			*--end = 0;
		for (char *p = name; *p; p++)
			if (*p == ' ')
				*p = '_';
		if (sscanf(line + 26, "%31s %31s", soft, hard) == 2)
			printf(",\"limit_%s\":\"%s %s\"", name, soft, hard);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Names only: the values are the machine's. */
static void print_environment(const char *pid)
{
	static char text[128 * 1024];
	char *names[ENV_MAX];
	size_t n = 0, size = read_proc(pid, "environ", text, sizeof(text));

	for (char *p = text; p < text + size && n < ENV_MAX; p += strlen(p) + 1) {
		char *equals = strchr(p, '=');

		if (!equals)
			continue;
		names[n] = p;
		n++;
	}
	for (size_t i = 0; i < n; i++) {
		char *value = strchr(names[i], '=');
		size_t value_size = strlen(value);

		/* Cut at "=", keeping the string's size for the walk above, which is over. */
		memset(value, 0, value_size);
	}
	qsort(names, n, sizeof(*names), compare);
	printf(",\"environment\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			putchar(',');
		print_json(names[i]);
	}
	putchar(']');
}

static void print_scheduling(int pid)
{
	errno = 0;
	printf(",\"nice\":%d", getpriority(PRIO_PROCESS, (id_t) pid));
	printf(",\"policy\":%d", sched_getscheduler(pid));
	printf(",\"ioprio\":%ld", syscall(SYS_ioprio_get, 1, pid));
}

static void print_process(const char *unit, const char *cgroup, const char *pid)
{
	char exe[4096], text[4096];

	if (!read_link(pid, "exe", exe, sizeof(exe)))
		return; /* gone, or a kernel thread */
	printf("{\"unit\":");
	print_json(unit);
	print_pair("exe", exe);
	print_pair("cgroup", cgroup);
	print_status(pid);
	print_namespaces(pid);
	print_limits(pid);
	print_environment(pid);
	print_scheduling(atoi(pid));
	(void) read_proc(pid, "oom_score_adj", text, sizeof(text));
	text[strcspn(text, "\n")] = 0;
	print_pair("oom_score_adj", text);
	if (read_link(pid, "root", text, sizeof(text)))
		print_pair("root", text);
	if (read_link(pid, "cwd", text, sizeof(text)))
		print_pair("cwd", text);
	puts("}");
}

static bool is_service(const char *name)
{
	size_t n = strlen(name);

	return n > 8 && strcmp(name + n - 8, ".service") == 0;
}

static void walk(const char *path, const char *unit, unsigned depth)
{
	char name[4200], pid[32];
	struct dirent *e;
	FILE *f;
	DIR *d;

	(void) snprintf(name, sizeof(name), "%s/cgroup.procs", path);
	f = unit ? fopen(name, "re") : NULL;
	while (f && fgets(pid, sizeof(pid), f)) {
		pid[strcspn(pid, "\n")] = 0;
		print_process(unit, path + strlen(CGROUP_ROOT), pid);
	}
	if (f)
		fclose(f);
	d = depth < DEPTH_MAX ? opendir(path) : NULL;
	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || *e->d_name == '.')
			continue;
		(void) snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		/* The outermost service is the unit; what it makes below its own cgroup is its own affair. */
		walk(name,
		     unit                    ? unit
		     : is_service(e->d_name) ? strdup(e->d_name)
		                             : NULL,
		     depth + 1);
	}
	if (d)
		closedir(d);
}

int main(void)
{
	walk(CGROUP_ROOT, NULL, 0);
	return 0;
}
