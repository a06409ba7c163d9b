#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole story on one machine: two Debian VMs whose init is sysmaster, a controller, healing, hot upgrade, roll-back.
#   --keep      leave the VMs and the controller up and say how to reach them
#   --dir DIR   where to work (default build/run)
# Every step is checked by what the guests themselves say; the table at the end lists what was shown. Exit 0: all of it.
set -uo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 1
keep=0 dir=$top/build/run
while (($#)); do
  case $1 in
  --keep) keep=1 ;;
  --dir) dir=$2; shift ;;
  *) echo "run.sh: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done
((EUID == 0)) || { echo "run.sh: needs root, to make the image" >&2; exit 1; }

good=0.1.0 next=0.1.1 broken=0.1.2
build=$top/build/package-build
# The guests end with this script, unless they are to be kept.
((keep)) && owner=() || owner=(--owner $$)
bin=$build/stage/usr/bin
export VM_DIR=$dir/vm FLEETCTL_DIR=$dir/controller
vms=(web-1 db-1)        # web-1 has a network; db-1 has only its virtio channel
declare -A label=([web-1]="network, vsock, virtio-serial" [db-1]="virtio-serial only")
results=() started=$(date +%s%N) controller_pid='' relay_pid='' failed=0

now_ms() { echo $((($(date +%s%N) - started) / 1000000)); }
seconds() { printf '%d.%02d s' $(($1 / 1000)) $(($1 % 1000 / 10)); }
say() { printf '\033[1m[%7s] %s\033[0m\n' "$(seconds "$(now_ms)")" "$*"; }
note() { printf '            %s\n' "$*"; }

cleanup() {
  local code=$?
  trap - EXIT INT TERM
  if ((keep && code == 0)); then
    how_to_reach
    exit 0
  fi
  [[ -n $relay_pid ]] && kill "$relay_pid" 2>/dev/null
  [[ -n $controller_pid ]] && kill "$controller_pid" 2>/dev/null
  [[ -x $vmctl ]] && "$vmctl" stop-all >/dev/null 2>&1
  wait 2>/dev/null
  if ((code)); then note "what the guests and the controller said is in $dir"; else rm -rf "$dir"; fi
  exit "$code"
}
vmctl=$build/test/vm/vmctl
trap cleanup EXIT
trap 'exit 130' INT TERM

# step TEXT COMMAND...: runs a check, notes how long it took; what it prints is shown.
step() {
  local text=$1 begin end
  shift
  say "$text"
  begin=$(now_ms)
  if "$@"; then
    end=$(now_ms)
    results+=("ok|$text|$(seconds $((end - begin)))")
  else
    end=$(now_ms)
    results+=("FAILED|$text|$(seconds $((end - begin)))")
    failed=$((failed + 1))
    note "FAILED"
    return 1
  fi
}
must() { step "$@" || finish; }

finish() {
  local row state text time width=0
  echo
  for row in "${results[@]}"; do IFS='|' read -r _ text _ <<<"$row"; ((${#text} > width)) && width=${#text}; done
  for row in "${results[@]}"; do
    IFS='|' read -r state text time <<<"$row"
    printf '  %-6s  %-*s  %10s\n' "$state" "$width" "$text" "$time"
  done
  echo
  if ((failed)); then echo "$failed of ${#results[@]} failed"; exit 1; fi
  echo "All ${#results[@]} shown in $(seconds "$(now_ms)")."
  exit 0
}

how_to_reach() {
  echo "Left running. To look around (export FLEETCTL_DIR=$FLEETCTL_DIR FLEETCTL_URL=$FLEETCTL_URL first):"
  echo "  $bin/fleetctl get machines"
  echo "  $bin/sctl -H vsock-mux:$VM_DIR/web-1/vsock status"
  echo "  $bin/sctl -H serial:$dir/web-1.serial list-units"
  echo "  VM_DIR=$VM_DIR $vmctl exec web-1 -- sctl status nginx"
  echo "  web page: $(sed -n 's/.*\(http:[^ ]*\).*/\1/p' "$dir/controller.log" | head -n 1)"
  echo "  to end it: kill $controller_pid $relay_pid; VM_DIR=$VM_DIR $vmctl stop-all"
}

guest() { local vm=$1; shift; "$vmctl" exec "$vm" -t 60 -- "$@"; }

# wait_until SECONDS COMMAND...: polls; the last output of a failed try is shown.
wait_until() {
  local end=$(($(date +%s) + $1))
  shift
  until "$@" >"$dir/last" 2>&1; do
    (($(date +%s) < end)) || { cat "$dir/last"; return 1; }
    sleep 0.3
  done
}

# ---- build ----

build_version() { # VERSION: programs of that version staged in build/package-build/stage
  cmake --preset release -B "$build" -DLTO=OFF -DSYSMASTER_VERSION="$1" >"$dir/build.log" 2>&1 &&
    cmake --build "$build" -j "$(nproc)" >>"$dir/build.log" 2>&1 &&
    rm -rf "$build/stage" && DESTDIR=$build/stage cmake --install "$build" --prefix /usr >>"$dir/build.log" 2>&1 ||
    { tail -n 20 "$dir/build.log"; return 1; }
}

bundle() { # VERSION [BROKEN]: a signed bundle of it
  local files=$dir/files-$1
  cp -a "$build/stage/usr/lib/sysmaster" "$files" || return
  [[ -z ${2:-} ]] || cp "$build/test/demo/broken-core" "$files/core" || return
  "$bin/fleetctl" bundle create --version "$1" --dir "$files" --key "$dir/key" --out "$dir/sysmaster-$1-$(uname -m).bundle" >/dev/null
}

build_all() {
  build_version "$next" && cp "$bin/fleetctl" "$dir/fleetctl" && "$bin/fleetctl" bundle keygen --out "$dir/key" >/dev/null &&
    bundle "$next" && build_version "$broken" && bundle "$broken" broken && build_version "$good" &&
    (cd "$build" && cpack -G DEB -B "$dir/deb" >>"$dir/build.log" 2>&1)
}

build_image() {
  mkdir -p "$dir/image"
  # Debian's nginx does not ask to be restarted; the healing shown below is this one line of configuration.
  printf '[Service]\nRestart=on-failure\nRestartSec=100ms\n' >"$dir/image/restart.conf"
  # As in any cloud image: each machine becomes somebody at its first boot.
  printf 'uninitialized\n' >"$dir/image/machine-id"
  image=$(test/vm/image.sh --programs "$build/test/vm" --deb "$(ls "$dir"/deb/sysmaster_*.deb)" \
    --copy "$dir/image/machine-id:etc/machine-id" --copy "$dir/image/restart.conf:etc/systemd/system/nginx.service.d/restart.conf" demo | tail -n 1) && note "$image"
}

# ---- controller ----

free_port() { local p; for ((p = $1; ; p++)); do (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }; done; }

start_controller() {
  port=$(free_port 18443) web_port=$(free_port 18080)
  export FLEETCTL_URL=https://127.0.0.1:$port
  setsid "$bin/fleetctl" serve --dir "$FLEETCTL_DIR" --listen "127.0.0.1:$port" --web-listen "127.0.0.1:$web_port" >"$dir/controller.log" 2>&1 &
  controller_pid=$!
  wait_until 20 "$bin/fleetctl" get machines && note "$FLEETCTL_URL, $(sed -n 's/.*\(http:[^ ]*\).*/page \1/p' "$dir/controller.log" | head -n 1)"
}

# ---- machines ----

seed() { # VM VIA: a NoCloud seed with identity, token and controller
  local token
  token=$("$bin/fleetctl" token create --uses 1 --note "$1" --json | jq -r .token) || return
  mkdir -p "$dir/seed-$1"
  printf 'instance-id: %s-%s\nlocal-hostname: %s\n' "$1" "$started" "$1" >"$dir/seed-$1/meta-data"
  jq -n --arg name "$1" --arg via "$2" --arg token "$token" --rawfile ca "$FLEETCTL_DIR/pki/ca.pem" --rawfile key "$dir/key.pub" \
    --arg url "https://10.0.2.2:$port" '
    { hostname: $name,
      users: [ { name: "ops", groups: "adm", shell: "/bin/bash", ssh_authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemoDemo demo"] } ],
      write_files: [ { path: "/etc/motd", content: "one of the fleet\n" } ],
      runcmd: [ ["touch", "/run/runcmd-was-here"] ],
      sysmaster: { fleet: { controller: $url, token: $token, ca: $ca, via: $via }, upgrade: { keys: [$key], gate_sec: 3 } } }' |
    { echo '#cloud-config'; cat; } >"$dir/seed-$1/user-data"
}

boot_machines() {
  seed web-1 network && seed db-1 channel || return
  "$vmctl" start web-1 "${owner[@]}" --image "$image" --smbios "type=1,uuid=$(cat /proc/sys/kernel/random/uuid)" --seed "$dir/seed-web-1" --net user --vsock \
    --serial-port "org.sysmaster.agent.0=$dir/web-1.serial" --wait 120 &
  local first=$!
  "$vmctl" start db-1 "${owner[@]}" --image "$image" --smbios "type=1,uuid=$(cat /proc/sys/kernel/random/uuid)" --seed "$dir/seed-db-1" --net none \
    --serial-port "org.sysmaster.agent.0=$dir/db-1.serial" --wait 120 || return
  wait $first || return
  setsid "$bin/fleetctl" relay --connect "127.0.0.1:$port" --port "db-1=$dir/db-1.serial" >"$dir/relay.log" 2>&1 &
  relay_pid=$!
  local vm
  for vm in "${vms[@]}"; do
    wait_until 90 guest "$vm" sctl is-system-running || return
    note "$vm (${label[$vm]}): $(guest "$vm" sctl is-system-running), user space in $(guest "$vm" sctl analyze time | tail -n 1 | sed 's/ *user space.*//; s/^ *//')"
  done
}

metadata_applied() {
  local vm
  for vm in "${vms[@]}"; do
    [[ $(guest "$vm" hostname) == "$vm" && $(guest "$vm" cat /etc/motd) == "one of the fleet" ]] || return
    guest "$vm" id ops >/dev/null && guest "$vm" test -s /home/ops/.ssh/authorized_keys || return
    wait_until 20 guest "$vm" test -e /run/runcmd-was-here || return
    note "$vm: name, user, keys, files, commands; in $(guest "$vm" cat /run/sysmaster/metadata/result.json | jq -r '.took_usec / 1000 | floor') ms"
  done
}

machines_json() { "$bin/fleetctl" get machines --json | jq -c '.machines // .'; }
fleet_has() { # VERSION: both machines are there, on it, and well
  [[ $(machines_json | jq --arg v "$1" '[.[] | select(.version == $v and .state == "running")] | length') == 2 ]]
}
enrolled() { wait_until 60 fleet_has "$good" && "$bin/fleetctl" get machines; }

remote_status() { "$bin/sctl" -H "vsock-mux:$VM_DIR/web-1/vsock" status; }
remote_units() { "$bin/sctl" -H "serial:$dir/web-1.serial" list-units --no-legend -t service | head -n 12; }

# ---- healing ----

main_pid() { guest "$1" sctl show -p MainPID --value "$2"; }
nginx_is_back() { local p; p=$(main_pid web-1 nginx) && ((p > 1 && p != $1)); }
heal_service() {
  local pid
  pid=$(main_pid web-1 nginx) && ((pid > 1)) || return
  guest web-1 kill -KILL "$pid" || return
  wait_until 20 nginx_is_back "$pid" || return
  note "nginx: $pid -> $(main_pid web-1 nginx)"
  wait_until 20 controller_saw_nginx && cat "$dir/last"
}
controller_saw_nginx() { "$bin/fleetctl" get events | grep nginx.service | tail -n 3 | grep .; }

# Every service with its main process, and what the kernel says of when that process began.
services() {
  guest "$1" sh -c 'sctl list-units --json -t service --state=active' |
    jq -r '.[] | select(.main_pid) | select(.id | startswith("sysmaster-") | not) | "\(.id) \(.main_pid)"' | sort
}
core_pid() { guest "$1" sctl show -p core_pid --value; }

kill_core() {
  local before after pid
  before=$(services web-1) pid=$(core_pid web-1)
  [[ -n $before ]] && ((pid > 1)) || return
  # In the guest, so that no latency of ours is measured: kill, then ask until there is an answer.
  note "$(guest web-1 sh -c "b=\$(cut -d' ' -f1 /proc/uptime); kill -KILL $pid; sctl is-system-running; e=\$(cut -d' ' -f1 /proc/uptime); echo \"killed at \$b, answered by \$e (uptime)\"" | tail -n 1)"
  after=$(services web-1)
  [[ $(core_pid web-1) != "$pid" ]] || { note "core is still $pid"; return 1; }
  [[ $before == "$after" ]] || { diff <(echo "$before") <(echo "$after"); return 1; }
  note "core $pid -> $(core_pid web-1); $(wc -l <<<"$after") services, each with the pid it had"
}

# ---- upgrades ----

roll_out() {
  local vm before=() after=() i=0
  for vm in "${vms[@]}"; do before+=("$(services "$vm")"); done
  "$bin/fleetctl" bundle upload "$dir/sysmaster-$next-$(uname -m).bundle" >/dev/null &&
    "$bin/fleetctl" rollout create --bundle "$next" --all --max-parallel 1 --gate 3 --deadline 180 --wait || return
  wait_until 20 fleet_has "$next" || return
  for vm in "${vms[@]}"; do
    after[i]=$(services "$vm")
    [[ ${before[i]} == "${after[i]}" ]] || { diff <(echo "${before[i]}") <(echo "${after[i]}"); return 1; }
    [[ $(guest "$vm" sctl show -p version,init_version --value | sort -u) == "$next" ]] || { guest "$vm" sctl status; return 1; }
    note "$vm: init and core $next, $(wc -l <<<"${after[i]}") services untouched"
    i=$((i + 1))
  done
}

roll_back() {
  local vm before=() i=0
  for vm in "${vms[@]}"; do before+=("$(services "$vm")"); done
  "$bin/fleetctl" bundle upload "$dir/sysmaster-$broken-$(uname -m).bundle" >/dev/null || return
  if "$bin/fleetctl" rollout create --bundle "$broken" --all --max-parallel 1 --gate 3 --deadline 180 --wait; then
    note "the broken build was taken for good"
    return 1
  fi
  wait_until 60 fleet_has "$next" || return
  for vm in "${vms[@]}"; do
    [[ ${before[i]} == "$(services "$vm")" ]] || { note "$vm: services changed"; return 1; }
    i=$((i + 1))
  done
  "$bin/fleetctl" rollout status
}

# ---- the story ----

rm -rf "$dir"
mkdir -p "$dir"
must "build three versions ($good, $next, and $broken, which is broken)" build_all
must "make a Debian image with our package" build_image
must "start the controller" start_controller
must "boot two machines under our init" boot_machines
step "metadata (NoCloud) is applied" metadata_applied
must "both enrolled by themselves, one without a network" enrolled
step "sctl over vsock: status" remote_status
step "sctl over virtio-serial: list-units" remote_units
step "nginx is killed, comes back, and the controller shows it" heal_service
step "core is killed: it answers again, no service was touched" kill_core
step "roll out $next: init, core and agents, one machine after the other" roll_out
step "roll out $broken: both are back on $next, with the reason" roll_back
finish
