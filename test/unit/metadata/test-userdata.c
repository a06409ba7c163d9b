// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "metadata/detect/detect.h"
#include "metadata/modules/modules.h"
#include "metadata/userdata/userdata.h"

/* The value as compact JSON, or the error. */
static char *yaml(const char *text)
{
	auto_json cJSON *j = NULL;
	struct diag d = {0};
	char first[512];
	int r = yaml_parse(text, strlen(text), "t", &d, &j);

	return r < 0 ? str_printf("%d %s", r, diag_first(&d, first, sizeof(first)))
	             : json_print(j, false);
}

#define CHECK_YAML(text, json)                                                                     \
	do {                                                                                       \
		auto_free char *check_got = yaml(text);                                            \
		CHECK_STR(check_got, json);                                                        \
	} while (0)

TEST(yaml__scalars_have_the_types_of_yaml_1_1)
{
	CHECK_YAML("[yes, No, on, OFF, true, ~, null, '']",
	           "[true,false,true,false,true,null,null,\"\"]");
	CHECK_YAML("[0644, 0x1f, 0o17, 1_000, -3, 1.5, '0644']",
	           "[420,31,15,1000,-3,1.5,\"0644\"]");
	CHECK_YAML("[1.2.3.4, 12:30:45, v1, 1e, 08x]",
	           "[\"1.2.3.4\",\"12:30:45\",\"v1\",\"1e\",\"08x\"]");
}

TEST(yaml__maps_lists_blocks_and_aliases)
{
	CHECK_YAML("a: |\n  x\n  y\nb: &k [1, 2]\nc: *k\n",
	           "{\"a\":\"x\\ny\\n\",\"b\":[1,2],\"c\":[1,2]}");
	CHECK_YAML("a: 1\na: 2\n", "{\"a\":2}");
	CHECK_YAML("", "null");
}

TEST(yaml__what_is_wrong_is_told_with_its_line)
{
	CHECK_YAML("a: 1\nb: [1,\n", "-74 t:3: did not find expected node content");
	CHECK_YAML("a: *nothing\n", "-74 t:1: an alias of something that is not there");
	CHECK_YAML("{[1]: 2}\n", "-74 t:1: a key must be a word");
}

TEST(yaml__limits_hold)
{
	auto_strbuf struct strbuf b = {0};
	auto_free char *deep = NULL, *got = NULL;

	for (int i = 0; i < METADATA_DEPTH_MAX + 2; i++)
		strbuf_puts(&b, "[");
	CHECK_INT(strbuf_take(&b, &deep), ==, 0);
	got = yaml(deep);
	CHECK(str_after(got, "-7 t:1: nested too deeply") != NULL);
	/* A billion laughs: each line ten times the one before. */
	CHECK_YAML("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
	           "[*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
	           "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e "
	           "[*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
	           "-7 t:5: too many values");
}

static struct instance *instance(const char *user, const char *vendor)
{
	struct instance *i = calloc(1, sizeof(*i));

	if (!i)
		abort();
	i->id = strdup("i-1");
	i->meta_data = cJSON_CreateObject();
	if ((user && blob_set(&i->user_data, user, strlen(user)) < 0) ||
	    (vendor && blob_set(&i->vendor_data, vendor, strlen(vendor)) < 0))
		abort();
	return i;
}

TEST(userdata__user_keys_win_over_vendor_keys)
{
	auto_cleanup(instance_free) struct instance *i =
		instance("#cloud-config\nhostname: mine\n",
	                 "#cloud-config\nhostname: theirs\nruncmd: [x]\n");
	auto_free char *text = NULL;
	struct userdata u;

	CHECK_INT(userdata_read(i, NULL, NULL, &u), ==, 0);
	text = json_print(u.config, false);
	CHECK_STR(text, "{\"hostname\":\"mine\",\"runcmd\":[\"x\"]}");
	userdata_done(&u);
}

TEST(userdata__scripts_lose_their_carriage_returns)
{
	auto_cleanup(instance_free) struct instance *i =
		instance("\n#!/bin/sh\r\necho a\r\n", NULL);
	struct userdata u;

	CHECK_INT(userdata_read(i, NULL, NULL, &u), ==, 0);
	CHECK_STR(u.scripts[0].text.data, "#!/bin/sh\necho a\n");
	userdata_done(&u);
}

TEST(userdata__a_bad_document_leaves_the_other_one)
{
	auto_cleanup(instance_free) struct instance *i =
		instance("#cloud-config\n[unclosed\n", "#cloud-config\nhostname: v\n");
	struct diag d = {0};
	struct userdata u;

	CHECK_INT(userdata_read(i, NULL, &d, &u), ==, -EBADMSG);
	CHECK_STR(json_string_or(u.config, "hostname", ""), "v");
	CHECK_INT(d.n_items, ==, 1);
	userdata_done(&u);
}

TEST(nocloud_line__tokens)
{
	struct nocloud_line l;

	CHECK_INT(
		nocloud_line_parse("root=/dev/vda ds=nocloud;h=web-1;i=i-7;s=file:///seed/ rw", &l),
		==, 1);
	CHECK_STR(l.hostname, "web-1");
	CHECK_STR(l.instance_id, "i-7");
	CHECK_STR(l.seed_from, "file:///seed/");
	nocloud_line_done(&l);
	CHECK_INT(nocloud_line_parse("ds=nocloud-net;seedfrom=/x", &l), ==, 1);
	CHECK_STR(l.seed_from, "/x");
	nocloud_line_done(&l);
	CHECK_INT(nocloud_line_parse("ds=nocloudy;h=x ds=ec2", &l), ==, 0);
	CHECK(!l.hostname);
	CHECK_INT(nocloud_line_parse("ds=nocloud", &l), ==, 1);
	nocloud_line_done(&l);
}
