#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real controller and real agents on loopback, each agent beside a small fake core: run.sh FLEETCTL AGENT FAKE_CORE
# Every step says what it checks; the first that fails ends the test with the logs.
set -u
fleetctl=$1 agent=$2 fake_core=$3
for tool in curl openssl minisign jq; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 77; }
done
work=$(mktemp -d /tmp/fleet-test.XXXXXX)
declare -A pids=()

finish() {
	local status=$?
	exec 2>/dev/null
	[ -n "${pids[keeper]:-}" ] && kill "${pids[keeper]}" && wait "${pids[keeper]}"
	for pid in "${pids[@]}" $(cat m?/agent.pid 2>/dev/null); do kill "$pid" 2>/dev/null; done
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
# Until the command succeeds, at most 15 s.
eventually() {
	local what=$1; shift
	for _ in $(seq 150); do "$@" >/dev/null 2>&1 && { pass "$what"; return; }; sleep 0.1; done
	fail "$what"
}
is() { [ "$2" = "$3" ] || fail "$1: \"$2\", wanted \"$3\""; pass "$1"; }

serve() {
	"$fleetctl" serve --dir ctl --listen "127.0.0.1:${port:-0}" --web-listen "127.0.0.1:0" >serve.out 2>>serve.err &
	pids[serve]=$!
	for _ in $(seq 100); do grep -q '^http://' serve.out 2>/dev/null && break; sleep 0.05; done
	url=$(grep '^https://' serve.out)
	page=$(grep '^http://' serve.out)
	port=${url##*:}
	export FLEETCTL_URL=$url FLEETCTL_DIR=$work/ctl
}
core() { mkdir -p "$1"; "$fake_core" "$1" "$2" 2>>"$1.core.err" & pids[core-$1]=$!; }
run_agent() {
	"$agent" --stderr --config "$1.conf" --state-dir "$1/state" --bundles-dir "$1/bundles" --control "$1/control" \
		--upgrade "$1/upgrade" --machine-id "$2" 2>>"$1.agent.err" &
	pids[agent-$1]=$!
	echo $! >"$1/agent.pid"
}
configure() { printf '[Fleet]\nController=%s\nToken=%s\nCA=%s\nName=%s\n' "$url" "$2" "${3:-$work/ctl/pki/ca.pem}" "$1" >"$1.conf"; chmod 600 "$1.conf"; }
api() { curl -sS --max-time 20 --cacert ctl/pki/ca.pem --cert "${cert:-ctl/pki/admin.pem}" "$@"; }
status_of() { api -o /dev/null -w '%{http_code}' "$@"; }
field() { "$fleetctl" get machine "$1" --json | jq -r "$2"; }
machine_is() { [ "$(field "$1" "$2")" = "$3" ]; }
sequence() { "$fleetctl" get events --limit 1 | awk '{print $1}'; }
raw() { timeout 20 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile ctl/pki/ca.pem 2>/dev/null; }
id1=11111111111111111111111111111111 id2=22222222222222222222222222222222 id3=33333333333333333333333333333333

# ---- start, enrolment ----
serve
is "the controller is well" "$(curl -sS --cacert ctl/pki/ca.pem "$url/v1/healthz" | jq -r .status)" ok
is "its keys are for nobody else" "$(stat -c %a ctl/pki/ca.key ctl/pki/admin.pem ctl/pki/server.pem | sort -u)" 600
token=$("$fleetctl" token create --ttl 10min) || fail "token create"
core m1 1.0.0
configure m1 "$token"
run_agent m1 $id1
eventually "a machine enrols and reports its version" machine_is m1 .version 1.0.0
is "its state" "$(field m1 .state)" running
is "it is listed" "$("$fleetctl" get machines | awk 'NR == 2 { print $1, $2, $3, $4, $5 }')" "$id1 m1 1.0.0 running yes"
is "its key is for nobody else" "$(stat -c %a m1/state/key.pem)" 600

# Its answer may have got lost: the same machine with the same key may ask once more, nobody else.
openssl req -new -key m1/state/key.pem -subj /CN=$id1 -out m1.csr 2>/dev/null
body=$(jq -n --arg t "$token" --rawfile c m1.csr --arg m $id1 '{token:$t,csr:$c,machine_id:$m,hostname:"m1",version:"1.0.0"}')
kill "${pids[agent-m1]}"
api -d "$body" -H 'Content-Type: application/json' "$url/v1/enroll" | jq -r .certificate >m1/state/cert.pem
openssl x509 -in m1/state/cert.pem -noout 2>/dev/null || fail "a repeated enrolment is answered"
pass "a repeated enrolment is answered"
run_agent m1 $id1
eventually "and its certificate is good" "$fleetctl" machine m1 query org.sysmaster.Manager.Describe

# ---- who is refused ----
core m2 1.0.0
configure m2 "$token"
run_agent m2 $id2
eventually "a used token is refused" grep -q "does not let this machine in" m2.agent.err
[ "$(status_of "$url/v1/machines/$id2")" = 404 ] || fail "the refused machine is known"
pass "the refused machine is not known"
"$fleetctl" get audit | grep -q "machine.enroll-refused" || fail "the refusal is in the audit log"
pass "the refusal is in the audit log"
kill "${pids[agent-m2]}"
expired=$("$fleetctl" token create --ttl 1s)
sleep 1.2
body=$(jq -n --arg t "$expired" '{token:$t,csr:"x",machine_id:"44444444444444444444444444444444",hostname:"x"}')
is "a CSR that is none" "$(api -o /dev/null -w '%{http_code}' -d "$body" -H 'Content-Type: application/json' "$url/v1/enroll")" 422
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -subj /CN=44444444444444444444444444444444 -out x.csr 2>/dev/null
body=$(jq -n --arg t "$expired" --rawfile c x.csr '{token:$t,csr:$c,machine_id:"44444444444444444444444444444444",hostname:"x"}')
is "an expired token" "$(api -d "$body" -H 'Content-Type: application/json' "$url/v1/enroll" | jq -r .code)" bad-token
body=$(jq -n --arg t "$("$fleetctl" token create)" --rawfile c x.csr '{token:$t,csr:$c,machine_id:"55555555555555555555555555555555",hostname:"x"}')
is "a CSR for somebody else" "$(api -d "$body" -H 'Content-Type: application/json' "$url/v1/enroll" | jq -r .code)" bad-csr

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other-ca.pem -subj /CN=other -days 2 2>/dev/null
cat other-ca.pem other.key >other.pem
configure m3 "$("$fleetctl" token create)" "$work/other-ca.pem"
core m3 1.0.0
run_agent m3 $id3
eventually "an agent does not talk to a controller of another authority" grep -qi "certificate" m3.agent.err
kill "${pids[agent-m3]}"
cert=other.pem api "$url/v1/machines" >/dev/null 2>&1 && fail "a certificate of another authority opens something"
pass "a certificate of another authority opens nothing"
is "without a certificate" "$(curl -sS --cacert ctl/pki/ca.pem "$url/v1/machines" | jq -r .code)" unauthenticated
cat m1/state/cert.pem m1/state/key.pem >m1.pem
is "a machine may not do what operators do" "$(cert=m1.pem api "$url/v1/machines" | jq -r .code)" forbidden
is "nor read the audit log" "$(cert=m1.pem status_of "$url/v1/audit")" 403
is "an operator is no machine" "$(status_of "$url/v1/agent/next")" 403

# ---- garbage ----
before=$(api "$url/v1/audit" | jq '.entries | length')
printf 'GARBAGE\r\n\r\n' | raw | head -n1 | grep -q "400" || fail "garbage is answered with 400"
pass "garbage is answered with 400"
printf 'GET / HTTP/1.1\r\n\r\n' | raw | head -n1 | grep -q "400" || fail "a request without Host"
pass "a request without Host is answered with 400"
{ printf 'GET / HTTP/1.1\r\nHost: x\r\n'; head -c 40000 /dev/zero | tr '\0' a; } | raw | head -n1 | grep -q "431" || fail "a huge head"
pass "a huge head is answered with 431"
printf 'POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n' | raw | head -n1 | grep -q "413" || fail "a huge body"
pass "a huge body is answered with 413"
printf 'POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n' | raw | head -n1 | grep -q "400" || fail "two lengths"
pass "two lengths are answered with 400"
is "a path that climbs" "$(status_of --path-as-is "$url/v1/bundles/../../etc/passwd")" 400
is "a truncated object" "$(api -d '{"uses":' -H 'Content-Type: application/json' "$url/v1/tokens" | jq -r .code)" malformed-json
is "a wrong method" "$(status_of -X PUT "$url/v1/tokens")" 405
is "an unknown path" "$(status_of "$url/v2/nothing")" 404
is "nothing of it changed anything" "$(api "$url/v1/audit" | jq '.entries | length')" "$before"

# ---- events, commands ----
seen=$(sequence)
kill -USR1 "${pids[core-m1]}"
eventually "an event arrives" sh -c "\"$fleetctl\" get events --after $seen | grep -q 'nginx.service active -> failed (exit-code)'"
eventually "the failed unit is listed" machine_is m1 '.failed_units[0]' nginx.service
"$fleetctl" machine m1 restart nginx.service >/dev/null || fail "a unit is restarted"
pass "a unit is restarted"
eventually "and is well again" machine_is m1 .state running
"$fleetctl" machine m1 restart missing.service 2>order.err && fail "a missing unit is restarted"
grep -q "NoSuchUnit: missing.service" order.err || fail "the reason of a failed order: $(cat order.err)"
pass "a failed order says why"
is "a query" "$("$fleetctl" machine m1 query org.sysmaster.Manager.Describe | jq -r .version)" 1.0.0
"$fleetctl" machine m1 query org.sysmaster.Manager.Shutdown '{"kind":"reboot"}' 2>order.err && fail "a query changes something"
grep -qi "denied" order.err || fail "a query is for looking only: $(cat order.err)"
pass "a query is for looking only"
"$fleetctl" machine nobody restart x.service 2>/dev/null
is "an unknown machine's exit status" $? 5
"$fleetctl" machine m1 frobnicate 2>/dev/null
is "an unknown order's exit status" $? 2
FLEETCTL_URL=https://127.0.0.1:1 "$fleetctl" get machines 2>/dev/null
is "no controller's exit status" $? 3
own=$(printf 'ab%.0s' $(seq 16))
order="{\"id\":\"$own\",\"kind\":\"unit\",\"args\":{\"verb\":\"restart\",\"name\":\"cron.service\"}}"
is "an order with an id" "$(status_of -d "$order" -H 'Content-Type: application/json' "$url/v1/machines/m1/commands")" 201
is "is not given twice" "$(status_of -d "$order" -H 'Content-Type: application/json' "$url/v1/machines/m1/commands")" 409

# ---- the stream, and the page ----
timeout 20 curl -sSN --cacert ctl/pki/ca.pem --cert ctl/pki/admin.pem -H 'Accept: text/event-stream' "$url/v1/events" >stream.out 2>/dev/null &
pids[stream]=$!
eventually "a stream begins" grep -q retry stream.out
kill -USR1 "${pids[core-m1]}"
eventually "a stream carries an event" grep -q '^data: .*nginx.service' stream.out
kill -USR2 "${pids[core-m1]}"
base=${page%%/\?*}
is "the page wants its token" "$(curl -sS "$base/v1/machines" | jq -r .code)" unauthenticated
curl -sS -c jar -o /dev/null "$page"
is "the token lets the page in" "$(curl -sS -b jar "$base/v1/machines" | jq -r '.machines[0].hostname')" m1
is "the page is for reading" "$(curl -sS -b jar -X POST -d '{}' -o /dev/null -w '%{http_code}' "$base/v1/tokens")" 405
is "a foreign name does not reach it" "$(curl -sS -b jar -H 'Host: evil.example' -o /dev/null -w '%{http_code}' "$base/v1/machines")" 421
is "a wrong token" "$(curl -sS -o /dev/null -w '%{http_code}' "$base/?token=0")" 403

# ---- restarts ----
kill -KILL "${pids[core-m1]}"
sleep 0.3
core m1 1.0.0
eventually "core's restart is told" sh -c "\"$fleetctl\" get events | grep -q 'Core was restarted'"
kill "${pids[serve]}"
wait "${pids[serve]}" 2>/dev/null
serve
eventually "agents come back to a restarted controller" machine_is m1 .connected true
eventually "and work" "$fleetctl" machine m1 restart nginx.service

# ---- bundles ----
mkdir -p tree/units
echo core >tree/core
echo unit >tree/units/a.service
chmod 755 tree/core
"$fleetctl" bundle keygen --out fleet.key >/dev/null || fail "keygen"
for version in 2.0.0 3.0-bad 4.0-sick 5.0.0; do
	echo $version >tree/version
	"$fleetctl" bundle create --version $version --dir tree --key fleet.key --out sysmaster-$version.bundle >/dev/null || fail "bundle create"
done
minisign -V -q -p fleet.pub -m sysmaster-2.0.0.bundle || fail "minisign verifies our bundle"
pass "minisign verifies our bundle"
is "an unpacked bundle begins with its manifest" "$(tar --zstd -tf sysmaster-2.0.0.bundle | head -n1)" manifest.json
cp fleet.pub ctl/keys/
for version in 2.0.0 3.0-bad 4.0-sick; do
	"$fleetctl" bundle upload sysmaster-$version.bundle >/dev/null || fail "bundle upload $version"
done
"$fleetctl" bundle upload sysmaster-2.0.0.bundle 2>/dev/null && fail "a bundle is uploaded twice"
pass "a version is uploaded once"
minisign -G -W -p strange.pub -s strange.key >/dev/null
rm sysmaster-5.0.0.bundle.minisig
minisign -S -s strange.key -m sysmaster-5.0.0.bundle >/dev/null
"$fleetctl" bundle upload sysmaster-5.0.0.bundle 2>upload.err && fail "a bundle by a strange key"
grep -q "not trusted" upload.err || fail "a bundle by a strange key: $(cat upload.err)"
pass "a bundle by a strange key is refused"
rm sysmaster-5.0.0.bundle.minisig
minisign -S -s fleet.key -m sysmaster-5.0.0.bundle >/dev/null || fail "minisign signs with our key"
"$fleetctl" bundle upload sysmaster-5.0.0.bundle >/dev/null || fail "a bundle signed by minisign"
pass "a bundle signed by minisign is taken"
is "a range of a bundle" "$(api -r 4-7 "$url/v1/bundles/2.0.0" | xxd -p)" "$(dd if=sysmaster-2.0.0.bundle bs=1 skip=4 count=4 2>/dev/null | xxd -p)"

# ---- rollouts ----
configure m2 "$("$fleetctl" token create)"
run_agent m2 $id2
eventually "a second machine enrols" machine_is m2 .version 1.0.0
# What an upgrade does, and the fake core, too: the agent is killed in the middle. Somebody starts it again.
( while sleep 0.2; do
	for m in m1 m2; do
		kill -0 "$(cat $m/agent.pid)" 2>/dev/null && continue
		id=$id1; [ $m = m2 ] && id=$id2
		"$agent" --stderr --config $m.conf --state-dir $m/state --bundles-dir $m/bundles --control $m/control \
			--upgrade $m/upgrade --machine-id $id >/dev/null 2>>$m.agent.err &
		echo $! >$m/agent.pid
	done
done ) &
pids[keeper]=$!
"$fleetctl" rollout create --bundle 2.0.0 --gate 1 --deadline 60 --wait >rollout.out 2>&1 || fail "a rollout succeeds: $(cat rollout.out)"
pass "a rollout succeeds"
is "both machines are upgraded" "$(field m1 .version) $(field m2 .version)" "2.0.0 2.0.0"
is "each was upgraded once" "$(grep -c 'activating 2.0.0' m1/calls m2/calls | cut -d: -f2 | tr '\n' ' ')" "1 1 "
"$fleetctl" rollout create --bundle 3.0-bad --gate 1 --deadline 60 --wait >rollout.out 2>&1
is "a version that goes back by itself" $? 1
grep -q "rolled-back" rollout.out || fail "the rollout is rolled back: $(cat rollout.out)"
grep -q "The new core did not become ready" rollout.out || fail "with the machine's reason: $(cat rollout.out)"
pass "stops the rollout, with the machine's reason"
is "only one machine has tried it" "$(cat m1/calls m2/calls | grep -c 'activating 3.0-bad')" 1
"$fleetctl" rollout create --bundle 4.0-sick --gate 2 --deadline 60 --wait >rollout.out 2>&1
is "a version that makes a unit fail" $? 1
grep -q "1 units failed, 0 before" rollout.out || fail "is found out by the gate: $(cat rollout.out)"
pass "is found out by the gate"
eventually "and its machine is ordered back" machine_is m1 .version 2.0.0
eventually "to health" machine_is m1 .state running
is "both are where they were" "$(field m1 .version) $(field m2 .version)" "2.0.0 2.0.0"
"$fleetctl" machine m1 upgrade 5.0.0 >/dev/null || fail "one machine is upgraded by hand"
eventually "one machine is upgraded by hand" machine_is m1 .version 5.0.0

# ---- the end ----
"$fleetctl" machine m2 remove || fail "a machine is removed"
eventually "a removed machine is refused" grep -q "does not know this machine" m2.agent.err
is "the audit log is whole" "$(api "$url/v1/audit" | jq .intact)" true
api "$url/metrics" >metrics.out
grep -q '^fleet_machines 1$' metrics.out || fail "metrics"
if command -v promtool >/dev/null; then promtool check metrics <metrics.out || fail "promtool check metrics"; fi
pass "metrics"
grep -E "Sanitizer|runtime error" ./*.err && fail "a sanitizer spoke"
echo "all passed"
