// SPDX-License-Identifier: Apache-2.0
/*
 * A core and an upgrade agent for tests of the fleet: two varlink sockets in a directory, and a machine that is a few
 * variables.
 *
 *	fake-core DIR VERSION		serves DIR/control and DIR/upgrade
 *
 * What the tests steer: SIGUSR1 makes nginx.service fail (an event), SIGUSR2 mends it; a bundle whose version contains "bad"
 * is gone back from by itself; one whose version contains "sick" is committed but leaves a failed unit behind. Apply kills
 * the process group's fleet agent when DIR/agent.pid is there, as a real upgrade does.
 */
#include "base/event.h"
#include "base/fd.h"
#include "base/id128.h"
#include "base/log.h"
#include "base/str.h"
#include "base/varlink.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct fake {
	struct loop *loop;
	struct varlink_server *control, *upgrade;
	struct varlink_call *subscribers[16];
	const char *dir;
	char version[65], previous[65], target[65], phase[32], reason[128];
	bool failed;
	uint64_t seq, n_restarts;
	struct varlink_call *apply;
	struct source *apply_timer;
	bool going_back;
};

static void keep_calls(struct fake *f)
{
	auto_free char *path = str_printf("%s/calls", f->dir);
	FILE *file = path ? fopen(path, "ae") : NULL;

	if (!file)
		exit(1);
	fprintf(file, "%s %s\n", f->phase, f->target);
	fclose(file);
}

static int describe(struct varlink_call *c, const cJSON *p, void *userdata)
{
	struct fake *f = userdata;
	cJSON *o = cJSON_CreateObject();
	char *failed[] = {(char *) "nginx.service", NULL};

	(void) p;
	json_add_string(o, "version", f->version);
	json_add_string(o, "init_version", f->version);
	json_add_string(o, "state", f->failed ? "degraded" : "running");
	json_add_string(o, "hostname", "fake");
	json_add_u64(o, "n_units", 3);
	json_add_u64(o, "n_jobs", 0);
	json_add_u64(o, "n_failed", f->failed);
	json_add_strv(o, "failed_units", f->failed ? failed : NULL);
	json_add_u64(o, "core_pid", (uint64_t) getpid());
	json_add_u64(o, "core_restarts", f->n_restarts);
	json_add_string(o, "core_reason", "boot");
	json_add_string(o, "mode", "normal");
	json_add_string(o, "directory", f->dir);
	return varlink_reply(c, o);
}

static void event(struct fake *f, const char *unit, const char *previous, const char *active,
                  const char *result)
{
	f->seq++;
	for (size_t i = 0; i < ELEMENTSOF(f->subscribers); i++) {
		cJSON *o, *e;

		if (!f->subscribers[i])
			continue;
		o = cJSON_CreateObject();
		e = cJSON_AddObjectToObject(o, "event");
		json_add_string(e, "kind", "unit");
		json_add_u64(e, "seq", f->seq);
		json_add_u64(e, "realtime_usec", now(CLOCK_REALTIME));
		json_add_string(e, "unit", unit);
		json_add_string(e, "previous", previous);
		json_add_string(e, "active", active);
		json_add_string(e, "result", result);
		json_add_u64(o, "seq", f->seq);
		varlink_notify(f->subscribers[i], o);
	}
}

static void gone(struct varlink_call *c, void *userdata)
{
	struct fake *f = userdata;

	for (size_t i = 0; i < ELEMENTSOF(f->subscribers); i++)
		if (f->subscribers[i] == c)
			f->subscribers[i] = varlink_call_unref(c);
}

static int subscribe(struct varlink_call *c, const cJSON *p, void *userdata)
{
	struct fake *f = userdata;
	cJSON *o = cJSON_CreateObject();

	(void) p;
	for (size_t i = 0; i < ELEMENTSOF(f->subscribers); i++)
		if (!f->subscribers[i]) {
			f->subscribers[i] = varlink_call_ref(c);
			varlink_call_on_gone(c, gone, f);
			json_add_u64(o, "seq", f->seq);
			return varlink_notify(c, o);
		}
	json_free(o);
	return -EBUSY;
}

static int queue(struct varlink_call *c, const cJSON *p, void *userdata)
{
	const char *verb = json_string_or(p, "verb", "");
	struct fake *f = userdata;
	auto_strv char **names = NULL;
	cJSON *o, *list, *job;

	json_get_strv(p, "names", &names);
	if (!names || streq(names[0], "missing.service")) {
		o = cJSON_CreateObject();
		json_add_string(o, "name", names ? names[0] : "");
		return varlink_error(c, "org.sysmaster.Unit.NoSuchUnit", o);
	}
	event(f, names[0], "active", "deactivating", NULL);
	event(f, names[0], "deactivating", "active", NULL);
	f->failed = f->failed && !streq(names[0], "nginx.service");
	o = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(o, "finished");
	job = cJSON_CreateObject();
	json_add_string(job, "unit", names[0]);
	json_add_u64(job, "job", 7);
	json_add_string(job, "type", verb);
	json_add_string(job, "result", "done");
	json_append_take(list, job);
	json_add_bool(o, "done", true);
	return varlink_reply(c, o);
}

static int restrict_role(struct varlink_call *c, const cJSON *p, void *userdata)
{
	(void) userdata;
	varlink_peer_restrict(varlink_call_peer(c), (enum varlink_role) varlink_role_from_string(
							    json_string_or(p, "role", "observe")));
	return varlink_reply(c, NULL);
}

static int shut_down(struct varlink_call *c, const cJSON *p, void *userdata)
{
	(void) p;
	(void) userdata;
	return varlink_reply(c, NULL);
}

/* ---- upgrade agent ---- */
static int status(struct varlink_call *c, const cJSON *p, void *userdata)
{
	struct fake *f = userdata;
	cJSON *o = cJSON_CreateObject();

	(void) p;
	json_add_string(o, "phase", f->phase);
	json_add_string(o, "version", f->version);
	json_add_string(o, "target", f->target);
	json_add_string(o, "reason", f->reason);
	return varlink_reply(c, o);
}

static void kill_agent(struct fake *f)
{
	auto_free char *path = str_printf("%s/agent.pid", f->dir), *text = NULL;
	pid_t pid;

	if (path && file_read_line(path, &text) >= 0 && str_to_pid(text, &pid) >= 0)
		(void) kill(pid, SIGKILL);
}

static int on_applied(struct source *s, usec_t deadline, void *userdata)
{
	struct fake *f = userdata;
	bool bad = strstr(f->target, "bad");

	(void) s;
	(void) deadline;
	if (f->going_back) {
		snprintf(f->version, sizeof(f->version), "%.64s", f->previous);
		snprintf(f->phase, sizeof(f->phase), "rolled-back");
		f->failed = false;
	} else if (bad) {
		snprintf(f->phase, sizeof(f->phase), "rolled-back");
		snprintf(f->reason, sizeof(f->reason), "The new core did not become ready");
	} else {
		snprintf(f->previous, sizeof(f->previous), "%.64s", f->version);
		snprintf(f->version, sizeof(f->version), "%.64s", f->target);
		snprintf(f->phase, sizeof(f->phase), "committed");
		f->failed = strstr(f->target, "sick");
	}
	if (f->apply) {
		cJSON *o = cJSON_CreateObject();

		json_add_bool(o, "done", true);
		json_add_string(o, "outcome", f->phase);
		json_add_string(o, "message", f->reason);
		varlink_reply(f->apply, o);
		f->apply = varlink_call_unref(f->apply);
	}
	event(f, "sysmaster", NULL, f->phase, NULL);
	return 0;
}

static void apply_gone(struct varlink_call *c, void *userdata)
{
	struct fake *f = userdata;

	(void) c;
	f->apply = varlink_call_unref(f->apply);
}

static int begin(struct fake *f, struct varlink_call *c)
{
	cJSON *o = cJSON_CreateObject(), *progress = cJSON_AddObjectToObject(o, "progress");

	f->apply = varlink_call_ref(c);
	varlink_call_on_gone(c, apply_gone, f);
	json_add_string(progress, "step", "activating");
	json_add_string(progress, "version", f->target);
	json_add_bool(o, "done", false);
	varlink_notify(c, o);
	snprintf(f->phase, sizeof(f->phase), "activating");
	f->reason[0] = 0;
	keep_calls(f);
	kill_agent(f);
	return source_set_time(f->apply_timer, now(CLOCK_MONOTONIC) + 500 * USEC_PER_MSEC);
}

/* "/path/sysmaster-VERSION-ARCH.bundle" */
static int apply(struct varlink_call *c, const cJSON *p, void *userdata)
{
	const char *path = json_string_or(p, "bundle", ""), *name = strrchr(path, '/'), *end;
	auto_free char *signature = str_printf("%s.minisig", path);
	struct fake *f = userdata;

	if (!name || !str_after(name, "/sysmaster-") || access(path, R_OK) < 0 ||
	    access(signature, R_OK) < 0)
		return varlink_error_invalid(c, "bundle");
	name = str_after(name, "/sysmaster-");
	end = strrchr(name, '-');
	snprintf(f->target, sizeof(f->target), "%.*s", (int) (end - name), name);
	f->going_back = false;
	return begin(f, c);
}

static int rollback(struct varlink_call *c, const cJSON *p, void *userdata)
{
	struct fake *f = userdata;

	(void) p;
	f->going_back = true;
	return begin(f, c);
}

static const struct varlink_method control_methods[] = {
	{"org.sysmaster.Manager.Describe", ROLE_OBSERVE, describe},
	{"org.sysmaster.Manager.Subscribe", ROLE_OBSERVE, subscribe},
	{"org.sysmaster.Manager.Restrict", ROLE_OBSERVE, restrict_role},
	{"org.sysmaster.Manager.Shutdown", ROLE_ADMIN, shut_down},
};
static const struct varlink_method unit_methods[] = {
	{"org.sysmaster.Unit.Queue", ROLE_OPERATE, queue}};
static const struct varlink_method upgrade_methods[] = {
	{"org.sysmaster.Upgrade.Apply", ROLE_ADMIN, apply},
	{"org.sysmaster.Upgrade.Rollback", ROLE_ADMIN, rollback},
	{"org.sysmaster.Upgrade.Status", ROLE_OBSERVE, status},
};

static int on_signal(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct fake *f = userdata;

	if (si->ssi_signo == SIGTERM) {
		loop_exit(source_loop(s), 0);
		return 0;
	}
	f->failed = si->ssi_signo == SIGUSR1;
	event(f, "nginx.service", f->failed ? "active" : "failed", f->failed ? "failed" : "active",
	      f->failed ? "exit-code" : NULL);
	return 0;
}

int main(int argc, char **argv)
{
	struct fake f = {.phase = "idle"};
	auto_free char *control = NULL, *upgrade = NULL;

	if (argc != 3)
		return 2;
	log_setup("fake-core", LOG_TARGET_STDERR, LOG_INFO);
	f.dir = argv[1];
	snprintf(f.version, sizeof(f.version), "%s", argv[2]);
	control = str_printf("%s/control", f.dir);
	upgrade = str_printf("%s/upgrade", f.dir);
	if (loop_new(&f.loop) < 0 ||
	    varlink_server_new(f.loop, "test", "fake-core", "1", &f.control) < 0 ||
	    varlink_server_new(f.loop, "test", "fake-upgrade", "1", &f.upgrade) < 0 ||
	    varlink_server_add_interface(
		    f.control, "interface org.sysmaster.Manager\nmethod Describe() -> ()\n",
		    control_methods, ELEMENTSOF(control_methods), &f) < 0 ||
	    varlink_server_add_interface(f.control,
	                                 "interface org.sysmaster.Unit\nmethod Queue() -> ()\n",
	                                 unit_methods, ELEMENTSOF(unit_methods), &f) < 0 ||
	    varlink_server_add_interface(f.upgrade,
	                                 "interface org.sysmaster.Upgrade\nmethod Status() -> ()\n",
	                                 upgrade_methods, ELEMENTSOF(upgrade_methods), &f) < 0 ||
	    varlink_server_listen_path(f.control, control, 0600) < 0 ||
	    varlink_server_listen_path(f.upgrade, upgrade, 0600) < 0 ||
	    loop_add_time(f.loop, CLOCK_MONOTONIC, USEC_INFINITY, TIMER_EXACT, "apply", on_applied,
	                  &f, &f.apply_timer) < 0 ||
	    loop_add_signal(f.loop, SIGTERM, "term", on_signal, &f, NULL) < 0 ||
	    loop_add_signal(f.loop, SIGUSR1, "usr1", on_signal, &f, NULL) < 0 ||
	    loop_add_signal(f.loop, SIGUSR2, "usr2", on_signal, &f, NULL) < 0)
		return 1;
	return loop_run(f.loop);
}
