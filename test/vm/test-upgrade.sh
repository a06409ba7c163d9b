#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Upgrades of a whole machine by real bundles: the ones that cannot be (truncated, wrong key, other machine, full disk, a core
# that does not live) change nothing and say why, a loss of power at each step leaves a whole version, and one that is good is
# committed and can be taken back. No service gets another process.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's
build=${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}
find_program() { find "$build" -name "$1" -type f -executable | head -n 1; }
fleetctl=$(find_program fleetctl) core_later=$(find_program core-later) init_later=$(find_program init-later)
[ -x "$fleetctl" ] && [ -x "$core_later" ] && [ -x "$init_later" ] || skip_all "fleetctl and the later version are not built"

# ---- bundles ----

DESTDIR=$vm_work/stage cmake --install "$build" --prefix /usr >/dev/null || skip_all "the build is not whole"
keys() { "$fleetctl" bundle keygen --out "$vm_work/$1" >/dev/null; }
# bundle NAME VERSION KEY CORE [OPTION...]: today's agents with the later init, and a core.
bundle() {
  local name=$1 version=$2 key=$3 core=$4 files=$vm_work/files-$1
  shift 4
  cp -a "$vm_work/stage/usr/lib/sysmaster" "$files" && cp "$core" "$files/core" && cp "$init_later" "$files/init" &&
    strip "$files"/* 2>/dev/null
  "$fleetctl" bundle create --version "$version" --dir "$files" --key "$vm_work/$key" --out "$vm_work/bundles/$name.bundle" "$@" >/dev/null
  rm -rf "$files"
}
mkdir "$vm_work/bundles"
keys good && keys bad || skip_all "fleetctl makes no keys"
bundle later later good "$core_later" || { fail "bundles are made"; done_testing; }
bundle broken broken good /bin/true
bundle wrongkey wrongkey bad "$core_later"
bundle otherarch otherarch good "$core_later" --arch sparc
head -c 1000000 "$vm_work/bundles/later.bundle" >"$vm_work/bundles/cut.bundle"
cp "$vm_work/bundles/later.bundle.minisig" "$vm_work/bundles/cut.bundle.minisig"
printf '[Upgrade]\nGateSec=2\n' >"$vm_work/upgrade.conf"
image=$(VM_IMAGE_NAME=upgrade-test vm_our_image --copy "$vm_work/good.pub:/etc/sysmaster/keys/good.pub" \
  --copy "$vm_work/upgrade.conf:/etc/sysmaster/upgrade.conf" --copy "$vm_work/bundles:/srv/bundles") || skip_all "no build of our init"

guest() { vmctl sh "$m" -t "${limit:-120}" "$1"; }
versions_run() { guest "sctl show -p version,init_version --value" | sort -u | paste -sd' '; }
status() { guest "sctl versions --json" | jq -r "$1"; }
# Every service with its main process; what belongs to upgrades comes and goes.
services() { guest 'sctl list-units --json -t service --state=active' | jq -r '.[] | select(.main_pid) | "\(.id) \(.main_pid)"' | grep -v '^sysmaster-' | sort; }
# Nothing but whole versions, links and the state.
leftovers() { guest 'ls -A /var/lib/sysmaster/versions 2>/dev/null | grep "^\."'; }

# One processor: with two, the emulated ones wait for each other long enough that the kernel calls it a lock-up. And an emulated second
# is not one: a core that is late to be ready would be put aside as bad.
boot() { vm_start m --image "$image" --overlay "$vm_work/disk.qcow2" --smp 1 --append sysmaster.ready-usec=60000000; }
boot || { fail "the image boots"; done_testing; }
ok "it settles" within 600 vm_settled "$m" sctl
old=$(versions_run)
before=$(services)
[ -n "$before" ] || fail "services run"

# ---- what cannot be ----

# refused NAME WORD STEP: the upgrade by this bundle fails in this step, the reason has this word, nothing changes.
refused() {
  local output
  output=$(limit=120 guest "sctl upgrade /srv/bundles/$1.bundle" 2>&1)
  like "$1: the reason" "$output" "$3: .*$2"
  is "$1: the version" "$(versions_run)" "$old"
  is "$1: services" "$(services)" "$before"
  is "$1: nothing is left over" "$(leftovers)" ""
}
refused cut "" verifying
refused wrongkey "" verifying
refused otherarch sparc verifying
guest 'fallocate -l $(($(stat -f -c "%a * %S" /) - 3000000)) /srv/filler || dd if=/dev/zero of=/srv/filler bs=1M; sync' >/dev/null 2>&1
refused later "" staging
guest 'rm /srv/filler; sync'
refused broken "" '(activating|gating)'
like "a version that failed is remembered" "$(guest 'sctl upgrade /srv/bundles/broken.bundle' 2>&1)" 'was tried before and is bad'

# ---- the power fails ----

upgrade_is_settled() { [[ $(status .phase) =~ ^(idle|committed|rolled-back|failed)$ ]]; }
# power_cut: QEMU ends without a word to the guest, and what the guest had not written is gone; then it boots from its disk.
power_cut() {
  vmctl qmp "$m" quit >/dev/null 2>&1
  vmctl stop "$m" >/dev/null 2>&1
  boot && within 600 vm_settled "$m" sctl
}
# cut_at STEP: begins the upgrade, and cuts the power as soon as the step is reported.
cut_at() {
  vmctl exec "$m" -t 90 -- sh -c "sctl upgrade /srv/bundles/later.bundle >/run/upgrade.log 2>&1 & until grep -q '^$1' /run/upgrade.log; do sleep 0.01; done"
  ok "$1: it boots again" power_cut
}
for step in verifying staging init core agents gate; do
  cut_at "$step"
  is "$step: a whole version runs" "$(versions_run)" "$old"
  is "$step: core lives" "$(guest 'sctl show -p core_restarts --value')" 0
  like "$step: it says what happened" "$(within 20 upgrade_is_settled; status '.phase + ": " + (.reason // "")')" \
    '^(idle|rolled-back: (activating|gating): the machine was rebooted|failed: (verifying|staging): )'
  is "$step: nothing is left over" "$(leftovers)" ""
done

# ---- and what can ----

before=$(services)
limit=120 guest 'sctl upgrade /srv/bundles/later.bundle' >"$vm_work/upgrade.log" 2>&1 || note "$(cat "$vm_work/upgrade.log")"
is "committed" "$(status .phase)" committed
is "the later version runs" "$(versions_run)" later
is "no service got another process" "$(services)" "$before"
ok "power fails after the commit: it boots again" power_cut
within 30 eval '[ "$(versions_run)" = later ]'
is "and the later version runs" "$(versions_run)" later
before=$(services)
limit=120 guest 'sctl rollback' >"$vm_work/upgrade.log" 2>&1 || note "$(cat "$vm_work/upgrade.log")"
is "taken back" "$(versions_run)" "$old"
is "no service got another process by that" "$(services)" "$before"
is "no crash was reported but of the broken core" "$(guest 'sctl crashes --json' | jq -r '[.[] | select(.version != "broken" and (.summary | test("rollback") | not))] | length')" 0
done_testing
