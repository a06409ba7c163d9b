// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent.h"

#include "base/log.h"
#include "base/notify.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

static int on_signal(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void) si;
	(void) userdata;
	loop_exit(source_loop(s), EXIT_SUCCESS);
	return 0;
}

/* clang-format off */
static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },  { "state-dir", required_argument, NULL, 's' },
	{ "bundles-dir", required_argument, NULL, 'b' }, { "control", required_argument, NULL, 'k' },
	{ "upgrade", required_argument, NULL, 'u' }, { "channel", required_argument, NULL, 'l' },
	{ "machine-id", required_argument, NULL, 'm' }, { "stderr", no_argument, NULL, 'e' }, { "version", no_argument, NULL, 'v' }, {},
};
/* clang-format on */

/* The places of a system; options give others, for tests. */
static int defaults(struct config *c)
{
	if (str_set(&c->config_path, "/etc/sysmaster/fleet.conf") < 0 ||
	    str_set(&c->state_dir, "/var/lib/sysmaster/fleet") < 0 ||
	    str_set(&c->bundles_dir, "/var/lib/sysmaster/bundles") < 0 ||
	    str_set(&c->control, "/run/sysmaster/control") < 0 ||
	    str_set(&c->upgrade, "/run/sysmaster/upgrade") < 0 ||
	    str_set(&c->channel, "/run/sysmaster/channel/fleet") < 0)
		return -ENOMEM;
	return 0;
}

/* 1 go on, 0 done, negative wrong */
static int parse(struct agent *a, int argc, char **argv, enum log_target *ret_target)
{
	struct config *c = &a->config;
	struct id128 id;
	int o, r = 1;

	while (r > 0 && (o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		char **text = o == 'c'   ? &c->config_path
		              : o == 's' ? &c->state_dir
		              : o == 'b' ? &c->bundles_dir
		              : o == 'k' ? &c->control
		              : o == 'u' ? &c->upgrade
		              : o == 'l' ? &c->channel
		                         : NULL;

		if (text)
			r = str_set(text, optarg) < 0 ? -ENOMEM : 1;
		else if (o == 'm')
			r = id128_parse(optarg, &id) < 0 ? -EINVAL
			                                 : (id128_format(&id, a->machine), 1);
		else if (o == 'e')
			*ret_target = LOG_TARGET_STDERR;
		else if (o == 'v')
			r = printf("sysmaster-fleet %s\n", SYSMASTER_VERSION) < 0 ? -EIO : 0;
		else
			r = -EINVAL;
	}
	return r;
}

static int know_thyself(struct agent *a)
{
	struct id128 id;
	int r;

	if (!a->machine[0]) {
		r = id128_machine(&id);
		if (r < 0)
			return log_error_errno(r, "This machine has no /etc/machine-id: %m");
		id128_format(&id, a->machine);
	}
	r = id128_boot(&id);
	if (r < 0)
		return log_error_errno(r, "Cannot read the boot id: %m");
	id128_format(&id, a->boot);
	r = id128_random(&id);
	if (r < 0)
		return log_error_errno(r, "No random id: %m");
	id128_format(&id, a->run);
	return 0;
}

static int start(struct agent *a)
{
	int r = loop_new(&a->loop);

	if (r >= 0)
		r = loop_add_signal(a->loop, SIGTERM, "sigterm", on_signal, a, NULL);
	if (r >= 0)
		r = loop_add_signal(a->loop, SIGINT, "sigint", on_signal, a, NULL);
	if (r >= 0)
		r = transfers_init(a);
	if (r >= 0)
		r = commands_start(a);
	if (r >= 0)
		r = report_start(a);
	if (r >= 0)
		r = core_start(a);
	if (r >= 0)
		r = session_start(a);
	return r < 0 ? log_error_errno(r, "Cannot start: %m") : 0;
}

static void agent_done(struct agent *a)
{
	session_done(a);
	report_done(a);
	commands_done(a);
	core_done(a);
	transfers_done(a);
	loop_free(a->loop);
	free(a->refused_token);
	config_done(&a->config);
}

int main(int argc, char **argv)
{
	enum log_target target = LOG_TARGET_AUTO;
	struct agent a = {};
	int r;

	umask(0077);
	(void) signal(SIGPIPE, SIG_IGN);
	list_init(&a.commands);
	r = defaults(&a.config);
	if (r >= 0)
		r = parse(&a, argc, argv, &target);
	log_setup("sysmaster-fleet", target, LOG_INFO);
	if (r > 0)
		r = config_read(&a.config) < 0 || know_thyself(&a) < 0 ||
		                    identity_prepare(&a) < 0 || state_load(&a) < 0 || start(&a) < 0
		            ? -EIO
		            : 1;
	if (r > 0) {
		notify_manager("READY=1");
		r = loop_run(a.loop);
		notify_manager("STOPPING=1");
	}
	agent_done(&a);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
