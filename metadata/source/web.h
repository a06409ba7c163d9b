// SPDX-License-Identifier: Apache-2.0
/*
 * web - what datasources over HTTP have in common.
 *
 * A platform is a row (struct web_source): where its service may be, which headers and token it
 * wants, which documents (leaves) are read in which form, and which of their values become which
 * key of the instance's meta-data. What a row cannot say is a function at its end (finish): how its
 * network description is converted, where its keys are. So a new platform is a page.
 *
 *   bases ─ race ─▶ the first that answers ─ token ─▶ leaves ─▶ crawl (JSON) ─ map ─▶ instance ─ finish
 *
 * The deadline is the caller's or the row's max_wait, whichever is earlier; every request has the
 * row's try_timeout. A token that is refused in the middle of a crawl is asked for again, once a
 * request.
 */
#pragma once

#include "metadata/source/source.h"

struct web_token {
	const char *method;           /* NULL: PUT */
	const char *path;             /* below the base */
	const char *ttl_header, *ttl; /* or any other that the request for a token needs */
	const char *body;             /* of that request; or NULL */
	const char *
		value; /* the answer is JSON, and the token is at this path in it; NULL: it is all of the answer */
	const char *prefix;    /* of the header's value, before the token; or NULL */
	const char *header;    /* that carries the token afterwards */
	bool is_optional;      /* the service may do without: 404 and 405 are no refusal */
	const char *alternate; /* a second name of the header that carries it; or NULL */
};

enum web_form {
	WEB_TEXT,
	WEB_JSON,
	WEB_YAML,
	WEB_TREE,        /* EC2's way: a listing of names, one a line; "x/" goes deeper */
	WEB_USER_DATA,   /* the instance's, as it comes */
	WEB_USER_DATA64, /* the instance's, as it comes or in base64 */
	WEB_VENDOR_DATA,
	WEB_FORM_MAX
};

struct web_leaf {
	const char *path; /* appended to the base as it is */
	const char *key;  /* its name in the crawl; NULL for user and vendor data */
	enum web_form form;
	bool is_required;
	unsigned local_port_max;
};

/* One key of the meta-data. @from is a path in the crawl ("metadata.instance-id"). */
struct web_map {
	const char *to, *from;
	enum { WEB_AS_IS, WEB_AS_TEXT, WEB_LAST_PATH_PART } how;
	bool is_required;
};

struct web;
struct web_source {
	const char *name, *platform;
	/* In order of preference. "%25IF" stands for the scope of each interface that is up. */
	const char *const *bases;
	const char *
		config_key; /* of the datasource's configuration, that replaces the bases; or NULL */
	const struct http_header *headers; /* ends with a NULL name */
	const struct web_token *token;
	const struct web_leaf *leaves; /* ends with a NULL path */
	const char *probe;         /* what is asked for to see who answers; NULL: the first leaf */
	const struct web_map *map; /* ends with a NULL name; to "*": all keys of the object @from */
	const char *unix_socket;   /* the service is behind it, not on the network */
	usec_t max_wait, try_timeout; /* 0: 120 s, 10 s */
	unsigned tries;               /* of a leaf once the service answers; 0: 4 */
	/* 0, or -EBADMSG after a finding. The meta-data is filled from the map already. */
	int (*finish)(struct web *w);
};

extern const struct web_source web_akamai, web_aliyun, web_cloudcix, web_cloudstack,
	web_digitalocean, web_exoscale, web_hetzner, web_nwcs, web_scaleway, web_upcloud, web_vultr;

struct web {
	const struct source_context *c;
	const struct web_source *s;
	char *base, *token; /* token NULL: none */
	usec_t deadline;
	cJSON *crawl;
	struct instance *i;
};
void web_done(struct web *w);

/* Prepares @w; ask web_reach() and web_crawl() next, or all of it with web_read(). */
int web_init(struct web *w, const struct source_context *c, const struct web_source *s);
/* Finds the base that answers and gets the token. -ENOENT: none does, or it is refused. */
int web_reach(struct web *w, const char *probe, struct blob *ret);
int web_crawl(struct web *w);
/**
 * web_read - everything of a row
 * Returns 0; -ENOENT when the service does not answer, -EBADMSG when what it says cannot be used.
 */
int web_read(const struct source_context *c, const struct web_source *s, struct instance **ret);

struct web_request {
	const char *path;   /* below the base; or a whole URL with "://" */
	const char *method; /* NULL: GET */
	const char *body;
	const struct http_header *extra; /* ends with a NULL name; or NULL */
	const struct http_retry *retry;  /* NULL: the row's */
	unsigned local_port_max;
};
/* As http_fetch(), with the row's headers and token. */
int web_request(struct web *w, const struct web_request *rq, struct blob *ret);
int web_get(struct web *w, const char *path, struct blob *ret);
/* EC2's tree below @path (which ends with a slash). */
int web_tree(struct web *w, const char *path, cJSON **ret);

/* ---- for finish functions; all pure ---- */

/* "a.b.c" in @v; NULL if there is none. A key with a dot is not reached. */
const cJSON *web_find(const cJSON *v, const char *path);
/* @v as text: numbers without a fraction, booleans as True and False; NULL if it has no such form. */
char *web_text(const cJSON *v);
/* mac (lower case) -> name of the interfaces that are plugged in. */
cJSON *nics_by_mac(const struct nic *nics, size_t n);
/* Sets blob @b from a JSON string; other values leave it. */
int blob_set_json(struct blob *b, const cJSON *v);
/* @b decoded when it is base64 through and through, else left. */
int blob_maybe_base64(struct blob *b);
/* Takes the instance's id from its meta-data, and checks that it can name a folder. */
int instance_take_id(struct instance *i, struct diag *d);
/* Applies @map to @crawl. -EBADMSG when a required value is missing. */
int web_map_apply(const struct web_map *map, const cJSON *crawl, const char *origin,
                  cJSON *meta_data, struct diag *d);
/* What one leaf of a tree holds: "" , JSON if it is an object, a list of lines, or text. */
cJSON *web_tree_leaf(const char *text, size_t size);
/* Names of a listing: object of name -> path below it; those that end in a slash are folders. */
int web_tree_listing(const char *text, size_t size, cJSON **ret);
