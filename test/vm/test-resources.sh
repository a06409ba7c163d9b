#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Resource control on a real cgroup tree: limits as the kernel has them, devices and addresses as programs on cgroups decide.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's

image=$(vm_our_image) || skip_all "no build or package of our init"
vm_start m --image "$image" || { fail "the image boots"; done_testing; }
within 120 vm_settled "$m" sctl || note "not settled: $(vmctl exec "$m" -- sctl list-jobs 2>&1)"

# unit NAME LINE...: a oneshot, or with "-" in front of its name a service that stays.
units=$vm_work/units
mkdir "$units"
unit() {
  local name=${1#-} type=oneshot line
  [ "$1" = "$name" ] || type=simple
  shift
  { printf '[Service]\nType=%s\nTimeoutStartSec=30\n' "$type"; for line in "$@"; do echo "$line"; done; } >"$units/$name.service"
}

read_kmsg="ExecStart=sh -c 'exec dd if=/dev/kmsg of=/dev/null count=1 iflag=nonblock 2>&1'"
connect='ExecStart=bash -c "exec timeout 20 bash -c \"exec 3<>/dev/tcp/127.0.0.1/22\""'
connect6='ExecStart=bash -c "exec timeout 20 bash -c \"exec 3<>/dev/tcp/::1/22\""'
unit device-auto "$read_kmsg"
unit device-closed DevicePolicy=closed "$read_kmsg"
unit device-allowed DevicePolicy=closed 'DeviceAllow=/dev/kmsg r' "$read_kmsg"
unit device-list 'DeviceAllow=/dev/loop-control rw' "$read_kmsg"
unit device-strict DevicePolicy=strict "ExecStart=sh -c 'cat /dev/zero | head -c 1 >/dev/full'" StandardInput=file:/etc/hostname
unit device-standard DevicePolicy=closed "ExecStart=sh -c 'head -c 1 /dev/urandom | cat >/dev/null'"
unit device-mknod DevicePolicy=closed "ExecStart=sh -c '! mknod /run/mem c 1 1 && mknod /run/null c 1 3'"
unit ip-open "$connect"
unit ip-denied IPAddressDeny=any "$connect"
unit ip-denied6 IPAddressDeny=::1 "$connect6"
unit ip-local IPAddressDeny=any IPAddressAllow=localhost "$connect"
unit ip-other IPAddressDeny=10.0.0.0/8 "$connect"
unit ip-slice Slice=closed.slice "$connect"
printf '[Slice]\nIPAddressDeny=any\n' >"$units/closed.slice"
unit -limits 'ExecStart=sleep 1000' MemoryMin=1M MemoryLow=2M MemoryHigh=64M MemoryMax=128M TasksMax=33 CPUWeight=250 CPUQuota=20% IOWeight=300 AllowedCPUs=0
door="ExecStart=sh -c 'while sleep 1; do if dd if=/dev/kmsg of=/dev/null count=1 iflag=nonblock 2>/dev/null; then echo open; else echo shut; fi >/run/door; done'"
unit -door DevicePolicy=closed "$door"
for f in "$units"/*; do vmctl put "$m" "$f" "/run/systemd/system/${f##*/}" 0644; done
ok "the units are read" vmctl exec "$m" -- sctl daemon-reload

# door: what the service saw last, after what it had seen is forgotten.
door_now() { vmctl sh "$m" -t 60 'rm -f /run/door; until [ -s /run/door ]; do sleep 0.2; done; cat /run/door' 2>/dev/null; }
door_is() { [ "$(door_now)" = "$1" ]; }
ok "somebody listens" vmctl sh "$m" -t 90 'until bash -c "exec 3<>/dev/tcp/127.0.0.1/22" 2>/dev/null; do sleep 0.5; done'

# Which of them have to end well. They start together: none knows of another.
well="device-auto device-allowed device-standard device-mknod ip-open ip-local ip-other"
ill="device-closed device-list device-strict ip-denied ip-denied6 ip-slice"
# shellcheck disable=SC2086
vmctl sh "$m" -t 120 "sctl start $(printf '%s.service ' $well $ill limits door)" >/dev/null 2>&1
failed=$(vmctl sh "$m" -t 30 "sctl list-units --failed --plain --no-legend" | grep -oE '(device|ip)-[a-z0-9]+' | sort -u | paste -sd' ')
is "those fail that reach for what is denied, and no other" "$failed" "$(tr ' ' '\n' <<<"$ill" | sort | paste -sd' ')"

values=$(vmctl sh "$m" 'cd /sys/fs/cgroup/system.slice/limits.service && head -n 1 memory.min memory.low memory.high memory.max pids.max cpu.weight cpu.max io.weight cpuset.cpus' | grep -v '^$' | paste -sd' ')
for value in "memory.min <== 1048576" "memory.low <== 2097152" "memory.high <== 67108864" "memory.max <== 134217728" "pids.max <== 33" \
  "cpu.weight <== 250" "cpu.max <== 20000 100000" "io.weight <== default 300" "cpuset.cpus <== 0"; do
  if [[ ${values// ==>/} == *"${value/ <==/ <==}"* ]]; then pass "$value"; else fail "$value" "$values"; fi
done

# A core that was killed leaves the programs in place, and its successor changes them under a service that runs.
ok "a closed service" within 30 door_is shut
core=$(vmctl sh "$m" 'pgrep -x core')
another_core() { local now; now=$(vmctl sh "$m" -t 20 'sctl show -p version >/dev/null && pgrep -x core') && [ -n "$now" ] && [ "$now" != "$core" ]; }
vmctl sh "$m" 'pkill -KILL -x core' >/dev/null 2>&1
ok "core is another" within 60 another_core
is "the service is closed after the death of core" "$(door_now)" shut
unit -door DevicePolicy=closed 'DeviceAllow=char-mem r' "$door"
vmctl put "$m" "$units/door.service" /run/systemd/system/door.service 0644
ok "its settings are read anew" vmctl exec "$m" -- sctl daemon-reload
ok "and opened" within 30 door_is open
unit -door "$door"
vmctl put "$m" "$units/door.service" /run/systemd/system/door.service 0644
vmctl exec "$m" -- sctl daemon-reload
ok "without a policy there is no program any more" within 30 door_is open
done_testing
