// SPDX-License-Identifier: Apache-2.0
/* What datasources ask and whom they believe: tokens, identities. The carrier is a player of answers. */
#include "check.h"

#include "metadata/source/web.h"

/* ---- a service with a token, as Firecracker's MMDS version 2 and Amazon's ---- */

static struct {
	const char *token;      /* what is accepted now; NULL: none is wanted */
	const char *next_token; /* that a PUT gives; NULL: 403 */
	const char *header;
	const char *prefix; /* of the header's value */
	const char *before; /* the token in a JSON answer to a PUT; NULL: it is the answer */
	const char *body;   /* that a PUT has to have; NULL: any */
	unsigned puts, gets, refused;
	unsigned expire_after; /* GETs until the token is too old; 0: never */
} service;

static const struct {
	const char *path, *body;
} documents[] = {
	{"/seed/meta-data", "instance-id: i-1\n"},
	{"/seed/user-data", "#cloud-config\n"},
	{"/2021-03-23/meta-data/instance-id", "i-2"},
	{"/2021-03-23/meta-data/", "instance-id\nhostname\n"},
	{"/2021-03-23/meta-data/hostname", "h"},
	{"/metadata/v1/instance?version=2022-03-01",
         "{\"id\": \"0717_eb1b7391\", \"name\": \"vpc-host\", \"zone\": {\"name\": "
         "\"us-south-1\"}, \"profile\": {\"name\": \"bx2-2x8\"}}"},
	{"/metadata/v1/instance/initialization?version=2022-03-01",
         "{\"keys\": [{\"name\": \"k\"}], \"user_data\": \"#cloud-config\\n\"}"},
	{"/metadata/v1/keys?version=2022-03-01",
         "{\"keys\": [{\"name\": \"k\", \"public_key\": \"ssh-rsa AAA\"}, {\"public_key\": "
         "\"ssh-ed25519 BBB\"}]}"},
	{"/hetzner/v1/metadata", "instance-id: 42\nhostname: h\n"},
};

static const char *header_of(const struct http_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (!strcasecmp(rq->headers[i].name, name))
			return rq->headers[i].value;
	return NULL;
}

static int answer(struct http_response *ret, unsigned status, const char *body)
{
	ret->status = status;
	return blob_set(&ret->body, body, strlen(body));
}

static int perform(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	const char *path = strchr(strstr(rq->url, "://") + 3, '/'), *value;

	char text[64];

	(void) userdata;
	if (rq->method && streq(rq->method, "PUT")) {
		service.puts++;
		if (!service.next_token)
			return answer(ret, 403, "");
		if (service.body && !streq_ptr(rq->body, service.body))
			return answer(ret, 400, "");
		service.token = service.next_token;
		snprintf(text, sizeof(text), "%s%s%s", service.before ? service.before : "",
		         service.next_token, service.before ? "\"}" : "");
		return answer(ret, 200, text);
	}
	service.gets++;
	if (service.expire_after && service.gets > service.expire_after) {
		service.expire_after = 0;
		service.token = "another";
		service.next_token = "another";
	}
	value = header_of(rq, service.header);
	if (service.prefix)
		value = value ? str_after(value, service.prefix) : NULL;
	if (service.token && !streq_ptr(value, service.token)) {
		service.refused++;
		return answer(ret, 401, "");
	}
	for (size_t i = 0; i < ELEMENTSOF(documents); i++)
		if (streq_ptr(path, documents[i].path))
			return answer(ret, 200, documents[i].body);
	return answer(ret, 404, "");
}

static usec_t time_now = USEC_PER_SEC;

static usec_t play_now(void *userdata)
{
	(void) userdata;
	return time_now;
}

static void play_sleep(void *userdata, usec_t when)
{
	(void) userdata;
	time_now = when;
}

static const struct http player = {perform, NULL, play_now, play_sleep, NULL};

static void begin(const char *header)
{
	memset(&service, 0, sizeof(service));
	service.header = header;
}

TEST(nocloud_url__speaks_to_mmds_of_both_versions)
{
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d};
	struct instance *i = NULL;

	begin("X-metadata-token");
	CHECK_INT(source_nocloud_url(&c, "http://169.254.169.254/seed/", &i), ==, 0);
	CHECK_STR(i->id, "i-1");
	CHECK_INT(service.puts, ==, 0);
	i = instance_free(i);
	begin("X-metadata-token");
	service.token = service.next_token = "secret";
	CHECK_INT(source_nocloud_url(&c, "http://169.254.169.254/seed/", &i), ==, 0);
	CHECK_STR(i->user_data.data, "#cloud-config\n");
	CHECK_INT(service.puts, ==, 1);
	CHECK_INT(service.refused, ==, 1);
	instance_free(i);
}

/* A server that is not link-local is asked for no token: it would be told a header for nothing. */
TEST(nocloud_url__asks_no_stranger_for_a_token)
{
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d};
	struct instance *i = NULL;

	begin("X-metadata-token");
	service.token = service.next_token = "secret";
	CHECK_INT(source_nocloud_url(&c, "http://192.0.2.1/seed/", &i), <, 0);
	CHECK_INT(service.puts, ==, 0);
	CHECK_INT(source_nocloud_url(&c, "file:///etc/shadow", &i), ==, -EOPNOTSUPP);
}

static struct machine aws(void)
{
	struct machine m = {0};

	m.dmi[DMI_PRODUCT_UUID] = (char *) (uintptr_t) "ec2f7d1a-0000-0000-0000-000000000000";
	return m;
}

TEST(ec2__a_refused_token_is_the_end)
{
	struct machine m = aws();
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d, .machine = &m};
	struct instance *i = NULL;

	begin("X-aws-ec2-metadata-token");
	CHECK_INT(source_ec2(&c, &i), ==, -ENOENT);
	CHECK_INT(service.gets, ==, 0);
}

TEST(ec2__a_token_that_grew_old_is_renewed)
{
	struct machine m = aws();
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d, .machine = &m};
	struct instance *i = NULL;

	begin("X-aws-ec2-metadata-token");
	service.token = service.next_token = "first";
	service.expire_after = 2;
	CHECK_INT(source_ec2(&c, &i), ==, 0);
	CHECK_STR(i->id, "i-2");
	CHECK_INT(service.refused, ==, 1);
	CHECK_INT(service.puts, ==, 2);
	instance_free(i);
}

static void begin_ibmcloud(void)
{
	begin("Authorization");
	service.prefix = "Bearer ";
	service.token = service.next_token = "secret";
	service.before = "{\"expires_in\": 3600, \"access_token\": \"";
	service.body = "{\"expires_in\": 3600}";
}

TEST(ibmcloud__a_vpcs_service_is_read_with_its_token)
{
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d};
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_strv char **keys = NULL;

	begin_ibmcloud();
	CHECK_INT(source_ibmcloud(&c, &i), ==, 0);
	CHECK_STR(i->id, "0717_eb1b7391");
	CHECK_STR(i->platform, "ibmcloud");
	CHECK_STR(json_string_or(i->meta_data, "local-hostname", ""), "vpc-host");
	CHECK_STR(json_string_or(i->meta_data, "region", ""), "us-south");
	CHECK_STR(i->user_data.data, "#cloud-config\n");
	CHECK_INT(instance_public_keys(i, &keys), ==, 0);
	CHECK_INT(strv_length(keys), ==, 2);
	CHECK_STR(keys[0], "ssh-rsa AAA");
	CHECK_INT(service.puts, ==, 1);
	CHECK_INT(service.refused, ==, 0);
}

TEST(ibmcloud__a_token_that_grew_old_is_renewed)
{
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d};
	auto_cleanup(instance_free) struct instance *i = NULL;

	begin_ibmcloud();
	service.expire_after = 1;
	CHECK_INT(source_ibmcloud(&c, &i), ==, 0);
	CHECK_INT(service.puts, ==, 2);
}

TEST(ibmcloud__an_answer_without_a_token_is_the_end)
{
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d};
	struct instance *i = NULL;

	begin_ibmcloud();
	service.before = "{\"token\": \"";
	CHECK_INT(source_ibmcloud(&c, &i), ==, -ENOENT);
	CHECK_INT(service.gets, ==, 0);
	CHECK(!strstr(d.items[0].text, "secret"));
}

TEST(ibmcloud__classic_machines_are_not_asked)
{
	struct machine m = {.virt = (char *) (uintptr_t) "xen"};
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d, .machine = &m};
	struct instance *i = NULL;

	begin_ibmcloud();
	CHECK_INT(source_ibmcloud(&c, &i), ==, -ENOENT);
	CHECK_INT(service.puts, ==, 0);
}

TEST(hetzner__an_answer_counts_if_it_knows_the_machine)
{
	struct machine m = {0};
	struct diag d = {0};
	struct source_context c = {.http = &player, .d = &d, .machine = &m};
	struct instance *i = NULL;

	begin("");
	m.dmi[DMI_PRODUCT_SERIAL] = (char *) (uintptr_t) "41";
	CHECK_INT(source_read_network(source_find("Hetzner"), &c, &i), ==, -EBADMSG);
	m.dmi[DMI_PRODUCT_SERIAL] = (char *) (uintptr_t) "42";
	CHECK_INT(source_read_network(source_find("Hetzner"), &c, &i), ==, 0);
	CHECK_STR(i->id, "42");
	instance_free(i);
}

TEST(sources__without_a_network_nobody_is_asked)
{
	struct diag d = {0};
	struct source_context c = {.d = &d};
	struct instance *i = NULL;

	for (size_t k = 0; k < n_sources; k++)
		CHECK_INT(source_read_network(&sources[k], &c, &i), ==, -ENOENT);
}

TEST(sources__table_is_sorted_and_whole)
{
	for (size_t k = 0; k < n_sources; k++) {
		CHECK(k == 0 || strcmp(sources[k - 1].name, sources[k].name) < 0);
		CHECK(sources[k].from_media || sources[k].from_network || sources[k].web);
		CHECK(!(sources[k].needs & SOURCE_MEDIA) || sources[k].from_media ||
		      sources[k].seeds);
	}
}

TEST(maas__signs_as_rfc_5849_says)
{
	auto_json cJSON *config =
		cJSON_Parse("{\"consumer_key\": \"ck\", \"consumer_secret\": \"a&b\", "
	                    "\"token_key\": \"tk\", \"token_secret\": \"c d\"}");
	auto_free char *h = NULL;

	CHECK_INT(oauth_plaintext_header(config, 1700000000, 1, &h), ==, 0);
	CHECK(strstr(h, "oauth_signature=\"a%2526b%26c%2520d\"") != NULL);
	CHECK(strstr(h, "oauth_timestamp=\"1700000000\"") != NULL);
	CHECK(strstr(h, "oauth_consumer_key=\"ck\"") != NULL);
}
