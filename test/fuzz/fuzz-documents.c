// SPDX-License-Identifier: Apache-2.0
/* Documents of platforms; the first byte chooses which. */
#include "metadata/source/azure.h"
#include "metadata/source/vmware.h"
#include "metadata/source/web.h"

static void on_ovf(const char *text, size_t size)
{
	struct diag d = {0};
	struct instance *i = NULL;

	if (source_ovf_read(text, size, "fuzz", &d, &i) >= 0)
		instance_free(i);
	(void) ovf_is_cdrom_name(text);
}

static void on_azure(const char *text, size_t size)
{
	struct diag d = {0};
	cJSON *v = NULL;

	if (azure_ovf_env_parse(text, size, &d, &v) >= 0)
		cJSON_Delete(v);
}

static void on_goal_state(const char *text, size_t size)
{
	struct azure_goal_state g = {0};
	struct diag d = {0};
	char *report = NULL;

	if (azure_goal_state_parse(text, size, &d, &g) < 0)
		return;
	if (azure_health_report(&g, text, &report) >= 0)
		free(report);
	azure_goal_state_done(&g);
}

static void on_context(const char *text, size_t size)
{
	struct source_context c = {.origin = "fuzz"};
	auto_json cJSON *files = cJSON_CreateObject();
	struct tree t = tree_of_json(files);
	struct diag d = {0};
	struct instance *i = NULL;

	(void) size;
	json_add_string(files, "context.sh", text);
	c.media = &t;
	c.d = &d;
	if (source_opennebula_media(&c, &i) >= 0)
		instance_free(i);
}

static void on_frame(const char *text, size_t size)
{
	auto_blob struct blob b = {0};

	(void) size;
	(void) smartos_response_parse(text, "0badcafe", &b);
}

static void on_guestinfo(const char *text, size_t size)
{
	static const char *const encodings[] = {NULL, "base64", "gzip+base64", "other"};
	struct guestinfo g = {.metadata = text, .userdata = text};
	struct diag d = {0};
	struct instance *i = NULL;

	if (size)
		g.metadata_encoding = g.userdata_encoding =
			encodings[(unsigned char) text[size - 1] % 4];
	if (guestinfo_read(&g, &d, &i) >= 0) {
		(void) guestinfo_take_id(i, NULL, &d);
		instance_free(i);
	}
}

static void on_drive(const char *text, size_t size)
{
	static const char *const names[] = {"openstack/latest/meta_data.json",
	                                    "openstack/latest/vendor_data.json",
	                                    "openstack/latest/network_data.json", "meta.js"};
	struct source_context c = {.origin = "fuzz"};
	auto_json cJSON *files = cJSON_CreateObject();
	struct tree t = tree_of_json(files);
	struct diag d = {0};
	struct instance *i = NULL;

	for (size_t k = 0; k < ELEMENTSOF(names); k++)
		if (size && (unsigned char) text[0] >> k & 1)
			json_add_string(files, names[k], text + 1);
	if (size && !((unsigned char) text[0] & 1))
		json_add_string(files, names[0], "{\"uuid\": \"u\"}");
	c.media = &t;
	c.d = &d;
	if (source_configdrive_media(&c, &i) >= 0)
		instance_free(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text, size_t size) = {
		on_ovf, on_azure, on_goal_state, on_context, on_frame, on_guestinfo, on_drive};
	auto_blob struct blob b = {0};

	if (!size || blob_set(&b, data + 1, size - 1) < 0)
		return 0;
	readers[data[0] % ELEMENTSOF(readers)](b.data, b.size);
	return 0;
}
