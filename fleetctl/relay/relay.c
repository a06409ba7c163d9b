// SPDX-License-Identifier: Apache-2.0
#include "relay/room.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "hypervisor/domains.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define DISCOVERY_INTERVAL (10 * USEC_PER_SEC)
#define DISCOVERY_TIMEOUT  (30 * USEC_PER_SEC)
#define DISCOVERY_MAX      (1U << 20)

static int resolve(struct relay *r, const char *address, struct diag *d)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
	const char *colon = strrchr(address, ':');
	auto_free char *host = colon ? strndup(address, (size_t) (colon - address)) : NULL;

	if (!colon || str_is_empty(host))
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "\"%s\" is not HOST:PORT",
		                address);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return diag_add(d, -EADDRNOTAVAIL, DIAG_ERROR, NULL, 0,
		                "There is no address for \"%s\"", address);
	memcpy(&r->controller, found->ai_addr, found->ai_addrlen);
	r->controller_size = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* ---- libvirt, asked in a process of its own, because its calls may hang ---- */
static void discovery_child(const char *uri, int fd)
{
	struct domain *domains;
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	size_t n;

	if (domains_list(uri, &d, &domains, &n) < 0) {
		log_warning("%s", diag_first(&d, first, sizeof(first)));
		_exit(1);
	}
	for (size_t i = 0; i < n; i++)
		if (domains[i].channel && !strchr(domains[i].channel, '\n') &&
		    dprintf(fd, "%s\t%s\n", domains[i].name, domains[i].channel) < 0)
			_exit(1);
	_exit(0);
}

static void discovery_end(struct relay *r)
{
	r->discovery_io = source_free(r->discovery_io);
	r->discovery_deadline = source_free(r->discovery_deadline);
	r->discovery_fd = fd_close(r->discovery_fd);
	free(TAKE_PTR(r->discovered));
	r->discovered_size = 0;
	if (r->discovery_pid > 0) {
		/* It is our child and not reaped yet: the number is still its own. */
		(void) kill(r->discovery_pid, SIGKILL);
		while (waitpid(r->discovery_pid, NULL, 0) < 0 && errno == EINTR)
			;
		r->discovery_pid = 0;
	}
	(void) source_set_time(r->discovery_timer, now(CLOCK_MONOTONIC) + DISCOVERY_INTERVAL);
}

static void port_found(struct relay *r, const char *name, const char *path)
{
	struct port *p = map_get(r->ports, name);
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	int e;

	if (p && p->from_libvirt && !streq(p->path, path)) {
		map_remove(r->ports, p->name);
		p = port_free(p);
	}
	if (p) {
		p->seen = true;
		return;
	}
	e = port_new(r, name, path, true, &d);
	if (e < 0)
		log_warning("Port %s: %s", name,
		            d.n_items ? diag_first(&d, first, sizeof(first)) : strerror(-e));
	else
		log_info("Port %s: found through libvirt at \"%s\"", name, path);
}

/* Only a complete list takes ports away: a libvirt that is restarted does not cut off its guests.
 */
static void discovery_apply(struct relay *r)
{
	struct port *p;
	char *line = r->discovered, *newline;

	MAP_FOREACH (p, r->ports)
		p->seen = !p->from_libvirt;
	for (; line && (newline = strchr(line, '\n')); line = newline + 1) {
		char *tab = memchr(line, '\t', (size_t) (newline - line));

		*newline = 0;
		if (!tab)
			continue;
		*tab = 0;
		port_found(r, line, tab + 1);
	}
	MAP_FOREACH (p, r->ports) {
		if (p->seen)
			continue;
		log_info("Port %s: the domain is gone", p->name);
		map_remove(r->ports, p->name);
		port_free(p);
	}
}

static int on_discovered(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct relay *r = userdata;
	char block[4096], *more;
	ssize_t n = read(fd, block, sizeof(block));
	int status;

	(void) s;
	(void) revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0 && r->discovered_size + (size_t) n < DISCOVERY_MAX &&
	    (more = realloc(r->discovered, r->discovered_size + (size_t) n + 1))) {
		memcpy(more + r->discovered_size, block, (size_t) n);
		r->discovered = more;
		r->discovered_size += (size_t) n;
		more[r->discovered_size] = 0;
		return 0;
	}
	if (n == 0 && waitpid(r->discovery_pid, &status, 0) == r->discovery_pid) {
		r->discovery_pid = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			discovery_apply(r);
	}
	discovery_end(r);
	return 0;
}

static int on_discovery_timeout(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	log_warning("libvirt does not answer; asking again later");
	discovery_end(userdata);
	return 0;
}

static int on_discovery(struct source *s, usec_t deadline, void *userdata)
{
	struct relay *r = userdata;
	int fds[2], e;

	(void) s;
	(void) deadline;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		discovery_end(r);
		return 0;
	}
	r->discovery_pid = fork();
	if (r->discovery_pid == 0)
		discovery_child(r->libvirt, fds[1]);
	fd_close(fds[1]);
	r->discovery_fd = fds[0];
	e = r->discovery_pid < 0 ? -errno : fd_set_nonblock(fds[0], true);
	if (e >= 0)
		e = loop_add_io(r->loop, fds[0], EPOLLIN, "libvirt", on_discovered, r,
		                &r->discovery_io);
	if (e >= 0)
		e = loop_add_time(r->loop, CLOCK_MONOTONIC,
		                  now(CLOCK_MONOTONIC) + DISCOVERY_TIMEOUT, USEC_PER_SEC,
		                  "libvirt-deadline", on_discovery_timeout, r,
		                  &r->discovery_deadline);
	if (e < 0) {
		log_warning_errno(e, "Cannot ask libvirt: %m");
		discovery_end(r);
	}
	return 0;
}

/* ---- the relay ---- */
static int add_ports(struct relay *r, char *const *ports, struct diag *d)
{
	STRV_FOREACH (word, ports) {
		const char *equals = strchr(*word, '=');
		auto_free char *name = equals ? strndup(*word, (size_t) (equals - *word)) : NULL;
		int e;

		if (!name || !domain_name_is_valid(name) || !equals[1])
			return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
			                "\"%s\" is not NAME=SOCKET", *word);
		e = port_new(r, name, equals + 1, false, d);
		if (e == -EEXIST)
			return diag_add(d, e, DIAG_ERROR, NULL, 0,
			                "There are two ports named \"%s\"", name);
		if (e < 0)
			return e;
	}
	return 0;
}

int relay_new(struct loop *l, const struct relay_options *o, struct diag *d, struct relay **ret)
{
	auto_cleanup(relay_free) struct relay *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->loop = l;
	r->discovery_fd = -EBADF;
	r->ports = map_new(MAP_STRING);
	if (!r->ports || str_set(&r->libvirt, o->libvirt) < 0 ||
	    str_set(&r->listen_dir, o->listen_dir) < 0)
		return -ENOMEM;
	if (o->controller) {
		e = resolve(r, o->controller, d);
		if (e < 0)
			return e;
	}
	if (o->listen_dir) {
		e = mkdir_p(o->listen_dir, 0700);
		if (e < 0)
			return diag_add(d, e, DIAG_ERROR, o->listen_dir, 0,
			                "Cannot make the directory: %s", strerror(-e));
	}
	e = add_ports(r, o->ports, d);
	if (e >= 0 && o->libvirt)
		e = loop_add_time(l, CLOCK_MONOTONIC, now(CLOCK_MONOTONIC), USEC_PER_SEC,
		                  "libvirt-timer", on_discovery, r, &r->discovery_timer);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(r);
	return 0;
}

struct relay *relay_free(struct relay *r)
{
	struct port *p;

	if (!r)
		return NULL;
	if (r->discovery_timer)
		discovery_end(r);
	source_free(r->discovery_timer);
	MAP_FOREACH (p, r->ports)
		port_free(p);
	map_free(r->ports);
	free(r->libvirt);
	free(r->listen_dir);
	free(r);
	return NULL;
}

void relay_count(const struct relay *r, size_t *ret_ports, size_t *ret_up)
{
	struct port *p;

	*ret_ports = map_size(r->ports);
	*ret_up = 0;
	MAP_FOREACH (p, r->ports)
		*ret_up += p->mux && mux_is_up(p->mux);
}
