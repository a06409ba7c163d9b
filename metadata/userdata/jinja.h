// SPDX-License-Identifier: Apache-2.0
/* jinja - private to userdata/: expressions of templates. Values are JSON; what is not there is a value,
 * too (jinja_is_undefined), and reads as cloud-init writes it. */
#pragma once

#include "metadata/userdata/userdata.h"

struct jinja_binding {
	char *name;
	cJSON *value;
};
/* Names bound by "set" and "for" over the instance data. */
struct jinja_scope {
	const cJSON *data;
	struct jinja_binding *bound;
	size_t n_bound;
};
int jinja_bind(struct jinja_scope *s, const char *name, cJSON *value); /* takes value */
void jinja_unbind(struct jinja_scope *s, size_t keep);                 /* all but the first @keep */

/* -EBADMSG with a reason, which holds no value of the data. */
int jinja_evaluate(const char *text, const struct jinja_scope *s, cJSON **ret, char *reason,
                   size_t reason_size);
cJSON *jinja_undefined(const char *name);
bool jinja_is_undefined(const cJSON *v);
bool jinja_is_true(const cJSON *v);
char *jinja_text(const cJSON *v); /* as Python's str() writes it */

struct jinja_filter {
	const char *name;
	/* @v is consumed; NULL: out of memory or not for such a value */
	cJSON *(*run)(cJSON *v, const cJSON *arguments);
};
const struct jinja_filter *jinja_filter_find(const char *name);
