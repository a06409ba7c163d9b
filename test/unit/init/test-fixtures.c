// SPDX-License-Identifier: Apache-2.0
/* What PID 1 and core of other versions say (test/fixtures) is understood by this one. */
#include "check.h"
#include "init/init.h"

#include <fcntl.h>
#include <unistd.h>

static char data[STATE_MAX];

static ssize_t read_fixture(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));

	if (fd >= 0)
		close(fd);
	return n;
}

TEST(fixtures__state_of_v1_is_read)
{
	ssize_t n = read_fixture(FIXTURES "/state-v1/init-state.txt");

	CHECK_INT(n, >, 500);
	CHECK_INT(state_parse(data, (size_t) n), ==, 0);
	CHECK_INT(st.core_pid, >, 1);
	CHECK_INT(st.core_state, ==, CORE_READY);
	CHECK_STR(st.core_version, "0.1.0");
	CHECK_INT(st.exit_last, >, 0);
	CHECK_INT(vault_next(0), ==, 0);
}

TEST(fixtures__state_of_the_past_has_defaults)
{
	ssize_t n = read_fixture(FIXTURES "/state-past/init-state.txt");

	CHECK_INT(n, >, 0);
	CHECK_INT(state_parse(data, (size_t) n), ==, 0);
	CHECK_INT(st.core_pid, ==, 2);
	CHECK_INT(st.core_old_fd, ==, -1);
	CHECK_INT(st.trial, ==, 0);
	CHECK_STR(st.fault, "");
}

TEST(fixtures__state_of_the_future_is_read_as_far_as_it_is_known)
{
	ssize_t n = read_fixture(FIXTURES "/state-future/init-state.txt");

	CHECK_INT(n, >, 0);
	CHECK_INT(state_parse(data, (size_t) n), ==, 0);
	CHECK_INT(st.core_pid, ==, 2);
	CHECK_INT(st.restarts, ==, 4);
}

TEST(fixtures__hello_of_v1_is_a_packet)
{
	static struct packet p;
	ssize_t n = read_fixture(FIXTURES "/state-v1/hello.bin");

	CHECK_INT(n, >, sizeof(p.m));
	memcpy(&p, data, (size_t) n);
	CHECK_INT(packet_check(&p, (size_t) n), ==, 0);
	CHECK_INT(p.m.type, ==, WIRE_HELLO);
}
