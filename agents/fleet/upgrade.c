// SPDX-License-Identifier: Apache-2.0
/*
 * An upgrade ordered by the controller: download (resumed where it stopped), hash, then the upgrade agent's Apply. The
 * upgrade restarts this agent, too; so the phase is on disk, and a new process asks the upgrade agent how it went.
 *
 *	new, download --bundle is here--> apply --Apply's last answer, or Status--> result
 */
#include "fleet/agent.h"

#include "base/fd.h"
#include "base/log.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLE_MAX      (256ULL << 20)
#define DOWNLOAD_TRIES  8
#define APPLY_TIMEOUT   (20 * USEC_PER_MINUTE)
#define STATUS_INTERVAL USEC_PER_SEC
#define STATUS_TRIES    900

struct upgrade {
	struct agent *agent;
	struct command *command;
	char *path, *part; /* the bundle, and while it is not whole */
	const char *sha256;
	uint64_t size, have;
	int fd;
	struct transfer *transfer;
	struct varlink_client *client;
	struct source *timer;
	unsigned tries;
	bool restart; /* a range was asked for: an answer with the whole begins anew */
	usec_t deadline;
};

static void upgrade_free(struct upgrade *u)
{
	if (!u)
		return;
	u->agent->upgrade = NULL;
	transfer_cancel(u->transfer);
	varlink_client_free(u->client);
	source_free(u->timer);
	fd_close(u->fd);
	free(u->path);
	free(u->part);
	free(u);
}

void upgrade_abandon(struct agent *a)
{
	upgrade_free(a->upgrade);
}

static void finish(struct upgrade *u, bool ok, const char *outcome, const char *message)
{
	struct agent *a = u->agent;
	struct command *c = u->command;
	cJSON *data = cJSON_CreateObject();

	if (data &&
	    (json_add_string(data, "outcome", outcome) < 0 ||
	     json_add_string(data, "version", json_string_or(c->args, "version", NULL)) < 0))
		data = json_free(data);
	upgrade_free(u);
	command_finish(a, c, ok, data, "%s", str_is_empty(message) ? outcome : message);
}

static bool file_name_is_plain(const char *name)
{
	return *name && *name != '.' && strlen(name) < 200 &&
	       strspn(name,
	              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+~_-") ==
	               strlen(name);
}

static int sha256_of(int fd, char ret[static 65])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t block[16384], hash[EVP_MAX_MD_SIZE];
	off_t at = 0;
	ssize_t n = 0;
	int r = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	while (r >= 0 && (n = pread(fd, block, sizeof(block), at)) > 0) {
		at += n;
		if (EVP_DigestUpdate(ctx, block, (size_t) n) != 1)
			r = -EIO;
	}
	if (r >= 0 && n < 0)
		r = -errno;
	if (r >= 0 && EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		r = -EIO;
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; r >= 0 && i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return r;
}

/* ---- the upgrade agent ---- */
static void status_ask(struct upgrade *u);
static void apply(struct upgrade *u);

static void again(struct upgrade *u, usec_t pause)
{
	(void) source_set_time(u->timer, now(CLOCK_MONOTONIC) + pause);
}

static void status_judge(struct upgrade *u, const cJSON *status)
{
	const char *phase = json_string_or(status, "phase", ""),
		   *running = json_string_or(status, "version", "");
	const char *target = json_string_or(status, "target", ""),
		   *reason = json_string_or(status, "reason", "");
	const char *wanted = json_string_or(u->command->args, "version", "");
	bool back = streq(u->command->kind, "rollback"),
	     over = streq(phase, "idle") || streq(phase, "committed") ||
	            streq(phase, "rolled-back") || streq(phase, "failed");

	if (!over)
		return again(u, STATUS_INTERVAL);
	if (back) {
		const char *from = json_string_or(u->command->args, "from", "");

		return *from && streq(running, from)
		               ? finish(u, false, "failed",
		                        *reason ? reason : "Still at the version to leave")
		               : finish(u, true, "rolled-back", running);
	}
	if (streq(running, wanted) && !streq(phase, "rolled-back") && !streq(phase, "failed"))
		return finish(u, true, "committed", NULL);
	if (streq(phase, "idle") && !*target)
		return finish(u, false, "failed",
		              "The upgrade agent knows nothing of this upgrade");
	finish(u, false, streq(phase, "rolled-back") ? "rolled-back" : "failed",
	       *reason ? reason : "The upgrade agent gives no reason");
}

static int on_status(struct varlink_client *client, const char *error, const cJSON *parameters,
                     bool continues, void *userdata)
{
	struct upgrade *u = userdata;

	(void) client;
	(void) continues;
	u->client = varlink_client_free(u->client);
	if (error)
		again(u, STATUS_INTERVAL);
	else
		status_judge(u, parameters);
	return 0;
}

static void status_ask(struct upgrade *u)
{
	int r;

	if (now(CLOCK_MONOTONIC) > u->deadline || ++u->tries > STATUS_TRIES)
		return finish(u, false, "failed", "The upgrade agent does not say how it went");
	r = varlink_connect_path(u->agent->loop, u->agent->config.upgrade, &u->client);
	if (r >= 0)
		r = varlink_send(u->client, "org.sysmaster.Upgrade.Status", NULL, 0, on_status, u);
	if (r < 0) {
		u->client = varlink_client_free(u->client);
		again(u, STATUS_INTERVAL);
	}
}

/* Lost in the middle means that it is going on without us. */
static int on_apply(struct varlink_client *client, const char *error, const cJSON *parameters,
                    bool continues, void *userdata)
{
	struct upgrade *u = userdata;
	const cJSON *progress = NULL;
	const char *outcome;

	(void) client;
	if (error && streq(error, "org.sysmaster.Error.Disconnected")) {
		u->client = varlink_client_free(u->client);
		again(u, STATUS_INTERVAL);
		return 0;
	}
	if (error) {
		const char *last = strrchr(error, '.');
		auto_free char *text =
			str_printf("%s: %s", last ? last + 1 : error,
		                   json_string_or(parameters, "message",
		                                  json_string_or(parameters, "reason", "")));

		finish(u, false, "refused", text);
		return 0;
	}
	if (json_get_object(parameters, "progress", &progress) >= 0)
		report_event_text(u->agent, "upgrade", "%s %s%s%s",
		                  json_string_or(progress, "step", ""),
		                  json_string_or(progress, "version", ""),
		                  json_string_or(progress, "message", NULL) ? ": " : "",
		                  json_string_or(progress, "message", ""));
	if (continues && !json_bool_or(parameters, "done", false))
		return 0;
	outcome = json_string_or(parameters, "outcome", "");
	finish(u,
	       streq(outcome, streq(u->command->kind, "rollback") ? "rolled-back" : "committed") ||
	               streq(outcome, "committed"),
	       outcome, json_string_or(parameters, "message", ""));
	return 0;
}

static void apply(struct upgrade *u)
{
	bool back = streq(u->command->kind, "rollback");
	cJSON *parameters = NULL;
	int r;

	/* On disk first: from here on it happens at most once. */
	r = command_mark(u->agent, u->command, "apply");
	if (r >= 0)
		r = varlink_connect_path(u->agent->loop, u->agent->config.upgrade, &u->client);
	parameters = r >= 0 ? cJSON_CreateObject() : NULL;
	if (r >= 0 &&
	    (!parameters || (!back && json_add_string(parameters, "bundle", u->path) < 0) ||
	     json_add_string(parameters, "reason",
	                     json_string_or(u->command->args, "reason", "ordered by the fleet")) <
	             0))
		r = -ENOMEM;
	if (r >= 0)
		r = varlink_send(u->client,
		                 back ? "org.sysmaster.Upgrade.Rollback"
		                      : "org.sysmaster.Upgrade.Apply",
		                 TAKE_PTR(parameters), VARLINK_MORE, on_apply, u);
	json_free(parameters);
	if (r < 0) {
		auto_free char *text =
			str_printf("The upgrade agent cannot be reached: %s", strerror(-r));

		finish(u, false, "failed", text);
	}
}

/* ---- download ---- */
static int write_signature(struct upgrade *u)
{
	auto_free char *path = str_printf("%s.minisig", u->path);
	const char *signature = json_string_or(u->command->args, "signature", "");

	return path ? file_write_atomic(path, signature, strlen(signature), 0644, true) : -ENOMEM;
}

/* 1 it is the right file, 0 it is not. */
static int is_right(struct upgrade *u, int fd)
{
	char sha256[65];
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t) st.st_size != u->size)
		return 0;
	r = sha256_of(fd, sha256);
	return r < 0 ? r : streq(sha256, u->sha256);
}

static void download(struct upgrade *u);

static void downloaded(struct upgrade *u)
{
	int r = is_right(u, u->fd);

	if (r == 0) {
		log_warning("The bundle's contents are not what the controller announced; getting "
		            "it anew");
		if (ftruncate(u->fd, 0) < 0)
			r = -errno;
		u->have = 0;
		if (r >= 0 && ++u->tries <= DOWNLOAD_TRIES)
			return again(u, backoff(u->tries));
		return finish(u, false, "failed",
		              "The bundle's contents are not what the controller announced");
	}
	if (r > 0 && (fsync(u->fd) < 0 || rename(u->part, u->path) < 0))
		r = -errno;
	if (r > 0)
		r = write_signature(u);
	if (r < 0) {
		auto_free char *text = str_printf("Cannot keep the bundle: %s", strerror(-r));

		return finish(u, false, "failed", text);
	}
	u->fd = fd_close(u->fd);
	u->tries = 0;
	apply(u);
}

static int on_piece(const void *data, size_t size, long status, void *userdata)
{
	struct upgrade *u = userdata;

	/* 200 in place of 206: the file has changed meanwhile, it comes whole. */
	if (status == 200 && u->restart) {
		u->restart = false;
		u->have = 0;
		if (ftruncate(u->fd, 0) < 0 || lseek(u->fd, 0, SEEK_SET) < 0)
			return -errno;
	}
	if (u->have + size > u->size)
		return -EFBIG;
	u->have += size;
	return fd_write_all(u->fd, data, size);
}

static void on_downloaded(struct transfer *t, int error, long status, const char *text, size_t size,
                          void *userdata)
{
	struct upgrade *u = userdata;

	(void) t;
	(void) size;
	u->transfer = NULL;
	if (error >= 0 && (status == 200 || status == 206) && u->have == u->size)
		return downloaded(u);
	if (error >= 0 && status == 404)
		return finish(u, false, "failed",
		              "The controller does not have the bundle any more");
	if (error >= 0 && status == 416) { /* what we have is longer than it should be */
		if (ftruncate(u->fd, 0) < 0)
			return finish(u, false, "failed", "Cannot write the bundle");
	}
	if (++u->tries > DOWNLOAD_TRIES)
		return finish(u, false, "failed",
		              error < 0 ? text : "The bundle could not be downloaded");
	log_info("The download stopped after %llu of %llu bytes; going on later",
	         (unsigned long long) u->have, (unsigned long long) u->size);
	again(u, backoff(u->tries));
}

static void download(struct upgrade *u)
{
	auto_free char *etag = str_printf("\"%s\"", u->sha256);
	struct transfer_request q = {.method = "GET",
	                             .path = json_string_or(u->command->args, "url", ""),
	                             .if_range = etag,
	                             .write = on_piece};
	struct stat st;
	int r;

	if (u->fd < 0)
		u->fd = open(u->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0600);
	if (u->fd < 0 || fstat(u->fd, &st) < 0)
		return finish(u, false, "failed", "The bundle's file cannot be made");
	u->have = (uint64_t) st.st_size;
	if (u->have == u->size)
		return downloaded(u);
	if (u->have > u->size) {
		if (ftruncate(u->fd, 0) < 0)
			return finish(u, false, "failed", "The bundle's file cannot be written");
		u->have = 0;
	}
	q.range_from = u->have;
	u->restart = u->have > 0;
	r = etag ? transfer_start(u->agent, &q, on_downloaded, u, &u->transfer) : -ENOMEM;
	if (r < 0)
		finish(u, false, "failed", strerror(-r));
}

static int on_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct upgrade *u = userdata;

	(void) s;
	(void) deadline;
	if (streq(u->command->phase, "apply"))
		status_ask(u);
	else
		download(u);
	return 0;
}

/* An earlier try may have left it whole. */
static bool is_here(struct upgrade *u)
{
	auto_fd int fd = open(u->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && is_right(u, fd) > 0 && write_signature(u) >= 0;
}

static const char *prepare(struct upgrade *u)
{
	const cJSON *args = u->command->args;
	const char *name = json_string_or(args, "name", ""), *url = json_string_or(args, "url", "");

	u->sha256 = json_string_or(args, "sha256", "");
	if (!file_name_is_plain(name) || !str_after(url, "/v1/bundles/") ||
	    strlen(u->sha256) != 64 || json_get_u64(args, "size", &u->size) < 0 ||
	    u->size > BUNDLE_MAX || !*json_string_or(args, "signature", ""))
		return "The order to upgrade is not complete";
	u->path = str_printf("%s/%s", u->agent->config.bundles_dir, name);
	u->part = str_printf("%s/.%s.part", u->agent->config.bundles_dir, name);
	if (!u->path || !u->part)
		return "Out of memory";
	return mkdir_p(u->agent->config.bundles_dir, 0700) < 0
	               ? "The directory for bundles cannot be made"
	               : NULL;
}

void upgrade_begin(struct agent *a, struct command *c)
{
	struct upgrade *u = calloc(1, sizeof(*u));
	bool begun = streq(c->phase, "apply"), back = streq(c->kind, "rollback");
	const char *wrong = NULL;
	int r;

	if (!u)
		return command_finish(a, c, false, NULL, "Out of memory");
	*u = (struct upgrade){.agent = a,
	                      .command = c,
	                      .fd = -EBADF,
	                      .deadline = now(CLOCK_MONOTONIC) + APPLY_TIMEOUT};
	a->upgrade = u;
	r = loop_add_time(a->loop, CLOCK_MONOTONIC, USEC_INFINITY, 10 * USEC_PER_MSEC, "upgrade",
	                  on_timer, u, &u->timer);
	if (r < 0)
		return finish(u, false, "failed", strerror(-r));
	if (!back)
		wrong = prepare(u);
	if (wrong)
		return finish(u, false, "refused", wrong);
	if (begun)
		return status_ask(u); /* this process was started by the upgrade that it ordered */
	if (back || is_here(u))
		return apply(u);
	if (command_mark(a, c, "download") < 0)
		return finish(u, false, "failed", "The agent's state cannot be written");
	report_event_text(a, "upgrade", "Downloading %s", json_string_or(c->args, "version", ""));
	download(u);
}
