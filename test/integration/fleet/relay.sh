#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A machine without a network: agent -> guest's mux -> relay -> controller, and an operator's way back: relay.sh FLEETCTL AGENT FAKE_CORE FAKE_GUEST
set -u
fleetctl=$1 agent=$2 fake_core=$3 fake_guest=$4
for tool in jq socat; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
work=$(mktemp -d /tmp/fleet-test.XXXXXX)
declare -A pids=()
finish() {
	local status=$?
	exec 2>/dev/null
	for pid in "${pids[@]}"; do kill "$pid"; done
	wait
	if [ $status -ne 0 ]; then
		for log in "$work"/*.err; do echo "---- $log"; tail -n 40 "$log"; done
	fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
pass() { echo "ok: $*"; }
eventually() {
	local what=$1; shift
	for _ in $(seq 200); do "$@" >/dev/null 2>&1 && { pass "$what"; return; }; sleep 0.1; done
	fail "$what"
}
field() { "$fleetctl" get machine "$1" --json | jq -r "$2"; }
machine_is() { [ "$(field "$1" "$2")" = "$3" ]; }
relay() { "$fleetctl" relay --connect "${url#https://}" --port vm1=chardev --listen-dir sockets 2>>relay.err & pids[relay]=$!; }
guest() { "$fake_guest" chardev fleet m/control 2>>guest.err & pids[guest]=$!; }
# One varlink call through the relay.
through_relay() { printf 'CONNECT 7466\n{"method":"org.sysmaster.Manager.Describe"}\0' | socat -t 2 - UNIX-CONNECT:sockets/vm1.sock | tr -d '\0'; }
answers() { through_relay | grep -q '"version":"1.0.0"'; }

"$fleetctl" serve --dir ctl --listen 127.0.0.1:0 >serve.out 2>serve.err &
pids[serve]=$!
eventually "the controller serves" grep -q '^https://' serve.out
url=$(cat serve.out)
export FLEETCTL_URL=$url FLEETCTL_DIR=$work/ctl
mkdir m
"$fake_core" m 1.0.0 2>core.err &
pids[core]=$!
guest
relay
printf '[Fleet]\nController=%s\nToken=%s\nCA=%s\nName=m\nVia=channel\n' "$url" "$("$fleetctl" token create)" "$work/ctl/pki/ca.pem" >m.conf
chmod 600 m.conf
"$agent" --stderr --config m.conf --state-dir state --bundles-dir bundles --control m/control --upgrade m/upgrade --channel fleet \
	--machine-id 11111111111111111111111111111111 2>agent.err &
pids[agent]=$!
eventually "a machine enrols through its channel" machine_is m .version 1.0.0
"$fleetctl" machine m restart nginx.service >/dev/null || fail "an order goes through the channel"
pass "an order goes through the channel"
eventually "an operator reaches core through the relay" answers
through_relay | head -n1 | grep -q '^OK 7466' || fail "the relay says OK"
pass "the relay says OK"
[ -z "$(printf 'CONNECT 1\n' | socat -t 2 - UNIX-CONNECT:sockets/vm1.sock)" ] || fail "another port is cut off"
pass "another port is cut off"
[ -z "$(head -c 4096 /dev/zero | socat -t 2 - UNIX-CONNECT:sockets/vm1.sock 2>/dev/null)" ] || fail "garbage is cut off"
pass "garbage is cut off"
# The relay, then the whole VM, goes away and comes back.
kill "${pids[relay]}"
wait "${pids[relay]}" 2>/dev/null
relay
eventually "a restarted relay" answers
kill -KILL "${pids[guest]}"
wait "${pids[guest]}" 2>/dev/null
rm -f chardev fleet
sleep 0.5
guest
eventually "a restarted guest" answers
eventually "and its agent works again" "$fleetctl" machine m restart nginx.service
"$fleetctl" relay --connect 127.0.0.1:1 --libvirt test:///default 2>libvirt.err &
pids[libvirt]=$!
sleep 2
kill -0 "${pids[libvirt]}" || fail "a relay with libvirt runs"
grep -q "annot" libvirt.err && fail "libvirt's test driver is asked: $(cat libvirt.err)"
pass "libvirt's test driver is asked"
grep -E "Sanitizer|runtime error" ./*.err && fail "sanitizer"
echo "all passed"
