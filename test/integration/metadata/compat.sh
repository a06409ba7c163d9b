#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cloud-init's files and commands as other programs use them, in a mount namespace of its own; and the preparation of an
# image below --root. Argument: the program.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  unshare -mnu true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  exec unshare -mnu bash "$0" --inside "$1"
fi
program=$2
failed=0
check() { # NAME GOT WANTED
  [[ $2 == "$3" ]] && { echo "ok: $1"; return; }
  echo "FAILED: $1: got \"$2\", wanted \"$3\""
  failed=1
}
status_of() { local r=0; "$@" >/dev/null 2>&1 || r=$?; echo $r; }

mount --make-rprivate /
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
mkdir -p /var/lib/cloud /var/lib/sysmaster /run/sysmaster /run/cloud-init
for d in /var/lib/cloud /var/lib/sysmaster /run/sysmaster /run/cloud-init /root; do mount -t tmpfs tmpfs "$d"; done
ln -s "$program" "$work/cloud-init"
ln -s "$program" "$work/cloud-id"
PATH=$work:$PATH
rm -f /etc/cloud/cloud-init.disabled

seed=/var/lib/cloud/seed/nocloud
mkdir -p $seed
printf 'instance-id: i-one\nlocal-hostname: seeded\npublic-keys: [ssh-rsa AAAA one]\nregion: here\n' >$seed/meta-data
quiet='growpart: {mode: "off"}
resize_rootfs: false
ssh: {emit_keys_to_console: false}
no_ssh_fingerprints: true
ssh_deletekeys: false
ssh_genkeytypes: []
users: []'
printf '#cloud-config\n%s\npassword: s3cret\nruncmd: ["true"]\n' "$quiet" >$seed/user-data

check "before anything: not started" "$(cloud-init status)" "status: not started"
cloud-init status --wait >"$work/waited" & waiter=$!
"$program" apply
check "between the stages it is running" "$(cloud-init status)" "status: running"
check "and a waiter waits" "$(kill -0 $waiter && echo yes)" yes
"$program" final
wait $waiter
check "the waiter is told" "$(tail -n 1 "$work/waited")" "status: done"
check "done" "$(cloud-init status --format json | jq -r '.status, .extended_status, .datasource, .stage')" $'done\ndone\nnocloud\nnull'
check "long form" "$(cloud-init status --long | grep -E '^(status|extended_status|detail|errors|recoverable_errors)')" \
  $'status: done\nextended_status: done\ndetail: DataSourceNoCloud ['"$seed"$']\nerrors: []\nrecoverable_errors: {}'
check "result.json" "$(jq -c .v1 /run/cloud-init/result.json)" '{"datasource":"DataSourceNoCloud ['"$seed"']","errors":[]}'
check "cloud-id" "$(cloud-id) $(cat /run/cloud-init/cloud-id) $(readlink /run/cloud-init/cloud-id)" "nocloud nocloud cloud-id-nocloud"
check "instance" "$(readlink /var/lib/cloud/instance)" instances/i-one
check "boot-finished" "$([[ -s /var/lib/cloud/instance/boot-finished ]] && echo yes)" yes
check "marks" "$([[ -e /var/lib/cloud/instance/sem/config_runcmd ]] && echo yes)" yes
check "data" "$(cat /var/lib/cloud/data/instance-id /var/lib/cloud/data/previous-instance-id)" $'i-one\nNO_PREVIOUS_INSTANCE_ID'
check "what all may read, and what only root" "$(stat -c %a /run/cloud-init/instance-data.json /run/cloud-init/instance-data-sensitive.json /var/lib/cloud/instance/user-data.txt | tr '\n' ' ')" "644 600 600 "
check "no secret is for all" "$(grep -rl s3cret /run/cloud-init | sort | tr '\n' ' ')" "/run/cloud-init/combined-cloud-config.json /run/cloud-init/instance-data-sensitive.json "

check "query: a name of v1" "$(cloud-init query local_hostname)" seeded
check "query: a path" "$(cloud-init query ds.meta_data.instance_id) $(cloud-init query v1.public_ssh_keys.0)" "i-one ssh-rsa AAAA one"
check "query: a template" "$(cloud-init query --format '{{ region }}/{{ v1.cloud_id }}')" here/nocloud
check "query: keys" "$(cloud-init query --list-keys ds)" meta_data
check "query: user data" "$(cloud-init query userdata | head -n 1)" "#cloud-config"
check "query: what is not there" "$(status_of cloud-init query nowhere)" 1

printf '#cloud-config\nusers: []\n' >"$work/good"; printf '#cloud-config\nusers: 7\nhostnam: x\n' >"$work/bad"
check "schema: good" "$(cloud-init schema --config-file "$work/good")" "Valid schema $work/good"
check "schema: bad" "$(status_of cloud-init schema -c "$work/bad")" 1
check "analyze" "$(cloud-init analyze show | grep -c runcmd)" 1

# A key that nobody handles, and a module that fails: it worked, but not all of it.
sed -i s/i-one/i-two/ $seed/meta-data
printf '#cloud-config\n%s\nchef: {}\ntimezone: No/Where\n' "$quiet" >$seed/user-data
rm -rf /run/cloud-init/*
check "status of the stages" "$(status_of "$program" apply) $(status_of "$program" final)" "2 0"
check "degraded" "$(cloud-init status --format json | jq -r .extended_status)" "degraded done"
check "exit status 2" "$(status_of cloud-init status)" 2
check "why" "$(cloud-init status --format json | jq -r '.recoverable_errors.WARNING[0]')" 'cloud-config: the key "chef" is not supported and was ignored'
check "the former instance" "$(cat /var/lib/cloud/data/previous-instance-id)" i-one

check "clean" "$(cloud-init clean --logs && ls -A /var/lib/cloud /var/lib/sysmaster/metadata)" $'/var/lib/cloud:\nseed\n\n/var/lib/sysmaster/metadata:'
check "clean keeps the seed" "$([[ -e $seed/meta-data ]] && echo yes)" yes
rm -rf /run/cloud-init/{*,.[!.]*} /var/lib/cloud/seed
"$program" apply
check "nothing to do: disabled" "$(cloud-init status --wait | tail -n 1)" "status: disabled"

# An image is prepared: nothing outside of it is touched.
mkdir -p "$work/image/etc" "$work/image/var/lib/cloud/seed/nocloud"
echo 'root:x:0:0::/root:/bin/sh' >"$work/image/etc/passwd"; echo 'root:x:0:' >"$work/image/etc/group"
printf 'instance-id: i-image\nlocal-hostname: inside\n' >"$work/image/var/lib/cloud/seed/nocloud/meta-data"
for file in /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*'); do mkdir -p "$work/image$(dirname "$file")"; cp -L "$file" "$work/image$file"; done
printf '#cloud-config\nusers: []\nwrite_files: [{path: /etc/inside, content: x}]\nbootcmd: ["echo boot >>/etc/below"]\nruncmd: ["echo run >>/etc/below"]\n' >"$work/image/var/lib/cloud/seed/nocloud/user-data"
printf 'version: 2\nethernets: {e0: {addresses: [10.0.0.5/24]}}\n' >"$work/image/var/lib/cloud/seed/nocloud/network-config"
mkdir -p "$work/image/etc/systemd/system/multi-user.target.wants"
ln -s /lib/systemd/system/systemd-networkd.service "$work/image/etc/systemd/system/multi-user.target.wants/"
outside=$(hostname)
check "apply --root" "$(status_of "$program" apply --root "$work/image") $(cat "$work/image/etc/inside" "$work/image/etc/hostname")" "0 xinside"
check "the image's network manager gets its file" "$(grep -c '^Address=10.0.0.5/24' "$work/image/etc/systemd/network/10-cloud-init-e0.network")" 1
echo mine >"$work/image/etc/systemd/network/10-cloud-init-e0.network"
"$program" apply --root "$work/image"
check "which is the administrator's from then on" "$(cat "$work/image/etc/systemd/network/10-cloud-init-e0.network")" mine
check "its status" "$(cloud-init status --root "$work/image")" "status: running"
check "final --root" "$(status_of "$program" final --root "$work/image")" 0
check "its commands see it alone" "$(cat "$work/image/etc/below" 2>/dev/null; ls /etc/below 2>/dev/null)" $'boot\nboot\nrun'
check "our own name stays" "$(hostname)" "$outside"
check "so do our files" "$(ls /etc/inside 2>/dev/null; ls -A /run/cloud-init)" disabled
exit $failed
