#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# metadata-native.sh [--rounds N] [--update-docs]: the stages of a first and of a second boot with a local seed, natively in a fresh Debian
# root and in namespaces, by our program and by Debian's cloud-init. No host key is made, whose time is that of the search for RSA's primes;
# with METADATA_KEYS=yes they are: ours without RSA until sshd may start, theirs all.
# shellcheck disable=SC2034,SC2154  # the variables are lib.sh's, and so is who reads ours
if [ "${1:-}" != --inside ]; then
  source "$(dirname "$0")/lib.sh"
  bench_rounds_default=9
  bench_init metadata-native "$@"
  unshare -mnpu --fork true 2>/dev/null || skip_all "no new namespaces here"
  build=${VM_BUILD:-$(dirname "$(dirname "$VM_BIN")")}
  root=$("$vm_here/image/root.sh" "${VM_CACHE:-$vm_top/build/cache}" cloud-init) || skip_all "no Debian root"
  unshare -mnpu --fork --kill-child bash "$(realpath "$0")" --inside "$root" "$build/metadata/sysmaster-metadata" "$VM_BIN/cost" "$bench_rounds" >"$vm_work/costs" ||
    { echo "bench: a stage failed" >&2; cat "$vm_work/costs" >&2; exit 1; }
  # KIND STAGE WALL CPU PEAK STATUS
  while read -r kind stage wall cpu peak _; do
    bench_add "$kind" "$stage" "$(awk -v us="$wall" 'BEGIN {printf "%.1f", us / 1000}')"
    bench_add "$kind" "$stage-cpu" "$(awk -v us="$cpu" 'BEGIN {printf "%.1f", us / 1000}')"
    bench_add "$kind" "$stage-peak" "$peak"
  done <"$vm_work/costs"
  row() { # TEXT METRIC BUDGET
    echo "| $1 | $(bench_median sysmaster "$2") ($(bench_range sysmaster "$2")) | $3 | $(bench_median cloud-init "$2") ($(bench_range cloud-init "$2")) |"
  }
  bench_end "The stages of metadata with a local seed, $([ "${METADATA_KEYS:-}" = yes ] && echo with || echo without) keys" "$(
    echo "| median (range) | sysmaster | budget | cloud-init |"
    echo "|---|---|---|---|"
    row "first boot, until sshd may start, ms" first-apply 25
    row "first boot, final stage, ms" first-final ""
    row "first boot, processor time until sshd may start, ms" first-apply-cpu ""
    row "first boot, processor time of the final stage, ms" first-final-cpu ""
    row "second boot, processor time until sshd may start, ms" second-apply-cpu ""
    row "second boot, until sshd may start, ms" second-apply 10
    row "second boot, final stage, ms" second-final ""
    row "largest process of it, KB" first-apply-peak 4096
    row "largest process of the final stage, KB" first-final-peak 4096
    row "largest process at the second boot, KB" second-apply-peak 4096
  )"
  exit 0
fi

set -euo pipefail
root=$2 program=$3 cost=$4 rounds=$5
here=$(dirname "$(realpath "$0")")
mount --make-rprivate /
work=$(mktemp -d)
mount -t tmpfs -o size=1g tmpfs "$work"
trap 'umount -R -l "$work"; rmdir "$work"' EXIT
m=$work/m

fresh() { # a root that has not booted yet
  umount -R -l "$m" 2>/dev/null || true
  rm -rf "$work"/{m,upper,work}
  mkdir "$work"/{m,upper,work}
  mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" "$m"
  mount -t proc proc "$m/proc"
  mount -t sysfs -o ro sysfs "$m/sys"
  mount -t tmpfs tmpfs "$m/dev"
  for node in null:3 zero:5 random:8 urandom:9; do mknod -m 666 "$m/dev/${node%:*}" c 1 "${node#*:}"; done
  install -D "$program" "$m/usr/lib/sysmaster/sysmaster-metadata"
  install -D "$cost" "$m/usr/lib/bench/cost"
  mkdir -p "$m/var/lib/cloud/seed/nocloud"
  printf 'instance-id: i-bench\nlocal-hostname: bench-host\n' >"$m/var/lib/cloud/seed/nocloud/meta-data"
  { sed 's|@KEY@|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bench|' "$here/metadata-user-data"
    [ "${METADATA_KEYS:-}" = yes ] || printf 'ssh_genkeytypes: []\nssh_deletekeys: false\n'; } >"$m/var/lib/cloud/seed/nocloud/user-data"
  echo 'datasource_list: [NoCloud]' >"$m/etc/cloud/cloud.cfg.d/95-bench.cfg"
}
boot() { # what is in /run is gone
  umount -l "$m/run" 2>/dev/null || true
  mount -t tmpfs tmpfs "$m/run"
}
step() { # KIND STAGE COMMAND...
  chroot "$m" /usr/lib/bench/cost /run/cost "$1 $2" "${@:3}" >"$work/log" 2>&1 || [ $? -eq 2 ] || { cat "$work/log" >&2; exit 1; }
  cat "$m/run/cost"; rm "$m/run/cost"
}
ours() { # BOOT
  boot
  step sysmaster "$1-apply" /usr/lib/sysmaster/sysmaster-metadata apply --stage local
  step sysmaster "$1-final" /usr/lib/sysmaster/sysmaster-metadata final
}
theirs() { # their first two stages come before sshd
  boot
  step cloud-init "$1-apply" sh -c '/usr/bin/cloud-init init --local && /usr/bin/cloud-init init'
  step cloud-init "$1-final" sh -c '/usr/bin/cloud-init modules --mode=config && /usr/bin/cloud-init modules --mode=final'
}
ip link set lo up
for ((i = 0; i < rounds; i++)); do
  for kind in ours theirs; do
    fresh
    $kind first
    $kind second
    for f in srv/of srv/ran home/tester/.ssh/authorized_keys; do [ -e "$m/$f" ] || { echo "$kind: no $f" >&2; exit 1; }; done
  done
done
