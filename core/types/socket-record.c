// SPDX-License-Identifier: Apache-2.0
/* A socket's part of its record, its fds out of the vault, and its properties. */
#include "types/socket.h"

static const char *const list_name[SOCKET_EXEC_MAX] = {
	[SOCKET_EXEC_START_PRE] = "start-pre",
	[SOCKET_EXEC_START_POST] = "start-post",
	[SOCKET_EXEC_STOP_PRE] = "stop-pre",
	[SOCKET_EXEC_STOP_POST] = "stop-post",
};

void socket_save(const struct unit *u, struct strbuf *b)
{
	const struct socket *s = SOCKET(u);

	record_add(b, "state", socket_state_to_string(s->state));
	record_add(b, "result", result_to_string(s->result));
	record_add_process(b, "control-pid", &s->control_pid);
	if (s->control_list < SOCKET_EXEC_MAX)
		record_add(b, "control-list", list_name[s->control_list]);
	record_add_u64(b, "control-index", s->control_index);
	record_add_bool(b, "spawning", s->spawning);
	if (s->spawning)
		doubt_save(&s->doubt, b);
	process_status_save(&s->control_status, "control", b);
	record_add_u64(b, "deadline", s->deadline.at);
	record_add_u64(b, "accepted", s->n_accepted);
	record_add_u64(b, "refused", s->n_refused);
	for (size_t i = 0; i < s->n_fds; i++)
		record_add_i64(b, "port", s->fds[i].port);
}

int socket_restore(struct unit *u, const struct record *r)
{
	struct socket *s = SOCKET(u);
	const char *list = record_get(r, "control-list"), *text = record_get(r, "state");
	enum result result = result_from_string(record_get(r, "result"));
	enum socket_state state = SOCKET_STATE_INVALID;
	int kept = 0;

	if (!u->file->socket)
		return 0;
	for (int i = 0; text && i < SOCKET_STATE_MAX; i++)
		if (streq(text, socket_state_to_string((enum socket_state) i)))
			state = (enum socket_state) i;
	if (state == SOCKET_DEAD || state == SOCKET_FAILED)
		socket_drop_kept(s); /* which the core before us did not come to */
	else
		kept = socket_take_kept(s);
	/* Another in place of a port that is there, for want of memory to see it, would lose who waits. */
	if (kept == -ENOMEM)
		return kept;
	/* Without a state there is still the vault: what listens, listens. */
	if (state == SOCKET_STATE_INVALID)
		state = kept > 0 ? SOCKET_LISTENING : SOCKET_DEAD;
	s->state = state;
	s->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	(void) record_take_process(u, r, "control-pid", &s->control_pid);
	s->control_list =
		list ? (enum socket_exec) ENUM_FROM_STRING(list_name, list) : SOCKET_EXEC_MAX;
	if ((int) s->control_list < 0)
		s->control_list = SOCKET_EXEC_MAX;
	s->control_index =
		(unsigned) MIN(record_get_u64(r, "control-index", 0), (uint64_t) UINT16_MAX);
	s->spawning = record_get_bool(r, "spawning", false);
	doubt_restore(&s->doubt, r);
	process_status_restore(&s->control_status, "control", r);
	s->deadline.at = record_get_u64(r, "deadline", 0);
	s->n_accepted = (unsigned) record_get_u64(r, "accepted", 0);
	s->n_refused = (unsigned) record_get_u64(r, "refused", 0);
	return 0;
}

static void repeat(struct unit *u)
{
	struct socket *s = SOCKET(u);
	int r;

	s->spawning = false;
	r = socket_spawn_again(s);
	/* A file that has no such command any more: as if it had ended well. */
	if (r < 0 || !pidref_is_set(&s->control_pid))
		socket_command_ended(s, r == -ENOENT || r >= 0 ? RESULT_SUCCESS : RESULT_RESOURCES);
}

const struct doubt_ops socket_doubt_ops = {.ended = socket_on_exit, .never = repeat};

/* Going on can start, stop and notify: not before all units are read back. */
static int on_go_on(struct source *source, void *userdata)
{
	struct socket *s = userdata;

	source_free(source);
	s->coldplug_source = NULL;
	if (s->spawning)
		doubt_begin(&s->doubt);
	else if (!pidref_is_set(&s->control_pid))
		socket_go_on(s); /* the state was set, its command was not even intended */
	return 0;
}

int socket_coldplug(struct unit *u)
{
	struct socket *s = SOCKET(u);
	size_t had;
	int r;

	if (!u->file->socket || s->state == SOCKET_DEAD || s->state == SOCKET_FAILED)
		return 0;
	r = deadline_set(&s->deadline, u, s->deadline.at, socket_on_deadline);
	if (r < 0)
		return r;
	if (s->state != SOCKET_LISTENING && s->state != SOCKET_RUNNING) {
		r = loop_add_defer(u->manager->loop, "socket-coldplug", on_go_on, s,
		                   &s->coldplug_source);
		if (r < 0)
			return r;
	}
	if (s->state != SOCKET_LISTENING && s->state != SOCKET_RUNNING &&
	    s->state != SOCKET_START_POST)
		return 0;
	/* A port that was lost is opened again: its clients see a reset, not an end. */
	had = s->n_fds;
	r = socket_open_all(s);
	if (s->n_fds > had)
		log_unit(LOG_NOTICE, u->id, "%zu of its sockets were not kept, opened again",
		         s->n_fds - had);
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Cannot open all sockets again: %m");
	return s->state == SOCKET_LISTENING ? socket_watch(s) : 0;
}

int socket_collect_fds(struct unit *u, int **ret_fds, char ***ret_names, size_t *ret_n)
{
	const struct socket *s = SOCKET(u);
	auto_free int *fds = NULL;
	auto_strv char **names = NULL;
	const char *name;
	int r;

	if (!u->file || !u->file->socket || u->file->socket->accept || s->n_fds == 0) {
		*ret_fds = NULL;
		*ret_names = NULL;
		*ret_n = 0;
		return 0;
	}
	fds = calloc(s->n_fds, sizeof(int));
	if (!fds)
		return -ENOMEM;
	name = u->file->socket->fdname ? u->file->socket->fdname : u->id;
	for (size_t i = 0; i < s->n_fds; i++) {
		fds[i] = s->fds[i].fd;
		r = strv_append(&names, name);
		if (r < 0)
			return r;
	}
	*ret_fds = TAKE_PTR(fds);
	*ret_names = TAKE_PTR(names);
	*ret_n = s->n_fds;
	return 0;
}

static const char *const kind_name[] = {
	[SOCKET_PORT_STREAM] = "Stream",
	[SOCKET_PORT_DATAGRAM] = "Datagram",
	[SOCKET_PORT_SEQPACKET] = "SequentialPacket",
	[SOCKET_PORT_NETLINK] = "Netlink",
	[SOCKET_PORT_FIFO] = "FIFO",
	[SOCKET_PORT_SPECIAL] = "Special",
	[SOCKET_PORT_MESSAGE_QUEUE] = "MessageQueue",
	[SOCKET_PORT_USB_FUNCTION] = "USBFunction",
};

static int describe_ports(const struct socket_settings *c, cJSON *properties)
{
	cJSON *list = cJSON_CreateArray();
	int r = list ? 0 : -ENOMEM;

	for (const struct socket_port *p = c->ports; p && r >= 0; p = p->next) {
		cJSON *pair = cJSON_CreateArray();

		r = pair ? json_append_take(pair,
		                            cJSON_CreateString(ENUM_TO_STRING(kind_name, p->kind)))
		         : -ENOMEM;
		if (r >= 0)
			r = json_append_take(pair, cJSON_CreateString(p->address));
		if (r < 0)
			json_free(pair);
		else
			r = json_append_take(list, pair);
	}
	if (r < 0) {
		json_free(list);
		return r;
	}
	return json_add_take(properties, "Listen", list);
}

static int describe_values(const struct socket *s, cJSON *p)
{
	static const char *const bind_names[] = {"default", "both", "ipv6-only"},
				 *const timestamping_names[] = {"off", "us", "ns"};
	const struct socket_settings *c = socket_settings(s);
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"Backlog", MIN(c->backlog, (unsigned) INT32_MAX)}, /* listen(2) takes an int */
		{"TimeoutUSec", c->timeout_usec},
		{"DirectoryMode", c->directory_mode},
		{"SocketMode", c->socket_mode},
		{"MaxConnections", c->max_connections},
		{"MaxConnectionsPerSource", c->max_connections_per_source},
		{"NConnections", s->n_connections},
		{"NAccepted", s->n_accepted},
		{"NRefused", s->n_refused},
		{"ReceiveBuffer", c->receive_buffer},
		{"SendBuffer", c->send_buffer},
		{"ControlPID", (uint64_t) s->control_pid.pid},
		{"TriggerLimitIntervalUSec", socket_trigger_interval(c)},
		{"TriggerLimitBurst", socket_trigger_burst(c)},
		{"KeepAliveTimeUSec", c->keep_alive_time_usec},
		{"KeepAliveIntervalUSec", c->keep_alive_interval_usec},
		{"KeepAliveProbes", c->keep_alive_probes},
		{"DeferAcceptUSec", c->defer_accept_usec},
	};
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{"IPTOS", c->ip_tos},
		{"IPTTL", c->ip_ttl},
		{"Priority", c->priority},
		{"Mark", c->mark},
		{"SocketProtocol", c->protocol},
		{"PipeSize", c->pipe_size},
		{"MessageQueueMaxMessages", c->mq_max_messages},
		{"MessageQueueMessageSize", c->mq_message_size},
	};
	const struct {
		const char *key, *value;
	} words[] = {
		{"BindIPv6Only", ENUM_TO_STRING(bind_names, c->bind_ipv6_only + 1)},
		{"Timestamping", ENUM_TO_STRING(timestamping_names, c->timestamping)},
		{"BindToDevice", c->bind_to_device ?: ""},
		{"TCPCongestion", c->congestion_algorithm ?: ""},
		{"SocketUser", c->user ?: ""},
		{"SocketGroup", c->group ?: ""},
		{"Result", result_to_string(s->result)},
		{"FileDescriptorName", c->fdname ? c->fdname : s->unit.id},
	};
	const struct {
		const char *key;
		bool value;
	} flags[] = {
		{"Accept", c->accept},
		{"KeepAlive", c->keep_alive},
		{"NoDelay", c->no_delay},
		{"FreeBind", c->free_bind},
		{"Transparent", c->transparent},
		{"Broadcast", c->broadcast},
		{"PassCredentials", c->pass_credentials},
		{"PassSecurity", c->pass_security},
		{"PassPacketInfo", c->pass_packet_info},
		{"RemoveOnStop", c->remove_on_stop},
		{"ReusePort", c->reuse_port},
		{"Writable", c->writable},
		{"FlushPending", false}, /* what waits in the sockets is kept */
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_u64(p, rows[i].key, rows[i].value);
	for (size_t i = 0; i < ELEMENTSOF(flags) && r >= 0; i++)
		r = json_add_bool(p, flags[i].key, flags[i].value);
	for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
		r = json_add_i64(p, numbers[i].key, numbers[i].value);
	for (size_t i = 0; i < ELEMENTSOF(words) && r >= 0; i++)
		r = json_add_string(p, words[i].key, words[i].value);
	if (r >= 0)
		r = json_add_strv(p, "Symlinks", c->symlinks);
	return r;
}

int socket_describe(const struct unit *u, cJSON *properties)
{
	static const char *const keys[SOCKET_EXEC_MAX] = {"ExecStartPre", "ExecStartPost",
	                                                  "ExecStopPre", "ExecStopPost"};
	const struct socket *s = SOCKET(u);
	int r;

	if (!u->file->socket)
		return 0;
	r = describe_ports(u->file->socket, properties);
	if (r >= 0)
		r = describe_values(s, properties);
	for (int i = 0; i < SOCKET_EXEC_MAX && r >= 0; i++)
		r = describe_commands(u->file->socket->commands[i], keys[i], properties);
	return r < 0 ? r : describe_process_settings(u, properties);
}
