#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves the harness with an init that is known to work: Debian's systemd.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m= # vm_start's

image=$(vm_image plain) || { fail "the image is made"; done_testing; }

before=$SECONDS
vm_start m --image "$image" --init /lib/systemd/systemd --vsock --net user --append "vm-test-argument=1" ||
  { fail "the machine starts"; done_testing; }
pass "the machine starts and its agent answers (after $((SECONDS - before)) s)"

# Commands.
is "a command's output comes back" "$(vmctl exec "$m" -- printf '%s-%s' a 'b c')" "a-b c"
is "standard error stays apart" "$(vmctl sh "$m" 'echo out; echo err >&2' 2>&1 >/dev/null)" "err"
vmctl sh "$m" 'exit 42'
is "an exit status comes back" $? 42
vmctl sh "$m" 'kill -KILL $$'
is "a signal is 128 and its number" $? 137
vmctl exec "$m" -- /no/such/program 2>/dev/null
is "a program that is not there is 127" $? 127
vmctl exec "$m" -t 1 -- sleep 60 2>/dev/null
is "a command that takes too long is 124" $? 124
ok "and is killed in the guest" vmctl sh "$m" 'for i in 1 2 3 4 5; do pgrep -x sleep || exit 0; sleep 0.2; done; exit 1'
is "input is passed on" "$(seq 100000 | vmctl exec "$m" -i -- sha256sum | cut -c1-20)" "$(seq 100000 | sha256sum | cut -c1-20)"
is "large output arrives whole" "$(vmctl sh "$m" 'seq 1000000' | sha256sum)" "$(seq 1000000 | sha256sum)"
# All of it waits in the client's socket, with the supervisor gone from the other end, when the client begins to read.
is "so does output that is read late" "$(vmctl sh "$m" 'seq 40000' | { sleep 1; sha256sum; })" "$(seq 40000 | sha256sum)"
ok "a daemon that a command leaves behind does not hold the command" vmctl sh "$m" -t 20 'sleep 300 & exit 0'

for i in 1 2 3 4 5 6 7 8; do vmctl sh "$m" "sleep 1; echo $i" >"$vm_work/parallel.$i" & done
wait
is "commands run in parallel" "$(cat "$vm_work"/parallel.* | tr -d '\n')" 12345678

# Files.
head -c 3000000 /dev/urandom >"$vm_work/file"
chmod 640 "$vm_work/file"
# Not in /tmp, which systemd-tmpfiles empties at some moment of the boot that goes on.
ok "a file is put" vmctl put "$m" "$vm_work/file" /root/file
is "with its mode" "$(vmctl exec "$m" -- stat -c %a /root/file)" 640
ok "and got back" vmctl get "$m" /root/file "$vm_work/back"
ok "unchanged" cmp "$vm_work/file" "$vm_work/back"

# The machine.
ok "systemd comes up" within 150 vm_settled "$m"
is "systemd is PID 1" "$(vmctl exec "$m" -- cat /proc/1/comm)" systemd
for comm in sshd nginx cron dbus-daemon; do
  ok "$comm runs" vmctl exec "$m" -- pgrep -x "$comm"
done
is "the network came up by DHCP" "$(vmctl sh "$m" "ip -4 -o addr | grep -c '10\\.0\\.2\\.15'")" 1
like "the console was recorded" "$(vmctl console "$m" --wait 'login:' -t 30)" 'login:'
like "QMP answers" "$(vmctl qmp "$m" query-status)" '"running": true'

# vsock, host to guest: echo of some megabytes with both directions full.
socket=$(vm_path "$m")/vsock
vmctl exec "$m" -t 600 -- @vsock-echo 5000 >"$vm_work/echo" 2>&1 &
ok "a guest program listens on vsock" within 10 grep -q listening "$vm_work/echo"
echo_once() { { echo "CONNECT 5000"; cat "$vm_work/file"; } | timeout 60 socat -t 30 - "UNIX-CONNECT:$socket" | tail -n +2 | cmp - "$vm_work/file"; }
head -c 8000000 /dev/urandom >"$vm_work/file"
before=$(date +%s%N)
ok "8 MB go there and back unharmed" echo_once
note "$((16000 / ((($(date +%s%N) - before) / 1000000) + 1))) MB/s both ways together"
head -c 500000 /dev/urandom >"$vm_work/file"
for i in 1 2 3 4 5 6; do { echo_once && echo good; } >"$vm_work/many.$i" 2>&1 & done
wait %2 %3 %4 %5 %6 %7 2>/dev/null
all_good() { [ "$(cat "$vm_work"/many.* | grep -c good)" = 6 ]; }
ok "six connections at once do, too" within 60 all_good
is "a port where nobody listens is refused" "$(printf 'CONNECT 5001\n' | timeout 10 socat -t 5 - "UNIX-CONNECT:$socket" | wc -c)" 0

# vsock, guest to host.
timeout 60 socat -u "UNIX-LISTEN:${socket}_6000" "CREATE:$vm_work/from-guest" &
within 5 test -S "${socket}_6000"
ok "a guest reaches a host socket" vmctl exec "$m" -i -- @vsock-connect 2 6000 <"$vm_work/file"
ok "and its bytes arrive" within 10 cmp "$vm_work/from-guest" "$vm_work/file"
vmctl exec "$m" -- @vsock-connect 2 6001 2>/dev/null
is "a host port without a socket is refused" $? 1
is "the guest's own loopback works" "$(echo hello | vmctl exec "$m" -i -t 10 -- @vsock-connect 1 5000)" hello

# Reboot and power off.
ok "QMP resets the machine" vmctl qmp "$m" system_reset
ok "the agent comes back" vmctl ready "$m" --boot 2 -t 180
ok "systemd comes up again" within 150 vm_settled "$m"
vmctl exec "$m" -t 600 -- @vsock-echo 5000 >"$vm_work/echo2" 2>&1 &
within 10 grep -q listening "$vm_work/echo2"
ok "vsock carries data after the reboot" echo_once
vmctl sh "$m" 'systemctl poweroff'
is "a power-off is seen as one" "$(vmctl wait "$m" -t 180)" guest-shutdown
vmctl exec "$m" -- true 2>/dev/null
is "a command on a machine that is gone is 125" $? 125

# An owner's end is the machine's end.
bash -c "vmctl start $vm_test.orphan.$$ --owner \$\$ --image '$image' --no-wait; sleep 1"
vm_machines+=("$vm_test.orphan.$$")
is "a machine ends with its owner" "$(vmctl wait "$vm_test.orphan.$$" -t 60)" owner-gone
done_testing
