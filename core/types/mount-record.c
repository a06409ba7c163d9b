// SPDX-License-Identifier: Apache-2.0
/* A mount's part of its record, and its properties. Whether it is mounted is never read from a
 * record: the kernel says. */
#include "types/mount.h"

static const char *const command_name[] = {
	[MOUNT_COMMAND_MOUNT] = "mount",
	[MOUNT_COMMAND_REMOUNT] = "remount",
	[MOUNT_COMMAND_UNMOUNT] = "unmount",
};

void mount_save(const struct unit *u, struct strbuf *b)
{
	const struct mount *m = MOUNT(u);

	record_add(b, "state", mount_state_to_string(m->state));
	record_add(b, "result", result_to_string(m->result));
	record_add(b, "reload-result", result_to_string(m->reload_result));
	record_add_process(b, "control-pid", &m->control_pid);
	process_status_save(&m->control_status, "control", b);
	record_add_u64(b, "deadline", m->deadline.at);
	record_add_u64(b, "unmounts", m->n_unmounts);
	record_add_bool(b, "spawning", m->spawning);
	if (m->spawning)
		doubt_save(&m->doubt, b);
	if (m->spawning || pidref_is_set(&m->control_pid))
		record_add(b, "command", command_name[m->command]);
}

int mount_restore(struct unit *u, const struct record *r)
{
	struct mount *m = MOUNT(u);
	const char *text = record_get(r, "state"), *command = record_get(r, "command");
	enum result result = result_from_string(record_get(r, "result"));
	int value;

	m->state = m->is_mounted ? MOUNT_STATE_MOUNTED : MOUNT_STATE_DEAD;
	for (int i = 0; text && i < MOUNT_STATE_MAX; i++)
		if (streq(text, mount_state_to_string((enum mount_state) i)))
			m->state = (enum mount_state) i;
	m->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	result = result_from_string(record_get(r, "reload-result"));
	m->reload_result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	(void) record_take_process(u, r, "control-pid", &m->control_pid);
	process_status_restore(&m->control_status, "control", r);
	m->deadline.at = record_get_u64(r, "deadline", 0);
	m->n_unmounts = (unsigned) MIN(record_get_u64(r, "unmounts", 0), (uint64_t) UINT16_MAX);
	m->spawning = record_get_bool(r, "spawning", false);
	doubt_restore(&m->doubt, r);
	value = command ? ENUM_FROM_STRING(command_name, command) : 0;
	m->command = value < 0 ? MOUNT_COMMAND_MOUNT : (enum mount_command) value;
	return 0;
}

static bool has_settled(const struct mount *m)
{
	return m->state == MOUNT_STATE_DEAD || m->state == MOUNT_STATE_FAILED ||
	       m->state == MOUNT_STATE_MOUNTED;
}

/* Mounts stack: what the kernel shows done is not done a second time. */
static bool is_done(const struct mount *m)
{
	return (m->command == MOUNT_COMMAND_MOUNT && m->is_mounted) ||
	       (m->command == MOUNT_COMMAND_UNMOUNT && !m->is_mounted);
}

static void repeat(struct unit *u)
{
	struct mount *m = MOUNT(u);
	int seen = mount_refresh(u->manager);

	m->spawning = false;
	if (seen < 0)
		mount_command_ended(m, seen, RESULT_SUCCESS);
	else if (is_done(m))
		mount_on_control_exit(m, RESULT_SUCCESS);
	else if (mount_spawn(m, m->command) < 0)
		mount_on_control_exit(m, RESULT_RESOURCES);
}

const struct doubt_ops mount_doubt_ops = {.ended = mount_on_exit, .never = repeat};

/* What happened while core was away is news now, with all that follows from it. */
static int on_go_on(struct source *source, void *userdata)
{
	struct mount *m = userdata;
	int seen;

	m->coldplug_source = NULL;
	source_free(source);
	seen = mount_refresh(m->unit.manager);
	/* What was mounted is believed to be so until somebody could look. */
	if (seen < 0 && m->state == MOUNT_STATE_MOUNTED)
		m->is_mounted = true;
	if (m->spawning && !is_done(m)) {
		doubt_begin(&m->doubt);
	} else if (m->spawning) {
		mount_on_control_exit(m, RESULT_SUCCESS);
	} else if (!has_settled(m)) {
		/* A step whose process is gone: mountinfo says what became of it. */
		if (!pidref_is_set(&m->control_pid))
			mount_command_ended(m, seen, RESULT_SUCCESS);
	} else if (m->is_mounted && m->state != MOUNT_STATE_MOUNTED) {
		m->result = RESULT_SUCCESS;
		mount_enter_mounted(m, RESULT_SUCCESS);
	} else if (!m->is_mounted && m->state == MOUNT_STATE_MOUNTED) {
		mount_enter_dead(m, RESULT_SUCCESS);
	}
	return 0;
}

int mount_coldplug(struct unit *u)
{
	struct mount *m = MOUNT(u);
	int r;

	if (has_settled(m) && m->is_mounted == (m->state == MOUNT_STATE_MOUNTED))
		return 0;
	r = deadline_set(&m->deadline, u, m->deadline.at, mount_on_deadline);
	return r < 0 ? r
	             : loop_add_defer(u->manager->loop, "mount-coldplug", on_go_on, m,
	                              &m->coldplug_source);
}

int mount_describe(const struct unit *u, cJSON *properties)
{
	const struct mount *m = MOUNT(u);
	const struct mount_settings *c = u->file->mount;
	const struct {
		const char *key, *value;
	} texts[] = {
		{"Where", m->where},
		{"What", mount_what(m)},
		{"Options", mount_options(m)},
		{"Type", mount_type(m)},
		{"Result", result_to_string(m->result)},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(texts) && r >= 0; i++)
		r = json_add_string(properties, texts[i].key, texts[i].value ? texts[i].value : "");
	if (r >= 0)
		r = json_add_u64(properties, "ControlPID", (uint64_t) m->control_pid.pid);
	if (r >= 0 && c) {
		r = json_add_u64(properties, "TimeoutUSec", c->timeout_usec);
		if (r >= 0)
			r = json_add_u64(properties, "DirectoryMode", c->directory_mode);
		if (r >= 0)
			r = json_add_bool(properties, "SloppyOptions", c->sloppy_options);
		if (r >= 0)
			r = json_add_bool(properties, "LazyUnmount", c->lazy_unmount);
		if (r >= 0)
			r = json_add_bool(properties, "ForceUnmount", c->force_unmount);
		if (r >= 0)
			r = json_add_bool(properties, "ReadWriteOnly", c->read_write_only);
	}
	return r < 0 ? r : describe_process_settings(u, properties);
}
