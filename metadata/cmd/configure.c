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
static const char *renderer_of(const struct context *c)
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

static int apply(struct context *c, const cJSON *state)
{
	struct network_apply_options o = {.root = ""};
	struct network_plan plan;
	int r;

	/* An image has no links. */
	if (*c->root)
		return 0;
	r = network_plan_of(state, &plan);
	if (r < 0)
		return r;
	r = network_apply(&plan, &o, c->d);
	if (r >= 0 && network_wait(&plan, now(CLOCK_BOOTTIME) + READY_TIMEOUT) == -ETIMEDOUT)
		diag_add(c->d, -ETIMEDOUT, DIAG_WARNING, "network", 0,
		         "not all links are up; the boot goes on");
	network_plan_done(&plan);
	return r;
}

int network_configure(struct context *c)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(c->config, "network"),
		    *config =
			    cJSON_IsObject(own) && !cJSON_GetObjectItemCaseSensitive(own, "version")
				    ? NULL
				    : own;
	auto_free char *mark = path_join(c->state, "done-network");
	auto_json cJSON *state = NULL;
	const char *renderer;
	int r;

	if (streq(json_string_or(own, "config", ""), "disabled"))
		return 0;
	config = config ? config : c->instance->network;
	if (!config)
		return 0;
	renderer = renderer_of(c);
	r = mark ? network_state_of(config, c->d, &state) : -ENOMEM;
	if (r < 0)
		return r;
	if (streq(renderer, "netlink"))
		return apply(c, state);
	/* Files are the administrator's once they are there. */
	if (access(mark, F_OK) >= 0)
		return 0;
	r = write_files(c, renderer, config, state);
	return r < 0 ? r : file_write_atomic(mark, "done\n", 5, 0644, false);
}
