// SPDX-License-Identifier: Apache-2.0
/* Interfaces and methods by name, and org.varlink.service itself. */
#include "base/varlink-internal.h"

#define SERVICE "org.varlink.service"

static const char service_description[] =
	"# The Varlink Service Interface is provided by every varlink service.\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n";

static const char *const role_table[] = {
	[ROLE_NONE] = "none",
	[ROLE_OBSERVE] = "observe",
	[ROLE_OPERATE] = "operate",
	[ROLE_ADMIN] = "admin",
};

const char *varlink_role_to_string(enum varlink_role r)
{
	return ENUM_TO_STRING(role_table, (int) r);
}

int varlink_role_from_string(const char *s)
{
	return ENUM_FROM_STRING(role_table, s);
}

static struct varlink_interface *find_interface(struct varlink_server *s, const char *name,
                                                size_t size)
{
	LIST_FOREACH (i, &s->interfaces, struct varlink_interface, link)
		if (strncmp(i->name, name, size) == 0 && i->name[size] == 0)
			return i;
	return NULL;
}

static int get_info(struct varlink_call *c, const cJSON *parameters _unused_, void *userdata)
{
	struct varlink_server *s = userdata;
	auto_json cJSON *reply = cJSON_CreateObject(), *names = cJSON_CreateArray();
	int r;

	LIST_FOREACH (i, &s->interfaces, struct varlink_interface, link)
		if (json_append_take(names, cJSON_CreateString(i->name)) < 0)
			return -ENOMEM;
	if ((r = json_add_string(reply, "vendor", s->vendor)) < 0 ||
	    (r = json_add_string(reply, "product", s->product)) < 0 ||
	    (r = json_add_string(reply, "version", s->version)) < 0 ||
	    (r = json_add_string(reply, "url", "")) < 0 ||
	    (r = json_add_take(reply, "interfaces", TAKE_PTR(names))) < 0)
		return r;
	return varlink_reply(c, TAKE_PTR(reply));
}

static int get_description(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	auto_json cJSON *reply = NULL;
	struct varlink_interface *i;
	const char *name;
	int r;

	if (json_get_string(parameters, "interface", &name) < 0)
		return varlink_error_invalid(c, "interface");
	reply = cJSON_CreateObject();
	i = find_interface(userdata, name, strlen(name));
	r = i ? json_add_string(reply, "description", i->description)
	      : json_add_string(reply, "interface", name);
	if (r < 0)
		return r;
	if (!i)
		return varlink_error(c, SERVICE ".InterfaceNotFound", TAKE_PTR(reply));
	return varlink_reply(c, TAKE_PTR(reply));
}

static const struct varlink_method service_methods[] = {
	{SERVICE ".GetInfo", ROLE_NONE, get_info},
	{SERVICE ".GetInterfaceDescription", ROLE_NONE, get_description},
};

int varlink_service_register(struct varlink_server *s)
{
	return varlink_server_add_interface(s, service_description, service_methods,
	                                    ELEMENTSOF(service_methods), s);
}

/* The rest of the first line of @text that begins with @word and a blank, or NULL. */
static const char *find_line(const char *text, const char *word)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *rest;

		line += strspn(line, "\n");
		rest = str_after(line, word);
		if (rest && (*rest == ' ' || *rest == '\t'))
			return rest + strspn(rest, " \t");
	}
	return NULL;
}

void varlink_interface_free(struct varlink_interface *i)
{
	list_remove(&i->link);
	free(i->name);
	free(i);
}

int varlink_server_add_interface(struct varlink_server *s, const char *description,
                                 const struct varlink_method *methods, size_t n, void *userdata)
{
	const char *name = find_line(description, "interface");
	struct varlink_interface *i;
	size_t size;

	size = name ? strcspn(name, " \t\r\n#(") : 0;
	if (size == 0)
		return -EINVAL;
	/* A method of another name could never be found. */
	for (size_t k = 0; k < n; k++)
		if (strncmp(methods[k].name, name, size) != 0 || methods[k].name[size] != '.' ||
		    strchr(methods[k].name + size + 1, '.'))
			return -EINVAL;
	if (find_interface(s, name, size))
		return -EEXIST;
	i = calloc(1, sizeof(*i));
	if (i)
		i->name = strndup(name, size);
	if (!i || !i->name) {
		free(i);
		return -ENOMEM;
	}
	i->description = description;
	i->methods = methods;
	i->n_methods = n;
	i->userdata = userdata;
	list_append(&s->interfaces, &i->link);
	return 0;
}

/* An error with one text in it, such as { "method": "x.Y" }. */
static void refuse(struct varlink_call *c, const char *error, const char *key, const char *value)
{
	auto_json cJSON *j = cJSON_CreateObject();

	if (json_add_string(j, key, value) < 0)
		peer_break(c->peer);
	else
		(void) varlink_error(c, error, TAKE_PTR(j));
}

static void refuse_role(struct varlink_call *c, enum varlink_role needed)
{
	auto_json cJSON *j = cJSON_CreateObject();

	if (json_add_string(j, "method", c->method) < 0 ||
	    json_add_string(j, "role", varlink_role_to_string(c->peer->role)) < 0 ||
	    json_add_string(j, "needed", varlink_role_to_string(needed)) < 0)
		peer_break(c->peer);
	else
		(void) varlink_error(c, "org.sysmaster.Error.PermissionDenied", TAKE_PTR(j));
}

/* Is there a line "method NAME(" although the table has no function for it? */
static bool is_described(const struct varlink_interface *i, const char *name)
{
	size_t size = strlen(name);

	for (const char *m = i->description; (m = find_line(m, "method"));)
		if (strncmp(m, name, size) == 0 && strchr(" \t(", m[size]))
			return true;
	return false;
}

static const struct varlink_method *find_method(const struct varlink_interface *i, const char *name)
{
	for (size_t k = 0; k < i->n_methods; k++)
		if (streq(i->methods[k].name, name))
			return &i->methods[k];
	return NULL;
}

void varlink_dispatch(struct varlink_call *c, const cJSON *parameters)
{
	const char *dot = strrchr(c->method, '.');
	const struct varlink_method *m;
	struct varlink_interface *i;
	int r;

	if (!dot || dot == c->method || !dot[1]) {
		refuse(c, SERVICE ".MethodNotFound", "method", c->method);
		return;
	}
	i = find_interface(c->peer->server, c->method, (size_t) (dot - c->method));
	if (!i) {
		auto_free char *name = strndup(c->method, (size_t) (dot - c->method));

		refuse(c, SERVICE ".InterfaceNotFound", "interface", name);
		return;
	}
	m = find_method(i, c->method);
	if (!m) {
		refuse(c,
		       is_described(i, dot + 1) ? SERVICE ".MethodNotImplemented"
		                                : SERVICE ".MethodNotFound",
		       "method", c->method);
		return;
	}
	if (c->peer->role < m->role) {
		refuse_role(c, m->role);
		return;
	}
	r = m->fn(c, parameters, i->userdata);
	if (!c->open)
		return;
	if (r < 0)
		(void) varlink_error_errno(c, r);
	else if (c->refs <= 2)
		/* One reference is the peer's, one our caller's: nobody is left who could answer.
		 */
		(void) varlink_error_text(c, "org.sysmaster.Error.Failed",
		                          "The method gave no answer");
}
