// SPDX-License-Identifier: Apache-2.0
/* The names that detection gave, one after the other: local readers first, then services. */
#include "metadata/boot/boot.h"
#include "metadata/network/network.h"
#include "metadata/source/vmware.h"

#include <arpa/inet.h>

#define LOCAL_DEADLINE (20 * USEC_PER_SEC) /* of all readers of the local stage together */
#define OWN_SEED       "var/lib/sysmaster/seed/meta-data"

#define NETWORKD_LEASES "run/systemd/netif/leases"
#define LEASE_SIZE_MAX  (64U << 10)

/* ---- names ---- */

/* As the table spells it: a pin is passed on as it was typed. */
static const struct source_row *row_of(const char *name)
{
	if (!strcasecmp(name, "nocloud-net"))
		name = "NoCloud";
	for (size_t i = 0; i < n_sources; i++)
		if (!strcasecmp(sources[i].name, name))
			return &sources[i];
	return NULL;
}

static int add_name(struct search *s, const char *name)
{
	const struct source_row *row = row_of(name);

	if (streq(name, "None"))
		return 0;
	if (!row) {
		diag_add(s->d, -ENOENT, DIAG_WARNING, "datasource_list", 0,
		         "\"%.64s\" is not a datasource that can be read here", name);
		return 0;
	}
	return strv_append_unique(&s->names, row->name);
}

/* Nothing was probed: what the configuration names may be read here, but is not asked for over the network. */
static int configured_names(struct search *s)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(s->config, "datasource_list"), *it;
	int r = 0;

	cJSON_ArrayForEach(it, list) if (cJSON_IsString(it) && r >= 0) r =
		add_name(s, it->valuestring);
	for (size_t i = 0; i < n_sources && !cJSON_IsArray(list) && r >= 0; i++)
		r = add_name(s, sources[i].name);
	return r < 0 ? r : 0;
}

/* A seed in credentials comes before all that was found, unless somebody named what counts. */
static int take_credentials(struct search *s)
{
	bool is_switched_off = s->found.verdict == DETECT_DISABLED || s->found.is_report ||
	                       (s->found.verdict == DETECT_NOT_FOUND && !s->found.list);

	if (is_switched_off || s->found.is_pinned || s->machine.is_confidential ||
	    !credentials_are_given(&s->machine.root))
		return 0;
	if (s->found.verdict == DETECT_NOT_FOUND)
		s->found.verdict = DETECT_ENABLED;
	return add_name(s, "Credentials");
}

static int detected_names(struct search *s)
{
	int r = 0;

	if (s->found.verdict == DETECT_NOT_FOUND && !s->found.is_report &&
	    tree_has(&s->machine.root, OWN_SEED)) {
		s->found.verdict = DETECT_ENABLED;
		return add_name(s, "NoCloud");
	}
	if (s->found.verdict != DETECT_ENABLED)
		return 0;
	if (!s->found.list)
		return configured_names(s);
	s->may_ask = true;
	STRV_FOREACH (n, s->found.list)
		if (r >= 0)
			r = add_name(s, *n);
	return r;
}

int search_take_names(struct search *s)
{
	int r = s->is_live ? take_credentials(s) : 0;

	return r < 0 ? r : detected_names(s);
}

static char *backdoor(void *userdata, const char *key)
{
	auto_free char *command = str_printf("info-get guestinfo.%s", key);
	char *text = NULL;

	(void) userdata;
	return command && vmware_rpc(command, &text) >= 0 ? text : NULL;
}

int search_begin(struct search *s, const char *root, const char *only, struct diag *d)
{
	int r;

	*s = (struct search){.root = root, .is_live = !*root, .d = d};
	s->root_fd = open(*root ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		return diag_add(d, -errno, DIAG_ERROR, root, 0, "%s", strerror(errno));
	r = machine_read(&s->root_fd, s->is_live, &s->machine);
	if (r >= 0 && s->is_live && streq(s->machine.virt, "vmware"))
		s->machine.guestinfo = backdoor;
	if (r >= 0)
		r = detect_identify(&s->machine, NULL, d, &s->found);
	if (r >= 0)
		r = system_config_read(&s->machine.root, s->machine.cmdline, d, &s->config);
	if (r >= 0 && s->is_live && nics_read(&s->nics, &s->n_nics) < 0)
		s->n_nics = 0; /* local readers do without */
	if (r >= 0 && only) {
		s->may_ask = true;
		s->found.verdict = DETECT_ENABLED;
		r = add_name(s, only);
	} else if (r >= 0) {
		r = search_take_names(s);
	}
	return r < 0 ? r : 0;
}

void search_done(struct search *s)
{
	if (s->root_fd >= 0)
		close(s->root_fd);
	machine_done(&s->machine);
	detection_done(&s->found);
	cJSON_Delete(s->config);
	free(s->nics);
	strv_free(s->names);
	free(s->device);
	*s = (struct search){.root_fd = -EBADF};
}

/* ---- what a source gets ---- */

static const cJSON *config_of(const struct search *s, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(s->config, "datasource"), name);
}

static struct source_context context_of(const struct search *s, const struct source_row *row,
                                        usec_t deadline)
{
	const cJSON *info = cJSON_GetObjectItemCaseSensitive(s->config, "system_info");

	return (struct source_context){
		.machine = &s->machine,
		.config = config_of(s, row->name),
		.default_user =
			json_string_or(cJSON_GetObjectItemCaseSensitive(info, "default_user"),
	                               "name", METADATA_DEFAULT_USER),
		.nics = s->nics,
		.n_nics = s->n_nics,
		.deadline = deadline,
		.host_is_trusted = !s->machine.is_confidential || s->found.is_pinned,
		.d = s->d};
}

struct reading {
	struct source_context *c;
	const struct source_row *row;
	int (*read)(const struct source_context *c, struct instance **ret);
	struct instance **ret;
};

static int read_medium(void *userdata, const struct tree *t, const char *origin)
{
	struct reading *x = userdata;

	x->c->media = t;
	x->c->origin = origin;
	return x->read(x->c, x->ret);
}

/* With each medium that it may have, then without. */
static int read_with_media(const struct search *s, struct reading *x)
{
	int r = x->row->labels || x->row->seeds || x->row->any_cdrom
	                ? media_each(s, x->row, read_medium, x)
	                : -ENOENT;

	if (r != -ENOENT)
		return r;
	x->c->media = NULL;
	x->c->origin = NULL;
	/* Readers of files alone have nothing to read then. */
	if ((x->row->labels || x->row->seeds) && x->read == x->row->from_media &&
	    x->read != source_nocloud_local)
		return r;
	return x->read(x->c, x->ret);
}

/* ---- the two looks ---- */

static int try_local(struct search *s, const struct source_row *row, usec_t deadline,
                     struct instance **ret)
{
	struct source_context c = context_of(s, row, deadline);
	struct reading x = {&c, row, row->from_media, ret};
	auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
	struct http http;
	int r;

	if (row->needs & SOURCE_SOCKET && s->is_live) {
		r = http_curl_new(&curl);
		if (r < 0)
			return r;
		http = http_of_curl(curl);
		c.http = &http;
		return source_read_network(row, &c, ret);
	}
	if (!(row->needs & SOURCE_MEDIA) || !row->from_media)
		return -ENOENT;
	/* Serial lines and back doors are this machine's, not an image's. */
	if (!s->is_live && !row->labels && !row->seeds)
		return -ENOENT;
	return read_with_media(s, &x);
}

int search_local(struct search *s, struct instance **ret)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + LOCAL_DEADLINE;
	int worst = -ENOENT;

	STRV_FOREACH (n, s->names) {
		const struct source_row *row = source_find(*n);
		int r = try_local(s, row, deadline, ret);

		if (r >= 0 || r == -EAGAIN || r == -ENOMEM)
			return r;
		if (row->needs & SOURCE_NETWORK && s->may_ask && worst == -ENOENT &&
		    row->from_media != source_nocloud_local)
			worst = -EAGAIN;
		if (r != -ENOENT) {
			diag_add(s->d, r, DIAG_WARNING, *n, 0, "%s; the next source is asked",
			         strerror(-r));
			worst = worst == -ENOENT ? r : worst;
		}
	}
	return worst;
}

/* CloudStack's service is the server that gave the lease. */
static cJSON *router_config(const char *fabric_or_server)
{
	cJSON *config = cJSON_CreateObject();
	auto_free char *url = str_printf("http://%s", fabric_or_server);

	json_add_string(config, "metadata_urls", url);
	return config;
}

/* Of a network that networkd made (in the initramfs, say): who gave the lease, and Azure's controller. */
static void read_foreign_lease(const struct search *s, char *fabric, char *server)
{
	auto_strv char **names = NULL;
	struct in_addr a;

	(void) tree_list(&s->machine.root, NETWORKD_LEASES, &names);
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(NETWORKD_LEASES, *n);
		auto_blob struct blob b = {0};
		auto_json cJSON *lease = NULL;
		uint64_t controller;

		if (!path || tree_read(&s->machine.root, path, LEASE_SIZE_MAX, &b) < 0 ||
		    networkd_lease_parse(b.data, &lease) < 0)
			continue;
		if (inet_pton(AF_INET, json_string_or(lease, "SERVER_ADDRESS", ""), &a) == 1)
			(void) inet_ntop(AF_INET, &a, server, INET_ADDRSTRLEN);
		if (str_to_u64(json_string_or(lease, "OPTION_245", ""), 16, &controller) < 0 ||
		    controller > UINT32_MAX)
			continue;
		a.s_addr = htonl((uint32_t) controller);
		(void) inet_ntop(AF_INET, &a, fabric, INET_ADDRSTRLEN);
	}
}

int search_services(struct search *s, const struct http *http, const struct dhcp_lease *lease,
                    usec_t deadline, struct instance **ret)
{
	char fabric[INET_ADDRSTRLEN] = "", server[INET_ADDRSTRLEN] = "";
	int worst = -ENOENT;

	if (!lease)
		read_foreign_lease(s, fabric, server);
	if (lease && lease->wireserver.s_addr)
		(void) inet_ntop(AF_INET, &lease->wireserver, fabric, sizeof(fabric));
	if (lease && lease->server.s_addr)
		(void) inet_ntop(AF_INET, &lease->server, server, sizeof(server));
	STRV_FOREACH (n, s->names) {
		const struct source_row *row = source_find(*n);
		struct source_context c = context_of(s, row, deadline);
		struct reading x = {&c, row, row->from_network, ret};
		auto_json cJSON *router = NULL;
		int r;

		if (!(row->needs & SOURCE_NETWORK))
			continue;
		c.http = http;
		c.fabric = *fabric ? fabric : NULL;
		if (streq(*n, "CloudStack") && *server &&
		    !cJSON_GetObjectItemCaseSensitive(c.config, "metadata_urls"))
			c.config = router = router_config(server);
		r = row->from_network ? read_with_media(s, &x) : source_read_network(row, &c, ret);
		if (r >= 0 || r == -ENOMEM)
			return r;
		if (r != -ENOENT)
			worst = r;
	}
	return worst;
}

usec_t search_network_wait(const struct search *s)
{
	usec_t wait = NETWORK_DEADLINE;

	if (strv_length(s->names) == 1) {
		const cJSON *v =
			cJSON_GetObjectItemCaseSensitive(config_of(s, s->names[0]), "max_wait");

		if (cJSON_IsNumber(v) && v->valuedouble >= 0)
			wait = (usec_t) MIN(v->valuedouble, 1e6) * USEC_PER_SEC;
	}
	return MIN(wait, NETWORK_DEADLINE_MAX);
}
