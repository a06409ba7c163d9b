// SPDX-License-Identifier: Apache-2.0
/*
 * A seed in the machine's own credentials, which need neither a medium nor a packet: SMBIOS strings of type 11 and QEMU's fw_cfg. The
 * manager has put them into /run/credentials/@system before anything else runs, for root alone.
 */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <ctype.h>

#define FOLDER     "run/credentials/@system"
#define PREFIX     FOLDER "/metadata."
#define DEFAULT_ID "credentials"

static const char *const documents[] = {PREFIX "meta-data", PREFIX "user-data",
                                        PREFIX "vendor-data", PREFIX "network-config"};

bool credentials_are_given(const struct tree *root)
{
	for (size_t k = 0; k < ELEMENTSOF(documents); k++)
		if (tree_stat(root, documents[k]) == 'f')
			return true;
	return false;
}

/* Who names no instance means this machine; a copy of it has another UUID. */
static int set_default_id(const struct machine *m, struct instance *i)
{
	auto_free char *id = NULL;

	if (cJSON_HasObjectItem(i->meta_data, "instance-id"))
		return 0;
	id = strdup(str_is_empty(m->dmi[DMI_PRODUCT_UUID]) ? DEFAULT_ID : m->dmi[DMI_PRODUCT_UUID]);
	if (!id)
		return -ENOMEM;
	for (char *p = id; *p; p++)
		*p = (char) tolower((unsigned char) *p);
	return json_add_string(i->meta_data, "instance-id", id);
}

static int read_documents(const struct source_context *c, struct instance *i)
{
	auto_blob struct blob meta = {0}, network = {0};
	struct blob *const to[] = {&meta, &i->user_data, &i->vendor_data, &network};
	int r = 0;

	for (size_t k = 0; k < ELEMENTSOF(documents); k++) {
		r = tree_read(&c->machine->root, documents[k], METADATA_DOCUMENT_MAX, to[k]);
		if (r < 0 && r != -ENOENT)
			return diag_add(c->d, r, DIAG_ERROR, documents[k], 0, "cannot be read: %s",
			                strerror(-r));
	}
	if (network.size)
		(void) yaml_parse(network.data, network.size, "network-config", c->d, &i->network);
	return meta.size ? seed_take_meta_data(i, &meta, c->d) : 0;
}

int source_credentials(const struct source_context *c, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r;

	if (!c->host_is_trusted || !credentials_are_given(&c->machine->root))
		return -ENOENT;
	r = instance_new("Credentials", "the machine's credentials", &i);
	if (r >= 0)
		r = str_set(&i->platform, "credentials");
	if (r >= 0)
		r = str_set(&i->dsmode, "local");
	if (r >= 0)
		r = read_documents(c, i);
	if (r >= 0)
		r = set_default_id(c->machine, i);
	if (r >= 0)
		r = instance_take_id(i, c->d);
	if (r >= 0)
		*ret = TAKE_PTR(i);
	return r;
}
