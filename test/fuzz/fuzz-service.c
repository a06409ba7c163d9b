// SPDX-License-Identifier: Apache-2.0
/*
 * A metadata service that means no good, before every source that asks one. The first byte chooses the source; the rest are answers
 * between bytes 1, given in turn and from the start again. A first letter of an answer below 'A' that stands before ':' is its status.
 */
#include "metadata/source/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 4000

struct service {
	char **answers;
	size_t n, next, asked;
	usec_t clock;
};

static int answer(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	static const unsigned statuses[] = {200, 201, 204, 301, 400, 401,
	                                    403, 404, 410, 429, 500, 503};
	struct service *s = userdata;
	const char *text = s->n ? s->answers[s->next++ % s->n] : "";
	unsigned status = 200;

	/* Nobody is asked without an address, and a header cannot end its line. */
	if (!rq->url || !*rq->url)
		abort();
	for (size_t i = 0; i < rq->n_headers; i++)
		if (rq->headers[i].value && strpbrk(rq->headers[i].value, "\r\n"))
			return -EINVAL; /* as the carrier does */
	s->clock += USEC_PER_SEC / 10;
	if (++s->asked > REQUESTS_MAX)
		abort();
	if (text[0] && text[0] < 'A' && text[1] == ':') {
		unsigned k = (unsigned char) text[0] % (ELEMENTSOF(statuses) + 1);

		if (k == ELEMENTSOF(statuses)) {
			s->clock += 5 * USEC_PER_SEC;
			return -ETIMEDOUT;
		}
		status = statuses[k];
		text += 2;
	}
	ret->status = status;
	return blob_set(&ret->body, text, strlen(text));
}

static usec_t service_now(void *userdata)
{
	struct service *s = userdata;

	return s->clock;
}

static void sleep_until(void *userdata, usec_t when)
{
	struct service *s = userdata;

	s->clock = MAX(s->clock, when);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nic nics[] = {{"eth0", "02:00:00:00:00:01", "virtio_net", true}};
	auto_json cJSON *files = cJSON_CreateObject(), *config = cJSON_CreateObject();
	auto_blob struct blob b = {0};
	auto_strv char **answers = NULL;
	struct machine m = {
		.dmi = {[DMI_PRODUCT_SERIAL] = (char *) "1", [DMI_SYS_VENDOR] = (char *) "v"}};
	struct service service = {.clock = 1000 * USEC_PER_SEC};
	struct http http = {answer, NULL, service_now, sleep_until, &service};
	struct instance *i = NULL;
	struct diag d = {0};
	struct source_context c = {
		.machine = &m, .config = config, .http = &http, .nics = nics, .n_nics = 1, .d = &d};

	if (!size || blob_set(&b, data + 1, size - 1) < 0 ||
	    strv_split(b.data, "\x01", &answers) < 0)
		return 0;
	json_add_string(config, "seedfrom", "http://10.0.0.1/seed/");
	json_add_string(config, "metadata_url", "http://10.0.0.1/");
	m.root = tree_of_json(files);
	service.answers = answers;
	service.n = strv_length(answers);
	c.deadline = service.clock + 120 * USEC_PER_SEC;
	if (source_read_network(&sources[data[0] % n_sources], &c, &i) >= 0) {
		if (!i || !i->id)
			abort();
		instance_free(i);
	}
	return 0;
}
