#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh DEATHS - in the guest: what its kernel shows of the real init, core and services, next to what core says. DEATHS: how often core
# was made to die since the last look, "MIN MAX". Each line that begins with "VIOLATION" is one. What must stay the same is kept
# in /run, which a reset empties.
set -u
least=${1:-0} most=${2:-0}
kept=/run/chaos-check
violation() { echo "VIOLATION: $*"; }

# same KEY VALUE: it is what it was when it was looked at first since the boot.
same() {
  if [ ! -e "$kept/$1" ]; then
    echo "$2" >"$kept/$1"
  elif [ "$(cat "$kept/$1")" != "$2" ]; then
    violation "$1 was \"$(cat "$kept/$1")\" and is \"$2\", and nobody ordered that"
    echo "$2" >"$kept/$1"
  fi
}
start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# One question for all of them: a machine that is emulated takes its time for each program.
units=(cw0.service cw1.service cw2.service cw3.service ssh.service cron.service dbus.service chaos-world.service cw.socket cwt.timer)
declare -A state=() main=() cgroup=()
while IFS='=' read -r key value; do
  case $key in
    Id) id=$value ;;
    ActiveState) state[$id]=$value ;;
    MainPID) main[$id]=$value ;;
    ControlGroup) cgroup[$id]=/sys/fs/cgroup$value ;;
  esac
done < <(sctl show -p Id -p ActiveState -p MainPID -p ControlGroup "${units[@]}")

fresh=
mkdir "$kept" 2>/dev/null && fresh=1

# ---- PID 1 and core ----

case $(readlink /proc/1/exe) in */init) ;; *) violation "PID 1 is $(readlink /proc/1/exe)" ;; esac
same pid-1-start "$(start_of 1)"
cores=0
read -ra children </proc/1/task/1/children
for pid in "${children[@]}"; do
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = core ] && ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -e --keep-crashes -e --self-check && cores=$((cores + 1))
done
[ "$cores" = 1 ] || violation "PID 1 has $cores cores"
restarts=$(sctl show -p core_restarts --value)
before=$(cat /run/chaos-restarts 2>/dev/null || echo 0)
echo "$restarts" >/run/chaos-restarts
died=$((restarts - before))
{ [ $died -ge "$least" ] && [ $died -le "$most" ]; } || violation "core died $died times where $least to $most were due"

# ---- services: the kernel's processes, and the one that core names ----

for unit in "${units[@]}"; do
  if [ "$unit" = chaos-world.service ] && [ ! -e /run/chaos-world.started ]; then continue; fi
  if [ "${state[$unit]:-unknown}" != active ]; then
    violation "$unit is ${state[$unit]:-unknown}"
    continue
  fi
  [[ $unit == *.service ]] || continue
  procs=${cgroup[$unit]}/cgroup.procs
  grep -qx "${main[$unit]}" "$procs" 2>/dev/null || violation "core says that $unit is process ${main[$unit]}, which is not in its cgroup"
  same "$unit" "${main[$unit]} $(start_of "${main[$unit]}")"
  case $unit in cw*) [ "$(wc -l <"$procs")" = 1 ] || violation "$unit has $(wc -l <"$procs") processes" ;; esac
done
grep -q ' double ' /run/chaos-books/events 2>/dev/null && violation "a service runs twice: $(grep -m1 ' double ' /run/chaos-books/events)"
same cw.socket "$(awk '$8 == "/run/cw.sock" && $4 == "00010000" {print $7}' /proc/net/unix)"
# What comes by itself has come again since the last look, if that was long enough ago.
for unit in cwr.service cwt.service; do
  last=$(awk -v u="$unit" '$2 == "start" && $3 == u {t = $1} END {print int(t / 1000000)}' /run/chaos-books/events)
  [ $(($(cut -d. -f1 /proc/uptime) - last)) -lt 30 ] || violation "$unit has not come again since $(($(cut -d. -f1 /proc/uptime) - last)) s"
done

# No process is in the cgroup of a unit that is down.
up=$(sctl list-units --all --no-legend --plain --type=service --state=active,activating,deactivating,reloading | awk '{print $1}')
for path in /sys/fs/cgroup/system.slice/*.service; do
  unit=${path##*/}
  case $unit in cwr.* | cwt.* | cw.service) continue ;; esac
  grep -q '^populated 1' "$path/cgroup.events" 2>/dev/null || continue
  grep -qxF "$unit" <<<"$up" || violation "$unit is down and has processes"
done

# ---- after a boot ----

[ -n "$fresh" ] || exit 0
whole=$(sctl is-system-running)
[ "$whole" = running ] || violation "the machine is $whole: $(sctl list-units --state=failed --no-legend | tr -s ' ' | paste -sd';')"
grep -q ' / ext4 rw' /proc/mounts || violation "the root is not writable: $(grep ' / ext4' /proc/mounts)"
! dmesg | grep -q 'EXT4-fs error' || violation "$(dmesg | grep -m1 'EXT4-fs error')"
# A record is there or not, and never half of one.
for link in /etc/systemd/system/*.wants/*; do
  [ -e "$link" ] || violation "$link leads nowhere"
done
enabled=$(sctl is-enabled cwe.service)
case $enabled in enabled | disabled) ;; *) violation "cwe.service is $enabled" ;; esac
find /var/lib/sysmaster /etc/systemd -xdev -type f -empty 2>/dev/null | while read -r file; do violation "$file is empty"; done
find /var/lib/sysmaster /etc/systemd -xdev \( -name '*.tmp*' -o -name '.#*' \) 2>/dev/null | while read -r file; do violation "$file is left over"; done
sctl crashes --json >/dev/null || violation "crash reports cannot be read"
sctl versions --json >/dev/null || violation "the versions cannot be read"
exit 0
