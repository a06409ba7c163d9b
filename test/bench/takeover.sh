#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# takeover.sh [--rounds N] [--update-docs]: core is killed N times (50) in namespaces on this machine, with 200 services
# running and nothing else, and again with 1,000 and 10,000 more units loaded: how long until the next core answers, and what
# core and init take in memory. No VM.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
program=${VM_BUILD:-$top/build/test}/core/takeover
docs=$top/docs/measured.md
rounds=50 update='' command=test/bench/takeover.sh
while (($#)); do
  case $1 in
    --rounds) rounds=$2; command+=" --rounds $2"; shift 2 ;;
    --update-docs) update=1; shift ;;
    *) echo "usage: takeover.sh [--rounds N] [--update-docs]" >&2; exit 2 ;;
  esac
done
[[ -x $program ]] || { echo "takeover.sh: $program is not built (target tests)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
load=$(cut -d' ' -f1 /proc/loadavg)

# A number in milliseconds out of microseconds.
ms() { awk -v us="$1" 'BEGIN {printf "%.1f", us / 1000}'; }

# The median of each phase over all that the log has: "rooms 1.2, index 0.8, ...".
phases() {
  sed -n 's/.*Took over [0-9]* units in [0-9]* ms ([a-z-]*, \(.*\))/\1/p' "$1" | tr -d ',' |
    awk '{for (i = 1; i < NF; i += 2) {if (!($i in n)) order[++k] = $i; v[$i, ++n[$i]] = $(i + 1)}}
      END {for (j = 1; j <= k; j++) {
        name = order[j]; m = n[name]
        for (a = 1; a <= m; a++) for (b = a + 1; b <= m; b++)
          if (v[name, b] + 0 < v[name, a] + 0) {t = v[name, a]; v[name, a] = v[name, b]; v[name, b] = t}
        printf "%s%s %s", j > 1 ? ", " : "", name, v[name, int((m + 1) / 2)]}}'
}

measure() { # SERVICES LOADED ROUNDS
  local out=$work/$1-$2 median p99 worst kb cpu
  "$program" --services "$1" --loaded "$2" --rounds "$3" >"$out" || { cat "$out" >&2; return 1; }
  read -r median p99 worst < <(sed -n 's/^takeover_us //p' "$out")
  cpu=$(sed -n 's/^cpu_us //p' "$out")
  kb=$(sed -n 's/^memory-taken-over core-pss \([0-9]*\) .* init-pss \([0-9]*\)$/\1 + \2/p' "$out")
  echo "| $1 | $2 | $(ms "$median") | $(ms "$p99") | $(ms "$worst") | $(ms "$cpu") | $(phases "$out") | $kb |"
}

table=$(
  echo "| services | loaded, at rest | median, ms | p99 | worst | CPU of core, ms | phases in core, median ms | PSS of core + init, KB |"
  echo "|---|---|---|---|---|---|---|---|"
  measure 200 0 "$rounds"
  measure 200 1000 "$rounds"
  measure 200 10000 $(((rounds + 9) / 10))
)
title="Core is killed until the next one answers"
printf '%s\n\n%s\n' "$title" "$table"
[[ -n $update ]] || exit 0
{
  awk '$0 == "<!-- bench:takeover -->" {skip = 1} !skip {print} $0 == "<!-- /bench:takeover -->" {skip = 0}' "$docs" | cat -s
  # shellcheck disable=SC2016
  printf '\n<!-- bench:takeover -->\n## %s\n\n%s\n\nMade by `%s` on %s CPUs, natively in namespaces; %s kills (a tenth of that in the last row); load at the start %s.\n<!-- /bench:takeover -->\n' \
    "$title" "$table" "$command" "$(nproc)" "$rounds" "$load"
} >"$docs.new"
mv "$docs.new" "$docs"
