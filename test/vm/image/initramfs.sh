#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# initramfs.sh BASE PROGRAMS CACHE - packs the harness's initramfs and prints its path.
#
# BASE is a folder of base.sh (its modules are used), PROGRAMS holds the static guest programs, CACHE receives
# initrd-HASH.cpio. Modules go in uncompressed, with a list in the order in which they can be loaded one by one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
base=${1:?usage: initramfs.sh BASE PROGRAMS CACHE} programs=${2:?} cache=${3:?}
modules="virtio_pci virtio_blk virtio_console virtio_net virtio-rng qemu_fw_cfg vsock vmw_vsock_virtio_transport
  vsock_loopback overlay autofs4 crc32c_generic ext4 i6300esb isofs vfat nls_ascii nls_utf8 nls_cp437 nls_iso8859-1 pvpanic pvpanic-pci"

guest=()
for p in initrd vm-agent guest-probe; do
  [ -x "$programs/$p" ] && guest+=("$programs/$p")
done
[ -x "$programs/initrd" ] || { echo "initramfs.sh: no initrd program in $programs; build the target vm-tools" >&2; exit 1; }
hash=$({ basename "$base"; echo "$modules"; cat "$here/initramfs.sh" "${guest[@]}"; } | sha256sum | cut -c1-12)
out=$cache/initrd-$hash.cpio
[ -e "$out" ] && { echo "$out"; exit 0; }

work=$(mktemp -d "$cache/initrd-tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$work/root"/{dev,proc,sys,run,root,modules}
cp "${guest[@]}" "$work/root/"
mv "$work/root/initrd" "$work/root/init"

# modules.dep names a module's dependencies, the deepest last; so each line is read from its end.
awk -v wanted="${modules//$'\n'/ }" '
  { file = $1; sub(/:$/, "", file); name = file; sub(/.*\//, "", name); sub(/\.ko.*/, "", name)
    path[name] = file; line[name] = $0 }
  END {
    n = split(wanted, want, " ")
    for (i = 1; i <= n; i++) {
      if (!(want[i] in path))
        continue
      k = split(line[want[i]], dep, " ")
      for (j = k; j >= 2; j--)
        if (!seen[dep[j]]++)
          print dep[j]
      if (!seen[path[want[i]]]++)
        print path[want[i]]
    }
  }' "$base/modules/modules.dep" >"$work/order"
while read -r module; do
  file=$(basename "$module")
  case $module in
    *.ko) cp "$base/modules/$module" "$work/root/modules/" ;;
    *.ko.xz) file=${file%.xz}; xz -dc "$base/modules/$module" >"$work/root/modules/$file" ;;
    *.ko.zst) file=${file%.zst}; zstd -qdc "$base/modules/$module" >"$work/root/modules/$file" ;;
    *) echo "initramfs.sh: unknown kind of module: $module" >&2; exit 1 ;;
  esac
  echo "$file" >>"$work/root/modules/order"
done <"$work/order"
(cd "$work/root" && find . -mindepth 1 | sort | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"
mv "$work/initrd" "$out"
echo "$out"
