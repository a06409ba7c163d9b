#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# image.sh [OPTION...] NAME (or --name NAME) - makes a bootable Debian image for the VM tests; its path is the last line on stdout.
#
#   --include PKG[,PKG...]  further Debian packages
#   --deb FILE              install this package into the image (repeatable)
#   --tree DIR              copy this tree over the image, e.g. an install with DESTDIR=DIR (repeatable)
#   --install BUILD         install this CMake build folder's rules into the image
#   --copy SRC:DEST         copy one file or folder to this place (repeatable)
#   --size MB               size of the file system (sparse), default 1536
#   --programs DIR          where the guest programs were built; default $VM_BIN, else the newest build/*/test/vm
#
# The result is build/images/NAME-HASH.ext4 with NAME-HASH.kernel and NAME-HASH.initrd beside it; HASH covers everything
# that goes in, so a second call with the same content only prints the path. Needs root (owners and devices of files).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${VM_CACHE:-$top/build/cache}
images=${VM_IMAGES:-$top/build/images}
say() { echo "image.sh: $*" >&2; }
die() { say "$*"; exit 1; }

include=() debs=() trees=() installs=() copies=() size=1536 programs=${VM_BIN:-} name=
while [ $# -gt 0 ]; do
  case $1 in
    --include) IFS=, read -ra more <<<"$2"; include+=("${more[@]}"); shift 2 ;;
    --deb) debs+=("$(realpath -e "$2")"); shift 2 ;;
    --tree) trees+=("$(realpath -e "$2")"); shift 2 ;;
    --install) installs+=("$(realpath -e "$2")"); shift 2 ;;
    --copy) copies+=("$2"); shift 2 ;;
    --size) size=$2; shift 2 ;;
    --programs) programs=$2; shift 2 ;;
    --help) sed -n '3,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
    --name) name=$2; shift 2 ;;
    -*) die "unknown option $1 (see --help)" ;;
    *) [ -z "$name" ] || die "one NAME only"; name=$1; shift ;;
  esac
done
[[ $name =~ ^[a-z0-9][a-z0-9.-]*$ ]] || die "NAME must be lower-case letters, digits, '.' and '-'"
[ "$(id -u)" = 0 ] || die "needs root"
if [ -z "$programs" ]; then
  # shellcheck disable=SC2012
  programs=$(ls -1td "$top"/build/*/test/vm/initrd 2>/dev/null | head -n 1 | xargs -r dirname)
  [ -n "$programs" ] || die "guest programs are not built (ninja vm-tools), or give --programs"
fi

mkdir -p "$cache" "$images"
work=$(mktemp -d "$cache/image-tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
find "$cache" -maxdepth 1 -name '*-tmp.??????' -mmin +720 -exec rm -rf {} +

base=$("$here/image/base.sh" "$cache" "${include[@]}")
initrd=$("$here/image/initramfs.sh" "$base" "$programs" "$cache")

for build in "${installs[@]}"; do
  tree=$work/install-${#trees[@]}
  DESTDIR=$tree cmake --install "$build" --prefix /usr >"$work/install.log" 2>&1 ||
    { tail -n 20 "$work/install.log" >&2; die "cmake --install $build failed"; }
  trees+=("$tree")
done

# Names, modes, links and contents of a tree: what matters of it, without its times.
tree_hash() { (cd "$1" && find . -printf '%P %m %l\n' | LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum); }
hash=$({
  basename "$base"; cat "$here/image.sh"; echo "$size"
  for deb in "${debs[@]}"; do cat "$deb"; done
  for tree in "${trees[@]}"; do tree_hash "$tree"; done
  for copy in "${copies[@]}"; do echo "${copy#*:}"; if [ -d "${copy%%:*}" ]; then tree_hash "${copy%%:*}"; else cat "${copy%%:*}"; fi; done
} | sha256sum | cut -c1-12)
out=$images/$name-$hash

finish() {
  ln -sfn "$base/vmlinuz" "$work/kernel" && mv -T "$work/kernel" "$out.kernel"
  ln -sfn "$initrd" "$work/initrd" && mv -T "$work/initrd" "$out.initrd"
  # An image in use stays readable after its name is gone, so old ones can go; the newest four of a name are kept.
  # shellcheck disable=SC2012
  ls -1t "$images/$name"-????????????.ext4 2>/dev/null | tail -n +5 | while read -r old; do
    rm -f "$old" "${old%.ext4}.kernel" "${old%.ext4}.initrd"
  done
  echo "$out.ext4"
}
if [ -e "$out.ext4" ]; then
  touch "$out.ext4"
  finish
  exit 0
fi
exec 8>"$images/.$name.lock"
flock -w 550 8 || die "another build of $name takes too long"
if [ -e "$out.ext4" ]; then
  finish
  exit 0
fi

say "unpacking the base for $name"
root=$work/root
mkdir "$root"
tar -C "$root" --xattrs --xattrs-include='*' --numeric-owner -xpf "$base/root.tar"

echo "$name" >"$root/etc/hostname"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$name" >"$root/etc/hosts"
printf '/dev/vda / ext4 errors=remount-ro 0 1\ntmpfs /tmp tmpfs nosuid,nodev 0 0\n' >"$root/etc/fstab"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
# Every boot is an ordinary one, not a first one: the id is set, and derived from the name so that images are repeatable.
sha256sum <<<"$name" | cut -c1-32 >"$root/etc/machine-id"
printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/20-dhcp.network"
# Nothing may wait for a network that a guest was not given, so its wait-online is left out.
systemctl --root="$root" enable systemd-networkd.service >/dev/null 2>&1 || die "cannot enable systemd-networkd"
systemctl --root="$root" disable systemd-networkd-wait-online.service >/dev/null 2>&1 || true
chroot "$root" passwd --quiet --lock root
chroot "$root" ssh-keygen -A >/dev/null

for tree in "${trees[@]}"; do
  # Debian's /sbin, /bin and /lib are links into /usr: --keep-directory-symlink follows them as dpkg does.
  tar -C "$tree" --owner=0 --group=0 -cf - . | tar -C "$root" --keep-directory-symlink -xpf -
done
for copy in "${copies[@]}"; do
  mkdir -p "$root/$(dirname "${copy#*:}")"
  cp -a --no-preserve=ownership "${copy%%:*}" "$root/${copy#*:}"
done
if [ ${#debs[@]} -gt 0 ]; then
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  # The image's own dpkg: ours would look up the names of users and groups on this machine.
  mkdir "$root/packages"
  cp "${debs[@]}" "$root/packages/"
  chroot "$root" sh -c 'dpkg --force-confold --install /packages/*.deb' >"$work/dpkg.log" 2>&1 ||
    { tail -n 30 "$work/dpkg.log" >&2; die "dpkg could not install ${debs[*]}"; }
  rm -rf "$root/packages"
  rm -f "$root/usr/sbin/policy-rc.d"
fi

say "making the file system of $name ($(du -sm "$root" | cut -f1) MB)"
truncate -s "${size}M" "$work/image"
mkfs.ext4 -q -F -m 0 -L root -E lazy_itable_init=0,nodiscard -d "$root" "$work/image"
mv "$work/image" "$out.ext4"
finish
