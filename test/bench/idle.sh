#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# idle.sh [--rounds N] [--update-docs]: wake-ups (context switches) of init and core in 60 s, while 200 services run and nothing
# happens, with the real init and core in namespaces of this machine. The bars are 0 in core and 12 in init.
# shellcheck source=native.sh disable=SC2154,SC2034  # the variables are native.sh's
source "$(dirname "$0")/native.sh"
bench_rounds_default=1 # a minute each
bench_init idle "$@"

for ((round = 1; round <= bench_rounds; round++)); do
  native_run idle 200 60
done
native_finish "Wake-ups in 60 s of an idle system with 200 services" "number" core_wakeups "core" init_wakeups "init"
