#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shutdown is clean: past a service that is deaf to SIGTERM, and while units are still starting.
source "$(dirname "$0")/lib-power.sh"

# The service ignores SIGTERM for longer than the whole test.
start
settled
in_guest 'mkdir -p /run/systemd/system && printf "[Service]\nExecStart=/bin/sh -c \"trap : TERM; while :; do sleep 1; done\"\nTimeoutStopSec=5\n" >/run/systemd/system/deaf.service && sctl daemon-reload && sctl start deaf'
ok "a service that is deaf to SIGTERM runs" in_guest 'sctl is-active deaf'
mark
in_guest 'sctl reboot' >/dev/null 2>&1
clean "reboot with a deaf service" guest-reset

# The agent is there before init is, so this is while units are starting.
start
mark
in_guest 'kill -s RTMIN+4 1'
clean "power-off during boot" guest-shutdown
done_testing
