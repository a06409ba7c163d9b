#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scale-native.sh [--rounds N] [--update-docs]: what scale.sh measures in a guest, natively in name spaces: CPU of the manager with 10,000 units
# (BENCH_UNITS) loaded, ours and systemd round by round. What is measured of ours: native/scale.c.
# shellcheck source=native.sh disable=SC2154,SC2034  # the variables are native.sh's
source "$(dirname "$0")/native.sh"
bench_rounds_default=3
bench_init scale-native "$@"

units=${BENCH_UNITS:-10000}
export SYSTEMD_BUS_TIMEOUT=900

# The same units as native/scale.c makes.
put_units() {
  local t c l before
  mkdir "$1"
  for t in default shutdown; do printf '[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n' >"$1/$t.target"; done
  for ((t = 0; t < units; t++)); do
    printf '[Unit]\nDescription=Number %d\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n' "$t" >"$1/scale-$t.service"
  done
  { printf '[Unit]\nDefaultDependencies=no\n'; seq -f 'After=scale-%.0f.service' 0 $((units - 1)); } >"$1/scale.target"
  printf '[Unit]\nDefaultDependencies=no\n' >"$1/jobs.target"
  for ((c = 0; c < 10; c++)); do
    before=
    for ((l = 0; l < 100; l++)); do
      printf '[Unit]\nDefaultDependencies=no\n%s' "${before:+Requires=$before$'\n'After=$before$'\n'}" >"$1/job-$c-$l.target"
      before=job-$c-$l.target
    done
    printf 'Requires=%s\nAfter=%s\n' "$before" "$before" >>"$1/jobs.target"
  done
}

# The first field of schedstat: nanoseconds on a CPU.
manager_cpu() { local cpu; read -r cpu _ <"/proc/$manager/schedstat" && echo "$cpu"; }
step() { # METRIC COMMAND...
  local name=$1 cpu clock
  shift
  cpu=$(manager_cpu) clock=$(date +%s%N)
  native_inside "$@" >/dev/null 2>&1 || { echo "bench: systemd: $* failed" >&2; exit 1; }
  bench_add systemd "${name}_cpu_ms" "$(awk -v a="$cpu" -v b="$(manager_cpu)" 'BEGIN {printf "%.1f", (b - a) / 1e6}')"
  bench_add systemd "${name}_ms" $((($(date +%s%N) - clock) / 1000000))
}

measure_systemd() {
  native_systemd "$vm_work/units"
  step load systemctl start scale.target
  step list systemctl list-units --all
  # Its client gives up after three minutes whatever it is told; the next answer comes when all is read.
  step reload sh -c 'systemctl daemon-reload || systemctl show -P Version'
  step jobs systemctl start jobs.target
  step files systemctl list-unit-files
  # A number of something else than what was to be measured is none.
  [ "$(native_inside systemctl list-units --all --plain --no-legend 'scale-*.service' | wc -l)" = "$units" ] || { echo "bench: not all units are loaded" >&2; exit 1; }
  [ "$(native_inside systemctl list-units --plain --no-legend 'job-*.target' | grep -c ' active ')" = 1000 ] || { echo "bench: not all jobs were done" >&2; exit 1; }
  # It answers before it has executed itself.
  step takeover sh -c 'systemctl daemon-reexec && systemctl show -P Version'
  native_systemd_end
  echo "# $bench_name: systemd: $(grep '^systemd' "$bench_rows" | tail -n 12 | cut -d' ' -f2- | paste -sd,)" >&2
}

put_units "$vm_work/units"
for ((round = 1; round <= bench_rounds; round++)); do
  for kind in ${BENCH_KINDS:-systemd sysmaster}; do
    case $kind in systemd) measure_systemd ;; *) native_run scale "$units" ;; esac
  done
done

rows='load|all of them loaded, by the start of a target that is ordered after them
list|list of all units
reload|daemon-reload with all of them loaded
jobs|1,000 jobs, ten chains of 100
files|list of all unit files
takeover|the manager is replaced: systemd by daemon-reexec, core by its death'
table=$(
  echo "| | systemd, ms of CPU | sysmaster, ms of CPU | systemd is × as much | by the clock, ms |"
  echo "|---|---|---|---|---|"
  while IFS='|' read -r key text; do
    a=$(bench_median systemd "${key}_cpu_ms") b=$(bench_median sysmaster "${key}_cpu_ms")
    echo "| $text | $a | $b | $(bench_ratio "$a" "$b") | $(bench_median systemd "${key}_ms"), $(bench_median sysmaster "${key}_ms") |"
  done <<<"$rows"
)
title="$units units loaded, natively"
printf '%s\n\n%s\n' "$title" "$table"
[ -z "$bench_docs" ] || bench_update_docs "$title" "$table" "natively, in namespaces of a machine with $(nproc) CPUs"
