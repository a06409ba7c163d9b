// SPDX-License-Identifier: Apache-2.0
/*
 * Options of a listening socket, as one table: setting, protocol level, option. A refused option is
 * a warning; the socket is of use without.
 */
#include "types/socket.h"

#include <linux/net_tstamp.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static void set_int(const struct socket *s, int fd, int level, int option, int value,
                    const char *name)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, errno, "%s= failed: %m", name);
}

static int seconds(usec_t u)
{
	return (int) MIN((u + USEC_PER_SEC - 1) / USEC_PER_SEC, (usec_t) INT32_MAX);
}

static void apply_ip(const struct socket *s, int fd, int family)
{
	const struct socket_settings *c = socket_settings(s);

	if (c->ip_tos >= 0)
		set_int(s, fd, IPPROTO_IP, IP_TOS, c->ip_tos, "IPTOS");
	if (c->ip_ttl >= 0) {
		set_int(s, fd, IPPROTO_IP, IP_TTL, c->ip_ttl, "IPTTL");
		if (family == AF_INET6)
			set_int(s, fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, c->ip_ttl, "IPTTL");
	}
	if (c->free_bind)
		set_int(s, fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		        family == AF_INET6 ? IPV6_FREEBIND : IP_FREEBIND, 1, "FreeBind");
	if (c->transparent)
		set_int(s, fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		        family == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1, "Transparent");
	if (family == AF_INET6 && c->bind_ipv6_only >= 0)
		set_int(s, fd, IPPROTO_IPV6, IPV6_V6ONLY, c->bind_ipv6_only, "BindIPv6Only");
}

static void apply_tcp(const struct socket *s, int fd)
{
	const struct socket_settings *c = socket_settings(s);

	if (c->keep_alive)
		set_int(s, fd, SOL_SOCKET, SO_KEEPALIVE, 1, "KeepAlive");
	if (c->keep_alive_time_usec > 0)
		set_int(s, fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(c->keep_alive_time_usec),
		        "KeepAliveTimeSec");
	if (c->keep_alive_interval_usec > 0)
		set_int(s, fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(c->keep_alive_interval_usec),
		        "KeepAliveIntervalSec");
	if (c->keep_alive_probes > 0)
		set_int(s, fd, IPPROTO_TCP, TCP_KEEPCNT, (int) c->keep_alive_probes,
		        "KeepAliveProbes");
	if (c->defer_accept_usec > 0)
		set_int(s, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds(c->defer_accept_usec),
		        "DeferAcceptSec");
	if (c->no_delay)
		set_int(s, fd, IPPROTO_TCP, TCP_NODELAY, 1, "NoDelay");
	if (c->congestion_algorithm &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, c->congestion_algorithm,
	               (socklen_t) strlen(c->congestion_algorithm)) < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, errno, "TCPCongestion= failed: %m");
}

static void apply_packet_info(const struct socket *s, int fd, int family)
{
	switch (family) {
	case AF_INET:
		set_int(s, fd, IPPROTO_IP, IP_PKTINFO, 1, "PassPacketInfo");
		break;
	case AF_INET6:
		set_int(s, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "PassPacketInfo");
		break;
	default:
		break;
	}
}

/* FORCE goes beyond net.core.rmem_max, for root. */
static void set_buffer(const struct socket *s, int fd, int forced, int plain, uint64_t size,
                       const char *name)
{
	int value = (int) MIN(size, (uint64_t) INT32_MAX);

	if (size > 0 && setsockopt(fd, SOL_SOCKET, forced, &value, sizeof(value)) < 0)
		set_int(s, fd, SOL_SOCKET, plain, value, name);
}

/**
 * socket_apply_options - before bind(2)
 * @family: of the socket
 */
void socket_apply_options(const struct socket *s, const struct socket_port *p, int fd, int family)
{
	const struct socket_settings *c = socket_settings(s);
	bool ip = family == AF_INET || family == AF_INET6;

	if (ip)
		set_int(s, fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	if (c->reuse_port)
		set_int(s, fd, SOL_SOCKET, SO_REUSEPORT, 1, "ReusePort");
	if (c->broadcast)
		set_int(s, fd, SOL_SOCKET, SO_BROADCAST, 1, "Broadcast");
	if (c->pass_credentials)
		set_int(s, fd, SOL_SOCKET, SO_PASSCRED, 1, "PassCredentials");
	if (c->pass_security)
		set_int(s, fd, SOL_SOCKET, SO_PASSSEC, 1, "PassSecurity");
	if (c->pass_packet_info)
		apply_packet_info(s, fd, family);
	if (c->timestamping > 0)
		set_int(s, fd, SOL_SOCKET, c->timestamping == 2 ? SO_TIMESTAMPNS : SO_TIMESTAMP, 1,
		        "Timestamping");
	if (c->priority >= 0)
		set_int(s, fd, SOL_SOCKET, SO_PRIORITY, c->priority, "Priority");
	if (c->mark >= 0)
		set_int(s, fd, SOL_SOCKET, SO_MARK, c->mark, "Mark");
	set_buffer(s, fd, SO_RCVBUFFORCE, SO_RCVBUF, c->receive_buffer, "ReceiveBuffer");
	set_buffer(s, fd, SO_SNDBUFFORCE, SO_SNDBUF, c->send_buffer, "SendBuffer");
	if (ip && c->bind_to_device &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->bind_to_device,
	               (socklen_t) strlen(c->bind_to_device)) < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, errno, "BindToDevice= failed: %m");
	if (ip)
		apply_ip(s, fd, family);
	if (ip && p->kind == SOCKET_PORT_STREAM)
		apply_tcp(s, fd);
}
