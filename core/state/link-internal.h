// SPDX-License-Identifier: Apache-2.0
/*
 * link-internal.h - the parts of the link to init: link-io.c moves packets, link-vault.c keeps the
 * vault's items, link.c gives packets a meaning. Anything that breaks the protocol loses the link:
 * a core that guesses is worse than a new one.
 */
#pragma once

#include "state/state.h"

#define LINK_QUEUE_MAX         4096
#define LINK_OPEN_TIMEOUT_USEC (5 * USEC_PER_SEC)
/* At most so many packets a turn, so that a burst of exits cannot starve other sources. */
#define LINK_BURST 64

/* One packet that waits for room in the socket. */
struct link_packet {
	struct list link;
	int fd;
	struct wire_message m;
	char text[];
};

struct link {
	struct loop *loop;
	struct source *source;
	struct link_handlers handlers;
	void *userdata;
	int fd;
	struct wire_page *page; /* NULL: init gave none */
	struct list queue;
	size_t n_queued;
	struct map *vault; /* name -> link_item, whose own name it is */
	struct welcome welcome;
	bool welcomed, vault_complete, ready, lost;
	uint32_t last_serial;
	uint64_t ack_wanted, ack_sent;
	uint64_t early_signals; /* bit n: signal n came before link_ready() */
};

struct link_item {
	char *name;
	int fd;
};

/* ---- link-io.c ---- */
/* Text and fd are copied. 0 also if it was queued; -ENOBUFS: too much is queued; -ENOTCONN: lost.
 */
int link_send(struct link *k, const struct wire_message *m, const char *text, int fd);
int link_flush(struct link *k);
/* One packet: @text gets its NUL. 1; 0: none there; -EPROTO, -ECONNRESET. The fd is the caller's.
 */
int link_receive(struct link *k, struct wire_message *ret_m, char text[static WIRE_TEXT_MAX + 1],
                 int *ret_fd);
void link_queue_clear(struct link *k);

/* ---- link-vault.c ---- */
int link_vault_received(struct link *k, const char *name, int fd_take);
void link_vault_done(struct link *k);
int welcome_parse(const char *text, struct welcome *ret);
void welcome_done(struct welcome *w);

/* ---- link.c ---- */
/* For tests: other descriptors than WIRE_FD and WIRE_PAGE_FD. Takes @fd; @page_fd may be negative.
 */
int link_open_fd(struct loop *l, int fd, int page_fd, const char *version,
                 const struct link_handlers *h, void *userdata, struct link **ret);
/* What a packet means; @fd is taken. Negative: the link is lost. */
int link_dispatch(struct link *k, const struct wire_message *m, const char *text, int fd);
