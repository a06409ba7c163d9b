# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# lib-power.sh - for tests that end a machine and look at what it leaves: its file system, from outside.
#
#   start [OPTION...]     a fresh machine $m of our image; when its guest resets it ends
#   mark                  writes a file and does not sync it
#   clean WHAT REASON     it ends for this reason (vmctl wait), its file system needs no recovery and has the file
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
m='' # vm_start's

power_image=$(vm_our_image) || skip_all "no build or package of our init"
power_disk=$vm_work/disk.qcow2

start() {
  rm -f "$power_disk"
  # One processor: with two, the emulated ones wait for each other.
  vm_start m --image "$power_image" --overlay "$power_disk" --no-reboot --smp 1 "$@" || { fail "a machine starts"; done_testing; }
}
in_guest() { vmctl sh "$m" -t 60 "$@"; }
settled() { ok "it settles" within 240 vm_settled "$m" sctl; }
mark() { in_guest 'echo x >/var/tmp/mark'; }

clean() {
  local state
  is "$1: the machine ends" "$(vmctl wait "$m" -t 150)" "$2"
  qemu-img convert -O raw "$power_disk" "$vm_work/disk.raw"
  state=$(dumpe2fs -h "$vm_work/disk.raw" 2>/dev/null | sed -n 's/^Filesystem \(features\|state\): *//p' | paste -sd' ')
  ok "$1: the file system is clean" bash -c "[[ '$state' == *clean ]] && [[ '$state' != *needs_recovery* ]]"
  ok "$1: and has no error" fsck.ext4 -fn "$vm_work/disk.raw"
  ok "$1: and has what was written" debugfs -R 'stat /var/tmp/mark' "$vm_work/disk.raw"
  rm -f "$vm_work/disk.raw"
  vmctl stop "$m"
}
