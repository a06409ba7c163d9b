#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# base.sh CACHE [PACKAGE...] - makes the base root file system once and prints the folder it is in.
#
# The folder holds root.tar (the file system without /boot), vmlinuz and modules/ (for the harness's initramfs). It is named
# by a hash of this script and the package list, so a changed list is a new folder and an unchanged one costs nothing.
# Packages come from wherever the machine's own apt gets them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${1:?usage: base.sh CACHE [PACKAGE...]}
shift
suite=${VM_SUITE:-bookworm}

packages=$({ sed -e 's/#.*//' "$here/packages.list"; printf '%s\n' "$@"; } | awk 'NF {print $1}' | sort -u)
hash=$({ cat "$here/base.sh"; echo "$suite"; echo "$packages"; } | sha256sum | cut -c1-12)
out=$cache/base-$hash
[ -e "$out/complete" ] && { echo "$out"; exit 0; }

mkdir -p "$cache"
exec 9>"$cache/base-$hash.lock"
flock -w 550 9 || { echo "base.sh: another build of the base image takes too long" >&2; exit 1; }
[ -e "$out/complete" ] && { echo "$out"; exit 0; }

work=$(mktemp -d "$cache/base-tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# The machine's own sources and proxy; sources of other distributions and suites are no use here.
sources=()
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [ -f "$f" ] && grep -v '^[[:space:]]*#' "$f" | grep -qw "$suite" && sources+=("$f")
done
[ ${#sources[@]} -gt 0 ] || { echo "base.sh: no apt source of this machine offers $suite" >&2; exit 1; }
apt-config dump --no-empty --format '%f "%v";%n' Acquire |
  grep -Ei '^Acquire::(https?::.*Proxy|Check-Valid-Until|Check-Date)' >"$work/apt.conf" || true

echo "base.sh: installing $(wc -w <<<"$packages") packages of $suite (half a minute)" >&2
# No initramfs of Debian's is made (ours replaces it), and what nobody reads in a test machine is left out.
# SC2016: the shell inside the hook expands these.
# shellcheck disable=SC2016
INITRD=No mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
  --include="$(paste -sd, <<<"$packages")" --aptopt="$work/apt.conf" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*.log' \
  "$suite" "$work/root" "${sources[@]}" >&2

mkdir "$work/out"
mv "$work"/root/boot/vmlinuz-* "$work/out/vmlinuz"
cp -a "$work"/root/lib/modules/* "$work/out/modules"
rm -rf "$work"/root/boot/*
tar -C "$work/root" --xattrs --xattrs-include='*' --numeric-owner -cf "$work/out/root.tar" .
touch "$work/out/complete"
rm -rf "$out"
mv "$work/out" "$out"
echo "$out"
