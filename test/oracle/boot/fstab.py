# SPDX-License-Identifier: Apache-2.0
"""Generated tables and kernel command lines: the tree of units that systemd's fstab generator makes of them, and ours.

Both run in a mount name space with a root of its own, in which no container manager left traces: else they would pass over swap."""
import os
import shutil

import place
from place import oracle
from place import R

THEIRS = "/usr/lib/systemd/system-generators/systemd-fstab-generator"


def build():
    """Mount points that are symlinks, in the root and in the one that an initrd would mount."""
    for top in ("", "/sysroot"):
        os.makedirs(f"{top}/w/real/sub")
        for name, target in (("link", "real"), ("absolute", "/w/real"), ("up", "../w/real/../nowhere"), ("dangling", "none"), ("loop", "loop"), ("chain", "link/sub"),
                             ("out", "../../../etc"), ("home", "/home"), ("down", "none/../real"), ("slash", "/"), ("tail", "real//sub/.")):
            os.symlink(target, f"{top}/w/{name}")
        with open(f"{top}/w/file", "w", encoding="utf-8"):
            pass


WORDS = ["a", "b.c", "x-y", "x_y", "%", "%%", "%i", "@", ":", "#", "\u00e4", "\u20ac", "\U0001f600", "\ufffe", "\\040", "\\011", "\\134", "\\\\", "\\012", "\\043", "\\x2d", "'", '"', ".", "..", "-", "=", "~", "+", "1", "\ud800"]
TYPES = ["ext4", "ext4", "ext4", "vfat", "xfs", "btrfs", "auto", "auto", "none", "tmpfs", "nfs", "nfs4", "cifs", "fuse.sshfs", "fuse.glusterfs", "fuse.x", "9p", "davfs", "autofs", "swap", "swap",
         "a%b", "fuse", "ceph", "minix", "../x", "ext4,vfat", "overlay", "proc", "sysfs"]
SPANS = ["5", "90", "5min", "5min\\0403s", "1.5h", "0", "infinity", "zz", "", "-1", "70s", "100ms", "1us", "2month", "1y2d", "0s", "3600", "99999999999999999999", "1s1", "18446744073709551615"]
UNITS = ["a.service", "b", "/w/real", "/dev/sda1", "/sys/x", "x y", "c.mount", "d@e.service", "a@.service", "", "/", "..", "/w/../x", "network.target", "%i", "f.device", "q.", "a,b", "//x/", "\\040", "*", ".mount", "\u00e4", "a" * 250, "/" + "b/" * 130]


def text(most=3):
    return "".join(R.choice(WORDS) for _ in range(R.randint(0, most)))


def what():
    return R.choice([
        lambda: R.choice(["/dev/sda1", "/dev/sdb2", "/dev/vda", "/dev/mapper/a-b", "/dev/disk/by-id/x:y", "//dev/sdc", "/dev/", "/dev", "/dev/../x", "/dev/./sdd", "/sys/block/x", "/dev//sde/"]),
        lambda: R.choice(["/dev/sda1", "/dev/vdb"]) + R.choice(["", "", text()]),
        lambda: R.choice(["LABEL=", "UUID=", "PARTUUID=", "PARTLABEL=", "label=", "ID="]) + R.choice(["", "", '"', "'"]) + text() + R.choice(["", "", '"', "'"]),
        lambda: R.choice(["none", "tmpfs", "srv:/x", "//srv/share", "overlay", "/swapfile", "/a/file", "proc", "/w/link/x.img", "user@h:/p"]),
        lambda: text(5) or "x"])()


def where():
    return R.choice([
        lambda: R.choice(["/", "/usr", "/home", "/var", "/boot", "/boot/efi", "/mnt", "/srv/a", "/tmp", "/etc", "/opt", "/usr/local", "/var/log"]),
        lambda: R.choice(["/w/link", "/w/absolute", "/w/up", "/w/dangling", "/w/loop", "/w/chain", "/w/out", "/w/home/x", "/w/down", "/w/slash", "/w/tail/x", "/w/file", "/w/file/x", "/w/link/none/..", "/w/chain/../y", "/w/dangling/z/../y", "/w/./link//x/"]),
        lambda: R.choice(["none", "swap", "relative", "a/b", ".", "./x", "/usr/", "//", "/./", "//usr//", "/../x", "/x/..", "/..", "/w/..", "/usr/."]),
        lambda: R.choice(["/proc", "/proc/", "/sys", "/sys/fs/cgroup/a", "/dev/shm", "/dev/shm/x", "/run", "/run/lock", "/run/host/x", "/run/x", "/proc/sys", "/proc/kmsg", "/sys/fs/selinux", "/dev/console", "/dev/pts/", "/sys/fs/bpf",
                          "/sys/fs/fuse/connections", "/run/initramfs/x", "/run/credentials/x", "/sys/kernel/debug", "/proc/sys/fs/binfmt_misc", "/sys/./fs/pstore", "/sysroot", "/sysroot/usr", "/sysusr/usr"]),
        lambda: "/" + text(4) + R.choice(["", "/" + text(3)]),
        lambda: "/" + "long" * R.choice([20, 58, 60, 61, 62, 63, 64, 70, 100])])()


def option():
    return R.choice([
        lambda: R.choice(["defaults", "ro", "rw", "noatime", "nosuid", "bind", "rbind", "sw", "pri=5", "discard", "discard=once", "data=journal", "size=10%", "uid=1", "loop", "sec=krb5", "", "retry=3", "user", "quota", "mode=0700"]),
        lambda: R.choice(["noauto", "auto", "nofail", "fail", "_netdev", "_netdev", "x-initrd.mount", "bg", "fg", "nofail=1", "noautox", "_netdev=0", "noauto=", "auto=x"]),
        lambda: R.choice(["x-systemd.automount", "comment=systemd.automount", "x-systemd.makefs", "x-systemd.growfs", "x-systemd.rw-only", "x-systemd.automount=x", "x-systemd.growfsx", "x-systemd.device-bound", "x-systemd.makefs=1", "x-systemd.rw-only=no"]),
        lambda: R.choice(["x-systemd.idle-timeout", "x-systemd.mount-timeout", "x-systemd.device-timeout", "comment=systemd.device-timeout"]) + R.choice(["=", "=", "=", "=", ""]) + R.choice(SPANS),
        lambda: R.choice(["x-systemd.after", "x-systemd.before", "x-systemd.requires", "x-systemd.wants", "x-systemd.wanted-by", "x-systemd.required-by", "x-systemd.requires-mounts-for", "x-systemd.wanted-by"]) + R.choice(["=", "=", "=", "=", "="] * 4 + [""]) + (R.choice(UNITS[:4] + UNITS[6:8]) if R.random() < 0.5 else R.choice(UNITS)).replace(" ", "\\040"),
        lambda: R.choice(["a\\\\,b", "a\\\\\\\\b", "a\\\\b", "lowerdir=/a\\\\,b", "x%y", "context=\"a,b\"", text(), "a=\\134,", "\\\\", "a\\134\\134b", "\\134,x-systemd.automount", "\\134,nofail"]) if R.random() < 0.4 else "noexec"])()


def options():
    return ",".join(option() for _ in range(R.choice([1, 1, 1, 2, 2, 3, 4, 6]))) or "defaults"


def line():
    kind = R.random()
    if kind < 0.04:
        return R.choice(["", "# x", "  # y", "\t", "junk", "a b", "/dev/x /y", "/dev/x /y ext4", "#", " /dev/q  /q\text4 \t defaults  0 2 "])
    blank = R.choice([" ", " ", "\t", "  ", " \t "])
    tail = R.choice(["", "", " 0", " 0 0", " 0 1", " 0 1", " 0 2", " 1 2", " 0 x", " x 1", " 0 -1", "\t0\t2\t", " 0 1 2", " 0 00", " 0 1x", " 1x 1", " "])
    kind = R.choice(TYPES)
    return R.choice(["", "", "", " ", "\t"]) + blank.join([what() or "x", where() or "/x", kind, options()]) + tail


def table():
    lines = [line() for _ in range(R.choice([1, 1, 1, 2, 3, 5]))]
    if R.random() < 0.01:
        lines.insert(0, "/dev/sdz /z ext4 " + "a," * R.choice([1000, 2020, 2040, 2060]) + "nofail 0 1")
    # getmntent(3) gives a last line without a newline and with a blank at its end the pass number of the line before.
    return "\n".join(lines) + "\n" if R.random() < 0.7 else "\n".join(lines).rstrip(" \t")


WORD = {
    "root": ["/dev/sda1", "UUID=a-b", "LABEL=x\"y", "tmpfs", "gpt-auto", "/dev/nfs", "nfs:a:/b", "nfs4:x", "1.2.3.4:/x", "1.2.3.4:/x,ro", "[::1]:/x", "[fe80::1:/x", "::1:/x", "host:/x", "cifs://a", "iscsi:x", "live:/x", "dhcp", "dhcp6", "dhcp:x", "",
             "/dev/../x", "/x", "PARTUUID=1", "'/dev/a b'", "1.2.3.4", "1.2.3:/", "/dev/a%b", "/", "/dev/x:y"],
    "rootfstype": ["ext4", "xfs", "", "auto", "tmpfs", "vfat"],
    "rootflags": ["ro", "rw", "noatime", "x-systemd.device-timeout=5", "mode=0700", "", "subvol=a\\,b", "nofail", "noauto", "x-systemd.automount", "x-systemd.makefs", "x-systemd.growfs", "_netdev", "x-systemd.requires=a", "ro\\x", "x-systemd.rw-only", "x-systemd.wanted-by=q.service"],
    "roothash": ["12ab", ""], "usrhash": ["12ab", ""],
    "mount.usr": ["/dev/sda2", "LABEL=usr", "gpt-auto", "/dev/nfs", "//dev/nfs", "", "tmpfs", "a:/b", "/x"],
    "mount.usrfstype": ["ext4", "xfs", "auto", ""], "mount.usrflags": ["ro", "rw", "noatime", "x-systemd.growfs", "", "bg"],
    "fstab": ["yes", "no", "0", "1", "zz", ""], "rd.fstab": ["yes", "no", "0", "1", "zz", ""],
    "systemd.volatile": ["yes", "no", "state", "overlay", "1", "0", "x", "", "State"], "systemd.swap": ["yes", "no", "off", "x", ""],
    "rd.systemd.volatile": ["yes"], "rd.root": ["/dev/x"], "resume": ["/dev/x"], "fsck.mode": ["skip"]}


def cmdline():
    words = []
    for _ in range(R.choice([0, 0, 1, 2, 3, 5, 7])):
        kind = R.random()
        if kind < 0.12:
            words.append(R.choice(["ro", "rw", "ro", "rw", "quiet", "--", "rw=1", "ro=", '"', "'x y'", "\\", "rw\\"]))
            continue
        key = R.choice(list(WORD) + ["root", "root", "root", "rootflags", "mount.usr"])
        value = R.choice(WORD[key])
        key = key.replace(".", ".") if R.random() < 0.9 else R.choice([key.replace(".", "_"), key.replace("-", "_"), key.upper(), key + "x"])
        words.append(R.choice([f"{key}={value}"] * 12 + [key, f'"{key}={value}"', f'{key}="{value}"']))
    return R.choice([" ", " ", "  ", "\t"]).join(words)


def scenario(number):
    folder = f"/tmp/{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    initrd = R.random() < 0.3
    line_ = cmdline() if initrd or R.random() < 0.3 else ""
    tables = [table() if R.random() < 0.97 else None, table() if initrd else None]
    for name, content in zip(("fstab", "sysroot"), tables):
        if content is not None:
            with open(f"{folder}/{name}", "w", encoding="utf-8", errors="surrogatepass") as f:
                f.write(content)
    env = {"SYSTEMD_FSTAB": f"{folder}/fstab", "SYSTEMD_SYSROOT_FSTAB": f"{folder}/sysroot", "SYSTEMD_PROC_CMDLINE": line_,
           "SYSTEMD_IN_INITRD": "1" if initrd else "0", "SYSTEMD_LOG_TARGET": "console", "SYSTEMD_LOG_LEVEL": "info", "PATH": os.environ["PATH"]}
    theirs = place.run([THEIRS], folder + "/theirs", env)
    if theirs[0] == "exit -6":
        return  # an assertion of theirs: a time-out without a value
    ours = place.run([oracle.DRIVER, "generate", "fstab"], folder + "/ours", env)
    said = f"{tables!r} {line_!r}{' initrd' if initrd else ''}"
    oracle.compare(said, ours[0], theirs[0])
    for name in sorted(set(ours[1]) | set(theirs[1])):
        oracle.compare(f"{said} {name}", ours[1].get(name), theirs[1].get(name))
    if oracle.failures and os.environ.get("ORACLE_VERBOSE"):
        oracle.failures.append(f"ours said {ours[2].decode(errors='replace')}theirs said {theirs[2].decode(errors='replace')}")


place.enter(THEIRS)
build()
count = oracle.cases(300)
oracle.scenarios(scenario, count - count // 10)
# And with no root that an initrd has mounted.
shutil.rmtree("/sysroot")
oracle.SEED += 1
oracle.scenarios(scenario, count // 10)
oracle.SEED -= 1
oracle.finish()
