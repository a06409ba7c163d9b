#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What two programs made of the same Debian root: metadata-differential.py CASE DOCUMENT THEIRS OURS KNOWN SEEN, or --unused KNOWN SEEN.

DOCUMENT is the user data. THEIRS and OURS are folders of overlays (m: the whole, upper: what was changed). A difference is a line "PATH: ASPECT: theirs | ours". Those
that a row of KNOWN names (case, path, aspect as shell patterns; reason) are noted in SEEN and do not count.

What differs by its nature is made equal first: salts (the algorithm of a hash counts), keys that were made (their kind counts), days,
comments in configuration below /etc, and the order of lines in files where it means nothing.
"""
import fnmatch
import os
import re
import stat
import sys
import time

# Their books and ours, what programs of the image leave behind, and what this test put there.
SKIPPED = ("var/lib/cloud", "var/lib/sysmaster", "var/log", "var/cache", "usr/lib/sysmaster", "usr/lib/python3", "usr/share/python3", "run", "proc", "sys",
           "dev", "tmp", "var/tmp", "etc/passwd-", "etc/shadow-", "etc/group-", "etc/gshadow-", "etc/subuid-", "etc/subgid-", "etc/.pwd.lock", "var/lib/apt", "var/lib/dpkg")
ACCOUNTS = ("etc/passwd", "etc/shadow", "etc/group", "etc/gshadow", "etc/subuid", "etc/subgid")


def is_skipped(path):
    return any(path == s or path.startswith(s + "/") for s in SKIPPED)


def changed(folder):
    """Paths below the overlay's upper folder."""
    upper = os.path.join(folder, "upper")
    for at, folders, files in os.walk(upper):
        for name in folders + files:
            path = os.path.relpath(os.path.join(at, name), upper)
            if not is_skipped(path):
                yield path


def shadow_line(line, given, day):
    f = line.split(":")
    if len(f) > 2:
        mark = "!" if f[1].startswith("!") else ""
        secret = f[1].lstrip("!")
        if secret.startswith("$") and secret not in given:
            secret = "$" + secret.split("$")[1] + "$..."
        f[1] = mark + secret
        if f[2].isdigit() and abs(int(f[2]) - day) <= 1:
            f[2] = "today"
    return ":".join(f)


def normal(path, data, given, day):
    """The contents as they are compared: a list of lines, or bytes."""
    if re.match(r"etc/ssh/ssh_host_.*_key$", path):
        return [b"a private key"] if b"PRIVATE KEY" in data and data.decode() not in given else data
    if path == "swap.img" and data[4086:4096] == b"SWAPSPACE2":
        return data[:1036] + b"its UUID" + data[1052:] if any(data[1036:1052]) else data
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    if re.match(r"etc/ssh/ssh_host_.*_key\.pub$", path) and text.strip() not in given:
        return text.split()[:1]
    lines = text.split("\n")
    if path == "etc/shadow":
        lines = [shadow_line(line, given, day) for line in lines]
    if path == "srv/.calls":
        return [" ".join(w for w in line.split() if w != "eatmydata" and not w.startswith("-")) for line in lines if line]
    if path == "etc/hosts":
        return sorted(" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#"))
    if path in ACCOUNTS or path.endswith("/.ssh/authorized_keys"):
        return sorted(line for line in lines if line)
    if path.startswith("etc/"):
        return [line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return lines


def day_of(folder):
    """The day on which this half ran; it may have been kept."""
    made = os.path.join(folder, "made")
    if not os.path.exists(made):
        return int(time.time() // 86400)
    with open(made, encoding="ascii") as f:
        return int(f.read()) // 86400


def aspects(folder, path, given):
    """{aspect: value} of one path; empty where there is nothing."""
    full = os.path.join(folder, "m", path)
    try:
        st = os.lstat(full)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}.get(stat.S_IFMT(st.st_mode), "special")
    a = {"kind": kind, "owner": f"{st.st_uid}:{st.st_gid}"}
    if kind == "link":
        a["target"] = os.readlink(full)
    else:
        a["mode"] = f"{stat.S_IMODE(st.st_mode):04o}"
    if kind == "file":
        with open(full, "rb") as f:
            a["contents"] = normal(path, f.read(), given, day_of(folder))
    return a


def shown(value):
    return value if isinstance(value, str) else repr(value)[:200]


def compare(path, theirs, ours):
    if not theirs or not ours:
        if theirs or ours:
            yield "there", ("yes " + str(theirs.get("kind")) if theirs else "no"), ("yes " + str(ours.get("kind")) if ours else "no")
        return
    for aspect in sorted(set(theirs) | set(ours)):
        a, b = theirs.get(aspect), ours.get(aspect)
        if a == b:
            continue
        if isinstance(a, list) and isinstance(b, list):
            a, b = [x for x in a if x not in b] or a, [x for x in b if x not in a] or b
        yield aspect, shown(a), shown(b)


def known_rows(path):
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.strip() and not line.startswith("#"):
                fields = line.rstrip("\n").split("\t")
                if len(fields) != 4 or not fields[3].strip():
                    sys.exit(f"{path}:{number}: a row is case, path, aspect and reason, between tabs")
                yield fields


def unused(known, seen_path):
    seen = set()
    if os.path.exists(seen_path):
        with open(seen_path, encoding="utf-8") as f:
            seen = set(f.read().split("\n"))
    rows = [row for row in known_rows(known) if "\t".join(row[:3]) not in seen]
    for row in rows:
        print(f"# listed, and there was no such difference: {' '.join(row[:3])}")
    return 1 if rows else 0


def main(case, document, theirs, ours, known, seen_path):
    # Secrets and keys that the document itself gives are compared as they are.
    with open(document, encoding="utf-8", errors="replace") as f:
        given = f.read()
    given += "\n".join(line.strip() for line in given.split("\n")) + "\n"
    rows, failed = list(known_rows(known)), 0
    with open(seen_path, "a", encoding="utf-8") as seen:
        for path in sorted(set(changed(theirs)) | set(changed(ours))):
            a, b = aspects(theirs, path, given), aspects(ours, path, given)
            for aspect, left, right in compare(path, a, b):
                row = next((r for r in rows if all(fnmatch.fnmatchcase(v, p) for v, p in zip((case, path, aspect), r))), None)
                if row:
                    seen.write("\t".join(row[:3]) + "\n")
                    continue
                failed += 1
                print(f"# {case}: {path}: {aspect}: {left} | {right}")
    return 1 if failed else 0


if sys.argv[1] == "--unused":
    sys.exit(unused(*sys.argv[2:]))
sys.exit(main(*sys.argv[1:]))
