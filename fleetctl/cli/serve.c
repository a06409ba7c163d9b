// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"
#include "cli/cli.h"
#include "relay/relay.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int on_signal(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void) si;
	(void) userdata;
	loop_exit(source_loop(s), EXIT_OK);
	return 0;
}

static int loop_for_daemon(struct loop **ret)
{
	auto_cleanup(loop_free) struct loop *l = NULL;
	int r;

	(void) signal(SIGPIPE, SIG_IGN);
	r = loop_new(&l);
	if (r >= 0)
		r = loop_add_signal(l, SIGTERM, "sigterm", on_signal, NULL, NULL);
	if (r >= 0)
		r = loop_add_signal(l, SIGINT, "sigint", on_signal, NULL, NULL);
	if (r < 0)
		return complain(EXIT_FAILED, "Cannot make an event loop: %s", strerror(-r)), r;
	*ret = TAKE_PTR(l);
	return 0;
}

/* Thousands of agents are thousands of descriptors. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			log_warning_errno(-errno, "Cannot raise the limit of open files: %m");
	}
}

int verb_serve(const struct options *o, int argc, char **argv)
{
	auto_cleanup(loop_free) struct loop *l = NULL;
	auto_cleanup(controller_free) struct controller *c = NULL;
	auto_strv char **names = NULL;
	char *const defaults[] = {(char *) "127.0.0.1:7443", NULL};
	struct controller_options options = {.dir = o->dir ? o->dir : getenv("FLEETCTL_DIR"),
	                                     .listen = o->listen ? o->listen : defaults,
	                                     .web_listen = o->web_listen};
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	int r;

	(void) argc;
	(void) argv;
	if (!options.dir)
		return complain(EXIT_USAGE, "serve needs --dir");
	log_setup("fleetctl", LOG_TARGET_STDERR, LOG_INFO);
	umask(0077);
	raise_file_limit();
	/* 10.0.2.2 is the host as a guest behind QEMU's user network sees it. */
	if (strv_append(&names, "127.0.0.1") < 0 || strv_append(&names, "10.0.2.2") < 0 ||
	    strv_append(&names, "localhost") < 0 || strv_extend(&names, o->names) < 0)
		return complain(EXIT_FAILED, "Out of memory");
	options.names = names;
	if (loop_for_daemon(&l) < 0)
		return EXIT_FAILED;
	r = controller_new(l, &options, &d, &c);
	if (r < 0)
		return complain(EXIT_FAILED, "%s",
		                d.n_items ? diag_first(&d, first, sizeof(first)) : strerror(-r));
	r = loop_run(l);
	return r < 0 ? complain(EXIT_FAILED, "The event loop failed: %s", strerror(-r)) : r;
}

int verb_relay(const struct options *o, int argc, char **argv)
{
	auto_cleanup(loop_free) struct loop *l = NULL;
	auto_cleanup(relay_free) struct relay *relay = NULL;
	struct relay_options options = {.controller = o->connect,
	                                .ports = o->ports,
	                                .libvirt = o->libvirt,
	                                .listen_dir = o->listen_dir};
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	int r;

	(void) argc;
	(void) argv;
	if (!o->ports && !o->libvirt)
		return complain(EXIT_USAGE, "relay needs --port NAME=SOCKET or --libvirt URI");
	if (!o->connect && !o->listen_dir)
		return complain(EXIT_USAGE,
		                "relay needs --connect HOST:PORT, --listen-dir DIR, or both");
	log_setup("fleetctl", LOG_TARGET_STDERR, LOG_INFO);
	if (loop_for_daemon(&l) < 0)
		return EXIT_FAILED;
	r = relay_new(l, &options, &d, &relay);
	if (r < 0)
		return complain(EXIT_FAILED, "%s",
		                d.n_items ? diag_first(&d, first, sizeof(first)) : strerror(-r));
	r = loop_run(l);
	return r < 0 ? complain(EXIT_FAILED, "The event loop failed: %s", strerror(-r)) : r;
}
