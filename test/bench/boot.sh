#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# boot.sh [--rounds N] [--update-docs]: from the init's exec until sshd, nginx, cron and D-Bus are up, on one image, under
# systemd, under our init, and under a bare script that does nothing but start those four.
# shellcheck source=lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "$0")/lib.sh"
bench_init boot "$@"

extra=(--copy "$bench_here/bare-init.sh:/usr/lib/bench/bare-init.sh")
bench_image=$(vm_our_image "${extra[@]}") || bench_image=
ours=1
[ -n "$bench_image" ] || { ours=; echo "# no build of our init: systemd and the bare script alone" >&2; bench_image=$(vm_image bench "${extra[@]}"); }
[ -n "$bench_image" ] || exit 1

# Ports first: looking at them costs two small files.
goals=listen:22,listen:80,comm:cron,comm:dbus-daemon
for ((round = 1; round <= bench_rounds; round++)); do
  bench_boot systemd "$goals" --image "$bench_image"
  [ -z "$ours" ] || bench_boot sysmaster "$goals" --image "$bench_image"
  bench_boot bare-script "$goals" --image "$bench_image" --init /usr/lib/bench/bare-init.sh
done
bench_finish "Boot of stock Debian until sshd, nginx, cron and D-Bus are up" systemd sysmaster bare-script
