// SPDX-License-Identifier: Apache-2.0
/*
 * What is due to core is derived from the state (exits behind exit_sent, the listing's place, bits
 * of signals, one reply), so nothing can be lost or grow when core does not read, or when we crash.
 * While the reply to a request is unsent, the next request waits in the socket.
 */
#include "init/init.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int blocked; /* why the last flush ended early: -errno, or 0 */
static struct packet packet;

void wire_open(int fd)
{
	st.wire_fd = fd;
	st.welcome_due = st.ping_due = st.list_next = st.reply_serial = st.answer_serial = 0;
	blocked = 0;
}

void wire_close(void)
{
	fd_close(&st.wire_fd);
	wire_open(-1);
	/* Serials are core's own: the next core must not get an answer to this one's question. */
	st.helper_serial = 0;
	st.exit_sent = st.exit_acked;
	signals_tell_again();
}

short wire_events(void)
{
	return (short) ((st.reply_serial ? 0 : POLLIN) | (blocked == -EAGAIN ? POLLOUT : 0));
}

/* POLLOUT does not wait for memory or the limit of fds in flight. */
int wire_delay(void)
{
	return blocked && blocked != -EAGAIN ? WIRE_RETRY_MSEC : -1;
}

bool wire_is_stuck(void)
{
	return blocked == -EAGAIN;
}

/* ---- out ---- */

/* Returns 0, -EAGAIN if the socket is full, -EBADF if @fd is none, or another -errno. */
static int wire_send(struct wire_message m, const char *text, int fd)
{
	union {
		struct cmsghdr head;
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
		h.msg_controllen = sizeof(control.data);
		control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg((int) st.wire_fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Sends @m if *@due, which is 0 afterwards. */
static int send_once(long long *due, struct wire_message m, const char *text)
{
	int r = *due ? wire_send(m, text, -1) : 0;

	if (r == 0)
		*due = 0;
	return r;
}

/* As send_once(), with the status for a text. */
static int send_status(long long *due, struct wire_message m)
{
	char buf[WIRE_TEXT_MAX + 1] = "";
	struct text t = TEXT_IN(buf);

	if (*due)
		status_text(&t);
	return send_once(due, m, buf);
}

static int send_welcome(void)
{
	return send_status(&st.welcome_due, (struct wire_message){.type = WIRE_WELCOME});
}

static int send_ping(void)
{
	return send_once(&st.ping_due,
	                 (struct wire_message){.type = WIRE_PING, .value = st.ping_value}, "");
}

static int send_listing(void)
{
	while (st.list_next) {
		int i = vault_next((int) st.list_next - 1), r;
		struct wire_message m = {.type = i < 0 ? WIRE_VAULT_END : WIRE_VAULT_ITEM,
		                         .serial = (uint32_t) st.list_serial};

		r = wire_send(m, i < 0 ? "" : vault_at(i)->name, i < 0 ? -1 : vault_at(i)->fd);
		if (r == -EBADF)
			log_line(LOG_ERR, "vault item %s: %s", vault_at(i)->name, error_text(r));
		else if (r < 0)
			return r;
		st.list_next = i < 0 ? 0 : i + 2;
	}
	return 0;
}

static int send_reply(void)
{
	struct wire_message m = {
		.type = WIRE_REPLY, .serial = (uint32_t) st.reply_serial, .value = st.reply_value};

	return st.reply_status ? send_status(&st.reply_serial, m)
	                       : send_once(&st.reply_serial, m, st.reply_text);
}

static int send_answer(void)
{
	struct wire_message m = {.type = WIRE_REPLY,
	                         .serial = (uint32_t) st.answer_serial,
	                         .value = st.answer_value};

	return send_once(&st.answer_serial, m, st.last_upgrade);
}

static int send_fault(void)
{
	char text[sizeof(st.fault)];
	int r;

	if (!st.fault[0] || !core_is_ready())
		return 0;
	/* One line in the state, lines on the wire. */
	text_set(text, "%s", st.fault);
	for (char *p = text; *p; p++)
		if (*p == ' ')
			*p = '\n';
	r = wire_send((struct wire_message){.type = WIRE_FAULT}, text, -1);
	if (r == 0)
		st.fault[0] = '\0';
	return r;
}

static int send_signals(void)
{
	while (st.signals && core_is_ready()) {
		int bit = __builtin_ctzll((unsigned long long) st.signals), r;

		if (st.core_can & WIRE_HELLO_SIGNAL_ACK)
			st.signals_told |= (long long) (1ULL << bit);
		FENCE();
		r = wire_send((struct wire_message){.type = WIRE_SIGNAL, .value = bit + 1}, "", -1);
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
		int r = wire_send(e->m, e->cgroup, -1);

		if (r < 0)
			return r;
		st.exit_sent++;
	}
	return 0;
}

void wire_flush(void)
{
	static int (*const senders[])(void) = {send_welcome, send_ping,  send_listing, send_reply,
	                                       send_answer,  send_fault, send_signals, send_exits};

	blocked = 0;
	for (size_t i = 0; st.wire_fd >= 0 && !blocked && i < COUNT(senders); i++)
		blocked = senders[i]();
}

/* ---- in ---- */

static int on_vault_put(struct packet *p, struct text *why)
{
	int r = p->fd < 0 ? -EBADF : vault_put(p->text, p->m.text_size, p->fd);

	if (r == 0)
		p->fd = -1;
	else if (r == -EBADF)
		text_add(why, "vault put: no file descriptor came along");
	return r;
}

static int on_shutdown(struct packet *p, struct text *why)
{
	if (p->m.value < WIRE_POWEROFF || p->m.value > WIRE_EXIT_CONTAINER) {
		text_add(why, "shutdown: %lld is no way to shut down", (long long) p->m.value);
		return -EINVAL;
	}
	st.reply_serial = p->m.serial;
	st.reply_value = 0;
	wire_flush();
	shutdown_now((enum wire_shutdown) p->m.value, p->m.status);
}

static int on_retry(struct text *why)
{
	int r = core_retry();

	if (r == 1)
		text_add(why, "core runs from the first rung already: nothing to retry");
	return r < 0 ? r : 0;
}

/* What a request is called where nothing better is said. */
static const char *const names[] = {
	[WIRE_READY] = "ready",           [WIRE_VAULT_PUT] = "vault put",
	[WIRE_VAULT_DROP] = "vault drop", [WIRE_VAULT_LIST] = "vault list",
	[WIRE_RETRY] = "retry",
};

/* Returns what the REPLY says, or 1 if it comes later or there is none. */
static int packet_obey(struct packet *p, struct text *why)
{
	switch (p->m.type) {
	case WIRE_HELLO:
		text_copy_clean(st.core_version, sizeof(st.core_version), p->text, p->m.text_size);
		st.core_can = p->m.value;
		st.welcome_due = 1;
		return 0;
	case WIRE_READY:
		return core_on_ready();
	case WIRE_PONG:
		core_on_pong(p->m.value);
		return 0;
	case WIRE_EXIT_ACK:
		exits_ack(p->m.value);
		return 0;
	case WIRE_SIGNAL_ACK:
		signals_ack(p->m.value);
		return 0;
	case WIRE_VAULT_PUT:
		return on_vault_put(p, why);
	case WIRE_VAULT_DROP:
		return vault_drop(p->text, p->m.text_size);
	case WIRE_VAULT_LIST:
		st.list_next = 1;
		st.list_serial = p->m.serial;
		return 0;
	case WIRE_UPGRADE_CORE:
		return upgrade_request(HELPER_CHECK_CORE, p, why);
	case WIRE_UPGRADE_INIT:
		return upgrade_request(HELPER_CHECK_INIT, p, why);
	case WIRE_SWITCH_ROOT:
		return upgrade_request(HELPER_CHECK_ROOT, p, why);
	case WIRE_SHUTDOWN:
		return on_shutdown(p, why);
	case WIRE_STATUS:
		st.reply_status = 1;
		return 0;
	case WIRE_RETRY:
		return on_retry(why);
	default:
		return 1; /* not for us, or of a later version */
	}
}

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
	struct text why = TEXT_IN(st.reply_text);
	int r = packet_check(p, n);

	if (r < 0) {
		if (!st.garbage++)
			log_line(LOG_WARNING,
			         "a packet from core is no message (%s); counting such",
			         error_text(r));
		return;
	}
	p->text[p->m.text_size] = '\0';
	st.reply_text[0] = '\0';
	st.reply_status = 0;
	r = packet_obey(p, &why);
	if (r < 0 && !why.used)
		text_add(&why, "%s: %s", names[p->m.type], error_text(r));
	if (r < 0)
		log_line(LOG_WARNING, "core's request refused: %s", st.reply_text);
	if (r > 0 || st.wire_fd < 0)
		return;
	st.reply_value = r;
	FENCE();
	st.reply_serial = p->m.serial;
}

/*
 * It stays in the socket until it was obeyed, so that a fault of ours in between does not lose it: to obey twice does no harm.
 * Room for exactly one fd: the kernel closes what does not fit.
 */
static ssize_t packet_peek(struct packet *p)
{
	union {
		struct cmsghdr head;
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
	n = recvmsg((int) st.wire_fd, &h, MSG_DONTWAIT | MSG_PEEK | MSG_CMSG_CLOEXEC);
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
		ssize_t n;

		if (st.reply_serial)
			wire_flush();
		if (st.reply_serial && !drain)
			return;
		n = packet_peek(&packet);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return;
		if (n > 0)
			packet_handle(&packet, (size_t) n);
		if (packet.fd >= 0)
			close(packet.fd);
		packet.fd = -1;
		if (st.wire_fd >= 0)
			(void) recv((int) st.wire_fd, NULL, 0, MSG_DONTWAIT);
		/* The end, or a packet without a byte; the latter cannot fill a whole queue. */
		if (n == 0 && drain && ++zeros == EOF_READS) {
			core_on_hangup();
			return;
		}
	}
}
