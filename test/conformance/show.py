#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""show.py KNOWN DIRECTORY: compares what systemctl show said under systemd and under ours.

DIRECTORY holds units.systemd, units.ours, manager.systemd and manager.ours. Prints lines for show.sh, by tabs: "ok" or "no", what, detail; "note" lines
are for people. KNOWN has unit, property and reason a line, by tabs; unit and property are patterns as of a shell. The manager is the unit "manager"."""
import fnmatch
import os
import re
import sys
from collections import defaultdict

# Lists of names of units: of those that only one of the two has nothing can be said.
DEPENDENCIES = set(
    """Requires Requisite Wants BindsTo PartOf Upholds RequiredBy RequisiteOf WantedBy BoundBy UpheldBy ConsistsOf Conflicts ConflictedBy Before After
    OnSuccess OnSuccessOf OnFailure OnFailureOf Triggers TriggeredBy PropagatesReloadTo ReloadPropagatedFrom PropagatesStopTo StopPropagatedFrom
    JoinsNamespaceOf SliceOf""".split()
)
# Of groups of system calls: what the image's libseccomp has no number for, systemd leaves out. Ours tells the group as systemd 252 defines it.
NEWER_CALLS = {"riscv_hwprobe", "uretprobe"}
NONE = "<none>"


def read_units(path):
    """unit -> property -> value; of properties that come several times the lines are one value."""
    units, unit = {}, {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in [*file, "\n"]:
            key, equals, value = line.rstrip("\r\n").partition("=")
            if equals:
                unit[key] = unit[key] + "\n" + value if key in unit else value
            elif unit:
                units[unit.get("Id", "manager")] = unit
                unit = {}
    return units


def read_known(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]


def plain(prop, text):
    """Moments, numbers of processes and identifiers are of one boot: what is compared is whether there are any."""
    if prop.endswith(("TimestampMonotonic", "PID", "ControlGroupId", "InvocationID")) and text not in ("0", NONE):
        return "SOME"
    text = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+\b", "TIME", text)
    return re.sub(r"\bpid=[1-9]\d*\b", "pid=PID", text)


def words(prop, text, common):
    """The value as what is compared: order and quotes are no difference."""
    if text == NONE:
        return [] if prop in DEPENDENCIES else text
    names = sorted(word.strip('"').replace("\\\\", "\\") for word in plain(prop, text).split())
    if prop in DEPENDENCIES:
        return [name for name in names if name in common]
    return [name for name in names if name not in NEWER_CALLS] if prop == "SystemCallFilter" else names


def differences(unit, theirs, ours, common):
    for prop in sorted(set(theirs) | set(ours)):
        left, right = theirs.get(prop, NONE), ours.get(prop, NONE)
        if words(prop, left, common) != words(prop, right, common):
            yield unit, prop, left, right


def shortly(text):
    text = " ".join(text.split())
    return text if len(text) < 100 else text[:97] + "..."


def main():
    known, directory = read_known(sys.argv[1]), sys.argv[2]
    sides = []
    for side in ("systemd", "ours"):
        units = read_units(os.path.join(directory, "units." + side))
        units.update(read_units(os.path.join(directory, "manager." + side)))
        sides.append(units)
    theirs, ours = sides
    common = set(theirs) & set(ours)
    for side, other, name in ((theirs, ours, "systemd"), (ours, theirs, "ours")):
        only = sorted(set(side) - set(other))
        if only:
            print(f"note\tonly under {name}\t{' '.join(only)}")
    needed = [0] * len(known)
    values = 0
    found = defaultdict(list)
    for unit in sorted(common):
        values += len(set(theirs[unit]) | set(ours[unit]))
        for name, prop, left, right in differences(unit, theirs[unit], ours[unit], common):
            for i, (pattern, what, _) in enumerate(known):
                if fnmatch.fnmatchcase(name, pattern) and fnmatch.fnmatchcase(prop, what):
                    needed[i] += 1
                    break
            else:
                found[prop].append(f"{name}: {shortly(left)} | {shortly(right)}")
    for prop, rows in sorted(found.items()):
        print(f"no\t{prop} is the same\t{len(rows)} units, as {'; '.join(rows[:3])}")
    for (pattern, what, reason), n in zip(known, needed):
        print(f"note\t{pattern} {what}\t{n} differ: {reason}" if n else f"note\t{pattern} {what}\tno difference in this run")
    n = sum(needed)
    print(f"{'no' if len(common) < 40 else 'ok'}\t{len(common)} units are in both\t")
    print(f"{'no' if found else 'ok'}\t{values} values: {n} differ as listed, {sum(map(len, found.values()))} otherwise\t")


main()
