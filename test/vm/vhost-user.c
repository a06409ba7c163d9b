// SPDX-License-Identifier: Apache-2.0
#include "vhost-user.h"
#include "util.h"

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define VU_FDS_MAX                     VU_REGIONS_MAX
#define VU_PAYLOAD_MAX                 512
#define VU_FLAG_VERSION                1u
#define VU_FLAG_REPLY                  4u
#define VU_NO_FD                       0x100u
#define VHOST_USER_F_PROTOCOL_FEATURES 30
#define VHOST_USER_PROTOCOL_F_CONFIG   9
#define VU_FEATURES                                                                                \
	((1ull << VIRTIO_F_VERSION_1) | (1ull << VIRTIO_RING_F_INDIRECT_DESC) |                    \
	 (1ull << VHOST_USER_F_PROTOCOL_FEATURES))

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_VRING_ENABLE = 18,
	VU_GET_CONFIG = 24,
};

struct vu_message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t n, padding;
			struct {
				uint64_t guest, size, user, offset;
			} regions[VU_REGIONS_MAX];
		} memory;
		struct {
			uint32_t offset, size, flags;
			uint8_t bytes[256];
		} config;
		uint8_t bytes[VU_PAYLOAD_MAX];
	} u;
} __attribute__((packed));

#define VU_HEADER_BYTES offsetof(struct vu_message, u)

struct vu_fds {
	int fds[VU_FDS_MAX];
	size_t n;
};

static void fds_close(struct vu_fds *f)
{
	for (size_t i = 0; i < f->n; i++)
		close_fdp(&f->fds[i]);
	f->n = 0;
}

/* QEMU holds the same eventfd open, so closing ours alone would leave it in epoll. */
static void ring_close_kick(struct vu_device *d, struct vu_ring *r)
{
	if (r->kick_fd >= 0)
		(void) epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, r->kick_fd, NULL);
	close_fdp(&r->kick_fd);
}

static void ring_reset(struct vu_device *d, struct vu_ring *r)
{
	ring_close_kick(d, r);
	close_fdp(&r->call_fd);
	*r = (struct vu_ring){.kick_fd = -EBADF, .call_fd = -EBADF};
}

static void regions_unmap(struct vu_device *d)
{
	for (size_t i = 0; i < d->regions_n; i++)
		munmap(d->regions[i].map, d->regions[i].map_size);
	d->regions_n = 0;
}

void vu_init(struct vu_device *d, int fd, int epoll_fd, uint64_t cid)
{
	*d = (struct vu_device){.fd = fd, .epoll_fd = epoll_fd, .cid = cid};
	for (size_t i = 0; i < VU_QUEUES; i++)
		d->rings[i] = (struct vu_ring){.kick_fd = -EBADF, .call_fd = -EBADF};
}

void vu_done(struct vu_device *d)
{
	for (size_t i = 0; i < VU_QUEUES; i++)
		ring_reset(d, &d->rings[i]);
	regions_unmap(d);
	close_fdp(&d->fd);
}

/* Our address of a range that the guest (or, for rings, QEMU) names, or NULL if not all of it is
 * the guest's memory. */
static void *translate(const struct vu_device *d, uint64_t address, uint64_t bytes, bool is_user)
{
	for (size_t i = 0; i < d->regions_n; i++) {
		const struct vu_region *r = &d->regions[i];
		uint64_t start = is_user ? r->user : r->guest;

		if (address >= start && address - start < r->size &&
		    bytes <= r->size - (address - start))
			return r->memory + (address - start);
	}
	return NULL;
}

static int set_memory(struct vu_device *d, const struct vu_message *m, struct vu_fds *f)
{
	uint32_t n = m->u.memory.n;

	regions_unmap(d);
	if (n > VU_REGIONS_MAX || n != f->n || m->size < 8 + (size_t) n * 32)
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t size = m->u.memory.regions[i].size, offset = m->u.memory.regions[i].offset;
		struct vu_region *r = &d->regions[d->regions_n];
		void *map;

		if (size == 0 || offset > UINT64_MAX - size)
			return -EPROTO;
		map = mmap(NULL, size + offset, PROT_READ | PROT_WRITE, MAP_SHARED, f->fds[i], 0);
		if (map == MAP_FAILED)
			return -errno;
		*r = (struct vu_region){
			.guest = m->u.memory.regions[i].guest,
			.user = m->u.memory.regions[i].user,
			.size = size,
			.memory = (uint8_t *) map + offset,
			.map = map,
			.map_size = size + offset,
		};
		d->regions_n++;
	}
	return VU_NOTHING;
}

static int set_ring_fd(struct vu_device *d, const struct vu_message *m, struct vu_fds *f,
                       bool is_kick)
{
	uint32_t index = m->u.u64 & 0xff;
	int *fd;

	if (index >= VU_QUEUES)
		return -EPROTO;
	fd = is_kick ? &d->rings[index].kick_fd : &d->rings[index].call_fd;
	if (is_kick)
		ring_close_kick(d, &d->rings[index]);
	close_fdp(fd);
	if (!(m->u.u64 & VU_NO_FD)) {
		if (f->n != 1)
			return -EPROTO;
		*fd = TAKE_FD(f->fds[0]);
	}
	return VU_RING_CHANGED;
}

static int reply(struct vu_device *d, struct vu_message *m, uint32_t size)
{
	size_t n = VU_HEADER_BYTES + size;

	m->flags = VU_FLAG_VERSION | VU_FLAG_REPLY;
	m->size = size;
	/* QEMU waits for this answer, so its socket has room for it. */
	return send(d->fd, m, n, MSG_NOSIGNAL) == (ssize_t) n ? VU_NOTHING : -ECONNRESET;
}

static int get_config(struct vu_device *d, struct vu_message *m)
{
	struct virtio_vsock_config config = {.guest_cid = d->cid};
	uint32_t offset = m->u.config.offset, size = m->u.config.size;

	if (size > sizeof(m->u.config.bytes) || m->size < 12 + size)
		return -EPROTO;
	memset(m->u.config.bytes, 0, sizeof(m->u.config.bytes));
	if (offset < sizeof(config))
		memcpy(m->u.config.bytes, (uint8_t *) &config + offset,
		       size < sizeof(config) - offset ? size : sizeof(config) - offset);
	return reply(d, m, 12 + size);
}

static int get_ring_base(struct vu_device *d, struct vu_message *m)
{
	uint32_t index = m->u.state.index;
	int r;

	if (index >= VU_QUEUES)
		return -EPROTO;
	m->u.state.num = d->rings[index].last_avail;
	ring_reset(d, &d->rings[index]);
	r = reply(d, m, sizeof(m->u.state));
	return r < 0 ? r : VU_STOPPED;
}

static int set_ring_addr(struct vu_device *d, const struct vu_message *m)
{
	struct vu_ring *r;

	if (m->u.addr.index >= VU_QUEUES)
		return -EPROTO;
	r = &d->rings[m->u.addr.index];
	r->desc_user = m->u.addr.desc;
	r->avail_user = m->u.addr.avail;
	r->used_user = m->u.addr.used;
	return VU_NOTHING;
}

static int handle(struct vu_device *d, struct vu_message *m, struct vu_fds *f)
{
	uint32_t index = m->u.state.index, num = m->u.state.num;

	switch (m->request) {
	case VU_GET_FEATURES:
		m->u.u64 = VU_FEATURES;
		return reply(d, m, sizeof(m->u.u64));
	case VU_GET_PROTOCOL_FEATURES:
		m->u.u64 = 1ull << VHOST_USER_PROTOCOL_F_CONFIG;
		return reply(d, m, sizeof(m->u.u64));
	case VU_GET_CONFIG:
		return get_config(d, m);
	case VU_SET_MEM_TABLE:
		return set_memory(d, m, f);
	case VU_SET_VRING_NUM:
		if (index >= VU_QUEUES || num == 0 || num > VU_RING_MAX || (num & (num - 1)))
			return -EPROTO;
		d->rings[index].num = num;
		return VU_NOTHING;
	case VU_SET_VRING_ADDR:
		return set_ring_addr(d, m);
	case VU_SET_VRING_BASE:
		if (index >= VU_QUEUES)
			return -EPROTO;
		d->rings[index].last_avail = d->rings[index].used_index = (uint16_t) num;
		return VU_NOTHING;
	case VU_GET_VRING_BASE:
		return get_ring_base(d, m);
	case VU_SET_VRING_KICK:
		return set_ring_fd(d, m, f, true);
	case VU_SET_VRING_CALL:
		return set_ring_fd(d, m, f, false);
	case VU_SET_VRING_ENABLE:
		if (index >= VU_QUEUES)
			return -EPROTO;
		d->rings[index].is_disabled = num == 0;
		return VU_RING_CHANGED;
	default:
		/* What remains (owner, features as chosen, error fds) changes nothing here and
		 * wants no answer. */
		return VU_NOTHING;
	}
}

static int receive(struct vu_device *d, struct vu_message *m, struct vu_fds *f)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VU_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = m, .iov_len = VU_HEADER_BYTES};
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(d->fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ECONNRESET;
	if (n == 0)
		return -ECONNRESET;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			f->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(f->fds, CMSG_DATA(c), f->n * sizeof(int));
		}
	if (n != (ssize_t) VU_HEADER_BYTES || m->size > sizeof(m->u))
		return -EPROTO;
	/* QEMU writes a message whole; the payload is there or about to be. */
	if (m->size > 0 && recv(d->fd, &m->u, m->size, MSG_WAITALL) != (ssize_t) m->size)
		return -ECONNRESET;
	return 0;
}

int vu_handle_message(struct vu_device *d)
{
	struct vu_message m = {0};
	struct vu_fds f = {.n = 0};
	int r = receive(d, &m, &f);

	if (r == 0)
		r = handle(d, &m, &f);
	fds_close(&f);
	return r;
}

bool vu_ring_is_live(const struct vu_device *d, enum vu_queue queue)
{
	const struct vu_ring *r = &d->rings[queue];

	return !r->is_disabled && r->num > 0 && r->kick_fd >= 0 && d->regions_n > 0;
}

/* Follows one chain of descriptors from a table; an indirect one leads to a table of its own. */
static int follow(const struct vu_device *d, const struct vring_desc *table, uint32_t num,
                  uint16_t at, bool is_write, struct vu_chain *ret, bool is_indirect)
{
	for (uint32_t steps = 0; steps < num; steps++) {
		struct vring_desc desc;

		if (at >= num)
			return -EPROTO;
		desc = table[at];
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			uint32_t n = desc.len / (uint32_t) sizeof(desc);
			const struct vring_desc *inner = translate(d, desc.addr, desc.len, false);

			if (is_indirect || !inner || n == 0 || n > VU_RING_MAX)
				return -EPROTO;
			return follow(d, inner, n, 0, is_write, ret, true);
		}
		if (!!(desc.flags & VRING_DESC_F_WRITE) == is_write && desc.len > 0) {
			void *p = translate(d, desc.addr, desc.len, false);

			if (!p || ret->iov_n == VU_IOV_MAX)
				return -EPROTO;
			ret->iov[ret->iov_n++] = (struct iovec){.iov_base = p, .iov_len = desc.len};
			ret->bytes += desc.len;
		}
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 1;
		at = desc.next;
	}
	return -EPROTO;
}

int vu_ring_pop(struct vu_device *d, enum vu_queue queue, struct vu_chain *ret)
{
	struct vu_ring *r = &d->rings[queue];
	struct vring_desc *desc;
	struct vring_avail *avail;
	uint16_t head;

	if (!vu_ring_is_live(d, queue))
		return 0;
	desc = translate(d, r->desc_user, sizeof(*desc) * r->num, true);
	avail = translate(d, r->avail_user, sizeof(*avail) + sizeof(uint16_t) * r->num, true);
	if (!desc || !avail)
		return -EPROTO;
	/* The guest fills the entry before it moves the index. */
	if (__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) == r->last_avail)
		return 0;
	head = avail->ring[r->last_avail & (r->num - 1)];
	*ret = (struct vu_chain){.head = head};
	if (follow(d, desc, r->num, head, queue == VU_RX, ret, false) < 0)
		return -EPROTO;
	r->last_avail++;
	return 1;
}

void vu_ring_unpop(struct vu_device *d, enum vu_queue queue)
{
	d->rings[queue].last_avail--;
}

void vu_ring_push(struct vu_device *d, enum vu_queue queue, uint16_t head, uint32_t bytes)
{
	struct vu_ring *r = &d->rings[queue];
	struct vring_used *used = translate(
		d, r->used_user, sizeof(*used) + sizeof(struct vring_used_elem) * r->num, true);

	if (!used)
		return;
	used->ring[r->used_index & (r->num - 1)] =
		(struct vring_used_elem){.id = head, .len = bytes};
	r->used_index++;
	__atomic_store_n(&used->idx, r->used_index, __ATOMIC_RELEASE);
	r->must_notify = true;
}

void vu_ring_notify(struct vu_device *d, enum vu_queue queue)
{
	struct vu_ring *r = &d->rings[queue];
	const struct vring_avail *avail = translate(d, r->avail_user, sizeof(*avail), true);
	uint64_t one = 1;

	if (!r->must_notify || r->call_fd < 0 || !avail)
		return;
	r->must_notify = false;
	/* The index must be out before the guest's wish is read, or both sides could wait for each
	 * other. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT))
		(void) !write(r->call_fd, &one, sizeof(one));
}
