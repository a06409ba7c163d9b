#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scale.sh [--rounds N] [--update-docs]: 10,000 units in memory: to load, list and reload them, and 1,000 jobs in chains of 100, under systemd
# and under ours in one and the same image, round by round. What is measured: guest/scale.sh.
# shellcheck source=lib.sh disable=SC2154,SC2034  # the variables are lib.sh's
source "$(dirname "$0")/lib.sh"
bench_rounds_default=1
bench_init scale "$@"

units=${BENCH_UNITS:-10000}
bench_image=$(VM_IMAGE_NAME=scale vm_our_image --copy "$bench_here/guest/scale.sh:/usr/lib/bench/scale.sh") || { echo "bench: no build of our init" >&2; exit 1; }

measure_scale() { # KIND STARTER CTL
  local m='' key value out
  "$2" m --image "$bench_image" --mem 1024 || exit 1
  within 240 vm_settled "$m" "$3" || { echo "bench: $1 does not settle" >&2; exit 1; }
  out=$(vmctl sh "$m" -t 1500 "sh /usr/lib/bench/scale.sh $3 $units")
  vmctl stop "$m"
  rm -rf "$(vm_path "$m")"
  echo "# scale: $1: ${out//$'\n'/, }" >&2
  # A number of something else than what was to be measured is none.
  [[ $out == *"units $units"* && $out == *"active 1001"* && $out != *-failed* ]] || { echo "bench: $1 did not do what was asked" >&2; exit 1; }
  while read -r key value; do bench_add "$1" "$key" "$value"; done <<<"$out"
}

for ((round = 1; round <= bench_rounds; round++)); do
  for kind in ${BENCH_KINDS:-systemd sysmaster}; do
    case $kind in systemd) measure_scale systemd vm_start_systemd systemctl ;; *) measure_scale sysmaster vm_start sctl ;; esac
  done
done

rows='call|a call, what the client alone takes: show -P Version, ms
find|daemon-reload with the files new and no unit loaded, ms
load|start of a target that names all units, ms
list|list-units --all, ms
reload|daemon-reload with all units loaded, ms
show|show of one unit, ms
jobs|1,000 jobs, ten chains of 100, ms
files|list-unit-files, ms
pss-before|memory of the manager before, KB
pss-after|memory of the manager with all of it, KB'
table=$(
  echo "| | systemd | sysmaster | systemd is × as much |"
  echo "|---|---|---|---|"
  while IFS='|' read -r key text; do
    echo "| $text | $(bench_median systemd "$key") | $(bench_median sysmaster "$key") | $(bench_ratio "$(bench_median systemd "$key")" "$(bench_median sysmaster "$key")") |"
  done <<<"$rows"
)
title="$units units loaded"
printf '%s\n\n%s\n' "$title" "$table"
[ -z "$bench_docs" ] || bench_update_docs "$title" "$table"
