#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# systemd.sh UNITS CGROUP: becomes systemd as PID 1 of name spaces that the caller made (pid, mount, uts, net, ipc), with the units of that folder
# alone, in that cgroup, without generators. It is told that it is in a container and may set no clock; it ends with its parent.
# shellcheck disable=SC2016  # the inner shell's variables
set -eu
units=$1 cgroup=$2

mount --make-rprivate /
mkdir -p "$cgroup"
echo $$ >"$cgroup/cgroup.procs"
mount -t tmpfs -o mode=0755 tmpfs /run
mount --bind /dev/null /dev/console
mount --bind /dev/null /dev/kmsg
mkdir /run/generators
exec unshare -C bash -c 'umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
  exec setpriv --bounding-set=-sys_time,-sys_boot,-sys_module,-sys_rawio,-syslog env -i PATH="$PATH" container=other SYSTEMD_UNIT_PATH="$0" \
    SYSTEMD_GENERATOR_PATH=/run/generators SYSTEMD_LOG_TARGET=null /lib/systemd/systemd --system --unit=default.target --show-status=no' "$units"
