#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# idle.sh [--rounds N] [--update-docs]: wake-ups (context switches) of init and core in 60 s, while 200 services run and nothing
# happens, with the real init and core in namespaces of this machine, and of systemd there. The bars are 0 in core and 12 in init.
# shellcheck source=native.sh disable=SC2154,SC2034  # the variables are native.sh's
source "$(dirname "$0")/native.sh"
bench_rounds_default=1 # two minutes each
bench_init idle "$@"

world_bench put-idle "$vm_work/systemd" 200 || { echo "bench: no units" >&2; exit 1; }
for ((round = 1; round <= bench_rounds; round++)); do
  native_systemd "$vm_work/systemd/units"
  native_of_systemd idle-of "$manager" 200 60
  native_systemd_end
  native_run idle 200 60
done
native_finish "Wake-ups in 60 s of an idle system with 200 services" "number" core_wakeups "core" init_wakeups "init (systemd: PID 1, which is all)"
