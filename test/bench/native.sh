# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
# native.sh - what the benchmarks without a guest share, on top of lib.sh.
#
#   native_run WHAT ARGUMENT...                   world-bench, whose "METRIC VALUE" lines are remembered
#   native_finish TITLE UNIT METRIC TEXT...       the table of medians over the rounds
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

native_run() {
  local line status
  line=$("${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}/test/bench/world-bench" "$@")
  status=$?
  [ $status -ne 77 ] || { echo "bench: $line" >&2; exit 77; }
  [ $status -eq 0 ] || { echo "bench: world-bench $* failed" >&2; exit 1; }
  while read -r metric value; do bench_add sysmaster "$metric" "$value"; done <<<"$line"
  echo "# $bench_name: ${line//$'\n'/, }" >&2
}

native_finish() {
  local title=$1 unit=$2 table
  shift 2
  table=$(
    echo "| | $unit, median of rounds | range |"
    echo "|---|---|---|"
    while [ $# -gt 0 ]; do
      echo "| $2 | $(bench_median sysmaster "$1") | $(bench_range sysmaster "$1") |"
      shift 2
    done
  )
  printf '%s\n\n%s\n' "$title" "$table"
  [ -z "$bench_docs" ] || bench_update_docs "$title" "$table" "natively, in namespaces of a machine with $(nproc) CPUs"
}
