// SPDX-License-Identifier: Apache-2.0
/* Leases of several interfaces: asked for together, put into the kernel and out of it, kept. */
#include "metadata/boot/boot.h"
#include "metadata/boot/lease-kernel.h"
#include "metadata/network/netlink.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>

#define RA_PAUSE      (100 * USEC_PER_MSEC)
#define KEEP_POLL_MAX (3600 * USEC_PER_SEC)
#define KEEP_RETRY    (5 * USEC_PER_SEC)

void lease_set_done(struct lease_set *l)
{
	for (size_t i = 0; i < l->n; i++) {
		dhcp_client_free(l->items[i].client);
		dhcp6_client_free(l->items[i].six.client);
	}
	l->n = 0;
}

struct lease_entry *lease_find(struct lease_set *l, const char *device)
{
	int index = (int) if_nametoindex(device);

	for (size_t i = 0; i < l->n && index; i++)
		if (l->items[i].index == index)
			return &l->items[i];
	return NULL;
}

struct lease_entry *lease_add(struct lease_set *l, const char *device)
{
	struct lease_entry *e = &l->items[l->n];

	if (l->n == ELEMENTSOF(l->items) || strlen(device) >= sizeof(e->device))
		return NULL;
	*e = (struct lease_entry){.use_dns = true,
	                          .use_routes = true,
	                          .use_mtu = true,
	                          .use_domains = true,
	                          .six = {.use_dns = true, .use_domains = true}};
	strcpy(e->device, device);
	e->index = (int) if_nametoindex(device);
	l->n++;
	return e;
}

int lease_begin(struct lease_set *l, const char *device, const char *host_name)
{
	struct lease_entry *e = lease_find(l, device);
	int r;

	if (e && e->device != device)
		strcpy(e->device, device); /* no longer than the kernel's names are */
	if (e && e->client)
		return 0;
	r = lease_kernel_up(device);
	if (r < 0)
		return r;
	if (!e)
		e = lease_add(l, device);
	if (!e)
		return -E2BIG;
	r = dhcp_client_new(device, host_name, &e->client);
	if (r >= 0 && e->is_bound)
		dhcp_client_adopt(e->client, &e->lease, e->bound_at);
	if (r < 0 && !e->is_bound && e == &l->items[l->n - 1])
		l->n--;
	return r;
}

void lease_keep(struct lease_entry *e)
{
	e->is_wanted = e->is_set;
	if (e->six.how == SIX_NONE && e->six.is_set)
		e->six.how = SIX_DHCP;
}

/* ---- waiting ---- */

static bool take_event(struct lease_entry *e, enum dhcp_event event)
{
	if (event == DHCP_NOTHING)
		return false;
	if (event == DHCP_LOST) {
		e->is_bound = false;
		return true;
	}
	e->lease = *dhcp_client_lease(e->client);
	e->bound_at = now(CLOCK_BOOTTIME);
	e->is_bound = true;
	return true;
}

/* One look at all. @changed, @changed6: called for each event. */
static void look(struct lease_set *l, void (*changed)(struct lease_set *l, struct lease_entry *e),
                 void (*changed6)(struct lease_set *l, struct lease_entry *e))
{
	for (size_t i = 0; i < l->n; i++) {
		struct lease_entry *e = &l->items[i];

		if (e->client && take_event(e, dhcp_client_dispatch(e->client)) && changed)
			changed(l, e);
		if (e->six.client && lease6_dispatch(e) && changed6)
			changed6(l, e);
	}
}

/* Until there may be something to look at. */
static int wait_for_any(const struct lease_set *l, usec_t deadline)
{
	struct pollfd p[2 * CANDIDATES_MAX];
	usec_t next = deadline, at;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct lease_entry *e = &l->items[i];

		if (e->client) {
			next = MIN(next, dhcp_client_next(e->client));
			p[n++] = (struct pollfd){dhcp_client_fd(e->client), POLLIN, 0};
		}
		if (e->six.client) {
			next = MIN(next, dhcp6_client_next(e->six.client));
			p[n++] = (struct pollfd){dhcp6_client_fd(e->six.client), POLLIN, 0};
		}
	}
	at = now(CLOCK_BOOTTIME);
	if (poll(p, n, next > at ? (int) (MIN(next - at, KEEP_POLL_MAX) / USEC_PER_MSEC) + 1 : 0) <
	            0 &&
	    errno != EINTR)
		return -errno;
	return 0;
}

static int n_missing(const struct lease_set *l)
{
	int n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->items[i].is_wanted && !l->items[i].is_bound;
	return n;
}

/* Router advertisements are heard by the kernel, and looked for now and then. */
static int n_missing6(const struct lease_set *l)
{
	int n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += lease6_is_missing(&l->items[i]);
	return n;
}

int leases_wait(struct lease_set *l, usec_t deadline)
{
	for (;;) {
		usec_t at = now(CLOCK_BOOTTIME);
		int six, missing, r;

		look(l, NULL, NULL);
		six = n_missing6(l);
		missing = n_missing(l) + six;
		if (!missing || at >= deadline)
			return missing;
		r = wait_for_any(l, six ? MIN(deadline, at + RA_PAUSE) : deadline);
		if (r < 0)
			return r;
	}
}

int leases_any(struct lease_set *l, usec_t deadline)
{
	for (;;) {
		bool is_late = now(CLOCK_BOOTTIME) >= deadline; /* what came by then counts */
		int r;

		look(l, NULL, NULL);
		for (size_t i = 0; i < l->n; i++)
			if (l->items[i].is_bound && !l->items[i].is_set)
				return (int) i;
		if (is_late)
			return -ETIMEDOUT;
		r = wait_for_any(l, deadline);
		if (r < 0)
			return r;
	}
}

/* ---- names ---- */

int leases_names(const struct lease_set *l, char ***servers, char ***domains)
{
	int r = 0;

	for (size_t i = 0; i < l->n && r >= 0; i++) {
		const struct lease_entry *e = &l->items[i];
		char text[INET_ADDRSTRLEN];

		r = lease6_names(e, servers, domains);
		if (!e->is_bound || !e->is_wanted)
			continue;
		for (size_t k = 0; k < e->lease.n_dns && e->use_dns && r >= 0; k++)
			if (inet_ntop(AF_INET, &e->lease.dns[k], text, sizeof(text)))
				r = strv_append_unique(servers, text);
		for (size_t k = 0; k < e->lease.n_search && e->use_domains && r >= 0; k++)
			r = strv_append_unique(domains, e->lease.search[k]);
		if (r >= 0 && e->use_domains && !e->lease.n_search && *e->lease.domain)
			r = strv_append_unique(domains, e->lease.domain);
	}
	return r < 0 ? r : 0;
}

/* ---- the keeper's file ---- */

static void add_address(cJSON *j, const char *key, struct in_addr a)
{
	char text[INET_ADDRSTRLEN];

	if (a.s_addr && inet_ntop(AF_INET, &a, text, sizeof(text)))
		json_add_string(j, key, text);
}

static struct in_addr get_address(const cJSON *j, const char *key)
{
	struct in_addr a = {0};

	(void) inet_pton(AF_INET, json_string_or(j, key, ""), &a);
	return a;
}

/* What a renewal needs; names and routes come anew with it. */
static cJSON *entry_json(const struct lease_entry *e)
{
	cJSON *j = cJSON_CreateObject();

	json_add_string(j, "device", e->device);
	if (lease6_is_asked(e))
		json_add_take(j, "six", lease6_to_json(e));
	if (!e->is_wanted) {
		json_add_bool(j, "four", false);
		return j;
	}
	json_add_u64(j, "metric", e->metric);
	json_add_bool(j, "use_dns", e->use_dns);
	json_add_bool(j, "use_routes", e->use_routes);
	json_add_bool(j, "use_mtu", e->use_mtu);
	json_add_bool(j, "use_domains", e->use_domains);
	if (!e->is_bound)
		return j;
	add_address(j, "address", e->lease.address);
	add_address(j, "server", e->lease.server);
	add_address(j, "broadcast", e->lease.broadcast);
	json_add_u64(j, "prefix", e->lease.prefix);
	json_add_u64(j, "lifetime", e->lease.lifetime);
	json_add_u64(j, "t1", e->lease.t1);
	json_add_u64(j, "t2", e->lease.t2);
	json_add_u64(j, "bound_at_usec", e->bound_at);
	return j;
}

int leases_to_json(const struct lease_set *l, cJSON **ret)
{
	auto_json cJSON *list = cJSON_CreateArray();
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < l->n && r >= 0; i++)
		if (l->items[i].is_wanted || lease6_is_asked(&l->items[i]))
			r = json_append_take(list, entry_json(&l->items[i]));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

int leases_save(const struct lease_set *l)
{
	auto_json cJSON *list = NULL;
	auto_free char *text = NULL;
	int r = leases_to_json(l, &list);

	text = r >= 0 ? json_print(list, true) : NULL;
	if (!text)
		return r < 0 ? r : -ENOMEM;
	r = mkdir_parents(LEASES_FILE, 0755);
	return r < 0 ? r : file_write_atomic(LEASES_FILE, text, strlen(text), 0600, false);
}

uint32_t json_u32_or(const cJSON *j, const char *key, uint32_t otherwise)
{
	uint64_t n = json_u64_or(j, key, otherwise);

	return n <= UINT32_MAX ? (uint32_t) n : otherwise;
}

static void entry_of(const cJSON *j, struct lease_entry *e)
{
	lease6_of_json(cJSON_GetObjectItemCaseSensitive(j, "six"), e);
	if (!json_bool_or(j, "four", true))
		return;
	e->metric = json_u32_or(j, "metric", 0);
	e->use_dns = json_bool_or(j, "use_dns", true);
	e->use_routes = json_bool_or(j, "use_routes", true);
	e->use_mtu = json_bool_or(j, "use_mtu", true);
	e->use_domains = json_bool_or(j, "use_domains", true);
	e->is_wanted = true;
	e->lease.prefix = json_u32_or(j, "prefix", 32);
	if (e->lease.prefix > 32)
		return; /* asked for anew */
	e->lease.address = get_address(j, "address");
	e->is_bound = e->is_set = e->lease.address.s_addr != 0;
	e->lease.server = get_address(j, "server");
	e->lease.broadcast = get_address(j, "broadcast");
	e->lease.lifetime = json_u32_or(j, "lifetime", 0);
	e->lease.t1 = json_u32_or(j, "t1", 0);
	e->lease.t2 = json_u32_or(j, "t2", 0);
	e->bound_at = json_u64_or(j, "bound_at_usec", 0);
}

void leases_of_json(const cJSON *list, struct lease_set *l)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list)
	{
		const char *device = json_string_or(it, "device", "");
		struct lease_entry *e = *device ? lease_add(l, device) : NULL;

		if (e)
			entry_of(it, e);
		if (e && !e->is_wanted && !lease6_is_asked(e))
			l->n--; /* it asks for nothing */
	}
}

int leases_load(struct lease_set *l)
{
	auto_json cJSON *list = NULL;
	int r = json_parse_file(LEASES_FILE, NULL, &list);

	if (r >= 0)
		leases_of_json(list, l);
	return r < 0 ? r : 0;
}

/* ---- keeping ---- */

/* @error: what came of the last time; the same one is told once. */
static void note_change(const struct lease_set *l, const struct lease_entry *e, bool is_bound,
                        int *error, int r)
{
	if (r >= 0)
		log_info("%s: %s", e->device, is_bound ? "lease renewed" : "lease lost");
	else if (r != *error)
		log_warning_errno(r, "%s: the lease cannot be set yet: %s", e->device,
		                  strerror(-r));
	*error = MIN(r, 0);
	r = leases_save(l);
	if (r < 0)
		log_warning_errno(r, "Leases cannot be noted: %s", strerror(-r));
}

static void on_change(struct lease_set *l, struct lease_entry *e)
{
	/* Another address, or none any more: what is set is not ours to use. */
	if (e->is_set && (!e->is_bound || e->set_address.s_addr != e->lease.address.s_addr))
		(void) lease_unset_kernel(e);
	note_change(l, e, e->is_bound, &e->set_error, e->is_bound ? lease_set_kernel(e) : 0);
}

static void on_change6(struct lease_set *l, struct lease_entry *e)
{
	struct lease6 *s = &e->six;

	if (s->is_set && (!s->is_bound || memcmp(&s->set_address, &s->lease.address, 16) != 0))
		(void) lease6_unset_kernel(e);
	note_change(l, e, s->is_bound, &e->set_error6, s->is_bound ? lease6_set_kernel(e) : 0);
}

static bool is_begun(const struct lease_entry *e)
{
	return (!e->is_wanted || e->client) && (!lease6_is_asked(e) || e->six.client);
}

static void begin_keeping(struct lease_set *l, struct lease_entry *e)
{
	int r;

	e->index = (int) if_nametoindex(e->device);
	r = e->index ? 0 : -ENODEV;
	if (r >= 0 && e->is_wanted)
		r = lease_begin(l, e->device, NULL);
	if (r >= 0 && e->six.how != SIX_NONE)
		r = lease6_begin(l, e->device, e->six.how);
	if (r < 0 && r != e->begin_error)
		log_warning_errno(r, "%s: no lease can be kept yet: %s", e->device, strerror(-r));
	e->begin_error = MIN(r, 0);
}

static bool all_is_well(const struct lease_set *l)
{
	bool well = true;

	for (size_t i = 0; i < l->n; i++)
		well &= is_begun(&l->items[i]) && !l->items[i].set_error && !l->items[i].set_error6;
	return well;
}

/* What did not work is tried again: an interface may come, and so may memory. */
static void try_again(struct lease_set *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct lease_entry *e = &l->items[i];

		if (!is_begun(e))
			begin_keeping(l, e);
		if (e->set_error)
			on_change(l, e);
		if (e->set_error6)
			on_change6(l, e);
	}
}

int leases_keep(struct lease_set *l, const volatile bool *stop)
{
	usec_t again_at = 0, at;
	int r = 0;

	for (size_t i = 0; i < l->n; i++) {
		l->items[i].set_address = l->items[i].lease.address;
		l->items[i].set_prefix = l->items[i].lease.prefix;
	}
	while (!*stop && r >= 0) {
		look(l, on_change, on_change6);
		at = now(CLOCK_BOOTTIME);
		if (at >= again_at) {
			try_again(l);
			again_at = at + KEEP_RETRY;
		}
		r = wait_for_any(l, all_is_well(l) ? at + KEEP_POLL_MAX : again_at);
	}
	return r;
}
