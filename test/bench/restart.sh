#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# restart.sh [--rounds N] [--update-docs]: from SIGKILL of a service (Restart=always, RestartSec=0) until its successor's first
# instruction, with the real init and core in namespaces of this machine, and with systemd there, round by round. N times 100 restarts;
# the bar is 5 ms.
# shellcheck source=native.sh disable=SC2154  # the variables are native.sh's
source "$(dirname "$0")/native.sh"
bench_init restart "$@"

world_bench put-restart "$vm_work/systemd" || { echo "bench: no units" >&2; exit 1; }
for ((round = 1; round <= bench_rounds; round++)); do
  native_systemd "$vm_work/systemd/units"
  native_inside systemctl start again.service || { echo "bench: systemd: the service does not start" >&2; exit 1; }
  native_of_systemd restart-of "$manager" "$vm_work/systemd" 100
  native_systemd_end
  native_run restart 100
done
native_finish "A service is killed: time until its successor runs" "ms" \
  median_ms "median" best_ms "best" p95_ms "95th percentile" worst_ms "worst"
