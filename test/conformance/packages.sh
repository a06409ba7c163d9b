#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packages.sh - boots an image with the server packages of packages.list under systemd and under our init, part by part. Every unit that
# becomes active there has to become active here, with the same properties of its processes; packages-known.tsv names differences with reasons.
#
#   --parts "N..."  these parts of the list alone
#   --keep DIR      leaves what was seen, and the journals, in DIR
#   --theirs DIR    takes systemd's half from what an earlier run left there, or from one boot with all parts
#   --systemd       looks at systemd's half alone (with --keep)
#   --image FILE    boots this image of an earlier run (its log names it) instead of making one of the present build
#   --list FILE     the packages of another list; an empty one for what the base image has
# shellcheck source=../vm/lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

here=$vm_top/test/conformance
kept='' theirs='' list=$here/packages.list parts='' sides='systemd ours' image=''
while [ $# -gt 0 ]; do
  case $1 in
    --keep) kept=$2; mkdir -p "$kept"; shift 2 ;;
    --theirs) theirs=$2; shift 2 ;;
    --list) list=$2; shift 2 ;;
    --parts) parts=$2; shift 2 ;;
    --image) image=$2; shift 2 ;;
    --systemd) sides=systemd; shift ;;
    *) echo "usage: packages.sh [--parts LIST] [--keep DIR] [--theirs DIR | --systemd] [--image FILE] [--list FILE]" >&2; exit 2 ;;
  esac
done
[ -z "$theirs" ] || sides=ours
packages=$(awk '!/^#/ && NF {print $1}' "$list" | paste -sd,)
parts=${parts:-$(awk '!/^#/ && $2 > 0 {print $2}' "$list" | sort -nu | paste -sd' ')}
[ -n "$image" ] || image=$(VM_IMAGE_NAME=packages VM_IMAGE='' vm_our_image ${packages:+--include "$packages"} --size 6144 --copy "$VM_BIN/unit-probe:/usr/lib/conformance/unit-probe" \
  --copy "$here/guest/packages-setup.sh:/usr/lib/conformance/packages-setup.sh" \
  --copy "$list:/usr/lib/conformance/packages.list" --copy "$here/guest/packages-part.sh:/etc/systemd/system-generators/packages-part" \
  --copy "$here/guest/packages-setup.service:/etc/systemd/system/packages-setup.service" \
  --copy "$here/guest/packages-system.conf:/etc/systemd/system.conf.d/conformance.conf" \
  --copy "$here/guest/packages-setup.conf:/etc/systemd/system/basic.target.d/packages-setup.conf") || skip_all "no image with the packages"
note "image: $image"

# observe SIDE STARTER CTL PART: boots, waits until nothing is queued any more, and notes active and failed units and what their processes are.
observe() {
  local side=$1 starter=$2 ctl=$3 part=$4 m='' before=$SECONDS to=$vm_work/$4
  mkdir -p "$to"
  "$starter" m --image "$image" --mem 3072 --append "conformance.part=$part" || { fail "part $part: the image boots under $side"; done_testing; }
  if within "${CONFORMANCE_BOOT:-900}" vm_settled "$m" "$ctl"; then
    pass "part $part: $side settles"
  else
    fail "part $part: $side settles" "$(vmctl sh "$m" -t 60 "$ctl list-jobs; ps -eo time,stat,wchan:20,args --sort=-time | head -n 15" 2>&1 | cut -c1-160)"
    [ "$side" != ours ] || note "$(vmctl sh "$m" -t 120 "sctl list-jobs --plain --no-legend | awk '\$4 == \"running\" {print \$2}' | xargs -rn1 sctl why" 2>&1 | cut -c1-160)"
  fi
  note "part $part: $side took $((SECONDS - before)) s"
  # What was started last is given time to become what it will be: to give up privileges, to fork.
  sleep "${CONFORMANCE_REST:-20}"
  vmctl sh "$m" -t 60 "$ctl list-units --all --plain --no-legend" | sed 's/^[^A-Za-z0-9-]* //' | awk '{print $1, $3, $4}' | sort >"$to/units.$side"
  vmctl sh "$m" -t 60 "ls /run/systemd/generator.early" >"$to/masked.$side"
  vmctl sh "$m" -t 60 "findmnt -rno TARGET" >"$to/mounts.$side"
  vmctl sh "$m" -t 120 /usr/lib/conformance/unit-probe >"$to/probe.$side"
  awk '$2 == "failed" {print $1}' "$to/units.$side" | while read -r unit; do
    echo "--- $unit"
    vmctl sh "$m" -t 30 "journalctl -q -b -n 15 -o cat -u $unit" 2>&1
  done >"$to/failed.$side"
  if [ -n "$kept" ]; then
    vmctl sh "$m" -t 100 "journalctl -q -b -o short-monotonic" >"$to/journal.$side"
    mkdir -p "$kept/$part"
    cp "$to"/*."$side" "$kept/$part"
  fi
  vmctl stop "$m"
}

compare() {
  local part=$1 verdict what detail
  python3 "$here/packages.py" "$here/packages-known.tsv" "$vm_work/$part" >"$vm_work/verdict"
  while IFS=$'\t' read -r verdict what detail; do
    case $verdict in
      ok) pass "part $part: $what" ;;
      no) fail "part $part: $what" "$detail" ;;
      *) note "part $part: $what${detail:+: $detail}" ;;
    esac
  done <"$vm_work/verdict"
  grep -vxFf <(grep '^---' "$vm_work/$part/failed.systemd") "$vm_work/$part/failed.ours" | while read -r line; do note "$line"; done
}

for part in ${parts:-0}; do
  for side in $sides; do
    case $side in systemd) observe systemd vm_start_systemd systemctl "$part" ;; *) observe ours vm_start sctl "$part" ;; esac
  done
  [ -z "$theirs" ] || cp "$theirs/$part"/*.systemd "$vm_work/$part/" 2>/dev/null || cp "$theirs"/*.systemd "$vm_work/$part/" || fail "part $part: nothing of systemd's in $theirs"
  [ "$sides" = systemd ] || compare "$part"
done
done_testing
