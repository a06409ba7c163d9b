// SPDX-License-Identifier: Apache-2.0
/*
 * What is due to core is derived from the state (exits behind exit_sent, the listing's place, bits
 * of signals), so nothing can be lost or grow when core does not read. Only replies are queued;
 * while that queue is nearly full, requests wait.
 */
#include "init/init.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct reply {
	long long serial;
	int value;
	char text[WIRE_TEXT_MAX + 1];
};

static struct reply replies[REPLIES_MAX];
static int replies_first, replies_count;
static bool full; /* the socket; POLLOUT tells when it is not */
static struct packet packet;

bool wire_retry;

void wire_open(int fd)
{
	st.wire_fd = fd;
	st.welcome_due = st.ping_due = st.list_next = 0;
	replies_count = 0;
	full = false;
}

void wire_close(void)
{
	if (st.wire_fd >= 0)
		close((int) st.wire_fd);
	wire_open(-1);
	/* Serials are core's own: the next core must not get an answer to this one's question. */
	st.helper_serial = 0;
	st.exit_sent = st.exit_acked;
}

short wire_events(void)
{
	/* The reply of a finished upgrade needs the last place. */
	return (short) ((replies_count < REPLIES_MAX - 1 ? POLLIN : 0) | (full ? POLLOUT : 0));
}

bool wire_is_idle(void)
{
	return st.wire_fd < 0 || (!full && !replies_count && !st.list_next && !st.welcome_due);
}

bool wire_is_stuck(void)
{
	return full;
}

/* Returns 0, -EAGAIN if the socket is full, -EBADF if @fd is none, or another -errno. */
static int wire_send(struct wire_message m, const char *text, int fd)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{&m, sizeof(m)}, {(void *) (uintptr_t) text, strlen(text)}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};

	if (iov[1].iov_len > WIRE_TEXT_MAX)
		iov[1].iov_len = WIRE_TEXT_MAX;
	m.version = WIRE_VERSION;
	m.text_size = (uint32_t) iov[1].iov_len;
	if (fd >= 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(sizeof(int));
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		                                      .cmsg_level = SOL_SOCKET,
		                                      .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof(fd));
	}
	if (sendmsg((int) st.wire_fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return -errno;
}

static int send_welcome(void)
{
	char buf[WIRE_TEXT_MAX + 1];
	struct text t = TEXT_IN(buf);

	if (!st.welcome_due)
		return 0;
	status_text(&t);
	return wire_send((struct wire_message){.type = WIRE_WELCOME}, buf, -1)
	               ?: (int) (st.welcome_due = 0);
}

static int send_ping(void)
{
	if (!st.ping_due)
		return 0;
	return wire_send((struct wire_message){.type = WIRE_PING, .value = st.ping_value}, "", -1)
	               ?: (int) (st.ping_due = 0);
}

static int send_listing(void)
{
	while (st.list_next) {
		int i = vault_next((int) st.list_next - 1), r;
		struct wire_message m = {.serial = (uint32_t) st.list_serial};

		m.type = i < 0 ? WIRE_VAULT_END : WIRE_VAULT_ITEM;
		r = wire_send(m, i < 0 ? "" : vault_at(i)->name, i < 0 ? -1 : vault_at(i)->fd);
		if (r < 0 && r != -EBADF)
			return r;
		if (r < 0)
			log_line(LOG_ERR, "vault item %s: %s", vault_at(i)->name, error_text(r));
		st.list_next = i < 0 ? 0 : i + 2;
	}
	return 0;
}

static int send_replies(void)
{
	while (replies_count) {
		const struct reply *a = &replies[replies_first];
		struct wire_message m = {
			.type = WIRE_REPLY, .serial = (uint32_t) a->serial, .value = a->value};
		int r = wire_send(m, a->text, -1);

		if (r < 0)
			return r;
		replies_first = (replies_first + 1) % REPLIES_MAX;
		replies_count--;
	}
	return 0;
}

static int send_signals(void)
{
	while (st.signals && core_is_ready()) {
		int bit = __builtin_ctzll((unsigned long long) st.signals);
		int r = wire_send((struct wire_message){.type = WIRE_SIGNAL, .value = bit + 1}, "",
		                  -1);

		if (r < 0)
			return r;
		st.signals &= ~(1LL << bit);
	}
	return 0;
}

static int send_exits(void)
{
	while (st.exit_sent < st.exit_last && core_is_ready()) {
		const struct exit_record *e = exit_at(st.exit_sent + 1);
		struct wire_message m = {
			.type = WIRE_EXIT,
			.number = (uint64_t) st.exit_sent + 1,
			.start_time = (uint64_t) e->start_time,
			.pid = e->pid,
			.code = e->code,
			.status = e->status,
		};
		int r = wire_send(m, e->cgroup, -1);

		if (r < 0)
			return r;
		st.exit_sent++;
	}
	return 0;
}

void wire_flush(void)
{
	static int (*const senders[])(void) = {send_welcome, send_ping,    send_listing,
	                                       send_replies, send_signals, send_exits};

	full = wire_retry = false;
	for (size_t i = 0; st.wire_fd >= 0 && i < COUNT(senders); i++) {
		int r = senders[i]();

		if (r < 0) {
			full = r == -EAGAIN;
			/* POLLOUT does not wait for memory or the limit of fds in flight. */
			wire_retry = r == -ENOBUFS || r == -ENOMEM || r == -ETOOMANYREFS;
			return;
		}
	}
}

void wire_reply(long long serial, int value, const char *text)
{
	struct reply *a = &replies[(replies_first + replies_count) % REPLIES_MAX];

	if (!serial || st.wire_fd < 0 || replies_count == REPLIES_MAX)
		return;
	a->serial = serial;
	a->value = value;
	text_set(a->text, "%s", text);
	replies_count++;
}

static int on_hello(struct packet *p, struct text *why)
{
	(void) why;
	text_copy_clean(st.core_version, sizeof(st.core_version), p->text, p->m.text_size);
	st.welcome_due = 1;
	return 0;
}

static int on_ready(struct packet *p, struct text *why)
{
	(void) p;
	if (core_on_ready() == 0)
		return 0;
	text_add(why, "READY was not expected now");
	return -EALREADY;
}

static int on_pong(struct packet *p, struct text *why)
{
	(void) why;
	core_on_pong(p->m.value);
	return 0;
}

static int on_exit_ack(struct packet *p, struct text *why)
{
	(void) why;
	exits_ack(p->m.value);
	return 0;
}

static int on_vault_put(struct packet *p, struct text *why)
{
	int r = p->fd < 0 ? -EBADF : vault_put(p->text, p->m.text_size, p->fd);

	if (r == 0)
		p->fd = -1;
	else
		text_add(why, "vault put: %s",
		         r == -EBADF ? "no file descriptor came along" : error_text(r));
	return r;
}

static int on_vault_drop(struct packet *p, struct text *why)
{
	int r = vault_drop(p->text, p->m.text_size);

	if (r < 0)
		text_add(why, "vault drop: %s", error_text(r));
	return r;
}

static int on_vault_list(struct packet *p, struct text *why)
{
	if (st.list_next) {
		text_add(why, "vault list: the one before is still being sent");
		return -EBUSY;
	}
	st.list_next = 1;
	st.list_serial = p->m.serial;
	return 0;
}

static int on_upgrade_core(struct packet *p, struct text *why)
{
	return upgrade_request(HELPER_CHECK_CORE, p, why);
}

static int on_upgrade_init(struct packet *p, struct text *why)
{
	return upgrade_request(HELPER_CHECK_INIT, p, why);
}

static int on_shutdown(struct packet *p, struct text *why)
{
	if (p->m.value < WIRE_POWEROFF || p->m.value > WIRE_EXIT_CONTAINER) {
		text_add(why, "shutdown: %lld is no way to shut down", (long long) p->m.value);
		return -EINVAL;
	}
	wire_reply(p->m.serial, 0, "");
	wire_flush();
	shutdown_now((enum wire_shutdown) p->m.value, p->m.status);
}

static int on_switch_root(struct packet *p, struct text *why)
{
	(void) p;
	text_add(why, "switch-root: this init cannot leave an initramfs; let the initramfs exec it "
	              "in the new root");
	return -EOPNOTSUPP;
}

static int on_status(struct packet *p, struct text *why)
{
	(void) p;
	status_text(why);
	return 0;
}

static int on_retry(struct packet *p, struct text *why)
{
	int r = core_retry();

	(void) p;
	if (r == 1)
		text_add(why, "core runs from the first rung already: nothing to retry");
	if (r < 0)
		text_add(why, "retry: an upgraded core is on trial");
	return r < 0 ? r : 0;
}

/* A handler returns what the REPLY says, or 1 if it comes later. Other types are not for us, and
 * ignored. */
static int (*const handlers[])(struct packet *p, struct text *why) = {
	[WIRE_HELLO] = on_hello,
	[WIRE_READY] = on_ready,
	[WIRE_PONG] = on_pong,
	[WIRE_EXIT_ACK] = on_exit_ack,
	[WIRE_VAULT_PUT] = on_vault_put,
	[WIRE_VAULT_DROP] = on_vault_drop,
	[WIRE_VAULT_LIST] = on_vault_list,
	[WIRE_UPGRADE_CORE] = on_upgrade_core,
	[WIRE_UPGRADE_INIT] = on_upgrade_init,
	[WIRE_SHUTDOWN] = on_shutdown,
	[WIRE_SWITCH_ROOT] = on_switch_root,
	[WIRE_STATUS] = on_status,
	[WIRE_RETRY] = on_retry,
};

int packet_check(const struct packet *p, size_t n)
{
	if (n < sizeof(p->m))
		return -EBADMSG;
	if (p->m.version != WIRE_VERSION)
		return -EPROTONOSUPPORT;
	if (p->m.text_size > WIRE_TEXT_MAX || p->m.text_size != n - sizeof(p->m))
		return -EBADMSG;
	return 0;
}

static void packet_handle(struct packet *p, size_t n)
{
	char buf[WIRE_TEXT_MAX + 1] = "";
	struct text why = TEXT_IN(buf);
	int r = packet_check(p, n);

	if (r < 0) {
		if (!st.garbage++)
			log_line(LOG_WARNING,
			         "core sent a packet that is no message (%s); such are counted "
			         "from now on",
			         error_text(r));
		return;
	}
	p->text[p->m.text_size] = '\0';
	if (p->m.type >= COUNT(handlers) || !handlers[p->m.type])
		return;
	r = handlers[p->m.type](p, &why);
	if (r <= 0)
		wire_reply(p->m.serial, r, buf);
	if (r < 0)
		log_line(LOG_WARNING, "core's request %d refused: %s", p->m.type, buf);
}

/* Room for exactly one fd: the kernel closes what does not fit. */
static ssize_t packet_receive(struct packet *p)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[2] = {{&p->m, sizeof(p->m)}, {p->text, WIRE_TEXT_MAX}};
	struct msghdr h = {.msg_iov = iov,
	                   .msg_iovlen = 2,
	                   .msg_control = &control,
	                   .msg_controllen = CMSG_LEN(sizeof(int))};
	struct cmsghdr *c;
	ssize_t n;

	p->fd = -1;
	n = recvmsg((int) st.wire_fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&p->fd, CMSG_DATA(c), sizeof(int));
	/* Cut off text makes the packet as wrong as it is. */
	return h.msg_flags & MSG_TRUNC ? (ssize_t) 1 : n;
}

void wire_read(bool drain)
{
	int zeros = 0;

	for (int i = 0; st.wire_fd >= 0 && i < (drain ? DRAIN_BATCH : READ_BATCH); i++) {
		ssize_t n = drain || wire_events() & POLLIN ? packet_receive(&packet) : -EAGAIN;

		if (n == -EINTR)
			continue;
		if (n < 0)
			return;
		/* The end, or a packet without a byte; the latter cannot fill a whole queue. */
		if (n == 0) {
			if (!drain || ++zeros < EOF_READS)
				continue;
			core_on_hangup();
			return;
		}
		packet_handle(&packet, (size_t) n);
		if (packet.fd >= 0)
			close(packet.fd);
		packet.fd = -1;
	}
}
