// SPDX-License-Identifier: Apache-2.0
#include "state/link-internal.h"

#include "base/fault.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>

static void link_lose(struct link *k, int error)
{
	if (k->lost)
		return;
	k->lost = true;
	log_warning_errno(error, "Lost the link to init: %m");
	if (k->source)
		source_set_state(k->source, SOURCE_OFF);
	if (k->handlers.on_lost)
		k->handlers.on_lost(k->userdata);
}

/* ---- what each packet means ---- */

static int on_ping(struct link *k, const struct wire_message *m, const char *text _unused_,
                   int fd _unused_)
{
	struct wire_message pong = {
		.version = WIRE_VERSION, .type = WIRE_PONG, .serial = m->serial, .value = m->value};
	int r = link_send(k, &pong, NULL, -EBADF);

	/* With a full queue init does not read; then an unanswered ping is the truth. */
	return r == -ENOBUFS ? 0 : r;
}

static int on_welcome(struct link *k, const struct wire_message *m _unused_, const char *text,
                      int fd _unused_)
{
	if (k->welcomed)
		return -EPROTO;
	k->welcomed = true;
	return welcome_parse(text, &k->welcome);
}

static int on_vault_item(struct link *k, const struct wire_message *m _unused_, const char *text,
                         int fd)
{
	int copy;

	if (k->vault_complete)
		return -EPROTO;
	/* The dispatcher closes its fd, so this one is a duplicate: starts are rare, and ownership
	 * stays simple. */
	copy = fd < 0 ? -EBADF : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0 && copy < 0)
		return -errno;
	return link_vault_received(k, text, copy);
}

static int on_vault_end(struct link *k, const struct wire_message *m _unused_,
                        const char *text _unused_, int fd _unused_)
{
	k->vault_complete = true;
	return 0;
}

static int on_exit_report(struct link *k, const struct wire_message *m, const char *text,
                          int fd _unused_)
{
	struct process_exit e = {.pid = m->pid,
	                         .start_time = m->start_time,
	                         .code = m->code,
	                         .status = m->status,
	                         .cgroup = *text == '/' ? text : NULL};

	if (!k->ready || m->number == 0 || m->pid <= 0)
		return -EPROTO;
	FAULT_POINT("link.exit.received");
	k->handlers.on_exit(&e, m->number, k->userdata);
	FAULT_POINT("link.exit.handled");
	return 0;
}

static int on_signal(struct link *k, const struct wire_message *m, const char *text _unused_,
                     int fd _unused_)
{
	/* Up to SIGRTMAX, which is 64. */
	if (m->value < 1 || m->value > 64)
		return -EPROTO;
	if (!k->ready)
		k->early_signals |= UINT64_C(1) << (m->value - 1);
	else if (k->handlers.on_signal)
		k->handlers.on_signal((int) m->value, k->userdata);
	return 0;
}

static int on_reply(struct link *k, const struct wire_message *m, const char *text, int fd _unused_)
{
	if (m->value > 0 || m->value < -4095)
		return -EPROTO;
	if (k->handlers.on_reply)
		k->handlers.on_reply(m->serial, (int) m->value, text, k->userdata);
	return 0;
}

static int on_init_fault(struct link *k, const struct wire_message *m _unused_, const char *text,
                         int fd _unused_)
{
	if (k->handlers.on_fault)
		k->handlers.on_fault(text, k->userdata);
	return 0;
}

/* clang-format off */
static int (*const packet_handlers[])(struct link *k, const struct wire_message *m, const char *text, int fd) = {
	[WIRE_WELCOME]	  = on_welcome,
	[WIRE_PING]	  = on_ping,
	[WIRE_EXIT]	  = on_exit_report,
	[WIRE_VAULT_ITEM] = on_vault_item,
	[WIRE_VAULT_END]  = on_vault_end,
	[WIRE_SIGNAL]	  = on_signal,
	[WIRE_REPLY]	  = on_reply,
	[WIRE_FAULT]	  = on_init_fault,
};
/* clang-format on */

int link_dispatch(struct link *k, const struct wire_message *m, const char *text, int fd)
{
	auto_fd int owned = fd;

	/* Types that this version does not know are a newer init's business. */
	if (m->type >= ELEMENTSOF(packet_handlers) || !packet_handlers[m->type])
		return 0;
	return packet_handlers[m->type](k, m, text, owned);
}

static int link_on_io(struct source *s _unused_, int fd _unused_, uint32_t revents, void *userdata)
{
	struct link *k = userdata;
	char text[WIRE_TEXT_MAX + 1];
	struct wire_message m;
	int r = 0, packet_fd;

	if (revents & EPOLLOUT)
		r = link_flush(k);
	for (unsigned i = 0; r >= 0 && !k->lost && i < LINK_BURST; i++) {
		r = link_receive(k, &m, text, &packet_fd);
		if (r == 0)
			return 0;
		if (r > 0)
			r = link_dispatch(k, &m, text, packet_fd);
	}
	/* An order of core's that failed for want of memory is no reason to give the link up. */
	if (r < 0 && r != -ENOMEM)
		link_lose(k, r);
	return 0;
}

/* ---- opening ---- */

static int send_plain(struct link *k, enum wire_type type, int64_t value, const char *text)
{
	struct wire_message m = {.version = WIRE_VERSION, .type = (uint16_t) type, .value = value};

	m.text_size = text ? (uint32_t) MIN(strlen(text), (size_t) WIRE_TEXT_MAX) : 0;
	return link_send(k, &m, text, -EBADF);
}

/* The only place where core waits for init: it has nothing else to do yet. */
static int wait_until(struct link *k, const bool *done, usec_t deadline)
{
	char text[WIRE_TEXT_MAX + 1];
	struct wire_message m;
	int r, fd;

	while (!*done) {
		struct pollfd p = {.fd = k->fd, .events = POLLIN | (k->n_queued > 0 ? POLLOUT : 0)};
		usec_t t = now(CLOCK_BOOTTIME);

		/* Late ourselves, what has come meanwhile is still taken. */
		r = poll(&p, 1, t < deadline ? (int) ((deadline - t) / USEC_PER_MSEC) + 1 : 0);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && t >= deadline)
			return -ETIMEDOUT;
		if (r <= 0)
			continue;
		if (p.revents & POLLOUT) {
			r = link_flush(k);
			if (r < 0)
				return r;
		}
		r = link_receive(k, &m, text, &fd);
		if (r > 0)
			r = link_dispatch(k, &m, text, fd);
		if (r < 0)
			return r;
	}
	return 0;
}

static void page_map(struct link *k, int fd)
{
	struct stat st;
	void *p;

	/* Without the page init cannot see a hang, but all else works. Its size is checked:
	 * touching a page that is not there is SIGBUS. */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t) sizeof(struct wire_page))
		return;
	p = mmap(NULL, sizeof(struct wire_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		k->page = p;
}

static int greet(struct link *k, const char *version)
{
	usec_t deadline = usec_add(now(CLOCK_BOOTTIME), LINK_OPEN_TIMEOUT_USEC);
	int r;

	r = send_plain(k, WIRE_HELLO, WIRE_HELLO_SIGNAL_ACK, version);
	FAULT_POINT("link.hello.after");
	if (r >= 0)
		r = wait_until(k, &k->welcomed, deadline);
	if (r >= 0)
		r = send_plain(k, WIRE_VAULT_LIST, 0, NULL);
	if (r >= 0)
		r = wait_until(k, &k->vault_complete, deadline);
	FAULT_POINT("link.vault.received");
	return r;
}

int link_open_fd(struct loop *l, int fd, int page_fd, const char *version,
                 const struct link_handlers *h, void *userdata, struct link **ret)
{
	struct link *k = calloc(1, sizeof(*k));
	int r;

	if (!k) {
		fd_close(fd);
		return -ENOMEM;
	}
	k->loop = l;
	k->fd = fd;
	k->handlers = *h;
	k->userdata = userdata;
	list_init(&k->queue);
	k->vault = map_new(MAP_STRING);
	r = k->vault ? fd_set_cloexec(fd, true) : -ENOMEM;
	if (r >= 0)
		r = fd_set_nonblock(fd, true);
	if (r >= 0) {
		page_map(k, page_fd);
		r = greet(k, version);
	}
	if (r >= 0)
		r = loop_add_io(l, fd, EPOLLIN | (k->n_queued > 0 ? EPOLLOUT : 0), "init link",
		                link_on_io, k, &k->source);
	if (r < 0) {
		link_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

int link_open(struct loop *l, const char *version, const struct link_handlers *h, void *userdata,
              struct link **ret)
{
	int r = link_open_fd(l, WIRE_FD, WIRE_PAGE_FD, version, h, userdata, ret);

	/* The map stays; services must not get the page. */
	if (r >= 0)
		fd_close(WIRE_PAGE_FD);
	return r;
}

struct link *link_free(struct link *k)
{
	if (!k)
		return NULL;
	k->source = source_free(k->source);
	if (!k->lost)
		(void) link_flush(k);
	link_queue_clear(k);
	link_vault_done(k);
	welcome_done(&k->welcome);
	if (k->page)
		munmap(k->page, sizeof(struct wire_page));
	fd_close(k->fd);
	free(k);
	return NULL;
}

const struct welcome *link_welcome(const struct link *k)
{
	return &k->welcome;
}

int link_ready(struct link *k)
{
	uint64_t signals = k->early_signals;
	int r;

	FAULT_POINT("link.ready.before");
	k->ready = true;
	k->early_signals = 0;
	for (int i = 1; i <= 64; i++)
		if (signals & UINT64_C(1) << (i - 1) && k->handlers.on_signal)
			k->handlers.on_signal(i, k->userdata);
	r = send_plain(k, WIRE_READY, 0, NULL);
	FAULT_POINT("link.ready.after");
	return r;
}

void link_ack(struct link *k, uint64_t number)
{
	int r;

	if (number <= k->ack_wanted)
		return;
	k->ack_wanted = number;
	r = link_flush(k);
	if (r < 0)
		link_lose(k, r);
}

int link_signal_ack(struct link *k, int signo)
{
	return send_plain(k, WIRE_SIGNAL_ACK, signo, NULL);
}

int link_request(struct link *k, enum wire_type type, int64_t value, int fd, const char *text)
{
	struct wire_message m = {.version = WIRE_VERSION, .type = (uint16_t) type, .value = value};
	size_t n = text ? strlen(text) : 0;
	int r;

	if (n > WIRE_TEXT_MAX)
		return -E2BIG;
	if (k->last_serial >= INT32_MAX)
		k->last_serial = 0;
	m.serial = ++k->last_serial;
	m.text_size = (uint32_t) n;
	FAULT_POINT("link.request.before");
	r = link_send(k, &m, text, fd);
	FAULT_POINT("link.request.after");
	return r < 0 ? r : (int) m.serial;
}

int link_shutdown(struct link *k, enum wire_shutdown how, int status, const char *text)
{
	struct wire_message m = {
		.version = WIRE_VERSION, .type = WIRE_SHUTDOWN, .value = how, .status = status};
	size_t n = text ? strlen(text) : 0;

	if (n > WIRE_TEXT_MAX)
		return -E2BIG;
	m.text_size = (uint32_t) n;
	return link_send(k, &m, text, -1);
}

void link_busy_hook(bool busy, void *link)
{
	struct link *k = link;

	if (k->page)
		atomic_store_explicit(&k->page->busy_since_usec, busy ? now(CLOCK_BOOTTIME) : 0,
		                      memory_order_relaxed);
}
