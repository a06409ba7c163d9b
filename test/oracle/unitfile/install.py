# SPDX-License-Identifier: Apache-2.0
"""Enabling on disk against systemctl --root: the same verbs on the same tree leave the same symlinks, states and exit statuses."""
import os
import shutil
import subprocess
import tempfile

import oracle
from oracle import RANDOM as R

oracle.need("systemctl")

VENDOR, ETC, RUN = "usr/lib/systemd/system", "etc/systemd/system", "run/systemd/system"
PLAIN = ["a.service", "b.service", "c.socket", "d.timer", "e.target", "foo-bar.service", "dbus-x.service", "graphical.target",
         "multi-user.target"]
TEMPLATES = ["t@.service", "u@.service", "w@.socket"]
INSTANCES = ["t@one.service", "t@two.service", "u@one.service", "w@x.socket"]
MISSING = ["missing.service", "gone@.service", "gone@x.service"]


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def link(root, path, target):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.lexists(path):
        os.symlink(target, path)


def install_section(name):
    suffix = name[name.rindex("."):]
    lines = []
    if R.random() < 0.7:
        lines.append("WantedBy=" + " ".join(R.sample(["multi-user.target", "e.target", "graphical.target", "nowhere.target", "u@.service",
                                                      "t@%i.service", "x@one.target", "%p.target"], R.choice([1, 1, 2]))))
    if R.random() < 0.2:
        lines.append("RequiredBy=" + R.choice(["e.target", "a.service", "u@one.service", "bad name", "u@.service"]))
    if R.random() < 0.35:
        aliases = ["alias-" + name, name, "x" + suffix, "y@.service", "z@one" + suffix, "wrong.path", "%p-%i" + suffix, "default.target"]
        lines.append("Alias=" + " ".join(R.sample(aliases, R.choice([1, 1, 2]))))
    if R.random() < 0.25:
        lines.append("Also=" + " ".join(R.sample(PLAIN + INSTANCES + MISSING, R.choice([1, 2]))))
    if "@." in name and R.random() < 0.5:
        lines.append("DefaultInstance=" + R.choice(["one", "two", "%H", ""]))
    if R.random() < 0.1:
        lines.append("WantedBy=")
    return "[Install]\n" + "\n".join(lines) + "\n" if lines else ""


def build(root):
    for name in PLAIN + TEMPLATES:
        if R.random() < 0.12:
            continue
        where = R.choice([VENDOR, VENDOR, VENDOR, ETC, RUN])
        body = "[Unit]\nDescription=x\n" + ("[Service]\nExecStart=/bin/true\n" if name.endswith("service") else "")
        write(root, f"{where}/{name}", body + install_section(name) if R.random() > 0.04 else "")
        if R.random() < 0.1:
            write(root, f"{R.choice([ETC, VENDOR])}/{name}.d/10-x.conf", install_section(name) or "[Unit]\n")
    for _ in range(R.choice([0, 1, 2])):
        name = R.choice(PLAIN + INSTANCES)
        link(root, f"{R.choice([ETC, RUN])}/{name}", "/dev/null")
    for _ in range(R.choice([0, 0, 1, 2])):
        name = R.choice(PLAIN)
        link(root, f"{R.choice([ETC, RUN, VENDOR])}/extra{name[name.rindex('.'):]}", R.choice([f"/{VENDOR}/{name}", name, f"/{ETC}/{name}"]))
    for _ in range(R.choice([0, 1, 2])):
        name = R.choice(PLAIN + INSTANCES + TEMPLATES)
        file = name if "@" not in name else name[:name.index("@") + 1] + name[name.rindex("."):]
        link(root, f"{R.choice([ETC, RUN, VENDOR])}/{R.choice(['e.target.wants', 'multi-user.target.wants', 'u@.service.wants'])}/{name}",
             R.choice([f"/{VENDOR}/{file}", f"../{file}"]))
    write(root, "opt/units/linked.service", "[Unit]\n" + install_section("linked.service"))
    write(root, "opt/units/l@.service", "[Unit]\n" + install_section("l@.service"))
    for n in range(R.choice([0, 1, 2])):
        rules = []
        for _ in range(R.randint(1, 5)):
            pattern = R.choice(PLAIN + TEMPLATES + INSTANCES + ["*", "*.service", "t@*", "[ab].service"])
            rules.append(R.choice(["enable ", "disable "]) + pattern)
            if rules[-1].startswith("enable") and "@." in pattern and R.random() < 0.5:
                rules[-1] += " one two"
        where = R.choice(["etc", "usr/lib", "run"])
        write(root, f"{where}/systemd/system-preset/{R.choice(['10-a', '90-b'])}.preset", "\n".join(["# rules"] + rules) + "\n")


def snapshot(root):
    state = []
    for dir, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(dir, name)
            rel = os.path.relpath(path, root)
            if os.path.islink(path):
                state.append(f"{rel} -> {os.readlink(path)}")
            elif not os.path.isdir(path):
                state.append(rel)
            elif rel.endswith((".wants", ".requires")):
                state.append(rel + "/")
    return sorted(state)


def theirs(root, verb, flags, names):
    command = ["systemctl", f"--root={root}", verb] + (["--runtime"] if flags & 1 else []) + (["--force"] if flags & 2 else [])
    return subprocess.run(command + ["--"] + names, text=True, capture_output=True, timeout=60)


def operation():
    verb = R.choice(["enable", "enable", "enable", "disable", "disable", "mask", "unmask", "preset", "preset-all", "set-default", "link"])
    flags = R.choice([0, 0, 0, 1]) | R.choice([0, 0, 2])
    if verb == "preset-all":
        return verb, flags & ~2, []
    if verb == "set-default":
        return verb, 0, [R.choice(["e.target", "graphical.target", "multi-user.target", "a.service", "missing.target", "default.target"])]
    if verb == "link":
        return verb, flags, [R.choice(["/opt/units/linked.service", "/opt/units/l@.service", "/opt/units/none.service"])]
    pool = PLAIN + TEMPLATES + INSTANCES + PLAIN + ["linked.service", "l@one.service", "x.service", "extra.service"] + \
        ([R.choice(MISSING)] if R.random() < 0.2 else [])
    if verb == "enable":
        pool += ["/opt/units/linked.service"]
    return verb, flags, R.sample(pool, R.choice([1, 1, 1, 2, 3]))


def their_states(root, some):
    answer = theirs(root, "is-enabled", 0, some)
    # An alias that leads nowhere ends it before the first answer.
    if "Link has been severed" in answer.stderr and not answer.stdout and len(some) > 1:
        return [(their_states(root, [one]) or [None])[0] for one in some]
    return answer.stdout.splitlines()


def scenario(number):
    with tempfile.TemporaryDirectory(prefix="unitfile-install-") as base:
        compare_trees(base, number)


def compare_trees(base, number):
    a, b = os.path.join(base, f"{number}a"), os.path.join(base, f"{number}b")
    build(a)
    shutil.copytree(a, b, symlinks=True)
    start = snapshot(a)
    history = []
    for _ in range(R.randint(2, 5)):
        verb, flags, names = operation()
        history.append((verb, flags, names))
        them = theirs(b, verb, flags, names)
        us = oracle.ask(["install", a], ["\t".join([verb, str(flags)] + names)])[0].split("\t")
        what = f"scenario {number}: {start}\n  {history}\n  {us}\n  {them.stderr.strip()}"
        # An alias that leads nowhere ends their preset-all; ours goes on with the other units.
        if "Link has been severed" in them.stderr:
            return
        # What could not be done in full is an error here, even if something was done; there it is told, but not always an error.
        if us[0] == "0" or "Failed to" not in them.stderr:
            oracle.compare(what + "\n  failed", us[0] != "0", them.returncode != 0)
        x, y = snapshot(a), snapshot(b)
        # Of two units that want the same alias, the first one met gets it; there that depends on the order of a directory.
        if verb == "preset-all" and x != y and [l.split(" ")[0] for l in x] == [l.split(" ")[0] for l in y]:
            return
        oracle.compare(what + "\n  tree", sorted(set(x) - set(y)), sorted(set(y) - set(x)))
        if x != y:
            return
    tree = f"scenario {number}: {snapshot(a)}"
    units = PLAIN + TEMPLATES + INSTANCES + ["linked.service", "l@one.service", "x.service", "extra.service", "alias-a.service"]
    states = oracle.ask(["install", a], ["\t".join(["is-enabled", "0", u]) for u in units])
    them = oracle.each_until_refused(units, lambda some: their_states(b, some))
    for u, ours, t in zip(units, states, them):
        ours = ours.split("\t")[1] if ours.startswith("0\t") else None
        oracle.compare(f"{tree}\n  state of {u}", ours, t)
    ours = oracle.ask(["install", a], ["get-default\t0"])[0].split("\t")
    them = theirs(b, "get-default", 0, [])
    oracle.compare(f"{tree}\n  default", ours[1] if ours[0] == "0" else None, them.stdout.strip() or None)


os.environ.pop("SYSTEMD_UNIT_PATH", None)
oracle.scenarios(scenario, oracle.cases(600) // 50)
oracle.finish()
