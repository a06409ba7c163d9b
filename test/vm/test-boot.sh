#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots stock Debian under our init and compares what came up with systemd's boot of the same image.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' reference='' # vm_start's

image=$(vm_our_image) || skip_all "no build or package of our init"
debugfs -R 'stat /usr/sbin/init' "$image" 2>/dev/null | grep -q 'Fast link dest: "/usr/lib/sysmaster/init"' ||
  skip_all "/sbin/init of the image is not ours"

daemons="sshd nginx cron dbus-daemon systemd-journal systemd-udevd systemd-logind"
failed_units() { vmctl sh "$1" "$2 list-units --failed --plain --no-legend" 2>/dev/null | sed 's/^[^a-z]* //' | awk '{print $1}' | sort; }
# Names of running processes, without kernel threads and what comes and goes.
processes() { vmctl sh "$1" "ps -eo ppid=,comm= | awk '\$1 != 2 && \$2 !~ /^(ps|awk|sh|kthreadd|vm-agent)\$/ {print \$2}'" | sort -u; }
console_complaints() { vmctl console "$1" | grep -aiE 'panic|segfault|oops|BUG:|assert|error|fail|cannot|rescue' | sed 's/^\[[ 0-9.]*\] //' | sort -u; }

vm_start_systemd reference --image "$image" || { fail "the image boots under systemd"; done_testing; }
ok "the image boots under systemd" within 90 vm_settled "$reference"
failed_units "$reference" systemctl >"$vm_work/failed.systemd"
processes "$reference" >"$vm_work/processes.systemd"
console_complaints "$reference" >"$vm_work/console.systemd"
vmctl stop "$reference"

vm_start m --image "$image" || { fail "the image boots under our init"; done_testing; }
is "PID 1 is ours" "$(vmctl exec "$m" -- readlink /proc/1/exe)" /usr/lib/sysmaster/init
before=$SECONDS
ok "it settles in a minute" within 60 vm_settled "$m" sctl
note "settled after $((SECONDS - before)) s: $(vmctl exec "$m" -- sctl is-system-running 2>&1)"
is "core lived through it" "$(vmctl exec "$m" -- sctl show -p core_restarts --value)" 0
ok "default.target is active" vmctl exec "$m" -- sctl is-active default.target
# The default target's chain may end in a device that came last; that of basic.target always has the same head.
chain=$(vmctl sh "$m" 'sctl analyze critical-chain && sctl analyze critical-chain basic.target' 2>&1)
like "it says what the boot waited for" "$chain" 'graphical.target @.*multi-user.target @.*basic.target @.*sysinit.target @'
note "$chain"
# Only metadata lets sshd be earlier (vm.metadata), and there is none here.
is "sshd waits for basic.target and the network" "$(vmctl sh "$m" 'a() { sctl show --value -p "$2" "$1"; }
  s=$(a ssh.service InactiveExitTimestampMonotonic); b=$(a basic.target ActiveEnterTimestampMonotonic); n=$(a network.target ActiveEnterTimestampMonotonic)
  [ $b -gt 0 ] && [ $n -gt 0 ] && [ $b -le $s ] && [ $n -le $s ] && echo yes || echo "$s $b $n"')" yes
failed_units "$m" sctl >"$vm_work/failed.ours"
is "no unit failed that is well under systemd" "$(comm -13 "$vm_work/failed.systemd" "$vm_work/failed.ours" | paste -sd' ')" ""
for comm in $daemons; do
  ok "$comm runs" vmctl exec "$m" -- pgrep -x "$comm"
done
processes "$m" >"$vm_work/processes.ours"
note "processes only under systemd: $(comm -23 "$vm_work/processes.systemd" "$vm_work/processes.ours" | paste -sd' ')"
note "processes only under ours: $(comm -13 "$vm_work/processes.systemd" "$vm_work/processes.ours" | paste -sd' ')"
ok "nginx answers" vmctl exec "$m" -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; grep -q "200 OK" <&3'
ok "D-Bus answers" vmctl exec "$m" -- dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames
# systemd's own clients, over D-Bus, to our core.
like "systemctl asks our facade" "$(vmctl exec "$m" -- busctl --no-legend list 2>&1)" 'org\.freedesktop\.systemd1 +[0-9]+ sysmaster-dbus'
is "systemctl is-active" "$(vmctl exec "$m" -- systemctl is-active nginx.service)" active
is "systemctl restart" "$(vmctl sh "$m" 'systemctl restart nginx.service && systemctl is-active nginx.service')" active
is "as many units for systemctl as for sctl" "$(vmctl sh "$m" 'systemctl list-units --all --no-legend --plain | wc -l')" \
  "$(vmctl sh "$m" 'sctl list-units --all --no-legend --plain | wc -l')"
is "systemd-run" "$(vmctl sh "$m" 'systemd-run -q --wait --pipe -p DynamicUser=yes sh -c "echo \$((6*7))"')" 42
like "hostnamectl is activated by the bus" "$(vmctl exec "$m" -- hostnamectl)" 'Kernel: Linux'
like "a session is a scope" "$(vmctl sh "$m" 'busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager CreateSession uusssssussbssa\(sv\) 0 $$ test tty background "" "" 0 "" "" false "" "" 0 >/dev/null && systemctl list-units --no-legend --plain "session-*.scope"')" 'session-[^ ]+\.scope +loaded active (running|abandoned)'
is "the facade's death is nobody's" "$(vmctl sh "$m" 'p=$(pgrep -x systemd-logind); pkill -KILL -x sysmaster-dbus; for i in $(seq 100); do busctl status org.freedesktop.systemd1 >/dev/null 2>&1 && break; sleep .2; done; [ "$p" = "$(pgrep -x systemd-logind)" ] && systemctl is-system-running')" \
  "$(vmctl exec "$m" -- sctl is-system-running 2>&1)"
ok "/tmp of fstab is mounted" vmctl sh "$m" 'grep -q "^tmpfs /tmp " /proc/mounts'
is "the root is writable" "$(vmctl sh "$m" 'touch /var/tmp/x && echo yes')" yes
console_complaints "$m" >"$vm_work/console.ours"
is "the console has no complaint that systemd's lacks" "$(comm -13 "$vm_work/console.systemd" "$vm_work/console.ours" | head -n 5)" ""
is "core has no huge page" "$(vmctl sh "$m" 'awk "/^AnonHugePages/ {print \$2}" /proc/$(pgrep -x core)/smaps_rollup')" 0
is "every zombie was reaped" "$(vmctl sh "$m" "ps -eo stat= | grep -c '^Z'")" 0
ok "bpf's file system is there, though nobody waited for it" vmctl sh "$m" 'grep -q "^bpf /sys/fs/bpf " /proc/mounts'
is "runlevel" "$(vmctl sh "$m" runlevel)" "N 5"
ok "telinit, and init by its name, give orders" vmctl sh "$m" 'telinit q && /sbin/init q'
ok "a shutdown waits for its time, and can be cancelled" vmctl sh "$m" 'shutdown -r +60 && shutdown --show && shutdown -c && ! shutdown --show'

# What the root lacks does not stop a boot: first room, then the right to be written to. reboot N: boots anew, as the N-th time.
reboot() {
  vmctl sh "$m" 'sctl reboot' >/dev/null 2>&1
  vmctl ready "$m" --boot "$1" -t 120 && within 90 vm_settled "$m" sctl
}
daemon_runs() { vmctl exec "$m" -- sctl is-active default.target && vmctl exec "$m" -- pgrep -x sshd; }
vmctl sh "$m" 'for size in 1M 4k 1; do dd if=/dev/zero of=/root/full bs=$size oflag=append conv=notrunc 2>/dev/null; done; sync'
is "a byte more does not fit" "$(vmctl sh "$m" 'echo x >/root/more || echo full' 2>/dev/null)" full
ok "it boots with a full root" reboot 2
is "which is still full" "$(vmctl sh "$m" 'df --output=pcent / | tail -n 1 | tr -d " "')" 100%
note "$(vmctl sh "$m" 'sctl list-units --failed --plain --no-legend' 2>&1)"
ok "and serves" daemon_runs
is "core lives there, too" "$(vmctl exec "$m" -- sctl show -p core_restarts --value)" 0
vmctl sh "$m" 'rm /root/full /root/more; sed -i -E "s|^([^#[:space:]]+[[:space:]]+/[[:space:]]+[^[:space:]]+[[:space:]]+)[^[:space:]]+|\1ro|" /etc/fstab; sync'
ok "it boots with a read-only root" reboot 3
is "which is one" "$(vmctl sh "$m" 'echo x >/root/more || echo read-only' 2>/dev/null)" read-only
ok "and serves" daemon_runs
is "core lives there, too" "$(vmctl exec "$m" -- sctl show -p core_restarts --value)" 0
# Its PrivateTmp= cannot have a folder in /var/tmp.
ok "the facade on the bus is there" within 60 vmctl sh "$m" 'sctl is-active sysmaster-dbus.service'
note "$(vmctl sh "$m" 'sctl list-units --failed --plain --no-legend' 2>&1)"

vmctl sh "$m" 'sctl poweroff' >/dev/null 2>&1
is "a power-off is a clean one" "$(vmctl wait "$m" -t 60)" guest-shutdown
like "and nothing held the root" "$(vmctl console "$m" | tail -n 5)" 'Power down'
done_testing
