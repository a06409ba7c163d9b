# SPDX-License-Identifier: Apache-2.0
"""Consoles of made-up machines and containers: the links that systemd's getty generator makes, and ours."""
import json
import os
import pty
import shutil
import subprocess
import sys

import place
from place import oracle
from place import R

THEIRS = "/usr/lib/systemd/system-generators/systemd-getty-generator"
# PID 1 of a name space of its own, whose environment counts.
MACHINE = r"""
set -e
exec 2>&1
mkdir -p "$1/dev"
mount -t tmpfs dev "$1/dev"
mount --rbind /dev "$1/old" && mount --move "$1/dev" /dev
for f in null urandom kmsg; do : >/dev/$f; mount --bind "$1/old/$f" /dev/$f; done
mount -t proc proc /proc
mount -t tmpfs sys /sys
cp -a "$1/sys/." /sys/
while read -r name kind; do
	mkdir -p "$(dirname "/dev/$name")"
	case $kind in
	tty) : >"/dev/$name"; mount --bind "$1/old/$TTY" "/dev/$name" ;;
	file) : >"/dev/$name" ;;
	link) ln -s "$1/old/$TTY" "/dev/$name" ;;
	esac
done <"$1/devices"
"$2" "$1/theirs/n" "$1/theirs/e" "$1/theirs/l" && echo done >"$1/theirs/x" || echo failed >"$1/theirs/x"
"$3" generate getty "$1/ours/n" "$1/ours/e" "$1/ours/l" && echo done >"$1/ours/x" || echo failed >"$1/ours/x"
"""
NAMES = ["ttyS0", "ttyS1", "tty0", "tty1", "tty63", "tty64", "ttyAMA0", "hvc0", "hvc1", "xvc0", "hvsi0", "sclp_line0", "ttysclp0", "3270/tty1", "ttyUSB0", "tty", "ttyprintk", "tty-x.y", "netcon0"]
SWITCHES = ["yes", "no", "1", "0", "off", "x", ""]


def machine():
    consoles = [R.choice(NAMES) for _ in range(R.choice([0, 1, 1, 2, 3, 4]))]
    made = {name: R.choice(["tty", "tty", "tty", "file", "link", "none"]) for name in set(consoles)}
    known = [n for n in NAMES if R.random() < 0.2]
    env = {}
    if R.random() < 0.4:
        env["container"] = R.choice(["lxc", "docker", "systemd-nspawn", "other"])
    if R.random() < 0.5:
        env["container_ttys"] = R.choice([" ", "  "]).join(R.choice(["pts/0", "pts/12", "/dev/pts/3", "tty1", "/dev/tty2", "pts/", "pts/a-b", "/dev//pts/5", "pts//7", "console", "3"]) for _ in range(R.randint(0, 4)))
    if R.random() < 0.2:
        env["SYSTEMD_GETTY_AUTO"] = R.choice(SWITCHES)
    line = " ".join(R.choice([f"systemd.getty_auto={R.choice(SWITCHES)}", "systemd.getty_auto", "systemd.getty-auto=no", "quiet"]) for _ in range(R.choice([0, 0, 0, 1, 2])))
    return consoles, made, known, env, line


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def scenario(number):
    consoles, made, known, env, line = machine()
    folder = f"/tmp/{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    for who in ("ours", "theirs"):
        for name in ("n", "e", "l"):
            os.makedirs(f"{folder}/{who}/{name}")
    os.makedirs(f"{folder}/old")
    os.makedirs(f"{folder}/sys")
    if R.random() < 0.95:
        put(f"{folder}/sys/class/tty/console/active", " ".join(consoles) + R.choice(["\n", "\n", ""]))
    for name in known:
        os.makedirs(f"{folder}/sys/class/tty/{name}", exist_ok=True)
    put(f"{folder}/devices", "".join(f"{n} {k}\n" for n, k in sorted(made.items())))
    master, slave = pty.openpty()
    full = dict(env, PATH=os.environ["PATH"], TTY=os.ttyname(slave)[len("/dev/"):], SYSTEMD_PROC_CMDLINE=line, SYSTEMD_LOG_TARGET="console")
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", MACHINE, "sh", folder, THEIRS, oracle.DRIVER], env=full, capture_output=True, timeout=60, check=False)
    os.close(master)
    os.close(slave)
    said = json.dumps([consoles, made, known, env, line])
    if done.returncode:
        raise RuntimeError(f"{said}: {done.stdout.decode()}")
    ours, theirs = (place.tree(f"{folder}/{who}") for who in ("ours", "theirs"))
    for name in sorted(set(ours) | set(theirs)):
        oracle.compare(f"{said} {name}", ours.get(name), theirs.get(name))


place.enter(THEIRS)
oracle.scenarios(scenario, oracle.cases(150))
oracle.finish()
