// SPDX-License-Identifier: Apache-2.0
/* The list of a unit's properties in a message, "a(sv)", as lines for core. */
#include "dbus/dbus.h"

#include <fcntl.h>

#define FDS_MAX 3 /* standard input, output, error */

int assignments_keep_fd(struct assignments *a, int fd)
{
	int copy;

	if (a->n_fds >= FDS_MAX)
		return -E2BIG;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	a->fds[a->n_fds++] = copy;
	return copy;
}

void assignments_done(struct assignments *a)
{
	strv_free(a->lines);
	free(a->pids);
	for (size_t i = 0; i < a->n_fds; i++)
		(void) fd_close(a->fds[i]);
	*a = (struct assignments){0};
}

struct kept_fds {
	struct list link;
	int fds[FDS_MAX];
	size_t n_fds;
	char unit[];
};

#define KEPT_MAX 256

int fds_keep(struct dbus *d, const char *unit, struct assignments *a)
{
	struct kept_fds *k;
	size_t n = 0;

	if (a->n_fds == 0)
		return 0;
	LIST_FOREACH (other, &d->kept_fds, struct kept_fds, link)
		n++;
	k = n < KEPT_MAX ? calloc(1, sizeof(*k) + strlen(unit) + 1) : NULL;
	if (!k)
		return n < KEPT_MAX ? -ENOMEM : -EBUSY;
	memcpy(k->unit, unit, strlen(unit) + 1);
	memcpy(k->fds, a->fds, sizeof(k->fds));
	k->n_fds = a->n_fds;
	a->n_fds = 0;
	list_append(&d->kept_fds, &k->link);
	return 0;
}

void fds_drop(struct dbus *d, const char *unit)
{
	LIST_FOREACH (k, &d->kept_fds, struct kept_fds, link) {
		if (unit && !streq(k->unit, unit))
			continue;
		for (size_t i = 0; i < k->n_fds; i++)
			(void) fd_close(k->fds[i]);
		list_remove(&k->link);
		free(k);
	}
}

static int read_one(sd_bus_message *m, struct assignments *a)
{
	const char *name, *signature;
	char type;
	int r;

	r = sd_bus_message_read(m, "s", &name);
	if (r >= 0)
		r = sd_bus_message_peek_type(m, &type, &signature);
	if (r >= 0 && type != 'v')
		r = -EBADMSG;
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'v', signature);
	if (r < 0)
		return r;
	r = assignment_read(m, name, signature, a);
	if (r < 0) {
		log_debug_errno(r, "Property %s of type %s: %m", name, signature);
		return r;
	}
	return sd_bus_message_exit_container(m);
}

int assignments_read(sd_bus_message *m, struct assignments *ret)
{
	struct assignments a = {0};
	int r;

	r = sd_bus_message_enter_container(m, 'a', "(sv)");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sv")) > 0) {
		r = read_one(m, &a);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0) {
		assignments_done(&a);
		return r;
	}
	*ret = a;
	return 0;
}
