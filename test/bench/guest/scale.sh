#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scale.sh CTL UNITS: in a guest: how long the manager that CTL talks to takes with many units. "METRIC VALUE" lines, milliseconds and KB.
#
# A target that is ordered after every unit brings all of them into memory and keeps them there, without starting one. The jobs are targets,
# which run nothing: ten chains of a hundred, each link required by and ordered before the next.
set -u
# A client that gives up after its usual 25 s would measure itself.
export SYSTEMD_BUS_TIMEOUT=900
ctl=$1 units=$2 chains=10 links=100
dir=/run/systemd/system

now_ms() { echo $(($(date +%s%N) / 1000000)); }
timed() { # METRIC COMMAND...
  name=$1
  shift
  begin=$(now_ms)
  "$@" >/dev/null 2>&1 || echo "$name-failed $?"
  echo "$name $(($(now_ms) - begin))"
}
memory() { # METRIC: PID 1 and, where that is a process of its own, the core
  for pid in 1 $(pgrep -x core); do cat "/proc/$pid/smaps_rollup"; done | awk -v name="$1" '$1 == "Pss:" {kb += $2} END {print name, kb}'
}

mkdir -p "$dir"
seq 0 $((units - 1)) | while read -r i; do
  printf '[Unit]\nDescription=Number %d\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n' "$i" >"$dir/scale-$i.service"
done
{ printf '[Unit]\nDefaultDependencies=no\n'; seq -f 'After=scale-%.0f.service' 0 $((units - 1)); } >"$dir/scale.target"
printf '[Unit]\nDefaultDependencies=no\n' >"$dir/scale-jobs.target"
for c in $(seq $chains); do
  before=
  for i in $(seq $links); do
    { printf '[Unit]\nDefaultDependencies=no\n'; [ -z "$before" ] || printf 'Requires=%s\nAfter=%s\n' "$before" "$before"; } >"$dir/scale-job-$c-$i.target"
    before=scale-job-$c-$i.target
  done
  printf 'Requires=%s\nAfter=%s\n' "$before" "$before" >>"$dir/scale-jobs.target"
done

memory pss-before
timed call "$ctl" show -P Version
timed find "$ctl" daemon-reload
timed load "$ctl" start scale.target
timed list "$ctl" list-units --all
timed reload "$ctl" daemon-reload
timed show "$ctl" show scale-1.service
timed jobs "$ctl" start scale-jobs.target
timed files "$ctl" list-unit-files
memory pss-after
echo "units $("$ctl" list-units --all --plain --no-legend | grep -c '^scale-[0-9]*\.service')"
echo "active $("$ctl" list-units --plain --no-legend 'scale-job*.target' | grep -c ' active ')"
