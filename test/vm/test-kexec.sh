#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kexec: the same kernel again, with one more word, on a file system that was left clean; and a panic that the host learns of.
# shellcheck disable=SC2154  # lib-power.sh sets them
source "$(dirname "$0")/lib-power.sh"

start
settled
vmctl put "$m" "$VM_BIN/kexec-load" /run/kexec-load 755
vmctl put "$m" "$(readlink -f "${power_image%.ext4}.kernel")" /run/kernel
vmctl put "$m" "$(readlink -f "${power_image%.ext4}.initrd")" /run/initrd
ok "a kernel is loaded" in_guest '/run/kexec-load /run/kernel /run/initrd "$(cat /proc/cmdline) vm.second=1"'
mark
in_guest 'sctl kexec' >/dev/null 2>&1
ok "it runs after sctl kexec" within 240 in_guest 'grep -q vm.second=1 /proc/cmdline'
is "and PID 1 is ours" "$(in_guest 'readlink /proc/1/exe')" /usr/lib/sysmaster/init
is "and what was written is there" "$(in_guest 'cat /var/tmp/mark')" x
is "and found no journal to replay" "$(in_guest 'dmesg | grep -c "EXT4-fs.*recovery complete"')" 0
in_guest 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger' >/dev/null 2>&1
is "a panic reaches the host" "$(vmctl wait "$m" -t 60)" guest-panic
vmctl stop "$m"
done_testing
