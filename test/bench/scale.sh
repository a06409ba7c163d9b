#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scale.sh [--rounds N] [--update-docs]: 10,000 units in memory: to load, list and reload them, and 1,000 jobs in chains of 100, under systemd
# and under ours in one and the same image, round by round. What is measured: guest/scale.sh. BENCH_UNITS: so many; BENCH_LIMIT: seconds
# after which a step is broken off.
# shellcheck source=lib.sh disable=SC2154,SC2034  # the variables are lib.sh's
source "$(dirname "$0")/lib.sh"
bench_rounds_default=1
bench_init scale "$@"

units=${BENCH_UNITS:-10000} limit=${BENCH_LIMIT:-240}
bench_image=$(VM_IMAGE_NAME=scale vm_our_image --copy "$bench_here/guest/scale.sh:/usr/lib/bench/scale.sh") || { echo "bench: no build of our init" >&2; exit 1; }

measure_scale() { # KIND STARTER CTL
  local m='' key value out
  "$2" m --image "$bench_image" --mem 1024 || exit 1
  within 240 vm_settled "$m" "$3" || { echo "bench: $1 does not settle" >&2; exit 1; }
  out=$(vmctl sh "$m" -t 1700 "sh /usr/lib/bench/scale.sh $3 $units $limit")
  vmctl stop "$m"
  rm -rf "$(vm_path "$m")"
  echo "# scale: $1: ${out//$'\n'/, }" >&2
  # A number of something else than what was to be measured is none.
  [[ $out == *"units $units"* && $out == *"active 1001"* && $out != *-failed* ]] || { echo "bench: $1 did not do what was asked" >&2; exit 1; }
  while read -r key value; do
    case $value in over*) echo "$1 $key ${value#over}" >>"$vm_work/over" ;; *) bench_add "$1" "$key" "$value" ;; esac
  done <<<"$out"
}

for ((round = 1; round <= bench_rounds; round++)); do
  for kind in ${BENCH_KINDS:-systemd sysmaster}; do
    case $kind in systemd) measure_scale systemd vm_start_systemd systemctl ;; *) measure_scale sysmaster vm_start sctl ;; esac
  done
done

# The median; "> LIMIT" where a round was broken off.
median() {
  local over
  over=$(grep -s "^$1 $2 " "$vm_work/over" | head -n 1 | cut -d' ' -f3)
  if [ -n "$over" ]; then echo "> $((over * 1000))"; else bench_median "$1" "$2"; fi
}
ratio() { case $1$2 in *'>'*) ;; *) bench_ratio "$1" "$2" ;; esac; }

rows='call|a call, what the client alone takes: show -P Version, ms
find|daemon-reload with the files new and no unit loaded, ms
load|all of them loaded, by the start of a target, ms
list|list-units --all, ms
reload|daemon-reload with all units loaded, ms
show|show of one unit, ms
jobs|1,000 jobs, ten chains of 100, ms
files|list-unit-files, ms
pss-before|memory of the manager before, KB
pss-after|memory of the manager with all of it, KB'
table=$(
  echo "| | systemd | sysmaster | systemd is × as much | CPU of the managers, ms |"
  echo "|---|---|---|---|---|"
  while IFS='|' read -r key text; do
    a=$(median systemd "$key") b=$(median sysmaster "$key") cpu=$(bench_median sysmaster "${key}_cpu")
    echo "| $text | $a | $b | $(ratio "$a" "$b") | ${cpu:+$(bench_median systemd "${key}_cpu"), $cpu} |"
  done <<<"$rows"
)
title="$units units loaded"
printf '%s\n\n%s\n' "$title" "$table"
[ -z "$bench_docs" ] || bench_update_docs "$title" "$table"
