// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"

#include "base/fd.h"
#include "base/log.h"

#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>

#define WEB_TOKEN_BYTES 16

static int make_directories(struct controller *c, struct diag *d)
{
	static const char *const names[] = {"", "/bundles", "/keys"};

	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		auto_free char *path = str_printf("%s%s", c->dir, names[i]);
		int r;

		if (!path)
			return -ENOMEM;
		r = mkdir_p(path, 0700);
		if (r < 0)
			return diag_add(d, r, DIAG_ERROR, path, 0, "Cannot make the directory: %s",
			                strerror(-r));
	}
	return 0;
}

static int open_all(struct controller *c, char *const *names, struct diag *d)
{
	auto_free char *pki_dir = str_printf("%s/pki", c->dir),
		       *database = str_printf("%s/fleet.sqlite", c->dir);
	int r;

	if (!pki_dir || !database)
		return -ENOMEM;
	r = make_directories(c, d);
	if (r >= 0)
		r = pki_open(pki_dir, names, d, &c->pki);
	if (r >= 0)
		r = pki_server_context(c->pki, d, &c->tls);
	if (r >= 0)
		r = store_open(database, d, &c->store);
	return r;
}

static int load_all(struct controller *c, struct diag *d)
{
	int r = identities_load(c);

	if (r >= 0)
		r = machines_load(c);
	if (r >= 0)
		r = rollouts_load(c);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "Cannot read the database: %s",
		                store_error(c->store));
	return 0;
}

static int on_flush(struct source *s, usec_t deadline, void *userdata)
{
	struct controller *c = userdata;
	int r = machines_flush_seen(c);

	(void) deadline;
	if (r >= 0)
		return 0;
	log_warning_errno(r, "Cannot store when machines were seen: %s", store_error(c->store));
	return source_set_time(s, now(CLOCK_MONOTONIC) + 10 * FLUSH_INTERVAL);
}

static int web_token_make(struct controller *c)
{
	uint8_t bytes[WEB_TOKEN_BYTES];

	c->web_token = malloc(2 * sizeof(bytes) + 1);
	if (!c->web_token)
		return -ENOMEM;
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(c->web_token + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int listen_api(struct controller *c, char *const *addresses, struct diag *d)
{
	int r = http_server_new(c->loop, c->tls, &http_limits_default, dispatch_head,
	                        dispatch_request, c, &c->api);

	STRV_FOREACH (address, addresses) {
		uint16_t port;

		if (r < 0)
			break;
		r = http_server_listen(c->api, *address, d, &port);
		if (r >= 0)
			printf("https://%.*s:%u\n", (int) (strrchr(*address, ':') - *address),
			       *address, port);
	}
	fflush(stdout);
	return r;
}

static int listen_web(struct controller *c, char *const *addresses, struct diag *d)
{
	struct http_limits limits = http_limits_default;
	int r = web_token_make(c);

	limits.connections = 256;
	if (r >= 0)
		r = http_server_new(c->loop, NULL, &limits, dispatch_head_web, dispatch_request, c,
		                    &c->web);
	STRV_FOREACH (address, addresses) {
		uint16_t port;

		if (r < 0)
			break;
		/* Plain HTTP: it must not leave this machine. */
		if (!str_after(*address, "127.") && !str_after(*address, "localhost:") &&
		    !str_after(*address, "[::1]:"))
			return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
			                "The page is served on loopback only, not on %s", *address);
		r = http_server_listen(c->web, *address, d, &port);
		if (r >= 0) {
			printf("http://%.*s:%u/?token=%s\n",
			       (int) (strrchr(*address, ':') - *address), *address, port,
			       c->web_token);
			fflush(stdout);
		}
	}
	return r;
}

int controller_new(struct loop *l, const struct controller_options *o, struct diag *d,
                   struct controller **ret)
{
	auto_cleanup(controller_free) struct controller *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = l;
	c->started = now(CLOCK_MONOTONIC);
	list_init(&c->streams);
	c->dir = strdup(o->dir);
	c->identities = map_new(MAP_STRING);
	c->machines = map_new(MAP_STRING);
	c->rollouts = map_new(MAP_STRING);
	if (!c->dir || !c->identities || !c->machines || !c->rollouts)
		return -ENOMEM;
	r = loop_add_time(l, CLOCK_MONOTONIC, USEC_INFINITY, 100 * USEC_PER_MSEC, "flush", on_flush,
	                  c, &c->flush_timer);
	if (r >= 0)
		r = open_all(c, o->names, d);
	if (r >= 0)
		r = load_all(c, d);
	if (r >= 0)
		r = listen_api(c, o->listen, d);
	if (r >= 0 && strv_length(o->web_listen) > 0)
		r = listen_web(c, o->web_listen, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

struct controller *controller_free(struct controller *c)
{
	struct identity *i;
	struct machine *m;
	struct rollout *r;

	if (!c)
		return NULL;
	http_server_free(c->api);
	http_server_free(c->web);
	if (c->store && c->machines && machines_flush_seen(c) < 0)
		log_warning("Cannot store when machines were seen");
	MAP_FOREACH (i, c->identities)
		free(i);
	MAP_FOREACH (m, c->machines)
		machine_free(m);
	MAP_FOREACH (r, c->rollouts)
		rollout_free(r);
	map_free(c->identities);
	map_free(c->machines);
	map_free(c->rollouts);
	source_free(c->flush_timer);
	source_free(c->rollout_timer);
	source_free(c->rollout_defer);
	source_free(c->stream_timer);
	SSL_CTX_free(c->tls);
	store_close(c->store);
	pki_close(c->pki);
	free(c->web_token);
	free(c->dir);
	free(c);
	return NULL;
}
