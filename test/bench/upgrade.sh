#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# upgrade.sh [--rounds N] [--update-docs]: the gap of control, the longest time in which the manager answers nothing, while it is
# replaced in place with 200 services and 1,000 loaded units: core and init natively in namespaces, and in one VM image
# core, init and systemd (daemon-reexec), one after the other, round by round. How it is measured: guest/gap-probe.c.
# shellcheck source=lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "$0")/lib.sh"
bench_init upgrade "$@"

services=200 targets=800
build=${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}
find_program() { find "$build/test" "$build/init" "$build/core" -name "$1" -type f -executable | head -n 1; }
for program in bench-upgrade-core bench-upgrade-init; do
  [ -n "$(find_program $program)" ] || { echo "bench: $program is not built (target tests)" >&2; exit 1; }
done

# add_gaps KIND: "gap_usec N" and "median_usec N" lines to rows, in milliseconds.
add_gaps() {
  local key value
  while read -r key value; do
    case $key in
      gap_usec) bench_add "$1" gap_ms "$(awk -v v="$value" 'BEGIN {printf "%.2f", v / 1000}')"; echo "# upgrade: $1 $value us" >&2 ;;
      median_usec) bench_add "$1" ping_ms "$(awk -v v="$value" 'BEGIN {printf "%.3f", v / 1000}')" ;;
    esac
  done
}

"$(find_program bench-upgrade-core)" "$VM_BIN/gap-probe" "$bench_rounds" | add_gaps core-native
"$(find_program bench-upgrade-init)" "$bench_rounds" | add_gaps init-native

tree=$vm_work/tree
units=$tree/lib/systemd/system
mkdir -p "$units" "$tree/usr/lib/bench" "$tree/etc/systemd/system"
cp "$VM_BIN/idle" "$VM_BIN/gap-probe" "$tree/usr/lib/bench/"
printf '[Unit]\nDescription=Only the benchmark\nDefaultDependencies=no\nAllowIsolate=yes\n' >"$units/bench.target"
for ((i = 1; i <= services; i++)); do
  printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/lib/bench/idle\nStandardOutput=null\nStandardError=null\n' \
    >"$units/bench-$i.service"
  echo "Wants=bench-$i.service" >>"$units/bench.target"
done
for ((i = 1; i <= targets; i++)); do
  printf '[Unit]\nDefaultDependencies=no\n' >"$units/bench-$i.target"
  echo "Wants=bench-$i.target" >>"$units/bench.target"
done
ln -s /lib/systemd/system/bench.target "$tree/etc/systemd/system/default.target"
bench_image=$(VM_IMAGE_NAME=upgrade vm_our_image --tree "$tree") || { echo "bench: no build of our init" >&2; exit 1; }

ours='' theirs=''
vm_start ours --image "$bench_image" && vm_start_systemd theirs --image "$bench_image" || exit 1
ready() { [ "$(vmctl sh "$1" -t 30 "$2 list-units --all --plain --no-legend | grep -c 'bench-[0-9].*active'" 2>/dev/null)" -ge $((services + targets)) ]; }
within 180 ready "$ours" sctl || { echo "bench: ours did not come up" >&2; exit 1; }
within 180 ready "$theirs" systemctl || { echo "bench: systemd did not come up" >&2; exit 1; }
probe() { vmctl sh "$1" -t 90 "/usr/lib/bench/gap-probe $2"; }
for ((round = 1; round <= bench_rounds; round++)); do
  # One guest at a time works; the other is idle.
  probe "$ours" "sysmaster -- @core /usr/lib/sysmaster" | add_gaps core
  probe "$theirs" "systemd -- systemctl daemon-reexec" | add_gaps systemd
  # The new core is on trial for 10 s, and init is not replaced meanwhile.
  sleep 11
  probe "$ours" "sysmaster -- @init /usr/lib/sysmaster/init" | add_gaps init
done

table=$(
  echo "| replaced | where | gap, ms, median | range | one ping, ms | budget, ms |"
  echo "|---|---|---|---|---|---|"
  while IFS='|' read -r kind what where budget; do
    echo "| $what | $where | $(bench_median "$kind" gap_ms) | $(bench_range "$kind" gap_ms) | $(bench_median "$kind" ping_ms) | $budget |"
  done <<'ROWS'
core-native|core|native, namespaces|100
init-native|init, asked over the wire by a bare core|native, namespaces|20
core|core|VM|
init|init, as clients of core see it|VM|
systemd|systemd, `daemon-reexec`|the same VM image|
ROWS
)
title="Gap of control while the manager is replaced, $services services and $((services + targets)) loaded units"
printf '%s\n\n%s\n' "$title" "$table"
jq -Rn --arg rounds "$bench_rounds" --arg date "$(date -u +%FT%TZ)" '
  {name: "upgrade", rounds: ($rounds | tonumber), date: $date,
   results: (reduce (inputs | split(" ")) as [$kind, $metric, $value] ({}; .[$kind][$metric] += [$value | tonumber]))}' \
  <"$bench_rows" >"$bench_out/upgrade.json"
[ -z "$bench_docs" ] || bench_update_docs "$title" "$table"
# The budgets are promises.
awk -v c="$(bench_median core-native gap_ms)" -v i="$(bench_median init-native gap_ms)" 'BEGIN {exit !(c <= 100 && i <= 20)}' ||
  { echo "bench: over budget" >&2; exit 1; }
