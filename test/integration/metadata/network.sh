#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Network configurations into the kernel, in a network namespace of its own, compared with what "ip -j" says. Interfaces
# are veth pairs; bonds and vlans are looked at where this kernel has them. Argument: the program.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  unshare -mn true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  exec unshare -mn bash "$0" --inside "$1"
fi
program=$2
failed=0
check() { # NAME GOT WANTED
  [[ $2 == "$3" ]] && { echo "ok: $1"; return; }
  echo "FAILED: $1: got \"$2\", wanted \"$3\""
  failed=1
}
apply() { # WANTED-STATUS [OPTION...] <CONFIG
  local wanted=$1 status=0
  shift
  "$program" network --root "$root" "$@" - 2>"$root/messages" || status=$?
  check "status of $step" "$status" "$wanted"
  [[ $status == "$wanted" ]] || cat "$root/messages"
}
nic() { ip link add "$1" address "$2" type veth peer name "peer-$1"; ip link set "peer-$1" up; }
mac_of() { ip -j link show "$1" 2>/dev/null | jq -r '.[0].address'; }
addresses() { ip -j addr show "$1" | jq -r '[.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort | join(" ")'; }
routes() { # FAMILY TABLE
  ip -"$1" -j route show table "$2" 2>/dev/null |
    jq -r '[.[] | select(.protocol == "static") | "\(.dst) \(.gateway // "-") \(.dev) \(.metric // 0)\(if (.flags | index("onlink")) then " onlink" else "" end)"] | sort | join(", ")'
}

mount --make-rprivate /
mount -t sysfs sysfs /sys
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
ip link set lo up

step="version 1: names that are swapped"
nic eth0 02:00:00:00:00:01; nic eth1 02:00:00:00:00:02; nic eth2 02:00:00:00:00:03
ip link set eth0 up
apply 0 <<'DATA'
version: 1
config:
- {type: physical, name: eth0, mac_address: "02:00:00:00:00:02", subnets: [{type: static, address: 10.0.0.2/24, gateway: 10.0.0.1, dns_nameservers: [10.0.0.53], dns_search: [example.org]}]}
- {type: physical, name: eth1, mac_address: "02:00:00:00:00:03", mtu: 1400, subnets: [{type: static6, address: "fd00::2/64", routes: [{destination: "fd01::/48", gateway: "fd00::1", metric: 7}]}]}
- {type: physical, name: eth2, mac_address: "02:00:00:00:00:01"}
- {type: nameserver, address: [10.0.0.54]}
- {type: route, destination: 172.16.0.0/12, gateway: 10.0.0.9}
DATA
check "a circle of three names" "$(mac_of eth0) $(mac_of eth1) $(mac_of eth2)" "02:00:00:00:00:02 02:00:00:00:00:03 02:00:00:00:00:01"
check "IPv4 address" "$(addresses eth0)" "10.0.0.2/24"
check "broadcast" "$(ip -j -4 addr show eth0 | jq -r '.[0].addr_info[0].broadcast')" 10.0.0.255
check "IPv6 address" "$(addresses eth1)" "fd00::2/64"
check "MTU" "$(ip -j link show eth1 | jq '.[0].mtu')" 1400
check "IPv4 routes" "$(routes 4 main)" "172.16.0.0/12 10.0.0.9 eth0 0, default 10.0.0.1 eth0 0"
check "IPv6 route" "$(routes 6 main)" "fd01::/48 fd00::1 eth1 7"
check "resolv.conf" "$(cat "$root/etc/resolv.conf")" $'nameserver 10.0.0.53\nnameserver 10.0.0.54\nsearch example.org'
# Whether an address is settled yet is not ours to say.
kernel_state() { ip -j addr | jq -c 'del(.[].addr_info[]?.tentative)'; ip -j route; ip -j -6 route; }
before=$(kernel_state)
step="the same a second time"
"$program" network --root "$root" - <<'DATA'
{version: 1, config: [{type: physical, name: eth0, mac_address: "02:00:00:00:00:02", subnets: [{type: static, address: 10.0.0.2/24, gateway: 10.0.0.1}]}]}
DATA
check "nothing changed by a second run" "$(kernel_state)" "$before"

step="version 2: a gateway out of reach, tables, rules"
apply 0 --wait 20 <<'DATA'
network:
  version: 2
  ethernets:
    one:
      match: {macaddress: "02:00:00:00:00:01"}
      set-name: wan0
      macaddress: "02:00:00:00:00:aa"
      accept-ra: false
      addresses: [192.0.2.5/32, "fd02::5/128"]
      routes:
      - {to: default, via: 172.31.1.1}
      - {to: 198.51.100.0/24, via: 172.31.1.1, table: 101, metric: 50}
      - {to: 203.0.113.0/24, table: 101}
      - {to: "::/0", via: "fe80::1"}
      routing-policy:
      - {from: 192.0.2.5, table: 101, priority: 500}
      - {from: "fd02::5", table: 101}
DATA
check "renamed, with another address" "$(mac_of wan0)" "02:00:00:00:00:aa"
check "host addresses" "$(addresses wan0)" "192.0.2.5/32 fd02::5/128"
check "a gateway beside the interface" "$(routes 4 main | grep -o 'default 172.31.1.1 wan0 0 onlink')" "default 172.31.1.1 wan0 0 onlink"
check "link-local gateway" "$(routes 6 main | grep -o 'default fe80::1 wan0 1024')" "default fe80::1 wan0 1024"
check "routing table" "$(routes 4 101)" "198.51.100.0/24 172.31.1.1 wan0 50 onlink, 203.0.113.0/24 - wan0 0"
check "IPv4 rule" "$(ip -j rule | jq -r '.[] | select(.table == "101") | "\(.priority) \(.src)"')" "500 192.0.2.5"
check "IPv6 rule" "$(ip -6 -j rule | jq -r '.[] | select(.table == "101") | .src')" "fd02::5"
check "router advertisements are refused" "$(cat /proc/sys/net/ipv6/conf/wan0/accept_ra)" 0
check "addresses are settled" "$(ip -j -6 addr show wan0 | jq '[.[0].addr_info[] | select(.tentative)] | length')" 0

step="version 2: by name, a bridge over two"
nic lan1 02:00:00:00:01:01; nic lan2 02:00:00:00:01:02
apply 0 <<'DATA'
version: 2
ethernets:
  ports: {match: {name: "lan*"}}
  lan1: {}
  lan2: {}
bridges:
  br0:
    interfaces: [lan1, lan2]
    macaddress: "02:00:00:00:01:ff"
    mtu: 1450
    addresses: [10.1.0.1/16]
    parameters: {stp: false, forward-delay: 4, priority: 4096, ageing-time: 60, path-cost: {lan1: 70}}
DATA
check "ports" "$(ip -j link show master br0 | jq -r '[.[].ifname] | sort | join(" ")')" "lan1 lan2"
check "bridge" "$(ip -j -d link show br0 | jq -c '.[0] | [.address, .mtu, (.linkinfo.info_data | .stp_state, .forward_delay, .ageing_time), .linkinfo.info_data.priority]')" '["02:00:00:00:01:ff",1450,0,400,6000,4096]'
check "cost of a port" "$(ip -j -d link show lan1 | jq '.[0].linkinfo.info_slave_data.cost')" 70
check "all that match are up" "$(ip -j link show up | jq -r '[.[].ifname | select(startswith("lan"))] | sort | join(" ")')" "lan1 lan2"

step="what is not there"
apply 2 <<'DATA'
version: 2
ethernets:
  gone: {match: {macaddress: "02:ff:ff:ff:ff:ff"}, addresses: [10.9.0.1/24]}
  lan1: {dhcp4: true, addresses: [10.2.0.1/24], gateway4: 10.2.0.254}
DATA
check "it is said" "$(grep -c 'gone: no interface is as the configuration says' "$root/messages")" 1
check "so is a lease without a client" "$(grep -c 'lan1: dhcp4' "$root/messages")" 1
check "the rest is done" "$(addresses lan1)" "10.2.0.1/24"

step="resolved's machine"
mkdir -p "$root/run/systemd/resolve"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
apply 0 <<'DATA'
{version: 2, ethernets: {lan2: {addresses: [10.3.0.1/24], nameservers: {addresses: [10.3.0.53], search: [a.example, b.example]}}}}
DATA
check "resolved gets them" "$(cat "$root"/run/systemd/resolved.conf.d/*)" $'[Resolve]\nDNS=10.3.0.53\nDomains=a.example b.example'
check "its link stays" "$(readlink "$root/etc/resolv.conf")" ../run/systemd/resolve/stub-resolv.conf

if ip link add link wan0 name probe type vlan id 9 2>/dev/null; then
  ip link del probe
  step="a vlan"
  apply 0 <<'DATA'
{version: 2, ethernets: {one: {match: {macaddress: "02:00:00:00:00:aa"}}}, vlans: {v7: {id: 7, link: one, mtu: 1300, addresses: [10.7.0.1/24]}}}
DATA
  check "vlan" "$(ip -j -d link show v7 | jq -c '.[0] | [.link, .mtu, .linkinfo.info_data.id]')" '["wan0",1300,7]'
else
  echo "not here: vlans"
fi
if ip link add probe type bond 2>/dev/null; then
  ip link del probe
  nic s0 02:00:00:00:02:01; nic s1 02:00:00:00:02:02
  step="a bond"
  apply 0 <<'DATA'
version: 1
config:
- {type: physical, name: s0, mac_address: "02:00:00:00:02:01"}
- {type: physical, name: s1, mac_address: "02:00:00:00:02:02"}
- type: bond
  name: bond7
  bond_interfaces: [s0, s1]
  params: {bond-mode: active-backup, bond_miimon: 100, bond-updelay: 200, bond-xmit_hash_policy: layer3+4, bond-primary: s1, bond-num_grat_arp: 5}
  subnets: [{type: static, address: 10.8.0.1/24}]
DATA
  check "members" "$(ip -j link show master bond7 | jq -r '[.[].ifname] | sort | join(" ")')" "s0 s1"
  check "bond" "$(ip -j -d link show bond7 | jq -c '.[0].linkinfo.info_data | [.mode, .miimon, .updelay, .xmit_hash_policy, .primary, .num_peer_notif]')" '["active-backup",100,200,"layer3+4","s1",5]'
else
  echo "not here: bonds"
fi
exit $failed
