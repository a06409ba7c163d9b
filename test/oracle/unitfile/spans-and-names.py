# SPDX-License-Identifier: Apache-2.0
"""Time spans, exit statuses and unit names against systemd-analyze and systemd-escape.

Both tools end at the first word that they refuse. So what we accept is asked for in batches, which go on behind a word that
was refused all the same; what we refuse is asked for otherwise: spans as lines of a unit, of which each is told, names one by one.
"""
import os
import re
import subprocess
import tempfile

import oracle
from oracle import RANDOM as R

oracle.need("systemd-analyze", "systemd-escape")


def run(*args):
    return subprocess.run(args, text=True, capture_output=True, timeout=60)


def spans():
    hand = ["5s", "5s500ms", " 5s 500ms  ", " 5.5s  ", " 5.5s 0.5ms ", " .22s ", " .50y ", "2.5", ".7", "23us", "23\u00b5s", "23\u03bcs", "infinity",
            " infinity ", "+3.1s", "3.1s.2", "3.1 .2", "3.1 sec .2 sec", "3.1 sec 1.2 sec", " xyz ", "", " . ", " 5. ", ".s ", "-5s ", "-0.3s ",
            "-0.0s ", "-0 -0 ", "0.-0 ", "3.+1s", "3.sec", "3.hoge", "-infinity", "infinity5", "5 infinity", "1M", "1m", "1y", "1w 1d", "1h30min",
            "18446744073709551615", "18446744073709551614us", "9223372036854775807us", "9223372036854775808us", "584542y", "584543y", "0", "0s",
            "1.", "1..2", "12.34.56", "12.34s.56", "1e3", "0x10", "5 5", "5min5", "1ns", "5 seconds", "3 hr", "2months", "1month1m", "1 year -1s"]
    units = ["", "s", "sec", "second", "seconds", "min", "m", "minute", "minutes", "h", "hr", "hour", "hours", "d", "day", "days", "w", "week",
             "weeks", "M", "month", "months", "y", "year", "years", "ms", "msec", "us", "usec", "\u00b5s", "nsec", "x", "sec ond"]
    for _ in range(oracle.cases(600) // 5):
        parts = []
        for _ in range(R.choice([1, 1, 2, 3])):
            n = R.choice([str(R.randint(0, 100)), str(R.randint(0, 10 ** R.randint(1, 20))), f"{R.random() * 10:.{R.randint(1, 12)}f}", ".5", "+1", "-1"])
            parts.append(n + R.choice(["", " "]) + R.choice(units))
        hand.append(R.choice(["", " "]).join(parts))
    ours = oracle.ask(["span"], hand)
    theirs = {}
    taken = [t for t, answer in zip(hand, ours) if answer is not None]
    theirs.update(zip(taken, oracle.each_until_refused(taken, spans_of)))
    # Blanks around a value are no part of it in a unit, and an empty one is not told.
    left = list(dict.fromkeys(t for t, answer in zip(hand, ours) if answer is None))
    odd = [t for t in left if t != t.strip() or not t]
    theirs.update(zip(odd, oracle.each_until_refused(odd, spans_of)))
    lines = [t for t in left if t == t.strip() and t]
    theirs.update((t, None if refused else "accepted") for t, refused in zip(lines, refused_lines(lines)))
    for text, answer in zip(hand, ours):
        oracle.compare(f"span {text!r}", answer, theirs[text])


def spans_of(some):
    return re.findall("(?:\u03bcs|us): (\\d+)", run("systemd-analyze", "timespan", "--", *some).stdout)


def refused_lines(values):
    """Of each value whether systemd refuses it as a time span in a unit file."""
    with tempfile.TemporaryDirectory(prefix="spans-") as dir:
        path = f"{dir}/spans.service"
        with open(path, "w", encoding="utf-8") as f:
            f.write("[Service]\nExecStart=/bin/true\n" + "".join(f"RestartSec={v}\n" for v in values))
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", path], text=True, capture_output=True, timeout=300,
                              env=dict(os.environ, SYSTEMD_UNIT_PATH=dir + ":")).stderr
    numbers = set(re.findall(r"spans\.service:(\d+): Failed to parse sec value, ignoring: ", said))
    return [str(n + 3) in numbers for n in range(len(values))]


def statuses():
    table = dict(line.split()[:2] for line in run("systemd-analyze", "exit-status").stdout.splitlines()[1:])
    names = list(table) + ["0", "255", "256", "-1", "", "nonsense", "success"]
    for name, ours in zip(names, oracle.ask(["status"], names)):
        theirs = run("systemd-analyze", "exit-status", "--", name)
        oracle.compare(f"exit status {name!r}", ours, theirs.stdout.splitlines()[1].split()[1] if not theirs.returncode and name else None)


def words(alphabet, n):
    for _ in range(n):
        yield "".join(R.choice(alphabet) for _ in range(R.randint(1, 24)))


BETWEEN = "0q0"  # no answer but to itself: answers are divided by blanks, and may hold some


def batch(subject, questions, *command):
    ours = dict(zip(questions, oracle.ask([subject], questions)))
    mark = run("systemd-escape", *command, "--", BETWEEN).stdout[:-1]

    def answer(some):
        asked = [word for q in some for word in (q, BETWEEN)]
        out = run("systemd-escape", *command, "--", *asked).stdout
        return out.removesuffix("\n").removesuffix(" " + mark).split(f" {mark} ") if out else []

    taken = [q for q in ours if ours[q] is not None]
    left = [q for q in ours if ours[q] is None]
    theirs = dict(zip(taken, oracle.each_until_refused(taken, answer)))
    theirs.update(zip(left, oracle.each_until_refused(left, answer, 1)))
    for q in ours:
        # --path makes names that are too long for a unit.
        if subject == "mount" and len(theirs[q] or "") > 255:
            continue
        oracle.compare(f"{subject} {q!r}", ours[q], theirs[q])


def names():
    chars = list("abcXYZ019--//..__::@@\\ ") + ["\\x2d", "ä", "é", "%", "~", "+", ","]
    count = oracle.cases(600)
    plain = list(words(chars, count * 3 // 5))
    escaped = list(words(list("abc019-.:_") + ["\\x2d", "\\x2f", "\\x2e", "\\xe4", "\\x", "\\"], count // 4))
    # What unescapes to a control character or to bytes that are no UTF-8 is not shown as it is.
    escaped = [e for e in escaped if not re.search(r"\\x(?![2-7])", e)]
    paths = ["/" + "/".join(words(list("abc.-_ \\@ä"), 3)) for _ in range(count // 4)] + ["/", "//", "/..", "/a/../b", "/a//b/", "/./a", "", "a/b"]
    # Of paths too long for a name, --mangle makes one that ends in a hash; --path does not care.
    long_paths = ["/" + "/".join(["component"] * n) for n in (23, 24, 25, 26, 27, 40, 80)]
    batch("escape", plain)
    batch("unescape", escaped, "--unescape")
    batch("mount", [p for p in paths if p], "--path", "--suffix=mount")
    mangled = plain[:count // 3] + ["foo", "foo.service", "foo.mount", "/dev/sda1", "/home", "/sys/foo", "foo@", "foo@.service", "foo@b.target", ".", "..",
                             "a.b", "foo bar", "*", "foo*", "foo.servic\\x", "/..", "/a/../b", "/dev/../x", "/../..", "a" * 247, "a" * 248, "a" * 300] + long_paths
    batch("mangle", mangled, "--mangle")


for part in (spans, statuses, names):
    if os.environ.get("ORACLE_ONLY", part.__name__) == part.__name__:
        part()
oracle.finish()
