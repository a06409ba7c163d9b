#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# metadata-differential.sh [--keep DIR] [CASE...]: each user-data document of metadata/differential is applied by Debian's own cloud-init and by our
# program, each to a fresh copy of one Debian root in name spaces without a network; what comes of it has to be the same: owners,
# modes, contents, users, passwords, sudo rules, keys. metadata-differential.py compares, and knows of the differences that are
# listed with their reasons in metadata/differential-known.tsv; any other, and a listed one that is none any more, is a failure.
#
# --keep: what cloud-init made of a document is kept in DIR, and taken from there as long as document, image and this script's ways are the same.
#
# CASE.user-data is the document (CASE.gz.user-data is packed first); CASE.meta-data and CASE.vendor-data may be beside it. A line
# @PRIVATE_KEY@ in it, and the word @PUBLIC_KEY@, are a pair of this run.
set -euo pipefail
here=$(cd "$(dirname "$(realpath "$0")")" && pwd)

if [[ ${1:-} != --inside ]]; then
  keep=
  if [[ ${1:-} == --keep ]]; then
    mkdir -p "$2"
    keep=$(realpath "$2")
    shift 2
  fi
  top=$(cd "$here/../.." && pwd)
  VM_BIN=${VM_BIN:-$top/build/test/test/vm} build=${VM_BUILD:-$top/build/test}
  ((EUID == 0)) || { echo "1..0 # SKIP needs root"; exit 77; }
  unshare -mnpu --fork true 2>/dev/null || { echo "1..0 # SKIP no new namespaces here"; exit 77; }
  for tool in mmdebstrap python3 unshare ssh-keygen; do command -v $tool >/dev/null || { echo "1..0 # SKIP no $tool here"; exit 77; }; done
  root=$("$top/test/vm/image/root.sh" "${VM_CACHE:-$top/build/cache}" cloud-init) || { echo "1..0 # SKIP no Debian root can be made"; exit 77; }
  exec unshare -mnpu --fork --kill-child bash "$here/metadata-differential.sh" --inside "$root" "$build/metadata/sysmaster-metadata" "$keep" "$@"
fi

root=$2 program=$3 keep=$4
shift 4
cases=$here/metadata/differential
mount --make-rprivate /
work=$(mktemp -d)
mount -t tmpfs -o size=2g tmpfs "$work"
trap 'umount -R -l "$work"; rmdir "$work"' EXIT

# What both run of the image and cannot work here: packages come over the network, and there is no machine to switch off. The
# words they were given are part of the result.
recorder() { # FILE
  printf '#!/bin/sh\necho "%s $*" >>/srv/.calls\n' "$(basename "$1")" >"$1"
  chmod 755 "$1"
}

fresh() { # FOLDER CASE
  local m=$1/m seed=$1/m/var/lib/cloud/seed/nocloud
  mkdir -p "$1"/{m,upper,work}
  mount -t overlay overlay -o "lowerdir=$root,upperdir=$1/upper,workdir=$1/work" "$m"
  mount -t proc proc "$m/proc"
  mount -t sysfs -o ro sysfs "$m/sys"
  mount -t tmpfs tmpfs "$m/dev"
  mount -t tmpfs tmpfs "$m/run"
  for node in null:3 zero:5 random:8 urandom:9; do mknod -m 666 "$m/dev/${node%:*}" c 1 "${node#*:}"; done
  ln -s /proc/self/fd "$m/dev/fd"
  recorder "$m/usr/bin/apt-get"
  recorder "$m/usr/sbin/shutdown"
  recorder "$m/usr/bin/eatmydata"
  echo image >"$m/etc/hostname"
  printf '127.0.0.1 localhost image\n::1 localhost\n' >"$m/etc/hosts"
  : >"$m/etc/resolv.conf"
  printf '/dev/vda / ext4 errors=remount-ro 0 1\n' >"$m/etc/fstab"
  echo 'the image' >"$m/etc/motd"
  chmod 644 "$m"/etc/{hostname,hosts,resolv.conf,fstab,motd}
  # Keys and locales take long to make, and are those of the same programs; documents that are about them say so.
  printf 'datasource_list: [NoCloud]\nlocale: false\nssh_genkeytypes: []\nssh_deletekeys: false\n' >"$m/etc/cloud/cloud.cfg.d/95-test.cfg"
  mkdir -p "$seed"
  if [[ -e $cases/$2.gz.user-data ]]; then gzip -nc "$work/document" >"$seed/user-data"; else cp "$work/document" "$seed/user-data"; fi
  printf 'instance-id: i-test\nlocal-hostname: test-host\n' >"$seed/meta-data"
  [[ ! -e $cases/$2.meta-data ]] || cp "$cases/$2.meta-data" "$seed/meta-data"
  [[ ! -e $cases/$2.vendor-data ]] || cp "$cases/$2.vendor-data" "$seed/vendor-data"
  install -D "$program" "$m/usr/lib/sysmaster/sysmaster-metadata"
}
document() { # CASE
  local file=$cases/$1.user-data
  [[ -e $file ]] || file=$cases/$1.gz.user-data
  sed -e "/@PRIVATE_KEY@/ {r $work/key.indented" -e d -e '}' -e "s|@PUBLIC_KEY@|$(cat "$key.pub")|" "$file" >"$work/document"
}
key=${keep:-$work}/key
[[ -e $key.pub ]] || ssh-keygen -q -t ed25519 -N '' -C given -f "$key"
sed 's/^/    /' "$key" >"$work/key.indented"

# In name spaces of its own: a name that one sets is not the other's, and nobody's processes are left.
inside() { # FOLDER COMMAND
  unshare -nup --fork --kill-child sh -c "hostname image; ip link set lo up; mount -t proc proc '$1/m/proc'; timeout 120 chroot '$1/m' /bin/sh -c '$2
    hostname >/srv/.hostname'" >"$1/log" 2>&1 || echo "the command itself ended with $?" >>"$1/log"
}
theirs='cloud-init init --local; cloud-init init; cloud-init modules --mode=config; cloud-init modules --mode=final; sleep 0.3'
ours='/usr/lib/sysmaster/sysmaster-metadata apply; /usr/lib/sysmaster/sysmaster-metadata final'

# The folder's name of what is kept: all that cloud-init's half depends on.
kept() { # CASE
  { declare -f recorder fresh inside; echo "$root" "$theirs"; cat "$work/document" "$cases/$1".{meta,vendor}-data 2>/dev/null || true; } | sha256sum | cut -c 1-16
}
# What a case mounted is not in its tree.
settle() { # FOLDER
  awk -v m="$1/m/" 'index($2, m) == 1 {print $2}' /proc/self/mounts | tac | while read -r point; do
    case ${point#"$1/m/"} in proc | sys | dev | run) ;; *) umount -l "$point" ;; esac
  done
}
run_theirs() { # CASE
  local file
  file=$keep/$1-$(kept "$1").tar
  if [[ -n $keep && -e $file ]]; then
    mkdir -p "$work"/theirs/{m,upper,work}
    tar -C "$work/theirs" --xattrs --xattrs-include='*' --numeric-owner -xpf "$file"
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/theirs/upper,workdir=$work/theirs/work" "$work/theirs/m"
    return
  fi
  fresh "$work/theirs" "$1"
  date +%s >"$work/theirs/made"
  inside "$work/theirs" "$theirs"
  settle "$work/theirs"
  [[ -n $keep ]] || return 0
  tar -C "$work/theirs" --xattrs --xattrs-include='*' --numeric-owner -cf "$file.new" upper log made
  mv "$file.new" "$file"
}
run_ours() { # CASE
  fresh "$work/ours" "$1"
  inside "$work/ours" "$ours"
  settle "$work/ours"
}

if ((!$#)); then
  for f in "$cases"/*.user-data; do
    f=$(basename "$f" .user-data)
    set -- "$@" "${f%.gz}"
  done
fi
failed=0 number=0
for case; do
  document "$case"
  run_theirs "$case"
  run_ours "$case"
  number=$((number + 1))
  if python3 "$here/metadata-differential.py" "$case" "$work/document" "$work/theirs" "$work/ours" "$here/metadata/differential-known.tsv" "$work/seen"; then
    echo "ok $number - $case"
  else
    echo "not ok $number - $case"
    failed=$((failed + 1))
    [[ -z ${DIFFERENTIAL_LOGS:-} ]] || for kind in theirs ours; do sed "s/^/# $kind: /" "$work/$kind/log"; done
  fi
  for kind in theirs ours; do
    umount -R -l "$work/$kind/m"
    rm -rf "${work:?}/$kind"
  done
done
echo "1..$number"
if (($# >= 40)) && ! python3 "$here/metadata-differential.py" --unused "$here/metadata/differential-known.tsv" "$work/seen"; then failed=$((failed + 1)); fi
((failed == 0)) || echo "# $failed failed"
exit $((failed > 0))
