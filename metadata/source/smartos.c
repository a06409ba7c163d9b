// SPDX-License-Identifier: Apache-2.0
/* SmartOS: keys over a serial line (in a zone: a socket), in frames with length and checksum. */
#include "metadata/network/network.h"
#include "metadata/source/serial.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <zlib.h>

#define SERIAL_DEVICE  "/dev/ttyS1"
#define ZONE_SOCKET    "/native/.zonecontrol/metadata.sock"
#define ANSWER_TIMEOUT (10 * USEC_PER_SEC)
#define TOTAL_TIMEOUT  (60 * USEC_PER_SEC)
#define GREETINGS      3

/* key of the meta-data, key of the platform, whether blanks at its ends go, whether it is JSON */
static const struct {
	const char *to, *from;
	bool strip, json;
} keys[] = {
	{"instance-id", "sdc:uuid", true, false},
	{"local-hostname", "hostname", true, false},
	{"public-keys", "root_authorized_keys", true, false},
	{"user-script", "user-script", false, false},
	{"legacy-user-data", "user-data", false, false},
	{"user-data", "cloud-init:user-data", false, false},
	{"iptables_disable", "iptables_disable", true, false},
	{"motd_sys_info", "motd_sys_info", true, false},
	{"availability_zone", "sdc:datacenter_name", true, false},
	{"vendor-data", "sdc:vendor-data", false, false},
	{"operator-script", "sdc:operator-script", false, false},
	{"hostname", "sdc:hostname", true, false},
	{"dns_domain", "sdc:dns_domain", true, false},
	{"network-data", "sdc:nics", false, true},
	{"dns_servers", "sdc:resolvers", false, true},
	{"routes", "sdc:routes", false, true},
};

struct client {
	int fd;
	usec_t deadline;
	char **encoded; /* keys that a user has put in as base64 */
	bool all_encoded;
};

/* ---- frames ---- */

int smartos_request(const char *id, const char *command, const char *key, char **ret)
{
	auto_free char *encoded = NULL, *body = NULL;
	int r = key ? base64_encode(key, strlen(key), &encoded) : 0;

	if (r < 0)
		return r;
	body = key ? str_printf("%s %s %s", id, command, encoded)
	           : str_printf("%s %s", id, command);
	if (!body)
		return -ENOMEM;
	*ret = str_printf("V2 %zu %08lx %s\n", strlen(body),
	                  crc32(0, (const Bytef *) body, (uInt) strlen(body)), body);
	return *ret ? 0 : -ENOMEM;
}

int smartos_response_parse(const char *line, const char *id, struct blob *ret)
{
	char crc_text[9], *end;
	const char *body = str_after(line, "V2 "), *rest;
	unsigned long size, crc;

	if (!body)
		return -EBADMSG;
	size = strtoul(body, &end, 10);
	if (end == body || *end != ' ' || strlen(end) < 10 || end[9] != ' ')
		return -EBADMSG;
	memcpy(crc_text, end + 1, 8);
	crc_text[8] = '\0';
	body = end + 10;
	crc = strtoul(crc_text, &end, 16);
	if (*end || strlen(body) != size || crc32(0, (const Bytef *) body, (uInt) size) != crc)
		return -EBADMSG;
	rest = str_after(body, id);
	if (!rest || *rest != ' ')
		return -EBADMSG;
	if (streq(rest + 1, "NOTFOUND"))
		return -ENOENT;
	rest = str_after(rest + 1, "SUCCESS");
	if (!rest)
		return -EBADMSG;
	return *rest == ' ' ? base64_decode(rest + 1, strlen(rest + 1), ret) : blob_set(ret, "", 0);
}

/* ---- the conversation ---- */

static usec_t answer_deadline(const struct client *c)
{
	return MIN(c->deadline, now(CLOCK_BOOTTIME) + ANSWER_TIMEOUT);
}

static int ask(struct client *c, const char *command, const char *key, struct blob *ret)
{
	auto_free char *frame = NULL;
	auto_blob struct blob line = {0};
	uint32_t x = 0;
	char id[9];
	int r;

	(void) !getrandom(&x, sizeof(x), GRND_NONBLOCK);
	snprintf(id, sizeof(id), "%08x", x);
	r = smartos_request(id, command, key, &frame);
	if (r >= 0)
		r = serial_write(c->fd, frame, answer_deadline(c));
	if (r >= 0)
		r = serial_read_until(c->fd, '\n', answer_deadline(c), &line);
	return r < 0 ? r : smartos_response_parse(line.data, id, ret);
}

static int greet(struct client *c)
{
	int r = -ETIMEDOUT;

	for (int i = 0; i < GREETINGS && c->deadline > now(CLOCK_BOOTTIME); i++) {
		auto_blob struct blob line = {0};

		serial_drain(c->fd);
		r = serial_write(c->fd, "NEGOTIATE V2\n", answer_deadline(c));
		if (r >= 0)
			r = serial_read_until(c->fd, '\n', answer_deadline(c), &line);
		if (r >= 0 && streq(str_strip(line.data), "V2_OK"))
			return 0;
		if (r >= 0)
			r = -EPROTO;
	}
	return r;
}

static bool is_true(struct client *c, const char *key)
{
	auto_blob struct blob b = {0};

	if (ask(c, "GET", key, &b) < 0 || !b.data)
		return false;
	return str_to_bool(str_strip(b.data)) > 0;
}

/* Before the frames carried base64 themselves, users encoded what the line could not carry, and said so
 * in other keys. */
static void read_encoded(struct client *c)
{
	auto_blob struct blob list = {0}, named = {0};
	auto_strv char **names = NULL;

	if (ask(c, "KEYS", NULL, &list) < 0 || !list.data ||
	    strv_split(list.data, "\n", &names) < 0)
		return;
	if (strv_contains(names, "base64_all") && is_true(c, "base64_all")) {
		c->all_encoded = true;
		return;
	}
	if (strv_contains(names, "base64_keys") && ask(c, "GET", "base64_keys", &named) >= 0 &&
	    named.data)
		(void) strv_split(named.data, ", \n", &c->encoded);
	STRV_FOREACH (n, names) {
		const char *key = str_after(*n, "b64-");

		if (!key)
			continue;
		if (is_true(c, *n))
			(void) strv_append_unique(&c->encoded, key);
		else if (c->encoded)
			strv_remove(c->encoded, key);
	}
}

static bool is_encoded(const struct client *c, const char *key)
{
	static const char *const never[] = {"root_authorized_keys", "motd_sys_info",
	                                    "iptables_disable"};

	for (size_t i = 0; i < ELEMENTSOF(never); i++)
		if (streq(key, never[i]))
			return false;
	return str_after(key, "sdc:") == NULL &&
	       (c->all_encoded || (c->encoded && strv_contains(c->encoded, key)));
}

static int get_key(struct client *c, size_t k, cJSON *to, struct diag *d)
{
	auto_blob struct blob b = {0};
	cJSON *v = NULL;
	int r = ask(c, "GET", keys[k].from, &b);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return diag_add(d, r == -ENOMEM ? r : -EBADMSG, DIAG_ERROR, "SmartOS", 0, "%s: %s",
		                keys[k].from, strerror(-r));
	if (is_encoded(c, keys[k].from) && blob_maybe_base64(&b) < 0)
		return -ENOMEM;
	if (!keys[k].json)
		v = cJSON_CreateString(keys[k].strip ? str_strip(b.data) : b.data);
	else if (json_parse(b.data, b.size, keys[k].from, d, &v) < 0)
		return 0; /* a finding tells it */
	return json_add_take(to, keys[k].to, v);
}

static int read_keys(struct client *c, cJSON *to, struct diag *d)
{
	int r = greet(c);

	if (r < 0)
		return diag_add(d, -ENOENT, DIAG_ERROR, "SmartOS", 0,
		                "the host does not answer: %s", strerror(-r));
	read_encoded(c);
	for (size_t k = 0; k < ELEMENTSOF(keys) && r >= 0; k++)
		r = get_key(c, k, to, d);
	return r;
}

/* ---- what it means ---- */

static int set_scripts(struct instance *i)
{
	const char *script = json_string_or(i->meta_data, "user-script", NULL);
	int r = blob_set_json(&i->user_data, web_find(i->meta_data, "user-data"));

	if (r >= 0)
		r = blob_set_json(&i->vendor_data, web_find(i->meta_data, "vendor-data"));
	/* Without vendor data the script of the machine's owner is what the platform wants to run. */
	if (r >= 0 && !i->vendor_data.size && !str_is_empty(script)) {
		auto_free char *text =
			str_printf("%s%s", str_after(script, "#!") ? "" : "#!/bin/bash\n", script);

		r = text ? blob_set(&i->vendor_data, text, strlen(text)) : -ENOMEM;
	}
	return r;
}

static int fill(struct instance *i, struct diag *d)
{
	const char *host = json_string_or(i->meta_data, "hostname",
	                                  json_string_or(i->meta_data, "instance-id", NULL));
	const cJSON *nics = web_find(i->meta_data, "network-data");
	auto_json cJSON *dns = cJSON_CreateObject();
	int r = set_scripts(i);

	if (str_is_empty(json_string_or(i->meta_data, "local-hostname", NULL)) && host) {
		cJSON_DeleteItemFromObjectCaseSensitive(i->meta_data, "local-hostname");
		json_add_string(i->meta_data, "local-hostname", host);
	}
	for (const char *const *k = (const char *const[]){"dns_servers", "dns_domain", NULL}; *k;
	     k++)
		if (web_find(i->meta_data, *k))
			json_add_take(dns, *k, cJSON_Duplicate(web_find(i->meta_data, *k), true));
	if (r >= 0 && cJSON_IsArray(nics))
		(void) network_from_smartos(nics, dns, web_find(i->meta_data, "routes"),
		                            &i->network);
	return r < 0 ? r : instance_take_id(i, d);
}

int smartos_read(int fd, usec_t deadline, struct diag *d, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	struct client c = {.fd = fd, .deadline = deadline};
	int r = instance_new("SmartOS", "SmartOS", &i);

	if (r >= 0)
		r = str_set(&i->platform, "joyent");
	if (r >= 0)
		r = read_keys(&c, i->meta_data, d);
	strv_free(c.encoded);
	if (r >= 0)
		r = fill(i, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

static int connect_zone(int *ret_fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = ZONE_SOCKET};
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int source_smartos(const struct source_context *c, struct instance **ret)
{
	usec_t own = now(CLOCK_BOOTTIME) + TOTAL_TIMEOUT;
	auto_fd int fd = -EBADF;
	int r = tree_stat(&c->machine->root, ZONE_SOCKET) == 's' ? connect_zone(&fd)
	                                                         : serial_open(SERIAL_DEVICE, &fd);

	if (r < 0)
		return r == -ENOENT ? r
		                    : diag_add(c->d, -ENOENT, DIAG_ERROR, "SmartOS", 0, "%s",
		                               strerror(-r));
	return smartos_read(fd, c->deadline && c->deadline < own ? c->deadline : own, c->d, ret);
}
