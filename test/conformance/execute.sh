#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# execute.sh [--under systemd] [UNIT...] - starts the units of test-execute, from Debian's package systemd-tests, under our
# core in a VM and compares how each ends with execute.tsv. With --under systemd: the same under systemd, which checks the table.
# shellcheck source=../vm/lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

here=$vm_top/test/conformance
starter=vm_start ctl=sctl
wrapper=(--init /usr/lib/conformance/init-with-variables.sh)
if [ "${1:-}" = --under ] && [ "${2:-}" = systemd ]; then
  starter=vm_start_systemd ctl=systemctl
  wrapper+=(--append CONFORMANCE_INIT=/lib/systemd/systemd)
  shift 2
fi
wanted=("$@")
bar=130

table=$vm_work/execute.tsv
if [ ${#wanted[@]} -gt 0 ]; then
  awk -F '\t' -v w=" ${wanted[*]} " 'index(w, " " $1 " ")' "$here/execute.tsv" >"$table"
  [ -s "$table" ] || { echo "no such unit in execute.tsv" >&2; exit 2; }
else
  cp "$here/execute.tsv" "$table"
fi

image=$(VM_IMAGE_NAME=conformance VM_IMAGE='' vm_our_image --include libcap2-bin,python3,systemd-tests \
  --copy "$here/guest:/usr/lib/conformance") || skip_all "no image with systemd-tests"

# run BOOT OPTION...: one guest, and its rows into $vm_work/BOOT. What a failed unit said is kept beside them.
run() {
  local boot=$1 m='' unit
  shift
  awk -F '\t' -v b="$boot" '!/^#/ && $2 == b && $7 == "" {n++} END {exit !n}' "$table" || return 0
  "$starter" m --image "$image" --smp 3 "$@" || { fail "a guest for $boot boots"; return; }
  within 120 vm_settled "$m" "$ctl" || note "$boot: the guest has not settled: $(vmctl exec "$m" -- "$ctl" is-system-running 2>&1)"
  vmctl put "$m" "$table" /tmp/table
  vmctl sh "$m" -t 900 "CTL=$ctl bash /usr/lib/conformance/execute.sh /tmp/table $boot" >"$vm_work/$boot" 2>"$vm_work/$boot.err" ||
    note "$boot: $(tail -n 3 "$vm_work/$boot.err")"
  judge "$boot"
  for unit in "${failed[@]:0:20}"; do
    note "--- $unit"
    note "$(vmctl sh "$m" "journalctl -q -b -n 25 -o cat -u $unit.service" 2>&1)"
  done
  vmctl stop "$m"
}

passed=0 total=0 skipped=0 failures=() failed=()
# judge BOOT: compares its rows with the table's, both in the order of the table.
judge() {
  local boot=$1 unit result code status fixture reason in got_unit got_result got_code got_status got_state what
  failed=()
  exec 5<"$vm_work/$boot"
  while IFS=$'\t' read -r unit in result code status fixture reason; do
    [[ $unit != '#'* && $in == "$boot" && -z $reason ]] || continue
    what="$unit${fixture:+ }${fixture#-}"
    total=$((total + 1))
    IFS=$'\t' read -r got_unit got_result got_code got_status got_state <&5 || got_unit='' got_result='' got_code='' got_status='' got_state=''
    # A core dump is as good an end by a signal as one without.
    [ "$got_result" != core-dump ] || got_result=signal
    [ "$got_code" != dumped ] || got_code=killed
    [ "$code" != - ] || got_status=-
    if [ "$unit $result $code $status" = "$got_unit $got_result $got_code $got_status" ] && state_fits "$result" "$got_state"; then
      pass "$what"
      passed=$((passed + 1))
    else
      fail "$what" "wanted $result $code $status, got $got_result $got_code $got_status, $got_state"
      failed+=("$unit") failures+=("$unit")
    fi
  done <"$table"
  exec 5<&-
}

# Only what ended well, or was skipped by its condition, is not failed. (It may run on with RemainAfterExit=.)
state_fits() {
  case $1 in
    success | exec-condition) [ "$2" = inactive ] || [ "$2" = active ] ;;
    *) [ "$2" = failed ] ;;
  esac
}

run plain
run variables "${wrapper[@]}"
skipped=$(awk -F '\t' '!/^#/ && $7 != ""' "$table" | wc -l)
note "test-execute: $passed of $total passed, $skipped are not for this machine"
[ ${#failures[@]} -eq 0 ] || note "failed: ${failures[*]}"
if [ ${#wanted[@]} -eq 0 ]; then
  [ "$passed" -ge "$bar" ] && pass "at least $bar pass" || fail "at least $bar pass"
fi
done_testing
