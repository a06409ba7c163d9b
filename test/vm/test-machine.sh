#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The options of a test machine, and how it ends when something around it dies. The init is a shell: no service manager yet.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's

image=$(vm_image plain) || { fail "the image is made"; done_testing; }
mkdir "$vm_work/seed"
echo 'instance-id: seed-test' >"$vm_work/seed/meta-data"
# Tests of metadata go along on the seed: this kernel has bonds and vlans, and grows file systems. Tools that the image
# lacks are the host's.
metadata=$VM_BIN/../../metadata/sysmaster-metadata
with_metadata=
if [ -x "$metadata" ] && command -v jq >/dev/null && command -v sfdisk >/dev/null; then
  with_metadata=yes
  cp "$metadata" "$(command -v jq)" "$(command -v sfdisk)" "$vm_here"/../integration/metadata/{network,grow}.sh "$vm_work/seed/"
  ldd "$(command -v jq)" "$(command -v sfdisk)" | awk '/libjq|libonig|libfdisk|libsmartcols|libreadline|libtinfo/ { print $3 }' |
    xargs -I{} cp -L {} "$vm_work/seed/"
fi
# A shell as PID 1 that only reaps; the agent does what is to be done.
idle=(--init /bin/sh --append '-- -c "while :; do sleep 1000; done"')
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*[ZX]' "/proc/$1/status" 2>/dev/null; }
start() { vm_start m --image "$image" "$@" "${idle[@]}" || { fail "a machine starts with $*"; done_testing; }; }

# Options.
start --seed "$vm_work/seed" --serial-port org.sysmaster.agent.0=channel --smbios type=1,serial=ds=nocloud --smp 1 --mem 512 \
  --overlay "$vm_work/disk.qcow2" --append "vm.word=1 plainword=2"
is "arguments after -- reach the init" "$(vmctl exec "$m" -- cat /proc/1/cmdline | tr '\0' ' ')" '/bin/sh -c while :; do sleep 1000; done '
like "--append reaches the kernel" "$(vmctl exec "$m" -- cat /proc/cmdline)" 'vm.word=1 plainword=2'
is "--seed is a disk with its label" "$(vmctl exec "$m" -- blkid -o value -s LABEL /dev/vdb)" cidata
is "and its files" "$(vmctl sh "$m" 'mount -r /dev/vdb /mnt && cat /mnt/meta-data')" 'instance-id: seed-test'
if [ -n "$with_metadata" ]; then
  vmctl sh "$m" 'mkdir -p /tmp/seed && cp -r /mnt/. /tmp/seed && chmod +x /tmp/seed/* && modprobe -a veth bridge bonding 8021q loop; [ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd'
  for t in network grow; do
    said=$(vmctl sh "$m" -t 300 "cp /tmp/seed/sfdisk /usr/sbin; cp -n /tmp/seed/lib* /usr/lib/x86_64-linux-gnu; ldconfig
      PATH=/tmp/seed:/usr/sbin:$PATH bash /tmp/seed/$t.sh /tmp/seed/sysmaster-metadata" 2>&1)
    status=$?
    is "metadata: $t" "$status" 0
    is "metadata: $t: nothing is left out" "$(grep -c 'not here' <<<"$said")" 0
    [ "$status" = 0 ] || note "$said"
  done
fi
is "--smbios reaches the guest" "$(vmctl exec "$m" -- cat /sys/class/dmi/id/product_serial)" ds=nocloud
is "--smp" "$(vmctl exec "$m" -- nproc)" 1
ok "--serial-port is there in the guest" vmctl sh "$m" 'grep -qx org.sysmaster.agent.0 /sys/class/virtio-ports/*/name'
vmctl sh "$m" 'port=$(grep -lx org.sysmaster.agent.0 /sys/class/virtio-ports/*/name | cut -d/ -f5); exec <>/dev/$port >&0; read line; echo "guest got $line"' >/dev/null &
# QEMU takes the end of the host's input for the end of the connection, so it is kept open for the answer.
like "and carries bytes" "$({ printf 'ping\n'; sleep 3; } | timeout 20 socat -t 10 - "UNIX-CONNECT:$(vm_path "$m")/channel")" 'guest got ping'
wait
ok "the disk is written to" vmctl sh "$m" 'echo kept >/root/mark && sync'
ok "a running machine is not started twice" bash -c "! vmctl start $m --image $image --no-wait 2>/dev/null"
is "and stops" "$(vmctl stop "$m"; vmctl wait "$m")" stopped

start --overlay "$vm_work/disk.qcow2"
is "--overlay kept what was written" "$(vmctl exec "$m" -- cat /root/mark)" kept
vmctl stop "$m"
start
is "and without it nothing is kept" "$(vmctl sh "$m" 'cat /root/mark 2>/dev/null || echo none')" none
ok "the agent is spared by name" vmctl sh "$m" 'grep -q "^@vm-agent" /proc/[0-9]*/cmdline'

# A client that dies takes its command with it.
vmctl exec "$m" -t 300 -- sleep 299 &
client=$!
ok "a command runs" within 10 vmctl exec "$m" -- pgrep -x -f 'sleep 299'
kill -KILL $client
wait $client 2>/dev/null
no_sleep() { vmctl exec "$m" -- pgrep -x -f 'sleep 299'; [ $? -eq 1 ]; }
ok "and ends when its client is killed" within 10 no_sleep

# The agent dies: a command comes back with a time-out, not never.
vmctl sh "$m" -t 1 'kill -KILL $(pgrep -x vm-agent)' >/dev/null 2>&1
vmctl exec "$m" -t 1 -- true 2>/dev/null
is "with the agent killed a command times out" $? 124

# The supervisor dies, by a signal that it cannot see coming.
qemu=$(vmctl status "$m" qemu-pid)
kill -KILL "$(vmctl status "$m" supervisor-pid)"
ok "QEMU dies with its supervisor" within 5 gone "$qemu"
ok "and the machine counts as gone" vmctl stop "$m"

# What a guest can do to itself.
start --vsock
vhost=$(pgrep -P "$(vmctl status "$m" supervisor-pid)" -x vhost-vsock)
vmctl sh "$m" -t 5 'echo c >/proc/sysrq-trigger' 2>/dev/null
is "a panic is seen as one" "$(vmctl wait "$m" -t 60)" guest-panic
ok "and the vsock back end is gone, too" within 3 gone "$vhost"
start --no-reboot
vmctl sh "$m" -t 5 'echo b >/proc/sysrq-trigger' 2>/dev/null
is "a reboot with --no-reboot ends the machine" "$(vmctl wait "$m" -t 60)" guest-reset
start --lifetime 8
is "no machine outlives its lifetime" "$(vmctl wait "$m" -t 60)" lifetime

start --bare
is "--bare leaves the kernel's file systems to the init" "$(vmctl sh "$m" 'mount -t proc proc /proc; cut -d" " -f2 /proc/mounts | paste -sd" "')" "/ /proc"
vmctl stop "$m"
bash -c "! vmctl start $vm_test.bad.$$ --image /dev/null --kernel /dev/null --initrd /dev/null" 2>/dev/null
ok "a kernel that is none is an error at once" test $? -eq 0
vm_machines+=("$vm_test.bad.$$")
done_testing
