#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine.sh [SECONDS | --lies] - the faults of a whole machine: one with our init as the real PID 1 is driven from outside (paused, reset,
# hung until its watchdog ends it) and inside (signals to PID 1, the end of core), while the same driver as in namespaces works in
# a world of its own in the guest. After each fault check.sh looks in the guest. CHAOS_SEED= repeats what is done, and in which order.
# --lies: no faults; things are made wrong behind everybody's back, and check.sh has to tell each (lies.sh).
#
# VM_BUILD: the build that is installed; CHAOS_BUILD: the one with crash points, for the driver's world.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
seconds=${1:-600} lies=
[ "$seconds" != --lies ] || seconds=0 lies=1
source "$(dirname "$0")/../vm/lib.sh"
source "$(dirname "$0")/machine/lies.sh"
m='' # vm_start's
here=$vm_top/test/chaos
chaos=${CHAOS_BUILD:-$vm_top/build/chaos}
seed=${CHAOS_SEED:-$RANDOM$RANDOM}
RANDOM=$((seed % 32768))
echo "# CHAOS_SEED=$seed"

# ---- the machine ----

programs=$vm_work/programs
mkdir -p "$programs" "$vm_work/tree"
cache=${VM_CACHE:-$vm_top/build/cache}
kernel=$("$vm_here/image/kernel.sh" "$cache") || skip_all "no kernel with i6300esb"
for file in core/core core/exec/core-exec init/init test/chaos/chaos test/chaos/chaos-service test/plugin/counter.so agents/dbus/sysmaster-dbus agents/dbus/bus-owner; do
  [ -x "$chaos/$file" ] || skip_all "$file is not built in $chaos"
  cp "$chaos/$file" "$programs/" && strip "$programs/${file##*/}"
done
cp "$kernel"/modules/kernel/fs/autofs/autofs4.ko* "$here/machine/check.sh" "$programs/"
"$here/machine/units.sh" "$vm_work/tree"
initrd=$("$vm_here/image/initramfs.sh" "$kernel" "$VM_BIN" "$cache") || skip_all "no initramfs"
image=$(VM_IMAGE_NAME=chaos-machine vm_our_image --copy "$programs:/opt/chaos" --tree "$vm_work/tree") || skip_all "no build of our init"

guest() { vmctl sh "$m" -t "${limit:-60}" "$1"; }
boot_id() { guest 'cat /proc/sys/kernel/random/boot_id' 2>/dev/null; }
is_new_boot() {
  local id
  # Who asks while the machine resets gets no answer.
  id=$(limit=10 boot_id)
  [ -n "$id" ] && [ "$id" != "$1" ]
}

# ---- what is counted ----

declare -A faults=() worst=() recovered=()
violations=0
violation() {
  violations=$((violations + 1))
  echo "VIOLATION (CHAOS_SEED=$seed, fault $total, $fault): $*"
}
# look MIN MAX: the checker in the guest, now or as soon as core answers, with how often core had to die.
look() {
  local output
  output=$(limit=200 guest "bash /opt/chaos/check.sh $1 $2") || output+=$'\n'"VIOLATION: check.sh did not end well"
  while read -r line; do
    case $line in VIOLATION:*) violation "${line#VIOLATION: }" ;; ?*) note "$line" ;; esac
  done <<<"$output"
}
answers() { guest 'timeout 20 sctl show -p version --value' | grep -q .; }
recover() {
  local from=$SECONDS took
  if ! within "${1:-60}" answers; then
    violation "core does not answer"
    return 1
  fi
  took=$((SECONDS - from))
  recovered[$fault]=$((${recovered[$fault]:-0} + 1))
  [ "$took" -le "${worst[$fault]:-0}" ] || worst[$fault]=$took
}
world_violations() { guest 'grep -A30 VIOLATION /run/chaos-world.log' 2>/dev/null; }
# How many faults the driver in the guest has come to; asked before its log goes with the machine.
worlds=0 world_faults=0
world_count() {
  local n
  n=$(guest "sed -n 's/^# \\([0-9]*\\) faults, .* checks$/\\1/p' /run/chaos-world.log" 2>/dev/null | tail -n 1)
  world_faults=$((world_faults + ${n:-0}))
}
world_begin() {
  worlds=$((worlds + 1))
  guest "echo CHAOS_SEED=$((seed + worlds)) >/run/chaos-world.env; sctl start chaos-world.service && touch /run/chaos-world.started" ||
    violation "the driver does not start in the guest"
}
# The driver's own look; it ends with the machine, or has found something.
world_look() {
  local text
  text=$(world_violations)
  [ -z "$text" ] || { violation "in the guest's world: $text"; guest 'rm -f /run/chaos-world.log; rm -f /run/chaos-check/chaos-world.service; sctl reset-failed chaos-world.service; rm -f /run/chaos-world.started'; world_begin; }
}
# After a reset: everything enabled comes up, nothing is half there.
settle() {
  if ! within 400 vm_settled "$m" sctl; then
    violation "the machine does not come up again: $(guest 'sctl is-system-running; sctl list-jobs')"
    return 1
  fi
  recovered[$fault]=$((${recovered[$fault]:-0} + 1))
  look 0 0
  world_begin
}

# ---- faults ----

# In this shell: the seed is not that of a subshell.
random() { drawn=$((RANDOM % $1)); }
pause() {
  random "$((10 * $1))"
  sleep "$((drawn / 10)).$((drawn % 10))"
}
fault_none() { pause 3; look 0 0; }
fault_pause() {
  vmctl qmp "$m" stop >/dev/null
  pause 4
  vmctl qmp "$m" cont >/dev/null
  recover && look 0 1
}
core_signal() { guest "for p in \$(pgrep -P 1 -x core); do grep -qz -e --keep-crashes /proc/\$p/cmdline || kill -$1 \$p; done"; }
fault_kill() { core_signal KILL; recover && look 1 1; }
fault_segv() { core_signal SEGV; recover 120 && look 1 1; }
fault_stop() { core_signal STOP; recover 120 && look 0 1; }
last_init=-100
fault_init() {
  local signals=(SEGV BUS ILL FPE ABRT)
  # init gives itself up after three in a minute.
  if [ $((SECONDS - last_init)) -lt 25 ]; then
    fault='kill'
    fault_kill
    return
  fi
  last_init=$SECONDS
  random 5
  guest "kill -${signals[drawn]} 1"
  recover 120 && look 0 0
}
fault_init_kill() {
  if [ $((SECONDS - last_init)) -lt 25 ]; then
    fault='kill'
    fault_kill
    return
  fi
  last_init=$SECONDS
  guest "kill -SEGV 1; kill -KILL \$(pgrep -P 1 -x core | head -n 1)"
  recover 120 && look 0 1
}
fault_reexec() { guest 'timeout 60 sctl daemon-reexec'; recover 120 && look 0 1; }
fault_reload() { guest 'timeout 60 sctl daemon-reload' || violation "daemon-reload is refused"; look 0 0; }
# Records are being written when the power fails.
fault_reset() {
  random 20
  world_count
  guest 'setsid sh -c "while :; do sctl enable cwe.service; sctl disable cwe.service; done" >/dev/null 2>&1 &'
  sleep "0.$drawn"
  vmctl qmp "$m" system_reset >/dev/null
  settle
}
# Neither init nor core runs: nobody feeds the watchdog, and the machine resets.
fault_hang() {
  local before
  before=$(boot_id)
  world_count
  guest 'sync; setsid sh -c "sleep 0.2; echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze" >/dev/null 2>&1 &'
  within 300 is_new_boot "$before" || { violation "the watchdog does not end a machine that hangs"; vmctl qmp "$m" system_reset >/dev/null; }
  settle
}
# How often each is in one deck. The deck is shuffled and used up before the next one, so that no kind is left to luck.
deal=(none 1 pause 2 kill 3 segv 1 stop 1 init 2 init_kill 1 reexec 1 reload 1 reset 1 hang 1)
deck=()
pick() {
  local i k n
  if [ ${#deck[@]} -eq 0 ]; then
    for ((i = 0; i < ${#deal[@]}; i += 2)); do
      for ((n = deal[i + 1]; n > 0; n--)); do deck+=("${deal[i]}"); done
    done
    for ((i = ${#deck[@]} - 1; i > 0; i--)); do
      random $((i + 1))
      k=${deck[i]} deck[i]=${deck[drawn]} deck[drawn]=$k
    done
  fi
  fault=${deck[-1]}
  unset 'deck[-1]'
}

# ---- the run ----

fault=start total=0
# One machine for the whole run, and a busy host makes a look of seconds one of minutes.
vm_start m --image "$image" --kernel "$kernel/vmlinuz" --initrd "$initrd" --overlay "$vm_work/disk.qcow2" --smp "${CHAOS_SMP:-1}" --wait 400 \
  --lifetime "$((seconds + 7200))" \
  --append "sysmaster.watchdog=30" --qemu-arg -device --qemu-arg i6300esb --qemu-arg -watchdog-action --qemu-arg reset ||
  { violation "the machine does not start"; exit 1; }
settle
[ -z "$lies" ] || lies
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ] && [ "$violations" -lt "${CHAOS_VIOLATIONS:-1}" ]; do
  if [ -n "${CHAOS_ONLY:-}" ]; then fault=$CHAOS_ONLY; else pick; fi
  total=$((total + 1))
  note "$(date -u +%T) fault $total: $fault"
  "fault_$fault"
  faults[$fault]=$((${faults[$fault]:-0} + 1))
  world_look
done

# ---- the end: a clean one ----

fault=end
guest 'timeout 280 sctl stop chaos-world.service' >/dev/null 2>&1
world_count
world_look
guest 'sync; sctl poweroff' >/dev/null 2>&1
case $(vmctl wait "$m" -t 200) in guest-shutdown | guest-*) ;; *) violation "the machine does not go down" ;; esac
qemu-img convert -O raw "$vm_work/disk.qcow2" "$vm_work/disk.raw"
fsck.ext4 -fn "$vm_work/disk.raw" >"$vm_work/fsck.log" 2>&1 || violation "the file system is not clean: $(tail -n 5 "$vm_work/fsck.log")"
printf '| fault | faults | recoveries | worst, s |\n|---|---|---|---|\n'
for fault in "${!faults[@]}"; do
  printf '| %s | %s | %s | %s |\n' "$fault" "${faults[$fault]}" "${recovered[$fault]:-0}" "${worst[$fault]:--}"
done | sort
[ -z "$lies" ] || echo "$told lies, $violations of them not told"
echo "$total faults of the machine in $seconds s, $world_faults more in $worlds worlds in it, $violations violations"
[ "$violations" -eq 0 ]
