#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shutdown is clean without a core that could order it: none can be run, it runs in safe mode, it is stopped.
source "$(dirname "$0")/lib-power.sh"

start --append "sysmaster.core=/bin/false sysmaster.rescue=/bin/sleep"
mark
ok "no core can be kept running" within 90 in_guest 'dmesg | grep -q "init: no core can be kept running"'
in_guest 'kill -s RTMIN+5 1'
clean "reboot with no core left" guest-reset

start
settled
mark
in_guest 'for i in $(seq 300); do sctl show -p mode --value 2>/dev/null | grep -q safe && exit 0; pkill -9 -P 1 -f "^core$"; sleep 0.2; done; exit 1'
is "a core that is killed again and again ends in safe mode" "$(in_guest 'sctl show -p mode --value' 2>/dev/null)" safe
in_guest 'sctl poweroff' >/dev/null 2>&1
clean "power-off in safe mode" guest-shutdown

start
mark
in_guest 'kill -STOP $(pgrep -P 1 -f "^core"); kill -s RTMIN+14 1'
clean "power-off at once, past a core that is stopped" guest-shutdown
done_testing
