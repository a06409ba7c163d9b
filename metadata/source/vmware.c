// SPDX-License-Identifier: Apache-2.0
/* VMware's guestinfo: three texts with encodings, through the hypervisor's back door (vmware-rpc.c) or
 * the environment. */
#include "metadata/source/vmware.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <ctype.h>

#define EMPTY "---" /* what a text that was read and must not stay is set to */

static bool is_said(const char *text)
{
	return !str_is_empty(text) && !streq(text, EMPTY);
}

/* "base64", "b64", "gzip+base64", "gz+b64", or none. */
static int decode(const char *text, const char *encoding, const char *name, struct diag *d,
                  struct blob *ret)
{
	bool is_b64, is_gz;
	int r;

	if (str_is_empty(encoding))
		return blob_set(ret, text, strlen(text));
	is_gz = streq(encoding, "gzip+base64") || streq(encoding, "gz+b64");
	is_b64 = is_gz || streq(encoding, "base64") || streq(encoding, "b64");
	if (!is_b64)
		return diag_add(d, -EBADMSG, DIAG_ERROR, name, 0, "its encoding is not known");
	r = base64_decode(text, strlen(text), ret);
	if (r >= 0 && is_gz) {
		auto_blob struct blob packed = *ret;

		*ret = (struct blob){0};
		r = gunzip(packed.data ? packed.data : "", packed.size, METADATA_DOCUMENT_MAX, ret);
	}
	return r < 0 && r != -ENOMEM
	               ? diag_add(d, -EBADMSG, DIAG_ERROR, name, 0, "it is not %s", encoding)
	               : r;
}

/* "network" as a text with an encoding, as a configuration, or as {config: ...}. */
static int take_network(struct instance *i, struct diag *d)
{
	cJSON *network = cJSON_DetachItemFromObjectCaseSensitive(i->meta_data, "network"),
	      *encoding = cJSON_DetachItemFromObjectCaseSensitive(i->meta_data, "network.encoding"),
	      *config = NULL, *outer;
	int r = 0;

	if (cJSON_IsString(network)) {
		auto_blob struct blob b = {0};

		r = decode(network->valuestring,
		           cJSON_IsString(encoding) ? encoding->valuestring : NULL, "network", d,
		           &b);
		if (r >= 0)
			r = yaml_parse(b.data ? b.data : "", b.size, "network", d, &config);
		cJSON_Delete(network);
		network = config;
	}
	cJSON_Delete(encoding);
	if (r < 0 || !network)
		return r;
	if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(network, "config"))) {
		outer = network;
	} else {
		outer = cJSON_CreateObject();
		json_add_take(outer, "config", network);
	}
	config = cJSON_GetObjectItemCaseSensitive(outer, "config");
	i->network = cJSON_Duplicate(config, true);
	return json_add_take(i->meta_data, "network", outer);
}

static int take_metadata(struct instance *i, const struct blob *b, struct diag *d)
{
	cJSON *v = NULL;
	int r = yaml_parse(b->data ? b->data : "", b->size, "metadata", d, &v);

	if (r < 0)
		return r;
	if (cJSON_IsNull(v)) {
		cJSON_Delete(v);
		return 0;
	}
	if (!cJSON_IsObject(v)) {
		cJSON_Delete(v);
		return diag_add(d, -EBADMSG, DIAG_ERROR, "metadata", 1,
		                "a map of keys is expected");
	}
	cJSON_Delete(i->meta_data);
	i->meta_data = v;
	return take_network(i, d);
}

int guestinfo_read(const struct guestinfo *g, struct diag *d, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_blob struct blob meta = {0};
	int r;

	if (!is_said(g->metadata) && !is_said(g->userdata) && !is_said(g->vendordata))
		return -ENOENT;
	r = instance_new("VMware", "guestinfo", &i);
	if (r >= 0)
		r = str_set(&i->platform, "vmware");
	if (r >= 0 && is_said(g->metadata))
		r = decode(g->metadata, g->metadata_encoding, "metadata", d, &meta);
	if (r >= 0 && meta.size)
		r = take_metadata(i, &meta, d);
	if (r >= 0 && is_said(g->userdata))
		r = decode(g->userdata, g->userdata_encoding, "userdata", d, &i->user_data);
	if (r >= 0 && is_said(g->vendordata))
		r = decode(g->vendordata, g->vendordata_encoding, "vendordata", d, &i->vendor_data);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

/* Without an instance-id the machine's UUID is one. */
int guestinfo_take_id(struct instance *i, const struct machine *m, struct diag *d)
{
	if (!cJSON_HasObjectItem(i->meta_data, "instance-id") && m && m->dmi[DMI_PRODUCT_UUID]) {
		auto_free char *id = strdup(m->dmi[DMI_PRODUCT_UUID]);

		if (!id)
			return -ENOMEM;
		for (char *p = id; *p; p++)
			*p = (char) tolower((unsigned char) *p);
		json_add_string(i->meta_data, "instance-id", id);
	}
	return instance_take_id(i, d);
}

/* ---- where the texts come from ---- */

static char *from_environment(const char *key)
{
	auto_free char *name = str_printf("VMX_GUESTINFO_%s", key);
	const char *v;

	for (char *p = name; p && *p; p++)
		*p = *p == '.' ? '_' : (char) toupper((unsigned char) *p);
	v = name ? getenv(name) : NULL;
	return v ? strdup(v) : NULL;
}

static char *get_text(const struct source_context *c, const char *key)
{
	auto_free char *command = NULL, *answer = NULL;

	if (c->machine->has_guestinfo_env)
		return from_environment(key);
	command = str_printf("info-get guestinfo.%s", key);
	if (!command || vmware_rpc(command, &answer) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

/* The texts that the metadata names under "redact" are of no use to whoever looks later. */
static void redact(const struct source_context *c, const struct instance *i)
{
	const cJSON *it;

	if (c->machine->has_guestinfo_env)
		return;
	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(i->meta_data, "redact"))
	{
		if (!cJSON_IsString(it) || strspn(it->valuestring, "abcdefghijklmnopqrstuvwxyz") !=
		                                   strlen(it->valuestring))
			continue;
		for (int k = 0; k < 2; k++) {
			auto_free char *answer = NULL,
				       *command = str_printf("info-set guestinfo.%s%s %s",
			                                     it->valuestring, k ? ".encoding" : "",
			                                     k ? "" : EMPTY);

			if (command)
				(void) vmware_rpc(command, &answer);
		}
	}
}

int source_vmware(const struct source_context *c, struct instance **ret)
{
	static const char *const names[] = {"metadata",   "metadata.encoding",
	                                    "userdata",   "userdata.encoding",
	                                    "vendordata", "vendordata.encoding"};
	char *texts[ELEMENTSOF(names)];
	struct guestinfo g;
	int r;

	for (size_t k = 0; k < ELEMENTSOF(names); k++)
		texts[k] = get_text(c, names[k]);
	g = (struct guestinfo){texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]};
	r = guestinfo_read(&g, c->d, ret);
	for (size_t k = 0; k < ELEMENTSOF(names); k++)
		free(texts[k]);
	if (r < 0)
		return r;
	redact(c, *ret);
	r = guestinfo_take_id(*ret, c->machine, c->d);
	if (r < 0) {
		instance_free(*ret);
		*ret = NULL;
	}
	return r;
}
