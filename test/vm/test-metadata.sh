#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Instance metadata in a machine that boots under our init: from an ISO, a config drive, a seed behind a URL that SMBIOS names, credentials, and as a machine
# of EC2 by its SMBIOS. Who logs in by ssh has the key that the metadata gave. test-metadata.sh [iso|drive|url|credentials|ec2]...: only those.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's
for tool in ssh ssh-keygen python3 jq socat; do command -v $tool >/dev/null || skip_all "this machine has no $tool"; done

image=$(vm_our_image) || skip_all "neither a package nor a whole build is there"
ssh-keygen -q -t ed25519 -N '' -f "$vm_work/key"
key=$(cat "$vm_work/key.pub")
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ssh_port=$(free_port) http_port=$(free_port)
user_data() { # WORD [KINDS OF HOST KEYS]
  printf '#cloud-config\nusers: [{name: tester, ssh_authorized_keys: ["%s"]}]\nssh: {emit_keys_to_console: false}\nssh_genkeytypes: [%s]\ngrowpart: {mode: "off"}\nresize_rootfs: false\nwrite_files: [{path: /root/of, content: "%s"}]\nruncmd: ["echo %s >>/root/ran"]\n' "$key" "${2:-ed25519}" "$1" "$1"
}
login() {
  ssh -q -i "$vm_work/key" -p "$ssh_port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 tester@127.0.0.1 "$@"
}
guest() { vmctl sh "$m" -t 60 "$1" 2>/dev/null; }
is_through() { guest 'test -e /run/sysmaster/metadata/final.json'; }
# start NAME WORD OPTION...: boots, waits for the final stage, and looks at what every platform has in common
start() {
  local name=$1 word=$2
  shift 2
  vm_start m --image "$image" --overlay "$vm_work/disk.qcow2" "$@" || { fail "$name: it boots"; done_testing; }
  ok "$name: both stages are through" within 400 is_through
  is "$name: user data" "$(guest 'cat /root/of')" "$word"
  is "$name: no finding" "$(guest 'cat /run/sysmaster/metadata/{apply,network,final}.json' | jq -r '.findings[]?.text')" ""
}
stop() { vmctl sh "$m" -t 10 sync; vmctl stop "$m"; }

# up_before A B: "before" if A was up when the start of B began
up_before() {
  guest "a=\$(sctl show --value -p ActiveEnterTimestampMonotonic $1); b=\$(sctl show --value -p InactiveExitTimestampMonotonic $2); [ \$a -gt 0 ] && [ \$b -gt 0 ] || echo never; [ \$a -le \$b ] && echo before || echo after"
}

echo good >"$vm_work/mode"; echo '{}' >"$vm_work/routes"; : >"$vm_work/requests"
python3 "$vm_here/../integration/metadata/service.py" "$vm_work/routes" "$vm_work/mode" "$vm_work/requests" "127.0.0.1:$http_port" &
service=$!
vm_stop_service() { kill "$service" 2>/dev/null; wait "$service" 2>/dev/null; }
# vm_cleanup hands on the status that it finds.
trap 'status=$?; vm_stop_service; (exit "$status"); vm_cleanup' EXIT
net=user,hostfwd=tcp:127.0.0.1:$ssh_port-:22

# An ISO.
platform_iso() {
  mkdir "$vm_work/seed"
  printf 'instance-id: i-iso\nlocal-hostname: iso-host\n' >"$vm_work/seed/meta-data"
  user_data iso >"$vm_work/seed/user-data"
  start ISO iso --seed "$vm_work/seed" --net "$net"
  is "ISO: its name" "$(guest hostname)" iso-host
  is "ISO: the medium is not mounted any more" "$(guest 'grep -c cidata /proc/mounts; ls -A /run/sysmaster/metadata/media')" 0
  is "ISO: ssh login with its key" "$(within 240 login true; login id -un)" tester
  # The image runs networkd: it gets a file for the interface, and there is nothing for us to keep.
  is "ISO: the image's manager has its file" "$(guest 'grep -c ^DHCP=ipv4 /etc/systemd/network/10-cloud-init-*.network')" 1
  is "ISO: its network came by DHCP" "$(guest 'ip -o -4 addr show scope global' | grep -c '10\.0\.2\.')" 1
  is "ISO: no lease of ours is kept" "$(guest 'sctl is-active sysmaster-metadata-leases.service')" inactive
  is "ISO: what was found is for all to read" "$(guest 'stat -c %a /run/sysmaster/metadata /run/sysmaster/metadata/result.json' | tr '\n' ' ')" "755 644 "
  # What keeps sysinit.target from being reached for a minute keeps nobody out who has the key.
  guest 'cd /etc/systemd/system && mkdir -p sysinit.target.wants && ln -s ../minute.service sysinit.target.wants/ &&
    printf "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\nExecStart=/bin/sleep 60\n" >minute.service'
  stop
  vm_start m --image "$image" --overlay "$vm_work/disk.qcow2" --seed "$vm_work/seed" --net "$net" || fail "ISO, second boot: it boots"
  is "ISO, second boot: login before the boot is finished" "$(within 240 login true; login 'id -un; sctl is-active basic.target')" $'tester\ninactive'
  is "ISO, second boot: sshd came after the local stage" "$(up_before sysmaster-metadata.service ssh.service)" before
  ok "ISO, second boot: both stages are through" within 400 is_through
  is "ISO, second boot: commands ran once" "$(guest 'cat /root/ran')" iso
  is "ISO, second boot: no host key is left to make" "$(guest 'sctl is-active sysmaster-metadata-host-keys.service')" inactive
  stop
  sed -i s/i-iso/i-other/ "$vm_work/seed/meta-data"; user_data other >"$vm_work/seed/user-data"
  start "ISO, another instance" other --seed "$vm_work/seed" --net "$net" --append sysmaster.early-login=no
  is "ISO, another instance: sshd is late where the kernel line says so" "$(up_before basic.target ssh.service)" before
  is "ISO, another instance: commands ran again" "$(guest 'cat /root/ran')" $'iso\nother'
  stop
  rm "$vm_work/disk.qcow2"
}

has_rsa_key() { ssh-keyscan -T 20 -t rsa -p "$ssh_port" 127.0.0.1 2>/dev/null | grep -q ssh-rsa; }

# A config drive.
platform_drive() {
  mkdir -p "$vm_work/drive/openstack/latest"
  jq -n '{uuid: "83679162-1378-4288-a2d4-70e13ec132aa", hostname: "drive-host"}' >"$vm_work/drive/openstack/latest/meta_data.json"
  user_data drive "ed25519, rsa" >"$vm_work/drive/openstack/latest/user_data"
  start "config drive" drive --seed "$vm_work/drive" --seed-label config-2 --net "$net"
  is "config drive: its name" "$(guest hostname)" drive-host
  # RSA comes in a unit that nobody waits for, and sshd is told.
  ok "config drive: sshd has the RSA key, too" within 240 has_rsa_key
  ok "config drive: their unit has ended" within 240 guest 'sctl is-active sysmaster-metadata-host-keys.service'
  is "config drive: which came in a unit of its own" "$(guest 'sctl is-active sysmaster-metadata-host-keys.service; jq -r ".modules[].name" /run/sysmaster/metadata/host-keys.json 2>/dev/null || grep -o ssh_slow_host_keys /run/sysmaster/metadata/host-keys.json' | tr '\n' ' ')" "active ssh_slow_host_keys "
  stop
  rm "$vm_work/disk.qcow2"
}

# A seed behind a URL.
platform_url() {
  jq -n --arg user "$(user_data url)" '{"/seed/meta-data": "instance-id: i-url\nlocal-hostname: url-host\n", "/seed/user-data": $user}' >"$vm_work/routes"
  start "seed behind a URL" url --smbios "type=1,serial=ds=nocloud;s=http://10.0.2.2:$http_port/seed/" --net "$net"
  is "seed behind a URL: its name" "$(guest hostname)" url-host
  # Where a socket starts sshd for each connection, the first one waits in it until the service, which is busy, has told the key.
  ok "seed behind a URL: a socket in place of sshd" guest 'cd /etc/systemd/system && sctl disable ssh.service &&
    printf "[Socket]\nListenStream=22\nAccept=yes\n[Install]\nWantedBy=sockets.target\n" >ssh.socket &&
    printf "[Service]\nExecStart=-/usr/sbin/sshd -i\nStandardInput=socket\nRuntimeDirectory=sshd\nRuntimeDirectoryPreserve=yes\n" >ssh@.service && sctl enable ssh.socket'
  stop
  jq -n --arg user "$(user_data socket)" '{"/seed/meta-data": "instance-id: i-socket\nlocal-hostname: socket-host\n", "/seed/user-data": $user}' >"$vm_work/routes"
  echo busy 6 >"$vm_work/mode"
  vm_start m --image "$image" --overlay "$vm_work/disk.qcow2" --smbios "type=1,serial=ds=nocloud;s=http://10.0.2.2:$http_port/seed/" --net "$net" || fail "socket: it boots"
  is "socket: sshd of a connection came after the network stage" "$(within 240 login true; login 'u=$(sctl list-units "ssh@*.service" --plain --no-legend | sed -n "1s/ .*//p")
    a=$(sctl show --value -p ActiveEnterTimestampMonotonic sysmaster-metadata-network.service); b=$(sctl show --value -p InactiveExitTimestampMonotonic "$u")
    [ "$a" -gt 0 ] && [ "$a" -le "$b" ] && echo before "${u%%@*}"')" "before ssh"
  is "socket: its user data" "$(within 400 is_through; guest 'cat /root/of')" socket
  stop
  echo good >"$vm_work/mode"
  rm "$vm_work/disk.qcow2"
}

# A seed in the machine's credentials: SMBIOS strings and QEMU's fw_cfg. A medium beside it does not count.
platform_credentials() {
  mkdir -p "$vm_work/other"
  printf 'instance-id: i-other\nlocal-hostname: other-host\n' >"$vm_work/other/meta-data"
  user_data other >"$vm_work/other/user-data"
  user_data credentials >"$vm_work/credential"
  start credentials credentials --seed "$vm_work/other" --net "$net" --qemu-arg -fw_cfg --qemu-arg "name=opt/io.systemd.credentials/metadata.user-data,file=$vm_work/credential" \
    --smbios "type=11,value=io.systemd.credential.binary:metadata.meta-data=$(printf 'instance-id: i-credentials\nlocal-hostname: credentials-host\n' | base64 -w 0)"
  is "credentials: its name" "$(guest hostname)" credentials-host
  is "credentials: the source" "$(guest 'cat /run/cloud-init/cloud-id')" credentials
  is "credentials: no document is for all to read" "$(guest "grep -rl '$(cut -d' ' -f2 "$vm_work/key.pub")' /run /var/lib/cloud /var/lib/sysmaster | xargs -r stat -c %A | grep -c 'r..$'")" 0
  stop
  rm "$vm_work/disk.qcow2"
}

# EC2: the network is so wide that the service is in it, since QEMU has no other place for one; its leases are not link-local, which networkd would refuse.
ec2_routes() { # INSTANCE-ID WORD
  jq -n --arg id "$1" --arg user "$(user_data "$2")" --arg key "$key" '{token: true, "/2021-03-23/meta-data/instance-id": $id, "/2021-03-23/meta-data/": "instance-id\nlocal-hostname\npublic-keys/",
    "/2021-03-23/meta-data/local-hostname": "ec2-host.internal", "/2021-03-23/meta-data/public-keys/": "0=mine", "/2021-03-23/meta-data/public-keys/0/": "openssh-key",
    "/2021-03-23/meta-data/public-keys/0/openssh-key": $key, "/2021-03-23/dynamic/instance-identity/document": ({instanceId: $id, region: "r"} | tojson),
    "/2021-03-23/user-data": $user}' >"$vm_work/routes"
}
ec2() { # UUID: the options of such a machine
  printf '%s\n' --smbios "type=1,manufacturer=Amazon EC2,uuid=$1,serial=$1" --net "user,net=168.0.0.0/7,host=168.0.0.2,dns=168.0.0.3,dhcpstart=168.0.0.15,hostfwd=tcp:127.0.0.1:$ssh_port-:22,guestfwd=tcp:169.254.169.254:80-cmd:socat STDIO TCP:127.0.0.1:$http_port"
}
host_key() { guest 'cat /etc/ssh/ssh_host_ed25519_key.pub'; }
platform_ec2() {
  mapfile -t original < <(ec2 ec2e1916-9099-7caf-fd21-012345abcdef)
  mapfile -t clone < <(ec2 ec2e1916-9099-7caf-fd21-0123456789ab)
  ec2_routes i-ec2 ec2
  start EC2 ec2 "${original[@]}"
  is "EC2: its name" "$(guest hostname)" ec2-host
  is "EC2: the platform" "$(guest 'cat /run/cloud-init/cloud-id')" aws
  is "EC2: ssh login with its key" "$(within 240 login true; login id -un)" tester
  is "EC2: network-online is reached after it" "$(guest 'sctl start network-online.target && sctl is-active network-online.target sysmaster-metadata-network.service' | tr '\n' ' ')" "active active "
  first_key=$(host_key)
  stop
  # A copy of the disk in another machine: an instance of its own, with host keys of its own.
  ec2_routes i-clone clone
  start "EC2, cloned disk" clone "${clone[@]}"
  is "EC2, cloned disk: its instance" "$(guest 'jq -r .instance_id /run/sysmaster/metadata/result.json 2>/dev/null || sed -n "s/.*\"instance_id\":[^\"]*\"\([^\"]*\)\".*/\1/p" /run/sysmaster/metadata/result.json')" i-clone
  is "EC2, cloned disk: commands ran for it" "$(guest 'cat /root/ran')" $'ec2\nclone'
  is "EC2, cloned disk: other host keys" "$([ -n "$first_key" ] && [ "$(host_key)" != "$first_key" ] && echo other)" other
  stop
  vm_stop_service
  # Nobody answers at the next boot: it stays what it was, and sshd is there in time.
  vm_start m --image "$image" --overlay "$vm_work/disk.qcow2" "${clone[@]}" || fail "EC2, second boot: it boots"
  is "EC2, second boot without the service: ssh login" "$(within 300 login true; login id -un)" tester
  like "EC2, second boot without the service: said" "$(guest 'cat /run/sysmaster/metadata/apply.json')" 'the boot goes on'
  stop
}

[ $# -gt 0 ] || set -- iso drive url credentials ec2
for platform; do "platform_$platform"; done
done_testing
