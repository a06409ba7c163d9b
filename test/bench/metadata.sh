#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# metadata.sh [--rounds N] [--update-docs]: from the init's exec until sshd listens and the key of the metadata opens it, and until all
# of the metadata is done, on one image and one seed: systemd with Debian's cloud-init, and our init with our own program. cloud-init makes
# all host keys before sshd starts, and ours leaves RSA to a unit that nobody waits for: when that is there, too, is a row of its own.
# Each login is tried once for real. Processor time and memory are those of the stages' commands. What the boot takes where there is
# no metadata to apply is measured beside it ("-bare"), since it is in both times and metadata can do nothing about it.
# shellcheck disable=SC2034,SC2154  # the variables are lib.sh's, and so is who reads ours
source "$(dirname "$0")/lib.sh"
bench_rounds_default=3
bench_init metadata "$@"
for tool in ssh ssh-keygen python3; do command -v $tool >/dev/null || skip_all "this machine has no $tool"; done

# Every stage's command under a program that notes what it took.
tree=$vm_work/tree
mkdir -p "$tree/usr/lib/bench"
cp "$VM_BIN/cost" "$tree/usr/lib/bench/"
measured() { # UNIT NAME COMMAND...
  local folder=$tree/etc/systemd/system/$1.service.d name=$2
  shift 2
  mkdir -p "$folder"
  printf '[Service]\nExecStart=\nExecStart=/usr/lib/bench/cost /run/bench-cost %s %s\n' "$name" "$*" >"$folder/bench.conf"
}
measured cloud-init-local local /usr/bin/cloud-init init --local
measured cloud-init network /usr/bin/cloud-init init
measured cloud-config config /usr/bin/cloud-init modules --mode=config
measured cloud-final final /usr/bin/cloud-init modules --mode=final
measured sysmaster-metadata local /run/sysmaster/current/sysmaster-metadata apply --stage local
measured sysmaster-metadata-network network /run/sysmaster/current/sysmaster-metadata apply --stage network
measured sysmaster-metadata-final final /run/sysmaster/current/sysmaster-metadata final --stage commands
measured sysmaster-metadata-host-keys host-keys /run/sysmaster/current/sysmaster-metadata final --stage host-keys

bench_image=$(VM_IMAGE_NAME=metadata vm_our_image --include cloud-init --tree "$tree") || skip_all "neither a package nor a whole build is there"

ssh-keygen -q -t ed25519 -N '' -f "$vm_work/key"
mkdir "$vm_work/seed"
printf 'instance-id: i-bench\nlocal-hostname: bench-host\n' >"$vm_work/seed/meta-data"
sed "s|@KEY@|$(cat "$vm_work/key.pub")|" "$bench_here/metadata-user-data" >"$vm_work/seed/user-data"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# The times of the goals, what the stages took, and that the key does open it.
bench_each() {
  local kind=$1 report=$3
  case $kind in *-bare) return ;; esac
  bench_add "$kind" ssh_ms "$(awk '$1 == "goal" && $2 ~ /authorized_keys$/ {printf "%.0f", $3 / 1000}' "$report")"
  bench_add "$kind" modules_ms "$(awk '$1 == "goal" && $2 ~ /boot-finished$/ {printf "%.0f", $3 / 1000}' "$report")"
  bench_add "$kind" cost_cpu_ms "$(awk '$1 == "show" {us += $4} END {printf "%.0f", us / 1000}' "$report")"
  bench_add "$kind" peak_kb "$(awk '$1 == "show" && $5 > kb {kb = $5} END {print kb + 0}' "$report")"
  sed -n 's/^show /# /p' "$report" >&2
  within 60 ssh -q -i "$vm_work/key" -p "$port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=10 tester@127.0.0.1 'test "$(cat /srv/of)" = of && test -e /srv/ran' || { echo "bench: $kind does not let the key in, or did not do what it was told" >&2; exit 1; }
}

goals=every:50,within:600,show:/run/bench-cost,listen:22,path:/home/tester/.ssh/authorized_keys,path:/var/lib/cloud/instance/boot-finished,path:/etc/ssh/ssh_host_rsa_key.pub
for ((round = 1; round <= bench_rounds; round++)); do
  for kind in systemd sysmaster; do
    bench_boot $kind "$goals" --image "$bench_image" --seed "$vm_work/seed" --net "user,hostfwd=tcp:127.0.0.1:$port-:22"
    bench_boot $kind-bare every:50,within:600,listen:22 --image "$bench_image" --append cloud-init=disabled --net user
  done
done

row() { # TEXT METRIC
  echo "| $1 | $(bench_median systemd "$2") ($(bench_range systemd "$2")) | $(bench_median sysmaster "$2") ($(bench_range sysmaster "$2")) |" \
    "$(bench_ratio "$(bench_median systemd "$2")" "$(bench_median sysmaster "$2")") |"
}
added() { # KIND METRIC: what metadata adds to the boot
  awk -v a="$(bench_median "$1" "$2")" -v b="$(bench_median "$1-bare" all_ms)" 'BEGIN {if (a != "" && b != "") print a - b}'
}
row_added() { # TEXT METRIC
  echo "| $1 | $(added systemd "$2") | $(added sysmaster "$2") | $(bench_ratio "$(added systemd "$2")" "$(added sysmaster "$2")") |"
}
bench_end "From the root file system to a login by the metadata's key" "$(
  echo "| median (range) | systemd, cloud-init | sysmaster | × |"
  echo "|---|---|---|---|"
  row "sshd listens and has the key, ms" ssh_ms
  row "all modules are done, ms" modules_ms
  row "and the RSA host key is there, ms" all_ms
  echo "| sshd listens where there is no metadata, ms | $(bench_median systemd-bare all_ms) ($(bench_range systemd-bare all_ms)) | $(bench_median sysmaster-bare all_ms) ($(bench_range sysmaster-bare all_ms)) |" \
    "$(bench_ratio "$(bench_median systemd-bare all_ms)" "$(bench_median sysmaster-bare all_ms)") |"
  row_added "what metadata adds to it: the login, ms" ssh_ms
  row_added "what metadata adds to it: all modules, ms" modules_ms
  row "processor time of the stages, ms" cost_cpu_ms
  row "largest process of a stage, KB" peak_kb
  row "processor time of the whole machine, s" cpu_s
)"
