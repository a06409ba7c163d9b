// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/azure.h"

#include <stdio.h>
#include <sys/random.h>

#define IMDS        "http://169.254.169.254/metadata"
#define TRY_TIMEOUT (30 * USEC_PER_SEC)

static int request_id(char ret[37])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t) sizeof(b))
		return -EAGAIN;
	snprintf(ret, 37, "%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x",
	         b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11],
	         b[12], b[13], b[14], b[15]);
	return 0;
}

static bool is_worth_a_try(int error, unsigned status)
{
	if (error < 0)
		return http_is_transient(error, 0);
	return status == 404 || status == 410 || status == 429 || status == 500;
}

/* One try; the error of the connection, or 0 with a status. */
static int ask(const struct source_context *c, const char *url, struct http_response *ret)
{
	char id[37];
	struct http_header headers[] = {{"Metadata", "true"}, {"x-ms-client-request-id", id}};
	struct http_request rq = {.url = url,
	                          .headers = headers,
	                          .n_headers = ELEMENTSOF(headers),
	                          .try_timeout = TRY_TIMEOUT,
	                          .deadline = c->deadline};
	int r = request_id(id);

	http_response_done(ret);
	return r < 0 ? r : c->http->perform(c->http->userdata, &rq, ret);
}

/* Tries begin a second apart by the clock, so that slow answers do not make them fewer; each up to a
 * twentieth late, which does not add up. */
static usec_t begin_of_try(usec_t began, unsigned k)
{
	uint16_t x = 0;

	(void) !getrandom(&x, sizeof(x), GRND_NONBLOCK);
	return began + k * USEC_PER_SEC + (k ? USEC_PER_SEC / 20 * x / 65536 : 0);
}

static int fetch(const struct source_context *c, const char *url, const struct azure_imds *o,
                 struct http_response *ret)
{
	const struct http *h = c->http;
	unsigned refused = o->connection_errors_max;
	usec_t began = h->now(h->userdata);
	int r = -ETIMEDOUT;

	for (unsigned k = 0; k <= o->seconds; k++) {
		usec_t at = begin_of_try(began, k);

		if (c->deadline && at >= c->deadline)
			break;
		if (at > h->now(h->userdata))
			h->sleep_until(h->userdata, at);
		r = ask(c, url, ret);
		if (r >= 0 && ret->status >= 200 && ret->status <= 299)
			return 0;
		if (!is_worth_a_try(r, ret->status))
			break;
		if (r < 0 && r != -ETIMEDOUT && refused && !--refused)
			break;
	}
	return r < 0 ? r : -EREMOTEIO;
}

int azure_imds_fetch(const struct source_context *c, const struct azure_imds *o, cJSON **ret)
{
	struct http_response a = {0};
	int r = fetch(c, IMDS "/instance?api-version=2021-08-01&extended=true", o, &a);

	/* An older host does not know that version. */
	if (r < 0 && a.status == 400)
		r = fetch(c, IMDS "/instance?api-version=2019-06-01", o, &a);
	if (r >= 0) {
		r = json_parse(a.body.data, a.body.size, "IMDS", c->d, ret);
		if (r < 0 && r != -ENOMEM)
			r = -EBADMSG;
	}
	http_response_done(&a);
	return r;
}

int azure_reprovision_fetch(const struct source_context *c, const struct azure_imds *o,
                            struct blob *ret)
{
	struct http_response a = {0};
	int r = fetch(c, IMDS "/reprovisiondata?api-version=2019-06-01", o, &a);

	if (r >= 0) {
		*ret = a.body;
		a.body = (struct blob){0};
	}
	http_response_done(&a);
	return r;
}
