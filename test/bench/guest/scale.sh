#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scale.sh CTL UNITS LIMIT: in a guest: how long the manager that CTL talks to takes with many units. "METRIC VALUE" lines, milliseconds and KB;
# METRIC_cpu is what the manager itself spent. A step that takes longer than LIMIT seconds is broken off and has "overLIMIT" instead of a value.
#
# Targets that are ordered after every unit bring all of them into memory and keep them there, without starting one. The jobs are targets,
# which run nothing: ten chains of a hundred, each link required by and ordered before the next. A hundred units a target: systemd's
# daemon-reload is quadratic in what one target names, and the machine of ten thousand units has no target that names them all.
set -u
# A client that gives up after its usual 25 s would measure itself.
export SYSTEMD_BUS_TIMEOUT=900
ctl=$1 units=$2 limit=$3 group=100 chains=10 links=100
dir=/run/systemd/system

now_ms() { echo $(($(date +%s%N) / 1000000)); }
managers() { echo 1; pgrep -x core; } # PID 1 and, where that is a process of its own, the core
# The first field of schedstat: nanoseconds on a CPU.
cpu_ms() { for pid in $(managers); do cat "/proc/$pid/schedstat"; done | awk '{ns += $1} END {printf "%d", ns / 1000000}'; }
timed() { # METRIC COMMAND...
  name=$1
  shift
  cpu=$(cpu_ms) begin=$(now_ms)
  timeout "$limit" "$@" >/dev/null 2>&1
  status=$? took=$(($(now_ms) - begin)) cpu=$(($(cpu_ms) - cpu))
  case $status in
    0) echo "$name $took"; echo "${name}_cpu $cpu" ;;
    124) echo "$name over$limit" ;;
    *) echo "$name-failed $status" ;;
  esac
}
memory() { for pid in $(managers); do cat "/proc/$pid/smaps_rollup"; done | awk -v name="$1" '$1 == "Pss:" {kb += $2} END {print name, kb}'; } # METRIC

mkdir -p "$dir"
seq 0 $((units - 1)) | while read -r i; do
  printf '[Unit]\nDescription=Number %d\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n' "$i" >"$dir/scale-$i.service"
done
printf '[Unit]\nDefaultDependencies=no\n' >"$dir/scale.target"
for g in $(seq 0 $group $((units - 1))); do
  { printf '[Unit]\nDefaultDependencies=no\n'; seq -f 'After=scale-%.0f.service' "$g" $((g + group - 1)); } >"$dir/scale-group-$g.target"
  echo "After=scale-group-$g.target" >>"$dir/scale.target"
done
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
# systemd's client gives up after three minutes whatever it is told; the next answer comes when all is read.
timed reload sh -c '"$0" daemon-reload || "$0" show -P Version' "$ctl"
timed show "$ctl" show scale-1.service
timed jobs "$ctl" start scale-jobs.target
memory pss-after
echo "units $("$ctl" list-units --all --plain --no-legend | grep -c '^scale-[0-9]*\.service')"
echo "active $("$ctl" list-units --plain --no-legend 'scale-job*.target' | grep -c ' active ')"
# The last one, as the manager may be at it for ever; a minute is long enough to know that.
[ "$limit" -lt 60 ] || limit=60
timed files "$ctl" list-unit-files
