// SPDX-License-Identifier: Apache-2.0
/* What kind of document user data is, and what becomes of it. */
#include "metadata/userdata/userdata.h"

struct format {
	const char *marker;
	int (*read)(const char *text, size_t size, const char *name, struct diag *d,
	            struct userdata *u);
};

/* Top-level keys of @over win; maps below are not mixed: the default of cloud-init for user data
 * over vendor data. */
static int merge(cJSON *base, cJSON *over)
{
	while (over->child) {
		cJSON *item = cJSON_DetachItemViaPointer(over, over->child);
		auto_free char *key = strdup(item->string);

		if (!key) {
			cJSON_Delete(item);
			return -ENOMEM;
		}
		cJSON_DeleteItemFromObjectCaseSensitive(base, key);
		cJSON_AddItemToObject(base, key, item);
	}
	return 0;
}

static int read_cloud_config(const char *text, size_t size, const char *name, struct diag *d,
                             struct userdata *u)
{
	auto_json cJSON *config = NULL;
	int r = yaml_parse(text, size, name, d, &config);

	if (r < 0)
		return r;
	if (cJSON_IsNull(config))
		return 0;
	if (!cJSON_IsObject(config))
		return diag_add(d, -EBADMSG, DIAG_ERROR, name, 1,
		                "a cloud-config is a map of keys");
	return merge(u->config, config);
}

static int script_add_consume(struct userdata *u, enum script_when when, const char *name,
                              char *text, size_t size)
{
	struct script *more = realloc(u->scripts, (u->n_scripts + 1) * sizeof(*more));
	char *copy = strdup(name);

	if (more)
		u->scripts = more;
	if (!more || !copy) {
		free(copy);
		free(text);
		return -ENOMEM;
	}
	u->scripts[u->n_scripts++] = (struct script){when, copy, {text, size}};
	return 0;
}

static int read_script(const char *text, size_t size, const char *name, struct diag *d,
                       struct userdata *u)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	char *script;
	int r;

	(void) name, (void) d;
	/* Line ends of another world would make "sh\r" the interpreter. */
	for (size_t i = 0; i < size; i++)
		if (!(text[i] == '\r' && i + 1 < size && text[i + 1] == '\n'))
			strbuf_add(&b, text + i, 1);
	size = b.size;
	r = strbuf_take(&b, &script);
	return r < 0 ? r : script_add_consume(u, SCRIPT_PER_INSTANCE_USER, name, script, size);
}

static const struct format formats[] = {
	{"#cloud-config", read_cloud_config},
	{"#!", read_script},
};

static int read_one(const char *text, size_t size, const char *name, struct diag *d,
                    struct userdata *u)
{
	while (size && (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')) {
		text++;
		size--;
	}
	if (!size)
		return 0;
	if (memchr(text, '\0', size))
		return diag_add(d, -EBADMSG, DIAG_ERROR, name, 0,
		                "binary data that is no known format");
	for (size_t i = 0; i < ELEMENTSOF(formats); i++)
		if (size >= strlen(formats[i].marker) &&
		    !memcmp(text, formats[i].marker, strlen(formats[i].marker)))
			return formats[i].read(text, size, name, d, u);
	return diag_add(d, -EBADMSG, DIAG_WARNING, name, 1,
	                "not a format that is known (#cloud-config, #!): ignored");
}

int userdata_read(const struct instance *i, const struct userdata_options *o, struct diag *d,
                  struct userdata *ret)
{
	struct userdata u = {.config = cJSON_CreateObject()};
	int r = 0, q = 0;

	(void) o;
	if (!u.config)
		return -ENOMEM;
	if (i->vendor_data.data)
		q = read_one(i->vendor_data.data, i->vendor_data.size, "vendor-data", d, &u);
	if (i->user_data.data)
		r = read_one(i->user_data.data, i->user_data.size, "user-data", d, &u);
	*ret = u; /* also when one of them is bad: the other still counts */
	return r < 0 ? r : q;
}

void userdata_done(struct userdata *u)
{
	cJSON_Delete(u->config);
	for (size_t k = 0; k < u->n_scripts; k++) {
		free(u->scripts[k].filename);
		blob_done(&u->scripts[k].text);
	}
	free(u->scripts);
	*u = (struct userdata){0};
}
