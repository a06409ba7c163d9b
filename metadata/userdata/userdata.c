// SPDX-License-Identifier: Apache-2.0
/* What becomes of each part: configuration is merged, scripts are kept. */
#include "metadata/userdata/userdata.h"

#include <ctype.h>

struct layer {
	struct userdata *u;
	cJSON *config; /* of this source alone */
	bool is_vendor;
	const struct userdata_options *o;
	struct diag *d;
};

struct handler {
	const char *type;
	int (*run)(struct layer *l, const struct part *p);
};

/* ---- scripts ---- */

/* @marker: a first line to take away. Line ends of another world would make "sh\r" the interpreter. */
static int add_script(struct layer *l, const struct part *p, enum script_when when,
                      const char *marker)
{
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	const char *text = p->payload.data, *end = text + p->payload.size;
	struct script *more = realloc(l->u->scripts, (l->u->n_scripts + 1) * sizeof(*more)), *s;
	int r;

	if (!more)
		return -ENOMEM;
	l->u->scripts = more;
	while (text < end && isspace((unsigned char) *text))
		text++;
	if (marker && (size_t) (end - text) >= strlen(marker) &&
	    !strncasecmp(text, marker, strlen(marker))) {
		text += strlen(marker);
		while (text < end && isspace((unsigned char) *text))
			text++;
	}
	strbuf_puts(&b, "");
	for (; text < end; text++)
		if (!(text[0] == '\r' && text + 1 < end && text[1] == '\n'))
			strbuf_add(&b, text, 1);
	s = &l->u->scripts[l->u->n_scripts];
	*s = (struct script){.when = when, .filename = strdup(p->filename)};
	s->text.size = b.size;
	r = strbuf_take(&b, &s->text.data);
	if (r < 0 || !s->filename) {
		free(s->filename);
		blob_done(&s->text);
		return -ENOMEM;
	}
	l->u->n_scripts++;
	return 0;
}

static int handle_script(struct layer *l, const struct part *p)
{
	return add_script(l, p, l->is_vendor ? SCRIPT_VENDOR : SCRIPT_PER_INSTANCE_USER, NULL);
}

static int handle_per_boot(struct layer *l, const struct part *p)
{
	return add_script(l, p, SCRIPT_PER_BOOT, NULL);
}

static int handle_per_instance(struct layer *l, const struct part *p)
{
	return add_script(l, p, SCRIPT_PER_INSTANCE, NULL);
}

static int handle_per_once(struct layer *l, const struct part *p)
{
	return add_script(l, p, SCRIPT_PER_ONCE, NULL);
}

static int handle_boothook(struct layer *l, const struct part *p)
{
	return add_script(l, p, SCRIPT_BOOTHOOK, "#cloud-boothook");
}

/* ---- configuration ---- */

/* The part's own word, then its header's, then the default. */
static int mergers_of(cJSON *config, const struct part *p, cJSON **ret)
{
	auto_json cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(config, "merge_how"),
			*type = cJSON_DetachItemFromObjectCaseSensitive(config, "merge_type"),
			*fallback = cJSON_CreateString(MERGE_HOW_DEFAULT);
	const cJSON *header = cJSON_GetObjectItem(p->headers, "Merge-Type");
	int r;

	if (!header)
		header = cJSON_GetObjectItem(p->headers, "X-Merge-Type");
	if (!own || cJSON_IsNull(own)) {
		cJSON_Delete(own);
		own = TAKE_PTR(type);
	}
	r = merge_how_parse(own, ret);
	if (r >= 0 && !(*ret)->child) {
		cJSON_Delete(*ret);
		*ret = NULL;
		r = merge_how_parse(header, ret);
	}
	if (r >= 0 && !(*ret)->child) {
		cJSON_Delete(*ret);
		*ret = NULL;
		r = merge_how_parse(fallback, ret);
	}
	return r;
}

static int handle_config(struct layer *l, const struct part *p)
{
	auto_json cJSON *config = NULL, *how = NULL;
	int r = yaml_parse(p->payload.data, p->payload.size, p->filename, l->d, &config);

	if (r < 0)
		return r;
	if (cJSON_IsNull(config))
		return 0;
	if (!cJSON_IsObject(config))
		return diag_add(l->d, -EBADMSG, DIAG_ERROR, p->filename, 1,
		                "a cloud-config is a map of keys");
	r = mergers_of(config, p, &how);
	if (r < 0)
		return diag_add(l->d, r, DIAG_ERROR, p->filename, 0,
		                "merge_how is not of its form");
	return merge_values(&l->config, config, how);
}

static int handle_patch(struct layer *l, const struct part *p)
{
	auto_json cJSON *patch = NULL;
	const char *text = p->payload.data, *rest;

	while (isspace((unsigned char) *text))
		text++;
	rest = str_after(text, "#cloud-config-jsonp");
	text = rest ? rest : text;
	if (json_parse(text, strlen(text), p->filename, l->d, &patch) < 0)
		return -EBADMSG;
	return json_patch_apply(&l->config, patch, l->d);
}

static int handle_python(struct layer *l, const struct part *p)
{
	return diag_add(l->d, -EOPNOTSUPP, DIAG_WARNING, p->filename, 0,
	                "part handlers are programs for another interpreter: ignored");
}

static int handle_part(struct layer *l, const struct part *p);

static int handle_jinja(struct layer *l, const struct part *p)
{
	auto_json cJSON *none = cJSON_CreateObject();
	auto_free char *type = NULL;
	struct part rendered = *p;
	const char *told;
	int r;

	rendered.payload = (struct blob){0};
	r = jinja_render(p->payload.data, p->payload.size,
	                 l->o && l->o->instance_data ? l->o->instance_data : none, p->filename,
	                 l->d, &rendered.payload);
	if (r < 0)
		return r;
	told = part_type_of(rendered.payload.data, rendered.payload.size);
	type = strdup(told ? told : "text/x-not-multipart");
	rendered.type = type;
	if (!type)
		r = -ENOMEM;
	else if (streq(type, "text/jinja2"))
		r = diag_add(l->d, -EBADMSG, DIAG_ERROR, p->filename, 0,
		             "a template makes another template");
	else
		r = handle_part(l, &rendered);
	blob_done(&rendered.payload);
	return r;
}

static const struct handler handlers[] = {
	{"text/cloud-config", handle_config},
	{"text/cloud-config-jsonp", handle_patch},
	{"text/x-shellscript", handle_script},
	{"text/x-shellscript-per-boot", handle_per_boot},
	{"text/x-shellscript-per-instance", handle_per_instance},
	{"text/x-shellscript-per-once", handle_per_once},
	{"text/cloud-boothook", handle_boothook},
	{"text/jinja2", handle_jinja},
	{"text/part-handler", handle_python},
};

static int handle_part(struct layer *l, const struct part *p)
{
	for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
		if (streq(handlers[i].type, p->type)) {
			if (memchr(p->payload.data, '\0', p->payload.size))
				return diag_add(l->d, -EBADMSG, DIAG_ERROR, p->filename, 0,
				                "a text with NUL bytes");
			return handlers[i].run(l, p);
		}
	/* Nothing at all is no mistake. */
	for (size_t i = 0; i < p->payload.size; i++)
		if (!isspace((unsigned char) p->payload.data[i]))
			return diag_add(l->d, -EBADMSG, DIAG_WARNING, p->filename, 0,
			                "a part of the type \"%.64s\" is not handled: ignored",
			                p->type);
	return 0;
}

/* ---- layers ---- */

static int read_layer(const struct blob *data, const char *name, struct layer *l)
{
	struct parts parts;
	int r, worst;

	l->config = cJSON_CreateObject();
	if (!l->config)
		return -ENOMEM;
	if (!data->size)
		return 0;
	worst = parts_split(data, name, l->o ? l->o->include : NULL, l->o ? l->o->launch_index : -1,
	                    l->d, &parts);
	for (size_t i = 0; i < parts.n; i++) {
		r = handle_part(l, &parts.items[i]);
		worst = MIN(worst, r);
	}
	parts_done(&parts);
	return worst;
}

static void drop_vendor_scripts(struct userdata *u)
{
	size_t n = 0;

	for (size_t i = 0; i < u->n_scripts; i++) {
		if (u->scripts[i].when == SCRIPT_VENDOR) {
			free(u->scripts[i].filename);
			blob_done(&u->scripts[i].text);
		} else {
			u->scripts[n++] = u->scripts[i];
		}
	}
	u->n_scripts = n;
}

/* "vendor_data: {enabled: false}" of the user or of the image turns vendor data off. */
static bool wants_vendor(const cJSON *config)
{
	const cJSON *enabled = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(config, "vendor_data"), "enabled");

	if (cJSON_IsString(enabled))
		return str_to_bool(enabled->valuestring) != 0;
	return !cJSON_IsFalse(enabled);
}

int userdata_read(const struct instance *i, const struct userdata_options *o, struct diag *d,
                  struct userdata *ret)
{
	struct userdata u = {0};
	struct layer layers[3] = {
		{&u, NULL, false, o, d}, {&u, NULL, true, o, d}, {&u, NULL, true, o, d}};
	const struct blob *blobs[] = {&i->user_data, &i->vendor_data2, &i->vendor_data};
	static const char *const names[] = {"user-data", "vendor-data2", "vendor-data"};
	bool vendor;
	int worst = 0, r = 0;

	*ret = (struct userdata){0};
	/* Vendor scripts come first, so the user's layer is read last but counts most. */
	for (size_t k = ELEMENTSOF(layers); k-- > 0;)
		worst = MIN(worst, read_layer(blobs[k], names[k], &layers[k]));
	u.config = layers[0].config;
	if (!u.config)
		r = -ENOMEM;
	vendor = r >= 0 && wants_vendor(u.config) && (!o || wants_vendor(o->system));
	for (size_t k = 1; k < ELEMENTSOF(layers); k++) {
		if (r >= 0 && vendor)
			r = merge_layers(u.config, layers[k].config);
		cJSON_Delete(layers[k].config);
	}
	if (!vendor)
		drop_vendor_scripts(&u);
	if (r >= 0 && i->config)
		r = merge_layers(u.config, i->config);
	if (r >= 0 && o && o->system)
		r = merge_layers(u.config, o->system);
	if (r < 0) {
		userdata_done(&u);
		return r;
	}
	*ret = u; /* also when one of them is bad: the others still count */
	return worst;
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
