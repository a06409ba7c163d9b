# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
# lib.sh - what the benchmarks share: one guest measured once, medians, and where the results go.
#
#   bench_init NAME ARGUMENT...       reads --rounds N and --update-docs
#   bench_boot KIND GOALS OPTION...   boots one guest ("systemd" and "systemd-..." are under systemd), remembers "KIND METRIC VALUE" rows
#   bench_each KIND MACHINE REPORT    if the benchmark defines it: called for each guest that reached its goals, while it still runs
#   bench_median KIND METRIC          the median of those rows, empty without any
#
# Guests of the kinds to compare are booted in turn, round by round, so that a busy moment of the machine hits all of them.
# shellcheck source=../vm/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

bench_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bench_out=$vm_top/build/bench
bench_rounds=5 bench_docs='' bench_name='' bench_command='' bench_image=''

bench_init() {
  bench_name=$1
  bench_command="test/bench/$1.sh"
  bench_rounds=${bench_rounds_default:-5}
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --rounds) bench_rounds=$2; bench_command+=" --rounds $2"; shift 2 ;;
      --update-docs) bench_docs=1; shift ;;
      *) echo "usage: $bench_name.sh [--rounds N] [--update-docs]" >&2; exit 2 ;;
    esac
  done
  mkdir -p "$bench_out"
  bench_load=$(cut -d' ' -f1 /proc/loadavg)
  bench_rows=$vm_work/rows
  : >"$bench_rows"
}

bench_add() { echo "$1 $2 $3" >>"$bench_rows"; }

report_ended() { grep -Eq '^(end|timeout|no-exec)' "$1"; }

# Seconds of CPU that a machine's QEMU has used, a proxy of what its guest did that disk and scheduling waits do not blur.
qemu_cpu() {
  local pid
  pid=$(vmctl status "$1" qemu-pid) && sed 's/.*) //' "/proc/$pid/stat" | awk -v hz="$(getconf CLK_TCK)" '{printf "%.2f", ($12 + $13) / hz}'
}

bench_boot() {
  local kind=$1 goals=$2 machine='' report starter=vm_start limit=170
  [[ $goals =~ within:([0-9]+) ]] && limit=${BASH_REMATCH[1]}
  shift 2
  case $kind in systemd | systemd-*) starter=vm_start_systemd ;; esac
  "$starter" machine --no-agent --probe "$goals" "$@" || { echo "bench: $kind does not start" >&2; exit 1; }
  report=$(vm_path "$machine")/report
  if ! within $((limit + 10)) report_ended "$report" || ! grep -q '^end' "$report"; then
    echo "bench: $kind did not reach its goals: $(tail -n 1 "$report" 2>/dev/null)" >&2
    vmctl console "$machine" | tail -n 30 >&2
    exit 1
  fi
  bench_add "$kind" all_ms "$(awk '$1 == "all" {printf "%.0f", $2 / 1000}' "$report")"
  # PID 1 and, where that is a process of its own, the core that manages the units; other programs are not the manager.
  bench_add "$kind" pss_kb "$(awk '$1 == "pss" && ($2 == 1 || $5 ~ /\/core$/) {kb += $4} END {print kb + 0}' "$report")"
  bench_add "$kind" cpu_s "$(qemu_cpu "$machine")"
  echo "# $bench_name: $kind $(grep '^all' "$report" | awk '{printf "%.0f ms", $2 / 1000}')" >&2
  if declare -F bench_each >/dev/null; then bench_each "$kind" "$machine" "$report"; fi
  vmctl stop "$machine"
  rm -rf "$(vm_path "$machine")"
}

bench_median() {
  awk -v k="$1" -v m="$2" '$1 == k && $2 == m {print $3}' "$bench_rows" | sort -n |
    awk '{v[NR] = $1} END {if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

bench_range() { awk -v k="$1" -v m="$2" '$1 == k && $2 == m {print $3}' "$bench_rows" | sort -n | sed -n '1p;$p' | paste -sd- ; }

# bench_ratio A B: A / B with one digit, empty if one is missing.
bench_ratio() { [ -n "$1" ] && [ -n "$2" ] && awk -v a="$1" -v b="$2" 'BEGIN {if (b > 0) printf "%.1f", a / b}'; }

# bench_finish TITLE KIND...: the table of all kinds, and what bench_end does with it.
bench_finish() {
  local title=$1 kind table reference
  shift
  reference=$(bench_median systemd all_ms)
  table=$(
    echo "| | ms, median | range | systemd is × as long | manager's memory (PSS), KB | QEMU's CPU, s |"
    echo "|---|---|---|---|---|---|"
    for kind in "$@"; do
      [ -n "$(bench_median "$kind" all_ms)" ] || continue
      echo "| $kind | $(bench_median "$kind" all_ms) | $(bench_range "$kind" all_ms) |" \
        "$(bench_ratio "$reference" "$(bench_median "$kind" all_ms)") | $(bench_median "$kind" pss_kb) |" \
        "$(bench_median "$kind" cpu_s) |"
    done
  )
  bench_end "$title" "$table"
}

# bench_end TITLE TABLE: shows it, and writes the JSON file and, when asked for, the section of docs/measured.md.
bench_end() {
  local title=$1 table=$2
  printf '%s\n\n%s\n' "$title" "$table"
  # Guests of another test beside ours make every number too large, and not all by the same factor.
  awk -v l="$bench_load" -v n="$(nproc)" 'BEGIN {exit !(l > n / 2)}' &&
    echo "# the machine was busy when this began (load $bench_load): do not trust these numbers" >&2
  jq -Rn --arg name "$bench_name" --arg rounds "$bench_rounds" --arg date "$(date -u +%FT%TZ)" '
    {name: $name, rounds: ($rounds | tonumber), date: $date,
     results: (reduce (inputs | split(" ")) as [$kind, $metric, $value] ({}; .[$kind][$metric] += [$value | tonumber]))}' \
    <"$bench_rows" >"$bench_out/$bench_name.json"
  [ -z "$bench_docs" ] || bench_update_docs "$title" "$table"
}

# bench_update_docs TITLE TABLE [WHERE]: replaces the section between this benchmark's two markers, or appends it.
bench_update_docs() {
  local docs=$vm_top/docs/measured.md new=$vm_work/measured where=${3:-}
  [ -n "$where" ] || where="on $(nproc) CPUs with QEMU $(qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p') ($(vmctl accel "$bench_image"))"
  [ -e "$docs" ] || printf '# Measured results\n' >"$docs"
  # shellcheck disable=SC2016
  printf '<!-- bench:%s -->\n## %s\n\n%s\n\nMade by `%s` %s; %s interleaved rounds; load at the start %s.\n<!-- /bench:%s -->\n' \
    "$bench_name" "$1" "$2" "$bench_command" "$where" "$bench_rounds" "$bench_load" "$bench_name" >"$new"
  # Where it was; at the end if it was not there.
  awk -v name="$bench_name" -v new="$new" '
    function put() {while ((getline line <new) > 0) print line; done = 1}
    $0 == "<!-- bench:" name " -->" {skip = 1; put()}
    !skip {print}
    $0 == "<!-- /bench:" name " -->" {skip = 0}
    END {if (!done) {print ""; put()}}' "$docs" >"$docs.new"
  mv "$docs.new" "$docs"
}
