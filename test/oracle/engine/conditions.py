# SPDX-License-Identifier: Apache-2.0
"""Generated conditions against systemd-analyze condition, on this machine and on a tree made for it."""
import os
import platform
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unitfile"))
import oracle  # noqa: E402
from oracle import RANDOM as R  # noqa: E402

oracle.need("systemd-analyze")
KERNEL = platform.release()
CGROUP = os.access("/sys/fs/cgroup/cgroup.controllers", os.R_OK)
with open("/etc/os-release", encoding="utf-8") as release:
    OS = dict(line.rstrip("\n").split("=", 1) for line in release if "=" in line)


MAYBE_EMPTY = [".x", "x~", "~", "lost+found", "aquota.user", "aquota.group", "swp", "x.old.y", "old", "x.", "x.rej"] + [
    f"x.{s}" for s in ("rpmnew rpmsave rpmorig dpkg-old dpkg-new dpkg-tmp dpkg-dist dpkg-bak dpkg-backup dpkg-remove ucf-new ucf-old ucf-dist swp bak old new pacnew tmp orig").split()]


def build(root):
    for name in ("empty", "full", "full/sub"):
        os.mkdir(f"{root}/{name}")
    for name, mode, text in (("file", 0o644, "x"), ("program", 0o755, "#!/bin/sh\n"), ("zero", 0o644, ""), ("full/a b", 0o644, "x"), ("*", 0o600, "x")):
        with open(f"{root}/{name}", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(f"{root}/{name}", mode)
    # Each with one entry that may be nobody's.
    for i, name in enumerate(MAYBE_EMPTY):
        os.mkdir(f"{root}/maybe{i}")
        os.mkdir(f"{root}/maybe{i}/{name}")
    for name, target in (("link", "file"), ("dangling", "nowhere"), ("dirlink", "full"), ("loop", "loop")):
        os.symlink(target, f"{root}/{name}")
    os.mkfifo(f"{root}/fifo")


def path(root):
    p = R.choice([root, root, root, "", "/proc", "/dev", "/etc"]) + "/" + R.choice(
        ["", "empty", "full", "full/sub", "full/a b", "file", "program", "zero", "link", "dangling", "dirlink", "dirlink/sub", "loop", "fifo", "*", "none", "file/x",
         "passwd", "null", "self", "shadow", "full/", "./file", "full/../file", "//full", f"maybe{R.randrange(len(MAYBE_EMPTY))}"])
    return R.choice(["", "", "", "", "", "x"]) + p if R.random() < 0.97 else "relative"


def glob(root):
    return root + "/" + R.choice(["*", "f*", "?ull", "[fz]*", "{file,none}", "none*", "\\*", "full/*", "full/a?b", ".*", "*/sub", "[!a-z]", "[", "fi[l]e", "dang*", "loop*"])


def operator():
    return R.choice(["", "", "=", "!=", "<", "<=", ">", ">=", "$=", "!$=", "==", "<>", "=$", "~"]) + R.choice(["", "", " "])


def version():
    parts = re.findall(r"\d+|[a-z]+", KERNEL)[:4]
    near = [str(max(0, int(p) + R.choice([-1, 0, 0, 0, 1]))) if p.isdigit() else p for p in parts]
    return R.choice([KERNEL, ".".join(near[:R.randint(1, 4)]), KERNEL + R.choice(["", "~rc1", "-1", "^x", ".0", "a"]), "*", KERNEL[:3] + "*", "0", "99", "5.10-x", "?.*"])


def words(one, n):
    quote = R.choice(["", "", "'", '"'])
    return " ".join(quote + one() + quote for _ in range(R.choice([1, 1, 1, n])))


def os_word():
    key = R.choice(list(OS) + ["NOPE", "id", "VERSION_ID", "ID"])
    value = OS.get(key, "x").strip('"')
    return key + operator().strip() + R.choice([value, value, value + "1", value[:-1], "*", "?*", "", "12", "11.9", "13", "debian"])


def number(limit):
    return R.choice([str(R.randint(0, limit)), "0", "1", "1K", "4M", "2G", "1T", "16E", "1.5G", "-1", "x", "", "1 G", "100%", "0x10", str(limit)])


def one(root):
    paths = ["PathExists", "PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint", "PathIsReadWrite", "DirectoryNotEmpty", "FileNotEmpty", "FileIsExecutable"]
    kinds = {
        "PathExistsGlob": lambda: glob(root), "KernelVersion": lambda: words(lambda: operator() + version(), 3), "OSRelease": lambda: words(os_word, 2),
        "Memory": lambda: operator() + number(1 << 34), "CPUs": lambda: operator() + number(8), "CPUFeature": lambda: R.choice(["fpu", "sse2", "nope", "", "avx2", "rdrand"]),
        "Architecture": lambda: R.choice(["x86-64", "x86", "arm64", "native", "nope", "", "X86-64"]),
        "Host": lambda: R.choice([platform.node(), platform.node().upper(), "*", "?*", "nope", "", platform.node()[:2] + "*", "[", "0" * 32]),
        "Environment": lambda: R.choice(["PATH", "NOPE", "PATH=x", "PATH=" + os.environ["PATH"], "", "=", "LC_ALL", "LC_ALL=C"]),
        "Security": lambda: R.choice(["selinux", "apparmor", "smack", "audit", "ima", "tomoyo", "tpm2", "uefi-secureboot", "cvm", "nope", ""]),
        "Capability": lambda: R.choice(["CAP_SYS_ADMIN", "cap_kill", "kill", "CAP_NOPE", "40", "0", "99", "", "CAP_NET_RAW", "CAP_SYS_TIME", "CAP_SYS_MODULE"]),
        "User": lambda: R.choice(["root", "0", "@system", "nobody", "65534", "nope", "", "-1", "daemon"]),
        "Group": lambda: R.choice(["root", "0", "nogroup", "nope", "", "65534", "adm"]),
        "ACPower": lambda: R.choice(["yes", "no", "1", "off", "maybe", ""]), "FirstBoot": lambda: R.choice(["yes", "no", "0", "x", ""]),
        "NeedsUpdate": lambda: R.choice(["/etc", "/var", "/", "!/etc", "/etc/", "/nope"]),
        "KernelCommandLine": lambda: R.choice(["nope", "ro", "rw", "root", "root=", "quiet", "console=", "", "init", "reboot=k", "panic=1"]),
        "Credential": lambda: R.choice(["nope", "../x", "", "a/b"]), "Virtualization": lambda: R.choice(["yes", "no", "vm", "container", "docker", "kvm", "nope", "", "private-users"]),
        "Firmware": lambda: R.choice(["uefi", "device-tree", "device-tree-compatible(x)", "smbios-field(bios_vendor = x)", "smbios-field(nope = x)", "x", "smbios-field(bios_vendor)"]),
        "ControlGroupController": lambda: R.choice(["v2", "v1", "nope", ""] + (["cpu", "memory", "cpu memory", "pids", "nope cpu"] if CGROUP else [])),
        "DirectoryNotEmpty": lambda: R.choice([path(root), f"{root}/maybe{R.randrange(len(MAYBE_EMPTY))}"]),
        # It would wait for somebody to write into a FIFO.
        "PathIsEncrypted": lambda: path(root).replace("fifo", "file"),
    }
    kind = R.choice(paths * 2 + list(kinds))
    value = kinds[kind]() if kind in kinds else path(root)
    # In a unit an empty value takes conditions back, so there is none alone.
    # Some paths it reads by another parser than the manager does, which takes no blank before one; and a "!" before a key of
    # os-release it passes over.
    marks = ["", "", "", "!"] + (["!!"] if kind != "OSRelease" else []) + (["! "] if kind in kinds and not re.match("Path|NeedsUpdate", kind) else [])
    return f"{kind}={R.choice(marks if value.strip() else ['!'])}{value}".replace("\n", " ")


ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TERM": "dumb"}


def theirs(expressions):
    """All at once, as alternatives, of which each is told; what is refused ends the program, so it is taken out and the rest asked again."""
    answers = {}
    left = expressions
    while left:
        run = subprocess.run(["systemd-analyze", "condition"] + ["Condition" + e.replace("=", "=|", 1) for e in left], text=True, capture_output=True,
                             env=ENVIRONMENT, timeout=100, check=False)
        said = run.stderr + run.stdout
        told = re.findall(r"^test\.service: Condition(\w+=)\|(!?)(.*) (succeeded|failed)\.$", said, re.M)
        told += re.findall(r"^test\.service: Couldn't determine result for Condition(\w+=)\|(!?)(.*), assuming (failed)", said, re.M)
        if told or len(left) == 1:
            return answers, told
        half = len(left) // 2
        a, b = theirs(left[:half]), theirs(left[half:])
        return {}, a[1] + b[1]
    return answers, []


def check(count):
    with tempfile.TemporaryDirectory(prefix="conditions-") as root:
        os.chmod(root, 0o755)
        build(root)
        expressions = list(dict.fromkeys(one(root) for _ in range(count)))
        ours = oracle.ask([], expressions, ENVIRONMENT)
        told = {}
        for key, negate, value, answer in theirs(expressions)[1]:
            told[f"{key}{negate}{value}"] = "1" if answer == "succeeded" else "0"
        for e, mine in zip(expressions, ours):
            # As it is told: blanks behind "!" gone, paths simplified. A refusal is told by nothing.
            kind, value = e.split("=", 1)
            negate = value.startswith("!")
            text = value[negate:].lstrip()
            forms = [text, re.sub("/+", "/", text.replace("/./", "/")), re.sub("/+", "/", text.replace("/./", "/")).rstrip("/") or "/"]
            them = next((told[f] for f in (f"{kind}={'!' if negate else ''}{t}" for t in forms) if f in told), None)
            oracle.compare(e, mine, them)


for start in range(0, oracle.cases(900), 300):
    check(300)
oracle.finish()
