#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test-systemctl-enable.sh of systemd's source package, unmodified, with sctl in place of systemctl: enable, disable, link, mask, preset
# and aliases below --root. One check a scenario; the script ends at the first that fails.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
sctl=${SCTL:-$top/build/test/sctl/sctl}
cache=${VM_CACHE:-$top/build/cache}/conformance
skip() { echo "1..0 # SKIP $*"; exit 77; }
[ -x "$sctl" ] || skip "sctl is not built"
command -v systemd-id128 >/dev/null || skip "this machine has no systemd-id128"

# The source package, by a configuration of apt of our own: the host's sources with deb-src in place of deb.
fetch() {
  local apt=$cache/src/apt f
  [ -e "$cache/src/test-systemctl-enable.sh" ] && return
  rm -rf "$apt" && mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts" || return 1
  for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$f" ] && sed 's/^deb /deb-src /' "$f" >"$apt/parts/$(basename "$f" .list).list"
  done
  for f in /etc/apt/sources.list.d/*.sources; do
    [ -f "$f" ] && sed 's/^Types:.*/Types: deb-src/' "$f" >"$apt/parts/$(basename "$f")"
  done
  local options=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts" -o "Dir::State::lists=$apt/lists" -o "Dir::Cache::archives=$apt/archives")
  (cd "$cache/src" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only systemd) >/dev/null 2>&1
  tar -C "$cache/src" -xzf "$cache"/src/systemd_*.orig.tar.gz --wildcards '*/test/test-systemctl-enable.sh' --strip-components=2
}
fetch || skip "systemd's source package cannot be had"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
bash "$cache/src/test-systemctl-enable.sh" "$sctl" systemd-id128 >"$log" 2>&1
status=$?
n=0
while read -r scenario; do
  n=$((n + 1))
  names[n]=$scenario
done < <(sed -n "s/^+ : '-*\([^-].*[^-]\)-*'$/\1/p" "$log")
for i in $(seq 1 "$n"); do
  if [ "$i" -eq "$n" ] && [ $status -ne 0 ]; then
    echo "not ok $i - ${names[i]}"
    tail -n 12 "$log" | sed 's/^/# /'
  else
    echo "ok $i - ${names[i]}"
  fi
done
echo "1..$n"
[ "$n" -gt 30 ] && [ $status -eq 0 ]
