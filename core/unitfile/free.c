// SPDX-License-Identifier: Apache-2.0
/* free.c - the end of everything in settings.h that is not shared (group.c). Field by field, so that a new one is easily found
 * missing here. */
#include "unitfile/parse.h"
#include "unitfile/group.h"

struct link {
	struct link *next;
};

void chain_append(void *head, void *item)
{
	struct link **at = head;

	while (*at)
		at = &(*at)->next;
	*at = item;
}

void free_conditions(struct condition *c)
{
	while (c) {
		struct condition *next = c->next;

		free(c->parameter);
		free(c);
		c = next;
	}
}

void free_ports(struct socket_port *p)
{
	while (p) {
		struct socket_port *next = p->next;

		free(p->address);
		free(p);
		p = next;
	}
}

void free_timer_values(struct timer_value *v)
{
	while (v) {
		struct timer_value *next = v->next;

		calendar_free(v->calendar);
		free(v->text);
		free(v);
		v = next;
	}
}

void free_path_specs(struct path_spec *s)
{
	while (s) {
		struct path_spec *next = s->next;

		free(s->path);
		free(s);
		s = next;
	}
}

static void free_unit(struct unit_settings *u)
{
	free(u->description);
	free(u->source_path);
	free(u->reboot_argument);
	strv_free(u->documentation);
	for (size_t i = 0; i < DEP_MAX; i++)
		strv_free(u->dependencies[i]);
	strv_free(u->requires_mounts_for);
	strv_free(u->startup_not_after);
	free(u->startup_not_after_if);
	free_conditions(u->conditions);
	strv_free(u->wanted_by);
	strv_free(u->required_by);
	strv_free(u->alias);
	strv_free(u->also);
	free(u->default_instance);
}

static void free_service(struct service_settings *s)
{
	for (size_t i = 0; i < SERVICE_EXEC_MAX; i++)
		exec_command_free(s->commands[i]);
	free(s->pid_file);
	free(s->bus_name);
	free(s->usb_function_descriptors);
	strv_free(s->sockets);
	strv_free(s->open_files);
}

static void free_socket(struct socket_settings *s)
{
	free_ports(s->ports);
	for (size_t i = 0; i < SOCKET_EXEC_MAX; i++)
		exec_command_free(s->commands[i]);
	free(s->service);
	free(s->bind_to_device);
	free(s->user);
	free(s->group);
	free(s->fdname);
	free(s->congestion_algorithm);
	free(s->smack_label);
	strv_free(s->symlinks);
}

static void free_type(struct unit_file *f)
{
	if (!f->service)
		return;
	switch (f->type) {
	case UNIT_SERVICE:
		free_service(f->service);
		break;
	case UNIT_SOCKET:
		free_socket(f->socket);
		break;
	case UNIT_TIMER:
		free_timer_values(f->timer->values);
		free(f->timer->unit);
		break;
	case UNIT_PATH:
		free_path_specs(f->path->specs);
		free(f->path->unit);
		break;
	case UNIT_MOUNT:
		free(f->mount->what);
		free(f->mount->where);
		free(f->mount->fs_type);
		free(f->mount->options);
		break;
	case UNIT_AUTOMOUNT:
		free(f->automount->where);
		free(f->automount->extra_options);
		break;
	case UNIT_SWAP:
		free(f->swap->what);
		free(f->swap->options);
		break;
	case UNIT_SCOPE:
		free(f->scope->user);
		free(f->scope->group);
		break;
	case UNIT_PLUGIN ... UNIT_PLUGIN_LAST:
		strv_free(f->plugin->assignments);
		break;
	default:
		break;
	}
	free(f->service);
}

struct unit_file *unit_file_free(struct unit_file *f)
{
	if (!f)
		return NULL;
	free_type(f);
	group_unref(f->exec);
	group_unref(f->kill);
	group_unref(f->cgroup);
	free_unit(&f->unit);
	free(f->id);
	strv_free(f->aliases);
	free(f->fragment_path);
	free(f->instance);
	strv_free(f->dropin_paths);
	free(f->identities);
	free(f);
	return NULL;
}
