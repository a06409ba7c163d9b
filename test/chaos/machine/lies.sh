# shellcheck shell=bash disable=SC2154  # sourced by machine.sh, whose functions and variables these are
# SPDX-License-Identifier: Apache-2.0
# lies.sh - does check.sh see what is wrong? Each lie makes one thing wrong in the guest behind everybody's back, the look after it has
# to tell, and then the thing is put right.

told=0
# lie WORDS COMMAND UNDO: after the shell's COMMAND in the guest the look tells a violation with these WORDS (an extended regular expression).
lie() {
  local output
  # shellcheck disable=SC2034  # violation names it
  told=$((told + 1)) fault="lie $told"
  limit=90 guest "$2" >/dev/null
  output=$(limit=200 guest 'bash /opt/chaos/check.sh 0 0')
  if grep -qE "^VIOLATION: .*($1)" <<<"$output"; then
    note "told: $1"
  else
    violation "the checker does not tell \"$1\" but: ${output:-nothing}"
  fi
  limit=90 guest "$3" >/dev/null
}

lies() {
  local procs=/sys/fs/cgroup/system.slice own=/etc/systemd/system
  lie 'cw0.service has 2 processes' \
    "sh -c 'echo \$\$ >$procs/cw0.service/cgroup.procs; exec sleep 1000' >/dev/null 2>&1 & sleep 1" 'pkill -x sleep'
  lie 'cw0.service was .* nobody ordered that' 'sctl restart cw0.service' true
  lie 'cw.socket was .* nobody ordered that' 'sctl stop cw.service; sctl restart cw.socket' true
  lie 'core died 1 times where 0 to 0 were due' "kill -KILL \$(pgrep -P 1 -x core | head -n 1); sleep 5" true
  lie 'PID 1 has 2 cores' 'cp /bin/sleep /run/core; (setsid /run/core 1000 >/dev/null 2>&1 &); sleep 1' 'pkill -f /run/core; sleep 1'
  lie 'cron.service is inactive' 'sctl stop cron.service' 'sctl start cron.service; rm /run/chaos-check/cron.service'
  lie 'cwe.service is down and has processes' \
    "mkdir $procs/cwe.service; sh -c 'echo \$\$ >$procs/cwe.service/cgroup.procs; exec sleep 1000' >/dev/null 2>&1 & sleep 1" \
    "pkill -x sleep; sleep 1; rmdir $procs/cwe.service"
  lie 'cwr.service has not come again' 'sctl stop cwr.service; sleep 40' 'sctl start cwr.service'
  lie 'a service runs twice' 'echo "0 double lie" >>/run/chaos-books/events' "sed -i '/ double lie/d' /run/chaos-books/events"
  # What is looked at once after a boot.
  lie 'leads nowhere' "rm -r /run/chaos-check; ln -s /nowhere $own/multi-user.target.wants/lie.service" "rm $own/multi-user.target.wants/lie.service"
  lie 'is empty' "rm -r /run/chaos-check; : >$own/lie" "rm $own/lie"
  lie 'is left over' "rm -r /run/chaos-check; echo 1 >$own/.#lie" "rm $own/.#lie"
  lie 'the machine is degraded' "rm -r /run/chaos-check; systemd-run --unit=lie --wait /bin/false" 'sctl reset-failed lie.service'
  lie 'EXT4-fs error' 'rm -r /run/chaos-check; echo "EXT4-fs error: a lie" >/dev/kmsg' 'dmesg -C'
  # By force: somebody always writes.
  lie 'the root is not writable' 'rm -r /run/chaos-check; echo u >/proc/sysrq-trigger; until grep -q " / ext4 ro" /proc/mounts; do sleep 0.2; done' 'mount -o remount,rw /'
  told=$((told + 1))
  guest 'echo "VIOLATION: a lie" >>/run/chaos-world.log'
  [ -n "$(world_violations)" ] || violation "what the driver in the guest finds is not told"
  guest "sed -i '/VIOLATION: a lie/d' /run/chaos-world.log"
}
