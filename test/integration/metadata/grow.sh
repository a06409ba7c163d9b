#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The root's partition and file system grow while they are in use: a loop device with a GPT whose last partition is
# made the root of the program by chroot. Argument: the program.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  unshare -mn true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  [[ -e /dev/loop-control ]] || { echo "SKIP: no loop devices here"; exit 77; }
  for tool in sfdisk addpart mkfs.ext4 losetup; do command -v $tool >/dev/null || { echo "SKIP: no $tool here"; exit 77; }; done
  exec unshare -mn bash "$0" --inside "$1"
fi
program=$2
failed=0
check() { # NAME GOT WANTED
  [[ $2 == "$3" ]] && { echo "ok: $1"; return; }
  echo "FAILED: $1: got \"$2\", wanted \"$3\""
  failed=1
}

mount --make-rprivate /
work=$(mktemp -d)
loop=
finish() {
  umount -l "$work/root" 2>/dev/null || true
  [[ -z $loop ]] || { delpart "$loop" 2 2>/dev/null || true; losetup -d "$loop" || true; }
  rm -rf "$work"
}
trap finish EXIT
mkdir "$work/root"
truncate -s 96M "$work/disk"
sfdisk -q "$work/disk" <<<$'label: gpt\nsize=8MiB, type=L\nsize=60MiB, type=L'
loop=$(losetup -P -f --show "$work/disk")
part=${loop}p2
# A kernel that reads no tables is told.
if [[ ! -e /sys/class/block/$(basename "$part") ]]; then
  read -r start size < <(sfdisk -d "$work/disk" | awk -F'[=,]' '/disk2/ { print $2, $4 }')
  addpart "$loop" 2 "$start" "$size"
fi
IFS=: read -r major minor <"/sys/class/block/$(basename "$part")/dev"
[[ -b $part ]] || mknod "$part" b "$major" "$minor"
mkfs.ext4 -q "$part"
mount "$part" "$work/root"

# A root of its own: the machine's programs, and its own /etc and /var.
cd "$work/root"
mkdir -p usr dev proc sys etc run tmp var/lib/cloud/seed/nocloud
ln -s usr/lib usr/lib64 usr/bin usr/sbin .
mount --rbind /usr usr; mount --rbind /dev dev; mount -t proc proc proc; mount -t sysfs sysfs sys
cp /etc/passwd /etc/group etc/
cp "$program" tmp/program
printf 'instance-id: i-grow\n' >var/lib/cloud/seed/nocloud/meta-data
printf '#cloud-config\nusers: []\nssh: {emit_keys_to_console: false}\nssh_genkeytypes: []\n' >var/lib/cloud/seed/nocloud/user-data
apply() { env -u container chroot "$work/root" /tmp/program apply; }
blocks() { stat -f -c '%b' "$work/root"; }
sectors() { cat "/sys/class/block/$(basename "$part")/size"; }

before=$(blocks) partition=$(sectors)
apply || true
check "what has only some room left grows up to it" "$(($(sectors) > partition))" 1
truncate -s 400M "$work/disk"
losetup -c "$loop"
status=0; apply || status=$?
# CAP_SYS_RESOURCE (24): without it the kernel grows no file system, and the program says so.
can=$((0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> 24 & 1))
((can)) || echo "not here: file systems that grow"
check "status" "$status" "$((can ? 0 : 2))"
check "the partition reaches the disk's end" "$((96 * 2048 < $(sectors) && $(sectors) * 512 > 385 * 1024 * 1024))" 1
check "the file system reaches the partition's end" "$(($(blocks) > before * 5))" "$can"
check "the table says so, too" "$(sfdisk -d "$loop" | awk -F'[=,]' '/p2/ { print $4 + 0 }')" "$(sectors)"
check "both copies of the table are good" "$(sfdisk -V "$loop" 2>&1 | grep -c 'No errors detected')" 1
grown=$(sectors)
resizes() { dmesg 2>/dev/null | grep -c "($(basename "$part")): resizing" || true; }
asked=$(resizes)
((can == 0 || asked > 0)) || echo "not here: the kernel's messages"
apply || true
check "and does not ask the kernel to" "$(resizes)" "$asked"
check "a third run changes nothing" "$(sectors)" "$grown"
cd /
exit $failed
