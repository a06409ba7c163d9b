// SPDX-License-Identifier: Apache-2.0
/* The test plays init at the other end of a socket pair. */
#include "state/link-internal.h"

#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
	unsigned exits, signals, replies, lost;
	uint64_t number;
	struct process_exit last;
	char cgroup[256], text[256];
	int signo, error;
	uint32_t serial;
};

static void on_exit_seen(const struct process_exit *e, uint64_t number, void *userdata)
{
	struct seen *s = userdata;

	s->exits++;
	s->number = number;
	s->last = *e;
	snprintf(s->cgroup, sizeof(s->cgroup), "%s", e->cgroup ? e->cgroup : "");
}
static void on_signal_seen(int signo, void *userdata)
{
	struct seen *s = userdata;

	s->signals++;
	s->signo = signo;
}
static void on_reply_seen(uint32_t serial, int error, const char *text, void *userdata)
{
	struct seen *s = userdata;

	s->replies++;
	s->serial = serial;
	s->error = error;
	snprintf(s->text, sizeof(s->text), "%s", text);
}
static void on_lost_seen(void *userdata)
{
	((struct seen *) userdata)->lost++;
}
static const struct link_handlers handlers = {on_exit_seen, on_signal_seen, on_reply_seen, NULL,
                                              on_lost_seen};

/* ---- init's end ---- */

static void tell(int fd, struct wire_message m, const char *text, int pass)
{
	char buf[sizeof(m) + WIRE_TEXT_MAX];
	size_t n = text ? strlen(text) : 0;

	m.version = m.version ?: WIRE_VERSION;
	m.text_size = (uint32_t) n;
	memcpy(buf, &m, sizeof(m));
	memcpy(buf + sizeof(m), text ?: "", n);
	if (fd_send_fds(fd, buf, sizeof(m) + n, &pass, pass >= 0) < 0)
		abort();
}

static int hear(int fd, struct wire_message *m, char *text, int *pass)
{
	char buf[sizeof(*m) + WIRE_TEXT_MAX];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n_fds = 0;
	ssize_t n;

	if (poll(&p, 1, 2000) <= 0)
		return -ETIMEDOUT;
	n = fd_recv_fds(fd, buf, sizeof(buf), pass, 1, &n_fds);
	if (n < (ssize_t) sizeof(*m))
		return -EIO;
	if (n_fds == 0)
		*pass = -EBADF;
	memcpy(m, buf, sizeof(*m));
	memcpy(text, buf + sizeof(*m), m->text_size);
	text[m->text_size] = 0;
	return m->type;
}

struct init {
	int fd, file;
	const char *welcome;
	unsigned items;
	bool mute;
};

static void *greet_core(void *arg)
{
	struct init *i = arg;
	struct wire_message m;
	char text[WIRE_TEXT_MAX + 1];
	int pass;

	if (hear(i->fd, &m, text, &pass) != WIRE_HELLO)
		return (void *) "no HELLO";
	if (strcmp(text, "1.2.3"))
		return (void *) "wrong version";
	if (i->mute)
		return NULL;
	tell(i->fd, (struct wire_message){.type = WIRE_PING, .value = 7}, NULL, -1);
	tell(i->fd, (struct wire_message){.type = WIRE_SIGNAL, .value = 15}, NULL, -1);
	tell(i->fd, (struct wire_message){.type = WIRE_WELCOME}, i->welcome, -1);
	if (hear(i->fd, &m, text, &pass) != WIRE_PONG || m.value != 7)
		return (void *) "no PONG";
	if (hear(i->fd, &m, text, &pass) != WIRE_VAULT_LIST)
		return (void *) "no VAULT_LIST";
	for (unsigned n = 0; n < i->items; n++) {
		snprintf(text, sizeof(text), "socket/%u", n);
		tell(i->fd, (struct wire_message){.type = WIRE_VAULT_ITEM}, text, i->file);
	}
	tell(i->fd, (struct wire_message){.type = 999}, "from the future", -1);
	tell(i->fd, (struct wire_message){.type = WIRE_VAULT_END}, NULL, -1);
	return NULL;
}

struct pair {
	struct loop *loop;
	struct link *link;
	struct seen seen;
	int init, page, file;
	struct wire_page *mapped;
};

static int pair_open(struct pair *p, const char *welcome, unsigned items, bool mute)
{
	struct init i = {.welcome = welcome, .items = items, .mute = mute};
	pthread_t thread;
	void *complaint;
	int s[2], r;

	memset(p, 0, sizeof(*p));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0 || loop_new(&p->loop) < 0)
		abort();
	p->init = i.fd = s[1];
	p->file = i.file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	p->page = memfd_create("page", MFD_CLOEXEC);
	if (ftruncate(p->page, 4096) < 0)
		abort();
	p->mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, p->page, 0);
	pthread_create(&thread, NULL, greet_core, &i);
	r = link_open_fd(p->loop, s[0], p->page, "1.2.3", &handlers, &p->seen, &p->link);
	pthread_join(thread, &complaint);
	if (complaint) {
		printf("\n      init: %s\n", (const char *) complaint);
		return -EPROTO;
	}
	return r;
}

static void pair_close(struct pair *p)
{
	link_free(p->link);
	loop_free(p->loop);
	munmap(p->mapped, 4096);
	close(p->init);
	close(p->page);
	close(p->file);
}

static void turn(struct pair *p)
{
	for (int i = 0; i < 5; i++)
		(void) loop_run_once(p->loop, 10000);
}

TEST(link__greets_and_reads_the_vault)
{
	struct pair p;
	const struct welcome *w;
	char **names = NULL;
	int fd;

	CHECK_INT(pair_open(&p,
	                    "version=9\nreason=crash\ndied=killed "
	                    "9\nrestarts=3\ncontainer=1\nunknown=x\nstarted=123\nmode="
	                    "normal\nrestarts=oops\n",
	                    3, false),
	          ==, 0);
	w = link_welcome(p.link);
	CHECK_STR(w->version, "9");
	CHECK_STR(w->reason, "crash");
	CHECK_STR(w->died, "killed 9");
	CHECK_INT(w->restarts, ==, 3);
	CHECK(w->container);
	CHECK_INT(w->started_usec, ==, 123);
	fd = link_vault_take(p.link, "socket/1");
	CHECK_INT(fd, >=, 3);
	close(fd);
	CHECK_INT(link_vault_take(p.link, "socket/1"), ==, -ENOENT);
	CHECK_INT(link_vault_names(p.link, "socket/", &names), ==, 0);
	CHECK_INT(strv_length(names), ==, 2);
	strv_free(names);
	CHECK_INT(link_vault_names(p.link, "x", &names), ==, 0);
	CHECK_INT(strv_length(names), ==, 0);
	strv_free(names);
	pair_close(&p);
}

TEST(link__exits_come_after_ready_and_are_acknowledged)
{
	struct wire_message m;
	char text[WIRE_TEXT_MAX + 1];
	struct pair p;
	int pass;

	CHECK_INT(pair_open(&p, "reason=boot\n", 0, false), ==, 0);
	CHECK_INT(p.seen.signals, ==, 0);
	CHECK_INT(link_ready(p.link), ==, 0);
	CHECK_INT(p.seen.signo, ==, 15);
	CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_READY);
	tell(p.init,
	     (struct wire_message){.type = WIRE_EXIT,
	                           .number = 41,
	                           .pid = 100,
	                           .start_time = 5,
	                           .code = 1,
	                           .status = 3},
	     "/system.slice/a.service", -1);
	tell(p.init,
	     (struct wire_message){
		     .type = WIRE_EXIT, .number = 42, .pid = 101, .code = 2, .status = 9},
	     NULL, -1);
	turn(&p);
	CHECK_INT(p.seen.exits, ==, 2);
	CHECK_INT(p.seen.number, ==, 42);
	CHECK_INT(p.seen.last.pid, ==, 101);
	CHECK(!p.seen.last.cgroup);
	link_ack(p.link, 42);
	link_ack(p.link, 41);
	CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_EXIT_ACK);
	CHECK_INT(m.value, ==, 42);
	tell(p.init, (struct wire_message){.type = WIRE_PING, .value = 5, .serial = 8}, NULL, -1);
	turn(&p);
	CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_PONG);
	CHECK_INT(m.value, ==, 5);
	pair_close(&p);
}

TEST(link__requests_and_replies)
{
	struct wire_message m;
	char text[WIRE_TEXT_MAX + 1], *big = calloc(1, WIRE_TEXT_MAX + 2);
	struct pair p;
	int pass, serial;

	CHECK_INT(pair_open(&p, "", 0, false), ==, 0);
	serial = link_request(p.link, WIRE_SHUTDOWN, WIRE_REBOOT, -1, NULL);
	CHECK_INT(serial, >, 0);
	CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_SHUTDOWN);
	CHECK_INT(m.value, ==, WIRE_REBOOT);
	CHECK_INT(m.serial, ==, serial);
	CHECK_INT(link_request(p.link, WIRE_UPGRADE_CORE, 0, p.file, "/new/core"), ==, serial + 1);
	CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_UPGRADE_CORE);
	CHECK_STR(text, "/new/core");
	CHECK_INT(pass, >=, 0);
	close(pass);
	tell(p.init,
	     (struct wire_message){
		     .type = WIRE_REPLY, .serial = (uint32_t) serial, .value = -EBUSY},
	     "not now", -1);
	turn(&p);
	CHECK_INT(p.seen.error, ==, -EBUSY);
	CHECK_INT(p.seen.serial, ==, serial);
	CHECK_STR(p.seen.text, "not now");
	memset(big, 'x', WIRE_TEXT_MAX + 1);
	CHECK_INT(link_request(p.link, WIRE_STATUS, 0, -1, big), ==, -E2BIG);
	free(big);
	pair_close(&p);
}

TEST(link__queues_for_a_slow_init_in_order)
{
	struct wire_message m;
	char text[WIRE_TEXT_MAX + 1], name[64];
	unsigned sent = 0, heard = 0;
	struct pair p;
	int pass;

	CHECK_INT(pair_open(&p, "", 0, false), ==, 0);
	for (; sent < 2000; sent++) {
		snprintf(name, sizeof(name), "fd/%u", sent);
		CHECK_INT(link_vault_put(p.link, name, p.file), ==, 0);
	}
	CHECK_INT(p.link->n_queued, >, 0);
	link_ack(p.link, 10);
	while (heard < sent) {
		(void) loop_run_once(p.loop, 0);
		CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_VAULT_PUT);
		snprintf(name, sizeof(name), "fd/%u", heard++);
		CHECK_STR(text, name);
		close(pass);
	}
	turn(&p);
	CHECK_INT(p.link->n_queued, ==, 0);
	CHECK_INT(hear(p.init, &m, text, &pass), ==, WIRE_EXIT_ACK);
	for (sent = 0; link_vault_drop(p.link, "x") >= 0 && sent < 100000; sent++)
		;
	CHECK_INT(sent, >=, LINK_QUEUE_MAX);
	CHECK_INT(link_vault_drop(p.link, "x"), ==, -ENOBUFS);
	CHECK_INT(p.seen.lost, ==, 0);
	pair_close(&p);
}

TEST(link__is_lost_once_when_init_goes_or_talks_nonsense)
{
	static const struct wire_message bad[] = {
		{.version = 2, .type = WIRE_PING},
		{.type = WIRE_EXIT, .number = 1, .pid = 1}, /* before READY */
		{.type = WIRE_SIGNAL, .value = 65},
		{.type = WIRE_REPLY, .value = 1},
		{.type = WIRE_WELCOME},
		{.type = WIRE_VAULT_ITEM},
	};
	struct pair p;

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		CHECK_INT(pair_open(&p, "", 0, false), ==, 0);
		tell(p.init, bad[i], NULL, -1);
		turn(&p);
		CHECK_INT(p.seen.lost, ==, 1);
		CHECK_INT(link_vault_drop(p.link, "x"), ==, -ENOTCONN);
		turn(&p);
		pair_close(&p);
	}
	CHECK_INT(pair_open(&p, "", 0, false), ==, 0);
	shutdown(p.init, SHUT_RDWR);
	turn(&p);
	CHECK_INT(p.seen.lost, ==, 1);
	pair_close(&p);
	/* Half a header. */
	CHECK_INT(pair_open(&p, "", 0, false), ==, 0);
	CHECK_INT(write(p.init, "xx", 2), ==, 2);
	turn(&p);
	CHECK_INT(p.seen.lost, ==, 1);
	pair_close(&p);
}

TEST(link__gives_up_on_a_silent_init)
{
	usec_t begin = now(CLOCK_MONOTONIC), took;
	struct pair p;

	CHECK_INT(pair_open(&p, "", 0, true), ==, -ETIMEDOUT);
	took = now(CLOCK_MONOTONIC) - begin;
	CHECK_INT(took, >=, 4900000);
	CHECK_INT(took, <, 7000000);
	loop_free(p.loop);
	munmap(p.mapped, 4096);
	close(p.init);
	close(p.page);
	close(p.file);
}

TEST(link__keeps_the_heartbeat)
{
	struct pair p;

	CHECK_INT(pair_open(&p, "", 0, false), ==, 0);
	link_busy_hook(true, p.link);
	CHECK_INT(p.mapped->busy_since_usec, >, 0);
	CHECK_INT(p.mapped->busy_since_usec, <=, now(CLOCK_BOOTTIME));
	link_busy_hook(false, p.link);
	CHECK_INT(p.mapped->busy_since_usec, ==, 0);
	pair_close(&p);
}
