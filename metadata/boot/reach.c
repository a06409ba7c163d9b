// SPDX-License-Identifier: Apache-2.0
/*
 * The network stage: which interface leads to the service?
 *
 * All candidates are asked for a lease at once. Each lease that comes is put into the kernel, and the
 * sources are tried with their requests bound to that interface. While other candidates are open a try is
 * short, and longer each time; who got any answer at all has found the way and keeps it.
 */
#include "metadata/boot/boot.h"
#include "metadata/boot/lease-kernel.h"
#include "metadata/network/network.h"

#define FIRST_SLICE   (2 * USEC_PER_SEC)
#define SLICES_MAX    3U                    /* doubled so often */
#define PAUSE         USEC_PER_SEC          /* between two rounds */
#define ROUND         (200 * USEC_PER_MSEC) /* addresses of IPv6 are looked for so often */
#define WITHOUT_LEASE (6 * USEC_PER_SEC)    /* then IPv6, which needs none, is tried */

#define BAD_MAX    3                   /* documents that cannot be read, from one service */
#define LATE_LEASE (10 * USEC_PER_SEC) /* how long another lease is waited for after a refusal */

struct way {
	bool is_closed;
	unsigned bad, tries;
};

/* ---- requests that leave by one interface ---- */

struct bound_http {
	struct http inner;
	const char *interface; /* NULL: as routes say */
	bool has_answered;
	unsigned status; /* the last answer's; 0 after none */
	int error;
};

static void note_answer(struct bound_http *b, int r, const struct http_response *a)
{
	b->has_answered |= r >= 0;
	b->status = r >= 0 ? a->status : 0;
	b->error = MIN(r, 0);
}

static int bound_perform(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	struct bound_http *b = userdata;
	struct http_request own = *rq;
	int r;

	if (!own.unix_socket && !own.interface)
		own.interface = b->interface;
	r = b->inner.perform(b->inner.userdata, &own, ret);
	note_answer(b, r, ret);
	return r;
}

static int bound_race(void *userdata, const struct http_request *rqs, size_t n, usec_t stagger,
                      struct http_response *ret)
{
	struct bound_http *b = userdata;
	struct http_request own[HTTP_RACE_MAX];
	int r;

	if (n > HTTP_RACE_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		own[i] = rqs[i];
		if (!own[i].unix_socket && !own[i].interface)
			own[i].interface = b->interface;
	}
	r = b->inner.race(b->inner.userdata, own, n, stagger, ret);
	note_answer(b, r, ret);
	return r;
}

static usec_t bound_now(void *userdata)
{
	struct bound_http *b = userdata;

	return b->inner.now(b->inner.userdata);
}

static void bound_sleep(void *userdata, usec_t when)
{
	struct bound_http *b = userdata;

	b->inner.sleep_until(b->inner.userdata, when);
}

/* ---- one try ---- */

struct reach {
	struct search *s;
	struct lease_set *leases;
	struct http http;
	usec_t deadline, next_round;
	usec_t began;     /* since when leases are asked for */
	usec_t settle_by; /* interfaces that udev still names are left alone until then */
	bool as_is;       /* the machine has an address already */
	struct way ways[CANDIDATES_MAX + 1]; /* of leases by their index; the last: as it is */
	struct diag *findings;
};

/* A try's findings are told only when it was the last one: those of a wrong interface are noise. */
static int try_once(struct reach *x, struct lease_entry *e, usec_t until, struct bound_http *b,
                    struct instance **ret)
{
	struct http http = {bound_perform, x->http.race ? bound_race : NULL, bound_now, bound_sleep,
	                    b};
	int r;

	*b = (struct bound_http){x->http, e ? e->device : NULL, false, 0, 0};
	*x->findings = (struct diag){0};
	x->s->d = x->findings;
	r = search_services(x->s, &http, e ? &e->lease : NULL, until, ret);
	return r;
}

/* Beside way @k: leases that are still asked for count, since they are not while one way is tried. */
static bool others_are_open(const struct reach *x, size_t k)
{
	if (k != CANDIDATES_MAX && x->as_is && !x->ways[CANDIDATES_MAX].is_closed)
		return true;
	for (size_t i = 0; i < x->leases->n; i++)
		if (i != k && !x->ways[i].is_closed)
			return true;
	return false;
}

/* No try can end better: it says no, or what it says cannot be read. */
static bool is_final(struct way *w, const struct bound_http *b, int r)
{
	if ((b->error < 0 || b->status >= 300) && !http_is_transient(b->error, b->status))
		return true;
	return r == -EBADMSG && b->status >= 200 && b->status < 300 && ++w->bad >= BAD_MAX;
}

static int try_way(struct reach *x, size_t k, struct instance **ret)
{
	struct lease_entry *e = k < CANDIDATES_MAX ? &x->leases->items[k] : NULL;
	usec_t at = now(CLOCK_BOOTTIME), slice;
	struct way *w = &x->ways[k];
	struct bound_http b;
	bool is_short;
	int r;

	if (w->is_closed)
		return -ENOENT;
	slice = FIRST_SLICE << MIN(w->tries++, SLICES_MAX);
	is_short = others_are_open(x, k) && at + slice < x->deadline;
	r = try_once(x, e, is_short ? at + slice : x->deadline, &b, ret);
	/* Cut off while it was talking: it is the one. */
	if (r < 0 && is_short && b.has_answered && now(CLOCK_BOOTTIME) >= at + slice)
		r = try_once(x, e, x->deadline, &b, ret);
	if (r >= 0)
		return str_set(&x->s->device, e ? e->device : NULL) < 0 ? -ENOMEM : 0;
	w->is_closed = is_final(w, &b, r);
	return r;
}

/* ---- all ways, round after round ---- */

static void begin_leases(struct reach *x)
{
	/* One that was plugged in meanwhile, or whose driver was loaded, comes in. */
	(void) nics_wait(&x->s->nics, &x->s->n_nics, 0);
	for (size_t i = 0; i < x->s->n_nics; i++) {
		int r;

		if (!nic_is_settled(&x->s->nics[i]) && now(CLOCK_BOOTTIME) < x->settle_by)
			continue;
		r = lease_begin(x->leases, x->s->nics[i].name, NULL);
		if (r >= 0)
			r = lease6_begin(x->leases, x->s->nics[i].name, SIX_NONE);
		if (r < 0 && r != -EOPNOTSUPP)
			log_debug_errno(r, "%s: no lease: %s", x->s->nics[i].name, strerror(-r));
		x->s->nics[i].is_up = true; /* it was brought up, for IPv6's link-local addresses */
	}
}

/* Names of services need a resolver; the machine's own configuration replaces it later. */
static void set_resolver(struct reach *x, struct lease_entry *e)
{
	auto_strv char **servers = NULL, **domains = NULL;
	auto_free char *text = NULL;
	bool wanted = e->is_wanted;

	if (file_read("/etc/resolv.conf", &text, NULL) >= 0 && strstr(text, "nameserver"))
		return;
	e->is_wanted = true;
	if (leases_names(x->leases, &servers, &domains) >= 0 && servers)
		(void) network_dns_write("", servers, domains);
	e->is_wanted = wanted;
}

/* Another way is there: tried at once. */
static int try_new_lease(struct reach *x, usec_t until, struct instance **ret)
{
	int k = leases_any(x->leases, MIN(until, x->deadline)), r;

	if (k < 0)
		return k;
	r = lease_set_kernel(&x->leases->items[k]);
	if (r < 0)
		log_warning_errno(r, "%s: the lease cannot be set: %s", x->leases->items[k].device,
		                  strerror(-r));
	/* It would be the new one again and again, and the others would never have their turn. */
	x->leases->items[k].is_bound = x->leases->items[k].is_set;
	if (!x->leases->items[k].is_set)
		return r;
	set_resolver(x, &x->leases->items[k]);
	return try_way(x, (size_t) k, ret);
}

/* An IPv6 address came, by DHCPv6 or by a router's advertisement: a way that needs no lease of IPv4. */
static bool has_new_six(struct reach *x)
{
	for (size_t i = 0; i < x->leases->n; i++) {
		struct lease_entry *e = &x->leases->items[i];

		if (!e->six.is_bound || e->six.is_set)
			continue;
		e->six.is_bound = lease6_set_kernel(e) >= 0;
	}
	if (x->as_is || network_has_address6() <= 0)
		return false;
	x->as_is = true;
	return true;
}

static int try_all(struct reach *x, struct instance **ret)
{
	int r = -ENOENT;

	if (x->as_is || now(CLOCK_BOOTTIME) > x->began + WITHOUT_LEASE || !x->leases->n)
		r = try_way(x, CANDIDATES_MAX, ret);
	for (size_t i = 0; i < x->leases->n && r < 0 && now(CLOCK_BOOTTIME) < x->deadline; i++)
		if (x->leases->items[i].is_set)
			r = try_way(x, i, ret);
	return r;
}

/* Whoever could be asked has said no, and nobody else came in time. */
static bool is_over(const struct reach *x)
{
	size_t closed = x->ways[CANDIDATES_MAX].is_closed, waiting = 0;

	for (size_t i = 0; i < x->leases->n; i++) {
		if (x->ways[i].is_closed)
			closed++;
		else if (x->leases->items[i].is_set)
			return false;
		else
			waiting++;
	}
	if (!closed || (x->as_is && !x->ways[CANDIDATES_MAX].is_closed))
		return false;
	return !waiting || now(CLOCK_BOOTTIME) > x->began + LATE_LEASE;
}

static int run(struct reach *x, struct instance **ret)
{
	int r = x->as_is ? try_way(x, CANDIDATES_MAX, ret) : -ENOENT, last = -ETIMEDOUT;

	if (r >= 0 || r == -ENOMEM)
		return r;
	while (now(CLOCK_BOOTTIME) < x->deadline && !is_over(x)) {
		begin_leases(x);
		if (!x->began)
			x->began = now(
				CLOCK_BOOTTIME); /* not before: a small machine needs seconds until here */
		r = try_new_lease(x, now(CLOCK_BOOTTIME) + ROUND, ret);
		if (r == -ETIMEDOUT && has_new_six(x)) {
			r = try_way(x, CANDIDATES_MAX, ret);
		} else if (r == -ETIMEDOUT && now(CLOCK_BOOTTIME) >= x->next_round) {
			x->next_round = now(CLOCK_BOOTTIME) + PAUSE;
			r = try_all(x, ret);
		}
		if (r >= 0 || r == -ENOMEM)
			return r;
		last = r;
	}
	return last == -ENOENT && now(CLOCK_BOOTTIME) >= x->deadline ? -ETIMEDOUT : last;
}

int reach_instance(struct search *s, struct lease_set *leases, usec_t deadline,
                   struct instance **ret)
{
	auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
	struct diag *own = s->d, findings = {0};
	struct reach x = {.s = s,
	                  .leases = leases,
	                  .deadline = deadline,
	                  .settle_by = now(CLOCK_BOOTTIME) + SETTLE_DEADLINE,
	                  .findings = &findings};
	int r = http_curl_new(&curl);

	if (r < 0)
		return diag_add(s->d, r, DIAG_ERROR, "network", 0, "there is no HTTP client: %s",
		                strerror(-r));
	x.http = http_of_curl(curl);
	x.as_is = network_has_address() > 0;
	x.next_round = now(CLOCK_BOOTTIME) + PAUSE;
	r = run(&x, ret);
	s->d = own;
	for (size_t i = 0; i < findings.n_items; i++)
		diag_add(own, findings.items[i].error, findings.items[i].level,
		         findings.items[i].file, findings.items[i].line, "%s",
		         findings.items[i].text);
	return r;
}

int reach_any(struct search *s, struct lease_set *leases, usec_t deadline)
{
	struct reach x = {.s = s, .leases = leases, .deadline = deadline};
	int k, r;

	begin_leases(&x);
	k = leases_any(leases, deadline);
	if (k < 0)
		return k;
	r = lease_set_kernel(&leases->items[k]);
	set_resolver(&x, &leases->items[k]);
	return r;
}
