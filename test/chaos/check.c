// SPDX-License-Identifier: Apache-2.0
/*
 * What must hold. Always: nothing runs twice, deadlines hold, PID 1 is who it was, core died as
 * often as we made it. When nothing moves any more: what core says of each unit is what the kernel
 * shows, whoever was not ordered to change has not, orders that were answered are carried out,
 * messages arrived, exits are known by their true status, no cgroup and no process is left over.
 */
#include "chaos.h"

#define QUIET_USEC  (12 * USEC_PER_SEC) /* times c->slow */
#define ARRIVE_USEC (3 * USEC_PER_SEC)
#define REMOVE_USEC (50 * USEC_PER_MSEC)
#define REMOVE_MAX  10 /* times c->slow */
#define LOST_USEC   (400 * USEC_PER_MSEC)
/* Core looks at mountinfo a few times a second at most. */
#define MOUNTINFO_USEC (3 * USEC_PER_SEC)

/* ---- what core says ---- */

struct row {
	char id[64], active[16], sub[24], cgroup[128];
	pid_t main_pid;
	bool job;
};
struct listing {
	struct row *rows;
	size_t n;
};

/* An ordered replacement of core may still come in between: then it is asked again. */
static int ask(struct chaos *c, const char *method, const cJSON *parameters, cJSON **ret)
{
	for (;;) {
		int r = call_once(c, method, parameters ? cJSON_Duplicate(parameters, true) : NULL,
		                  10 * USEC_PER_SEC, ret);

		if ((r != -ECONNRESET && r != -EPIPE) || now(CLOCK_MONOTONIC) > c->replacing_until)
			return r;
		chaos_sleep(c, 5 * USEC_PER_MSEC);
	}
}

static void list_read(struct chaos *c, struct listing *l)
{
	auto_json cJSON *p = cJSON_CreateObject();
	auto_json cJSON *reply = NULL;
	const cJSON *units, *u;
	int r;

	*l = (struct listing){0};
	json_add_bool(p, "all", true);
	r = ask(c, "org.sysmaster.Manager.ListUnits", p, &reply);
	if (r < 0 || json_get_array(reply, "units", &units) < 0) {
		violation(c, "core does not list its units: %s", strerror(-r));
		return;
	}
	l->rows = calloc((size_t) cJSON_GetArraySize(units) + 1, sizeof(*l->rows));
	if (!l->rows)
		abort();
	cJSON_ArrayForEach(u, units)
	{
		struct row *row = &l->rows[l->n++];
		uint64_t pid = 0;

		snprintf(row->id, sizeof(row->id), "%s", json_string_or(u, "id", ""));
		snprintf(row->active, sizeof(row->active), "%s", json_string_or(u, "active", ""));
		snprintf(row->sub, sizeof(row->sub), "%s", json_string_or(u, "sub", ""));
		snprintf(row->cgroup, sizeof(row->cgroup), "%s", json_string_or(u, "cgroup", ""));
		if (json_get_u64(u, "main_pid", &pid) >= 0)
			row->main_pid = (pid_t) pid;
		row->job = cJSON_HasObjectItem(u, "job");
	}
}

static const struct row *list_find(const struct listing *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->rows[i].id, id))
			return &l->rows[i];
	return NULL;
}

/* Comes and goes by itself: a row of the table, or an instance of its template. */
static bool is_restless(const char *id)
{
	int i = unit_find(id);

	return i >= 0 ? (unit_rows[i].flags & UNIT_SELF) != 0 : str_after(id, "b@") != NULL;
}

static bool is_down(const struct row *r)
{
	return !r || streq(r->active, "inactive") || streq(r->active, "failed");
}

static bool is_moving(const struct row *r)
{
	/* "tentative" is how a device without udev stays. */
	if (str_ends_with(r->id, ".device"))
		return r->job;
	return r->job || streq(r->active, "activating") || streq(r->active, "deactivating") ||
	       streq(r->active, "reloading");
}

static const struct row *first_moving(const struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!is_restless(l->rows[i].id) && is_moving(&l->rows[i]))
			return &l->rows[i];
	return NULL;
}

bool core_property(struct chaos *c, const char *unit, const char *key, char *ret, size_t size)
{
	cJSON *p = cJSON_CreateObject();
	auto_json cJSON *reply = NULL;
	const cJSON *item;

	json_add_string(p, "name", unit);
	if (call_once(c, "org.sysmaster.Unit.Describe", p, 10 * USEC_PER_SEC, &reply) < 0)
		return false;
	item = cJSON_GetObjectItem(cJSON_GetObjectItem(reply, "properties"), key);
	if (cJSON_IsNumber(item))
		snprintf(ret, size, "%.0f", item->valuedouble);
	else if (cJSON_IsString(item))
		snprintf(ret, size, "%s", item->valuestring);
	else
		return false;
	return true;
}

/* ---- always ---- */

static void check_init(struct chaos *c)
{
	auto_free char *exe = str_printf("/proc/%d/exe", (int) c->w.init);
	char target[256];
	uint64_t start;
	ssize_t n;

	if (pid_start_time(c->w.init, &start) < 0 || start != c->init_start) {
		violation(c, "PID 1 is gone");
		return;
	}
	n = readlink(exe, target, sizeof(target) - 1);
	target[MAX(n, (ssize_t) 0)] = 0;
	if (n <= 0 || !strstr(target, "init"))
		violation(c, "PID 1 is \"%s\" now", target);
}

/* By itself; one that was just upgraded is followed by the version before. */
static bool gave_up(const char *died)
{
	return str_after(str_after(died, "rollback: ") ?: died, "exited") != NULL;
}

static void check_restarts(struct chaos *c)
{
	auto_json cJSON *reply = NULL;
	uint64_t restarts = 0, n;

	if (ask(c, "org.sysmaster.Manager.Describe", NULL, &reply) < 0 ||
	    json_get_u64(reply, "core_restarts", &restarts) < 0) {
		violation(c, "core does not describe itself");
		return;
	}
	n = restarts - c->restarts;
	if (now(CLOCK_MONOTONIC) > c->replacing_until)
		c->replacements = 0;
	for (; n < c->kills_min && c->replacements > 0; c->replacements--)
		n++;
	if (n < c->kills_min || n > c->kills_max)
		violation(c, "core died %llu times where %u to %u were due", (unsigned long long) n,
		          c->kills_min, c->kills_max);
	if (n > 0 && c->gives_up_only && !gave_up(json_string_or(reply, "core_died", "")))
		violation(c, "core was to give up in order at most: %s",
		          json_string_or(reply, "core_died", "?"));
	c->restarts = restarts;
	c->kills_min = c->kills_max = 0;
	c->gives_up_only = false;
}

void check_light(struct chaos *c)
{
	check_init(c);
	books_read(c);
	check_restarts(c);
	access_collect(c, false);
}

/* ---- when it is quiet ---- */

static unsigned count_of(const struct truth *t, const char *unit, const struct process **ret)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (truth_is_of(&t->processes[i], unit)) {
			*ret = &t->processes[i];
			n++;
		}
	return n;
}

static void check_daemon(struct chaos *c, size_t i, const struct row *r, const struct truth *t)
{
	struct unit_model *m = &c->models[i];
	const char *name = unit_rows[i].name;
	const struct process *p = NULL;
	unsigned n = count_of(t, name, &p);
	bool up = r && streq(r->active, "active");

	if (n != (up ? 1 : 0))
		violation(c, "%s is %s (%s) with %u processes", name, r ? r->active : "unknown",
		          r ? r->sub : "", n);
	else if (up && !(unit_rows[i].flags & UNIT_MADE) && r->main_pid != p->inside)
		violation(c, "%s has process %d and core says %d", name, p->inside, r->main_pid);
	if (!m->touched && m->pid > 0 && (!p || p->pid != m->pid || p->start != m->start))
		violation(c, "%s was process %d and is %d, and nobody ordered that", name, m->pid,
		          p ? p->pid : 0);
	if (!m->touched && m->pid == 0 && p)
		violation(c, "%s began to run, and nobody ordered that", name);
	m->pid = p ? p->pid : 0;
	m->start = p ? p->start : 0;
}

static void check_wanted(struct chaos *c, size_t i, const struct row *r, const struct listing *l)
{
	struct unit_model *m = &c->models[i];

	/* The mount that was in its way may be ordered away by now; it is not up all the same, until it is ordered again. */
	if (c->point_stopped && streq(unit_rows[i].name, "run-chaos-auto.automount") &&
	    (!is_down(list_find(l, "run-chaos-auto.mount")) ||
	     c->models[unit_find("run-chaos-auto.mount")].touched)) {
		if (m->wanted == WANT_UP && is_down(r))
			m->wanted = WANT_UNKNOWN;
		return;
	}
	if (m->wanted == WANT_UP && (!r || !streq(r->active, "active")))
		violation(c, "%s was ordered up and is %s (%s)", unit_rows[i].name,
		          r ? r->active : "unknown", r ? r->sub : "");
	if (m->wanted == WANT_DOWN && !is_down(r))
		violation(c, "%s was ordered down and is %s (%s)", unit_rows[i].name, r->active,
		          r->sub);
}

static bool is_left_over(const char *cgroup, const struct listing *l)
{
	const char *name = path_basename(cgroup);

	return *name && !str_ends_with(name, ".slice") && !streq(name, "init.scope") &&
	       !streq(name, SCOPE_NURSERY) && !is_restless(name) && is_down(list_find(l, name));
}

/* Every process is of a unit that is up; every cgroup is of a unit that lives. */
static void check_left_over(struct chaos *c, const struct listing *l, const struct truth *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *name = path_basename(t->processes[i].cgroup);

		if (streq(name, "init.scope") || streq(name, SCOPE_NURSERY) || is_restless(name))
			continue;
		if (is_down(list_find(l, name)))
			violation(c, "process %d is in \"%s\", which is down",
			          t->processes[i].inside, t->processes[i].cgroup);
	}
	for (size_t i = 0; i < t->n_cgroups; i++)
		if (is_left_over(t->cgroups[i], l))
			violation(c, "cgroup \"%s\" is left over", t->cgroups[i]);
}

/* What core says of the last run. False: it has nothing to say of it. */
static bool status_read(struct chaos *c, const char *name, int *ret_pid, int *ret_code,
                        int *ret_status)
{
	auto_json cJSON *p = cJSON_CreateObject();
	auto_json cJSON *reply = NULL;
	uint64_t pid = 0, status = 0, code = 0;
	const cJSON *properties;
	const char *active;
	bool down;

	json_add_string(p, "name", name);
	if (ask(c, "org.sysmaster.Unit.Describe", p, &reply) < 0) {
		violation(c, "core does not describe %s", name);
		return false;
	}
	properties = cJSON_GetObjectItem(reply, "properties");
	(void) json_get_u64(properties, "ExecMainPID", &pid);
	(void) json_get_u64(properties, "ExecMainStatus", &status);
	(void) json_get_u64(properties, "ExecMainCode", &code);
	active = json_string_or(properties, "ActiveState", "");
	down = streq(active, "inactive") || streq(active, "failed");
	*ret_pid = (int) pid;
	*ret_code = (int) code;
	*ret_status = (int) status;
	/* Garbage-collected since: then nobody asks. */
	if (pid == 0 && streq(active, "inactive"))
		return false;
	/* Started again a moment ago, and not far enough to have written anything. */
	return code != 0 || down;
}

/*
 * The status of the last run, as the books and as core have it. An order whose answer was lost may be carried out between the two
 * looks: they are compared if the books are the same before and after.
 */
/* Stopped by a signal before it came to write into the books: an isolation right after a start. */
static bool is_unwritten(pid_t pid, pid_t book_pid, int code, int status)
{
	return pid != book_pid && code == CLD_KILLED && (status == SIGTERM || status == SIGKILL);
}

static void check_status(struct chaos *c, const char *name)
{
	int book_status, later_status, pid, code, status;
	pid_t book_pid, later_pid;
	bool ended;

	if (books_last(c, name, &book_pid, &book_status, &ended) < 0 || !ended)
		return;
	for (;;) {
		if (!status_read(c, name, &pid, &code, &status) ||
		    (pid == book_pid && status == book_status && code == CLD_EXITED) ||
		    is_unwritten(pid, book_pid, code, status))
			return;
		books_read(c);
		if (books_last(c, name, &later_pid, &later_status, &ended) < 0 || !ended)
			return;
		if (later_pid == book_pid)
			break;
		book_pid = later_pid;
		book_status = later_status;
	}
	violation(c, "%s: process %d exited with %d, core says process %d, code %d, status %d",
	          name, book_pid, book_status, pid, code, status);
}

static void check_sockets(struct chaos *c, const struct listing *l)
{
	static const struct {
		const char *unit, *path;
	} sockets[SOCKETS] = {{"a.socket", "/run/chaos/a.sock"},
	                      {"b.socket", "/run/chaos/b.sock"},
	                      {"c.socket", "/run/chaos/c.sock"}};

	for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
		int k = unit_find(sockets[i].unit);
		unsigned long inode = truth_listener(&c->w, sockets[i].path);
		const struct row *r = list_find(l, sockets[i].unit);

		if ((inode != 0) != !is_down(r))
			violation(c, "%s is %s and its socket %s", sockets[i].unit,
			          r ? r->active : "unknown", inode ? "listens" : "does not listen");
		if (!c->models[k].touched && c->socket_inodes[i] && inode != c->socket_inodes[i])
			violation(c, "%s has another socket than before", sockets[i].unit);
		c->socket_inodes[i] = inode;
	}
}

static void check_mounts(struct chaos *c, const struct listing *l)
{
	static const struct {
		const char *unit, *path, *type;
	} mounts[] = {{"run-chaos-mnt.mount", "/run/chaos/mnt", NULL},
	              {"run-chaos-bind.mount", "/run/chaos/bind", NULL},
	              {"run-chaos-auto.automount", "/run/chaos/auto", "autofs"},
	              {"run-chaos-auto.mount", "/run/chaos/auto", "tmpfs"}};

	for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
		usec_t end = now(CLOCK_MONOTONIC) + MOUNTINFO_USEC * c->slow;
		const struct row *r = list_find(l, mounts[i].unit);
		char state[32];
		unsigned n;

		snprintf(state, sizeof(state), "%s", r ? r->active : "inactive");
		for (;;) {
			bool down = streq(state, "inactive") || streq(state, "failed");

			n = truth_mounted(&c->w, mounts[i].path, mounts[i].type);
			if (n == (down ? 0 : 1) || now(CLOCK_MONOTONIC) > end)
				break;
			chaos_sleep(c, 20 * USEC_PER_MSEC);
			if (!core_property(c, mounts[i].unit, "ActiveState", state, sizeof(state)))
				snprintf(state, sizeof(state), "unknown");
		}
		if (now(CLOCK_MONOTONIC) > end)
			violation(c, "%s is %s and mounted %u times", mounts[i].unit, state, n);
	}
}

/* A point that nobody ordered away stays. */
static void check_automount(struct chaos *c, const struct listing *l)
{
	struct unit_model *m = &c->models[unit_find("run-chaos-auto.automount")];
	bool up = !is_down(list_find(l, "run-chaos-auto.automount"));

	if (!m->touched && m->pid && !up)
		violation(c, "the automount point is down, and nobody ordered that");
	m->pid = up;
	c->point_stopped &= !up;
}

static void check_swap(struct chaos *c, const struct listing *l)
{
	const struct row *r = list_find(l, "var-lib-chaos.swap");
	bool swaps = truth_swaps("/var/lib/chaos");

	if (swaps == is_down(r))
		violation(c, "the swap unit is %s, and the kernel %s to it",
		          r ? r->active : "unknown", swaps ? "swaps" : "does not swap");
}

/* The plug-in's: up means that it has counted all the way, whatever core died meanwhile. */
static void check_counter(struct chaos *c, const struct listing *l)
{
	const struct row *r = list_find(l, "cnt.counter");
	char count[32] = "none";

	if (is_down(r))
		return;
	if (!core_property(c, "cnt.counter", "Count", count, sizeof(count)) || !streq(count, "4"))
		violation(c, "the counter is %s (%s) and has counted to %s", r->active, r->sub,
		          count);
}

/* Who is bound to another does not run without it, in whatever way it was started. */
static void check_bound(struct chaos *c, const struct listing *l)
{
	if (!is_down(list_find(l, "g1.service")) && is_down(list_find(l, "g0.service")))
		violation(c, "g1.service is up without g0.service, which it is bound to");
	if (!is_down(list_find(l, "dv.service")) && !(c->device_is_there && c->device_is_ready))
		violation(c, "dv.service is up and its device is not there");
}

/* The name of the process's name space of IPC; empty: it has gone. */
static void ipc_of(struct chaos *c, const struct row *r, char ret[static 64])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc",
	         (int) world_pid(&c->w, (pid_t) r->main_pid));
	n = readlink(path, ret, 63);
	ret[MAX(n, (ssize_t) 0)] = 0;
}

/* Whoever started second joined the other. */
static void check_joined(struct chaos *c, const struct listing *l)
{
	const struct row *a = list_find(l, "w0.service"), *b = list_find(l, "w1.service");
	char x[64], y[64], own[64];
	ssize_t n = readlink("/proc/self/ns/ipc", own, sizeof(own) - 1);

	own[MAX(n, (ssize_t) 0)] = 0;
	if (is_down(a) || is_down(b))
		return;
	ipc_of(c, a, x);
	ipc_of(c, b, y);
	if (!*x || !*y)
		return;
	if (!streq(x, y))
		violation(c, "w0.service is in %s, and w1.service, which joins it, in %s", x, y);
	else if (streq(x, own))
		violation(c, "w0.service and w1.service have no name space of their own");
}

/* What has a subject of its own. */
static void check_kinds(struct chaos *c, const struct listing *l)
{
	const struct row *db = list_find(l, "db0.service");

	check_sockets(c, l);
	check_mounts(c, l);
	check_automount(c, l);
	check_counter(c, l);
	check_bound(c, l);
	check_joined(c, l);
	if (c->machine)
		check_swap(c, l);
	bus_check(c, !is_down(db), db ? db->main_pid : 0);
}

static void check_messages(struct chaos *c)
{
	usec_t t = now(CLOCK_BOOTTIME);

	for (unsigned i = c->n_sent > MESSAGES_RECENT ? c->n_sent - MESSAGES_RECENT : 0;
	     i < c->n_sent; i++) {
		struct sent *s = &c->sent[i];

		if (s->got || s->unsure || t - s->at < ARRIVE_USEC * c->slow)
			continue;
		s->unsure = 1;
		if (s->socket == 0) {
			violation(c, "message %u into the listening socket never arrived", i);
			continue;
		}
		/* Accepted by a core that died before the instance was there: its connection died
		 * with it. */
		c->lost_connections++;
		for (unsigned k = 0; k < MIN(c->n_downs, (unsigned) DOWNS_MAX); k++)
			if (c->downs[k].to + LOST_USEC * c->slow > s->at &&
			    c->downs[k].from < s->at + LOST_USEC * c->slow)
				goto next;
		violation(c, "connection %u was lost, and no core died about then", i);
	next:;
	}
}

static bool wait_quiet(struct chaos *c, struct listing *l)
{
	usec_t end = now(CLOCK_MONOTONIC) + QUIET_USEC * c->slow, pause = 3 * USEC_PER_MSEC;
	const struct row *r;

	for (;;) {
		list_read(c, l);
		r = first_moving(l);
		if (l->rows && !r)
			return true;
		if (now(CLOCK_MONOTONIC) > end) {
			violation(c, "%s is %s (%s)%s for too long", r ? r->id : "core",
			          r ? r->active : "mute", r ? r->sub : "",
			          r && r->job ? " with a job" : "");
			return false;
		}
		free(l->rows);
		chaos_sleep(c, pause);
		pause = MIN(2 * pause, 40 * USEC_PER_MSEC);
	}
}

/* With a moment for core to remove a cgroup that could not be removed at first. */
static bool wait_tidy(struct chaos *c, struct listing *l, struct truth *t)
{
	for (unsigned tries = 0;; tries++) {
		size_t i = 0;

		if (!wait_quiet(c, l))
			return false;
		truth_read(&c->w, t);
		while (i < t->n_cgroups && !is_left_over(t->cgroups[i], l))
			i++;
		if (i == t->n_cgroups || tries >= REMOVE_MAX * c->slow)
			return true;
		truth_done(t);
		*t = (struct truth){0};
		free(l->rows);
		chaos_sleep(c, REMOVE_USEC);
	}
}

static void check_many(struct chaos *c, const struct truth *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += str_after(path_basename(t->processes[i].cgroup), "many@") != NULL;
	if (n != c->many)
		violation(c, "%u services have %u processes", c->many, n);
}

void check_quiet(struct chaos *c)
{
	struct truth t = {0};
	struct listing l = {0};

	check_light(c);
	if (!c->many) {
		access_collect(c, true);
		device_settle(c);
		scopes_settle(c);
	}
	if (wait_tidy(c, &l, &t)) {
		books_read(c);
		for (size_t i = 0; !c->many && i < n_unit_rows; i++) {
			if (!unit_is_here(c, (int) i))
				continue;
			const struct row *r = list_find(&l, unit_rows[i].name);

			if (unit_rows[i].flags & UNIT_DAEMON)
				check_daemon(c, i, r, &t);
			if (unit_rows[i].flags & UNIT_FAILS)
				check_status(c, unit_rows[i].name);
			check_wanted(c, i, r, &l);
		}
		check_left_over(c, &l, &t);
		books_check_ends(c, &t);
		if (c->many)
			check_many(c, &t);
		else
			check_kinds(c, &l);
		check_messages(c);
		scopes_collect(c, &t);
		for (size_t i = 0; i < n_unit_rows; i++)
			c->models[i].touched = false;
		/* The last news of a device could not be stored, and are told again if core dies before it is tried again:
		 * what the device wants is started then. */
		c->models[unit_find("dv.service")].touched = c->forgiven;
		c->access_excused = c->forgiven = false;
		c->checks++;
	}
	truth_done(&t);
	free(l.rows);
}
