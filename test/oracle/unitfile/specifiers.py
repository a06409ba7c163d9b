# SPDX-License-Identifier: Apache-2.0
"""Specifiers in the settings of services, against the units that systemd's manager dumps in its test mode: those of names, of files,
of the machine and of the system's folders, in each kind of value: text, path, list, name, assignment."""
import os
import re
import tempfile

import manager
import oracle
from oracle import RANDOM as R

manager.need()
CASES = oracle.cases(600)
BATCH = 1500
# Those of %h, %s, %u and their like are asked as the system's manager answers them; the one that is asked here runs as nobody.
LETTERS = "aAbBCdEfgGhHiIjJlLmMnNopPsStTuUvVwWyY%"
TEXT = ["a", "-", ".", "_", "/", "x-y", "\u00e4", "0", "@", ":", "%Z", "%z", "%-", "%", "%1", "\\x2d"]
NAMES = ["a", "a-b", "a-b-c", "b@", "b@x", "b@x-y", "b@x\\x2dy", "b@-", "b@-a-b", "b@a--b", "a\\x20b", "c:d", "e_f.g", "b-c@d-e", "b@\\xc3\\xa4", "b@a\\x2", "-x-", "b@c@d",
         "b@usr-lib", "mnt-\\x2e", "b@.", "b@a.b", "b@\\x2e\\x2e"]
# Key in the file: what stands before the value, and the manager's name of the line if that is another.
KEYS = {"Unit": {"Description": "d", "Documentation": "file:///", "ConditionPathExists": "/c/", "ConditionHost": "h", "RequiresMountsFor": "/mnt/", "Wants": "w-"},
        "Service": {"WorkingDirectory": "/w/", "RootDirectory": "/r/", "StateDirectory": "s/", "CacheDirectory": "c-", "ReadOnlyPaths": "/ro/", "InaccessiblePaths": "-/i/",
                    "EnvironmentFile": "-/e/", "Environment": "A=", "PIDFile": "/run/", "StandardOutput": "file:/o/", "TTYPath": "/dev/", "StandardInput": "file:/i/", "TemporaryFileSystem": "/t/", "UtmpIdentifier": "",
                    "BindPaths": "/b/", "ExecSearchPath": "/p/", "LogExtraFields": "F=", "PassEnvironment": "P", "ExecStart": "/bin/echo "}}
LISTS = ("ExecSearchPath", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths", "StateDirectory", "CacheDirectory")
LINES = {"StandardInput": "StandardInputFile", "StandardOutput": "StandardOutputFile", "ExecStart": "Command Line"}


def value():
    return "".join("%" + R.choice(LETTERS) if R.random() < 0.6 else R.choice(TEXT[:10] if R.random() < 0.9 else TEXT) for _ in range(R.randint(1, 4)))


def one(i):
    prefix, at, instance = R.choice(NAMES).partition("@")
    name = f"{prefix}-{i}{at}{instance or ('i' if at else '')}.service"
    text = ""
    for section, keys in KEYS.items():
        text += f"[{section}]\n" + ("DefaultDependencies=no\n" if section == "Unit" else "Type=oneshot\n")
        for key in R.sample(list(keys), min(len(keys), 9)) + (["ExecStart"] if section == "Service" else []):
            suffix = {"Wants": R.choice([".service", ".target", ""]), "BindPaths": R.choice(["", ":/t", ":/t/%p:norbind"]),
                      "TemporaryFileSystem": R.choice(["", ":size=%i", ":ro"])}.get(key, "")
            if f"\n{key}=" not in text:
                text += f"{key}={keys[key]}{value()}{suffix}\n"
    return name, text


def theirs(block):
    """Load state, and (line, value) pairs of the keys."""
    state = re.search(r"^\t+Unit Load State: (\S+)", block, re.M).group(1)
    pairs = []
    for key, before in {k: b for keys in KEYS.values() for k, b in keys.items()}.items():
        line = LINES.get(key, key)
        for v in re.findall(rf"^\t+{line}: (.*)$", block, re.M):
            v = re.sub(r" (untested|succeeded|failed)$", "", v)
            if key in ("Wants", "RequiresMountsFor"):
                v = re.sub(r" \(.*\)$", "", v)
                # Others come from other settings.
                if not v.startswith(before.rstrip("/")):
                    continue
            if key == "ExecStart":
                v = manager.quoted_words(v)[1]
            pairs += [(line, w) for w in (v.split() if key in LISTS else [v])]
        # A directory's symlink is a line of its own.
        for v in re.findall(rf"^\t+{line}Symlink: (.*)$", block, re.M):
            pairs = [p for p in pairs if p[0] != line or not v.startswith(p[1] + ":")] + [(line, w) for w in v.split()]
    return state, sorted(pairs)


def ours(answer):
    fields = (answer or "!").split("\t")
    pairs = []
    for f in fields[1:]:
        line, v = f.split("=", 1)
        v = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), v)
        # Kept as they are written: with a backslash before colons and backslashes, and without what is left out.
        if line in ("BindPaths", "StateDirectory", "CacheDirectory"):
            parts = [re.sub(r"\\(.)", r"\1", w) for w in re.findall(r"((?:[^:\\]|\\.)+)", v)]
            if line == "BindPaths":
                parts = (parts + parts if len(parts) == 1 else parts) + (["rbind"] if len(parts) < 3 else [])
            v = ":".join(parts)
        pairs += [(line, w) for w in (v.split() if line in LISTS else [v])]
    return fields[0], sorted(pairs)


def known_difference(key, asked, mine, other):
    # In names of units it knows no specifier that may hold what is no part of a name; here what comes out is looked at.
    if key == "Wants" and re.search("%[fIJP]", asked):
        return not other
    # Of a line with a part that is refused, it takes what follows for another one.
    if key == "BindPaths" and not mine:
        return other and not other[0].startswith("/b/")
    # No options behind the colon.
    if key == "TemporaryFileSystem" and asked.endswith(":"):
        return [v.removesuffix(":") for v in mine] == [v.removesuffix(":") for v in other]
    # Two colons are the end of all paths there; they and one at the end are something of their own in directories.
    if "::" in asked and key == "ExecSearchPath":
        return other == mine[:len(other)]
    if key in ("StateDirectory", "CacheDirectory") and (re.search("::|:$", asked) or asked.count(":") > 1 and not mine):
        return True
    # A symlink's name of which nothing is left is none here; there the directory goes with it.
    return key in ("StateDirectory", "CacheDirectory") and ":" in asked and not other and mine and ":" not in mine[0]


def compare(units, folder):
    them = manager.blocks(units, folder)
    answers = oracle.ask(["specifiers"], [f"{name}\t{folder}/{name}\t" + text.replace("\n", "\2") for name, text in units])
    for (name, text), answer in zip(units, answers):
        if name not in them:
            oracle.compare(f"{name}: {text!r}", answer, "(no such unit there)")
            continue
        (s, mine), (t, other) = ours(answer), theirs(them[name])
        # A path that goes up is passed over, as they say that they do it: the unit is not read any more there.
        if (s, t) == ("loaded", "error") and "PIDFile=" in text:
            continue
        oracle.compare(f"{name}: {text!r}: load state", s, t)
        if s != t or s != "loaded":
            continue
        for key in re.findall(r"^(\w+)=", text, re.M):
            line = LINES.get(key, key)
            if key not in ("DefaultDependencies", "Type"):
                asked = re.search(rf"^{key}=(.*)$", text, re.M).group(1)
                a, b = [v for k, v in mine if k == line], [v for k, v in other if k == line]
                # The dump does not tell a blank in a name from one between two.
                if key.endswith("Directory") and ":" in asked and "\\x20" in name:
                    continue
                if not known_difference(key, asked, a, b):
                    oracle.compare(f"{name}: {key}={asked}", a, b)


for start in range(0, CASES, BATCH):
    with tempfile.TemporaryDirectory(prefix="unitfile-specifiers-") as d:
        os.chmod(d, 0o755)
        compare([one(i) for i in range(start, min(start + BATCH, CASES))], d + "/units")
oracle.finish()
