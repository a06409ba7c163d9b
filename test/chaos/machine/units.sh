#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# units.sh DIR - the services of a guest that is driven from outside, as a tree to copy over its root: some of each kind of start,
# one that comes back by itself, a socket, a timer, and the driver with a world of its own.
set -eu
units=$1/etc/systemd/system
mkdir -p "$units/multi-user.target.wants"

# put NAME TEXT: enabled, as an image that was made so has it.
put() {
  printf '%b' "$2" >"$units/$1"
  ln -sf "/etc/systemd/system/$1" "$units/multi-user.target.wants/$1"
}
service='Environment=CHAOS_DIR=/run/chaos-books\nExecStartPre=/bin/mkdir -p /run/chaos-books/locks\nExecStart=/opt/chaos/chaos-service'
put cw0.service "[Service]\n$service run cw0.service\n"
put cw1.service "[Service]\nType=notify-reload\n$service notify cw1.service reload\n"
put cw2.service "[Service]\nType=forking\nPIDFile=/run/cw2.pid\n$service fork cw2.service /run/cw2.pid\n"
put cw3.service "[Unit]\nAfter=cw0.service\nRequires=cw0.service\n[Service]\nType=exec\nMemoryMax=64M\n$service run cw3.service\n"
put cwr.service "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=500ms\n$service exit cwr.service 900\n"
put cw.socket '[Socket]\nListenStream=/run/cw.sock\n'
put cwt.timer '[Timer]\nOnActiveSec=1s\nOnUnitInactiveSec=2s\n'
printf '%b' "[Service]\n$service accept cw.service\n" >"$units/cw.service"
printf '%b' "[Service]\nType=oneshot\n$service once cwt.service\n" >"$units/cwt.service"
# Its links come and go, and a loss of power may be in the middle of that.
printf '%b' "[Service]\nType=oneshot\n$service once cwe.service\n[Install]\nWantedBy=multi-user.target\n" >"$units/cwe.service"
cat >"$units/chaos-world.service" <<'EOF'
[Service]
EnvironmentFile=/run/chaos-world.env
Environment=WORLD_PROGRAMS=/opt/chaos
ExecStartPre=-/bin/sh -c 'insmod /opt/chaos/autofs4.ko 2>/dev/null'
ExecStartPre=/bin/sh -c 'swapoff /var/lib/chaos 2>/dev/null; dd if=/dev/zero of=/var/lib/chaos bs=1M count=8 2>/dev/null; chmod 600 /var/lib/chaos; mkswap /var/lib/chaos >/dev/null'
ExecStart=/opt/chaos/chaos --machine --slow 10 --seconds 100000
StandardOutput=append:/run/chaos-world.log
StandardError=append:/run/chaos-world.log
OOMScoreAdjust=-500
# The driver ends its world itself, when it has looked for the last time.
KillMode=mixed
TimeoutStopSec=5min
EOF
