# SPDX-License-Identifier: Apache-2.0
"""Command lines, Environment= and specifiers of names, against the units that systemd's manager dumps in its test mode."""
import re

import manager
import oracle
from oracle import RANDOM as R

manager.need()
CASES = oracle.cases(600)
BATCH = 1500

# Without the halves of surrogates as "\\uXXXX": systemd takes them, into text that is no UTF-8; here they are unknown escapes.
WORDS = ["a", "b c", "/bin/echo", "x=y", "$X", "${Y}", "$$", "$", "%%", "%n", "%i", "%I", "%p", "%P", "%j", "%J", "%N", "%f", "%", "%Z", "%z",
         "\u00e4\u20ac", ";", "\\;", "'", '"', "\\", "\\\\", "\\\"", "\\'", "\\n", "\\t", "\\s", "\\x41", "\\x4", "\\xfg", "\\101", "\\1", "\\u00e9",
         "\\U0001f600", "\\Ud800", "\\ufdd0", "\\U0000fdd0", "\\uffff", "\\U0010ffff", "\\U00110000", "\\q", "\\x00", "\\000", "{", "}", "(", "`", "!", "#", "--", "-", "*", "~", "|", "&"]
# What Unicode calls no character makes an assignment invalid there; here it is a character like others.
ENV_WORDS = [w for w in WORDS if w not in ("\\ufdd0", "\\uffff")]
PREFIXES = ["", "", "", "", "-", "@", ":", "+", "!", "!!", "-@", "@-", "+-", "!+", "--", "!!:", ":-@", "|", "!!!", "=", " "]
PROGRAMS = ["/bin/echo", "/bin/echo", "/bin/echo", "echo", "/bin//echo", "/bin/./echo", "/bin/../bin/echo", "/bin/", "bin/echo", "/", "", "%p", "/x/%i",
            '"/bin/e cho"', "'/bin/echo'", "/bin/\\x65cho", "/bin/e\\x20o", "\\x2fbin/x", "true", ".", "..", "/bin/\u00e4", ";", "a;b", "\\;", "/%Z"]
NAMES = ["a", "a-b", "a-b-c", "b@", "b@x", "b@x-y", "b@x\\x2dy", "b@-", "b@-a-b", "b@a--b", "a\\x20b", "c:d", "e_f.g", "b-c@d-e", "b@\\xc3\\xa4", "b@a\\x2", "-x-", "b@c@d"]


def gap():
    return R.choice([" ", " ", " ", " ", "", "  ", "\t"])


def text_of(words, n):
    """Words glued or apart, some quoted: often right, at times not."""
    out = ""
    for _ in range(R.randint(0, n)):
        w = "".join(R.choice(words) for _ in range(R.choice([1, 1, 2])))
        quote = R.choice(["", "", "", '"', "'"])
        out += (quote + w + quote if R.random() < 0.9 else quote + w) + gap()
    return out


def command_line():
    line = R.choice(PREFIXES) + R.choice(PROGRAMS) + R.choice([" ", " ", " ", "", "\t"]) + text_of(WORDS, 5)
    if R.random() < 0.2:
        line += R.choice([" ; ", " ;", "; ", ";", " \\; ", " ;; "]) + R.choice(PREFIXES) + R.choice(PROGRAMS) + " " + text_of(WORDS, 3)
    return line


def assignments():
    pairs = [R.choice(["A", "B_1", "_c", "A", "1X", "A B", "", "-", "\u00e4"]) + R.choice(["=", "=", "=", "=", " ", ""]) + text_of(ENV_WORDS, 2).strip(" \t")
             for _ in range(R.randint(1, 3))]
    return " ".join(R.choice(['"%s"', "'%s'", "%s", "%s"]) % p for p in pairs)


def one(i):
    """Name of the unit, and its text. Names are numbered so that each is there once."""
    prefix, at, instance = R.choice(NAMES).partition("@")
    name = f"{prefix}-{i}{at}{instance or ('i' if at else '')}.service"
    text = "[Unit]\nDefaultDependencies=no\nDescription=" + R.choice(["x", " ".join(R.sample(["%n", "%N", "%p", "%P", "%i", "%I", "%j", "%J", "%f", "%%", "%", "%Z", "\\x20", "\\n"], 4))])
    text += "\n[Service]\nType=oneshot\n"
    if R.random() < 0.3:
        text += f"Environment={assignments()}\n"
    text += "".join(f"ExecStart={command_line()}\n" for _ in range(R.choice([1, 1, 1, 2])))
    return name, text


def theirs(units):
    """Name -> (load state, description, environment, commands)."""
    found = {}
    for name, block in manager.blocks(units).items():
        state = re.search(r"^\t+Unit Load State: (\S+)", block, re.M)
        description = re.search(r"^\t+Description: (.*)", block, re.M)
        # Of a value with newlines, the first line is told from what follows.
        environment = re.findall(r"^\t+Environment: (.*)", block, re.M)
        commands = re.findall(r"^\t+Command Line: ((?:.|\n(?!\t|\n))*)", block, re.M)
        found[name] = (state.group(1) if state else None, description.group(1) if description else None, environment, commands)
    return found


def unescape(s):
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), s)


def compare(units):
    them = theirs(units)
    answers = oracle.ask(["service"], [f"{name}\t" + text.replace("\n", "\2") for name, text in units])
    for (name, text), answer in zip(units, answers):
        fields = (answer or "!").split("\t")
        state, description = fields[0], unescape(fields[1]) if len(fields) > 1 else None
        environment = [unescape(f[1:]) for f in fields[2:] if f[0] == "e"]
        commands = [[unescape(a) for a in f[1:].split("\3")] for f in fields[2:] if f[0] == "c"]
        if name not in them:
            oracle.compare(f"{name}: {text!r}", answer, "(no such unit there)")
            continue
        t = them[name]
        oracle.compare(f"{name}: {text!r}: load state", state, t[0])
        if state != t[0] or state != "loaded":
            continue
        oracle.compare(f"{name}: {text!r}: description", description, t[1])
        oracle.compare(f"{name}: {text!r}: environment", [e.split("\n")[0] for e in environment], t[2])
        oracle.compare(f"{name}: {text!r}: commands", commands, [manager.quoted_words(c) for c in t[3]])


for start in range(0, CASES, BATCH):
    compare([one(i) for i in range(start, min(start + BATCH, CASES))])
oracle.finish()
