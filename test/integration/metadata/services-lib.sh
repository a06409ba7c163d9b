# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# services-lib.sh - "apply" on machines with two interfaces, of which the first leads nowhere: real DHCP servers and a service in name
# spaces of their own. Sourced inside new name spaces, with $program and $here set; service_addresses are the
# service's, if not the one of most:
#
#   fresh; boot; off; boot   a new machine, its first boot, and one later; "status" and "took" say how the last one went
#   dhcp_server right 2 OPTION...  the DHCP server with more of dnsmasq's options
#   pin NAME [SECONDS]       the image's configuration names one source
#   dmi NAME=VALUE...        what SMBIOS says
#   $work/routes, $work/mode what the service answers, and how (service.py); $work/requests what it was asked
#   check NAME GOT WANTED    less NAME GOT LIMIT
failed=0
check() { # NAME GOT WANTED
  [[ $2 == "$3" ]] && { echo "ok: $1"; return; }
  echo "FAILED: $1: got \"$2\", wanted \"$3\""
  failed=1
}
less() { # NAME GOT LIMIT
  (($2 < $3)) && { echo "ok: $1 ($2 < $3)"; return; }
  echo "FAILED: $1: $2 is not below $3"
  failed=1
}

mount --make-rprivate /
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
trap 'umount -l "$work"; rmdir "$work"' EXIT
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir "$work/etc"; cp -a /etc/. "$work/etc"
mount --bind "$work/etc" /etc
rm -f /etc/cloud/cloud-init.disabled /etc/resolv.conf /etc/netplan/*
: >/etc/resolv.conf
mkdir -p /etc/cloud/cloud.cfg.d /run/sysmaster /run/cloud-init /var/lib/cloud /var/lib/sysmaster
for d in /var/lib/cloud /var/lib/sysmaster /run/sysmaster /run/cloud-init /root; do mount -t tmpfs tmpfs "$d"; done
ip link set lo up

# ---- the other side: "wrong" and "right", each with a DHCP server ----
side() { # NAME NET INTERFACE
  local pid
  unshare -n sleep 1000 &
  pid=$!
  until [[ $(readlink "/proc/$pid/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.05; done
  eval "$1=$pid"
  ip link add "$3" address "02:00:00:00:0$2:02" type veth peer name port netns "$pid"
  nsenter -t "$pid" -n sh -c "ip link set lo up; ip addr add 10.$2.0.1/24 dev port; ip link set port up"
  dhcp_server "$1" "$2"
}
declare -A dhcp_pids=()
dhcp_server() { # NAME NET [OPTION...]: in place of one that runs
  [[ -z ${dhcp_pids[$1]:-} ]] || { kill "${dhcp_pids[$1]}"; wait "${dhcp_pids[$1]}" || true; } 2>/dev/null
  nsenter -t "${!1}" -n dnsmasq --conf-file=/dev/null --no-daemon --no-resolv --no-hosts --port=0 --interface=port --bind-interfaces \
    --dhcp-range="10.$2.0.50,10.$2.0.50,${lease:-1h}" --no-ping --dhcp-option="6,10.$2.0.53" --dhcp-option=119,example.org --dhcp-authoritative --leasefile-ro \
    --user=root "${@:3}" >"$work/dnsmasq-$1" 2>&1 &
  dhcp_pids[$1]=$!
}
export wrong='' right='' # the helper sets them
side wrong 1 eth0
lease=2m side right 2 eth1
service_addresses=("${service_addresses[@]:-169.254.169.254}")
for a in "${service_addresses[@]}"; do nsenter -t "$right" -n ip addr add "$a/32" dev lo; done
echo good >"$work/mode"; echo '{}' >"$work/routes"; : >"$work/requests"
server=
serve() {
  nsenter -t "$right" -n python3 "$here/service.py" "$work/routes" "$work/mode" "$work/requests" "${service_addresses[@]}" &
  server=$!
  until nsenter -t "$right" -n bash -c 'exec 3<>/dev/tcp/169.254.169.254/80' 2>/dev/null; do sleep 0.1; done
}
serve

# ---- machines ----
quiet='users: []
growpart: {mode: "off"}
resize_rootfs: false
ssh: {emit_keys_to_console: false}
no_ssh_fingerprints: true
ssh_deletekeys: false
ssh_genkeytypes: []'
# A machine without SMBIOS gets a folder for it: what is there of /sys/class, and "dmi".
if [[ ! -d /sys/class/dmi/id ]]; then
  mkdir -p "$work"/class/{net,block,dmi/id}
  for d in net block; do mount --rbind /sys/class/$d "$work/class/$d"; done
  mount --rbind "$work/class" /sys/class
fi
dmi() { # NAME=VALUE...
  umount -l /sys/class/dmi/id 2>/dev/null || true
  mount -t tmpfs tmpfs /sys/class/dmi/id
  local pair
  for pair; do echo "${pair#*=}" >"/sys/class/dmi/id/${pair%%=*}"; done
}
pin() { printf 'datasource_list: [%s]\ndatasource: {%s: {max_wait: %s}}\n' "$1" "$1" "${2:-30}" >/etc/cloud/cloud.cfg.d/90-test.cfg; }
user_data() { printf '#cloud-config\n%s\nwrite_files: [{path: /root/of, content: "%s"}]\npassword: s3cr3t-word\n' "$quiet" "$1"; }
fresh() { # as if the machine had just been made
  rm -rf /var/lib/cloud/* /var/lib/sysmaster/* /run/sysmaster/* /run/cloud-init/* /root/*
  off
}
off() { # a boot later: what is in /run is gone, and so are addresses
  local d
  rm -rf /run/sysmaster/* /run/cloud-init/*
  : >/etc/resolv.conf; : >"$work/requests"
  for d in eth0 eth1; do ip addr flush dev $d; ip link set $d down; done 2>/dev/null || true
}
boot() {
  local began=$SECONDS
  status=0
  "$program" apply --stage local >>"$work/log" 2>&1 || status=$?
  "$program" apply --stage network >>"$work/log" 2>&1 || status=$?
  "$program" final >>"$work/log" 2>&1 || status=$?
  took=$((SECONDS - began))
}
addresses() { ip -j -4 addr show "$1" | jq -r '[.[0].addr_info[]? | "\(.local)/\(.prefixlen)"] | join(" ")'; }
: >"$work/log"

