// SPDX-License-Identifier: Apache-2.0
/* phone_home, final_message, power_state: what is said and done when all the rest is. */
#include "metadata/modules/modules.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define CONDITION_TIMEOUT (300 * USEC_PER_SEC)
#define SHUTDOWN_TIMEOUT  (60 * USEC_PER_SEC)
#define PHONE_TRIES       10
#define PHONE_PAUSE       (3 * USEC_PER_SEC)
#define PHONE_TIMEOUT     (10 * USEC_PER_SEC)

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* ---- phone_home ---- */

static void add_encoded(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (isalnum((unsigned char) *s) || strchr("-_.~", *s))
			strbuf_add(b, s, 1);
		else
			strbuf_printf(b, "%%%02X", (unsigned char) *s);
	}
}

static char *host_key(const struct context *c, const char *kind)
{
	auto_free char *name = str_printf("etc/ssh/ssh_host_%s_key.pub", kind),
		       *path = name ? root_path(c, name) : NULL;
	char *text = NULL;

	return path && file_read(path, &text, NULL) >= 0 ? text : NULL;
}

/* One thing that a caller may be told; NULL: it is not there. */
static char *phone_value(const struct context *c, const char *name)
{
	const char *kind = str_after(name, "pub_key_");
	char *text = NULL;

	if (kind)
		return strchr(kind, '/') ? NULL : host_key(c, kind);
	if (streq(name, "instance_id"))
		return strdup(c->instance->id);
	if (streq(name, "hostname") || streq(name, "fqdn"))
		(void) context_names(c, streq(name, "hostname") ? &text : NULL,
		                     streq(name, "fqdn") ? &text : NULL);
	return text;
}

static bool posts(const cJSON *post, const char *name)
{
	const cJSON *it;

	if (!post || (cJSON_IsString(post) && streq(post->valuestring, "all")))
		return true;
	cJSON_ArrayForEach(it, post) if (cJSON_IsString(it) &&
	                                 streq(it->valuestring, name)) return true;
	return false;
}

int phone_home_body(const struct context *c, const cJSON *post, char **ret)
{
	static const char *const all[] = {"pub_key_rsa", "pub_key_ecdsa", "pub_key_ed25519",
	                                  "instance_id", "hostname",      "fqdn"};
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	strbuf_puts(&b, "");
	for (size_t i = 0; i < ELEMENTSOF(all); i++) {
		auto_free char *value = NULL;

		if (!posts(post, all[i]))
			continue;
		value = phone_value(c, all[i]);
		strbuf_printf(&b, "%s%s=", b.size ? "&" : "", all[i]);
		add_encoded(&b, value ? value : "N/A");
	}
	return strbuf_take(&b, ret);
}

static int instance_in_url(const char *url, const char *id, char **ret)
{
	const char *at = strstr(url, "$INSTANCE_ID");

	*ret = at ? str_printf("%.*s%s%s", (int) (at - url), url, id, at + strlen("$INSTANCE_ID"))
	          : strdup(url);
	return *ret ? 0 : -ENOMEM;
}

int module_phone_home(struct context *c)
{
	static const struct http_header headers[] = {
		{"Content-Type", "application/x-www-form-urlencoded"}};
	const cJSON *v = get(c->config, "phone_home"), *tries = get(v, "tries");
	const char *url = json_string_or(v, "url", NULL);
	auto_free char *body = NULL, *to = NULL, *text = tries ? scalar_text(tries) : NULL;
	struct http_retry retry = {
		.tries = PHONE_TRIES, .pause = PHONE_PAUSE, .pause_max = PHONE_PAUSE};
	struct http_response answer = {0};
	struct http_request rq;
	uint32_t n;
	int r;

	if (!v)
		return 0;
	if (!url)
		return diag_add(c->d, -EINVAL, DIAG_ERROR, "phone_home", 0, "\"url\" is missing");
	if (!c->http)
		return diag_add(c->d, -EOPNOTSUPP, DIAG_ERROR, "phone_home", 0,
		                "there is no network in this stage");
	/* Whoever is called may come by that key: it is waited for, or made here. */
	if (posts(get(v, "post"), "pub_key_rsa"))
		(void) module_ssh_slow_host_keys(c);
	r = phone_home_body(c, get(v, "post"), &body);
	if (r >= 0)
		r = instance_in_url(url, c->instance->id, &to);
	if (r < 0)
		return r;
	if (text && str_to_u32(text, &n) >= 0 && n > 0)
		retry.tries = MIN(n, 100U);
	rq = (struct http_request){.method = "POST",
	                           .url = to,
	                           .headers = headers,
	                           .n_headers = ELEMENTSOF(headers),
	                           .body = body,
	                           .body_size = strlen(body),
	                           .try_timeout = PHONE_TIMEOUT};
	r = http_fetch(c->http, &rq, &retry, &answer);
	http_response_done(&answer);
	return r < 0 ? diag_add(c->d, r, DIAG_ERROR, "phone_home", 0, "nobody took the call: %s",
	                        strerror(-r))
	             : 0;
}

/* ---- final_message ---- */

static int expand(const char *text, const struct context *c, char **ret)
{
	struct timespec up, wall;
	char stamp[64], uptime[32];
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	struct tm tm;

	clock_gettime(CLOCK_BOOTTIME, &up);
	clock_gettime(CLOCK_REALTIME, &wall);
	gmtime_r(&wall.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	snprintf(uptime, sizeof(uptime), "%lld.%02ld", (long long) up.tv_sec,
	         up.tv_nsec / 10000000);
	const struct {
		const char *name, *value;
	} words[] = {{"UPTIME", uptime},
	             {"TIMESTAMP", stamp},
	             {"VERSION", SYSMASTER_VERSION},
	             {"DATASOURCE", c->instance->datasource ? c->instance->datasource : "None"}};

	strbuf_puts(&b, "");
	while (*text) {
		bool found = false;

		for (size_t i = 0; i < ELEMENTSOF(words) && *text == '$' && !found; i++) {
			for (int upper = 0; upper < 2 && !found; upper++) {
				size_t n = strlen(words[i].name);

				if (upper ? strncmp(text + 1, words[i].name, n)
				          : strncasecmp(text + 1, words[i].name, n))
					continue;
				strbuf_puts(&b, words[i].value);
				text += 1 + n;
				found = true;
			}
		}
		if (!found)
			strbuf_add(&b, text++, 1);
	}
	return strbuf_take(&b, ret);
}

int module_final_message(struct context *c)
{
	const char *own = json_string_or(c->config, "final_message", "");
	auto_free char *text = NULL;
	int r;

	if (*own && str_after(own, "## template: jinja")) {
		auto_json cJSON *data = cJSON_CreateObject();
		auto_blob struct blob out = {0};

		r = -ENOMEM;
		if (data) {
			static const char *const names[] = {"uptime", "timestamp", "version",
			                                    "datasource"};

			for (size_t i = 0; i < ELEMENTSOF(names); i++) {
				auto_free char *word = str_printf("$%s", names[i]), *value = NULL;

				if (word && expand(word, c, &value) >= 0)
					(void) json_add_string(data, names[i], value);
			}
			r = jinja_render(own, strlen(own), data, "final_message", c->d, &out);
		}
		if (r < 0)
			return r;
		text = TAKE_PTR(out.data);
	} else {
		r = expand(*own ? own
		                : "Instance metadata of $DATASOURCE was applied by sysmaster "
		                  "$VERSION; "
		                  "up for $UPTIME s",
		           c, &text);
		if (r < 0)
			return r;
	}
	log_info("%s", text);
	return 0;
}

/* ---- power_state ---- */

/* true, false, or a command that says so by its status. */
static int condition_holds(struct context *c, const cJSON *condition)
{
	auto_strv char **argv = NULL;
	const cJSON *it;
	int r = 0;

	if (cJSON_IsBool(condition))
		return cJSON_IsTrue(condition);
	if (cJSON_IsString(condition)) {
		r = str_to_bool(condition->valuestring);
		if (r >= 0)
			return r;
		r = strv_split("/bin/sh -c", " ", &argv);
		if (r >= 0)
			r = strv_append(&argv, condition->valuestring);
	}
	cJSON_ArrayForEach(it, condition) if (r >= 0)
	{
		auto_free char *word = scalar_text(it);

		r = word ? strv_append(&argv, word) : -EINVAL;
	}
	if (r < 0 || !argv)
		return -EINVAL;
	/* A status other than 0 is an answer and no failure. */
	r = module_status(c, CONDITION_TIMEOUT, (const char *const *) argv);
	return r < 0 ? r : r == 0;
}

int module_power_state(struct context *c)
{
	auto_json cJSON *parsed = NULL;
	auto_strv char **argv = NULL;
	int r = power_state_parse(c->config, c->d, &parsed);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = condition_holds(c, get(parsed, "condition"));
	if (r < 0)
		return diag_add(c->d, r, DIAG_ERROR, "power_state", 0,
		                "the condition cannot be found out: %s", strerror(-r));
	if (r == 0)
		return 0;
	r = json_get_strv(parsed, "argv", &argv);
	return r < 0 ? r
	             : module_command(c, "power_state", SHUTDOWN_TIMEOUT,
	                              (const char *const *) argv);
}
