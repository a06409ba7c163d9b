// SPDX-License-Identifier: Apache-2.0
/* Documents that user data includes by URL: fetched once a boot, and kept for the final stage. */
#include "metadata/boot/boot.h"
#include "metadata/boot/includes.h"

#define TRY_TIMEOUT (20 * USEC_PER_SEC)

/* A name for a URL that no other has by chance; what is kept is ours alone (FNV-1a). */
static char *kept_path(const struct includes *i, const char *url)
{
	uint64_t h = 0xcbf29ce484222325;

	for (const char *p = url; *p; p++)
		h = (h ^ (unsigned char) *p) * 0x100000001b3;
	return str_printf("%s/include-%016llx", i->state, (unsigned long long) h);
}

static int fetch(struct includes *i, const char *url, struct blob *ret)
{
	static const struct http_retry patience = {
		.tries = 4, .pause = USEC_PER_SEC, .pause_max = 4 * USEC_PER_SEC};
	struct http_request rq = {.url = url,
	                          .redirects_max = 3,
	                          .try_timeout = TRY_TIMEOUT,
	                          .deadline = i->deadline};
	struct http_response a = {0};
	int r = http_fetch(i->http, &rq, &patience, &a);

	if (r >= 0) {
		*ret = a.body;
		a.body = (struct blob){0};
	}
	http_response_done(&a);
	return r < 0 ? r : 0;
}

static int include_fetch(void *userdata, const char *url, bool once, struct blob *ret)
{
	struct includes *i = userdata;
	auto_free char *path = kept_path(i, url);
	int r;

	if (!path)
		return -ENOMEM;
	if ((once || i->use_kept) && file_read(path, &ret->data, &ret->size) >= 0)
		return 0;
	if (!str_after(url, "http://") && !str_after(url, "https://"))
		return -EOPNOTSUPP;
	if (!i->http) {
		i->is_missing = true;
		return -EAGAIN;
	}
	r = fetch(i, url, ret);
	if (r < 0)
		return r;
	r = file_write_atomic(path, ret->data ? ret->data : "", ret->size, 0600, false);
	if (r < 0)
		diag_add(i->d, r, DIAG_WARNING, path, 0,
		         "an included document cannot be kept for the final stage: %s",
		         strerror(-r));
	return 0;
}

struct include include_of(struct includes *i)
{
	return (struct include){include_fetch, i};
}
