// SPDX-License-Identifier: Apache-2.0
/*
 * Core and init are replaced by the version behind and back, again and again, while services start and stop, a timer fires and
 * a socket is served. No service gets another process, no order is lost, no client is turned away. The version behind is the
 * same code built once more, with a higher schema and keys that ours does not know. UPGRADE_ROUNDS chooses how often;
 * UPGRADE_THERE and UPGRADE_BACK ("VERSION DIRECTORY") choose two others (test/upgrade-matrix.sh).
 */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define FOREVER  "ExecStart=/bin/sleep infinity\n"
#define SERVICES 20
#define MOVING   4

/* What the load saw; shared with its processes. */
struct load {
	unsigned orders, orders_bad, echoes, echoes_bad;
	int wanted[MOVING]; /* 1: up, 0: down */
	char bad[128], bad_echo[64];
};

static unsigned rounds_of_run(void)
{
	const char *s = getenv("UPGRADE_ROUNDS");

	return s ? (unsigned) strtoul(s, NULL, 10) : 4;
}

static void put_units(struct world *w)
{
	static const char *const plain[] = {"sysinit.target", "basic.target", "shutdown.target",
	                                    "timers.target", "sockets.target"};
	char name[32];

	for (size_t i = 0; i < ELEMENTSOF(plain); i++)
		world_put(w, plain[i], "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "default.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n");
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "s%d.service", i);
		world_put(w, name, "[Service]\n" FOREVER "Restart=always\n");
	}
	for (int i = 0; i < MOVING; i++) {
		snprintf(name, sizeof(name), "m%d.service", i);
		world_put(w, name, "[Unit]\nStartLimitBurst=0\n[Service]\n%s" FOREVER,
		          i % 2 ? "ExecStartPre=/bin/true\nExecStopPost=/bin/true\n" : "");
	}
	world_put(w, "tick.timer",
	          "[Timer]\nOnActiveSec=50ms\nOnUnitActiveSec=100ms\nAccuracySec=1ms\n");
	world_put(w, "tick.service",
	          "[Unit]\nStartLimitBurst=0\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo "
	          ">>%s/ticks'\n",
	          w->dir);
	world_put(w, "echo.socket",
	          "[Socket]\nListenStream=%s/"
	          "echo\nAccept=yes\nMaxConnections=1000\nTriggerLimitBurst=0\n",
	          w->dir);
	world_put(w, "echo@.service",
	          "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nStandardInput="
	          "socket\nExecStart=/bin/cat\n");
}

/* A directory with the programs of a version. */
static char *copy_version(struct world *w, const char *name, const char *core, const char *init,
                          const char *exec)
{
	char *directory = path_join(w->dir, name);
	auto_free char *to_core = path_join(directory, "core"),
		       *to_init = path_join(directory, "init"),
		       *to_exec = path_join(directory, "core-exec");

	if (mkdir_p(directory, 0755) < 0 || file_copy(core, to_core, 0755) < 0 ||
	    file_copy(init, to_init, 0755) < 0 || file_copy(exec, to_exec, 0755) < 0)
		abort();
	return directory;
}

static char *make_version(struct world *w, const char *name, const char *core, const char *init)
{
	return copy_version(w, name, core, init, CORE_EXEC_BINARY);
}

struct version {
	char name[32];
	char *directory;
};

/* The one that the environment names, or else @otherwise, which is in @directory. */
static void choose_version(struct world *w, const char *variable, const char *otherwise,
                           char *directory, struct version *ret)
{
	const char *chosen = getenv(variable), *from = chosen ? strchr(chosen, ' ') : NULL;
	auto_free char *core = NULL, *init = NULL, *exec = NULL;

	snprintf(ret->name, sizeof(ret->name), "%s", otherwise);
	ret->directory = directory;
	if (!from)
		return;
	free(directory);
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int) (from - chosen), chosen);
	core = path_join(from + 1, "core");
	init = path_join(from + 1, "init");
	exec = path_join(from + 1, "core-exec");
	ret->directory = copy_version(w, variable, core, init, exec);
}

/* Versions up to 0.0.3 took connections that were not given to a process yet along with them. */
static bool keeps_connections(const struct version *v)
{
	return strverscmp(v->name, "0.0.4") >= 0;
}

/* ---- load ---- */

static void load_orders(struct world *w, struct load *l)
{
	char name[32];

	for (unsigned i = 0;; i++) {
		int up = !l->wanted[i % MOVING];
		const char *result;

		snprintf(name, sizeof(name), "m%u.service", i % MOVING);
		/* A connection that was lost with core is made again, and so is the order. */
		result = world_order(w, up ? "start" : "stop", name);
		l->orders++;
		/* An order that was carried out while its answer got lost has nothing to do any more. */
		if (streq(result, "done") || streq(result, "nothing")) {
			l->wanted[i % MOVING] = up;
			continue;
		}
		if (!l->orders_bad++)
			snprintf(l->bad, sizeof(l->bad), "%s of %s: %s", up ? "start" : "stop",
			         name, result);
	}
}

/* NULL: it came back; else the step that failed, and errno. Static buffer. */
static const char *echo_once(const struct world *w)
{
	static char why[64];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = 10};
	const char *step = NULL;
	char buf[8] = "";
	ssize_t n = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/echo", w->dir);
	errno = 0;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		step = "socket";
	else if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
		step = "connect";
	else if (send(fd, "hello", 5, MSG_NOSIGNAL) != 5)
		step = "send";
	else if ((n = recv(fd, buf, 5, MSG_WAITALL)) != 5 || !streq(buf, "hello"))
		step = "recv";
	if (!step)
		return NULL;
	snprintf(why, sizeof(why), "%s: %s (%zd bytes)", step, strerror(errno), n);
	return why;
}

static void load_echo(struct world *w, struct load *l)
{
	for (;;) {
		const char *why = echo_once(w);

		if (!why)
			l->echoes++;
		else if (!l->echoes_bad++)
			snprintf(l->bad_echo, sizeof(l->bad_echo), "%s", why);
		usleep(30000);
	}
}

static pid_t load_start(struct world *w, struct load *l,
                        void (*fn)(struct world *w, struct load *l))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(w, l);
	}
	return pid;
}

static void load_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- upgrades ---- */

/* One call, again while an upgrade before it is on trial. NULL: it was answered well; else why not. Static buffer. */
static const char *reexec(struct world *w, const char *method, const char *key, const char *value)
{
	static char why[256];

	for (long long end = world_msec() + 20000; world_msec() < end; usleep(50000)) {
		auto_cleanup(varlink_client_free) struct varlink_client *c = NULL;
		cJSON *p = cJSON_CreateObject();
		auto_json cJSON *reply = NULL;
		const char *error = NULL;

		json_add_string(p, key, value);
		if (varlink_connect_path(NULL, w->socket, &c) < 0) {
			json_free(p);
			continue;
		}
		if (varlink_call_sync(c, method, p, 15 * USEC_PER_SEC, &error, &reply) < 0)
			continue;
		if (!error || streq(error, "org.sysmaster.Error.Disconnected"))
			return NULL;
		snprintf(why, sizeof(why), "%s", json_string_or(reply, "message", error));
		if (json_u64_or(reply, "errno", 0) != EBUSY)
			return why;
	}
	return "not in time";
}

static const char *wait_version(struct world *w, const char *key, const char *value)
{
	static char seen[64];

	for (long long end = world_msec() + 10000; world_msec() < end; usleep(10000)) {
		auto_free char *v = world_manager(w, key);

		snprintf(seen, sizeof(seen), "%s", v);
		if (streq(seen, value))
			break;
	}
	return seen;
}

static void check_pids(struct world *w, const long *pids)
{
	char name[32];

	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "s%d.service", i);
		CHECK_INT(world_number(w, name, "MainPID"), ==, pids[i]);
		CHECK_INT(world_number(w, name, "NRestarts"), ==, 0);
		CHECK_INT(world_pid(w, pids[i]), >, 0);
	}
}

static void start_services(struct world *w, long *pids)
{
	char name[32];

	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "s%d.service", i);
		CHECK_STR(world_order(w, "start", name), "done");
		pids[i] = world_number(w, name, "MainPID");
	}
}

static void switch_both(struct world *w, const char *directory, const char *version,
                        const long *pids)
{
	auto_free char *init = path_join(directory, "init");
	const char *why = reexec(w, "org.sysmaster.Reexec.Core", "directory", directory);

	if (why)
		printf("\n      core: %s", why);
	CHECK(!why);
	CHECK_STR(wait_version(w, "version", version), version);
	check_pids(w, pids);
	why = reexec(w, "org.sysmaster.Reexec.Init", "path", init);
	if (why)
		printf("\n      init: %s", why);
	CHECK(!why);
	CHECK_STR(wait_version(w, "init_version", version), version);
	check_pids(w, pids);
}

static int count_ticks(struct world *w)
{
	auto_free char *ticks = world_file(w, "ticks");
	int n = 0;

	for (const char *p = ticks; p && *p; p++)
		n += *p == '\n';
	return n;
}

static bool no_jobs(struct world *w)
{
	for (long long end = world_msec() + 10000; world_msec() < end; usleep(20000)) {
		auto_json cJSON *reply = NULL;
		const cJSON *jobs, *j;
		int others = 0;

		if (world_call(w, "org.sysmaster.Manager.ListJobs", NULL, &reply) < 0 ||
		    json_get_array(reply, "jobs", &jobs) < 0)
			continue;
		cJSON_ArrayForEach(j, jobs) others +=
			!str_after(json_string_or(j, "unit", ""), "tick.");
		if (others == 0)
			return true;
	}
	return false;
}

TEST(upgrade__there_and_back_under_load)
{
	struct load *l =
		mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned rounds = rounds_of_run();
	struct version there, back;
	pid_t orders, echo;
	long pids[SERVICES];
	int ticks = 0;

	CHECK(l != MAP_FAILED);
	WITH_WORLD(w);
	/* A trial is as long as a core may take to be ready. */
	w.init_options = (const char *const[]){"--ready-usec=2000000", NULL};
	put_units(&w);
	choose_version(&w, "UPGRADE_THERE", "later",
	               make_version(&w, "later", CORE_LATER, INIT_LATER), &there);
	choose_version(&w, "UPGRADE_BACK", SYSMASTER_VERSION, path_join(w.dir, "version"), &back);
	CHECK_INT(world_start(&w), ==, 0);
	start_services(&w, pids);
	CHECK_STR(world_order(&w, "start", "echo.socket"), "done");
	CHECK_STR(world_order(&w, "start", "tick.timer"), "done");
	CHECK(!echo_once(&w));
	orders = load_start(&w, l, load_orders);
	echo = load_start(&w, l, load_echo);
	for (unsigned i = 0; i < rounds; i++) {
		switch_both(&w, there.directory, there.name, pids);
		switch_both(&w, back.directory, back.name, pids);
		CHECK_INT(count_ticks(&w), >, ticks);
		ticks = count_ticks(&w);
	}
	load_stop(orders);
	load_stop(echo);
	printf(" (%u rounds, %u orders, %u connections, %d ticks)", rounds, l->orders, l->echoes,
	       ticks);
	if (l->orders_bad)
		printf("\n      first bad order: %s", l->bad);
	if (l->echoes_bad)
		printf("\n      first bad connection: %s", l->bad_echo);
	CHECK_INT(l->orders_bad, ==, 0);
	CHECK_INT(l->echoes_bad, <=,
	          keeps_connections(&there) && keeps_connections(&back) ? 0 : rounds);
	CHECK_INT(l->orders, >, 4 * rounds);
	CHECK_INT(l->echoes, >, 4 * rounds);
	CHECK(no_jobs(&w));
	for (int i = 0; i < MOVING; i++) {
		char name[32];

		/* The one that was under way when the load was ended is known by nobody. */
		snprintf(name, sizeof(name), "m%d.service", i);
		if ((int) (l->orders % MOVING) == i)
			continue;
		CHECK_STR(world_property(&w, name, "ActiveState"),
		          l->wanted[i] ? "active" : "inactive");
	}
	auto_free char *restarts = world_manager(&w, "core_restarts"),
		       *state = world_manager(&w, "state"),
		       *failed = world_manager(&w, "failed_units");
	if (state && streq(state, "degraded"))
		printf("\n      failed: %s", failed);
	CHECK_STR(restarts, "0");
	CHECK_STR(state, "running");
	free(there.directory);
	free(back.directory);
	munmap(l, sizeof(*l));
}

TEST(upgrade__records_of_the_later_version_keep_what_we_do_not_know)
{
	long pids[SERVICES];

	WITH_WORLD(w);
	w.init_options = (const char *const[]){"--ready-usec=1000000", NULL};
	put_units(&w);
	auto_free char *later = make_version(&w, "later", CORE_LATER, INIT_LATER),
		       *now_directory = path_join(w.dir, "version"), *store = NULL, *bytes = NULL;
	size_t size;
	int found = 0;

	CHECK_INT(world_start(&w), ==, 0);
	start_services(&w, pids);
	switch_both(&w, later, "later", pids);
	/* Each changes under the later version, so that its record is that version's. */
	for (int i = 0; i < SERVICES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s%d.service", i);
		CHECK_STR(world_order(&w, "restart", name), "done");
		pids[i] = world_number(&w, name, "MainPID");
	}
	switch_both(&w, now_directory, SYSMASTER_VERSION, pids);
	/* Written again by ours, and by the next of ours. */
	for (int round = 0; round < 2; round++) {
		CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
		for (int i = 0; i < SERVICES; i++) {
			char name[32];

			snprintf(name, sizeof(name), "s%d.service", i);
			CHECK_STR(world_order(&w, "restart", name), "done");
		}
	}
	/* A new file holds the last version of each record, and free pages' leftovers at most of it. */
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	store = str_printf("/proc/%d/root/run/sysmaster/state/data.mdb", (int) w.init);
	CHECK_INT(file_read(store, &bytes, &size), ==, 0);
	for (const char *p = bytes;
	     (p = memmem(p, size - (size_t) (p - bytes), "x.later=kept", 12)); p++)
		found++;
	CHECK_INT(found, >=, SERVICES);
}

TEST(upgrade__to_a_core_that_does_not_live_goes_back)
{
	long pids[SERVICES];

	WITH_WORLD(w);
	w.init_options = (const char *const[]){"--ready-usec=1000000", NULL};
	put_units(&w);
	/* Passes every check that only asks for an exit status. */
	auto_free char *broken = make_version(&w, "broken", "/bin/true", INIT_LATER), *last = NULL;
	CHECK_INT(world_start(&w), ==, 0);
	start_services(&w, pids);
	CHECK(!reexec(&w, "org.sysmaster.Reexec.Core", "directory", broken));
	CHECK_STR(wait_version(&w, "core_reason", "rollback"), "rollback");
	CHECK_STR(wait_version(&w, "version", SYSMASTER_VERSION), SYSMASTER_VERSION);
	check_pids(&w, pids);
	last = world_manager(&w, "last_upgrade");
	CHECK(strstr(last, "rolled back") != NULL);
}

TEST(upgrade__that_cannot_be_is_refused_with_a_reason)
{
	long pids[SERVICES];
	const char *why;

	WITH_WORLD(w);
	put_units(&w);
	auto_free char *broken = make_version(&w, "broken", "/bin/false", "/bin/true"),
		       *init = path_join(broken, "init"), *nothing = path_join(w.dir, "nothing");
	CHECK_INT(world_start(&w), ==, 0);
	start_services(&w, pids);
	pid_t core = world_core(&w);
	why = reexec(&w, "org.sysmaster.Reexec.Core", "directory", broken);
	CHECK(why && strstr(why, "its self-check failed"));
	why = reexec(&w, "org.sysmaster.Reexec.Init", "path", init);
	CHECK(why && strstr(why, "did not read our state"));
	why = reexec(&w, "org.sysmaster.Reexec.Core", "directory", nothing);
	CHECK(why && strstr(why, "No such file"));
	CHECK_INT(world_core(&w), ==, core);
	check_pids(&w, pids);
}
