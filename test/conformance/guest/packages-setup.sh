#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest, before the servers: those that want one and the same port get others, so that what is up does not depend on who comes first.
set -u
[ ! -e /etc/apache2/ports.conf ] || sed -i 's/^Listen 80$/Listen 8081/' /etc/apache2/ports.conf
[ ! -d /etc/dnsmasq.d ] || echo 'port=5301' >/etc/dnsmasq.d/conformance.conf
[ ! -d /etc/unbound/unbound.conf.d ] || printf 'server:\n\tport: 5302\n' >/etc/unbound/unbound.conf.d/conformance.conf
[ ! -d /etc/nsd/nsd.conf.d ] || printf 'server:\n\tport: 5303\n' >/etc/nsd/nsd.conf.d/conformance.conf
[ ! -e /etc/powerdns/recursor.conf ] || echo 'local-port=5304' >>/etc/powerdns/recursor.conf
[ ! -e /etc/default/tftpd-hpa ] || true
exit 0
