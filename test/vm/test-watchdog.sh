#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The hardware watchdog: fed while core is healthy; when no core can be kept running and nobody sees to it, the machine resets.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's

image=$(vm_our_image) || skip_all "no build or package of our init"
cache=${VM_CACHE:-$vm_top/build/cache}
kernel=$("$vm_here/image/kernel.sh" "$cache") || skip_all "no kernel with i6300esb"
initrd=$("$vm_here/image/initramfs.sh" "$kernel" "$VM_BIN" "$cache") || { fail "the initramfs is made"; done_testing; }
in_guest() { vmctl sh "$m" -t 60 "$@"; }
start() {
  vm_start m --image "$image" --kernel "$kernel/vmlinuz" --initrd "$initrd" --no-reboot --wait 300 --append "$1" \
    --qemu-arg -device --qemu-arg i6300esb --qemu-arg -watchdog-action --qemu-arg reset || { fail "a machine with a watchdog starts"; done_testing; }
}

start "sysmaster.watchdog=20 sysmaster.rescue=/bin/sleep"
ok "the watchdog is opened and its time set" within 240 in_guest 'dmesg | grep -q "init: hardware watchdog: 20 s"'
is "by PID 1" "$(in_guest 'ls -l /proc/1/fd' | grep -c /dev/watchdog0)" 1
in_guest 'sleep 45'
is "it is fed: after twice its time the machine is still there" "$(in_guest 'echo yes')" yes
in_guest 'kill -9 $(pgrep -P 1 -f "^core$"); sleep 30'
is "and after the death of a core, too" "$(in_guest 'echo yes')" yes
# Its core dies as often as it comes, until the ladder is used up: the rescue program is nobody who helps.
in_guest 'setsid sh -c "while sleep 0.1; do pkill -9 -P 1 -f ^core; done" >/dev/null 2>&1 &'
is "without a core the machine is reset" "$(vmctl wait "$m" -t 200)" guest-reset
vmctl stop "$m"

start "sysmaster.watchdog=20 sysmaster.unrecoverable=reboot"
in_guest 'setsid sh -c "while sleep 0.1; do pkill -STOP -P 1 -f ^core; done" >/dev/null 2>&1 &'
is "a core that hangs again and again ends in the policy's reboot" "$(vmctl wait "$m" -t 300)" guest-reset
like "which says so" "$(vmctl console "$m")" 'no core can be kept running'
vmctl stop "$m"
done_testing
