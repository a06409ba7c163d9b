// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/vmware.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define TIMEOUT (5 * USEC_PER_SEC)

#if defined(__x86_64__)

#define MAGIC       0x564D5868U
#define PORT        0x5658U
#define MESSAGE     0x1eU
#define RPCI        0x49435052U /* "RPCI" */
#define WITH_COOKIE 0x80000000U
#define OK          0x10000U
#define DO_RECEIVE  0x20000U

enum { OPEN, SEND_SIZE, SEND_DATA, RECEIVE_SIZE, RECEIVE_DATA, RECEIVE_DONE, CLOSE };

struct registers {
	uint32_t a, b, c, d, si, di;
};

struct channel {
	uint32_t id, cookie_high, cookie_low;
};

/* The hypervisor catches the access to this port; elsewhere it is a fault. */
static void knock(struct registers *r)
{
	__asm__ volatile("inl %%dx, %%eax"
	                 : "+a"(r->a), "+b"(r->b), "+c"(r->c), "+d"(r->d), "+S"(r->si), "+D"(r->di)
	                 :
	                 : "memory");
}

static struct registers call(const struct channel *ch, unsigned type, uint32_t b)
{
	struct registers r = {.a = MAGIC,
	                      .b = b,
	                      .c = type << 16 | MESSAGE,
	                      .d = ch->id << 16 | PORT,
	                      .si = ch->cookie_high,
	                      .di = ch->cookie_low};

	knock(&r);
	return r;
}

static int channel_open(struct channel *ch)
{
	struct registers r;

	*ch = (struct channel){0};
	r = call(ch, OPEN, RPCI | WITH_COOKIE);
	if (!(r.c & OK))
		return -EOPNOTSUPP;
	*ch = (struct channel){r.d >> 16, r.si, r.di};
	return 0;
}

static int channel_send(const struct channel *ch, const char *text)
{
	size_t size = strlen(text);
	struct registers r = call(ch, SEND_SIZE, (uint32_t) size);

	if (!(r.c & OK))
		return -EIO;
	for (size_t i = 0; i < size; i += 4) {
		uint32_t word = 0;

		memcpy(&word, text + i, MIN(size - i, (size_t) 4));
		r = call(ch, SEND_DATA, word);
		if (!(r.c & OK))
			return -EIO;
	}
	return 0;
}

static int channel_receive(const struct channel *ch, struct strbuf *to)
{
	struct registers r = call(ch, RECEIVE_SIZE, 0);
	uint32_t size = r.b, data = r.d >> 16;

	if (!(r.c & OK) || !(r.c & DO_RECEIVE) || size > VMWARE_ANSWER_MAX)
		return -EIO;
	for (uint32_t i = 0; i < size; i += 4) {
		r = call(ch, RECEIVE_DATA, data);
		if (!(r.c & OK))
			return -EIO;
		strbuf_add(to, &r.b, MIN(size - i, (uint32_t) 4));
	}
	r = call(ch, RECEIVE_DONE, data);
	return r.c & OK ? to->error : -EIO;
}

/* In the child: the answer goes to @fd as it is. */
static int converse(const char *command, int fd)
{
	auto_strbuf struct strbuf b = {.max = VMWARE_ANSWER_MAX};
	struct channel ch;
	int r = channel_open(&ch);

	if (r < 0)
		return r;
	r = channel_send(&ch, command);
	if (r >= 0)
		r = channel_receive(&ch, &b);
	(void) call(&ch, CLOSE, 0);
	if (r >= 0 && b.size && write(fd, b.data, b.size) != (ssize_t) b.size)
		r = -EIO;
	return r;
}

static void read_answer(int fd, usec_t deadline, struct strbuf *to)
{
	char buf[4096];

	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		usec_t at = now(CLOCK_BOOTTIME);
		ssize_t n;

		if (at >= deadline ||
		    poll(&p, 1, (int) ((deadline - at) / USEC_PER_MSEC) + 1) <= 0) {
			to->error = -ETIMEDOUT;
			return;
		}
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return;
		strbuf_add(to, buf, (size_t) n);
	}
}

int vmware_rpc(const char *command, char **ret)
{
	auto_strbuf struct strbuf b = {.max = VMWARE_ANSWER_MAX};
	int fds[2], status = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL); /* a fault is the answer of other machines */
		_exit(converse(command, fds[1]) < 0 ? 1 : 0);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	read_answer(fds[0], now(CLOCK_BOOTTIME) + TIMEOUT, &b);
	close(fds[0]);
	if (b.error == -ETIMEDOUT)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (b.error < 0)
		return b.error;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -EOPNOTSUPP;
	/* "1 text" is success, "0 reason" a refusal. */
	if (b.size < 2 || memcmp(b.data, "1 ", 2) != 0)
		return -ENOENT;
	*ret = strndup(b.data + 2, b.size - 2);
	return *ret ? 0 : -ENOMEM;
}

#else

int vmware_rpc(const char *command, char **ret)
{
	(void) command;
	(void) ret;
	return -EOPNOTSUPP;
}

#endif
