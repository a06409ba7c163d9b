// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

/* ---- ds-identify ---- */

static char *guestinfo(void *userdata, const char *key)
{
	const char *text = case_text(userdata, key);

	return text ? strdup(text) : NULL;
}

static void add_device(struct machine *m, const cJSON *record)
{
	struct block_device *more = realloc(m->devices, (m->n_devices + 1) * sizeof(*more));
	const char *const keys[] = {"DEVNAME", "LABEL", "LABEL_FATBOOT", "UUID", "TYPE"};
	struct block_device *d = more ? &more[m->n_devices] : NULL;

	if (!d)
		abort();
	*d = (struct block_device){0};
	char **const fields[] = {&d->name, &d->label, &d->label_fatboot, &d->uuid, &d->type};

	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		if (str_set(fields[i], json_string_or(record, keys[i], i ? NULL : "")) < 0)
			abort();
	m->devices = more;
	m->n_devices++;
}

/* Lines "iso9660/cidata N/A vtbd2". */
static void add_geom(struct machine *m, const char *text)
{
	auto_json cJSON *record = cJSON_CreateObject();
	const char *slash = strchr(text, '/');
	auto_free char *type = strndup(text, (size_t) (slash - text)),
		       *label = strndup(slash + 1, strcspn(slash + 1, " "));

	cJSON_AddStringToObject(record, "TYPE", type);
	cJSON_AddStringToObject(record, "LABEL", label);
	add_device(m, record);
}

static cJSON *files_of(const cJSON *machine)
{
	cJSON *it;
	cJSON *files = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(machine, "files"), true);

	if (!files)
		files = cJSON_CreateObject();
	cJSON_ArrayForEach(it, files) if (cJSON_IsString(it) && strchr(it->valuestring, NUL_MARK))
	{
		size_t n = strlen(it->valuestring);
		char *b64;

		for (char *p = it->valuestring; p < it->valuestring + n; p++)
			*p = *p == NUL_MARK ? '\0' : *p;
		if (base64_encode(it->valuestring, n, &b64) < 0)
			abort();
		it->type = cJSON_Object;
		cJSON_AddStringToObject(it, "__b64__", b64);
		free(b64);
	}
	if (streq(json_string_or(machine, "cloud_cfg", ""), "default")) {
		auto_free char *path = case_path("ds-identify/default-cloud.cfg"), *text = NULL;

		if (file_read(path, &text, NULL) < 0)
			abort();
		cJSON_AddStringToObject(files, "etc/cloud/cloud.cfg", text);
	}
	return files;
}

static void machine_of(const cJSON *c, const cJSON *files, struct machine *m)
{
	static const char *const containers[] = {
		"container-other", "lxc", "lxc-libvirt", "systemd-nspawn", "docker", "rkt", "jail"};
	const cJSON *all = case_get(c, "dmi") ? NULL : case_get(c, "dmi_all_fields.value"), *it;
	const char *geom = case_text(c, "geom");

	*m = (struct machine){.root = tree_of_json(files)};
	m->virt = strdup(case_text(c, "virt"));
	m->kernel_name = strdup(case_text(c, "uname.kernel_name"));
	m->kernel_version = strdup(case_text(c, "uname.kernel_version"));
	m->arch = strdup(case_text(c, "uname.machine"));
	for (size_t i = 0; i < ELEMENTSOF(containers); i++)
		m->is_container = m->is_container || streq(m->virt, containers[i]);
	str_set(&m->cmdline, case_text(c, "cmdline"));
	for (size_t i = 0; i < DMI_FIELD_MAX; i++) {
		const char *v = json_string_or(case_get(c, "dmi"), dmi_field_names[i],
		                               all ? all->valuestring : NULL);

		str_set(&m->dmi[i], v);
	}
	if (!case_get(c, "blkid_rc"))
		cJSON_ArrayForEach(it, case_get(c, "blkid")) add_device(m, it);
	if (geom)
		add_geom(m, geom);
	m->has_lxd_socket = cJSON_IsTrue(case_get(c, "lxd_socket"));
	if (cJSON_GetArraySize(case_get(c, "guestinfo_tools")) > 0) {
		m->guestinfo = guestinfo;
		m->guestinfo_userdata = (void *) (uintptr_t) case_get(c, "guestinfo");
	}
	m->has_guestinfo_env =
		case_get(c, "env.VMX_GUESTINFO") && (case_get(c, "env.VMX_GUESTINFO_METADATA") ||
	                                             case_get(c, "env.VMX_GUESTINFO_USERDATA") ||
	                                             case_get(c, "env.VMX_GUESTINFO_VENDORDATA"));
}

static cJSON *list_json(char *const *v)
{
	cJSON *a = cJSON_CreateArray();

	STRV_FOREACH (s, v)
		cJSON_AddItemToArray(a, cJSON_CreateString(*s));
	return a;
}

static cJSON *detection_json(const struct detection *r)
{
	cJSON *j = cJSON_CreateObject();

	cJSON_AddNumberToObject(j, "rc", r->verdict);
	cJSON_AddBoolToObject(j, "enabled", r->verdict == DETECT_ENABLED);
	cJSON_AddItemToObject(j, "found", list_json(r->found));
	cJSON_AddItemToObject(j, "maybe", list_json(r->maybe));
	cJSON_AddItemToObject(j, "datasource_list",
	                      r->list && r->list[0] && !r->is_report ? list_json(r->list)
	                                                             : cJSON_CreateNull());
	if (r->is_report || (r->list && !r->list[0]))
		cJSON_AddItemToObject(j, "report_datasource_list", list_json(r->list));
	if (r->ec2_strict_id)
		cJSON_AddStringToObject(
			cJSON_AddObjectToObject(
				cJSON_AddObjectToObject(cJSON_AddObjectToObject(j, "extra_config"),
		                                        "datasource"),
				"Ec2"),
			"strict_id", r->ec2_strict_id);
	return j;
}

static enum case_result run_identify(const cJSON *c)
{
	const cJSON *machine = case_get(c, "machine");
	const char *arch = case_text(machine, "uname.machine"),
		   *policy = case_text(machine, streq(arch, "x86_64") || str_ends_with(arch, "86")
	                                                ? "policy"
	                                                : "policy_no_dmi");
	auto_json cJSON *files = files_of(machine), *got = NULL;
	struct detect_policy p = {0};
	struct detection r;
	struct machine m;
	struct diag d = {0};
	enum case_result result;

	machine_of(machine, files, &m);
	if (policy)
		detect_policy_parse(policy, &p, &d);
	if (detect_identify(&m, &p, &d, &r) < 0)
		return case_differs_text("identify", "an error", NULL);
	got = detection_json(&r);
	result = case_compare(case_text(c, "id"), got, case_get(c, "expect"));
	detection_done(&r);
	machine_done(&m);
	return result;
}

/* ---- the kernel command line ---- */

static enum case_result run_cc(const cJSON *c)
{
	auto_free char *got = NULL;

	(void) cmdline_cloud_config(case_text(c, "line"), &got);
	return case_compare_text(case_text(c, "line"), got, case_text(c, "cc"));
}

static enum case_result run_url(const cJSON *c)
{
	auto_free char *key = NULL, *url = NULL;
	const cJSON *expect = case_get(c, "expect");
	int r = cmdline_config_url(case_text(c, "line"), &key, &url);

	if (!expect)
		return r < 0 ? CASE_PASS : case_differs_text("url", url, "an error");
	if (case_compare_text("key", key, cJSON_GetArrayItem(expect, 0)->valuestring))
		return CASE_FAIL;
	return case_compare_text("url", url, cJSON_GetArrayItem(expect, 1)->valuestring);
}

static enum case_result run_dsname(const cJSON *c)
{
	auto_free char *got = NULL;

	(void) cmdline_datasource(case_text(c, "line"), &got);
	return case_compare_text(case_text(c, "line"), got, case_text(c, "dsname"));
}

static enum case_result run_nocloud(const cJSON *c)
{
	struct nocloud_line l = {0};
	int matched = nocloud_line_parse(case_text(c, "line"), &l);
	auto_json cJSON *none = cJSON_CreateObject();
	enum case_result r;

	if (matched != cJSON_IsTrue(case_get(c, "matched")))
		r = case_differs_text(case_text(c, "line"), matched ? "matched" : "not", NULL);
	else
		r = case_compare(case_text(c, "line"), l.fill ? l.fill : none, case_get(c, "fill"));
	nocloud_line_done(&l);
	return r;
}

/* ---- ids ---- */

static const char *argument(const cJSON *c, int index, const char *name)
{
	const cJSON *v = cJSON_GetArrayItem(case_get(c, "args"), index);

	if (!v)
		v = cJSON_GetObjectItemCaseSensitive(case_get(c, "kwargs"), name);
	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static enum case_result run_cloud_id(const cJSON *c)
{
	auto_free char *got = NULL;

	(void) cloud_id_of(argument(c, 0, "cloud_name"), argument(c, 1, "region"),
	                   argument(c, 2, "platform"), &got);
	return case_compare_text("cloud id", got, case_text(c, "expect"));
}

static enum case_result run_vm_id(const cJSON *c)
{
	auto_free char *got = NULL;

	(void) azure_vm_id(argument(c, 0, ""), true, &got);
	return case_compare_text("vm id", got, case_text(c, "expect"));
}

const struct case_file detect_files[] = {
	{"ds-identify/cases.json", run_identify, NULL},
	{"cmdline/cc.json", run_cc, NULL},
	{"cmdline/cloud_config_url.json", run_url, NULL},
	{"cmdline/dsname.json", run_dsname, NULL},
	{"cmdline/nocloud_line.json", run_nocloud, NULL},
	{"misc/cloud_id.json", run_cloud_id, NULL},
	{"misc/azure_vmid.json", run_vm_id, NULL},
};
const size_t n_detect_files = ELEMENTSOF(detect_files);
