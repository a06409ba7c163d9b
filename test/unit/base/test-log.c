// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/diag.h"
#include "base/fd.h"
#include "base/str.h"
#include "check.h"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Runs @fn with stderr in a pipe and returns what it wrote. */
static const char *captured(void (*fn)(void))
{
	static char text[8192];
	int p[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	if (pipe2(p, O_NONBLOCK) < 0)
		abort();
	dup2(p[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	n = read(p[0], text, sizeof(text) - 1);
	text[MAX(n, 0)] = 0;
	close(p[0]);
	close(p[1]);
	close(saved);
	return text;
}

static void say_some(void)
{
	log_setup("me", LOG_TARGET_STDERR, LOG_INFO);
	log_info("Plain");
	log_debug("Not shown");
	errno = EINTR;
	if (log_error_errno(-EACCES, "Failed to open \"%s\": %m", "x") != -EACCES || errno != EINTR)
		abort();
	if (log_warning_errno(EBUSY, "Positive: %m") != -EBUSY)
		abort();
}

TEST(log__stderr_lines)
{
	CHECK_STR(captured(say_some), "me: Plain\nme: Failed to open \"x\": Permission denied\n"
	                              "me: Positive: Device or resource busy\n");
	CHECK_INT(log_get_level(), ==, LOG_INFO);
}

static void say_findings(void)
{
	struct diag d = {0};

	log_setup("me", LOG_TARGET_STDERR, LOG_INFO);
	(void) diag_add(&d, 0, DIAG_WARNING, "f", 3, "Odd key");
	diag_log(&d, "a.service");
}

TEST(log__findings)
{
	CHECK_STR(captured(say_findings), "me: a.service: f:3: Odd key\n");
}

static void say_too_much(void)
{
	char long_text[5000];

	log_setup("me", LOG_TARGET_STDERR, LOG_INFO);
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = 0;
	log_info("%s", long_text);
}

TEST(log__long_lines_are_cut)
{
	const char *text = captured(say_too_much);

	CHECK_INT(strlen(text), <, 2100);
	CHECK(str_ends_with(text, "xxx...\n"));
}

static void fill_pipe(void)
{
	char drain[65536];
	int p[2], saved = dup(STDERR_FILENO);

	if (pipe2(p, O_NONBLOCK) < 0)
		abort();
	dup2(p[1], STDERR_FILENO);
	log_setup("me", LOG_TARGET_STDERR, LOG_INFO);
	/* Blocking now, as anyone's stderr may be: a logger that writes regardless hangs here, and
	 * the test times out. */
	fd_set_nonblock(p[1], false);
	for (int i = 0; i < 2000; i++)
		log_info("Line %d of many that together are more than the pipe holds", i);
	if (read(p[0], drain, sizeof(drain)) <= 0)
		abort();
	dup2(saved, STDERR_FILENO);
	log_info("After");
	close(p[0]);
	close(p[1]);
	close(saved);
}

TEST(log__full_pipe_does_not_block_and_loss_is_said)
{
	const char *text = captured(fill_pipe);

	CHECK(str_after(text, "me: "));
	CHECK(strstr(text, " messages were lost\nme: After\n"));
}

/* In a mount namespace of our own /run/systemd/journal/socket is ours. */
static int in_namespace(void)
{
	char buf[4096];
	ssize_t n;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "") < 0)
		return 77;
	log_setup("me", LOG_TARGET_JOURNAL, LOG_INFO);
	/* There is no journal yet. */
	log_info("Early");
	if (mkdir_p("/run/systemd/journal", 0755) < 0)
		return 1;
	fd = unix_listen("/run/systemd/journal/socket", SOCK_DGRAM, 0666);
	if (fd < 0)
		return 2;
	/* It is looked for once a second at most. */
	log_info("Still early");
	if (recv(fd, buf, sizeof(buf), 0) >= 0)
		return 3;
	usleep(1100000);
	log_unit_errno(LOG_ERR, "a.service", -EIO, "Two\nlines: %m");
	n = recv(fd, buf, sizeof(buf), 0);
	if (n <= 0)
		return 4;
	if (!memmem(buf, (size_t) n, "PRIORITY=3\n", 11) ||
	    !memmem(buf, (size_t) n, "SYSLOG_IDENTIFIER=me\n", 21) ||
	    !memmem(buf, (size_t) n, "UNIT=a.service\n", 15) ||
	    !memmem(buf, (size_t) n, "ERRNO=5\n", 8) ||
	    !memmem(buf, (size_t) n, "MESSAGE\n\x1d\0\0\0\0\0\0\0Two\nlines: Input/output error\n",
	            46))
		return 5;
	/* Our socket was closed and its number taken: another is made, and the file is not written
	 * to. */
	for (int i = 3; i < 20; i++)
		if (i != fd)
			close(i);
	if (open("/run/file", O_RDWR | O_CREAT, 0600) < 0)
		return 6;
	log_info("Again");
	if (recv(fd, buf, sizeof(buf), 0) <= 0)
		return 7;
	/* A full queue: to kmsg, without waiting. */
	for (int i = 0; i < 1000; i++)
		log_info("Many");
	close(fd);
	log_info("Refused");
	return 0;
}

TEST(log__journal_socket_in_a_namespace)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		alarm(20);
		_exit(in_namespace());
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		printf("SKIP: no mount namespace ");
	else
		CHECK_INT(status, ==, 0);
}
