// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/xml.h"

#include <expat.h>

struct builder {
	XML_Parser parser;
	struct xml *root, *at;
	struct strbuf *texts[XML_DEPTH_MAX + 1];
	unsigned depth, nodes;
	int error;
	const char *why;
};

struct xml *xml_free(struct xml *x)
{
	/* Down to a leaf, free it, and back up: the depth is limited, but a stack need not show it. */
	while (x) {
		struct xml *child = x->first, *parent = x->parent, *next = x->next;

		if (child) {
			x->first = NULL;
			x = child;
			continue;
		}
		free(x->space);
		free(x->name);
		free(x->text);
		cJSON_Delete(x->attributes);
		free(x);
		x = next ? next : parent;
	}
	return NULL;
}

static void fail(struct builder *b, int error, const char *why)
{
	if (!b->error) {
		b->error = error;
		b->why = why;
	}
	(void) XML_StopParser(b->parser, XML_FALSE);
}

static int split_name(const char *full, char **ret_space, char **ret_name)
{
	const char *blank = strrchr(full, ' ');

	*ret_space = blank ? strndup(full, (size_t) (blank - full)) : strdup("");
	*ret_name = strdup(blank ? blank + 1 : full);
	return *ret_space && *ret_name ? 0 : -ENOMEM;
}

static int add_attributes(struct xml *x, const char **attributes)
{
	x->attributes = cJSON_CreateObject();
	for (; *attributes; attributes += 2) {
		const char *blank = strrchr(attributes[0], ' ');

		if (json_add_string(x->attributes, attributes[0], attributes[1]) < 0)
			return -ENOMEM;
		if (blank && !cJSON_HasObjectItem(x->attributes, blank + 1) &&
		    json_add_string(x->attributes, blank + 1, attributes[1]) < 0)
			return -ENOMEM;
	}
	return x->attributes ? 0 : -ENOMEM;
}

static void link_node(struct builder *b, struct xml *x)
{
	x->parent = b->at;
	if (!b->at)
		b->root = x;
	else if (b->at->last)
		b->at->last->next = x;
	else
		b->at->first = x;
	if (b->at)
		b->at->last = x;
	b->at = x;
}

static void XMLCALL on_start(void *userdata, const char *name, const char **attributes)
{
	struct builder *b = userdata;
	struct xml *x;

	if (b->error)
		return;
	if (b->depth >= XML_DEPTH_MAX || b->nodes++ >= XML_NODES_MAX) {
		fail(b, -E2BIG, "too deep or too many elements");
		return;
	}
	x = calloc(1, sizeof(*x));
	if (!x) {
		fail(b, -ENOMEM, "out of memory");
		return;
	}
	link_node(b, x);
	b->texts[++b->depth] = calloc(1, sizeof(struct strbuf));
	if (!b->texts[b->depth] || split_name(name, &x->space, &x->name) < 0 ||
	    add_attributes(x, attributes) < 0)
		fail(b, -ENOMEM, "out of memory");
}

static int take_text(struct builder *b, char **ret)
{
	struct strbuf *t = b->texts[b->depth];
	int r;

	strbuf_puts(t, "");
	r = strbuf_take(t, ret);
	strbuf_done(t);
	free(t);
	b->texts[b->depth--] = NULL;
	return r;
}

static void XMLCALL on_end(void *userdata, const char *name)
{
	struct builder *b = userdata;

	(void) name;
	if (b->error)
		return;
	if (take_text(b, &b->at->text) < 0)
		fail(b, -ENOMEM, "out of memory");
	b->at = b->at->parent;
}

static void XMLCALL on_text(void *userdata, const char *text, int size)
{
	struct builder *b = userdata;

	if (!b->error && b->depth)
		strbuf_add(b->texts[b->depth], text, (size_t) size);
}

static void XMLCALL on_doctype(void *userdata, const char *name, const char *system_id,
                               const char *public_id, int has_internal)
{
	(void) name;
	(void) system_id;
	(void) public_id;
	(void) has_internal;
	fail(userdata, -EBADMSG, "a document type is not allowed");
}

static void builder_done(struct builder *b)
{
	while (b->depth) {
		strbuf_done(b->texts[b->depth]);
		free(b->texts[b->depth--]);
	}
	XML_ParserFree(b->parser);
	xml_free(b->root);
}

int xml_parse(const char *text, size_t size, const char *name, struct diag *d, struct xml **ret)
{
	struct builder b = {.parser = XML_ParserCreateNS(NULL, ' ')};
	int r = 0;

	if (!b.parser)
		return -ENOMEM;
	if (size > METADATA_DOCUMENT_MAX) {
		XML_ParserFree(b.parser);
		return -EFBIG;
	}
	XML_SetUserData(b.parser, &b);
	XML_SetElementHandler(b.parser, on_start, on_end);
	XML_SetCharacterDataHandler(b.parser, on_text);
	XML_SetStartDoctypeDeclHandler(b.parser, on_doctype);
	if (XML_Parse(b.parser, text, (int) size, 1) != XML_STATUS_OK || b.error) {
		const char *why = b.why ? b.why : XML_ErrorString(XML_GetErrorCode(b.parser));

		r = b.error ? b.error : -EBADMSG;
		diag_add(d, r, DIAG_ERROR, name, (unsigned) XML_GetCurrentLineNumber(b.parser),
		         "%s", why ? why : "not XML");
	} else {
		*ret = TAKE_PTR(b.root);
	}
	builder_done(&b);
	return r;
}

static bool is_named(const struct xml *x, const char *space, const char *name)
{
	return streq(x->name, name) && (!space || streq(x->space, space));
}

const struct xml *xml_child(const struct xml *x, const char *space, const char *name)
{
	for (const struct xml *c = x ? x->first : NULL; c; c = c->next)
		if (is_named(c, space, name))
			return c;
	return NULL;
}

unsigned xml_count(const struct xml *x, const char *space, const char *name)
{
	unsigned n = 0;

	for (const struct xml *c = x ? x->first : NULL; c; c = c->next)
		n += is_named(c, space, name);
	return n;
}

const struct xml *xml_path(const struct xml *x, const char *path)
{
	auto_strv char **parts = NULL;

	if (strv_split(path, "/", &parts) < 0)
		return NULL;
	STRV_FOREACH (p, parts)
		x = xml_child(x, NULL, *p);
	return x;
}

int xml_escape(const char *text, char **ret)
{
	static const struct {
		char c;
		const char *as;
	} escapes[] = {
		{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}};
	auto_strbuf struct strbuf b = {0};

	strbuf_puts(&b, "");
	for (; *text; text++) {
		const char *as = NULL;

		for (size_t i = 0; i < ELEMENTSOF(escapes); i++)
			if (escapes[i].c == *text)
				as = escapes[i].as;
		if (as)
			strbuf_puts(&b, as);
		else
			strbuf_add(&b, text, 1);
	}
	return strbuf_take(&b, ret);
}
