// SPDX-License-Identifier: Apache-2.0
/*
 * xml - a small document as a tree, of expat. A document type is refused (it would bring entities),
 * and depth and number of elements are limited.
 */
#pragma once

#include "metadata/metadata.h"

#define XML_DEPTH_MAX 32
#define XML_NODES_MAX 8192

struct xml {
	char *space, *name; /* namespace ("" without) and local name */
	char *text;         /* all text directly below; "" if there is none */
	cJSON *attributes;  /* local name -> value; with a namespace also "NAMESPACE name" */
	struct xml *parent, *first, *last, *next;
};
struct xml *xml_free(struct xml *x);
DEFINE_CLEANUP(struct xml *, xml_free)

/* -EBADMSG with a finding that has the line. */
int xml_parse(const char *text, size_t size, const char *name, struct diag *d, struct xml **ret);
/* The first child of that name (in that namespace unless NULL), or NULL. */
const struct xml *xml_child(const struct xml *x, const char *space, const char *name);
/* How many there are. */
unsigned xml_count(const struct xml *x, const char *space, const char *name);
/* The element at "a/b/c" below @x, in any namespace; or NULL. */
const struct xml *xml_path(const struct xml *x, const char *path);
/* @text with the five characters escaped. */
int xml_escape(const char *text, char **ret);
