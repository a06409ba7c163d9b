// SPDX-License-Identifier: Apache-2.0
/* free.c - the end of everything in settings.h. Field by field, so that a new one is easily found missing here. */
#include "unitfile/parse.h"

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
	free_conditions(u->conditions);
	strv_free(u->wanted_by);
	strv_free(u->required_by);
	strv_free(u->alias);
	strv_free(u->also);
	free(u->default_instance);
}

/* All members of one type in a struct, by their offsets: tables keep this page short and complete. */
#define S(field) offsetof(struct exec_settings, field)
static const size_t exec_strings[] = {
	S(user),
	S(group),
	S(pam_name),
	S(selinux_context),
	S(apparmor_profile),
	S(smack_process_label),
	S(working_directory),
	S(root_directory),
	S(root_image),
	S(tty_path),
	S(utmp_id),
	S(stdio_fdname[0]),
	S(stdio_fdname[1]),
	S(stdio_fdname[2]),
	S(stdio_file[0]),
	S(stdio_file[1]),
	S(stdio_file[2]),
	S(stdin_data),
	S(syslog_identifier),
	S(network_namespace_path),
	S(ipc_namespace_path),
	S(keyring_mode),
	S(cpu_affinity),
};
static const size_t exec_lists[] = {
	S(environment),
	S(environment_files),
	S(pass_environment),
	S(unset_environment),
	S(exec_search_path),
	S(supplementary_groups),
	S(directories[EXEC_DIRECTORY_RUNTIME].paths),
	S(directories[EXEC_DIRECTORY_STATE].paths),
	S(directories[EXEC_DIRECTORY_CACHE].paths),
	S(directories[EXEC_DIRECTORY_LOGS].paths),
	S(directories[EXEC_DIRECTORY_CONFIGURATION].paths),
	S(log_extra_fields),
	S(read_write_paths),
	S(read_only_paths),
	S(inaccessible_paths),
	S(exec_paths),
	S(no_exec_paths),
	S(bind_paths),
	S(bind_read_only_paths),
	S(temporary_file_systems),
	S(system_call_filter),
	S(system_call_log),
	S(system_call_architectures),
	S(restrict_address_families),
	S(load_credentials),
	S(set_credentials),
};
#undef S

static void free_exec(struct exec_settings *e)
{
	char *base = (char *) e;

	if (!e)
		return;
	for (size_t i = 0; i < ELEMENTSOF(exec_strings); i++)
		free(*(char **) (void *) (base + exec_strings[i]));
	for (size_t i = 0; i < ELEMENTSOF(exec_lists); i++)
		strv_free(*(char ***) (void *) (base + exec_lists[i]));
	for (size_t i = 0; i < EXEC_RLIMITS_MAX; i++)
		free(e->limits[i]);
	free(e);
}

static void free_cgroup(struct cgroup_settings *g)
{
	if (!g)
		return;
	free(g->slice);
	strv_free(g->delegate_controllers);
	free(g->allowed_cpus);
	free(g->allowed_memory_nodes);
	strv_free(g->io_device);
	strv_free(g->device_allow);
	strv_free(g->ip_address_allow);
	strv_free(g->ip_address_deny);
	free(g);
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
	free_exec(f->exec);
	free(f->kill);
	free_cgroup(f->cgroup);
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
