// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <linux/magic.h>

long long world_msec(void)
{
	return (long long) (now(CLOCK_MONOTONIC) / USEC_PER_MSEC);
}

static const char *cgroup2_root(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs sb;

	for (size_t i = 0; i < ELEMENTSOF(roots); i++)
		if (statfs(roots[i], &sb) == 0 && sb.f_type == CGROUP2_SUPER_MAGIC)
			return roots[i];
	return NULL;
}

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(r < -1 ? -r : errno));
	_exit(99);
}

char *world_program(const char *built)
{
	const char *directory = getenv("WORLD_PROGRAMS");

	return directory ? path_join(directory, path_basename(built)) : strdup(built);
}

static void copy_program(struct world *w, const char *built, const char *name)
{
	auto_free char *to = str_printf("%s/version/%s", w->dir, name),
		       *from = world_program(built);

	must(file_copy(from, to, 0755), from);
}

void world_prepare(struct world *w)
{
	auto_free char *units = NULL, *version = NULL;

	*w = (struct world){.init = 0};
	if (geteuid() != 0 || !cgroup2_root()) {
		printf("SKIP: needs root and a cgroup2 mount\n");
		exit(77);
	}
	strcpy(w->dir, "/tmp/core-world.XXXXXX");
	must(mkdtemp(w->dir) ? 0 : -1, "mkdtemp");
	must(chmod(w->dir, 0755), "chmod");
	snprintf(w->cgroup, sizeof(w->cgroup), "%s/%s", cgroup2_root(), path_basename(w->dir));
	units = path_join(w->dir, "units");
	version = path_join(w->dir, "version");
	must(mkdir_p(units, 0755), units);
	must(mkdir_p(version, 0755), version);
	copy_program(w, INIT_BINARY, "init");
	copy_program(w, CORE_BINARY, "core");
	copy_program(w, CORE_EXEC_BINARY, "core-exec");
}

void world_put(struct world *w, const char *name, const char *fmt, ...)
{
	auto_free char *path = str_printf("%s/units/%s", w->dir, name);
	char text[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	must(mkdir_parents(path, 0755), path);
	must(file_write_atomic(path, text, (size_t) n, 0644, false), path);
}

char *world_crash_directory(const struct world *w)
{
	return path_join(w->dir, "crashes");
}

/* PID 1 of the new world. */
static void child_run(struct world *w)
{
	auto_free char *procs = path_join(w->cgroup, "cgroup.procs"),
		       *init = path_join(w->dir, "version/init"),
		       *core = str_printf("--core=%s/version/core", w->dir),
		       *units = str_printf("/run/systemd/system.control:/run/systemd/transient:%s/"
	                                   "units:/run/systemd/generator",
	                                   w->dir),
		       *generators = path_join(w->dir, "generators"),
		       *packaged = path_join(w->dir, "packaged"), *log = path_join(w->dir, "log"),
		       *crashes = world_crash_directory(w);
	char *argv[16] = {init, core};
	int fd;

	must(file_write_attr(procs, "0"), procs);
	must(unshare(CLONE_NEWCGROUP), "unshare");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	must(mount("tmpfs", "/run", "tmpfs", 0, w->run_options ? w->run_options : "mode=0755"),
	     "mount /run");
	/* Where there is nothing but cgroup2 it is mounted there, and once only. */
	if (streq(cgroup2_root(), "/sys/fs/cgroup"))
		must(umount2("/sys/fs/cgroup", MNT_DETACH), "unmount cgroup2");
	must(mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL), "mount cgroup2");
	must(mount("/dev/null", "/dev/console", NULL, MS_BIND, NULL), "hide the console");
	must(mount("/dev/null", "/dev/kmsg", NULL, MS_BIND, NULL), "hide the kernel's log");
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	must(fd, log);
	must(dup2(fd, 1), "dup2");
	must(dup2(fd, 2), "dup2");
	setenv("SYSTEMD_UNIT_PATH", units, 1);
	if (w->packaged_generators)
		must(mount(packaged, "/usr/lib/systemd/system-generators", NULL, MS_BIND, NULL),
		     "mount generators");
	else
		setenv("SYSTEMD_GENERATOR_PATH", generators, 1);
	setenv("SYSMASTER_CRASH_DIRECTORY", crashes, 1);
	setenv("container", "sysmaster-test", 1);
	for (size_t i = 0; w->init_options && w->init_options[i] && i < ELEMENTSOF(argv) - 3; i++)
		argv[i + 2] = (char *) (uintptr_t) w->init_options[i];
	execv(init, argv);
	must(-1, init);
}

void world_launch(struct world *w)
{
	must(mkdir(w->cgroup, 0755), w->cgroup);
	fflush(NULL);
	w->init = (pid_t) syscall(SYS_clone,
	                          CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS |
	                                  CLONE_NEWIPC | SIGCHLD,
	                          NULL, NULL, NULL, NULL);
	if (w->init == 0)
		child_run(w);
	must(w->init, "clone");
	snprintf(w->socket, sizeof(w->socket), "/proc/%d/root/run/sysmaster/control",
	         (int) w->init);
}

int world_start(struct world *w)
{
	cJSON *reply = NULL;
	int r;

	world_launch(w);
	r = world_call(w, "org.sysmaster.Manager.Describe", NULL, &reply);
	json_free(reply);
	return r;
}

static void cgroup_remove(const char *path)
{
	auto_strv char **names = NULL;

	if (dir_list(path, &names) >= 0)
		STRV_FOREACH (n, names) {
			auto_free char *below = path_join(path, *n);
			struct stat st;

			if (below && lstat(below, &st) >= 0 && S_ISDIR(st.st_mode))
				cgroup_remove(below);
		}
	for (int i = 0; i < 100 && rmdir(path) < 0 && errno == EBUSY; i++)
		usleep(10000);
}

void world_close(struct world *w)
{
	auto_free char *log = path_join(w->dir, "log"), *text = NULL;

	if (w->init > 0) {
		kill(w->init, SIGKILL);
		waitpid(w->init, NULL, 0);
	}
	if (getenv("WORLD_LOG") && file_read(log, &text, NULL) >= 0)
		printf("\n---- log ----\n%s-------------\n", text);
	if (*w->cgroup)
		cgroup_remove(w->cgroup);
	if (*w->dir && !getenv("WORLD_KEEP"))
		rm_rf(w->dir);
	*w = (struct world){.init = 0};
}

int world_call(struct world *w, const char *method, cJSON *parameters_take, cJSON **ret)
{
	long long end = world_msec() + 15000;
	int r = -ETIMEDOUT;

	while (world_msec() < end) {
		auto_cleanup(varlink_client_free) struct varlink_client *c = NULL;
		cJSON *parameters = parameters_take ? cJSON_Duplicate(parameters_take, true) : NULL;
		const char *error = NULL;
		cJSON *reply = NULL;

		r = varlink_connect_path(NULL, w->socket, &c);
		if (r < 0)
			cJSON_Delete(parameters);
		else
			r = varlink_call_sync(c, method, parameters, 10 * USEC_PER_SEC, &error,
			                      &reply);
		if (r >= 0 && !error) {
			*ret = reply;
			break;
		}
		if (r >= 0) {
			auto_free char *text = json_print(reply, false);

			if (!streq(error, "org.sysmaster.Error.Disconnected")) {
				printf("\n      %s: %s %s", method, error, text ? text : "");
				json_free(reply);
				r = -EREMOTEIO;
				break;
			}
			r = -ECONNRESET;
		}
		json_free(reply);
		if (waitpid(w->init, NULL, WNOHANG) == w->init) {
			w->init = 0;
			r = -ESRCH;
			break;
		}
		usleep(2000);
	}
	cJSON_Delete(parameters_take);
	return r;
}

int world_queue(struct world *w, const char *verb, const char *unit)
{
	cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
	auto_json cJSON *reply = NULL;

	cJSON_AddItemToArray(names, cJSON_CreateString(unit));
	json_add_string(p, "verb", verb);
	json_add_bool(p, "wait", false);
	json_add_take(p, "names", names);
	return world_call(w, "org.sysmaster.Unit.Queue", p, &reply);
}

const char *world_order(struct world *w, const char *verb, const char *unit)
{
	cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
	static char result[64];
	auto_json cJSON *reply = NULL;
	const cJSON *finished;
	int r;

	cJSON_AddItemToArray(names, cJSON_CreateString(unit));
	json_add_string(p, "verb", verb);
	json_add_take(p, "names", names);
	r = world_call(w, "org.sysmaster.Unit.Queue", p, &reply);
	if (r < 0)
		return strerror(-r);
	if (json_get_array(reply, "finished", &finished) < 0 || cJSON_GetArraySize(finished) < 1)
		return "nothing";
	snprintf(result, sizeof(result), "%s",
	         json_string_or(cJSON_GetArrayItem(finished, 0), "result", "?"));
	return result;
}

static const char *item_text(const cJSON *item)
{
	static char texts[8][512];
	static unsigned next;
	char *text = texts[next++ % 8];

	if (!item)
		snprintf(text, sizeof(texts[0]), "absent");
	else if (cJSON_IsString(item))
		snprintf(text, sizeof(texts[0]), "%s", item->valuestring);
	else if (cJSON_IsBool(item))
		snprintf(text, sizeof(texts[0]), "%s", cJSON_IsTrue(item) ? "yes" : "no");
	else if (cJSON_IsNumber(item))
		snprintf(text, sizeof(texts[0]), "%.0f", item->valuedouble);
	else
		snprintf(text, sizeof(texts[0]), "?");
	return text;
}

const char *world_property(struct world *w, const char *unit, const char *key)
{
	cJSON *p = cJSON_CreateObject();
	auto_json cJSON *reply = NULL;

	json_add_string(p, "name", unit);
	if (world_call(w, "org.sysmaster.Unit.Describe", p, &reply) < 0)
		return "no answer";
	return item_text(
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(reply, "properties"), key));
}

long world_number(struct world *w, const char *unit, const char *key)
{
	return strtol(world_property(w, unit, key), NULL, 10);
}

const char *world_wait(struct world *w, const char *unit, const char *key, const char *value,
                       int timeout_ms)
{
	long long end = world_msec() + timeout_ms;
	const char *seen;

	do {
		seen = world_property(w, unit, key);
		if (streq(seen, value))
			break;
		usleep(10000);
	} while (world_msec() < end);
	return seen;
}

char *world_manager(struct world *w, const char *key)
{
	auto_json cJSON *reply = NULL;
	const cJSON *item;

	if (world_call(w, "org.sysmaster.Manager.Describe", NULL, &reply) < 0)
		return strdup("no answer");
	item = cJSON_GetObjectItemCaseSensitive(reply, key);
	return cJSON_IsArray(item) ? json_print(item, false) : strdup(item_text(item));
}

/* ---- processes ---- */

static int children(const struct world *w, pid_t *pids, int max)
{
	auto_free char *path = str_printf("/proc/%d/task/%d/children", (int) w->init,
	                                  (int) w->init),
		       *text = NULL;
	int n = 0;

	if (!path || file_read(path, &text, NULL) < 0)
		return 0;
	for (char *p = strtok(text, " \n"); p && n < max; p = strtok(NULL, " \n"))
		pids[n++] = atoi(p);
	return n;
}

/* Another one with a task of its own: it keeps crash reports, or is asked whether it could take over. */
static bool has_other_task(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%d/cmdline", (int) pid), *text = NULL;
	size_t size = 0;

	return path && file_read(path, &text, &size) >= 0 &&
	       (memmem(text, size, "--keep-crashes", strlen("--keep-crashes")) ||
	        memmem(text, size, "--self-check", strlen("--self-check")));
}

pid_t world_core(const struct world *w)
{
	pid_t pids[512];
	int n = children(w, pids, ELEMENTSOF(pids));

	for (int i = 0; i < n; i++) {
		auto_free char *comm = NULL, *cgroup = NULL;

		/* A child that core has just made has its name, too, but is in the service's
		 * cgroup. */
		if (pid_comm(pids[i], &comm) >= 0 && streq(comm, "core") &&
		    cgroupfs_of_pid(pids[i], &cgroup) >= 0 &&
		    str_ends_with(cgroup, "/init.scope") && !has_other_task(pids[i]))
			return pids[i];
	}
	return 0;
}

pid_t world_pid(const struct world *w, long inside)
{
	pid_t pids[512];
	int n = children(w, pids, ELEMENTSOF(pids));

	for (int i = 0; i < n; i++) {
		auto_free char *path = str_printf("/proc/%d/status", (int) pids[i]), *text = NULL;
		int outer, inner;
		char *p;

		if (!path || file_read(path, &text, NULL) < 0)
			continue;
		p = strstr(text, "\nNSpid:");
		if (p && sscanf(p, "\nNSpid: %d %d", &outer, &inner) == 2 && inner == inside)
			return pids[i];
	}
	return 0;
}

int world_kill(const struct world *w, long inside, int sig)
{
	pid_t pid = world_pid(w, inside);

	return pid > 0 && kill(pid, sig) >= 0 ? 0 : -ESRCH;
}

int world_kill_core(struct world *w, int sig)
{
	long long begin = world_msec();
	pid_t old = world_core(w);
	cJSON *reply = NULL;

	if (old <= 0 || kill(old, sig) < 0)
		return -ESRCH;
	while (world_msec() < begin + 15000) {
		pid_t new = world_core(w);

		if (new > 0 && new != old &&
		    world_call(w, "org.sysmaster.Manager.Describe", NULL, &reply) >= 0) {
			json_free(reply);
			return (int) (world_msec() - begin);
		}
		usleep(1000);
	}
	return -ETIMEDOUT;
}

bool world_has_file(const struct world *w, const char *name)
{
	auto_free char *path = path_join(w->dir, name);

	return path && access(path, F_OK) >= 0;
}

char *world_file(const struct world *w, const char *name)
{
	auto_free char *path = path_join(w->dir, name);
	char *text = NULL;

	return path && file_read(path, &text, NULL) >= 0 ? text : NULL;
}

/* ---- faults to order ---- */

static int find_function(const char *program, const char *function, uint64_t *ret)
{
	auto_free char *command = str_printf("nm '%s' | sed -n 's/^\\([0-9a-f]*\\) [tT] %s$/\\1/p'",
	                                     program, function);
	FILE *f = command ? popen(command, "r") : NULL;
	char line[64] = "";
	int r = -ENOENT;

	if (!f)
		return -ENOMEM;
	if (fgets(line, sizeof(line), f) && strtok(line, "\n"))
		r = str_to_u64(line, 16, ret);
	pclose(f);
	return r;
}

/* Where the program's first byte is in the process. */
static int find_base(pid_t pid, const char *name, uint64_t *ret)
{
	auto_free char *path = str_printf("/proc/%d/maps", (int) pid), *text = NULL;
	auto_strv char **lines = NULL;
	auto_free char *suffix = str_printf("/%s", name);

	if (!path || !suffix || file_read(path, &text, NULL) < 0 ||
	    strv_split(text, "\n", &lines) < 0)
		return -ENOENT;
	STRV_FOREACH (l, lines)
		if (str_ends_with(*l, suffix) && sscanf(*l, "%" SCNx64 "-", ret) == 1)
			return 0;
	return -ENOENT;
}

int world_poke(struct world *w, pid_t pid, const char *name, const char *function, const void *code,
               size_t size)
{
	auto_free char *program = str_printf("%s/version/%s", w->dir, name),
		       *path = str_printf("/proc/%d/mem", (int) pid);
	uint64_t base, offset;
	auto_fd int fd = -EBADF;
	int r;

	if (!program || !path)
		return -ENOMEM;
	r = find_function(program, function, &offset);
	if (r >= 0)
		r = find_base(pid, name, &base);
	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, code, size, (off_t) (base + offset)) != (ssize_t) size)
		return -errno;
	return 0;
}
