#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "apply" on machines of EC2, OpenStack and Hetzner: two interfaces, of which the first leads nowhere; real DHCP servers and a service
# in name spaces of their own, which is good, slow, busy, broken, endless or dead. Argument: the program.
# shellcheck disable=SC2034,SC2154  # services-lib.sh's
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  unshare -mnup --fork true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  for tool in dnsmasq python3 jq ip; do command -v $tool >/dev/null || { echo "SKIP: no $tool here"; exit 77; }; done
  exec unshare -mnup --fork --kill-child bash "$0" --inside "$1" "$(dirname "$(realpath "$0")")"
fi
program=$2 here=$3
# shellcheck source=services-lib.sh
source "$here/services-lib.sh"

ec2() { # INSTANCE-ID
  jq -n --arg id "$1" --arg user "$(user_data "$1")" '{token: true, "/latest/meta-data/instance-id": $id, "/2009-04-04/meta-data/instance-id": $id,
    "/2021-03-23/meta-data/instance-id": $id, "/2021-03-23/meta-data/": "instance-id\nlocal-hostname\npublic-keys/\nplacement/",
    "/2021-03-23/meta-data/local-hostname": "ip-10-2-0-50.ec2.internal", "/2021-03-23/meta-data/public-keys/": "0=mine",
    "/2021-03-23/meta-data/public-keys/0/": "openssh-key", "/2021-03-23/meta-data/public-keys/0/openssh-key": "ssh-ed25519 AAAAkey mine",
    "/2021-03-23/meta-data/placement/": "availability-zone", "/2021-03-23/meta-data/placement/availability-zone": "eu-north-1a",
    "/2021-03-23/dynamic/instance-identity/document": ({instanceId: $id, region: "eu-north-1"} | tojson), "/2021-03-23/user-data": $user}' >"$work/routes"
}
pin Ec2
dmi product_uuid=ec2e1916-9099-7caf-fd21-012345abcdef product_serial=ec2e1916-9099-7caf-fd21-012345abcdef sys_vendor="Amazon EC2"
ec2 i-one
fresh; boot
check "EC2: status" $status 0
check "EC2: user data" "$(cat /root/of 2>/dev/null)" i-one
less "EC2: the wrong first interface costs little" $took 15
check "EC2: the right interface has its lease" "$(addresses eth1)" 10.2.0.50/24
check "EC2: the wrong one has none left" "$(addresses eth0)" ""
check "EC2: the lease ends when nobody renews it" "$(ip -j -4 addr show eth1 | jq '.[0].addr_info[0].valid_life_time <= 120')" true
check "EC2: default route" "$(ip -j route show default | jq -r '.[] | "\(.gateway) \(.dev)"')" "10.2.0.1 eth1"
check "EC2: resolver" "$(cat /etc/resolv.conf)" $'nameserver 10.2.0.53\nsearch example.org'
ln -s "$program" "$work/cloud-init"
check "EC2: key, zone" "$("$work/cloud-init" query v1.public_ssh_keys.0; "$work/cloud-init" query v1.availability_zone)" $'ssh-ed25519 AAAAkey mine\neu-north-1a'
check "EC2: all requests went over the right one" "$(grep -vc ' 10.2.0.50$' "$work/requests")" 0
check "what was kept" "$(stat -c %a /var/lib/sysmaster/metadata/instances/i-one /var/lib/sysmaster/metadata/instances/i-one/instance.json | tr '\n' ' ')" "700 600 "

# The keeper renews: two minutes of lease, and the first renewal is due after one. It takes over what it finds.
jq '.[0].bound_at_usec -= 70e6' /run/sysmaster/metadata/leases.json >"$work/leases" && cp "$work/leases" /run/sysmaster/metadata/leases.json
ip addr change 10.2.0.50/24 dev eth1 valid_lft 50 preferred_lft 50
"$program" leases >>"$work/log" 2>&1 & keeper=$!
for ((i = 0; i < 200; i++)); do
  left=$(ip -j -4 addr show eth1 | jq '.[0].addr_info[0].valid_life_time // 0')
  ((left < 100)) || break
  sleep 0.1
done
less "the keeper renews the lease" 100 "$left"
kill $keeper; wait $keeper || true
check "and leaves the address when it ends" "$(addresses eth1)" 10.2.0.50/24

ip link del eth0 # one that leads nowhere costs two seconds at each boot; once is enough
off; boot
check "second boot: status" $status 0
check "second boot: nothing is done again" "$(cat /root/of)" i-one
ec2 i-two
off; boot
check "another instance: done again" "$(cat /root/of)" i-two
printf 'datasource_list: [Ec2]\nmanual_cache_clean: true\n' >/etc/cloud/cloud.cfg.d/90-test.cfg
ec2 i-three
off; boot
check "cleaned by hand: nobody is asked" "$(wc -l <"$work/requests") $(cat /root/of)" "0 i-two"

# A lease that comes late. Meanwhile the service seems to be there without one, and does not answer: no reason to stop asking for the lease.
pin Ec2 60
ip link add tun9 type veth peer name hole netns "$wrong"; ip addr add 169.254.9.9/16 dev tun9 scope link; ip link set tun9 up
nsenter -t "$wrong" -n ip link set hole up; ip neigh add 169.254.169.254 lladdr 02:00:00:00:09:09 dev tun9
ec2 i-late; fresh
kill -STOP "${dhcp_pids[right]}"; { sleep 9; kill -CONT "${dhcp_pids[right]}"; } & late=$!
boot; wait $late
check "a late lease: status, user data" "$status $(cat /root/of 2>/dev/null)" "0 i-late"
less "a late lease: time" $took 40
ip link del tun9
# udev has not named the interface yet, which it cannot do once it is up.
mkdir -p /run/udev; mount -t tmpfs tmpfs /run/udev; mkdir /run/udev/data; : >/run/udev/control
ec2 i-named; fresh
{ sleep 5; cat /sys/class/net/eth1/flags >"$work/flags"; : >"/run/udev/data/n$(cat /sys/class/net/eth1/ifindex)"; } & udev=$!
boot; wait $udev
check "an interface that udev works on: it was left alone" $(($(cat "$work/flags") & 1)) 0
check "an interface that udev works on: then it was used" "$status $(cat /root/of 2>/dev/null)" "0 i-named"
umount /run/udev

# What a service can do. Each goes on within its time.
pin Ec2 30
ec2 i-slow; echo slow >"$work/mode"; fresh; boot
check "slow: status, user data" "$status $(cat /root/of 2>/dev/null)" "0 i-slow"
for how in busy limit cut; do
  ec2 i-$how; echo $how 3 >"$work/mode"; fresh; boot
  check "$how for three requests: status, user data" "$status $(cat /root/of 2>/dev/null)" "0 i-$how"
  less "$how: time" $took 30
done
pin Ec2 4
for how in loop huge refuse silent dead; do
  ec2 i-$how; echo $how >"$work/mode"; fresh
  [[ $how != dead ]] || { kill $server; wait $server 2>/dev/null || true; }
  boot
  check "$how: it is not applied" "$(cat /root/of 2>/dev/null)" ""
  less "$how: the boot goes on in time" $took 20
  check "$how: and says so" "$(jq -r '[.findings[].text | select(test("the boot goes on"))] | length' /run/sysmaster/metadata/result.json)" 1
  check "$how: there is an address nevertheless" "$([[ -n $(addresses eth1) ]] && echo yes)" yes
done
check "refused: not asked again and again" "$(($(wc -l <"$work/requests") < 20))" 1

# The same machine, and nobody answers: what it was is what it is.
serve; echo good >"$work/mode"; ec2 i-kept; fresh; boot
check "before" "$(cat /root/of)" i-kept
kill $server; wait $server 2>/dev/null || true
off; boot
check "nobody answers: the instance of before" "$(jq -r .instance_id /run/sysmaster/metadata/result.json)" i-kept
dmi product_uuid=ec2e1916-9099-7caf-fd21-ffffffffffff sys_vendor="Amazon EC2"
off; boot
check "nobody answers, another machine: none" "$(jq -r .instance_id /run/sysmaster/metadata/apply.json)" null
serve

# OpenStack
dmi product_name="OpenStack Nova" product_uuid=83679162-1378-4288-a2d4-70e13ec132aa
pin OpenStack
jq -n --arg user "$(user_data os)" '{"/openstack": "2018-08-27\nlatest", "/openstack/": "2018-08-27\nlatest", "/openstack/2018-08-27/meta_data.json": ({uuid: "83679162-1378-4288-a2d4-70e13ec132aa",
  hostname: "os-host", public_keys: {k: "ssh-rsa AAAA os"}, name: "n"} | tojson), "/openstack/2018-08-27/user_data": $user, "/openstack/2018-08-27/network_data.json":
  ({links: [{id: "l", type: "phy", ethernet_mac_address: "02:00:00:00:02:02", mtu: 1400}], networks: [{id: "n", link: "l", type: "ipv4", ip_address: "10.2.0.77",
  netmask: "255.255.255.0", network_id: "x", routes: [{network: "0.0.0.0", netmask: "0.0.0.0", gateway: "10.2.0.1"}]}], services: [{type: "dns", address: "10.2.0.99"}]} | tojson)}' >"$work/routes"
fresh; boot
check "OpenStack: status, user data" "$status $(cat /root/of 2>/dev/null)" "0 os"
check "OpenStack: its own address, and no lease" "$(addresses eth1)" 10.2.0.77/24
check "OpenStack: MTU, DNS" "$(ip -j link show eth1 | jq '.[0].mtu') $(grep -c 10.2.0.99 /etc/resolv.conf)" "1400 1"
: >"$work/requests"
off; boot
check "OpenStack: the same machine, nobody is asked" "$(wc -l <"$work/requests") $(addresses eth1)" "0 10.2.0.77/24"

# Hetzner
dmi sys_vendor=Hetzner product_serial=4711
pin Hetzner
jq -n --arg user "$(user_data hz)" '{"/hetzner/v1/metadata": "instance-id: 4711\nhostname: hz-host\npublic-keys: [ssh-ed25519 AAAA hz]\nnetwork-config: {version: 1, config: [{type: physical, name: eth1, mac_address: \"02:00:00:00:02:02\", subnets: [{type: dhcp, ipv4: true}]}]}\n",
  "/hetzner/v1/metadata/private-networks": "[]", "/hetzner/v1/userdata": $user}' >"$work/routes"
fresh; boot
check "Hetzner: status, user data, name" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 hz hz-host"
check "Hetzner: the lease of the search is used" "$(addresses eth1)" 10.2.0.50/24

# A seed behind a URL, documents that are included, and the verb that only looks.
dmi product_serial='ds=nocloud;s=http://169.254.169.254/seed/'
rm /etc/cloud/cloud.cfg.d/90-test.cfg
jq -n --arg user "$(user_data seed)" '{"/seed/meta-data": "instance-id: i-seed\n", "/seed/user-data": "#include\nhttp://169.254.169.254/more\n", "/more": $user}' >"$work/routes"
fresh; boot
check "seed behind a URL, with an include" "$status $(cat /root/of 2>/dev/null)" "0 seed"
check "fetch shows it" "$("$program" fetch --network 2>>"$work/log" | jq -r .v1.instance_id)" i-seed
check "fetch without the network says so" "$("$program" fetch 2>&1 | grep -c -- --network)" 1

# Secrets.
check "no secret in the log" "$(grep -cE 's3cr3t-word|tokenvalue' "$work/log")" 0
check "none in what all may read" "$(find /run/sysmaster /run/cloud-init /var/lib/sysmaster /var/lib/cloud -type f -perm -004 -exec grep -lE 's3cr3t-word|tokenvalue' {} + | wc -l)" 0
if ((failed)); then tail -n 60 "$work/log"; fi
exit $failed
