#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packages.sh - boots an image with the server packages of packages.list under systemd and under our init. Every unit that becomes
# active there has to become active here, with the same properties of its processes; packages-known.tsv names differences with reasons.
# --keep DIR leaves what was seen in DIR; --theirs DIR takes systemd's half from what an earlier run left there; --list FILE takes the packages of another list, an empty one for what the base image has.
# shellcheck source=../vm/lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

here=$vm_top/test/conformance
kept='' theirs='' list=$here/packages.list
while [ $# -gt 0 ]; do
  case $1 in
    --keep) kept=$2; mkdir -p "$kept"; shift 2 ;;
    --theirs) theirs=$2; shift 2 ;;
    --list) list=$2; shift 2 ;;
    *) echo "usage: packages.sh [--keep DIR] [--theirs DIR] [--list FILE]" >&2; exit 2 ;;
  esac
done
packages=$(sed 's/#.*//' "$list" | paste -sd, | tr -s ',' | sed 's/^,//;s/,$//')
image=$(VM_IMAGE_NAME=packages VM_IMAGE='' vm_our_image ${packages:+--include "$packages"} --size 6144 --copy "$VM_BIN/unit-probe:/usr/lib/conformance/unit-probe" \
  --copy "$here/guest/packages-setup.sh:/usr/lib/conformance/packages-setup.sh" \
  --copy "$here/guest/packages-setup.service:/etc/systemd/system/packages-setup.service" \
  --copy "$here/guest/packages-system.conf:/etc/systemd/system.conf.d/conformance.conf" \
  --copy "$here/guest/packages-setup.conf:/etc/systemd/system/basic.target.d/packages-setup.conf") || skip_all "no image with the packages"

# observe NAME STARTER CTL: boots, waits until nothing is queued any more, and notes active and failed units and what their processes are.
observe() {
  local name=$1 starter=$2 ctl=$3 m='' before=$SECONDS
  "$starter" m --image "$image" --mem 3072 || { fail "the image boots under $name"; done_testing; }
  if within "${CONFORMANCE_BOOT:-1200}" vm_settled "$m" "$ctl"; then
    pass "$name settles"
  else
    fail "$name settles" "$(vmctl sh "$m" "$ctl list-jobs" 2>&1 | head -n 20)"
  fi
  note "$name settled after $((SECONDS - before)) s"
  sleep 20
  vmctl sh "$m" -t 60 "$ctl list-units --all --plain --no-legend" | sed 's/^[^A-Za-z0-9-]* //' | awk '{print $1, $3, $4}' | sort >"$vm_work/units.$name"
  vmctl sh "$m" -t 120 /usr/lib/conformance/unit-probe >"$vm_work/probe.$name"
  awk '$2 == "failed" {print $1}' "$vm_work/units.$name" | while read -r unit; do
    echo "--- $unit"
    vmctl sh "$m" -t 30 "journalctl -q -b -n 15 -o cat -u $unit" 2>&1
  done >"$vm_work/failed.$name"
  [ -z "$kept" ] || { cp "$vm_work"/*."$name" "$kept"; vmctl sh "$m" -t 100 "journalctl -q -b -o short-monotonic" >"$kept/journal.$name"; }
  vmctl stop "$m"
}

if [ -n "$theirs" ]; then
  cp "$theirs"/*.systemd "$vm_work/" || skip_all "nothing of systemd's in $theirs"
else
  observe systemd vm_start_systemd systemctl
fi
observe ours vm_start sctl

python3 "$here/packages.py" "$here/packages-known.tsv" "$vm_work" >"$vm_work/verdict"
while IFS=$'\t' read -r verdict what detail; do
  case $verdict in
    ok) pass "$what" ;;
    no) fail "$what" "$detail" ;;
    *) note "$what${detail:+: $detail}" ;;
  esac
done <"$vm_work/verdict"
grep -vxFf <(grep '^---' "$vm_work/failed.systemd") "$vm_work/failed.ours" | while read -r line; do note "$line"; done
done_testing
