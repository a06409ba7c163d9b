#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# systemd's own integration suites (TEST-NN of Debian's package systemd-tests), unmodified, under our init: systemctl, systemd-run and
# systemd-analyze of the guest are ours. A suite passes if it leaves /testok and no /failed, and its service ended well.
#
#   testsuite.sh [NN...]       these suites; without any: those of the list below
#   CONFORMANCE_QUICK=1        those that pass and are done in seconds, for ctest
#
# shellcheck disable=SC2154,SC2016  # lib.sh sets vm_work and its like; variables of the guest
source "$(dirname "$0")/../vm/lib.sh"
m='' # vm_start's
# SUITE:SECONDS[:quick|:reboot]; without a time the suite was looked at and needs what is not here (docs/conformance.md)
suites="39:60 40:90:quick 27:60:quick 33:60 41:120:quick 59:90:quick 10:90 11:60:quick 12:60 48:60 51:60:quick
47:60:quick 07:60 53:60:quick 03:180 57:120 68:120 56:90 42:150 16:420 34:240 54:120 05:60 19:90 26:240 20:120 09:60:quick 15:600 23:60 38:60 63:120 30:60
52:90:reboot 18:180:reboot"

cache=${VM_CACHE:-$vm_top/build/cache}/conformance
mirror_packages="systemd-tests systemd systemd-container libpam-systemd netcat-openbsd libbsd0 libmd0"
data=usr/lib/systemd/tests/testdata

# Packages from the archive, unpacked; nothing of them is kept in the tree of the sources.
fetch() {
  mkdir -p "$cache" || return 1
  local p
  for p in $mirror_packages; do
    [ -d "$cache/$p" ] && continue
    (cd "$cache" && apt-get -q download "$p" >/dev/null 2>&1 && dpkg -x "$p"_*.deb "$p.new" && mv "$p.new" "$p") || return 1
  done
}

# The tree that lies over the image.
overlay() {
  local tree=$vm_work/overlay name
  mkdir -p "$tree/$data" "$tree/usr/lib/systemd/system" "$tree/usr/bin" "$tree/usr/lib/x86_64-linux-gnu"
  # A unit with a bus name that one suite starts.
  mkdir -p "$tree/usr/share/dbus-1/system.d" "$tree/usr/share/dbus-1/system-services"
  cp -a "$cache"/systemd-container/lib/systemd/system/*import1.service "$cache"/systemd-container/lib/systemd/system/systemd-importd.service "$tree/usr/lib/systemd/system/"
  cp -a "$cache/systemd-container/lib/systemd/systemd-importd" "$tree/usr/lib/systemd/"
  cp -a "$cache"/systemd-container/usr/share/dbus-1/system.d/*import1* "$tree/usr/share/dbus-1/system.d/"
  cp -a "$cache"/systemd-container/usr/share/dbus-1/system-services/*import1* "$tree/usr/share/dbus-1/system-services/"
  cp -a "$cache/systemd-tests/$data/." "$tree/$data/"
  cp -a "$cache/systemd-tests/$data"/units/testsuite-*.service "$cache/systemd-tests/$data/units/testsuite.target" "$tree/usr/lib/systemd/system/"
  for name in systemctl systemd-run systemd-analyze; do
    cp -a "$(find "$cache/systemd" -path "*bin/$name" | head -n 1)" "$tree/usr/bin/$name.distrib"
    ln -s sctl "$tree/usr/bin/$name"
  done
  cp -a "$(find "$cache/netcat-openbsd" -name nc.openbsd)" "$tree/usr/bin/nc"
  cp -a "$cache"/lib*/usr/lib/x86_64-linux-gnu/lib*.so.* "$tree/usr/lib/x86_64-linux-gnu/"
  # user@UID.service: sessions, as Debian's own installations have them.
  mkdir -p "$tree/usr/lib/x86_64-linux-gnu/security"
  cp -a "$(find "$cache/libpam-systemd" -name pam_systemd.so)" "$tree/usr/lib/x86_64-linux-gnu/security/"
  echo "$tree"
}

fetch || skip_all "the archive's packages cannot be had: $mirror_packages"
image=$(vm_our_image --tree "$(overlay)") || skip_all "no build or package of our init"

# guest [OPTION...]: a guest, if none is there.
guest() {
  [ -z "$m" ] || return 0
  # The credentials are what TEST-54's own script for QEMU passes.
  vm_start m --image "$image" "$@" --append 'systemd.set_credential=kernelcmdlinecred:uff systemd.set_credential=sysctl.extra:kernel.domainname=sysctltest' \
    --smbios type=11,value=io.systemd.credential:smbioscredential=magicdata \
    --smbios type=11,value=io.systemd.credential.binary:binarysmbioscredential=bWFnaWNiaW5hcnlkYXRh \
    --smbios "type=11,value=io.systemd.credential.binary:sysusers.extra=$(printf 'u credtestuser\n' | base64)" \
    --smbios "type=11,value=io.systemd.credential.binary:tmpfiles.extra=$(printf 'f /tmp/sourcedfromcredential - - - - tmpfilessecret' | base64 -w 0)" \
    --smbios type=11,value=io.systemd.credential:login.motd=hello,value=io.systemd.credential:login.issue=welcome \
    --qemu-arg -fw_cfg --qemu-arg name=opt/io.systemd.credentials/myqemucredential,string=othervalue || return 1
  within "${CONFORMANCE_BOOT:-240}" vm_settled "$m" sctl || return 1
  vmctl sh "$m" 'id testuser >/dev/null 2>&1 || useradd -u 4711 -m testuser' >/dev/null 2>&1
}
end_guest() { [ -z "$m" ] || vmctl stop "$m"; m=''; }

verdict() {
  vmctl sh "$m" -t 20 'echo "$([ -e /testok ] && echo testok || echo no-testok) $([ -s /failed ] && echo failed) $(sctl show -P Result testsuite-'"$1"'.service)"' 2>&1
}
# What it said last, and what other units said that failed.
why() {
  vmctl sh "$m" -t 60 "journalctl -b -u testsuite-$1.service -o cat --no-pager 2>/dev/null | tail -n ${CONFORMANCE_LINES:-12}
    [ ! -s /test.log ] || tail -n 20 /test.log
    for unit in \$(sctl --failed --plain --no-legend | sed 's/^[^A-Za-z0-9-]* //' | awk '{print \$1}'); do echo \"--- \$unit\"; journalctl -b -u \$unit -o cat --no-pager | tail -n 25; done; sctl --version" 2>&1
}

# Lines of a suite that ask for what its own comment calls a bug: SUITE:PATTERN. With such a line taken out it is another suite, and is told as that.
bugs=(
  # A transient unit's settings and drop-ins, each twice.
  '15:test "$data" = "man:drop1 man:drop2 man:drop3 man:drop4 man:drop5 '
)
without_bug() {
  local row suite=/$data/units/testsuite-$1.sh
  for row in "${bugs[@]}"; do
    [ "${row%%:*}" = "$1" ] || continue
    vmctl sh "$m" -t 30 "grep -q '${row#*:}' $suite && sed -i '/${row#*:}/s/.*/:/' $suite" >/dev/null 2>&1 || continue
    echo " without the line that asks for a bug"
  done
}

run_suite() {
  local n=$1 seconds=$2 v less
  guest || { fail "TEST-$n: a guest boots"; end_guest; return; }
  less=$(without_bug "$n")
  vmctl sh "$m" -t 30 "rm -f /testok /failed /firstphase; cp -a /$data/testsuite-$n.units/. /run/systemd/system/ 2>/dev/null; sctl daemon-reload" >/dev/null 2>&1
  vmctl sh "$m" -t "$seconds" "sctl start testsuite-$n.service" >/dev/null 2>&1
  v=$(verdict "$n")
  if [[ $v == testok\ *success && $v != *failed* ]]; then
    pass "TEST-$n$less"
  else
    fail "TEST-$n$less" "$v
$(why "$n")"
    # What it left running must not disturb the next one.
    end_guest
  fi
}

# What a machine that is off left in /testok.
disk_testok() {
  qemu-img convert -O raw "$1" "$1.raw" && debugfs -R 'cat /testok' "$1.raw" 2>/dev/null
  rm -f "$1.raw"
}

# A suite that reboots the machine is over when it is, and powered off.
run_reboot() {
  local n=$1 seconds=$2 disk=$vm_work/disk-$1.qcow2
  end_guest
  guest --overlay "$disk" || { fail "TEST-$n: a guest boots"; end_guest; return; }
  case $n in
    52) vmctl sh "$m" -t 60 "rm -f /testok; cp -a /$data/testsuite-52.units/. /run/systemd/system/; sctl daemon-reload; sctl start testsuite-52.service" >/dev/null 2>&1
        ok "TEST-52: it starts" vmctl sh "$m" 'test -e /testok'
        # The service's FailureAction=reboot must not win over the power-off that is under way.
        vmctl sh "$m" 'sctl poweroff' >/dev/null 2>&1
        is "TEST-52" "$(vmctl wait "$m" -t "$seconds")" guest-shutdown ;;
    18) vmctl sh "$m" "rm -f /testok /firstphase; sctl enable testsuite-18.service; mkdir -p /etc/systemd/system/multi-user.target.wants; ln -sf /usr/lib/systemd/system/testsuite-18.service /etc/systemd/system/multi-user.target.wants/; sync; sctl start --no-block testsuite-18.service" >/dev/null 2>&1
        is "TEST-18" "$(vmctl wait "$m" -t "$seconds") $(disk_testok "$disk")" "guest-shutdown OK" ;;
  esac
  m=''
}

[ $# -eq 0 ] || { wanted=" $* "; }
for suite in $suites; do
  IFS=: read -r n seconds kind <<<"$suite"
  [ -z "${wanted:-}" ] || [[ $wanted == *" $n "* ]] || continue
  [ -z "${CONFORMANCE_QUICK:-}" ] || [ "$kind" = quick ] || continue
  # Times are those of a machine with nothing else to do.
  seconds=$((seconds * ${CONFORMANCE_PATIENCE:-3}))
  if [ "$kind" = reboot ]; then run_reboot "$n" "$seconds"; else run_suite "$n" "$seconds"; fi
done
done_testing
