#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# root.sh CACHE [PACKAGE...] - the root file system of base.sh as a folder, unpacked once: for tests that need a Debian root and
# no machine. Prints its path; who uses it lays an overlay over it and changes nothing in it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${1:?usage: root.sh CACHE [PACKAGE...]}
shift
base=$("$here/base.sh" "$cache" "$@")
out=${base/base-/root-}
[ -e "$out" ] && { echo "$out"; exit 0; }

work=$(mktemp -d "$cache/root-tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$work/root"
tar -C "$work/root" --xattrs --xattrs-include='*' --numeric-owner -xpf "$base/root.tar"
chmod 755 "$work/root"
# Another run may have been quicker.
mv -T "$work/root" "$out" 2>/dev/null || [ -e "$out" ]
echo "$out"
