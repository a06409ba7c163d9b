#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# no-faults.sh CORE - what is shipped has no crash points, no trigger and no way to arm one.
set -eu
core=$1
found=$(nm "$core" 2>/dev/null | grep -E ' (fault_(hit|setup|sys|alloc_fails|list)|__(start|stop)_fault_sites|__wrap_[a-z0-9_]+)$' || true)
found="$found$(strings -a "$core" | grep -E '^(SYSMASTER_FAULTS|--fault-points|store\.commit\.before|spawn\.child)$' || true)"
found="$found$(readelf -SW "$core" | grep -o 'fault_sites' || true)"
[ -z "$found" ] || { printf 'core has faults compiled in:\n%s\n' "$found"; exit 1; }
# The same questions must be able to find something.
nm "$core" | grep -q ' crash_setup$' || { echo "nm shows no symbols of $core: nothing was asked"; exit 1; }
