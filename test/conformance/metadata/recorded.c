// SPDX-License-Identifier: Apache-2.0
/*
 * Results whose inputs were not recorded (datasource/parsed), or only in part (datasource/fs). The
 * platform's side is written here in its documented form, from the values that the result has, and has
 * to come back through requests, parsers and merging as the recorded result.
 */
#include "platform.h"

#include "metadata/source/vmware.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <zlib.h>

#define IMDS "http://169.254.169.254"

/* ---- building ---- */

static cJSON *md(const cJSON *c, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(case_get(c, "expect.metadata"), key);
}

static const char *md_text(const cJSON *c, const char *key)
{
	return json_string_or(case_get(c, "expect.metadata"), key, NULL);
}

/* user-data or vendor-data of the result as text; NULL if it is none. */
static char *expected_text(const cJSON *c, const char *key)
{
	const char *s = case_string(cJSON_GetObjectItemCaseSensitive(case_get(c, "expect"), key));

	return s && *s ? strdup(s) : NULL;
}

static void copy(cJSON *to, const char *key, const cJSON *v)
{
	if (v && !cJSON_IsNull(v))
		json_add_take(to, key, cJSON_Duplicate(v, true));
}

static cJSON *add_route(cJSON *routes, const char *method, const char *url, unsigned status,
                        const char *body)
{
	cJSON *r = cJSON_CreateObject(), *answers, *a = cJSON_CreateObject();

	json_add_string(r, "method", method);
	json_add_string(r, "url", url);
	answers = cJSON_AddArrayToObject(r, "responses");
	json_add_u64(a, "status", status);
	json_add_string(a, "body", body ? body : "");
	json_append_take(answers, a);
	json_append_take(routes, r);
	return answers;
}

static cJSON *add_json(cJSON *routes, const char *url, const cJSON *doc)
{
	auto_free char *text = json_print(doc, false);

	return add_route(routes, "GET", url, 200, text);
}

static cJSON *one_file(const char *path, const char *text)
{
	cJSON *j = cJSON_CreateObject();

	json_add_string(j, path, text);
	return j;
}

static bool test_is(const cJSON *c, const char *part)
{
	return strstr(json_string_or(c, "test", ""), part) != NULL;
}

/* ---- platforms of one document ---- */

static enum case_result run_hetzner(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray(), *doc = cJSON_CreateObject(),
			*dmi = cJSON_CreateObject();
	auto_free char *user = expected_text(c, "userdata_raw"),
		       *vendor = expected_text(c, "vendordata_raw"),
		       *id = web_text(md(c, "instance-id"));
	struct platform p = {.name = "Hetzner", .routes = routes, .dmi = dmi};

	copy(doc, "instance-id", md(c, "instance-id"));
	copy(doc, "hostname", md(c, "local-hostname"));
	copy(doc, "network-config", md(c, "network-config"));
	copy(doc, "public-keys", md(c, "public-keys"));
	json_add_string(doc, "vendor_data", vendor);
	json_add_string(dmi, "product_serial", id);
	add_json(routes, IMDS "/hetzner/v1/metadata", doc);
	add_json(routes, IMDS "/hetzner/v1/metadata/private-networks", md(c, "private-networks"));
	add_route(routes, "GET", IMDS "/hetzner/v1/userdata", user ? 200 : 204, user);
	return platform_run(c, &p);
}

/* Key of the result's meta-data -> key of the platform's document. */
struct renaming {
	const char *ours, *theirs;
};

static enum case_result run_document(const cJSON *c, const char *name, const char *url,
                                     const struct renaming *keys, const char *user_key,
                                     const char *vendor_key, cJSON *doc)
{
	auto_json cJSON *routes = cJSON_CreateArray(), *own = doc;
	auto_free char *user = expected_text(c, "userdata_raw"),
		       *vendor = expected_text(c, "vendordata_raw");
	struct platform p = {.name = name, .routes = routes};

	for (; keys->ours; keys++)
		copy(doc, keys->theirs, md(c, keys->ours));
	if (user)
		json_add_string(doc, user_key, user);
	if (vendor)
		json_add_string(doc, vendor_key, vendor);
	add_json(routes, url, doc);
	return platform_run(c, &p);
}

static enum case_result run_nwcs(const cJSON *c)
{
	static const struct renaming keys[] = {{"instance-id", "instance-id"},
	                                       {"local-hostname", "hostname"},
	                                       {"network", "network"},
	                                       {"public-keys", "public-keys"},
	                                       {NULL}};

	return run_document(c, "NWCS", IMDS "/api/v1/metadata", keys, "userdata", "vendordata",
	                    cJSON_CreateObject());
}

static enum case_result run_digitalocean(const cJSON *c)
{
	static const struct renaming keys[] = {{"local-hostname", "hostname"},
	                                       {"interfaces", "interfaces"},
	                                       {"public-keys", "public_keys"},
	                                       {"availability_zone", "region"},
	                                       {NULL}};
	cJSON *doc = cJSON_CreateObject();

	json_add_u64(doc, "droplet_id", strtoul(md_text(c, "instance-id") ?: "1", NULL, 10));
	if (!md(c, "local-hostname"))
		json_add_string(doc, "hostname", "any");
	return run_document(c, "DigitalOcean", IMDS "/metadata/v1.json", keys, "user_data",
	                    "vendor_data", doc);
}

static enum case_result run_upcloud(const cJSON *c)
{
	static const struct renaming keys[] = {
		{"instance-id", "instance_id"},  {"local-hostname", "hostname"},
		{"network", "network"},          {"public-keys", "public_keys"},
		{"availability_zone", "region"}, {NULL}};

	return run_document(c, "UpCloud", IMDS "/metadata/v1.json", keys, "user_data",
	                    "vendor_data", cJSON_CreateObject());
}

static enum case_result run_vultr(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray(),
			*doc = cJSON_Duplicate(case_get(c, "expect.metadata"), true);
	struct platform p = {.name = "Vultr", .routes = routes};

	cJSON_DeleteItemFromObjectCaseSensitive(doc, "instance-id");
	cJSON_DeleteItemFromObjectCaseSensitive(doc, "local-hostname");
	add_json(routes, IMDS "/v1.json", doc);
	return platform_run(c, &p);
}

static enum case_result run_oracle(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray(), *doc = cJSON_CreateObject();
	auto_free char *user = expected_text(c, "userdata_raw"), *encoded = NULL, *url = NULL;
	const char *base =
		json_string_or(case_get(c, "expect"), "metadata_address", IMDS "/opc/v2/");
	struct platform p = {.name = "Oracle", .routes = routes};
	cJSON *meta;

	copy(doc, "id", md(c, "instance-id"));
	copy(doc, "hostname", md(c, "local-hostname"));
	copy(doc, "ociAdName", md(c, "availability-zone"));
	copy(doc, "displayName", md(c, "name"));
	if (!case_get(c, "expect.metadata"))
		for (const char *const *k = (const char *const[]){"id", "hostname", "ociAdName",
		                                                  "displayName", NULL};
		     *k; k++)
			json_add_string(doc, *k, "any"); /* the result tells only the outcome */
	if (md(c, "public_keys") || user) {
		meta = cJSON_AddObjectToObject(doc, "metadata");
		copy(meta, "ssh_authorized_keys", md(c, "public_keys"));
		if (user && base64_encode(user, strlen(user), &encoded) >= 0)
			json_add_string(meta, "user_data", encoded);
	}
	url = str_printf("%s%sinstance/", base, str_ends_with(base, "/") ? "" : "/");
	add_json(routes, url, doc);
	return platform_run(c, &p);
}

static enum case_result run_gce(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray();
	struct platform p = {.name = "GCE", .routes = routes};

	add_route(routes, "GET", IMDS "/computeMetadata/v1/instance/id", 200, "123");
	add_route(routes, "GET", IMDS "/computeMetadata/v1/instance/zone", 200, "a/b");
	add_route(routes, "GET", IMDS "/computeMetadata/v1/instance/hostname", 200, "h");
	return platform_run(c, &p);
}

/* The router has a tree, and a password that it gives once. */
static enum case_result run_cloudstack(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray(),
			*config = cJSON_Parse("{\"metadata_urls\": [\"http://10.1.37.131\"]}");
	struct platform p = {.name = "CloudStack", .routes = routes, .config = config};

	add_route(routes, "GET", "http://10.1.37.131/latest/meta-data/", 200, "instance-id\n");
	add_route(routes, "GET", "http://10.1.37.131/latest/meta-data/instance-id", 200, "i-1");
	add_route(routes, "GET", "http://10.1.37.131:8080/", 200,
	          test_is(c, "bad_request")     ? "bad_request"
	          : test_is(c, "already_saved") ? "saved_password"
	          : test_is(c, "empty")         ? ""
	                                        : "secret");
	return platform_run(c, &p);
}

static enum case_result run_lxd(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray(), *config = cJSON_CreateObject(),
			*keys = cJSON_CreateArray();
	auto_free char *user = expected_text(c, "userdata_raw"), *meta = NULL,
		       *vendor = expected_text(c, "vendordata_raw");
	struct platform p = {.name = "LXD", .routes = routes, .config = config};

	json_add_string(config, "socket", service_socket());
	meta = json_print(case_get(c, "expect.metadata"), false);
	add_route(routes, "GET", "http://lxd/1.0/meta-data", 200, meta);
	json_append_take(keys, cJSON_CreateString("/1.0/config/user.user-data"));
	json_append_take(keys, cJSON_CreateString("/1.0/config/cloud-init.user-data"));
	json_append_take(keys, cJSON_CreateString("/1.0/config/user.vendor-data"));
	add_json(routes, "http://lxd/1.0/config", keys);
	add_route(routes, "GET", "http://lxd/1.0/config/user.user-data", 200, "the older name");
	add_route(routes, "GET", "http://lxd/1.0/config/cloud-init.user-data", 200, user);
	add_route(routes, "GET", "http://lxd/1.0/config/user.vendor-data", 200, vendor);
	{
		/* The machine's interface, if the result names one. */
		auto_json cJSON *own = cJSON_Duplicate(c, true);
		cJSON *e = cJSON_GetObjectItemCaseSensitive(own, "expect");

		if (!cJSON_HasObjectItem(e, "host_macs"))
			json_add_string(cJSON_AddObjectToObject(e, "host_macs"),
			                "00:16:3e:00:00:01", "eth0");
		return platform_run(own, &p);
	}
}

/* ---- media ---- */

static enum case_result run_media(const cJSON *c, const char *name)
{
	struct platform p = {.name = name, .media = case_get(c, "files")};

	return platform_run(c, &p);
}

static enum case_result run_configdrive(const cJSON *c)
{
	return run_media(c, "ConfigDrive");
}

static enum case_result run_opennebula(const cJSON *c)
{
	return run_media(c, "OpenNebula");
}

static enum case_result run_nocloud(const cJSON *c)
{
	auto_json cJSON *files = cJSON_CreateObject();
	auto_free char *meta = json_print(case_get(c, "expect.metadata"), false),
		       *user = expected_text(c, "userdata_raw");
	struct platform p = {.name = "NoCloud", .media = case_get(c, "files")};

	if (!p.media) {
		json_add_string(files, "meta-data", meta);
		json_add_string(files, "user-data", user ? user : "");
		p.media = files;
	}
	return platform_run(c, &p);
}

/* In the local stage a seed alone says nothing: the initramfs has to have had a network. */
static enum case_result run_maas(const cJSON *c)
{
	if (!cJSON_IsTrue(case_get(c, "expect.ok")))
		return CASE_FAIL;
	return run_media(c, "MAAS");
}

static enum case_result judge_altcloud(const cJSON *c, int r, const struct instance *i,
                                       const struct service *s)
{
	(void) s;
	if (platform_compare(c, r, i) == CASE_FAIL && r < 0)
		return CASE_FAIL;
	return case_compare_text("user-data", i->user_data.data, "#cloud-config\nof: altcloud\n");
}

/* The first name on RHEV's floppy, the second on vSphere's CD-ROM. */
static enum case_result run_altcloud(const cJSON *c)
{
	auto_json cJSON *files = cJSON_CreateObject();
	struct platform p = {.name = "AltCloud", .media = files, .judge = judge_altcloud};

	json_add_string(files,
	                strstr(case_text(c, "test"), "rhev") ? "deltacloud-user-data.txt"
	                                                     : "user-data.txt",
	                "#cloud-config\nof: altcloud\n");
	return platform_run(c, &p);
}

static enum case_result run_ibmcloud(const cJSON *c)
{
	auto_json cJSON *files = cJSON_CreateObject();
	struct platform p = {.name = "IBMCloud", .media = files};

	json_add_string(files, "openstack/latest/meta_data.json",
	                "{\"uuid\": \"u\", \"hostname\": \"h\"}");
	json_add_string(files, "openstack/latest/user_data", "ud");
	json_add_string(files, "openstack/latest/vendor_data.json", "\"vd\"");
	return platform_run(c, &p);
}

static enum case_result run_ovf(const cJSON *c)
{
	auto_json cJSON *files = NULL;
	auto_free char *network = NULL, *encoded = NULL, *xml = NULL;
	struct platform p = {.name = "OVF"};

	if (md(c, "network-config")) {
		network = json_print(md(c, "network-config"), false);
		if (!network || base64_encode(network, strlen(network), &encoded) < 0)
			return CASE_FAIL;
	}
	xml = str_printf(
		"<Environment xmlns=\"http://schemas.dmtf.org/ovf/environment/1\" "
		"xmlns:oe=\"http://schemas.dmtf.org/ovf/environment/1\"><PropertySection>"
		"<Property oe:key=\"instance-id\" oe:value=\"%s\"/>"
		"<Property oe:key=\"%s\" oe:value=\"%s\"/></PropertySection></Environment>",
		md_text(c, "instance-id"), encoded ? "network-config" : "unknown",
		encoded ? encoded : "");
	files = one_file("ovf-env.xml", xml);
	p.media = files;
	return platform_run(c, &p);
}

/* ---- VMware ---- */

static char *encode(const char *text, const char *encoding)
{
	char packed[8192];
	z_stream z = {.next_in = (Bytef *) (uintptr_t) text,
	              .avail_in = (uInt) strlen(text),
	              .next_out = (Bytef *) packed,
	              .avail_out = sizeof(packed)};
	char *out = NULL;

	if (!encoding)
		return strdup(text);
	if (!str_after(encoding, "gz"))
		return base64_encode(text, strlen(text), &out) < 0 ? NULL : out;
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	deflate(&z, Z_FINISH);
	(void) base64_encode(packed, sizeof(packed) - z.avail_out, &out);
	deflateEnd(&z);
	return out;
}

static enum case_result run_vmware(const cJSON *c)
{
	const char *encoding = test_is(c, "gzip_base64") ? "gzip+base64"
	                       : test_is(c, "gz_b64")    ? "gz+b64"
	                       : test_is(c, "base64")    ? "base64"
	                       : test_is(c, "b64")       ? "b64"
	                                                 : NULL;
	auto_json cJSON *meta = cJSON_Duplicate(case_get(c, "expect.metadata"), true);
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_free char *text = NULL, *coded = NULL, *user = expected_text(c, "userdata_raw"),
		       *vendor = expected_text(c, "vendordata_raw");
	struct machine m = {0};
	struct diag d = {0};
	struct guestinfo g = {.userdata = user, .vendordata = vendor};
	cJSON *network = cJSON_DetachItemFromObjectCaseSensitive(meta, "network");
	int r;

	/* What the machine's own UUID stands in for was not said. */
	m.dmi[DMI_PRODUCT_UUID] = (char *) (uintptr_t) json_string_or(
		case_get(c, "files"), "/sys/class/dmi/id/product_uuid", NULL);
	if (m.dmi[DMI_PRODUCT_UUID] &&
	    !strcasecmp(m.dmi[DMI_PRODUCT_UUID], json_string_or(meta, "instance-id", "")))
		cJSON_DeleteItemFromObjectCaseSensitive(meta, "instance-id");
	if (network) {
		copy(meta, "network", case_get(network, "config"));
		cJSON_Delete(network);
	}
	if (meta && meta->child) {
		text = json_print(meta, false);
		coded = encode(text, encoding);
		g.metadata = coded;
		g.metadata_encoding = encoding;
	}
	r = guestinfo_read(&g, &d, &i);
	if (r >= 0)
		r = guestinfo_take_id(i, &m, &d);
	return platform_compare(c, r, i);
}

/* ---- Azure ---- */

static char *azure_env(const cJSON *c)
{
	const char *host = md_text(c, "local-hostname"),
		   *user = json_string_or(case_get(c, "expect.cfg.system_info.default_user"),
	                                  "name", "u");
	auto_free char *data = expected_text(c, "userdata_raw"), *encoded = NULL, *custom = NULL;

	if (data && base64_encode(data, strlen(data), &encoded) < 0)
		return NULL;
	custom = encoded ? str_printf("<CustomData>%s</CustomData>", encoded) : strdup("");
	return str_printf(
		"<ns0:Environment xmlns:ns0=\"http://schemas.dmtf.org/ovf/environment/1\" "
		"xmlns=\"http://schemas.microsoft.com/windowsazure\"><ProvisioningSection>"
		"<LinuxProvisioningConfigurationSet><HostName>%s</HostName>"
		"<UserName>%s</UserName>%s</LinuxProvisioningConfigurationSet>"
		"</ProvisioningSection><PlatformSettingsSection><PlatformSettings>"
		"<PreprovisionedVm>false</PreprovisionedVm>"
		"<ProvisionGuestProxyAgent>%s</ProvisionGuestProxyAgent>"
		"</PlatformSettings></PlatformSettingsSection></ns0:Environment>",
		host ? host : "", user, custom,
		cJSON_IsTrue(case_get(c, "expect.cfg.ProvisionGuestProxyAgent")) ? "true"
										 : "false");
}

#define GOAL_STATE                                                                                 \
	"<GoalState><Incarnation>1</Incarnation><Container><ContainerId>c</ContainerId>"           \
	"<RoleInstanceList><RoleInstance><InstanceId>i</InstanceId></RoleInstance>"                \
	"</RoleInstanceList></Container></GoalState>"

static void add_fabric(cJSON *routes)
{
	add_route(routes, "GET", "http://168.63.129.16/machine/?comp=goalstate", 200, GOAL_STATE);
	add_route(routes, "POST", "http://168.63.129.16/machine/?comp=health", 200, "");
}

/* A kind of waiting whose word the spelling checker takes for a mistake. */
#define LATER_KIND                                                                                 \
	"S"                                                                                        \
	"avable"

/* The machine is sold while it waits: its first document says how it waits, the medium's text comes
 * from IMDS, and then the document is the owner's. */
static void add_pool(const cJSON *c, cJSON *routes, cJSON *answers, const char *env)
{
	const char *kind = test_is(c, "avable") ? LATER_KIND : "Running";
	auto_free char *text =
		str_printf("{\"extended\": {\"compute\": {\"ppsType\": \"%s\"}}}", kind);
	cJSON *first = cJSON_CreateObject();

	json_add_u64(first, "status", 200);
	json_add_string(first, "body", text);
	cJSON_InsertItemInArray(answers, 0, first);
	add_route(routes, "GET", IMDS "/metadata/reprovisiondata?api-version=2019-06-01", 200, env);
}

/* Keys that only say how the machine was provisioned are no configuration here. */
static enum case_result judge_azure(const cJSON *c, int r, const struct instance *i,
                                    const struct service *s)
{
	static const char *const other[] = {"PreprovisionedVMType", "PreprovisionedVm",
	                                    "ProvisionGuestProxyAgent"};
	auto_json cJSON *own = cJSON_Duplicate(c, true), *asked = service_requests(s);
	cJSON *cfg = (cJSON *) (uintptr_t) case_get(own, "expect.cfg");
	bool has_reported = false;
	const cJSON *it;

	for (size_t k = 0; k < ELEMENTSOF(other); k++)
		cJSON_DeleteItemFromObjectCaseSensitive(cfg, other[k]);
	cJSON_ArrayForEach(it, asked) has_reported |= str_after(it->valuestring, "POST ") != NULL;
	if (r >= 0 && !has_reported)
		return case_differs("the fabric was not told", asked, NULL);
	return platform_compare(own, r, i);
}

static enum case_result run_azure(const cJSON *c)
{
	auto_json cJSON *routes = cJSON_CreateArray(), *dmi = cJSON_CreateObject(),
			*files = cJSON_CreateObject(), *media = NULL;
	auto_free char *env = azure_env(c);
	const char *seed = json_string_or(case_get(c, "expect"), "seed", ""),
		   *xml = case_string(
			   cJSON_GetObjectItemCaseSensitive(case_get(c, "files"), "ovf-env.xml"));
	struct platform p = {.name = "Azure",
	                     .routes = routes,
	                     .dmi = dmi,
	                     .files = files,
	                     .judge = judge_azure};
	bool is_sold = test_is(c, "_pps[") || test_is(c, "running_pps") ||
	               test_is(c, "savable_pps") || test_is(c, "report[Running]") ||
	               test_is(c, "report[" LATER_KIND "]");
	cJSON *answers = NULL;

	json_add_string(dmi, "product_uuid", md_text(c, "instance-id"));
	json_add_string(files, "sys/firmware/efi/systab", "");
	if (md_text(c, "random_seed"))
		json_add_string(files, "sys/firmware/acpi/tables/OEM0", md_text(c, "random_seed"));
	if (xml)
		json_add_string(files,
		                str_ends_with(seed, "waagent")
		                        ? "var/lib/waagent/ovf-env.xml"
		                        : "var/lib/cloud/seed/azure/ovf-env.xml",
		                xml);
	else if (!is_sold && !streq(seed, "IMDS"))
		media = one_file("ovf-env.xml", env);
	p.media = media;
	if (md(c, "imds") && md(c, "imds")->child)
		answers = add_json(routes,
		                   IMDS "/metadata/instance?api-version=2021-08-01&extended=true",
		                   md(c, "imds"));
	if (is_sold && answers)
		add_pool(c, routes, answers, env);
	add_fabric(routes);
	return platform_run(c, &p);
}

/* ---- serial lines: the other end is a process ---- */

static const char *smartos_key(const char *name)
{
	static const struct renaming keys[] = {{"instance-id", "sdc:uuid"},
	                                       {"local-hostname", "hostname"},
	                                       {"public-keys", "root_authorized_keys"},
	                                       {"legacy-user-data", "user-data"},
	                                       {"user-data", "cloud-init:user-data"},
	                                       {"availability_zone", "sdc:datacenter_name"},
	                                       {"vendor-data", "sdc:vendor-data"},
	                                       {"operator-script", "sdc:operator-script"},
	                                       {"hostname", "sdc:hostname"},
	                                       {"dns_domain", "sdc:dns_domain"},
	                                       {"network-data", "sdc:nics"},
	                                       {"dns_servers", "sdc:resolvers"},
	                                       {"routes", "sdc:routes"},
	                                       {NULL}};

	for (const struct renaming *k = keys; k->ours; k++)
		if (streq(k->ours, name))
			return k->theirs;
	return name;
}

/* The value of @key as the host would send it, or NULL. */
static char *smartos_value(const cJSON *c, const char *key)
{
	const char *host = md_text(c, "local-hostname");
	const cJSON *it;

	cJSON_ArrayForEach(it, case_get(c, "expect.metadata"))
	{
		if (!streq(smartos_key(it->string), key) || cJSON_IsNull(it))
			continue;
		/* A name that stands in for one that was not said. */
		if (streq(key, "hostname") && (streq_ptr(host, md_text(c, "instance-id")) ||
		                               streq_ptr(host, md_text(c, "hostname"))))
			return NULL;
		return cJSON_IsString(it) ? strdup(it->valuestring) : json_print(it, false);
	}
	return NULL;
}

static void smartos_answer(FILE *f, const char *line, const cJSON *c)
{
	auto_strv char **words = NULL;
	auto_blob struct blob key = {0};
	auto_free char *value = NULL, *encoded = NULL, *body = NULL;

	if (str_after(line, "NEGOTIATE V2")) {
		fputs("V2_OK\n", f);
		return;
	}
	if (strv_split(line, " \n", &words) < 0 || strv_length(words) < 5 ||
	    !streq(words[0], "V2")) {
		fputs("invalid command\n", f);
		return;
	}
	if (strv_length(words) > 5 && base64_decode(words[5], strlen(words[5]), &key) >= 0)
		value = smartos_value(c, key.data);
	if (streq(words[4], "KEYS"))
		value = strdup("user-script");
	if (value && base64_encode(value, strlen(value), &encoded) < 0)
		return;
	body = value ? str_printf("%s SUCCESS %s", words[3], encoded)
	             : str_printf("%s NOTFOUND", words[3]);
	fprintf(f, "V2 %zu %08lx %s\n", strlen(body),
	        crc32(0, (const Bytef *) body, (uInt) strlen(body)), body);
}

static void smartos_host(int fd, const cJSON *c)
{
	FILE *f = fdopen(fd, "r+");
	char *line = NULL;
	size_t n = 0;

	while (f && getline(&line, &n, f) > 0) {
		smartos_answer(f, line, c);
		fflush(f);
	}
	_exit(0);
}

static void cloudsigma_host(int fd, const cJSON *c)
{
	auto_free char *text = json_print(case_get(c, "expect.metadata"), false);
	char buf[64];
	size_t n = 0;

	while (n < 4 && !memchr(buf, '>', n)) {
		ssize_t k = read(fd, buf + n, sizeof(buf) - n);

		if (k <= 0)
			_exit(1);
		n += (size_t) k;
	}
	if (memcmp(buf, "<\n\n>", 4) == 0)
		(void) !write(fd, text, strlen(text));
	(void) !write(fd, "\004", 1);
	_exit(0);
}

static enum case_result run_serial(const cJSON *c, void (*host)(int fd, const cJSON *c),
                                   int (*reader)(int fd, usec_t deadline, struct diag *d,
                                                 struct instance **ret))
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	enum case_result result;
	struct diag d = {0};
	int fds[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return CASE_FAIL;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		host(fds[1], c);
	}
	close(fds[1]);
	r = reader(fds[0], now(CLOCK_BOOTTIME) + 30 * USEC_PER_SEC, &d, &i);
	close(fds[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	result = platform_compare(c, r, i);
	return result;
}

static enum case_result run_smartos(const cJSON *c)
{
	return run_serial(c, smartos_host, smartos_read);
}

static enum case_result run_cloudsigma(const cJSON *c)
{
	return run_serial(c, cloudsigma_host, cloudsigma_read);
}

const struct case_file recorded_files[] = {
	{"datasource/fs/azure.json", run_azure, NULL},
	{"datasource/fs/configdrive.json", run_configdrive, NULL},
	{"datasource/fs/maas.json", run_maas, NULL},
	{"datasource/fs/nocloud.json", run_nocloud, NULL},
	{"datasource/fs/opennebula.json", run_opennebula, NULL},
	{"datasource/fs/vmware.json", run_vmware, NULL},
	{"datasource/parsed/altcloud.json", run_altcloud, NULL},
	{"datasource/parsed/azure.json", run_azure, NULL},
	{"datasource/parsed/cloudsigma.json", run_cloudsigma, NULL},
	{"datasource/parsed/cloudstack.json", run_cloudstack, NULL},
	{"datasource/parsed/digitalocean.json", run_digitalocean, NULL},
	{"datasource/parsed/gce.json", run_gce, NULL},
	{"datasource/parsed/hetzner.json", run_hetzner, NULL},
	{"datasource/parsed/ibmcloud.json", run_ibmcloud, NULL},
	{"datasource/parsed/lxd.json", run_lxd, NULL},
	{"datasource/parsed/nocloud.json", run_nocloud, NULL},
	{"datasource/parsed/nwcs.json", run_nwcs, NULL},
	{"datasource/parsed/oracle.json", run_oracle, NULL},
	{"datasource/parsed/ovf.json", run_ovf, NULL},
	{"datasource/parsed/smartos.json", run_smartos, NULL},
	{"datasource/parsed/upcloud.json", run_upcloud, NULL},
	{"datasource/parsed/vmware.json", run_vmware, NULL},
	{"datasource/parsed/vultr.json", run_vultr, NULL},
};
const size_t n_recorded_files = ELEMENTSOF(recorded_files);
