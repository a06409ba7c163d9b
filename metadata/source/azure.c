// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/azure.h"
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <strings.h>

#define IMDS_SECONDS       300
#define CONNECTION_ERRORS  11
#define OWNER_WAIT_SECONDS (24 * 3600) /* in the pool of machines that wait to be sold */
#define SEED               "var/lib/cloud/seed/azure"
#define CACHE              "var/lib/waagent"
#define MARKER             "var/lib/cloud/data/poll_imds"
#define ENTROPY            "sys/firmware/acpi/tables/OEM0"
#define FILE_NAME          "ovf-env.xml"

struct azure {
	const struct source_context *c;
	struct instance *i;
	cJSON *ovf, *imds; /* NULL: none */
};

/* ---- the medium, or what is left of it ---- */

static int parse_env(struct azure *a, const struct blob *b, const char *origin)
{
	cJSON *env = NULL;
	int r = azure_ovf_env_parse(b->data, b->size, a->c->d, &env);

	if (r < 0)
		return r;
	cJSON_Delete(a->ovf);
	a->ovf = env;
	return str_set(&a->i->origin, origin);
}

/* An unreadable medium is an error: something is wrong with this machine. Somebody else's is none. */
static int read_env(struct azure *a)
{
	static const char *const folders[] = {SEED, CACHE};
	auto_blob struct blob b = {0};
	int r = -ENOENT;

	if (a->c->media) {
		r = tree_read(a->c->media, FILE_NAME, METADATA_DOCUMENT_MAX, &b);
		if (r >= 0)
			r = parse_env(a, &b, a->c->origin ? a->c->origin : FILE_NAME);
	}
	for (size_t k = 0; k < ELEMENTSOF(folders) && r == -ENOENT; k++) {
		auto_free char *path = path_join(folders[k], FILE_NAME);

		blob_done(&b);
		r = path ? tree_read(&a->c->machine->root, path, METADATA_DOCUMENT_MAX, &b)
		         : -ENOMEM;
		if (r >= 0)
			r = parse_env(a, &b, folders[k]);
	}
	return r == -ENOENT ? 0 : r;
}

/* ---- IMDS ---- */

static int read_imds(struct azure *a)
{
	const struct azure_imds o = {IMDS_SECONDS, CONNECTION_ERRORS};
	cJSON *imds = NULL;
	int r = azure_imds_fetch(a->c, &o, &imds);

	if (r < 0)
		return r == -ENOMEM
		               ? r
		               : diag_add(a->c->d, r, DIAG_WARNING, "IMDS", 0, "%s", strerror(-r));
	cJSON_Delete(a->imds);
	a->imds = imds;
	return 0;
}

/* ---- machines that wait for their owner ---- */

static bool waits_for_owner(const struct azure *a, const char **ret_kind)
{
	const char *kind = json_string_or(web_find(a->imds, "extended.compute"), "ppsType", NULL);

	if (!kind || streq(kind, "None"))
		kind = json_string_or(web_find(a->ovf, "config"), "PreprovisionedVMType", NULL);
	if (!kind && cJSON_IsTrue(web_find(a->ovf, "config.PreprovisionedVm")))
		kind = "Running";
	if (!kind && tree_has(&a->c->machine->root, MARKER))
		kind = "Running"; /* it was restarted while it waited */
	*ret_kind = kind;
	return kind && !streq(kind, "None");
}

static int wait_for_owner(struct azure *a)
{
	const struct azure_imds o = {OWNER_WAIT_SECONDS, 0};
	struct source_context c = *a->c;
	auto_blob struct blob b = {0};
	const char *kind;
	int r;

	if (!waits_for_owner(a, &kind))
		return 0;
	if (!streq(kind, "Running") && !streq(kind, "Unknown"))
		return diag_add(a->c->d, -EOPNOTSUPP, DIAG_ERROR, "IMDS", 0,
		                "machines that are sold with another interface or disk (%s) are "
		                "not supported",
		                kind);
	c.deadline = 0; /* the wait is the machine's purpose; its end is OWNER_WAIT_SECONDS */
	r = azure_report(&c, a->c->fabric, NULL);
	if (r >= 0)
		r = azure_reprovision_fetch(&c, &o, &b);
	if (r >= 0)
		r = parse_env(a, &b, "IMDS");
	if (r < 0)
		return diag_add(a->c->d, r, DIAG_ERROR, "IMDS", 0, "while waiting for an owner: %s",
		                strerror(-r));
	return read_imds(a);
}

/* ---- both together ---- */

static const char *os_profile(const struct azure *a, const char *key)
{
	return json_string_or(web_find(a->imds, "compute.osProfile"), key, NULL);
}

static void set_string(cJSON *object, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	json_add_string(object, key, value);
}

static cJSON *need_object(cJSON *parent, const char *key)
{
	cJSON *o = cJSON_GetObjectItemCaseSensitive(parent, key);

	return o ? o : cJSON_AddObjectToObject(parent, key);
}

static int set_config(struct azure *a)
{
	static const char *const kept[] = {"ssh_pwauth", "system_info"};
	const char *user = os_profile(a, "adminUsername"),
		   *no_password = os_profile(a, "disablePasswordAuthentication");
	cJSON *config = cJSON_CreateObject();

	a->i->config = config;
	for (size_t k = 0; k < ELEMENTSOF(kept); k++) {
		const cJSON *v =
			cJSON_GetObjectItemCaseSensitive(web_find(a->ovf, "config"), kept[k]);

		if (v)
			json_add_take(config, kept[k], cJSON_Duplicate(v, true));
	}
	if (!str_is_empty(user))
		set_string(need_object(need_object(config, "system_info"), "default_user"), "name",
		           user);
	if (no_password) {
		cJSON_DeleteItemFromObjectCaseSensitive(config, "ssh_pwauth");
		json_add_bool(config, "ssh_pwauth", strcasecmp(no_password, "true") != 0);
	}
	return config ? 0 : -ENOMEM;
}

static int set_user_data(struct azure *a)
{
	const cJSON *own = web_find(a->ovf, "user-data"),
		    *other = web_find(a->imds, "compute.userData");
	int r = 0;

	if (cJSON_IsString(own) && *own->valuestring)
		return base64_decode(own->valuestring, strlen(own->valuestring), &a->i->user_data);
	if (cJSON_IsString(other) && *other->valuestring)
		r = base64_decode(other->valuestring, strlen(other->valuestring), &a->i->user_data);
	if (r < 0 && r != -ENOMEM)
		r = diag_add(a->c->d, 0, DIAG_WARNING, "IMDS", 0, "userData is not base64");
	return r;
}

/* IMDS' keys, if all are in the form that sshd reads; else the medium's. */
static int set_keys(struct azure *a)
{
	const cJSON *list = web_find(a->imds, "compute.publicKeys"),
		    *own = web_find(a->ovf, "config._pubkeys"), *it;
	cJSON *keys = cJSON_CreateArray();
	bool is_openssh = cJSON_GetArraySize(list) > 0;

	cJSON_ArrayForEach(it, list)
	{
		const char *key = json_string_or(it, "keyData", "");

		is_openssh &=
			!str_is_empty(key) && !strstr(key, "\r\n") && !strstr(key, "-----BEGIN");
		json_append_take(keys, cJSON_CreateString(key));
	}
	if (is_openssh) {
		a->i->public_keys = keys;
		return 0;
	}
	cJSON_Delete(keys);
	keys = cJSON_CreateArray();
	cJSON_ArrayForEach(it, own)
	{
		const char *key = json_string_or(it, "value", "");

		if (!*key)
			diag_add(a->c->d, -EOPNOTSUPP, DIAG_WARNING, FILE_NAME, 0,
			         "a public key is named by its fingerprint alone: not supported");
		else
			json_append_take(keys, cJSON_CreateString(key));
	}
	if (keys && !keys->child) {
		cJSON_Delete(keys);
		return 0;
	}
	return json_add_take(a->i->meta_data, "public-keys", keys);
}

/* The host gives entropy in an ACPI table. */
static void set_random_seed(struct azure *a)
{
	auto_blob struct blob b = {0};
	auto_free char *encoded = NULL;

	if (tree_read(&a->c->machine->root, ENTROPY, METADATA_DOCUMENT_MAX, &b) < 0 || !b.size)
		return;
	if (utf8_is_valid(b.data, b.size) && !memchr(b.data, '\0', b.size))
		json_add_string(a->i->meta_data, "random_seed", b.data);
	else if (base64_encode(b.data, b.size, &encoded) >= 0)
		json_add_string(a->i->meta_data, "random_seed", encoded);
}

static int set_id(struct azure *a)
{
	const struct machine *m = a->c->machine;
	auto_free char *id = NULL;
	int r;

	if (!m->dmi[DMI_PRODUCT_UUID])
		return diag_add(a->c->d, -EBADMSG, DIAG_ERROR, "SMBIOS", 0, "no product UUID");
	/* The first generation of machines has no EFI, and its UUID in the other byte order. */
	r = azure_vm_id(m->dmi[DMI_PRODUCT_UUID], !tree_has(&m->root, "sys/firmware/efi"), &id);
	if (r < 0)
		return r;
	set_string(a->i->meta_data, "instance-id", id);
	return instance_take_id(a->i, a->c->d);
}

static void set_network(struct azure *a)
{
	const cJSON *network = web_find(a->imds, "network"), *config = a->c->config;
	auto_json cJSON *macs = nics_by_mac(a->c->nics, a->c->n_nics);

	if (network && json_bool_or(config, "apply_network_config", true))
		(void) network_from_azure(
			network, macs,
			json_bool_or(config, "apply_network_config_for_secondary_ips", true),
			json_bool_or(config, "apply_network_config_set_name", true),
			&a->i->network);
}

static int fill(struct azure *a)
{
	const char *host = os_profile(a, "computerName"),
		   *own = json_string_or(web_find(a->ovf, "metadata"), "local-hostname",
	                                 a->ovf ? NULL : "");
	int r;

	if (!str_is_empty(host) || own)
		set_string(a->i->meta_data, "local-hostname", str_is_empty(host) ? own : host);
	json_add_take(a->i->meta_data, "imds",
	              a->imds ? cJSON_Duplicate(a->imds, true) : cJSON_CreateObject());
	set_random_seed(a);
	set_network(a);
	r = set_id(a);
	if (r >= 0)
		r = set_config(a);
	if (r >= 0)
		r = set_user_data(a);
	return r < 0 ? r : set_keys(a);
}

static int read_all(struct azure *a)
{
	int r = read_env(a);

	if (r >= 0)
		r = read_imds(a) == -ENOMEM ? -ENOMEM : 0;
	if (r >= 0 && !a->ovf && !a->imds)
		return -ENOENT;
	if (r >= 0 && !a->ovf)
		r = str_set(&a->i->origin, "IMDS");
	if (r >= 0)
		r = wait_for_owner(a);
	if (r >= 0)
		r = fill(a);
	if (r >= 0 && azure_report(a->c, a->c->fabric, NULL) < 0)
		diag_add(a->c->d, -EIO, DIAG_WARNING, "fabric", 0, "it could not be told: Ready");
	return r;
}

int source_azure(const struct source_context *c, struct instance **ret)
{
	struct azure a = {.c = c};
	int r = instance_new("Azure", "Azure", &a.i);

	if (r >= 0)
		r = str_set(&a.i->platform, "azure");
	if (r >= 0)
		r = read_all(&a);
	cJSON_Delete(a.ovf);
	cJSON_Delete(a.imds);
	if (r < 0) {
		instance_free(a.i);
		return r;
	}
	*ret = a.i;
	return 0;
}
