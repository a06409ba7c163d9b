# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
# native.sh - what the benchmarks without a guest share, on top of lib.sh.
#
#   native_run WHAT ARGUMENT...                   world-bench, whose "METRIC VALUE" lines are remembered as ours
#   native_of_systemd WHAT ARGUMENT...            the same, remembered as systemd's
#   native_systemd UNITS                          runs systemd in name spaces with this folder of units alone; $manager is its process
#   native_inside COMMAND...                      a command in those name spaces
#   native_systemd_end                            ends it
#   native_finish TITLE UNIT METRIC TEXT...       the table of medians over the rounds
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

world_bench() { "${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}/test/bench/world-bench" "$@"; }

native_take() { # KIND WHAT ARGUMENT...
  local kind=$1 line status
  shift
  line=$(world_bench "$@")
  status=$?
  [ $status -ne 77 ] || { echo "bench: $line" >&2; exit 77; }
  [ $status -eq 0 ] || { echo "bench: world-bench $* failed" >&2; exit 1; }
  while read -r metric value; do bench_add "$kind" "$metric" "$value"; done <<<"$line"
  echo "# $bench_name: $kind: ${line//$'\n'/, }" >&2
}
native_run() { native_take sysmaster "$@"; }
native_of_systemd() { native_take systemd "$@"; }

native_systemd() {
  local root=/sys/fs/cgroup
  [ -x /lib/systemd/systemd ] || { echo "bench: no systemd" >&2; exit 77; }
  [ -e $root/cgroup.procs ] || root=$root/unified
  native_cgroup=$root/bench-$bench_name.$$
  unshare -p -f -m -u -n -i --mount-proc --kill-child "$bench_here/native/systemd.sh" "$1" "$native_cgroup" 2>"$vm_work/systemd.log" &
  native_unshare=$!
  within 30 pgrep -P $native_unshare >/dev/null && manager=$(pgrep -P $native_unshare)
  within 60 native_inside systemctl is-system-running || { echo "bench: systemd does not start" >&2; exit 1; }
}
native_inside() { nsenter -t "$manager" -m -p -u -n -i "$@"; }
native_systemd_end() {
  [ -n "$manager" ] || return 0
  kill -9 "$manager"
  wait $native_unshare 2>/dev/null
  manager=
  find "$native_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
}
manager='' native_unshare='' native_cgroup=''
trap 'status=$?; native_systemd_end; (exit $status); vm_cleanup' EXIT

native_finish() {
  local title=$1 unit=$2 table
  shift 2
  table=$(
    echo "| | systemd, $unit, median of rounds | range | sysmaster | range | systemd is × as much |"
    echo "|---|---|---|---|---|---|"
    while [ $# -gt 0 ]; do
      a=$(bench_median systemd "$1") b=$(bench_median sysmaster "$1")
      echo "| $2 | $a | $(bench_range systemd "$1") | $b | $(bench_range sysmaster "$1") | $(bench_ratio "$a" "$b") |"
      shift 2
    done
  )
  printf '%s\n\n%s\n' "$title" "$table"
  [ -z "$bench_docs" ] || bench_update_docs "$title" "$table" "natively, in namespaces of a machine with $(nproc) CPUs"
}
