# SPDX-License-Identifier: Apache-2.0
"""Units as systemd's own manager understands them: it loads and dumps them in its test mode, unprivileged, and starts nothing."""
import os
import re
import subprocess
import tempfile

MANAGER = "/lib/systemd/systemd"
NOBODY = 65534


def need():
    if not os.access(MANAGER, os.X_OK) or os.getuid() != 0:
        print(f"SKIP: no {MANAGER}, or not root")
        raise SystemExit(77)


def blocks(units, folder=None):
    """Of units, (name, text) each, a map from the name to what the manager dumps of it. They are files in the folder meanwhile."""
    with tempfile.TemporaryDirectory(prefix="unitfile-manager-") as d:
        os.chmod(d, 0o755)
        files = folder or d + "/units"
        for sub in (files, files + "/default.target.wants", d + "/run"):
            os.makedirs(sub, exist_ok=True)
        os.chown(d + "/run", NOBODY, NOBODY)
        with open(f"{files}/default.target", "w", encoding="utf-8") as f:
            f.write("[Unit]\nDefaultDependencies=no\n")
        for name, text in units:
            with open(f"{files}/{name}", "w", newline="", encoding="utf-8") as f:
                f.write(text)
            os.symlink(f"../{name}", f"{files}/default.target.wants/{name}")
        env = {"PATH": os.environ["PATH"], "HOME": "/root", "SHELL": "/bin/sh", "XDG_RUNTIME_DIR": d + "/run", "SYSTEMD_UNIT_PATH": files,
               "SYSTEMD_LOG_TARGET": "console", "LANG": "C.UTF-8"}
        run = subprocess.run([MANAGER, "--test", "--system", "--unit=default.target", "--no-pager"], env=env, capture_output=True, timeout=200,
                             user=NOBODY, group=NOBODY, extra_groups=[], check=False)
    found = {}
    text = run.stdout.decode(errors="surrogateescape")
    for block in re.split(r"^\t?-> Unit ", text.split("-> By jobs:")[0], flags=re.M)[1:]:
        name, rest = block.split(":\n", 1)
        found[name] = rest
    if len(found) < len(units) / 2:
        raise SystemExit(f"the manager said little: {run.stderr.decode(errors='replace')[-500:]}")
    return found


LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def quoted_words(line):
    """Words as the manager prints them: plain, or in double quotes with C escapes."""
    words = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"(?: |$)|(\S+)', line, re.S):
        text = re.sub(rb"\\([0-7]{3}|.)", lambda m: bytes([int(m.group(1), 8)]) if len(m.group(1)) == 3 else LETTERS.get(m.group(1), m.group(1)),
                      quoted.encode(errors="surrogateescape"), flags=re.S)
        words.append(plain or text.decode(errors="surrogateescape"))
    return words
