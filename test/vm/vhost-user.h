// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-user.h - the back end's side of the vhost-user protocol for a virtio-vsock device, and its
 * two split rings.
 *
 * QEMU (7.2, vhost-user-vsock-pci) connects, learns our features and the guest's CID, and for every
 * start of the guest's driver hands over the guest's memory, the rings and their eventfds; a guest
 * that is reset takes its rings back (GET_VRING_BASE). Only what such a device needs is spoken: no
 * logging, no multi-queue, no packed ring, no event index. Everything in the rings is the guest's
 * word and is checked against the memory table before it is followed.
 *
 * Spec: docs/interop/vhost-user.rst of QEMU; virtio 1.2, sections 2.7 (split virtqueues) and 5.10
 * (socket device).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VU_REGIONS_MAX 8
#define VU_IOV_MAX     32
#define VU_RING_MAX    1024

enum vu_queue {
	VU_RX, /* to the guest */
	VU_TX, /* from the guest */
	VU_QUEUES,
};

struct vu_region {
	uint64_t guest, user, size;
	uint8_t *memory; /* of the region's first byte */
	void *map;
	size_t map_size;
};

struct vu_ring {
	bool is_disabled;
	uint32_t num;
	uint64_t desc_user, avail_user, used_user;
	uint16_t last_avail, used_index;
	int kick_fd, call_fd;
	bool must_notify;
};

struct vu_device {
	int fd;       /* QEMU */
	int epoll_fd; /* kicks leave it before they are closed; its owner adds them */
	uint64_t cid;
	struct vu_region regions[VU_REGIONS_MAX];
	size_t regions_n;
	struct vu_ring rings[VU_QUEUES];
};

/* A buffer of the guest: for VU_TX what it wrote, for VU_RX where we may write. */
struct vu_chain {
	uint16_t head;
	struct iovec iov[VU_IOV_MAX];
	size_t iov_n, bytes;
};

/* What a message did, for the device's logic. */
enum vu_event {
	VU_NOTHING,
	VU_RING_CHANGED, /* a ring got its eventfd or was enabled: look at both */
	VU_STOPPED,      /* the guest's driver is gone */
};

void vu_init(struct vu_device *d, int fd, int epoll_fd, uint64_t cid);
void vu_done(struct vu_device *d);

/**
 * vu_handle_message - reads one message of QEMU and answers it
 *
 * Returns an enum vu_event, -ECONNRESET when QEMU is gone, -EAGAIN without a message, or -EPROTO.
 */
int vu_handle_message(struct vu_device *d);

/* Whether the guest can use this queue. */
bool vu_ring_is_live(const struct vu_device *d, enum vu_queue queue);

/* Takes the guest's next buffer. Returns 1, 0 when there is none, or -EPROTO for a ring that makes
 * no sense. */
int vu_ring_pop(struct vu_device *d, enum vu_queue queue, struct vu_chain *ret);

/* Puts the buffer that was taken last back. */
void vu_ring_unpop(struct vu_device *d, enum vu_queue queue);

/* Gives a buffer back with so many bytes written in it; vu_ring_notify tells the guest. */
void vu_ring_push(struct vu_device *d, enum vu_queue queue, uint16_t head, uint32_t bytes);
void vu_ring_notify(struct vu_device *d, enum vu_queue queue);
