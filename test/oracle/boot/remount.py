# SPDX-License-Identifier: Apache-2.0
"""Tables with options for file systems that are mounted: what mountinfo says after systemd-remount-fs has run, and after ours."""
import json
import os
import re
import shutil
import subprocess
import sys

import place
from place import oracle
from place import R

THEIRS = "/lib/systemd/systemd-remount-fs"
# A root whose programs are in /bin and /lib alone: /usr is one of those that get options. Its own network name space has a sysfs of its own.
MACHINE = r"""
set -e
exec 2>&1
if [ "$ROOTFS" = tmpfs ]; then mount -t tmpfs -o "$FIRST" root "$1"; else mount -o "loop,$FIRST,rw" "$IMAGE" "$1"; fi
cd "$1"
mkdir -p bin sbin lib lib64 usr proc sys dev run etc tmp
for d in bin sbin lib lib64; do mount --rbind "/usr/$d" $d; done
mount -t tmpfs usr usr; mount -t proc proc proc; mount -t sysfs sys sys; mount -t tmpfs dev dev; mount -t tmpfs -o nosuid,nodev run run
mkdir -p dev/shm dev/pts run/lock
mount -t tmpfs shm dev/shm; mount -t devpts -o mode=620 pts dev/pts; mount -t tmpfs -o noexec lock run/lock
: >dev/kmsg; : >dev/null; mount --bind /dev/null dev/null; mount --bind /dev/null dev/kmsg
[ "$NO_TABLE" ] || cp "$2" etc/fstab
: >tmp/ours; mount --bind "$4" tmp/ours
[ -z "$RO" ] || mount -o remount,ro .
shift 2
export LD_LIBRARY_PATH=/lib/x86_64-linux-gnu/systemd
r=0; chroot . "$1" $3 >/proc/self/fd/3 2>&1 || r=$?
echo "result $([ $r = 0 ] && echo done || echo failed)"
cat /proc/self/mountinfo
"""
PLACES = ["/", "/", "/usr", "/usr/", "/proc", "/sys", "/dev", "/dev/shm", "/dev/pts", "/run", "/run/lock", "/tmp", "/sys/fs/bpf", "//", "/usr/share"]
OPTIONS = ["defaults", "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "relatime", "strictatime", "nodiratime", "lazytime", "sync", "dirsync", "silent", "nosymfollow", "atime", "norelatime",
           "noauto", "nofail", "auto", "x-systemd.growfs", "x-systemd.after=a", "x-initrd.mount", "x-other", "X-mine=1", "comment=x", "_netdev", "user", "users", "owner", "nouser", "group",
           "size=3m", "size=50%", "mode=0711", "mode=0755", "nr_inodes=2k", "hidepid=2", "hidepid=invisible", "gid=5", "ptmxmode=0666", "errors=remount-ro", "commit=30", "discard", "nonsense", "nonsense=1", "ro=vfs", "uid=1", "bind", "loop",
           "iversion", "private", "mand", "", 'a="b,c"', "remount", "seclabel", "context=x"]


def options():
    return ",".join(R.choice(OPTIONS[:24] if R.random() < 0.7 else OPTIONS) for _ in range(R.choice([1, 1, 2, 2, 3, 4]))) or "defaults"


def table():
    lines = []
    for _ in range(R.choice([0, 1, 1, 2, 3])):
        where = R.choice(PLACES)
        lines.append(f"{R.choice(['none', 'x', where.strip('/') or 'root'])} {where} {R.choice(['auto', 'tmpfs', 'proc', 'ext4', 'xyz'])} {options()} 0 0\n")
    return "".join(lines)


def state(text, root):
    """The outcome, and of each mount below @root the options."""
    found = {}
    for line in text.splitlines():
        m = re.match(r"result (.*)", line)
        if m:
            found["outcome"] = m.group(1)
            continue
        m = re.match(r"\d+ \d+ \S+ \S+ (\S+) (\S+) .*- (\S+) \S+ (\S+)$", line)
        if m and m.group(1).startswith(root) and not m.group(1)[len(root):].startswith(("/bin", "/sbin", "/lib", "/tmp")):
            found[m.group(1)[len(root):] or "/"] = f"{m.group(2)} {m.group(3)} {m.group(4)}"
    return found


def one(who, folder, program, arguments, env):
    root = f"{folder}/{who}"
    os.makedirs(root)
    if env["ROOTFS"] == "ext4":
        env = dict(env, IMAGE=f"{folder}/{who}.image")
        shutil.copy(IMAGE, env["IMAGE"])
    with open(f"{folder}/{who}.said", "wb") as said:
        done = subprocess.run(["sh", "-c", 'exec 3>"$0"; exec "$@"', said.name, "unshare", "--mount", "--pid", "--net", "--fork", "sh", "-c", MACHINE, "sh", root, f"{folder}/fstab", program, oracle.DRIVER, arguments],
                              env=env, capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{done.stdout.decode(errors='replace')} {done.stderr.decode(errors='replace')}")
    with open(f"{folder}/{who}.said", encoding="utf-8", errors="replace") as said:
        return state(done.stdout.decode(errors="replace"), root), said.read()


def scenario(number):
    folder = f"/tmp/{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    text = table()
    with open(f"{folder}/fstab", "w", encoding="utf-8") as f:
        f.write(text)
    env = {"PATH": os.environ["PATH"], "ROOTFS": R.choice(FILE_SYSTEMS), "FIRST": R.choice(["rw", "rw,noatime", "rw,nosuid,nodev", "rw,relatime"]), "SYSTEMD_LOG_TARGET": "console"}
    if R.random() < 0.3:
        env["RO"] = "1"
    if R.random() < 0.1:
        env["NO_TABLE"] = "1"
    if R.random() < 0.3:
        env["SYSTEMD_REMOUNT_ROOT_RW"] = R.choice(["1", "yes", "0", "x"])
    theirs, their_words = one("theirs", folder, THEIRS, "", env)
    ours, our_words = one("ours", folder, "/tmp/ours", "remount-fs", env)
    what = json.dumps([text, {k: v for k, v in env.items() if k != "PATH"}])
    for key in sorted(set(ours) | set(theirs)):
        oracle.compare(f"{what} {key}", ours.get(key), theirs.get(key))
    if oracle.failures and os.environ.get("ORACLE_VERBOSE"):
        oracle.failures.append(f"ours said {our_words}theirs said {their_words}")


place.enter(THEIRS)
IMAGE = "/tmp/image"
FILE_SYSTEMS = ["tmpfs"]
with open(IMAGE, "wb") as image:
    image.truncate(4 << 20)
if not subprocess.run(["mkfs.ext4", "-q", "-F", IMAGE], check=False, capture_output=True).returncode and not subprocess.run(
        ["unshare", "--mount", "mount", "-o", "loop", IMAGE, "/srv"], check=False, capture_output=True).returncode:
    FILE_SYSTEMS += ["ext4"]
oracle.scenarios(scenario, oracle.cases(60))
print(f"root file systems: {' '.join(FILE_SYSTEMS)}")
oracle.finish()
