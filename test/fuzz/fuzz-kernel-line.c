// SPDX-License-Identifier: Apache-2.0
/* A kernel command line, for all that is read from it, and for detection as a whole. */
#include "metadata/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *cc = NULL, *key = NULL, *url = NULL, *name = NULL;
	auto_json cJSON *files = cJSON_CreateObject();
	auto_blob struct blob line = {0};
	struct nocloud_line l;
	struct detection r;
	struct diag d = {0};
	struct machine m = {.virt = (char *) "kvm",
	                    .arch = (char *) "x86_64",
	                    .kernel_name = (char *) "Linux",
	                    .kernel_version = (char *) "1"};

	if (!files || blob_set(&line, data, size) < 0)
		return 0;
	(void) cmdline_cloud_config(line.data, &cc);
	(void) cmdline_config_url(line.data, &key, &url);
	(void) cmdline_datasource(line.data, &name);
	if (nocloud_line_parse(line.data, &l) > 0)
		nocloud_line_done(&l);
	/* The same text as a configuration file: it is read line by line, too. */
	cJSON_AddStringToObject(files, "etc/cloud/cloud.cfg", line.data);
	cJSON_AddStringToObject(files, "etc/cloud/ds-identify.cfg", line.data);
	m.cmdline = line.data;
	m.dmi[DMI_PRODUCT_SERIAL] = line.data;
	m.root = tree_of_json(files);
	if (detect_identify(&m, NULL, &d, &r) >= 0)
		detection_done(&r);
	return 0;
}
