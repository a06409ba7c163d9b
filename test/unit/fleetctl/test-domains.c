// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/str.h"
#include "hypervisor/domains.h"

static const char xml[] =
	"<domain type='kvm' id='3'>\n  <name>web &lt;channel type='unix'></name>\n"
	"  <description>&lt;channel type='unix'&gt;&lt;source path='/evil'/&gt;</description>\n"
	"  <devices>\n"
	"    <channel type='spicevmc'><target type='virtio' "
	"name='org.sysmaster.agent.0'/></channel>\n"
	"    <channel type='unix'>\n      <source mode='bind' path='/run/qga.sock'/>\n"
	"      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>\n    "
	"</channel>\n"
	"    <channel type=\"unix\">\n      <target type='virtio' name='org.sysmaster.agent.0'/>\n"
	"      <source mode='bind' path='/run/a&amp;b &gt;.sock'/>\n      <alias "
	"name='channel1'/>\n    </channel>\n"
	"  </devices>\n</domain>\n";

TEST(domains__find_the_agents_channel)
{
	auto_free char *path = NULL;

	CHECK_INT(domain_channel_path(xml, DOMAIN_CHANNEL_NAME, &path), ==, 0);
	CHECK_STR(path, "/run/a&b >.sock");
	free(TAKE_PTR(path));
	CHECK_INT(domain_channel_path(xml, "org.qemu.guest_agent.0", &path), ==, 0);
	CHECK_STR(path, "/run/qga.sock");
	free(TAKE_PTR(path));
	CHECK_INT(domain_channel_path(xml, "nothing", &path), ==, -ENOENT);
	CHECK_INT(domain_channel_path("", "x", &path), ==, -ENOENT);
}

TEST(domains__never_read_past_a_cut)
{
	for (size_t n = 0; n < strlen(xml); n++) {
		auto_free char *cut = strndup(xml, n), *path = NULL;
		int r = domain_channel_path(cut, DOMAIN_CHANNEL_NAME, &path);

		CHECK(r == 0 || r == -ENOENT || r == -EBADMSG);
	}
}

TEST(domains__names_that_become_files)
{
	CHECK(domain_name_is_valid("web-1"));
	CHECK(!domain_name_is_valid(""));
	CHECK(!domain_name_is_valid("../x"));
	CHECK(!domain_name_is_valid("a/b"));
	CHECK(!domain_name_is_valid("a b"));
	CHECK(!domain_name_is_valid(".hidden"));
}

/* libvirt's own test driver has one domain, "test", without a channel. */
TEST(domains__are_listed_by_libvirt)
{
	struct domain *d = NULL;
	struct diag diag = {};
	char first[DIAG_TEXT_MAX];
	size_t n = 0;
	int r = domains_list("test:///default", &diag, &d, &n);

	if (r < 0)
		printf("%s", diag_first(&diag, first, sizeof(first)));
	CHECK_INT(r, ==, 0);
	CHECK_INT(n, ==, 1);
	CHECK_STR(d[0].name, "test");
	CHECK(d[0].active && !d[0].channel);
	domains_free(d, n);
	CHECK_INT(domains_list("nonsense://x", &diag, &d, &n), ==, -ENOTCONN);
}
