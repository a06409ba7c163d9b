#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "apply" where the way to the service is IPv6: addresses by router advertisement and by DHCPv6, kept and lost; a real router and
# server (dnsmasq) in a name space of its own. Argument: the program.
# shellcheck disable=SC2034,SC2054,SC2086,SC2154  # services-lib.sh's; numbers, and dnsmasq's commas
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  [[ -e /proc/net/if_inet6 ]] || { echo "SKIP: this kernel has no IPv6"; exit 77; }
  unshare -mnup --fork true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  for tool in dnsmasq python3 jq ip; do command -v $tool >/dev/null || { echo "SKIP: no $tool here"; exit 77; }; done
  exec unshare -mnup --fork --kill-child bash "$0" --inside "$1" "$(dirname "$(realpath "$0")")"
fi
program=$2 here=$3
service_addresses=(169.254.169.254)
# shellcheck source=services-lib.sh
source "$here/services-lib.sh"
kill "${dhcp_pids[wrong]}"; ip link del eth0
nsenter -t "$right" -n sh -c 'ip addr add fd02::1/64 dev port nodad; ip addr add fd00:ec2::254/128 dev lo; sysctl -q -w net.ipv6.conf.all.forwarding=1'
kill $server; wait $server 2>/dev/null || true
service_addresses=(169.254.169.254 '[fd02::1]' '[fd00:ec2::254]'); serve

router() { # OPTION...: in place of the server that runs
  kill "${dhcp_pids[right]}" 2>/dev/null || true; wait "${dhcp_pids[right]}" 2>/dev/null || true
  nsenter -t "$right" -n dnsmasq --conf-file=/dev/null --no-daemon --no-resolv --no-hosts --port=0 --interface=port --bind-interfaces --leasefile-ro \
    --user=root "$@" >>"$work/dnsmasq" 2>&1 &
  dhcp_pids[right]=$!
}
stateful=(--enable-ra --dhcp-range=fd02::100,fd02::100,64,2m '--dhcp-option=option6:dns-server,[fd02::53]' '--dhcp-option=option6:domain-search,six.example')
six() { ip -j -6 addr show eth1 | jq -r '[.[0].addr_info[]? | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | join(" ")'; }
valid() { ip -j -6 addr show eth1 | jq '[.[0].addr_info[]? | select(.local == "fd02::100")][0].valid_life_time // 0'; }
seed() { # WORD [NETWORK-CONFIG]
  jq -n --arg user "$(user_data "$1")" --arg id "i-$1" --arg network "${2:-}" '{"/seed/meta-data": "instance-id: \($id)\n", "/seed/user-data": $user} + if $network == "" then {} else {"/seed/network-config": $network} end' >"$work/routes"
}
rm -f /etc/cloud/cloud.cfg.d/90-test.cfg
dmi product_serial='ds=nocloud;s=http://[fd02::1]/seed/'

router --enable-ra --dhcp-range=fd02::,ra-only,64
seed advertised; fresh; boot
check "router advertisement: the service is reached" "$(cat /root/of 2>/dev/null)" advertised
less "router advertisement: in time" $took 20
check "router advertisement: the address" "$(six)" fd02::ff:fe00:202/64
check "router advertisement: the way" "$(ip -j -6 route show default | jq -r '.[0].dev')" eth1
check "router advertisement: no lease is kept" "$(cat /run/sysmaster/metadata/leases.json)" "[]"

router "${stateful[@]}"
seed stateful; fresh; boot
check "DHCPv6: the service is reached" "$(cat /root/of 2>/dev/null)" stateful
less "DHCPv6: in time" $took 20
check "DHCPv6: the address" "$(six)" fd02::100/128
check "DHCPv6: it is kept" "$(jq -r '.[].six.address' /run/sysmaster/metadata/leases.json)" fd02::100
check "DHCPv6: it ends when nobody renews it" "$(($(valid) <= 120 && $(valid) > 60))" 1

# The keeper renews what it finds, and takes away what is over.
age() { jq --argjson by "$1" '.[0].six.bound_at_usec -= $by' /run/sysmaster/metadata/leases.json >"$work/leases" && cp "$work/leases" /run/sysmaster/metadata/leases.json; }
# With no more than its unit leaves it.
capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$here/../../../units/sysmaster-metadata-leases.service" | tr '[:upper:]' '[:lower:]' | sed 's/cap_/+/g; s/ /,/g')
keep() { setpriv --bounding-set="-all,$capabilities" "$program" leases >>"$work/log" 2>&1 & keeper=$!; }
age 70e6; ip addr change fd02::100/128 dev eth1 valid_lft 50 preferred_lft 50; keep
for ((i = 0; i < 200 && $(valid) <= 60; i++)); do sleep 0.1; done
check "the keeper renews the lease" "$(($(valid) > 60))" 1
kill $keeper; wait $keeper || true
check "and leaves the address when it ends" "$(six)" fd02::100/128
# An interface that comes only after the keeper.
ip link set eth1 down; ip link set eth1 name away; age 70e6; keep
sleep 1; ip link set away name eth1; ip link set eth1 up
for ((i = 0; i < 200 && $(valid) <= 60; i++)); do sleep 0.1; done
check "the lease of an interface that comes late is kept" "$(($(valid) > 60))" 1
kill $keeper; wait $keeper || true
kill "${dhcp_pids[right]}"; wait "${dhcp_pids[right]}" 2>/dev/null || true
age 200e6; keep
for ((i = 0; i < 200; i++)); do [[ -n $(six) ]] || break; sleep 0.1; done
check "an address whose time is over goes" "$(six)" ""
kill $keeper; wait $keeper || true

# What a configuration asks for.
router "${stateful[@]}"
dhcp6='{version: 2, ethernets: {e: {match: {macaddress: "02:00:00:00:02:02"}, set-name: eth1, dhcp6: true}}}'
seed configured "$dhcp6"; fresh; boot
check "dhcp6: status" "$status $(cat /root/of 2>/dev/null)" "0 configured"
check "dhcp6: the address" "$(six)" fd02::100/128
check "dhcp6: resolver" "$(cat /etc/resolv.conf)" $'nameserver fd02::53\nsearch six.example'
check "dhcp6: it is kept" "$(jq -c '.[] | [.device, .four, .six.how]' /run/sysmaster/metadata/leases.json)" '["eth1",false,"ra-or-dhcp"]'
router --enable-ra --dhcp-range=fd02::,ra-only,64
seed router "$dhcp6"; fresh; boot
check "dhcp6 where the router gives addresses: status" "$status $(cat /root/of 2>/dev/null)" "0 router"
check "dhcp6 where the router gives addresses" "$(six)" fd02::ff:fe00:202/64
less "dhcp6 where the router gives addresses: time" $took 20

# EC2: two families, and its service over IPv6 alone.
pin Ec2
dmi product_uuid=ec2e1916-9099-7caf-fd21-012345abcdef product_serial=ec2e1916-9099-7caf-fd21-012345abcdef sys_vendor="Amazon EC2"
mac=/2021-03-23/meta-data/network/interfaces/macs/02:00:00:00:02:02/
jq -n --arg user "$(user_data ec2)" --arg mac $mac '{token: true, "/latest/meta-data/instance-id": "i-six", "/2021-03-23/meta-data/instance-id": "i-six", "/2021-03-23/meta-data/": "instance-id\nnetwork/",
  "/2021-03-23/meta-data/network/": "interfaces/", "/2021-03-23/meta-data/network/interfaces/": "macs/", "/2021-03-23/meta-data/network/interfaces/macs/": "02:00:00:00:02:02/", ($mac): "device-number\nipv6s",
  ($mac + "device-number"): "0", ($mac + "ipv6s"): "fd02::100", "/2021-03-23/user-data": $user}' >"$work/routes"
router "${stateful[@]}" --dhcp-range=10.2.0.50,10.2.0.50,2m --dhcp-option=6,10.2.0.53
fresh; boot
check "EC2: status" "$status $(cat /root/of 2>/dev/null)" "0 ec2"
check "EC2: both addresses" "$(addresses eth1) $(six)" "10.2.0.50/24 fd02::100/128"
check "EC2: both resolvers" "$(grep -c '^nameserver \(fd02::53\|10.2.0.53\)$' /etc/resolv.conf)" 2
nsenter -t "$right" -n ip addr del 169.254.169.254/32 dev lo
router "${stateful[@]}"
fresh; boot
check "EC2 over IPv6 alone: the service is reached" "$(cat /root/of 2>/dev/null)" ec2
check "EC2 over IPv6 alone: the address" "$(six)" fd02::100/128

# Nobody there: the boot goes on, and says so.
kill "${dhcp_pids[right]}"; wait "${dhcp_pids[right]}" 2>/dev/null || true
rm /etc/cloud/cloud.cfg.d/90-test.cfg; dmi product_name=none
fresh; mkdir -p /var/lib/cloud/seed/nocloud
printf 'instance-id: i-alone\n' >/var/lib/cloud/seed/nocloud/meta-data; user_data alone >/var/lib/cloud/seed/nocloud/user-data; echo "$dhcp6" >/var/lib/cloud/seed/nocloud/network-config
boot
check "nobody there: it is applied" "$(cat /root/of 2>/dev/null)" alone
less "nobody there: in time" $took 30
check "nobody there: said" "$(jq -r '[.findings[].text | select(test("neither a router nor a DHCPv6 server"))] | length' /run/sysmaster/metadata/network.json)" 1

if ((failed)); then tail -n 60 "$work/log"; dmesg | grep 'sysmaster-metadata: ' | tail -n 60; cat "$work/dnsmasq"; fi
exit $failed
