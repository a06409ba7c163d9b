// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "base/clock.h"
#include "base/conf.h"

#include <curl/curl.h>
#include <stdio.h>

#define ANSWER_MAX      (64U << 20)
#define DEFAULT_URL     "https://127.0.0.1:7443"
#define CONNECT_TIMEOUT 10L
#define REQUEST_TIMEOUT 60L
#define LINE_MAX_SIZE   (1U << 20)

struct client {
	CURL *curl;
	char *url, *certificate, *ca;
	char error[CURL_ERROR_SIZE];
};

/* The order: option, environment, file, what `serve` made in its directory. */
static int configure(struct client *c, const struct options *o)
{
	auto_free char *file_url = NULL, *file_certificate = NULL, *file_ca = NULL, *path = NULL;
	const struct conf_item items[] = {
		{"Fleetctl", "Url", conf_parse_string, &file_url},
		{"Fleetctl", "Certificate", conf_parse_string, &file_certificate},
		{"Fleetctl", "CA", conf_parse_string, &file_ca},
	};
	const char *home = getenv("HOME"), *env_url = getenv("FLEETCTL_URL"),
		   *env_dir = getenv("FLEETCTL_DIR");
	const char *dir = o->dir ? o->dir : env_dir;
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	int r;

	path = str_printf("%s/.config/sysmaster/fleetctl.conf", home ? home : "");
	if (!path)
		return -ENOMEM;
	r = conf_read(path, items, ELEMENTSOF(items), &d);
	if (r < 0 && r != -ENOENT)
		complain(EXIT_USAGE, "%s", diag_first(&d, first, sizeof(first)));
	c->url = strdup(o->url ? o->url : env_url ? env_url : file_url ? file_url : DEFAULT_URL);
	c->certificate = o->certificate     ? strdup(o->certificate)
	                 : dir              ? str_printf("%s/pki/admin.pem", dir)
	                 : file_certificate ? strdup(file_certificate)
	                                    : NULL;
	c->ca = o->ca     ? strdup(o->ca)
	        : dir     ? str_printf("%s/pki/ca.pem", dir)
	        : file_ca ? strdup(file_ca)
	                  : NULL;
	if (!c->certificate || !c->ca) {
		complain(EXIT_USAGE,
		         "Whose certificate? Set FLEETCTL_DIR to the directory of `fleetctl "
		         "serve`, give --cert and --ca, "
		         "or write %s",
		         path);
		return -EINVAL;
	}
	return c->url ? 0 : -ENOMEM;
}

int client_open(const struct options *o, struct client **ret)
{
	auto_cleanup(client_close) struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = configure(c, o);
	if (r < 0)
		return r;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->curl = curl_easy_init())) {
		complain(EXIT_FAILED, "libcurl cannot be set up");
		return -ENOMEM;
	}
	*ret = TAKE_PTR(c);
	return 0;
}

struct client *client_close(struct client *c)
{
	if (!c)
		return NULL;
	curl_easy_cleanup(c->curl);
	free(c->url);
	free(c->certificate);
	free(c->ca);
	free(c);
	return NULL;
}

char *client_path(struct client *c, const char *prefix, const char *name, const char *suffix)
{
	char *escaped = curl_easy_escape(c->curl, name, 0), *path;

	if (!escaped)
		return NULL;
	path = str_printf("%s%s%s", prefix, escaped, suffix);
	curl_free(escaped);
	return path;
}

static size_t collect(char *data, size_t size, size_t n, void *userdata)
{
	struct strbuf *b = userdata;

	strbuf_add(b, data, size * n);
	return b->error ? 0 : size * n;
}

static int prepare(struct client *c, const char *method, const char *path)
{
	auto_free char *url = str_printf("%s%s", c->url, path);
	CURL *h = c->curl;

	if (!url)
		return -ENOMEM;
	curl_easy_reset(h);
	if (curl_easy_setopt(h, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_SSLCERT, c->certificate) != CURLE_OK ||
	    curl_easy_setopt(h, CURLOPT_CAINFO, c->ca) != CURLE_OK)
		return -ENOMEM;
	curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
	curl_easy_setopt(h, CURLOPT_TIMEOUT, REQUEST_TIMEOUT);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	c->error[0] = 0;
	return 0;
}

/* Turns transport's and server's errors into words and an exit code. */
static int judge(struct client *c, CURLcode code, const char *text, size_t size, cJSON **ret)
{
	cJSON *o = NULL;
	long status = 0;

	if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CACERT_BADFILE)
		return complain(EXIT_REFUSED, "%s: %s", c->url,
		                *c->error ? c->error : curl_easy_strerror(code));
	if (code != CURLE_OK)
		return complain(EXIT_UNREACHABLE, "%s: %s", c->url,
		                *c->error ? c->error : curl_easy_strerror(code));
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (size > 0 && json_parse(text, size, "answer", NULL, &o) < 0)
		return complain(EXIT_FAILED, "%s gave an answer that is not JSON (status %ld)",
		                c->url, status);
	if (status >= 400) {
		complain(EXIT_FAILED, "%s",
		         json_string_or(o, "detail", "The controller refused without a reason"));
		json_free(o);
		return status == 401 || status == 403 ? EXIT_REFUSED
		       : status == 404                ? EXIT_NOT_FOUND
		                                      : EXIT_FAILED;
	}
	if (ret)
		*ret = o;
	else
		json_free(o);
	return EXIT_OK;
}

int client_call(struct client *c, const char *method, const char *path, cJSON *body, cJSON **ret)
{
	__attribute__((cleanup(strbuf_done))) struct strbuf answer = {.max = ANSWER_MAX};
	struct curl_slist *headers = NULL;
	auto_free char *text = NULL;
	CURLcode code;
	int r;

	if (ret)
		*ret = NULL;
	if (body) {
		text = json_print(body, false);
		json_free(body);
		if (!text)
			return complain(EXIT_FAILED, "Out of memory");
		headers = curl_slist_append(NULL, "Content-Type: application/json");
	}
	if (prepare(c, method, path) < 0)
		return complain(EXIT_FAILED, "Out of memory");
	if (text) {
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
		curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	}
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &answer);
	code = curl_easy_perform(c->curl);
	r = judge(c, code, answer.data, answer.size, ret);
	curl_slist_free_all(headers);
	return r;
}

int client_upload(struct client *c, const char *path, const char *file, const char *header,
                  cJSON **ret)
{
	__attribute__((cleanup(strbuf_done))) struct strbuf answer = {.max = ANSWER_MAX};
	struct curl_slist *headers = NULL, *more;
	FILE *f = fopen(file, "re");
	CURLcode code;
	long size;
	int r;

	if (!f)
		return complain(EXIT_FAILED, "Cannot open \"%s\": %s", file, strerror(errno));
	if (fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) < 0 ||
	    prepare(c, "POST", path) < 0) {
		fclose(f);
		return complain(EXIT_FAILED, "Cannot read \"%s\"", file);
	}
	headers = curl_slist_append(NULL, header);
	more = headers ? curl_slist_append(headers, "Content-Type: application/octet-stream")
	               : NULL;
	if (more)
		headers = more;
	curl_easy_setopt(c->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c->curl, CURLOPT_READDATA, f);
	curl_easy_setopt(c->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t) size);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 3600L);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &answer);
	code = curl_easy_perform(c->curl);
	r = judge(c, code, answer.data, answer.size, ret);
	curl_slist_free_all(headers);
	fclose(f);
	return r;
}

struct streaming {
	struct strbuf line;
	int (*fn)(const cJSON *event, void *userdata);
	void *userdata;
	int result;
};

static void stream_line(struct streaming *s, const char *line)
{
	const char *data = str_after(line, "data: ");
	auto_json cJSON *o = NULL;

	if (data && json_parse(data, strlen(data), "event", NULL, &o) >= 0)
		s->result = s->fn(o, s->userdata);
}

static size_t on_stream(char *data, size_t size, size_t n, void *userdata)
{
	struct streaming *s = userdata;

	for (size_t i = 0; i < size * n && s->result == 0; i++) {
		if (data[i] != '\n') {
			strbuf_add(&s->line, &data[i], 1);
			continue;
		}
		if (s->line.size > 0)
			stream_line(s, s->line.data);
		strbuf_consume(&s->line, s->line.size);
	}
	return s->result != 0 || s->line.error ? 0 : size * n;
}

int client_stream(struct client *c, const char *path, int (*fn)(const cJSON *event, void *userdata),
                  void *userdata)
{
	struct streaming s = {.line = {.max = LINE_MAX_SIZE}, .fn = fn, .userdata = userdata};
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/event-stream");
	CURLcode code;
	long status = 0;

	if (!headers || prepare(c, "GET", path) < 0) {
		curl_slist_free_all(headers);
		return complain(EXIT_FAILED, "Out of memory");
	}
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 0L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_stream);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &s);
	code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	strbuf_done(&s.line);
	if (s.result != 0)
		return s.result > 0 ? s.result : EXIT_OK;
	if (status >= 400)
		return complain(status == 404 ? EXIT_NOT_FOUND : EXIT_REFUSED,
		                "The controller refused (status %ld)", status);
	return complain(EXIT_UNREACHABLE, "%s: %s", c->url,
	                *c->error          ? c->error
	                : code == CURLE_OK ? "The stream has ended"
	                                   : curl_easy_strerror(code));
}
