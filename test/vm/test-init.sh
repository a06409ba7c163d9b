#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What PID 1 owns of a machine: a shutdown that is clean in every state, kexec, a panic that the host learns of, the hardware
# watchdog. The disk is looked at from outside afterwards.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's

image=$(vm_our_image) || skip_all "no build or package of our init"
disk=$vm_work/disk.qcow2

start() { rm -f "$disk"; vm_start m --image "$image" --overlay "$disk" --no-reboot "$@" || { fail "a machine starts"; done_testing; }; }
in_guest() { vmctl sh "$m" -t 60 "$@"; }
core_pid() { in_guest "pgrep -P 1 -f '^core'"; }
mode() { in_guest 'sctl show -p mode --value' 2>/dev/null; }

# clean WHAT REASON: the machine ended for this reason, and its file system needs no recovery.
clean() {
  local reason state
  reason=$(vmctl wait "$m" -t 150)
  is "$1: the machine ends" "$reason" "$2"
  qemu-img convert -O raw "$disk" "$vm_work/disk.raw"
  state=$(dumpe2fs -h "$vm_work/disk.raw" 2>/dev/null | sed -n 's/^Filesystem \(features\|state\): *//p' | paste -sd' ')
  ok "$1: the file system is clean" bash -c "[[ '$state' == *clean ]] && [[ '$state' != *needs_recovery* ]]"
  ok "$1: and has no error" fsck.ext4 -fn "$vm_work/disk.raw"
  ok "$1: and has what was written" debugfs -R 'stat /var/tmp/mark' "$vm_work/disk.raw"
  vmctl stop "$m"
}
mark() { in_guest 'echo x >/var/tmp/mark'; }

# A file that no shutdown may lose is in the page cache; a service ignores SIGTERM for longer than the whole test.
start
ok "it settles" within 240 vm_settled "$m" sctl
in_guest 'mkdir -p /run/systemd/system && printf "[Service]\nExecStart=/bin/sh -c \"trap : TERM; while :; do sleep 1; done\"\nTimeoutStopSec=5\n" >/run/systemd/system/deaf.service && sctl daemon-reload && sctl start deaf'
ok "a service that is deaf to SIGTERM runs" in_guest 'sctl is-active deaf'
mark
in_guest 'sctl reboot' >/dev/null 2>&1
clean "reboot with a deaf service" guest-reset

# The agent is there before init is, so this is while units are starting.
start
mark
in_guest 'kill -s RTMIN+4 1'
clean "power-off during boot" guest-shutdown

start --append "sysmaster.core=/bin/false sysmaster.rescue=/bin/sleep"
mark
in_guest 'while pgrep -P 1 -f "^core" >/dev/null; do sleep 0.2; done'
in_guest 'sleep 5; kill -s RTMIN+5 1'
clean "reboot with no core left" guest-reset

start
ok "it settles" within 240 vm_settled "$m" sctl
mark
in_guest 'for i in $(seq 300); do sctl show -p mode --value 2>/dev/null | grep -q safe && exit 0; pkill -9 -P 1 -f "^core$"; sleep 0.2; done; exit 1'
is "a core that is killed again and again ends in safe mode" "$(mode)" safe
in_guest 'sctl poweroff' >/dev/null 2>&1
clean "power-off in safe mode" guest-shutdown

start
mark
in_guest 'kill -STOP $(pgrep -P 1 -f "^core"); kill -s RTMIN+14 1'
clean "power-off at once, past a core that is stopped" guest-shutdown

# kexec: the same kernel again, with one more word.
start
ok "it settles" within 240 vm_settled "$m" sctl
vmctl put "$m" "$VM_BIN/kexec-load" /run/kexec-load 755
vmctl put "$m" "$(readlink -f "${image%.ext4}.kernel")" /run/kernel
vmctl put "$m" "$(readlink -f "${image%.ext4}.initrd")" /run/initrd
in_guest '/run/kexec-load /run/kernel /run/initrd "$(cat /proc/cmdline) vm.second=1"'
is "a kernel is loaded" $? 0
mark
in_guest 'sctl kexec' >/dev/null 2>&1
ok "it runs after sctl kexec" within 240 in_guest 'grep -q vm.second=1 /proc/cmdline'
is "and PID 1 is ours" "$(in_guest 'readlink /proc/1/exe')" /usr/lib/sysmaster/init
is "and found no journal to replay" "$(in_guest 'dmesg | grep -c "EXT4-fs.*recovery complete"')" 0
in_guest 'sync; echo c >/proc/sysrq-trigger' >/dev/null 2>&1
is "a panic reaches the host" "$(vmctl wait "$m" -t 60)" guest-panic
vmctl stop "$m"

done_testing
