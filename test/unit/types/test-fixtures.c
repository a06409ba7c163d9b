// SPDX-License-Identifier: Apache-2.0
/* The records that other versions left (test/fixtures) become units of today: nothing is refused, what is known means the same,
 * what is not known is kept over a rewrite, what is missing has its default. */
#include "check.h"

#include "state/state.h"
#include "types/types.h"

static struct loop *loop;
static struct manager *m;

static void open_manager(void)
{
	setenv("SYSTEMD_UNIT_PATH", "/nonexistent", 1);
	if (loop_new(&loop) < 0 || manager_new(loop, unit_types, NULL, NULL, &m) < 0 ||
	    manager_read_index(m) < 0)
		abort();
	m->is_test = true;
	m->no_cgroup = true;
}

static void close_manager(void)
{
	manager_free(m);
	loop_free(loop);
}

static const char *settings_of(const char *name)
{
	return str_ends_with(name, ".service") ? "[Service]\nType=oneshot\nExecStart=/bin/true\n"
	       : str_ends_with(name, ".timer") ? "[Timer]\nOnActiveSec=1h\nUnit=once.service\n"
	       : str_ends_with(name, ".socket")
	               ? "[Socket]\nListenStream=/run/s\nService=once.service\n"
	       : str_ends_with(name, ".path") ? "[Path]\nPathExists=/nothing\nUnit=once.service\n"
	                                      : "[Unit]\nDescription=x\n";
}

static struct unit *unit_of(const char *name)
{
	const char *text = settings_of(name);
	struct unit_file *f;
	struct unit *u;

	if (map_get(m->units, name) && manager_load_unit(m, name, NULL, &u) >= 0 && u->file)
		return u;
	if (unit_file_parse(&m->context, name, text, strlen(text), NULL, NULL, &f) < 0 ||
	    manager_add_unit(m, name, f, &u) < 0 || manager_load_unit(m, name, NULL, &u) < 0)
		return NULL;
	return u;
}

static char *read_fixture(const char *version, const char *file, size_t *ret_size)
{
	auto_free char *path = str_printf(FIXTURES "/%s/%s", version, file);
	char *text = NULL;

	return file_read(path, &text, ret_size) >= 0 ? text : NULL;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p++)
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return true;
	return false;
}

/* A process or a descriptor that is gone is not believed, and its job is the engine's to judge: these may differ. */
static bool may_differ(const char *line)
{
	return str_after(line, "v=") || str_after(line, "main-pid") ||
	       str_after(line, "control-pid") || str_after(line, "j.") || str_after(line, "port=");
}

/* One record there and back. */
static void check_record(const char *version, const char *name, char *lines)
{
	auto_cleanup(record_free) struct record *r = NULL;
	auto_strbuf struct strbuf b = {0};
	auto_strv char **v = NULL;
	struct unit *u = unit_of(name);

	CHECK(u != NULL);
	CHECK_INT(record_parse(lines, strlen(lines), &r), ==, 0);
	CHECK_INT(unit_restore(u, r), ==, 0);
	CHECK_INT(unit_record(u, &b), ==, 0);
	CHECK_INT(strv_split(lines, "\n", &v), ==, 0);
	STRV_FOREACH (l, v) {
		if (may_differ(*l))
			continue;
		if (!has_line(b.data, *l))
			printf("\n      %s, %s: \"%s\" is lost", version, name, *l);
		CHECK(has_line(b.data, *l));
	}
}

static unsigned check_records(const char *version)
{
	auto_free char *text = read_fixture(version, "records.txt", NULL);
	unsigned n = 0;

	for (char *p = text, *end; p && *p && (end = strstr(p, "\n\n")); p = end + 2) {
		char *lines = strchr(p, '\n') + 1;
		const char *name;

		lines[-1] = '\0';
		end[1] = '\0';
		name = str_after(p, "unit/");
		if (!name)
			continue;
		check_record(version, name, lines);
		n++;
	}
	return n;
}

TEST(fixtures__v1_is_read)
{
	open_manager();
	CHECK_INT(check_records("state-v1"), >=, 7);
	CHECK_STR(unit_sub_state(unit_of("bad.service")), "failed");
	CHECK_STR(unit_sub_state(unit_of("once.service")), "exited");
	CHECK_STR(unit_sub_state(unit_of("tick.timer")), "waiting");
	/* Their service runs already. */
	CHECK_STR(unit_sub_state(unit_of("s.socket")), "running");
	CHECK_STR(unit_sub_state(unit_of("p.path")), "running");
	close_manager();
}

TEST(fixtures__of_the_past_have_defaults)
{
	open_manager();
	CHECK_INT(check_records("state-past"), ==, 2);
	CHECK_STR(unit_sub_state(unit_of("once.service")), "exited");
	CHECK(!unit_of("once.service")->start_limit_hit);
	CHECK(unit_of("once.service")->job == NULL);
	close_manager();
}

TEST(fixtures__of_the_future_are_kept)
{
	open_manager();
	CHECK_INT(check_records("state-future"), ==, 2);
	CHECK_STR(unit_sub_state(unit_of("once.service")), "exited");
	close_manager();
}

static int add_record(const char *key, const char *data, size_t size, void *userdata)
{
	struct strbuf *b = userdata;

	strbuf_printf(b, "%s\n%.*s%s\n", key, (int) size, data,
	              size && data[size - 1] == '\n' ? "" : "\n");
	return 0;
}

TEST(fixtures__store_of_v1_is_read_whole)
{
	char directory[] = "/tmp/test-fixtures.XXXXXX";
	auto_strbuf struct strbuf b = {0};
	auto_free char *text = read_fixture("state-v1", "records.txt", NULL), *to = NULL;
	struct store *s = NULL;

	CHECK(text != NULL);
	CHECK(mkdtemp(directory) != NULL);
	to = path_join(directory, "data.mdb");
	CHECK_INT(file_copy(FIXTURES "/state-v1/data.mdb", to, 0600), ==, 0);
	CHECK_INT(store_open(directory, &s), ==, 0);
	CHECK_INT(store_foreach(s, "", add_record, &b), ==, 0);
	CHECK_STR(b.data, text);
	store_free(s);
	rm_rf(directory);
}
