// SPDX-License-Identifier: Apache-2.0
/* From a row of a platform to its instance. */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#define MAX_WAIT      (120 * USEC_PER_SEC)
#define TRY_TIMEOUT   (10 * USEC_PER_SEC)
#define TRIES         4
#define PAUSE         (USEC_PER_SEC / 2)
#define PAUSE_MAX     (4 * USEC_PER_SEC)
#define PROBE_PAUSE   USEC_PER_SEC
#define HEADERS_MAX   12
#define SCOPE         "%25IF"
#define BLOB_USER     (1u << WEB_USER_DATA | 1u << WEB_USER_DATA64)
#define IS_BLOB(form) (BLOB_USER >> (form) &1 || (form) == WEB_VENDOR_DATA)

void web_done(struct web *w)
{
	free(w->base);
	free(w->token);
	cJSON_Delete(w->crawl);
	instance_free(w->i);
	*w = (struct web){0};
}

int web_init(struct web *w, const struct source_context *c, const struct web_source *s)
{
	usec_t at = c->http->now(c->http->userdata),
	       own = at + (s->max_wait ? s->max_wait : MAX_WAIT);
	int r;

	*w = (struct web){.c = c, .s = s, .crawl = cJSON_CreateObject()};
	w->deadline = c->deadline && c->deadline < own ? c->deadline : own;
	if (!w->crawl)
		return -ENOMEM;
	r = instance_new(s->name, s->name, &w->i);
	if (r < 0)
		return r;
	return s->platform ? str_set(&w->i->platform, s->platform) : 0;
}

/* ---- requests ---- */

static void add_headers(struct http_header *to, size_t *n, const struct http_header *from)
{
	for (; from && from->name && *n < HEADERS_MAX; from++)
		to[(*n)++] = *from;
}

static int perform(struct web *w, const char *url, const struct web_request *rq,
                   const struct http_retry *retry, struct http_response *ret)
{
	const struct web_token *t = w->s->token;
	struct http_header headers[HEADERS_MAX + 2];
	struct http_request h = {.url = url, .headers = headers, .deadline = w->deadline};
	size_t n = 0;

	add_headers(headers, &n, w->s->headers);
	add_headers(headers, &n, rq->extra);
	if (w->token) {
		headers[n++] = (struct http_header){t->header, w->token};
		if (t->alternate)
			headers[n++] = (struct http_header){t->alternate, w->token};
	}
	h.method = rq->method;
	h.body = rq->body;
	h.body_size = rq->body ? strlen(rq->body) : 0;
	h.n_headers = n;
	h.unix_socket = w->s->unix_socket;
	h.try_timeout = w->s->try_timeout ? w->s->try_timeout : TRY_TIMEOUT;
	h.local_port_max = rq->local_port_max;
	return http_fetch(w->c->http, &h, retry, ret);
}

static int take_token(struct web *w, const struct http_response *r)
{
	const struct web_token *t = w->s->token;
	const char *body = r->body.data ? r->body.data : "";
	auto_json cJSON *answer = NULL;
	auto_free char *text = NULL, *value = NULL;

	/* What is wrong with the answer is not said: it holds a secret. */
	if (t->value && json_parse(body, r->body.size, t->path, NULL, &answer) < 0)
		answer = NULL;
	text = t->value ? web_text(web_find(answer, t->value)) : strdup(body);
	if (!text)
		return t->value ? diag_add(w->c->d, -EBADMSG, DIAG_ERROR, t->path, 0,
		                           "there is no token in the answer")
		                : -ENOMEM;
	value = str_printf("%s%s", t->prefix ? t->prefix : "", str_strip(text));
	return value ? str_set(&w->token, value) : -ENOMEM;
}

static int token_request(struct web *w, char *const *bases, const struct http_retry *retry,
                         struct http_response *ret)
{
	const struct web_token *t = w->s->token;
	struct http_header headers[HEADERS_MAX + 1];
	struct http_request h = {.headers = headers, .deadline = w->deadline};
	auto_strv char **urls = NULL;
	size_t n = 0;

	add_headers(headers, &n, w->s->headers);
	headers[n++] = (struct http_header){t->ttl_header, t->ttl};
	h.method = t->method ? t->method : "PUT";
	h.n_headers = n;
	h.body = t->body;
	h.body_size = t->body ? strlen(t->body) : 0;
	h.try_timeout = w->s->try_timeout ? w->s->try_timeout : TRY_TIMEOUT;
	STRV_FOREACH (b, bases)
		if (strv_append_consume(&urls, path_join(*b, t->path)) < 0)
			return -ENOMEM;
	return http_fetch_first(w->c->http, &h, urls, retry, ret);
}

static int renew_token(struct web *w)
{
	char *bases[] = {w->base, NULL};
	struct http_retry retry = {.tries = 2, .pause = PAUSE};
	struct http_response a = {0};
	int r = token_request(w, bases, &retry, &a);

	if (r >= 0)
		r = take_token(w, &a);
	http_response_done(&a);
	return r;
}

int web_request(struct web *w, const struct web_request *rq, struct blob *ret)
{
	struct http_retry own = {
		.tries = w->s->tries ? w->s->tries : TRIES, .pause = PAUSE, .pause_max = PAUSE_MAX};
	const struct http_retry *retry = rq->retry ? rq->retry : &own;
	struct http_response a = {0};
	auto_free char *url =
		strstr(rq->path, "://") ? strdup(rq->path) : path_join(w->base, rq->path);
	int r = url ? perform(w, url, rq, retry, &a) : -ENOMEM;

	/* 401 in the middle: the token is too old. */
	if (r == -EACCES && a.status == 401 && w->token && renew_token(w) >= 0)
		r = perform(w, url, rq, retry, &a);
	if (r >= 0) {
		blob_done(ret);
		*ret = a.body;
		a.body = (struct blob){0};
		r = 0;
	}
	http_response_done(&a);
	return r;
}

int web_get(struct web *w, const char *path, struct blob *ret)
{
	struct web_request rq = {.path = path};

	return web_request(w, &rq, ret);
}

/* ---- where the service is ---- */

static int add_base(const struct web *w, const char *base, char ***to)
{
	const char *scope = strstr(base, SCOPE);
	int r = 0;

	if (!scope)
		return strv_append(to, base);
	for (size_t i = 0; i < w->c->n_nics && r >= 0; i++)
		if (w->c->nics[i].is_up)
			r = strv_append_consume(to, str_printf("%.*s%%25%s%s", (int) (scope - base),
			                                       base, w->c->nics[i].name,
			                                       scope + strlen(SCOPE)));
	return r;
}

static int configured_bases(const struct web *w, char ***to)
{
	const cJSON *v = w->s->config_key
	                         ? cJSON_GetObjectItemCaseSensitive(w->c->config, w->s->config_key)
	                         : NULL,
		    *it;
	int r = 0;

	if (cJSON_IsString(v))
		return strv_append(to, v->valuestring);
	cJSON_ArrayForEach(it, v)
	{
		if (cJSON_IsString(it) && r >= 0)
			r = strv_append(to, it->valuestring);
	}
	return r;
}

static int bases_of(const struct web *w, char ***ret)
{
	int r = configured_bases(w, ret);
	bool is_configured = *ret;

	for (size_t i = 0; r >= 0 && !is_configured && w->s->bases[i]; i++)
		r = add_base(w, w->s->bases[i], ret);
	STRV_FOREACH (b, *ret) {
		size_t n = strlen(*b);

		if (n && (*b)[n - 1] == '/')
			(*b)[n - 1] = '\0';
	}
	return r < 0 ? r : *ret ? 0 : -ENOENT;
}

static int probe_request(struct web *w, char *const *bases, const char *probe,
                         const struct http_retry *retry, struct http_response *ret)
{
	struct http_header headers[HEADERS_MAX];
	struct http_request h = {.headers = headers, .deadline = w->deadline};
	auto_strv char **urls = NULL;
	size_t n = 0;

	add_headers(headers, &n, w->s->headers);
	h.n_headers = n;
	h.unix_socket = w->s->unix_socket;
	h.try_timeout = w->s->try_timeout ? w->s->try_timeout : TRY_TIMEOUT;
	STRV_FOREACH (b, bases)
		if (strv_append_consume(&urls, path_join(*b, probe)) < 0)
			return -ENOMEM;
	return http_fetch_first(w->c->http, &h, urls, retry, ret);
}

/* A service that is just starting says 404 for a while, and 5xx; a refusal is final. */
static bool probe_again(int error, unsigned status)
{
	return http_is_transient(error, status) || status == 404;
}

static int reach(struct web *w, char *const *bases, const char *probe, struct http_response *ret)
{
	struct http_retry retry = {.pause = PROBE_PAUSE, .pause_max = PAUSE_MAX};
	const struct web_token *t = w->s->token;
	int r;

	if (!t) {
		retry.again = probe_again;
		return probe_request(w, bases, probe, &retry, ret);
	}
	r = token_request(w, bases, &retry, ret);
	if (r >= 0) {
		int e = take_token(w, ret);

		return e < 0 ? e : r;
	}
	/* "Not found" and "not allowed" come from a service without tokens. */
	if (t->is_optional && (ret->status == 404 || ret->status == 405))
		return probe_request(w, bases, probe, &retry, ret);
	return r;
}

int web_reach(struct web *w, const char *probe, struct blob *ret)
{
	struct http_response a = {0};
	auto_strv char **bases = NULL;
	int r = bases_of(w, &bases);

	if (r < 0)
		return r;
	r = reach(w, bases, probe, &a);
	if (r >= 0 && str_set(&w->base, bases[r]) < 0)
		r = -ENOMEM;
	if (r >= 0 && str_set(&w->i->origin, w->base) < 0)
		r = -ENOMEM;
	if (r >= 0 && !w->token && ret) {
		*ret = a.body;
		a.body = (struct blob){0};
	}
	http_response_done(&a);
	return r == -ENOMEM ? r : r < 0 ? -ENOENT : 0;
}

/* ---- leaves ---- */

static int keep_document(struct web *w, const struct web_leaf *l, const struct blob *b)
{
	cJSON *v = NULL;
	int r = 0;

	if (l->form == WEB_TEXT)
		v = cJSON_CreateString(b->data ? b->data : "");
	else if (l->form == WEB_JSON)
		r = json_parse(b->data ? b->data : "", b->size, l->path, w->c->d, &v);
	else
		r = yaml_parse(b->data ? b->data : "", b->size, l->path, w->c->d, &v);
	if (r < 0)
		return l->is_required ? -EBADMSG : 0;
	return json_add_take(w->crawl, l->key, v);
}

static int keep_leaf(struct web *w, const struct web_leaf *l, struct blob *b)
{
	struct blob *to = l->form == WEB_VENDOR_DATA ? &w->i->vendor_data : &w->i->user_data;

	if (!IS_BLOB(l->form))
		return keep_document(w, l, b);
	blob_done(to);
	*to = *b;
	*b = (struct blob){0};
	return l->form == WEB_USER_DATA64 ? blob_maybe_base64(to) : 0;
}

static int read_leaf(struct web *w, const struct web_leaf *l)
{
	struct web_request rq = {.path = l->path, .local_port_max = l->local_port_max};
	auto_blob struct blob b = {0};
	cJSON *tree = NULL;
	int r = l->form == WEB_TREE ? web_tree(w, l->path, &tree) : web_request(w, &rq, &b);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && !l->is_required) {
		if (r != -ENOENT)
			diag_add(w->c->d, r, DIAG_WARNING, w->base, 0, "%s: %s", l->path,
			         strerror(-r));
		return 0;
	}
	if (r < 0)
		return diag_add(w->c->d, -EBADMSG, DIAG_ERROR, w->base, 0, "%s: %s", l->path,
		                strerror(-r));
	return tree ? json_add_take(w->crawl, l->key, tree) : keep_leaf(w, l, &b);
}

int web_crawl(struct web *w)
{
	for (const struct web_leaf *l = w->s->leaves; l && l->path; l++) {
		int r = !IS_BLOB(l->form) && cJSON_HasObjectItem(w->crawl, l->key)
		                ? 0
		                : read_leaf(w, l);

		if (r < 0)
			return r;
	}
	return 0;
}

int web_read(const struct source_context *c, const struct web_source *s, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	auto_blob struct blob first = {0};
	int r = web_init(&w, c, s);

	if (r >= 0)
		r = web_reach(&w, s->probe ? s->probe : s->leaves->path, &first);
	/* A probe that is the first leaf need not be asked for again. */
	if (r >= 0 && !w.token && !s->probe && s->leaves->form != WEB_TREE)
		r = keep_leaf(&w, s->leaves, &first);
	if (r >= 0)
		r = web_crawl(&w);
	if (r >= 0)
		r = web_map_apply(s->map, w.crawl, w.base, w.i->meta_data, c->d);
	if (r >= 0 && s->finish)
		r = s->finish(&w);
	if (r >= 0)
		r = instance_take_id(w.i, c->d);
	if (r < 0)
		return r;
	if (!w.i->raw)
		w.i->raw = TAKE_PTR(w.crawl);
	*ret = TAKE_PTR(w.i);
	return 0;
}
