// SPDX-License-Identifier: Apache-2.0
// One page: lists by GET, what happens by server-sent events. Nothing here changes anything.
"use strict";

const EVENTS_SHOWN = 200, REFRESH_MS = 5000;
const byId = id => document.getElementById(id);
const machines = new Map();
let sortKey = "hostname", descending = false, refreshing = false, wanted = false;

// Text only ever enters the page through here: what machines report is never markup.
function element(tag, className, ...children) {
	const e = document.createElement(tag);
	if (className)
		e.className = className;
	e.append(...children.filter(c => c !== null && c !== undefined));
	return e;
}

function ago(usec) {
	const s = Math.max(0, Math.round(Date.now() / 1000 - usec / 1e6));
	if (!usec)
		return "never";
	if (s < 90)
		return s < 3 ? "now" : s + " s ago";
	if (s < 5400)
		return Math.round(s / 60) + " min ago";
	return s < 129600 ? Math.round(s / 3600) + " h ago" : Math.round(s / 86400) + " d ago";
}

function stateClass(m) {
	if (!m.connected)
		return "";
	return { running: "good", degraded: "warn", starting: "warn", initializing: "warn", enrolled: "warn" }[m.state] || "bad";
}

function machineRow(m) {
	const failed = m.failed_units && m.failed_units.length ? m.failed_units.join(", ") : m.n_failed ? String(m.n_failed) : "";
	const row = element("tr", m.connected ? "" : "away",
		element("td", "", m.hostname, element("small", "", m.id.slice(0, 12))),
		element("td", "", element("code", "", m.version)),
		element("td", "", element("span", "state " + stateClass(m), m.connected ? m.state : m.state + ", not connected")),
		element("td", failed ? "failed" : "", failed || "–"),
		element("td", "number", ago(m.last_seen_usec)));
	row.title = m.id;
	return row;
}

function showMachines() {
	const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
	const list = [...machines.values()].filter(m => {
		const text = [m.id, m.hostname, m.version, m.state, ...(m.failed_units || [])].join(" ").toLowerCase();
		return words.every(w => text.includes(w));
	});
	list.sort((a, b) => {
		const x = a[sortKey], y = b[sortKey];
		const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
		return (descending ? -order : order) || a.id.localeCompare(b.id);
	});
	byId("machines").replaceChildren(...list.map(machineRow));
	byId("no-machines").hidden = machines.size > 0;
	for (const th of document.querySelectorAll("th[data-key]")) {
		if (th.dataset.key === sortKey)
			th.setAttribute("aria-sort", descending ? "descending" : "ascending");
		else
			th.removeAttribute("aria-sort");
	}
	showTotals();
}

function showTotals() {
	const all = [...machines.values()];
	const failed = all.filter(m => m.n_failed > 0).length, away = all.filter(m => !m.connected).length;
	const versions = new Set(all.map(m => m.version)).size;
	const total = (n, text, bad) => element("li", bad && n ? "bad" : "", element("b", "", String(n)), " " + text);
	byId("totals").replaceChildren(total(all.length, all.length === 1 ? "machine" : "machines"),
		total(versions, versions === 1 ? "version" : "versions"), total(away, "not connected", true),
		total(failed, "with failed units", true));
}

const MEMBER_CLASSES = { done: "good", skipped: "good", ordered: "busy", gating: "busy", returning: "warn", returned: "warn", failed: "bad" };
const ROLLOUT_CLASSES = { succeeded: "good", running: "warn", pending: "warn", paused: "warn", "rolling-back": "warn", failed: "bad", "rolled-back": "bad" };

function rolloutCard(r) {
	const total = Object.values(r.counts).reduce((a, b) => a + b, 0) || 1;
	const bar = element("div", "progress");
	for (const [state, n] of Object.entries(r.counts)) {
		if (!n || !MEMBER_CLASSES[state])
			continue;
		const part = element("i", MEMBER_CLASSES[state]);
		part.style.flexBasis = 100 * n / total + "%";
		part.title = n + " " + state;
		bar.append(part);
	}
	const counts = Object.entries(r.counts).filter(([, n]) => n).map(([state, n]) => n + " " + state).join(", ");
	return element("div", "rollout",
		element("p", "head", element("code", "", r.version), element("span", "state " + (ROLLOUT_CLASSES[r.state] || ""), r.state)),
		bar, element("p", "", counts), r.reason ? element("p", "", r.reason) : null);
}

function showRollouts(list) {
	byId("rollouts").replaceChildren(...list.slice(-20).reverse().map(rolloutCard));
	byId("no-rollouts").hidden = list.length > 0;
}

function eventItem(e, isNew) {
	const when = new Date(e.realtime_usec / 1000);
	const machine = e.machine && machines.get(e.machine);
	const time = element("span", "when", when.toLocaleTimeString());
	time.title = when.toLocaleString();
	return element("li", isNew ? "new" : "", time, element("p", "",
		element("span", "who", (machine ? machine.hostname : e.machine ? e.machine.slice(0, 12) : "fleet") + " "), e.text || e.kind));
}

function addEvent(e, isNew) {
	const list = byId("events");
	list.prepend(eventItem(e, isNew));
	while (list.children.length > EVENTS_SHOWN)
		list.lastElementChild.remove();
}

async function get(path) {
	const answer = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" });
	if (answer.status === 401 || answer.status === 403)
		throw new Error("open the address that fleetctl serve printed: it holds the token");
	if (!answer.ok)
		throw new Error("the controller answered " + answer.status);
	return answer.json();
}

function link(className, text) {
	byId("link").className = className;
	byId("link").textContent = text;
}

// At most one refresh at a time, and one more when something happened meanwhile.
async function refresh() {
	if (refreshing) {
		wanted = true;
		return;
	}
	refreshing = true;
	try {
		const [m, r] = await Promise.all([get("/v1/machines"), get("/v1/rollouts")]);
		machines.clear();
		for (const machine of m.machines)
			machines.set(machine.id, machine);
		showMachines();
		showRollouts(r.rollouts);
	} catch (error) {
		link("lost", error.message);
	}
	refreshing = false;
	if (wanted) {
		wanted = false;
		setTimeout(refresh, 250);
	}
}

async function start() {
	await refresh();
	try {
		for (const e of (await get("/v1/events?limit=100")).events)
			addEvent(e, false);
	} catch (error) {
		link("lost", error.message);
		return;
	}
	const stream = new EventSource("/v1/events");
	const kinds = ["unit", "job", "manager", "machine", "core", "command", "rollout", "upgrade", "agent", "unknown"];
	const arrived = message => {
		addEvent(JSON.parse(message.data), true);
		refresh();
	};
	for (const kind of kinds)
		stream.addEventListener(kind, arrived);
	stream.onopen = () => link("live", "live");
	stream.onerror = () => link("lost", "connection lost, trying again");
	setInterval(refresh, REFRESH_MS);
}

byId("filter").addEventListener("input", showMachines);
for (const th of document.querySelectorAll("th[data-key]")) {
	th.tabIndex = 0;
	const sort = () => {
		descending = sortKey === th.dataset.key && !descending;
		sortKey = th.dataset.key;
		showMachines();
	};
	th.addEventListener("click", sort);
	th.addEventListener("keydown", e => e.key === "Enter" && sort());
}
start();
