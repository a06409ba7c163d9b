# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what the VM tests share: TAP output, machines that end with the test, waits with deadlines.
#
#   source "$(dirname "$0")/lib.sh"
#   image=$(vm_image plain)                     an image of image.sh, made if need be
#   m=; vm_start m --image "$image" ...         a machine; its name is $m, and it ends with this test
#   ok "it answers" vmctl exec "$m" -- true     a check: the command's status
#   is "its name" "$(...)" "plain"              a check: two strings
#   like "its log" "$(...)" 'REGEX'             a check: a pattern
#   within 30 CMD...                            repeats CMD until it is true, at most so many seconds
#   done_testing                                last line: prints the plan, sets the exit status
#
# VM_BIN is where the harness's programs were built (ctest sets it). Exit status 77 is a skip.
set -u

vm_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_top=$(cd "$vm_here/../.." && pwd)
vm_test=$(basename "$0" .sh)
vm_machines=()
vm_checks=0 vm_failures=0
vm_work=

skip_all() { echo "1..0 # SKIP $*"; exit 77; }
note() { echo "# ${*//$'\n'/$'\n# '}"; }

if [ -z "${VM_BIN:-}" ]; then
  # Of several builds the one that was worked in last, which its log tells: the harness's own programs may be older than that.
  # shellcheck disable=SC2012
  VM_BIN=$(ls -1td "$vm_top"/build/*/.ninja_log 2>/dev/null | while read -r log; do
    [ ! -x "${log%/*}/test/vm/vmctl" ] || echo "${log%/*}/test/vm"
  done | head -n 1)
fi
[ -x "${VM_BIN:-}/vmctl" ] || skip_all "the harness is not built (target vm-tools)"
export VM_BIN PATH="$VM_BIN:$PATH"
[ "$(id -u)" = 0 ] || skip_all "needs root to make images"
for vm_tool in qemu-system-x86_64 mmdebstrap mkfs.ext4 cpio socat; do
  command -v "$vm_tool" >/dev/null || skip_all "this machine has no $vm_tool"
done

vm_cleanup() {
  local status=$? machine
  trap - EXIT
  for machine in "${vm_machines[@]}"; do
    if [ "$vm_failures" -gt 0 ] || [ "$status" -ne 0 ]; then
      echo "# --- console of $machine"
      vmctl console "$machine" 2>/dev/null | tail -n 40 | sed 's/^/# /'
    fi
    vmctl stop "$machine" || status=1
    rm -rf "${VM_DIR:-$vm_top/build/vm}/$machine"
  done
  [ -z "$vm_work" ] || rm -rf "$vm_work"
  exit "$status"
}
trap vm_cleanup EXIT
trap 'exit 1' INT TERM HUP

# A folder of this test's own; gone at its end.
vm_work=$(mktemp -d "${TMPDIR:-/tmp}/$vm_test.XXXXXX") || exit 1

vm_image() { "$vm_here/image.sh" "$@"; }

# vm_our_image [OPTION...]: an image with our init: $VM_IMAGE's own if it is set, else of the newest of the package in
# build/package and the build in $VM_BUILD. Options of image.sh are added. Fails when there is neither.
vm_our_image() {
  local deb build=${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}
  if [ -n "${VM_IMAGE:-}" ] && [ $# -eq 0 ]; then
    echo "$VM_IMAGE"
    return
  fi
  # shellcheck disable=SC2012
  deb=$(ls -1t "$vm_top"/build/package/sysmaster_*.deb 2>/dev/null | head -n 1)
  if vm_build_is_whole "$build" && { [ -z "$deb" ] || [ "$build/init/init" -nt "$deb" ]; }; then
    vm_image "${VM_IMAGE_NAME:-sysmaster-build}" --install "$build" "$@"
  elif [ -n "$deb" ]; then
    vm_image "${VM_IMAGE_NAME:-sysmaster}" --deb "$deb" "$@"
  else
    return 1
  fi
}

# Every program that this build would install is there, and none needs a sanitizer's library, which the image lacks.
vm_build_is_whole() {
  [ -x "$1/init/init" ] && ! grep -qs '^SANITIZE:[^=]*=.' "$1/CMakeCache.txt" || return 1
  DESTDIR=$vm_work/whole cmake --install "$1" --prefix /usr >/dev/null 2>&1 || return 1
  [ -e "$vm_work/whole/usr/lib/sysmaster/core" ] && [ -L "$vm_work/whole/sbin/init" ]
}

# vm_start_systemd VARIABLE OPTION...: as vm_start, under systemd, with our own units out of its way.
vm_start_systemd() {
  local variable=$1 unit masks=''
  shift
  for unit in "$vm_top"/units/*.*; do
    case $unit in *.service | *.socket | *.timer | *.path | *.target) masks+=" systemd.mask=$(basename "$unit")" ;; esac
  done
  vm_start "$variable" --init /lib/systemd/systemd --append "$masks" "$@"
}

vm_path() { echo "${VM_DIR:-$vm_top/build/vm}/$1"; }

# vm_start VARIABLE OPTION...: starts a machine and puts its name into the variable.
vm_start() {
  local -n vm_name=$1
  vm_name=$vm_test.$1.$$
  shift
  vm_machines+=("$vm_name")
  vmctl start "$vm_name" --owner $$ --lifetime 1800 "$@"
}

pass() { vm_checks=$((vm_checks + 1)); echo "ok $vm_checks - $1"; }
fail() {
  vm_checks=$((vm_checks + 1)) vm_failures=$((vm_failures + 1))
  echo "not ok $vm_checks - $1"
  shift
  [ $# -eq 0 ] || note "$*"
}

ok() {
  local what=$1 output status
  shift
  output=$("$@" 2>&1)
  status=$?
  if [ $status -eq 0 ]; then pass "$what"; else fail "$what" "$* gave $status: $output"; fi
}

is() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got '$2', wanted '$3'"; fi; }
like() { if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" "got '$2', wanted /$3/"; fi; }

within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.3
  done
}

# vm_settled NAME: systemctl (or our like of it) has finished booting, well or not.
vm_settled() { vmctl sh "$1" -t 20 "${2:-systemctl} is-system-running" 2>/dev/null | grep -Eq '^(running|degraded)$'; }

done_testing() {
  echo "1..$vm_checks"
  [ "$vm_failures" -eq 0 ] || echo "# $vm_failures of $vm_checks failed"
  [ "$vm_failures" -eq 0 ] && [ "$vm_checks" -gt 0 ]
  exit
}
