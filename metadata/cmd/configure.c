// SPDX-License-Identifier: Apache-2.0
/* Who configures the network of this machine: a manager that the image has, by files, or we, by netlink. */
#include "metadata/cmd/compat.h"

#include "metadata/network/network.h"

#define GENERATE_TIMEOUT (60 * USEC_PER_SEC)
#define READY_TIMEOUT    (10 * USEC_PER_SEC)

static bool has_networkd(const struct context *c)
{
	auto_free char *unit =
		root_path(c, "etc/systemd/system/multi-user.target.wants/systemd-networkd.service");
	struct stat st;

	/* A link that leads nowhere here may lead somewhere there. */
	return unit && lstat(unit, &st) >= 0;
}

/* The first of the configuration's renderers that is known here, else what the image runs. */
const char *network_renderer(const struct context *c)
{
	const cJSON *info = cJSON_GetObjectItemCaseSensitive(c->config, "system_info"),
		    *network = cJSON_GetObjectItemCaseSensitive(info, "network"), *it;

	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(network, "renderers"))
	{
		if (cJSON_IsString(it) &&
		    (streq(it->valuestring, "netplan") || streq(it->valuestring, "networkd") ||
		     streq(it->valuestring, "netlink")))
			return it->valuestring;
	}
	return module_has_program(c, "netplan") ? "netplan"
	       : has_networkd(c)                ? "networkd"
	                                        : "netlink";
}

static int write_files(struct context *c, const char *renderer, const cJSON *config,
                       const cJSON *state)
{
	auto_json cJSON *files = NULL;
	int r = streq(renderer, "netplan") ? network_render_netplan(config, c->d, &files)
	                                   : network_render_networkd(state, c->d, &files);

	if (r >= 0)
		r = network_files_write(c->root, files, c->d);
	if (r >= 0 && streq(renderer, "netplan") && !*c->root && module_has_program(c, "netplan"))
		r = module_command(c, "network", GENERATE_TIMEOUT,
		                   (const char *const[]){"netplan", "generate", NULL});
	return r;
}

/* ---- leases ---- */

static void take_overrides(const cJSON *entry, struct lease_entry *e)
{
	const cJSON *o = cJSON_GetObjectItemCaseSensitive(entry, "overrides");

	e->use_dns = json_bool_or(o, "use-dns", true);
	e->use_routes = json_bool_or(o, "use-routes", true);
	e->use_mtu = json_bool_or(o, "use-mtu", true);
	/* netplan's word may be "route", which is no search domain either. */
	e->use_domains = json_bool_or(o, "use-domains", true);
	e->metric = (unsigned) json_u64_or(o, "route-metric", 0);
}

static bool is_dhcp4(const char *type)
{
	return streq(type, "dhcp") || streq(type, "dhcp4");
}

/* "dhcp6" is netplan's: as the router says. */
static enum six_how how_of(const char *type)
{
	return streq(type, "ipv6_dhcpv6-stateful") ? SIX_DHCP
	       : streq(type, "dhcp6")              ? SIX_RA_OR_DHCP
	                                           : SIX_RA;
}

static int begin_one(struct lease_set *l, const cJSON *wanted, const char *host_name)
{
	const char *device = json_string_or(wanted, "device", ""),
		   *type = json_string_or(wanted, "type", "");
	const cJSON *o = cJSON_GetObjectItemCaseSensitive(wanted, "overrides");
	struct lease_entry *e;
	int r = is_dhcp4(type) ? lease_begin(l, device, host_name)
	                       : lease6_begin(l, device, how_of(type));

	e = r >= 0 ? lease_find(l, device) : NULL;
	if (!e)
		return MIN(r, 0);
	if (is_dhcp4(type)) {
		e->is_wanted = true;
		take_overrides(wanted, e);
	} else {
		e->six.use_dns = json_bool_or(o, "use-dns", true);
		e->six.use_domains = json_bool_or(o, "use-domains", true);
	}
	return 0;
}

static void begin_wanted(struct network_job *job, const cJSON *wanted, const char *host_name,
                         struct diag *d)
{
	const cJSON *it;

	for (size_t i = 0; i < job->leases->n; i++) {
		job->leases->items[i].is_wanted = false;
		job->leases->items[i].six.how = SIX_NONE;
	}
	cJSON_ArrayForEach(it, wanted)
	{
		const char *device = json_string_or(it, "device", "");
		int r = begin_one(job->leases, it, host_name);

		if (r < 0)
			diag_add(d, r, DIAG_WARNING, "network", 0, "%s: no lease: %s", device,
			         strerror(-r));
	}
}

struct hook {
	struct context *c;
	struct network_job *job;
};

static void set_six(struct lease_entry *e, struct diag *d)
{
	bool asks = lease6_is_asked(e);
	int r = asks && e->six.is_bound ? lease6_set_kernel(e) : 0;

	if (r < 0)
		diag_add(d, r, DIAG_WARNING, "network", 0, "%s: the IPv6 address: %s", e->device,
		         strerror(-r));
	else if (lease6_is_missing(e))
		diag_add(d, -ETIMEDOUT, DIAG_WARNING, "network", 0, "%s: %s", e->device,
		         asks ? "neither a router nor a DHCPv6 server gave an address yet; it is "
		                "asked on"
		              : "no router announced a network yet");
}

static void get_leases(void *userdata, const cJSON *wanted, struct diag *d)
{
	struct hook *h = userdata;
	struct lease_set *l = h->job->leases;
	auto_free char *host = NULL;

	(void) context_names(h->c, &host, NULL);
	begin_wanted(h->job, wanted, host, d);
	(void) leases_wait(l, now(CLOCK_BOOTTIME) + LEASE_DEADLINE);
	for (size_t i = 0; i < l->n; i++) {
		struct lease_entry *e = &l->items[i];
		int r = !e->is_wanted ? 0 : e->is_bound ? lease_set_kernel(e) : -ETIMEDOUT;

		if (r < 0)
			diag_add(d, r, DIAG_WARNING, "network", 0, "%s: %s", e->device,
			         e->is_bound ? strerror(-r)
			                     : "no DHCP server answered yet; it is asked on");
		set_six(e, d);
	}
	if (leases_save(l) < 0)
		diag_add(d, -EIO, DIAG_WARNING, "network", 0, "leases cannot be noted");
}

/* The local stage: leases are for later. */
static void leave_leases(void *userdata, const cJSON *wanted, struct diag *d)
{
	(void) userdata;
	(void) wanted;
	(void) d;
}

static int add_names(const cJSON *list, const char *key, char ***to)
{
	const cJSON *it;
	int r = 0;

	cJSON_ArrayForEach(it, list) if (r >= 0 && json_string_or(it, key, NULL)) r =
		strv_append_unique(to, json_string_or(it, key, ""));
	return r;
}

/* What leases said of names, after what is configured. */
static int write_names(const struct network_plan *plan, const struct lease_set *leases)
{
	auto_strv char **servers = NULL, **domains = NULL;
	int r = add_names(plan->dns_servers, "server", &servers);

	if (r >= 0)
		r = add_names(plan->dns_search, "domain", &domains);
	if (r >= 0)
		r = leases_names(leases, &servers, &domains);
	return r < 0 || (!servers && !domains) ? r : network_dns_write("", servers, domains);
}

/* ---- by netlink ---- */

static void unset(struct lease_entry *e)
{
	if (e->is_set)
		(void) lease_unset_kernel(e);
	if (e->six.is_set)
		(void) lease6_unset_kernel(e);
}

static int apply(struct context *c, struct network_job *job, const cJSON *state)
{
	struct hook hook = {c, job};
	struct network_apply_options o = {
		.root = "", .leases = job->leases ? get_leases : leave_leases, .userdata = &hook};
	struct network_plan plan;
	int r;

	/* An image has no links. */
	if (*c->root)
		return 0;
	r = network_plan_of(state, &plan);
	if (r < 0)
		return r;
	/* An address of the search may be the first of a network that a configured one joins, and would take that along
	 * when it goes. Those that are wanted come back. */
	for (size_t i = 0; job->leases && i < job->leases->n; i++)
		unset(&job->leases->items[i]);
	r = network_apply(&plan, &o, c->d);
	if (r >= 0 && job->leases) {
		r = write_names(&plan, job->leases);
		if (network_wait(&plan, now(CLOCK_BOOTTIME) + READY_TIMEOUT) == -ETIMEDOUT)
			diag_add(c->d, -ETIMEDOUT, DIAG_WARNING, "network", 0,
			         "not all links are up; the boot goes on");
	}
	job->is_pending = !job->leases;
	network_plan_done(&plan);
	return r;
}

/* ---- which configuration ---- */

/* Managers that we write no files for: where one has a configuration of its own, nobody asked for ours. */
static bool has_other_manager(const struct context *c)
{
	static const char *const enabled[] = {
		"etc/systemd/system/multi-user.target.wants/NetworkManager.service",
		"etc/systemd/system/multi-user.target.wants/connman.service",
		"etc/systemd/system/multi-user.target.wants/dhcpcd.service",
	};
	auto_free char *file = root_path(c, "etc/network/interfaces"), *text = NULL;
	auto_strv char **lines = NULL;
	struct stat st;

	for (size_t i = 0; i < ELEMENTSOF(enabled); i++) {
		auto_free char *path = root_path(c, enabled[i]);

		if (path && lstat(path, &st) >= 0)
			return true;
	}
	if (!module_has_program(c, "ifup") || !file || file_read(file, &text, NULL) < 0 ||
	    strv_split(text, "\n", &lines) < 0)
		return false;
	STRV_FOREACH (l, lines) {
		const char *rest = str_after(str_strip(*l), "iface ");

		if (rest && !str_after(rest, "lo ") && !str_after(rest, "lo\t"))
			return true;
	}
	return false;
}

static int fallback_of(const struct context *c, struct network_job *job, cJSON **ret)
{
	struct nic nic = {0};

	/* Where an address came with the machine (initramfs, container) or a lease of the search is in use by
	 * somebody else, the network is not ours to make. */
	if (*c->root || has_other_manager(c))
		return -ENOENT;
	if (!job->device && network_has_address() != 0) {
		/* The search went over IPv6 without a lease of IPv4. */
		for (size_t i = 0; job->leases && i < job->leases->n; i++)
			if (job->leases->items[i].six.is_set)
				lease_keep(&job->leases->items[i]);
		return job->leases && leases_save(job->leases) < 0 ? -EIO : -ENOENT;
	}
	/* Drivers may be late. */
	job->is_pending = !job->n_nics && !job->leases && nics_may_come();
	if (!job->n_nics)
		return -ENOENT;
	nic = job->nics[0];
	for (size_t i = 0; i < job->n_nics && job->device; i++)
		if (streq(job->nics[i].name, job->device))
			nic = job->nics[i];
	return network_fallback(&nic, 1, ret);
}

/* Kernel line, then the configuration, then the platform, then the fallback. */
static int config_for(const struct context *c, struct network_job *job, cJSON **ret)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(c->config, "network"),
		    *config = job->cmdline;

	if (!config && cJSON_IsObject(own) && cJSON_GetObjectItemCaseSensitive(own, "version"))
		config = own;
	if (!config)
		config = c->instance->network;
	if (!config)
		return fallback_of(c, job, ret);
	*ret = cJSON_Duplicate(config, true);
	return *ret ? 0 : -ENOMEM;
}

int network_configure(struct context *c, struct network_job *job)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(c->config, "network");
	auto_free char *mark = path_join(c->state, "done-network");
	auto_json cJSON *state = NULL, *config = NULL;
	const char *renderer = network_renderer(c);
	int r;

	if (streq(json_string_or(own, "config", ""), "disabled") ||
	    streq(json_string_or(job->cmdline, "config", ""), "disabled"))
		return 0;
	r = mark ? config_for(c, job, &config) : -ENOMEM;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = network_state_of(config, c->d, &state);
	if (r < 0)
		return r;
	if (streq(renderer, "netlink"))
		return apply(c, job, state);
	/* Files are the administrator's once they are there. */
	if (access(mark, F_OK) >= 0)
		return 0;
	r = write_files(c, renderer, config, state);
	return r < 0 ? r : file_write_atomic(mark, "done\n", 5, 0644, false);
}
