#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kernel.sh CACHE - Debian's kernel for real hardware, beside the cloud kernel of base.sh: it has the drivers that the latter
# lacks (i6300esb). Prints the folder with vmlinuz and modules/, which initramfs.sh takes for a base.
set -euo pipefail

cache=${1:?usage: kernel.sh CACHE}
package=$(apt-cache show linux-image-amd64 2>/dev/null | sed -n 's/^Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
[ -n "$package" ] || { echo "kernel.sh: no apt source of this machine offers linux-image-amd64" >&2; exit 1; }
out=$cache/kernel-$package
[ -e "$out/complete" ] && { echo "$out"; exit 0; }

mkdir -p "$cache"
work=$(mktemp -d "$cache/kernel-tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
(cd "$work" && apt-get -qq download "$package" >&2)
dpkg-deb -x "$work"/*.deb "$work/root"
mkdir "$work/out"
mv "$work"/root/boot/vmlinuz-* "$work/out/vmlinuz"
depmod -b "$work/root" "$(basename "$work"/root/lib/modules/*)"
mv "$work"/root/lib/modules/* "$work/out/modules"
touch "$work/out/complete"
rm -rf "$out"
mv "$work/out" "$out"
echo "$out"
