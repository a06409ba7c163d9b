// SPDX-License-Identifier: Apache-2.0
/* value-service.c - the values of [Service]: systemd.service(5). */
#include "unitfile/value.h"
#include "unitfile/name.h"

#define SERVICE_OF(field_, member)                                                                 \
	((struct service_settings *) (void *) ((char *) (field_) -offsetof(                        \
		struct service_settings, member)))

VALUE_PARSER(exec)
{
	struct exec_command **list = field;

	(void) arg;
	if (!*value) {
		*list = exec_command_free(*list);
		return 0;
	}
	return parse_exec_line(p, value, list);
}

VALUE_PARSER(service_type)
{
	static const char *const types[SERVICE_TYPE_MAX] = {
		[SERVICE_SIMPLE] = "simple",
		[SERVICE_EXEC] = "exec",
		[SERVICE_FORKING] = "forking",
		[SERVICE_ONESHOT] = "oneshot",
		[SERVICE_DBUS] = "dbus",
		[SERVICE_NOTIFY] = "notify",
		[SERVICE_NOTIFY_RELOAD] = "notify-reload",
		[SERVICE_IDLE] = "idle",
	};
	struct service_settings *s = SERVICE_OF(field, type);
	int t = ENUM_FROM_STRING(types, value);

	(void) p;
	(void) arg;
	if (t < 0)
		return t;
	s->type = (enum service_type) t;
	s->type_set = true;
	return 0;
}

VALUE_PARSER(exit_type)
{
	(void) p;
	(void) arg;
	if (!streq(value, "main") && !streq(value, "cgroup"))
		return -EINVAL;
	*(bool *) field = streq(value, "cgroup");
	return 0;
}

static int parse_timeout(const char *value, usec_t *ret)
{
	int r = span_parse(value, USEC_PER_SEC, ret);

	/* Services once said 0 for "never". */
	if (r >= 0 && *ret == 0)
		*ret = USEC_INFINITY;
	return r;
}

VALUE_PARSER(timeout_start)
{
	struct service_settings *s = SERVICE_OF(field, timeout_start_usec);
	usec_t u;
	int r = parse_timeout(value, &u);

	(void) p;
	(void) arg;
	if (r < 0)
		return r;
	s->timeout_start_usec = u;
	s->timeout_start_set = true;
	return 0;
}

VALUE_PARSER(service_timeout)
{
	struct service_settings *s = SERVICE_OF(field, timeout_start_usec);
	int r = value_timeout_start(p, value, field, arg);

	if (r >= 0)
		s->timeout_stop_usec = s->timeout_start_usec;
	return r;
}

VALUE_PARSER(timeout_abort)
{
	struct service_settings *s = SERVICE_OF(field, timeout_abort_usec);
	usec_t u = 0;
	int r = *value ? parse_timeout(value, &u) : 0;

	(void) p;
	(void) arg;
	if (r < 0)
		return r;
	/* Empty: as long as stopping may take; filled in when the file is read. */
	s->timeout_abort_set = *value != 0;
	s->timeout_abort_usec = u;
	return 0;
}

/* [Socket], [Mount] and [Swap] have timeout_usec and right behind it timeout_set. */
VALUE_PARSER(mount_timeout)
{
	usec_t u;
	int r = parse_timeout(value, &u);

	(void) arg;
	if (r < 0)
		return r;
	*(usec_t *) field = u;
	switch (p->f->type) {
	case UNIT_SOCKET:
		p->f->socket->timeout_set = true;
		break;
	case UNIT_MOUNT:
		p->f->mount->timeout_set = true;
		break;
	default:
		p->f->swap->timeout_set = true;
	}
	return 0;
}

/* swapon(2): the kernel itself counts down from -2. */
VALUE_PARSER(swap_priority)
{
	int v, r;

	if (!*value) {
		*(int *) field = -1;
		return 0;
	}
	r = value_int(p, value, &v, arg);
	if (r < 0 || v < -1 || v > INT16_MAX)
		return r < 0 ? r : -ERANGE;
	*(int *) field = v;
	return 0;
}

VALUE_PARSER(pid_file)
{
	auto_free char *s = NULL;
	char *path;
	int r;

	(void) arg;
	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	/* A relative path is one below /run. */
	path = path_is_absolute(s)
	               ? TAKE_PTR(s)
	               : str_printf("%s/%s", p->c->runtime_dir ? p->c->runtime_dir : "/run", s);
	if (!path)
		return -ENOMEM;
	path_simplify(path);
	if (!path_is_normalized(path)) {
		r = parse_warn(p, "Path '%.100s' is not normalized, ignored", path);
		free(path);
		return r;
	}
	if (str_after(path, "/var/run/")) {
		char *run = str_printf("/run/%s", str_after(path, "/var/run/"));

		free(path);
		if (!run)
			return -ENOMEM;
		path = run;
		diag_add(p->d, 0, DIAG_INFO, p->path, p->line,
		         "PIDFile= is below the legacy directory /var/run, %.100s is used", path);
	}
	free(*(char **) field);
	*(char **) field = path;
	return 0;
}

/* Two or more elements of letters, digits, "_" and "-", no digit first: D-Bus specification, "Message Protocol Names". */
static bool bus_name_is_valid(const char *s)
{
	bool dot = false, begin = true, unique = *s == ':';

	if (strlen(s) > 255)
		return false;
	s += unique;
	for (; *s; s++) {
		if (*s == '.') {
			if (begin)
				return false;
			dot = begin = true;
			continue;
		}
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' ||
		      *s == '-' || ((unique || !begin) && *s >= '0' && *s <= '9')))
			return false;
		begin = false;
	}
	return dot && !begin;
}

VALUE_PARSER(bus_name)
{
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, true, &s);
	if (r <= 0)
		return r;
	if (!bus_name_is_valid(s))
		return parse_warn(p, "'%.100s' is no bus name, ignored", s);
	return str_set(field, s);
}

VALUE_PARSER(exit_status_set)
{
	struct exit_status_set *set = field;
	auto_strv char **words = NULL;
	int r;

	(void) arg;
	if (!*value) {
		*set = (struct exit_status_set){0};
		return 0;
	}
	r = word_split(value, NULL, WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		int status = exit_status_from_string(*w), signo;

		if (status >= 0) {
			set->statuses[status / 64] |= 1ULL << status % 64;
			continue;
		}
		signo = signal_from_string(*w);
		if (signo > 0 && signo < 64)
			set->signals |= 1ULL << signo;
		else
			parse_warn(p, "'%.60s' is neither an exit status nor a signal, ignored",
			           *w);
	}
	return 0;
}

static int add_socket_unit(struct parse *p, char *word, void *field, int64_t arg)
{
	(void) arg;
	if (!unit_name_is_valid(word, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE) ||
	    unit_name_type(word) != UNIT_SOCKET)
		return parse_warn(p, "'%.100s' is no socket unit, ignored", word);
	return strv_append_unique(field, word);
}

VALUE_PARSER(socket_units)
{
	return parse_words(p, value, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, add_socket_unit, field,
	                   arg);
}

VALUE_PARSER(root_start_only)
{
	int r = value_boolean(p, value, field, arg);

	if (r >= 0 && p->f->exec)
		own_exec(p->f)->root_directory_start_only = *(bool *) field;
	return r;
}

/* "path", "path:name" or "path:name:options". */
VALUE_PARSER(open_file)
{
	static const char *const options[] = {"read-only", "append", "truncate", "graceful"};
	auto_strv char **parts = NULL, **words = NULL;
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value) {
		*(char ***) field = strv_free(*(char ***) field);
		return 0;
	}
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	r = word_split(s, ":", WORD_KEEP_EMPTY | WORD_CUNESCAPE, &parts);
	if (r < 0)
		return r;
	if (!parts || strv_length(parts) > 3 || !path_is_absolute(path_simplify(parts[0])) ||
	    !path_is_normalized(parts[0]))
		return -EINVAL;
	if (strv_length(parts) == 3 && (r = strv_split(parts[2], ",", &words)) < 0)
		return r;
	STRV_FOREACH (w, words)
		if (ENUM_FROM_STRING(options, *w) < 0)
			return parse_warn(p, "Option '%.60s' is not known, ignored", *w);
	return strv_append(field, s);
}
