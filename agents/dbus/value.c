// SPDX-License-Identifier: Apache-2.0
/* Core's JSON to D-Bus values: most by their signature alone, some by a form of their own. */
#include "dbus/dbus.h"

#include "base/base64.h"
#include "exec/child/syscall-groups.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/mount.h>

static int append_any(sd_bus_message *m, const char **signature, const cJSON *v);

/* ---- by signature ---- */

static uint64_t number(const cJSON *v)
{
	uint64_t n;

	if (cJSON_IsBool(v))
		return cJSON_IsTrue(v);
	if (cJSON_IsString(v))
		return str_to_u64(v->valuestring, 10, &n) >= 0 ? n : 0;
	if (!cJSON_IsNumber(v))
		return 0;
	return v->valuedouble < 0 ? (uint64_t) (int64_t) v->valuedouble : (uint64_t) v->valuedouble;
}

static int append_basic(sd_bus_message *m, char type, const cJSON *v)
{
	uint64_t n = number(v);
	double real;

	switch (type) {
	case 's':
		return sd_bus_message_append(m, "s", cJSON_IsString(v) ? v->valuestring : "");
	case 'o':
		return sd_bus_message_append(m, "o", cJSON_IsString(v) ? v->valuestring : "/");
	case 'b':
		return sd_bus_message_append(m, "b", n != 0);
	case 'y':
		return sd_bus_message_append(m, "y", (int) (uint8_t) n);
	case 'q':
		return sd_bus_message_append(m, "q", (int) (uint16_t) n);
	case 'i':
		return sd_bus_message_append(m, "i", (int32_t) n);
	case 'u':
		return sd_bus_message_append(m, "u", (uint32_t) n);
	case 'x':
		return sd_bus_message_append(m, "x", (int64_t) n);
	case 't':
		return sd_bus_message_append(m, "t", n);
	case 'd':
		real = cJSON_IsNumber(v) ? v->valuedouble : 0;
		return sd_bus_message_append_basic(m, 'd', &real);
	default:
		return -EINVAL;
	}
}

/* Length of the complete type at the start of @s. */
static size_t type_length(const char *s)
{
	size_t depth = 0, n = 0;

	while (s[n] == 'a')
		n++;
	if (s[n] != '(')
		return n + 1;
	do {
		depth += s[n] == '(';
		depth -= s[n] == ')';
		n++;
	} while (depth > 0 && s[n]);
	return n;
}

static int append_array(sd_bus_message *m, const char *element, const cJSON *v)
{
	const cJSON *it;
	int r;

	r = sd_bus_message_open_container(m, 'a', element);
	if (r >= 0 && (cJSON_IsArray(v) || cJSON_IsObject(v)))
		cJSON_ArrayForEach(it, v)
		{
			const char *rest = element;

			r = append_any(m, &rest, it);
			if (r < 0)
				break;
		}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The members of a struct are the items of an array, or the values of an object, in their order. */
static int append_struct(sd_bus_message *m, const char *members, const cJSON *v)
{
	const cJSON *it = v ? v->child : NULL;
	int r;

	r = sd_bus_message_open_container(m, 'r', members);
	while (r >= 0 && *members) {
		r = append_any(m, &members, it);
		it = it ? it->next : NULL;
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_any(sd_bus_message *m, const char **signature, const cJSON *v)
{
	size_t n = type_length(*signature);
	auto_free char *inner = NULL;
	const char *s = *signature;

	*signature += n;
	if (n == 1)
		return append_basic(m, *s, v);
	inner = *s == 'a' ? strndup(s + 1, n - 1) : strndup(s + 1, n - 2);
	if (!inner)
		return -ENOMEM;
	return *s == 'a' ? append_array(m, inner, v) : append_struct(m, inner, v);
}

static int append_plain(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	(void) o;
	return append_any(m, &signature, v);
}

/* ---- forms of their own ---- */

static int append_job(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	char path[JOB_PATH_MAX];
	uint32_t id = (uint32_t) number(v);

	(void) signature, (void) o;
	return sd_bus_message_append(m, "(uo)", id, id ? job_path(path, id) : "/");
}

static int append_load_error(sd_bus_message *m, const char *signature, const cJSON *v,
                             const cJSON *o)
{
	const char *text = cJSON_IsString(v) ? v->valuestring : "",
		   *state = json_string_or(o, "LoadState", "");

	(void) signature;
	if (streq(state, "not-found"))
		return sd_bus_message_append(m, "(ss)", BUS_NAME ".NoSuchUnit",
		                             *text ? text : "Unit not found.");
	if (streq(state, "masked"))
		return sd_bus_message_append(m, "(ss)", BUS_NAME ".UnitMasked", "Unit is masked.");
	return sd_bus_message_append(m, "(ss)", *text ? BUS_NAME ".LoadFailed" : "", text);
}

static int append_id128(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	struct id128 id;

	(void) signature, (void) o;
	if (!cJSON_IsString(v) || id128_parse(v->valuestring, &id) < 0)
		return sd_bus_message_append_array(m, 'y', "", 0);
	return sd_bus_message_append_array(m, 'y', &id, sizeof(id));
}

static int append_environment_file(sd_bus_message *m, const char *s)
{
	return sd_bus_message_append(m, "(sb)", *s == '-' ? s + 1 : s, *s == '-');
}

static int append_pair(sd_bus_message *m, const char *s)
{
	const char *colon = strchr(s, ':');
	auto_free char *first = strndup(s, colon ? (size_t) (colon - s) : strlen(s));

	return first ? sd_bus_message_append(m, "(ss)", first, colon ? colon + 1 : "") : -ENOMEM;
}

/* "-source:destination:norbind" */
static int append_bind(sd_bus_message *m, const char *s)
{
	auto_strv char **parts = NULL;
	bool optional = *s == '-';
	size_t n;
	int r;

	r = strv_split(s + optional, ":", &parts);
	n = strv_length(parts);
	if (r < 0 || n == 0)
		return r < 0 ? r : -EINVAL;
	return sd_bus_message_append(m, "(ssbt)", parts[0], parts[n > 1], optional,
	                             n > 2 && streq(parts[2], "norbind") ? UINT64_C(0)
	                                                                 : (uint64_t) MS_REC);
}

static int append_bytes(sd_bus_message *m, const char *s)
{
	return sd_bus_message_append_array(m, 'y', s, strlen(s));
}

static int append_each(sd_bus_message *m, const char *signature, const cJSON *v,
                       int (*fn)(sd_bus_message *m, const char *s))
{
	const cJSON *it;
	int r;

	r = sd_bus_message_open_container(m, 'a', signature + 1);
	cJSON_ArrayForEach(it, v) if (r >= 0 && cJSON_IsString(it)) r = fn(m, it->valuestring);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_environment_files(sd_bus_message *m, const char *signature, const cJSON *v,
                                    const cJSON *o)
{
	(void) o;
	return append_each(m, signature, v, append_environment_file);
}

static int append_device(sd_bus_message *m, const char *s)
{
	const char *blank = strrchr(s, ' ');
	auto_free char *device = strndup(s, blank ? (size_t) (blank - s) : strlen(s));

	return device ? sd_bus_message_append(m, "(ss)", device, blank ? blank + 1 : "") : -ENOMEM;
}

static int append_prefix(sd_bus_message *m, const char *s)
{
	const char *slash = strchr(s, '/');
	auto_free char *text = strndup(s, slash ? (size_t) (slash - s) : strlen(s));
	int family = strchr(s, ':') ? AF_INET6 : AF_INET, r;
	size_t size = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	struct in6_addr address;
	uint64_t bits = size * 8;

	if (!text)
		return -ENOMEM;
	if (inet_pton(family, text, &address) != 1 ||
	    (slash && str_to_u64(slash + 1, 10, &bits) < 0))
		return -EINVAL;
	r = sd_bus_message_open_container(m, 'r', "iayu");
	if (r >= 0)
		r = sd_bus_message_append(m, "i", family);
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', &address, size);
	if (r >= 0)
		r = sd_bus_message_append(m, "u", (uint32_t) bits);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* A prefix, or one of the words of systemd.resource-control(5) that stand for some. */
static int append_address(sd_bus_message *m, const char *s)
{
	static const struct {
		const char *word, *prefixes[3];
	} words[] = {
		{"any", {"::/0", "0.0.0.0/0"}},
		{"localhost", {"::1/128", "127.0.0.0/8"}},
		{"link-local", {"fe80::/64", "169.254.0.0/16"}},
		{"multicast", {"ff00::/8", "224.0.0.0/4"}},
	};

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		if (streq(words[i].word, s)) {
			int r = 0;

			for (size_t k = 0; r >= 0 && words[i].prefixes[k]; k++)
				r = append_prefix(m, words[i].prefixes[k]);
			return r;
		}
	return append_prefix(m, s);
}

static int append_devices(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	(void) o;
	return append_each(m, signature, v, append_device);
}

static int append_addresses(sd_bus_message *m, const char *signature, const cJSON *v,
                            const cJSON *o)
{
	(void) o;
	return append_each(m, signature, v, append_address);
}

static int append_pairs(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	(void) o;
	return append_each(m, signature, v, append_pair);
}

static int append_binds(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	(void) o;
	return append_each(m, signature, v, append_bind);
}

static int append_bytes_list(sd_bus_message *m, const char *signature, const cJSON *v,
                             const cJSON *o)
{
	(void) o;
	return append_each(m, signature, v, append_bytes);
}

static int append_cpus(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	uint8_t mask[CPU_SETSIZE / 8] = {0};
	size_t size = 0;

	(void) signature, (void) o;
	for (const char *p = cJSON_IsString(v) ? v->valuestring : ""; *p;) {
		unsigned long first, last;
		char *end;

		first = last = strtoul(p, &end, 10);
		if (end == p)
			break;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long i = first; i <= last && i < CPU_SETSIZE; i++) {
			mask[i / 8] |= (uint8_t) (1U << (i % 8));
			size = MAX(size, i / 8 + 1);
		}
		p = end + strspn(end, " ,");
	}
	return sd_bus_message_append_array(m, 'y', mask, size);
}

static int append_base64(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	auto_free uint8_t *data = NULL;
	size_t size = 0;
	int r = cJSON_IsString(v) ? str_base64_decode(v->valuestring, &data, &size) : 0;

	(void) signature, (void) o;
	return r < 0 ? r : sd_bus_message_append_array(m, 'y', data, size);
}

static int append_personality(sd_bus_message *m, const char *signature, const cJSON *v,
                              const cJSON *o)
{
	uint64_t n = number(v);

	(void) signature, (void) o;
	return sd_bus_message_append(m, "s",
	                             n == UINT64_MAX ? ""
	                             : n == 8        ? "x86" /* PER_LINUX32 */
	                                             : "x86-64");
}

static int append_maybe_string(sd_bus_message *m, const char *signature, const cJSON *v,
                               const cJSON *o)
{
	const char *s = cJSON_IsString(v) ? v->valuestring : "";

	(void) signature, (void) o;
	return sd_bus_message_append(m, "(bs)", *s == '-', *s == '-' ? s + 1 : s);
}

/* As in the unit file: "~" in front of the first makes it a list of what is forbidden. */
static int append_deny_list(sd_bus_message *m, const char *signature, const cJSON *v,
                            const cJSON *o)
{
	const cJSON *it;
	bool allow = false, first = true;
	int r;

	(void) signature, (void) o;
	if (v && v->child && cJSON_IsString(v->child))
		allow = *v->child->valuestring != '~';
	r = sd_bus_message_open_container(m, 'r', "bas");
	if (r >= 0)
		r = sd_bus_message_append(m, "b", allow);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "s");
	cJSON_ArrayForEach(it, v)
	{
		const char *s = cJSON_IsString(it) ? it->valuestring : "";

		s += first && *s == '~';
		first = false;
		if (r >= 0 && *s)
			r = sd_bus_message_append(m, "s", s);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

#define GROUP_DEPTH_MAX 8

/* The calls of a word "name:errno" or "@group:errno". */
static int add_calls(char ***list, const char *word, unsigned depth)
{
	size_t n = strcspn(word, ":");
	const char *members = NULL;
	auto_strv char **names = NULL;
	int r;

	if (*word != '@')
		return strv_append(list, word);
	for (size_t i = 0; i < ELEMENTSOF(syscall_groups); i++)
		if (strlen(syscall_groups[i].name) == n &&
		    memcmp(syscall_groups[i].name, word, n) == 0)
			members = syscall_groups[i].members;
	if (!members || depth > GROUP_DEPTH_MAX)
		return 0; /* no such group: it has no calls */
	r = strv_split(members, " ", &names);
	STRV_FOREACH (name, names) {
		auto_free char *full = str_printf("%s%s", *name, word + n);

		if (r >= 0)
			r = full ? add_calls(list, full, depth + 1) : -ENOMEM;
	}
	return r;
}

/* What the words put in, without what those with "~" take out. */
static int collect_calls(const cJSON *words, bool with_default, bool *ret_allow, char ***ret)
{
	auto_strv char **taken = NULL, **out = NULL;
	const cJSON *it;
	int r = 0;

	*ret_allow =
		words && cJSON_IsString(words->child) && !streq(words->child->valuestring, "~");
	if (*ret_allow && with_default)
		r = add_calls(&taken, "@default", 0);
	cJSON_ArrayForEach(it, words)
	{
		const char *s = cJSON_IsString(it) ? it->valuestring : "";

		if (r >= 0 && *s && !streq(s, "~"))
			r = add_calls(*s == '~' ? &out : &taken, s + (*s == '~'), 0);
	}
	if (r < 0)
		return r;
	strv_sort_unique(taken);
	STRV_FOREACH (name, taken)
		if (r >= 0 && !strv_contains(out, *name))
			r = strv_append(ret, *name);
	return r;
}

static int append_calls(sd_bus_message *m, const cJSON *words, bool with_default)
{
	auto_strv char **calls = NULL;
	bool allow;
	int r;

	r = collect_calls(words, with_default, &allow, &calls);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "bas");
	if (r >= 0)
		r = sd_bus_message_append(m, "b", allow);
	if (r >= 0)
		r = sd_bus_message_append_strv(m, calls);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_system_calls(sd_bus_message *m, const char *signature, const cJSON *v,
                               const cJSON *o)
{
	(void) signature, (void) o;
	return append_calls(m, v, true);
}

static int append_system_calls_logged(sd_bus_message *m, const char *signature, const cJSON *v,
                                      const cJSON *o)
{
	(void) signature, (void) o;
	return append_calls(m, v, false);
}

static int append_octal(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	uint64_t n = 0;

	(void) signature, (void) o;
	if (cJSON_IsString(v))
		(void) str_to_u64(v->valuestring, 8, &n);
	else
		n = number(v);
	return sd_bus_message_append(m, "u", (uint32_t) n);
}

/* ---- commands ---- */

static int append_command_flags(sd_bus_message *m, uint64_t flags)
{
	/* As EXEC_IGNORE_FAILURE and its like in core/unitfile/settings.h. */
	static const char *const names[] = {"ignore-failure", "privileged", "no-setuid", "ambient",
	                                    "no-env-expand"};
	int r;

	r = sd_bus_message_open_container(m, 'a', "s");
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
		if (flags & (UINT64_C(1) << i))
			r = sd_bus_message_append(m, "s", names[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_command(sd_bus_message *m, const cJSON *c, bool ex)
{
	const char *strings = "as";
	int r;

	r = sd_bus_message_open_container(m, 'r', ex ? "sasasttttuii" : "sasbttttuii");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", json_string_or(c, "path", ""));
	if (r >= 0)
		r = append_any(m, &strings, cJSON_GetObjectItemCaseSensitive(c, "argv"));
	if (r >= 0)
		r = ex ? append_command_flags(m, json_u64_or(c, "flags", 0))
		       : sd_bus_message_append(m, "b", json_bool_or(c, "ignore_errors", false));
	/* Zeroes: it did not run, or nobody remembers. */
	if (r >= 0)
		r = sd_bus_message_append(
			m, "ttttuii", json_u64_or(c, "start_usec", 0),
			json_u64_or(c, "start_monotonic_usec", 0), json_u64_or(c, "exit_usec", 0),
			json_u64_or(c, "exit_monotonic_usec", 0),
			(uint32_t) json_u64_or(c, "pid", 0), (int) json_u64_or(c, "code", 0),
			(int) json_u64_or(c, "status", 0));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_commands(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	const cJSON *it;
	int r;

	(void) o;
	r = sd_bus_message_open_container(m, 'a', signature + 1);
	cJSON_ArrayForEach(it, v) if (r >= 0) r =
		append_command(m, it, streq(signature, "a(sasasttttuii)"));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_version(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	auto_free char *text = str_printf("%d (sysmaster %s)", INTERFACE_VERSION,
	                                  cJSON_IsString(v) ? v->valuestring : "?");

	(void) signature, (void) o;
	return text ? sd_bus_message_append(m, "s", text) : -ENOMEM;
}

static int append_unit(sd_bus_message *m, const char *signature, const cJSON *v, const cJSON *o)
{
	const char *name = cJSON_IsString(v) ? v->valuestring : "";
	auto_free char *path = NULL;
	int r = unit_path(name, &path);

	(void) signature, (void) o;
	return r < 0 ? r : sd_bus_message_append(m, "(so)", name, path);
}

/* ---- the table of forms ---- */

static int (*const forms[])(sd_bus_message *m, const char *signature, const cJSON *v,
                            const cJSON *o) = {
	[FORM_PLAIN] = append_plain,
	[FORM_JOB] = append_job,
	[FORM_LOAD_ERROR] = append_load_error,
	[FORM_ID128] = append_id128,
	[FORM_BASE64] = append_base64,
	[FORM_ENVIRONMENT_FILES] = append_environment_files,
	[FORM_CPUS] = append_cpus,
	[FORM_PERSONALITY] = append_personality,
	[FORM_MAYBE_STRING] = append_maybe_string,
	[FORM_DENY_LIST] = append_deny_list,
	[FORM_SYSTEM_CALLS] = append_system_calls,
	[FORM_SYSTEM_CALLS_LOGGED] = append_system_calls_logged,
	[FORM_BINDS] = append_binds,
	[FORM_PAIRS] = append_pairs,
	[FORM_BYTES_LIST] = append_bytes_list,
	[FORM_OCTAL] = append_octal,
	[FORM_COMMANDS] = append_commands,
	[FORM_COMMANDS_EX] = append_commands,
	[FORM_VERSION] = append_version,
	[FORM_UNIT] = append_unit,
	[FORM_DEVICES] = append_devices,
	[FORM_ADDRESSES] = append_addresses,
};

static const cJSON *find(const struct property *p, const cJSON *object)
{
	auto_free char *key = strdup(p->name);

	if (!key)
		return NULL;
	/* The same commands, written in another way. */
	if (p->form == FORM_COMMANDS_EX)
		key[strlen(key) - 2] = 0;
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool value_is_there(const struct property *p, const cJSON *object)
{
	/* Core leaves out lists that are empty. */
	return find(p, object) || strchr(p->signature, 'a');
}

int value_append(sd_bus_message *m, const struct property *p, const cJSON *object)
{
	if (!value_is_there(p, object))
		return -ENOENT;
	return forms[p->form](m, p->signature, find(p, object), object);
}
