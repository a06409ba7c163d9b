#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our init as /init of an initramfs: it runs a small core there, leaves for the root on the disk, and what ran lives on.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's

image=$(vm_our_image) || skip_all "no build or package of our init"
in_guest() { vmctl sh "$m" -t 60 "$@"; }

# The initramfs: the harness's programs and modules, init, core with its libraries, and four units.
tree=$vm_work/tree
mkdir -p "$tree" "$tree"/{dev,proc,sys,run,root,tmp,var,etc/systemd/system,usr/bin,usr/lib/sysmaster}
(cd "$tree" && cpio --quiet -id <"$(readlink -f "${image%.ext4}.initrd")" && mv init guest-initrd)
DESTDIR=$vm_work/install cmake --install "${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}" --prefix /usr >"$vm_work/install.log" 2>&1 ||
  { fail "the build is installed" "$(tail -n 5 "$vm_work/install.log")"; done_testing; }
cp "$vm_work"/install/usr/lib/sysmaster/{core,core-exec} "$tree/usr/lib/sysmaster/"
cp "$vm_work/install/usr/bin/sctl" "$tree/usr/bin/"
cp "$vm_work/install/usr/lib/sysmaster/init" "$tree/init"
cp "$VM_BIN/idle" "$tree/idle"
ldd "$tree"/usr/lib/sysmaster/core "$tree"/usr/lib/sysmaster/core-exec "$tree"/usr/bin/sctl |
  awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\/lib/ {print $1}' | sort -u |
  while read -r library; do mkdir -p "$tree$(dirname "$library")" && cp -L "$library" "$tree$library"; done
unit() { printf '%s\n' "${@:2}" >"$tree/etc/systemd/system/$1"; }
unit guest.service '[Unit]' DefaultDependencies=no '[Service]' Type=oneshot RemainAfterExit=yes 'ExecStart=/guest-initrd --service'
unit survivor.service '[Unit]' DefaultDependencies=no '[Service]' ExecStart=/idle
unit switch.service '[Unit]' DefaultDependencies=no Requires=guest.service 'After=guest.service survivor.service' '[Service]' \
  Type=oneshot 'ExecStart=/usr/bin/sctl switch-root /root'
unit default.target '[Unit]' DefaultDependencies=no AllowIsolate=yes 'Requires=survivor.service switch.service'
(cd "$tree" && find . -mindepth 1 | sort | cpio --quiet -o -H newc -R 0:0) >"$vm_work/ours.cpio"
note "the initramfs has $(du -m "$vm_work/ours.cpio" | cut -f1) MB"

vm_start m --image "$image" --initrd "$vm_work/ours.cpio" --wait 300 || { fail "it boots from our initramfs"; done_testing; }
ok "it settles" within 300 vm_settled "$m" sctl
is "PID 1 is the root's init" "$(in_guest 'readlink /proc/1/exe')" /usr/lib/sysmaster/init
is "in the root of the disk" "$(in_guest 'stat -c %d:%i /proc/1/root/')" "$(in_guest 'stat -c %d:%i /')"
is "which is ext4" "$(in_guest "awk '\$2 == \"/\" {print \$3}' /proc/mounts | tail -n 1")" ext4
is "core is the root's" "$(in_guest 'readlink /proc/$(pgrep -P 1 -f "^core")/exe')" /usr/lib/sysmaster/core
ok "default.target of the root is active" vmctl exec "$m" -- sctl is-active default.target
ok "nginx answers" vmctl exec "$m" -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 && printf "GET / HTTP/1.0\r\n\r\n" >&3 && grep -q "200 OK" <&3'
ok "a service of the initramfs lives on" vmctl exec "$m" -- pgrep -P 1 -x idle
is "and core knows it" "$(in_guest 'sctl show -p ActiveState --value survivor.service')" active
in_guest 'kill $(pgrep -x idle)'
ok "and sees it end" within 20 in_guest '[ "$(sctl show -p ActiveState --value survivor.service)" != active ]'
is "the initramfs gave its memory back" "$(in_guest "awk '\$2 == \"/\" && \$3 == \"rootfs\"' /proc/mounts | wc -l")" 0
is "/dev, /proc, /sys and /run came along once each" "$(in_guest "cut -d' ' -f2 /proc/mounts | grep -cxE '/(dev|proc|sys|run)'")" 4
in_guest 'sctl poweroff' >/dev/null 2>&1
is "and it powers off" "$(vmctl wait "$m" -t 120)" guest-shutdown
done_testing
