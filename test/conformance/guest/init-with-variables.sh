#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The init ($CONFORMANCE_INIT of the kernel command line, else ours), whose environment has what PassEnvironment= is to pass on; no kernel command line can hold the line break.
# The break is a plain one, not an escape; backslashes stay.
export VAR1='word1 word2' VAR2=word3 VAR3='$word 5 6' VAR5=passwordwithbackslashes
VAR4='new
line'
export VAR4 PATH=/usr
exec "${CONFORMANCE_INIT:-/sbin/init}" "$@"
