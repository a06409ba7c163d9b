// SPDX-License-Identifier: Apache-2.0
/* What a service's processes are told about it: systemd.exec(5), "Environment Variables Set or
 * Propagated by the Service Manager". */
#include "types/service.h"

#define NOTIFY_SOCKET_PATH "/run/systemd/notify"

static int add(char ***env, char *assignment_take)
{
	return strv_append_consume(env, assignment_take);
}

/* Control processes may send messages only if NotifyAccess= lets them; then they are not told where
 * to. */
static bool wants_notify(const struct service *s, bool control)
{
	enum notify_access a = service_notify_access(s);

	return control ? a == NOTIFY_EXEC || a == NOTIFY_ALL : a != NOTIFY_NONE;
}

static int add_end(char ***env, const char *prefix, const struct service *s)
{
	const struct process_status *p = &s->main_status;
	char status[32];
	int r;

	r = add(env, str_printf("%sSERVICE_RESULT=%s", prefix, result_to_string(s->result)));
	if (r < 0 || !exit_code_to_string(p->code) || !stamp_is_set(&p->exit))
		return r;
	r = add(env, str_printf("%sEXIT_CODE=%s", prefix, exit_code_to_string(p->code)));
	return r < 0 ? r
	             : add(env, str_printf("%sEXIT_STATUS=%s", prefix,
	                                   exit_status_text(p->code, p->status, status,
	                                                    sizeof(status))));
}

/* A unit started by OnFailure= or OnSuccess= is told about the one service that caused it; about
 * none if there are several. */
static const struct service *monitored(const struct service *s)
{
	static const enum unit_dependency kinds[] = {DEP_ON_SUCCESS_OF, DEP_ON_FAILURE_OF};
	const struct service *found = NULL;
	struct unit *other;

	for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
		UNIT_FOREACH_DEPENDENCY (other, &s->unit, kinds[i]) {
			if (other->ops->type != UNIT_SERVICE ||
			    !stamp_is_set(&other->active_exit) ||
			    (const struct service *) other == found)
				continue;
			if (found)
				return NULL;
			found = SERVICE(other);
		}
	return found;
}

static int add_monitored(char ***env, const struct service *s)
{
	const struct service *other = monitored(s);
	char id[ID128_TEXT_MAX];
	int r;

	if (!other)
		return 0;
	r = add_end(env, "MONITOR_", other);
	if (r >= 0 && !id128_is_null(&other->unit.invocation_id))
		r = add(env, str_printf("MONITOR_INVOCATION_ID=%s",
		                        id128_format(&other->unit.invocation_id, id)));
	return r < 0 ? r : add(env, str_printf("MONITOR_UNIT=%s", other->unit.id));
}

int service_environment(const struct service *s, enum service_exec list, bool control, char ***ret)
{
	const struct service_settings *c = service_settings(s);
	auto_strv char **env = NULL;
	int r = 0;

	if (wants_notify(s, control))
		r = add(&env, strdup("NOTIFY_SOCKET=" NOTIFY_SOCKET_PATH));
	if (r >= 0 && control && service_has_main(s))
		r = add(&env, str_printf("MAINPID=%d", s->main_pid.pid));
	if (r >= 0 && c->pid_file)
		r = add(&env, str_printf("PIDFILE=%s", c->pid_file));
	if (r >= 0 && (list == SERVICE_EXEC_STOP || list == SERVICE_EXEC_STOP_POST))
		r = add_end(&env, "", s);
	else if (r >= 0)
		r = add_monitored(&env, s);
	if (r >= 0 && s->peer_address)
		r = add(&env, str_printf("REMOTE_ADDR=%s", s->peer_address));
	if (r >= 0 && s->peer_port)
		r = add(&env, str_printf("REMOTE_PORT=%s", s->peer_port));
	/* The bus itself must not look up users by way of the bus. */
	if (r >= 0 && streq(s->unit.id, "dbus.service"))
		r = add(&env, strdup("SYSTEMD_NSS_DYNAMIC_BYPASS=1"));
	if (r >= 0)
		r = strv_extend(&env, s->activation);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(env);
	return 0;
}

int service_set_activation(struct unit *u, char *const *environment)
{
	struct service *s;
	char **copy;

	if (u->ops->type != UNIT_SERVICE)
		return 0;
	s = SERVICE(u);
	copy = strv_copy(environment);
	if (!copy)
		return -ENOMEM;
	strv_free(s->activation);
	s->activation = copy;
	return 0;
}
