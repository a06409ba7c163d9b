#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two boots of the real program from a seed folder, with user-data in several wrappings, in a mount and UTS namespace of
# its own: nothing outside is changed. Argument: the program.
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

mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
mkdir -p /var/lib/cloud /var/lib/sysmaster /run/sysmaster
for d in /var/lib/cloud /var/lib/sysmaster /run/sysmaster /root; do mount -t tmpfs tmpfs "$d"; done

seed=/var/lib/cloud/seed/nocloud
mkdir -p $seed
printf 'instance-id: i-one\nlocal-hostname: seeded\n' >$seed/meta-data
cat >$seed/user-data <<'DATA'
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/cloud-config

#cloud-config
users: []
growpart: {mode: "off"}
resize_rootfs: false
ssh: {emit_keys_to_console: false}
no_ssh_fingerprints: true
write_files:
- path: /root/binary
  content: !!binary aGVsbG8=
runcmd:
- [sh, -c, "echo run >>/root/run"]
--b
Content-Type: text/jinja2

## template: jinja
#cloud-config
write_files:
- path: /root/rendered
  content: "{{ v1.local_hostname }} {{ ds.meta_data.instance_id }}"
merge_how: dict(recurse_array)+list(append)
--b
Content-Type: text/cloud-boothook

#cloud-boothook
#!/bin/sh
echo hook >>/root/hook
--b
Content-Type: text/x-shellscript
Content-Transfer-Encoding: base64

IyEvYmluL3NoCmVjaG8gIiRJTlNUQU5DRV9JRCIgPj4vcm9vdC9zY3JpcHQK
--b--
DATA

boot() { "$program" apply && "$program" final; }
boot; check "first boot's status" $? 0
boot; check "second boot's status" $? 0
check "host name" "$(hostname)" seeded
check "binary content" "$(cat /root/binary)" hello
check "template" "$(cat /root/rendered)" "seeded i-one"
check "runcmd once" "$(cat /root/run)" run
check "script once, decoded, with its instance" "$(cat /root/script)" i-one
check "boothook on each boot" "$(cat /root/hook)" $'hook\nhook'

sed -i s/i-one/i-two/ $seed/meta-data
boot
check "another instance runs it again" "$(cat /root/script)" $'i-one\ni-two'

mkdir -p /etc/cloud
touch /etc/cloud/cloud-init.disabled
boot
check "the marker stops everything" "$(wc -l </root/hook)" 3
exit $failed
