// SPDX-License-Identifier: Apache-2.0
/* What the recorded machines do not show: confidential VMs, other roots, the program's own verbs' parts. */
#include "check.h"
#include "metadata/detect/detect.h"
#include "metadata/userdata/userdata.h"

struct world {
	cJSON *files;
	struct block_device device;
	struct machine m;
	struct diag d;
	struct detection r;
};

static void open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->files = cJSON_CreateObject();
	w->device = (struct block_device){.name = (char *) "/dev/vdb",
	                                  .label = (char *) "cidata",
	                                  .type = (char *) "iso9660"};
	w->m = (struct machine){.virt = (char *) "kvm",
	                        .kernel_name = (char *) "Linux",
	                        .kernel_version = (char *) "1",
	                        .arch = (char *) "x86_64",
	                        .root = tree_of_json(w->files),
	                        .devices = &w->device,
	                        .n_devices = 1};
}

static void close_world(struct world *w)
{
	detection_done(&w->r);
	cJSON_Delete(w->files);
}

TEST(detect__labelled_media_is_a_seed)
{
	struct world w;

	open_world(&w);
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_INT(w.r.verdict, ==, DETECT_ENABLED);
	CHECK_STR(w.r.list[0], "NoCloud");
	CHECK_STR(w.r.list[1], "None");
	close_world(&w);
}

TEST(detect__a_confidential_vm_refuses_what_the_host_plugs_in)
{
	struct world w;

	open_world(&w);
	w.m.is_confidential = true;
	w.m.dmi[DMI_PRODUCT_SERIAL] = (char *) "ds=nocloud;s=http://10.0.0.1/";
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_INT(w.r.verdict, ==, DETECT_NOT_FOUND);
	close_world(&w);
}

TEST(detect__a_pin_counts_in_a_confidential_vm_too)
{
	struct world w;

	open_world(&w);
	w.m.is_confidential = true;
	cJSON_AddStringToObject(w.files, "etc/cloud/cloud.cfg.d/90.cfg",
	                        "datasource_list: [ NoCloud ]\n");
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_INT(w.r.verdict, ==, DETECT_ENABLED);
	CHECK_INT(w.r.is_pinned, ==, 1);
	CHECK_STR(w.r.list[0], "NoCloud");
	close_world(&w);
}

/* IBM's VPC: its medium comes first, and its service counts where the host's media do not. */
TEST(detect__ibm_cloud_vpc)
{
	struct world w;

	open_world(&w);
	w.m.dmi[DMI_CHASSIS_VENDOR] = (char *) "IBM:Cloud Compute Server 1.0:bx2-2x8";
	w.m.dmi[DMI_CHASSIS_ASSET_TAG] = (char *) "ibmcloud";
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_STR(w.r.list[0], "NoCloud");
	CHECK_STR(w.r.list[1], "IBMCloud");
	detection_done(&w.r);
	w.m.is_confidential = true;
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_STR(w.r.list[0], "IBMCloud");
	CHECK_STR(w.r.list[1], "None");
	detection_done(&w.r);
	w.m.dmi[DMI_CHASSIS_ASSET_TAG] = NULL;
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_INT(w.r.verdict, ==, DETECT_NOT_FOUND);
	close_world(&w);
}

TEST(detect__an_unknown_name_in_the_list_is_told)
{
	struct world w;

	open_world(&w);
	cJSON_AddStringToObject(w.files, "etc/cloud/cloud.cfg",
	                        "datasource_list: [ Bogus, NoCloud ]\n");
	CHECK_INT(detect_identify(&w.m, NULL, &w.d, &w.r), ==, 0);
	CHECK_INT(w.d.n_items, ==, 1);
	CHECK(strstr(w.d.items[0].text, "Bogus") != NULL);
	CHECK_STR(w.r.list[0], "NoCloud");
	close_world(&w);
}

static int check(const char *text, struct schema_report *report)
{
	auto_json cJSON *doc = NULL, *lines = NULL;
	struct diag d = {0};

	if (yaml_parse_lines(text, strlen(text), "t", &d, &doc, &lines) < 0)
		abort();
	return schema_check(SCHEMA_CLOUD_CONFIG, doc, lines, report);
}

TEST(schema__a_finding_has_path_and_line_but_no_value)
{
	struct schema_report r;

	CHECK_INT(check("password: hunter2\nusers:\n  - name: me\n    passwd: 5\n    "
	                "hashed_passwd: [hunter2]\n",
	                &r),
	          ==, 2);
	CHECK_STR(r.items[0].path, "users.0.passwd");
	CHECK_INT(r.items[0].line, ==, 4);
	CHECK_STR(r.items[1].path, "users.0.hashed_passwd");
	CHECK_INT(r.items[1].line, ==, 5);
	for (size_t i = 0; i < r.n; i++)
		CHECK(!strstr(r.items[i].text, "hunter2"));
	schema_report_done(&r);
}

TEST(schema__an_unknown_key_has_its_own_line)
{
	struct schema_report r;

	CHECK_INT(check("hostname: a\nhostnaem: b\n", &r), ==, 1);
	CHECK_STR(r.items[0].path, "hostnaem");
	CHECK_INT(r.items[0].line, ==, 2);
	schema_report_done(&r);
}

TEST(schema__a_deprecated_form_is_no_error)
{
	struct schema_report r;

	CHECK_INT(check("ca-certs:\n  remove-defaults: true\n", &r), ==, 0);
	CHECK_INT(r.n, ==, 2);
	CHECK_INT(r.items[0].is_deprecated, ==, 1);
	schema_report_done(&r);
}
