#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# valgrind.sh INIT TEST...: the tests of init, with a valgrind around PID 1 in each world. A test's own verdict counts, and every finding.
set -u
command -v valgrind >/dev/null || { echo "SKIP: no valgrind"; exit 77; }
export INIT_VALGRIND=$1
shift
log=$(mktemp) && trap 'rm -f "$log"' EXIT
status=0
for test; do
  "$test" >"$log" 2>&1 || status=1
  grep -v '^init:' "$log"
  # A finding has a line with "==PID== What", maybe behind a test's name; what valgrind itself dies of is no finding, and the test fails by it or not.
  ! grep -Eq '==[0-9]+== [A-Z]' "$log" || status=1
done
exit $status
