#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A unit generator: masks what belongs to packages of another part than the kernel command line asks for (conformance.part=N), in the directory
# that goes before all others: an empty file is a mask, too. Without the word it does nothing. A process or two, since generators have
# a minute and a half for all, which is not much in an emulated machine.
set -u
read -r line </proc/cmdline
part=
for word in $line; do
  case $word in conformance.part=*) part=${word#*=} ;; esac
done
[ -n "$part" ] && [ $# -ge 2 ] || exit 0
cd "$2" || exit 0
awk -v part="$part" '
  # Units and start scripts of a package, into a set.
  function take(package, set,   file, line, i) {
    for (i = 0; i < 2; i++) {
      file = "/var/lib/dpkg/info/" package (i ? ":amd64" : "") ".list"
      while ((getline line <file) > 0)
        if (line ~ /^(\/usr)?\/lib\/systemd\/system\/[^\/]+\.(service|socket|timer|path|target|mount)$/) { sub(".*/", "", line); set[line] = 1 }
        else if (line ~ /^\/etc\/init\.d\/[^\/]+$/) { sub(".*/", "", line); set[line ".service"] = 1 }
      close(file)
    }
  }
  /^#/ || !NF { next }
  { for (i = 1; i <= NF; i++) if (i != 2) { if ($2 == part || $2 == 0) take($i, mine); else take($i, others) } }
  END { for (unit in others) if (!(unit in mine)) print unit }' /usr/lib/conformance/packages.list | xargs touch
