// SPDX-License-Identifier: Apache-2.0
/* The page and the API's description, embedded in the program when it is built. */
#include "api/controller.h"
#include "api/embedded.h"

#include <openssl/crypto.h>
#include <stdio.h>

/* clang-format off */
const struct asset assets[] = {
	{ "/",		"text/html; charset=utf-8",	   embedded_index_html, sizeof(embedded_index_html) },
	{ "/style.css", "text/css; charset=utf-8",	   embedded_style_css,	sizeof(embedded_style_css) },
	{ "/page.js",	"text/javascript; charset=utf-8",  embedded_page_js,	sizeof(embedded_page_js) },
};
/* clang-format on */
const size_t n_assets = ELEMENTSOF(assets);

/* "/?token=...": a right one becomes a cookie, and the address bar loses it. */
static bool log_in(struct call *c)
{
	auto_free char *token = http_query(c->request, "token");
	char cookie[160];

	if (!token)
		return false;
	if (strlen(token) != strlen(c->controller->web_token) ||
	    CRYPTO_memcmp(token, c->controller->web_token, strlen(token))) {
		http_problem(c->request, 403, "bad-token",
		             "This is not the token that was printed at the start");
		return true;
	}
	snprintf(cookie, sizeof(cookie), "fleet=%s; HttpOnly; SameSite=Strict; Path=/", token);
	http_add_header(c->request, "Set-Cookie", cookie);
	http_add_header(c->request, "Location", "/");
	http_respond(c->request, 303, NULL, NULL, 0);
	return true;
}

void web_serve(struct call *c)
{
	const struct asset *a = NULL;

	for (size_t i = 0; i < n_assets; i++)
		if (streq(assets[i].path, http_path(c->request)))
			a = &assets[i];
	if (!a)
		return http_problem(c->request, 404, "no-such-path",
		                    "There is nothing at this path");
	if (streq(a->path, "/") && log_in(c))
		return;
	http_add_header(
		c->request, "Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
		"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	http_add_header(c->request, "X-Content-Type-Options", "nosniff");
	http_add_header(c->request, "Referrer-Policy", "no-referrer");
	http_add_header(c->request, "Cache-Control", "no-cache");
	http_respond(c->request, 200, a->type, a->data, a->size);
}

void handle_openapi(struct call *c)
{
	http_respond(c->request, 200, "application/yaml", embedded_openapi_yaml,
	             sizeof(embedded_openapi_yaml));
}
