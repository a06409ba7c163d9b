#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# show.sh - boots one image under systemd and under our init and compares what systemctl show says of every unit that is loaded in both, and of the
# manager. show-known.tsv names differences with reasons.
#
#   --keep DIR      leaves what was seen in DIR
#   --theirs DIR    takes systemd's half from what an earlier run left there
#   --compare DIR   boots nothing: both halves are there
# shellcheck source=../vm/lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

here=$vm_top/test/conformance
kept='' theirs='' from='' sides='systemd ours'
while [ $# -gt 0 ]; do
  case $1 in
    --keep) kept=$2; mkdir -p "$kept"; shift 2 ;;
    --theirs) theirs=$2 sides=ours; shift 2 ;;
    --compare) from=$2 sides=''; shift 2 ;;
    *) echo "usage: show.sh [--keep DIR] [--theirs DIR | --compare DIR]" >&2; exit 2 ;;
  esac
done

# observe SIDE STARTER CTL IMAGE: boots, waits until nothing is queued any more, and asks.
observe() {
  local side=$1 starter=$2 ctl=$3 image=$4 m=''
  "$starter" m --image "$image" || { fail "the image boots under $side"; done_testing; }
  ok "$side settles" within "${CONFORMANCE_BOOT:-300}" vm_settled "$m" "$ctl"
  vmctl sh "$m" -t 120 "systemctl show '*'" >"$vm_work/units.$side"
  vmctl sh "$m" -t 60 "systemctl show" >"$vm_work/manager.$side"
  [ -z "$kept" ] || cp "$vm_work"/*."$side" "$kept"
  vmctl stop "$m"
}

if [ -n "$sides" ]; then
  image=$(VM_IMAGE_NAME=show VM_IMAGE='' vm_our_image --include libpam-systemd,systemd-coredump,at) || skip_all "no image with our init"
  note "image: $image"
fi
for side in $sides; do
  case $side in systemd) observe systemd vm_start_systemd systemctl "$image" ;; *) observe ours vm_start sctl "$image" ;; esac
done
[ -z "$theirs" ] || cp "$theirs"/*.systemd "$vm_work"
python3 "$here/show.py" "$here/show-known.tsv" "${from:-$vm_work}" >"$vm_work/verdict" || fail "the halves can be compared"
while IFS=$'\t' read -r verdict what detail; do
  case $verdict in
    ok) pass "$what" ;;
    no) fail "$what" "$detail" ;;
    *) note "$what${detail:+: $detail}" ;;
  esac
done <"$vm_work/verdict"
done_testing
