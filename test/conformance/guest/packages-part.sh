#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A unit generator: masks what belongs to packages of another part than the kernel command line asks for (conformance.part=N), in the directory
# that goes before all others. Without the word it does nothing.
set -u
read -r line </proc/cmdline
part=
for word in $line; do
  case $word in conformance.part=*) part=${word#*=} ;; esac
done
[ -n "$part" ] && [ $# -ge 2 ] || exit 0

# Units and start scripts of these packages, names alone.
names() {
  for package; do
    for list in /var/lib/dpkg/info/"$package".list /var/lib/dpkg/info/"$package":*.list; do
      [ ! -e "$list" ] || sed -nE 's,^(/usr)?/lib/systemd/system/([^/]+\.(service|socket|timer|path|target|mount))$,\2,p; s,^/etc/init\.d/([^/]+)$,\1.service,p' "$list"
    done
  done
}
mine=$(awk -v p="$part" '!/^#/ && NF && ($2 == p || $2 == 0) {$2 = ""; print}' /usr/lib/conformance/packages.list)
others=$(awk -v p="$part" '!/^#/ && NF && $2 != p && $2 != 0 {$2 = ""; print}' /usr/lib/conformance/packages.list)
# shellcheck disable=SC2086  # words are packages
kept=" $(names $mine | tr '\n' ' ')"
# shellcheck disable=SC2086  # words are packages
for unit in $(names $others); do
  case $kept in *" $unit "*) ;; *) ln -sf /dev/null "$2/$unit" ;; esac
done
