#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""packages.py KNOWN DIRECTORY: compares what packages.sh saw under systemd and under ours.

Prints lines for packages.sh, by tabs: "ok" or "no", what, detail; "note" lines are for people. KNOWN has unit, property and reason a line, by tabs; unit
and property are patterns as of a shell. The unit's state is the property "state"."""
import fnmatch
import json
import re
import sys
from collections import defaultdict

SKIP = {"unit", "exe"}


def read_known(path):
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                unit, prop, reason = line.rstrip("\n").split("\t")
                rows.append((unit, prop, reason))
    return rows


def known_reason(known, unit, prop):
    for pattern, what, reason in known:
        if fnmatch.fnmatchcase(unit, pattern) and fnmatch.fnmatchcase(prop, what):
            return reason
    return None


def read_units(path):
    units = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if len(words) == 3:
                units[words[0]] = (words[1], words[2])
    return units


def read_probe(path):
    """unit -> executable -> the processes of it, without duplicates."""
    seen = defaultdict(lambda: defaultdict(list))
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            process = json.loads(line)
            mine = {key: value for key, value in process.items() if key not in SKIP}
            processes = seen[process["unit"]][process["exe"]]
            if mine not in processes:
                processes.append(mine)
    return seen


def differences(theirs, ours):
    """Property -> (theirs, ours), for one executable: of several processes the sets of values are compared."""
    result = {}
    for key in sorted({key for process in theirs + ours for key in process}):
        left = {json.dumps(process.get(key)) for process in theirs}
        right = {json.dumps(process.get(key)) for process in ours}
        if left == right:
            continue
        if key == "environment":
            left_names = {name for value in left for name in json.loads(value) or []}
            right_names = {name for value in right for name in json.loads(value) or []}
            if left_names != right_names:
                result[key] = (" ".join(sorted(left_names - right_names)) or "-", " ".join(sorted(right_names - left_names)) or "-")
        else:
            result[key] = (" | ".join(sorted(left)), " | ".join(sorted(right)))
    return result


def read_masked(path):
    """What belongs to another part: the names of units, and of templates."""
    try:
        with open(path, encoding="utf-8") as file:
            return {line.strip() for line in file}
    except FileNotFoundError:
        return set()


def is_masked(masked, unit):
    template = re.sub(r"@.*\.", "@.", unit)
    return unit in masked or template in masked


def mount_path(unit):
    path = "/" + unit.removesuffix(".mount").replace("-", "/")
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), path)


def read_mounts(path):
    try:
        with open(path, encoding="utf-8") as file:
            return {re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), line.rstrip("\n")) for line in file}
    except FileNotFoundError:
        return set()


def compare_states(known, masked, mounts, theirs, ours):
    checked = 0
    for unit, (state, sub) in sorted(theirs.items()):
        # What was "exited" or waits is as active as what runs; a device or mount is the kernel's.
        if state != "active" or is_masked(masked, unit) or not unit.endswith((".service", ".socket", ".timer", ".path", ".target", ".mount", ".swap")):
            continue
        got, got_sub = ours.get(unit, ("absent", "-"))
        reason = known_reason(known, unit, "state")
        # What may be there without a unit has to be there.
        if unit.endswith(".mount") and mount_path(unit) not in mounts:
            reason = None
        checked += 1
        if got == "active":
            print(f"ok\t{unit} is active")
        elif reason:
            print(f"note\tknown: {unit} is {got} ({got_sub})\t{reason}")
        else:
            print(f"no\t{unit} is active\tunder systemd active ({sub}), here {got} ({got_sub})")
    for unit, (state, _) in sorted(ours.items()):
        if state == "failed" and theirs.get(unit, ("", ""))[0] not in ("failed", "active"):
            reason = known_reason(known, unit, "state")
            print(f"{'note' if reason else 'no'}\t{unit} has not failed\t{reason or 'it has not under systemd'}")
    print(f"note\t{checked} units are active under systemd")


def compare_processes(known, theirs, ours, active):
    """Of units that are up in both: what is on its way there is not yet what it will be."""
    checked = same = 0
    for unit in sorted(set(theirs) & set(ours) & active):
        found, excused = [], []
        for exe in sorted(set(theirs[unit]) & set(ours[unit])):
            checked += 1
            for prop, (left, right) in differences(theirs[unit][exe], ours[unit][exe]).items():
                reason = known_reason(known, unit, prop)
                (excused if reason else found).append(f"{prop} of {exe}: {left} there, {right} here" + (f" ({reason})" if reason else ""))
        if found:
            print(f"no\tprocesses of {unit} are as under systemd\t{'; '.join(found)}")
        else:
            same += 1
            print(f"ok\tprocesses of {unit} are as under systemd")
        for text in excused:
            print(f"note\tknown: {unit}\t{text}")
    print(f"note\t{checked} programs of {len(set(theirs) & set(ours) & active)} services compared, {same} services without a difference")


def main():
    known = read_known(sys.argv[1])
    directory = sys.argv[2]
    theirs, ours = read_units(f"{directory}/units.systemd"), read_units(f"{directory}/units.ours")
    masked = read_masked(f"{directory}/masked.ours")
    active = {unit for unit, (state, _) in theirs.items() if state == "active" and ours.get(unit, ("", ""))[0] == "active"}
    compare_states(known, masked, read_mounts(f"{directory}/mounts.ours"), theirs, ours)
    compare_processes(known, read_probe(f"{directory}/probe.systemd"), read_probe(f"{directory}/probe.ours"), active)


main()
