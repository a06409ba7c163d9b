#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# spawn.sh [--rounds N] [--update-docs]: from the init's exec until 200 trivial services run in an otherwise empty system,
# under systemd, under our init, and under a program that only calls vfork and exec.
# shellcheck source=lib.sh disable=SC2154  # the variables are lib.sh's
source "$(dirname "$0")/lib.sh"
bench_init spawn "$@"

services=200
tree=$vm_work/tree
units=$tree/lib/systemd/system
mkdir -p "$units/bench.target.wants" "$tree/usr/lib/bench" "$tree/etc/systemd/system"
cp "$VM_BIN/idle" "$VM_BIN/spawn-init" "$tree/usr/lib/bench/"
printf '[Unit]\nDescription=Only the benchmark\nDefaultDependencies=no\nAllowIsolate=yes\n' >"$units/bench.target"
for ((i = 1; i <= services; i++)); do
  printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/usr/lib/bench/idle\nStandardOutput=null\nStandardError=null\n' \
    >"$units/bench-$i.service"
  ln -s "../bench-$i.service" "$units/bench.target.wants/bench-$i.service"
done
ln -s /lib/systemd/system/bench.target "$tree/etc/systemd/system/default.target"

bench_image=$(VM_IMAGE_NAME=spawn vm_our_image --tree "$tree") || bench_image=
ours=1
[ -n "$bench_image" ] || { ours=; echo "# no build of our init: systemd and the bare loop alone" >&2; bench_image=$(vm_image bench-spawn --tree "$tree"); }
[ -n "$bench_image" ] || exit 1

goals=every:10,count:idle:$services
for ((round = 1; round <= bench_rounds; round++)); do
  bench_boot systemd "$goals" --image "$bench_image"
  [ -z "$ours" ] || bench_boot sysmaster "$goals" --image "$bench_image"
  bench_boot vfork-loop "$goals" --image "$bench_image" --init /usr/lib/bench/spawn-init
done
bench_finish "$services trivial services in an otherwise empty system" systemd sysmaster vfork-loop
