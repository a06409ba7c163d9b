// SPDX-License-Identifier: Apache-2.0
#include "base/varlink-internal.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"

#include <poll.h>
#include <sys/socket.h>

#define ACCEPTS_A_TURN 16U
#define FLUSH_STEP_MS  100

/* The peers whose buffered input waits, each once. */
static int on_resume(struct source *source _unused_, void *userdata)
{
	struct varlink_server *s = userdata;
	struct list batch;

	list_init(&batch);
	while (!list_is_empty(&s->resume)) {
		struct list *l = s->resume.next;

		list_remove(l);
		list_append(&batch, l);
	}
	/* A handler may disconnect any peer, which takes it out of the batch, or free the server,
	 * which empties it. */
	while (!list_is_empty(&batch)) {
		struct varlink_peer *p = LIST_FIRST(&batch, struct varlink_peer, resume_link);

		list_remove(&p->resume_link);
		peer_process(p);
	}
	return 0;
}

static void set_accepting(struct varlink_server *s, bool on)
{
	LIST_FOREACH (l, &s->listeners, struct varlink_listener, link)
		if (source_set_state(l->source, on ? SOURCE_ON : SOURCE_OFF) < 0 && on)
			(void) source_set_time(
				s->accept_timer,
				usec_add(now(CLOCK_MONOTONIC), VARLINK_ACCEPT_PAUSE_USEC));
}

static int on_accept_timer(struct source *source _unused_, usec_t deadline _unused_, void *userdata)
{
	set_accepting(userdata, true);
	return 0;
}

/* Out of fds or memory: a listening socket would stay readable, and we would spin. */
static void pause_accepting(struct varlink_server *s)
{
	set_accepting(s, false);
	(void) source_set_time(s->accept_timer,
	                       usec_add(now(CLOCK_MONOTONIC), VARLINK_ACCEPT_PAUSE_USEC));
}

void server_peer_left(struct varlink_server *s)
{
	/* An fd becomes free, so accepting need not wait for the timer. */
	if (s->accept_timer && source_get_state(s->accept_timer) != SOURCE_OFF)
		(void) source_set_time(s->accept_timer, 0);
}

/* 0, or -EUSERS if this user has its share. */
static int check_share(const struct varlink_server *s, uid_t uid)
{
	size_t of_uid = 0, of_users = 0, share = VARLINK_CONNECTIONS_MAX;

	LIST_FOREACH (p, &s->peers, struct varlink_peer, link) {
		of_uid += !p->is_stream && p->uid == uid;
		of_users += !p->is_stream && p->uid != 0;
	}
	if (uid == 0)
		share *= 4;
	/* With a range of subordinate uids one person is many users. */
	else if (of_users >= VARLINK_CONNECTIONS_TOTAL / 2)
		return -EUSERS;
	return of_uid >= share || s->n_peers >= VARLINK_CONNECTIONS_TOTAL ? -EUSERS : 0;
}

static int serve_accepted(struct varlink_server *s, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	enum varlink_role role;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	if (size != sizeof(cred) || cred.uid == (uid_t) -1)
		return -EPERM;
	r = check_share(s, cred.uid);
	if (r < 0)
		return r;
	/* Our own user could trace us as well. */
	role = cred.uid == 0 || cred.uid == geteuid() ? ROLE_ADMIN : ROLE_OBSERVE;
	return peer_new(s, fd, cred.uid, MAX(cred.pid, 0), role, false);
}

static int on_listen(struct source *source _unused_, int fd, uint32_t revents _unused_,
                     void *userdata)
{
	struct varlink_listener *l = userdata;

	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		int conn = sys_accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;

		if (conn == -EAGAIN)
			return 0;
		if (conn == -EINTR || conn == -ECONNABORTED)
			continue;
		if (conn < 0) {
			log_debug_errno(conn, "Failed to accept a varlink connection, pausing: %m");
			pause_accepting(l->server);
			return 0;
		}
		r = serve_accepted(l->server, conn);
		if (r < 0) {
			log_debug_errno(r, "Refused a varlink connection: %m");
			fd_close(conn);
		}
	}
	return 0;
}

int varlink_server_new(struct loop *l, const char *vendor, const char *product, const char *version,
                       struct varlink_server **ret)
{
	struct varlink_server *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (!s)
		return r;
	s->loop = l;
	list_init(&s->interfaces);
	list_init(&s->listeners);
	list_init(&s->peers);
	list_init(&s->resume);
	s->vendor = strdup(vendor);
	s->product = strdup(product);
	s->version = strdup(version);
	if (s->vendor && s->product && s->version)
		r = loop_add_defer(l, "varlink-resume", on_resume, s, &s->resume_source);
	if (r >= 0)
		r = source_set_state(s->resume_source, SOURCE_OFF);
	if (r >= 0)
		r = loop_add_time(l, CLOCK_MONOTONIC, USEC_INFINITY, 0, "varlink-accept",
		                  on_accept_timer, s, &s->accept_timer);
	if (r >= 0)
		r = varlink_service_register(s);
	if (r < 0) {
		varlink_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct varlink_server *varlink_server_free(struct varlink_server *s)
{
	if (!s)
		return NULL;
	s->accept_timer = source_free(s->accept_timer);
	s->resume_source = source_free(s->resume_source);
	LIST_FOREACH (l, &s->listeners, struct varlink_listener, link) {
		list_remove(&l->link);
		source_free(l->source);
		fd_close(l->fd);
		free(l);
	}
	/* A callback may disconnect others: always take the first. */
	while (!list_is_empty(&s->peers))
		peer_disconnect(LIST_FIRST(&s->peers, struct varlink_peer, link));
	LIST_FOREACH (i, &s->interfaces, struct varlink_interface, link)
		varlink_interface_free(i);
	free(s->vendor);
	free(s->product);
	free(s->version);
	free(s);
	return NULL;
}

int varlink_server_listen_fd(struct varlink_server *s, int fd)
{
	struct varlink_listener *l;
	int r;

	r = fd_set_nonblock(fd, true);
	if (r >= 0)
		r = fd_set_cloexec(fd, true);
	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->server = s;
	r = loop_add_io(s->loop, fd, EPOLLIN, "varlink-listen", on_listen, l, &l->source);
	if (r < 0) {
		free(l);
		return r;
	}
	l->fd = fd;
	list_append(&s->listeners, &l->link);
	return 0;
}

int varlink_server_listen_path(struct varlink_server *s, const char *path, mode_t mode)
{
	auto_fd int fd = unix_listen(path, SOCK_STREAM, mode);
	int r;

	if (fd < 0)
		return fd;
	r = varlink_server_listen_fd(s, fd);
	if (r >= 0)
		TAKE_FD(fd);
	return r;
}

int varlink_server_add_stream(struct varlink_server *s, int fd, enum varlink_role role)
{
	int r;

	if (s->n_peers >= VARLINK_CONNECTIONS_TOTAL)
		return -EUSERS;
	r = fd_set_nonblock(fd, true);
	return r < 0 ? r : peer_new(s, fd, (uid_t) -1, 0, role, true);
}

size_t varlink_server_connections(const struct varlink_server *s)
{
	return s->n_peers;
}

/* Polls those with output once; the number of them, or -errno. */
static int flush_round(struct varlink_server *s, usec_t left)
{
	auto_free struct pollfd *fds = calloc(s->n_peers + 1, sizeof(*fds));
	nfds_t n = 0;

	if (!fds)
		return -ENOMEM;
	LIST_FOREACH (p, &s->peers, struct varlink_peer, link) {
		if (!p->broken && varlink_io_flush(&p->io) < 0)
			peer_break(p);
		if (!p->broken && varlink_io_pending(&p->io) > 0)
			fds[n++] = (struct pollfd){.fd = p->io.fd, .events = POLLOUT};
	}
	if (n > 0 && left > 0)
		(void) poll(fds, n, (int) MIN(left / USEC_PER_MSEC + 1, (usec_t) FLUSH_STEP_MS));
	return (int) n;
}

int varlink_server_flush(struct varlink_server *s, usec_t timeout)
{
	usec_t end = usec_add(now(CLOCK_MONOTONIC), timeout), t;
	int r;

	do {
		t = now(CLOCK_MONOTONIC);
		r = flush_round(s, usec_sub(end, t));
	} while (r > 0 && t < end);
	return r > 0 ? -ETIMEDOUT : r;
}
