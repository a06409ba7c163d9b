# SPDX-License-Identifier: Apache-2.0
"""Environment files against systemd's environment.d generator, which reads the same grammar. It expands "$" on top, so there is none."""
import os
import re
import subprocess
import tempfile

import oracle
from oracle import RANDOM as R

GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
CASES = oracle.cases(1000)
WORDS = ["a", "b c", " ", "  ", "\t", '"', "'", "\\", "\\\\", "\\\n", "\n", "#", ";", "=", "\\x41", "\\n", "\u00e4", "x", "1", '\\"', "\\'", "`", "!", "-", "\r", "\r\n"]


def text(i):
    value = "".join(R.choice(WORDS) for _ in range(R.randint(0, 9)))
    return R.choice(["", " ", "# x\n", "; y\n", "\n", "junk\n"]) + f"K{i}" + R.choice(["=", "=", "=", " =", "= "]) + value + R.choice(["", "\n", "\r\n"])


def theirs(texts):
    """Of each text what it says of its own variable."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(folder + "/environment.d")
        for i, t in enumerate(texts):
            with open(f"{folder}/environment.d/{i:06}.conf", "w", newline="") as f:
                f.write(t)
        env = {"XDG_CONFIG_HOME": folder, "HOME": folder, "PATH": os.environ["PATH"]}
        out = subprocess.run([GENERATOR], env=env, capture_output=True, timeout=120).stdout
    return dict(decode(line) for line in out.decode(errors="surrogateescape").splitlines() if "=" in line)


ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def decode(line):
    """NAME=plain or NAME="with C escapes"."""
    name, value = line.split("=", 1)
    if not value.startswith('"'):
        return name, value
    return name, re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), value[1:-1])


if not os.access(GENERATOR, os.X_OK):
    print(f"SKIP: {GENERATOR} is not installed")
    raise SystemExit(77)
texts = [text(i) for i in range(CASES)]
ours = oracle.ask(["env-file"], [t.replace("\n", "\2") for t in texts])
for start in range(0, CASES, 500):
    chunk = texts[start:start + 500]
    known = theirs(chunk)
    for k, t in enumerate(chunk):
        i = start + k
        answer = ours[i]
        values = dict(e.split("=", 1) for e in answer.split("\3") if "=" in e) if answer is not None else {}
        # environment.d takes a variable without a value out again, mostly. It keeps a carriage return in a quoted value; for a service
        # the variable is dropped then (environment(7)), and so do we at once.
        mine = (values.get(f"K{i}") or "").replace("\2", "\n")
        systemd = known.get(f"K{i}", "")
        if "\r" not in systemd:
            oracle.compare(f"environment file {t!r}", mine, systemd)
oracle.finish()
