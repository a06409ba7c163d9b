#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# chaos.sh DRIVER [SECONDS] [--update-docs] [OPTION...] - one run of the fault injector. CHAOS_SEED= repeats one.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
driver=$1
shift
docs='' command="./build.sh chaos $*" options=()
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  options+=(--seconds "$1")
  shift
fi
while (($#)); do
  case $1 in
  --update-docs) docs=1 ;;
  *) options+=("$1") ;;
  esac
  shift
done
CHAOS_SEED=${CHAOS_SEED:-$RANDOM$RANDOM}
export CHAOS_SEED
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
load=$(cut -d' ' -f1 /proc/loadavg)
"$driver" --report "$work/report" "${options[@]}"
[[ $docs ]] || exit 0

# Replaces the section between its two markers, or appends it.
page=$top/docs/measured.md
awk '
  $0 == "<!-- chaos -->" {skip = 1}
  !skip {print}
  $0 == "<!-- /chaos -->" {skip = 0}' "$page" | cat -s >"$work/page"
{
  cat "$work/page"
  # shellcheck disable=SC2016
  printf '\n<!-- chaos -->\n## Faults against init and core, in namespaces\n\n%s\n\nMade by `CHAOS_SEED=%s %s` on %s CPUs; load at the start %s.\n<!-- /chaos -->\n' \
    "$(cat "$work/report")" "$CHAOS_SEED" "$command" "$(nproc)" "$load"
} >"$page.new"
mv "$page.new" "$page"
