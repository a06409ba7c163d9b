// SPDX-License-Identifier: Apache-2.0
/*
 * apply, final: the stages of a boot (docs/design/metadata-boot.md).
 *
 * "apply" has two parts, which are two units at boot: the local one asks nobody, and notes in PENDING what it
 * had to leave to the network one. "final" has two as well, which run beside each other: the commands that the machine is
 * told to run, and the host keys that take long. Without --stage a call does both of its parts.
 */
#include "metadata/boot/includes.h"
#include "metadata/cmd/stage.h"
#include "metadata/network/network.h"

#include <getopt.h>
#include <stdio.h>

#define PENDING         METADATA_RUN "/pending"
#define INCLUDE_TIMEOUT (60 * USEC_PER_SEC)

enum { PART_LOCAL = 1, PART_NETWORK = 2, PART_COMMANDS = 4, PART_HOST_KEYS = 8 };
#define PARTS_APPLY (PART_LOCAL | PART_NETWORK)
#define PARTS_FINAL (PART_COMMANDS | PART_HOST_KEYS)

struct run {
	struct stage *s;
	struct search search;
	struct lease_set leases;
	cJSON *cmdline_network;
	bool is_network; /* the network part: leases and services may be asked for */
	bool has_run;    /* the local part ran the modules: the network alone is left */
	bool pending_search, pending_network, pending_userdata;
	bool is_restored;   /* only the network of an instance whose source is gone */
	bool has_host_keys; /* the final part makes the slow host keys, too */
};

/* ---- what is left for the network part ---- */

static int write_pending(const struct run *x)
{
	auto_json cJSON *j = cJSON_CreateObject();
	auto_free char *path = stage_path(x->s, PENDING), *text = NULL;
	int r;

	json_add_bool(j, "search", x->pending_search);
	json_add_bool(j, "network", x->pending_network);
	json_add_bool(j, "userdata", x->pending_userdata);
	json_add_bool(j, "restored", x->is_restored);
	text = json_print(j, true);
	if (!text || !path)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, false);
}

static bool is_pending(const struct run *x)
{
	return x->pending_search || x->pending_network || x->pending_userdata;
}

static int read_pending(struct run *x)
{
	auto_free char *path = stage_path(x->s, PENDING);
	auto_json cJSON *j = NULL;
	int r = path ? json_parse_file(path, NULL, &j) : -ENOMEM;

	if (r < 0)
		return r;
	x->pending_search = json_bool_or(j, "search", false);
	x->pending_network = json_bool_or(j, "network", false);
	x->pending_userdata = json_bool_or(j, "userdata", false);
	x->is_restored = json_bool_or(j, "restored", false);
	return 0;
}

/* ---- an instance is there ---- */

static char *state_of(const struct run *x, const struct instance *i)
{
	auto_free char *folder = str_printf(METADATA_STATE "/instances/%s", i->id);

	return folder ? stage_path(x->s, folder) : NULL;
}

static int read_userdata(struct run *x, const struct instance *i, const char *state,
                         struct userdata *ret)
{
	auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
	struct includes includes = {.state = state,
	                            .d = &x->s->d,
	                            .deadline = now(CLOCK_BOOTTIME) + INCLUDE_TIMEOUT,
	                            .use_kept = x->s->stage != STAGE_APPLY};
	struct include include = include_of(&includes);
	auto_json cJSON *found = NULL;
	struct userdata_options options = {
		.launch_index = -1, .include = &include, .system = x->search.config};
	struct diag before = x->s->d;
	struct http http;
	int r = instance_data_of(i, NULL, NULL, &found);

	if (r < 0)
		return r;
	options.instance_data = found;
	r = userdata_read(i, &options, &x->s->d, ret);
	if (!includes.is_missing)
		return r;
	userdata_done(ret);
	x->s->d = before;
	if (!x->is_network || http_curl_new(&curl) < 0) {
		x->pending_userdata = true;
		return -EAGAIN;
	}
	http = http_of_curl(curl);
	includes.http = &http;
	return userdata_read(i, &options, &x->s->d, ret);
}

static int configure_network(struct run *x, struct context *c)
{
	struct network_job job = {.cmdline = x->cmdline_network,
	                          .nics = x->search.nics,
	                          .n_nics = x->search.n_nics,
	                          .device = x->search.device,
	                          .leases = x->is_network ? &x->leases : NULL};
	int r = network_configure(c, &job);

	x->pending_network = job.is_pending;
	if (r < 0)
		diag_add(c->d, r, DIAG_ERROR, "network", 0, "is not as it was described: %s",
		         strerror(-r));
	return r;
}

/* A manager of the image takes over, or nobody wants them: leases of the search are given back. */
static void drop_unwanted(struct run *x)
{
	for (size_t i = 0; i < x->leases.n; i++) {
		struct lease_entry *e = &x->leases.items[i];

		if (!e->is_wanted && e->is_set)
			(void) lease_unset_kernel(e);
		if (!e->is_wanted && e->client)
			dhcp_client_release(e->client);
		if (!lease6_is_asked(e) && e->six.client)
			dhcp6_client_release(e->six.client);
		if (!lease6_is_asked(e) && e->six.is_set)
			(void) lease6_unset_kernel(e);
	}
}

/* The network of an instance whose documents are behind the network: all but its user data says. */
static int configure_early(struct run *x, const struct instance *i, const char *state)
{
	struct userdata none = {.config = x->search.config};
	struct context c = {.instance = i,
	                    .data = &none,
	                    .config = x->search.config,
	                    .root = x->s->root,
	                    .state = state,
	                    .d = &x->s->d};

	return streq(network_renderer(&c), "netlink") ? configure_network(x, &c) : 0;
}

static int run_modules(struct run *x, const struct instance *i, const struct userdata *u,
                       const char *state)
{
	struct stage *s = x->s;
	auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
	auto_free char *sem = str_printf(COMPAT_LIB "/instances/%s/sem", i->id),
		       *marks = sem ? stage_path(s, sem) : NULL;
	struct context c = {.instance = i,
	                    .data = u,
	                    .config = u->config,
	                    .root = s->root,
	                    .state = state,
	                    .d = &s->d,
	                    .sem = marks,
	                    .timings = s->timings};
	struct http http;
	int failed = 0;

	/* The client is loaded where something calls for it alone. */
	if (s->stage == STAGE_FINAL && cJSON_GetObjectItemCaseSensitive(u->config, "phone_home") &&
	    http_curl_new(&curl) >= 0) {
		http = http_of_curl(curl);
		c.http = &http;
	}
	if (s->stage == STAGE_APPLY) {
		(void) configure_network(x, &c);
		drop_unwanted(x);
	}
	if (x->has_run)
		return 0;
	if (x->has_host_keys)
		failed = modules_run(&c, STAGE_HOST_KEYS);
	return failed + modules_run(&c, s->stage);
}

static int apply_instance(struct run *x, const struct instance *i)
{
	struct stage *s = x->s;
	auto_free char *state = state_of(x, i);
	auto_json cJSON *data = NULL;
	struct userdata u = {0};
	int r = state ? mkdir_p(state, 0700) : -ENOMEM;

	if (r < 0)
		return diag_add(&s->d, r, DIAG_ERROR, METADATA_STATE, 0, "cannot be made: %s",
		                strerror(-r));
	r = read_userdata(x, i, state, &u);
	if (r == -EAGAIN) {
		(void) configure_early(x, i, state);
		return r;
	}
	if (r < 0 && !u.config)
		return r;
	r = instance_data_of(i, &u, NULL, &data);
	if (s->stage == STAGE_APPLY && !x->has_run) {
		modules_report_unknown(u.config, &s->d);
		if (r >= 0)
			r = compat_instance(s->root, i, &u, data);
		if (r < 0)
			diag_add(&s->d, r, DIAG_WARNING, "cloud-init's files", 0,
			         "cannot be written: %s", strerror(-r));
	}
	r = run_modules(x, i, &u, state);
	userdata_done(&u);
	return r;
}

/* ---- which instance ---- */

enum cached_for {
	INSTEAD,     /* of asking */
	FALLBACK,    /* nobody answered */
	WITHOUT_ANY, /* there is no source any more */
};

/* One of an earlier boot, if it may be used so. */
static int take_cached(struct run *x, enum cached_for what, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	const struct source_row *row;
	enum cache_match match = CACHE_OTHER;
	int r = cache_load(x->s->root, &x->search.machine, x->search.config, &match, &i);

	if (r < 0)
		return r;
	row = source_find(i->datasource);
	if (!row || !strv_contains(x->search.names, row->name) || match == CACHE_OTHER)
		return -ENOENT;
	if (match == CACHE_SAME && !(what == FALLBACK || (what == INSTEAD && row->same_by_dmi)))
		return -ENOENT;
	*ret = TAKE_PTR(i);
	return 0;
}

static int find_local(struct run *x, struct instance **ret)
{
	int r = search_local(&x->search, ret);

	if ((r == -EAGAIN || r == -ENOENT) &&
	    take_cached(x, r == -EAGAIN ? INSTEAD : WITHOUT_ANY, ret) >= 0) {
		log_info("This machine is still instance \"%s\": nobody is asked", (*ret)->id);
		return 0;
	}
	x->pending_search = r == -EAGAIN;
	return r;
}

static int find_in_network(struct run *x, usec_t deadline, struct instance **ret)
{
	int r;

	if (x->search.is_live) {
		r = reach_instance(&x->search, &x->leases, deadline, ret);
	} else {
		auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
		struct http http;

		r = http_curl_new(&curl);
		if (r >= 0) {
			http = http_of_curl(curl);
			r = search_services(&x->search, &http, NULL, deadline, ret);
		}
	}
	if (r >= 0)
		return 0;
	diag_add(&x->s->d, r, DIAG_WARNING, "network", 0,
	         "no service told what this machine is: %s; the boot goes on", strerror(-r));
	if (take_cached(x, FALLBACK, ret) < 0)
		return r;
	log_warning("Instance \"%s\" of an earlier boot is used", (*ret)->id);
	return 0;
}

/* Nobody says what this machine is, but it shall be reachable: leases that were got are kept. */
static void keep_leases(struct run *x)
{
	for (size_t i = 0; i < x->leases.n; i++)
		lease_keep(&x->leases.items[i]);
	if (x->leases.n && leases_save(&x->leases) < 0)
		log_warning("Leases cannot be noted");
}

/* ---- the two parts ---- */

static int with_instance(struct run *x, struct instance *i)
{
	struct stage *s = x->s;
	int r;

	(void) compat_stage(s->root, i, s->cloud_init_name, s->began, NULL, false);
	log_info("Instance \"%s\" from %s", i->id, i->origin);
	r = cache_save(s->root, i, &x->search.machine);
	if (r < 0)
		diag_add(&s->d, r, DIAG_WARNING, METADATA_STATE, 0,
		         "the instance cannot be kept: %s", strerror(-r));
	return apply_instance(x, i);
}

static int finish(struct run *x, const struct instance *i, int r)
{
	struct stage *s = x->s;
	bool goes_on = r == -EAGAIN || (r >= 0 && is_pending(x));

	if (goes_on && write_pending(x) < 0)
		log_warning("Failed to write /" PENDING);
	if (r == -EAGAIN)
		r = 0;
	diag_log(&s->d, "metadata");
	stage_write_result(s, i);
	/* "status --wait" waits for the other part, too. */
	(void) compat_stage(s->root, i, s->cloud_init_name, s->began,
	                    goes_on && (x->pending_search || x->pending_userdata) ? NULL : &s->d,
	                    r < 0);
	if (r < 0)
		(void) compat_finished(s->root, i, now(CLOCK_BOOTTIME));
	else if (!x->is_network && !*s->root &&
	         early_login_permit(s->root, x->search.config, x->search.machine.cmdline) < 0)
		log_warning("sshd cannot be told that it need not wait for the boot");
	return r < 0 ? EXIT_FAILURE : stage_exit_code(&s->d, r);
}

static int run_local(struct run *x)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r = find_local(x, &i);

	if (r == -ENOENT)
		return stage_nothing(x->s, "This machine has no instance metadata");
	if (r >= 0)
		r = with_instance(x, i);
	return finish(x, i, r);
}

/* The way to what user data includes: the instance's own network, or any lease where a manager comes later. */
static void reach_documents(struct run *x, const struct instance *i)
{
	auto_free char *state = state_of(x, i);

	if (!state || !x->search.is_live)
		return;
	(void) configure_early(x, i, state);
	if (network_has_address() <= 0)
		(void) reach_any(&x->search, &x->leases, now(CLOCK_BOOTTIME) + LEASE_DEADLINE);
}

/* What netlink made of a medium that is gone now is made again; nothing else is done. */
static int restore_network(struct run *x)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	enum cache_match match = CACHE_OTHER;
	auto_free char *state = NULL;
	int r = x->search.found.verdict == DETECT_DISABLED || !x->search.is_live
	                ? -ENOENT
	                : cache_load("", &x->search.machine, x->search.config, &match, &i);

	if (r < 0 || match == CACHE_OTHER || !i->network)
		return stage_nothing(x->s, x->search.found.verdict == DETECT_DISABLED
		                                   ? "Instance metadata is disabled on this machine"
		                                   : "This machine has no instance metadata");
	x->is_restored = true;
	state = state_of(x, i);
	if (state)
		(void) configure_early(x, i, state);
	diag_log(&x->s->d, "metadata");
	if (x->pending_network && !x->is_network && write_pending(x) < 0)
		log_warning("Failed to write /" PENDING);
	return stage_nothing(x->s,
	                     "The source of this machine's metadata is gone; its network is kept");
}

static int find_pending(struct run *x, struct instance **ret)
{
	int r;

	if (x->pending_search)
		return find_in_network(x, x->s->began + search_network_wait(&x->search), ret);
	r = cache_load(x->s->root, NULL, NULL, NULL, ret);
	if (r >= 0 && x->pending_userdata)
		reach_documents(x, *ret);
	return r;
}

static int run_network(struct run *x)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_free char *path = stage_path(x->s, PENDING);
	int r = read_pending(x);

	if (r < 0)
		return EXIT_SUCCESS; /* the local part did all of it */
	if (path)
		(void) unlink(path);
	x->is_network = true;
	if (x->search.is_live)
		(void) nics_wait(&x->search.nics, &x->search.n_nics, now(CLOCK_BOOTTIME));
	if (x->is_restored)
		return restore_network(x);
	x->has_run = !x->pending_search && !x->pending_userdata;
	if (x->has_run)
		x->s->name = "network"; /* apply.json is the modules' */
	r = find_pending(x, &i);
	x->pending_search = x->pending_network = x->pending_userdata = false;
	if (r >= 0)
		r = with_instance(x, i);
	else
		keep_leases(x);
	return finish(x, i, r);
}

static int worse(int a, int b)
{
	return a == EXIT_FAILURE || b == EXIT_FAILURE ? EXIT_FAILURE : MAX(a, b);
}

static int run_parts(struct run *x, unsigned parts)
{
	int r = search_begin(&x->search, x->s->root, NULL, &x->s->d), status = EXIT_SUCCESS;

	if (r >= 0 && x->search.machine.cmdline)
		(void) network_from_cmdline(x->search.machine.cmdline, &x->s->d,
		                            &x->cmdline_network);
	if (r < 0)
		status = EXIT_FAILURE;
	else if (!(parts & PART_LOCAL))
		status = EXIT_SUCCESS;
	else if (x->search.found.verdict == DETECT_DISABLED || !x->search.names)
		status = restore_network(x);
	else
		status = run_local(x);
	if (r >= 0 && parts & PART_NETWORK && status != EXIT_FAILURE)
		status = worse(status, run_network(x));
	lease_set_done(&x->leases);
	cJSON_Delete(x->cmdline_network);
	search_done(&x->search);
	return status;
}

/* ---- final ---- */

/* Beside the other part: what cloud-init's files say and whether it has finished is that one's. */
static int run_host_keys(struct run *x, const struct instance *i, int r)
{
	struct stage *s = x->s;

	s->stage = STAGE_HOST_KEYS;
	s->name = module_stage_to_string(STAGE_HOST_KEYS);
	if (r >= 0)
		r = apply_instance(x, i);
	diag_log(&s->d, "metadata");
	stage_write_result(s, i);
	return r < 0 ? EXIT_FAILURE : stage_exit_code(&s->d, r);
}

/* @r: whether there is an instance at all. */
static int run_commands(struct run *x, const struct instance *i, int r)
{
	struct stage *s = x->s;

	if (r >= 0) {
		(void) compat_stage(s->root, i, s->cloud_init_name, s->began, NULL, false);
		r = apply_instance(x, i);
	}
	diag_log(&s->d, "metadata");
	stage_write_result(s, i);
	(void) compat_stage(s->root, i, s->cloud_init_name, s->began, &s->d, r < 0);
	(void) compat_finished(s->root, i, now(CLOCK_BOOTTIME));
	return r < 0 ? EXIT_FAILURE : stage_exit_code(&s->d, r);
}

static int run_final(struct run *x, unsigned parts)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	struct stage *s = x->s;
	int r = search_begin(&x->search, s->root, NULL, &s->d), status;

	if (r >= 0)
		r = cache_load(s->root, NULL, NULL, NULL, &i);
	x->is_network = true;
	x->has_host_keys = parts == PARTS_FINAL;
	if (r == -ENOENT)
		status = parts & PART_COMMANDS
		                 ? stage_nothing(s, "Nothing was applied in this boot")
		                 : EXIT_SUCCESS;
	else if (parts & PART_COMMANDS)
		status = run_commands(x, i, r);
	else
		status = run_host_keys(x, i, r);
	search_done(&x->search);
	return status;
}

/* ---- verbs ---- */

static int usage(void)
{
	fprintf(stderr, "usage: sysmaster-metadata apply [--stage local|network] [--root /DIR "
	                "[--network]] | final [--stage commands|host-keys] [--root /DIR]\n");
	return EXIT_FAILURE;
}

/* @parts: those that the verb has. */
static int parse_part(const char *name, unsigned *parts)
{
	static const struct {
		const char *name;
		unsigned part;
	} all[] = {{"local", PART_LOCAL},
	           {"network", PART_NETWORK},
	           {"commands", PART_COMMANDS},
	           {"host-keys", PART_HOST_KEYS}};

	for (size_t i = 0; i < ELEMENTSOF(all); i++) {
		if (!streq(name, all[i].name) || !(*parts & all[i].part))
			continue;
		*parts = all[i].part;
		return 0;
	}
	return -EINVAL;
}

static int parse(int argc, char **argv, struct stage *s, unsigned *parts)
{
	static const struct option options[] = {{"root", required_argument, NULL, 'r'},
	                                        {"stage", required_argument, NULL, 's'},
	                                        {"network", no_argument, NULL, 'n'},
	                                        {0}};
	bool network = false;
	int c;

	while ((c = getopt_long(argc, argv, "r:", options, NULL)) >= 0) {
		if (c == 'r' && path_is_absolute(optarg))
			s->root = streq(optarg, "/") ? "" : optarg;
		else if (c == 'n')
			network = true;
		else if (c != 's' || parse_part(optarg, parts) < 0)
			return -EINVAL;
	}
	/* Services of the host that prepares an image are not the image's. */
	if (*s->root && !network)
		*parts &= ~(unsigned) PART_NETWORK;
	return optind == argc ? 0 : -EINVAL;
}

static int run_stage(struct stage *s, int argc, char **argv, unsigned parts,
                     int (*run)(struct run *x, unsigned parts))
{
	struct run x = {.s = s, .search.root_fd = -EBADF};
	int r;

	if (parse(argc, argv, s, &parts) < 0)
		return usage();
	s->timings = cJSON_CreateArray();
	r = run(&x, parts);
	cJSON_Delete(s->timings);
	return r;
}

int cmd_apply(int argc, char **argv)
{
	struct stage s = {STAGE_APPLY, "apply", "init", "", now(CLOCK_BOOTTIME), NULL, {0}};

	return run_stage(&s, argc, argv, PARTS_APPLY, run_parts);
}

int cmd_final(int argc, char **argv)
{
	struct stage s = {STAGE_FINAL, "final", "modules-final", "", now(CLOCK_BOOTTIME),
	                  NULL,        {0}};

	return run_stage(&s, argc, argv, PARTS_FINAL, run_final);
}
