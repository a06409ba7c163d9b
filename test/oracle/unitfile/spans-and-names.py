# SPDX-License-Identifier: Apache-2.0
"""Time spans, exit statuses and unit names against systemd-analyze and systemd-escape."""
import re
import subprocess

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
    theirs = oracle.each_until_refused(hand, lambda some: re.findall("(?:μs|us): (\\d+)", run("systemd-analyze", "timespan", "--", *some).stdout))
    for text, ours, them in zip(hand, oracle.ask(["span"], hand), theirs):
        oracle.compare(f"span {text!r}", ours, them)


def statuses():
    table = dict(line.split()[:2] for line in run("systemd-analyze", "exit-status").stdout.splitlines()[1:])
    names = list(table) + ["0", "255", "256", "-1", "", "nonsense", "success"]
    for name, ours in zip(names, oracle.ask(["status"], names)):
        theirs = run("systemd-analyze", "exit-status", "--", name)
        oracle.compare(f"exit status {name!r}", ours, theirs.stdout.splitlines()[1].split()[1] if not theirs.returncode and name else None)


def words(alphabet, n):
    for _ in range(n):
        yield "".join(R.choice(alphabet) for _ in range(R.randint(1, 24)))


def batch(subject, questions, *command):
    """systemd-escape takes many words at once, but stops at the first that it refuses."""
    ours = oracle.ask([subject], questions)
    theirs = []
    at = 0
    while at < len(questions):
        out = run("systemd-escape", *command, "--", *questions[at:at + 200])
        # Answers are divided by blanks, and may hold some: only one at a time is sure, unless all came out without.
        got = out.stdout.rstrip("\n").split(" ")
        if out.returncode == 0 and len(got) == len(questions[at:at + 200]):
            theirs += got
        else:
            for q in questions[at:at + 200]:
                one = run("systemd-escape", *command, "--", q)
                theirs.append(None if one.returncode else one.stdout[:-1])
        at += 200
    for q, a, b in zip(questions, ours, theirs):
        oracle.compare(f"{subject} {q!r}", a, b)


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
                             "a.b", "foo bar", "*", "foo*", "foo.servic\\x", "a" * 247, "a" * 248, "a" * 300] + long_paths
    batch("mangle", mangled, "--mangle")


spans()
statuses()
names()
oracle.finish()
